/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "lane/rehearsal_feed.h"
#include "wire/eth_ip.h"
#include "wire/itch50.h"
#include "wire/moldudp64.h"

enum {
	LOCATE = 1,
	GROUP_IP = 0xefffffff, // 239.255.255.255
	UDP_PORT = 1,
	ASK_REF = 1,
	BID_REF = 2,
	NEXT_REF = 3,  // the order that comes and goes
	MOVED_REF = 4, // the offer at its other price
	MATCH_REF = 1,
	ORDERS_MAX = 8,
	LEVELS_MAX = 64,
	TRADES_MAX = 16,
	BID_QTY = 50 * REHEARSAL_QTY,
	NEXT_QTY = 4 * REHEARSAL_QTY,
	MOVED_PX4 = REHEARSAL_ASK_PX4 + 100,
	POSITION_MAX_QTY = 1000 * REHEARSAL_QTY,
	IMBALANCE_MIN_BP = 6000,
	REORDER = 1,
	ROUND_LOT = 100,
	FIRST_SEQ = 1,
};

#define NEVER_NS (1ULL << 62)

static const char SYMBOL[] = "REHEARSE";
static const char SESSION[] = "REHEARSAL ";

static struct book_config
book_config_here(const struct book_ours_config *ours)
{
	return (struct book_config){
		.feed_idx = LANE_FEED_MADE_UP,
		.locate_max = LOCATE,
		.orders_max = ORDERS_MAX,
		.levels_max = LEVELS_MAX,
		.trades_max = TRADES_MAX,
		.trust_late_join = true,
		.queues = true, // the most memory
		.ours_cnt = 1,
		.ours = ours,
	};
}

static struct book_ours_config
ours_here(void)
{
	struct book_ours_config ours = { .instr_idx = REHEARSAL_INSTR };

	memcpy(ours.symbol, SYMBOL, sizeof(ours.symbol));
	return ours;
}

COLD size_t
rehearsal_feed_bytes(void)
{
	const struct book_ours_config ours = ours_here();
	const struct book_config book = book_config_here(&ours);
	// a strategy's own state of one instrument; 16 lines: what alignment takes
	const size_t strategy_bytes = STRATEGY_KIND_CNT * 65536;

	return sizeof(struct rehearsal_feed) + arb_bytes(REORDER) + book_bytes(&book) +
	       strategy_bytes + 16 * CACHE_LINE;
}

/* A packet with one message, as a venue would send it. */
static void
make_frame(struct rehearsal_feed *f, unsigned i, uint64_t seq, const void *msg, size_t msg_len)
{
	static const struct udp_way WAY = {
		.dst_ip = GROUP_IP, .src_port = UDP_PORT, .dst_port = UDP_PORT, .ttl = 1
	};
	uint8_t *at = f->frame[i];
	struct eth_head *eth = (struct eth_head *)at;
	struct mold_head *mold = (struct mold_head *)(at + RX_HEAD_LEN);
	struct mold_block *block = (struct mold_block *)(mold + 1);

	static_assert(RX_HEAD_LEN + sizeof(struct mold_head) + sizeof(struct mold_block) +
				      sizeof(struct itch50_stock_directory) <=
			      REHEARSAL_FRAME_BYTES,
		      "the longest message");
	eth_group_mac(GROUP_IP, eth->dst);
	eth->src[0] = 0x02; // administered here
	eth->type = be16_of(ETH_TYPE_IPV4);
	memcpy(mold->session, SESSION, sizeof(mold->session));
	mold->seq = be64_of(seq);
	mold->msg_cnt = be16_of(1);
	block->len = be16_of((uint16_t)msg_len);
	memcpy(block + 1, msg, msg_len);
	at += sizeof(*eth);
	at += udp_write_heads(at, &WAY, (uint16_t)(sizeof(*mold) + sizeof(*block) + msg_len));
	f->frame_len[i] = (uint16_t)(at - f->frame[i]);
}

static struct itch50_head
head_of(uint8_t type)
{
	return (struct itch50_head){ .type = type, .locate = be16_of(LOCATE) };
}

static struct itch50_add_order
order_of(uint64_t ref, uint8_t side, uint32_t qty, uint32_t px4)
{
	struct itch50_add_order a = { .head = head_of('A'),
				      .order_ref = be64_of(ref),
				      .side = side,
				      .qty = be32_of(qty),
				      .px4 = be32_of(px4) };

	memcpy(a.symbol, SYMBOL, sizeof(a.symbol));
	return a;
}

/* A packet goes through the doubles, and nobody is told. */
static bool
apply(struct rehearsal_feed *f, unsigned i)
{
	struct parse_walk walk;
	struct datagram d;
	struct frame in;
	struct mark mark;
	struct bbo bbo;
	struct md md;

	if (rx_on_bytes(&f->rx, f->frame[i], f->frame_len[i], false, &in) != RX_MARKET_DATA)
		return false;
	in.buf = NULL;
	in.head.rx_ns = in.heard_ns = 0;
	if (arb_on_frame(&f->arb, &in, NULL, &d) != ARB_DELIVER)
		return false;
	if (d.flags != 0) {
		parse_on_datagram_flags(&f->parse, d.flags);
		if (book_on_datagram_flags(&f->book, d.flags) != 0)
			while (book_next(&f->book, &bbo, &mark) != 0)
				;
	}
	parse_start(&walk, &d);
	while (parse_next(&f->parse, &walk, &md)) {
		book_prefetch(&f->book, &md);
		if (book_on_md(&f->book, &md, &bbo, &mark) & BOOK_ALL)
			while (book_next(&f->book, &bbo, &mark) != 0)
				;
	}
	while (arb_next(&f->arb, 0, &d))
		;
	return true;
}

