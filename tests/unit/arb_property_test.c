/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/arb.h"

/*
 * Lines that lose, repeat, reorder and pack as they like, against a simple reference: what at least
 * one line brought in time is delivered exactly once and in order; what no line brought, and
 * nothing else, is named as a gap; no buffer is lost or kept beyond the limit.
 */
enum {
	ROUNDS = 2500,
	MESSAGES = 2500,
	PACKET_MSG_MAX = 6,
	EVENTS_MAX = 4 * FEED_LINE_MAX * MESSAGES,
	PACKET_BYTES = 20 + PACKET_MSG_MAX * 10,
	REORDER = 256, // more than can be on their way at once
};

#define US          1000ULL
#define SPACING_NS  (10 * US)  // between two messages
#define DELAY_NS    (80 * US)  // of a slow line
#define JITTER_NS   (60 * US)  // of a packet
#define BEAT_NS     (200 * US) // between heartbeats
#define GAP_WAIT_NS (900 * US) // longer than a heartbeat and all delays together

struct arrival {
	uint64_t at_ns;
	uint32_t order; // breaks ties the same way each time
	uint8_t line;
	uint8_t *packet;
	uint16_t len;
};

static struct arrival event[EVENTS_MAX];
static uint8_t bytes[EVENTS_MAX][PACKET_BYTES];
static uint32_t event_cnt;
static bool arrived[MESSAGES + 2];
static uint8_t memory[1 << 20] cache_aligned;
static struct arb a;
static uint64_t rng, seed;
static struct {
	uint64_t next_seq;
	uint64_t named_cnt; // messages named as lost
	bool is_out[EVENTS_MAX];
	uint32_t out_cnt, out_max;
	bool ended;
} got;
static uint64_t loss_rounds, packets;

