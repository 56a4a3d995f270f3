/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "day.h"
#include "ingress/arb.h"
#include "ingress/book_queue.h"
#include "ingress/parse_itch50.h"
#include "ingress/recover.h"
#include "match.h"
#include "mold_pack.h"
#include "rng.h"
#include "spin.h"
#include "wire/itch50.h"

/*
 * A day of a million messages through arb, parse and book, from two lines that lose, repeat,
 * reorder and pack as they like, independently of each other.  What both have lost is asked for,
 * and the answers come on a third line that is no better.
 *
 * Two references: the same parser and book over the day itself, as sluice-book does it, and the
 * simulator's own books, which share no code with the gateway's.  Every change of a best bid or
 * offer must be theirs, at the same message; so must the books of the end.
 *
 * Who joins in the middle of the day, with a snapshot, must tell the same from then on.
 */

enum {
	FLOW_MSGS = 1000000,
	SYMBOLS = 200,
	LIVE_ORDERS = 40000,
	DAY_BYTES = 48 << 20,
	ROWS_MAX = 1 << 20,
	LINES = 3, // A, B, answers
	BUFFERS = 8192,
	FLIGHT_MAX = 1 << 16, // packets on their way
	PACK_MAX = 24,
	REQUEST_MAX = 60, // messages; more do not fit into an answer anyway
};

#define US          1000ULL
#define MS          1000000ULL
#define BEGIN_NS    (1000 * MS)
#define MSG_GAP_NS  4000ULL // between two messages
#define GAP_WAIT_NS (2000 * MS)

/* --- the day and what its books do --- */

struct row {
	uint64_t seq;
	uint32_t instr_idx;
	uint32_t bid_px4, bid_qty, ask_px4, ask_qty;
	uint32_t pad; // rows are compared byte by byte
};

static uint8_t *day_bytes;
static size_t day_len;
static size_t *msg_at; // by number
static uint64_t msg_cnt;
static uint64_t close_seq; // end of market hours: books are judged here, later they are closed
static struct book_ours_config ours[SYMBOLS];
static uint16_t idx_of_locate[MATCH_LOCATE_MAX];
static struct row *want_row;
static uint64_t want_cnt;
static uint64_t want_digest;
static uint64_t want_queues; // the same of each level's orders in their order

/* The gateway's side of the test, made anew for each run. */
static struct {
	struct arena arena;
	struct parse parse;
	struct book book;
	struct row last[SYMBOLS + 1];
	uint8_t confidence[SYMBOLS + 1];
	uint64_t row_cnt;
	unsigned live_cnt; // instruments believed at the close
	bool recording;    // the reference itself
	bool judging;      // against the reference
} gw;

static void
open_gateway(void)
{
	const struct parse_config p = { .shard_cnt = 1, .market = 'Q' };
	const struct book_config b = {
		.locate_max = SYMBOLS,
		.orders_max = 4 * LIVE_ORDERS,
		.levels_max = 4 * LIVE_ORDERS,
		.trades_max = 1 << 16,
		.queues = true,
		.ours_cnt = SYMBOLS,
		.ours = ours,
	};

	memset(&gw, 0, sizeof(gw));
	assert_int_equal(arena_open(&gw.arena, book_bytes(&b) + (8 << 20)), 0);
	assert_int_equal(parse_init(&gw.parse, &p), 0);
	assert_int_equal(book_init(&gw.book, &b, &gw.arena), 0);
}

static void
close_gateway(void)
{
	arena_close(&gw.arena);
}

