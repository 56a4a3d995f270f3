/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_commands.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "ctl/ctl_books.h"
#include "ctl/ctl_evidence.h"
#include "ctl/ctl_json.h"
#include "ctl/ctl_measure.h"
#include "ctl/ctl_orders.h"
#include "ctl/ctl_reload.h"
#include "ctl/ctl_risk.h"
#include "ctl/ctl_stop.h"
#include "err/err.h"
#include "observe/metric_set.h"

enum {
	CHANGES = true,
	READS = false,
};

const struct ctl_command_def CTL_COMMAND[CTL_COMMAND_CNT] = {
#define COMMAND(name, words, changes, meaning) [CTL_##name] = { #name, words, changes, meaning },
#define ARG(command, name, type, how, meaning)
#include "ctl/ctl_commands.def"
#undef COMMAND
#undef ARG
};

const struct ctl_arg_def CTL_ARG[] = {
#define COMMAND(name, words, changes, meaning)
#define ARG(command, name, type, how, meaning) \
	{ CTL_##command, #name, CTL_##type, CTL_##how, meaning },
#include "ctl/ctl_commands.def"
#undef COMMAND
#undef ARG
};
const size_t CTL_ARG_CNT = ARRAY_CNT(CTL_ARG);

enum {
	ORDER_ROW_MAX = 4096,
	EVENT_ROW_MAX = 512,
	EVENT_ROW_DEFAULT = 50,
	CONFIG_ROW_MAX = 16384,
	MANIFEST_ROWS_MAX = 128, // this gateway's, and those that were approved and are not here
};

json_t *
ctl_refusal(int code, const char *fmt, ...)
{
	const char *name = strerrorname_np(code < 0 ? -code : code);
	char text[2048];
	json_t *answer;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	answer = json_pack("{s:b,s:{s:s,s:s}}", "ok", 0, "error", "code",
			   name == NULL ? "EIO" : name, "text", text);
	if (answer == NULL) // the text was not UTF-8
		answer = json_pack("{s:b,s:{s:s,s:s}}", "ok", 0, "error", "code", "EIO", "text",
				   "the error has a text that is not UTF-8");
	return answer;
}

enum ctl_command
ctl_command_of(const char *name)
{
	for (unsigned i = 0; i < CTL_COMMAND_CNT; i++)
		if (strcmp(CTL_COMMAND[i].name, name) == 0)
			return (enum ctl_command)i;
	return CTL_COMMAND_CNT;
}

/* Letters to add, drop or change until a is b. */
static unsigned
distance(const char *a, const char *b)
{
	enum { LEN_MAX = 24 };
	const size_t a_len = strnlen(a, LEN_MAX), b_len = strnlen(b, LEN_MAX);
	unsigned row[LEN_MAX + 1];

	for (unsigned k = 0; k <= b_len; k++)
		row[k] = k;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t k = 1; k <= b_len; k++) {
			const unsigned change = diagonal + (a[i - 1] != b[k - 1]);
			const unsigned drop = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;

			diagonal = row[k];
			row[k] = change < drop ? change : drop;
		}
	}
	return row[b_len];
}

enum ctl_command
ctl_command_nearest(const char *name)
{
	unsigned best = UINT32_MAX;
	enum ctl_command nearest = CTL_status;

	for (unsigned i = 0; i < CTL_COMMAND_CNT; i++) {
		unsigned d = distance(name, CTL_COMMAND[i].name);

		if (strncasecmp(name, CTL_COMMAND[i].name, strlen(name)) == 0)
			d = 0; // a beginning is as near as it gets
		if (d < best) {
			best = d;
			nearest = (enum ctl_command)i;
		}
	}
	return nearest;
}

/*
 * Reading: one function per command, each returns the result or NULL with the words in *e
 */

