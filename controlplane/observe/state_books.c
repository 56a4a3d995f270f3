/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/state_books.h"

#include "observe/state_ask.h"

enum {
	SUMMARY_ROWS = 20,
};

bool
state_books_view(const struct gateway *g, uint32_t instr_idx, struct book_view *out)
{
	const uint32_t feed_idx = g->config->instruments[instr_idx].feed_idx;
	bool any = false;

	for (uint32_t l = 0; l < g->lane_cnt; l++) {
		const struct book *b = g->lane[l] == NULL ? NULL : g->lane[l]->book[feed_idx];
		struct book_view v;

		if (b == NULL || !book_view_get(&b->view[instr_idx], &v))
			continue;
		if (!any || v.found)
			*out = v;
		if (v.found)
			return true;
		any = true;
	}
	return any;
}

void
state_books_spent(const struct book_view *v, uint64_t now_ns, uint64_t out[CONFIDENCE_CNT])
{
	memcpy(out, v->spent_ns, sizeof(v->spent_ns));
	if (v->since_ns != 0 && now_ns > v->since_ns && v->confidence < CONFIDENCE_CNT)
		out[v->confidence] += now_ns - v->since_ns;
}

static int64_t
vwap_px4_of(const struct book_view *v)
{
	return v->volume_qty == 0 ? 0 : (int64_t)(v->volume_ntl4 / v->volume_qty);
}

static uint32_t
fill_side(const struct book_view *v, unsigned side, uint32_t depth, struct state_level *out,
	  uint32_t *order_cnt)
{
	const uint32_t cnt = v->row_cnt[side] < depth ? v->row_cnt[side] : depth;

	for (uint32_t i = 0; i < cnt; i++) {
		out[i] = (struct state_level){ .px4 = v->row[side][i].px4,
					       .qty = v->row[side][i].qty,
					       .order_cnt = v->row[side][i].order_cnt };
		*order_cnt += out[i].order_cnt;
	}
	return cnt;
}

/* From the view; false when only its lane knows. */
static bool
get_from_view(const struct gateway *g, const char *symbol, uint32_t depth, uint64_t now_ns,
	      struct state_book *out)
{
	const struct config *c = g->config;
	uint32_t instr_idx = 1;
	struct book_view v;

	while (instr_idx < c->instruments_cnt &&
	       strcmp(c->instruments[instr_idx].symbol, symbol) != 0)
		instr_idx++;
	if (instr_idx == c->instruments_cnt || !state_books_view(g, instr_idx, &v))
		return false;
	if (!v.found || (depth > BOOK_VIEW_DEPTH &&
			 (v.level_cnt[0] > BOOK_VIEW_DEPTH || v.level_cnt[1] > BOOK_VIEW_DEPTH)))
		return false;
	memset(out, 0, sizeof(*out));
	TEXT(out->symbol, "%s", symbol);
	snprintf(out->feed, sizeof(out->feed), "%s",
		 c->feeds[c->instruments[instr_idx].feed_idx].name);
	out->locate = v.locate;
	out->confidence = v.confidence;
	out->state = v.state;
	out->ts_ns = v.ts_ns;
	out->last_px4 = v.last_px4;
	out->bid_level_cnt = v.level_cnt[SIDE_BUY];
	out->ask_level_cnt = v.level_cnt[SIDE_SELL];
	out->bid_cnt = fill_side(&v, SIDE_BUY, depth, out->bid, &out->order_cnt);
	out->ask_cnt = fill_side(&v, SIDE_SELL, depth, out->ask, &out->order_cnt);
	out->volume_qty = v.volume_qty;
	out->configured = true;
	out->phase = v.phase;
	out->next_seq = v.next_seq;
	out->seen_ns = v.now_ns;
	out->vwap_px4 = vwap_px4_of(&v);
	out->trade_cnt = v.trade_cnt;
	out->volume_partial = v.volume_partial;
	out->open_px4 = v.cross_px4[CROSS_OPEN];
	out->close_px4 = v.cross_px4[CROSS_CLOSE];
	out->halt_px4 = v.cross_px4[CROSS_HALT];
	out->round_lot_qty = v.round_lot_qty;
	out->lot_bid_px4 = v.lot_px4[SIDE_BUY];
	out->lot_ask_px4 = v.lot_px4[SIDE_SELL];
	out->band_lo_px4 = v.band_lo_px4;
	out->band_hi_px4 = v.band_hi_px4;
	out->short_sale = v.short_sale;
	for (size_t i = 0; i < sizeof(v.reason) && v.reason[i] != ' '; i++)
		out->reason[i] = v.reason[i];
	out->breach_level = v.breach_level;
	memcpy(out->mwcb_px8, v.mwcb_px8, sizeof(v.mwcb_px8));
	out->directory = v.directory;
	out->authenticity = v.authenticity;
	out->notes = v.notes;
	state_books_spent(&v, now_ns, out->spent_ns);
	return true;
}

