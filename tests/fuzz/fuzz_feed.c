/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "ingress/arb.h"
#include "ingress/book.h"
#include "ingress/parse_itch50.h"
#include "ingress/recover.h"
#include "lane/md_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A whole feed: a venue whose messages are made of the input, sensible ones and others; three lines
 * that lose, repeat and swap packets, and bring packets nobody sent; servers that answer rightly,
 * wrongly or not; arb, recover, two shards of parse and book.
 *
 * Whatever happens: no byte outside a packet is read (each has memory of its own), arb and recover
 * keep no more than they may, every book agrees with itself.  As long as nobody forged a packet,
 * every message delivered is the venue's, and each book that is LIVE has the levels and the trading
 * state that the venue's messages alone lead to; it is LIVE when those leave it so and nothing is
 * missing.  (A venue that gives out a reference twice may have a book not believed after a rebuild:
 * who came first is forgotten then.)
 */
enum {
	SHARDS = 2,
	LINES = 3,
	LOCATES = 6,
	ORDERS = 48,
	LEVELS = 40,
	REFS = 40,        // small ones; as many are far apart
	MESSAGES = 600,   // of a session
	MESSAGE_MAX = 64, // bytes
	PACKET_MESSAGES = 12,
	REORDER = 6,
	ROOM_BYTES = 300,
	SPIN_MAX = 256,
	TURNS_MAX = 4096,
	ROWS = LEVELS,
};

#define MS 1000000ULL

/* --- a parser and its book for each shard --- */

struct books {
	struct parse parse[SHARDS];
	struct book book[SHARDS];
	uint8_t memory[SHARDS][1 << 20] cache_aligned;
};

static struct books ours, truth, venue; // what the lines led to; what is right at the same message;
					// what is right now
static uint64_t truth_seq;

/* A parser that has seen nothing: made once, because that takes long under a sanitizer. */
static const struct parse *
fresh_parse(unsigned shard)
{
	static struct parse fresh[SHARDS];
	const struct parse_config c = { .shard_cnt = SHARDS,
					.shard_mask = 1U << shard,
					.market = 'Q' };

	if (fresh[shard].shard_cnt == 0 && parse_init(&fresh[shard], &c) != 0)
		abort();
	return &fresh[shard];
}

static void
open_books(struct books *b)
{
	static const struct book_ours_config OURS[] = { { "AAA     ", 1 }, { "BBB     ", 2 } };
	const struct book_config c = {
		.locate_max = LOCATES,
		.orders_max = ORDERS,
		.levels_max = LEVELS,
		.trades_max = 4,
		.queues = true,
		.ours = OURS,
		.ours_cnt = ARRAY_CNT(OURS),
	};

	for (unsigned s = 0; s < SHARDS; s++) {
		struct arena arena = { .base = b->memory[s], .size_bytes = sizeof(b->memory[s]) };

		memset(b->memory[s], 0, book_bytes(&c));
		if (book_init(&b->book[s], &c, &arena) != 0)
			abort();
		b->parse[s] = *fresh_parse(s);
	}
}

/* What is told of a configured instrument agrees with its book. */
static void
check_told(const struct book *b, unsigned what, const struct bbo *bbo, const struct mark *mark)
{
	if ((what & BOOK_BBO) && (bbo->head.instr_idx == 0 || bbo->head.instr_idx > 2))
		abort();
	if ((what & BOOK_BBO) && bbo->confidence == CONFIDENCE_LIVE &&
	    (b->stale || b->suspect ||
	     (bbo->bid_qty != 0 && bbo->ask_qty != 0 && bbo->bid_px4 > bbo->ask_px4)))
		abort();
	if ((what & BOOK_BBO) && (what & BOOK_MARK) &&
	    (bbo->bid_px4 != mark->bid_px4 || bbo->confidence != mark->confidence))
		abort();
}

static void
next_told(struct book *b)
{
	struct mark mark = { 0 };
	struct bbo bbo = { 0 };
	unsigned what;

	for (unsigned n = 0; (what = book_next(b, &bbo, &mark)) != 0; n++) {
		if (n > TURNS_MAX)
			abort(); // comes to no end
		check_told(b, what, &bbo, &mark);
	}
}

