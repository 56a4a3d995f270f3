/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "ingress/arb.h"

/*
 * No session has ever come near this number; beyond it a number is damage, and believing it would
 * make everything that follows look old.
 */
#define ARB_SEQ_MAX (1ULL << 48)

/*
 * A number so far ahead (guess: a second of the busiest feed) is damage, or all lines were cut for
 * long.  In the second case more packets follow it while none comes where we are.
 */
#define ARB_JUMP_MAX (1ULL << 20)

enum {
	ARB_JUMP_WITNESSES = 3, // guess
};

COLD int
arb_init(struct arb *a, const struct arb_config *c, struct arena *arena)
{
	if (c->line_cnt < 1 || c->line_cnt > FEED_LINE_MAX || c->reorder_packets < 1 ||
	    c->reorder_packets > ARB_REORDER_MAX || c->gap_wait_ns == 0 || c->silence_ns == 0)
		return -EINVAL;
	*a = (struct arb){
		.expected_seq = UINT64_MAX, // no packet has it: the first one is unusual
		.silence_ns = c->silence_ns,
		.feed_idx = c->feed_idx,
		.line_cnt = c->line_cnt,
		.session_fixed = c->session_fixed,
		.gap_wait_ns = c->gap_wait_ns,
		.first_seq = c->first_seq,
		.held_max = c->reorder_packets,
		.events = c->events,
		.held = (struct arb_held *)arena_take(arena, c->reorder_packets * sizeof(*a->held)),
		.order = (uint16_t *)arena_take(arena, c->reorder_packets * sizeof(*a->order)),
		.unused = (uint16_t *)arena_take(arena, c->reorder_packets * sizeof(*a->unused)),
		.first = arena_take(arena, ARB_FIRST_SLOTS * sizeof(*a->first)),
	};
	if (a->held == NULL || a->order == NULL || a->unused == NULL || a->first == NULL)
		return -ENOMEM;
	memcpy(a->session, c->session, sizeof(a->session));
	for (uint32_t i = 0; i < a->held_max; i++)
		a->unused[i] = (uint16_t)i;
	memset(a->first, 0, ARB_FIRST_SLOTS * sizeof(*a->first)); // no message has number 0
	for (unsigned i = 0; i < FEED_LINE_MAX; i++) {
		a->line[i].silent = true; // not heard yet
		a->line[i].lag_ns = c->lag_ns[i];
	}
	return 0;
}

COLD void
arb_give_back(struct arb *a)
{
	for (uint32_t i = 0; i < a->held_cnt; i++) {
		struct arb_held *h = &a->held[a->order[i]];

		h->d.seq = 0;
		h->end_seq = 0;
	}
	a->high_seq = a->expected_seq;
	a->gap_open = false;
	a->busy = true;
}

COLD bool
arb_gap(const struct arb *a, uint64_t *from_seq, uint64_t *to_seq)
{
	if (!a->adopted || a->expected_seq >= a->high_seq)
		return false;
	*from_seq = a->expected_seq;
	*to_seq = a->held_cnt == 0 ? a->high_seq : a->held[a->order[0]].d.seq;
	return *from_seq < *to_seq;
}

COLD enum arb_state
arb_state(const struct arb *a)
{
	if (!a->adopted)
		return ARB_INIT;
	if (a->ended)
		return ARB_ENDED;
	if (a->silent)
		return ARB_SILENT;
	return a->expected_seq < a->high_seq ? ARB_GAP : ARB_LIVE;
}

COLD const char *
arb_state_name(enum arb_state s)
{
	static const char *const NAME[] = {
		[ARB_INIT] = "init",     [ARB_LIVE] = "live",   [ARB_GAP] = "gap",
		[ARB_SILENT] = "silent", [ARB_ENDED] = "ended",
	};

	static_assert(ARRAY_CNT(NAME) == ARB_STATE_CNT, "every state has a name");
	return (unsigned)s < ARB_STATE_CNT ? NAME[s] : "?";
}

/* What the log says of a session: its name in two parts. */
static COLD void
say_session(const struct arb *a, enum event_code code, const char session[MOLD_SESSION_LEN],
	    uint64_t seq)
{
	event_put(a->events, code, a->feed_idx, event_text(session, 8), event_text(session + 8, 2),
		  seq);
}

