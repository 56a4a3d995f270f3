/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/trade_log.h"
#include "random_below.h"

enum {
	TRADES = 37,
	NUMBERS = 4096,
	STEPS = 60000,
};

static uint8_t memory[1 << 14] cache_aligned;
static struct trade_log l;

/* The plain model: the numbers that are remembered, oldest first; what each is worth is its qty. */
static uint64_t model_ref[TRADES], model_qty[TRADES];
static uint32_t model_cnt;
static const char *feed;

static int
start(void **state)
{
	struct arena a = { .base = memory, .size_bytes = sizeof(memory) };

	memset(memory, 0, sizeof(memory));
	assert_true(trade_log_init(&l, TRADES, &a));
	assert_true(a.used_bytes <= trade_log_bytes(TRADES));
	model_cnt = 0;
	seed = 88172645463325252;
	return 0;
}

static uint32_t
model_find(uint64_t ref)
{
	uint32_t i = 0;

	while (i < model_cnt && model_ref[i] != ref)
		i++;
	return i;
}

static void
add(uint64_t ref, uint64_t qty)
{
	const struct trade t = { .qty = qty, .ntl4 = 2 * qty, .locate = (uint16_t)(ref % 7) };

	if (ref > l.last_ref)
		trade_log_add(&l, ref, t.locate, t.qty, t.ntl4);
	else
		assert_true(trade_log_add_stray(&l, ref, &t));
	if (model_cnt == TRADES) {
		memmove(&model_ref[0], &model_ref[1], sizeof(model_ref) - sizeof(model_ref[0]));
		memmove(&model_qty[0], &model_qty[1], sizeof(model_qty) - sizeof(model_qty[0]));
		model_cnt--;
	}
	model_ref[model_cnt] = ref;
	model_qty[model_cnt++] = qty;
}

static void
check(uint64_t ref)
{
	const struct trade *t = trade_log_find(&l, ref);
	const uint32_t i = model_find(ref);

	if ((t != NULL) != (i < model_cnt))
		fail_msg("%s: a print is %s", feed, t == NULL ? "lost" : "not forgotten");
	if (t != NULL && (t->qty != model_qty[i] || t->ntl4 != 2 * t->qty || t->locate != ref % 7))
		fail_msg("%s: a print is another one", feed);
}

static const struct {
	const char *what;
	uint32_t step;  // numbers ascend by up to so much; 0: they do not ascend
	uint32_t stray; // one of so many is anywhere; 0: none
} FEEDS[] = {
	{ "one after the other", 1, 0 },      { "with holes", 9, 0 },
	{ "now and then a late one", 2, 10 }, { "half of them late", 2, 2 },
	{ "in no order at all", 0, 1 },       { "one number, and others", 0, 3 },
};

static void
the_last_ones_are_found_and_no_others(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(FEEDS); i++) {
		uint64_t last = 100;

		start(NULL);
		feed = FEEDS[i].what;
		for (unsigned step = 0; step < STEPS; step++) {
			uint64_t ref = last;

			if (FEEDS[i].stray != 0 && random_below(FEEDS[i].stray) == 0)
				ref = last - random_below(last < NUMBERS ? (uint32_t)last : 200);
			else if (FEEDS[i].step != 0)
				ref = last += 1 + random_below(FEEDS[i].step);
			check(ref);
			if (model_find(ref) == model_cnt)
				add(ref, 1 + step);
			check(ref);
			check(last - random_below(100));
			check(last + 1);
			if (step % 20000 == 19999) {
				trade_log_clear(&l);
				model_cnt = 0;
			}
		}
		for (uint32_t k = 0; k < model_cnt; k++)
			check(model_ref[k]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_last_ones_are_found_and_no_others, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
