/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "limits/limits_build.h"

#include "limits/day_files.h"

/* From what is set to the table that lanes read: the tighter of all levels, ready to use. */

static uint32_t
least_u32(uint32_t own, uint32_t global)
{
	return own != 0 && (global == 0 || own < global) ? own : global;
}

static int64_t
least_usd(struct usd own, struct usd global)
{
	return own.usd4 != 0 && (global.usd4 == 0 || own.usd4 < global.usd4) ? own.usd4
									     : global.usd4;
}

static int64_t
or_none(struct usd limit)
{
	return limit.usd4 == 0 ? INT64_MAX : limit.usd4;
}

static uint32_t
or_none_u32(uint32_t limit)
{
	return limit == 0 ? UINT32_MAX : limit;
}

bool
limits_only_tighter(const char *name)
{
	// a measure of the instrument, not a limit
	return strcmp(name, "var_bp") != 0;
}

/* The firm as a node.  What holds for each instrument is in the instruments' limits. */
static struct config_node
firm_of(const struct config_risk *r)
{
	return (struct config_node){
		.mode = r->mode,
		.open_orders_max = r->open_orders_max,
		.gross_max_usd = r->gross_max_usd,
		.net_max_usd = r->net_max_usd,
		.buying_power_usd = r->buying_power_usd,
		.loss_max_usd = r->loss_max_usd,
		.drawdown_max_usd = r->drawdown_max_usd,
		.var_max_usd = r->var_max_usd,
		.order_rate_max = r->order_rate_max,
		.cancel_rate_max = r->cancel_rate_max,
		.execution_max = r->execution_max,
	};
}

static void
build_node(const struct config_node *n, struct risk_node_limits *out)
{
	*out = (struct risk_node_limits){
		.gross_max_ntl4 = or_none(n->gross_max_usd),
		.net_max_ntl4 = or_none(n->net_max_usd),
		.credit_max_ntl4 = or_none(n->buying_power_usd),
		.loss_max_ntl4 = or_none(n->loss_max_usd),
		.drawdown_max_ntl4 = or_none(n->drawdown_max_usd),
		.var_max_ntl4 = or_none(n->var_max_usd),
		.position_max_qty = or_none_u32(n->position_max_qty),
		.open_orders_max = or_none_u32(n->open_orders_max),
		.order_rate_max = n->order_rate_max,
		.cancel_rate_max = n->cancel_rate_max,
	};
}

/* The tightest from the strategy up to the firm. */
static void
build_leaf(const struct limits *l, const struct limits_set *set, uint32_t strategy,
	   struct risk_leaf_limits *out)
{
	const struct config_node firm = firm_of(&set->risk);
	uint16_t at = config_strategy_node(l->config, strategy);
	struct config_node least = { 0 };

	for (;; at = config_node_parent(l->config, at)) {
		const struct config_node *n = at == RISK_NODE_FIRM ? &firm : &set->node[at];

		if (n->mode > least.mode)
			least.mode = n->mode;
		least.order_max_qty = least_u32(n->order_max_qty, least.order_max_qty);
		least.order_max_usd.usd4 = least_usd(n->order_max_usd, least.order_max_usd);
		least.collar_bp = least_u32(n->collar_bp, least.collar_bp);
		least.execution_max = least_u32(n->execution_max, least.execution_max);
		if (at == RISK_NODE_FIRM)
			break;
	}
	*out = (struct risk_leaf_limits){
		.order_max_ntl4 = or_none(least.order_max_usd),
		.order_max_qty = or_none_u32(least.order_max_qty),
		.collar_bp = or_none_u32(least.collar_bp),
		.execution_max = or_none_u32(least.execution_max),
		.enable_seq = set->enable_seq[strategy],
		.mode = (uint8_t)least.mode,
	};
}

