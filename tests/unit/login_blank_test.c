/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "observe/login_blank.h"
#include "wire/eth_ip.h"
#include "wire/soupbintcp.h"

enum {
	PEER_IP = 0x0a0a0201,
	OUR_IP = 0x0a0a0202,
	PEER_PORT = 26488,
	OUR_PORT = 40000,
	FRAME_MAX = 256,
};

#define ISN   0xfffffff0U // the login lies across the wrap
#define FIRST (ISN + 1)

static const char STREAM[] = "\0\x2fLTEST01sluice0001" // login: length 47, type, user, password
			     "          "
			     "                   1"
			     "\0\1R\0\1R"; // two heartbeats
#define STREAM_LEN (sizeof(STREAM) - 1)

struct made {
	uint8_t frame[FRAME_MAX];
	size_t len;
	uint8_t *payload;
	size_t payload_len;
};

static void
make(struct made *m, bool tagged, uint16_t local_port, uint8_t flags, uint32_t seq,
     const void *payload, size_t len)
{
	struct eth_head *eth = (struct eth_head *)m->frame;
	uint8_t *at = (uint8_t *)(eth + 1);
	struct ipv4_head *ip;
	struct tcp_head *tcp;

	memset(m, 0, sizeof(*m));
	eth->type = be16_of(tagged ? ETH_TYPE_VLAN : ETH_TYPE_IPV4);
	if (tagged) {
		((struct vlan_tag *)at)->type = be16_of(ETH_TYPE_IPV4);
		at += sizeof(struct vlan_tag);
	}
	ip = (struct ipv4_head *)at;
	tcp = (struct tcp_head *)(ip + 1);
	ip->version_ihl = 0x45;
	ip->total_len = be16_of((uint16_t)(sizeof(*ip) + sizeof(*tcp) + len));
	ip->proto = IP_PROTO_TCP;
	ip->ttl = 64;
	ip->src = be32_of(OUR_IP);
	ip->dst = be32_of(PEER_IP);
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	tcp->src_port = be16_of(local_port);
	tcp->dst_port = be16_of(PEER_PORT);
	tcp->seq = be32_of(seq);
	tcp->data_off = 5 << 4;
	tcp->flags = flags;
	m->payload = (uint8_t *)(tcp + 1);
	m->payload_len = len;
	memcpy(m->payload, payload, len);
	tcp->sum = ip_sum_finish(ip_sum_bytes(
		ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, (uint16_t)(sizeof(*tcp) + len)), tcp,
		sizeof(*tcp) + len));
	m->len = (size_t)(m->payload - m->frame) + len;
}

static void
expect_checksum(const struct made *m)
{
	struct eth_ip e;

	assert_int_equal(eth_ip_walk(m->frame, m->len, false, &e), ETH_IP_L4);
	assert_true(eth_ip_l4_sum_ok(&e));
}

static void
begin(struct login_blank *b)
{
	struct made m;

	memset(b, 0, sizeof(*b));
	assert_true(login_blank_add(b, PEER_IP, PEER_PORT));
	make(&m, false, OUR_PORT, TCP_FLAG_SYN, ISN, "", 0);
	assert_false(login_blank_frame(b, m.frame, m.len));
}

/* The stream in segments of any size, each sent twice: the password never stays. */
static void
password_is_blanked_however_the_stream_is_cut(void **state)
{
	for (size_t step = 1; step <= STREAM_LEN; step++) {
		char got[STREAM_LEN];
		struct login_blank b;
		struct made m;

		begin(&b);
		for (size_t at = 0; at < STREAM_LEN; at += step) {
			const size_t len = at + step < STREAM_LEN ? step : STREAM_LEN - at;

			for (int again = 0; again < 2; again++) {
				make(&m, step % 2, OUR_PORT, TCP_FLAG_ACK, FIRST + (uint32_t)at,
				     STREAM + at, len);
				login_blank_frame(&b, m.frame, m.len);
				expect_checksum(&m);
				memcpy(got + at, m.payload, len);
			}
		}
		assert_memory_equal(got, STREAM, 9);
		assert_memory_equal(got + 9, "**********", 10);
		assert_memory_equal(got + 19, STREAM + 19, STREAM_LEN - 19);
	}
}

