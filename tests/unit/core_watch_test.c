/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "observe/core_watch.h"

/* A small /proc of our own. */
static char proc[64];

static void
make(const char *folder)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", proc, folder);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void
put(const char *file, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", proc, file);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int
fresh(void **state)
{
	snprintf(proc, sizeof(proc), "/tmp/sluice_proc_XXXXXX");
	if (mkdtemp(proc) == NULL)
		return -1;
	make("self");
	make("self/task");
	make("self/task/7");
	put("self/task/7/status", "Name:\tlane\nvoluntary_ctxt_switches:\t12\n"
				  "nonvoluntary_ctxt_switches:\t34\n");
	put("self/task/7/schedstat", "1000000 5500 44\n");
	put("self/task/7/stat",
	    "7 (a name) with ) R 1 1 1 0 -1 4194304 91 0 2 0 700 50 0 0 20 0 1 "
	    "0 100 1 1 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 -1 1 0 0\n");
	put("stat", "cpu  1 2 3 4 5 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 90 0 0\n"
		    "cpu1 10 20 30 40 50 60 70 3 0 0\ncpu11 1 1 1 1 1 1 1 77 0 0\n");
	put("interrupts",
	    "           CPU0       CPU1       CPU11\n"
	    "  0:         10          0          0   IO-APIC   2-edge      timer\n"
	    " 24:        100        200          3   PCI-MSI 1-edge      virtio0-input.0\n"
	    "LOC:       1000       2000       3000   Local timer interrupts\n"
	    "ERR:          0\n");
	return 0;
}

static int
clean(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", proc);
	return system(command);
}

static void
a_reading_has_the_threads_and_the_cores_counts(void **state)
{
	const long hz = sysconf(_SC_CLK_TCK);
	struct core_counts c;

	assert_int_equal(core_counts_read(proc, 7, 1, &c), 0);
	assert_int_equal(c.own_switches, 12);
	assert_int_equal(c.forced_switches, 34);
	assert_int_equal(c.wait_ns, 5500);
	assert_int_equal(c.minor_faults, 91);
	assert_int_equal(c.major_faults, 2);
	assert_int_equal(c.steal_ns, 3 * (1000000000 / hz));
	assert_int_equal(c.irq_cnt, 3);
	assert_string_equal(c.irq[1].name, "24 PCI-MSI 1-edge virtio0-input.0");
	assert_int_equal(c.irq[1].cnt, 200);
	assert_int_equal(c.irq[2].cnt, 2000);
	assert_true(c.tsc != 0);
}

static void
a_core_is_found_by_its_number_not_by_its_column(void **state)
{
	const long hz = sysconf(_SC_CLK_TCK);
	struct core_counts c;

	assert_int_equal(core_counts_read(proc, 7, 11, &c), 0);
	assert_int_equal(c.irq[2].cnt, 3000);
	assert_int_equal(c.steal_ns, 77 * (1000000000 / hz));
	assert_int_equal(core_counts_read(proc, 7, 2, &c), 0);
	assert_int_equal(c.irq_cnt, 0); // it is offline
	assert_int_equal(c.steal_ns, 0);
}

static void
a_thread_that_is_not_there_is_said(void **state)
{
	struct core_counts c;

	assert_int_equal(core_counts_read(proc, 8, 1, &c), -3);
	assert_int_equal(core_counts_read("/nowhere", 7, 1, &c), -3);
}

static void
files_that_make_no_sense_count_nothing(void **state)
{
	struct core_counts c;

	put("self/task/7/status", "garbage");
	put("self/task/7/schedstat", "");
	put("self/task/7/stat", "7 (no end");
	put("stat", "cpu1");
	put("interrupts", "CPU0 CPU1\n\n:::\n24 without a colon\nX: 1\nY: many words\n");
	assert_int_equal(core_counts_read(proc, 7, 1, &c), 0);
	assert_int_equal(c.own_switches + c.forced_switches + c.wait_ns + c.minor_faults, 0);
	assert_int_equal(c.steal_ns, 0);
	assert_int_equal(c.irq_cnt, 0);
}

static void
between_two_readings_is_what_grew(void **state)
{
	struct core_counts a, b;
	struct core_delta d;

	assert_int_equal(core_counts_read(proc, 7, 1, &a), 0);
	b = a;
	b.wait_ns += 9;
	b.forced_switches++;
	b.minor_faults = 1; // it went back: a new thread of the same number
	b.irq[1].cnt += 3;
	b.irq[2].cnt += 2;
	core_counts_between(&a, &b, &d);
	assert_int_equal(d.wait_ns, 9);
	assert_int_equal(d.forced_switches, 1);
	assert_int_equal(d.own_switches, 0);
	assert_int_equal(d.minor_faults, 1);
	assert_int_equal(d.interrupts, 5);
	assert_int_equal(d.irq_most, 3);
	assert_string_equal(d.irq_name, "24 PCI-MSI 1-edge virtio0-input.0");
}

static void
a_line_of_interrupts_that_moved_is_not_compared_with_another(void **state)
{
	struct core_counts a, b;
	struct core_delta d;

	assert_int_equal(core_counts_read(proc, 7, 1, &a), 0);
	b = a;
	b.irq[1] = b.irq[2];
	b.irq_cnt = 2;
	core_counts_between(&a, &b, &d);
	assert_int_equal(d.interrupts, 0);
}

/* One process with a thread of the same number, as it is now. */
static void
put_process(int pid, const char *name, char run_state, int core, unsigned ticks)
{
	char text[256], path[64];

	snprintf(path, sizeof(path), "%d/task/%d/stat", pid, pid);
	snprintf(
		text, sizeof(text),
		"%d (%s) %c 1 1 1 0 -1 0 0 0 0 0 %u 0 0 0 20 0 1 0 100 1 1 1 1 1 0 0 0 0 0 0 0 0 0 "
		"0 0 %d 0 0\n",
		pid, name, run_state, ticks, core);
	put(path, text);
}

static void
add_process(int pid, const char *name, char run_state, int core, unsigned ticks)
{
	char path[64];

	snprintf(path, sizeof(path), "%d", pid);
	make(path);
	snprintf(path, sizeof(path), "%d/task", pid);
	make(path);
	snprintf(path, sizeof(path), "%d/task/%d", pid, pid);
	make(path);
	put_process(pid, name, run_state, core, ticks);
}

static void
ran(int pid, uint64_t ns)
{
	char text[64], path[64];

	snprintf(path, sizeof(path), "%d/task/%d/schedstat", pid, pid);
	snprintf(text, sizeof(text), "%" PRIu64 " 17 4\n", ns);
	put(path, text);
}

static void
remove_process(int pid)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -r %s/%d", proc, pid);
	assert_int_equal(system(command), 0);
}