static json_t *
do_status(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_status st = { 0 };
	struct state_health health;
	json_t *reasons = json_array();
	int rc = s->status(s->ctx, &st);

	if (rc < 0) {
		json_decref(reasons);
		err_set(e, rc, "the gateway's state cannot be read");
		return NULL;
	}
	state_health_judge(s, &health);
	for (uint32_t i = 0; i < health.reason_cnt; i++)
		json_array_append_new(reasons, words(health.reason[i]));
	return json_pack("{s:o,s:o,s:o,s:i,s:i,s:I,s:I,s:b,s:o,s:o,s:b,s:o,s:I,s:b,s:b,s:I,s:I,s:I,"
			 "s:I,s:I,s:I,"
			 "s:I}",
			 "version", words(st.version), "environment", words(st.environment),
			 "config_file", words(st.config_file), "pid", (int)st.pid, "control_core",
			 (int)st.control_core, "start_ns", number(st.start_ns), "now_ns",
			 number(st.now_ns), "orders_on", st.halt_reasons == 0, "orders_off_because",
			 ctl_halt_words(st.halt_reasons), "halt_text", words(st.halt_text),
			 "healthy", health.reason_cnt == 0, "health_reasons", reasons,
			 "limits_version", number(st.limits_version), "huge_pages", st.huge_pages,
			 "shared_cores", st.shared_cores, "md_cnt", number(st.md_cnt),
			 "md_lost_cnt", number(st.md_lost_cnt), "intent_cnt", number(st.intent_cnt),
			 "rejected_cnt", number(st.rejected_cnt), "order_sent_cnt",
			 number(st.order_sent_cnt), "executed_cnt", number(st.executed_cnt),
			 "order_open_cnt", number(st.order_open_cnt));
}

static json_t *
do_ports(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_port row[PORT_MAX];
	const size_t cnt = rows_in(s->ports(s->ctx, row, PORT_MAX), PORT_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < cnt; i++)
		json_array_append_new(
			list,
			json_pack(
				"{s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:I,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,"
				"s:I,s:I,s:I,s:I,s:I,s:I}",
				"name", words(row[i].name), "device", words(row[i].device),
				"driver", words(row[i].driver), "profile", words(row[i].profile),
				"mac", words(row[i].mac), "address", words(row[i].address),
				"link_up", row[i].link_up, "link_mbps", number(row[i].link_mbps),
				"rx_hw_time", row[i].rx_hw_time, "rx_steering", row[i].rx_steering,
				"rx_queue_cnt", number(row[i].rx_queue_cnt), "tx_queue_cnt",
				number(row[i].tx_queue_cnt), "rx_packet_cnt",
				number(row[i].rx_packet_cnt), "rx_bytes", number(row[i].rx_bytes),
				"rx_missed_cnt", number(row[i].rx_missed_cnt), "rx_no_buffer_cnt",
				number(row[i].rx_no_buffer_cnt), "rx_error_cnt",
				number(row[i].rx_error_cnt), "tx_packet_cnt",
				number(row[i].tx_packet_cnt), "tx_bytes", number(row[i].tx_bytes),
				"tx_error_cnt", number(row[i].tx_error_cnt), "buffer_cnt",
				number(row[i].buffer_cnt), "buffer_free_cnt",
				number(row[i].buffer_free_cnt)));
	return list;
}

static json_t *
do_lanes(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_lane *row = rows_take(LANE_MAX, sizeof(*row), e);
	json_t *list;
	size_t cnt;

	if (row == NULL)
		return NULL;
	list = json_array();
	cnt = rows_in(s->lanes(s->ctx, row, LANE_MAX), LANE_MAX);
	for (size_t i = 0; i < cnt; i++) {
		json_t *rings = json_array();

		for (uint32_t k = 0; k < row[i].ring_cnt && k < STATE_RING_MAX; k++)
			json_array_append_new(rings,
					      json_pack("{s:o,s:o,s:I,s:I}", "message",
							words(row[i].ring[k].kind), "from",
							words(row[i].ring[k].from), "depth",
							number(row[i].ring[k].depth), "slots",
							number(row[i].ring[k].slot_cnt)));
		json_array_append_new(
			list,
			json_pack("{s:o,s:i,s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "name",
				  words(row[i].name), "core", (int)row[i].core, "stages",
				  words(row[i].stages), "state", state_lane_run_word(row[i].run),
				  "turn_cnt", number(row[i].turn_cnt), "busy_turn_cnt",
				  number(row[i].busy_turn_cnt), "msg_cnt", number(row[i].msg_cnt),
				  "pause_max_ns", number(row[i].pause_max_ns), "stall_cnt",
				  number(row[i].stall_cnt), "stall_max_ns",
				  number(row[i].stall_max_ns), "event_lost_cnt",
				  number(row[i].event_lost_cnt), "memory_bytes",
				  number(row[i].memory_bytes), "rings", rings));
	}
	free(row);
	return list;
}

