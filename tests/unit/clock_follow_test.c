/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"
#include "observe/clock_follow.h"

/*
 * A machine whose TSC runs at 2.6 GHz and is believed to run a little faster or slower; its system
 * clock is right, or is set.
 */
enum {
	SECONDS = 120,
};

#define RATE     (uint64_t)(4294967296.0 / 2.6)
#define START_NS 1700000000000000000ULL
#define BOOT_NS  5000000000ULL

struct machine {
	struct clock_follow f;
	uint64_t tsc;
	uint64_t true_ns; // since the start
	uint64_t last_ns; // that the map showed
};

static uint64_t
off_by(const struct machine *m)
{
	const uint64_t ours = clock_ns_of(&m->f.map, m->tsc), truth = START_NS + m->true_ns;

	return ours > truth ? ours - truth : truth - ours;
}

/* Time goes on in steps of a millisecond, and never back. */
static void
go_on(struct machine *m, uint64_t ns)
{
	for (uint64_t done = 0; done < ns; done += 1000000) {
		m->true_ns += 1000000;
		m->tsc += 2600000;
		assert_true(clock_ns_of(&m->f.map, m->tsc) > m->last_ns);
		m->last_ns = clock_ns_of(&m->f.map, m->tsc);
	}
}

static enum clock_follow_result
read_now(struct machine *m, int64_t set_ns)
{
	const enum clock_follow_result r = clock_follow_on_reading(
		&m->f, m->tsc, START_NS + m->true_ns + (uint64_t)set_ns, BOOT_NS + m->true_ns);

	assert_true(clock_ns_of(&m->f.map, m->tsc) >= m->last_ns);
	return r;
}

static void
begin(struct machine *m, int64_t ppm, int64_t off_ns)
{
	const struct clock_map map = {
		.base_tsc = 1000,
		.base_ns = START_NS + (uint64_t)off_ns,
		.ns_per_2_32_cycles = (uint64_t)((double)RATE * (1.0 + (double)ppm / 1e6)),
	};

	*m = (struct machine){ .tsc = 1000 };
	clock_follow_init(&m->f, &map, m->tsc, BOOT_NS);
}

static const struct {
	const char *what;
	int64_t ppm;
	int64_t off_ns;
} START[] = {
	{ "right from the start", 0, 0 },
	{ "50 ppm fast", 50, 0 },
	{ "50 ppm slow", -50, 0 },
	{ "20 us ahead", 0, 20000 },
	{ "20 us behind", 0, -20000 },
	{ "fast and ahead", 30, 1000000 },
	{ "slow and 5 ms behind", -400, -5000000 },
};

static void
whatever_it_begins_with_it_comes_to_the_systems_time(void **state)
{
	for (unsigned i = 0; i < ARRAY_CNT(START); i++) {
		struct machine m;

		print_message("# %s\n", START[i].what);
		begin(&m, START[i].ppm, START[i].off_ns);
		for (unsigned s = 0; s < SECONDS; s++) {
			go_on(&m, NS_PER_SEC);
			assert_int_equal(read_now(&m, 0), CLOCK_FOLLOWED);
		}
		assert_in_range(off_by(&m), 0, 2000);
		assert_int_equal(m.f.step_cnt, 0);
	}
}

static void
a_correction_never_exceeds_the_slew(void **state)
{
	struct machine m;
	uint64_t rate;

	begin(&m, 0, 90000000); // 90 ms: just no step
	go_on(&m, 10 * NS_PER_SEC);
	assert_int_equal(read_now(&m, 0), CLOCK_FOLLOWED);
	rate = m.f.map.ns_per_2_32_cycles;
	assert_true(rate < RATE && rate >= RATE - RATE * (CLOCK_SLEW_PPM + 1) / 1000000);
}

static void
a_clock_that_is_set_is_told_once_and_not_followed(void **state)
{
	static const int64_t SET_NS[] = { 2000000000, -2000000000, 3600000000000 };

	for (unsigned i = 0; i < ARRAY_CNT(SET_NS); i++) {
		struct machine m;

		begin(&m, 0, 0);
		for (unsigned s = 0; s < 20; s++) {
			go_on(&m, NS_PER_SEC);
			assert_int_equal(read_now(&m, 0), CLOCK_FOLLOWED);
		}
		go_on(&m, NS_PER_SEC);
		assert_int_equal(read_now(&m, SET_NS[i]), CLOCK_STEPPED);
		for (unsigned s = 0; s < 20; s++) {
			go_on(&m, NS_PER_SEC);
			assert_int_equal(read_now(&m, SET_NS[i]), CLOCK_AWAY);
		}
		assert_in_range(off_by(&m), 0, 2000); // it went on as it was
		assert_in_range(m.f.off_ns - SET_NS[i] + 5000, 0, 10000);
		assert_int_equal(m.f.step_cnt, 1);
		go_on(&m, NS_PER_SEC);
		assert_int_equal(read_now(&m, 0), CLOCK_FOLLOWED); // somebody set it back
		assert_false(m.f.stepped);
	}
}

static void
readings_that_do_not_go_forward_change_nothing(void **state)
{
	struct machine m;
	struct clock_map before;

	begin(&m, 0, 0);
	go_on(&m, NS_PER_SEC);
	assert_int_equal(read_now(&m, 0), CLOCK_FOLLOWED);
	before = m.f.map;
	assert_int_equal(clock_follow_on_reading(&m.f, m.tsc, START_NS, BOOT_NS + 1), CLOCK_ODD);
	assert_int_equal(clock_follow_on_reading(&m.f, 5, START_NS, BOOT_NS + 1), CLOCK_ODD);
	assert_int_equal(clock_follow_on_reading(&m.f, m.tsc + 9, START_NS, BOOT_NS), CLOCK_ODD);
	assert_memory_equal(&before, &m.f.map, sizeof(before));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_it_begins_with_it_comes_to_the_systems_time),
		cmocka_unit_test(a_correction_never_exceeds_the_slew),
		cmocka_unit_test(a_clock_that_is_set_is_told_once_and_not_followed),
		cmocka_unit_test(readings_that_do_not_go_forward_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
