/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EGRESS_ENCODE_H
#define SLUICE_EGRESS_ENCODE_H

#include "base/metric.h"
#include "egress/encode_style.h"
#include "egress/venue_request.h"
#include "wire/order_token.h"
#include "wire/ouch42.h"
#include "wire/ouch50.h"
#include "wire/soupbintcp.h"

/*
 * What both versions of OUCH share: packets prepared at start, one per kind of request, already
 * framed as SoupBinTCP 'U'.  A request copies one and writes only what differs.
 */
enum encode_template {
	ENCODE_ENTER,
	ENCODE_ENTER_POST, // post-only
	ENCODE_REPLACE,
	ENCODE_REPLACE_POST,
	ENCODE_CANCEL,
	ENCODE_MODIFY,
	ENCODE_TEMPLATE_CNT,
};

/*
 * Room the caller gives for a packet: the longest one, with every option, has 143 bytes.  A
 * template is copied by whole cache lines, nearly always one: what a packet leaves of it is 0.
 */
enum {
	ENCODE_PACKET_MAX = 3 * CACHE_LINE,
};

/* Plain values from the configuration. */
struct encode_config {
	char firm[OUCH_FIRM_LEN + 1];                  // empty: the account's own
	char token_prefix[ORDER_TOKEN_PREFIX_MAX + 1]; // letters and digits
	char capacity;         // 'A' agency, 'P' principal, 'R' riskless; OUCH 5.0 also 'O' other
	char display;          // 'Y' visible, 'A' attributable, 'N' hidden
	bool extended_hours;   // TIF_DAY lives until the end of system hours
	bool no_customer_type; // OUCH 4.2 of BX and PSX: Enter Order of 48 bytes
	uint8_t user_ref_idx;  // OUCH 5.0: the channel of all our orders; 0: not said
	uint8_t style_cnt;     // of style, 0 included; 0: the plain one only
	const struct encode_style *style; // read by init only
};

/* What an operator may ask of the venue, beside orders.  OUCH 5.0 only. */
enum encode_ask {
	ENCODE_ASK_MASS_CANCEL, // every order of our firm, or those of one symbol
	ENCODE_ASK_DISABLE,     // the venue refuses new orders of our firm; working ones stay
	ENCODE_ASK_ENABLE,
	ENCODE_ASK_ACCOUNT, // the lowest number that may be used
	ENCODE_ASK_CNT,
};

/* Which orders a mass cancel means; all of our firm when nothing is given. */
struct encode_scope {
	char symbol[OUCH_SYMBOL_LEN]; // padded; its first 0: all
	char side;                    // the venue's letter; 0: all
	uint16_t group_id;            // 0: all
};

struct encode_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "egress/encode_metrics.def"
#undef METRIC
};

/* Written at start by encode_ouch50_init or encode_ouch42_init, then read by the session's lane. */
struct encode {
	cache_aligned uint8_t packet[ENCODE_STYLE_MAX][ENCODE_TEMPLATE_CNT][ENCODE_PACKET_MAX];
	uint8_t len[ENCODE_STYLE_MAX]
		   [ENCODE_TEMPLATE_CNT];   // of the whole packet; 0: cannot be said
	uint8_t tif50[ENCODE_STYLE_MAX][2]; // by enum tif; 0: cannot be said
	be32 tif42[ENCODE_STYLE_MAX][2];    // by enum tif
	uint32_t discretion_px4[ENCODE_STYLE_MAX];
	uint32_t min_qty[ENCODE_STYLE_MAX]; // an order of fewer shares cannot be of that style
	uint8_t discretion_at[ENCODE_STYLE_MAX][ENCODE_TEMPLATE_CNT]; // offset of the price
	struct order_token_form token_form;
	uint32_t ready_token; // whose digits are ready; 0: nobody's
	uint64_t ready_digits;
	uint8_t side[2][4];       // by enum side, by INTENT_SHORT and INTENT_SHORT_EXEMPT
	char firm[OUCH_FIRM_LEN]; // blank: the account's own
	uint8_t user_ref_idx;
	uint8_t style_cnt;
	uint16_t packet_max; // the longest of the templates, at least a cache line
	struct encode_metrics metrics;
	uint64_t symbol[INSTR_MAX]; // eight characters; 0 while nobody named it
};

/*
 * A style that the protocol cannot say is no fault here: its orders are refused.
 *
 * Thread   before the lane runs, or in its housekeeping.
 * Returns  0
 *          -EINVAL  firm, prefix, capacity or display is nothing the protocol knows, or there are
 *                   too many styles; *e is unusable
 */
int encode_ouch50_init(struct encode *e, const struct encode_config *c);
int encode_ouch42_init(struct encode *e, const struct encode_config *c);

/* The styles, a bit each, whose orders the venue shows at another price than they are asked for. */
uint8_t encode_own_price_styles(const struct encode_config *c);

