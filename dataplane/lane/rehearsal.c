/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "lane/rehearsal.h"

enum {
	INSTR = REHEARSAL_INSTR,
	INTENT_ID = 1,
	QTY = REHEARSAL_QTY,
	PX4 = REHEARSAL_ASK_PX4,
	ORDERS_MAX = 16, // remembered by a double
	SLOTS = 2,
	NO_PORT_ID = RTE_MAX_ETHPORTS - 1, // DPDK counts ports from 0: none of ours has it
};
static_assert((int)PORT_MAX <= (int)NO_PORT_ID, "a double's frame has nowhere to go");

/* The code that is not COLD, of the stages and of each kind of lane: turn.ld. */
extern const uint8_t stage_code[], stage_code_end[];
#define LANE(name, set) extern const uint8_t turn_##name##_code[], turn_##name##_code_end[];
#include "lane/lanes.def"
#undef LANE

static const struct {
	const uint8_t *from;
	const uint8_t *to;
} TURN_CODE[] = {
#define LANE(name, set) { turn_##name##_code, turn_##name##_code_end },
#include "lane/lanes.def"
#undef LANE
};

static void
add_near(struct rehearsal *r, const void *from, const void *to)
{
	must(r->near_cnt < REHEARSAL_NEAR_MAX && from <= to, EVENT_MUST_INDEX, r->near_cnt,
	     REHEARSAL_NEAR_MAX);
	r->near[r->near_cnt++] = (struct rehearsal_near){
		.at = from,
		.bytes = (size_t)((const uint8_t *)to - (const uint8_t *)from),
	};
}

/* What the way from a packet to an intent touches, as far as it is the same for every packet. */
static void
note_near(struct rehearsal *r, const struct lane *l)
{
	add_near(r, stage_code, stage_code_end);
	add_near(r, TURN_CODE[l->kind].from, TURN_CODE[l->kind].to);
	add_near(r, l, &l->rx_buf[1]);
	add_near(r, l->arb, &l->rehearsal);
	add_near(r, &l->flushed_tsc, &l->sent[1]);
	add_near(r, &l->has, &l->of_session[1]);
	for (uint32_t i = 0; i < l->rxq_cnt; i++)
		if (l->rxq[i].rx != NULL)
			add_near(r, l->rxq[i].rx, l->rxq[i].rx + 1);
	for (uint32_t i = 0; i < FEED_MAX; i++) {
		if (l->arb[i] != NULL)
			add_near(r, l->arb[i], l->arb[i] + 1);
		if (l->parse[i] != NULL)
			add_near(r, &l->parse[i]->shard_mask, &l->parse[i]->symbol_cnt);
		if (l->book[i] != NULL) {
			add_near(r, l->book[i], &l->book[i]->view_seq);
			add_near(r, &l->book[i]->metrics, &l->book[i]->ours);
		}
	}
	for (uint32_t i = 0; i < l->strategy_cnt; i++) {
		const struct strategy_base *base = &l->strategy_here[i]->base;

		add_near(r, &base->next_id, &base->slot_of[1]);
		add_near(r, &base->metrics, &base->metrics + 1);
	}
}

bool
rehearsal_near(struct rehearsal *r)
{
	const struct rehearsal_near *n = &r->near[r->near_next];
	const size_t left = n->bytes - r->near_done;
	const size_t bytes = left < REHEARSAL_NEAR_BYTES ? left : REHEARSAL_NEAR_BYTES;

	for (size_t at = 0; at < bytes; at += CACHE_LINE) // the first level is too small for it
		__builtin_prefetch(n->at + r->near_done + at, 0, 2);
	r->near_done += bytes;
	if (bytes < left)
		return true;
	r->near_done = 0;
	r->near_next = (r->near_next + 1) % r->near_cnt;
	return r->near_next != 0;
}

