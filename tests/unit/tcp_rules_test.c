/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp_states.h"

/*
 * The rules a hostile or confused peer tests, one by one, in every state they hold in.  Each test
 * bears the document and section of its rule; ICMP is in tcp_path_test.c, the RFCs' figures of
 * timing and loss are in tcp_recovery_test.c.  At the end every counter of a dropped segment has
 * counted.
 */

/* --- resets, SYN and acknowledgements by state --------------------------------------------- */

static void
rfc9293_3_10_7_4_an_exact_reset_ends_every_state(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(STATES); i++) {
		struct rig *r = in_state(STATES[i]);
		enum tcp_end want = TCP_END_RESET;

		if (STATES[i] == TCP_STATE_SYN_RECEIVED)
			want = TCP_END_REFUSED;
		if (STATES[i] == TCP_STATE_TIME_WAIT)
			want = TCP_END_CLOSED;
		say(r, R, rcv_rel(r), 0);
		assert_int_equal(tcp_state_of(&r->c), TCP_STATE_CLOSED);
		assert_int_equal(tcp_end_of(&r->c), want);
		RIG_QUIET(r);
		assert_int_equal(tcp_advance(&r->c, r->now_ns), UINT64_MAX);
		end(r);
	}
}

static void
rfc5961_3_2_a_reset_that_is_only_near_asks_back_in_every_state(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(STATES); i++) {
		struct rig *r = in_state(STATES[i]);

		say(r, R, rcv_rel(r) + 7, 0);
		expect_ack_and_no_change(r, STATES[i]);
		say(r, R, rcv_rel(r) - 1, 0);
		say(r, R, rcv_rel(r) + 0x40000000, 0);
		RIG_QUIET(r);
		assert_int_equal(r->c.metrics.dropped_rst, 3);
		assert_int_equal(r->c.metrics.challenge_ack_sent, 1);
		end(r);
	}
}

static void
rfc5961_3_2_with_a_closed_window_only_the_exact_reset_counts(void **state)
{
	struct rig *r = rig_connected();

	for (uint32_t i = 0; i < 20; i++)
		rig_data(r, RIG_PEER_ISN + 1 + 1000 * i, RIG_ISN + 1, RIG_FILL, 1000);
	RIG_EXPECT(r, A, 1, 20001, 0);
	assert_int_equal(r->out.wnd, 0);
	say(r, R, 20002, 0);
	RIG_QUIET(r);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_ESTABLISHED);
	say(r, R, 20001, 0);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_RESET);
	assert_int_equal(r->c.rx_len, 20000); // what had arrived stays readable
	end(r);
}

static void
rfc5961_4_2_a_syn_is_challenged_in_every_state(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(STATES); i++) {
		struct rig *r = in_state(STATES[i]);

		say(r, S, rcv_rel(r), 0);
		expect_ack_and_no_change(r, STATES[i]);
		say(r, S | A, rcv_rel(r) + 12345678, snd_rel(r));
		expect_ack_and_no_change(r, STATES[i]);
		assert_int_equal(r->c.metrics.dropped_syn, 2);
		end(r);
	}
}

static void
rfc5961_4_2_a_syn_is_challenged_whatever_its_timestamp(void **state)
{
	static const uint8_t SYN_OPT[] = { 2, 4, 3, 232, 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0 };
	static const uint8_t OLD[] = { 1, 1, 8, 10, 0, 0, 0, 255, 0, 0, 0, 0 };
	struct rig *r = rig_new();

	r->config.timestamps = true;
	rig_connect(r, SYN_OPT, sizeof(SYN_OPT));
	say(r, S, 77, 0);
	expect_ack_and_no_change(r, TCP_STATE_ESTABLISHED);
	rig_in(r, &(struct seg){
			  .flags = S, .seq = 77, .wnd = 9, .opt = OLD, .opt_len = sizeof(OLD) });
	expect_ack_and_no_change(r, TCP_STATE_ESTABLISHED);
	assert_int_equal(r->c.metrics.challenge_ack_sent, 2);
	end(r);
}

