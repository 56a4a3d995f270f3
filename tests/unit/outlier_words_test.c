/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "observe/outlier_words.h"

/* What is known about an order, and what it must be called for that; the words must hold `says`. */
#define STAGE(id) stage_ns[LATENCY_##id - LATENCY_STAGE_FIRST]

static const struct {
	const char *what;
	struct state_outlier o;
	const char *cause;
	const char *says;
} CASES[] = {
	// clang-format off
	{ "a thread waited for its core through most of the stall",
	  { .took_ns = 4000000, .usual_ns = 1000, .stall_ns = 3990000, .window_ns = 100000000,
	    .core = { .wait_ns = 40000000, .forced_switches = 9 },
	    .rivals = "rival (77) 39.100 ms", .rivals_ns = 1200000000 },
	  "competing thread",
	  "Last on that core, with what they ran within 1.200 s: rival (77) 39.100 ms." },
	{ "the rival had ended",
	  { .took_ns = 4000000, .usual_ns = 1000, .stall_ns = 3990000, .window_ns = 100000000,
	    .core = { .wait_ns = 4000000, .forced_switches = 1 }, .rivals_ns = 1 },
	  "competing thread", "No thread that /proc still shows ran on it" },
	{ "nobody looked for the rival",
	  { .took_ns = 4000000, .usual_ns = 1000, .stall_ns = 3990000, .window_ns = 100000000,
	    .core = { .wait_ns = 4000000, .forced_switches = 1 } },
	  "competing thread", "Who it was is not known" },
	{ "a wait far below the stall is no cause",
	  { .took_ns = 4000000, .usual_ns = 1000, .stall_ns = 3990000, .window_ns = 100000000,
	    .core = { .wait_ns = 100000, .forced_switches = 1, .interrupts = 5, .irq_most = 4,
		      .irq_name = "LOC Local timer interrupts" } },
	  "interrupt", "most of them LOC Local timer interrupts (4)" },
	{ "the hypervisor took the core",
	  { .took_ns = 9000000, .stall_ns = 9000000, .window_ns = 100000000,
	    .core = { .steal_ns = 10000000, .interrupts = 5 } },
	  "hypervisor", "10.000 ms within 100.000 ms" },
	{ "page faults while it stood still",
	  { .took_ns = 90000, .stall_ns = 80000, .window_ns = 100000000,
	    .core = { .minor_faults = 3, .major_faults = 1, .interrupts = 5 } },
	  "page fault", "4 page faults (1 from disk)" },
	{ "it gave the core away itself",
	  { .took_ns = 90000, .stall_ns = 80000, .window_ns = 100000000,
	    .core = { .own_switches = 2, .interrupts = 5 } },
	  "gave the core away", "2 times" },
	{ "its own housekeeping",
	  { .took_ns = 90000, .stall_ns = 80000, .window_ns = 100000000, .in_housekeeping = true,
	    .core = { .interrupts = 5 } },
	  "housekeeping", "timers" },
	{ "it was in the kernel to send",
	  { .took_ns = 90000, .stall_ns = 80000, .window_ns = 100000000, .kernel_port = "oe",
	    .core = { .interrupts = 5 } },
	  "kernel port", "sent through port oe" },
	{ "it stood still before it sent anything",
	  { .took_ns = 9000, .waited_ns = 80000, .stall_ns = 80000, .window_ns = 100000000,
	    .kernel_port = "oe", .core = { .interrupts = 5 } },
	  "interrupt", "most of them" },
	{ "another lane stood still than the one that sent it",
	  { .took_ns = 90000, .stall_ns = 80000, .window_ns = 100000000, .kernel_port = "oe",
	    .lane = "encoder", .stall_lane = "parser", .core = { .interrupts = 5 } },
	  "interrupt", "most of them" },
	{ "nothing that the kernel knows of",
	  { .took_ns = 90000, .stall_ns = 80000, .window_ns = 100000000 },
	  "unknown stall", "Firmware (SMI)" },
	{ "/proc said nothing",
	  { .took_ns = 90000, .stall_ns = 80000, .core = { .wait_ns = 80000 } },
	  "stall", "could not be read" },
	{ "a stall before the trigger was taken",
	  { .took_ns = 500, .waited_ns = 4000000, .usual_ns = 400, .stall_ns = 4000000,
	    .window_ns = 100000000, .core = { .wait_ns = 4000000, .forced_switches = 1 } },
	  "competing thread", "may have waited up to 4.000 ms more at the port" },
	{ "a stall that is less than half of it",
	  { .took_ns = 90000, .usual_ns = 10000, .stall_ns = 30000, .window_ns = 100000000,
	    .burst_cnt = 8, .burst_pos = 8, .core = { .wait_ns = 30000 } },
	  "burst", "8 frames had arrived at once and it was number 8" },
	{ "exactly half of it",
	  { .took_ns = 90000, .usual_ns = 10000, .stall_ns = 40000, .window_ns = 100000000,
	    .burst_cnt = 8, .burst_pos = 8, .core = { .wait_ns = 40000 } },
	  "competing thread", "stood still for 40.000 us" },
	{ "one stage took most, and more than the burst tells",
	  { .took_ns = 9000, .usual_ns = 1000, .burst_cnt = 2, .burst_pos = 2, .staged = true,
	    .STAGE(BOOK) = 7000, .STAGE(RISK) = 100 },
	  "stage book", "book took 7.000 us of it" },
	{ "no stage explains it",
	  { .took_ns = 9000, .usual_ns = 1000, .staged = true, .STAGE(BOOK) = 3000,
	    .STAGE(RISK) = 100, .idle_ns = 1000 },
	  "not known", "Stages: book 3.000 us, risk 100 ns." },
	{ "first of its burst, in a cold lane",
	  { .took_ns = 9000, .usual_ns = 1000, .burst_cnt = 2, .burst_pos = 1, .cold = true,
	    .idle_ns = 5000000 },
	  "cold", "no order for 5.000 ms" },
	{ "the first of all",
	  { .took_ns = 9000, .usual_ns = 1000, .burst_cnt = 1, .burst_pos = 1, .cold = true },
	  "cold", "first order" },
	{ "behind others in a ring",
	  { .took_ns = 9000, .usual_ns = 1000, .ring_depth = 8, .ring = "intent" },
	  "queue", "8 messages waited in its ring of intents" },
	{ "nothing at all is known",
	  { .took_ns = 9000, .usual_ns = 1000, .sent_cnt = 2 },
	  "not known", "It left together with 1 others." },
	// clang-format on
};

