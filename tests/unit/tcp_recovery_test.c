/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp_rig.h"

/* Timers, loss, windows and ICMP, each with exact numbers. */

static void
ack(struct rig *r, uint32_t rel, uint16_t wnd)
{
	rig_say(r, A, RIG_PEER_ISN + 1, r->config.isn + rel, wnd);
}

static void
sack(struct rig *r, uint32_t rel, uint32_t start, uint32_t end)
{
	uint8_t opt[12] = { 1, 1, 5, 10 };
	const be32 a = be32_of(r->config.isn + start), b = be32_of(r->config.isn + end);

	memcpy(opt + 4, a.b, 4);
	memcpy(opt + 8, b.b, 4);
	rig_in(r, &(struct seg){ .flags = A,
				 .seq = RIG_PEER_ISN + 1,
				 .ack = r->config.isn + rel,
				 .wnd = 60000,
				 .opt = opt,
				 .opt_len = 12 });
}

static const uint8_t SACK_OPT[8] = { 2, 4, 3, 232, 4, 2, 1, 1 };

static struct rig *
connected_with_sack(void)
{
	struct rig *r = rig_new();

	r->config.sack = true;
	rig_connect(r, SACK_OPT, sizeof(SACK_OPT));
	assert_true(r->c.sack_on);
	return r;
}

static void
fast_send(struct rig *r, int segments)
{
	for (int i = 0; i < segments; i++)
		assert_int_equal(rig_fast(r, RIG_FILL, 1000), 1054);
}

static void
the_timeout_follows_rfc_6298(void **state)
{
	struct rig *r = rig_connected();

	/* The SYN took 1 ms: SRTT 1, RTTVAR 0.5, RTO = 1 + 4 * 0.5. */
	assert_int_equal(r->c.rto_ns, 3 * RIG_MS);
	fast_send(r, 1);
	rig_wait(r, 2 * RIG_MS);
	ack(r, 1001, 60000);
	/* R' = 2: RTTVAR = 3/4 * 0.5 + 1/4 * 1 = 0.625, SRTT = 7/8 + 2/8 = 1.125 */
	assert_int_equal(r->c.rto_ns, 1125000 + 4 * 625000);
	assert_int_equal(r->c.metrics.rtt_smoothed_ns, 1125000);
	assert_int_equal(rig_wait(r, 0), UINT64_MAX); // nothing in flight, no timer
	free(r);
}

static void
a_lost_segment_is_sent_again_with_backoff(void **state)
{
	struct rig *r = rig_connected();
	uint64_t rto_ns = 3 * RIG_MS;

	r->c.config.rto_max_ns = 40 * RIG_MS;
	fast_send(r, 3);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(rig_wait(r, 0), r->now_ns + rto_ns);
		rig_wait(r, rto_ns - 1);
		RIG_QUIET(r);
		rig_wait(r, 1);
		RIG_EXPECT(r, A, 1, 1, 1000); // one segment, whatever was in flight
		RIG_QUIET(r);
		rto_ns = rto_ns * 2 > 40 * RIG_MS ? 40 * RIG_MS : rto_ns * 2;
	}
	assert_int_equal(r->c.cwnd, 1000);
	assert_int_equal(r->c.ssthresh, 2000); // held from the first timeout (RFC 5681 3.1)
	assert_int_equal(rig_fast(r, "x", 1), 0);
	ack(r, 1001, 60000);                        // slow start from one segment: two now
	assert_int_equal(r->c.rto_ns, 40 * RIG_MS); // Karn: no sample, the backoff stays
	RIG_EXPECT(r, A, 1001, 1, 1000);
	RIG_EXPECT(r, A | P, 2001, 1, 1000);
	RIG_QUIET(r);
	ack(r, 3001, 60000);
	fast_send(r, 1);
	rig_wait(r, RIG_MS);
	ack(r, 4001, 60000); // a fresh sample ends it: 1, 0.375
	assert_int_equal(r->c.rto_ns, 2500000);
	free(r);
}

