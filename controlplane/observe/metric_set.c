/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metric_set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/units.h"

static const char *const KIND_WORD[] = {
	[METRIC_KIND_COUNTER] = "counter",
	[METRIC_KIND_GAUGE] = "gauge",
	[METRIC_KIND_SUMMARY] = "summary",
};

static struct metric_sample *
sample_add(struct metric_set *m)
{
	if (m->cnt == m->room) {
		const size_t room = m->room == 0 ? 256 : m->room * 2;
		struct metric_sample *more = realloc(m->sample, room * sizeof(*more));

		if (more == NULL) {
			m->no_memory = true;
			return NULL;
		}
		m->sample = more;
		m->room = room;
	}
	memset(&m->sample[m->cnt], 0, sizeof(m->sample[0]));
	return &m->sample[m->cnt++];
}

/* A metric's name may hold letters, digits and '_' only. */
static void
make_name(char *name)
{
	for (; *name != '\0'; name++)
		if (!((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
		      (*name >= '0' && *name <= '9')))
			*name = '_';
}

static void
label_add(struct metric_sample *x, const char *key, const char *value)
{
	if (x->label_cnt == STATE_LABEL_MAX)
		return;
	snprintf(x->label_key[x->label_cnt], sizeof(x->label_key[0]), "%s", key);
	make_name(x->label_key[x->label_cnt]);
	snprintf(x->label_value[x->label_cnt], sizeof(x->label_value[0]), "%s", value);
	x->label_cnt++;
}

static void
take_metric(void *arg, const struct state_metric *from)
{
	struct metric_sample *x = sample_add(arg);

	if (x == NULL)
		return;
	snprintf(x->family, sizeof(x->family), "sluice_%s_%s%s", from->module, from->name,
		 from->counter ? "_total" : "");
	make_name(x->family);
	snprintf(x->help, sizeof(x->help), "%s", from->help);
	x->kind = from->counter ? METRIC_KIND_COUNTER : METRIC_KIND_GAUGE;
	x->suffix = "";
	for (uint32_t i = 0; i < from->label_cnt && i < STATE_LABEL_MAX; i++)
		label_add(x, from->label[i].key, from->label[i].value);
	x->value = from->value;
}

struct row {
	const char *module;
	const char *name;
	const char *help;
	bool counter;
	uint64_t value;
};

/* Rows that share their labels. */
static void
take_rows(struct metric_set *m, const struct row *row, size_t row_cnt,
	  const struct state_label *label, uint32_t label_cnt)
{
	for (size_t i = 0; i < row_cnt; i++) {
		struct state_metric x = {
			.module = row[i].module,
			.name = row[i].name,
			.help = row[i].help,
			.counter = row[i].counter,
			.label_cnt = label_cnt,
			.value = row[i].value,
		};

		if (label_cnt > 0)
			memcpy(x.label, label, label_cnt * sizeof(label[0]));
		take_metric(m, &x);
	}
}

static size_t
rows_in(int found, size_t row_max)
{
	if (found < 0)
		return 0;
	return (size_t)found < row_max ? (size_t)found : row_max;
}

static void
collect_status(struct metric_set *m, const struct state_source *s)
{
	struct state_health health;
	struct state_status st = { 0 };

	if (s->status(s->ctx, &st) < 0)
		return;
	state_health_judge(s, &health);
	{
		// clang-format off
		const struct row ROW[] = {
			{ "gateway", "orders_on", "1 when orders may leave: armed and not halted", false, st.halt_reasons == 0 },
			{ "gateway", "healthy", "1 when /healthz says so", false, health.reason_cnt == 0 },
			{ "gateway", "start_seconds", "When the gateway was started, in seconds since 1970", false, st.start_ns / NS_PER_SEC },
			{ "gateway", "limits_version", "Version of the risk limits in force", false, st.limits_version },
			{ "gateway", "huge_pages", "1 when lanes live in huge pages, 0 when degraded", false, st.huge_pages },
			{ "gateway", "order_open", "Orders in the market now", false, st.order_open_cnt },
		};
		const struct state_label VERSION[] = { { "version", st.version }, { "environment", st.environment } };
		const struct row INFO[] = {
			{ "gateway", "info", "Always 1; its labels say what runs", false, 1 },
		};
		// clang-format on

		take_rows(m, ROW, ARRAY_CNT(ROW), NULL, 0);
		take_rows(m, INFO, ARRAY_CNT(INFO), VERSION, ARRAY_CNT(VERSION));
	}
	for (uint32_t bit = 0; state_halt_word(bit) != NULL; bit++) {
		const struct state_label reason = { "reason", state_halt_word(bit) };
		const struct row ROW[] = { { "gateway", "halted",
					     "1 for each reason why no order may leave", false,
					     st.halt_reasons >> bit & 1 } };

		take_rows(m, ROW, ARRAY_CNT(ROW), &reason, 1);
	}
}

static void
collect_ports(struct metric_set *m, const struct state_source *s)
{
	struct state_port port[PORT_MAX];
	const size_t cnt = rows_in(s->ports(s->ctx, port, PORT_MAX), PORT_MAX);

	for (size_t i = 0; i < cnt; i++) {
		const struct state_port *p = &port[i];
		const struct state_label label = { "port", p->name };
		// clang-format off
		const struct row ROW[] = {
			{ "port", "link_up", "1 when the link is up", false, p->link_up },
			{ "port", "rx_packet", "Packets received", true, p->rx_packet_cnt },
			{ "port", "rx_bytes", "Bytes received", true, p->rx_bytes },
			{ "port", "rx_missed", "Packets the NIC dropped because a receive queue was full", true, p->rx_missed_cnt },
			{ "port", "rx_no_buffer", "Packets that found no buffer", true, p->rx_no_buffer_cnt },
			{ "port", "rx_error", "Packets the NIC found broken", true, p->rx_error_cnt },
			{ "port", "tx_packet", "Packets sent", true, p->tx_packet_cnt },
			{ "port", "tx_bytes", "Bytes sent", true, p->tx_bytes },
			{ "port", "tx_error", "Packets the NIC failed to send", true, p->tx_error_cnt },
			{ "port", "buffer", "Buffers in the pool", false, p->buffer_cnt },
			{ "port", "buffer_free", "Buffers free now", false, p->buffer_free_cnt },
		};
		// clang-format on

		take_rows(m, ROW, ARRAY_CNT(ROW), &label, 1);
	}
}

static void
collect_lanes(struct metric_set *m, const struct state_source *s)
{
	struct state_lane *lane = calloc(LANE_MAX, sizeof(*lane));
	size_t cnt;

	if (lane == NULL) {
		m->no_memory = true;
		return;
	}
	cnt = rows_in(s->lanes(s->ctx, lane, LANE_MAX), LANE_MAX);
	for (size_t i = 0; i < cnt; i++) {
		const struct state_lane *l = &lane[i];
		const struct state_label label = { "lane", l->name };
		// clang-format off
		const struct row ROW[] = {
			{ "lane", "running", "1 while the lane runs", false, l->run == STATE_LANE_RUNNING },
			{ "lane", "turn", "Turns of the lane's loop", true, l->turn_cnt },
			{ "lane", "busy_turn", "Turns that took at least one message", true, l->busy_turn_cnt },
			{ "lane", "message", "Messages taken", true, l->msg_cnt },
			{ "lane", "pause_max_ns", "Longest time between two looks at timers and commands, in ns", false, l->pause_max_ns },
			{ "lane", "event_lost", "Events for the log that found the ring full", true, l->event_lost_cnt },
			{ "lane", "memory_bytes", "Memory of the lane", false, l->memory_bytes },
		};
		// clang-format on

		take_rows(m, ROW, ARRAY_CNT(ROW), &label, 1);
		for (uint32_t k = 0; k < l->ring_cnt && k < STATE_RING_MAX; k++) {
			const struct state_ring *r = &l->ring[k];
			const struct state_label ring[] = { { "lane", l->name },
							    { "message", r->kind },
							    { "from", r->from } };
			const struct row DEPTH[] = {
				{ "ring", "depth", "Messages in the ring now", false, r->depth },
				{ "ring", "slots", "Messages the ring holds", false, r->slot_cnt },
			};

			take_rows(m, DEPTH, ARRAY_CNT(DEPTH), ring, ARRAY_CNT(ring));
		}
	}
	free(lane);
}

static void
collect_sessions(struct metric_set *m, const struct state_source *s)
{
	struct state_session session[SESSION_MAX];
	const size_t cnt = rows_in(s->sessions(s->ctx, session, SESSION_MAX), SESSION_MAX);

	for (size_t i = 0; i < cnt; i++) {
		const struct state_session *x = &session[i];
		const struct state_label label = { "session", x->name };
		// clang-format off
		const struct row ROW[] = {
			{ "session", "up", "1 when orders can be sent", false, x->run == STATE_SESSION_UP },
			{ "session", "rtt_ns", "Smoothed round trip of the connection, in ns", false, x->rtt_ns },
			{ "session", "order_open", "Orders of the session in the market now", false, x->order_open_cnt },
			{ "session", "order_max", "Orders of the session that may be open at once", false, x->order_max },
		};
		// clang-format on

		take_rows(m, ROW, ARRAY_CNT(ROW), &label, 1);
	}
}

static void
take_summary(struct metric_set *m, const struct state_latency_row *row, const char *suffix,
	     const char *quantile, uint64_t value)
{
	struct metric_sample *x = sample_add(m);

	if (x == NULL)
		return;
	snprintf(x->family, sizeof(x->family), "sluice_latency_ns");
	snprintf(x->help, sizeof(x->help), "Time between two points of the way, in ns");
	x->kind = METRIC_KIND_SUMMARY;
	x->suffix = suffix;
	label_add(x, "name", row->name);
	label_add(x, "kind", row->end_point ? "end_point" : "stage");
	if (quantile != NULL)
		label_add(x, "quantile", quantile);
	x->value = value;
}

static void
collect_latency(struct metric_set *m, const struct state_source *s)
{
	enum { ROW_MAX = STATE_LATENCY_MAX };
	struct state_latency_row *row = calloc(ROW_MAX, sizeof(*row));
	size_t cnt;

	if (row == NULL) {
		m->no_memory = true;
		return;
	}
	cnt = rows_in(s->latency(s->ctx, row, ROW_MAX), ROW_MAX);
	for (size_t i = 0; i < cnt; i++) {
		take_summary(m, &row[i], "", "0.5", row[i].p50_ns);
		take_summary(m, &row[i], "", "0.9", row[i].p90_ns);
		take_summary(m, &row[i], "", "0.99", row[i].p99_ns);
		take_summary(m, &row[i], "", "0.999", row[i].p999_ns);
		take_summary(m, &row[i], "", "0.9999", row[i].p9999_ns);
		take_summary(m, &row[i], "", "1", row[i].max_ns);
		take_summary(m, &row[i], "_sum", NULL, row[i].sum_ns);
		take_summary(m, &row[i], "_count", NULL, row[i].cnt);
	}
	free(row);
}

/* By family; labels decide where there are several, and quantiles stay as they came. */
static int
sample_order(const void *va, const void *vb)
{
	const struct metric_sample *a = va, *b = vb;
	int order = strcmp(a->family, b->family);

	for (uint32_t i = 0; order == 0 && i < a->label_cnt && i < b->label_cnt; i++)
		order = strcmp(a->label_value[i], b->label_value[i]);
	return order != 0 ? order : strcmp(b->suffix, a->suffix);
}

int
metric_set_collect(struct metric_set *m, const struct state_source *s)
{
	memset(m, 0, sizeof(*m));
	collect_status(m, s);
	collect_ports(m, s);
	collect_lanes(m, s);
	collect_sessions(m, s);
	collect_latency(m, s);
	s->metrics(s->ctx, take_metric, m);
	if (m->cnt != 0)
		qsort(m->sample, m->cnt, sizeof(m->sample[0]), sample_order);
	return m->no_memory ? -ENOMEM : 0;
}

void
metric_set_fini(struct metric_set *m)
{
	free(m->sample);
	memset(m, 0, sizeof(*m));
}

static void
write_escaped(FILE *out, const char *text, bool quotes)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\')
			fputs("\\\\", out);
		else if (*text == '"' && quotes)
			fputs("\\\"", out);
		else
			fputc(*text, out);
	}
}

void
metric_set_write(const struct metric_set *m, FILE *out)
{
	for (size_t i = 0; i < m->cnt; i++) {
		const struct metric_sample *x = &m->sample[i];

		if (i == 0 || strcmp(x->family, x[-1].family) != 0) {
			fprintf(out, "# HELP %s ", x->family);
			write_escaped(out, x->help, false);
			fprintf(out, "\n# TYPE %s %s\n", x->family, KIND_WORD[x->kind]);
		}
		fprintf(out, "%s%s", x->family, x->suffix);
		for (uint32_t k = 0; k < x->label_cnt; k++) {
			fprintf(out, "%s%s=\"", k == 0 ? "{" : ",", x->label_key[k]);
			write_escaped(out, x->label_value[k], true);
			fputc('"', out);
		}
		fprintf(out, "%s %" PRIu64 "\n", x->label_cnt == 0 ? "" : "}", x->value);
	}
}
