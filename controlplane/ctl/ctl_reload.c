/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_reload.h"

#include <errno.h>
#include <stdlib.h>

#include "ctl/ctl_json.h"

json_t *
ctl_reload(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_reload *row = calloc(STATE_RELOAD_MAX, sizeof(*row));
	json_int_t restart_cnt = 0;
	json_t *list;
	int found;

	if (row == NULL) {
		err_set(e, -ENOMEM, "no memory for the answer");
		return NULL;
	}
	found = s->reload(s->ctx, row, STATE_RELOAD_MAX, e);
	list = found < 0 ? NULL : json_array();
	for (int i = 0; i < found && i < STATE_RELOAD_MAX; i++) {
		restart_cnt += !row[i].applied;
		json_array_append_new(list,
				      json_pack("{s:o,s:o,s:o,s:b}", "key", words(row[i].key),
						"was", words(row[i].was), "now", words(row[i].now),
						"applied", row[i].applied));
	}
	free(row);
	if (found < 0)
		return NULL;
	return json_pack("{s:i,s:I,s:o}", "changed_cnt", found, "restart_cnt", restart_cnt,
			 "changes", list);
}

json_t *
ctl_log_reopen(const struct state_source *s, const json_t *args, struct err *e)
{
	return s->log_reopen(s->ctx, e) < 0 ? NULL : json_object();
}

static const char *
text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text == NULL ? "?" : text;
}

void
ctl_show_reload(FILE *out, const json_t *result)
{
	const json_t *list = json_object_get(result, "changes"), *row;
	const json_int_t restart_cnt = json_integer_value(json_object_get(result, "restart_cnt"));
	size_t i;

	json_array_foreach(list, i, row) fprintf(
		out, "%-14s %s: %s -> %s\n",
		json_is_true(json_object_get(row, "applied")) ? "in force" : "NEEDS RESTART",
		text_of(row, "key"), text_of(row, "was"), text_of(row, "now"));
	if (json_array_size(list) == 0)
		fprintf(out, "nothing differs from what is in force\n");
	else if (restart_cnt != 0)
		fprintf(out, "%lld of these keep their value until the gateway is started again\n",
			(long long)restart_cnt);
}