/*
 * Writes an operator's request as a whole packet.  token is a new number of ours, not used by
 * ENCODE_ASK_ACCOUNT; scope counts for ENCODE_ASK_MASS_CANCEL.
 *
 * Memory   out: ENCODE_PACKET_MAX bytes
 * Returns  bytes of the packet
 */
COLD uint16_t encode_ouch50_ask(struct encode *e, enum encode_ask ask, uint32_t token,
				const struct encode_scope *scope, uint8_t *out);

/*
 * Names an instrument.
 *
 * Returns  0
 *          -EINVAL  no instrument has this index, or the symbol is empty or has over 8 characters
 */
int encode_name_instrument(struct encode *e, uint16_t instr_idx, const char *symbol);

/* Writes how far the order may go, and returns the price it is shown at. */
COLD uint64_t encode_ouch50_discretion(const struct encode *e, const struct venue_request *q,
				       uint8_t *out);

HOT_INLINE enum encode_template
encode_template_of(const struct venue_request *q)
{
	const bool post_only = (q->flags & INTENT_POST_ONLY) != 0;

	if (q->kind == INTENT_NEW)
		return post_only ? ENCODE_ENTER_POST : ENCODE_ENTER;
	if (q->kind == INTENT_REPLACE)
		return post_only ? ENCODE_REPLACE_POST : ENCODE_REPLACE;
	return q->kind == INTENT_MODIFY ? ENCODE_MODIFY : ENCODE_CANCEL;
}

/* Whether OUCH can say a new order.  Risk refuses earlier; a truncated price must never leave us.
 */
HOT_INLINE bool
encode_can_enter(const struct encode *e, const struct venue_request *q)
{
	if (unlikely(q->token == 0 || q->qty - 1 >= OUCH_QTY_MAX || q->style >= e->style_cnt ||
		     (uint64_t)q->px4 - 1 >= OUCH_PX4_MAX || q->tif > TIF_IOC ||
		     q->side > SIDE_SELL || q->instr_idx >= INSTR_MAX))
		return false;
	return likely(e->len[q->style][encode_template_of(q)] != 0 &&
		      e->tif50[q->style][q->tif] != 0 && q->qty >= e->min_qty[q->style] &&
		      e->symbol[q->instr_idx] != 0);
}

/* The same of any request. */
HOT_INLINE bool
encode_can_say(const struct encode *e, const struct venue_request *q)
{
	const bool replaces = q->kind == INTENT_REPLACE;

	if (q->kind == INTENT_NEW)
		return encode_can_enter(e, q);
	if (unlikely(q->kind > INTENT_MODIFY || q->token == 0 || q->qty > OUCH_QTY_MAX ||
		     q->style >= e->style_cnt))
		return false;
	if (unlikely(e->len[q->style][encode_template_of(q)] == 0))
		return false;
	if (unlikely(replaces && (q->qty == 0 || q->px4 <= 0 || q->px4 > OUCH_PX4_MAX ||
				  q->tif > TIF_IOC || e->tif50[q->style][q->tif] == 0)))
		return false;
	if (unlikely(replaces && (q->qty < e->min_qty[q->style] || q->orig_token == 0)))
		return false;
	return likely(q->kind != INTENT_MODIFY || (q->qty != 0 && q->side <= SIDE_SELL));
}

/* The digits of the next order's number, after one was sent and off its way. */
HOT_INLINE void
encode_prepare(struct encode *e, uint32_t token)
{
	e->ready_digits = order_token_digits(token);
	e->ready_token = token;
}

/* Writes a request's number into a text that already is the form's. */
HOT_INLINE void
encode_token(const struct encode *e, uint32_t token, char *text)
{
	if (likely(token == e->ready_token))
		memcpy(text + e->token_form.prefix_len, &e->ready_digits, sizeof(e->ready_digits));
	else
		order_token_patch(&e->token_form, token, text);
}

HOT_INLINE uint8_t
encode_side(const struct encode *e, const struct venue_request *q)
{
	static_assert(INTENT_SHORT == 2 && INTENT_SHORT_EXEMPT == 4, "they index encode.side");
	return e->side[q->side][q->flags >> 1 & 3];
}

/* Begins a packet with its template. */
HOT_INLINE uint16_t
encode_start(const struct encode *e, const struct venue_request *q, uint8_t *out)
{
	const enum encode_template t = encode_template_of(q);
	const uint8_t *from = e->packet[q->style][t];
	const uint16_t len = e->len[q->style][t];

	memcpy(out, from, CACHE_LINE);
	if (unlikely(len > CACHE_LINE))
		memcpy(out + CACHE_LINE, from + CACHE_LINE, ENCODE_PACKET_MAX - CACHE_LINE);
	return len;
}

#endif
