/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes16.h"
#include "ingress/order_queue.h"

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

/*
 * Which places of a strip have an order, one bit each.  A place without one is all zero.  Without a
 * branch: one per place could not be foreseen.
 */
static inline uint64_t
lives_of(const struct order_rec *strip)
{
	typedef uint64_t pair __attribute__((vector_size(16)));
	pair dead = { 0, 0 };

	for (unsigned i = 0; i < ORDER_STRIP; i += 2) {
		const pair bits = { 1ULL << i, 2ULL << i };

		dead |= ((pair)bytes16_load(&strip[i]) == 0) & bits;
	}
	return ~(dead[0] | dead[1]) & (UINT64_MAX >> (64 - ORDER_STRIP));
}

/* Clears the next strip.  False when an order there cannot move: it stays, and so does the ring. */
static bool
clear_strip(struct order_table *t)
{
	const uint64_t size = t->mask + 1ULL, soon_ref = t->ref_end + ORDER_AHEAD;
	uint64_t lives = lives_of(&t->ring[t->ref_end & t->mask]);
	uint64_t soon = lives_of(&t->ring[soon_ref & t->mask]);

	for (unsigned i = 0; i < ORDER_STRIP; i += CACHE_LINE / sizeof(struct order_rec))
		__builtin_prefetch(&t->ring[(t->ref_end + ORDER_FAR_AHEAD + i) & t->mask], 1);
	for (; soon != 0; soon &= soon - 1)
		u64_map_prefetch(&t->old, soon_ref + (uint32_t)__builtin_ctzll(soon) - size);
	for (; lives != 0; lives &= lives - 1)
		if (!move_to_map(t, t->ref_end + (uint32_t)__builtin_ctzll(lives) - size))
			return false;
	t->ref_end += ORDER_STRIP;
	return true;
}

bool
order_table_advance(struct order_table *t, uint64_t ref)
{
	while (!order_table_in_ring(t, ref))
		if (!clear_strip(t))
			return false;
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
		t->ref_end = (ref | (ORDER_STRIP - 1)) + 1;
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
	if (t->link != NULL)
		memset(t->ends, 0, t->ends_cnt * sizeof(*t->ends));
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

COLD const char *
order_queue_audit(const struct order_table *t, uint32_t level_idx, uint32_t order_cnt, uint64_t qty)
{
	uint32_t id = t->ends[level_idx].first, before = 0;

	for (uint32_t n = 0; n < order_cnt; n++) {
		const struct order_rec *r;

		if (id == 0)
			return "a queue ends before its level's last order";
		r = order_table_rec_at(t, id - 1);
		if (r->level_idx != level_idx)
			return "a queue holds an order of another level, or none";
		if (t->link[id - 1].before != before)
			return "a queue reads differently from behind";
		qty -= r->qty;
		before = id;
		id = t->link[id - 1].after;
	}
	if (id != 0)
		return "a queue has more orders than its level";
	if (t->ends[level_idx].last != before)
		return "a queue's last order is another one";
	return qty != 0 ? "a queue's shares are not its level's" : NULL;
}