/* What a lane does with a datagram; the others decode no message before it is its turn. */
static void
take(struct books *to, const struct datagram *d)
{
	for (unsigned s = 0; s < SHARDS; s++) {
		struct book *b = &to->book[s];
		struct mark mark = { 0 };
		struct bbo bbo = { 0 };
		struct md_walk ahead;
		struct parse_walk w;
		struct md md;

		if (to == &ours && d->flags != 0)
			parse_on_datagram_flags(&to->parse[s], d->flags);
		else if (d->flags & DATAGRAM_NEW_SESSION)
			to->parse[s] = *fresh_parse(s);
		if ((d->flags != 0 || book_wants_flags(b)) &&
		    book_on_datagram_flags(b, d->flags) != 0)
			next_told(b);
		parse_start(&w, d);
		md_walk_start(&ahead, d);
		for (;;) {
			const struct md *m = to == &ours ? md_walk_next(&ahead, &to->parse[s], b)
					     : parse_next(&to->parse[s], &w, &md) ? &md
										  : NULL;
			unsigned what;

			if (m == NULL)
				break;
			what = book_on_md(b, m, &bbo, &mark);

			check_told(b, what, &bbo, &mark);
			if (what & BOOK_ALL)
				next_told(b);
		}
	}
}

/* --- the venue --- */

static bool adopted; // our session is the venue's of now

struct input {
	const uint8_t *at;
	const uint8_t *end;
};

static uint8_t
byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* What was said in this session; blocks as Mold has them. */
static struct {
	char session[MOLD_SESSION_LEN];
	uint8_t block[MESSAGES + 1][sizeof(be16) + MESSAGE_MAX]; // by number
	uint64_t next_seq;
	uint8_t phase;
	uint64_t line_seq[LINES]; // that the line sends next
} said;

static uint16_t
block_len(uint64_t seq)
{
	return (uint16_t)(sizeof(be16) + be16_get(*(const be16 *)said.block[seq]));
}

static void
apply_said(struct books *to, uint64_t seq)
{
	const struct datagram d = {
		.data = said.block[seq], .len = block_len(seq), .seq = seq, .msg_cnt = 1
	};

	take(to, &d);
}

static void
begin_session(struct books *b)
{
	const struct datagram d = { .seq = 1, .flags = DATAGRAM_NEW_SESSION };

	take(b, &d);
}

static void
roll(void)
{
	said.session[0]++;
	adopted = false; // whatever we have is yesterday's
	said.next_seq = 1;
	said.phase = 0;
	for (unsigned l = 0; l < LINES; l++)
		said.line_seq[l] = 1;
	begin_session(&venue);
}

static uint64_t
ref_of(uint8_t op)
{
	return op & 0x80 ? (uint64_t)(op % REFS) << 33 : 1ULL + op % REFS;
}

static void
symbol_of(char *out, uint16_t locate)
{
	memset(out, ' ', ITCH50_SYMBOL_LEN);
	memset(out, 'A' + locate - 1, 3);
}

