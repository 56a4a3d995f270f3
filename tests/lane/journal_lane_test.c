/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/journal.h"
#include "base/wire_int.h"
#include "flow.h"
#include "lab.h"
#include "wire/soupbintcp.h"

/*
 * What lanes write down for the audit journal, whatever the core map: each intent with its verdict
 * or order, the very bytes that the venue got, and the message of the feed that caused it.
 */
enum {
	MESSAGES = 300,
	SLOTS = 4096,
	WIRE_MAX = 1 << 16,
	QUIET_NS = 2000000, // longer than warm_up_us: rehearsals are not written down
};

static const char *const LANES[] = {
	"rx arb parse book strategy risk orders encode tcp report",
	"rx arb parse book strategy | risk orders encode tcp report",
	"rx arb | parse book | strategy | risk | orders encode tcp report",
	"rx arb parse book strategy risk | orders encode tcp report",
};

/* The ring of one lane, and what came out of it. */
struct journal_end {
	struct journal j;
	struct journal_taker t;
	uint8_t *file;
};

static struct journal_end end[LANE_MAX];
static uint64_t kind_cnt[256];
static uint8_t wire[WIRE_MAX]; // as peer.h keeps it
static size_t wire_len;
static uint32_t caused_now_cnt;
static uint8_t open_intent; // the kind of the last record of the risk lane

static void
give_rings(struct lab *lab)
{
	memset(kind_cnt, 0, sizeof(kind_cnt));
	wire_len = caused_now_cnt = open_intent = 0;
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		struct journal_end *r = &end[i];
		struct journal_ring_head *head;

		r->file = aligned_alloc(CACHE_LINE, JOURNAL_RING_HEAD_BYTES + SLOTS * CACHE_LINE);
		assert_non_null(r->file);
		memset(r->file, 0, JOURNAL_RING_HEAD_BYTES + SLOTS * CACHE_LINE);
		head = (struct journal_ring_head *)(void *)r->file;
		head->head_bytes = JOURNAL_RING_HEAD_BYTES;
		head->slot_cnt = SLOTS;
		journal_init(&r->j, head, NULL, false);
		journal_taker_init(&r->t, head);
		lab->g.lane[i]->journal = &r->j;
		for (uint32_t s = 0; s < SESSION_MAX; s++)
			if (lab->g.lane[i]->session[s] != NULL)
				lab->g.lane[i]->session[s]->journal = &r->j;
	}
}

static void
keep_wire(const uint8_t *record, uint32_t len, const struct journal_wire *w)
{
	uint8_t bytes[JOURNAL_WIRE_MAX];
	be16 msg_len;

	memcpy(bytes, w->bytes, w->len < JOURNAL_WIRE_FIRST ? w->len : JOURNAL_WIRE_FIRST);
	if (w->len > JOURNAL_WIRE_FIRST)
		memcpy(bytes + JOURNAL_WIRE_FIRST, record + CACHE_LINE, len - CACHE_LINE);
	if (bytes[2] != SOUP_UNSEQUENCED)
		return; // the login
	msg_len = be16_of((uint16_t)(w->len - sizeof(struct soup_head)));
	assert_true(wire_len + w->len < WIRE_MAX);
	memcpy(wire + wire_len, &msg_len, sizeof(msg_len));
	memcpy(wire + wire_len + 2, bytes + sizeof(struct soup_head),
	       w->len - sizeof(struct soup_head));
	wire_len += 2 + w->len - sizeof(struct soup_head);
}

/* An intent is followed by what risk said about it, with the same cause. */
static void
look(const struct lab *lab, const uint8_t *record, uint32_t len)
{
	struct journal_slot s;
	struct journal_wire w;

	memcpy(&s, record, sizeof(s));
	kind_cnt[s.kind]++;
	switch (s.kind) {
	case JOURNAL_INTENT:
		assert_int_not_equal(open_intent, JOURNAL_INTENT);
		assert_true(s.feed_seq != 0 && s.feed_seq < lab->md_seq);
		assert_true(s.ns >= s.rx_ns);
		caused_now_cnt += s.feed_seq == lab->md_seq - 1;
		open_intent = s.kind;
		break;
	case JOURNAL_ORDER:
	case JOURNAL_VERDICT:
		assert_int_equal(open_intent, JOURNAL_INTENT);
		assert_true(s.feed_seq != 0);
		open_intent = s.kind;
		break;
	case JOURNAL_WIRE_OUT:
		memcpy(&w, s.body, sizeof(w));
		assert_true(w.kind == JOURNAL_NO_ORDER || (s.feed_seq != 0 && w.token != 0));
		keep_wire(record, len, &w);
		break;
	default:
		break;
	}
}

static void
take(struct lab *lab)
{
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		uint8_t record[JOURNAL_RECORD_MAX];
		uint32_t len;

		while (journal_take(&end[i].t, record, &len) == JOURNAL_FOUND_RECORD) {
			look(lab, record, len);
			journal_taken(&end[i].t);
		}
		assert_int_equal(end[i].j.metrics.lost, 0);
	}
}

static void
what_the_venue_got_and_why_is_written_down(void **state)
{
	for (unsigned n = 0; n < ARRAY_CNT(LANES); n++) {
		struct lab *lab = lab_open(&(struct lab_setup){ .lanes = LANES[n] });
		const struct session *s = lab_lane_with(lab, ORDERS)->session[0];
		const struct risk *risk = lab_lane_with(lab, RISK)->risk;
		uint64_t passed = 0, refused = 0;
		struct flow flow;

		print_message("# %s\n", LANES[n]);
		give_rings(lab);
		lab_session_up(lab);
		flow_make(&flow, MESSAGES, 11);
		for (size_t at = 0, to; at < flow.len; at = to) {
			to = at + 2 + be16_get(*(const be16 *)(flow.data + at));
			lab_market_data(lab, 0, flow.data + at, to - at, 1);
			lab_settle(lab);
			take(lab);
			lab_advance(lab, QUIET_NS);
			take(lab);
		}
		flow_free(&flow);
		passed = risk->metrics.intent_passed + risk->metrics.cancel_passed;
		for (uint32_t v = 0; v < RISK_VERDICT_CNT; v++)
			if (v != RISK_PASS)
				refused += ((const uint64_t *)&risk->metrics)[v];
		assert_true(passed > 10);
		assert_int_equal(kind_cnt[JOURNAL_ORDER], passed);
		assert_int_equal(kind_cnt[JOURNAL_VERDICT], refused);
		assert_int_equal(kind_cnt[JOURNAL_INTENT], passed + refused);
		assert_true(caused_now_cnt > 10);
		assert_int_equal(wire_len, lab->peer.log_len);
		assert_memory_equal(wire, lab->peer.log, wire_len);
		assert_int_equal(kind_cnt[JOURNAL_SENT], s->orders.metrics.new_sent +
								 s->orders.metrics.replace_sent +
								 s->orders.metrics.cancel_sent);
		assert_true(kind_cnt[JOURNAL_REPORT] >= kind_cnt[JOURNAL_SENT]);
		assert_true(kind_cnt[JOURNAL_WIRE_IN] >= kind_cnt[JOURNAL_REPORT]);
		assert_true(kind_cnt[JOURNAL_UPDATE] > 10);
		for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
			free(end[i].file);
		lab_close(lab);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_venue_got_and_why_is_written_down),
	};

	lab_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
