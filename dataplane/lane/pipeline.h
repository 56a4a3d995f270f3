/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_PIPELINE_H
#define SLUICE_LANE_PIPELINE_H

#include "base/must.h"
#include "lane/housekeeping.h"
#include "lane/lane.h"
#include "lane/tx_stamp.h"
#include "port/port_trace.h"

/*
 * The data's way, one give_<message>() per hop.  Each calls the next stage when this lane holds it,
 * and puts the message on a ring when another lane does.  turn.c is compiled once per set of stages
 * with HERE as a constant, so each lane keeps one half of each function and no branch.
 *
 * A message is taken only when what it becomes has a way: <message>_has_way() asks the rings ahead.
 */

static inline bool
here_holds(enum stage stage)
{
	return holds(HERE, stage);
}

/* A stage is done with a message: when it is a sampled one, the time since the stage before. */
static inline void
stamp(struct lane *l, struct trace *t, enum latency_id id)
{
	if (unlikely(t->stage_ticks != 0))
		slow_stage(l, t, id, clock_tsc());
}

/* A message leaves for another lane: what its stages took here is told, when it is a sampled one.
 */
static inline void
stamp_leaves(struct lane *l, const struct trace *t)
{
	if (unlikely(t->stage_ticks != 0))
		slow_pass_on(l, t);
}

static inline bool
rings_have_room(struct ring *const *ring, uint32_t ring_cnt, uint32_t want)
{
	for (uint32_t i = 0; i < ring_cnt; i++)
		if (unlikely(!ring_room(ring[i], want)))
			return false;
	return true;
}

static_assert(offsetof(struct journal_slot, instr_idx) == offsetof(struct msg_head, instr_idx) &&
		      offsetof(struct journal_slot, feed_seq) ==
			      offsetof(struct msg_head, trace.feed_seq) &&
		      offsetof(struct journal_slot, rx_ns) == offsetof(struct msg_head, rx_ns),
	      "a journal slot begins as a message does");

/* What became of an order, for the audit journal. */
static inline void
journal_update(struct lane *l, const struct session *s, uint32_t token, const struct update *u)
{
	struct journal_slot slot;

	if (l->journal == NULL)
		return;
	memcpy(&slot, u, sizeof(slot));
	slot.source_idx = s->idx;
	slot.kind = JOURNAL_UPDATE;
	slot.ns = l->now_ns;
	slot.arg = token;
	slot.feed_seq = 0;
	journal_put(l->journal, &slot);
}

/*
 * ---- the way back: orders -> risk, orders -> strategy, risk -> strategy ----
 *
 * None of these messages needs room further on.
 */

static inline void
give_fill(struct lane *l, const struct fill *m)
{
	if (here_holds(RISK))
		risk_on_fill(l->risk, m);
	else
		ring_put(l->fill_out, m);
}

/* A strategy may live in this lane or in another; the table knows. */
static inline void
give_update(struct lane *l, const struct update *m)
{
	if (unlikely(m->strategy_idx >= STRATEGY_MAX))
		return; // STRATEGY_NONE: an earlier process's order
	if (here_holds(STRATEGY) && l->strategy[m->strategy_idx] != NULL)
		strategy_on_update(l->strategy[m->strategy_idx], m);
	else if (l->update_out[m->strategy_idx] != NULL)
		ring_put(l->update_out[m->strategy_idx], m);
}

static inline void
give_verdict(struct lane *l, const struct verdict *m)
{
	if (here_holds(STRATEGY) && l->strategy[m->strategy_idx] != NULL)
		strategy_on_verdict(l->strategy[m->strategy_idx], m);
	else if (l->verdict_out[m->strategy_idx] != NULL)
		ring_put(l->verdict_out[m->strategy_idx], m);
}

/* Whether want reports or orders can each become a fill and an update. */
static inline bool
fill_has_way(struct lane *l, uint32_t want)
{
	if (!here_holds(RISK) && unlikely(!ring_room(l->fill_out, want)))
		return false;
	return rings_have_room(l->update_ring, l->update_ring_cnt, want);
}

/*
 * ---- the way out: strategy -> risk -> orders -> encode -> tcp ----
 */

/* What a session gives back for one order or report; token: whose, 0: not known. */
static inline void
give_back(struct lane *l, const struct session *s, uint32_t token, unsigned said,
	  const struct fill *fill, const struct update *update)
{
	if (said & ORDERS_UPDATE)
		journal_update(l, s, token, update);
	if (said & ORDERS_FILL)
		give_fill(l, fill);
	if (said & ORDERS_UPDATE)
		give_update(l, update);
}