static json_t *
recovery_of(const struct state_recovery *r)
{
	return json_pack(
		"{s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
		"state", words(r->state), "hole_from_seq", number(r->hole_from_seq), "hole_cnt",
		number(r->hole_cnt), "request_cnt", number(r->request_cnt), "unanswered_cnt",
		number(r->unanswered_cnt), "answered_cnt", number(r->answered_cnt),
		"snapshot_tried_cnt", number(r->snapshot_tried_cnt), "snapshot_taken_cnt",
		number(r->snapshot_taken_cnt), "done_cnt", number(r->done_cnt), "lost_cnt",
		number(r->lost_cnt), "store_used_bytes", number(r->store_used_bytes), "time_p50_ns",
		number(r->time_p50_ns), "time_p99_ns", number(r->time_p99_ns), "time_max_ns",
		number(r->time_max_ns), "requesting_ns", number(r->requesting_ns), "snapshot_ns",
		number(r->snapshot_ns), "replaying_ns", number(r->replaying_ns), "failed_ns",
		number(r->failed_ns));
}

static json_t *
do_feeds(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_feed row[FEED_MAX];
	const size_t cnt = rows_in(s->feeds(s->ctx, row, FEED_MAX), FEED_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < cnt; i++) {
		json_t *lines = json_array();

		for (uint32_t k = 0; k < row[i].line_cnt && k < STATE_LINE_CNT_MAX; k++) {
			const struct state_line *l = &row[i].line[k];

			json_array_append_new(
				lines,
				json_pack(
					"{s:i,s:o,s:o,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
					"line", (int)k, "port", words(l->port), "group",
					words(l->group), "joined", l->joined, "silent", l->silent,
					"packet_cnt", number(l->packet_cnt), "first_cnt",
					number(l->first_cnt), "duplicate_cnt",
					number(l->duplicate_cnt), "last_heard_ns",
					number(l->last_heard_ns), "msg_cnt", number(l->msg_cnt),
					"missing_cnt", number(l->missing_cnt), "unordered_cnt",
					number(l->unordered_cnt), "lag_p50_ns",
					number(l->lag_p50_ns), "lag_p99_ns",
					number(l->lag_p99_ns)));
		}
		json_array_append_new(
			list,
			json_pack("{s:o,s:o,s:b,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "name",
				  words(row[i].name), "session", words(row[i].session), "silent",
				  row[i].silent, "gap_open", row[i].gap_open, "ended", row[i].ended,
				  "next_seq", number(row[i].next_seq), "msg_cnt",
				  number(row[i].msg_cnt), "gap_cnt", number(row[i].gap_cnt),
				  "gap_lost_cnt", number(row[i].gap_lost_cnt), "msg_lost_cnt",
				  number(row[i].msg_lost_cnt), "reorder_held_cnt",
				  number(row[i].reorder_held_cnt), "lines", lines, "recovery",
				  recovery_of(&row[i].recovery)));
	}
	return list;
}

static json_t *
do_feed_recover(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *feed = json_string_value(json_object_get(args, "feed"));

	if (s->feed_recover(s->ctx, feed, e) != 0)
		return NULL;
	return json_pack("{s:o,s:s}", "feed", words(feed), "recovery", "begun");
}

