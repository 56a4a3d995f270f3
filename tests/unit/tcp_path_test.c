/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp_states.h"

/* What routers say about a connection, and how much it sends before it knows the path. */

/* --- ICMP ----------------------------------------------------------------------------------- */

static bool
icmp(struct rig *r, uint8_t type, uint8_t code, uint16_t mtu, uint32_t seq)
{
	uint8_t f[64] = { 0 };
	struct icmp_head *h = (struct icmp_head *)f;
	struct ipv4_head *ip = (struct ipv4_head *)(h + 1);
	struct tcp_head *t = (struct tcp_head *)(ip + 1);
	const struct eth_ip e = { .l4 = f,
				  .l4_len = sizeof(*h) + sizeof(*ip) + 8,
				  .proto = IP_PROTO_ICMP };

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
	t->seq = be32_of(seq);
	return tcp_on_icmp(&r->c, &e, r->now_ns);
}

static void
rfc5927_4_1_an_icmp_error_must_quote_what_is_in_flight(void **state)
{
	struct rig *r = rig_connected();

	assert_false(
		icmp(r, ICMP_UNREACHABLE, ICMP_CODE_FRAG_NEEDED, 600, RIG_ISN + 1)); // nothing is
	assert_int_equal(rig_fast(r, RIG_FILL, 1000), 1054);
	assert_false(icmp(r, ICMP_UNREACHABLE, ICMP_CODE_FRAG_NEEDED, 600, RIG_ISN));
	assert_false(icmp(r, ICMP_UNREACHABLE, ICMP_CODE_FRAG_NEEDED, 600, RIG_ISN + 1001));
	assert_int_equal(r->c.mss_eff, 1000);
	assert_int_equal(r->c.metrics.icmp_ignored, 3);
	assert_true(icmp(r, ICMP_UNREACHABLE, ICMP_CODE_FRAG_NEEDED, 640, RIG_ISN + 1));
	assert_int_equal(r->c.mss_eff, 600);
	end(r);
}

static void
rfc5927_4_2_no_icmp_error_ends_a_connection_that_stands(void **state)
{
	static const uint8_t TYPES[] = { ICMP_UNREACHABLE, ICMP_TIME_EXCEEDED, ICMP_PARAMETER };

	for (size_t i = 0; i < ARRAY_CNT(STATES); i++) {
		struct rig *r = in_state(STATES[i]);
		const bool flies = tcp_in_flight(&r->c) != 0;

		if (STATES[i] == TCP_STATE_ESTABLISHED || STATES[i] == TCP_STATE_CLOSE_WAIT)
			assert_true(rig_fast(r, "x", 1) != 0);
		for (size_t t = 0; t < ARRAY_CNT(TYPES); t++)
			for (uint8_t code = 0; code < 16; code++)
				if (TYPES[t] != ICMP_UNREACHABLE || code != ICMP_CODE_FRAG_NEEDED)
					icmp(r, TYPES[t], code, 0, r->c.snd_una);
		assert_int_equal(tcp_state_of(&r->c), STATES[i]);
		if (flies)
			assert_int_equal(r->c.metrics.icmp_soft, 15 + 16 + 16);
		take_all(r);
		assert_true(tcp_check(&r->c));
		end(r);
	}
}

static void
rfc6633_source_quench_is_ignored(void **state)
{
	struct rig *r = rig_connected();
	const uint32_t cwnd = r->c.cwnd;

	assert_int_equal(rig_fast(r, "x", 1), 55);
	assert_true(icmp(r, 4, 0, 0, RIG_ISN + 1));
	assert_int_equal(r->c.cwnd, cwnd);
	assert_int_equal(r->c.metrics.icmp_ignored, 1);
	end(r);
}

static void
rfc1191_7_1_a_router_that_tells_no_size_costs_one_step(void **state)
{
	struct rig *r = rig_connected();

	assert_int_equal(rig_fast(r, RIG_FILL, 1000), 1054);
	assert_true(
		icmp(r, ICMP_UNREACHABLE, ICMP_CODE_FRAG_NEEDED, 0, RIG_ISN + 1)); // quotes 1040
	assert_int_equal(r->c.mss_eff, 1006 - 40);
	end(r);
}

/* --- congestion ----------------------------------------------------------------------------- */

static void
rfc6928_2_the_initial_window(void **state)
{
	static const struct {
		uint16_t mss;
		uint32_t want; // min(10 MSS, max(2 MSS, 14600))
	} CASES[] = {
		{ 536, 5360 }, { 1000, 10000 }, { 1460, 14600 }, { 4000, 14600 }, { 8960, 17920 }
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		const uint8_t opt[4] = { 2, 4, (uint8_t)(CASES[i].mss >> 8),
					 (uint8_t)CASES[i].mss };
		struct rig *r = rig_new();

		r->config.mss = 8960;
		rig_connect(r, opt, sizeof(opt));
		assert_int_equal(r->c.cwnd, CASES[i].want);
		end(r);
	}
}

static void
rfc5681_3_1_no_burst_passes_the_congestion_window(void **state)
{
	struct rig *r = rig_connected();
	uint32_t sent = 0;

	tcp_send(&r->c, RIG_FILL, 4096);
	tcp_send(&r->c, RIG_FILL, 4096);
	tcp_send(&r->c, RIG_FILL, 4096);
	while (rig_take(r))
		sent += r->out.len;
	assert_int_equal(sent, 10000);
	end(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc5927_4_1_an_icmp_error_must_quote_what_is_in_flight),
		cmocka_unit_test(rfc5927_4_2_no_icmp_error_ends_a_connection_that_stands),
		cmocka_unit_test(rfc6633_source_quench_is_ignored),
		cmocka_unit_test(rfc1191_7_1_a_router_that_tells_no_size_costs_one_step),
		cmocka_unit_test(rfc6928_2_the_initial_window),
		cmocka_unit_test(rfc5681_3_1_no_burst_passes_the_congestion_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