/* The strategies that may not trade an instrument, a bit for each. */
static uint32_t
restricted_mask(const struct limits *l, const struct limits_set *set, uint32_t instr_idx)
{
	uint32_t mask = 0;

	if (set->risk.instruments[instr_idx].restricted)
		return UINT32_MAX;
	for (uint32_t s = 0; s < l->config->strategies_cnt; s++)
		for (uint16_t at = config_strategy_node(l->config, s); at != RISK_NODE_FIRM;
		     at = config_node_parent(l->config, at))
			mask |= (uint32_t)(set->restricted[at][instr_idx / 64] >> instr_idx % 64 &
					   1)
				<< s;
	return mask;
}

static void
build_instr(const struct limits *l, const struct limits_set *set, uint32_t i,
	    struct risk_instr_limits *out)
{
	const struct config_risk_instrument *own = &set->risk.instruments[i];
	const struct config_instrument *c = &l->config->instruments[i];
	const struct config_risk *all = &set->risk;

	*out = (struct risk_instr_limits){
		.order_max_ntl4 = least_usd(own->order_max_usd, all->order_max_usd),
		.gross_max_ntl4 =
			least_usd(own->instrument_gross_max_usd, all->instrument_gross_max_usd),
		.net_max_ntl4 = least_usd(own->instrument_net_max_usd, all->instrument_net_max_usd),
		.order_max_qty = least_u32(own->order_max_qty, all->order_max_qty),
		.open_max_qty = least_u32(own->open_max_qty, all->open_max_qty),
		.position_max_qty = least_u32(own->position_max_qty, all->position_max_qty),
		.collar_bp = least_u32(own->collar_bp, all->collar_bp),
		.collar_last_bp = least_u32(own->collar_last_bp, all->collar_last_bp),
		.tick_px4 = own->tick_usd.usd4 != 0  ? (uint32_t)own->tick_usd.usd4
			    : all->ticks == TICKS_US ? 0
						     : TICK_FREE,
		.lot_qty = own->lot_qty,
		.restricted_mask = restricted_mask(l, set, i),
		.var_bp = own->var_bp != 0 ? own->var_bp : all->var_bp,
		.allowed = c->trade,
		.halted = set->frozen[i] ? RISK_INSTR_FROZEN
			  : own->halted  ? RISK_INSTR_HALTED
					 : RISK_INSTR_GOES,
		.short_allowed = c->short_allowed,
		.locate_required = all->locate_required,
	};
}

/* The number that tells lanes to make their sums anew. */
static uint32_t
var_version(const struct limits *l, const struct risk_limits *next)
{
	const struct risk_limits *now = l->current;

	for (uint32_t i = 1; i < next->instr_cnt; i++)
		if (next->instr[i].var_bp != (now == NULL ? 0 : now->instr[i].var_bp))
			return now == NULL ? 1 : now->var_version + 1;
	return now == NULL ? 0 : now->var_version;
}

void
limits_build(const struct limits *l, const struct limits_set *set, struct risk_limits *out)
{
	const struct config_node firm = firm_of(&set->risk);
	const struct config *c = l->config;

	risk_limits_init(out);
	out->version = l->current == NULL ? 1 : l->current->version + 1;
	out->armed = l->armed;
	out->halted = l->halted;
	out->hours = (uint8_t)set->risk.hours;
	out->self_match = set->risk.self_match == SELF_MATCH_ALLOW;
	out->order_rate_window_ns = (uint64_t)set->risk.order_rate_window_ms * 1000000;
	out->duplicate_window_ns = set->risk.duplicate_window_us * 1000ULL;
	out->intent_age_max_ns = set->risk.intent_age_max_us * 1000ULL;
	out->session_message_max = set->risk.session_messages_max;
	out->node_cnt = config_node_cnt(c);
	for (uint32_t i = 0; i < out->node_cnt; i++) {
		const struct config_node *n = i == RISK_NODE_FIRM ? &firm : &set->node[i];

		build_node(n, &out->node[i]);
		out->mode[i] = (uint8_t)n->mode;
	}
	for (uint32_t s = 0; s < c->strategies_cnt; s++)
		build_leaf(l, set, s, &out->leaf[s]);
	out->instr_cnt = c->instruments_cnt;
	for (uint32_t i = 1; i < c->instruments_cnt; i++)
		build_instr(l, set, i, &out->instr[i]);
	for (uint32_t i = 0; i < set->locate_cnt; i++)
		risk_locate_add(out, set->locate[i].node_idx, set->locate[i].instr_idx,
				set->locate[i].qty);
	out->var_version = var_version(l, out);
}

