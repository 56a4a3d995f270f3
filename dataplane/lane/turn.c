/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/turn.h"

/*
 * Compiled once for each set of stages in lanes.def, with HERE_LANE as its name: HERE is a
 * constant, and the same code is a fused lane or one of several.
 */
#define TURN_JOIN(a, b) a##b
#define TURN_NAME(a, b) TURN_JOIN(a, b)
enum {
	HERE = TURN_NAME(LANE_SET_, HERE_LANE),
};

#include "lane/housekeeping.h"
#include "lane/pipeline.h"
#include "lane/rehearsal.h"

/*
 * One turn of a lane.  The lane decides when, the stages decide what: no stage polls, waits or
 * looks at a ring.  The way back goes first.  A turn stops taking when an order was written, so
 * that it leaves before the rest of the burst is looked at; everything interrupted resumes in the
 * next turn.
 *
 * The clock is read at most twice: after a burst arrived, and after one was sent.  Besides, each
 * stage stamps a sampled trigger.
 */
enum {
	TURN_CANCELS_MAX = 8, // of a cancel-all in one turn: the rest of the lane's work goes on
};

/* Takes up to burst messages of one kind from every ring that brings them, while cond holds. */
#define TURN_DRAIN(type, cond, then)                                                          \
	do {                                                                                  \
		for (uint32_t r_ = 0; r_ < l->in_cnt[HOP_##type]; r_++) {                     \
			struct type m;                                                        \
                                                                                              \
			for (uint32_t n_ = 0;                                                 \
			     n_ < l->burst && (cond) && ring_take(l->in[HOP_##type][r_], &m); \
			     n_++) {                                                          \
				then;                                                         \
				work++;                                                       \
			}                                                                     \
		}                                                                             \
	} while (0)

/* The order that was being timed has its first answer. */
static inline void
turn_answered(struct lane *l, struct session *s)
{
	const uint64_t cycles = l->now_tsc - s->ack_sent_tsc;

	record_time(l, l->latency[LATENCY_ORDER_TO_ACK], cycles);
	record_time(l, l->ack_of_session[s->idx], cycles);
	if (unlikely(s->ack_late_cycles != 0 && cycles > s->ack_late_cycles) &&
	    s->ack_token != s->ack_late_told)
		metric_add(&s->metrics.ack_late, 1);
	s->ack_token = 0;
}

/* What the venue answered: report -> orders -> fill, update. */
static uint32_t
turn_reports(struct lane *l, struct session *s)
{
	struct update update;
	struct report report;
	struct fill fill;
	uint32_t work = 0;
	unsigned said;

	while (fill_has_way(l, 1)) {
		if (!session_next_report(s, &report, l->now_ns))
			return work;
		if (unlikely(report.token == s->ack_token))
			turn_answered(l, s);
		said = orders_on_report(&s->orders, &report, &fill, &update);
		if (said & ORDERS_FILL && fill.executed_qty != 0) {
			if (unlikely(fill.strategy_idx == STRATEGY_NONE))
				session_book(s, report.token, &fill);
			if (s->drop != NULL)
				drop_session_on_own(s->drop, &report, &fill, l->now_ns);
		}
		give_back(l, s, report.token, said, &fill, &update);
		session_after_report(s, l->now_ns);
		work++;
	}
	s->wants_turn = true; // the rest when there is room
	return work;
}

/* Sessions that had more to say than there was room for, or that were cut or told to cancel. */
static uint32_t
turn_sessions(struct lane *l)
{
	uint32_t work = 0;

	for (uint32_t i = 0; i < l->session_cnt; i++) {
		struct session *s = l->session_here[i];
		struct update update;
		struct order cancel;
		struct fill fill;
		unsigned said = 1;

		if (likely(!s->wants_turn))
			continue;
		s->wants_turn = false;
		while (said != 0 && fill_has_way(l, 1)) {
			said = orders_next(&s->orders, &fill, &update);
			give_back(l, s, 0, said, &fill, &update);
			work += said != 0;
		}
		if (said != 0) {
			s->wants_turn = true;
			continue;
		}
		work += turn_reports(l, s);
		while (l->sent_cnt < TURN_CANCELS_MAX && fill_has_way(l, 1) &&
		       throttle_allows(&s->throttle, true, l->now_ns) &&
		       session_next_cancel(s, &cancel)) {
			give_order(l, &cancel);
			work++;
		}
		s->wants_turn |= s->cancel_all || s->cancel_token != 0;
	}
	return work;
}

/* A frame for a port's own address: ARP, ICMP, IGMP here, TCP to its session. */
static uint32_t
turn_host_frame(struct lane *l, uint8_t port_idx, const uint8_t *data, uint16_t len, bool csum_ok)
{
	struct session *s = lane_host_frame(l, port_idx, data, len, csum_ok);

	return s != NULL && here_holds(TCP) ? turn_reports(l, s) : 0;
}

/* The way back, and rings that bring it. */
static inline uint32_t
turn_back(struct lane *l)
{
	uint32_t work = 0;

	if (here_holds(TCP) || here_holds(RX))
		l->net_busy = false;
	if (here_holds(TCP)) {
		work += turn_sessions(l);
		TURN_DRAIN(frame, true, {
			turn_host_frame(l, m.port_idx, m.data, m.len, false);
			port_buf_free(m.buf);
		});
	}
	if (here_holds(RISK)) {
		TURN_DRAIN(fill, true, risk_on_fill(l->risk, &m));
		TURN_DRAIN(mark, true, risk_on_mark(l->risk, &m));
	}
	if (here_holds(STRATEGY)) {
		TURN_DRAIN(update, true, give_update(l, &m));
		TURN_DRAIN(verdict, true, give_verdict(l, &m));
	}
	return work;
}

/* What the next intents of a ring will need comes near while this one is judged. */
static inline void
turn_look_ahead(struct lane *l, const struct ring *r)
{
	const struct intent *in;

	if ((in = ring_ahead(r, 2)) != NULL)
		risk_look_above(l->risk, in);
	if ((in = ring_ahead(r, 4)) != NULL)
		risk_look_at_cell(l->risk, in);
	if ((in = ring_ahead(r, 7)) != NULL)
		risk_look_at_instr(l->risk, in);
}

/* Rings that bring decisions on their way out. */
static inline uint32_t
turn_out(struct lane *l)
{
	uint32_t work = 0;

	if (here_holds(ORDERS) && !here_holds(RISK))
		TURN_DRAIN(order, fill_has_way(l, 1), {
			stamp(l, &m.head.trace, LATENCY_HOP_ORDER);
			give_order(l, &m);
		});
	if (here_holds(RISK))
		TURN_DRAIN(intent, intent_has_way(l, 1), {
			turn_look_ahead(l, l->in[HOP_intent][r_]);
			stamp(l, &m.head.trace, LATENCY_HOP_INTENT);
			give_intent(l, &m);
		});
	if (here_holds(STRATEGY) && unlikely(l->strategies_due) &&
	    intent_has_way(l, l->strategy_cnt * STRATEGY_MOST)) {
		l->strategies_due = false;
		work += give_overdue(l);
	}
	if (here_holds(STRATEGY) && !here_holds(BOOK))
		TURN_DRAIN(bbo, bbo_has_way(l, 1), {
			stamp(l, &m.head.trace, LATENCY_HOP_BBO);
			give_bbo(l, &m);
		});
	return work;
}

/*
 * How many triggers until the next one that is stamped: sample_every on average, at random, because
 * lines A and B alternate and a fixed step would meet the same one for ever.
 */
static COLD uint32_t
next_sample(struct lane *l)
{
	l->sample_rng = l->sample_rng * 1664525 + 1013904223; // Numerical Recipes' LCG
	return 1 + (uint32_t)((uint64_t)l->sample_rng * (2 * l->sample_every - 1) >> 32);
}

/*
 * When the device says the frame arrived.  A stamp from the future or too old to be true is
 * replaced by the lane's clock, and counted.
 */
static inline uint64_t
turn_stamp(struct lane *l, const struct port_rx *q, const void *buf)
{
	const uint64_t ns = port_buf_stamp_ns(q, buf);

	if (unlikely(l->now_ns - ns > q->stamp.plausible_ns)) {
		metric_add(&l->metrics.stamp_implausible, 1);
		return l->now_ns;
	}
	metric_add(&l->metrics.stamp_used, 1);
	return ns;
}

/*
 * A trigger arrived: tick-to-trade begins when its burst did, whatever was done with the frames
 * before it since.  One in sample_every is stamped by each stage.
 */
static inline void
turn_trace(struct lane *l, struct msg_head *head)
{
	head->trace = (struct trace){ .rx_tsc = l->slow.burst_tsc };
	if (unlikely(l->sample_every != 0 && --l->sample_left == 0)) {
		l->sample_left = next_sample(l);
		trace_stage_done(&head->trace, head->trace.rx_tsc);
	}
}

/* One recovered datagram; false when there is none, or the turn has had its share. */
static inline bool
turn_recovery(struct lane *l, uint32_t feed_idx)
{
	struct datagram d;

	if (l->recovered_cnt == LANE_RECOVERED_MAX || !lane_recovery_next(l, feed_idx, &d)) {
		l->arb_ready &= ~LANE_RECOVERY_BIT(feed_idx);
		return false;
	}
	l->recovered_cnt++;
	give_datagram(l, &d);
	return true;
}

/* Whatever recovery and the arbiters have ready, one datagram; false when they have none. */
static inline bool
turn_arb(struct lane *l)
{
	const uint32_t bit = (uint32_t)__builtin_ctz(l->arb_ready);
	const uint32_t feed_idx = bit - FEED_MAX;
	struct datagram d;

	if (unlikely(bit < FEED_MAX))
		return turn_recovery(l, bit);
	if (!arb_next(l->arb[feed_idx], l->now_ns, &d)) {
		l->arb_ready &= l->arb_ready - 1;
		return false;
	}
	if (d.msg_cnt == 0 && d.flags == 0)
		port_buf_free(d.buf);
	else
		give_arbitrated(l, &d);
	return true;
}

/* The next datagram that another lane sends; false when there is none. */
static inline bool
turn_datagram(struct lane *l)
{
	struct datagram m;

	for (uint32_t r = 0; r < l->in_cnt[HOP_datagram]; r++)
		if (ring_take(l->in[HOP_datagram][r], &m)) {
			stamp(l, &m.head.trace, LATENCY_HOP_DATAGRAM);
			give_datagram(l, &m);
			return true;
		}
	return false;
}

/* Market data, as far as this lane goes. */
HOT_INLINE void
turn_market_data(struct lane *l, const struct lane_rxq *q, void *buf, struct frame *f)
{
	f->buf = buf;
	f->heard_ns = l->now_ns;
	f->head.rx_ns = l->now_ns;
	if (unlikely(port_buf_stamped(&q->q, buf)))
		f->head.rx_ns = turn_stamp(l, &q->q, buf);
	turn_trace(l, &f->head);
	stamp(l, &f->head.trace, LATENCY_RX);
	l->arb_ready |= LANE_ARB_BIT(f->head.feed_idx); // what it lets go of, after it
	give_frame(l, f);
}

/* A frame that has to be looked at field by field, nearly always for the host. */
static HOT_APART uint32_t
turn_frame_by_steps(struct lane *l, const struct lane_rxq *q, void *buf)
{
	const uint8_t *data = port_buf_data(buf);
	const uint16_t len = port_buf_len(buf);
	const bool csum_ok = port_buf_csum_ok(&q->q, buf);
	enum rx_verdict verdict = RX_HOST;
	uint32_t work = 1;
	struct frame f;

	if (here_holds(RX) && q->rx != NULL)
		verdict = rx_by_steps(q->rx, data, len, csum_ok, &f);
	if (here_holds(RX) && verdict == RX_MARKET_DATA) {
		turn_market_data(l, q, buf, &f);
		return work;
	}
	if (here_holds(RX) && verdict == RX_ANSWER) {
		struct datagram d;

		f.buf = buf;
		f.heard_ns = l->now_ns;
		f.head.rx_ns = l->now_ns;
		if (lane_recovery_answer(l, &f, &d)) {
			give_datagram(l, &d);
			return work;
		}
	}
	if (verdict == RX_HOST && q->frame_out == NULL) {
		work += turn_host_frame(l, q->port_idx, data, len, csum_ok);
	} else if (verdict == RX_HOST && ring_room(q->frame_out, 1)) {
		f = (struct frame){ .buf = buf, .data = data, .len = len, .port_idx = q->port_idx };
		ring_put(q->frame_out, &f);
		return work; // the buffer went with it
	} else if (verdict == RX_HOST) {
		metric_add(&l->metrics.frame_ring_full, 1);
	}
	port_buf_free(buf);
	return work;
}

/* The frame after the one at data is looked at while the books take that one's messages. */
static inline void
turn_look_at_next(struct lane *l, const uint8_t *data)
{
	const uint8_t *next;
	uint16_t len;

	l->ahead = (struct mold_ahead){ 0 };
	l->to_next = 0;
	if (l->rx_next == l->rx_cnt)
		return;
	next = port_buf_data(l->rx_buf[l->rx_next]);
	len = port_buf_len(l->rx_buf[l->rx_next]);
	l->to_next = (uintptr_t)next - (uintptr_t)data + LANE_LOOK;
	if (likely(len > RX_HEAD_LEN))
		mold_ahead_start(&l->ahead, next + RX_HEAD_LEN, len - RX_HEAD_LEN);
	for (unsigned at = CACHE_LINE; at <= LANE_LOOK; at += CACHE_LINE)
		__builtin_prefetch(next + at);
}

/* The next frame of the burst in hand, as far as this lane goes. */
static inline uint32_t
turn_frame(struct lane *l)
{
	const struct lane_rxq *q = &l->rxq[l->rx_buf_rxq[l->rx_next]];
	void *buf = l->rx_buf[l->rx_next++];
	const uint8_t *data = port_buf_data(buf);
	uint32_t work = 1;
	struct frame f; // its address stays here, so that it need not be in memory

	if (here_holds(RX) && q->rx != NULL &&
	    rx_on_usual(q->rx, data, port_buf_len(buf), port_buf_csum_ok(&q->q, buf), &f))
		turn_market_data(l, q, buf, &f);
	else
		work = turn_frame_by_steps(l, q, buf);
	if (here_holds(RX) && here_holds(PARSE))
		turn_look_at_next(l, data);
	return work;
}

/* Whether a datagram of any feed would have a way on. */
static inline bool
feeds_have_way(struct lane *l)
{
	if (!here_holds(ARB))
		return true;
	if (here_holds(PARSE))
		return !l->walking;
	for (uint32_t i = 0; i < FEED_MAX; i++)
		if (!datagram_has_way(l, i))
			return false;
	return true;
}

/* Polls every queue once; one clock reading serves the whole burst. */
static inline bool
turn_poll(struct lane *l)
{
	uint16_t cnt = 0;

	for (uint32_t i = 0; i < l->rxq_cnt; i++) {
		const uint16_t n = port_rx_burst(&l->rxq[i].q, &l->rx_buf[cnt], l->rxq_burst);

		for (uint16_t k = 0; k < n; k++) {
			l->rx_buf_rxq[cnt + k] = (uint8_t)i;
			port_buf_prefetch(l->rx_buf[cnt + k]);
		}
		cnt = (uint16_t)(cnt + n);
	}
	l->rx_next = 0;
	l->rx_cnt = cnt;
	if (cnt == 0)
		return false;
	l->slow.stall_cycles = 0; // the next line may find that there was one
	lane_clock(l);
	l->slow.burst_stall_cycles = l->slow.stall_cycles;
	l->slow.burst_tsc = l->now_tsc;
	if (unlikely(l->tape != NULL))
		tape_on_burst(l);
	metric_add(&l->metrics.frame_received, cnt);
	return true;
}

/*
 * The datagram after the one in hand, while the last messages of that one are on their way: what
 * its first messages touch is asked for in time.  A feed in recovery takes its datagrams in turn.
 */
static uint32_t
turn_stage(struct lane *l, bool burst_left)
{
	uint32_t work = 0;

	l->next_wanted = false;
	if (!here_holds(ARB)) {
		if (burst_left)
			turn_datagram(l);
		return 0; // counted when it is walked
	}
	while (!l->next_known && l->sent_cnt == 0 && l->recovery_busy == 0) {
		if (l->arb_ready != 0)
			work += turn_arb(l);
		else if (l->rx_next < l->rx_cnt)
			work += turn_frame(l);
		else
			break;
	}
	return work;
}

/*
 * The way in.  Each round does the most advanced thing there is to do: walk the datagram in hand,
 * else take the next one, else look at the next frame.  Ends when nothing is left, when a ring
 * ahead is full, or when an order wants to leave.  polled: the queues were, and are not again.  By
 * itself, so that a rehearsal goes through the very same code.
 */
static HOT_APART uint32_t
turn_in(struct lane *l, bool polled)
{
	uint32_t work = 0;

	if (here_holds(ARB)) {
		l->arb_ready |= l->recovery_busy;
		l->recovered_cnt = 0;
	}

	while (l->sent_cnt == 0) {
		if (here_holds(PARSE) && l->walking) {
			work += walk_datagram(l);
			if (!l->walking && l->next_known)
				take_known_datagram(l);
			else if (l->walking && l->sent_cnt == 0 && lane_wants_next(l))
				work += turn_stage(l, work < l->burst);
			else if (l->walking)
				break;
			continue;
		}
		if (here_holds(ARB)) {
			if (unlikely(!feeds_have_way(l))) {
				metric_add(&l->metrics.room_missing, 1);
				break;
			}
			if (l->arb_ready != 0) {
				work += turn_arb(l);
				continue;
			}
		}
		if (here_holds(PARSE) && !here_holds(ARB) && work < l->burst && turn_datagram(l))
			continue;
		if (!here_holds(RX) && !here_holds(TCP))
			break;
		if (l->rx_next < l->rx_cnt)
			work += turn_frame(l);
		else if (polled || l->rxq_cnt == 0 || !turn_poll(l))
			break;
		else
			polled = true;
	}
	return work;
}

/* When an order left, for the audit journal. */
static inline void
turn_journal_sent(struct lane *l, const struct lane_sent *sent)
{
	const struct journal_sent body = {
		.token = sent->token,
		.rx_tsc = sent->rx_tsc,
		.now_tsc = l->now_tsc,
	};
	struct journal_slot slot = {
		.source_idx = sent->session->idx,
		.kind = JOURNAL_SENT,
		.ns = l->now_ns,
		.feed_seq = sent->feed_seq,
	};

	if (l->journal == NULL)
		return;
	memcpy(slot.body, &body, sizeof(body));
	journal_put(l->journal, &slot);
}

/* An order's time from its trigger, and whether it is one to be explained. */
static inline void
turn_tick_to_trade(struct lane *l, const struct lane_sent *sent)
{
	const uint64_t cycles = l->now_tsc - sent->rx_tsc;
	struct lane_slow *s = &l->slow;
	const uint64_t waited = sent->rx_tsc == s->burst_tsc ? s->burst_stall_cycles : 0;

	record_time(l, l->latency[LATENCY_TICK_TO_TRADE], cycles);
	record_time(l, l->of_session[sent->session->idx], cycles);
	if (likely(sent->strategy_idx < STRATEGY_MAX && l->of_strategy[sent->strategy_idx] != NULL))
		record_time(l, l->of_strategy[sent->strategy_idx], cycles);
	if (unlikely(l->device_to_trade != NULL))
		record_time(l, l->device_to_trade,
			    likely(l->now_ns >= sent->rx_ns)
				    ? lane_ns_to_cycles(l, l->now_ns - sent->rx_ns)
				    : UINT64_MAX); // counted as one that went backwards
	// that the trigger waited before the lane came round is its time, too
	if (unlikely((cycles + waited) << SLOW_LIMIT_BITS > s->limit_q16))
		slow_order(l, sent);
	else
		s->limit_q16 -= s->limit_q16 >> 12;
}

/*
 * Hands the ports what was written, then reads the clock for the orders among it.  When orders left
 * before, all of the turn did, and the clock was read then.
 */
static inline void
turn_flush(struct lane *l)
{
	for (uint32_t i = 0; i < l->tx_cnt; i++)
		port_tx_flush(l->tx[i]);
	if (likely(l->sent_cnt == 0))
		return;
	lane_clock_at(l, l->flushed_tsc != 0 ? l->flushed_tsc : clock_tsc());
	l->flushed_tsc = 0;
	for (uint32_t i = 0; i < l->sent_cnt; i++) {
		const struct lane_sent *sent = &l->sent[i];

		turn_journal_sent(l, sent);
		PORT_TRACE(sent, sent->session->idx, sent->token, sent->rx_tsc, l->now_tsc);
		throttle_on_burst(&sent->session->throttle, l->now_ns);
		// a cancel that an operator or the end asked for has no trigger
		if (likely(sent->rx_tsc != 0))
			turn_tick_to_trade(l, sent);
		if (sent->session->ack_token == 0) { // one order is timed at once
			sent->session->ack_token = sent->token;
			sent->session->ack_sent_tsc = l->now_tsc;
		}
	}
	l->slow.order_tsc = l->now_tsc;
	l->slow.rehearsal_cnt = l->metrics.rehearsal;
	metric_add(&l->metrics.order_sent, l->sent_cnt);
	l->sent_cnt = 0;
	for (uint32_t i = 0; i < l->tx_cnt; i++)
		port_tx_prepare(l->tx[i]);
	for (uint32_t i = 0; here_holds(ORDERS) && i < l->session_cnt; i++)
		session_prepare(l->session_here[i]);
}

/* A made-up packet goes through the stages, up to the orders it causes.  False: not now. */
static inline bool
rehearse_feed(struct lane *l, struct rehearsal *r, const struct session *s)
{
	if (!rehearses_feed(HERE) || r->feed == NULL || s == NULL ||
	    !intent_has_way(l, 2 * STRATEGY_MOST) || // of its two strategies
	    !rehearsal_feed_begin(r->feed, l, s->idx))
		return false;
	do {
		turn_in(l, true);
		r->sent_cnt += l->sent_cnt;
		l->sent_cnt = 0;
	} while (l->walking);
	rehearsal_feed_end(r->feed, l);
	return r->sent_cnt != 0;
}

/*
 * Nothing to do, and no order for a while: one is made up, and goes nowhere.  Then what else the
 * next one needs comes near, some of it in each empty turn.
 */
COLD static void
turn_rehearse(struct lane *l)
{
	struct rehearsal *r = l->rehearsal;
	uint32_t i = 0;

	if (r->rehearsed || !(here_holds(RISK) || here_holds(ORDERS))) {
		l->rehearsal_due = rehearsal_near(r);
		return;
	}
	r->rehearsed = true;
	do {
		struct session *s = here_holds(ORDERS) ? l->session_here[i] : NULL;

		if (!rehearsal_begin(r, l, s))
			continue;
		if (rehearse_feed(l, r, s))
			;
		else if (here_holds(RISK))
			give_intent(l, &r->intent);
		else
			give_order(l, &r->order);
		rehearsal_end(r, l, s);
		if (s != NULL)
			port_tx_touch(&s->port->tx);
	} while (here_holds(ORDERS) && ++i < l->session_cnt);
}

/* The limits of this turn. */
static inline void
turn_limits(struct lane *l)
{
	l->limits = published_get(l->limits_published);
	if (unlikely(l->limits->version != l->risk->limits_version)) {
		risk_take_limits(l->risk, l->limits);
		if (l->tape != NULL)
			tape_on_limits(l);
	}
	// a lane that polls no queue looks at the clock only now and then: too late to judge by
	if (!here_holds(RX) && !here_holds(TCP) && unlikely(l->limits->intent_age_max_ns != 0))
		lane_clock(l);
}

uint32_t
TURN_NAME(turn_, HERE_LANE)(struct lane *l)
{
	uint32_t work;

	if (here_holds(RISK))
		turn_limits(l);
	work = turn_back(l);
	work += turn_out(l);
	if (here_holds(RX) || here_holds(PARSE) || here_holds(TCP))
		work += turn_in(l, false);
	if ((here_holds(TCP) || here_holds(RX)) && unlikely(l->net_busy))
		lane_net_emit(l); // acknowledgements, unless an order carried them
	if (here_holds(RX) || here_holds(TCP))
		turn_flush(l);
	if (here_holds(RISK))
		risk_reserve_due(l->risk); // the order is on its way
	if (unlikely(l->slow.noted_cnt != 0))
		slow_record(l);
	if (unlikely(l->rehearsal_due) && work == 0)
		turn_rehearse(l);
	return work;
}
