/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "decision/risk.h"

enum {
	OPEN_ORDERS_MAX = 1 << 20, // guess: far beyond what one gateway keeps open
	DEFAULT_NODE_CNT = 2 + STRATEGY_MAX,
};

/* How much of everything a configuration needs. */
struct counts {
	uint32_t node_cnt;
	uint32_t cell_cnt; // place 0 included
	uint32_t slot_cnt; // of the index to open orders
	uint32_t rate_slots;
};

static struct counts
counts_of(const struct risk_config *c)
{
	struct counts n = {
		.node_cnt = c->node_cnt == 0 ? DEFAULT_NODE_CNT : c->node_cnt,
		.cell_cnt =
			c->instr_cnt +
			(c->node_cnt == 0 ? (1 + STRATEGY_MAX) * (c->instr_cnt - 1) : c->pair_cnt),
		.slot_cnt = 16,
		.rate_slots = c->rate_slots == 0 ? ORDER_RATE_MAX : c->rate_slots,
	};

	while (n.slot_cnt < 8 * c->open_orders_max)
		n.slot_cnt *= 2;
	return n;
}

COLD size_t
risk_bytes(const struct risk_config *c)
{
	const struct counts n = counts_of(c);
	size_t bytes = CACHE_LINE * 16; // what rounding to lines adds

	bytes += c->instr_cnt * sizeof(struct risk_instr);
	bytes += n.node_cnt * (sizeof(struct risk_node) + 2 * n.rate_slots * sizeof(uint64_t));
	bytes += n.cell_cnt * (sizeof(struct risk_cell) + sizeof(struct risk_cell_room) +
			       sizeof(struct risk_ledger));
	bytes += (c->open_orders_max + 1) * sizeof(struct risk_open);
	bytes += n.slot_cnt * sizeof(uint64_t);
	bytes += RISK_RECENT_CNT * sizeof(struct risk_recent);
	return bytes;
}

static int
take_memory(struct risk *r, const struct risk_config *c, struct arena *a)
{
	const struct counts n = counts_of(c);

	memset(r, 0, sizeof(*r));
	r->instr = arena_take(a, c->instr_cnt * sizeof(*r->instr));
	r->node = arena_take(a, n.node_cnt * sizeof(*r->node));
	r->cell = arena_take(a, n.cell_cnt * sizeof(*r->cell));
	r->room = arena_take(a, n.cell_cnt * sizeof(*r->room));
	r->ledger = arena_take(a, n.cell_cnt * sizeof(*r->ledger));
	r->open = arena_take(a, (c->open_orders_max + 1) * sizeof(*r->open));
	r->open_slot = arena_take(a, n.slot_cnt * sizeof(*r->open_slot));
	r->recent = arena_take(a, RISK_RECENT_CNT * sizeof(*r->recent));
	if (r->instr == NULL || r->node == NULL || r->cell == NULL || r->room == NULL ||
	    r->ledger == NULL || r->open == NULL || r->open_slot == NULL || r->recent == NULL)
		return -ENOMEM;
	r->rate_mask = n.rate_slots - 1;
	for (uint32_t k = 0; k < n.node_cnt; k++) {
		r->node[k].order_ns = arena_take(a, n.rate_slots * sizeof(uint64_t));
		r->node[k].cancel_ns = arena_take(a, n.rate_slots * sizeof(uint64_t));
		if (r->node[k].order_ns == NULL || r->node[k].cancel_ns == NULL)
			return -ENOMEM;
		risk_rate_settle(r, &r->node[k]);
	}
	r->instr_cnt = c->instr_cnt;
	r->node_cnt = n.node_cnt;
	r->cell_cnt = n.cell_cnt;
	r->open_mask = n.slot_cnt - 1;
	r->open_max = c->open_orders_max;
	for (uint32_t k = 1; k < r->open_max; k++)
		r->open[k].next = k + 1;
	r->open_free = 1;
	return 0;
}

/* Place of a node's cell, 0 when there is none. */
static uint32_t
cell_find(const struct risk *r, uint16_t node_idx, uint16_t instr_idx)
{
	const struct risk_instr *i = &r->instr[instr_idx];
	uint32_t from = i->cell + (uint32_t)__builtin_popcount(i->leaf_mask);
	uint32_t to = i->cell + i->cell_cnt;

	if (node_idx == RISK_NODE_FIRM)
		return instr_idx;
	if (r->node[node_idx].strategy != 0)
		return risk_leaf_cell(i, r->node[node_idx].strategy - 1);
	while (from < to) {
		const uint32_t mid = from + (to - from) / 2;

		if (r->cell[mid].node_idx == node_idx)
			return mid;
		if (r->cell[mid].node_idx < node_idx)
			from = mid + 1;
		else
			to = mid;
	}
	return 0;
}