/* Returns the orders on them. */
static uint32_t
fill_levels(const struct command_book *b, uint32_t side, struct state_level *out)
{
	uint32_t order_cnt = 0;

	for (uint32_t i = 0; i < b->row_cnt[side] && i < STATE_DEPTH_MAX; i++) {
		out[i] = (struct state_level){ .px4 = b->row[side][i].px4,
					       .qty = b->row[side][i].qty,
					       .order_cnt = b->row[side][i].order_cnt };
		order_cnt += out[i].order_cnt;
	}
	return order_cnt;
}

int
state_books_get(struct gateway *g, const char *symbol, uint32_t depth, uint64_t now_ns,
		struct state_book *out, struct err *e)
{
	struct command request = { .kind = COMMAND_BOOK, .arg = { 0, depth } };
	int failed = 0;

	if (strlen(symbol) > sizeof(request.symbol))
		return err_set(e, -EINVAL, "symbol: '%.20s' is longer than %zu characters", symbol,
			       sizeof(request.symbol));
	if (get_from_view(g, symbol, depth, now_ns, out))
		return 0;
	memset(request.symbol, ' ', sizeof(request.symbol));
	memcpy(request.symbol, symbol, strlen(symbol));
	for (uint32_t f = 0; f < g->config->feeds_cnt; f++)
		for (uint32_t l = 0; l < g->lane_cnt; l++) {
			const struct command_book *b = g->reply[l];
			int rc;

			if (g->lane[l]->book[f] == NULL)
				continue;
			request.arg[0] = f;
			rc = ask(g, l, &request);
			if (rc == -ENOENT)
				continue;
			if (rc < 0) {
				failed = ask_refused(rc, l, g, e);
				continue;
			}
			memset(out, 0, sizeof(*out));
			TEXT(out->symbol, "%s", symbol);
			TEXT(out->feed, "%s", g->config->feeds[f].name);
			out->locate = b->locate;
			out->volume_qty = b->volume_qty;
			out->confidence = b->confidence;
			out->state = b->state;
			out->ts_ns = b->ts_ns;
			out->last_px4 = b->last_px4;
			out->bid_cnt = b->row_cnt[SIDE_BUY];
			out->ask_cnt = b->row_cnt[SIDE_SELL];
			out->bid_level_cnt = b->level_cnt[SIDE_BUY];
			out->ask_level_cnt = b->level_cnt[SIDE_SELL];
			out->order_cnt = fill_levels(b, SIDE_BUY, out->bid) +
					 fill_levels(b, SIDE_SELL, out->ask);
			return 0;
		}
	if (failed < 0)
		return failed;
	return err_set(e, -ENOENT,
		       "no feed has named a symbol '%s' yet; symbols are spelled as the venue does",
		       symbol);
}

/* Adds a piece to a side; its length is *cnt. */
static void
add_queues(const struct book_queues *b, struct state_queue *row, uint32_t *cnt,
	   struct state_queues *out)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < b->row_cnt && *cnt < STATE_DEPTH_MAX; i++) {
		const struct book_queue_row *from = &b->row[i];

		row[(*cnt)++] = (struct state_queue){
			.level = { .px4 = from->px4,
				   .qty = from->qty,
				   .order_cnt = from->order_cnt },
			.first = out->order_cnt,
			.shown_cnt = from->shown_cnt,
		};
		for (uint32_t k = 0; k < from->shown_cnt; k++, at++)
			out->order[out->order_cnt++] =
				(struct state_queue_order){ .ref = b->order[at].ref,
							    .qty = b->order[at].qty };
	}
}

static_assert((int)BOOK_QUEUES_PER_LEVEL <= (int)STATE_QUEUE_MAX &&
		      (int)BOOK_QUEUES_LEVELS >= (int)STATE_DEPTH_MAX,
	      "state_queues has room for whatever lanes answer");

/* 0, or what the lane refused with. */
static int
ask_queues(struct gateway *g, uint32_t lane_idx, struct command *request, uint32_t depth,
	   struct state_queues *out)
{
	const struct book_queues *reply = g->reply[lane_idx];

	memset(out, 0, sizeof(*out));
	for (uint32_t side = 0; side < 2; side++) {
		struct state_queue *row = side == SIDE_BUY ? out->bid : out->ask;
		uint32_t *cnt = side == SIDE_BUY ? &out->bid_cnt : &out->ask_cnt;

		request->arg[2] = side;
		request->arg[3] = 0;
		do {
			int rc;

			request->arg[1] = depth - *cnt;
			rc = ask(g, lane_idx, request);
			if (rc < 0)
				return rc;
			add_queues(reply, row, cnt, out);
			request->arg[3] = g->lane[lane_idx]->command.next;
		} while (request->arg[3] != 0 && *cnt < depth);
	}
	return 0;
}