static void
rfc5961_5_2_an_ack_of_the_future_is_refused_in_every_state(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(STATES); i++) {
		struct rig *r = in_state(STATES[i]);
		const uint32_t una = r->c.snd_una;

		say(r, A, rcv_rel(r), snd_rel(r) + 1);
		if (STATES[i] == TCP_STATE_SYN_RECEIVED) { // RFC 9293 3.10.7.4: a reset instead
			RIG_EXPECT(r, R, snd_rel(r) + 1, 0, 0);
			assert_int_equal(tcp_state_of(&r->c), TCP_STATE_SYN_RECEIVED);
		} else {
			expect_ack_and_no_change(r, STATES[i]);
		}
		RIG_QUIET(r);
		assert_int_equal(r->c.snd_una, una);
		assert_int_equal(r->c.metrics.dropped_bad_ack, 1);
		end(r);
	}
}

static void
rfc9293_3_5_1_crossing_syns_survive_a_lost_answer(void **state)
{
	struct rig *r = in_state(TCP_STATE_SYN_RECEIVED);

	rig_wait(r, 1000ull * RIG_MS);
	RIG_EXPECT(r, S | A, 0, 1, 0); // by our timer
	say(r, S, 0, 0);               // the peer's timer: our SYN|ACK was lost
	RIG_EXPECT(r, S | A, 0, 1, 0);
	data(r, 1, 1, "first"); // its ACK of our SYN comes with data
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_ESTABLISHED);
	RIG_EXPECT(r, A, 1, 6, 0);
	expect_bytes(r, "first");
	end(r);
}

static void
rfc9293_3_10_7_3_a_syn_ack_may_carry_data(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	RIG_EXPECT(r, S, 0, 0, 0);
	rig_in(r, &(struct seg){ .flags = S | A | P,
				 .seq = RIG_PEER_ISN,
				 .ack = RIG_ISN + 1,
				 .wnd = 60000,
				 .data = "early",
				 .len = 5 });
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_ESTABLISHED);
	RIG_EXPECT(r, A, 1, 6, 0);
	expect_bytes(r, "early");
	end(r);
}

static void
rfc9293_3_10_7_3_while_connecting_only_a_syn_connects(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	RIG_EXPECT(r, S, 0, 0, 0);
	say(r, A, 1, 1);
	say(r, 0, 1, 0);
	say(r, R, 0, 0);
	RIG_QUIET(r);
	assert_int_equal(r->c.metrics.dropped_no_syn, 2);
	assert_int_equal(r->c.metrics.dropped_rst, 1);
	say(r, S | A, 0, 4000); // an old duplicate of a connection that was
	RIG_EXPECT(r, R, 4000, 0, 0);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_SYN_SENT);
	say(r, S | A, 0, 1);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_ESTABLISHED);
	end(r);
}

static void
rfc9293_3_10_7_1_a_closed_connection_answers_with_a_reset(void **state)
{
	struct rig *r = rig_connected();

	say(r, R, 1, 0);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_CLOSED);
	say(r, A, 1, 4711);
	RIG_EXPECT(r, R, 4711, 0, 0);
	say(r, S, 10, 0);
	RIG_EXPECT(r, R | A, 0u - RIG_ISN, 11, 0);
	say(r, F, 10, 0);
	RIG_EXPECT(r, R | A, 0u - RIG_ISN, 11, 0);
	say(r, R, 1, 0);
	RIG_QUIET(r);
	assert_int_equal(r->c.metrics.dropped_closed, 4);
	end(r);
}

/* --- a peer that is not what it was --------------------------------------------------------- */

static void
rfc9293_3_5_2_a_peer_that_forgot_us_resets_at_our_next_word(void **state)
{
	struct rig *r = rig_connected();

	assert_int_equal(rig_fast(r, "order", 5), 59);
	say(r, R, 1, 0); // its number is our acknowledgement
	assert_int_equal(tcp_end_of(&r->c), TCP_END_RESET);
	end(r);
}

static void
rfc9293_3_5_2_a_peer_that_began_anew_is_made_to_reset(void **state)
{
	struct rig *r = rig_connected();

	rig_say(r, S, 0x12345678, 0, 60000); // the same ports, another number
	RIG_EXPECT(r, A, 1, 1, 0);           // which it takes for wrong ...
	say(r, R, r->out.ack - RIG_PEER_ISN, 0);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_RESET);
	end(r);
}