/*
 * A request that could not be sent after all is answered as if the venue had refused it.  Only an
 * empty buffer pool or a window that closed under a cancel leads here.
 */
COLD static unsigned
unsent(struct lane *l, struct session *s, const struct venue_request *q, struct fill *fill,
       struct update *update)
{
	const struct report refused = {
		.type = q->kind == INTENT_CANCEL ? REPORT_CANCEL_REJECTED : REPORT_REJECTED,
		.reject_code = ORDERS_REFUSED_SESSION_DOWN,
		.instr_idx = q->instr_idx,
		.token = q->token,
		.rx_ns = l->now_ns,
	};

	metric_add(&l->metrics.order_refused, 1);
	return orders_on_report(&s->orders, &refused, fill, update);
}

/* Whether every order that was sent before in the turn leaves by that port. */
static inline bool
all_leave_by(const struct lane *l, const struct lane_port *p)
{
	for (uint32_t i = 0; i < l->sent_cnt; i++)
		if (l->sent[i].session->port != p)
			return false;
	return true;
}

/*
 * risk -> orders -> encode -> tcp.  The frame leaves at the end of the turn, or at once when
 * nothing more comes of its cause.  An order that the connection cannot take at once is given back:
 * later it would be older than its decision.
 */
HOT_APART static void
give_order(struct lane *l, struct order *m)
{
	struct session *s;
	struct venue_request request;
	struct update update;
	struct fill fill;
	unsigned said;

	PORT_TRACE(order, m->head.instr_idx, m->session_idx, m->intent_id, m->head.trace.rx_tsc);
	if (!here_holds(ORDERS)) {
		must(l->order_out[m->session_idx] != NULL, EVENT_MUST_INDEX, m->session_idx,
		     SESSION_MAX);
		stamp_leaves(l, &m->head.trace);
		ring_put(l->order_out[m->session_idx], m);
		return;
	}
	s = l->session[m->session_idx];
	must(s != NULL, EVENT_MUST_INDEX, m->session_idx, SESSION_MAX);
	must(l->sent_cnt < LANE_SENT_MAX, EVENT_MUST_INDEX, l->sent_cnt, LANE_SENT_MAX);
	if (unlikely(halt_is_on() && !intent_takes_away(m->kind))) { // it passed risk before
		metric_add(&l->metrics.order_refused, 1);
		said = orders_refuse(&s->orders, m, ORDERS_REFUSED_HALTED, &fill, &update);
		give_back(l, s, 0, said, &fill, &update);
		return;
	}
	if (unlikely(m->kind != INTENT_CANCEL && !session_is_open(s))) {
		metric_add(&l->metrics.order_refused, 1);
		said = orders_refuse(&s->orders, m, ORDERS_REFUSED_SESSION_DOWN, &fill, &update);
		give_back(l, s, 0, said, &fill, &update);
		return;
	}
	if (unlikely(!session_may_send(s, m->kind, l->now_ns))) {
		said = orders_refuse(&s->orders, m, ORDERS_REFUSED_THROTTLE, &fill, &update);
		give_back(l, s, 0, said, &fill, &update);
		return;
	}
	said = orders_ask(&s->orders, m, &request, &fill, &update);
	stamp(l, &m->head.trace, LATENCY_ORDERS);
	if (likely(said & ORDERS_SEND)) {
		enum session_send sent;

		request.intent_id = m->kind == INTENT_NEW ? m->intent_id : m->orig_id;
		request.feed_seq = m->head.trace.feed_seq;
		request.strategy_idx = m->strategy_idx;
		request.rx_ns = m->head.rx_ns;
		sent = session_send(s, &request, l->now_ns);
		if (likely(sent == SESSION_SENT)) {
			stamp(l, &m->head.trace, LATENCY_SEND);
			if (unlikely(s->port->tx.stamp != NULL))
				tx_stamp_ask(l, &s->port->tx, m);
			if (likely(l->last_wish) && likely(all_leave_by(l, s->port))) {
				port_tx_flush(&s->port->tx);
				l->flushed_tsc = clock_tsc();
			}
		}
		// none of this is asked for before an answer comes, or the next order
		orders_enter(&s->orders, m, request.token);
		switch (sent) {
		case SESSION_SENT:
			session_on_sent(s, l->now_ns);
			l->sent[l->sent_cnt++] =
				(struct lane_sent){ .rx_tsc = m->head.trace.rx_tsc,
						    .session = s,
						    .token = request.token,
						    .feed_seq = request.feed_seq,
						    .strategy_idx = m->strategy_idx,
						    .rx_ns = m->head.rx_ns };
			break;
		case SESSION_QUEUED:
			metric_add(&l->metrics.order_queued, 1);
			break;
		case SESSION_REFUSED:
			said |= unsent(l, s, &request, &fill, &update);
			break;
		}
	}
	give_back(l, s, said & ORDERS_SEND ? request.token : 0, said, &fill, &update);
}