/* A best bid or offer as told; a row when it is another one. */
static void
on_bbo(uint64_t seq, const struct bbo *b)
{
	const uint32_t i = b->head.instr_idx;
	const struct row r = { seq, i, b->bid_px4, b->bid_qty, b->ask_px4, b->ask_qty };
	struct row *last = &gw.last[i];

	assert_in_range(i, 1, SYMBOLS);
	gw.confidence[i] = b->confidence;
	if (r.bid_px4 == last->bid_px4 && r.bid_qty == last->bid_qty &&
	    r.ask_px4 == last->ask_px4 && r.ask_qty == last->ask_qty)
		return;
	*last = r;
	if (gw.recording) {
		assert_true(gw.row_cnt < ROWS_MAX);
		want_row[gw.row_cnt++] = r;
		return;
	}
	if (!gw.judging)
		return;
	if (gw.row_cnt == want_cnt || memcmp(&want_row[gw.row_cnt], &r, sizeof(r)) != 0)
		fail_msg("change %" PRIu64 " is at message %" PRIu64
			 " of instrument %u: bid %u x %u, "
			 "offer %u x %u; wanted at message %" PRIu64
			 " of instrument %u: bid %u x %u, "
			 "offer %u x %u",
			 gw.row_cnt, r.seq, i, r.bid_px4, r.bid_qty, r.ask_px4, r.ask_qty,
			 want_row[gw.row_cnt].seq, want_row[gw.row_cnt].instr_idx,
			 want_row[gw.row_cnt].bid_px4, want_row[gw.row_cnt].bid_qty,
			 want_row[gw.row_cnt].ask_px4, want_row[gw.row_cnt].ask_qty);
	gw.row_cnt++;
}

static void
judge_confidence(void)
{
	for (unsigned i = 1; i <= SYMBOLS; i++)
		gw.live_cnt += gw.confidence[i] == CONFIDENCE_LIVE;
}

/* What the lane does with a datagram. */
static void
take_datagram(const struct datagram *d)
{
	struct parse_walk w;
	struct mark mark;
	struct bbo bbo;
	struct md m;
	unsigned what;

	if (d->flags != 0)
		parse_on_datagram_flags(&gw.parse, d->flags);
	if ((d->flags != 0 || book_wants_flags(&gw.book)) &&
	    book_on_datagram_flags(&gw.book, d->flags) != 0) {
		while ((what = book_next(&gw.book, &bbo, &mark)) != 0) {
			if (what & BOOK_BBO)
				on_bbo(d->seq, &bbo);
		}
	}
	parse_start(&w, d);
	while (parse_next(&gw.parse, &w, &m)) {
		if (m.seq == close_seq)
			judge_confidence();
		what = book_on_md(&gw.book, &m, &bbo, &mark);
		if (what & BOOK_BBO)
			on_bbo(m.seq, &bbo);
		while ((what & BOOK_ALL) && (what = book_next(&gw.book, &bbo, &mark)) != 0) {
			if (what & BOOK_BBO)
				on_bbo(m.seq, &bbo);
			what |= BOOK_ALL;
		}
	}
}

/* --- the references --- */

static void
no_fill(void *ctx, struct match_order *o, uint32_t qty, uint32_t px4, uint8_t liquidity,
	uint64_t match_ref)
{
	fail_msg("there are no own orders");
}

static void
best_of(const struct match *m, const struct match_side *s, uint32_t *px4, uint32_t *qty)
{
	*px4 = *qty = 0;
	if (s->level_cnt == 0)
		return;
	*px4 = s->level[s->level_cnt - 1].px4;
	for (int32_t n = s->level[s->level_cnt - 1].head; n != MATCH_NONE; n = m->node[n].next)
		*qty += m->node[n].qty;
}