static void
rfc9293_3_8_4_a_keep_alive_finds_a_peer_that_forgot_us(void **state)
{
	struct rig *r = rig_new();

	r->config.keepalive_idle_ns = 1000ull * RIG_MS;
	rig_connect(r, RIG_MSS, sizeof(RIG_MSS));
	rig_wait(r, 1000ull * RIG_MS);
	RIG_EXPECT(r, A, 0, 1, 0);
	say(r, R, 1, 0);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_RESET);
	end(r);
}

static void
rfc9293_3_10_7_4_a_segment_without_ack_changes_nothing(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(STATES); i++) {
		struct rig *r = in_state(STATES[i]);

		rig_in(r,
		       &(struct seg){
			       .flags = P, .seq = r->c.rcv_nxt, .wnd = 9, .data = "x", .len = 1 });
		assert_int_equal(tcp_state_of(&r->c), STATES[i]);
		assert_int_equal(r->c.rx_len, 0);
		assert_int_equal(r->c.metrics.dropped_no_ack, 1);
		end(r);
	}
}

/* --- the end -------------------------------------------------------------------------------- */

static void
rfc9293_3_10_7_4_data_after_the_fin_is_counted_and_not_delivered(void **state)
{
	static const enum tcp_state AFTER[] = { TCP_STATE_CLOSE_WAIT, TCP_STATE_CLOSING,
						TCP_STATE_LAST_ACK, TCP_STATE_TIME_WAIT };

	for (size_t i = 0; i < ARRAY_CNT(AFTER); i++) {
		struct rig *r = in_state(AFTER[i]);

		rig_data(r, r->c.rcv_nxt, r->c.snd_una, "more", 4);
		assert_int_equal(r->c.rx_len, 0);
		assert_int_equal(r->c.metrics.dropped_after_fin, 1);
		expect_ack_and_no_change(r, AFTER[i]);
		assert_int_equal(rcv_rel(r), 2);
		end(r);
	}
}

static void
rfc9293_3_6_a_fin_that_is_lost_comes_again_in_every_state_that_sent_one(void **state)
{
	static const enum tcp_state SENT[] = { TCP_STATE_FIN_WAIT_1, TCP_STATE_CLOSING,
					       TCP_STATE_LAST_ACK };

	for (size_t i = 0; i < ARRAY_CNT(SENT); i++) {
		struct rig *r = in_state(SENT[i]);

		for (int k = 0; k < 3; k++) {
			rig_wait(r, r->c.rto_ns);
			RIG_EXPECT(r, F | A, 1, rcv_rel(r), 0);
			RIG_QUIET(r);
		}
		say(r, A, rcv_rel(r), 2);
		RIG_QUIET(r);
		assert_int_equal(tcp_state_of(&r->c),
				 SENT[i] == TCP_STATE_FIN_WAIT_1 ? TCP_STATE_FIN_WAIT_2
				 : SENT[i] == TCP_STATE_CLOSING  ? TCP_STATE_TIME_WAIT
								 : TCP_STATE_CLOSED);
		end(r);
	}
}

static void
rfc9293_3_6_1_time_wait_lasts_two_lifetimes_and_only_a_fin_prolongs_it(void **state)
{
	struct rig *r = in_state(TCP_STATE_TIME_WAIT);
	const uint64_t end_ns = r->now_ns + 60000ull * RIG_MS;

	assert_int_equal(rig_wait(r, 0), end_ns);
	rig_wait(r, 1000ull * RIG_MS);
	data(r, 1, 1, "old"); // a duplicate from before the end
	RIG_EXPECT(r, A, 2, 2, 0);
	say(r, A, 2, 2);
	assert_int_equal(rig_wait(r, 0), end_ns);
	say(r, F | A, 1, 2);
	RIG_EXPECT(r, A, 2, 2, 0);
	assert_int_equal(rig_wait(r, 0), r->now_ns + 60000ull * RIG_MS);
	rig_wait(r, 60000ull * RIG_MS);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_CLOSED);
	assert_int_equal(tcp_connect(&r->c, r->now_ns), false); // not before another tcp_init
	end(r);
}

/* --- old and overlapping segments ----------------------------------------------------------- */