int
limits_put_in_force(struct limits *l, const struct limits_set *next, struct err *e)
{
	struct risk_limits *table = aligned_alloc(CACHE_LINE, sizeof(*table));
	int rc;

	if (table == NULL)
		return err_set(e, -ENOMEM, "no memory for a table of limits");
	limits_build(l, next, table);
	rc = limits_publish(l, table, LIMITS_WAIT_NS, e);
	free(table);
	if (rc != 0 && rc != -ETIMEDOUT)
		return rc;
	if (next != &l->set)
		l->set = *next;
	if (l->tell != NULL)
		l->tell(l->tell_ctx);
	return rc;
}

int
limits_apply(struct limits *l, const struct limits_set *next, struct err *e)
{
	int rc = limits_put_in_force(l, next, e);
	struct err slow;

	if (l->keep_path[0] == '\0' || (rc != 0 && rc != -ETIMEDOUT))
		return rc;
	if (rc == 0)
		return limits_keep_save(l, e);
	err_init(&slow); // it is in force in every later turn: kept, and told all the same
	limits_keep_save(l, &slow);
	err_end(&slow);
	return rc;
}

int
limits_set_locate(struct limits_set *set, uint32_t node_idx, uint32_t instr_idx, uint32_t qty)
{
	uint32_t i = 0;

	while (i < set->locate_cnt &&
	       (set->locate[i].node_idx != node_idx || set->locate[i].instr_idx != instr_idx))
		i++;
	if (i == RISK_LOCATE_MAX)
		return -ENOSPC;
	if (i == set->locate_cnt)
		set->locate_cnt++;
	set->locate[i] = (struct risk_locate){ (uint16_t)node_idx, (uint16_t)instr_idx, qty };
	return 0;
}

/* Takes what the file set; what an instrument does not set itself is left 0. */
static void
instruments_from_config(struct limits_set *set, const struct config *c)
{
	memset(set->risk.instruments, 0, sizeof(set->risk.instruments));
	for (uint32_t i = 0; i < c->risk.instruments_cnt; i++) {
		const struct config_risk_instrument *in = &c->risk.instruments[i];
		struct config_risk_instrument *own = &set->risk.instruments[in->instr_idx];

		*own = *in;
		// the configuration fills in the global values; they are to follow changes of these
		if (!config_is_set(c, &in->order_max_qty))
			own->order_max_qty = 0;
		if (!config_is_set(c, &in->order_max_usd))
			own->order_max_usd.usd4 = 0;
		if (!config_is_set(c, &in->collar_bp))
			own->collar_bp = 0;
		if (!config_is_set(c, &in->collar_last_bp))
			own->collar_last_bp = 0;
		if (!config_is_set(c, &in->open_max_qty))
			own->open_max_qty = 0;
		if (!config_is_set(c, &in->position_max_qty))
			own->position_max_qty = 0;
	}
}

int
limits_set_from_config(struct limits_set *set, const struct config *c, struct err *e)
{
	memset(set, 0, sizeof(*set));
	set->risk = c->risk;
	instruments_from_config(set, c);
	for (uint32_t a = 1; a < c->accounts_cnt; a++) {
		const struct config_account *in = &c->accounts[a];

		set->node[a] = in->limits;
		for (uint32_t k = 0; k < in->restricted_cnt; k++)
			for (uint32_t i = 1; i < c->instruments_cnt; i++)
				if (strcmp(c->instruments[i].symbol, in->restricted[k]) == 0)
					set->restricted[a][i / 64] |= 1ULL << i % 64;
	}
	for (uint32_t s = 0; s < c->strategies_cnt; s++)
		set->node[config_strategy_node(c, s)] = c->strategies[s].limits;
	return day_locates_load(c, set->locate, &set->locate_cnt, e);
}