static COLD void
adopt_session(struct arb *a, const struct mold_head *h, uint64_t seq, uint64_t now_ns)
{
	arb_give_back(a); // what the last session left behind
	memcpy(a->session, h->session, sizeof(a->session));
	a->adopted = true;
	a->silent = a->ended = a->end_known = false;
	a->expected_seq = a->first_seq != 0 ? a->first_seq : seq;
	a->high_seq = a->expected_seq;
	a->flags = DATAGRAM_NEW_SESSION;
	if (a->expected_seq > 1)
		a->flags |= DATAGRAM_GAP; // joined late: what was before is unknown
	a->lost_from_seq = 1;
	a->lost_since_ns = now_ns;
	memset(a->first, 0, ARB_FIRST_SLOTS * sizeof(*a->first));
	for (unsigned i = 0; i < FEED_LINE_MAX; i++)
		a->line[i].next_seq = 0;
	metric_add(&a->metrics.session_started, 1);
	say_session(a, EVENT_MD_SESSION_ADOPTED, a->session, a->expected_seq);
}

/* Whether a number may be believed. */
static bool
plausible(struct arb *a, uint64_t seq, uint64_t end_seq)
{
	const uint64_t from_seq = a->high_seq > a->expected_seq ? a->high_seq : a->expected_seq;

	if (likely(seq <= from_seq + ARB_JUMP_MAX))
		return true;
	if (a->far_cnt == 0 || a->far_expected_seq != a->expected_seq || seq < a->far_seq ||
	    seq - a->far_seq > ARB_JUMP_MAX) {
		a->far_cnt = 0;
		a->far_expected_seq = a->expected_seq;
	}
	a->far_seq = end_seq;
	return ++a->far_cnt >= ARB_JUMP_WITNESSES;
}

/*
 * Whether the packet's session is ours.  A new one is believed only when there was none, or the
 * last one has ended or fallen silent.
 */
static bool
session_ours(struct arb *a, const struct mold_head *h, uint64_t seq, uint64_t now_ns)
{
	const bool same = memcmp(h->session, a->session, sizeof(a->session)) == 0;

	if (likely(a->adopted && same)) {
		// we believed a number that was damage: nothing reaches it, and lines are heard
		if (unlikely(a->silent && !a->ended && seq + ARB_JUMP_MAX < a->expected_seq))
			adopt_session(a, h, seq, now_ns);
		return true;
	}
	if ((a->session_fixed && !same) || (a->adopted && !a->ended && !a->silent)) {
		metric_add(&a->metrics.packet_wrong_session, 1);
		// at 1, 2, 4, ...: the counter has the rest
		if ((a->metrics.packet_wrong_session & (a->metrics.packet_wrong_session - 1)) == 0)
			say_session(a, EVENT_MD_SESSION_FOREIGN, h->session, seq);
		return false;
	}
	adopt_session(a, h, seq, now_ns);
	return true;
}

static void
hear_line(struct arb *a, uint8_t line_idx, uint64_t now_ns, uint64_t seq, uint64_t end_seq)
{
	struct arb_line *line = &a->line[line_idx];

	if (unlikely(line->silent)) {
		line->silent = false;
		metric_set(&line->metrics.heard, 1);
		if (line->heard_ns != 0) // not its first packet
			event_put(a->events, EVENT_LINE_HEARD, a->feed_idx, line_idx,
				  now_ns - line->heard_ns);
	}
	line->heard_ns = now_ns;
	if (line->next_seq != 0 && seq > line->next_seq) {
		metric_add(&line->metrics.gap, 1);
		metric_add(&line->metrics.message_missing, seq - line->next_seq);
	} else if (seq < line->next_seq && seq != end_seq) {
		metric_add(&line->metrics.packet_out_of_order, 1);
	}
	if (end_seq > line->next_seq)
		line->next_seq = end_seq;
}

static void
hear_feed(struct arb *a, uint64_t now_ns)
{
	a->heard_ns = now_ns;
	if (likely(!a->silent))
		return;
	a->silent = false;
	a->busy = true;
	metric_add(&a->metrics.feed_heard_again, 1);
	event_put(a->events, EVENT_FEED_HEARD, a->feed_idx, a->expected_seq);
	if (a->flags & DATAGRAM_SILENT)
		a->flags &= (uint16_t)~DATAGRAM_SILENT; // nobody was told yet
	else
		a->flags |= DATAGRAM_HEARD;
}

static void
learn_high(struct arb *a, uint64_t seq, uint64_t now_ns)
{
	if (seq <= a->high_seq)
		return;
	a->high_seq = seq;
	a->high_ns = now_ns;
}

/* Takes what is to be told.  That the feed is heard again waits until nothing is missing. */
static uint16_t
take_flags(struct arb *a)
{
	const uint16_t keep = a->gap_open ? DATAGRAM_HEARD : 0;
	const uint16_t told = a->flags & (uint16_t)~keep;

	a->flags &= keep;
	return told;
}