static void
rfc9293_3_10_7_4_old_duplicates_change_nothing(void **state)
{
	struct rig *r = rig_connected();

	data(r, 1, 1, "abcdef");
	assert_int_equal(rig_fast(r, RIG_FILL, 1000), 1054);
	rig_say(r, A, RIG_PEER_ISN + 7, RIG_ISN + 1001, 50000);
	rig_in(r, &(struct seg){ .flags = A, // an older segment with an older window
				 .seq = RIG_PEER_ISN + 1,
				 .ack = RIG_ISN + 1,
				 .wnd = 3,
				 .data = "abcdef",
				 .len = 6 });
	RIG_EXPECT(r, A, 1001, 7, 0);
	assert_int_equal(r->c.snd_wnd, 50000);
	assert_int_equal(r->c.snd_una, RIG_ISN + 1001);
	rig_say(r, A, RIG_PEER_ISN + 7, RIG_ISN + 1, 3); // an older ACK alone
	assert_int_equal(r->c.snd_wnd, 50000);
	expect_bytes(r, "abcdef");
	assert_int_equal(r->c.metrics.dropped_out_of_window, 1);
	end(r);
}

/* Of copies that differ the first counts, in whatever order and shape they come. */
static void
rfc9293_3_4_inconsistent_copies_do_not_replace_what_arrived(void **state)
{
	static const struct {
		const char *what;
		struct {
			uint32_t seq;
			const char *text;
		} seg[5];
		const char *want;
		uint64_t differ_cnt;
	} CASES[] = {
		// clang-format off
		{ "the same place",         { { 4, "def" }, { 4, "XYZ" }, { 1, "abc" } }, "abcdef", 1 },
		{ "the same bytes",         { { 4, "def" }, { 4, "def" }, { 1, "abc" } }, "abcdef", 0 },
		{ "from before it",         { { 4, "def" }, { 2, "bcXXX" }, { 1, "a" } }, "abcdef", 1 },
		{ "to behind it",           { { 4, "def" }, { 5, "XXgh" }, { 1, "abc" } }, "abcdefgh", 1 },
		{ "around it",              { { 4, "def" }, { 2, "bcXXXgh" }, { 1, "a" } }, "abcdefgh", 1 },
		{ "around two",             { { 3, "c" }, { 6, "f" }, { 2, "bXdeXg" }, { 1, "a" } }, "abcdefg", 1 },
		{ "what closes the gap",    { { 4, "def" }, { 1, "abcXXXgh" } }, "abcdefgh", 1 },
		{ "closes two gaps",        { { 3, "c" }, { 5, "e" }, { 1, "abXdXf" } }, "abcdef", 1 },
		{ "what was taken already", { { 1, "abc" }, { 1, "XXXdef" } }, "abcdef", 0 },
		{ "one byte each",          { { 2, "b" }, { 2, "X" }, { 2, "Y" }, { 1, "aZc" } }, "abc", 3 },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct rig *r = rig_connected();

		print_message("# %s\n", CASES[i].what);
		for (size_t k = 0; k < ARRAY_CNT(CASES[i].seg) && CASES[i].seg[k].text; k++)
			data(r, CASES[i].seg[k].seq, 1, CASES[i].seg[k].text);
		expect_bytes(r, CASES[i].want);
		assert_int_equal(r->c.metrics.overlap_differs, CASES[i].differ_cnt);
		assert_int_equal(r->c.gap_cnt, 0);
		end(r);
	}
}

static void
rfc9293_3_8_6_reassembly_takes_no_more_memory_than_the_window(void **state)
{
	struct rig *r = rig_connected();
	uint32_t roll = 1;

	for (int i = 0; i < 20000; i++) { // never the first byte
		const uint16_t len = (uint16_t)(1 + (roll = roll * 1103515245 + 12345) % 1000 / 9);
		const uint32_t at = 2 + (roll >> 8) % 30000;

		rig_data(r, RIG_PEER_ISN + at, RIG_ISN + 1, RIG_FILL, len);
		take_all(r);
	}
	assert_true(r->c.gap_cnt <= TCP_GAPS_MAX);
	assert_int_equal(r->c.rx_len, 0);
	assert_true(r->c.metrics.out_of_order_full > 0);
	for (uint32_t i = r->config.rx_buf_bytes; i < RIG_RX_BYTES; i++)
		assert_int_equal(r->rx[i], 0); // what lies behind the buffer is not ours
	end(r);
}

/* --- options -------------------------------------------------------------------------------- */