static void
bytes_of_an_unknown_beginning_are_all_blanked(void **state)
{
	struct login_blank b;
	struct made m;

	begin(&b);
	login_blank_forget(&b);
	make(&m, false, OUR_PORT, TCP_FLAG_ACK, FIRST + 5, STREAM + 5, 30);
	assert_true(login_blank_frame(&b, m.frame, m.len));
	for (size_t i = 0; i < m.payload_len; i++)
		assert_int_equal(m.payload[i], '*');
	expect_checksum(&m);

	begin(&b); // another local port is another connection
	make(&m, false, OUR_PORT + 1, TCP_FLAG_ACK, FIRST + 100, STREAM, 30);
	assert_true(login_blank_frame(&b, m.frame, m.len));
	assert_int_equal(m.payload[0], '*');

	login_blank_tell(&b, PEER_IP, PEER_PORT, OUR_PORT + 1, ISN); // until the session tells
	make(&m, false, OUR_PORT + 1, TCP_FLAG_ACK, FIRST + 100, STREAM + 49, 3);
	assert_false(login_blank_frame(&b, m.frame, m.len));
	assert_memory_equal(m.payload, STREAM + 49, 3);
}

static void
orders_and_other_peers_stay_as_they_are(void **state)
{
	struct login_blank b;
	struct made m, before;

	begin(&b);
	make(&m, false, OUR_PORT, TCP_FLAG_ACK, FIRST + 49, "\0\1R", 3);
	before = m;
	assert_false(login_blank_frame(&b, m.frame, m.len));
	assert_memory_equal(m.frame, before.frame, m.len);
	make(&m, false, OUR_PORT, TCP_FLAG_ACK, FIRST, STREAM, STREAM_LEN);
	((struct tcp_head *)(m.payload - sizeof(struct tcp_head)))->dst_port = be16_of(1);
	assert_false(login_blank_frame(&b, m.frame, m.len));
	assert_memory_equal(m.payload, STREAM, STREAM_LEN);
}

static void
login_at_the_start_of_a_segment_is_blanked_wherever_it_lies(void **state)
{
	struct login_blank b;
	struct made m;

	begin(&b);
	make(&m, false, OUR_PORT, TCP_FLAG_ACK, FIRST + 5000, STREAM, STREAM_LEN);
	assert_true(login_blank_frame(&b, m.frame, m.len));
	assert_memory_equal(m.payload + 9, "**********", 10);
	expect_checksum(&m);
}

/* Cut by snaplen, at every length: nothing outside is touched, and no password byte stays. */
static void
cut_frames_are_blanked_as_far_as_they_are_there(void **state)
{
	struct login_blank b;
	struct made m;

	for (size_t len = 0; len <= 54 + STREAM_LEN; len++) {
		begin(&b);
		make(&m, false, OUR_PORT, TCP_FLAG_ACK, FIRST, STREAM, STREAM_LEN);
		memset(m.frame + len, 0x5a, sizeof(m.frame) - len);
		login_blank_frame(&b, m.frame, len);
		for (size_t i = len; i < sizeof(m.frame); i++)
			assert_int_equal(m.frame[i], 0x5a);
		for (size_t i = 54 + 9; i < 54 + 19 && i < len; i++)
			assert_int_equal(m.frame[i], '*');
	}
}

/* Four gigabytes later sequence numbers come again, and orders have them. */
static void
old_connections_are_not_blanked_when_numbers_come_again(void **state)
{
	struct login_blank b;
	struct made m;

	begin(&b);
	for (uint32_t at = 1 << 29; at != 0; at += 1 << 29) {
		make(&m, false, OUR_PORT, TCP_FLAG_ACK, FIRST + at, "\0\1R", 3);
		assert_false(login_blank_frame(&b, m.frame, m.len));
	}
	make(&m, false, OUR_PORT, TCP_FLAG_ACK, FIRST + 8, "\0\1R", 3);
	assert_false(login_blank_frame(&b, m.frame, m.len));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(password_is_blanked_however_the_stream_is_cut),
		cmocka_unit_test(bytes_of_an_unknown_beginning_are_all_blanked),
		cmocka_unit_test(orders_and_other_peers_stay_as_they_are),
		cmocka_unit_test(login_at_the_start_of_a_segment_is_blanked_wherever_it_lies),
		cmocka_unit_test(cut_frames_are_blanked_as_far_as_they_are_there),
		cmocka_unit_test(old_connections_are_not_blanked_when_numbers_come_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
