/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "journal/reader.h"
#include "journal/writer_internal.h"

/*
 * What a start does about the process before it: the last segment's end is found, what was left in
 * the rings goes behind it, and it is closed.
 */

/* What the last segment says. */
struct last {
	bool known;     // there is one
	bool may_go_on; // it was not closed, and ends with a good record
	char path[1024];
	uint64_t no;
	uint64_t at; // behind the last good record
	uint64_t record_cnt;
	uint64_t next_seq;
	uint32_t run;
	bool stopped;                            // that run ended as asked
	uint32_t ring_seq[JOURNAL_WRITER_LANES]; // of the run's last record of each lane
	bool ring_known[JOURNAL_WRITER_LANES];
};

static void
look_at_record(struct last *l, const struct journal_record *r)
{
	if (r->frame.run > l->run) {
		l->run = r->frame.run;
		l->stopped = false;
		memset(l->ring_known, 0, sizeof(l->ring_known));
	}
	if (r->frame.run != l->run)
		return;
	l->stopped |= r->frame.kind == JOURNAL_STOP;
	if (journal_kind_is_lane(r->frame.kind) && r->frame.lane_idx < JOURNAL_WRITER_LANES) {
		l->ring_seq[r->frame.lane_idx] = journal_slot_of(r).ring_seq;
		l->ring_known[r->frame.lane_idx] = true;
	}
}

static bool
is_blank(const struct journal_file *f)
{
	for (size_t i = 0; i < f->len && i < JOURNAL_HEAD_BYTES; i++)
		if (f->data[i] != 0)
			return false;
	return true;
}

/* Reads the newest segment; 1 when it was never begun. */
static int
look_at_segment(struct journal_writer *w, struct last *l, const struct journal_list_row *row,
		struct journal_recovered *found, struct err *e)
{
	struct journal_record r;
	struct journal_file f;
	struct journal_walk k;
	int rc = journal_file_open(&f, row->path, e);

	if (rc != 0)
		return rc;
	if (is_blank(&f)) { // killed before its head was written
		journal_file_close(&f);
		return 1;
	}
	if (!journal_walk_start(&k, f.data, f.len)) {
		rc = err_set(e, -EBADMSG,
			     "%s: %s; move it away (its records stay readable for the version that "
			     "wrote it) "
			     "and start again",
			     row->path, k.why);
		journal_file_close(&f);
		return rc;
	}
	*l = (struct last){ .known = true, .no = row->no, .run = k.head.run };
	snprintf(l->path, sizeof(l->path), "%s", row->path);
	w->journal_id = k.head.journal_id;
	do {
		while (journal_walk_next(&k, &r))
			look_at_record(l, &r);
		l->may_go_on =
			!f.compressed && (k.end == JOURNAL_END_OPEN || k.end == JOURNAL_END_TORN ||
					  k.end == JOURNAL_END_CUT);
		if (k.end == JOURNAL_END_DAMAGED)
			snprintf(found->why, sizeof(found->why), "%.200s", k.why);
	} while (journal_walk_resume(&k)); // left as it is; new records go into another segment
	l->at = k.at;
	l->record_cnt = k.record_cnt;
	l->next_seq = k.next_seq;
	if (k.end == JOURNAL_END_TORN || k.end == JOURNAL_END_CUT)
		for (size_t i = f.len; i > k.at && found->cut_bytes == 0; i--)
			if (f.data[i - 1] != 0)
				found->cut_bytes = i - k.at;
	journal_file_close(&f);
	return 0;
}

static int
look_at_last(struct journal_writer *w, struct last *l, struct journal_recovered *found,
	     struct err *e)
{
	struct journal_list list;
	int rc = journal_list_open(&list, w->folder, e);

	memset(l, 0, sizeof(*l));
	l->next_seq = 1;
	if (rc != 0)
		return rc;
	for (size_t i = list.cnt; i-- > 0;) {
		rc = look_at_segment(w, l, &list.row[i], found, e);
		if (rc <= 0)
			break;
		unlink(list.row[i].path);
		rc = 0;
	}
	journal_list_close(&list);
	return rc;
}

/* A segment that the records of the old process go into. */
static int
make_ready(struct journal_writer *w, struct last *l)
{
	if (w->segment.fd >= 0)
		return 0;
	if (l->may_go_on)
		return segment_reopen(&w->segment, l->path, l->no, l->at, l->record_cnt);
	return writer_next_segment(w);
}

static int
put_slot(struct journal_writer *w, struct last *l, const struct journal_ring_head *h,
	 const void *slot, uint32_t len)
{
	int rc = make_ready(w, l);

	if (rc == 0 && w->segment.buf_len >= SEGMENT_PIECE_BYTES)
		rc = segment_flush(&w->segment);
	if (rc == 0)
		writer_put(w, ((const uint8_t *)slot)[offsetof(struct journal_slot, kind)],
			   (uint8_t)h->lane_idx, JOURNAL_RECOVERED, h->run, slot, len);
	return rc;
}