/* One message.  Most are such as a venue sends; some are of any bytes. */
static void
say(struct input *in)
{
	static const char TYPES[] = "AAAAFAEECXDDUUAARHHhYSPQBJWVKLINO?";
	const uint8_t kind = byte(in), which = byte(in), ref = byte(in), size = byte(in);
	uint8_t *block = said.block[said.next_seq], *msg = block + sizeof(be16);
	const uint16_t locate = (uint16_t)(1 + which % LOCATES);
	const be32 px4 = be32_of(10000 + size % 20 * 100), qty = be32_of((1 + size / 20 % 8) * 100);
	const be64 ref_be = be64_of(ref_of(ref)), match_be = be64_of(size % 8);
	struct itch50_head *h = (struct itch50_head *)msg;
	uint16_t len;

	if (said.next_seq > MESSAGES)
		return;
	memset(block, 0, sizeof(said.block[0]));
	h->type = (uint8_t)TYPES[kind % (sizeof(TYPES) - 1)];
	len = ITCH50_LEN[h->type];
	h->locate = be16_of(locate);
	switch (h->type) {
	case 'A':
	case 'F': {
		struct itch50_add_order *a = (struct itch50_add_order *)msg;

		a->order_ref = ref_be;
		a->side = which & 0x80 ? 'S' : 'B';
		a->qty = qty;
		a->px4 = which & 0x80 ? be32_of(be32_get(px4) + 1000) : px4;
		symbol_of(a->symbol, locate);
		break;
	}
	case 'E':
	case 'C':
	case 'X':
	case 'D': {
		struct itch50_order_executed_at_price *e = (void *)msg;

		e->order_ref = ref_be;
		if (h->type != 'D')
			e->qty = qty;
		if (h->type == 'E' || h->type == 'C')
			e->match_ref = match_be;
		if (h->type == 'C') {
			e->printable = which & 0x40 ? 'Y' : 'N';
			e->px4 = px4;
		}
		break;
	}
	case 'U': {
		struct itch50_order_replace *u = (struct itch50_order_replace *)msg;

		u->orig_ref = ref_be;
		u->new_ref = be64_of(ref_of((uint8_t)(ref + 1 + which / 8)));
		u->qty = qty;
		u->px4 = px4;
		break;
	}
	case 'S':
		if (said.phase < 5 && size % 4 == 0)
			said.phase++; // a day has one direction
		h->locate = be16_of(0);
		((struct itch50_system_event *)msg)->event = (uint8_t) "OSQMEC"[said.phase];
		break;
	case 'H':
		symbol_of(((struct itch50_trading_action *)msg)->symbol, locate);
		((struct itch50_trading_action *)msg)->state = (uint8_t) "HPQTTTTT"[size % 8];
		break;
	case 'h':
		symbol_of(((struct itch50_operational_halt *)msg)->symbol, locate);
		((struct itch50_operational_halt *)msg)->market = 'Q';
		((struct itch50_operational_halt *)msg)->action = size & 1 ? 'H' : 'T';
		break;
	case 'W':
		h->locate = be16_of(0);
		((struct itch50_mwcb_status *)msg)->level = (uint8_t)('1' + size % 3);
		break;
	case '?': // any bytes
		len = size % MESSAGE_MAX;
		for (uint16_t i = 0; i < len; i++)
			msg[i] = byte(in);
		if (len > 2)
			h->locate = be16_of(locate);
		if (len != 0 && (msg[0] == 'S' || msg[0] == 'W'))
			msg[0] = 'z'; // a snapshot tells the last one only
		break;
	default:
		symbol_of((char *)msg + 11, locate);
		for (uint16_t i = 19; i < len; i++)
			msg[i] = byte(in);
		break;
	}
	if (h->type == 'R')
		((struct itch50_stock_directory *)msg)->authenticity = 'P';
	*(be16 *)block = be16_of(len);
	apply_said(&venue, said.next_seq++);
}

/* --- what comes of it --- */

static struct arb arb;
static struct recover recover;
static bool recovers;
static uint64_t now_ns;
static unsigned buffers;   // arb and recover have
static bool forging;       // the packet in hand is nobody's
static bool forged;        // somebody else's bytes may be in our books
static bool rebuilt;       // books were begun anew in this session
static uint64_t store_max; // bytes

static struct recover_feed
feed_now(void)
{
	return (struct recover_feed){ .session = arb.session,
				      .expected_seq = arb.expected_seq,
				      .lost_from_seq = arb.lost_from_seq,
				      .lost_since_ns = arb.lost_since_ns };
}

static void
give_back(void *buf)
{
	if (buf == NULL)
		return;
	if (buffers-- == 0)
		abort();
	free(buf);
}

/* Messages that are the venue's, if nobody forged any. */
static void
check_messages(const struct datagram *d)
{
	const uint8_t *at = d->data;

	if (d->msg_cnt == 0 || forged || !adopted || (d->flags & DATAGRAM_SNAPSHOT))
		return;
	if (d->seq + d->msg_cnt > said.next_seq)
		abort();
	for (uint64_t seq = d->seq; seq < d->seq + d->msg_cnt; seq++) {
		if (memcmp(at, said.block[seq], block_len(seq)) != 0)
			abort();
		at += block_len(seq);
	}
	if (at != d->data + d->len)
		abort();
}

