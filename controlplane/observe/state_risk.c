/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/state_risk.h"

#include <stdlib.h>

#include "observe/state_ask.h"

static void
fill_position(const struct gateway *g, const struct risk_position *p, struct state_position *out)
{
	memset(out, 0, sizeof(*out));
	if (p->instr_idx < g->config->instruments_cnt)
		TEXT(out->symbol, "%s", g->config->instruments[p->instr_idx].symbol);
	out->position_qty = p->position_qty;
	out->open_buy_qty = p->open_buy_qty;
	out->open_sell_qty = p->open_sell_qty;
	out->bought_qty = p->bought_qty;
	out->sold_qty = p->sold_qty;
	out->bought_ntl4 = p->bought_ntl4;
	out->sold_ntl4 = p->sold_ntl4;
	out->average_px4 = p->average_px4;
	out->realised_ntl4 = p->realised_ntl4;
	out->unrealised_ntl4 = p->unrealised_ntl4;
	out->exposure_ntl4 = p->exposure_ntl4;
	out->mark_px4 = p->mark_px4;
	out->confidence = p->confidence;
	out->state = p->state;
}

/* Rows that a caller gave room for; cnt may become more than that. */
struct position_rows {
	const struct gateway *g;
	struct state_position *row;
	size_t row_max;
	size_t cnt;
};

static void
take_positions(void *ctx, const void *row, uint32_t cnt)
{
	const struct risk_position *p = row;
	struct position_rows *to = ctx;

	for (uint32_t i = 0; i < cnt; i++, to->cnt++)
		if (to->cnt < to->row_max)
			fill_position(to->g, &p[i], &to->row[to->cnt]);
}

int
state_positions(void *ctx, const char *kind, const char *name, struct state_position *row,
		size_t row_max, struct err *e)
{
	struct gateway *g = ctx;
	struct position_rows rows = { .g = g, .row = row, .row_max = row_max };
	uint32_t node_idx = RISK_NODE_FIRM;

	if (limits_node_of(&g->limits, kind, name, &node_idx, e) < 0)
		return -EINVAL;
	for (uint32_t l = 0; l < g->lane_cnt; l++) {
		struct command request = { .kind = COMMAND_POSITIONS, .arg = { 0, node_idx } };
		int rc;

		if (g->lane[l]->has.risk == NULL)
			continue;
		rc = ask_all(g, l, &request, 0, take_positions, &rows, e);
		if (rc < 0)
			return rc;
	}
	return (int)rows.cnt;
}

int
state_limits(void *ctx, const char *symbol, struct state_limit *row, size_t row_max, struct err *e)
{
	struct limits_row *from = calloc(row_max + 1, sizeof(*from));
	struct gateway *g = ctx;
	int cnt;

	if (from == NULL)
		return err_set(e, -ENOMEM, "no memory for the limits");
	cnt = limits_rows(&g->limits, symbol, from, row_max, e);
	for (size_t i = 0; cnt > 0 && i < (size_t)cnt && i < row_max; i++) {
		memset(&row[i], 0, sizeof(row[i]));
		TEXT(row[i].key, "%.31s", from[i].key);
		TEXT(row[i].symbol, "%.31s", from[i].symbol);
		TEXT(row[i].node, "%.31s", from[i].node);
		TEXT(row[i].value, "%.31s", from[i].value);
		TEXT(row[i].unit, "%.31s", from[i].unit);
		TEXT(row[i].allowed, "%.31s", from[i].allowed);
	}
	free(from);
	return cnt;
}

/* The rows of one node. */
struct risk_rows {
	const struct gateway *g;
	struct state_risk *row;
	size_t row_max;
	size_t cnt;
	struct state_risk head; // what they all say
};

static struct state_risk *
next_row(struct risk_rows *r, const char *check, const char *unit)
{
	static struct state_risk beyond;
	struct state_risk *row = r->cnt < r->row_max ? &r->row[r->cnt] : &beyond;

	r->cnt++;
	*row = r->head;
	TEXT(row->check, "%s", check);
	TEXT(row->unit, "%s", unit);
	return row;
}