/* Whether the pairs are in their order and within their bounds. */
static bool
pairs_are_good(const struct risk *r, const struct risk_config *c)
{
	for (uint32_t k = 0; k < c->pair_cnt; k++) {
		const struct risk_pair *p = &c->pair[k], *before = &c->pair[k == 0 ? 0 : k - 1];

		if (p->node_idx == RISK_NODE_FIRM || p->node_idx >= r->node_cnt ||
		    p->instr_idx == INSTR_NONE || p->instr_idx >= r->instr_cnt)
			return false;
		if (k != 0 &&
		    (p->node_idx < before->node_idx ||
		     (p->node_idx == before->node_idx && p->instr_idx <= before->instr_idx)))
			return false;
	}
	return true;
}

static void
cell_put(struct risk *r, uint32_t cell, uint16_t node_idx, uint16_t instr_idx)
{
	struct risk_cell *c = &r->cell[cell];

	c->node_idx = node_idx;
	c->instr_idx = instr_idx;
	r->node[node_idx].cell_cnt++;
}

static void
cell_count(struct risk *r, uint16_t node_idx, uint16_t instr_idx)
{
	struct risk_instr *i = &r->instr[instr_idx];
	const uint8_t strategy = r->node[node_idx].strategy;

	i->cell_cnt++;
	if (strategy != 0)
		i->leaf_mask |= 1U << (strategy - 1);
}

/* After all were counted; in the order of the nodes. */
static void
cell_add(struct risk *r, uint16_t node_idx, uint16_t instr_idx)
{
	struct risk_instr *i = &r->instr[instr_idx];
	const uint8_t strategy = r->node[node_idx].strategy;

	if (strategy != 0)
		cell_put(r, risk_leaf_cell(i, strategy - 1), node_idx, instr_idx);
	else
		cell_put(r, i->cell + i->cell_cnt++, node_idx, instr_idx);
}

/* Either of the pairs, or of every node with every instrument when there are none. */
static void
each_pair(struct risk *r, const struct risk_config *c,
	  void (*take)(struct risk *r, uint16_t node_idx, uint16_t instr_idx))
{
	for (uint32_t k = 0; c->node_cnt != 0 && k < c->pair_cnt; k++)
		take(r, c->pair[k].node_idx, c->pair[k].instr_idx);
	for (uint16_t node = 1; c->node_cnt == 0 && node < r->node_cnt; node++)
		for (uint16_t i = 1; i < r->instr_cnt; i++)
			take(r, node, i);
}

/* The cells of each instrument together: see struct risk_instr. */
static void
make_cells(struct risk *r, const struct risk_config *c)
{
	uint32_t at = r->instr_cnt;

	each_pair(r, c, cell_count);
	r->instr[INSTR_NONE].cell = at; // what is looked at before it is checked is there
	for (uint16_t i = 1; i < r->instr_cnt; i++) {
		struct risk_instr *in = &r->instr[i];

		in->cell = at;
		at += in->cell_cnt;
		in->cell_cnt = (uint16_t)__builtin_popcount(in->leaf_mask);
		cell_put(r, i, RISK_NODE_FIRM, i);
	}
	each_pair(r, c, cell_add);
}

/* Leads each cell to the ones above. */
static int
link_cells(struct risk *r)
{
	for (uint32_t k = 1; k < r->cell_cnt; k++) {
		struct risk_cell *c = &r->cell[k];

		if (c->node_idx == RISK_NODE_FIRM)
			continue;
		if (r->node[r->node[c->node_idx].parent_idx].strategy != 0)
			return -EINVAL; // a strategy is a leaf
		c->up = cell_find(r, r->node[c->node_idx].parent_idx, c->instr_idx);
		if (c->up == 0)
			return -EINVAL;
		r->room[k].up = c->up;
	}
	return 0;
}

/* The way up from a leaf; -EINVAL when it does not end at the firm. */
static int
make_path(struct risk *r, uint32_t strategy_idx, uint16_t leaf)
{
	struct risk_path *p = &r->path[strategy_idx];
	uint16_t node = leaf;

	for (;;) {
		if (p->cnt == RISK_PATH_MAX || node >= r->node_cnt)
			return -EINVAL;
		p->at[p->cnt++] = &r->node[node];
		if (node == RISK_NODE_FIRM)
			return 0;
		node = r->node[node].parent_idx;
	}
}

static int
make_leaf(struct risk *r, uint8_t strategy_idx, uint16_t leaf)
{
	if (leaf >= r->node_cnt || r->node[leaf].strategy != 0)
		return -EINVAL;
	r->node[leaf].strategy = strategy_idx + 1;
	return make_path(r, strategy_idx, leaf);
}