static json_t *
do_sessions(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_session row[SESSION_MAX];
	const size_t cnt = rows_in(s->sessions(s->ctx, row, SESSION_MAX), SESSION_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < cnt; i++)
		json_array_append_new(
			list,
			json_pack(
				"{s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,"
				"s:I,s:I,s:I}",
				"name", words(row[i].name), "protocol", words(row[i].protocol),
				"state", state_session_run_word(row[i].run), "tcp",
				words(row[i].tcp), "local", words(row[i].local), "peer",
				words(row[i].peer), "venue_session", words(row[i].venue_session),
				"lost_reason", words(row[i].lost_reason), "up_since_ns",
				number(row[i].up_since_ns), "next_seq", number(row[i].next_seq),
				"order_sent_cnt", number(row[i].order_sent_cnt), "report_cnt",
				number(row[i].report_cnt), "connect_cnt",
				number(row[i].connect_cnt), "tx_segment_cnt",
				number(row[i].tx_segment_cnt), "resent_segment_cnt",
				number(row[i].resent_segment_cnt), "rx_segment_cnt",
				number(row[i].rx_segment_cnt), "rtt_ns", number(row[i].rtt_ns),
				"order_open_cnt", number(row[i].order_open_cnt), "order_max",
				number(row[i].order_max)));
	return list;
}

static json_t *
counters_of(const struct state_tcp *t)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->counter_cnt; i++)
		json_array_append_new(list, json_pack("{s:s,s:I,s:s}", "name", t->counter[i].name,
						      "value", number(t->counter[i].value), "help",
						      t->counter[i].help));
	return list;
}

static json_t *
do_tcp(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *session = json_string_value(json_object_get(args, "session"));
	struct state_tcp row[SESSION_MAX];
	const int found = s->tcp(s->ctx, session, row, SESSION_MAX, e);
	json_t *list;

	if (found < 0)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < rows_in(found, SESSION_MAX); i++) {
		const struct state_tcp *t = &row[i];

		json_array_append_new(
			list,
			json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:"
				  "I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}",
				  "session", words(t->session), "local", words(t->local), "peer",
				  words(t->peer), "state", words(t->state), "recovery",
				  words(t->recovery), "last_error", words(t->last_error), "options",
				  words(t->options), "snd_una", number(t->snd_una), "snd_nxt",
				  number(t->snd_nxt), "rcv_nxt", number(t->rcv_nxt), "mss_bytes",
				  number(t->mss_bytes), "peer_mss_bytes", number(t->peer_mss_bytes),
				  "snd_wnd_bytes", number(t->snd_wnd_bytes), "rcv_wnd_bytes",
				  number(t->rcv_wnd_bytes), "cwnd_bytes", number(t->cwnd_bytes),
				  "ssthresh_bytes", number(t->ssthresh_bytes), "in_flight_bytes",
				  number(t->in_flight_bytes), "unsent_bytes",
				  number(t->unsent_bytes), "unread_bytes", number(t->unread_bytes),
				  "gap_cnt", number(t->gap_cnt), "gap_bytes", number(t->gap_bytes),
				  "sacked_bytes", number(t->sacked_bytes), "timeout_cnt",
				  number(t->timeout_cnt), "rtt_ns", number(t->rtt_ns), "rtt_var_ns",
				  number(t->rtt_var_ns), "rto_ns", number(t->rto_ns), "rto_in_ns",
				  number(t->rto_in_ns), "tx_ago_ns", number(t->tx_ago_ns),
				  "rx_ago_ns", number(t->rx_ago_ns), "counters", counters_of(t)));
	}
	return list;
}

static json_t *
do_session_mass_cancel(const struct state_source *s, const json_t *args, struct err *e)
{
	return ctl_ask_venue(s, args, STATE_ASK_MASS_CANCEL, e);
}

static json_t *
do_session_disable(const struct state_source *s, const json_t *args, struct err *e)
{
	return ctl_ask_venue(s, args, STATE_ASK_DISABLE, e);
}

static json_t *
do_session_enable(const struct state_source *s, const json_t *args, struct err *e)
{
	return ctl_ask_venue(s, args, STATE_ASK_ENABLE, e);
}

