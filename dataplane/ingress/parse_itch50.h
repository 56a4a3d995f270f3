/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_PARSE_ITCH50_H
#define SLUICE_INGRESS_PARSE_ITCH50_H

#include "base/bytes16.h"
#include "base/event.h"
#include "base/metric.h"
#include "ingress/symbol_match.h"
#include "msg/datagram.h"
#include "msg/md.h"
#include "wire/itch50.h"

struct parse_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "ingress/parse_itch50_metrics.def"
#undef METRIC
};

struct parse_config {
	uint16_t feed_idx;
	uint16_t shard_cnt;  // 1..32; an instrument's shard is locate % shard_cnt
	uint32_t shard_mask; // the shards this one takes, bit i for shard i; 0: all
	char market;         // whose operational halts are ours: 'Q' Nasdaq, 'B' Texas, 'X' PSX
	const symbol_pattern *symbol; // whose messages are wanted; read by parse_init only
	uint32_t symbol_cnt;          // 0: all
	struct event_sink *events;    // the lane's; NULL says nothing
};

enum {
	PARSE_LOCATES = 1 << 16,
};

/*
 * ITCH 5.0 messages into md.  Written by the lane that runs it.
 *
 * One bit per locate says whether its messages go on, and one whether that is settled.  Shards are
 * settled at the start, subscriptions when a message first names the instrument's symbol; until
 * then everything of it goes on, so that no order of a subscribed one is ever missed.  Locate 0 is
 * for everybody.
 */
struct parse {
	uint64_t pass[PARSE_LOCATES / 64];
	uint64_t settled[PARSE_LOCATES / 64];
	uint32_t shard_mask;
	uint32_t shard_cnt;
	uint32_t shard_magic; // 2^32 / shard_cnt, rounded up: a remainder without division
	char market;
	uint16_t feed_idx;
	struct event_sink *events;
	cache_aligned struct parse_metrics metrics;
	uint32_t symbol_cnt;
	symbol_pattern symbol[SYMBOL_PATTERN_MAX];
};

/* The way through a datagram's messages.  Lives on the lane's stack. */
struct parse_walk {
	const uint8_t *at;
	const uint8_t *end;
	uint64_t seq;
	uint32_t left_cnt;
};

/* md.side of an order whose side is neither 'B' nor 'S'. */
enum { SIDE_INVALID = 2 };

/*
 * Returns 0, or -EINVAL when shard_cnt is outside 1..32 or shard_mask names none of them, or when
 * there are more than SYMBOL_PATTERN_MAX patterns.
 */
int parse_init(struct parse *p, const struct parse_config *c);

/* A new session gives out new locates.  Call with each datagram that has flags. */
void parse_on_datagram_flags(struct parse *p, uint16_t flags);

/* A message of a locate that is not to go on, or not yet settled: settles it where it can. */
bool parse_admit(struct parse *p, const uint8_t *msg, uint16_t locate);

/* What is none of PARSE_LAYOUT, out of line.  False when the book has no use for the message. */
bool parse_other(struct parse *p, const uint8_t *msg, uint16_t len, struct md *out);
/* A side that is none, a price too high: counts it. */
void parse_odd_order(struct parse *p, const struct md *m);
/* Whether the last bytes are one empty message; counts it, or that they are none at all. */
bool parse_at_end(struct parse *p, const uint8_t *at, ptrdiff_t room, uint64_t seq);

/*
 * Where a frequent message keeps what md wants.  Two loads of 16 bytes that lie inside the message
 * bring everything: time and reference stand at the same place in each, the rest in the 16 bytes
 * from tail_at on.  Each is put in order by one instruction and written by one store, and no branch
 * depends on the type.  What is no frequent message of its right length has no row, by one compare.
 */
struct parse_layout {
	uint8_t block_len; // of the message and the length before it; 0: not a frequent one
	uint8_t side_at;
	uint8_t metric_idx;
	uint8_t tail_at;
	uint32_t head;        // md's first four bytes; SIDE_INVALID where there is a side
	const uint16_t *side; // by the byte at side_at: what head differs by
	bytes16 tail_order;   // of md's qty, px4, and new_ref or symbol
};
static_assert(sizeof(struct parse_layout) == 32, "two to a cache line");

/* The position of a type's counter in struct parse_metrics. */
#define PARSE_METRIC_IDX(name) ((uint8_t)(offsetof(struct parse_metrics, name) / sizeof(uint64_t)))