COLD int
risk_init(struct risk *r, const struct risk_config *c, struct arena *a)
{
	const bool given = c->node_cnt != 0;
	int rc;

	if (c->instr_cnt == 0 || c->instr_cnt > INSTR_MAX || c->open_orders_max == 0 ||
	    c->open_orders_max > OPEN_ORDERS_MAX || c->node_cnt > RISK_NODE_MAX ||
	    (c->rate_slots & (c->rate_slots - 1)) != 0)
		return -EINVAL;
	rc = take_memory(r, c, a);
	for (uint32_t k = 1; rc == 0 && k < r->node_cnt; k++) {
		r->node[k].parent_idx = given ? c->node_parent[k] : k > 1 ? 1 : RISK_NODE_FIRM;
		if (r->node[k].parent_idx >= r->node_cnt)
			rc = -EINVAL;
	}
	if (rc == 0 && given && !pairs_are_good(r, c))
		rc = -EINVAL;
	for (uint8_t s = 0; rc == 0 && s < STRATEGY_MAX; s++) {
		const uint16_t leaf = given ? c->leaf_node[s] : (uint16_t)(2 + s);

		if (leaf != RISK_NODE_FIRM)
			rc = make_leaf(r, s, leaf);
	}
	if (rc == 0) {
		make_cells(r, c);
		rc = link_cells(r);
	}
	return rc;
}

COLD void
risk_limits_init(struct risk_limits *lim)
{
	memset(lim, 0, sizeof(*lim));
	for (uint32_t k = 0; k < RISK_NODE_MAX; k++)
		lim->node[k] = (struct risk_node_limits){
			.gross_max_ntl4 = INT64_MAX,
			.net_max_ntl4 = INT64_MAX,
			.credit_max_ntl4 = INT64_MAX,
			.loss_max_ntl4 = INT64_MAX,
			.drawdown_max_ntl4 = INT64_MAX,
			.var_max_ntl4 = INT64_MAX,
			.position_max_qty = UINT32_MAX,
			.open_orders_max = UINT32_MAX,
		};
	for (uint32_t s = 0; s < STRATEGY_MAX; s++)
		lim->leaf[s] = (struct risk_leaf_limits){
			.order_max_ntl4 = INT64_MAX,
			.order_max_qty = UINT32_MAX,
			.collar_bp = UINT32_MAX,
			.execution_max = UINT32_MAX,
		};
}

COLD bool
risk_locate_add(struct risk_limits *lim, uint16_t node_idx, uint16_t instr_idx, uint32_t qty)
{
	uint32_t i = risk_locate_home(node_idx, instr_idx);

	if (qty == 0)
		return true;
	if (lim->locate_cnt == RISK_LOCATE_MAX)
		return false;
	while (lim->locate[i].qty != 0)
		i = (i + 1) % RISK_LOCATE_SLOTS;
	lim->locate[i] = (struct risk_locate){ node_idx, instr_idx, qty };
	lim->locate_cnt++;
	return true;
}

COLD bool
risk_own_meets(const struct risk *r, const struct risk_instr *i, uint8_t side, int64_t px4)
{
	for (uint32_t at = i->own_head[side ^ 1]; at != 0; at = r->open[at].next)
		if (risk_px_meets(side, (uint32_t)px4, r->open[at].near))
			return true;
	return false;
}

COLD void
risk_own_look(const struct risk *r, struct risk_instr *i, uint8_t side)
{
	uint32_t nearest = 0;
	unsigned left = RISK_OWN_LOOK;

	for (uint32_t at = i->own_head[side]; at != 0; at = r->open[at].next) {
		if (left-- == 0)
			return; // stays nearer than any order is
		if (r->open[at].near > nearest)
			nearest = r->open[at].near;
	}
	i->own_near[side] = nearest;
}

COLD int64_t
risk_cell_open_ntl4(const struct risk *r, uint32_t cell, uint8_t side)
{
	int64_t sum_ntl4 = 0;

	for (uint32_t at = r->instr[r->cell[cell].instr_idx].own_head[side]; at != 0;
	     at = r->open[at].next)
		for (uint32_t k = r->open[at].cell; k != 0; k = r->cell[k].up)
			if (k == cell)
				sum_ntl4 += ntl4_of(r->open[at].px4, r->open[at].open_qty);
	return sum_ntl4;
}