#define CHECK(cond)                                                                      \
	do {                                                                             \
		if (!(cond))                                                             \
			fail_msg("seed %llu message %llu: %s", (unsigned long long)seed, \
				 (unsigned long long)got.next_seq, #cond);               \
	} while (0)

static uint64_t
any(uint64_t below)
{
	uint64_t z = rng += 0x9E3779B97F4A7C15;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return (z ^ z >> 31) % below;
}

static void
add_event(uint8_t line, uint64_t at_ns, uint64_t seq, uint16_t cnt)
{
	uint8_t *at = bytes[event_cnt];
	struct arrival *e = &event[event_cnt];

	assert_true(event_cnt < EVENTS_MAX);
	*e = (struct arrival){ at_ns, event_cnt, line, at, sizeof(struct mold_head) };
	event_cnt++;
	mold_request_write((struct mold_head *)at, "PROPERTY  ", seq, cnt);
	for (uint16_t i = 0; i < cnt && cnt != MOLD_END_OF_SESSION_CNT; i++) {
		*(be16 *)(at + e->len) = be16_of(8);
		*(be64 *)(at + e->len + 2) = be64_of(seq + i);
		e->len = (uint16_t)(e->len + 10);
		arrived[seq + i] = true;
	}
}

static uint64_t
sent_ns(uint64_t seq)
{
	return 1000000 * US + seq * SPACING_NS;
}

/* One line's packets, as they arrive. */
static void
add_line(uint8_t line, unsigned loss_percent)
{
	const uint64_t delay_ns = any(DELAY_NS);
	const uint64_t down_from = any(MESSAGES), down_cnt = any(4) == 0 ? any(600) : 0;
	const bool floods = any(6) == 0;
	uint64_t seq = 1;

	while (seq <= MESSAGES) {
		uint16_t cnt = (uint16_t)(1 + any(PACKET_MSG_MAX));
		const uint64_t left = MESSAGES + 1 - seq;
		const bool down = seq >= down_from && seq < down_from + down_cnt;
		uint64_t at_ns;

		if (cnt > left)
			cnt = (uint16_t)left;
		at_ns = sent_ns(seq + cnt - 1) + delay_ns + any(JITTER_NS);
		if (!down && any(100) >= loss_percent) {
			add_event(line, at_ns, seq, cnt);
			while (any(floods ? 3 : 40) == 0 && event_cnt < EVENTS_MAX / 2)
				add_event(line, at_ns + any(JITTER_NS), seq, cnt);
		}
		seq += cnt;
	}
	for (uint64_t ns = sent_ns(1); ns < sent_ns(MESSAGES); ns += BEAT_NS)
		add_event(line, ns + delay_ns + any(JITTER_NS), (ns - sent_ns(1)) / SPACING_NS + 1,
			  MOLD_HEARTBEAT_CNT);
	for (unsigned i = 0; i < 3; i++)
		add_event(line, sent_ns(MESSAGES) + DELAY_NS + JITTER_NS + i * US, MESSAGES + 1,
			  MOLD_END_OF_SESSION_CNT);
}

static int
by_time(const void *x, const void *y)
{
	const struct arrival *l = x, *r = y;

	if (l->at_ns != r->at_ns)
		return l->at_ns < r->at_ns ? -1 : 1;
	return l->order < r->order ? -1 : 1;
}

static uint32_t
index_of(const void *buf)
{
	const size_t i = (size_t)((const uint8_t *)buf - bytes[0]) / PACKET_BYTES;

	CHECK(i < EVENTS_MAX && buf == bytes[i] && got.is_out[i]);
	return (uint32_t)i;
}

static void
free_buffer(const void *buf)
{
	got.is_out[index_of(buf)] = false;
	got.out_cnt--;
}

static void
take(const struct datagram *d)
{
	const uint8_t *at = d->data;

	if (d->flags & DATAGRAM_GAP) {
		CHECK(d->seq > got.next_seq);
		for (uint64_t seq = got.next_seq; seq < d->seq; seq++)
			CHECK(!arrived[seq]); // no line brought it
		CHECK(a.lost_from_seq == got.next_seq);
		got.named_cnt += d->seq - got.next_seq;
		got.next_seq = d->seq;
	}
	if (d->flags & DATAGRAM_END) {
		CHECK(!got.ended && got.next_seq == MESSAGES + 1);
		got.ended = true;
	}
	if (d->msg_cnt != 0)
		CHECK(d->seq == got.next_seq);
	for (unsigned i = 0; i < d->msg_cnt; i++, at += 10)
		CHECK(be16_get(*(const be16 *)at) == 8 &&
		      be64_get(*(const be64 *)(at + 2)) == got.next_seq++);
	CHECK(d->msg_cnt == 0 || at == d->data + d->len);
	if (d->buf != NULL)
		free_buffer(d->buf);
}

static void
bring(const struct arrival *e)
{
	struct frame f = { .buf = e->packet,
			   .data = e->packet,
			   .len = e->len,
			   .line_idx = e->line,
			   .heard_ns = e->at_ns };
	struct datagram d;

	f.head.rx_ns = e->at_ns;
	got.is_out[(e->packet - bytes[0]) / PACKET_BYTES] = true;
	got.out_cnt++;
	switch (arb_on_frame(&a, &f, NULL, &d)) {
	case ARB_DELIVER:
		take(&d);
		break;
	case ARB_DROP:
		free_buffer(e->packet);
		break;
	case ARB_KEPT:
		break;
	}
	while (arb_next(&a, e->at_ns, &d))
		take(&d);
	if (got.out_cnt > got.out_max)
		got.out_max = got.out_cnt;
	CHECK(got.out_cnt == a.held_cnt && got.out_cnt <= REORDER);
}

static void
play(void)
{
	static struct hist lag[FEED_LINE_MAX];
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };
	struct arb_config c = {
		.line_cnt = (uint8_t)(1 + any(FEED_LINE_MAX)),
		.first_seq = 1,
		.reorder_packets = REORDER,
		.gap_wait_ns = GAP_WAIT_NS,
		.silence_ns = 10000000 * US,
	};
	const unsigned loss_percent = any(3) == 0 ? 0 : (unsigned)any(15);
	uint64_t lost_cnt = 0, second_cnt = 0;
	struct datagram d;

	for (unsigned i = 0; i < FEED_LINE_MAX; i++)
		c.lag_ns[i] = &lag[i];
	memset(lag, 0, sizeof(lag));
	memset(&got, 0, sizeof(got));
	memset(arrived, 0, sizeof(arrived));
	got.next_seq = 1;
	event_cnt = 0;
	assert_int_equal(arb_init(&a, &c, &arena), 0);
	for (uint8_t i = 0; i < c.line_cnt; i++)
		add_line(i, loss_percent);
	qsort(event, event_cnt, sizeof(event[0]), by_time);
	for (uint32_t i = 0; i < event_cnt; i++)
		bring(&event[i]);
	while (arb_next(&a, sent_ns(MESSAGES) + 100 * GAP_WAIT_NS, &d))
		take(&d);
	for (uint64_t seq = 1; seq <= MESSAGES; seq++)
		lost_cnt += !arrived[seq];
	for (unsigned i = 0; i < c.line_cnt; i++)
		second_cnt += lag[i].cnt;
	CHECK(got.ended && got.out_cnt == 0);
	CHECK(got.named_cnt == lost_cnt && a.metrics.message_lost == lost_cnt);
	CHECK(a.metrics.message_delivered == MESSAGES - lost_cnt);
	CHECK(c.line_cnt == 1 || second_cnt != 0);
	for (unsigned i = 0; i < c.line_cnt; i++)
		CHECK(lag[i].max <= DELAY_NS + 2 * JITTER_NS + PACKET_MSG_MAX * SPACING_NS);
	loss_rounds += lost_cnt != 0;
	packets += event_cnt;
}

static void
each_message_comes_once_and_each_loss_is_named(void **state)
{
	const char *from = getenv("ARB_SEED");
	const uint64_t first = from != NULL ? strtoull(from, NULL, 10) : 1;

	print_message("seeds %llu to %llu\n", (unsigned long long)first,
		      (unsigned long long)first + ROUNDS - 1);
	for (seed = first; seed < first + ROUNDS; seed++) {
		rng = seed;
		play();
	}
	print_message("%llu packets; messages were lost in %llu rounds\n",
		      (unsigned long long)packets, (unsigned long long)loss_rounds);
	assert_true(packets > 5000000);
	assert_true(loss_rounds > ROUNDS / 10 && loss_rounds < ROUNDS - ROUNDS / 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_comes_once_and_each_loss_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