/* A field of the message, its last byte first; text keeps its order. */
#define AT4(at)   (at) + 3, (at) + 2, (at) + 1, (at)
#define AT8(at)   AT4((at) + 4), AT4(at)
#define TEXT8(at) (at), (at) + 1, (at) + 2, (at) + 3, (at) + 4, (at) + 5, (at) + 6, (at) + 7
#define NONE4     BYTES16_ZERO, BYTES16_ZERO, BYTES16_ZERO, BYTES16_ZERO
#define NONE8     NONE4, NONE4

/* md's first four bytes as one number. */
#define PARSE_HEAD_BYTES(type, side, venue_type) \
	((uint32_t)(type) | (uint32_t)(side) << 8 | (uint32_t)(venue_type) << 24)
static_assert(offsetof(struct md, type) == 0 && offsetof(struct md, side) == 1 &&
		      offsetof(struct md, state) == 2 && offsetof(struct md, venue_type) == 3,
	      "PARSE_HEAD_BYTES");

/* A side by its letter, as it differs from SIDE_INVALID; and of messages that have none. */
static const uint16_t PARSE_SIDE[256] = {
	['B'] = (SIDE_BUY ^ SIDE_INVALID) << 8,
	['S'] = (SIDE_SELL ^ SIDE_INVALID) << 8,
};
static const uint16_t PARSE_NO_SIDE[256];