/* The sums with var_bp, from the cells and the open orders. */
static void
take_var(struct risk *r, const struct risk_limits *lim)
{
	for (uint32_t k = 0; k < r->node_cnt; k++) {
		struct risk_node *n = &r->node[k];

		n->held_var_ntl4bp = 0;
		n->open_var_ntl4bp = -risk_room_taken(n, RISK_ROOM_VAR);
	}
	for (uint32_t k = 1; k < r->cell_cnt; k++) {
		const struct risk_cell *c = &r->cell[k];
		struct risk_node *n = &r->node[c->node_idx];
		const uint32_t bp =
			c->instr_idx < lim->instr_cnt ? lim->instr[c->instr_idx].var_bp : 0;

		r->instr[c->instr_idx].var_bp = bp;
		n->held_var_ntl4bp += (__int128)risk_abs(c->position_ntl4) * bp;
	}
	for (uint32_t k = 1; k <= r->open_max; k++) {
		const struct risk_open *e = &r->open[k];
		const __int128 var_ntl4bp =
			(__int128)ntl4_of(e->px4, e->open_qty) * r->instr[e->instr_idx].var_bp;

		for (uint32_t cell = e->cell; cell != 0; cell = r->cell[cell].up)
			r->node[r->cell[cell].node_idx].open_var_ntl4bp += var_ntl4bp;
	}
	r->var_version = lim->var_version;
}

COLD void
risk_rate_settle(struct risk *r, struct risk_node *n)
{
	const uint64_t cnt = risk_order_cnt(n);
	const uint32_t at = (uint32_t)cnt & r->rate_mask, max = n->lim.order_rate_max;
	uint32_t ahead = r->rate_mask + 1 - at;
	uint64_t free_ns;

	if (ahead > 4 * n->order_ahead + 1) // the window is fuller or emptier little by little
		ahead = 4 * n->order_ahead + 1;
	if (ahead > RISK_RATE_AHEAD)
		ahead = RISK_RATE_AHEAD;
	if (max != 0 && ahead > max)
		ahead = max;
	for (;; ahead = (ahead + 3) / 4) {
		free_ns = risk_rate_free_ns(n->order_ns, r->rate_mask, cnt + ahead - 1, max,
					    r->rate_window_ns);
		if (free_ns <= r->last_ns || ahead == 1)
			break;
	}
	n->order_ahead = ahead;
	n->order_cnt = cnt + ahead;
	n->order_at = n->order_ns + at;
	n->order_end = n->order_at + ahead;
	n->order_free_ns = (int64_t)free_ns;
	risk_orders_settle(n);
	risk_free_settle(r, n);
}

COLD void
risk_rates_settle(struct risk *r, const struct risk_path *path)
{
	for (uint32_t k = 0; k < path->cnt; k++)
		if (path->at[k]->room[RISK_ROOM_ORDERS] <= 0)
			risk_rate_settle(r, path->at[k]);
}

COLD void
risk_set_gauges(struct risk *r)
{
	const __int128 gross_ntl4 = risk_gross(&r->node[RISK_NODE_FIRM]);

	metric_set(&r->metrics.gross_exposure_usd,
		   (gross_ntl4 > INT64_MAX ? (uint64_t)INT64_MAX : (uint64_t)gross_ntl4) / 10000);
	metric_set(&r->metrics.open_order_cnt, r->open_cnt);
}

/* Of two lots that both hold; 0: above 32 bits, so no quantity keeps to both. */
static uint32_t
joint_lot(uint32_t a, uint32_t b)
{
	uint64_t lot_qty = a;
	uint32_t x = a, y = b;

	if (a <= 1 || b <= 1)
		return a > b ? a : b == 0 ? 1 : b;
	while (y != 0) {
		const uint32_t rest = x % y;

		x = y;
		y = rest;
	}
	lot_qty = lot_qty / x * b;
	return lot_qty > UINT32_MAX ? 0 : (uint32_t)lot_qty;
}

/* UINT16_MAX is none; a collar as wide is held a little tighter, and the exact way looks. */
static uint16_t
bp_of(uint32_t bp)
{
	return bp < UINT16_MAX ? (uint16_t)bp : UINT16_MAX - 1;
}

static int64_t
or_any(int64_t max_ntl4)
{
	return max_ntl4 != 0 ? max_ntl4 : INT64_MAX;
}

/* What the accounts' cells know of the limits. */
static void
take_accounts(const struct risk *r, const struct risk_limits *lim, uint16_t idx)
{
	const bool locate_required = lim->instr[idx].locate_required != 0;
	const struct risk_instr *i = &r->instr[idx];
	const uint32_t end = i->cell + i->cell_cnt;
	uint32_t k = i->cell + (uint32_t)__builtin_popcount(i->leaf_mask);

	for (; k < end; k++) {
		struct risk_cell *c = &r->cell[k];
		uint32_t located_qty = RISK_LOCATED_ANY;

		if (locate_required)
			located_qty = risk_located_qty(lim, c->node_idx, idx);
		if (locate_required && located_qty == RISK_LOCATED_ANY)
			located_qty--; // tighter by one, and the exact way looks
		risk_located_settle(r, c, risk_located_used(r, c), located_qty);
		risk_cell_settle(r, c, r->node[c->node_idx].position_max_qty);
	}
}

