/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boot/risk_tree.h"

/* Which node may hold which instrument, a bit each. */
struct marks {
	uint64_t instr[RISK_NODE_MAX][INSTR_MAX / 64];
};

/* The node and those above it, but the firm, which holds everything. */
static void
mark_up(const struct config *c, struct marks *m, uint16_t node_idx, uint32_t instr_idx)
{
	for (; node_idx != RISK_NODE_FIRM; node_idx = config_node_parent(c, node_idx))
		m->instr[node_idx][instr_idx / 64] |= 1ULL << instr_idx % 64;
}

static uint32_t
list_pairs(const struct marks *m, uint32_t node_cnt, struct risk_pair *out)
{
	uint32_t cnt = 0;

	for (uint32_t n = 1; n < node_cnt; n++)
		for (uint32_t w = 0; w < INSTR_MAX / 64; w++)
			for (uint64_t left = m->instr[n][w]; left != 0; left &= left - 1, cnt++)
				if (out != NULL)
					out[cnt] = (struct risk_pair){
						(uint16_t)n,
						(uint16_t)(w * 64 + (uint32_t)__builtin_ctzll(left))
					};
	return cnt;
}

static int
make_pairs(struct risk_tree *t, const struct config *c)
{
	struct marks *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return -ENOMEM;
	for (uint32_t s = 0; s < c->strategies_cnt; s++)
		for (uint32_t i = 0; i < c->strategies[s].instruments_cnt; i++)
			mark_up(c, m, config_strategy_node(c, s), c->strategies[s].instr_idx[i]);
	for (uint32_t i = 0; i < t->position_cnt; i++)
		mark_up(c, m, t->position[i].node_idx, t->position[i].instr_idx);
	t->config.pair_cnt = list_pairs(m, t->config.node_cnt, NULL);
	t->pair = calloc(t->config.pair_cnt + 1, sizeof(*t->pair));
	if (t->pair != NULL)
		list_pairs(m, t->config.node_cnt, t->pair);
	t->config.pair = t->pair;
	free(m);
	return t->pair == NULL ? -ENOMEM : 0;
}

int
risk_tree_open(struct risk_tree *t, const struct config *c, struct err *e)
{
	int cnt;

	memset(t, 0, sizeof(*t));
	t->config.instr_cnt = c->instruments_cnt;
	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		t->config.open_orders_max += c->sessions[i].orders_max;
	if (t->config.open_orders_max == 0)
		t->config.open_orders_max = 1;
	t->config.node_cnt = config_node_cnt(c);
	t->config.node_parent = t->parent;
	t->config.leaf_node = t->leaf;
	for (uint32_t n = 1; n < t->config.node_cnt; n++)
		t->parent[n] = config_node_parent(c, n);
	for (uint32_t s = 0; s < c->strategies_cnt; s++)
		t->leaf[s] = config_strategy_node(c, s);
	cnt = day_positions_load(c, &t->position, e);
	if (cnt < 0)
		return cnt;
	t->position_cnt = (uint32_t)cnt;
	if (make_pairs(t, c) != 0) {
		risk_tree_free(t);
		return err_set(e, -ENOMEM, "risk: no memory for the tree of limits");
	}
	return 0;
}

void
risk_tree_free(struct risk_tree *t)
{
	free(t->pair);
	free(t->position);
	t->pair = NULL;
	t->position = NULL;
}

int
risk_tree_start(const struct risk_tree *t, const struct config *c, struct risk *r, struct arena *a,
		struct err *e)
{
	int rc = risk_init(r, &t->config, a);

	if (rc == -ENOMEM)
		return err_set(e, rc, "risk: no room for %u open orders (orders_max)",
			       t->config.open_orders_max);
	if (rc != 0)
		return err_set(e, rc, "risk: the tree of limits cannot be built");
	for (uint32_t i = 0; i < t->position_cnt; i++) {
		const struct day_position *p = &t->position[i];

		rc = risk_load_position(r, p->node_idx, p->instr_idx, p->qty, p->px4);
		if (rc != 0)
			return err_set(e, rc, "%s: the position of '%s' in '%s' cannot be held",
				       c->risk.positions_file, config_node_name(c, p->node_idx),
				       c->instruments[p->instr_idx].symbol);
	}
	return 0;
}