/* The simulator's books agree with every change that the gateway's book tells of the day. */
static void
the_day_itself_gives_the_changes_of_an_independent_book(void **state)
{
	static struct row last[SYMBOLS + 1];
	struct match oracle;
	uint64_t rows = 0;

	open_gateway();
	gw.recording = true;
	book_on_datagram_flags(&gw.book, DATAGRAM_NEW_SESSION);
	for (uint64_t seq = 1; seq <= msg_cnt; seq++) {
		const uint16_t len = be16_get(*(const be16 *)(day_bytes + msg_at[seq]));
		const struct datagram d = { .data = day_bytes + msg_at[seq],
					    .len = (uint16_t)(len + sizeof(be16)),
					    .seq = seq,
					    .msg_cnt = 1 };

		take_datagram(&d);
	}
	want_cnt = gw.row_cnt;
	want_digest = book_digest(&gw.book);
	want_queues = book_queue_digest(&gw.book);
	assert_true(want_cnt > FLOW_MSGS / 10);
	assert_int_equal(gw.live_cnt, SYMBOLS);
	close_gateway();

	assert_true(match_init(&oracle, no_fill, NULL));
	for (uint64_t seq = 1; seq <= msg_cnt; seq++) {
		const uint8_t *msg = day_bytes + msg_at[seq] + sizeof(be16);
		const uint16_t locate = be16_get(((const struct itch50_head *)msg)->locate);
		struct row r = { .seq = seq, .instr_idx = idx_of_locate[locate] };
		struct row *was = &last[r.instr_idx];

		match_on_itch(&oracle, msg, ITCH50_LEN[msg[0]]);
		if (r.instr_idx == 0)
			continue;
		best_of(&oracle, &oracle.symbol[locate].side[0], &r.bid_px4, &r.bid_qty);
		best_of(&oracle, &oracle.symbol[locate].side[1], &r.ask_px4, &r.ask_qty);
		if (r.bid_px4 == was->bid_px4 && r.bid_qty == was->bid_qty &&
		    r.ask_px4 == was->ask_px4 && r.ask_qty == was->ask_qty)
			continue;
		*was = r;
		if (rows == want_cnt || memcmp(&want_row[rows], &r, sizeof(r)) != 0)
			fail_msg("message %" PRIu64 ": the two books differ", seq);
		rows++;
	}
	assert_int_equal(rows, want_cnt);
	assert_int_equal(oracle.bad_ref_cnt, 0);
	match_fini(&oracle);
	print_message("# %" PRIu64 " messages, %" PRIu64 " changes of a best bid or offer\n",
		      msg_cnt, want_cnt);
}

/* --- lines --- */

struct flight {
	uint64_t at_ns;
	uint64_t order; // of two that arrive together
	uint64_t seq;
	uint16_t cnt; // MOLD_END_OF_SESSION_CNT: the end
	uint8_t line;
};

static struct flight *flight; // a heap, the soonest first
static unsigned flight_cnt;
static uint64_t flight_order;