/*
 * What the strategies' cells know of them.  A person enabled strategies again: their executions
 * count from here.
 */
static void
take_strategies(const struct risk *r, const struct risk_limits *lim, const struct risk_instr *i)
{
	for (uint32_t left = i->leaf_mask; left != 0; left &= left - 1) {
		const uint8_t strategy_idx = (uint8_t)__builtin_ctz(left);
		const uint32_t cell = risk_leaf_place(i, strategy_idx);
		struct risk_ledger *g = &r->ledger[cell];

		risk_cell_settle(r, &r->cell[cell], r->path[strategy_idx].at[0]->position_max_qty);
		if (g->enable_seq == lim->leaf[strategy_idx].enable_seq)
			continue;
		g->enable_seq = lim->leaf[strategy_idx].enable_seq;
		g->execution_cnt[SIDE_BUY] = g->execution_cnt[SIDE_SELL] = 0;
	}
}

/*
 * The instrument's terms become those of the strategies' with the widest.  Those whose own are no
 * tighter need not be asked for them.
 */
static void
take_leaf_terms(const struct risk *r, const struct risk_limits *lim, struct risk_instr *i)
{
	struct risk_leaf_limits widest = { 0 };

	for (uint32_t left = i->trade_mask; left != 0; left &= left - 1) {
		const struct risk_leaf_limits *leaf = &lim->leaf[__builtin_ctz(left)];

		if (leaf->order_max_ntl4 > widest.order_max_ntl4)
			widest.order_max_ntl4 = leaf->order_max_ntl4;
		if (leaf->order_max_qty > widest.order_max_qty)
			widest.order_max_qty = leaf->order_max_qty;
		if (leaf->collar_bp > widest.collar_bp)
			widest.collar_bp = leaf->collar_bp;
	}
	if (widest.order_max_ntl4 < i->order_max_ntl4)
		i->order_max_ntl4 = widest.order_max_ntl4;
	if (widest.order_max_qty < i->order_max_qty)
		i->order_max_qty = widest.order_max_qty;
	if (widest.collar_bp < i->collar_bp)
		i->collar_bp = (uint16_t)widest.collar_bp;
	i->plain_mask = 0;
	for (uint32_t left = i->trade_mask; left != 0; left &= left - 1) {
		const uint8_t strategy_idx = (uint8_t)__builtin_ctz(left);
		const struct risk_leaf_limits *leaf = &lim->leaf[strategy_idx];
		const struct risk_ledger *g = &r->ledger[risk_leaf_place(i, strategy_idx)];

		if (leaf->order_max_ntl4 >= i->order_max_ntl4 &&
		    leaf->order_max_qty >= i->order_max_qty && leaf->collar_bp >= i->collar_bp &&
		    g->execution_cnt[SIDE_BUY] < leaf->execution_max &&
		    g->execution_cnt[SIDE_SELL] < leaf->execution_max)
			i->plain_mask |= 1U << strategy_idx;
	}
}

COLD void
risk_instr_refresh(const struct risk *r, const struct risk_limits *lim, uint16_t idx)
{
	const struct risk_instr_limits *il = &lim->instr[idx];
	struct risk_instr *i = &r->instr[idx];
	const bool goes = il->allowed && il->halted == RISK_INSTR_GOES;
	uint32_t lot_qty = joint_lot(i->venue_lot_qty, il->lot_qty);

	i->trade_mask = goes ? i->leaf_mask & r->may_trade & ~il->restricted_mask : 0;
	i->order_max_ntl4 = il->order_max_ntl4;
	i->order_max_qty = il->order_max_qty < INT32_MAX ? il->order_max_qty : INT32_MAX;
	if (lot_qty == 0) {
		lot_qty = 1;
		i->order_max_qty = 0;
	}
	i->lot_part = risk_part_of(lot_qty);
	// a hundredth's are below a dollar
	i->tick_part = risk_part_of(il->tick_px4 != 0 ? il->tick_px4 : 100);
	i->gross_max_ntl4 = or_any(il->gross_max_ntl4);
	i->net_max_ntl4 = or_any(il->net_max_ntl4);
	i->open_max_qty = il->open_max_qty;
	i->position_max_qty = il->position_max_qty;
	if (i->position_max_qty > lim->node[RISK_NODE_FIRM].position_max_qty)
		i->position_max_qty = lim->node[RISK_NODE_FIRM].position_max_qty;
	i->short_allowed = il->short_allowed != 0;
	i->collar_bp = bp_of(il->collar_bp);
	i->collar_last_bp = il->collar_last_bp != 0 ? bp_of(il->collar_last_bp) : UINT16_MAX;
	take_accounts(r, lim, idx);
	take_strategies(r, lim, i);
	take_leaf_terms(r, lim, i);
	if (i->order_max_ntl4 > RISK_ROOM_END / (i->var_bp + 1LL))
		i->order_max_ntl4 = RISK_ROOM_END / (i->var_bp + 1LL); // see risk_passes_as
	risk_firm_settle(r, i);
	risk_instr_settle(r, i);
	i->terms_seq = r->terms_seq;
}