static json_t *
do_session_account_query(const struct state_source *s, const json_t *args, struct err *e)
{
	return ctl_ask_venue(s, args, STATE_ASK_ACCOUNT, e);
}

static json_t *
do_cancel(const struct state_source *s, const json_t *args, struct err *e)
{
	return ctl_cancel(s, args, e);
}

static json_t *
do_settle(const struct state_source *s, const json_t *args, struct err *e)
{
	return ctl_settle(s, args, e);
}

static json_t *
do_modify(const struct state_source *s, const json_t *args, struct err *e)
{
	return ctl_modify(s, args, e);
}

static json_t *
do_session_unread(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *session = json_string_value(json_object_get(args, "session"));
	struct state_unread row[STATE_UNREAD_MAX];
	const int found = s->session_unread(s->ctx, session, row, STATE_UNREAD_MAX, e);
	json_t *list;

	if (found < 0)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < rows_in(found, STATE_UNREAD_MAX); i++)
		json_array_append_new(
			list, json_pack("{s:I,s:I,s:o,s:I,s:o}", "ns", number(row[i].ns), "seq",
					number(row[i].seq), "why", words(row[i].why), "len",
					number(row[i].len), "hex", words(row[i].hex)));
	return list;
}

static json_t *
do_books(const struct state_source *s, const json_t *args, struct err *e)
{
	return ctl_books(s, args, e);
}

static json_t *
do_orders(const struct state_source *s, const json_t *args, struct err *e)
{
	const bool all = json_is_true(json_object_get(args, "all"));
	struct state_order *row = rows_take(ORDER_ROW_MAX, sizeof(*row), e);
	json_t *list;
	int found;

	if (row == NULL)
		return NULL;
	found = s->orders(s->ctx, all, row, ORDER_ROW_MAX, e);
	if (found < 0) {
		free(row);
		return NULL;
	}
	list = json_array();
	for (size_t i = 0; i < rows_in(found, ORDER_ROW_MAX); i++)
		json_array_append_new(
			list,
			json_pack("{s:o,s:o,s:o,s:I,s:I,s:s,s:s,s:I,s:I,s:I,s:I,s:i,s:I}", "symbol",
				  words(row[i].symbol), "session", words(row[i].session),
				  "strategy", words(row[i].strategy), "token", number(row[i].token),
				  "venue_ref", number(row[i].venue_ref), "side",
				  row[i].side == SIDE_BUY ? "buy" : "sell", "state",
				  state_order_word(row[i].state), "px4", (json_int_t)row[i].px4,
				  "qty", number(row[i].qty), "open_qty", number(row[i].open_qty),
				  "executed_qty", number(row[i].executed_qty), "reject_code",
				  (int)row[i].reject_code, "sent_ns", number(row[i].sent_ns)));
	free(row);
	return json_pack("{s:i,s:o}", "order_cnt", found, "orders", list);
}

/* Those of ctl_risk.h. */
#define BY_RISK(name)                                                                             \
	static json_t *do_##name(const struct state_source *s, const json_t *args, struct err *e) \
	{                                                                                         \
		return ctl_##name(s, args, e);                                                    \
	}
BY_RISK(positions)
BY_RISK(risk)
BY_RISK(limits_get)
BY_RISK(limits_set)
BY_RISK(limits_enable)
BY_RISK(limits_restrict)
BY_RISK(limits_release)
BY_RISK(limits_locate)
BY_RISK(limits_forget)

/* Commands that have a file of their own. */
#define ELSEWHERE(name)                                                                           \
	static json_t *do_##name(const struct state_source *s, const json_t *args, struct err *e) \
	{                                                                                         \
		return ctl_##name(s, args, e);                                                    \
	}
ELSEWHERE(halt)
ELSEWHERE(resume)
ELSEWHERE(arm)
ELSEWHERE(disarm)
ELSEWHERE(kill)
ELSEWHERE(kill_release)
ELSEWHERE(kill_status)
ELSEWHERE(breakers)
ELSEWHERE(breaker_rearm)
ELSEWHERE(drop_copy)
ELSEWHERE(drop_copy_release)
ELSEWHERE(evidence)
ELSEWHERE(latency)
ELSEWHERE(latency_export)
ELSEWHERE(outliers)
ELSEWHERE(reload)
ELSEWHERE(log_reopen)
#undef ELSEWHERE

