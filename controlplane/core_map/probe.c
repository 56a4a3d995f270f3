/* SPDX-License-Identifier: Apache-2.0 */
#include "core_map/probe.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/ring.h"

enum {
	TRIPS = 64, // to and fro per sample
	SAMPLE_MAX = 4096,
	SLOTS = 64,
	GAP_NS = 1000,
	STOP_NR = UINT32_MAX,
};

struct message {
	uint32_t ring_seq; // the ring's own
	uint32_t nr;
	uint64_t body[7];
};
static_assert(sizeof(struct message) == CACHE_LINE, "one message, one cache line");

struct link {
	cache_aligned struct ring there;
	cache_aligned struct ring back;
	cache_aligned uint8_t there_slot[SLOTS * CACHE_LINE];
	cache_aligned uint8_t back_slot[SLOTS * CACHE_LINE];
	uint32_t core;
	int error;
};

static int
pin(uint32_t core)
{
	cpu_set_t set;

	if (core >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return -pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void *
far_side(void *arg)
{
	struct link *l = arg;
	struct message m = { 0 };

	l->error = pin(l->core);
	do {
		while (!ring_take(&l->there, &m))
			;
		while (!ring_room(&l->back, 1))
			;
		ring_put(&l->back, &m);
	} while (m.nr != STOP_NR);
	return NULL;
}

static void
trip(struct link *l, uint32_t nr)
{
	struct message m = { .nr = nr };

	ring_put(&l->there, &m);
	while (!ring_take(&l->back, &m))
		;
}

static int
by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Samples until the time is over; the median, of one way. */
static uint32_t
sample(struct link *l, uint32_t ms_max)
{
	static uint64_t took[SAMPLE_MAX];
	const uint64_t until = now_ns() + (uint64_t)ms_max * 1000000;
	uint32_t cnt = 0;

	for (unsigned i = 0; i < TRIPS; i++)
		trip(l, i);
	while (cnt < SAMPLE_MAX) {
		const uint64_t start = now_ns();

		for (unsigned i = 0; i < TRIPS; i++)
			trip(l, i);
		took[cnt] = now_ns() - start;
		if (start + took[cnt++] > until)
			break;
	}
	qsort(took, cnt, sizeof(took[0]), by_size);
	return (uint32_t)(took[cnt / 2] / (2 * TRIPS));
}

int
probe_hop(uint32_t from, uint32_t to, uint32_t ms_max, uint32_t *ns, struct err *e)
{
	cpu_set_t before;
	struct link *l;
	pthread_t far;
	int rc;

	if (from == to)
		return err_set(e, -EINVAL, "core %u to itself is no hop", from);
	if (posix_memalign((void **)&l, CACHE_LINE, sizeof(*l)) != 0)
		return err_set(e, -ENOMEM, "no memory left");
	memset(l, 0, sizeof(*l));
	ring_init(&l->there, l->there_slot, SLOTS);
	ring_init(&l->back, l->back_slot, SLOTS);
	l->core = to;
	sched_getaffinity(0, sizeof(before), &before);
	rc = pin(from);
	if (rc == 0)
		rc = -pthread_create(&far, NULL, far_side, l);
	if (rc == 0) {
		trip(l, 0); // the far side is pinned, or has an error
		if (l->error == 0)
			*ns = sample(l, ms_max);
		trip(l, STOP_NR);
		pthread_join(far, NULL);
		rc = l->error;
		from = to;
	}
	pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
	free(l);
	return rc == 0 ? 0
		       : err_set(e, rc,
				 "a thread cannot run on core %u: %s; is it online, and may this "
				 "process use it (cpuset)?",
				 from, strerror(-rc));
}

int
probe_jitter(uint32_t core, uint32_t ms, struct probe_jitter *out, struct err *e)
{
	const uint64_t span_ns = (uint64_t)ms * 1000000;
	uint64_t lost = 0, worst = 0, start_ns, start_tsc, last, total_ns;
	struct clock_map c = { 0 };
	cpu_set_t before;
	int rc;

	sched_getaffinity(0, sizeof(before), &before);
	rc = pin(core);
	if (rc != 0)
		return err_set(e, rc, "a thread cannot run on core %u: %s", core, strerror(-rc));
	// the rate first, so that gaps can be told from the start
	start_ns = now_ns();
	start_tsc = clock_tsc();
	do
		total_ns = now_ns() - start_ns;
	while (total_ns < 20000000);
	c.ns_per_2_32_cycles =
		(uint64_t)(((unsigned __int128)total_ns << 32) / (clock_tsc() - start_tsc));
	start_tsc = last = clock_tsc();
	while (clock_cycles_to_ns(&c, last - start_tsc) < span_ns) {
		const uint64_t now = clock_tsc();
		const uint64_t gap_ns = clock_cycles_to_ns(&c, now - last);

		last = now;
		if (gap_ns < GAP_NS)
			continue;
		lost += gap_ns;
		if (gap_ns > worst)
			worst = gap_ns;
	}
	total_ns = clock_cycles_to_ns(&c, last - start_tsc);
	out->lost_ns_per_s = (uint64_t)((unsigned __int128)lost * 1000000000U / total_ns);
	out->worst_ns = worst;
	pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
	return 0;
}