/* Takes the first skip_cnt messages away from the datagram. */
static void
skip_messages(struct arb *a, struct datagram *d, uint64_t skip_cnt)
{
	const uint8_t *end = d->data + d->len;

	metric_add(&a->line[d->line_idx].metrics.message_duplicate, skip_cnt);
	d->seq += skip_cnt;
	d->msg_cnt = (uint16_t)(d->msg_cnt - skip_cnt);
	for (; skip_cnt != 0; skip_cnt--)
		d->data += sizeof(be16) + be16_get(*(const be16 *)d->data);
	d->len = (uint16_t)(end - d->data);
}

/* Whether kept packets hold all of [seq, end_seq). */
static bool
covered(const struct arb *a, uint64_t seq, uint64_t end_seq)
{
	for (uint32_t i = 0; i < a->held_cnt && seq < end_seq; i++) {
		const struct arb_held *h = &a->held[a->order[i]];

		if (h->d.seq > seq)
			return false;
		if (h->end_seq > seq)
			seq = h->end_seq;
	}
	return seq >= end_seq;
}

static enum arb_verdict
keep(struct arb *a, const struct datagram *d, uint64_t heard_ns)
{
	const uint64_t end_seq = d->seq + d->msg_cnt;
	uint32_t at = a->held_cnt;
	uint16_t place;

	if (covered(a, d->seq, end_seq)) {
		metric_add(&a->line[d->line_idx].metrics.message_duplicate, d->msg_cnt);
		return ARB_DROP;
	}
	if (a->held_cnt == a->held_max) {
		metric_add(&a->metrics.packet_no_room, 1);
		return ARB_DROP;
	}
	place = a->unused[a->held_max - 1 - a->held_cnt];
	for (; at > 0 && a->held[a->order[at - 1]].d.seq > d->seq; at--)
		a->order[at] = a->order[at - 1];
	a->order[at] = place;
	a->held[place] = (struct arb_held){ .d = *d, .end_seq = end_seq, .heard_ns = heard_ns };
	a->held_cnt++;
	metric_add(&a->metrics.packet_held, 1);
	metric_set(&a->metrics.packet_held_now, a->held_cnt);
	return ARB_KEPT;
}

static enum arb_verdict
on_heartbeat(struct arb *a, const struct frame *f, uint64_t seq, bool end)
{
	struct arb_line_metrics *lm = &a->line[f->line_idx].metrics;

	metric_add(end ? &lm->packet_end : &lm->packet_heartbeat, 1);
	if (f->len > sizeof(struct mold_head))
		metric_add(&lm->packet_trailing, 1);
	if (seq < a->expected_seq) {
		metric_add(&lm->packet_stale, 1);
		return ARB_DROP;
	}
	hear_feed(a, f->heard_ns);
	if (a->ended)
		return ARB_DROP;
	learn_high(a, seq, f->heard_ns);
	if (end && (!a->end_known || seq > a->end_seq)) {
		a->end_known = true;
		a->end_seq = seq;
	}
	a->busy = true;
	return ARB_DROP;
}

/* A second copy: how much later than the first it came, if that is still known. */
static void
note_lag(struct arb *a, const struct frame *f, uint64_t seq)
{
	const struct arb_first *first = &a->first[seq % ARB_FIRST_SLOTS];
	struct hist *lag_ns = a->line[f->line_idx].lag_ns;

	if (first->seq != seq || lag_ns == NULL)
		return;
	hist_record(lag_ns, f->head.rx_ns > first->rx_ns ? f->head.rx_ns - first->rx_ns : 0);
}

static enum arb_verdict
on_data(struct arb *a, const struct frame *f, uint64_t seq, uint16_t cnt, struct datagram *out)
{
	struct arb_line *line = &a->line[f->line_idx];
	const uint64_t end_seq = seq + cnt;

	metric_add(&line->metrics.message, cnt);
	if (end_seq >= a->expected_seq)
		hear_feed(a, f->heard_ns);
	if (end_seq <= a->expected_seq) {
		metric_add(&line->metrics.message_duplicate, cnt);
		note_lag(a, f, seq);
		return ARB_DROP;
	}
	if (a->ended || (a->end_known && end_seq > a->end_seq)) {
		metric_add(&a->metrics.packet_after_end, 1);
		return ARB_DROP;
	}
	learn_high(a, end_seq, f->heard_ns);
	arb_fill(a, f, f->data + sizeof(struct mold_head), seq, cnt, out);
	if (seq > a->expected_seq) {
		a->busy = true;
		return keep(a, out, f->heard_ns);
	}
	if (seq < a->expected_seq)
		skip_messages(a, out, a->expected_seq - seq);
	arb_account(a, &a->line[out->line_idx], out->seq, out->msg_cnt, out->head.rx_ns);
	out->flags = take_flags(a);
	return ARB_DELIVER;
}