static void
to_books(const struct datagram *d)
{
	check_messages(d);
	if (d->flags & DATAGRAM_RECOVERING)
		rebuilt = true;
	take(&ours, d);
}

/* What the lane does with a datagram of arb; recover goes first. */
static void
on_arbitrated(struct datagram *d)
{
	const struct recover_feed feed = feed_now();

	if (d->flags & DATAGRAM_NEW_SESSION) {
		adopted = memcmp(arb.session, said.session, sizeof(said.session)) == 0;
		forged = forging;
		rebuilt = false;
		if (adopted) {
			begin_session(&truth);
			truth_seq = 1;
		}
	}
	if (!recovers || (d->flags == 0 && !recover_is_busy(&recover)) ||
	    recover_on_datagram(&recover, d, &feed, now_ns) == RECOVER_PASS)
		to_books(d);
	give_back(d->buf);
}

static void
deliver_recovered(unsigned cnt)
{
	for (unsigned n = 0; recovers && n < cnt; n++) {
		struct recover_room room = { .at = malloc(ROOM_BYTES), .bytes = ROOM_BYTES };
		struct datagram d;
		bool more;

		if (room.at == NULL)
			abort();
		more = recover_next(&recover, now_ns, &room, &d);
		if (more)
			to_books(&d);
		free(room.at);
		if (!more)
			return;
	}
	if (recovers && cnt == TURNS_MAX)
		abort(); // something is delivered for ever
}

static void
drain(void)
{
	struct datagram d;

	for (unsigned n = 0;; n++) {
		deliver_recovered(TURNS_MAX);
		if (!arb_next(&arb, now_ns, &d))
			break;
		if (n > TURNS_MAX)
			abort();
		on_arbitrated(&d);
	}
	if (buffers != arb.held_cnt || buffers >= REORDER)
		abort();
}

static void
on_packet(uint8_t line, const uint8_t *bytes, uint16_t len)
{
	struct frame f = { .len = len, .line_idx = line };
	struct datagram d;

	f.buf = malloc(len != 0 ? len : 1);
	if (f.buf == NULL)
		abort();
	memcpy(f.buf, bytes, len);
	buffers++;
	f.data = f.buf;
	f.head.rx_ns = f.heard_ns = now_ns;
	switch (arb_on_frame(&arb, &f, NULL, &d)) {
	case ARB_DELIVER:
		on_arbitrated(&d);
		break;
	case ARB_DROP:
		give_back(f.buf);
		break;
	case ARB_KEPT:
		break;
	}
	drain();
	forging = false;
}

static uint8_t packet[sizeof(struct mold_head) + PACKET_MESSAGES * (sizeof(be16) + MESSAGE_MAX)];

static uint16_t
pack(uint64_t seq, uint64_t cnt)
{
	uint16_t len = sizeof(struct mold_head);

	if (cnt > PACKET_MESSAGES)
		cnt = PACKET_MESSAGES;
	if (seq + cnt > said.next_seq)
		cnt = seq < said.next_seq ? said.next_seq - seq : 0;
	mold_request_write((struct mold_head *)packet, said.session, seq, (uint16_t)cnt);
	for (uint64_t i = 0; i < cnt; i++) {
		memcpy(packet + len, said.block[seq + i], block_len(seq + i));
		len = (uint16_t)(len + block_len(seq + i));
	}
	return len;
}

/* The line sends some, or leaves some out, or begins before its place. */
static void
line_sends(uint8_t line, uint8_t op)
{
	uint64_t *next_seq = &said.line_seq[line];
	uint64_t from_seq = *next_seq + (op & 0x80 ? op >> 4 & 7 : 0);
	const unsigned cnt = 1 + op % PACKET_MESSAGES;

	if ((op & 0xc0) == 0x40)
		from_seq = *next_seq > (op >> 4 & 3) ? *next_seq - (op >> 4 & 3) : 1;
	if (from_seq > said.next_seq)
		from_seq = said.next_seq;
	on_packet(line, packet, pack(from_seq, cnt));
	if (from_seq + cnt > *next_seq)
		*next_seq = from_seq + cnt < said.next_seq ? from_seq + cnt : said.next_seq;
}

