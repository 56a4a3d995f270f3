/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/tcp.h"
#include "net/tcp_clear.h"

static const struct tcp_way WAY = {
	.local_mac = { 2, 0, 0, 0, 0, 1 },
	.peer_mac = { 2, 0, 0, 0, 0, 2 },
	.local_ip = 0x0A0A0202,
	.peer_ip = 0x0A0A0201,
	.local_port = 40000,
	.peer_port = 26488,
};

/* The other way round: what the peer writes. */
static struct tcp_way
mirror(void)
{
	struct tcp_way w = WAY;

	memcpy(w.local_mac, WAY.peer_mac, sizeof(w.local_mac));
	memcpy(w.peer_mac, WAY.local_mac, sizeof(w.peer_mac));
	w.local_ip = WAY.peer_ip;
	w.peer_ip = WAY.local_ip;
	w.local_port = WAY.peer_port;
	w.peer_port = WAY.local_port;
	return w;
}

static bool
give(struct tcp_clear *c, uint32_t seq, uint32_t ack, uint8_t flags)
{
	const struct tcp_way from = mirror();
	uint8_t frame[TCP_BARE_BYTES];
	struct eth_ip e;

	assert_int_equal(eth_ip_walk(frame, tcp_bare_put(&from, seq, ack, flags, frame), false, &e),
			 ETH_IP_L4);
	return tcp_clear_on_packet(c, &e);
}

/* The next frame, checksums and addresses verified. */
static void
take_is(struct tcp_clear *c, uint8_t flags, uint32_t seq)
{
	uint8_t frame[TCP_BARE_BYTES];
	const uint16_t len = tcp_clear_take(c, frame);
	const struct tcp_head *t;
	struct eth_ip e;

	assert_int_not_equal(len, 0);
	assert_int_equal(eth_ip_walk(frame, len, false, &e), ETH_IP_L4);
	assert_true(eth_ip_l4_sum_ok(&e));
	t = (const struct tcp_head *)e.l4;
	assert_int_equal(t->flags, flags);
	assert_int_equal(be32_get(t->seq), seq);
	assert_int_equal(be32_get(e.src), WAY.local_ip);
	assert_int_equal(be16_get(t->src_port), WAY.local_port);
	assert_int_equal(be16_get(t->dst_port), WAY.peer_port);
}

static void
take_none(struct tcp_clear *c)
{
	uint8_t frame[TCP_BARE_BYTES];

	assert_int_equal(tcp_clear_take(c, frame), 0);
}

static void
start(struct tcp_clear *c)
{
	tcp_clear_start(c, &WAY, 1000, 5000, 0);
	tcp_clear_on_time(c, 0);
	take_is(c, TCP_FLAG_ACK, 999); // before anything the peer may expect
	take_none(c);
}

static void
the_reset_has_the_number_the_peer_told(void **state)
{
	struct tcp_clear c;

	start(&c);
	assert_true(give(&c, 5000, 1234, TCP_FLAG_ACK));
	take_is(&c, TCP_FLAG_RST, 1234);
	take_is(&c, TCP_FLAG_ACK, 999);
	assert_int_equal(c.state, TCP_CLEAR_ASKING);
	assert_true(give(&c, 5000, 0, TCP_FLAG_RST));
	assert_int_equal(c.state, TCP_CLEAR_GONE);
	assert_int_equal(c.rst_cnt, 1);
	take_none(&c);
}

static void
a_peer_without_the_connection_ends_it_at_once(void **state)
{
	struct tcp_clear c;

	start(&c);
	assert_true(give(&c, 5000, 0, TCP_FLAG_RST));
	assert_int_equal(c.state, TCP_CLEAR_GONE);
	assert_int_equal(c.rst_cnt, 0);
}

static void
a_reset_with_another_number_proves_nothing(void **state)
{
	struct tcp_clear c;

	start(&c);
	assert_true(give(&c, 5001, 0, TCP_FLAG_RST));
	assert_int_equal(c.state, TCP_CLEAR_ASKING);
}

static void
other_connections_are_left_alone(void **state)
{
	struct tcp_clear c;

	start(&c);
	c.way.local_port++;
	assert_false(give(&c, 5000, 0, TCP_FLAG_RST));
	assert_int_equal(c.state, TCP_CLEAR_ASKING);
	memset(&c, 0, sizeof(c)); // nothing to clear
	assert_false(give(&c, 5000, 0, TCP_FLAG_RST));
}

static void
without_an_answer_it_gives_up(void **state)
{
	struct tcp_clear c;

	start(&c);
	for (int i = 1; i < TCP_CLEAR_TRIES; i++) {
		tcp_clear_on_time(&c, (uint64_t)i * TCP_CLEAR_WAIT_NS - 1);
		take_none(&c);
		tcp_clear_on_time(&c, (uint64_t)i * TCP_CLEAR_WAIT_NS);
		take_is(&c, TCP_FLAG_ACK, 999);
	}
	tcp_clear_on_time(&c, TCP_CLEAR_TRIES * TCP_CLEAR_WAIT_NS);
	assert_int_equal(c.state, TCP_CLEAR_UNPROVEN);
	take_none(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reset_has_the_number_the_peer_told),
		cmocka_unit_test(a_peer_without_the_connection_ends_it_at_once),
		cmocka_unit_test(a_reset_with_another_number_proves_nothing),
		cmocka_unit_test(other_connections_are_left_alone),
		cmocka_unit_test(without_an_answer_it_gives_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