enum arb_verdict
arb_unusual(struct arb *a, const struct frame *f, struct datagram *out)
{
	const struct mold_head *h = (const struct mold_head *)f->data;
	struct arb_line *line = &a->line[f->line_idx];
	uint64_t seq;
	uint16_t cnt;
	bool data;

	metric_add(&line->metrics.packet, 1);
	if (f->len < sizeof(*h)) {
		metric_add(&line->metrics.packet_short, 1);
		return ARB_DROP;
	}
	seq = be64_get(h->seq);
	cnt = be16_get(h->msg_cnt);
	data = cnt != MOLD_HEARTBEAT_CNT && cnt != MOLD_END_OF_SESSION_CNT;
	if (seq == 0 || seq > ARB_SEQ_MAX) {
		metric_add(&line->metrics.packet_seq_invalid, 1);
		return ARB_DROP;
	}
	if (data && !mold_packet_exact(f->data, f->len)) {
		metric_add(&line->metrics.packet_malformed, 1);
		return ARB_DROP;
	}
	if (!session_ours(a, h, seq, f->heard_ns))
		return ARB_DROP;
	if (!plausible(a, seq, data ? seq + cnt : seq)) {
		metric_add(&line->metrics.packet_implausible, 1);
		return ARB_DROP;
	}
	hear_line(a, f->line_idx, f->heard_ns, seq, data ? seq + cnt : seq);
	if (!data)
		return on_heartbeat(a, f, seq, cnt == MOLD_END_OF_SESSION_CNT);
	return on_data(a, f, seq, cnt, out);
}

/* Takes the kept packet with the lowest number. */
static struct arb_held *
take_first(struct arb *a)
{
	const uint16_t place = a->order[0];

	a->held_cnt--;
	for (uint32_t i = 0; i < a->held_cnt; i++)
		a->order[i] = a->order[i + 1];
	a->unused[a->held_max - 1 - a->held_cnt] = place;
	metric_set(&a->metrics.packet_held_now, a->held_cnt);
	return &a->held[place];
}

/* Gives the kept packet whose turn has come, if there is one. */
static bool
next_held(struct arb *a, struct datagram *out)
{
	struct arb_held *h;

	if (a->held_cnt == 0 || a->held[a->order[0]].d.seq > a->expected_seq)
		return false;
	h = take_first(a);
	*out = h->d;
	if (h->end_seq <= a->expected_seq) {
		if (h->end_seq != 0)
			metric_add(&a->line[out->line_idx].metrics.message_duplicate, out->msg_cnt);
		out->msg_cnt = 0;
		out->len = 0;
		return true;
	}
	if (out->seq < a->expected_seq)
		skip_messages(a, out, a->expected_seq - out->seq);
	arb_account(a, &a->line[out->line_idx], out->seq, out->msg_cnt, out->head.rx_ns);
	out->flags = take_flags(a);
	return true;
}

/* When the first message beyond the gap became known. */
static uint64_t
gap_found_ns(const struct arb *a)
{
	uint64_t first_ns = a->high_ns;

	for (uint32_t i = 0; i < a->held_cnt; i++) {
		const uint64_t ns = a->held[a->order[i]].heard_ns;

		if (ns < first_ns)
			first_ns = ns;
	}
	return first_ns;
}

/*
 * Opens, closes or gives up the gap at expected_seq; no kept packet's turn has come.  True when a
 * gap was given up, so that something else may be deliverable now.
 */