int
state_books_queues(struct gateway *g, const char *symbol, uint32_t depth, struct state_queues *out,
		   struct err *e)
{
	struct command request = { .kind = COMMAND_BOOK_QUEUES };
	int failed = 0;

	if (strlen(symbol) > sizeof(request.symbol))
		return err_set(e, -EINVAL, "symbol: '%.20s' is longer than %zu characters", symbol,
			       sizeof(request.symbol));
	memset(request.symbol, ' ', sizeof(request.symbol));
	memcpy(request.symbol, symbol, strlen(symbol));
	for (uint32_t f = 0; f < g->config->feeds_cnt; f++)
		for (uint32_t l = 0; l < g->lane_cnt; l++) {
			int rc;

			if (g->lane[l]->book[f] == NULL)
				continue;
			request.arg[0] = f;
			rc = ask_queues(g, l, &request, depth, out);
			if (rc == 0)
				return 0;
			if (rc == -ENOTSUP)
				return err_set(e, rc,
					       "feed %s keeps levels only; give it depth: orders "
					       "and start again",
					       g->config->feeds[f].name);
			if (rc != -ENOENT)
				failed = ask_refused(rc, l, g, e);
		}
	if (failed < 0)
		return failed;
	return err_set(e, -ENOENT,
		       "no feed has named a symbol '%s' yet; symbols are spelled as the venue does",
		       symbol);
}

struct instrument_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "observe/instrument_metrics.def"
#undef METRIC
};

void
state_books_metrics(const struct gateway *g, uint64_t now_ns, state_metric_fn *fn, void *arg)
{
	enum {
		COUNTER,
		GAUGE,
	};
	static const struct {
		const char *name;
		bool counter;
		const char *help;
	} DEF[] = {
#define METRIC(name, kind, help) { #name, kind == COUNTER, help },
#include "observe/instrument_metrics.def"
#undef METRIC
	};
	const struct config *c = g->config;

	for (uint32_t i = 1; i < c->instruments_cnt; i++) {
		struct instrument_metrics x = { 0 };
		uint64_t spent_ns[CONFIDENCE_CNT];
		struct book_view v;

		if (!state_books_view(g, i, &v))
			continue;
		state_books_spent(&v, now_ns, spent_ns);
		x.confidence = v.confidence;
		x.trading_state = v.state;
		x.stale_ns = spent_ns[CONFIDENCE_STALE];
		x.suspect_ns = spent_ns[CONFIDENCE_SUSPECT];
		x.recovering_ns = spent_ns[CONFIDENCE_RECOVERING];
		x.live_ns = spent_ns[CONFIDENCE_LIVE];
		x.bid_px4 = v.row_cnt[SIDE_BUY] == 0 ? 0 : v.row[SIDE_BUY][0].px4;
		x.ask_px4 = v.row_cnt[SIDE_SELL] == 0 ? 0 : v.row[SIDE_SELL][0].px4;
		x.last_px4 = v.last_px4;
		x.vwap_px4 = (uint64_t)vwap_px4_of(&v);
		x.volume_qty = v.volume_qty;
		x.trade_cnt = v.trade_cnt;
		for (size_t k = 0; k < ARRAY_CNT(DEF); k++) {
			const struct state_metric m = {
				.module = "instrument",
				.name = DEF[k].name,
				.help = DEF[k].help,
				.counter = DEF[k].counter,
				.label_cnt = 2,
				.label = { { "feed", c->feeds[c->instruments[i].feed_idx].name },
					   { "symbol", c->instruments[i].symbol } },
				.value = ((const uint64_t *)&x)[k],
			};

			fn(arg, &m);
		}
	}
}

void
state_books_summary(const struct gateway *g, uint64_t now_ns)
{
	const struct config *c = g->config;
	uint32_t row_cnt = 0;

	for (uint32_t i = 1; i < c->instruments_cnt; i++) {
		uint64_t spent_ns[CONFIDENCE_CNT];
		struct book_view v;

		if (!state_books_view(g, i, &v))
			continue;
		state_books_spent(&v, now_ns, spent_ns);
		if (spent_ns[CONFIDENCE_SUSPECT] + spent_ns[CONFIDENCE_RECOVERING] == 0)
			continue;
		if (row_cnt++ == SUMMARY_ROWS)
			break;
		fprintf(stderr,
			"sluice: the book of %s was live for %.3f s, suspect for %.3f s, "
			"recovering for %.3f s, stale for %.3f s\n",
			c->instruments[i].symbol, (double)spent_ns[CONFIDENCE_LIVE] / 1e9,
			(double)spent_ns[CONFIDENCE_SUSPECT] / 1e9,
			(double)spent_ns[CONFIDENCE_RECOVERING] / 1e9,
			(double)spent_ns[CONFIDENCE_STALE] / 1e9);
	}
	if (row_cnt > SUMMARY_ROWS)
		fprintf(stderr, "sluice: more books were not live; /metrics had them all\n");
}
