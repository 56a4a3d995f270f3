/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_ARB_H
#define SLUICE_INGRESS_ARB_H

#include "base/arena.h"
#include "base/event.h"
#include "base/hist.h"
#include "base/metric.h"
#include "msg/datagram.h"
#include "msg/frame.h"
#include "wire/moldudp64.h"

struct arb_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "ingress/arb_metrics.def"
#undef METRIC
};

struct arb_line_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "ingress/arb_line_metrics.def"
#undef METRIC
};

struct arb_config {
	uint16_t feed_idx;
	uint8_t line_cnt;
	bool session_fixed;                 // only this session; otherwise the first one heard
	char session[MOLD_SESSION_LEN];     // padded with spaces on the right
	uint64_t first_seq;                 // 0: join late, take what comes
	uint32_t reorder_packets;           // most packets kept while one before them is missing
	uint64_t gap_wait_ns;               // how long a gap may stay open before it is given up
	uint64_t silence_ns;                // a line or the feed not heard for so long is silent
	struct event_sink *events;          // the lane's; NULL says nothing
	struct hist *lag_ns[FEED_LINE_MAX]; // of each line; NULL: not recorded
};

enum arb_state {
	ARB_INIT,   // no packet yet
	ARB_LIVE,   // everything before expected_seq was passed on or given up
	ARB_GAP,    // messages from expected_seq on are missing, later ones are known
	ARB_SILENT, // no line is heard
	ARB_ENDED,  // end of session, and nothing missing
	ARB_STATE_CNT,
};

enum arb_verdict {
	ARB_DELIVER, // *out is filled and owns the buffer
	ARB_KEPT,    // arb keeps the buffer
	ARB_DROP,    // the caller frees the buffer
};

enum {
	ARB_REORDER_MAX = 4096,
	ARB_FIRST_SLOTS = 1024, // packets whose first copy's time is remembered
};

/* When the first copy of a packet was received. */
struct arb_first {
	uint64_t seq;
	uint64_t rx_ns;
};

/* A packet that came before its turn. */
struct arb_held {
	struct datagram d; // d.data is at the first block
	uint64_t end_seq;  // after its last message; 0: superseded, free the buffer
	uint64_t heard_ns;
};

struct arb_line {
	uint64_t heard_ns;
	uint64_t next_seq; // after the highest number the line has shown
	bool silent;
	struct hist *lag_ns; // how much later than the first copy this line's came
	struct arb_line_metrics metrics;
};

/*
 * Lines of one feed into one sequence: the first copy of each message wins.  Lines may pack the
 * same messages differently, so messages are compared, never packets.  Written by the lane that
 * runs it.
 */
struct arb {
	uint64_t expected_seq; // wanted next
	uint64_t heard_ns;     // when a packet last told of expected_seq or beyond
	uint64_t line_check_ns;
	uint64_t silence_ns;
	char session[MOLD_SESSION_LEN];
	uint16_t feed_idx;
	uint8_t line_cnt;
	uint16_t flags; // enum datagram_flag, to be told with the next datagram
	bool adopted;   // there is a session
	bool busy;      // arb_next has something to do besides looking at the time
	bool silent;
	bool ended;
	bool end_known; // an end of session was seen; end_seq is valid
	bool session_fixed;
	uint64_t end_seq;
	uint64_t high_seq; // the highest number known to exist, plus one
	uint64_t high_ns;  // when that was learnt
	uint64_t gap_ns;   // when the open gap was found
	uint64_t gap_from_seq;
	uint64_t gap_to_seq;
	uint64_t gap_wait_ns;
	uint64_t first_seq;
	uint64_t lost_from_seq;    // what DATAGRAM_GAP tells of: the first message missing,
	uint64_t lost_since_ns;    // and when that was found
	uint64_t far_seq;          // a number far ahead that was claimed, and not believed yet
	uint64_t far_expected_seq; // where we were then
	uint32_t far_cnt;          // packets in a row that agree
	bool gap_open;
	uint32_t held_cnt;
	uint32_t held_max;
	struct arb_first *first; // ARB_FIRST_SLOTS, by the lowest bits of the number
	struct arb_held *held;   // held_max places
	uint16_t *order;         // places in use, by sequence number
	uint16_t *unused;        // places not in use: held_max - held_cnt
	struct event_sink *events;
	struct arb_metrics metrics;
	struct arb_line line[FEED_LINE_MAX];
};

/* What arb_init takes from its arena. */
static inline size_t
arb_bytes(uint32_t reorder_packets)
{
	return reorder_packets * (sizeof(struct arb_held) + 2 * sizeof(uint16_t)) +
	       ARB_FIRST_SLOTS * sizeof(struct arb_first) + 4 * CACHE_LINE; // each rounded up
}

/*
 * Memory   arb_bytes from the arena.
 * Returns  0
 *          -EINVAL  line_cnt is outside 1..FEED_LINE_MAX, reorder_packets outside
 *                   1..ARB_REORDER_MAX, or a time is 0
 *          -ENOMEM  the arena is used up
 */
