/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "ingress/parse_itch50.h"

/* The position of each type's counter. */
#define METRIC_IDX(letter, name, len) [letter] = PARSE_METRIC_IDX(name),
static const uint8_t TYPE_METRIC_IDX[256] = { ITCH50_MESSAGES(METRIC_IDX) };
#undef METRIC_IDX

/* Who goes on before any symbol was heard: this shard's when all are wanted. */
static COLD void
forget_locates(struct parse *p)
{
	const bool all = p->symbol_cnt == 0;
	const int nothing = 0, everything = 0xff;
	uint32_t shard = 0;

	memset(p->pass, all ? everything : nothing, sizeof(p->pass));
	memset(p->settled, all ? everything : nothing, sizeof(p->settled));
	p->pass[0] |= 1;
	for (uint32_t l = 1; l < PARSE_LOCATES && p->shard_cnt > 1; l++) {
		const uint64_t bit = 1ULL << l % 64;

		shard = shard + 1 == p->shard_cnt ? 0 : shard + 1;
		if (p->shard_mask >> shard & 1)
			continue;
		p->pass[l / 64] &= ~bit;
		p->settled[l / 64] |= bit;
	}
	metric_set(&p->metrics.instrument_subscribed, 0);
}

COLD void
parse_on_datagram_flags(struct parse *p, uint16_t flags)
{
	if (flags & DATAGRAM_NEW_SESSION)
		forget_locates(p);
}

static bool
wanted(const struct parse *p, const char symbol[SYMBOL_LEN])
{
	const size_t len = symbol_padded_len(symbol);

	for (uint32_t i = 0; i < p->symbol_cnt; i++)
		if (symbol_match(p->symbol[i], symbol, len))
			return true;
	return false;
}

COLD bool
parse_admit(struct parse *p, const uint8_t *msg, uint16_t locate)
{
	static const uint8_t SYMBOL_AT[256] = {
		['A'] = 24, ['F'] = 24, ['P'] = 24, ['Q'] = 19, ['L'] = 15, ['I'] = 28, ['R'] = 11,
		['H'] = 11, ['Y'] = 11, ['K'] = 11, ['J'] = 11, ['h'] = 11, ['N'] = 11, ['O'] = 11,
	};
	const uint64_t bit = 1ULL << locate % 64;
	const uint8_t at = SYMBOL_AT[msg[0]];

	if (!parse_ours(p, locate)) {
		metric_add(&p->metrics.message_other_shard, 1);
		return false;
	}
	if (at == 0) {
		metric_add(&p->metrics.message_unsettled, 1);
		return true;
	}
	p->settled[locate / 64] |= bit;
	if (!wanted(p, (const char *)msg + at)) {
		metric_add(&p->metrics.message_unsubscribed, 1);
		return false;
	}
	p->pass[locate / 64] |= bit;
	metric_add(&p->metrics.instrument_subscribed, 1);
	return true;
}

COLD int
parse_init(struct parse *p, const struct parse_config *c)
{
	const uint32_t all = c->shard_cnt >= 32 ? UINT32_MAX : (1U << c->shard_cnt) - 1;
	const uint32_t mask = c->shard_mask == 0 ? all : c->shard_mask & all;

	if (c->shard_cnt == 0 || c->shard_cnt > 32 || mask == 0 ||
	    c->symbol_cnt > SYMBOL_PATTERN_MAX)
		return -EINVAL;
	*p = (struct parse){
		.symbol_cnt = c->symbol_cnt,
		.shard_mask = mask,
		.shard_cnt = c->shard_cnt,
		.shard_magic = (uint32_t)(UINT32_MAX / c->shard_cnt + 1),
		.market = c->market == '\0' ? 'Q' : c->market,
		.feed_idx = c->feed_idx,
		.events = c->events,
	};
	for (uint32_t i = 0; i < c->symbol_cnt; i++)
		memcpy(p->symbol[i], c->symbol[i], sizeof(p->symbol[i]));
	forget_locates(p);
	return 0;
}

/* Oddities are said at the 1st, 2nd, 4th, ... time: the counter has the rest. */
static bool
worth_saying(uint64_t cnt)
{
	return (cnt & (cnt - 1)) == 0;
}

/* A message that no table knows: counts why. */
static COLD void
count_odd(struct parse *p, const uint8_t *msg, uint16_t len, uint64_t seq)
{
	if (len == 0) {
		metric_add(&p->metrics.message_empty, 1);
	} else if (ITCH50_LEN[msg[0]] == 0) {
		metric_add(&p->metrics.message_type_unknown, 1);
		if (worth_saying(p->metrics.message_type_unknown))
			event_put(p->events, EVENT_MD_UNKNOWN_TYPE, p->feed_idx, msg[0], seq);
	} else {
		metric_add(&p->metrics.message_length_wrong, 1);
		if (worth_saying(p->metrics.message_length_wrong))
			event_put(p->events, EVENT_MD_BAD_LENGTH, p->feed_idx, msg[0], seq, len,
				  ITCH50_LEN[msg[0]]);
	}
}