static void
the_user_timeout_ends_a_silent_peer(void **state)
{
	struct rig *r = rig_connected();
	const uint64_t start_ns = r->now_ns;

	r->c.config.user_timeout_ns = 500 * RIG_MS;
	fast_send(r, 1);
	while (tcp_state_of(&r->c) != TCP_STATE_CLOSED) {
		r->now_ns = tcp_advance(&r->c, r->now_ns);
		tcp_advance(&r->c, r->now_ns);
		if (tcp_state_of(&r->c) != TCP_STATE_CLOSED)
			RIG_EXPECT(r, A | P, 1, 1, 1000);
	}
	assert_int_equal(r->now_ns, start_ns + 500 * RIG_MS);
	RIG_EXPECT(r, R | A, 1001, 1, 0);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_TIMEOUT);
	free(r);
}

static void
three_duplicates_send_again_at_once(void **state)
{
	struct rig *r = rig_connected();

	fast_send(r, 8);
	ack(r, 1001, 60000); // cwnd 11,000
	ack(r, 1001, 60000);
	ack(r, 1001, 60000);
	RIG_QUIET(r);
	ack(r, 1001, 60000);
	RIG_EXPECT(r, A, 1001, 1, 1000);
	RIG_QUIET(r);
	assert_int_equal(r->c.ssthresh, 3500);
	assert_int_equal(r->c.cwnd, 6500);
	ack(r, 4001, 60000); // partial: 4001 is lost too (RFC 6582)
	RIG_EXPECT(r, A, 4001, 1, 1000);
	RIG_QUIET(r);
	assert_int_equal(r->c.cwnd, 6500 - 3000 + 1000);
	ack(r, 8001, 60000);
	assert_int_equal(r->c.recovery, TCP_RECOVERY_NONE);
	assert_int_equal(r->c.cwnd, 2000); // min(ssthresh, max(flight, mss) + mss)
	assert_int_equal(r->c.metrics.fast_retransmit, 1);
	free(r);
}

static void
what_is_no_duplicate_is_not_counted(void **state)
{
	struct rig *r = rig_connected();

	fast_send(r, 4);
	for (int i = 0; i < 5; i++)
		ack(r, 1, (uint16_t)(50000 - i)); // the window moved
	for (uint32_t i = 0; i < 5; i++)
		rig_in(r, &(struct seg){ .flags = A,
					 .seq = RIG_PEER_ISN + 1 + i,
					 .ack = r->config.isn + 1,
					 .wnd = 49996,
					 .data = "x",
					 .len = 1 });
	assert_int_equal(r->c.metrics.ack_duplicate, 0);
	RIG_EXPECT(r, A, 4001, 6, 0);
	RIG_QUIET(r);
	free(r);
}

static void
duplicates_let_new_data_out(void **state)
{
	struct rig *r = rig_new();

	r->config.cwnd_fixed_bytes = 2000;
	rig_connect(r, RIG_MSS, sizeof(RIG_MSS));
	fast_send(r, 2);
	assert_int_equal(rig_fast(r, RIG_FILL, 1000), 0);
	assert_int_equal(tcp_send(&r->c, RIG_FILL, 3000), 3000);
	RIG_QUIET(r);
	ack(r, 1, 60000);
	RIG_EXPECT(r, A, 2001, 1, 1000); // limited transmit (RFC 3042)
	RIG_QUIET(r);
	ack(r, 1, 60000);
	RIG_EXPECT(r, A, 3001, 1, 1000);
	RIG_QUIET(r);
	free(r);
}

static void
sack_names_the_holes(void **state)
{
	struct rig *r = connected_with_sack();

	fast_send(r, 10);
	sack(r, 1, 1001, 2001); // lost: 1, 3001; the rest arrives
	RIG_QUIET(r);
	sack(r, 1, 1001, 3001);
	RIG_QUIET(r);
	sack(r, 1, 4001, 5001);
	RIG_EXPECT(r, A, 1, 1, 1000); // three segments above
	assert_int_equal(r->c.cwnd, 5000);
	RIG_QUIET(r); // pipe: 3001 (not lost yet), 5001..10001, one again; 7000
	sack(r, 1, 4001, 7001);
	RIG_EXPECT(r, A, 3001, 1, 1000); // lost: three above; pipe 3000 + 1000
	RIG_QUIET(r);
	sack(r, 3001, 4001, 10001);
	RIG_QUIET(r); // nothing is missing that was not sent twice
	ack(r, 10001, 60000);
	assert_int_equal(r->c.recovery, TCP_RECOVERY_NONE);
	assert_int_equal(r->c.cwnd, 5000);
	assert_int_equal(r->c.sacked_cnt, 0);
	assert_int_equal(r->c.metrics.segment_retransmitted, 2);
	free(r);
}

