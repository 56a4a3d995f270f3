/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_MAX_BYTES = 256,
};

void
recording_walk_start(struct recording_walk *w, const struct recording *of, uint64_t kinds,
		     struct err *e)
{
	*w = (struct recording_walk){ .of = of, .kinds = kinds, .e = e };
}

void
recording_walk_end(struct recording_walk *w)
{
	if (w->file_open)
		journal_file_close(&w->file);
	w->file_open = w->has = false;
}

static bool
open_next_file(struct recording_walk *w)
{
	const struct journal_list *l = &w->of->list;

	if (w->next_file == l->cnt)
		return false;
	w->rc = journal_file_open(&w->file, l->row[w->next_file++].path, w->e);
	if (w->rc != 0)
		return false;
	w->file_open = true;
	journal_walk_start(&w->walk, w->file.data, w->file.len); // what is wrong, its end says
	return true;
}

const struct journal_record *
recording_peek(struct recording_walk *w)
{
	while (!w->has && w->rc == 0) {
		if (!w->file_open && !open_next_file(w))
			return NULL;
		if (journal_walk_next(&w->walk, &w->record)) {
			w->has = (w->kinds >> w->record.frame.kind & 1) != 0 &&
				 (w->of->run == 0 || w->record.frame.run == w->of->run);
			continue;
		}
		if (journal_end_is_bad(w->walk.end))
			w->rc = err_set(w->e, -EBADMSG, "%s: %s: a replay needs all of it",
					w->file.path, w->walk.why);
		journal_file_close(&w->file);
		w->file_open = false;
	}
	return w->has ? &w->record : NULL;
}

/* One line of a RECORDING record; boot/record_run.c writes them. */
static void
take_line(struct recording *r, const char *line)
{
	unsigned i, token, mac[6];
	uint64_t cnt[3];
	int flag;

	if (sscanf(line, "lanes %u", &r->lane_cnt) == 1 ||
	    sscanf(line, "base_ns %" SCNu64, &r->base_ns) == 1 ||
	    sscanf(line, "base_tsc %" SCNu64, &r->base_tsc) == 1 ||
	    sscanf(line, "housekeeping_every %u", &r->housekeeping_every) == 1)
		return;
	if (sscanf(line, "earlier_run %d", &flag) == 1)
		r->earlier_run = flag != 0;
	if (sscanf(line, "port %u %x:%x:%x:%x:%x:%x %d", &i, &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5], &flag) == 8 &&
	    i < PORT_MAX) {
		r->port[i] = (struct recording_port){ .used = true, .stamped = flag != 0 };
		for (unsigned k = 0; k < 6; k++)
			r->port[i].mac[k] = (uint8_t)mac[k];
	}
	if (sscanf(line, "session %u %u %d", &i, &token, &flag) == 3 && i < SESSION_MAX) {
		r->first_token[i] = token;
		r->half_open[i] = flag != 0;
	}
	if (sscanf(line, "captured %u %" SCNu64 " %" SCNu64 " %" SCNu64, &i, &cnt[0], &cnt[1],
		   &cnt[2]) == 4 &&
	    i < PORT_MAX) {
		r->port[i].ended = true;
		r->port[i].frame_cnt = cnt[0];
		r->port[i].dropped_cnt = cnt[1];
		r->port[i].cut_cnt = cnt[2];
	}
}

static void
take_lines(struct recording *r, const char *text, size_t len)
{
	char line[LINE_MAX_BYTES];

	while (len != 0) {
		const char *end = memchr(text, '\n', len);
		const size_t n = end == NULL ? len : (size_t)(end - text);

		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		take_line(r, line);
		text += n + (end != NULL);
		len -= n + (end != NULL);
	}
}

static int
keep_text(char **to, size_t *to_len, const char *text, size_t len)
{
	free(*to);
	*to_len = 0;
	*to = malloc(len + 1);
	if (*to == NULL)
		return -ENOMEM;
	memcpy(*to, text, len);
	*to_len = len;
	return 0;
}

int
recording_note(struct recording *r, const struct journal_record *rec, uint32_t run)
{
	const char *text = (const char *)rec->payload + sizeof(struct journal_text);
	const size_t len = rec->frame.len - sizeof(struct journal_text);
	struct journal_lane_gap gap;

	if (run != 0 && rec->frame.run != run)
		return 0;
	switch (rec->frame.kind) {
	case JOURNAL_NAME:
		journal_names_take(&r->names, rec);
		return 0;
	case JOURNAL_CONFIG:
		return keep_text(&r->config, &r->config_len, text, len);
	case JOURNAL_RECORDING:
		if (len > 6 && memcmp(text, "lanes ", 6) == 0) { // another run begins
			r->run = rec->frame.run;
			r->lost_cnt = 0;
			memset(r->port, 0, sizeof(r->port));
		}
		take_lines(r, text, len);
		return 0;
	case JOURNAL_LANE_GAP:
		memcpy(&gap, journal_slot_of(rec).body, sizeof(gap));
		if (r->lost_cnt == 0)
			r->lost_ns = gap.from_ns;
		r->lost_cnt += gap.lost_cnt;
		return 0;
	default:
		return 0;
	}
}

int
recording_open(struct recording *r, const char *folder, uint32_t run, struct err *e)
{
	const struct journal_record *rec;
	struct recording_walk w;
	int rc;

	memset(r, 0, sizeof(*r));
	snprintf(r->folder, sizeof(r->folder), "%s", folder);
	rc = journal_list_open(&r->list, folder, e);
	if (rc != 0)
		return rc;
	recording_walk_start(&w, r,
			     RECORDING_KIND(NAME) | RECORDING_KIND(CONFIG) |
				     RECORDING_KIND(RECORDING) | RECORDING_KIND(LANE_GAP),
			     e);
	w.of = &(const struct recording){ .list = r->list }; // of every run
	while (rc == 0 && (rec = recording_peek(&w)) != NULL) {
		rc = recording_note(r, rec, run);
		recording_take(&w);
	}
	recording_walk_end(&w);
	if (rc == 0)
		rc = w.rc;
	else
		err_set(e, rc, "no memory");
	if (rc == 0 && run == 0 && r->run != 0) { // again, without what other runs said
		run = r->run;
		recording_close(r);
		return recording_open(r, folder, run, e);
	}
	if (rc == 0 && r->run == 0)
		rc = err_set(e, -ENOENT,
			     "%s: %s was recorded with journal.record_ports: true; only such a run "
			     "can be replayed as it was",
			     folder, run == 0 ? "no run in it" : "no run of that number");
	return rc;
}

void
recording_close(struct recording *r)
{
	journal_list_close(&r->list);
	journal_names_fini(&r->names);
	free(r->config);
	r->config = NULL;
}
