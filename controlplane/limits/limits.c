/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "limits/limits.h"

/* What risk relies on, whoever made the table. */
static int
table_check(const struct risk_limits *t, struct err *e)
{
	if (t->node[RISK_NODE_FIRM].order_rate_max < 1)
		return err_set(e, -EINVAL, "order_rate_max: the firm must have one");
	if (t->order_rate_window_ns == 0)
		return err_set(e, -EINVAL, "order_rate_window_ms: 0 would let any rate pass");
	if (t->node_cnt < 1 || t->node_cnt > RISK_NODE_MAX)
		return err_set(e, -EINVAL, "nodes: %u is outside 1..%u", t->node_cnt,
			       RISK_NODE_MAX);
	for (uint32_t i = 0; i < t->node_cnt; i++) {
		const struct risk_node_limits *nl = &t->node[i];

		if (nl->gross_max_ntl4 <= 0 || nl->net_max_ntl4 <= 0 || nl->credit_max_ntl4 <= 0 ||
		    nl->var_max_ntl4 <= 0)
			return err_set(e, -EINVAL,
				       "node %u: a limit on money is not above 0; nothing could "
				       "pass",
				       i);
		if (nl->order_rate_max > ORDER_RATE_MAX || nl->cancel_rate_max > CANCEL_RATE_MAX)
			return err_set(e, -EINVAL, "node %u: a rate is above what is remembered",
				       i);
	}
	if (t->instr_cnt < 1 || t->instr_cnt > INSTR_MAX)
		return err_set(e, -EINVAL, "instruments: %u is outside 1..%u", t->instr_cnt,
			       INSTR_MAX);
	for (uint32_t i = 1; i < t->instr_cnt; i++) {
		const struct risk_instr_limits *il = &t->instr[i];

		if (il->order_max_ntl4 <= 0 || il->order_max_qty == 0 || il->open_max_qty == 0 ||
		    il->position_max_qty == 0 || il->collar_bp == 0)
			return err_set(e, -EINVAL,
				       "instrument %u: a limit is 0; every limit needs a value", i);
	}
	return 0;
}

static int64_t
monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A lane that may still see the retired table, or -1. */
static int
holder_of(const struct limits *l, const struct limits_retired *old)
{
	for (uint32_t i = 0; i < l->turn_cnt; i++)
		if (!turn_passed(l->turn[i], old->mark[i]))
			return (int)i;
	return -1;
}

/* Frees the retired tables that nobody can see. */
static void
retired_sweep(struct limits *l)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->retired_cnt; i++) {
		if (holder_of(l, &l->retired[i]) < 0)
			free(l->retired[i].table);
		else
			l->retired[kept++] = l->retired[i];
	}
	l->retired_cnt = kept;
}

int
limits_publish(struct limits *l, const struct risk_limits *next, int64_t wait_ns, struct err *e)
{
	const int64_t end_ns = monotonic_ns() + wait_ns;
	struct limits_retired old = { 0 };
	struct risk_limits *table;
	int lane;
	int rc = table_check(next, e);

	if (rc < 0)
		return rc;
	retired_sweep(l);
	if (l->retired_cnt == LIMITS_RETIRED_MAX)
		return err_set(e, -EBUSY,
			       "lane %d has not finished a turn for %u changes of the limits; it "
			       "hangs, stop the gateway",
			       holder_of(l, &l->retired[0]), LIMITS_RETIRED_MAX);
	table = aligned_alloc(CACHE_LINE, sizeof(*table));
	if (table == NULL)
		return err_set(e, -ENOMEM, "no memory for a table of limits");
	*table = *next;
	table->version = l->current == NULL ? 1 : l->current->version + 1;
	if (l->keep_path[0] != '\0' && table->version >= l->version_end) {
		struct err why; // stopping must not wait for a disk that is full

		err_init(&why);
		limits_keep_save(l, &why);
		err_end(&why);
	}
	old.table = published_set(&l->published, table);
	l->current = table;
	if (old.table == NULL)
		return 0;
	for (uint32_t i = 0; i < l->turn_cnt; i++)
		old.mark[i] = turn_mark(l->turn[i]);
	while ((lane = holder_of(l, &old)) >= 0 && monotonic_ns() < end_ns)
		nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
	if (lane < 0) {
		free(old.table);
		return 0;
	}
	l->retired[l->retired_cnt++] = old;
	return err_set(e, -ETIMEDOUT,
		       "lane %d has not finished its turn after %lld ms; version %u of the limits "
		       "is in force for every later turn",
		       lane, (long long)(wait_ns / 1000000), table->version);
}

int
limits_open(struct limits *l, const struct config *c, struct err *e)
{
	struct risk_limits *first;
	int rc;

	memset(l, 0, sizeof(*l));
	l->config = c;
	if (c->arm_at_start) {
		rc = limits_arm_allowed(c, e);
		if (rc < 0)
			return rc;
		l->armed = true;
	}
	rc = limits_set_from_config(&l->set, c, e);
	if (rc < 0)
		return rc;
	l->begun = malloc(sizeof(*l->begun));
	if (l->begun == NULL)
		return err_set(e, -ENOMEM, "no memory for the limits");
	*l->begun = l->set;
	l->mode_by_hand[RISK_NODE_FIRM] = (uint8_t)l->set.risk.mode;
	for (uint32_t i = 1; i < config_node_cnt(c); i++)
		l->mode_by_hand[i] = (uint8_t)l->set.node[i].mode;
	first = aligned_alloc(CACHE_LINE, sizeof(*first));
	if (first == NULL)
		return err_set(e, -ENOMEM, "no memory for a table of limits");
	limits_build(l, &l->set, first);
	rc = limits_publish(l, first, 0, e);
	free(first);
	if (rc == 0 && l->armed)
		halt_lift(HALT_DISARMED);
	return rc;
}

void
limits_close(struct limits *l)
{
	for (uint32_t i = 0; i < l->retired_cnt; i++)
		free(l->retired[i].table);
	free(l->current);
	free(l->keep_base);
	free(l->begun);
	memset(l, 0, sizeof(*l));
}

int
limits_add_lane(struct limits *l, const struct turn_count *turn)
{
	if (l->turn_cnt == LANE_MAX)
		return -ENOSPC;
	l->turn[l->turn_cnt++] = turn;
	return 0;
}
