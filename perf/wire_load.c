/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "day_memory.h"
#include "wire/itch50.h"

enum {
	STEP_MS = 500,
	STEP_MS_QUICK = 50,
	TRIGGERS_PER_S = 2000,
	TRIES = 2,
	GAP_NS_MAX = 20000,
	BURST_MIN = 8,
	BURST_MAX = 512,
	BURSTS = 1500,
	BURSTS_QUICK = 20,
	BURST_PAUSE_US = 1000,
	BURST_TIMES_MAX = 1 << 20,
	GENERATED_MESSAGES = 1000000,
};

/* Packets a second, in turn until one is too many. */
static const uint32_t RATES[] = { 1000,    2000,    5000,    10000,   20000,   50000,
				  100000,  150000,  200000,  300000,  400000,  500000,
				  600000,  700000,  800000,  1000000, 1200000, 1400000,
				  1700000, 2000000, 2500000, 3000000, 4000000, 5000000 };

struct step {
	uint64_t sent_cnt;
	double took;  // of the time that was planned
	double cpu_s; // of the gateway
};

/* One rate for a while; the plan does not wait for anything. */
static struct step
run_rate(struct wire *w, uint32_t per_s, struct bench_series *series)
{
	const unsigned ms = w->b->quick ? STEP_MS_QUICK : STEP_MS;
	const double interval = 1e9 / per_s / w->b->ns_per_cycle;
	const uint32_t each = per_s <= TRIGGERS_PER_S ? 1 : per_s / TRIGGERS_PER_S;
	struct step step = { .sent_cnt = (uint64_t)per_s * ms / 1000 };
	const uint64_t start = __rdtsc();
	double system;

	step.cpu_s = -wire_gateway_cpu_s(w, &system);
	w->series = series;
	wire_watch_gateway(w);
	host_watch_start(&w->with_gateway);
	for (uint64_t n = 0; n < step.sent_cnt;) {
		uint64_t due = start + (uint64_t)((double)n * interval);

		while (__rdtsc() < due)
			wire_pump(w);
		for (unsigned k = 0; k < WIRE_BURST && n < step.sent_cnt && due <= __rdtsc();
		     k++, n++, due = start + (uint64_t)((double)n * interval)) {
			if (n % each == 0)
				wire_trigger(w, due);
			else
				wire_filler(w);
		}
		wire_flush(w);
		wire_pump(w);
	}
	host_watch_stop(&w->with_gateway);
	step.took = (double)(__rdtsc() - start) / ((double)step.sent_cnt * interval);
	step.cpu_s += wire_gateway_cpu_s(w, &system);
	wire_pump_for(w, WIRE_REST_MS);
	w->series = NULL;
	wire_give_up(w);
	return step;
}

static void
report_rate(struct wire *w, uint32_t per_s, struct bench_series *s)
{
	char suffix[32];

	snprintf(suffix, sizeof(suffix), "rate %u p50", per_s);
	w->b->unusable = host_watch_judge(&w->with_gateway, BENCH_P50);
	bench_report(w->b, suffix, s, NULL, BENCH_P50, (struct bench_target){ 0 });
	snprintf(suffix, sizeof(suffix), "rate %u p99", per_s);
	w->b->unusable = host_watch_judge(&w->with_gateway, BENCH_P99);
	bench_report(w->b, suffix, s, NULL, BENCH_P99, (struct bench_target){ 0 });
	w->b->unusable = NULL;
}

void
wire_sweep(struct wire *w)
{
	const unsigned rates = w->b->quick ? 6 : ARRAY_CNT(RATES);
	const char *end = "the last rate there is";
	struct bench_series s;
	uint32_t lossless = 0;
	double cpu_ns = 0;

	bench_series_init(&s, TRIGGERS_PER_S * STEP_MS / 1000 * 2, 1);
	for (unsigned i = 0; i < rates; i++) {
		bool held = false;

		for (unsigned n = 0; n < TRIES && !held; n++) {
			struct step step;

			s.cnt = 0;
			s.sorted = false;
			step = run_rate(w, RATES[i], &s);
			held = wire_trades(w);
			if (!held) {
				end = "lost packets";
				wire_new_session(w);
				if (!wire_trades(w))
					wire_die("it does not trade again after a new session");
			} else if (step.took > 1.02) {
				held = false;
				end = "the generator fell behind";
			} else {
				cpu_ns = step.cpu_s * 1e9 / (double)step.sent_cnt;
			}
		}
		if (!held) {
			printf("    %u a second: %s\n", RATES[i], end);
			break;
		}
		lossless = RATES[i];
		if (s.cnt != 0)
			report_rate(w, RATES[i], &s);
	}
	bench_figure(w->b, "lossless", lossless, "/s", 0, (struct bench_target){ 0 });
	bench_figure(w->b, "cpu at the limit", cpu_ns, "ns", 0, (struct bench_target){ 0 });
}

/* Bursts one behind the other: the time of each message since its burst began. */
struct bursts {
	uint64_t *at_ns;
	uint32_t *cnt; // messages of each
	uint32_t burst_cnt;
	uint32_t msg_cnt;
};

