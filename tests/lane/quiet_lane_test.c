/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_ring.h>

#include "../../perf/bench.h"
#include "../../perf/lane_rig.h"

/*
 * A lane that trades makes no system call, takes no page fault and allocates nothing, housekeeping
 * and rehearsals included.  It runs as a thread of its own; behind a filter of the kernel each of
 * its system calls becomes a signal, which counts it; malloc and its kin are the test's own, and
 * count; DPDK's heap and /proc are asked before and after.  Each of the four is shown to notice.
 */
enum {
	WARM = 100,
	TRIGGERS = 500,
	TRIGGERS_BAD = 5,
	TRIGGER_US = 300, // below the limit of orders a second
	WAIT_US = 10000,
	PAGE_BYTES = 4096,
};

static struct watched {
	struct lab *lab;
	bool misbehaves; // instead of trading
	atomic_bool filter;
	atomic_bool is_filtered;
	atomic_bool stop;
	atomic_int tid;
	atomic_uint syscall_cnt;
	unsigned syscalls; // of the time that was watched
	atomic_int syscall_last;
	atomic_uint allocation_cnt;
	uint8_t *fresh; // a page that nobody has touched
	void *of_dpdk;
} watched;

static _Thread_local bool counted; // allocations of this thread count

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t cnt, size_t bytes);
extern void *__libc_realloc(void *p, size_t bytes);
extern void __libc_free(void *p);
extern void *__libc_memalign(size_t align, size_t bytes);

#define SANITIZED (WITH_ASAN || WITH_TSAN)

#if !SANITIZED
#define COUNTS true

static void
count_allocation(void)
{
	if (counted)
		atomic_fetch_add(&watched.allocation_cnt, 1);
}

void *
malloc(size_t bytes)
{
	count_allocation();
	return __libc_malloc(bytes);
}

void *
calloc(size_t cnt, size_t bytes)
{
	count_allocation();
	return __libc_calloc(cnt, bytes);
}

void *
realloc(void *p, size_t bytes)
{
	count_allocation();
	return __libc_realloc(p, bytes);
}

void
free(void *p)
{
	if (p != NULL)
		count_allocation();
	__libc_free(p);
}

void *
aligned_alloc(size_t align, size_t bytes)
{
	count_allocation();
	return __libc_memalign(align, bytes);
}

int
posix_memalign(void **p, size_t align, size_t bytes)
{
	count_allocation();
	*p = __libc_memalign(align, bytes);
	return *p == NULL ? ENOMEM : 0;
}
#else
#define COUNTS false // a sanitizer's lane is another program
#endif

static void
on_syscall(int signal, siginfo_t *info, void *context)
{
	atomic_fetch_add(&watched.syscall_cnt, 1);
	atomic_store(&watched.syscall_last, info->si_syscall);
}

/* From now on every system call of the calling thread but its end is a signal. */
static void
filter_syscalls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_CNT(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		abort();
}

static void *
run_lane(void *arg)
{
	struct lane *l = watched.lab->g.lane[0];
	cpu_set_t all;

	CPU_ZERO(&all); // EAL pinned the thread that made this one
	for (long i = 0; i < sysconf(_SC_NPROCESSORS_ONLN); i++)
		CPU_SET((size_t)i, &all);
	sched_setaffinity(0, sizeof(all), &all);
	atomic_store(&watched.tid, (int)syscall(SYS_gettid));
	if (rte_thread_register() != 0)
		abort();
	free(malloc(64)); // a thread's first asks the system for room
	while (!atomic_load(&watched.filter))
		lane_turn_once(l);
	filter_syscalls();
	counted = true;
	atomic_store(&watched.is_filtered, true);
	if (watched.misbehaves) {
		free(malloc(64));
		watched.of_dpdk = rte_malloc(NULL, 64, 0);
		watched.fresh[0] = 1;
		(void)syscall(SYS_getppid);
	}
	while (!atomic_load(&watched.stop))
		if (!watched.misbehaves)
			lane_turn_once(l);
	counted = false;
	return NULL;
}

/* The sum of minor and major page faults of the lane's thread. */
static uint64_t
faults(void)
{
	unsigned long minor = 0, major = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&watched.tid));
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(
		fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %lu %*u %lu", &minor, &major),
		2);
	fclose(f);
	return minor + major;
}