int arb_init(struct arb *a, const struct arb_config *c, struct arena *arena);

/* Lets go of everything kept: arb_next then gives back each buffer with no messages. */
void arb_give_back(struct arb *a);

/*
 * The link below a line went down: the line counts as silent at once, and so does the feed when no
 * other line is heard.  The next packet on it ends that.  Call arb_next afterwards.
 */
void arb_line_down(struct arb *a, uint8_t line_idx, uint64_t now_ns);

/* The gap that is open: messages from *from_seq up to, not including, *to_seq.  False: none. */
bool arb_gap(const struct arb *a, uint64_t *from_seq, uint64_t *to_seq);

enum arb_state arb_state(const struct arb *a);
const char *arb_state_name(enum arb_state s);

/* Everything but a data packet in its turn. */
enum arb_verdict arb_unusual(struct arb *a, const struct frame *f, struct datagram *out);

/* The same of a copy: whoever has the frame in registers can leave it there. */
HOT_INLINE enum arb_verdict
arb_unusual_copy(struct arb *a, const struct frame *f, struct datagram *out)
{
	const struct frame copy = *f;

	return arb_unusual(a, &copy, out);
}

bool arb_next_slow(struct arb *a, uint64_t now_ns, struct datagram *out);

/* Makes a datagram of the cnt messages from block on, the first of them numbered seq. */
HOT_INLINE void
arb_fill(const struct arb *a, const struct frame *f, const uint8_t *block, uint64_t seq,
	 uint16_t cnt, struct datagram *out)
{
	out->head.instr_idx = INSTR_NONE;
	out->head.feed_idx = a->feed_idx;
	out->head.trace = f->head.trace;
	out->head.rx_ns = f->head.rx_ns;
	out->buf = f->buf;
	out->data = block;
	out->seq = seq;
	out->len = (uint16_t)(f->data + f->len - block);
	out->msg_cnt = cnt;
	out->flags = 0;
	out->line_idx = f->line_idx;
}

/* cnt messages from seq on are on their way: what is wanted next, and whose copy it was. */
HOT_INLINE void
arb_account(struct arb *a, struct arb_line *line, uint64_t seq, uint16_t cnt, uint64_t rx_ns)
{
	a->expected_seq = seq + cnt;
	a->first[seq % ARB_FIRST_SLOTS] = (struct arb_first){ .seq = seq, .rx_ns = rx_ns };
	metric_add(&a->metrics.packet_delivered, 1);
	metric_add(&a->metrics.message_delivered, cnt);
	metric_add(&line->metrics.message_first, cnt);
}

/*
 * Judges one packet.  f->heard_ns is the time; ahead: how far it was walked, or NULL.  Call
 * arb_next until it is false afterwards: at most reorder_packets buffers are ever kept.
 */
HOT_INLINE enum arb_verdict
arb_on_frame(struct arb *a, const struct frame *f, const struct mold_ahead *ahead,
	     struct datagram *out)
{
	const struct mold_head *h = (const struct mold_head *)f->data;
	struct arb_line *line = &a->line[f->line_idx];
	uint64_t seq;
	uint16_t cnt;

	if (unlikely(f->len < sizeof(*h)) ||
	    unlikely(a->busy || a->silent || a->ended || line->silent) ||
	    unlikely(memcmp(h->session, a->session, MOLD_SESSION_LEN) != 0))
		return arb_unusual_copy(a, f, out);
	seq = be64_get(h->seq);
	cnt = be16_get(h->msg_cnt);
	if (unlikely(seq != a->expected_seq || seq != line->next_seq || cnt == MOLD_HEARTBEAT_CNT ||
		     cnt == MOLD_END_OF_SESSION_CNT) ||
	    unlikely(!mold_packet_exact_ahead(f->data, f->len, ahead)))
		return arb_unusual_copy(a, f, out);
	line->heard_ns = f->heard_ns;
	line->next_seq = seq + cnt;
	a->heard_ns = f->heard_ns;
	metric_add(&line->metrics.packet, 1);
	metric_add(&line->metrics.message, cnt);
	arb_fill(a, f, f->data + sizeof(*h), seq, cnt, out);
	arb_account(a, line, seq, cnt, f->head.rx_ns);
	return ARB_DELIVER;
}

/*
 * What became deliverable since: kept packets whose turn came, a gap given up, an end of session,
 * silence.  A datagram with a buffer and no messages only wants its buffer freed; one without a
 * buffer only tells its flags.  Call after each arb_on_frame, and now and then with the time, until
 * it is false.
 */
HOT_INLINE bool
arb_next(struct arb *a, uint64_t now_ns, struct datagram *out)
{
	if (likely(!a->busy && now_ns < a->line_check_ns))
		return false;
	return arb_next_slow(a, now_ns, out);
}

#endif