COLD bool
parse_at_end(struct parse *p, const uint8_t *at, ptrdiff_t room, uint64_t seq)
{
	if (room == sizeof(be16) && be16_get(*(const be16 *)at) == 0) {
		count_odd(p, NULL, 0, seq);
		return true;
	}
	metric_add(&p->metrics.block_truncated, 1);
	return false;
}

COLD void
parse_odd_order(struct parse *p, const struct md *m)
{
	if (m->side == SIDE_INVALID)
		metric_add(&p->metrics.side_invalid, 1);
	if (m->px4 > ITCH50_PX4_MAX)
		metric_add(&p->metrics.price_above_max, 1);
}

static uint8_t
trading_state_of(struct parse *p, uint8_t letter)
{
	switch (letter) {
	case 'H':
		return TRADING_HALTED;
	case 'P':
		return TRADING_PAUSED;
	case 'Q':
		return TRADING_QUOTATION_ONLY;
	case 'T':
		return TRADING_OPEN;
	default:
		metric_add(&p->metrics.trading_state_invalid, 1);
		return TRADING_UNKNOWN;
	}
}

static void
check_price(struct parse *p, uint32_t px4)
{
	if (px4 > ITCH50_PX4_MAX)
		metric_add(&p->metrics.price_above_max, 1);
}

static bool
executed_at_price(struct parse *p, const uint8_t *msg, struct md *out)
{
	const struct itch50_order_executed_at_price *c =
		(const struct itch50_order_executed_at_price *)msg;

	out->type = MD_ORDER_EXECUTED_AT_PRICE;
	out->order_ref = be64_get(c->order_ref);
	out->qty = be32_get(c->qty);
	out->new_ref = be64_get(c->match_ref);
	out->state = c->printable;
	out->px4 = be32_get(c->px4);
	check_price(p, out->px4);
	return true;
}

static bool
traded(struct parse *p, const uint8_t *msg, struct md *out)
{
	const struct itch50_trade *t = (const struct itch50_trade *)msg;

	out->type = MD_TRADED;
	out->order_ref = be64_get(t->order_ref);
	out->side = t->side == 'S' ? SIDE_SELL : SIDE_BUY;
	out->qty = be32_get(t->qty);
	out->cross_qty = out->qty;
	out->px4 = be32_get(t->px4);
	out->new_ref = be64_get(t->match_ref);
	out->state = 'Y';
	check_price(p, out->px4);
	return true;
}

static bool
crossed(struct parse *p, const uint8_t *msg, struct md *out)
{
	const struct itch50_cross_trade *q = (const struct itch50_cross_trade *)msg;
	const uint64_t qty = be64_get(q->qty);

	out->type = MD_TRADED;
	out->cross_qty = qty;
	out->qty = qty > UINT32_MAX ? UINT32_MAX : (uint32_t)qty;
	out->px4 = be32_get(q->px4);
	out->new_ref = be64_get(q->match_ref);
	out->state = 'Y';
	out->cross = q->cross;
	check_price(p, out->px4);
	return true;
}

static bool
directory(const uint8_t *msg, struct md *out)
{
	const struct itch50_stock_directory *r = (const struct itch50_stock_directory *)msg;

	out->type = MD_DIRECTORY;
	memcpy(out->symbol, r->symbol, sizeof(out->symbol));
	out->round_lot_qty = be32_get(r->round_lot_qty);
	out->state = r->authenticity;
	out->directory = (struct md_directory){
		.market_category = r->market_category,
		.financial_status = r->financial_status,
		.round_lots_only = r->round_lots_only,
		.issue_class = r->issue_class,
		.issue_subtype = { r->issue_subtype[0], r->issue_subtype[1] },
		.short_sale_threshold = r->short_sale_threshold,
		.ipo = r->ipo_flag,
		.luld_tier = r->luld_tier,
		.etp = r->etp_flag,
		.inverse = r->inverse,
		.etp_leverage = be32_get(r->etp_leverage),
	};
	return true;
}

static bool
market_halt(struct parse *p, const uint8_t *msg, struct md *out)
{
	const struct itch50_operational_halt *h = (const struct itch50_operational_halt *)msg;

	if (h->market != (uint8_t)p->market) {
		metric_add(&p->metrics.message_other_market, 1);
		return false;
	}
	out->type = MD_MARKET_HALT;
	out->state = TRADING_HALTED; // an unknown letter is a halt, too
	if (h->action == 'T')
		out->state = TRADING_OPEN;
	else if (h->action != 'H')
		metric_add(&p->metrics.trading_state_invalid, 1);
	memcpy(out->symbol, h->symbol, sizeof(out->symbol));
	return true;
}

static bool
bands(const uint8_t *msg, struct md *out)
{
	const struct itch50_luld_collar *j = (const struct itch50_luld_collar *)msg;

	out->type = MD_BANDS;
	out->px4 = be32_get(j->ref_px4);
	out->band.lo_px4 = be32_get(j->lower_px4);
	out->band.hi_px4 = be32_get(j->upper_px4);
	out->qty = be32_get(j->extension);
	return true;
}

