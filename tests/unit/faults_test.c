/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "faults.h"

static struct faults faults;

static void
fault_values_are_checked(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} CASES[] = { { "loss_a=2%", true },         { "loss_a=0.05%", true },
		      { "loss_a=500ppm", true },     { "loss_b=7", true },
		      { "loss_b=7+9-12+20-", true }, { "silent_a=5-", true },
		      { "cut_after=3", true },       { "loss_a=101%", false },
		      { "loss_a=", false },          { "loss_a", false },
		      { "loss_c=1%", false },        { "loss_a=9-7", false },
		      { "cut_after=-1", false },     { "cut_after=3x", false },
		      { "silent_a=2%", false },      { "loss_a=2000000ppm", false } };

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		const char *why = faults_parse(&faults, CASES[i].text);

		if ((why == NULL) != CASES[i].ok)
			fail_msg("%s: %s", CASES[i].text, why == NULL ? "accepted" : why);
	}
	faults = (struct faults){ 0 };
	assert_null(faults_parse(&faults, "loss_a=0.05%,loss_b=7+9-12"));
	assert_int_equal(faults.value[FAULT_loss_a].ppm, 500);
	assert_true(fault_strikes(&faults, FAULT_loss_b, NULL, 5, 3));
	assert_false(fault_strikes(&faults, FAULT_loss_b, NULL, 5, 2));
	assert_true(fault_strikes(&faults, FAULT_loss_b, NULL, 12, 1));
	assert_false(fault_strikes(&faults, FAULT_loss_b, NULL, 13, 100));
	faults = (struct faults){ 0 };
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault_values_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