static json_t *
session_set(const struct state_source *s, const json_t *args, bool up, struct err *e)
{
	const char *name = json_string_value(json_object_get(args, "name"));

	if (s->session_set(s->ctx, name, up, e) < 0)
		return NULL;
	return json_pack("{s:o,s:b}", "session", words(name), "connect", up);
}

static json_t *
do_session_connect(const struct state_source *s, const json_t *args, struct err *e)
{
	return session_set(s, args, true, e);
}

static json_t *
do_session_disconnect(const struct state_source *s, const json_t *args, struct err *e)
{
	return session_set(s, args, false, e);
}

static json_t *
do_config(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_config *row = rows_take(CONFIG_ROW_MAX, sizeof(*row), e);
	json_t *list;
	size_t cnt;

	if (row == NULL)
		return NULL;
	list = json_array();
	cnt = rows_in(s->config(s->ctx, row, CONFIG_ROW_MAX), CONFIG_ROW_MAX);
	for (size_t i = 0; i < cnt; i++)
		json_array_append_new(list, json_pack("{s:o,s:o,s:o}", "key", words(row[i].key),
						      "value", words(row[i].value), "source",
						      words(row[i].source)));
	free(row);
	return list;
}

static json_t *
do_metrics(const struct state_source *s, const json_t *args, struct err *e)
{
	static const char *const KIND[] = {
		[METRIC_KIND_COUNTER] = "counter",
		[METRIC_KIND_GAUGE] = "gauge",
		[METRIC_KIND_SUMMARY] = "summary",
	};
	const char *prefix = json_string_value(json_object_get(args, "prefix"));
	struct metric_set m;
	json_t *list;

	if (metric_set_collect(&m, s) < 0) {
		metric_set_fini(&m);
		err_set(e, -ENOMEM, "no memory for the answer");
		return NULL;
	}
	list = json_array();
	for (size_t i = 0; i < m.cnt; i++) {
		const struct metric_sample *x = &m.sample[i];
		json_t *label;

		if (prefix != NULL && strncmp(x->family, prefix, strlen(prefix)) != 0)
			continue;
		label = json_object();
		for (uint32_t k = 0; k < x->label_cnt; k++)
			json_object_set_new(label, x->label_key[k], words(x->label_value[k]));
		json_array_append_new(list,
				      json_pack("{s:s+,s:s,s:s,s:o,s:I}", "name", x->family,
						x->suffix, "kind", KIND[x->kind], "help", x->help,
						"labels", label, "value", number(x->value)));
	}
	metric_set_fini(&m);
	return list;
}

static json_t *
do_events(const struct state_source *s, const json_t *args, struct err *e)
{
	const json_t *count = json_object_get(args, "count");
	const json_int_t want = count == NULL ? EVENT_ROW_DEFAULT : json_integer_value(count);
	struct state_event *row;
	json_t *list;
	size_t cnt;

	if (want > EVENT_ROW_MAX) {
		err_set(e, -EINVAL, "count: %lld is outside 1..%d", (long long)want, EVENT_ROW_MAX);
		return NULL;
	}
	row = rows_take(EVENT_ROW_MAX, sizeof(*row), e);
	if (row == NULL)
		return NULL;
	list = json_array();
	cnt = rows_in(s->events(s->ctx, row, (size_t)want), (size_t)want);
	for (size_t i = 0; i < cnt; i++)
		json_array_append_new(list,
				      json_pack("{s:I,s:I,s:s,s:o,s:o,s:o}", "ns",
						number(row[i].ns), "count", number(row[i].cnt),
						"severity", state_severity_word(row[i].severity),
						"event", words(row[i].code), "lane",
						words(row[i].lane), "text", words(row[i].text)));
	free(row);
	return list;
}