/* Limits that let the made-up intent pass, and a market it fits into. */
static int
init_risk(struct rehearsal *r, struct arena *arena)
{
	// the firm, an account, a strategy
	static const uint16_t parent[] = { 0, 0, 1 };
	static const uint16_t leaf[STRATEGY_MAX] = { 2 };
	static const struct risk_pair pair[] = { { 1, INSTR }, { 2, INSTR } };
	const struct risk_config config = {
		.instr_cnt = INSTR + 1,
		.open_orders_max = SLOTS,
		.rate_slots = SLOTS,
		.node_cnt = ARRAY_CNT(parent),
		.node_parent = parent,
		.leaf_node = leaf,
		.pair = pair,
		.pair_cnt = ARRAY_CNT(pair),
	};
	const struct mark mark = {
		.head.instr_idx = INSTR,
		.bid_px4 = REHEARSAL_BID_PX4,
		.ask_px4 = REHEARSAL_ASK_PX4,
		.last_px4 = REHEARSAL_ASK_PX4,
		.round_lot_qty = QTY,
		.confidence = CONFIDENCE_LIVE,
		.state = TRADING_OPEN,
		.short_sale = '0',
		.phase = PHASE_MARKET,
	};
	const int rc = risk_init(&r->risk, &config, arena);

	risk_limits_init(&r->limits);
	r->limits.version = 1;
	r->limits.armed = 1;
	r->limits.instr_cnt = INSTR + 1;
	r->limits.node[RISK_NODE_FIRM].order_rate_max = 1;
	r->limits.instr[INSTR] = (struct risk_instr_limits){
		.order_max_ntl4 = INT64_MAX,
		.order_max_qty = QTY,
		.open_max_qty = SLOTS * QTY,
		.position_max_qty = SLOTS * QTY,
		.collar_bp = 100,
		.allowed = 1,
		.short_allowed = 1,
	};
	if (rc == 0)
		risk_on_mark(&r->risk, &mark);
	return rc;
}

/* A session like s, with an order table of its own and nothing to say to anybody. */
static struct session *
double_session(const struct session *s, struct lane_port *port, struct arena *arena)
{
	const struct orders_config orders = { .orders_max = ORDERS_MAX,
					      .executions_max = ORDERS_MAX,
					      .session_idx = s->idx };
	struct session *d = arena_take(arena, sizeof(*d));

	if (d == NULL)
		return NULL;
	*d = *s;
	explicit_bzero(&d->life, sizeof(d->life)); // the password stays where it is
	d->life.state = ORDER_SESSION_UP;
	d->throttle = (struct throttle){ 0 };
	d->port = port;
	d->events = NULL;
	port->host.link_up = true;
	if (orders_init(&d->orders, &orders, arena) != 0 ||
	    encode_name_instrument(&d->encode, INSTR, "REHEARSE") != 0)
		return NULL;
	orders_on_session_up(&d->orders, 1);
	return d;
}

/* A journal that nobody reads, for a lane that has one. */
static void
init_journal(struct rehearsal *r)
{
	struct journal_ring_head *head = (struct journal_ring_head *)(void *)r->journal_ring;

	head->head_bytes = JOURNAL_RING_HEAD_BYTES;
	head->slot_cnt = REHEARSAL_JOURNAL_SLOTS;
	journal_init(&r->journal, head, NULL, false);
}

struct rehearsal *
rehearsal_open(struct lane *l, uint64_t every_ns)
{
	struct rehearsal *r = arena_take(&l->arena, sizeof(*r));

	if (r == NULL)
		return NULL;
	note_near(r, l);
	r->every_ns = every_ns;
	if (l->risk == NULL && l->session_cnt == 0)
		return r;
	if (init_risk(r, &l->arena) != 0)
		return NULL;
	for (uint32_t i = 0; i < l->session_cnt; i++) {
		const uint8_t idx = l->session_here[i]->idx;

		r->session[idx] = double_session(l->session_here[i], &r->port[idx], &l->arena);
		if (r->session[idx] == NULL)
			return NULL;
		r->session[idx]->journal = l->journal == NULL ? NULL : &r->journal;
	}
	if (rehearses_feed(l->stages) && l->strategy_cnt != 0) {
		r->feed = rehearsal_feed_open(l);
		if (r->feed == NULL)
			return NULL;
	}
	init_journal(r);
	ring_init(&r->order_ring, r->order_slot, SLOTS);
	r->intent = (struct intent){
		.head.instr_idx = INSTR,
		.px4 = PX4,
		.qty = QTY,
		.intent_id = INTENT_ID,
		.kind = INTENT_NEW,
		.side = SIDE_BUY,
		.tif = TIF_IOC,
		.confidence = CONFIDENCE_LIVE,
	};
	r->order = (struct order){
		.head.instr_idx = INSTR,
		.px4 = PX4,
		.reserve_qty = QTY,
		.qty = QTY,
		.intent_id = INTENT_ID,
		.kind = INTENT_NEW,
		.side = SIDE_BUY,
		.tif = TIF_IOC,
		.confidence = CONFIDENCE_LIVE,
		.limits_version = 1,
	};
	return r;
}