static bool
sooner(const struct flight *a, const struct flight *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void
put_flight(struct flight f)
{
	unsigned i = flight_cnt++;

	assert_true(flight_cnt < FLIGHT_MAX);
	f.order = flight_order++;
	for (; i > 0 && sooner(&f, &flight[(i - 1) / 2]); i = (i - 1) / 2)
		flight[i] = flight[(i - 1) / 2];
	flight[i] = f;
}

static struct flight
take_flight(void)
{
	const struct flight first = flight[0], f = flight[--flight_cnt];
	unsigned i = 0;

	for (;;) {
		unsigned k = 2 * i + 1;

		if (k + 1 < flight_cnt && sooner(&flight[k + 1], &flight[k]))
			k++;
		if (k >= flight_cnt || !sooner(&flight[k], &f))
			break;
		flight[i] = flight[k];
		i = k;
	}
	flight[i] = f;
	return first;
}

static const struct weather {
	const char *what;
	uint64_t seed;
	uint32_t loss_ppm[2];
	uint32_t twice_ppm;
	uint32_t late_ppm;  // packets that others overtake
	uint64_t late_ns;   // by at most so much
	uint64_t lag_ns[2]; // of a whole line
	uint64_t wait_ns;   // for the other line, before a hole is asked for
	bool deaf;          // nobody answers requests
} WEATHER[] = {
	// clang-format off
	/*                               seed  loss of A, B          twice   late              lag of A, B       wait */
	{ "good lines",                    11, { 0,      0      }, 0,      0,      0,        { 0, 20 * US },  0, false },
	{ "one packet in a hundred",       12, { 10000,  10000  }, 10000,  10000,  200 * US, { 0, 50 * US },  0, false },
	{ "one packet in five",            13, { 200000, 200000 }, 100000, 200000, 300 * US, { 0, 0 },        0, false },
	{ "line B 5 ms behind line A",     14, { 50000,  20000  }, 50000,  50000,  500 * US, { 0, 5000 * US }, 7 * MS, false },
	{ "line A is nearly dead",         15, { 900000, 100000 }, 200000, 300000, 100 * US, { 10 * US, 0 },  0, false },
	{ "nobody answers",                16, { 20000,  20000  }, 10000,  10000,  200 * US, { 0, 50 * US },  0, true  },
	// clang-format on
};

static struct rng rng;
static const struct weather *now;

/* Sends a packet on a line, if it is lucky, and perhaps twice. */
static void
send_packet(unsigned line, uint64_t at_ns, uint64_t seq, uint16_t cnt)
{
	const uint32_t loss_ppm = line == 2 ? 300000 : now->loss_ppm[line];
	const unsigned copies = 1 + rng_chance_ppm(&rng, now->twice_ppm);

	for (unsigned i = 0; i < copies; i++) {
		struct flight f = { at_ns, 0, seq, cnt, (uint8_t)line };

		if (cnt != MOLD_END_OF_SESSION_CNT && rng_chance_ppm(&rng, loss_ppm))
			continue;
		f.at_ns += line == 2 ? 20 * US + rng_below(&rng, 180 * US) : now->lag_ns[line];
		if (rng_chance_ppm(&rng, now->late_ppm))
			f.at_ns += rng_below(&rng, (uint32_t)now->late_ns);
		put_flight(f);
	}
}

static uint8_t buffer[BUFFERS][MOLD_PAYLOAD_MAX];
static uint16_t buffer_free[BUFFERS];
static unsigned buffer_free_cnt;

static void
free_buffer(void *buf)
{
	const size_t i = (size_t)((uint8_t *)buf - buffer[0]) / MOLD_PAYLOAD_MAX;

	assert_true(i < BUFFERS && buffer_free_cnt < BUFFERS);
	buffer_free[buffer_free_cnt++] = (uint16_t)i;
}

/* The packet's bytes; what does not fit into one is left out. */
static uint16_t
write_packet(uint8_t *out, const struct flight *f)
{
	struct mold_pack p;

	mold_pack_init(&p, "LOSSY", f->seq);
	if (f->cnt == MOLD_END_OF_SESSION_CNT) {
		mold_head_write(out, p.session, f->seq, f->cnt);
		return sizeof(struct mold_head);
	}
	for (uint64_t seq = f->seq; seq < f->seq + f->cnt && seq <= msg_cnt; seq++) {
		const uint8_t *at = day_bytes + msg_at[seq];

		if (!mold_pack_put(&p, at + sizeof(be16), be16_get(*(const be16 *)at)))
			break;
	}
	mold_pack_finish(&p);
	memcpy(out, p.bytes, p.len);
	return p.len;
}

/* The day as one line packs it: whole packets are sent as the messages come about. */
struct packer {
	uint64_t next_seq;
	uint64_t end_seq; // of the packet in the making
};

static void
pack_until(struct packer *p, unsigned line, uint64_t until_seq)
{
	while (p->next_seq < until_seq) {
		if (p->end_seq <= p->next_seq)
			p->end_seq = p->next_seq + 1 + rng_below(&rng, PACK_MAX);
		if (p->end_seq > until_seq && until_seq <= msg_cnt)
			return;
		if (p->end_seq > msg_cnt + 1)
			p->end_seq = msg_cnt + 1;
		send_packet(line, BEGIN_NS + p->end_seq * MSG_GAP_NS, p->next_seq,
			    (uint16_t)(p->end_seq - p->next_seq));
		p->next_seq = p->end_seq;
	}
}

/* Who joins late gets a snapshot; otherwise it is not asked for anything. */
static struct {
	bool on;
	struct recover r;
	struct tape tape;
	struct spin spin;
	size_t spin_at;
	uint64_t spin_due_ns;
	uint64_t joined_seq;
	uint64_t replayed_cnt;
	uint64_t judged_cnt; // changes judged
} late;

enum { SPIN_PER_PACKET = 100, ROOM_BYTES = 1400 };

static struct {
	struct arb arb;
	uint64_t next_seq; // that must be applied now
	uint64_t hole_cnt; // messages that were given up
	uint64_t hole_seq; // the first one, and when to ask for it
	uint64_t ask_ns;
	uint64_t request_cnt;
	bool ended;
} in;

static struct recover_feed
feed_now(void)
{
	return (struct recover_feed){ .session = in.arb.session,
				      .expected_seq = in.arb.expected_seq,
				      .lost_from_seq = in.arb.lost_from_seq,
				      .lost_since_ns = in.arb.lost_since_ns };
}

/* True when recovery has the datagram: its buffer is free again. */
static bool
late_takes(struct datagram *d, uint64_t now_ns)
{
	const struct recover_feed feed = feed_now();

	if (!late.on || (d->flags == 0 && !recover_is_busy(&late.r)))
		return false;
	return recover_on_datagram(&late.r, d, &feed, now_ns) != RECOVER_PASS;
}

/* From here on the books must tell what the day's tell. */
static void
judge_from(uint64_t seq)
{
	static struct row last[SYMBOLS + 1];
	uint64_t row = 0;

	memset(last, 0, sizeof(last));
	for (; row < want_cnt && want_row[row].seq < seq; row++)
		last[want_row[row].instr_idx] = want_row[row];
	for (unsigned i = 1; i <= SYMBOLS; i++) {
		assert_int_equal(gw.last[i].bid_px4, last[i].bid_px4);
		assert_int_equal(gw.last[i].bid_qty, last[i].bid_qty);
		assert_int_equal(gw.last[i].ask_px4, last[i].ask_px4);
		assert_int_equal(gw.last[i].ask_qty, last[i].ask_qty);
	}
	gw.row_cnt = row;
	gw.judging = true;
	late.judged_cnt = want_cnt - row;
}

/* The snapshot server: the books of this moment, some milliseconds after it was asked. */
static void
feed_spin(uint64_t now_ns, struct recover_room *room)
{
	struct datagram d;

	if (late.spin.bytes == NULL) {
		const uint64_t seq = (now_ns - BEGIN_NS) / MSG_GAP_NS;

		if (late.spin_due_ns == 0)
			late.spin_due_ns = now_ns + 5 * MS;
		if (now_ns < late.spin_due_ns)
			return;
		assert_true(spin_make_past(&late.spin, &late.tape, seq, seq));
		recover_on_snapshot_step(&late.r, now_ns);
	}
	for (unsigned n = 0; n < SPIN_PER_PACKET && recover_wants_snapshot(&late.r);) {
		const uint8_t *at = late.spin.bytes + late.spin_at;
		const uint16_t len = be16_get(*(const be16 *)at);

		switch (recover_on_snapshot(&late.r, at + sizeof(be16), len, room, now_ns)) {
		case RECOVER_PUT_TAKEN:
			late.spin_at += sizeof(be16) + len;
			n++;
			continue;
		case RECOVER_PUT_FULL:
			if (room->msg_cnt == 0)
				return; // there is something to be told first
			recover_snapshot_datagram(&late.r, room, now_ns, &d);
			take_datagram(&d);
			room->len = room->msg_cnt = 0;
			continue;
		case RECOVER_PUT_END:
			return;
		}
	}
}

/* What the lane does for recovery in a turn. */
static void
late_turn(uint64_t now_ns)
{
	static uint8_t bytes[ROOM_BYTES], spin_bytes[ROOM_BYTES];
	static struct recover_room spin_room;
	struct recover_room room = { .at = bytes, .bytes = sizeof(bytes) };
	const struct recover_feed feed = feed_now();
	struct datagram d;

	if (!late.on || !recover_is_busy(&late.r))
		return;
	if (late.spin.bytes == NULL)
		spin_room = (struct recover_room){ .at = spin_bytes, .bytes = sizeof(spin_bytes) };
	recover_on_time(&late.r, &feed, now_ns);
	assert_true(recover_check(&late.r));
	while (recover_next(&late.r, now_ns, &room, &d)) {
		late.replayed_cnt += d.flags & DATAGRAM_REPLAY ? d.msg_cnt : 0;
		take_datagram(&d);
		if (d.flags & DATAGRAM_RECOVERED) // all books were told with it
			judge_from(d.seq);
	}
	if (recover_wants_snapshot(&late.r))
		feed_spin(now_ns, &spin_room);
}

static void
deliver(struct datagram *d, uint64_t now_ns)
{
	if (d->msg_cnt > 0 && late.on && in.next_seq == 1)
		in.next_seq = late.joined_seq = d->seq;
	if (d->msg_cnt > 0) {
		if (d->seq != in.next_seq) {
			assert_true(now->deaf && d->seq > in.next_seq);
			assert_true(d->flags & DATAGRAM_GAP);
			in.hole_cnt += d->seq - in.next_seq;
		}
		in.next_seq = d->seq + d->msg_cnt;
	}
	in.ended = in.ended || (d->flags & DATAGRAM_END);
	if (!late_takes(d, now_ns) && !(d->flags & DATAGRAM_END)) // after it all books are stale
		take_datagram(d);
	if (d->buf != NULL)
		free_buffer(d->buf);
}

/* Asks for the first hole; for the same one again after some time. */
static void
ask(uint64_t now_ns)
{
	uint64_t from_seq, to_seq, cnt;

	if (now->deaf || !arb_gap(&in.arb, &from_seq, &to_seq))
		return;
	if (from_seq != in.hole_seq) {
		in.hole_seq = from_seq;
		in.ask_ns = now_ns + now->wait_ns;
	}
	if (now_ns < in.ask_ns)
		return;
	in.ask_ns = now_ns + 300 * US;
	cnt = to_seq - from_seq;
	in.request_cnt++;
	send_packet(2, now_ns, from_seq, (uint16_t)(cnt < REQUEST_MAX ? cnt : REQUEST_MAX));
}

static void
arrive(const struct flight *f)
{
	struct frame frame = { .line_idx = f->line, .heard_ns = f->at_ns, .head.rx_ns = f->at_ns };
	struct datagram d;

	assert_true(buffer_free_cnt > 0); // arb keeps no more than it was told to
	frame.buf = buffer[buffer_free[--buffer_free_cnt]];
	frame.data = frame.buf;
	frame.len = write_packet(frame.buf, f);
	switch (arb_on_frame(&in.arb, &frame, NULL, &d)) {
	case ARB_DELIVER:
		deliver(&d, f->at_ns);
		break;
	case ARB_DROP:
		free_buffer(frame.buf);
		break;
	case ARB_KEPT:
		break;
	}
	late_turn(f->at_ns);
	while (arb_next(&in.arb, f->at_ns, &d)) {
		deliver(&d, f->at_ns);
		late_turn(f->at_ns);
	}
	ask(f->at_ns);
}

static void
open_lines(const struct weather *w)
{
	static uint8_t memory[8 << 20] cache_aligned;
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };
	const struct arb_config c = {
		.line_cnt = LINES,
		.first_seq = late.on ? 0 : 1,
		.reorder_packets = ARB_REORDER_MAX,
		.gap_wait_ns = w->deaf ? 5 * MS : GAP_WAIT_NS,
		.silence_ns = 10000 * MS,
	};

	now = w;
	rng.state = w->seed;
	memset(&in, 0, sizeof(in));
	in.next_seq = 1;
	assert_int_equal(arb_init(&in.arb, &c, &arena), 0);
	flight_cnt = 0;
	for (buffer_free_cnt = 0; buffer_free_cnt < BUFFERS; buffer_free_cnt++)
		buffer_free[buffer_free_cnt] = (uint16_t)buffer_free_cnt;
	open_gateway();
}

