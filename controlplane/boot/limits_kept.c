/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/limits_kept.h"

#include <stdlib.h>

#include "observe/event_log.h"
#include "observe/state_ask.h"

enum {
	TOLD_BYTES = 256 * 1024,
};

int
limits_kept_open(struct gateway *g, struct err *e)
{
	const struct config *c = g->config;
	char path[LIMITS_PATH_MAX], *told = malloc(TOLD_BYTES), *save = NULL;
	int rc;

	if (told == NULL)
		return err_set(e, -ENOMEM, "no memory for the limits");
	if (c->control.limits_file[0] != '\0')
		snprintf(path, sizeof(path), "%s", c->control.limits_file);
	else
		snprintf(path, sizeof(path), "%s.limits", c->control.socket);
	rc = limits_keep_open(&g->limits, path, told, TOLD_BYTES, e);
	for (char *line = strtok_r(told, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		event_log_say(g->log, now_ns(), EVENT_WARNING, "%s", line);
	free(told);
	return rc;
}

void
limits_kept_look(struct gateway *g)
{
	const int now = g->limits.keep_error;

	if (now == g->keep_error_told)
		return;
	g->keep_error_told = now;
	if (now != 0)
		event_log_say(
			g->log, now_ns(), EVENT_CRITICAL,
			"limits set by hand are in force and cannot be kept: %s: %s; the next "
			"start will not know them",
			g->limits.keep_path, strerror(-now));
	else
		event_log_say(g->log, now_ns(), EVENT_NOTICE, "limits set by hand are kept again");
}