static bool
settle_gap(struct arb *a, uint64_t now_ns)
{
	const bool full = a->held_cnt == a->held_max;
	uint64_t from_seq, to_seq;

	if (a->gap_open && a->expected_seq >= a->gap_to_seq) {
		a->gap_open = false;
		metric_add(&a->metrics.gap_filled, 1);
		metric_add(&a->metrics.gap_ns, now_ns - a->gap_ns);
		event_put(a->events, EVENT_GAP_CLOSED, a->feed_idx, a->gap_from_seq,
			  now_ns - a->gap_ns);
	}
	if (!arb_gap(a, &from_seq, &to_seq))
		return false;
	if (!a->gap_open) {
		a->gap_open = true;
		a->gap_ns = gap_found_ns(a);
		a->gap_from_seq = from_seq;
		metric_add(&a->metrics.gap_opened, 1);
		a->gap_to_seq = to_seq;
		event_put(a->events, EVENT_GAP_OPENED, a->feed_idx, from_seq, to_seq - 1);
	}
	if (to_seq < a->gap_to_seq)
		a->gap_to_seq = to_seq;
	to_seq = a->gap_to_seq; // what was found missing later has its own time to wait
	if (!full && (int64_t)(now_ns - a->gap_ns) < (int64_t)a->gap_wait_ns)
		return false;
	metric_add(&a->metrics.gap_lost, 1);
	if (full)
		metric_add(&a->metrics.gap_lost_by_overflow, 1);
	metric_add(&a->metrics.message_lost, to_seq - from_seq);
	metric_add(&a->metrics.gap_ns, now_ns - a->gap_ns);
	event_put(a->events, EVENT_GAP_GIVEN_UP, a->feed_idx, from_seq, to_seq - 1,
		  now_ns - a->gap_ns);
	a->expected_seq = to_seq;
	a->gap_open = false;
	if (!(a->flags & DATAGRAM_GAP)) {
		a->lost_from_seq = from_seq;
		a->lost_since_ns = a->gap_ns;
	}
	a->flags |= DATAGRAM_GAP;
	return true;
}

/* Looks at the time each line and the feed was last heard, and says when to look again. */
static void
check_silence(struct arb *a, uint64_t now_ns)
{
	uint64_t due_ns = now_ns + a->silence_ns;

	for (unsigned i = 0; i < a->line_cnt; i++) {
		struct arb_line *line = &a->line[i];

		metric_set(&line->metrics.next_seq, line->next_seq);
		if (line->silent)
			continue;
		if ((int64_t)(now_ns - line->heard_ns) >= (int64_t)a->silence_ns) {
			line->silent = true;
			metric_set(&line->metrics.heard, 0);
			metric_add(&line->metrics.silenced, 1);
			event_put(a->events, EVENT_LINE_SILENT, a->feed_idx, i,
				  now_ns - line->heard_ns);
		} else if (line->heard_ns + a->silence_ns < due_ns) {
			due_ns = line->heard_ns + a->silence_ns;
		}
	}
	if (a->adopted && !a->ended && !a->silent) {
		if ((int64_t)(now_ns - a->heard_ns) >= (int64_t)a->silence_ns) {
			a->silent = true;
			a->flags &= (uint16_t)~DATAGRAM_HEARD;
			a->flags |= DATAGRAM_SILENT;
			metric_add(&a->metrics.feed_silenced, 1);
			event_put(a->events, EVENT_FEED_SILENT, a->feed_idx, now_ns - a->heard_ns);
		} else if (a->heard_ns + a->silence_ns < due_ns) {
			due_ns = a->heard_ns + a->silence_ns;
		}
	}
	a->line_check_ns = due_ns;
}

void
arb_line_down(struct arb *a, uint8_t line_idx, uint64_t now_ns)
{
	const uint64_t long_ago_ns = now_ns - a->silence_ns;
	bool heard = false;

	a->line[line_idx].heard_ns = long_ago_ns;
	for (unsigned i = 0; i < a->line_cnt; i++)
		heard |= !a->line[i].silent &&
			 (int64_t)(now_ns - a->line[i].heard_ns) < (int64_t)a->silence_ns;
	if (!heard)
		a->heard_ns = long_ago_ns;
	a->line_check_ns = now_ns;
}

bool
arb_next_slow(struct arb *a, uint64_t now_ns, struct datagram *out)
{
	uint16_t told;

	do {
		if (next_held(a, out))
			return true;
	} while (settle_gap(a, now_ns));
	metric_set(&a->metrics.expected_seq, a->adopted ? a->expected_seq : 0);
	if (a->end_known && !a->ended && a->expected_seq >= a->end_seq) {
		a->ended = true;
		a->flags |= DATAGRAM_END;
		metric_add(&a->metrics.session_ended, 1);
		say_session(a, EVENT_MD_SESSION_ENDED, a->session, a->end_seq - 1);
	}
	if (now_ns >= a->line_check_ns)
		check_silence(a, now_ns);
	told = take_flags(a);
	a->busy = a->held_cnt != 0 || a->gap_open || a->flags != 0;
	if (told == 0)
		return false;
	*out = (struct datagram){
		.head = { .instr_idx = INSTR_NONE, .feed_idx = a->feed_idx, .rx_ns = now_ns },
		.seq = a->expected_seq,
		.flags = told,
	};
	return true;
}
