/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_books.h"

#include <errno.h>
#include <stdlib.h>

#include "ctl/ctl_json.h"
#include "err/err.h"

enum {
	DEPTH_DEFAULT = 10,
};

static json_t *
levels_of(const struct state_level *level, uint32_t cnt)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < cnt && i < STATE_DEPTH_MAX; i++)
		json_array_append_new(list,
				      json_pack("{s:I,s:I,s:I}", "px4", (json_int_t)level[i].px4,
						"qty", number(level[i].qty), "order_cnt",
						number(level[i].order_cnt)));
	return list;
}

/* As levels_of, with the orders of each. */
static json_t *
queues_of(const struct state_queues *q, const struct state_queue *row, uint32_t cnt)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < cnt && i < STATE_DEPTH_MAX; i++) {
		json_t *orders = json_array();

		for (uint32_t k = 0; k < row[i].shown_cnt; k++) {
			const struct state_queue_order *o = &q->order[row[i].first + k];

			json_array_append_new(orders, json_pack("{s:I,s:I}", "ref", number(o->ref),
								"qty", number(o->qty)));
		}
		json_array_append_new(
			list, json_pack("{s:I,s:I,s:I,s:o}", "px4", (json_int_t)row[i].level.px4,
					"qty", number(row[i].level.qty), "order_cnt",
					number(row[i].level.order_cnt), "orders", orders));
	}
	return list;
}

/* The levels of an answer in the place of those it has, with their orders. */
static bool
put_queues(const struct state_source *s, const char *symbol, uint32_t depth, json_t *o,
	   struct err *e)
{
	struct state_queues *q = calloc(1, sizeof(*q));
	uint64_t order_cnt = 0;
	int rc;

	if (q == NULL) {
		err_set(e, -ENOMEM, "no memory for the orders");
		return false;
	}
	rc = s->queues(s->ctx, symbol, depth, q, e);
	for (uint32_t i = 0; i < q->bid_cnt; i++)
		order_cnt += q->bid[i].level.order_cnt;
	for (uint32_t i = 0; i < q->ask_cnt; i++)
		order_cnt += q->ask[i].level.order_cnt;
	json_object_set_new(o, "bid", queues_of(q, q->bid, q->bid_cnt));
	json_object_set_new(o, "ask", queues_of(q, q->ask, q->ask_cnt));
	json_object_set_new(o, "order_cnt", json_integer(number(order_cnt)));
	free(q);
	return rc == 0;
}

static json_t *
letter(uint8_t c)
{
	const char text[] = { c > ' ' && c < 127 ? (char)c : '\0', '\0' };

	return words(text);
}

static json_t *
spent_of(const struct state_book *b)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < CONFIDENCE_CNT; i++)
		json_object_set_new(o, state_confidence_word(i),
				    json_integer(number(b->spent_ns[i])));
	return o;
}

static json_t *
directory_of(const struct state_book *b)
{
	const struct md_directory *d = &b->directory;
	const char subtype[] = { d->issue_subtype[0], d->issue_subtype[1], '\0' };

	return json_pack("{s:I,s:b,s:b,s:o,s:o,s:o,s:s,s:o,s:o,s:o,s:I,s:o}", "round_lot_qty",
			 number(b->round_lot_qty), "round_lots_only", d->round_lots_only == 'Y',
			 "test", b->authenticity == 'T', "market_category",
			 letter(d->market_category), "financial_status",
			 letter(d->financial_status), "issue_class", letter(d->issue_class),
			 "issue_subtype", subtype, "ipo", letter(d->ipo), "luld_tier",
			 letter(d->luld_tier), "etp", letter(d->etp), "etp_leverage",
			 number(d->etp_leverage), "inverse", letter(d->inverse));
}

