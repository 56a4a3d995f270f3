/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
	RESUME_TRIES = 4096, // checksums that are computed in search of a good record
};

static bool ends(struct journal_walk *w, enum journal_end end, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool
ends(struct journal_walk *w, enum journal_end end, const char *fmt, ...)
{
	va_list ap;

	w->end = end;
	va_start(ap, fmt);
	vsnprintf(w->why, sizeof(w->why), fmt, ap);
	va_end(ap);
	return false;
}

bool
journal_walk_start(struct journal_walk *w, const void *data, size_t len)
{
	struct journal_head *h = &w->head;

	memset(w, 0, sizeof(*w));
	w->data = data;
	w->len = len;
	if (len < sizeof(h->magic) || memcmp(data, JOURNAL_MAGIC, sizeof(h->magic)) != 0)
		return ends(w, JOURNAL_END_FOREIGN,
			    "offset 0: it does not begin as a journal segment; give a journal-*.sj "
			    "or .sj.zst");
	if (len < JOURNAL_HEAD_BYTES)
		return ends(w, JOURNAL_END_CUT,
			    "offset %zu: the file ends inside its head of %d bytes; nothing in it "
			    "can be read",
			    len, JOURNAL_HEAD_BYTES);
	memcpy(h, data, sizeof(*h));
	if (h->byte_order == __builtin_bswap32(JOURNAL_BYTE_ORDER))
		return ends(w, JOURNAL_END_FOREIGN,
			    "offset 8: written on a machine of the other byte order; read it on "
			    "such a one");
	if (h->version != JOURNAL_VERSION || h->head_bytes != JOURNAL_HEAD_BYTES ||
	    h->slot_version != JOURNAL_RING_VERSION)
		return ends(
			w, JOURNAL_END_FOREIGN,
			"offset 12: format version %u.%u, this program reads %d.%d; use the "
			"version of "
			"sluice-journal that came with the gateway that wrote it (build '%.*s')",
			h->version, h->slot_version, JOURNAL_VERSION, JOURNAL_RING_VERSION,
			(int)strnlen(h->build, sizeof(h->build)), h->build);
	if (h->byte_order != JOURNAL_BYTE_ORDER || h->crc != journal_head_crc(h))
		return ends(w, JOURNAL_END_DAMAGED,
			    "offset 0: the head's checksum is wrong; fetch the file from a copy");
	if (h->machine[sizeof(h->machine) - 1] != '\0' || h->build[sizeof(h->build) - 1] != '\0' ||
	    h->boot_id[sizeof(h->boot_id) - 1] != '\0' ||
	    h->machine_id[sizeof(h->machine_id) - 1] != '\0')
		return ends(w, JOURNAL_END_DAMAGED, "offset 0: a text in the head has no end");
	w->at = JOURNAL_HEAD_BYTES;
	w->next_seq = h->first_seq;
	return true;
}

static struct journal_frame
frame_at(const struct journal_walk *w, size_t at)
{
	struct journal_frame f;

	memcpy(&f, w->data + at, sizeof(f));
	return f;
}

static bool
is_zero(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] != 0)
			return false;
	return true;
}

/* Whether a payload of a frame that is whole has the shape of its kind. */
static bool
shape_is_right(const struct journal_frame *f, const uint8_t *payload)
{
	struct journal_wire w;

	if (journal_kind_word(f->kind) == NULL)
		return false;
	if (!journal_kind_is_lane(f->kind))
		return f->len >= sizeof(struct journal_text);
	if (f->kind != JOURNAL_WIRE_OUT && f->kind != JOURNAL_WIRE_IN)
		return f->len == CACHE_LINE &&
		       payload[offsetof(struct journal_slot, kind)] == f->kind;
	if (f->len < CACHE_LINE || payload[offsetof(struct journal_slot, kind)] != f->kind)
		return false;
	memcpy(&w, payload + offsetof(struct journal_slot, body), sizeof(w));
	return w.len <= JOURNAL_WIRE_MAX &&
	       f->len == (uint32_t)(CACHE_LINE +
				    (w.len > JOURNAL_WIRE_FIRST ? w.len - JOURNAL_WIRE_FIRST : 0));
}

/* A whole good record at that place, whatever its number. */
static bool
is_record(const struct journal_walk *w, size_t at)
{
	const struct journal_frame f = frame_at(w, at);
	const uint8_t *payload = w->data + at + sizeof(f);

	return f.len != 0 && f.len <= JOURNAL_PAYLOAD_MAX &&
	       journal_frame_bytes(f.len) <= w->len - at &&
	       f.crc == journal_frame_crc(&f, payload) &&
	       is_zero(payload + f.len, journal_frame_bytes(f.len) - sizeof(f) - f.len) &&
	       shape_is_right(&f, payload);
}

/* Where a good record with a later number begins; 0: nowhere. */
static size_t
find_resume(const struct journal_walk *w)
{
	unsigned tries = 0;

	for (size_t at = w->at; at + sizeof(struct journal_frame) <= w->len && tries < RESUME_TRIES;
	     at += JOURNAL_ALIGN) {
		const struct journal_frame f = frame_at(w, at);

		if (f.len == 0 || f.len > JOURNAL_PAYLOAD_MAX ||
		    journal_frame_bytes(f.len) > w->len - at || f.seq <= w->next_seq ||
		    f.seq - w->next_seq > w->len / sizeof(f) || journal_kind_word(f.kind) == NULL)
			continue;
		tries++;
		if (is_record(w, at))
			return at;
	}
	return 0;
}