/* The day so far: a listed symbol that trades, an offer and a heavier bid. */
static bool
start_day(struct rehearsal_feed *f)
{
	const struct itch50_system_event open = { .head = { .type = 'S' }, .event = 'Q' };
	struct itch50_stock_directory listed = { .head = head_of('R'),
						 .round_lot_qty = be32_of(ROUND_LOT),
						 .authenticity = 'P' };
	struct itch50_trading_action trading = { .head = head_of('H'), .state = 'T' };
	const struct itch50_add_order ask =
		order_of(ASK_REF, 'S', REHEARSAL_QTY, REHEARSAL_ASK_PX4);
	const struct itch50_add_order bid = order_of(BID_REF, 'B', BID_QTY, REHEARSAL_BID_PX4);
	const struct {
		const void *msg;
		size_t len;
	} MESSAGE[] = { { &open, sizeof(open) },
			{ &listed, sizeof(listed) },
			{ &trading, sizeof(trading) },
			{ &ask, sizeof(ask) },
			{ &bid, sizeof(bid) } };

	memcpy(listed.symbol, SYMBOL, sizeof(listed.symbol));
	memcpy(trading.symbol, SYMBOL, sizeof(trading.symbol));
	for (f->seq = FIRST_SEQ; f->seq < FIRST_SEQ + ARRAY_CNT(MESSAGE); f->seq++) {
		const unsigned i = (unsigned)(f->seq - FIRST_SEQ);

		make_frame(f, 0, f->seq, MESSAGE[i].msg, MESSAGE[i].len);
		if (!apply(f, 0))
			return false;
	}
	return true;
}

/* What is rehearsed, in turns; after the last one the book is as before the first. */
static void
make_frames(struct rehearsal_feed *f)
{
	const be64 ref = be64_of(NEXT_REF);
	const be32 qty = be32_of(REHEARSAL_QTY);
	const struct itch50_add_order a = order_of(NEXT_REF, 'B', NEXT_QTY, REHEARSAL_BID_PX4);
	const struct itch50_order_executed e = {
		.head = head_of('E'), .order_ref = ref, .qty = qty, .match_ref = be64_of(MATCH_REF)
	};
	const struct itch50_order_cancel x = { .head = head_of('X'), .order_ref = ref, .qty = qty };
	const struct itch50_order_delete d = { .head = head_of('D'), .order_ref = ref };
	const struct itch50_order_replace away = { .head = head_of('U'),
						   .orig_ref = be64_of(ASK_REF),
						   .new_ref = be64_of(MOVED_REF),
						   .qty = qty,
						   .px4 = be32_of(MOVED_PX4) };
	const struct itch50_order_replace back = { .head = head_of('U'),
						   .orig_ref = be64_of(MOVED_REF),
						   .new_ref = be64_of(ASK_REF),
						   .qty = qty,
						   .px4 = be32_of(REHEARSAL_ASK_PX4) };

	make_frame(f, 0, f->seq, &a, sizeof(a));
	make_frame(f, 1, f->seq, &e, sizeof(e));
	make_frame(f, 2, f->seq, &x, sizeof(x));
	make_frame(f, 3, f->seq, &d, sizeof(d));
	make_frame(f, 4, f->seq, &away, sizeof(away));
	make_frame(f, 5, f->seq, &back, sizeof(back));
}

/* One of each kind that the lane has, and as willing as can be. */
static bool
init_strategies(struct rehearsal_feed *f, struct lane *l)
{
	struct strategy_config c = { .qty = REHEARSAL_QTY,
				     .position_max_qty = POSITION_MAX_QTY,
				     .imbalance_min_bp = IMBALANCE_MIN_BP,
				     .instr = { { .instr_idx = REHEARSAL_INSTR } } };
	uint32_t seen = 0;

	f->wishing = &f->wisher[0];
	if (strategy_init(&f->silent, &c, &l->arena) != 0)
		return false;
	c.instr_cnt = 1;

	for (uint32_t i = 0; i < l->strategy_cnt; i++) {
		c.kind = l->strategy_here[i]->kind;
		if (seen >> c.kind & 1)
			continue;
		seen |= 1U << c.kind;
		if (strategy_init(&f->wisher[f->wisher_cnt++], &c, &l->arena) != 0)
			return false;
	}
	return true;
}