static inline bool
order_has_way(struct lane *l, uint32_t want)
{
	if (here_holds(ORDERS))
		return fill_has_way(l, want);
	return rings_have_room(l->order_ring, l->order_ring_cnt, want);
}

/* strategy -> risk */
HOT_APART static void
give_intent(struct lane *l, const struct intent *m)
{
	struct verdict verdict;
	struct order order;
	bool pass;

	PORT_TRACE(intent, m->head.instr_idx, m->strategy_idx, m->intent_id, m->head.trace.rx_tsc);
	if (!here_holds(RISK)) {
		stamp_leaves(l, &m->head.trace);
		ring_put(l->intent_out, m);
		return;
	}
	l->risk->now_ns = l->now_ns;
	pass = risk_decide(l->risk, l->limits, m, &order, &verdict);
	journal_message(l->journal, JOURNAL_INTENT, m, 0, l->now_ns);
	if (likely(pass)) {
		journal_message(l->journal, JOURNAL_ORDER, &order, 0, l->now_ns);
		stamp(l, &order.head.trace, LATENCY_RISK);
		give_order(l, &order);
	} else {
		journal_message(l->journal, JOURNAL_VERDICT, &verdict, l->limits->version,
				l->now_ns);
		give_verdict(l, &verdict);
	}
}

/* Each intent becomes an order or a verdict. */
static inline bool
intent_has_way(struct lane *l, uint32_t want)
{
	if (!here_holds(RISK))
		return ring_room(l->intent_out, want);
	return order_has_way(l, want) &&
	       rings_have_room(l->verdict_ring, l->verdict_ring_cnt, want);
}

/*
 * ---- the way in: rx -> arb -> parse -> book -> strategy, and book -> risk ----
 */

/* book -> risk */
static inline void
give_mark(struct lane *l, const struct mark *m)
{
	if (here_holds(RISK))
		risk_on_mark(l->risk, m);
	else
		ring_put(l->mark_out, m);
}

/* book -> strategy */
static inline void
give_bbo(struct lane *l, struct bbo *m)
{
	struct intent intent[STRATEGY_MOST];

	PORT_TRACE(bbo, m->head.instr_idx, m->head.trace.feed_seq, m->head.trace.rx_tsc);
	if (!here_holds(STRATEGY)) {
		const uint16_t wanted = l->bbo_wanted[m->head.instr_idx];

		stamp_leaves(l, &m->head.trace);
		for (uint32_t i = 0; i < l->bbo_out_cnt; i++)
			if (wanted >> i & 1)
				ring_put(l->bbo_out[i], m);
		return;
	}
	for (uint32_t i = 0; i < l->strategy_cnt; i++) {
		const uint32_t cnt = strategy_on_bbo(l->strategy_here[i], m, intent);

		for (uint32_t k = 0; k < cnt; k++) {
			intent[k].head.trace = m->head.trace;
			stamp(l, &intent[k].head.trace, LATENCY_STRATEGY);
			l->last_wish = k + 1 == cnt && i + 1u == l->strategy_cnt;
			give_intent(l, &intent[k]);
		}
	}
	l->last_wish = false; // nobody else knows that it is the last
}

/* What strategies wish without a new best price; housekeeping asked. */
static inline uint32_t
give_overdue(struct lane *l)
{
	struct intent intent[STRATEGY_MOST];
	uint32_t work = 0;

	for (uint32_t i = 0; i < l->strategy_cnt; i++) {
		const uint32_t cnt = strategy_on_time(l->strategy_here[i], l->now_ns, intent);

		for (uint32_t k = 0; k < cnt; k++)
			give_intent(l, &intent[k]);
		work += cnt;
	}
	return work;
}

static inline bool
bbo_has_way(struct lane *l, uint32_t want)
{
	if (!here_holds(STRATEGY))
		return rings_have_room(l->bbo_out, l->bbo_out_cnt, want);
	return intent_has_way(l, want * l->strategy_cnt * STRATEGY_MOST);
}

