/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_STRATEGY_H
#define SLUICE_DECISION_STRATEGY_H

#include "decision/strategy_base.h"
#include "decision/strategy_quote.h"
#include "decision/strategy_take.h"

/*
 * The stage every strategy implements.  A strategy sees best prices and what became of its wishes,
 * and wishes for orders; time is the rx_ns of what it is given.  Which kind it is was chosen by the
 * configuration; the kinds are those of strategies.def, reached by a switch.
 */
struct strategy {
	enum strategy_kind kind;
	union {
#define STRATEGY(NAME, name, text) struct strategy_##name name;
#include "decision/strategies.def"
#undef STRATEGY
	};
	struct strategy_base base;
};

/*
 * Memory   copies *c; state per instrument from the arena.
 * Returns  0, -ENOMEM (the arena is used up), -EINVAL (no such kind, an instrument that does not
 *          exist or comes twice, qty 0)
 */
int strategy_init(struct strategy *s, const struct strategy_config *c, struct arena *a);

HOT_INLINE uint16_t
strategy_slot_of(const struct strategy *s, uint16_t instr_idx)
{
	return likely(instr_idx < INSTR_MAX) ? s->base.slot_of[instr_idx] : 0;
}

/* A best price changed.  Returns how many intents it wrote. */
HOT_INLINE unsigned
strategy_on_bbo(struct strategy *s, const struct bbo *b, struct intent out[STRATEGY_INTENTS_MAX])
{
	const uint16_t slot = strategy_slot_of(s, b->head.instr_idx);

	if (slot == 0) {
		metric_add(&s->base.metrics.bbo_foreign, 1);
		return 0;
	}
	metric_add(&s->base.metrics.bbo_seen, 1);
	switch (s->kind) {
#define STRATEGY(NAME, name, text) \
	case STRATEGY_##NAME:      \
		return strategy_##name##_on_bbo(&s->name, &s->base, slot, b, out);
#include "decision/strategies.def"
#undef STRATEGY
	case STRATEGY_KIND_CNT:
		break;
	}
	return 0;
}

/*
 * Time went on without a best price: what a strategy wishes all the same, such as a cancel that had
 * to wait.  Called at each look at the timers; what finds no room in out comes with the next.
 * Returns how many intents it wrote.
 */
HOT_INLINE unsigned
strategy_on_time(struct strategy *s, uint64_t now_ns, struct intent out[STRATEGY_INTENTS_MAX])
{
	switch (s->kind) {
#define STRATEGY(NAME, name, text) \
	case STRATEGY_##NAME:      \
		return strategy_##name##_on_time(&s->name, &s->base, now_ns, out);
#include "decision/strategies.def"
#undef STRATEGY
	case STRATEGY_KIND_CNT:
		break;
	}
	return 0;
}

/* What the venue, or orders, made of an earlier wish. */
HOT_INLINE void
strategy_on_update(struct strategy *s, const struct update *u)
{
	const uint16_t slot = strategy_slot_of(s, u->head.instr_idx);

	if (unlikely(slot == 0)) {
		metric_add(&s->base.metrics.answer_foreign, 1);
		return;
	}
	switch (s->kind) {
#define STRATEGY(NAME, name, text)                                        \
	case STRATEGY_##NAME:                                             \
		strategy_##name##_on_update(&s->name, &s->base, slot, u); \
		return;
#include "decision/strategies.def"
#undef STRATEGY
	case STRATEGY_KIND_CNT:
		break;
	}
}

/* Risk refused an earlier wish. */
HOT_INLINE void
strategy_on_verdict(struct strategy *s, const struct verdict *v)
{
	const uint16_t slot = strategy_slot_of(s, v->head.instr_idx);

	if (unlikely(slot == 0)) {
		metric_add(&s->base.metrics.answer_foreign, 1);
		return;
	}
	switch (s->kind) {
#define STRATEGY(NAME, name, text)                                         \
	case STRATEGY_##NAME:                                              \
		strategy_##name##_on_verdict(&s->name, &s->base, slot, v); \
		return;
#include "decision/strategies.def"
#undef STRATEGY
	case STRATEGY_KIND_CNT:
		break;
	}
}

#endif
