/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LIMITS_LIMITS_BUILD_H
#define SLUICE_LIMITS_LIMITS_BUILD_H

#include "limits/limits.h"

/* What the files of limits/ share and nobody else needs. */

/* Whether an instrument's own value of a limit may only be tighter than the one for all. */
bool limits_only_tighter(const char *name);

/* One value that differs: for kind "firm" (name empty), "symbol", "account" or "strategy". */
typedef void limits_differs_fn(void *arg, const char *kind, const char *name, const char *key,
			       const char *value, const char *was);

/*
 * Calls fn for each limit, mode and so on that set has otherwise than base; by_hand: with the modes
 * that somebody chose instead of those circuit breakers made of them.
 */
void limits_differences(const struct limits *l, const struct limits_set *base,
			const struct limits_set *set, bool by_hand, limits_differs_fn *fn,
			void *arg);

/* The firm, accounts and strategies have no limits any more; no instrument is touched. */
void limits_clear_nodes(struct limits_set *set);

/*
 * Takes such a value over into a set, checked against the schema's range, not against others.
 *
 * Returns  0, -ENOENT (nobody has this name any more), -EINVAL (words in *e)
 */
int limits_take(const struct limits *l, struct limits_set *set, const char *kind, const char *name,
		const char *key, const char *value, struct err *e);

/* An instrument or node by name; 0: there is none. */
uint32_t limits_find_instr(const struct limits *l, const char *symbol);
uint32_t limits_find_node(const struct limits *l, const char *kind, const char *name);

/* Located shares of an account, 0 for none any more.  -ENOSPC: there is no room for another. */
int limits_set_locate(struct limits_set *set, uint32_t node_idx, uint32_t instr_idx, uint32_t qty);

#endif
