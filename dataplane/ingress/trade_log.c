/* SPDX-License-Identifier: Apache-2.0 */
#include "ingress/trade_log.h"

COLD void
trade_log_clear(struct trade_log *l)
{
	memset(l->trade, 0, l->cnt * sizeof(*l->trade));
	u64_map_clear(&l->stray);
	l->last_ref = 0;
	l->cnt = l->next = 0;
}

/* The i-th print, 0 being the oldest one. */
static struct trade *
trade_at(const struct trade_log *l, uint32_t i)
{
	const uint32_t at = l->cnt == l->max ? l->next + i : i;

	return &l->trade[at >= l->max ? at - l->max : at];
}

COLD struct trade *
trade_log_find(const struct trade_log *l, uint64_t ref)
{
	const struct u64_slot *s = u64_map_find(&l->stray, ref);
	uint32_t lo = 0, end = l->cnt;
	struct trade *t;

	if (s != NULL)
		return &l->trade[s->tag - 1];
	if (ref > l->last_ref)
		return NULL;
	while (lo < end) { // before lo all are below, from end on none is
		const uint32_t mid = lo + (end - lo) / 2;

		if (trade_at(l, mid)->last_ref < ref)
			lo = mid + 1;
		else
			end = mid;
	}
	if (lo == l->cnt)
		return NULL;
	t = trade_at(l, lo);
	// strays behind a number that is forgotten bear it still
	return t->last_ref == ref && t->stray == 0 ? t : NULL;
}

COLD bool
trade_log_add_stray(struct trade_log *l, uint64_t ref, const struct trade *t)
{
	const struct u64_slot *s = u64_map_add(&l->stray, ref, 0, l->next + 1);
	struct trade *to;

	if (s == NULL)
		return false;
	to = trade_log_take(l);
	*to = *t;
	to->last_ref = l->last_ref;
	to->stray = (uint32_t)(s - l->stray.slot) + 1;
	return true;
}
