/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "err/err.h"
#include "journal/writer.h"
#include "remove_folder.h"

/*
 * journal.put: what a lane pays for one record of the audit journal.
 *
 * put: an intent, 16 records per sample, in a ring of 65,536 slots that leaves the caches (4 MiB):
 * what is written was last touched a whole turn of the ring ago.  wire: the 50 bytes of an order,
 * two slots.  Floor: 64 bytes copied to the same place, without number, room or count.
 *
 * full: the same when the writer stands still and the ring is full: what a stalled disk costs a
 * lane.  sustained: a lane puts 2 million records a second, paced by the clock, while the real
 * writer on another core keeps them on disk; the figure is how many were offered for each that was
 * kept: 1 when none is lost.
 *
 * How it could lie.  In put the slots are given back by the same thread, so no line is in another
 * core's cache; sustained has the other core read them.  The disk of sustained is that of TMPDIR;
 * the page cache takes a few seconds' worth.  Nothing is synced while it runs: sync_ms bounds only
 * what a power cut costs.
 */
enum {
	PER_SAMPLE = 16,
	SAMPLES = 40000,
	SAMPLES_QUICK = 500,
	SLOTS = 65536,
	WIRE_BYTES = 50, // an OUCH 5.0 Enter Order with its packet's head
	RATE = 2000000,
	SECONDS = 6, // four segments are full meanwhile
};

static struct journal_ring_head *
make_ring(void)
{
	struct journal_ring_head *head =
		bench_memory(JOURNAL_RING_HEAD_BYTES + (size_t)SLOTS * CACHE_LINE);

	head->head_bytes = JOURNAL_RING_HEAD_BYTES;
	head->slot_cnt = SLOTS;
	return head;
}

static uint64_t
time_put(struct journal *j, struct journal_slot *s)
{
	const uint64_t start = bench_start();

	for (unsigned i = 0; i < PER_SAMPLE; i++) {
		s->rx_ns++;
		journal_message(j, JOURNAL_INTENT, s, i, s->rx_ns + 1);
	}
	return bench_since(start);
}

static uint64_t
time_wire(struct journal *j, struct journal_slot *s, const uint8_t *bytes)
{
	const uint64_t start = bench_start();

	for (unsigned i = 0; i < PER_SAMPLE; i++) {
		s->ns++;
		journal_put_wire(j, s, bytes, WIRE_BYTES);
	}
	return bench_since(start);
}

static uint64_t
time_floor(uint8_t *slots, uint32_t *pos, struct journal_slot *s)
{
	const uint64_t start = bench_start();

	for (unsigned i = 0; i < PER_SAMPLE; i++) {
		s->rx_ns++;
		memcpy(slots + (size_t)((*pos)++ & (SLOTS - 1)) * CACHE_LINE, s, sizeof(*s));
		__asm__ volatile("" ::: "memory");
	}
	return bench_since(start);
}

static void
give_back(struct journal *j)
{
	store_release_u32(&j->head->taken_pos, j->put_pos);
}

static void
measure_put(struct bench *b)
{
	const unsigned samples = b->quick ? SAMPLES_QUICK : SAMPLES;
	const uint8_t bytes[WIRE_BYTES] = { 1 };
	struct journal_slot s = { .instr_idx = 1, .kind = JOURNAL_WIRE_OUT };
	uint8_t *floor_slots = bench_memory((size_t)SLOTS * CACHE_LINE);
	struct bench_series put, wire, full, floor;
	struct journal j, stuck;
	uint32_t pos = 0;

	journal_init(&j, make_ring(), NULL, false);
	journal_init(&stuck, make_ring(), NULL, false);
	for (unsigned i = 0; i < SLOTS; i++)
		journal_message(&stuck, JOURNAL_INTENT, &s, 0, 0);
	bench_series_init(&put, samples, PER_SAMPLE);
	bench_series_init(&wire, samples, PER_SAMPLE);
	bench_series_init(&full, samples, PER_SAMPLE);
	bench_series_init(&floor, samples, PER_SAMPLE);
	for (unsigned i = 0; i < samples; i++) {
		bench_add(&floor, time_floor(floor_slots, &pos, &s));
		bench_add(&put, time_put(&j, &s));
		give_back(&j);
		bench_add(&wire, time_wire(&j, &s, bytes));
		give_back(&j);
		bench_add(&full, time_put(&stuck, &s));
	}
	if (j.metrics.lost != 0 || stuck.metrics.lost == 0)
		bench_die("a record was lost, or none although the ring was full");
	bench_report(b, "", &put, &floor, BENCH_P50, (struct bench_target){ .value_max = 20 });
	bench_report(b, "p99", &put, &floor, BENCH_P99, (struct bench_target){ 0 });
	bench_report(b, "wire", &wire, &floor, BENCH_P50, (struct bench_target){ .value_max = 40 });
	bench_report(b, "full", &full, &floor, BENCH_P50, (struct bench_target){ 0 });
}

static void
measure_sustained(struct bench *b)
{
	const double seconds = b->quick ? 0.1 : SECONDS;
	const uint64_t record_cnt = (uint64_t)(RATE * seconds);
	const double cycles_each = 1e9 / RATE / b->ns_per_cycle;
	const char *tmp = getenv("TMPDIR");
	struct journal_slot s = { .instr_idx = 1 };
	struct journal_recovered found;
	struct journal_writer *w;
	struct bench_series put;
	struct journal j;
	char folder[256];
	uint64_t start;
	struct err e;

	err_init(&e);
	snprintf(folder, sizeof(folder), "%s/sluice-bench-journal.XXXXXX",
		 tmp == NULL ? "/tmp" : tmp);
	if (b->far_core == b->core || mkdtemp(folder) == NULL)
		return; // a second core writes
	const struct journal_writer_config c = {
		.folder = folder,
		.build = "bench",
		.segment_bytes = 256 << 20,
		.ring_slots = SLOTS,
		.keep.keep_segments = 1,
		.sync_ms = 60000,
	};

	if (journal_writer_open(&w, &c, &found, &e) != 0 ||
	    journal_writer_ring(w, 0, "bench", NULL, &j, &e) != 0)
		bench_die(e.text);
	bench_pin(b->far_core); // its threads stay there
	if (journal_writer_start(w, &e) != 0)
		bench_die(e.text);
	bench_pin(b->core);
	bench_series_init(&put, record_cnt / PER_SAMPLE, PER_SAMPLE);
	start = bench_start();
	for (uint64_t n = 0; n < record_cnt / PER_SAMPLE; n++) {
		while ((double)bench_since(start) < (double)(n * PER_SAMPLE) * cycles_each)
			;
		bench_add(&put, time_put(&j, &s));
	}
	const double ns = (double)bench_since(start) * b->ns_per_cycle;
	const uint64_t offered_cnt = record_cnt / PER_SAMPLE * PER_SAMPLE;

	bench_figure(b, "sustained", (double)offered_cnt / (double)(offered_cnt - j.metrics.lost),
		     "offered per kept", 1, (struct bench_target){ .ratio_max = 1.0000001 });
	bench_figure(b, "sustained offered", ns / (double)offered_cnt, "ns", 1e9 / RATE,
		     (struct bench_target){ 0 });
	bench_report(b, "sustained put p99", &put, NULL, BENCH_P99, (struct bench_target){ 0 });
	bench_report(b, "sustained put p99.9", &put, NULL, BENCH_P999, (struct bench_target){ 0 });
	journal_writer_close(w);
	remove_folder(folder);
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, "journal.put", argc, argv);
	measure_put(&b);
	measure_sustained(&b);
	return bench_close(&b);
}