/* What is due of a replace. */
HOT_APART static void
take_due_replace(struct risk *r)
{
	risk_enter(r, &r->due, false);
	risk_take_tree(r, &r->due, false);
}

void
risk_take_due(struct risk *r)
{
	const uint8_t kind = r->due.kind;

	r->due.kind = RISK_DUE_NOTHING;
	if (unlikely(kind != RISK_DUE_NEW)) {
		take_due_replace(r);
		return;
	}
	risk_enter(r, &r->due, true);
	risk_take_tree(r, &r->due, true);
}

COLD void
risk_take_limits(struct risk *r, const struct risk_limits *lim)
{
	risk_reserve_due(r);
	if (lim->var_version != r->var_version)
		take_var(r, lim);
	r->rate_window_ns = lim->order_rate_window_ns;
	r->message_max = lim->session_message_max != 0 ? lim->session_message_max : UINT32_MAX;
	r->age_max_ns = lim->intent_age_max_ns - 1 < INT64_MAX ? (int64_t)lim->intent_age_max_ns
							       : INT64_MAX;
	r->hours = lim->hours;
	r->may_trade = 0;
	for (uint32_t s = 0; s < STRATEGY_MAX; s++) {
		r->execution_max[s] = lim->leaf[s].execution_max;
		if (lim->armed && !lim->halted && lim->leaf[s].mode <= RISK_MODE_REDUCE_ONLY)
			r->may_trade |= 1U << s;
	}
	r->free_ns = 0;
	r->instr_last = lim->instr_cnt < r->instr_cnt ? lim->instr_cnt : r->instr_cnt;
	r->instr_last -= r->instr_last != 0;
	r->terms_seq++; // each instrument takes its own when it is asked for
	for (uint32_t k = 0; k < r->node_cnt; k++) {
		struct risk_node *n = &r->node[k];

		n->lim = lim->node[k];
		n->mode = lim->mode[k];
		n->position_max_qty = n->lim.position_max_qty;
		risk_node_settle(n);
		risk_rate_settle(r, n);
		risk_cancel_rate_settle(r, n);
	}
	r->limits_version = lim->version;
	metric_set(&r->metrics.limits_version, lim->version);
}

COLD int
risk_load_position(struct risk *r, uint16_t node_idx, uint16_t instr_idx, int64_t qty, int64_t px4)
{
	uint32_t cell;

	if (instr_idx == INSTR_NONE || instr_idx >= r->instr_cnt || node_idx >= r->node_cnt)
		return -EINVAL;
	if (px4 <= 0 || px4 > PX4_MAX || qty > INT32_MAX || qty < -INT32_MAX)
		return -ERANGE;
	cell = cell_find(r, node_idx, instr_idx);
	if (cell == 0)
		return -EINVAL;
	if (r->instr[instr_idx].mark_px4 == 0)
		r->instr[instr_idx].mark_px4 = (uint32_t)px4;
	for (; cell != 0; cell = r->cell[cell].up)
		risk_execute(r, &r->instr[instr_idx], cell, qty < 0 ? SIDE_SELL : SIDE_BUY, px4,
			     (uint32_t)risk_abs(qty));
	risk_firm_settle(r, &r->instr[instr_idx]);
	return 0;
}