static void
each_case_has_its_cause(void **state)
{
	for (unsigned i = 0; i < ARRAY_CNT(CASES); i++) {
		struct state_outlier o = CASES[i].o;

		print_message("# %s\n", CASES[i].what);
		outlier_explain(&o);
		assert_string_equal(o.cause, CASES[i].cause);
		if (strstr(o.words, CASES[i].says) == NULL)
			fail_msg("'%s' does not say '%s'", o.words, CASES[i].says);
	}
}

static void
the_longest_explanation_ends_with_its_text(void **state)
{
	struct state_outlier o = { .took_ns = UINT64_MAX / 4,
				   .waited_ns = UINT64_MAX / 4,
				   .usual_ns = 1,
				   .limit_ns = UINT64_MAX,
				   .stall_ns = UINT64_MAX / 2,
				   .stall_core = INT32_MAX,
				   .window_ns = UINT64_MAX,
				   .sent_cnt = UINT32_MAX,
				   .ring_depth = UINT32_MAX,
				   .staged = true,
				   .core = { .wait_ns = UINT64_MAX,
					     .forced_switches = UINT64_MAX } };

	memset(o.rivals, 'r', sizeof(o.rivals) - 1);
	memset(o.stall_lane, 'l', sizeof(o.stall_lane) - 1);
	memset(o.ring, 'i', sizeof(o.ring) - 1);
	for (uint32_t i = 0; i < LATENCY_STAGE_CNT; i++)
		o.stage_ns[i] = UINT64_MAX;
	outlier_explain(&o);
	assert_in_range(strlen(o.words), 500, sizeof(o.words) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_has_its_cause),
		cmocka_unit_test(the_longest_explanation_ends_with_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
