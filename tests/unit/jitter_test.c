/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "err/err.h"
#include "observe/clock_rate.h"
#include "observe/jitter.h"

#define SECOND 1000000000ULL

static const struct {
	const char *what;
	struct jitter_core c;
	enum jitter_verdict want;
	const char *says; // in its causes; NULL: it has none
} CASES[] = {
	// clang-format off
	{ "a core for itself",
	  { .ns = SECOND, .max_ns = 20000, .counted_known = true, .host = { .tsc_constant = true } },
	  JITTER_QUIET, NULL },
	{ "one that is a little late",
	  { .ns = SECOND, .max_ns = 20001, .counted_known = true,
	    .host = { .tsc_constant = true, .isolated = true, .tickless = true } },
	  JITTER_FAIR, "firmware (SMI)" },
	{ "the same in a guest",
	  { .ns = SECOND, .max_ns = 100000, .counted_known = true,
	    .host = { .tsc_constant = true, .virtual = true } },
	  JITTER_FAIR, "hypervisor, which need not say so" },
	{ "the tick",
	  { .core = 3, .ns = SECOND, .max_ns = 100001, .counted_known = true,
	    .counted = { .interrupts = 1000, .irq_name = "LOC Local timer interrupts" },
	    .host = { .tsc_constant = true } },
	  JITTER_NOISY, "1000 interrupts a second, most of them LOC Local timer interrupts; that is the timer's tick" },
	{ "a device",
	  { .ns = SECOND, .max_ns = 100001, .counted_known = true,
	    .counted = { .interrupts = 1000, .irq_name = "24 virtio0" },
	    .host = { .tsc_constant = true } },
	  JITTER_NOISY, "give that device's interrupts another core" },
	{ "another thread",
	  { .ns = SECOND, .max_ns = 1000001, .counted_known = true, .rivals = "rival (77) 12.100 ms",
	    .counted = { .forced_switches = 4, .wait_ns = 12000000 },
	    .host = { .tsc_constant = true } },
	  JITTER_UNFIT, "taken away 4 times, waited 12.000 ms for it; last on it, with what they ran meanwhile: rival (77) 12.100 ms;" },
	{ "the hypervisor says so",
	  { .ns = SECOND, .max_ns = 1000001, .counted_known = true,
	    .counted = { .steal_ns = 30000000 }, .host = { .tsc_constant = true } },
	  JITTER_UNFIT, "for 30.000 ms (steal time)" },
	{ "a governor that saves power",
	  { .ns = SECOND, .max_ns = 50000, .host = { .tsc_constant = true, .governor = "powersave" } },
	  JITTER_FAIR, "its load (powersave)" },
	{ "a hyperthread",
	  { .ns = SECOND, .max_ns = 50000, .host = { .tsc_constant = true, .siblings = "3,19" } },
	  JITTER_FAIR, "with 3,19" },
	{ "a clock that goes back",
	  { .ns = SECOND, .max_ns = 10, .backwards = 2, .host = { .tsc_constant = true } },
	  JITTER_UNKNOWN, "went back 2 times" },
	{ "a clock of no certain rate",
	  { .ns = SECOND, .max_ns = 10 }, JITTER_QUIET, "does not promise a TSC of one rate" },
	{ "a kernel that does not believe the TSC",
	  { .ns = SECOND, .max_ns = 10, .host = { .tsc_constant = true, .clocksource = "hpet" } },
	  JITTER_QUIET, "own clock is hpet: it does not believe" },
	{ "a core that is not there", { .error = -EINVAL }, JITTER_UNKNOWN, "there is no such core" },
	{ "nothing was measured", { .host = { .tsc_constant = true } }, JITTER_UNKNOWN, "isolcpus=0" },
	// clang-format on
};

static void
each_case_has_its_verdict_and_cause(void **state)
{
	for (unsigned i = 0; i < ARRAY_CNT(CASES); i++) {
		char causes[JITTER_CAUSES_BYTES];

		print_message("# %s\n", CASES[i].what);
		assert_int_equal(jitter_judge(&CASES[i].c), CASES[i].want);
		jitter_causes(&CASES[i].c, causes);
		if (CASES[i].says == NULL)
			assert_string_equal(causes, "");
		else if (strstr(causes, CASES[i].says) == NULL)
			fail_msg("'%s' does not say '%s'", causes, CASES[i].says);
	}
}