/* What the book said goes out: risk learns of a change before any strategy does. */
static inline void
give_book(struct lane *l, unsigned said, struct bbo *bbo, struct mark *mark, struct datagram *cause)
{
	if (said & BOOK_MARK) {
		mark->head.trace = (struct trace){ .feed_seq = cause->head.trace.feed_seq };
		mark->head.rx_ns = cause->head.rx_ns;
		give_mark(l, mark);
	}
	if (said & BOOK_BBO) {
		bbo->head.trace = cause->head.trace;
		bbo->head.rx_ns = cause->head.rx_ns;
		give_bbo(l, bbo);
		if (unlikely(cause->head.trace.stage_ticks != 0)) // parse begins anew
			trace_stage_done(&cause->head.trace, clock_tsc());
	}
}

/* One message can become one mark and one bbo. */
static inline bool
md_has_way(struct lane *l)
{
	if (!here_holds(RISK) && unlikely(!ring_room(l->mark_out, 1)))
		return false;
	return bbo_has_way(l, 1);
}

/* Parse is through with the datagram in hand, and nobody has looked for the one after it yet. */
static inline bool
lane_wants_next(const struct lane *l)
{
	return md_walk_wants_next(&l->walk) && l->next_wanted;
}

/* A datagram is taken in hand; parse may be some messages into it already. */
static inline void
take_datagram(struct lane *l, const struct datagram *m, bool appended)
{
	struct book *book = l->book[m->head.feed_idx];

	if (likely(m->head.rx_ns > book->now_ns))
		book->now_ns = m->head.rx_ns;
	if (m != &l->datagram)
		l->datagram = *m;
	l->datagram.head.trace.feed_seq = (uint32_t)m->seq; // until a message says more
	l->walking = true;
	l->next_wanted = !here_holds(RX) || l->rx_next < l->rx_cnt;
	if (unlikely(m->flags != 0))
		parse_on_datagram_flags(l->parse[m->head.feed_idx], m->flags);
	if (appended)
		md_walk_cross(&l->walk);
	else
		md_walk_start(&l->walk, &l->datagram);
	l->book_walking = unlikely(m->flags != 0 || book_wants_flags(book)) &&
			  book_on_datagram_flags(book, m->flags) != 0;
	if (likely(m->seq + m->msg_cnt > book->next_seq && !(m->flags & DATAGRAM_SNAPSHOT)))
		book->next_seq = m->seq + m->msg_cnt; // a new session began at 0 above
}

/* The datagram after the one in hand: parse may go on with it. */
static inline void
take_next_datagram(struct lane *l, const struct datagram *m)
{
	const uint32_t feed = m->head.feed_idx;

	must(!l->next_known, EVENT_MUST_INDEX, feed, FEED_MAX);
	if (m != &l->next)
		l->next = *m;
	l->next_known = true;
	if (likely(m->flags == 0 && l->datagram.head.feed_idx == feed) &&
	    !book_wants_flags(l->book[feed]))
		md_walk_append(&l->walk, m, l->parse[feed], l->book[feed]);
}

static inline void
take_known_datagram(struct lane *l)
{
	l->next_known = false;
	take_datagram(l, &l->next, l->walk.seam != MD_NO_SEAM);
}

/*
 * The next frame, a step with each message of this one: all of it at once would stand in the way of
 * what the books ask for.  Its bytes come near some lines ahead of where its packet is walked.
 */
HOT_INLINE void
walk_look_at_next(struct lane *l)
{
	mold_ahead_step(&l->ahead);
	__builtin_prefetch((const void *)((uintptr_t)l->walk.walk.at + l->to_next));
}

#define WALK_END UINT32_MAX

/*
 * Messages of the datagram in hand until one has something to tell, the next datagram is wanted, or
 * (WALK_END) there is none left.  The others put nothing on any ring, so there is room for one as
 * long as there was before them.
 */
HOT_INLINE unsigned
walk_quiet(struct lane *l, struct parse *parse, struct book *book, struct bbo *bbo,
	   struct mark *mark)
{
	struct datagram *d = &l->datagram;
	unsigned said;

