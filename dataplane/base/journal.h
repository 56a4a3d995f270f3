/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_JOURNAL_H
#define SLUICE_BASE_JOURNAL_H

#include <string.h>

#include "base/metric.h"

/*
 * What a lane writes down for the audit journal.  One ring per lane, in memory that outlives the
 * process: a named file that the control side maps (controlplane/journal).  The lane puts, the
 * journal's writer takes; after a crash the next start takes what is left.
 *
 * A record is one slot of a cache line; the bytes of a wire message go on in the slots behind it.
 * A slot at position p is valid when its ring_seq is p + 1.  The first slot of a record becomes
 * valid last, so a record is there as a whole or not at all, whenever the process is killed.
 *
 * A lane never waits: what does not fit is counted, and the next record that fits is preceded by
 * one that says how many are missing.
 */
enum journal_kind {
	JOURNAL_NONE = 0,
#define KIND(NAME, number, word, meaning) JOURNAL_##NAME = (number),
#include "base/journal_kinds.def"
#undef KIND
};

enum {
	JOURNAL_RING_VERSION = 1,
	JOURNAL_RING_HEAD_BYTES = 4096,
	JOURNAL_WIRE_FIRST = 20, // bytes of a wire message in its first slot
	JOURNAL_WIRE_NEXT = CACHE_LINE - sizeof(uint32_t), // in each of the others
	JOURNAL_WIRE_MAX = 512,                            // what is longer is cut; OUCH has no 256
	JOURNAL_PORTS = 8,                                 // that a BURST counts
	JOURNAL_NO_ORDER = 255, // WIRE_OUT: a login, a query, a mass cancel
	JOURNAL_AHEAD = 4,      // slots that are asked for before they are written
};

#define JOURNAL_RING_MAGIC "SLJRING"

/*
 * The first slot of a record.  The layout is a message's (msg/head.h), so that a lane copies one.
 */
struct journal_slot {
	uint32_t ring_seq;
	uint16_t instr_idx;
	uint8_t source_idx; // the feed; of WIRE_*, SENT, REPORT and UPDATE: the session
	uint8_t kind;       // enum journal_kind
	uint64_t ns;  // the lane's clock, since 1970, as it last read it, and not before rx_ns;
		      // SENT: read after the burst
	uint32_t arg; // VERDICT: limits_version; WIRE_OUT: orig_token; WIRE_IN: number in the
		      // SoupBinTCP session; REPORT: type, side, code (16 bits); UPDATE: token;
		      // TICKS, BURST, TOOK, ASKED, KILL: how many turns the lane has finished
	uint32_t feed_seq; // of the feed's message that caused it, low 32 bits; 0: none; TICKS: how
			   // many, BURST: frames, TOOK: version, KILL: 1 for on
	uint64_t rx_ns;    // when that was received; REPORT: the venue's time since midnight
	uint8_t body[32];  // INTENT, VERDICT, ORDER, UPDATE: as in msg/; others: below
};
static_assert(sizeof(struct journal_slot) == CACHE_LINE, "one cache line");

/* body of WIRE_OUT and WIRE_IN */
struct journal_wire {
	uint32_t token;     // 0: not about one order
	uint32_t intent_id; // of the order; 0 of WIRE_IN
	uint8_t strategy_idx;
	uint8_t kind; // WIRE_OUT: enum intent_kind, or JOURNAL_NO_ORDER; WIRE_IN: SoupBinTCP's
		      // letter
	uint16_t len; // bytes of the message that were kept
	uint8_t bytes[JOURNAL_WIRE_FIRST];
};
static_assert(sizeof(struct journal_wire) == 32, "a slot's body");

/* body of SENT */
struct journal_sent {
	uint32_t token;
	uint32_t pad;
	uint64_t rx_tsc;  // of the trigger; 0: none
	uint64_t now_tsc; // when the burst was sent
	uint64_t pad_2;
};
static_assert(sizeof(struct journal_sent) == 32, "a slot's body");

/* body of REPORT */
struct journal_report {
	uint32_t token;
	uint32_t orig_token;
	uint32_t qty;
	uint32_t px4;
	uint64_t match_ref;
	uint64_t order_ref;
};
static_assert(sizeof(struct journal_report) == 32, "a slot's body");

/* body of LANE_GAP */
struct journal_lane_gap {
	uint64_t lost_cnt; // records
	uint64_t from_ns;  // of the first
	uint64_t to_ns;    // of the last
	uint64_t pad;
};
static_assert(sizeof(struct journal_lane_gap) == 32, "a slot's body");