static void
rivals_are_those_that_ran_meanwhile_and_were_on_the_core(void **state)
{
	struct core_threads was = { 0 }, is = { 0 };
	char out[CORE_RIVALS_MAX];

	assert_int_equal(core_threads_read(proc, &was), 0);
	assert_int_equal(core_threads_read(proc, &is), 0);
	core_rivals(&was, &is, 1, 7, out);
	assert_string_equal(out, "");

	add_process(104, "waits (x)", 'R', 1, 1);
	add_process(100, "sleeps", 'S', 1, 2);
	add_process(101, "elsewhere", 'R', 0, 3);
	add_process(102, "did not run", 'R', 1, 900);
	add_process(103, "came", 'R', 0, 4);
	add_process(105, "left", 'R', 1, 5);
	add_process(106, "ended", 'R', 1, 6);
	ran(104, 1000);
	ran(100, 5000000);
	ran(103, 77);
	assert_int_equal(core_threads_read(proc, &was), 0);
	assert_int_equal(was.cnt, 7);
	core_rivals(&was, &was, 1, 7, out);
	assert_string_equal(out, "");

	ran(104, 1000 + 123);
	ran(100, 5000000 + 2500000);
	put_process(101, "elsewhere", 'R', 0, 30);
	put_process(103, "came", 'R', 1, 4);
	ran(103, 77 + 40);
	put_process(105, "left", 'R', 0, 6); // a tick more: 10 ms
	remove_process(106);
	assert_int_equal(core_threads_read(proc, &is), 0);
	assert_int_equal(is.cnt, 6);
	core_rivals(&was, &is, 1, 7, out);
	assert_string_equal(out,
			    "left (105) 10.000 ms, sleeps (100) 2.500 ms, waits (x) (104) 123 ns");
	core_rivals(&was, &is, 1, 105, out);
	assert_string_equal(out, "sleeps (100) 2.500 ms, waits (x) (104) 123 ns, came (103) 40 ns");
	core_rivals(&was, &is, 0, 7, out);
	assert_string_equal(out,
			    "elsewhere (101) 270.000 ms, left (105) 10.000 ms, came (103) 40 ns");

	// whoever is new ran only since; whoever ran less than before is another with its number
	add_process(200, "new", 'R', 1, 0);
	ran(200, 9000);
	ran(104, 50);
	assert_int_equal(core_threads_read(proc, &is), 0);
	core_rivals(&was, &is, 1, 105, out);
	assert_string_equal(out,
			    "sleeps (100) 2.500 ms, new (200) 9.000 us, waits (x) (104) 50 ns");
	core_threads_free(&was);
	core_threads_free(&is);
}

static void
a_thread_is_found_by_name_while_it_wants_the_core(void **state)
{
	add_process(100, "sleeper", 'S', 1, 900);
	add_process(104, "third", 'R', 1, 4);
	assert_int_equal(core_find(proc, 1, "third"), 104);
	assert_int_equal(core_find(proc, 1, "sleep"), 0);
	assert_int_equal(core_find(proc, 0, "third"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_reading_has_the_threads_and_the_cores_counts),
		TEST(a_core_is_found_by_its_number_not_by_its_column),
		TEST(a_thread_that_is_not_there_is_said),
		TEST(files_that_make_no_sense_count_nothing),
		TEST(between_two_readings_is_what_grew),
		TEST(a_line_of_interrupts_that_moved_is_not_compared_with_another),
		TEST(rivals_are_those_that_ran_meanwhile_and_were_on_the_core),
		TEST(a_thread_is_found_by_name_while_it_wants_the_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