static void
lists_of_cores_are_read(void **state)
{
	static const struct {
		const char *text;
		int cnt; // negative: refused
		uint32_t last;
	} LIST[] = {
		{ "0", 1, 0 },
		{ "3,1", 2, 1 },
		{ "2-5", 4, 5 },
		{ "1,4-6,9", 5, 9 },
		{ "", -EINVAL, 0 },
		{ "1,", -EINVAL, 0 },
		{ "5-2", -EINVAL, 0 },
		{ "x", -EINVAL, 0 },
		{ "1-", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1;2", -EINVAL, 0 },
		{ "0-8", -EINVAL, 0 },
		{ "99999999999999999999", -EINVAL, 0 },
		{ "65536", -EINVAL, 0 },
	};
	uint32_t core[8];

	for (unsigned i = 0; i < ARRAY_CNT(LIST); i++) {
		struct err e;

		print_message("# '%s'\n", LIST[i].text);
		err_init(&e);
		assert_int_equal(jitter_parse_cores(LIST[i].text, core, ARRAY_CNT(core), &e),
				 LIST[i].cnt);
		if (LIST[i].cnt > 0)
			assert_int_equal(core[LIST[i].cnt - 1], LIST[i].last);
		else
			assert_true(e.text[0] != '\0');
	}
}

static void
put(const char *root, const char *file, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	for (char *c = path + strlen(root) + 1; (c = strchr(c, '/')) != NULL; c++) {
		*c = '\0';
		mkdir(path, 0700);
		*c = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
the_machine_says_what_a_core_is(void **state)
{
	char root[] = "/tmp/sluice_jitter_XXXXXX", command[64];
	struct jitter_host h;

	assert_non_null(mkdtemp(root));
	put(root, "devices/system/cpu/isolated", "2-3,7\n");
	put(root, "devices/system/cpu/nohz_full", "(null)\n");
	put(root, "devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	put(root, "devices/system/cpu/cpu3/cpufreq/scaling_governor", "powersave\n");
	put(root, "devices/system/cpu/cpu3/topology/thread_siblings_list", "3,19\n");
	put(root, "devices/system/cpu/cpu4/topology/thread_siblings_list", "4\n");
	put(root, "cpuinfo", "processor : 0\nflags : fpu constant_tsc hypervisors nonstop_tsc\n");
	jitter_read_host(root, root, 3, &h);
	assert_true(h.isolated);
	assert_false(h.tickless);
	assert_true(h.tsc_constant);
	assert_false(h.virtual); // another flag begins like it
	assert_string_equal(h.governor, "powersave");
	assert_string_equal(h.siblings, "3,19");
	assert_string_equal(h.clocksource, "tsc");
	jitter_read_host(root, root, 4, &h);
	assert_false(h.isolated);
	assert_string_equal(h.siblings, "");
	jitter_read_host(root, root, 7, &h);
	assert_true(h.isolated);
	jitter_read_host("/nowhere", "/nowhere", 7, &h);
	assert_false(h.isolated || h.tsc_constant);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
}

static void
a_core_is_measured_and_one_that_is_not_there_is_said(void **state)
{
	const struct clock_moment start = clock_moment_now(CLOCK_MONOTONIC);
	const uint64_t rate = clock_rate_since(&start);
	struct jitter_core c[2] = { { .core = 0 }, { .core = 60000 } };
	uint64_t cnt = 0;

	assert_true(rate != 0);
	for (unsigned i = 0; i < 2; i++) {
		c[i].gaps = calloc(1, sizeof(struct hist));
		assert_non_null(c[i].gaps);
	}
	assert_int_equal(jitter_measure(c, 2, SECOND / 20, rate), 0);
	if (c[0].error == 0) { // else this process may not use core 0
		for (uint32_t i = 0; i < HIST_BUCKETS; i++)
			cnt += c[0].gaps->bucket[i];
		assert_int_equal(cnt, c[0].gaps->cnt);
		assert_true(cnt > 10000); // 50 ms of readings
		assert_in_range(c[0].ns, SECOND / 20, SECOND * 20);
		assert_true(c[0].min_ns < 1000);
		assert_true(c[0].over_1us >= c[0].over_20us && c[0].over_20us >= c[0].over_1ms);
		assert_true(c[0].counted_known);
	}
	assert_int_equal(c[1].error, -EINVAL);
	for (unsigned i = 0; i < 2; i++)
		free(c[i].gaps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_has_its_verdict_and_cause),
		cmocka_unit_test(lists_of_cores_are_read),
		cmocka_unit_test(the_machine_says_what_a_core_is),
		cmocka_unit_test(a_core_is_measured_and_one_that_is_not_there_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