static unsigned
dpdk_allocations(void)
{
	struct rte_malloc_socket_stats s;

	assert_int_equal(rte_malloc_get_socket_stats(0, &s), 0);
	return s.alloc_count;
}

/*
 * Triggers by the feed, answers by the venue; how many orders came.  Whoever shares the lane's core
 * must leave it: on a busy machine the two take turns.
 */
static unsigned
trade(double ns_per_cycle, uint64_t *nr, unsigned triggers)
{
	struct peer *peer = &watched.lab->peer;
	const uint32_t first = peer->enter_cnt;

	for (unsigned i = 0; i < triggers; i++) {
		const struct block t = next_trigger(nr);
		const uint64_t start = __rdtsc();
		const uint32_t before = peer->enter_cnt;
		double us = 0;

		lab_market_data(watched.lab, 0, t.data, t.len, 1);
		while (us < TRIGGER_US || (us < WAIT_US && peer->enter_cnt == before)) {
			lab_carry(watched.lab);
			sched_yield();
			us = (double)(__rdtsc() - start) * ns_per_cycle / 1e3;
		}
		peer->log_len = 0;
	}
	return peer->enter_cnt - first;
}

static void
watch(bool misbehaves, unsigned *orders, uint64_t *fault_cnt, int *dpdk_cnt)
{
	const double ns_per_cycle = bench_ns_per_cycle();
	struct sigaction on_trap = { .sa_sigaction = on_syscall, .sa_flags = SA_SIGINFO };
	uint64_t nr = 0, before;
	unsigned dpdk_before;
	pthread_t thread;

	memset(&watched, 0, sizeof(watched));
	watched.misbehaves = misbehaves;
	watched.fresh =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	watched.lab = lab_open(
		&(struct lab_setup){ .sample_every = 64, .strategies = TAKER, .real_clock = true });
	lab_session_up(watched.lab);
	start_day(watched.lab);
	assert_int_equal(sigaction(SIGSYS, &on_trap, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_lane, NULL), 0);
	trade(ns_per_cycle, &nr, WARM);
	before = faults();
	dpdk_before = dpdk_allocations();
	atomic_store(&watched.filter, true);
	while (!atomic_load(&watched.is_filtered))
		;
	if (!misbehaves) // its own switch to the filter is over
		before = faults();
	*orders = trade(ns_per_cycle, &nr, misbehaves ? TRIGGERS_BAD : TRIGGERS);
	*fault_cnt = faults() - before;
	*dpdk_cnt = (int)(dpdk_allocations() - dpdk_before);
	watched.syscalls = atomic_load(&watched.syscall_cnt); // its end makes some, too
	atomic_store(&watched.stop, true);
	pthread_join(thread, NULL);
	rte_free(watched.of_dpdk);
	lab_close(watched.lab);
	munmap(watched.fresh, PAGE_BYTES);
}

static void
a_lane_that_trades_asks_the_system_for_nothing(void **state)
{
	uint64_t fault_cnt;
	unsigned orders;
	int dpdk_cnt;

	watch(false, &orders, &fault_cnt, &dpdk_cnt);
	print_message(
		"# %u orders: %u system calls (the last %d), %lu page faults, %u allocations, "
		"%d of DPDK's\n",
		orders, watched.syscalls, atomic_load(&watched.syscall_last),
		(unsigned long)fault_cnt, atomic_load(&watched.allocation_cnt), dpdk_cnt);
	assert_true(orders >= TRIGGERS / 4);
	assert_int_equal(watched.syscalls, 0);
	assert_int_equal(fault_cnt, 0);
	assert_int_equal(atomic_load(&watched.allocation_cnt), 0);
	assert_int_equal(dpdk_cnt, 0);
}

static void
a_lane_that_does_is_noticed(void **state)
{
	uint64_t fault_cnt;
	unsigned orders;
	int dpdk_cnt;

	watch(true, &orders, &fault_cnt, &dpdk_cnt);
	assert_int_equal(watched.syscalls, 1);
	assert_true(fault_cnt >= 1);
	assert_true(atomic_load(&watched.allocation_cnt) >= 2);
	assert_int_equal(dpdk_cnt, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lane_that_trades_asks_the_system_for_nothing),
		cmocka_unit_test(a_lane_that_does_is_noticed),
	};

	if (!COUNTS) {
		printf("skipped: a sanitizer's lane is another program\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
