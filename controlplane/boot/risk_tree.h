/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_RISK_TREE_H
#define SLUICE_BOOT_RISK_TREE_H

#include "config/config.h"
#include "decision/risk_state.h"
#include "limits/day_files.h"

/* The tree of limits as risk wants it: nodes, which may hold which instrument, and who holds what
 * when the day begins. */
struct risk_tree {
	struct risk_config config;
	uint16_t parent[RISK_NODE_MAX];
	uint16_t leaf[STRATEGY_MAX];
	struct risk_pair *pair;
	struct day_position *position;
	uint32_t position_cnt;
};

/*
 * An account may hold the instruments of its strategies, those it begins the day with, and those of
 * the accounts below it.
 *
 * Memory   risk_tree_free returns it, after success only
 * Returns  0, -ENOMEM, or what is wrong with risk.positions_file; words in *e
 */
int risk_tree_open(struct risk_tree *t, const struct config *c, struct err *e);
void risk_tree_free(struct risk_tree *t);

/* Risk of the tree, with the day's first positions.  Returns 0, -ENOMEM or -EINVAL; words in *e. */
int risk_tree_start(const struct risk_tree *t, const struct config *c, struct risk *r,
		    struct arena *a, struct err *e);

#endif