static bool
trading_state(struct parse *p, const uint8_t *msg, struct md *out)
{
	const struct itch50_trading_action *h = (const struct itch50_trading_action *)msg;

	out->type = MD_TRADING_STATE;
	out->state = trading_state_of(p, h->state);
	memcpy(out->symbol, h->symbol, sizeof(out->symbol));
	memcpy(out->reason, h->reason, sizeof(out->reason));
	return true;
}

static bool
mwcb_levels(const uint8_t *msg, struct md *out)
{
	const struct itch50_mwcb_levels *v = (const struct itch50_mwcb_levels *)msg;

	out->type = MD_MWCB_LEVELS;
	out->level_px8[0] = be64_get(v->level1_px8);
	out->level_px8[1] = be64_get(v->level2_px8);
	out->level3_px8 = be64_get(v->level3_px8);
	return true;
}

static bool
ipo_quoting(const uint8_t *msg, struct md *out)
{
	const struct itch50_ipo_quoting *k = (const struct itch50_ipo_quoting *)msg;

	out->type = MD_IPO_QUOTING;
	out->state = k->qualifier;
	out->qty = be32_get(k->release_s);
	out->px4 = be32_get(k->px4);
	memcpy(out->symbol, k->symbol, sizeof(out->symbol));
	return true;
}

static bool
imbalance(const uint8_t *msg, struct md *out)
{
	const struct itch50_noii *i = (const struct itch50_noii *)msg;

	out->type = MD_IMBALANCE;
	out->state = i->direction;
	out->cross = i->cross;
	out->variation = i->variation;
	out->paired_qty = be64_get(i->paired_qty);
	out->imbalance_qty = be64_get(i->imbalance_qty);
	out->px4 = be32_get(i->ref_px4);
	out->band.lo_px4 = be32_get(i->far_px4);
	out->band.hi_px4 = be32_get(i->near_px4);
	return true;
}

static bool
listing(const uint8_t *msg, struct md *out)
{
	const struct itch50_direct_listing *o = (const struct itch50_direct_listing *)msg;

	out->type = MD_LISTING;
	out->state = o->open_eligible;
	out->px4 = be32_get(o->near_px4);
	out->min_px4 = be32_get(o->min_px4);
	out->max_px4 = be32_get(o->max_px4);
	out->near_ts_ns = be64_get(o->near_ts_ns);
	out->band.lo_px4 = be32_get(o->lower_px4);
	out->band.hi_px4 = be32_get(o->upper_px4);
	return true;
}

/* Messages that are not frequent. */
static inline bool
decode_rare(struct parse *p, const uint8_t *msg, struct md *out)
{
	metric_add((uint64_t *)&p->metrics + TYPE_METRIC_IDX[msg[0]], 1);
	out->type = MD_NONE;
	out->venue_type = msg[0];
	out->locate = be16_get(((const struct itch50_head *)msg)->locate);
	out->ts_ns = parse_ts(msg);
	out->side = SIDE_BUY;
	out->state = 0;
	out->qty = out->px4 = 0;
	out->order_ref = out->new_ref = 0;
	out->level_px8[0] = out->level_px8[1] = 0; // and all that shares their place
	out->cross = out->variation = 0;
	if (msg[0] == 'P') // more than all others together
		return traded(p, msg, out);
	switch (msg[0]) {
	case 'C':
		return executed_at_price(p, msg, out);
	case 'Q':
		return crossed(p, msg, out);
	case 'B':
		out->type = MD_TRADE_BROKEN;
		out->new_ref = be64_get(((const struct itch50_broken_trade *)msg)->match_ref);
		return true;
	case 'R':
		return directory(msg, out);
	case 'H':
		return trading_state(p, msg, out);
	case 'h':
		return market_halt(p, msg, out);
	case 'Y':
		out->type = MD_SHORT_SALE;
		out->state = ((const struct itch50_reg_sho *)msg)->action;
		memcpy(out->symbol, ((const struct itch50_reg_sho *)msg)->symbol,
		       sizeof(out->symbol));
		return true;
	case 'J':
		return bands(msg, out);
	case 'S':
		out->type = MD_SYSTEM_EVENT;
		out->state = ((const struct itch50_system_event *)msg)->event;
		return true;
	case 'V':
		return mwcb_levels(msg, out);
	case 'W':
		out->type = MD_MWCB_BREACH;
		out->state = ((const struct itch50_mwcb_status *)msg)->level;
		return true;
	case 'K':
		return ipo_quoting(msg, out);
	case 'I':
		return imbalance(msg, out);
	case 'N':
		out->type = MD_RETAIL;
		out->state = ((const struct itch50_rpii *)msg)->interest;
		return true;
	case 'O':
		return listing(msg, out);
	default: // 'L': counted; who makes a market does not change a book
		return false;
	}
}

bool
parse_other(struct parse *p, const uint8_t *msg, uint16_t len, struct md *out)
{
	if (unlikely(len == 0 || ITCH50_LEN[msg[0]] != len)) {
		count_odd(p, msg, len, out->seq);
		return false;
	}
	return parse_passes(p, msg, be16_get(((const struct itch50_head *)msg)->locate)) &&
	       decode_rare(p, msg, out);
}