static void
foreign_sack_blocks_are_ignored(void **state)
{
	struct rig *r = connected_with_sack();

	fast_send(r, 2);
	sack(r, 1, 1001, 2002);       // never sent
	sack(r, 1, 1, 1001);          // begins at what is not acknowledged
	sack(r, 1, 1500, 1500);       // empty
	sack(r, 1, 1600, 1500);       // backwards
	sack(r, 1, 1001, 0x80000000); // far
	assert_int_equal(r->c.sacked_cnt, 0);
	assert_int_equal(r->c.metrics.sack_ignored, 5);
	sack(r, 1001, 1, 1001); // a duplicate's report (RFC 2883)
	assert_int_equal(r->c.sacked_cnt, 0);
	assert_int_equal(r->c.metrics.sack_ignored, 5);
	free(r);
}

static struct rig *
connected_with_tail_probe(void)
{
	struct rig *r = rig_new();

	r->config.sack = r->config.tail_probe = true;
	r->config.rto_min_ns = 100 * RIG_MS;
	r->config.peer_ack_delay_ns = 40 * RIG_MS;
	rig_connect(r, SACK_OPT, sizeof(SACK_OPT)); // takes 1 ms: the round-trip time
	return r;
}

/* RFC 8985 7.2 and 7.3 */
static void
a_silent_tail_is_probed_before_the_timeout(void **state)
{
	struct rig *r = connected_with_tail_probe();
	const uint32_t cwnd = r->c.cwnd;

	fast_send(r, 2);
	assert_int_equal(rig_wait(r, 0), r->now_ns + 2 * RIG_MS); // two round trips
	rig_wait(r, 2 * RIG_MS);
	RIG_EXPECT(r, A | P, 1001, 1, 1000); // the last segment; nothing new is there
	RIG_QUIET(r);
	assert_int_equal(r->c.cwnd, cwnd);
	assert_int_equal(rig_wait(r, 0), r->now_ns + 100 * RIG_MS); // one probe, then the timeout
	assert_int_equal(rig_fast(r, RIG_FILL, 100), 154);          // the fast path goes on
	rig_wait(r, 100 * RIG_MS);
	RIG_EXPECT(r, A, 1, 1, 1000);
	assert_int_equal(r->c.metrics.tail_probe_sent, 1);
	assert_int_equal(r->c.metrics.rto_expired, 1);
	free(r);
}

static void
a_lone_segments_probe_waits_for_a_delayed_ack(void **state)
{
	struct rig *r = connected_with_tail_probe();

	fast_send(r, 1);
	assert_int_equal(rig_wait(r, 0), r->now_ns + 42 * RIG_MS);
	ack(r, 1001, 60000);
	assert_int_equal(rig_wait(r, 0), UINT64_MAX);
	fast_send(r, 1);
	r->c.config.peer_ack_delay_ns = 500 * RIG_MS; // later than the timeout: in its place
	assert_int_equal(rig_wait(r, 0), r->now_ns + 100 * RIG_MS);
	rig_wait(r, 100 * RIG_MS);
	RIG_EXPECT(r, A | P, 1001, 1, 1000);
	assert_int_equal(r->c.metrics.tail_probe_sent, 1);
	assert_int_equal(r->c.metrics.rto_expired, 0);
	free(r);
}

static void
a_probe_carries_new_data_if_there_is_some(void **state)
{
	struct rig *r = connected_with_tail_probe();

	r->c.cwnd = 2000;
	tcp_send(&r->c, RIG_FILL, 3000);
	RIG_EXPECT(r, A, 1, 1, 1000);
	RIG_EXPECT(r, A, 1001, 1, 1000);
	RIG_QUIET(r);
	rig_wait(r, 2 * RIG_MS);
	RIG_EXPECT(r, A | P, 2001, 1, 1000);
	RIG_QUIET(r);
	assert_int_equal(r->c.metrics.segment_retransmitted, 0);
	ack(r, 3001, 60000);
	assert_false(r->c.tail_out);
	free(r);
}

