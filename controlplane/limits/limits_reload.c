/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits/limits_build.h"

/* New limits out of the configuration, below what was set by hand. */

struct reload {
	const struct limits *l;
	const struct limits_set *base; // as the file has it now
	struct limits_set *set;        // becomes what is in force
	char *told;
	size_t told_bytes;
	struct err *e;
	int rc;
};

/* A value that is not the old configuration's: somebody set it, and it stays. */
static void
stays(void *arg, const char *kind, const char *name, const char *key, const char *value,
      const char *was)
{
	struct reload *r = arg;
	const size_t len = strlen(r->told);

	(void)was;
	if (r->rc != 0)
		return;
	r->rc = limits_take(r->l, r->set, kind, name, key, value, r->e);
	if (len < r->told_bytes)
		snprintf(r->told + len, r->told_bytes - len,
			 "limit %s stays %s for %s%s%s: it was set by hand; sluicectl limits "
			 "forget gives it up\n",
			 key, value, kind, name[0] == '\0' ? "" : " ", name);
}

/* Symbols on a list by hand, or taken off it, are so still. */
static void
keep_restricted(struct limits_set *set, const struct limits_set *was, const struct limits_set *now)
{
	for (uint32_t n = 0; n < RISK_NODE_MAX; n++)
		for (uint32_t w = 0; w < INSTR_MAX / 64; w++) {
			const uint64_t by_hand = was->restricted[n][w] ^ now->restricted[n][w];

			set->restricted[n][w] = (now->restricted[n][w] & by_hand) |
						(set->restricted[n][w] & ~by_hand);
		}
}

static unsigned int *
mode_at(struct limits_set *set, uint32_t node_idx)
{
	return node_idx == RISK_NODE_FIRM ? (unsigned int *)&set->risk.mode
					  : (unsigned int *)&set->node[node_idx].mode;
}

/* A mode that a circuit breaker set is not looser for a moment: who knows it sets it anew. */
static void
keep_modes(struct limits *l, struct limits_set *set)
{
	for (uint32_t n = 0; n < config_node_cnt(l->config); n++) {
		const bool by_breaker = *mode_at(&l->set, n) != l->mode_by_hand[n];

		l->mode_by_hand[n] = (uint8_t)*mode_at(set, n);
		if (by_breaker)
			*mode_at(set, n) = *mode_at(&l->set, n);
	}
}

/* was: as the configuration had it; r->base: as it has it now. */
static int
reload(struct limits *l, struct reload *r, const struct limits_set *was)
{
	const uint32_t version = l->current->version;
	uint8_t by_hand[RISK_NODE_MAX];
	int rc;

	*r->set = *r->base;
	memcpy(r->set->enable_seq, l->set.enable_seq, sizeof(r->set->enable_seq));
	memcpy(r->set->frozen, l->set.frozen, sizeof(r->set->frozen));
	memcpy(r->set->locate, l->set.locate, sizeof(r->set->locate));
	r->set->locate_cnt = l->set.locate_cnt;
	keep_restricted(r->set, was, &l->set);
	limits_differences(l, was, &l->set, true, stays, r);
	if (r->rc != 0)
		return r->rc;
	memcpy(by_hand, l->mode_by_hand, sizeof(by_hand));
	keep_modes(l, r->set);
	if (l->keep_base != NULL)
		*l->keep_base = *r->base; // what is kept is what differs from it
	rc = limits_apply(l, r->set, r->e);
	if (l->current->version != version)
		return rc; // in force, also when a lane was slow or it cannot be kept
	memcpy(l->mode_by_hand, by_hand, sizeof(by_hand));
	if (l->keep_base != NULL)
		*l->keep_base = *was;
	return rc;
}

int
limits_reload(struct limits *l, const struct config *next, char *told, size_t told_bytes,
	      struct err *e)
{
	struct limits_set *was = malloc(sizeof(*was)), *base = malloc(sizeof(*base));
	struct limits_set *set = malloc(sizeof(*set));
	struct reload r = {
		.l = l,
		.base = base,
		.set = set,
		.told = told,
		.told_bytes = told_bytes,
		.e = e,
	};
	int rc = was == NULL || base == NULL || set == NULL
			 ? err_set(e, -ENOMEM, "no memory for the limits")
			 : limits_set_from_config(base, next, e);

	told[0] = '\0';
	if (rc >= 0 && l->keep_base != NULL)
		*was = *l->keep_base;
	else if (rc >= 0)
		rc = limits_set_from_config(was, l->config, e);
	if (rc >= 0) {
		// located shares are the file's of the start, and what was said by hand since
		memcpy(base->locate, was->locate, sizeof(base->locate));
		base->locate_cnt = was->locate_cnt;
		rc = reload(l, &r, was);
	}
	free(was);
	free(base);
	free(set);
	return rc;
}