static bool
correct_cell(struct risk *r, uint32_t cell, const struct fill *f)
{
	const int64_t sign = f->side == SIDE_BUY ? 1 : -1;
	const int64_t held_qty = r->cell[cell].position_qty * sign;
	const int64_t open_qty = held_qty <= 0                ? 0
				 : held_qty < f->executed_qty ? held_qty
							      : f->executed_qty;
	const int64_t more_px4 = (int64_t)f->px4 - f->was_px4;
	const int64_t more_ntl4 = ntl4_of(more_px4, f->executed_qty);
	const int64_t open_ntl4 = ntl4_of(more_px4, (uint32_t)open_qty);
	struct risk_node *n = &r->node[r->cell[cell].node_idx];
	struct risk_ledger *g = &r->ledger[cell];
	int64_t *turnover_ntl4 = f->side == SIDE_BUY ? &g->bought_ntl4 : &g->sold_ntl4;
	bool full = false;

	full |= !risk_sum(&g->cost_ntl4, sign * open_ntl4);
	full |= !risk_sum(&g->realised_ntl4, -sign * (more_ntl4 - open_ntl4));
	*turnover_ntl4 = (int64_t)((uint64_t)*turnover_ntl4 + (uint64_t)more_ntl4);
	n->cash_ntl4 -= (__int128)sign * more_ntl4;
	risk_node_settle(n);
	return full;
}

COLD void
risk_book_located(struct risk *r, uint32_t cell, const struct fill *f)
{
	struct risk_cell *account = &r->cell[r->cell[cell].up];
	uint32_t used_qty;

	if (cell == 0 || r->cell[cell].up == 0 || f->side != SIDE_SELL)
		return;
	used_qty = risk_located_used(r, account);
	if (!f->broken)
		used_qty += f->executed_qty;
	else if (used_qty >= f->executed_qty)
		used_qty -= f->executed_qty;
	risk_located_settle(r, account, used_qty, account->located_max_qty);
}

COLD void
risk_restore(struct risk *r, const struct risk_limits *lim, const struct risk_day *day)
{
	for (uint32_t s = 0; s < STRATEGY_MAX; s++)
		for (uint16_t i = 1; i < r->instr_cnt; i++) {
			const uint32_t cell = risk_leaf_cell(&r->instr[i], (uint8_t)s);

			if (cell != 0)
				r->ledger[cell].enable_seq = lim->leaf[s].enable_seq;
		}
	for (uint32_t s = 0; s < SESSION_MAX; s++)
		r->message_cnt[s] = day->message_cnt[s];
	for (uint32_t n = 0; n < r->node_cnt; n++)
		if (day->high_ntl4[n] > r->node[n].high_ntl4)
			r->node[n].high_ntl4 = day->high_ntl4[n];
}

COLD void
risk_correct(struct risk *r, uint32_t cell, const struct fill *f)
{
	bool full = false;

	for (; cell != 0; cell = r->cell[cell].up)
		full |= correct_cell(r, cell, f);
	metric_add(&r->metrics.fill_corrected, 1);
	metric_add(&r->metrics.sum_saturated, full);
}

static int64_t
end_of_64(__int128 x)
{
	return x > INT64_MAX ? INT64_MAX : x < -INT64_MAX ? -INT64_MAX : (int64_t)x;
}

/* Value-at-risk, which is not negative, of a sum with var_bp; without a division of 128 bits. */
static int64_t
var_of(__int128 var_ntl4bp)
{
	const uint64_t high = (uint64_t)(var_ntl4bp >> 32), low = (uint32_t)var_ntl4bp;

	if (var_ntl4bp > (__int128)INT64_MAX * BP_ONE)
		return INT64_MAX;
	return (int64_t)(((high / BP_ONE) << 32) + ((high % BP_ONE << 32) | low) / BP_ONE);
}

static void
position_fill(const struct risk *r, uint32_t cell, struct risk_position *out)
{
	const struct risk_ledger *g = &r->ledger[cell];
	const struct risk_cell *c = &r->cell[cell];
	const struct risk_instr *i = &r->instr[c->instr_idx];
	int64_t unrealised_ntl4 = 0;

	if (c->position_qty != 0) {
		unrealised_ntl4 = c->position_ntl4;
		risk_sum(&unrealised_ntl4, -g->cost_ntl4);
	}
	*out = (struct risk_position){
		.position_qty = c->position_qty,
		.average_px4 = c->position_qty == 0 ? 0 : g->cost_ntl4 / c->position_qty,
		.realised_ntl4 = g->realised_ntl4,
		.unrealised_ntl4 = unrealised_ntl4,
		.exposure_ntl4 = end_of_64((__int128)risk_abs(c->position_ntl4) +
					   risk_cell_open_ntl4(r, cell, SIDE_BUY) +
					   risk_cell_open_ntl4(r, cell, SIDE_SELL)),
		.bought_qty = g->bought_qty,
		.sold_qty = g->sold_qty,
		.bought_ntl4 = g->bought_ntl4,
		.sold_ntl4 = g->sold_ntl4,
		.open_buy_qty = risk_open_qty(r, c, SIDE_BUY),
		.open_sell_qty = risk_open_qty(r, c, SIDE_SELL),
		.mark_px4 = i->mark_px4,
		.instr_idx = c->instr_idx,
		.confidence = i->confidence,
		.state = i->state,
	};
}