/* RFC 8985 7.4: what the answer to a probe says about the path. */
static void
a_probes_answer_tells_loss_from_delay(void **state)
{
	static const struct {
		const char *what;
		bool dup_report, dup_ack;
		uint32_t next_ack; // after three more segments
		uint32_t repaired;
	} CASE[] = {
		{ "the first copy was only late", true, false, 5001, 0 },
		{ "the second copy's own acknowledgement", false, true, 5001, 0 },
		{ "only the second copy arrived", false, false, 5001, 1 },
	};

	for (unsigned i = 0; i < ARRAY_CNT(CASE); i++) {
		struct rig *r = connected_with_tail_probe();
		uint32_t cwnd;

		print_message("%s\n", CASE[i].what);
		fast_send(r, 2);
		rig_wait(r, 2 * RIG_MS);
		RIG_EXPECT(r, A | P, 1001, 1, 1000);
		ack(r, 2001, 60000);
		assert_true(r->c.tail_out);
		if (CASE[i].dup_report)
			sack(r, 2001, 1001, 2001);
		if (CASE[i].dup_ack)
			ack(r, 2001, 60000);
		assert_int_equal(r->c.tail_out, !CASE[i].dup_report && !CASE[i].dup_ack);
		fast_send(r, 3);
		cwnd = r->c.cwnd;
		ack(r, CASE[i].next_ack, 60000);
		assert_false(r->c.tail_out);
		assert_int_equal(r->c.metrics.tail_loss_repaired, CASE[i].repaired);
		assert_int_equal(r->c.cwnd < cwnd, CASE[i].repaired);
		free(r);
	}
}

static void
a_probe_that_arrives_proves_the_rest_lost(void **state)
{
	struct rig *r = connected_with_tail_probe();

	fast_send(r, 3);
	rig_wait(r, 2 * RIG_MS);
	RIG_EXPECT(r, A | P, 2001, 1, 1000);
	sack(r, 1, 2001, 3001); // far from three duplicates
	RIG_EXPECT(r, A, 1, 1, 1000);
	RIG_EXPECT(r, A, 1001, 1, 1000);
	RIG_QUIET(r);
	ack(r, 3001, 60000);
	assert_int_equal(r->c.recovery, TCP_RECOVERY_NONE);
	assert_int_equal(r->c.metrics.rto_expired, 0);
	free(r);
}

/* RFC 6675 4, NextSeg rule 4 */
static void
a_recovery_sends_its_last_segment_once_more(void **state)
{
	struct rig *r = connected_with_sack();

	fast_send(r, 6);
	sack(r, 1, 1001, 5001); // lost: 1, and the last one, which nothing above can show
	RIG_EXPECT(r, A, 1, 1, 1000);
	RIG_EXPECT(r, A | P, 5001, 1, 1000);
	RIG_QUIET(r);
	assert_int_equal(r->c.metrics.rescue_retransmit, 1);
	ack(r, 5001, 60000);
	RIG_QUIET(r);
	ack(r, 6001, 60000);
	assert_int_equal(r->c.recovery, TCP_RECOVERY_NONE);
	free(r);
}

/* RFC 2883 4 */
static void
what_arrives_twice_is_reported_first(void **state)
{
	static const uint32_t WANT[2][2] = { { 1, 4 }, { 9, 10 } };
	struct rig *r = connected_with_sack();

	rig_data(r, RIG_PEER_ISN + 1, RIG_ISN + 1, "abc", 3);
	RIG_EXPECT(r, A, 1, 4, 0);
	assert_int_equal(r->out.opt_len, 0);
	rig_data(r, RIG_PEER_ISN + 9, RIG_ISN + 1, "x", 1);
	RIG_EXPECT(r, A, 1, 4, 0);
	assert_int_equal(r->out.opt_len, 4 + 8);
	rig_data(r, RIG_PEER_ISN + 1, RIG_ISN + 1, "abc", 3);
	RIG_EXPECT(r, A, 1, 4, 0);
	assert_int_equal(r->out.opt_len, 4 + 16);
	for (unsigned i = 0; i < 2; i++) {
		be32 v[2];

		memcpy(v, (const uint8_t *)r->out.opt + 4 + 8 * i, sizeof(v));
		assert_int_equal(be32_get(v[0]) - RIG_PEER_ISN, WANT[i][0]);
		assert_int_equal(be32_get(v[1]) - RIG_PEER_ISN, WANT[i][1]);
	}
	rig_data(r, RIG_PEER_ISN + 3, RIG_ISN + 1, "cdefgh", 6); // its first byte again
	RIG_EXPECT(r, A, 1, 10, 0);
	assert_int_equal(r->out.opt_len, 4 + 8);
	assert_int_equal(r->c.metrics.duplicate_reported, 2);
	free(r);
}