	do {
		const struct md *md = md_walk_next(&l->walk, parse, book);

		if (unlikely(md == NULL))
			return WALK_END;
		if (here_holds(RX))
			walk_look_at_next(l);
		stamp(l, &d->head.trace, LATENCY_PARSE);
		// what comes of it names it
		d->head.trace.feed_seq = (uint32_t)md->seq;
		said = book_on_md_as(book, md, !md_walk_has_more(&l->walk), bbo, mark);
		stamp(l, &d->head.trace, LATENCY_BOOK);
		if (unlikely(d->head.trace.stage_ticks != 0) && (said & BOOK_BBO))
			slow_feed_age(l, d->head.feed_idx, d->head.rx_ns);
	} while ((said & (BOOK_BBO | BOOK_MARK | BOOK_ALL)) == 0 && likely(!lane_wants_next(l)));
	return said;
}

/*
 * Walks the datagram in hand: parse -> book -> and on.  Stops early when a ring ahead is full or an
 * order waits to be sent, and goes on in a later turn.  Returns 0 when it did not come any further.
 */
static inline uint32_t
walk_datagram(struct lane *l)
{
	struct datagram *d = &l->datagram;
	struct parse *parse = l->parse[d->head.feed_idx];
	struct book *book = l->book[d->head.feed_idx];
	uint32_t work = 0;
	struct mark mark;
	struct bbo bbo;

	while (l->sent_cnt == 0 && md_has_way(l)) {
		unsigned said;

		if (unlikely(lane_wants_next(l)))
			return 0;
		work = 1;
		if (unlikely(l->book_walking)) {
			said = book_next(book, &bbo, &mark);
			l->book_walking = said != 0;
			if (said == BOOK_ALL) // a slice of long work: the rest of the turn first
				return 1;
		} else {
			said = walk_quiet(l, parse, book, &bbo, &mark);
			if (unlikely(said == WALK_END)) {
				if (d->buf != NULL)
					port_buf_free(d->buf);
				l->walking = false;
				return 1;
			}
			l->book_walking = (said & BOOK_ALL) != 0;
		}
		if (said & (BOOK_BBO | BOOK_MARK))
			give_book(l, said, &bbo, &mark, d);
	}
	metric_add(&l->metrics.room_missing, l->sent_cnt == 0);
	return work;
}

/*
 * arb -> parse.  In this lane the datagram is taken in hand, and the turn walks it; other lanes get
 * a copy each, and the buffer one owner each.
 */
static inline void
give_datagram(struct lane *l, const struct datagram *m)
{
	const uint32_t feed = m->head.feed_idx;
	uint32_t cnt;

	PORT_TRACE(datagram, m->head.feed_idx, m->seq, m->head.trace.rx_tsc);
	if (here_holds(PARSE)) {
		if (unlikely(l->walking))
			take_next_datagram(l, m);
		else
			take_datagram(l, m, false);
		return;
	}
	stamp_leaves(l, &m->head.trace);
	cnt = l->datagram_out_cnt[feed];
	if (unlikely(cnt > 1) && m->buf != NULL)
		port_buf_share(m->buf, (int16_t)(cnt - 1));
	for (uint32_t i = 0; i < cnt; i++)
		ring_put(l->datagram_out[feed][i], m);
}

static inline bool
datagram_has_way(struct lane *l, uint32_t feed_idx)
{
	if (here_holds(PARSE))
		return !l->walking;
	return rings_have_room(l->datagram_out[feed_idx], l->datagram_out_cnt[feed_idx], 1);
}

/*
 * arb -> parse, or to recovery while that waits for messages before these.  A feed in which nothing
 * is missing pays one branch.  The caller has asked datagram_has_way.
 */
static inline void
give_arbitrated(struct lane *l, struct datagram *m)
{
	const uint32_t bit = LANE_RECOVERY_BIT(m->head.feed_idx);

	if (unlikely(((l->recovery_busy & bit) | m->flags) != 0) && lane_recovery_takes(l, m))
		return;
	give_datagram(l, m);
}

/* rx -> arb: always the same lane.  The caller has asked datagram_has_way. */
HOT_INLINE void
give_frame(struct lane *l, const struct frame *m)
{
	struct arb *arb = l->arb[m->head.feed_idx];
	struct datagram here, *d = &here;

	must(arb != NULL, EVENT_MUST_INDEX, m->head.feed_idx, FEED_MAX);
	if (here_holds(PARSE)) // where it will be walked, not copied there
		d = unlikely(l->walking) ? &l->next : &l->datagram;
	switch (arb_on_frame(arb, m, here_holds(PARSE) ? &l->ahead : NULL, d)) {
	case ARB_DELIVER:
		stamp(l, &d->head.trace, LATENCY_ARB);
		give_arbitrated(l, d);
		break;
	case ARB_DROP:
		port_buf_free(m->buf);
		break;
	case ARB_KEPT:
		break;
	}
}

#endif