/* Bytes that nobody at the venue sent, with a header that may be believed. */
static uint16_t
forge(struct input *in, uint64_t near_seq)
{
	const uint8_t how = byte(in);
	uint16_t len = byte(in);

	for (uint16_t i = 0; i < len; i++)
		packet[i] = byte(in);
	if ((how & 1) && len >= sizeof(struct mold_head)) {
		const uint16_t cnt = how & 8 ? MOLD_END_OF_SESSION_CNT
					     : be16_get(((struct mold_head *)packet)->msg_cnt) % 16;

		mold_request_write((struct mold_head *)packet, said.session,
				   (near_seq + (how >> 4)) << (how & 4 ? 40 : 0), cnt);
	}
	if ((how & 2) && len >= sizeof(struct mold_head)) { // whole blocks
		uint16_t cnt = 0, at = sizeof(struct mold_head);

		while (at + sizeof(be16) <= len) {
			const uint16_t room = (uint16_t)(len - at - sizeof(be16));
			const uint16_t block = packet[at] < room ? packet[at] : room;

			*(be16 *)(packet + at) = be16_of(block);
			at = (uint16_t)(at + sizeof(be16) + block);
			cnt++;
		}
		len = at;
		((struct mold_head *)packet)->msg_cnt = be16_of(cnt);
	}
	forged = forging = true;
	return len;
}

static void
server_answers(struct input *in)
{
	const uint8_t how = byte(in);
	uint64_t from_seq, to_seq;
	struct datagram d;
	struct frame f = { 0 };

	if (!recovers || !recover_hole(&recover, &from_seq, &to_seq))
		return;
	switch (how & 7) {
	case 0: // any bytes
		f.len = forge(in, from_seq);
		break;
	case 1: // of another session
		f.len = pack(from_seq, 1 + (how >> 3));
		packet[0]++;
		break;
	case 2: // of another range
		f.len = pack(from_seq + (how >> 3), 4);
		break;
	case 3: // of fewer than it says
		f.len = pack(from_seq, 1 + (how >> 3));
		((struct mold_head *)packet)->msg_cnt = be16_of((uint16_t)(how >> 2));
		break;
	default:
		f.len = pack(from_seq, 1 + (how >> 3));
		break;
	}
	f.buf = malloc(f.len != 0 ? f.len : 1);
	if (f.buf == NULL)
		abort();
	memcpy(f.buf, packet, f.len);
	f.data = f.buf;
	f.head.rx_ns = f.heard_ns = now_ns;
	if (recover_on_answer(&recover, &f, now_ns, &d) == RECOVER_PASS) {
		if (d.data < f.data || d.data + d.len > f.data + f.len)
			abort();
		to_books(&d);
	}
	free(f.buf);
	drain();
	forging = false;
}

/* A snapshot as the venue made it at some moment. */
static struct {
	uint8_t msg[SPIN_MAX][MESSAGE_MAX];
	uint16_t len[SPIN_MAX];
	unsigned cnt;
	unsigned next; // to be sent
	uint32_t id;   // of the attempt it is for
	char session[MOLD_SESSION_LEN];
} spin;

static uint8_t *
spin_put(uint8_t type, uint16_t locate)
{
	uint8_t *msg = spin.msg[spin.cnt];

	memset(msg, 0, MESSAGE_MAX);
	msg[0] = type;
	((struct itch50_head *)msg)->locate = be16_of(locate);
	spin.len[spin.cnt] = ITCH50_LEN[type];
	if (locate != 0)
		symbol_of((char *)msg + 11, locate);
	if (spin.cnt < SPIN_MAX - 1)
		spin.cnt++;
	return msg;
}