/* RFC 4821: no ICMP says that the path is narrow, long segments just vanish. */
static void
a_black_hole_makes_smaller_segments(void **state)
{
	struct rig *r = rig_new();

	r->config.mss = 1400;
	r->config.black_hole_rtos = 2;
	rig_connect(r, (const uint8_t[]){ 2, 4, 1400 >> 8, 1400 & 255 }, 4);
	tcp_send(&r->c, RIG_FILL, 1400);
	RIG_EXPECT(r, A | P, 1, 1, 1400);
	rig_wait(r, r->c.rto_ns);
	RIG_EXPECT(r, A | P, 1, 1, 1400);
	rig_wait(r, r->c.rto_ns);
	RIG_EXPECT(r, A, 1, 1, 700);
	rig_wait(r, r->c.rto_ns);
	RIG_EXPECT(r, A, 1, 1, 536);
	rig_wait(r, r->c.rto_ns);
	RIG_EXPECT(r, A, 1, 1, 536); // no smaller
	assert_int_equal(r->c.metrics.mtu_black_hole, 2);
	ack(r, 537, 60000);
	RIG_EXPECT(r, A, 537, 1, 536);
	free(r);
}

static void
a_timeout_forgets_what_sack_said(void **state)
{
	struct rig *r = connected_with_sack();

	fast_send(r, 3);
	sack(r, 1, 2001, 3001);
	rig_wait(r, r->c.rto_ns);
	assert_int_equal(r->c.sacked_cnt, 0); // RFC 2018 8
	RIG_EXPECT(r, A, 1, 1, 1000);
	RIG_QUIET(r);
	free(r);
}

static void
our_sack_tells_the_latest_first(void **state)
{
	struct rig *r = connected_with_sack();
	static const uint32_t WANT[3][2] = { { 3, 4 }, { 9, 10 }, { 6, 7 } };

	rig_data(r, RIG_PEER_ISN + 1 + 5, RIG_ISN + 1, "a", 1);
	rig_data(r, RIG_PEER_ISN + 1 + 8, RIG_ISN + 1, "a", 1);
	rig_data(r, RIG_PEER_ISN + 1 + 2, RIG_ISN + 1, "a", 1);
	RIG_EXPECT(r, A, 1, 1, 0);
	assert_int_equal(r->out.opt_len, 4 + 24);
	for (unsigned i = 0; i < 3; i++) {
		be32 v[2];

		memcpy(v, (const uint8_t *)r->out.opt + 4 + 8 * i, sizeof(v));
		assert_int_equal(be32_get(v[0]) - RIG_PEER_ISN, WANT[i][0]);
		assert_int_equal(be32_get(v[1]) - RIG_PEER_ISN, WANT[i][1]);
	}
	rig_data(r, RIG_PEER_ISN + 1 + 4, RIG_ISN + 1, "a", 1);
	assert_int_equal(rig_fast(r, "x", 1), 55); // data has no room for SACK:
	RIG_EXPECT(r, A, 2, 1, 0);                 // it follows by itself
	assert_int_equal(r->out.opt_len, 4 + 24);
	RIG_QUIET(r);
	free(r);
}