/* What the lane had put and nobody had taken. */
static int
empty_ring(struct journal_writer *w, struct last *l, struct ring_file *f,
	   struct journal_recovered *found)
{
	const struct journal_ring_head *h = f->head;
	const bool same = h->run == l->run && h->lane_idx < JOURNAL_WRITER_LANES &&
			  l->ring_known[h->lane_idx];
	uint8_t record[JOURNAL_RECORD_MAX];
	enum journal_found had;
	struct journal_taker t;
	uint32_t len;
	int rc = 0;

	journal_taker_init(&t, f->head);
	while (rc == 0 && (had = journal_take(&t, record, &len)) == JOURNAL_FOUND_RECORD) {
		uint32_t seq;

		memcpy(&seq, record, sizeof(seq));
		if (same && (int32_t)(seq - l->ring_seq[h->lane_idx]) <= 0) {
			found->again_cnt++; // killed between the write and the release of the slots
			continue;
		}
		rc = put_slot(w, l, h, record, len);
		found->record_cnt++;
	}
	if (rc != 0)
		return rc;
	found->torn_cnt += had == JOURNAL_FOUND_TORN;
	if (h->lost_cnt != 0) {
		const struct journal_lane_gap gap = { h->lost_cnt, h->lost_from_ns, h->lost_to_ns,
						      0 };
		struct journal_slot s = { .kind = JOURNAL_LANE_GAP, .ns = h->lost_to_ns };

		memcpy(s.body, &gap, sizeof(gap));
		found->lost_cnt += gap.lost_cnt;
		rc = put_slot(w, l, h, &s, sizeof(s));
	}
	return rc;
}

/* No ring may be emptied beside the process that fills it. */
static int
check_unused(const struct journal_writer *w, const struct ring_file *ring, uint32_t cnt,
	     struct err *e)
{
	for (uint32_t i = 0; i < cnt; i++)
		if (ring[i].in_use)
			return err_set(
				e, -EADDRINUSE,
				"journal.directory: a gateway that runs has %s open: %s is a "
				"copy of its journal's folder; take the segments out of it, "
				"and a new journal begins",
				ring[i].path, w->folder);
	return 0;
}

/* A crash left the segment open: it is closed, whether something was added or not. */
static int
close_last(struct journal_writer *w, struct last *l)
{
	int rc = l->may_go_on ? make_ready(w, l) : 0;

	return rc == 0 && w->segment.fd >= 0 ? writer_end_segment(w, l->run, JOURNAL_RECOVERED)
					     : rc;
}

static int
empty_rings(struct journal_writer *w, struct last *l, struct journal_recovered *found,
	    struct err *e)
{
	struct ring_file ring[RING_PLACE_CNT * JOURNAL_WRITER_LANES];
	enum ring_found judged[RING_PLACE_CNT * JOURNAL_WRITER_LANES];
	const struct ring_places places = ring_places_of(w->folder);
	const uint32_t cnt = ring_file_find(&places, w->journal_id, JOURNAL_WRITER_LANES, ring);
	const int in_use = check_unused(w, ring, cnt, e);
	int rc = in_use;

	for (uint32_t i = 0; i < cnt && rc == 0; i++) {
		const char *why;

		found->ring_cnt++;
		judged[i] = ring_file_judge(&ring[i], journal_boot_id(), &why);
		if (judged[i] == RING_GOOD) {
			rc = empty_ring(w, l, &ring[i], found);
			continue;
		}
		found->refused_cnt++;
		snprintf(found->why, sizeof(found->why), "%.160s: %.90s", ring[i].path, why);
	}
	if (cnt == 0 && found->crashed && l->may_go_on && found->why[0] == '\0')
		snprintf(
			found->why, sizeof(found->why),
			"no ring of it is there any more (the machine or its container was started "
			"again?): what was only in rings is gone");
	if (rc == 0)
		rc = close_last(w, l);
	for (uint32_t i = 0; i < cnt; i++) {
		// a ring that cannot be read now may be read by somebody else: it is set aside
		if (rc == 0 && judged[i] == RING_DAMAGED) {
			char aside[RING_FILE_PATH_MAX + 16];

			snprintf(aside, sizeof(aside), "%.639s.refused", ring[i].path);
			rename(ring[i].path, aside);
		}
		ring_file_close(&ring[i], rc == 0 && judged[i] != RING_DAMAGED);
	}
	if (rc != 0 && in_use == 0)
		err_set(e, rc,
			"journal.directory: what the last process left cannot be kept in %s: %s; "
			"free space and start again, nothing is lost meanwhile",
			w->folder, strerror(-rc));
	return rc;
}

int
writer_recover(struct journal_writer *w, struct journal_recovered *found, struct err *e)
{
	struct last l;
	int rc;

	memset(found, 0, sizeof(*found));
	rc = look_at_last(w, &l, found, e);
	if (rc != 0)
		return rc;
	if (w->journal_id == 0 && getrandom(&w->journal_id, sizeof(w->journal_id), 0) < 0)
		return err_set(e, -EIO, "no random number for a new journal");
	w->next_seq = l.next_seq;
	w->segment.no = l.no;
	w->run = l.run;
	if (l.known) {
		found->run = l.run;
		found->crashed = !l.stopped;
		rc = empty_rings(w, &l, found, e);
		if (rc != 0)
			return rc;
	}
	w->run = l.run + 1;
	return 0;
}