bool
rehearsal_is_due(struct rehearsal *r, const struct lane *l)
{
	const uint64_t order_cnt =
		l->metrics.order_sent + (l->risk != NULL ? l->risk->metrics.intent_passed : 0);

	if (order_cnt != r->seen_order_cnt) { // the real thing is the better practice
		r->seen_order_cnt = order_cnt;
		r->last_ns = l->now_ns;
	}
	if (r->every_ns == 0 || l->now_ns - r->last_ns < r->every_ns)
		return false;
	r->last_ns = l->now_ns;
	r->rehearsed = false;
	return true;
}

/* The bytes at p come near. */
static void
near(const void *p, size_t len)
{
	for (size_t at = 0; at < len; at += CACHE_LINE)
		__builtin_prefetch((const uint8_t *)p + at, 1);
}

/* Where the next order of each strategy will look for its name. */
static void
near_names(const struct lane *l, const struct orders *o)
{
	for (uint32_t i = 0; i < l->strategy_cnt; i++) {
		const struct strategy_base *b = &l->strategy_here[i]->base;

		near(&o->name_head[orders_name_hash(o, b->config.strategy_idx, b->next_id)],
		     sizeof(*o->name_head));
	}
}

/* What the next order touches of the real ones, beside what the double copies. */
static void
near_session(struct session *s)
{
	near(&s->life, sizeof(s->life));
	near(&s->orders, sizeof(s->orders));
	near(&s->throttle, sizeof(s->throttle));
	near(s->encode.packet, sizeof(s->encode.packet));
	near(s->port, sizeof(s->port->tx));
	session_prepare(s);
	port_tx_prepare(&s->port->tx);
}

static void
near_risk(const struct risk *risk, const struct risk_limits *limits)
{
	near(risk, sizeof(*risk));
	near(limits, CACHE_LINE);
	for (uint32_t s = 0; s < STRATEGY_MAX; s++) {
		const struct risk_path *p = &risk->path[s];

		if (p->cnt != 0)
			near(&limits->leaf[s], sizeof(limits->leaf[s]));
		for (uint32_t k = 0; k < p->cnt; k++) {
			near(p->at[k], sizeof(*p->at[k]));
			near(&limits->node[p->at[k] - risk->node], sizeof(limits->node[0]));
			near(p->at[k]->order_at, sizeof(*p->at[k]->order_at));
		}
	}
}

/* The slots that the next order will fill. */
static void
near_journal(const struct journal *j)
{
	near(j, sizeof(*j));
	for (uint32_t i = 0; i < JOURNAL_AHEAD; i++)
		near(journal_slot_at(j, j->put_pos + i), CACHE_LINE);
}

