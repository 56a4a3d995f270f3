/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "decision/strategy.h"

COLD int
strategy_take_init(struct strategy_take *t, const struct strategy_base *s, struct arena *a)
{
	t->instr = arena_take(a, (s->config.instr_cnt + 1) * sizeof(*t->instr));
	return t->instr == NULL ? -ENOMEM : 0;
}

COLD int
strategy_quote_init(struct strategy_quote *q, const struct strategy_base *s, struct arena *a)
{
	q->instr = arena_take(a, (s->config.instr_cnt + 1) * sizeof(*q->instr));
	return q->instr == NULL ? -ENOMEM : 0;
}

COLD int
strategy_init(struct strategy *s, const struct strategy_config *c, struct arena *a)
{
	if (c->kind >= STRATEGY_KIND_CNT || c->strategy_idx >= STRATEGY_MAX || c->qty == 0 ||
	    c->instr_cnt >= INSTR_MAX)
		return -EINVAL;
	memset(s, 0, sizeof(*s));
	s->kind = c->kind;
	s->base.config = *c;
	s->base.next_id = 1;
	for (uint32_t n = 0; n < c->instr_cnt; n++) {
		const uint16_t idx = c->instr[n].instr_idx;

		if (idx == INSTR_NONE || idx >= INSTR_MAX || s->base.slot_of[idx] != 0)
			return -EINVAL;
		s->base.slot_of[idx] = (uint16_t)(n + 1);
	}
	switch (s->kind) {
#define STRATEGY(NAME, name, text) \
	case STRATEGY_##NAME:      \
		return strategy_##name##_init(&s->name, &s->base, a);
#include "decision/strategies.def"
#undef STRATEGY
	case STRATEGY_KIND_CNT:
		break;
	}
	return -EINVAL;
}

COLD unsigned
strategy_quote_on_time(struct strategy_quote *t, struct strategy_base *s, uint64_t now_ns,
		       struct intent out[STRATEGY_INTENTS_MAX])
{
	bool left = false;
	unsigned n = 0;

	if (likely(!t->withdraws))
		return 0;
	for (uint16_t slot = 1; slot <= s->config.instr_cnt; slot++)
		for (uint8_t side = SIDE_BUY; side <= SIDE_SELL; side++) {
			struct quote_side *q = &t->instr[slot].side[side];
			const struct msg_head cause = {
				.instr_idx = s->config.instr[slot - 1].instr_idx,
				.rx_ns = now_ns,
			};

			left |= q->withdraw != 0;
			if (!q->withdraw || q->state != QUOTE_LIVE || n == STRATEGY_INTENTS_MAX ||
			    backoff_holds(&q->backoff, now_ns))
				continue;
			strategy_quote_cancel(q, s, slot, side, &cause, &out[n++]);
		}
	t->withdraws = left;
	return n;
}