static void
a_closed_window_is_probed(void **state)
{
	struct rig *r = rig_connected();
	uint64_t wait_ns;

	fast_send(r, 1);
	rig_wait(r, RIG_MS);
	ack(r, 1001, 0);
	assert_int_equal(rig_fast(r, "abc", 3), 0);
	assert_int_equal(tcp_send(&r->c, (const uint8_t *)"abc", 3), 3);
	RIG_QUIET(r);
	wait_ns = r->c.rto_ns;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(rig_wait(r, 0), r->now_ns + wait_ns);
		rig_wait(r, wait_ns);
		RIG_EXPECT(r, A, 1001, 1, 1);
		RIG_QUIET(r);
		ack(r, 1001, 0);
		RIG_QUIET(r);
		if (i)
			wait_ns *= 2;
	}
	assert_int_equal(r->c.metrics.window_probe_sent, 4);
	assert_int_equal(r->c.recovery, TCP_RECOVERY_NONE);
	assert_int_equal(r->c.cwnd, 10000); // a closed window is no congestion
	ack(r, 1001, 1000);                 // opens: at once, not at the next timeout
	RIG_EXPECT(r, A, 1001, 1, 1);
	RIG_EXPECT(r, A | P, 1002, 1, 2);
	RIG_QUIET(r);
	ack(r, 1004, 1000);
	assert_int_equal(rig_fast(r, RIG_FILL, 1000), 1054);
	free(r);
}

static void
probes_answered_keep_the_connection(void **state)
{
	struct rig *r = rig_connected();

	ack(r, 1, 0);
	tcp_send(&r->c, (const uint8_t *)"abc", 3);
	for (int i = 0; i < 20; i++) { // far beyond the user timeout of 100 s
		r->now_ns = tcp_advance(&r->c, r->now_ns);
		tcp_advance(&r->c, r->now_ns);
		RIG_EXPECT(r, A, 1, 1, 1);
		ack(r, 1, 0);
	}
	assert_true(r->now_ns > 300000ull * RIG_MS);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_ESTABLISHED);
	free(r);
}

static void
small_windows_are_not_dribbled_into(void **state)
{
	struct rig *r = rig_connected();

	ack(r, 1, 100); // the largest window was 60,000
	tcp_send(&r->c, RIG_FILL, 3000);
	RIG_QUIET(r);
	rig_wait(r, r->c.rto_ns); // the override of RFC 9293 3.8.6.2.1
	RIG_EXPECT(r, A, 1, 1, 100);
	RIG_QUIET(r);
	ack(r, 101, 1000);
	RIG_EXPECT(r, A, 101, 1, 1000);
	RIG_QUIET(r);
	free(r);
}

static void
queued_bytes_leave_in_full_segments(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	assert_int_equal(tcp_send(&r->c, RIG_FILL, 2500), 2500); // before it is established
	RIG_EXPECT(r, S, 0, 0, 0);
	rig_in(r, &(struct seg){ .flags = S | A,
				 .seq = RIG_PEER_ISN,
				 .ack = RIG_ISN + 1,
				 .wnd = 60000,
				 .opt = RIG_MSS,
				 .opt_len = 4 });
	assert_int_equal(rig_fast(r, "x", 1), 0); // not before what is queued
	RIG_EXPECT(r, A, 1, 1, 1000);
	RIG_EXPECT(r, A, 1001, 1, 1000);
	RIG_EXPECT(r, A | P, 2001, 1, 500);
	RIG_QUIET(r);
	assert_int_equal(rig_fast(r, "x", 1), 55);
	free(r);
}

static void
the_store_is_the_limit(void **state)
{
	struct rig *r = rig_new();

	r->config.tx_buf_bytes = 2048;
	rig_connect(r, RIG_MSS, sizeof(RIG_MSS));
	fast_send(r, 2);
	assert_int_equal(rig_fast(r, RIG_FILL, 49), 0);
	assert_int_equal(rig_fast(r, RIG_FILL, 48), 54 + 48);
	assert_int_equal(tcp_send_room(&r->c), 0);
	ack(r, 1001, 60000);
	assert_int_equal(tcp_send_room(&r->c), 1000);
	assert_int_equal(rig_fast(r, RIG_FILL, 1000), 1054); // wraps around the ring
	rig_wait(r, r->c.rto_ns);
	RIG_EXPECT(r, A, 1001, 1, 1000);
	assert_memory_equal(r->out.data, RIG_FILL, 1000);
	free(r);
}