bool
rehearsal_begin(struct rehearsal *r, struct lane *l, struct session *s)
{
	const uint8_t idx = s != NULL ? s->idx : 0;

	if (l->sent_cnt != 0 || halt_is_on())
		return false;
	r->sent_cnt = 0;
	if (s != NULL) {
		struct session *d = r->session[idx];
		const struct port_tx *tx = &s->port->tx;

		if (!session_is_open(s) || tx->pending_cnt != 0 || tx->ready == NULL)
			return false;
		near_session(s);
		near_names(l, &s->orders);
		r->port[idx].tx = *tx; // its burst is never flushed, its buffer stays the port's
		r->port[idx].tx.port_id = NO_PORT_ID;
		r->port[idx].tx.stamp = NULL;
		d->tcp = s->tcp;
		r->own.session = l->session[idx];
		l->session[idx] = d;
	}
	if (l->risk != NULL)
		near_risk(l->risk, l->limits);
	r->own.journal = l->journal;
	if (l->journal != NULL) {
		near_journal(l->journal);
		l->journal = &r->journal;
	}
	r->own.risk = l->risk;
	r->own.limits = l->limits;
	r->own.order_out = l->order_out[idx];
	r->own.strategy = l->strategy[0];
	r->own.update_out = l->update_out[0];
	r->own.verdict_out = l->verdict_out[0];
	r->own.fill_out = l->fill_out;
	l->risk = &r->risk;
	l->limits = &r->limits;
	l->order_out[idx] = &r->order_ring;
	l->strategy[0] = NULL; // a halt may come now: its verdict is nobody's
	l->update_out[0] = NULL;
	l->verdict_out[0] = NULL;
	l->fill_out = &r->order_ring;
	r->intent.session_idx = idx;
	r->intent.head.rx_ns = l->now_ns;
	r->order.session_idx = idx;
	r->order.head.rx_ns = l->now_ns;
	return true;
}

/* One answer of the venue that does not exist. */
static void
on_report(struct rehearsal *r, struct session *d, const struct report *report)
{
	struct update update;
	struct fill fill;
	const unsigned said = orders_on_report(&d->orders, report, &fill, &update);

	if (said & ORDERS_FILL && r->own.risk != NULL)
		risk_on_fill(&r->risk, &fill);
	if (said & ORDERS_UPDATE && r->feed != NULL)
		rehearsal_feed_on_update(r->feed, &update);
}

/* The venue took the double's orders and canceled them.  Nothing is left of them. */
static void
forget_orders(struct rehearsal *r, struct session *d)
{
	for (uint32_t token = 1; token < d->orders.next_token; token++) {
		struct report report = {
			.type = REPORT_ACCEPTED, .instr_idx = INSTR, .token = token, .qty = QTY
		};

		on_report(r, d, &report);
		report.type = REPORT_CANCELED;
		on_report(r, d, &report);
	}
	d->orders.next_token = 1;
}

/* The first frame lies in the port's own buffer, those after it in the double's. */
static void
forget_frames(struct port_tx *tx, const struct port_tx *own)
{
	must(tx->metrics.frame_dropped == own->metrics.frame_dropped, EVENT_MUST_INDEX,
	     tx->metrics.frame_dropped, own->metrics.frame_dropped); // a flush drops them all
	if (tx->pending_cnt != 0 && tx->ready != NULL)
		port_buf_free(tx->ready);
	for (uint32_t i = 1; i < tx->pending_cnt; i++)
		port_buf_free(tx->pending[i]);
	tx->pending_cnt = 0;
	tx->ready = NULL;
}

void
rehearsal_end(struct rehearsal *r, struct lane *l, struct session *s)
{
	const uint8_t idx = s != NULL ? s->idx : 0;
	const struct fill released = { .head.instr_idx = INSTR,
				       .intent_id = INTENT_ID,
				       .released_qty = QTY,
				       .side = SIDE_BUY,
				       .order_gone = 1 };
	struct order passed_on; // or a fill, in a lane without risk: nobody's either
	bool sent = r->sent_cnt + l->sent_cnt != 0;

	l->sent_cnt = 0;
	while (ring_take(&r->order_ring, &passed_on))
		sent |= s == NULL;
	risk_reserve_due(&r->risk);
	if (s != NULL) {
		l->session[idx] = r->own.session;
		forget_orders(r, r->session[idx]);
		forget_frames(&r->port[idx].tx, &s->port->tx);
	}
	if (r->risk.open_cnt != 0) // by a lane without orders
		risk_on_fill(&r->risk, &released);
	l->journal = r->own.journal;
	store_relaxed_u32(&r->journal.head->taken_pos, r->journal.put_pos);
	l->risk = r->own.risk;
	l->limits = r->own.limits;
	l->order_out[idx] = r->own.order_out;
	l->strategy[0] = r->own.strategy;
	l->update_out[0] = r->own.update_out;
	l->verdict_out[0] = r->own.verdict_out;
	l->fill_out = r->own.fill_out;
	metric_add(sent ? &l->metrics.rehearsal : &l->metrics.rehearsal_broken_off, 1);
}
