/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_UNIT_RISK_CASES_H
#define SLUICE_TESTS_UNIT_RISK_CASES_H

#include "risk_scene.h"

/* A good situation, and the one thing that is different. */
typedef void tweak_fn(struct scene *s, int64_t x);

struct risk_case {
	const char *what;
	tweak_fn *tweak;
	int64_t x;
	enum risk_verdict want;
};

#define VERDICT_BIT(name) (1ULL << RISK_##name)
static_assert(RISK_VERDICT_CNT <= 64, "a bit per verdict");

/* Those that risk_conduct_test.c must reach; the others are risk_test.c's. */
#define CONDUCT_VERDICTS                                                                         \
	(VERDICT_BIT(REJECT_AGE) | VERDICT_BIT(REJECT_CANCEL_ONLY) |                             \
	 VERDICT_BIT(REJECT_CANCEL_RATE) | VERDICT_BIT(REJECT_COLLAR_LAST) |                     \
	 VERDICT_BIT(REJECT_CREDIT) | VERDICT_BIT(REJECT_DRAWDOWN) | VERDICT_BIT(REJECT_HOURS) | \
	 VERDICT_BIT(REJECT_INSTR_GROSS) | VERDICT_BIT(REJECT_INSTR_NET) |                       \
	 VERDICT_BIT(REJECT_LOCATE) | VERDICT_BIT(REJECT_LOSS) | VERDICT_BIT(REJECT_MARKET) |    \
	 VERDICT_BIT(REJECT_MESSAGES) | VERDICT_BIT(REJECT_NET) |                                \
	 VERDICT_BIT(REJECT_NODE_HALTED) | VERDICT_BIT(REJECT_OPEN_ORDERS) |                     \
	 VERDICT_BIT(REJECT_REDUCE_ONLY) | VERDICT_BIT(REJECT_REPEATED) |                        \
	 VERDICT_BIT(REJECT_RESTRICTED) | VERDICT_BIT(REJECT_SAME_ORDER) |                       \
	 VERDICT_BIT(REJECT_SELF_MATCH) | VERDICT_BIT(REJECT_TICK) |                             \
	 VERDICT_BIT(REJECT_UNASSIGNED) | VERDICT_BIT(REJECT_VAR))

/* What the firm has of IDX, and has open. */
struct firm_of_idx {
	int64_t position_qty;
	int64_t position_ntl4;
	int64_t open_ntl4[2];
	uint32_t open_qty[2];
};

static inline struct firm_of_idx
firm_of_idx(const struct risk *r)
{
	const struct risk_instr *i = &r->instr[IDX];
	const struct risk_cell *c = risk_firm_cell(r, i);

	return (struct firm_of_idx){
		.position_qty = c->position_qty,
		.position_ntl4 = c->position_ntl4,
		.open_ntl4 = { risk_firm_open_ntl4(r, i, SIDE_BUY),
			       risk_firm_open_ntl4(r, i, SIDE_SELL) },
		.open_qty = { risk_open_qty(r, c, SIDE_BUY), risk_open_qty(r, c, SIDE_SELL) },
	};
}

/* Runs every case; each verdict of `needed`, a bit each, must be the end of one. */
static inline void
run_cases(const struct risk_case *cases, size_t cnt, uint64_t needed)
{
	bool seen[RISK_VERDICT_CNT] = { false };

	for (size_t n = 0; n < cnt; n++) {
		const bool pass = cases[n].want == RISK_PASS;
		struct scene *s = &scene;
		uint64_t before[RISK_VERDICT_CNT];
		struct firm_of_idx open, after;
		struct risk_node firm;
		struct verdict no = { 0 };
		struct order out = { 0 };

		scene_start(s);
		cases[n].tweak(s, cases[n].x);
		on_mark(&s->r, &s->mark);
		risk_take_limits(&s->r, &s->lim); // the case changed them
		memcpy(before, &s->r.metrics, sizeof(before));
		open = firm_of_idx(&s->r);
		firm = s->r.node[RISK_NODE_FIRM];
		if (judged(s, &out, &no) != pass || (!pass && no.verdict != cases[n].want))
			fail_msg("%s: %s instead of %s", cases[n].what,
				 risk_verdict_name(no.verdict), risk_verdict_name(cases[n].want));
		seen[cases[n].want] = true;
		for (int v = 0; v < RISK_VERDICT_CNT; v++)
			if ((&s->r.metrics.intent_passed)[v] - before[v] !=
			    (v == (int)cases[n].want))
				fail_msg("%s: counter of %s", cases[n].what, risk_verdict_name(v));
		if (pass) {
			assert_int_equal(out.limits_version, 7);
			assert_int_equal(out.qty, s->in.qty);
			assert_int_equal(out.px4, s->in.px4);
		} else { // a refusal changes nothing
			after = firm_of_idx(&s->r);
			assert_memory_equal(&after, &open, sizeof(open));
			firm.refused_cnt += no.node_idx == RISK_NODE_FIRM;
			assert_memory_equal(&s->r.node[RISK_NODE_FIRM], &firm, sizeof(firm));
			assert_int_equal(no.intent_id, s->in.intent_id);
		}
	}
	for (int v = 0; v < RISK_VERDICT_CNT; v++)
		if (!seen[v] && (needed >> v & 1))
			fail_msg("no case ends in %s", risk_verdict_name(v));
}

#endif