/* The frame at w->at is none: is it the unfinished end, or is something broken? */
static bool
broken(struct journal_walk *w, const char *what)
{
	const size_t left = w->len - w->at;

	w->resume_at = find_resume(w);
	if (w->resume_at != 0) {
		w->missing_cnt = frame_at(w, w->resume_at).seq - w->next_seq;
		return ends(w, JOURNAL_END_DAMAGED,
			    "offset %zu: %s; %" PRIu64 " records from number %" PRIu64
			    " on are lost, the next good one is at offset %zu; fetch the file from "
			    "a copy, or "
			    "read on with --skip-damage",
			    w->at, what, w->missing_cnt, w->next_seq, w->resume_at);
	}
	if (w->len < w->head.segment_bytes)
		return ends(w, JOURNAL_END_CUT,
			    "offset %zu: the file is cut inside record %" PRIu64
			    " (%zu bytes of it are there); all before it is good, fetch the rest "
			    "from a copy",
			    w->at, w->next_seq, left);
	return ends(
		w, JOURNAL_END_TORN,
		"offset %zu: %s, and nothing good follows; all before it is good: record %" PRIu64
		" was not finished when its writer ended, or the end is damaged",
		w->at, what, w->next_seq);
}

bool
journal_walk_next(struct journal_walk *w, struct journal_record *out)
{
	const size_t left = w->len - w->at;
	struct journal_frame f;

	if (w->end != JOURNAL_END_NOT_YET)
		return false;
	if (left == 0)
		return ends(
			w, JOURNAL_END_CUT,
			"offset %zu: the file ends behind record %" PRIu64
			" without its last record; all of it is good, fetch the rest from a copy",
			w->at, w->next_seq - 1);
	if (left < sizeof(f))
		return is_zero(w->data + w->at, left) && w->len >= w->head.segment_bytes
			       ? ends(w, JOURNAL_END_OPEN, "%s", "")
			       : broken(w, "no room for a record");
	f = frame_at(w, w->at);
	if (f.len == 0) {
		if (!is_zero(w->data + w->at, left))
			return broken(w, "the zeros behind the last record are not all zero");
		if (w->len < w->head.segment_bytes)
			return ends(w, JOURNAL_END_CUT,
				    "offset %zu: the file has %zu bytes and was made with %u; what "
				    "is missing "
				    "may hold records, fetch it from a copy",
				    w->at, w->len, w->head.segment_bytes);
		return ends(w, JOURNAL_END_OPEN, "%s", "");
	}
	if (f.len > JOURNAL_PAYLOAD_MAX)
		return broken(w, "a record's length is impossible");
	if (journal_frame_bytes(f.len) > left)
		return broken(w, "a record does not fit into the file");
	if (f.crc != journal_frame_crc(&f, w->data + w->at + sizeof(f)))
		return broken(w, "a record's checksum is wrong");
	if (!is_record(w, w->at))
		return broken(w, "a record of right checksum has a wrong shape");
	if (f.seq != w->next_seq)
		return broken(w, "a record has another number than its place");
	*out = (struct journal_record){ .frame = f,
					.payload = w->data + w->at + sizeof(f),
					.offset = w->at };
	w->at += journal_frame_bytes(f.len);
	w->next_seq++;
	w->record_cnt++;
	if (f.kind == JOURNAL_END) {
		if (!is_zero(w->data + w->at, w->len - w->at))
			ends(w, JOURNAL_END_DAMAGED,
			     "offset %zu: %zu bytes follow the last record; it was closed before "
			     "them",
			     w->at, w->len - w->at);
		else
			w->end = JOURNAL_END_CLOSED;
	}
	return true;
}

bool
journal_walk_resume(struct journal_walk *w)
{
	if (w->end != JOURNAL_END_DAMAGED || w->resume_at == 0)
		return false;
	w->at = w->resume_at;
	w->next_seq = frame_at(w, w->at).seq;
	w->resume_at = 0;
	w->end = JOURNAL_END_NOT_YET;
	w->why[0] = '\0';
	return true;
}

const char *
journal_end_word(enum journal_end end)
{
	static const char *const WORD[] = {
		[JOURNAL_END_NOT_YET] = "not read to its end",
		[JOURNAL_END_CLOSED] = "closed",
		[JOURNAL_END_OPEN] = "open",
		[JOURNAL_END_CUT] = "cut",
		[JOURNAL_END_TORN] = "torn",
		[JOURNAL_END_DAMAGED] = "damaged",
		[JOURNAL_END_FOREIGN] = "foreign",
	};

	return WORD[end];
}

uint64_t
journal_record_ns(const struct journal_record *r)
{
	return journal_kind_is_lane(r->frame.kind) ? journal_slot_of(r).ns : journal_text_of(r).ns;
}

uint32_t
journal_wire_bytes(const struct journal_record *r, uint8_t out[JOURNAL_WIRE_MAX])
{
	const struct journal_slot s = journal_slot_of(r);
	struct journal_wire w;

	memcpy(&w, s.body, sizeof(w));
	memcpy(out, w.bytes, w.len < JOURNAL_WIRE_FIRST ? w.len : JOURNAL_WIRE_FIRST);
	if (w.len > JOURNAL_WIRE_FIRST)
		memcpy(out + JOURNAL_WIRE_FIRST, r->payload + CACHE_LINE,
		       w.len - JOURNAL_WIRE_FIRST);
	return w.len;
}
