/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/telemetry.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_telemetry.h>

#include "ctl/ctl_commands.h"
#include "err/err.h"

enum {
	ANSWER_WAIT_S = 2,
	NAME_MAX_BYTES = 64,
	ENTRY_MAX = RTE_TEL_MAX_DICT_ENTRIES - 2, // of one dictionary; room for left_out
	ROW_MAX = 64,                             // rows that are dictionaries themselves
};

#define PREFIX "/sluice/"

/* DPDK's callbacks carry no context, so there is one for the process. */
struct telemetry {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	const struct state_source *source; // NULL: closed
	int fd;
	bool waits;      // a question is there; the fields below are its
	json_t *request; // until it is answered
	json_t *answer;
};

static struct telemetry telemetry = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.answered = PTHREAD_COND_INITIALIZER,
	.fd = -1,
};

/*
 * JSON into DPDK's dictionaries
 */

static void
make_name(char *out, const char *text)
{
	size_t len = 0;

	for (; *text != '\0' && len + 1 < NAME_MAX_BYTES; text++)
		out[len++] = (char)(isalnum((unsigned char)*text) ? *text : '_');
	out[len] = '\0';
}

static void dict_fill(struct rte_tel_data *d, const json_t *from);

static void
dict_add(struct rte_tel_data *d, const char *name, const json_t *value)
{
	char text[RTE_TEL_MAX_STRING_LEN], clean[NAME_MAX_BYTES];
	const json_int_t x = json_integer_value(value);
	struct rte_tel_data *inner;

	make_name(clean, name);
	switch (json_typeof(value)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		inner = rte_tel_data_alloc();
		if (inner == NULL)
			return;
		dict_fill(inner, value);
		if (rte_tel_data_add_dict_container(d, clean, inner, 0) != 0)
			rte_tel_data_free(inner);
		return;
	case JSON_INTEGER:
		if (x >= 0)
			rte_tel_data_add_dict_u64(d, clean, (uint64_t)x);
		else if (x >= INT32_MIN)
			rte_tel_data_add_dict_int(d, clean, (int)x);
		else {
			snprintf(text, sizeof(text), "%lld", (long long)x);
			rte_tel_data_add_dict_string(d, clean, text);
		}
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		rte_tel_data_add_dict_int(d, clean, json_is_true(value));
		return;
	case JSON_STRING:
		snprintf(text, sizeof(text), "%s", json_string_value(value));
		rte_tel_data_add_dict_string(d, clean, text);
		return;
	case JSON_REAL:
	case JSON_NULL:
		return;
	}
}

/* What a row of a list is called. */
static void
row_name(const json_t *row, size_t idx, char out[NAME_MAX_BYTES])
{
	const char *name = json_string_value(json_object_get(row, "name"));

	if (name == NULL)
		name = json_string_value(json_object_get(row, "symbol"));
	if (json_object_get(row, "key") != NULL || json_object_get(row, "token") != NULL ||
	    json_object_get(row, "message") != NULL)
		name = NULL; // a name alone would not tell the rows apart
	if (name != NULL)
		make_name(out, name);
	else
		snprintf(out, NAME_MAX_BYTES, "row_%zu", idx);
}

static void
dict_fill(struct rte_tel_data *d, const json_t *from)
{
	size_t idx, left_out = 0;
	const char *name;
	json_t *value;

	rte_tel_data_start_dict(d);
	json_object_foreach((json_t *)from, name, value) dict_add(d, name, value);
	json_array_foreach(from, idx, value)
	{
		char row[NAME_MAX_BYTES];

		if (idx >= (json_is_object(value) ? (size_t)ROW_MAX : (size_t)ENTRY_MAX)) {
			left_out++;
			continue;
		}
		row_name(value, idx, row);
		dict_add(d, row, value);
	}
	if (left_out != 0)
		rte_tel_data_add_dict_u64(d, "left_out", left_out);
}

/* Metrics are flat: the name and the values of its labels, and the number. */
static void
dict_fill_metrics(struct rte_tel_data *d, const json_t *list)
{
	size_t idx, left_out = 0;
	json_t *row;

	rte_tel_data_start_dict(d);
	json_array_foreach(list, idx, row)
	{
		const char *key;
		char name[256];
		json_t *label;
		size_t len;

		if (idx >= ENTRY_MAX) {
			left_out++;
			continue;
		}
		// the prefix is the same in all of them, and room is short
		len = (size_t)snprintf(name, sizeof(name), "%s",
				       json_string_value(json_object_get(row, "name")) +
					       strlen("sluice_"));
		json_object_foreach(json_object_get(row, "labels"), key, label)
		{
			if (len < sizeof(name))
				len += (size_t)snprintf(name + len, sizeof(name) - len, "_%s",
							json_string_value(label));
		}
		dict_add(d, name, json_object_get(row, "value"));
	}
	if (left_out != 0)
		rte_tel_data_add_dict_u64(d, "left_out", left_out);
}