static void
spin_order(uint64_t ref)
{
	for (unsigned s = 0; s < SHARDS; s++) {
		const struct book *b = &venue.book[s];
		const struct order_rec *o = order_table_find(&b->order, ref);
		const struct price_level *l;
		struct itch50_add_order *a;

		if (o == NULL)
			continue;
		l = &b->levels.level[o->level_idx];
		a = (struct itch50_add_order *)spin_put('A', price_level_locate(l));
		a->order_ref = be64_of(ref);
		a->side = price_level_side(l) == SIDE_BUY ? 'B' : 'S';
		a->qty = be32_of(o->qty);
		a->px4 = be32_of(price_level_px4(l));
		symbol_of(a->symbol, price_level_locate(l));
	}
}

static void
make_spin(void)
{
	spin.cnt = spin.next = 0;
	memcpy(spin.session, said.session, sizeof(spin.session));
	spin_put('S', 0)[11] = (uint8_t) "OSQMEC"[said.phase];
	if (said.phase == 0)
		spin.cnt = 0;
	for (uint16_t locate = 1; locate <= LOCATES; locate++) {
		const struct book *b = &venue.book[locate % SHARDS];
		const struct book_instr *in = &b->instr[locate];

		if (in->defined) {
			struct itch50_stock_directory *r = (void *)spin_put('R', locate);

			r->authenticity = in->authenticity;
			r->round_lot_qty = be32_of(in->round_lot_qty);
		}
		if (in->state != TRADING_UNKNOWN || b->info[locate].breach_cnt != b->breach_cnt) {
			struct itch50_trading_action *h = (void *)spin_put('H', locate);
			const bool breached = b->info[locate].breach_cnt != b->breach_cnt;

			h->state = breached                              ? 'H'
				   : in->state == TRADING_OPEN           ? 'T'
				   : in->state == TRADING_PAUSED         ? 'P'
				   : in->state == TRADING_QUOTATION_ONLY ? 'Q'
									 : 'H';
		}
		if (in->market_halted) {
			struct itch50_operational_halt *h = (void *)spin_put('h', locate);

			h->market = 'Q';
			h->action = 'H';
		}
	}
	for (unsigned i = 0; i < REFS; i++) {
		spin_order(1 + i);
		spin_order((uint64_t)i << 33);
	}
	spin.len[spin.cnt] = 21;
	memset(spin.msg[spin.cnt], ' ', MESSAGE_MAX);
	spin.msg[spin.cnt][0] = 'G';
	for (uint64_t i = 20, left = said.next_seq; left != 0; i--, left /= 10)
		spin.msg[spin.cnt][i] = (uint8_t)('0' + left % 10);
	spin.cnt++;
}

/* The snapshot server sends some of it, perhaps something else, or goes away. */
static void
spin_comes(struct input *in)
{
	const uint8_t how = byte(in);
	struct recover_room room = { .bytes = ROOM_BYTES };
	struct datagram d;
	uint8_t junk[MESSAGE_MAX];

	if (!recovers || !recover_wants_snapshot(&recover))
		return;
	if (spin.id != recover.snapshot_id || spin.cnt == 0) { // a connection of its own
		spin.id = recover.snapshot_id;
		if (spin.cnt == 0 || !(how & 0x80))
			make_spin();
		spin.next = 0;
	}
	if (memcmp(spin.session, said.session, sizeof(spin.session)) != 0)
		forged = true; // of yesterday
	if ((how & 0x70) == 0x70) {
		recover_on_snapshot_lost(&recover, now_ns);
		return;
	}
	room.at = malloc(ROOM_BYTES);
	if (room.at == NULL)
		abort();
	for (unsigned n = 0; n < 1 + (how & 0x0f) * 4U && recover_wants_snapshot(&recover); n++) {
		const uint8_t *msg = spin.msg[spin.next];
		uint16_t len = spin.len[spin.next];
		enum recover_put put;

		if ((how & 0x70) == 0x60 && n == 1) {
			len = byte(in) % MESSAGE_MAX;
			for (uint16_t i = 0; i < len; i++)
				junk[i] = byte(in);
			msg = junk;
			forged = true;
		}
		put = recover_on_snapshot(&recover, msg, len, &room, now_ns);
		if (put == RECOVER_PUT_FULL) {
			if (room.msg_cnt != 0) {
				recover_snapshot_datagram(&recover, &room, now_ns, &d);
				to_books(&d);
				room.len = room.msg_cnt = 0;
			}
			deliver_recovered(TURNS_MAX);
			continue;
		}
		if (put == RECOVER_PUT_END)
			break;
		if (msg != junk && spin.next < spin.cnt - 1)
			spin.next++;
	}
	if (room.msg_cnt != 0 && recover_wants_snapshot(&recover)) {
		recover_snapshot_datagram(&recover, &room, now_ns, &d);
		to_books(&d);
	}
	free(room.at);
	drain();
}