static uint64_t
time_of(const uint8_t *message)
{
	const struct itch50_head *h = (const struct itch50_head *)message;

	return be48_get(h->ts_ns);
}

static struct bursts
find_bursts(const struct day_memory *m)
{
	struct bursts f = { .at_ns = bench_memory(BURST_TIMES_MAX * sizeof(uint64_t)),
			    .cnt = bench_memory(BURST_TIMES_MAX * sizeof(uint32_t)) };
	uint64_t first = 0, last = 0;
	uint32_t cnt = 0;

	for (size_t at = 0; at < m->len && f.msg_cnt < BURST_TIMES_MAX;) {
		const uint64_t now = time_of(m->data + at + sizeof(be16));

		if (cnt == BURST_MAX || cnt == 0 || now - last >= GAP_NS_MAX) {
			if (cnt >= BURST_MIN)
				f.cnt[f.burst_cnt++] = cnt;
			else
				f.msg_cnt -= cnt;
			first = now;
			cnt = 0;
		}
		f.at_ns[f.msg_cnt++] = now - first;
		last = now;
		cnt++;
		at += sizeof(be16) + be16_get(*(const be16 *)(m->data + at));
	}
	if (cnt >= BURST_MIN)
		f.cnt[f.burst_cnt++] = cnt;
	return f;
}

static void
play_burst(struct wire *w, const uint64_t *at_ns, uint32_t cnt)
{
	const uint64_t start = __rdtsc() + (uint64_t)(BURST_PAUSE_US * 1e3 / w->b->ns_per_cycle);

	for (uint32_t n = 0; n < cnt;) {
		uint64_t due = start + (uint64_t)((double)at_ns[n] / w->b->ns_per_cycle);

		while (__rdtsc() < due)
			wire_pump(w);
		for (unsigned k = 0; k < WIRE_BURST && n < cnt && due <= __rdtsc(); k++) {
			if (n == cnt - 1)
				wire_trigger(w, due);
			else
				wire_filler(w);
			if (++n < cnt)
				due = start + (uint64_t)((double)at_ns[n] / w->b->ns_per_cycle);
		}
		wire_flush(w);
	}
}

void
wire_bursts(struct wire *w)
{
	static const struct {
		const char *name;
		uint32_t per_million;
	} ROW[] = { { "p50", BENCH_P50 },
		    { "p99", BENCH_P99 },
		    { "p99.9", BENCH_P999 },
		    { "max", BENCH_MAX } };
	const unsigned bursts = w->b->quick ? BURSTS_QUICK : BURSTS;
	const char *name = "recorded burst";
	struct bench_series s;
	struct day_memory m;
	struct bursts f;
	uint32_t longest = 0;
	char text[512];
	uint32_t at = 0, burst = 0;

	snprintf(text, sizeof(text), "%s/itch/aapl-20120621-open.itch50",
		 w->b->data != NULL ? w->b->data : "");
	if (w->b->data == NULL || !day_memory_load(&m, text)) {
		struct day_config c;
		const char *why;
		struct day *d;

		day_config_init(&c);
		c.seed = w->b->seed;
		c.flow_cnt = GENERATED_MESSAGES;
		d = day_open(&c, &why);
		if (d == NULL)
			bench_die(why);
		day_memory_fill(&m, d, c.flow_cnt);
		day_close(d);
		name = "generated burst";
	}
	f = find_bursts(&m);
	if (f.burst_cnt == 0)
		bench_die("there is no burst in the day");
	for (uint32_t i = 0; i < f.burst_cnt; i++)
		longest = f.cnt[i] > longest ? f.cnt[i] : longest;
	printf("    %u bursts, %.0f messages on average, the longest %u\n", f.burst_cnt,
	       (double)f.msg_cnt / f.burst_cnt, longest);
	bench_series_init(&s, bursts, 1);
	w->series = &s;
	wire_watch_gateway(w);
	host_watch_start(&w->with_gateway);
	for (unsigned n = 0; n < bursts; n++) {
		play_burst(w, f.at_ns + at, f.cnt[burst]);
		at += f.cnt[burst];
		if (++burst == f.burst_cnt)
			burst = at = 0;
	}
	host_watch_stop(&w->with_gateway);
	wire_pump_for(w, WIRE_REST_MS);
	w->series = NULL;
	wire_give_up(w);
	if (s.cnt == 0)
		wire_die("no burst had an order");
	for (unsigned i = 0; i < ARRAY_CNT(ROW); i++) {
		snprintf(text, sizeof(text), "%s %s", name, ROW[i].name);
		w->b->unusable = host_watch_judge(&w->with_gateway, ROW[i].per_million);
		bench_report(w->b, text, &s, NULL, ROW[i].per_million, (struct bench_target){ 0 });
	}
	w->b->unusable = NULL;
	snprintf(text, sizeof(text), "%ss that lost packets", name);
	bench_figure(w->b, text, wire_trades(w) ? 0 : 1, "of 1", 0, (struct bench_target){ 0 });
}
