/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/slow.h"

#include "lane/housekeeping.h"

#define FEED_AGE_MAX_NS 10000000000ULL // older than 10 s, or from the future: a recorded day

void
slow_init(struct lane_slow *s, void *slot, uint32_t slot_cnt, uint64_t stall_limit_cycles,
	  uint64_t work_cycles)
{
	memset(s, 0, sizeof(*s));
	ring_init(&s->ring, slot, slot_cnt);
	slow_set_limit(s, stall_limit_cycles);
	s->work_cycles = work_cycles;
}

void
slow_set_limit(struct lane_slow *s, uint64_t stall_limit_cycles)
{
	s->stall_limit_cycles = stall_limit_cycles == 0 ? UINT64_MAX : stall_limit_cycles;
}

static void
put(struct lane *l, const void *note)
{
	if (ring_room(&l->slow.ring, 1))
		ring_put(&l->slow.ring, note);
	else
		metric_add(&l->metrics.note_lost, 1);
}

/* Whether the lane was busy: each message taken may last for a while. */
static bool
work_explains(const struct lane_slow *s, uint64_t gap_cycles, uint64_t taken_cnt)
{
	return gap_cycles <= s->stall_limit_cycles + taken_cnt * s->work_cycles;
}

void
slow_gap(struct lane *l, uint64_t from_tsc, uint64_t to_tsc)
{
	struct lane_slow *s = &l->slow;
	const uint64_t gap_cycles = to_tsc - from_tsc;
	// the burst in hand is counted when its turn has ended
	const uint64_t taken_cnt = l->metrics.message_taken - s->seen_taken_cnt + l->rx_next;
	uint64_t ns;

	if (from_tsc == 0)
		return; // the first look
	if ((int64_t)gap_cycles < 0) {
		metric_add(&l->metrics.time_backwards, 1);
		return;
	}
	if (work_explains(s, gap_cycles, taken_cnt))
		return;
	ns = clock_cycles_to_ns(&l->clock, gap_cycles);
	metric_add(&l->metrics.stall, 1);
	metric_add(&l->metrics.stall_ns, ns);
	if (ns > l->metrics.stall_max_ns)
		metric_set(&l->metrics.stall_max_ns, ns);
	s->stall_cycles = gap_cycles;
	if (gap_cycles <= s->stall.to_tsc - s->stall.from_tsc)
		return; // a longer one was not told yet
	s->stall = (struct slow_stall){
		.kind = SLOW_STALL,
		.flags = from_tsc == l->housekeeping_tsc ? SLOW_HOUSEKEEPING : 0,
		.from_tsc = from_tsc,
		.to_tsc = to_tsc,
		.taken_cnt = taken_cnt,
	};
}

void
slow_tell(struct lane *l)
{
	put(l, &l->slow.stall);
	l->slow.stall.from_tsc = 0;
	l->slow.stall.to_tsc = 0;
}

/* The ring with most messages in it. */
static void
note_fullest_ring(const struct lane *l, struct slow_order *o)
{
	for (uint32_t hop = 0; hop < HOP_CNT; hop++)
		for (uint32_t i = 0; i < l->in_cnt[hop]; i++) {
			const uint32_t depth = ring_depth(l->in[hop][i]);

			if (depth <= o->ring_depth)
				continue;
			o->ring_depth = depth < UINT16_MAX ? (uint16_t)depth : UINT16_MAX;
			o->ring_hop = (uint8_t)hop;
		}
}

/* The first order sets the threshold at half as much again: it is not slow, nor is it the rule. */
static bool
is_first(struct lane_slow *s, uint64_t cycles)
{
	if (s->limit_q16 != 0)
		return false;
	s->limit_q16 = (cycles + cycles / 2 + 1) << SLOW_LIMIT_BITS;
	return true;
}