/* --- what must hold --- */

static void
same_levels(uint16_t locate)
{
	static struct book_depth_row got[ROWS], want[ROWS];
	const struct book *b = &ours.book[locate % SHARDS], *t = &truth.book[locate % SHARDS];

	for (unsigned side = 0; side < 2; side++) {
		const unsigned cnt = book_depth(t, locate, side, want, ROWS);

		if (book_depth(b, locate, side, got, ROWS) != cnt ||
		    memcmp(got, want, cnt * sizeof(*got)) != 0)
			abort();
	}
	// no snapshot tells of a breach before it: one that the venue repeats halts once more
	if (rebuilt && b->info[locate].breach_cnt != b->breach_cnt &&
	    book_state(b, &b->instr[locate]) == TRADING_HALTED)
		return;
	if (book_state(b, &b->instr[locate]) != book_state(t, &t->instr[locate]))
		abort();
}

/* Books that are believed are right. */
static void
judge(void)
{
	const bool current = !recovers || recover.state == RECOVER_SYNCHRONISED ||
			     recover.state == RECOVER_FAILED || recover.passing;
	bool whole; // everything up to now was heard

	if (!arb.adopted || !adopted || forged ||
	    memcmp(arb.session, said.session, sizeof(said.session)) != 0)
		return;
	if (arb.expected_seq > said.next_seq)
		abort(); // a number that nobody sent
	if (recovers && recover.tell_cnt != 0)
		return;
	if (current)
		for (; truth_seq < arb.expected_seq; truth_seq++)
			apply_said(&truth, truth_seq);
	whole = recovers && recover.state == RECOVER_SYNCHRONISED && !recover.whole &&
		!arb.silent && !arb.ended && arb.flags == 0;
	for (uint16_t locate = 1; locate <= LOCATES; locate++) {
		const struct book *b = &ours.book[locate % SHARDS];
		const struct book *t = &truth.book[locate % SHARDS];

		if (book_confidence(b, &b->instr[locate]) != CONFIDENCE_LIVE) {
			if (whole && (!rebuilt || t->metrics.instrument_suspect == 0) &&
			    book_confidence(t, &t->instr[locate]) == CONFIDENCE_LIVE)
				abort(); // nothing is missing, and it is not believed
			continue;
		}
		if (!current)
			abort(); // messages are missing, and it is believed
		if (book_confidence(t, &t->instr[locate]) == CONFIDENCE_LIVE)
			same_levels(locate);
		else if (!rebuilt)
			abort(); // a book that is broken
	}
}

static void
check(void)
{
	static struct book_tally tally[BOOK_TALLY_MAX(LEVELS)];

	for (unsigned s = 0; s < SHARDS; s++) {
		const struct book *b = &ours.book[s];
		const char *wrong = book_audit(b, tally);

		if (wrong != NULL || book_digest(b) != book_digest_of_orders(b)) {
			fprintf(stderr, "%s\n", wrong != NULL ? wrong : "digests differ");
			abort();
		}
	}
	if (recovers && (!recover_check(&recover) || recover.store.used_bytes > store_max))
		abort();
	judge();
}