COLD bool
risk_position_of(const struct risk *r, uint16_t instr_idx, struct risk_position *out)
{
	if (instr_idx == INSTR_NONE || instr_idx >= r->instr_cnt)
		return false;
	position_fill(r, instr_idx, out);
	return true;
}

COLD bool
risk_position_next(const struct risk *r, uint16_t node_idx, uint32_t *cursor,
		   struct risk_position *out)
{
	if (node_idx >= r->node_cnt)
		return false;
	while (++*cursor < r->instr_cnt) {
		const uint32_t cell = cell_find(r, node_idx, (uint16_t)*cursor);

		if (cell != 0) {
			position_fill(r, cell, out);
			return true;
		}
	}
	return false;
}

/* How many of the last times lie within the window that ends at now_ns. */
static uint32_t
rate_now(const uint64_t *ns, uint32_t mask, uint64_t cnt, uint64_t now_ns, uint64_t window_ns)
{
	uint32_t n = 0;

	while (n < cnt && n <= mask && ns[(cnt - 1 - n) & mask] + window_ns > now_ns)
		n++;
	return n;
}

/* The largest position a cell may come to. */
static uint64_t
worst_qty(const struct risk *r, const struct risk_cell *c)
{
	const int64_t buy_qty = c->position_qty + risk_open_qty(r, c, SIDE_BUY);
	const int64_t sell_qty = -c->position_qty + risk_open_qty(r, c, SIDE_SELL);

	return (uint64_t)(buy_qty > sell_qty ? buy_qty : sell_qty);
}

COLD bool
risk_node_of(const struct risk *r, const struct risk_limits *lim, uint16_t node_idx,
	     struct risk_node_view *out)
{
	const struct risk_node *n = &r->node[node_idx];
	const uint64_t now_ns = r->now_ns > r->last_ns ? r->now_ns : r->last_ns;
	__int128 profit_ntl4, long_ntl4, short_ntl4, var_ntl4bp;

	if (node_idx >= r->node_cnt)
		return false;
	profit_ntl4 = risk_profit(n);
	var_ntl4bp = n->held_var_ntl4bp + risk_open_var(n);
	long_ntl4 = n->net_ntl4 + risk_open_ntl4(n, SIDE_BUY);
	short_ntl4 = -n->net_ntl4 + risk_open_ntl4(n, SIDE_SELL);
	*out = (struct risk_node_view){
		.gross_ntl4 = end_of_64(risk_gross(n)),
		.net_ntl4 = end_of_64(n->net_ntl4),
		.net_worst_ntl4 = end_of_64(long_ntl4 > short_ntl4 ? long_ntl4 : short_ntl4),
		.credit_ntl4 = end_of_64(risk_credit_used(n)),
		.profit_ntl4 = end_of_64(profit_ntl4),
		.drawdown_ntl4 = end_of_64(n->high_ntl4 - profit_ntl4),
		.var_ntl4 = var_of(var_ntl4bp),
		.order_cnt = risk_order_cnt(n),
		.cancel_cnt = n->cancel_cnt,
		.refused_cnt = n->refused_cnt,
		.order_rate = rate_now(n->order_ns, r->rate_mask, risk_order_cnt(n), now_ns,
				       lim->order_rate_window_ns),
		.cancel_rate = rate_now(n->cancel_ns, r->rate_mask, n->cancel_cnt, now_ns,
					lim->order_rate_window_ns),
		.open_orders = risk_open_cnt(n),
		.node_idx = node_idx,
	};
	for (uint16_t i = 1; i < r->instr_cnt; i++) {
		const uint32_t cell = cell_find(r, node_idx, i); // 0: is empty
		const uint64_t qty = worst_qty(r, &r->cell[cell]);

		if (qty > out->position_qty)
			out->position_qty = qty;
		for (int side = SIDE_BUY; side <= SIDE_SELL; side++)
			if (r->ledger[cell].execution_cnt[side] > out->execution_cnt)
				out->execution_cnt = r->ledger[cell].execution_cnt[side];
	}
	return true;
}

COLD const char *
risk_verdict_name(enum risk_verdict v)
{
	static const char *const NAME[] = {
#define VERDICT(name, counter, text) #name,
#include "decision/risk_verdicts.def"
#undef VERDICT
	};

	return v < RISK_VERDICT_CNT ? NAME[v] : "?";
}

COLD const char *
risk_mode_word(enum risk_mode m)
{
	static const char *const WORD[] = { "normal", "reduce_only", "cancel_only", "halted" };

	return m < RISK_MODE_CNT ? WORD[m] : "?";
}
