/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/record_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/capture.h"
#include "boot/journal_start.h"

enum {
	TEXT_BYTES = 8192,
};

/* Lines of "word value ...", as replay/recording.c reads them. */
struct text {
	char bytes[TEXT_BYTES];
	size_t len;
};

static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(struct text *t, const char *fmt, ...)
{
	const size_t room = sizeof(t->bytes) - t->len;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(t->bytes + t->len, room, fmt, ap);
	va_end(ap);
	if (len > 0 && (size_t)len < room)
		t->len += (size_t)len;
}

void
record_run_name(char out[RECORD_RUN_NAME_MAX], uint32_t run, const char *port)
{
	snprintf(out, RECORD_RUN_NAME_MAX, "ports-%06u-%.64s.pcap", run, port);
}

/* What nothing else in the journal tells: where the lane's randomness and its numbers began. */
static void
say_start(struct gateway *g)
{
	struct text t = { .len = 0 };

	say(&t, "lanes %u\n", g->lane_cnt);
	say(&t, "base_ns %" PRIu64 "\n", g->clock.base_ns);
	say(&t, "base_tsc %" PRIu64 "\n", g->clock.base_tsc);
	say(&t, "housekeeping_every %u\n", g->lane[0]->housekeeping_every);
	say(&t, "earlier_run %d\n", g->day != NULL);
	for (uint32_t i = 0; i < g->config->ports_cnt; i++) {
		const uint8_t *m = g->port[i].mac;

		if (!g->port[i].started)
			continue;
		say(&t, "port %u %02x:%02x:%02x:%02x:%02x:%02x %d %s\n", i, m[0], m[1], m[2], m[3],
		    m[4], m[5], g->port[i].rx_stamp != RX_STAMP_NONE, g->config->ports[i].name);
	}
	for (uint32_t i = 0; i < g->config->sessions_cnt; i++) {
		uint32_t first, end;

		gateway_journal_tokens(g, i, &first, &end);
		say(&t, "session %u %u %d %s\n", i, first, g->half_open[i].known,
		    g->config->sessions[i].name);
	}
	gateway_journal_recording(g, t.bytes, t.len);
}

int
record_run_open(struct gateway *g, struct err *e)
{
	const struct config *c = g->config;
	char name[RECORD_RUN_NAME_MAX], file[CONFIG_PATH_MAX + RECORD_RUN_NAME_MAX], *folder;
	int rc = 0;

	if (g->journal == NULL || !c->journal.record_ports)
		return 0;
	folder = realpath(c->journal.directory, NULL);
	if (folder == NULL)
		return err_set(e, -errno, "%s: %s", c->journal.directory, strerror(errno));
	for (uint32_t i = 0; i < c->ports_cnt && rc == 0; i++) {
		const struct capture_wish wish = {
			.port_idx = i,
			.file = file,
			.max_bytes = UINT64_MAX,
			.rx = true,
			.tx = true,
			.before_lanes = true,
		};

		if (!g->port[i].started)
			continue;
		record_run_name(name, gateway_journal_run(g), c->ports[i].name);
		snprintf(file, sizeof(file), "%s/%s", folder, name);
		rc = capture_start(g, &wish, e);
	}
	free(folder);
	if (rc == 0)
		say_start(g);
	return rc;
}

void
record_run_close(struct gateway *g)
{
	struct state_capture row[PORT_MAX];
	struct text t = { .len = 0 };
	struct err ignored;
	int cnt;

	if (g->journal == NULL || !g->config->journal.record_ports)
		return;
	err_init(&ignored);
	for (uint32_t i = 0; i < g->config->ports_cnt; i++)
		if (g->capture[i] != NULL)
			capture_stop(g, i, &ignored);
	cnt = capture_rows(g, row, PORT_MAX);
	for (int i = 0; i < cnt; i++)
		for (uint32_t p = 0; p < g->config->ports_cnt; p++)
			if (strcmp(row[i].port, g->config->ports[p].name) == 0)
				say(&t, "captured %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", p,
				    row[i].captured_cnt, row[i].dropped_cnt, row[i].cut_cnt,
				    row[i].why);
	gateway_journal_recording(g, t.bytes, t.len);
}
