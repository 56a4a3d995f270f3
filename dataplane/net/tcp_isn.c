/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp_isn.h"

enum { ISN_TICK_NS = 4000 }; // RFC 6528 3: the clock M ticks every 4 us

static uint64_t
rotl(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static void
sip_take(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of the twelve bytes of a tuple. */
static uint64_t
tuple_hash(const struct tcp_tuple *t, const uint64_t secret[2])
{
	uint64_t v[4] = {
		secret[0] ^ 0x736f6d6570736575,
		secret[1] ^ 0x646f72616e646f6d,
		secret[0] ^ 0x6c7967656e657261,
		secret[1] ^ 0x7465646279746573,
	};

	sip_take(v, (uint64_t)t->peer_ip << 32 | t->local_ip);
	sip_take(v, (uint64_t)12 << 56 | (uint64_t)t->peer_port << 16 | t->local_port);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

COLD uint32_t
tcp_isn_of(const struct tcp_tuple *t, const uint64_t secret[2], uint64_t now_ns)
{
	return (uint32_t)(now_ns / ISN_TICK_NS + tuple_hash(t, secret));
}