#define PARSE_ROW(letter, wire, md_type, side_, side_at_, metric, tail_at_, ...)           \
	[letter] = { .block_len = sizeof(be16) + sizeof(struct itch50_##wire),             \
		     .side_at = (side_at_),                                                \
		     .metric_idx = PARSE_METRIC_IDX(metric),                               \
		     .tail_at = (tail_at_),                                                \
		     .head = PARSE_HEAD_BYTES(md_type, (side_at_) == 0 ? 0 : SIDE_INVALID, \
					      letter),                                     \
		     .side = (side_),                                                      \
		     .tail_order = { __VA_ARGS__ } }

// clang-format off
static const struct parse_layout PARSE_LAYOUT[256] = {
	/*             wire            type               side               metric          tail   qty             px4             new_ref, symbol */
	PARSE_ROW('A', add_order,      MD_ORDER_ADDED,    PARSE_SIDE, 19,    add_order,      20, AT4(20 - 20),  AT4(32 - 20), TEXT8(24 - 20)),
	PARSE_ROW('F', add_order_mpid, MD_ORDER_ADDED,    PARSE_SIDE, 19,    add_order_mpid, 20, AT4(20 - 20),  AT4(32 - 20), TEXT8(24 - 20)),
	PARSE_ROW('E', order_executed, MD_ORDER_EXECUTED, PARSE_NO_SIDE, 0,  order_executed, 15, AT4(19 - 15),  NONE4,        AT8(23 - 15)),
	PARSE_ROW('X', order_cancel,   MD_ORDER_REDUCED,  PARSE_NO_SIDE, 0,  order_cancel,    7, AT4(19 - 7),   NONE4,        NONE8),
	PARSE_ROW('D', order_delete,   MD_ORDER_DELETED,  PARSE_NO_SIDE, 0,  order_delete,    3, NONE4,         NONE4,        NONE8),
	PARSE_ROW('U', order_replace,  MD_ORDER_REPLACED, PARSE_NO_SIDE, 0,  order_replace,  19, AT4(27 - 19),  AT4(31 - 19), AT8(19 - 19)),
};
// clang-format on
#undef PARSE_ROW

/* In every frequent message, from the tracking number on: time and reference. */
enum { PARSE_HEAD_AT = 3 };
static const bytes16 PARSE_HEAD_ORDER = { 7, 6, 5, 4, 3, 2, BYTES16_ZERO, BYTES16_ZERO, AT8(8) };
#undef AT4
#undef AT8
#undef TEXT8
#undef NONE4
#undef NONE8

static_assert(offsetof(struct itch50_head, tracking) == PARSE_HEAD_AT, "PARSE_HEAD_ORDER");
static_assert(offsetof(struct itch50_add_order, order_ref) == 11 &&
		      offsetof(struct itch50_order_executed, order_ref) == 11 &&
		      offsetof(struct itch50_order_cancel, order_ref) == 11 &&
		      offsetof(struct itch50_order_delete, order_ref) == 11 &&
		      offsetof(struct itch50_order_replace, orig_ref) == 11,
	      "every frequent message has its reference at the same place");
static_assert(offsetof(struct itch50_add_order, side) == 19 &&
		      offsetof(struct itch50_add_order, qty) == 20 &&
		      offsetof(struct itch50_add_order, symbol) == 24 &&
		      offsetof(struct itch50_add_order, px4) == 32,
	      "PARSE_LAYOUT: 'A' and 'F'");
static_assert(offsetof(struct itch50_order_executed, qty) == 19 &&
		      offsetof(struct itch50_order_executed, match_ref) == 23 &&
		      offsetof(struct itch50_order_cancel, qty) == 19,
	      "PARSE_LAYOUT: 'E' and 'X'");
static_assert(offsetof(struct itch50_order_replace, new_ref) == 19 &&
		      offsetof(struct itch50_order_replace, qty) == 27 &&
		      offsetof(struct itch50_order_replace, px4) == 31,
	      "PARSE_LAYOUT: 'U'");

/* Whether the instrument belongs to our shards.  Exact for 16-bit numbers. */
HOT_INLINE bool
parse_ours(const struct parse *p, uint16_t locate)
{
	const uint32_t low = p->shard_magic * locate;

	return p->shard_mask >> ((uint64_t)low * p->shard_cnt >> 32) & 1;
}

HOT_INLINE bool
parse_bit(const uint64_t *bits, uint32_t locate)
{
	return bits[locate / 64] >> locate % 64 & 1;
}

/* The time, by one load: the two bytes before it are the tracking number. */
HOT_INLINE uint64_t
parse_ts(const uint8_t *msg)
{
	be64 v;

	memcpy(&v, msg + offsetof(struct itch50_head, ts_ns) - 2, sizeof(v));
	return be64_get(v) & 0xFFFFFFFFFFFF;
}

HOT_INLINE void
parse_start(struct parse_walk *w, const struct datagram *d)
{
	*w = (struct parse_walk){
		.at = d->data,
		.end = d->len != 0 ? d->data + d->len : d->data, // no bytes: it only tells flags
		.seq = d->seq,
		.left_cnt = d->msg_cnt,
	};
}

/* Whether messages of the locate go on; counts those that do not. */
HOT_INLINE bool
parse_passes(struct parse *p, const uint8_t *msg, uint16_t locate)
{
	uint32_t at = locate;

	if (likely(parse_bit(p->pass, at)))
		return true;
	in_register(at); // what follows shares nothing with the good way
	if (unlikely(!parse_bit(p->settled, at) || msg[0] == 'R'))
		return parse_admit(p, msg, (uint16_t)at);
	metric_add(parse_ours(p, (uint16_t)at) ? &p->metrics.message_unsubscribed
					       : &p->metrics.message_other_shard,
		   1);
	return false;
}

/*
 * The next event of interest to this shard.  Counts every message by type, and what is unknown or
 * of a wrong length; such a message is skipped.  False at the end of the datagram.
 */
HOT_INLINE bool
parse_next(struct parse *p, struct parse_walk *w, struct md *out)
{
	while (w->left_cnt != 0) {
		const uint8_t *msg = w->at + sizeof(be16);
		const struct parse_layout *y;
		uint32_t block_len = 0, head;
		uint16_t locate;
		bytes16 tail;

		if (likely(w->end - w->at > (ptrdiff_t)sizeof(be16)))
			block_len = sizeof(be16) + be16_get(*(const be16 *)w->at);
		if (unlikely(block_len == 0 || w->end - w->at < (ptrdiff_t)block_len)) {
			if (!parse_at_end(p, w->at, w->end - w->at, w->seq)) {
				w->left_cnt = 0;
				return false;
			}
			w->at = w->end;
			w->left_cnt--;
			w->seq++;
			continue;
		}
		w->at += block_len;
		w->left_cnt--;
		out->seq = w->seq++;
		y = &PARSE_LAYOUT[msg[0]];
		in_register(y);
		if (unlikely(y->block_len != block_len)) {
			if (parse_other(p, msg, (uint16_t)(block_len - sizeof(be16)), out))
				return true;
			continue;
		}
		locate = be16_get(((const struct itch50_head *)msg)->locate);
		if (unlikely(!parse_passes(p, msg, locate)))
			continue;
		metric_add((uint64_t *)&p->metrics + y->metric_idx, 1);
		tail = bytes16_pick(bytes16_load(msg + y->tail_at), y->tail_order);
		bytes16_store(&out->qty, tail);
		bytes16_store(&out->ts_ns,
			      bytes16_pick(bytes16_load(msg + PARSE_HEAD_AT), PARSE_HEAD_ORDER));
		head = y->head ^ y->side[msg[y->side_at]];
		memcpy(out, &head, sizeof(head));
		out->locate = locate;
		out->home_at = 0;
		out->level_at = 0;
		// never taken, whatever the type
		if (unlikely((head & SIDE_INVALID << 8) != 0 || out->px4 > ITCH50_PX4_MAX))
			parse_odd_order(p, out);
		return true;
	}
	return false;
}

#endif
