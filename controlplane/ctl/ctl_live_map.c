/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_live_map.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl_client.h"

/* The result of a command without arguments; NULL: refused or broken off. */
static json_t *
result_of(const char *command)
{
	const int fd = ctl_dial(ctl_socket_path());
	json_t *args = json_object(), *answer, *result;

	answer = fd < 0 ? NULL : ctl_ask(fd, command, args);
	if (fd >= 0)
		close(fd);
	json_decref(args);
	result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return result;
}

static const char *
text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text == NULL ? "?" : text;
}

static json_int_t
number_of(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static void
mark_lane(const json_t *lane, struct core_mark *out)
{
	const json_int_t turns = number_of(lane, "turn_cnt");
	const json_int_t busy = number_of(lane, "busy_turn_cnt");

	out->core = (uint32_t)number_of(lane, "core");
	snprintf(out->text, sizeof(out->text),
		 "lane %s: %s (%s, %lld messages, busy in %lld of 1000 turns)",
		 text_of(lane, "name"), text_of(lane, "stages"), text_of(lane, "state"),
		 (long long)number_of(lane, "msg_cnt"),
		 turns <= 0 ? 0 : (long long)(busy / (turns / 1000 + 1)));
}

/* The control thread's core stands in the configuration that is in force. */
static bool
mark_control(const json_t *config, struct core_mark *out)
{
	const json_t *row;
	size_t i;

	json_array_foreach(config, i, row)
	{
		if (strcmp(text_of(row, "key"), "core_map.control") != 0)
			continue;
		out->core = (uint32_t)strtoul(text_of(row, "value"), NULL, 10);
		snprintf(out->text, sizeof(out->text), "control thread");
		return true;
	}
	return false;
}

size_t
ctl_live_marks(struct core_mark *mark, size_t mark_max, long *pid)
{
	json_t *version = result_of("version"), *lanes, *config;
	const json_t *lane;
	size_t cnt = 0, i;

	*pid = (long)number_of(version, "pid");
	json_decref(version);
	if (*pid == 0)
		return 0;
	config = result_of("config");
	lanes = result_of("lanes");
	if (mark_max > 0 && mark_control(config, &mark[0]))
		cnt = 1;
	json_array_foreach(lanes, i, lane) if (cnt < mark_max) mark_lane(lane, &mark[cnt++]);
	json_decref(config);
	json_decref(lanes);
	return cnt;
}