static void
open_feed(uint8_t kind)
{
	static uint8_t arb_memory[1 << 16] cache_aligned;
	static uint8_t recover_memory[RECOVER_STORE_MIN + 4096] cache_aligned;
	struct arena arb_arena = { .base = arb_memory, .size_bytes = sizeof(arb_memory) };
	struct arena arena = { .base = recover_memory, .size_bytes = sizeof(recover_memory) };
	const struct arb_config a = {
		.line_cnt = LINES,
		.first_seq = kind & 8 ? 1 : 0,
		.reorder_packets = REORDER,
		.gap_wait_ns = 5 * MS,
		.silence_ns = 200 * MS,
	};
	const struct recover_config c = {
		.server_cnt = kind & 3,
		.has_snapshot = (kind & 4) != 0,
		.request_max_messages = 8,
		.request_attempts = 3,
		.request_wait_ns = 10 * MS,
		.request_interval_ns = MS,
		.request_max_hole = 100,
		.snapshot_attempts = 2,
		.snapshot_timeout_ns = 50 * MS,
		.snapshot_retry_ns = 20 * MS,
		.store_bytes = store_max,
	};

	memset(arb_memory, 0, sizeof(arb_memory));
	if (arb_init(&arb, &a, &arb_arena) != 0)
		abort();
	now_ns = 1000 * MS;
	recovers = recover_init(&recover, &c, &arena, now_ns) == 0;
	if (recovers != ((kind & 7) != 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct recover_request q;

	store_max = RECOVER_STORE_MIN;
	buffers = 0;
	adopted = forged = forging = rebuilt = false;
	memset(&spin, 0, sizeof(spin));
	memcpy(said.session, "@UZZ      ", sizeof(said.session));
	open_books(&ours);
	open_books(&truth);
	open_books(&venue);
	open_feed(byte(&in));
	roll();
	for (unsigned n = 0; in.at < in.end && n < TURNS_MAX; n++) {
		const uint8_t op = byte(&in);
		struct recover_feed feed;

		switch (op & 15) {
		case 0:
		case 1:
		case 2:
			for (unsigned i = 0; i <= op >> 4; i++)
				say(&in);
			break;
		case 3:
		case 4:
		case 5:
			line_sends((op & 15) - 3, byte(&in));
			break;
		case 6: // one line comes up
			while (said.line_seq[op % LINES] < said.next_seq)
				line_sends(op % LINES, PACKET_MESSAGES - 1);
			break;
		case 7: // a heartbeat, or the end of the session
			pack(said.next_seq, 0);
			if (op & 0x80)
				((struct mold_head *)packet)->msg_cnt =
					be16_of(MOLD_END_OF_SESSION_CNT);
			on_packet((op >> 4) % LINES, packet, sizeof(struct mold_head));
			break;
		case 8:
			now_ns += byte(&in) * MS / (op & 0x80 ? 1 : 64);
			drain();
			feed = feed_now(); // as the lane does, after what has just been arbitrated
			if (recovers)
				recover_on_time(&recover, &feed, now_ns);
			for (unsigned s = 0; s < SHARDS; s++) {
				book_on_time(&ours.book[s], now_ns);
				book_publish(&ours.book[s], arb.expected_seq);
			}
			break;
		case 9:
		case 10:
			server_answers(&in);
			break;
		case 11:
		case 12:
			spin_comes(&in);
			break;
		case 13:
			if (op >> 4 == 0)
				make_spin(); // the server has it ready from now on
			else if (op >> 4 == 1)
				roll();
			else if (op >> 4 == 2)
				arb_line_down(&arb, 0, now_ns);
			else if (recovers && op >> 4 < 6) {
				feed = feed_now();
				recover_start(&recover, &feed, now_ns);
			}
			drain();
			break;
		case 14:
			on_packet((op >> 4) % LINES, packet,
				  forge(&in, arb.adopted ? arb.expected_seq : 1));
			break;
		case 15:
			deliver_recovered(op >> 4);
			break;
		}
		if (recovers && recover_request(&recover, now_ns, &q) &&
		    (q.msg_cnt == 0 || q.msg_cnt > 8 || q.server_idx >= recover.server_cnt))
			abort();
		check();
	}
	arb_give_back(&arb);
	for (struct datagram d; arb_next(&arb, now_ns, &d);)
		give_back(d.buf);
	if (buffers != 0)
		abort();
	return 0;
}