/* body of BURST */
struct journal_burst {
	uint16_t frame_cnt[JOURNAL_PORTS]; // by port, in the order the lane polls them
	uint8_t pad[16];
};
static_assert(sizeof(struct journal_burst) == 32, "a slot's body");

/* body of ASKED: the command as the lane got it (lane/command.h) */
struct journal_asked {
	uint32_t kind;
	uint32_t arg[4];
	char symbol[8];
	uint32_t pad;
};
static_assert(sizeof(struct journal_asked) == 32, "a slot's body");

/*
 * body of TICKS: the first look is the slot's own ns and turn; each further one came after_ns later
 * than the one before it, and a lane's housekeeping_every turns
 */
struct journal_ticks {
	uint32_t after_ns[8];
};
static_assert(sizeof(struct journal_ticks) == 32, "a slot's body");

/*
 * The beginning of a ring's file.  Written by the control side before the lane runs; then each line
 * has one writer.
 */
struct journal_ring_head {
	char magic[8]; // JOURNAL_RING_MAGIC
	uint32_t version;
	uint32_t head_bytes;
	uint32_t slot_bytes;
	uint32_t slot_cnt; // a power of two
	uint32_t lane_idx;
	uint32_t run; // which start of the gateway made it
	uint64_t start_ns;
	uint64_t journal_id;
	char boot_id[40]; // the machine's; a ring of an earlier one is not believed
	char lane_name[32];
	uint32_t crc; // of all above
	// the writer's: what is before it is in a segment
	cache_aligned uint32_t taken_pos;
	// the lane's: what it lost and has not said yet
	cache_aligned uint64_t lost_cnt;
	uint64_t lost_from_ns;
	uint64_t lost_to_ns;
};
static_assert(sizeof(struct journal_ring_head) <= JOURNAL_RING_HEAD_BYTES, "slots follow");

struct journal_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "base/journal_metrics.def"
#undef METRIC
};

struct event_sink;

/* The lane's end.  Written by the lane. */
struct journal {
	uint8_t *slot;
	uint32_t mask;
	uint32_t put_pos;
	uint32_t taken_seen; // taken_pos as the lane last saw it
	bool losing;         // something was lost and not said yet
	bool stop_on_gap;    // orders stop when something is lost
	struct journal_ring_head *head;
	struct event_sink *events;
	struct journal_metrics metrics;
};

/*
 * Thread   before the lane runs.
 * Memory   head: of the ring, with slot_cnt slots behind its head_bytes; stays the caller's
 */
void journal_init(struct journal *j, struct journal_ring_head *head, struct event_sink *events,
		  bool stop_on_gap);

/* Room for slot_cnt slots when there was none, or something is to be told first. */
COLD bool journal_make_room(struct journal *j, uint32_t slot_cnt, uint64_t ns);

HOT_INLINE uint8_t *
journal_slot_at(const struct journal *j, uint32_t pos)
{
	return j->slot + (size_t)(pos & j->mask) * CACHE_LINE;
}

HOT_INLINE bool
journal_has_room(struct journal *j, uint32_t slot_cnt, uint64_t ns)
{
	if (likely(j->mask + 1 - (j->put_pos - j->taken_seen) >= slot_cnt && !j->losing))
		return true;
	return journal_make_room(j, slot_cnt, ns);
}

/* The record at put_pos is complete. */
HOT_INLINE void
journal_publish(struct journal *j, uint32_t slot_cnt)
{
	uint8_t *first = journal_slot_at(j, j->put_pos);

	j->put_pos += slot_cnt;
	// pairs with journal_take's acquire
	store_release_u32((uint32_t *)(void *)first, j->put_pos - slot_cnt + 1);
	metric_add(&j->metrics.record, 1);
	for (uint32_t i = 0; i < slot_cnt; i++)
		__builtin_prefetch(journal_slot_at(j, j->put_pos + JOURNAL_AHEAD + i), 1);
}

/*
 * A message as it is (msg/intent.h, msg/verdict.h, msg/order.h, msg/update.h).  A NULL journal
 * takes nothing.  Thread: the lane.
 */