static json_t *
announced_of(const struct state_book *b)
{
	const struct book_notes *n = &b->notes;
	json_t *o = json_object();

	if (n->imbalance.ts_ns != 0)
		json_object_set_new(o, "imbalance",
				    json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "ts_ns",
					      number(n->imbalance.ts_ns), "paired_qty",
					      number(n->imbalance.paired_qty), "imbalance_qty",
					      number(n->imbalance.imbalance_qty), "far_px4",
					      number(n->imbalance.far_px4), "near_px4",
					      number(n->imbalance.near_px4), "reference_px4",
					      number(n->imbalance.ref_px4), "direction",
					      letter(n->imbalance.direction), "cross",
					      letter(n->imbalance.cross), "variation",
					      letter(n->imbalance.variation)));
	if (n->ipo.qualifier != 0)
		json_object_set_new(o, "ipo",
				    json_pack("{s:I,s:I,s:o}", "release_s",
					      number(n->ipo.release_s), "px4", number(n->ipo.px4),
					      "qualifier", letter(n->ipo.qualifier)));
	if (n->listing.eligible != 0)
		json_object_set_new(o, "direct_listing",
				    json_pack("{s:I,s:I,s:I,s:I,s:I,s:o}", "near_px4",
					      number(n->listing.near_px4), "min_px4",
					      number(n->listing.min_px4), "max_px4",
					      number(n->listing.max_px4), "collar_lo_px4",
					      number(n->listing.lo_px4), "collar_hi_px4",
					      number(n->listing.hi_px4), "eligible",
					      letter(n->listing.eligible)));
	if (n->collar_ref_px4 != 0)
		json_object_set_new(o, "auction_collar",
				    json_pack("{s:I,s:I}", "reference_px4",
					      number(n->collar_ref_px4), "extension",
					      number(n->collar_extension)));
	if (n->retail != 0)
		json_object_set_new(o, "retail_interest", letter(n->retail));
	return o;
}

/* What is known of configured instruments only. */
static void
add_instrument(json_t *o, const struct state_book *b)
{
	json_object_update_new(
		o, json_pack("{s:s,s:I,s:I,s:I,s:I,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "phase",
			     state_phase_word(b->phase), "next_seq", number(b->next_seq), "seen_ns",
			     number(b->seen_ns), "trade_cnt", number(b->trade_cnt), "vwap_px4",
			     (json_int_t)b->vwap_px4, "volume_partial", b->volume_partial,
			     "open_px4", (json_int_t)b->open_px4, "close_px4",
			     (json_int_t)b->close_px4, "halt_px4", (json_int_t)b->halt_px4,
			     "lot_bid_px4", (json_int_t)b->lot_bid_px4, "lot_ask_px4",
			     (json_int_t)b->lot_ask_px4, "band_lo_px4", (json_int_t)b->band_lo_px4,
			     "band_hi_px4", (json_int_t)b->band_hi_px4));
	json_object_set_new(o, "reason", words(b->reason));
	json_object_set_new(o, "short_sale", letter(b->short_sale));
	json_object_set_new(o, "breach_level", letter(b->breach_level));
	json_object_set_new(o, "breach_levels_px8",
			    json_pack("[I,I,I]", number(b->mwcb_px8[0]), number(b->mwcb_px8[1]),
				      number(b->mwcb_px8[2])));
	json_object_set_new(o, "spent_ns", spent_of(b));
	json_object_set_new(o, "directory", directory_of(b));
	json_object_set_new(o, "announced", announced_of(b));
}

json_t *
ctl_books(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *symbol = json_string_value(json_object_get(args, "symbol"));
	const json_t *depth = json_object_get(args, "depth");
	const json_int_t want = depth == NULL ? DEPTH_DEFAULT : json_integer_value(depth);
	struct state_book b = { 0 };
	json_t *o;

	if (want > STATE_DEPTH_MAX) {
		err_set(e, -EINVAL, "depth: %lld is outside 1..%d", (long long)want,
			STATE_DEPTH_MAX);
		return NULL;
	}
	if (s->book(s->ctx, symbol, (uint32_t)want, &b, e) < 0)
		return NULL;
	o = json_pack("{s:o,s:o,s:i,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "symbol",
		      words(b.symbol), "feed", words(b.feed), "locate", (int)b.locate, "confidence",
		      state_confidence_word(b.confidence), "state", state_trading_word(b.state),
		      "ts_ns", number(b.ts_ns), "last_px4", (json_int_t)b.last_px4, "volume_qty",
		      number(b.volume_qty), "order_cnt", number(b.order_cnt), "bid_level_cnt",
		      number(b.bid_level_cnt), "ask_level_cnt", number(b.ask_level_cnt), "bid",
		      levels_of(b.bid, b.bid_cnt), "ask", levels_of(b.ask, b.ask_cnt));
	if (o != NULL && b.configured)
		add_instrument(o, &b);
	if (o != NULL && json_is_true(json_object_get(args, "orders")) &&
	    !put_queues(s, symbol, (uint32_t)want, o, e)) {
		json_decref(o);
		return NULL;
	}
	return o;
}