static bool
init_stages(struct rehearsal_feed *f, struct lane *l, bool queues)
{
	const struct rx_config rx = {
		.vlan_id = RX_VLAN_ANY,
		.line_cnt = 1,
		.line = { { .group_ip = GROUP_IP, .udp_port = UDP_PORT } },
	};
	struct arb_config arb = { .feed_idx = LANE_FEED_MADE_UP,
				  .line_cnt = 1,
				  .session_fixed = true,
				  .first_seq = FIRST_SEQ,
				  .reorder_packets = REORDER,
				  .gap_wait_ns = NEVER_NS,
				  .silence_ns = NEVER_NS };
	const struct parse_config parse = { .feed_idx = LANE_FEED_MADE_UP,
					    .shard_cnt = 1,
					    .market = 'Q' };
	const struct book_ours_config ours = ours_here();
	struct book_config book = book_config_here(&ours);

	memcpy(arb.session, SESSION, sizeof(arb.session));
	book.queues = queues;
	if (rx_init(&f->rx, &rx) != 0 || arb_init(&f->arb, &arb, &l->arena) != 0 ||
	    parse_init(&f->parse, &parse) != 0 || book_init(&f->book, &book, &l->arena) != 0)
		return false;
	for (uint32_t i = 0; i < RX_SLOTS; i++) // rx_init takes real feeds only
		f->rx.slot[i].feed_idx = LANE_FEED_MADE_UP;
	return true;
}

COLD struct rehearsal_feed *
rehearsal_feed_open(struct lane *l)
{
	struct rehearsal_feed *f = arena_take(&l->arena, sizeof(*f));
	bool queues = false;

	for (uint32_t i = 0; i < FEED_MAX; i++)
		queues |= l->book[i] != NULL && book_has_queues(l->book[i]);
	if (f == NULL || !init_strategies(f, l) || !init_stages(f, l, queues) || !start_day(f))
		return NULL;
	make_frames(f);
	f->buf = (struct rte_mbuf){
		.ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD,
		.nb_segs = 1,
	};
	l->arb[LANE_FEED_MADE_UP] = &f->arb;
	l->parse[LANE_FEED_MADE_UP] = &f->parse;
	l->book[LANE_FEED_MADE_UP] = &f->book;
	return f;
}

/* The queue that a real packet would come from, with the double's rx. */
static void
place_queue(struct rehearsal_feed *f, struct lane *l)
{
	struct lane_rxq *q = &l->rxq[LANE_RXQ_MADE_UP];

	for (uint32_t i = 0; i < l->rxq_cnt; i++)
		if (l->rxq[i].rx != NULL) {
			*q = l->rxq[i];
			break;
		}
	q->rx = &f->rx;
	q->q.stamp.flag = 0;
}

COLD bool
rehearsal_feed_begin(struct rehearsal_feed *f, struct lane *l, uint8_t session_idx)
{
	const uint32_t i = f->next % REHEARSAL_FRAMES;
	struct strategy *wisher = &f->wisher[f->next / REHEARSAL_FRAMES % f->wisher_cnt];

	if (l->walking || l->next_known || l->rx_next != l->rx_cnt || l->arb_ready != 0 ||
	    l->recovery_busy != 0)
		return false;
	f->next++;
	f->arb.expected_seq = f->arb.line[0].next_seq = f->seq;
	f->book.trades.last_ref = 0; // MATCH_REF is above all before it
	f->buf.buf_addr = f->frame[i];
	f->buf.data_len = f->frame_len[i];
	f->buf.pkt_len = f->frame_len[i];
	rte_mbuf_refcnt_set(&f->buf, 2); // the lane gives its own back, and no pool gets it
	wisher->base.config.instr[0].session_idx = session_idx;
	place_queue(f, l);
	f->wishing = wisher;
	f->strategy_here[0] = l->strategy_here[0];
	f->strategy_here[1] = l->strategy_here[1];
	f->strategy_cnt = l->strategy_cnt;
	f->sample_every = l->sample_every;
	f->burst_tsc = l->slow.burst_tsc;
	l->strategy[0] = wisher; // whoever is refused is told; rehearsal_end takes it away
	l->strategy_here[0] = wisher;
	l->strategy_here[1] = &f->silent;
	l->strategy_cnt = 2;
	l->sample_every = 0;
	l->slow.burst_tsc = 0; // trace points see that it is a rehearsal
	l->rx_buf[0] = &f->buf;
	l->rx_buf_rxq[0] = LANE_RXQ_MADE_UP;
	l->rx_next = 0;
	l->rx_cnt = 1;
	return true;
}

COLD void
rehearsal_feed_end(struct rehearsal_feed *f, struct lane *l)
{
	must(!l->walking && l->arb_ready == 0 && l->rx_next == l->rx_cnt, EVENT_MUST_INDEX,
	     l->rx_next, l->rx_cnt);
	l->rx_next = l->rx_cnt = 0;
	l->strategy_here[0] = f->strategy_here[0];
	l->strategy_here[1] = f->strategy_here[1];
	l->strategy_cnt = f->strategy_cnt;
	l->sample_every = f->sample_every;
	l->slow.burst_tsc = f->burst_tsc;
}

COLD void
rehearsal_feed_on_update(struct rehearsal_feed *f, const struct update *u)
{
	strategy_on_update(f->wishing, u);
}