/* The day, one message after the other, until nothing is on its way any more. */
static void
play_day(uint64_t from_seq)
{
	struct packer packer[2] = { { from_seq, 0 }, { from_seq, 0 } };
	uint64_t now_ns = BEGIN_NS;

	for (uint64_t seq = from_seq; seq <= msg_cnt; seq += 8) {
		for (unsigned l = 0; l < 2; l++)
			pack_until(&packer[l], l, seq);
		while (flight_cnt > 0 && flight[0].at_ns <= BEGIN_NS + seq * MSG_GAP_NS) {
			const struct flight f = take_flight();

			now_ns = f.at_ns;
			arrive(&f);
		}
	}
	for (unsigned l = 0; l < 2; l++)
		pack_until(&packer[l], l, msg_cnt + 1);
	for (unsigned n = 0; !in.ended && n < 10000; n++) { // what is still missing at the end
		now_ns += 20 * MS;
		send_packet(n % 2, now_ns, msg_cnt + 1, MOLD_END_OF_SESSION_CNT);
		while (flight_cnt > 0) {
			const struct flight f = take_flight();

			now_ns = f.at_ns > now_ns ? f.at_ns : now_ns;
			arrive(&f);
		}
	}
	assert_true(in.ended);
}

static void
lines_in(const struct weather *w)
{
	struct book_tally *tally = calloc(book_tally_cnt(4 * LIVE_ORDERS), sizeof(*tally));
	const char *wrong;

	open_lines(w);
	gw.judging = !w->deaf;
	play_day(1);
	assert_int_equal(buffer_free_cnt, BUFFERS);
	wrong = book_audit(&gw.book, tally);
	if (wrong != NULL)
		fail_msg("%s", wrong);
	print_message("# seed %" PRIu64 ", %s: %" PRIu64 " of A, %" PRIu64 " of B, %" PRIu64
		      " of answers came first; %" PRIu64 " gaps, %" PRIu64 " requests\n",
		      w->seed, w->what, in.arb.line[0].metrics.message_first,
		      in.arb.line[1].metrics.message_first, in.arb.line[2].metrics.message_first,
		      in.arb.metrics.gap_opened, in.request_cnt);
	assert_int_equal(in.arb.metrics.message_delivered + in.hole_cnt, msg_cnt);
	if (w->deaf) { // what is not known to be right is not believed
		assert_true(in.hole_cnt > 0);
		assert_int_equal(in.arb.metrics.message_lost, in.hole_cnt);
		assert_int_equal(gw.live_cnt, 0);
	} else {
		assert_int_equal(in.next_seq, msg_cnt + 1);
		assert_int_equal(in.arb.metrics.gap_lost, 0);
		assert_int_equal(gw.row_cnt, want_cnt);
		assert_int_equal(book_digest(&gw.book), want_digest);
		assert_int_equal(book_queue_digest(&gw.book), want_queues);
		assert_int_equal(gw.live_cnt, SYMBOLS);
	}
	free(tally);
	close_gateway();
}

