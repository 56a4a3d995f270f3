/* SPDX-License-Identifier: Apache-2.0 */
#include "ingress/order_table.h"

/* False when the map has no room around the reference: the order stays. */
static bool
move_to_map(struct order_table *t, uint64_t ref)
{
	struct order_rec *r = &t->ring[ref & t->mask];
	const struct u64_slot *s = u64_map_add(&t->old, ref, r->qty, r->level_idx);

	if (unlikely(s == NULL))
		return false;
	if (t->link != NULL)
		order_table_relink(t, (uint32_t)(ref & t->mask),
				   t->mask + 1 + (uint32_t)(s - t->old.slot), r->level_idx);
	*r = (struct order_rec){ 0 };
	t->moved_cnt++;
	return true;
}

/* Clears places up to and with ref's. */
bool
order_table_advance(struct order_table *t, uint64_t ref)
{
	const uint64_t size = t->mask + 1ULL;

	for (uint64_t end = t->ref_end; end != ref + 1; end++) {
		const uint64_t soon = end + ORDER_AHEAD;

		if (unlikely(t->ring[soon & t->mask].level_idx != 0))
			u64_map_prefetch(&t->old, soon - size);
		if (unlikely(t->ring[end & t->mask].level_idx != 0) &&
		    !move_to_map(t, end - size)) {
			t->ref_end = end;
			return false;
		}
	}
	t->ref_end = ref + 1;
	return true;
}

/*
 * A reference behind the ring is an old one: the map takes it.  One far ahead of it may be the
 * first of many: each clears some places, until the ring reaches it or is empty and begins anew.
 */
COLD struct order_rec *
order_table_add_far(struct order_table *t, uint64_t ref, uint32_t qty, uint32_t level_idx)
{
	const bool ahead = ref - t->ref_end < UINT64_MAX / 2;
	struct u64_slot *s;

	if (t->cnt == t->old.cnt) { // the ring is empty
		struct order_rec *r = &t->ring[ref & t->mask];

		if (t->old.cnt == 0)
			t->stray_max = 0;
		else if (t->stray_max < t->ref_end - 1)
			t->stray_max = t->ref_end - 1;
		t->ref_end = ref + 1;
		*r = (struct order_rec){ .qty = qty, .level_idx = level_idx & U64_TAG_MAX };
		t->cnt++;
		return r;
	}
	s = u64_map_add(&t->old, ref, qty, level_idx);
	if (s == NULL)
		return NULL;
	t->cnt++;
	t->far_cnt++;
	if (t->stray_max < ref)
		t->stray_max = ref;
	if (ahead && ref - t->ref_end >= ORDER_STEP_MAX)
		order_table_advance(t, t->ref_end + ORDER_STEP_MAX - 1);
	return order_rec_of(s);
}

void
order_table_relink(struct order_table *t, uint32_t from_idx, uint32_t to_idx, uint32_t level_idx)
{
	const struct order_link l = t->link[from_idx];

	t->link[to_idx] = l;
	if (l.before != 0)
		t->link[l.before - 1].after = 1 + to_idx;
	else
		t->ends[level_idx].first = 1 + to_idx;
	if (l.after != 0)
		t->link[l.after - 1].before = 1 + to_idx;
	else
		t->ends[level_idx].last = 1 + to_idx;
}

COLD void
order_table_clear(struct order_table *t)
{
	if (t->cnt != t->old.cnt)
		memset(t->ring, 0, (t->mask + 1ULL) * sizeof(*t->ring));
	u64_map_clear(&t->old);
	t->ref_end = 0;
	t->stray_max = 0;
	t->cnt = 0;
}

struct order_rec *
order_table_next(const struct order_table *t, uint32_t *slot_idx, uint32_t look_max)
{
	const uint32_t slot_cnt = t->mask + 1 + t->old.mask + 1;

	for (uint32_t n = 0; n < look_max && *slot_idx < slot_cnt; n++) {
		struct order_rec *r = order_table_rec_at(t, (*slot_idx)++);

		if (r->level_idx != 0)
			return r;
	}
	return NULL;
}
