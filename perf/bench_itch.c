/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "bench.h"
#include "day_memory.h"
#include "ingress/parse_itch50.h"

/*
 * itch.decode: what one ITCH 5.0 message costs in parse, all main fields of it written into a
 * struct md, counted by type, lengths checked.
 *
 * Floor: walking the same kind of bytes by their length prefixes and counting types, nothing more.
 *
 * How it could lie.  A file that fits the cache flatters both: the generated day does not fit, and
 * the floor never walks the packets that decode takes next (each is half a file away from the
 * other).  The compiler could drop fields nobody reads: bench_keep() forces all of md into memory.
 * Message kinds in a fixed order would be predicted: the generator draws them at random.  A sample
 * is one slice of packets, so the tail of a single message is not visible.  The recorded file is
 * small and stays in the cache: its figure is the warm one, and has its own floor.
 */
enum {
	SYMBOL_CNT = 8000,
	MESSAGES = 4000000,
	MESSAGES_QUICK = 300000,
	SLICE_PACKETS = 64, // about 3,000 messages
	PASSES = 3,
	PASSES_QUICK = 1,
	FILE_PASSES = 400,
};

static uint64_t
walk_slice(const struct day_memory *m, size_t first, size_t cnt, uint64_t type_cnt[256])
{
	uint64_t msg_cnt = 0;

	for (size_t i = first; i < first + cnt; i++) {
		const uint8_t *at = m->packet[i].data;

		for (uint32_t k = m->packet[i].msg_cnt; k != 0; k--) {
			type_cnt[at[2]]++;
			at += sizeof(be16) + be16_get(*(const be16 *)at);
		}
		msg_cnt += m->packet[i].msg_cnt;
	}
	return msg_cnt;
}

static uint64_t
decode_slice(struct parse *p, const struct day_memory *m, size_t first, size_t cnt)
{
	uint64_t msg_cnt = 0;
	struct md md;

	for (size_t i = first; i < first + cnt; i++) {
		struct parse_walk w;

		parse_start(&w, &m->packet[i]);
		while (parse_next(p, &w, &md))
			bench_keep(&md);
		msg_cnt += m->packet[i].msg_cnt;
	}
	return msg_cnt;
}

/* Slices hold different numbers of messages; a sample is picoseconds per message instead. */
static void
add_slice(struct bench_series *s, uint64_t cycles, uint64_t msg_cnt)
{
	bench_add(s, cycles * 1000 / msg_cnt);
}

static void
run(struct bench *b, const struct day_memory *m, unsigned passes, size_t slice_packets,
    const char *suffix, const symbol_pattern *only, struct bench_target target)
{
	const struct parse_config c = { .shard_cnt = 1,
					.symbol = only,
					.symbol_cnt = only != NULL };
	static uint64_t type_cnt[256];
	const size_t slice_cnt = m->packet_cnt / slice_packets;
	struct bench_series decode, floor;
	static struct parse p;

	if (slice_cnt == 0)
		bench_die("the day is too short");
	if (parse_init(&p, &c) != 0)
		bench_die("parse does not start");
	bench_series_init(&decode, slice_cnt * passes, 1000);
	bench_series_init(&floor, slice_cnt * passes, 1000);
	decode_slice(&p, m, 0, slice_packets); // warms the code, not the data that is timed
	walk_slice(m, 0, slice_packets, type_cnt);
	for (unsigned pass = 0; pass < passes; pass++) {
		for (size_t i = 0; i < slice_cnt; i++) {
			const size_t other = (i + slice_cnt / 2) % slice_cnt;
			uint64_t start = bench_start(), msg_cnt;

			msg_cnt = walk_slice(m, other * slice_packets, slice_packets, type_cnt);
			add_slice(&floor, bench_since(start), msg_cnt);
			start = bench_start();
			msg_cnt = decode_slice(&p, m, i * slice_packets, slice_packets);
			add_slice(&decode, bench_since(start), msg_cnt);
		}
	}
	bench_keep(type_cnt);
	bench_report(b, suffix, &decode, &floor, BENCH_P50, target);
}

int
main(int argc, char **argv)
{
	struct day_config c;
	struct day_memory m;
	struct bench b;
	static const symbol_pattern NOBODY = "NOBODY";
	const char *why;
	struct day *d;
	char path[512];

	bench_open(&b, "itch.decode", argc, argv);
	day_config_init(&c);
	c.seed = b.seed;
	c.symbol_cnt = SYMBOL_CNT;
	c.flow_cnt = b.quick ? MESSAGES_QUICK : MESSAGES;
	d = day_open(&c, &why);
	if (d == NULL)
		bench_die(why);
	day_memory_fill(&m, d, c.flow_cnt);
	day_close(d);
	run(&b, &m, b.quick ? PASSES_QUICK : PASSES, SLICE_PACKETS, "", NULL,
	    (struct bench_target){ .ratio_max = 2 });
	// what messages cost that nobody subscribes to; their instruments become settled on the way
	run(&b, &m, b.quick ? PASSES_QUICK : PASSES, SLICE_PACKETS, "skip", &NOBODY,
	    (struct bench_target){ 0 });
	snprintf(path, sizeof(path), "%s/itch/aapl-20120621-open.itch50", b.data);
	if (b.data != NULL && day_memory_load(&m, path))
		run(&b, &m, b.quick ? 1 : FILE_PASSES, 16, "recorded", NULL,
		    (struct bench_target){ 0 });
	return bench_close(&b);
}
