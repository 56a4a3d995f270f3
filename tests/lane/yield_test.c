/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab.h"

/*
 * A lane that shares its core gives it away after an empty turn, and on a busy machine gets it back
 * late.  Here it gets it back when the test says so.
 */
static uint32_t hold; // atomic: who gives its core away waits
static uint32_t away; // atomic: the lane has
static _Thread_local bool is_lane;

int
sched_yield(void)
{
	if (!is_lane || load_acquire_u32(&hold) == 0)
		return (int)syscall(SYS_sched_yield);
	store_release_u32(&away, 1);
	while (load_acquire_u32(&hold) != 0)
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	store_release_u32(&away, 0);
	return 0;
}

static void *
run(void *lane)
{
	is_lane = true;
	return lab_run_lane(lane);
}

static void
wait_away(uint32_t value)
{
	while (load_acquire_u32(&away) != value)
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

static void
a_change_of_limits_does_not_wait_for_a_lane_without_its_core(void **state)
{
	const struct lab_setup setup = { .real_clock = true };
	struct lab *lab = lab_open(&setup);
	struct lane *l = lab->g.lane[0];
	struct command *c = &l->command;
	pthread_t thread;
	struct err e;

	err_init(&e);
	l->yields = true;
	store_release_u32(&hold, 1);
	assert_int_equal(pthread_create(&thread, NULL, run, l), 0);
	wait_away(1);
	for (uint32_t n = 0; n < 100; n++)
		if (limits_set(&lab->g.limits, "order_max_qty", n % 2 == 0 ? "100" : "200", NULL,
			       &e) != 0)
			fail_msg("%s", e.text);
	assert_int_equal(lab->g.limits.retired_cnt, 0);
	store_release_u32(&hold, 0);
	wait_away(0);
	c->kind = COMMAND_STOP;
	c->reply = lab->g.reply[l->idx];
	c->reply_max = COMMAND_REPLY_MAX;
	command_ask(c);
	pthread_join(thread, NULL);
	assert_int_equal(l->limits->version, lab->g.limits.current->version);
	assert_ptr_equal(l->limits, lab->g.limits.current);
	lab_close(lab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_of_limits_does_not_wait_for_a_lane_without_its_core),
	};

	lab_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
