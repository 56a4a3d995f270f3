/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "decision/risk.h"

enum {
	OPEN_ORDERS_MAX = 1 << 20, // guess: far beyond what one gateway keeps open
};

COLD int
risk_init(struct risk *r, const struct risk_config *c, struct arena *a)
{
	uint32_t slot_cnt = 16;

	if (c->instr_cnt == 0 || c->instr_cnt > INSTR_MAX || c->open_orders_max == 0 ||
	    c->open_orders_max > OPEN_ORDERS_MAX)
		return -EINVAL;
	while (slot_cnt < 2 * c->open_orders_max)
		slot_cnt *= 2;
	memset(r, 0, sizeof(*r));
	r->instr = arena_take(a, c->instr_cnt * sizeof(*r->instr));
	r->open = arena_take(a, slot_cnt * sizeof(*r->open));
	if (r->instr == NULL || r->open == NULL)
		return -ENOMEM;
	r->instr_cnt = c->instr_cnt;
	r->open_mask = slot_cnt - 1;
	r->open_shift = (uint32_t)__builtin_clz(slot_cnt) + 33; // 64 - log2(slot_cnt)
	r->open_max = c->open_orders_max;
	return 0;
}

COLD void
risk_correct(struct risk *r, struct risk_instr *i, const struct fill *f)
{
	const int64_t sign = f->side == SIDE_BUY ? 1 : -1;
	const int64_t held_qty = i->position_qty * sign > 0 ? i->position_qty * sign : 0;
	const int64_t open_qty = held_qty < f->executed_qty ? held_qty : f->executed_qty;
	const int64_t more_px4 = (int64_t)f->px4 - f->was_px4;
	const int64_t more_ntl4 = ntl4_of(more_px4, f->executed_qty);
	const int64_t open_ntl4 = ntl4_of(more_px4, (uint32_t)open_qty);
	int64_t *turnover_ntl4 = f->side == SIDE_BUY ? &i->bought_ntl4 : &i->sold_ntl4;
	bool full = false;

	full |= !risk_sum(&i->cost_ntl4, sign * open_ntl4);
	full |= !risk_sum(&i->realised_ntl4, -sign * (more_ntl4 - open_ntl4));
	*turnover_ntl4 = (int64_t)((uint64_t)*turnover_ntl4 + (uint64_t)more_ntl4);
	metric_add(&r->metrics.fill_corrected, 1);
	metric_add(&r->metrics.sum_saturated, full);
}

COLD bool
risk_position_of(const struct risk *r, uint16_t instr_idx, struct risk_position *out)
{
	const struct risk_instr *i = &r->instr[instr_idx];
	const int64_t sign = instr_idx < r->instr_cnt && i->position_qty < 0 ? -1 : 1;
	int64_t unrealised_ntl4 = 0;

	if (instr_idx == INSTR_NONE || instr_idx >= r->instr_cnt)
		return false;
	if (i->position_qty != 0) {
		unrealised_ntl4 = sign * i->position_ntl4;
		risk_sum(&unrealised_ntl4, -i->cost_ntl4);
	}
	*out = (struct risk_position){
		.position_qty = i->position_qty,
		.average_px4 = i->position_qty == 0 ? 0 : i->cost_ntl4 / i->position_qty,
		.realised_ntl4 = i->realised_ntl4,
		.unrealised_ntl4 = unrealised_ntl4,
		.exposure_ntl4 = i->position_ntl4 > INT64_MAX - i->open_ntl4
					 ? INT64_MAX
					 : i->position_ntl4 + i->open_ntl4,
		.bought_qty = i->bought_qty,
		.sold_qty = i->sold_qty,
		.bought_ntl4 = i->bought_ntl4,
		.sold_ntl4 = i->sold_ntl4,
		.open_buy_qty = i->open_qty[SIDE_BUY],
		.open_sell_qty = i->open_qty[SIDE_SELL],
		.mark_px4 = i->mark_px4,
		.confidence = i->confidence,
		.state = i->state,
	};
	return true;
}

COLD const char *
risk_verdict_name(enum risk_verdict v)
{
	static const char *const NAME[] = {
#define VERDICT(name, counter, text) #name,
#include "decision/risk_verdicts.def"
#undef VERDICT
	};

	return v < RISK_VERDICT_CNT ? NAME[v] : "?";
}

COLD const char *
risk_verdict_text(enum risk_verdict v)
{
	static const char *const TEXT[] = {
#define VERDICT(name, counter, text) text,
#include "decision/risk_verdicts.def"
#undef VERDICT
	};

	return v < RISK_VERDICT_CNT ? TEXT[v] : "no verdict of risk";
}