static void
slow_start_and_avoidance_follow_rfc_5681(void **state)
{
	struct rig *r = rig_connected();

	assert_int_equal(r->c.cwnd, 10000); // RFC 6928
	fast_send(r, 10);
	assert_int_equal(rig_fast(r, "x", 1), 0);
	ack(r, 1001, 60000);
	assert_int_equal(r->c.cwnd, 11000);
	ack(r, 10001, 60000);
	assert_int_equal(r->c.cwnd, 12000); // one segment for each acknowledgement at most
	r->c.ssthresh = 12000;
	fast_send(r, 12);
	ack(r, 16001, 60000);
	assert_int_equal(r->c.cwnd, 12000);
	fast_send(r, 6);
	ack(r, 22001, 60000); // a whole window was acknowledged
	assert_int_equal(r->c.cwnd, 13000);
	ack(r, 28001, 60000);
	rig_wait(r, 10000ull * RIG_MS);
	assert_int_equal(r->c.cwnd, 10000); // idle (RFC 5681 4.1)
	free(r);
}

static void
a_lost_syn_starts_carefully(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	RIG_EXPECT(r, S, 0, 0, 0);
	rig_wait(r, 1000 * RIG_MS);
	RIG_EXPECT(r, S, 0, 0, 0);
	rig_wait(r, RIG_MS);
	rig_in(r, &(struct seg){ .flags = S | A,
				 .seq = RIG_PEER_ISN,
				 .ack = RIG_ISN + 1,
				 .wnd = 60000,
				 .opt = RIG_MSS,
				 .opt_len = 4 });
	assert_int_equal(r->c.cwnd, 1000);
	assert_int_equal(r->c.rto_ns, 3000ull * RIG_MS); // RFC 6298 5.7
	free(r);
}

static void
a_silent_peer_is_asked_and_given_up(void **state)
{
	struct rig *r = rig_new();

	r->config.keepalive_idle_ns = 5000ull * RIG_MS;
	r->config.keepalive_interval_ns = 100 * RIG_MS;
	r->config.keepalive_probes = 3;
	rig_connect(r, RIG_MSS, sizeof(RIG_MSS));
	assert_int_equal(rig_wait(r, 0), r->now_ns + 5000ull * RIG_MS);
	rig_wait(r, 5000ull * RIG_MS);
	RIG_EXPECT(r, A, 0, 1, 0); // one before the next number
	ack(r, 1, 60000);
	assert_int_equal(rig_wait(r, 0), r->now_ns + 5000ull * RIG_MS);
	rig_wait(r, 5000ull * RIG_MS);
	RIG_EXPECT(r, A, 0, 1, 0);
	for (int i = 0; i < 2; i++) {
		rig_wait(r, 100 * RIG_MS);
		RIG_EXPECT(r, A, 0, 1, 0);
	}
	rig_wait(r, 100 * RIG_MS);
	RIG_EXPECT(r, R | A, 1, 1, 0);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_KEEPALIVE);
	free(r);
}

static void
the_peers_keepalive_is_answered(void **state)
{
	struct rig *r = rig_connected();

	rig_say(r, A, RIG_PEER_ISN, RIG_ISN + 1, 60000);
	RIG_EXPECT(r, A, 1, 1, 0);
	RIG_QUIET(r);
	free(r);
}

/* An ICMP error about the segment at rel. */
static bool
icmp(struct rig *r, uint8_t type, uint8_t code, uint16_t mtu, uint32_t rel)
{
	uint8_t f[128] = { 0 };
	struct icmp_head *h = (struct icmp_head *)f;
	struct ipv4_head *ip = (struct ipv4_head *)(h + 1);
	struct tcp_head *t = (struct tcp_head *)(ip + 1);
	const struct eth_ip e = { .l4 = f,
				  .l4_len = sizeof(*h) + sizeof(*ip) + 8,
				  .proto = IP_PROTO_ICMP };
	bool mine;

	h->type = type;
	h->code = code;
	h->seq_or_mtu = be16_of(mtu);
	ip->version_ihl = 0x45;
	ip->total_len = be16_of(1040);
	ip->proto = IP_PROTO_TCP;
	ip->src = be32_of(LOCAL_IP);
	ip->dst = be32_of(PEER_IP);
	t->src_port = be16_of(LOCAL_PORT);
	t->dst_port = be16_of(PEER_PORT);
	t->seq = be32_of(r->config.isn + rel);
	mine = tcp_on_icmp(&r->c, &e, r->now_ns);
	assert_true(tcp_check(&r->c));
	return mine;
}