static void
every_change_comes_once_whatever_the_lines_do(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(WEATHER); i++)
		if (!WEATHER[i].deaf)
			lines_in(&WEATHER[i]);
}

static void
no_book_is_believed_when_messages_stay_missing(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(WEATHER); i++)
		if (WEATHER[i].deaf)
			lines_in(&WEATHER[i]);
}

static void
a_start_in_the_middle_of_the_day_tells_the_days_changes_from_then_on(void **state)
{
	static const uint64_t FROM[] = { FLOW_MSGS / 10, FLOW_MSGS / 2 };
	const struct recover_config c = {
		.has_snapshot = true,
		.request_max_messages = 1000,
		.request_attempts = 1,
		.request_wait_ns = MS,
		.request_max_hole = 1,
		.snapshot_attempts = 1,
		.snapshot_timeout_ns = 1000 * MS,
		.snapshot_retry_ns = 1000 * MS,
		.store_bytes = 32 << 20,
	};

	for (size_t i = 0; i < ARRAY_CNT(FROM); i++) {
		struct arena arena;

		memset(&late, 0, sizeof(late));
		late.on = true;
		assert_null(tape_of(&late.tape, day_bytes, day_len));
		assert_int_equal(arena_open(&arena, (32 << 20) + 4096), 0);
		assert_int_equal(recover_init(&late.r, &c, &arena, BEGIN_NS), 0);
		open_lines(&WEATHER[1]);
		play_day(FROM[i]);
		print_message("# joined at %" PRIu64 ", snapshot of %" PRIu64
			      " orders up to %" PRIu64 ", %" PRIu64 " messages replayed, %" PRIu64
			      " changes after it\n",
			      late.joined_seq, late.spin.order_cnt, late.spin.next_seq,
			      late.replayed_cnt, late.judged_cnt);
		assert_true(gw.judging && late.judged_cnt > want_cnt / 3);
		assert_true(late.spin.order_cnt > 1000 && late.replayed_cnt > 0);
		assert_int_equal(late.r.metrics.snapshot_taken, 1);
		assert_int_equal(gw.row_cnt, want_cnt);
		assert_int_equal(book_digest(&gw.book), want_digest);
		assert_int_equal(book_queue_digest(&gw.book), want_queues);
		assert_int_equal(gw.live_cnt, SYMBOLS);
		spin_fini(&late.spin);
		tape_close(&late.tape);
		arena_close(&arena);
		close_gateway();
		late.on = false;
	}
}