static json_t *
captures_of(const struct state_source *s, const char *port)
{
	struct state_capture row[PORT_MAX];
	const size_t cnt = rows_in(s->captures(s->ctx, row, PORT_MAX), PORT_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < cnt; i++)
		if (port == NULL || strcmp(row[i].port, port) == 0)
			json_array_append_new(
				list,
				json_pack("{s:o,s:o,s:o,s:b,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
					  "port", words(row[i].port), "file", words(row[i].file),
					  "direction", words(row[i].direction), "running",
					  row[i].running, "why", words(row[i].why), "captured_cnt",
					  number(row[i].captured_cnt), "dropped_cnt",
					  number(row[i].dropped_cnt), "blanked_cnt",
					  number(row[i].blanked_cnt), "cut_cnt",
					  number(row[i].cut_cnt), "disk_error_cnt",
					  number(row[i].disk_error_cnt), "max_bytes",
					  number(row[i].max_bytes), "start_ns",
					  number(row[i].start_ns), "end_ns",
					  number(row[i].end_ns)));
	return list;
}

static json_t *
do_capture_start(const struct state_source *s, const json_t *args, struct err *e)
{
	const struct state_capture_wish wish = {
		.port = json_string_value(json_object_get(args, "port")),
		.file = json_string_value(json_object_get(args, "file")),
		.direction = json_string_value(json_object_get(args, "direction")),
		.max_mb = (uint64_t)json_integer_value(json_object_get(args, "max_mb")),
		.snaplen = (uint64_t)json_integer_value(json_object_get(args, "snaplen")),
	};

	return s->capture_start(s->ctx, &wish, e) < 0 ? NULL : captures_of(s, wish.port);
}

static json_t *
do_capture_stop(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *port = json_string_value(json_object_get(args, "port"));

	return s->capture_stop(s->ctx, port, e) < 0 ? NULL : captures_of(s, port);
}

static json_t *
do_captures(const struct state_source *s, const json_t *args, struct err *e)
{
	return captures_of(s, NULL);
}

static json_t *
do_manifest(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_manifest *row = rows_take(MANIFEST_ROWS_MAX, sizeof(*row), e);
	json_t *list;
	int cnt;

	if (row == NULL)
		return NULL;
	list = json_array();
	cnt = s->manifest(s->ctx, row, MANIFEST_ROWS_MAX, e);
	for (int i = 0; i < cnt; i++)
		json_array_append_new(
			list, json_pack("{s:o,s:o,s:o,s:b,s:b}", "name", words(row[i].name), "hash",
					words(row[i].hash), "text", words(row[i].text), "judged",
					row[i].judged, "approved", row[i].approved));
	free(row);
	if (cnt >= 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *
do_version(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_status st = { 0 };

	if (s->status(s->ctx, &st) < 0) {
		err_set(e, -EIO, "the gateway's state cannot be read");
		return NULL;
	}
	return json_pack("{s:o,s:i,s:I}", "version", words(st.version), "pid", (int)st.pid,
			 "start_ns", number(st.start_ns));
}

static json_t *
do_command(enum ctl_command command, const struct state_source *s, const json_t *args,
	   struct err *e)
{
	switch (command) {
#define COMMAND(name, words, changes, meaning) \
	case CTL_##name:                       \
		return do_##name(s, args, e);
#define ARG(command, name, type, how, meaning)
#include "ctl/ctl_commands.def"
#undef COMMAND
#undef ARG
	case CTL_COMMAND_CNT:
		break;
	}
	return NULL;
}

/*
 * Checking a request
 */

static const struct ctl_arg_def *
arg_of(enum ctl_command command, const char *name)
{
	for (size_t i = 0; i < CTL_ARG_CNT; i++)
		if (CTL_ARG[i].command == command && strcmp(CTL_ARG[i].name, name) == 0)
			return &CTL_ARG[i];
	return NULL;
}

static int
arg_check(const struct ctl_arg_def *a, const json_t *value, struct err *e)
{
	enum { TEXT_MAX = 1024 };

	switch (a->type) {
	case CTL_TEXT:
		if (!json_is_string(value) || json_string_length(value) == 0)
			return err_set(e, -EINVAL, "%s: a text that is not empty is wanted (%s)",
				       a->name, a->meaning);
		if (json_string_length(value) > TEXT_MAX)
			return err_set(e, -EINVAL, "%s: %zu bytes are too long, %d are allowed",
				       a->name, json_string_length(value), TEXT_MAX);
		return 0;
	case CTL_COUNT:
		if (!json_is_integer(value) || json_integer_value(value) <= 0)
			return err_set(e, -EINVAL, "%s: a whole number above 0 is wanted (%s)",
				       a->name, a->meaning);
		return 0;
	case CTL_FLAG:
		if (!json_is_boolean(value))
			return err_set(e, -EINVAL, "%s: true or false is wanted (%s)", a->name,
				       a->meaning);
		return 0;
	}
	return 0;
}

static int
args_check(enum ctl_command command, const json_t *args, struct err *e)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)args, name, value)
	{
		const struct ctl_arg_def *a = arg_of(command, name);
		int rc;

		if (a == NULL)
			return err_set(e, -EINVAL,
				       "%s has no argument '%.40s'; see sluicectl --help",
				       CTL_COMMAND[command].words, name);
		rc = arg_check(a, value, e);
		if (rc < 0) {
			err_in(e, "%s", CTL_COMMAND[command].words);
			return rc;
		}
	}
	for (size_t i = 0; i < CTL_ARG_CNT; i++)
		if (CTL_ARG[i].command == command && CTL_ARG[i].how == CTL_PLACE &&
		    json_object_get(args, CTL_ARG[i].name) == NULL)
			return err_set(e, -EINVAL, "%s needs %s (%s)", CTL_COMMAND[command].words,
				       CTL_ARG[i].name, CTL_ARG[i].meaning);
	return 0;
}