static void
rfc9293_3_1_options_are_read_or_the_segment_is_dropped(void **state)
{
	static const struct {
		const char *what;
		uint8_t opt[12];
		bool taken;
	} CASES[] = {
		// clang-format off
		{ "nothing but no-ops",           { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, true },
		{ "garbage behind the end",       { 0, 255, 0, 99, 2, 1, 7, 7, 7, 7, 7, 7 }, true },
		{ "an unknown kind",              { 253, 6, 1, 2, 3, 4, 1, 1, 1, 1, 1, 1 }, true },
		{ "unknown, of the least length", { 99, 2, 98, 2, 97, 2, 96, 2, 95, 2, 94, 2 }, true },
		{ "a size where no SYN is",       { 2, 4, 0, 1, 0 }, true },
		{ "a scale where no SYN is",      { 3, 3, 14, 0 }, true },
		{ "length 0",                     { 99, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, false },
		{ "length 1",                     { 99, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, false },
		{ "beyond the header",            { 1, 1, 1, 1, 99, 9, 1, 1, 1, 1, 1, 1 }, false },
		{ "a kind without length",        { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 99 }, false },
		{ "a size of one byte",           { 2, 3, 9, 0 }, false },
		{ "a scale of two bytes",         { 3, 4, 1, 1, 0 }, false },
		{ "SACK of half a block",         { 5, 6, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1 }, false },
		{ "SACK without a block",         { 5, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, false },
		{ "a short timestamp",            { 8, 6, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1 }, false },
		{ "permission with a byte",       { 4, 3, 0, 0 }, false },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct rig *r = rig_connected();

		rig_in(r, &(struct seg){ .flags = A,
					 .seq = RIG_PEER_ISN + 1,
					 .ack = RIG_ISN + 1,
					 .wnd = 60000,
					 .data = "abc",
					 .len = 3,
					 .opt = CASES[i].opt,
					 .opt_len = 12 });
		if ((r->c.rx_len == 3) != CASES[i].taken ||
		    r->c.metrics.dropped_bad_option != !CASES[i].taken)
			fail_msg("%s: %u bytes taken", CASES[i].what, r->c.rx_len);
		assert_int_equal(r->c.mss_eff, 1000);
		assert_int_equal(r->c.snd_wnd, 60000);
		end(r);
	}
}

static void
rfc9293_3_7_1_a_peers_size_of_zero_does_not_stop_us(void **state)
{
	static const struct {
		uint16_t mss;
		uint16_t want;
	} CASES[] = { { 0, 48 }, { 1, 48 }, { 47, 48 }, { 48, 48 }, { 536, 536 }, { 65535, 1000 } };

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		const uint8_t opt[4] = { 2, 4, (uint8_t)(CASES[i].mss >> 8),
					 (uint8_t)CASES[i].mss };
		struct rig *r = rig_new();

		rig_connect(r, opt, sizeof(opt));
		assert_int_equal(r->c.mss_eff, CASES[i].want);
		assert_int_equal(tcp_send(&r->c, RIG_FILL, 100), 100);
		assert_true(rig_take(r));
		assert_int_equal(r->out.len, CASES[i].want < 100 ? CASES[i].want : 100);
		end(r);
	}
}

static void
rfc7323_2_3_a_scale_above_14_counts_as_14(void **state)
{
	static const uint8_t OPT[] = { 2, 4, 3, 232, 3, 3, 255, 0 };
	struct rig *r = rig_new();

	r->config.window_scaling = true;
	rig_connect(r, OPT, sizeof(OPT));
	assert_int_equal(r->c.snd_wnd, 60000); // a SYN's window is not scaled
	rig_say(r, A, RIG_PEER_ISN + 1, RIG_ISN + 1, 60000);
	assert_int_equal(r->c.snd_wnd, 60000u << 14);
	end(r);
}

/* --- windows -------------------------------------------------------------------------------- */

static void
rfc9293_3_8_6_a_window_that_shrinks_is_respected_and_survived(void **state)
{
	struct rig *r = rig_connected();

	for (int i = 0; i < 4; i++)
		assert_int_equal(rig_fast(r, RIG_FILL, 1000), 1054);
	rig_say(r, A, RIG_PEER_ISN + 1, RIG_ISN + 1, 1500); // 2,500 of them are beyond it now
	assert_int_equal(rig_fast(r, "x", 1), 0);
	tcp_send(&r->c, RIG_FILL, 1000);
	RIG_QUIET(r);
	rig_wait(r, r->c.rto_ns);
	RIG_EXPECT(r, A, 1, 1, 1000); // sent again: inside
	RIG_QUIET(r);
	rig_say(r, A, RIG_PEER_ISN + 1, RIG_ISN + 1001, 500);
	while (rig_take(r))
		assert_true(r->out.seq + r->out.len - (RIG_ISN + 1001) <= 500);
	rig_say(r, A, RIG_PEER_ISN + 1, RIG_ISN + 1501, 60000);
	for (int i = 0; i < 50 && tcp_in_flight(&r->c) + (r->c.tx_end - r->c.snd_nxt) != 0; i++) {
		take_all(r);
		rig_say(r, A, RIG_PEER_ISN + 1, r->c.snd_nxt, 60000);
		rig_wait(r, r->c.rto_ns);
	}
	assert_int_equal(r->c.snd_una, RIG_ISN + 5001);
	end(r);
}

static void
rfc9293_3_8_6_1_probes_nobody_answers_end_the_connection(void **state)
{
	struct rig *r = rig_new();
	uint64_t start_ns;

	r->config.user_timeout_ns = 2000ull * RIG_MS;
	rig_connect(r, RIG_MSS, sizeof(RIG_MSS));
	rig_say(r, A, RIG_PEER_ISN + 1, RIG_ISN + 1, 0);
	tcp_send(&r->c, RIG_FILL, 10);
	start_ns = r->now_ns;
	while (tcp_state_of(&r->c) != TCP_STATE_CLOSED &&
	       r->now_ns < start_ns + 10000ull * RIG_MS) {
		r->now_ns = rig_wait(r, 0);
		rig_wait(r, 0);
		take_all(r);
	}
	assert_int_equal(tcp_end_of(&r->c), TCP_END_TIMEOUT);
	assert_true(r->now_ns - start_ns < 4000ull * RIG_MS);
	assert_true(r->c.metrics.window_probe_sent >= 3);
	end(r);
}

static void
rfc9293_3_8_5_urgent_data_is_data(void **state)
{
	struct rig *r = rig_connected();

	rig_in(r, &(struct seg){ .flags = A | TCP_FLAG_URG,
				 .seq = RIG_PEER_ISN + 1,
				 .ack = RIG_ISN + 1,
				 .wnd = 60000,
				 .data = "now",
				 .len = 3 });
	expect_bytes(r, "now");
	assert_int_equal(r->c.metrics.urgent_ignored, 1);
	end(r);
}

/* --- storms --------------------------------------------------------------------------------- */

static void
rfc5961_7_answers_to_nonsense_are_limited_whatever_its_kind(void **state)
{
	static const uint8_t SYN_OPT[] = { 2, 4, 3, 232, 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0 };
	static const uint8_t OLD[] = { 1, 1, 8, 10, 0, 0, 0, 255, 0, 0, 0, 0 };
	static const uint8_t NEW[] = { 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0 };
	const struct seg kind[] = {
		{ .flags = S, .seq = 99, .opt = NEW, .opt_len = 12 },
		{ .flags = R, .seq = RIG_PEER_ISN + 50, .opt = NEW, .opt_len = 12 },
		{ .flags = A, .seq = 99, .ack = RIG_ISN + 1, .opt = NEW, .opt_len = 12 },
		{ .flags = A,
		  .seq = RIG_PEER_ISN + 1,
		  .ack = RIG_ISN + 99999,
		  .opt = NEW,
		  .opt_len = 12 },
		{ .flags = A,
		  .seq = RIG_PEER_ISN + 1,
		  .ack = RIG_ISN + 1,
		  .opt = OLD,
		  .opt_len = 12 },
	};

	for (size_t i = 0; i < ARRAY_CNT(kind); i++) {
		struct rig *r = rig_new();
		unsigned answers = 0;

		r->config.timestamps = true;
		rig_connect(r, SYN_OPT, sizeof(SYN_OPT));
		for (int k = 0; k < 1000; k++) {
			rig_in(r, &kind[i]);
			answers += take_all(r);
		}
		assert_int_equal(answers, 10);
		assert_int_equal(r->c.metrics.challenge_ack_withheld, 990);
		assert_int_equal(tcp_state_of(&r->c), TCP_STATE_ESTABLISHED);
		end(r);
	}
}

/* Two ends that somebody told different numbers answer each other's acknowledgements for ever. */
static void
rfc5961_7_two_confused_ends_do_not_storm(void **state)
{
	struct rig *r = rig_connected();
	uint32_t answers = 0;

	/* The peer is past what we think: each of our ACKs is old to it, each of its is new to us.
	 */
	for (int i = 0; i < 10000; i++) {
		rig_say(r, A, RIG_PEER_ISN + 1 + 30000, RIG_ISN + 1 + 30000, 60000);
		answers += take_all(r);
		rig_wait(r, RIG_MS); // ten seconds in all
	}
	assert_true(answers >= 90 && answers <= 110);
	end(r);
}

/* --- timestamps ----------------------------------------------------------------------------- */

static void
rfc7323_4_3_only_a_segment_at_the_last_ack_moves_the_echo(void **state)
{
	static const uint8_t SYN_OPT[] = { 2, 4, 3, 232, 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0 };
	static const uint8_t LATER[] = { 1, 1, 8, 10, 0, 0, 2, 0, 0, 0, 0, 0 };
	static const uint8_t LATEST[] = { 1, 1, 8, 10, 0, 0, 3, 0, 0, 0, 0, 0 };
	struct rig *r = rig_new();
	struct seg s = { .flags = A,
			 .seq = RIG_PEER_ISN + 4,
			 .ack = RIG_ISN + 1,
			 .wnd = 60000,
			 .data = "def",
			 .len = 3,
			 .opt = LATEST,
			 .opt_len = 12 };

	r->config.timestamps = true;
	rig_connect(r, SYN_OPT, sizeof(SYN_OPT));
	rig_in(r, &s); // behind a gap: the echo must tell the time of what is missing
	RIG_EXPECT(r, A, 1, 1, 0);
	assert_int_equal(r->c.ts_recent, 0x100);
	s.seq = RIG_PEER_ISN + 1;
	s.data = "abc";
	s.opt = LATER;
	rig_in(r, &s);
	RIG_EXPECT(r, A, 1, 7, 0);
	assert_int_equal(r->c.ts_recent, 0x200);
	end(r);
}

static void
rfc7323_5_paws_drops_an_old_number_that_fits_the_window(void **state)
{
	static const uint8_t SYN_OPT[] = { 2,    4,    3,    232,  1, 1, 8, 10,
					   0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0 };
	static const uint8_t WRAPPED[] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0 };
	static const uint8_t OLD[] = { 1, 1, 8, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 };
	struct rig *r = rig_new();
	struct seg s = { .flags = A,
			 .seq = RIG_PEER_ISN + 1,
			 .ack = RIG_ISN + 1,
			 .wnd = 60000,
			 .data = "abc",
			 .len = 3,
			 .opt = WRAPPED,
			 .opt_len = 12 };

	r->config.timestamps = true;
	rig_connect(r, SYN_OPT, sizeof(SYN_OPT));
	rig_in(r, &s); // its clock went through zero: newer
	expect_bytes(r, "abc");
	s.seq += 3;
	s.opt = OLD;
	rig_in(r, &s);
	expect_bytes(r, "abc");
	assert_int_equal(r->c.metrics.dropped_paws, 1);
	end(r);
}

/* --- counters ------------------------------------------------------------------------------- */

static void
damaged_segments_have_their_counters(void **state)
{
	struct rig *r = rig_connected();
	const struct seg s = { .flags = A, .seq = RIG_PEER_ISN + 1, .ack = RIG_ISN + 1 };
	uint8_t f[RIG_CAP];
	const uint16_t len = seg_frame(f, &s);

	f[34 + 12] = 4 << 4;
	tcp_on_frame(&r->c, f, len, true, r->now_ns);
	seg_frame(f, &s);
	f[34 + 13] ^= 8;
	tcp_on_frame(&r->c, f, len, false, r->now_ns);
	tcp_on_frame(&r->c, f, 20, false, r->now_ns);
	assert_int_equal(r->c.metrics.dropped_bad_header, 1);
	assert_int_equal(r->c.metrics.dropped_bad_sum, 1);
	assert_int_equal(r->c.metrics.dropped_not_ours, 1);
	end(r);

	r = rig_new();
	r->config.timestamps = true;
	rig_connect(r, (const uint8_t[]){ 2, 4, 3, 232, 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0 }, 16);
	data(r, 1, 1, "abc"); // without what was agreed
	assert_int_equal(r->c.metrics.dropped_no_timestamp, 1);
	RIG_QUIET(r);
	end(r);
}

/* The last: whatever the tests above provoked, no reason to drop a segment stayed uncounted. */
static void
every_reason_to_drop_has_counted(void **state)
{
	static const struct {
		const char *name;
		size_t off;
	} ALL[] = {
#define METRIC(name, kind, help) { #name, offsetof(struct tcp_metrics, name) },
#include "net/tcp_metrics.def"
#undef METRIC
	};

	for (size_t i = 0; i < ARRAY_CNT(ALL); i++)
		if (strncmp(ALL[i].name, "dropped_", 8) == 0 &&
		    *(const uint64_t *)((const uint8_t *)&seen + ALL[i].off) == 0)
			fail_msg("%s never counted", ALL[i].name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc9293_3_10_7_4_an_exact_reset_ends_every_state),
		cmocka_unit_test(rfc5961_3_2_a_reset_that_is_only_near_asks_back_in_every_state),
		cmocka_unit_test(rfc5961_3_2_with_a_closed_window_only_the_exact_reset_counts),
		cmocka_unit_test(rfc5961_4_2_a_syn_is_challenged_in_every_state),
		cmocka_unit_test(rfc5961_4_2_a_syn_is_challenged_whatever_its_timestamp),
		cmocka_unit_test(rfc5961_5_2_an_ack_of_the_future_is_refused_in_every_state),
		cmocka_unit_test(rfc9293_3_5_1_crossing_syns_survive_a_lost_answer),
		cmocka_unit_test(rfc9293_3_10_7_3_a_syn_ack_may_carry_data),
		cmocka_unit_test(rfc9293_3_10_7_3_while_connecting_only_a_syn_connects),
		cmocka_unit_test(rfc9293_3_10_7_1_a_closed_connection_answers_with_a_reset),
		cmocka_unit_test(rfc9293_3_5_2_a_peer_that_forgot_us_resets_at_our_next_word),
		cmocka_unit_test(rfc9293_3_5_2_a_peer_that_began_anew_is_made_to_reset),
		cmocka_unit_test(rfc9293_3_8_4_a_keep_alive_finds_a_peer_that_forgot_us),
		cmocka_unit_test(rfc9293_3_10_7_4_a_segment_without_ack_changes_nothing),
		cmocka_unit_test(rfc9293_3_10_7_4_data_after_the_fin_is_counted_and_not_delivered),
		cmocka_unit_test(
			rfc9293_3_6_a_fin_that_is_lost_comes_again_in_every_state_that_sent_one),
		cmocka_unit_test(
			rfc9293_3_6_1_time_wait_lasts_two_lifetimes_and_only_a_fin_prolongs_it),
		cmocka_unit_test(rfc9293_3_10_7_4_old_duplicates_change_nothing),
		cmocka_unit_test(rfc9293_3_4_inconsistent_copies_do_not_replace_what_arrived),
		cmocka_unit_test(rfc9293_3_8_6_reassembly_takes_no_more_memory_than_the_window),
		cmocka_unit_test(rfc9293_3_1_options_are_read_or_the_segment_is_dropped),
		cmocka_unit_test(rfc9293_3_7_1_a_peers_size_of_zero_does_not_stop_us),
		cmocka_unit_test(rfc7323_2_3_a_scale_above_14_counts_as_14),
		cmocka_unit_test(rfc9293_3_8_6_a_window_that_shrinks_is_respected_and_survived),
		cmocka_unit_test(rfc9293_3_8_6_1_probes_nobody_answers_end_the_connection),
		cmocka_unit_test(rfc9293_3_8_5_urgent_data_is_data),
		cmocka_unit_test(rfc5961_7_answers_to_nonsense_are_limited_whatever_its_kind),
		cmocka_unit_test(rfc5961_7_two_confused_ends_do_not_storm),
		cmocka_unit_test(rfc7323_4_3_only_a_segment_at_the_last_ack_moves_the_echo),
		cmocka_unit_test(rfc7323_5_paws_drops_an_old_number_that_fits_the_window),
		cmocka_unit_test(damaged_segments_have_their_counters),
		cmocka_unit_test(every_reason_to_drop_has_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
