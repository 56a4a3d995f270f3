/* SPDX-License-Identifier: Apache-2.0 */
#include "base/journal.h"

#include "base/event.h"
#include "base/must.h"

void
journal_init(struct journal *j, struct journal_ring_head *head, struct event_sink *events,
	     bool stop_on_gap)
{
	memset(j, 0, sizeof(*j));
	j->head = head;
	j->slot = (uint8_t *)head + head->head_bytes;
	j->mask = head->slot_cnt - 1;
	j->events = events;
	j->stop_on_gap = stop_on_gap;
}

static bool
room(struct journal *j, uint32_t slot_cnt)
{
	j->taken_seen = load_acquire_u32(&j->head->taken_pos); // pairs with journal_taken
	return j->mask + 1 - (j->put_pos - j->taken_seen) >= slot_cnt;
}

/* One more is missing. */
static void
lose(struct journal *j, uint64_t ns)
{
	struct journal_ring_head *h = j->head;

	if (!j->losing) {
		j->losing = true;
		store_relaxed_u64(&h->lost_from_ns, ns);
		metric_add(&j->metrics.gap, 1);
		event_put(j->events, EVENT_JOURNAL_FULL, j->mask + 1);
		if (j->stop_on_gap)
			halt_set(HALT_CONTROL);
	}
	store_relaxed_u64(&h->lost_to_ns, ns);
	store_relaxed_u64(&h->lost_cnt, h->lost_cnt + 1);
	metric_add(&j->metrics.lost, 1);
}

/* What is missing is said in its place. */
static void
tell_lost(struct journal *j, uint64_t ns)
{
	const struct journal_lane_gap gap = {
		.lost_cnt = j->head->lost_cnt,
		.from_ns = j->head->lost_from_ns,
		.to_ns = j->head->lost_to_ns,
	};
	struct journal_slot s = { .kind = JOURNAL_LANE_GAP, .ns = ns };

	memcpy(s.body, &gap, sizeof(gap));
	j->losing = false;
	journal_put(j, &s);
	store_relaxed_u64(&j->head->lost_cnt, 0);
}

COLD bool
journal_make_room(struct journal *j, uint32_t slot_cnt, uint64_t ns)
{
	if (!room(j, slot_cnt + (j->losing ? 1 : 0))) {
		lose(j, ns);
		return false;
	}
	if (j->losing)
		tell_lost(j, ns);
	return true;
}

void
journal_taker_init(struct journal_taker *t, struct journal_ring_head *head)
{
	*t = (struct journal_taker){
		.head = head,
		.slot = (const uint8_t *)head + head->head_bytes,
		.mask = head->slot_cnt - 1,
		.pos = load_relaxed_u32(&head->taken_pos),
	};
}

static const uint8_t *
slot_of(const struct journal_taker *t, uint32_t pos)
{
	return t->slot + (size_t)(pos & t->mask) * CACHE_LINE;
}

static bool
is_valid(const struct journal_taker *t, uint32_t pos)
{
	// pairs with journal_publish
	return load_acquire_u32((const uint32_t *)(const void *)slot_of(t, pos)) == pos + 1;
}

enum journal_found
journal_take(struct journal_taker *t, uint8_t *out, uint32_t *len)
{
	struct journal_slot first;
	struct journal_wire w;
	uint32_t at = JOURNAL_WIRE_FIRST, slot_cnt;

	if (!is_valid(t, t->pos))
		return JOURNAL_FOUND_NOTHING;
	__builtin_prefetch(slot_of(t, t->pos + JOURNAL_AHEAD)); // the lane's cache has them
	memcpy(&first, slot_of(t, t->pos), sizeof(first));
	memcpy(out, &first, sizeof(first));
	*len = sizeof(first);
	if (first.kind != JOURNAL_WIRE_OUT && first.kind != JOURNAL_WIRE_IN) {
		t->pos++;
		return JOURNAL_FOUND_RECORD;
	}
	memcpy(&w, first.body, sizeof(w));
	slot_cnt = journal_wire_slots(w.len);
	if (w.len > JOURNAL_WIRE_MAX || slot_cnt > t->mask + 1)
		return JOURNAL_FOUND_TORN;
	for (uint32_t i = 1; i < slot_cnt; i++, at += JOURNAL_WIRE_NEXT) {
		const uint32_t n = w.len - at < JOURNAL_WIRE_NEXT ? w.len - at : JOURNAL_WIRE_NEXT;

		if (!is_valid(t, t->pos + i))
			return JOURNAL_FOUND_TORN;
		memcpy(out + *len, slot_of(t, t->pos + i) + sizeof(uint32_t), n);
		*len += n;
	}
	t->pos += slot_cnt;
	return JOURNAL_FOUND_RECORD;
}

const char *
journal_kind_word(uint32_t kind)
{
	switch (kind) {
#define KIND(NAME, number, word, meaning) \
	case JOURNAL_##NAME:              \
		return word;
#include "base/journal_kinds.def"
#undef KIND
	default:
		return NULL;
	}
}