/*
 * DPDK's thread
 */

static json_t *
request_of(enum ctl_command c, const char *params)
{
	json_t *args = json_object();

	for (size_t i = 0; i < CTL_ARG_CNT && params != NULL && params[0] != '\0'; i++) {
		if (CTL_ARG[i].command != c || CTL_ARG[i].how == CTL_OPTION)
			continue;
		json_object_set_new(args, CTL_ARG[i].name, json_string(params));
		break;
	}
	if (c == CTL_latency)
		json_object_set_new(args, "stages", json_true());
	return json_pack("{s:s,s:o}", "command", CTL_COMMAND[c].name, "args", args);
}

/* Hands the question to the control thread and waits; NULL when nobody answered. */
static json_t *
hand_over(json_t *request)
{
	struct telemetry *t = &telemetry;
	json_t *answer = NULL;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ANSWER_WAIT_S;
	pthread_mutex_lock(&t->lock);
	while (t->source != NULL && t->waits) // somebody else's question
		if (pthread_cond_timedwait(&t->answered, &t->lock, &until) != 0)
			goto done;
	if (t->source == NULL)
		goto done;
	t->waits = true;
	t->request = request;
	request = NULL;
	if (eventfd_write(t->fd, 1) != 0)
		goto give_up;
	while (t->answer == NULL && t->source != NULL)
		if (pthread_cond_timedwait(&t->answered, &t->lock, &until) != 0)
			break;
	answer = t->answer;
give_up:
	json_decref(t->request);
	t->request = NULL;
	t->answer = NULL;
	t->waits = false;
	pthread_cond_broadcast(&t->answered);
done:
	pthread_mutex_unlock(&t->lock);
	json_decref(request);
	return answer;
}

static int
on_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	const enum ctl_command c = ctl_command_of(cmd + strlen(PREFIX));
	const json_t *result;
	json_t *answer;

	if (c == CTL_COMMAND_CNT)
		return -ENOENT;
	answer = hand_over(request_of(c, params));
	if (answer == NULL)
		return -ETIMEDOUT;
	result = json_object_get(answer, "result");
	if (result == NULL)
		dict_fill(d, json_object_get(answer, "error"));
	else if (c == CTL_metrics)
		dict_fill_metrics(d, result);
	else
		dict_fill(d, result);
	json_decref(answer);
	return 0;
}

/*
 * The control thread
 */

int
telemetry_open(struct telemetry **out, const struct state_source *s, struct err *e)
{
	static bool registered;
	struct telemetry *t = &telemetry;

	if (t->source != NULL)
		return err_set(e, -EBUSY, "DPDK telemetry is open already");
	t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->fd < 0)
		return err_set(e, -errno, "no event file for DPDK telemetry: %s", strerror(errno));
	for (unsigned c = 0; c < CTL_COMMAND_CNT && !registered; c++) {
		char name[64];
		int rc;

		if (CTL_COMMAND[c].changes)
			continue;
		snprintf(name, sizeof(name), PREFIX "%s", CTL_COMMAND[c].name);
		rc = rte_telemetry_register_cmd(name, on_command, CTL_COMMAND[c].meaning);
		if (rc < 0 && rc != -EEXIST) {
			close(t->fd);
			t->fd = -1;
			return err_set(e, rc, "DPDK telemetry does not take the command %s: %s",
				       name, strerror(-rc));
		}
	}
	registered = true;
	pthread_mutex_lock(&t->lock);
	t->source = s;
	pthread_mutex_unlock(&t->lock);
	*out = t;
	return 0;
}

void
telemetry_close(struct telemetry *t)
{
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	t->source = NULL;
	close(t->fd);
	t->fd = -1;
	pthread_cond_broadcast(&t->answered);
	pthread_mutex_unlock(&t->lock);
}

int
telemetry_fd(const struct telemetry *t)
{
	return t->fd;
}

void
telemetry_poll(struct telemetry *t)
{
	enum ctl_command command;
	eventfd_t questions;

	if (eventfd_read(t->fd, &questions) != 0)
		return;
	pthread_mutex_lock(&t->lock);
	if (t->waits && t->answer == NULL && t->request != NULL) {
		t->answer = ctl_execute(t->source, t->request, &command);
		pthread_cond_broadcast(&t->answered);
	}
	pthread_mutex_unlock(&t->lock);
}