static void
hard_errors_end_connecting_only(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	RIG_EXPECT(r, S, 0, 0, 0);
	assert_false(icmp(r, ICMP_UNREACHABLE, ICMP_CODE_PORT, 0, 1)); // not in flight
	assert_true(icmp(r, ICMP_UNREACHABLE, 1, 0, 0));               // host: soft
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_SYN_SENT);
	assert_true(icmp(r, ICMP_UNREACHABLE, ICMP_CODE_PORT, 0, 0));
	assert_int_equal(tcp_end_of(&r->c), TCP_END_UNREACHABLE);
	free(r);

	r = rig_connected();
	fast_send(r, 1);
	assert_true(icmp(r, ICMP_UNREACHABLE, ICMP_CODE_PORT, 0, 1));
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_ESTABLISHED);
	assert_int_equal(r->c.metrics.icmp_soft, 1);
	free(r);
}

static void
a_narrow_path_makes_smaller_segments(void **state)
{
	struct rig *r = rig_connected();

	fast_send(r, 2);
	assert_true(icmp(r, ICMP_UNREACHABLE, ICMP_CODE_FRAG_NEEDED, 840, 1001));
	assert_int_equal(r->c.mss_eff, 800);
	assert_int_equal(r->c.cwnd, 10000); // not congestion (RFC 1191 6.5)
	RIG_EXPECT(r, A, 1, 1, 800);
	RIG_EXPECT(r, A, 801, 1, 800);
	RIG_EXPECT(r, A | P, 1601, 1, 400);
	RIG_QUIET(r);
	assert_true(icmp(r, ICMP_UNREACHABLE, ICMP_CODE_FRAG_NEEDED, 1500, 1)); // wider: no
	assert_int_equal(r->c.mss_eff, 800);
	assert_true(icmp(r, ICMP_UNREACHABLE, ICMP_CODE_FRAG_NEEDED, 100, 1)); // absurd
	assert_int_equal(r->c.mss_eff, 536);
	RIG_EXPECT(r, A, 1, 1, 536);
	assert_int_equal(r->frame[20] & 0x40, 0); // fragmentation allowed instead
	free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_timeout_follows_rfc_6298),
		cmocka_unit_test(a_lost_segment_is_sent_again_with_backoff),
		cmocka_unit_test(the_user_timeout_ends_a_silent_peer),
		cmocka_unit_test(three_duplicates_send_again_at_once),
		cmocka_unit_test(what_is_no_duplicate_is_not_counted),
		cmocka_unit_test(duplicates_let_new_data_out),
		cmocka_unit_test(sack_names_the_holes),
		cmocka_unit_test(foreign_sack_blocks_are_ignored),
		cmocka_unit_test(a_silent_tail_is_probed_before_the_timeout),
		cmocka_unit_test(a_lone_segments_probe_waits_for_a_delayed_ack),
		cmocka_unit_test(a_probe_carries_new_data_if_there_is_some),
		cmocka_unit_test(a_probes_answer_tells_loss_from_delay),
		cmocka_unit_test(a_probe_that_arrives_proves_the_rest_lost),
		cmocka_unit_test(a_recovery_sends_its_last_segment_once_more),
		cmocka_unit_test(what_arrives_twice_is_reported_first),
		cmocka_unit_test(a_black_hole_makes_smaller_segments),
		cmocka_unit_test(a_timeout_forgets_what_sack_said),
		cmocka_unit_test(our_sack_tells_the_latest_first),
		cmocka_unit_test(a_closed_window_is_probed),
		cmocka_unit_test(probes_answered_keep_the_connection),
		cmocka_unit_test(small_windows_are_not_dribbled_into),
		cmocka_unit_test(queued_bytes_leave_in_full_segments),
		cmocka_unit_test(the_store_is_the_limit),
		cmocka_unit_test(slow_start_and_avoidance_follow_rfc_5681),
		cmocka_unit_test(a_lost_syn_starts_carefully),
		cmocka_unit_test(a_silent_peer_is_asked_and_given_up),
		cmocka_unit_test(the_peers_keepalive_is_answered),
		cmocka_unit_test(hard_errors_end_connecting_only),
		cmocka_unit_test(a_narrow_path_makes_smaller_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