HOT_INLINE void
journal_message(struct journal *j, enum journal_kind kind, const void *m, uint32_t arg, uint64_t ns)
{
	const struct journal_slot *from =
		m; // its head is read, field by field: they were just written
	struct journal_slot *to;

	if (j == NULL || unlikely(!journal_has_room(j, 1, ns)))
		return;
	to = (struct journal_slot *)(void *)journal_slot_at(j, j->put_pos);
	to->instr_idx = from->instr_idx;
	to->source_idx = from->source_idx;
	to->kind = (uint8_t)kind;
	// a lane without a port looks at its clock now and then
	to->ns = ns > from->rx_ns ? ns : from->rx_ns;
	to->arg = arg;
	to->feed_seq = from->feed_seq;
	to->rx_ns = from->rx_ns;
	memcpy(to->body, from->body, sizeof(to->body));
	journal_publish(j, 1);
}

/* A slot of its own.  Thread: the lane. */
HOT_INLINE void
journal_put(struct journal *j, const struct journal_slot *s)
{
	if (j == NULL || unlikely(!journal_has_room(j, 1, s->ns)))
		return;
	memcpy(journal_slot_at(j, j->put_pos) + sizeof(uint32_t),
	       (const uint8_t *)s + sizeof(uint32_t), sizeof(*s) - sizeof(uint32_t));
	journal_publish(j, 1);
}

HOT_INLINE uint32_t
journal_wire_slots(uint32_t len)
{
	return len <= JOURNAL_WIRE_FIRST
		       ? 1
		       : 1 + (len - JOURNAL_WIRE_FIRST + JOURNAL_WIRE_NEXT - 1) / JOURNAL_WIRE_NEXT;
}

/*
 * Bytes of the venue's protocol: s is the record, its body a struct journal_wire but for len and
 * bytes.  Never give a password.  Thread: the lane.
 */
HOT_INLINE void
journal_put_wire(struct journal *j, struct journal_slot *s, const uint8_t *bytes, uint32_t len)
{
	struct journal_wire *w = (struct journal_wire *)(void *)s->body;
	uint32_t slot_cnt, at = JOURNAL_WIRE_FIRST;

	if (j == NULL)
		return;
	if (unlikely(len > JOURNAL_WIRE_MAX))
		len = JOURNAL_WIRE_MAX;
	slot_cnt = journal_wire_slots(len);
	if (unlikely(!journal_has_room(j, slot_cnt, s->ns)))
		return;
	w->len = (uint16_t)len;
	for (uint32_t i = 1; i < slot_cnt; i++, at += JOURNAL_WIRE_NEXT) {
		uint8_t *slot = journal_slot_at(j, j->put_pos + i);
		const uint32_t n = len - at < JOURNAL_WIRE_NEXT ? len - at : JOURNAL_WIRE_NEXT;

		memcpy(slot + sizeof(uint32_t), bytes + at, n);
		store_release_u32((uint32_t *)(void *)slot, j->put_pos + i + 1);
	}
	if (likely(len >= JOURNAL_WIRE_FIRST))
		memcpy(w->bytes, bytes, JOURNAL_WIRE_FIRST);
	else
		memcpy(w->bytes, bytes, len);
	memcpy(journal_slot_at(j, j->put_pos) + sizeof(uint32_t),
	       (const uint8_t *)s + sizeof(uint32_t), sizeof(*s) - sizeof(uint32_t));
	journal_publish(j, slot_cnt);
}

/* The other end: the journal's writer, or whoever empties the ring of a dead process. */
struct journal_taker {
	struct journal_ring_head *head;
	const uint8_t *slot;
	uint32_t mask;
	uint32_t pos;
};

enum journal_found {
	JOURNAL_FOUND_NOTHING,
	JOURNAL_FOUND_RECORD,
	JOURNAL_FOUND_TORN, // the record's other slots are not its own: pos stays
};

/* Goes on where the last taker stood. */
void journal_taker_init(struct journal_taker *t, struct journal_ring_head *head);

/*
 * Takes a copy of the next record: one slot, then what the wire message has beyond its first bytes.
 * The slots are the lane's again only after journal_taken.
 *
 * Memory   out: JOURNAL_RECORD_MAX bytes; *len becomes the record's
 */
#define JOURNAL_RECORD_MAX (CACHE_LINE + JOURNAL_WIRE_MAX)
enum journal_found journal_take(struct journal_taker *t, uint8_t *out, uint32_t *len);

/* What was taken is kept elsewhere now. */
static inline void
journal_taken(struct journal_taker *t)
{
	store_release_u32(&t->head->taken_pos, t->pos); // pairs with journal_make_room's acquire
}

/* NULL: no such kind. */
const char *journal_kind_word(uint32_t kind);

#endif