void
slow_order(struct lane *l, const struct lane_sent *sent)
{
	struct lane_slow *s = &l->slow;
	const uint64_t stall_us = clock_cycles_to_ns(&l->clock, s->burst_stall_cycles) / 1000;
	struct slow_order o = {
		.kind = SLOW_ORDER,
		.strategy_idx = sent->strategy_idx,
		.session_idx = sent->session->idx,
		.rx_tsc = sent->rx_tsc,
		.tx_tsc = l->now_tsc,
		.idle_cycles = s->order_tsc == 0 ? 0 : sent->rx_tsc - s->order_tsc,
		.limit_cycles = s->limit_q16 >> SLOW_LIMIT_BITS,
		.stall_us = stall_us < UINT32_MAX ? (uint32_t)stall_us : UINT32_MAX,
		.feed_seq = sent->feed_seq,
		.token = sent->token,
		.sent_cnt = l->sent_cnt,
	};

	if ((int64_t)(l->now_tsc - sent->rx_tsc) < 0 || is_first(s, l->now_tsc - sent->rx_tsc))
		return;
	if ((int64_t)o.idle_cycles < 0)
		o.idle_cycles = 1; // its burst had come before the order before it left
	if (l->metrics.rehearsal != s->rehearsal_cnt)
		o.flags |= SLOW_REHEARSED;
	if (sent->rx_tsc == s->burst_tsc) {
		o.burst_cnt = l->rx_cnt;
		o.burst_pos = l->rx_next;
	} else {
		o.stall_us = 0; // of another burst, or another lane's
	}
	note_fullest_ring(l, &o);
	s->limit_q16 += s->limit_q16 >> 5;
	metric_add(&l->metrics.outlier, 1);
	if (s->stall.to_tsc != 0)
		slow_tell(l);
	put(l, &o);
	if (s->trip.rx_tsc == sent->rx_tsc)
		put(l, &s->trip);
}

void
slow_stage(struct lane *l, struct trace *t, enum latency_id id, uint64_t now_tsc)
{
	const uint64_t cycles = now_tsc - trace_stage_tsc(t);
	struct lane_slow *s = &l->slow;
	struct slow_stages *trip = &s->trip;

	s->noted[s->noted_cnt++] = (struct slow_noted){ .cycles = cycles, .id = id };
	// a burst's frames have one rx_tsc: each begins anew, here or when it comes by a ring
	if (trip->rx_tsc != t->rx_tsc || id == LATENCY_RX || id >= LATENCY_HOP_DATAGRAM)
		*trip = (struct slow_stages){ .kind = SLOW_STAGES, .rx_tsc = t->rx_tsc };
	if ((int64_t)cycles >= 0 && cycles <= UINT32_MAX)
		trip->stage_cycles[id - LATENCY_STAGE_FIRST] += (uint32_t)cycles;
	if (unlikely(s->noted_cnt == SLOW_NOTED_MAX)) {
		slow_record(l);
		now_tsc = clock_tsc(); // recording is no stage's time
	}
	trace_stage_done(t, now_tsc);
}

void
slow_record(struct lane *l)
{
	struct lane_slow *s = &l->slow;

	for (uint32_t i = 0; i < s->noted_cnt; i++)
		record_time(l, l->latency[s->noted[i].id], s->noted[i].cycles);
	s->noted_cnt = 0;
}

void
slow_pass_on(struct lane *l, const struct trace *t)
{
	if (l->slow.trip.rx_tsc == t->rx_tsc)
		put(l, &l->slow.trip);
}

void
slow_feed_age(struct lane *l, uint32_t feed_idx, uint64_t rx_ns)
{
	const uint64_t age_ns = rx_ns - l->midnight_ns - l->book[feed_idx]->ts_ns;

	if (age_ns > FEED_AGE_MAX_NS || l->midnight_ns == 0)
		metric_add(&l->metrics.feed_age_implausible, 1);
	else
		hist_record(l->age_of_feed[feed_idx], lane_ns_to_cycles(l, age_ns));
}

void
slow_odd_time(struct lane *l, uint64_t cycles)
{
	metric_add((int64_t)cycles < 0 ? &l->metrics.time_backwards : &l->metrics.time_overflow, 1);
}
