/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "boot/capture.h"
#include "observe/event_log.h"

enum {
	CAPTURE_MAX_MB = 1024, // unless --max-mb says otherwise: a forgotten one ends
	CAPTURE_MB_LIMIT = 1 << 24,
	CAPTURE_SNAP_MIN = 14, // an Ethernet header
};

static int
port_of_name(const struct gateway *g, const char *name, uint32_t *port_idx, struct err *e)
{
	char list[STATE_TEXT_MAX] = "";

	for (uint32_t i = 0; i < g->config->ports_cnt; i++) {
		if (strcmp(g->config->ports[i].name, name) == 0) {
			*port_idx = i;
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s",
			 g->config->ports[i].name);
	}
	return err_set(e, -ENOENT, "there is no port '%.40s'; the ports are:%s", name, list);
}

int
capture_source_start(void *ctx, const struct state_capture_wish *w, struct err *e)
{
	const char *direction = w->direction == NULL ? "both" : w->direction;
	struct capture_wish wish = {
		.file = w->file,
		.max_bytes = (w->max_mb != 0 ? w->max_mb : CAPTURE_MAX_MB) << 20,
		.snap_len = (uint32_t)w->snaplen,
		.rx = strcmp(direction, "tx") != 0,
		.tx = strcmp(direction, "rx") != 0,
	};
	struct gateway *g = ctx;
	int rc = port_of_name(g, w->port, &wish.port_idx, e);

	if (rc != 0)
		return rc;
	if (wish.rx && wish.tx && strcmp(direction, "both") != 0)
		return err_set(e, -EINVAL, "direction '%.20s': rx, tx or both is wanted",
			       direction);
	if (w->max_mb > CAPTURE_MB_LIMIT)
		return err_set(e, -EINVAL, "max-mb: %llu is outside 1..%d",
			       (unsigned long long)w->max_mb, CAPTURE_MB_LIMIT);
	if (w->snaplen != 0 && (w->snaplen < CAPTURE_SNAP_MIN || w->snaplen > UINT16_MAX))
		return err_set(e, -EINVAL, "snaplen: %llu is outside %d..%d bytes",
			       (unsigned long long)w->snaplen, CAPTURE_SNAP_MIN, UINT16_MAX);
	rc = capture_start(g, &wish, e);
	if (rc == 0)
		event_log_say(g->log, clock_ns_of(&g->clock, clock_tsc()), EVENT_NOTICE,
			      "port %s: capture into %s began", w->port, w->file);
	return rc;
}

int
capture_source_stop(void *ctx, const char *port, struct err *e)
{
	struct gateway *g = ctx;
	uint32_t port_idx = 0;
	const int rc = port_of_name(g, port, &port_idx, e);

	return rc != 0 ? rc : capture_stop(g, port_idx, e);
}

int
capture_source_rows(void *ctx, struct state_capture *row, size_t row_max)
{
	return capture_rows(ctx, row, row_max);
}