static void
dollars(char out[STATE_NAME_MAX], int64_t ntl4)
{
	const uint64_t abs = ntl4 < 0 ? -(uint64_t)ntl4 : (uint64_t)ntl4;

	snprintf(out, STATE_NAME_MAX, "%s%llu.%04llu", ntl4 < 0 ? "-" : "",
		 (unsigned long long)(abs / 10000), (unsigned long long)(abs % 10000));
}

static void
add_money(struct risk_rows *r, const char *check, int64_t value_ntl4, int64_t limit_ntl4)
{
	struct state_risk *row = next_row(r, check, "dollars");

	dollars(row->value, value_ntl4);
	if (limit_ntl4 != INT64_MAX)
		dollars(row->limit, limit_ntl4);
}

/* limit none: the value that stands for no limit. */
static void
add_count(struct risk_rows *r, const char *check, uint64_t value, uint32_t limit, uint32_t none,
	  const char *unit)
{
	struct state_risk *row = next_row(r, check, unit);

	TEXT(row->value, "%llu", (unsigned long long)value);
	if (limit != none)
		TEXT(row->limit, "%u", limit);
}

static void
add_node(struct risk_rows *r, const struct risk_node_view *v)
{
	const struct config *c = r->g->config;
	const struct risk_limits *lim = r->g->limits.current;
	const struct risk_node_limits *nl = &lim->node[v->node_idx];
	const bool strategy = v->node_idx >= c->accounts_cnt;

	memset(&r->head, 0, sizeof(r->head));
	TEXT(r->head.kind, "%s",
	     v->node_idx == RISK_NODE_FIRM ? "firm"
	     : strategy                    ? "strategy"
					   : "account");
	TEXT(r->head.name, "%s", config_node_name(c, v->node_idx));
	if (v->node_idx != RISK_NODE_FIRM)
		TEXT(r->head.parent, "%s", config_node_name(c, config_node_parent(c, v->node_idx)));
	TEXT(r->head.mode, "%s", risk_mode_word(lim->mode[v->node_idx]));
	r->head.refused_cnt = v->refused_cnt;
	add_money(r, "gross_max_usd", v->gross_ntl4, nl->gross_max_ntl4);
	add_money(r, "net_max_usd", v->net_worst_ntl4, nl->net_max_ntl4);
	add_money(r, "buying_power_usd", v->credit_ntl4, nl->credit_max_ntl4);
	add_money(r, "loss_max_usd", v->profit_ntl4 < 0 ? -v->profit_ntl4 : 0, nl->loss_max_ntl4);
	add_money(r, "drawdown_max_usd", v->drawdown_ntl4, nl->drawdown_max_ntl4);
	add_money(r, "var_max_usd", v->var_ntl4, nl->var_max_ntl4);
	add_count(r, "position_max_qty", v->position_qty, nl->position_max_qty, UINT32_MAX,
		  "shares");
	add_count(r, "open_orders_max", v->open_orders, nl->open_orders_max, UINT32_MAX, "orders");
	add_count(r, "order_rate_max", v->order_rate, nl->order_rate_max, 0, "orders");
	add_count(r, "cancel_rate_max", v->cancel_rate, nl->cancel_rate_max, 0, "cancels");
	if (strategy)
		add_count(r, "execution_max", v->execution_cnt,
			  lim->leaf[v->node_idx - c->accounts_cnt].execution_max, UINT32_MAX,
			  "executions");
}

static void
take_nodes(void *ctx, const void *row, uint32_t cnt)
{
	const struct risk_node_view *v = row;
	struct risk_rows *to = ctx;

	for (uint32_t i = 0; i < cnt; i++)
		if (v[i].node_idx < config_node_cnt(to->g->config))
			add_node(to, &v[i]);
}

int
state_risk_rows(void *ctx, struct state_risk *row, size_t row_max, struct err *e)
{
	struct gateway *g = ctx;
	struct risk_rows rows = { .g = g, .row = row, .row_max = row_max };

	for (uint32_t l = 0; l < g->lane_cnt; l++) {
		struct command request = { .kind = COMMAND_RISK };
		int rc;

		if (g->lane[l]->has.risk == NULL)
			continue;
		rc = ask_all(g, l, &request, 0, take_nodes, &rows, e);
		if (rc < 0)
			return rc;
	}
	return (int)rows.cnt;
}