/* --- the day --- */

static int
make_day(void **state)
{
	struct day_config c;
	const char *why;
	struct day *d;
	unsigned symbols = 0;

	day_bytes = malloc(DAY_BYTES);
	msg_at = malloc((FLOW_MSGS * 2 + 1) * sizeof(*msg_at));
	want_row = malloc(ROWS_MAX * sizeof(*want_row));
	flight = malloc(FLIGHT_MAX * sizeof(*flight));
	assert_true(day_bytes != NULL && msg_at != NULL && want_row != NULL && flight != NULL);
	day_config_init(&c);
	c.seed = 42;
	c.flow_cnt = FLOW_MSGS;
	c.symbol_cnt = SYMBOLS;
	c.live_cnt = LIVE_ORDERS;
	d = day_open(&c, &why);
	assert_non_null(d);
	day_len = day_fill(d, day_bytes, DAY_BYTES);
	assert_int_equal(day_fill(d, day_bytes + day_len, DAY_BYTES - day_len), 0); // whole
	day_close(d);
	for (size_t at = 0; at < day_len; at += 2U + be16_get(*(be16 *)(day_bytes + at))) {
		const struct itch50_stock_directory *r = (const void *)(day_bytes + at + 2);

		assert_true(msg_cnt < FLOW_MSGS * 2);
		msg_at[++msg_cnt] = at;
		if (r->head.type == 'S' && ((const struct itch50_system_event *)r)->event == 'M')
			close_seq = msg_cnt;
		if (r->head.type != 'R')
			continue;
		assert_true(symbols < SYMBOLS);
		memcpy(ours[symbols].symbol, r->symbol, sizeof(r->symbol));
		ours[symbols].instr_idx = (uint16_t)(symbols + 1);
		idx_of_locate[be16_get(r->head.locate)] = (uint16_t)(symbols + 1);
		symbols++;
	}
	assert_int_equal(symbols, SYMBOLS);
	assert_true(close_seq > FLOW_MSGS / 2);
	return 0;
}

static int
drop_day(void **state)
{
	free(day_bytes);
	free(msg_at);
	free(want_row);
	free(flight);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_day_itself_gives_the_changes_of_an_independent_book),
		cmocka_unit_test(every_change_comes_once_whatever_the_lines_do),
		cmocka_unit_test(
			a_start_in_the_middle_of_the_day_tells_the_days_changes_from_then_on),
		cmocka_unit_test(no_book_is_believed_when_messages_stay_missing),
	};

	return cmocka_run_group_tests(tests, make_day, drop_day);
}