json_t *
ctl_execute(const struct state_source *s, const json_t *request, enum ctl_command *command)
{
	const json_t *args = json_object_get(request, "args");
	const json_t *name = json_object_get(request, "command");
	json_t *none = NULL, *result, *answer;
	enum ctl_command c;
	struct err *e;

	*command = CTL_COMMAND_CNT;
	if (!json_is_object(request) || !json_is_string(name))
		return ctl_refusal(-EINVAL,
				   "a request is an object with a \"command\" and, where needed, "
				   "\"args\"");
	if (args != NULL && !json_is_object(args))
		return ctl_refusal(-EINVAL, "\"args\" is an object, by the argument's name");
	c = ctl_command_of(json_string_value(name));
	if (c == CTL_COMMAND_CNT)
		return ctl_refusal(-ENOENT, "there is no command '%.40s'; did you mean '%s'?",
				   json_string_value(name),
				   CTL_COMMAND[ctl_command_nearest(json_string_value(name))].words);
	e = malloc(sizeof(*e));
	if (e == NULL)
		return ctl_refusal(-ENOMEM, "no memory");
	err_init(e);
	if (args == NULL)
		args = none = json_object();
	result = args_check(c, args, e) < 0 ? NULL : do_command(c, s, args, e);
	if (result != NULL) {
		*command = c;
		answer = json_pack("{s:b,s:o}", "ok", 1, "result", result);
	} else {
		answer = ctl_refusal(e->code == 0 ? -ENOMEM : e->code, "%s",
				     e->code == 0 ? "no memory for the answer" : e->text);
	}
	json_decref(none);
	free(e);
	return answer;
}

json_t *
ctl_execute_bytes(const struct state_source *s, const void *request, size_t len,
		  enum ctl_command *command)
{
	json_error_t fault;
	json_t *r, *answer;

	*command = CTL_COMMAND_CNT;
	r = json_loadb(request, len, JSON_REJECT_DUPLICATES, &fault);
	if (r == NULL)
		return ctl_refusal(-EBADMSG, "the request is not JSON: %s, byte %d", fault.text,
				   fault.position);
	answer = ctl_execute(s, r, command);
	json_decref(r);
	return answer;
}
