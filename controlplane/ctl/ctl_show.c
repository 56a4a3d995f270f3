/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/units.h"
#include "ctl/ctl_evidence.h"
#include "ctl/ctl_measure.h"
#include "ctl/ctl_reload.h"
#include "ctl/ctl_stop.h"
#include "observe/latency.h"

enum format {
	AS_TEXT,
	AS_COUNT,
	AS_PX4,  // dollars
	AS_NTL4, // dollars
	AS_NS,   // a duration; 0 is unknown
	AS_WALL, // ns since 1970: time of day; 0 is never
	AS_DAY,  // ns since midnight
	AS_BYTES,
	AS_YES,
};

enum {
	CELL_MAX = 232, // a kept message in hex
	COLUMN_MAX = 16,
};

struct column {
	const char *key;
	const char *head;
	enum format format;
};

static json_int_t
int_of(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static const char *
text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text == NULL ? "" : text;
}

static bool
true_in(const json_t *row, const char *key)
{
	return json_is_true(json_object_get(row, key));
}

static void
px4_text(json_int_t px4, char *out)
{
	const uint64_t abs = px4 < 0 ? -(uint64_t)px4 : (uint64_t)px4;

	snprintf(out, CELL_MAX, "%s%" PRIu64 ".%04" PRIu64, px4 < 0 ? "-" : "", abs / 10000,
		 abs % 10000);
}

static void
bytes_text(json_int_t bytes, char *out)
{
	static const char *const UNIT[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double x = (double)bytes;
	size_t unit = 0;

	for (; x >= 10240 && unit + 1 < ARRAY_CNT(UNIT); unit++)
		x /= 1024;
	snprintf(out, CELL_MAX, "%.0f %s", x, UNIT[unit]);
}

static void
wall_text(json_int_t ns, char *out)
{
	const time_t s = ns / (json_int_t)NS_PER_SEC;
	struct tm tm;

	localtime_r(&s, &tm);
	snprintf(out, CELL_MAX, "%02d:%02d:%02d.%06d", tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (int)(ns % (json_int_t)NS_PER_SEC / 1000));
}

static void
day_text(json_int_t ns, char *out)
{
	const json_int_t s = ns / (json_int_t)NS_PER_SEC;

	snprintf(out, CELL_MAX, "%02d:%02d:%02d.%09d", (int)(s / 3600), (int)(s / 60 % 60),
		 (int)(s % 60), (int)(ns % (json_int_t)NS_PER_SEC));
}

static void
cell_text(const json_t *value, enum format format, char *out)
{
	const json_int_t x = json_integer_value(value);

	switch (format) {
	case AS_TEXT:
		snprintf(out, CELL_MAX, "%s",
			 json_is_string(value) && json_string_length(value) != 0
				 ? json_string_value(value)
				 : "-");
		return;
	case AS_COUNT:
		snprintf(out, CELL_MAX, "%lld", (long long)x);
		return;
	case AS_PX4:
	case AS_NTL4:
		px4_text(x, out);
		if (format == AS_PX4 && x == 0)
			snprintf(out, CELL_MAX, "-");
		return;
	case AS_NS:
		if (x == 0)
			snprintf(out, CELL_MAX, "-");
		else
			latency_ns_text((uint64_t)x, out, CELL_MAX);
		return;
	case AS_WALL:
		if (x == 0)
			snprintf(out, CELL_MAX, "never");
		else
			wall_text(x, out);
		return;
	case AS_DAY:
		day_text(x, out);
		return;
	case AS_BYTES:
		bytes_text(x, out);
		return;
	case AS_YES:
		snprintf(out, CELL_MAX, "%s", json_is_true(value) ? "yes" : "no");
		return;
	}
}

static void
pad(FILE *out, const char *text, size_t width, bool left, bool last)
{
	if (left)
		fprintf(out, "%-*s", last ? 0 : (int)width, text);
	else
		fprintf(out, "%*s", (int)width, text);
	fputs(last ? "\n" : "  ", out);
}

/* A heading and a line per row; texts to the left, numbers to the right. */
static void
show_rows(FILE *out, const json_t *rows, const struct column *column, size_t column_cnt)
{
	size_t width[COLUMN_MAX], i;
	char cell[CELL_MAX];
	const json_t *row;

	for (size_t k = 0; k < column_cnt; k++) {
		width[k] = strlen(column[k].head);
		json_array_foreach(rows, i, row)
		{
			cell_text(json_object_get(row, column[k].key), column[k].format, cell);
			if (strlen(cell) > width[k])
				width[k] = strlen(cell);
		}
	}
	for (size_t k = 0; k < column_cnt; k++)
		pad(out, column[k].head, width[k],
		    column[k].format == AS_TEXT || column[k].format == AS_YES, k + 1 == column_cnt);
	json_array_foreach(rows, i, row)
	{
		for (size_t k = 0; k < column_cnt; k++) {
			cell_text(json_object_get(row, column[k].key), column[k].format, cell);
			pad(out, cell, width[k],
			    column[k].format == AS_TEXT || column[k].format == AS_YES,
			    k + 1 == column_cnt);
		}
	}
	if (json_array_size(rows) == 0)
		fputs("(none)\n", out);
}

static void
show_list(FILE *out, const char *name, const json_t *list)
{
	const json_t *x;
	size_t i;

	json_array_foreach(list, i, x)
		fprintf(out, "%-16s %s\n", i == 0 ? name : "", json_string_value(x));
}

static void
show_status(FILE *out, const json_t *r)
{
	char start[CELL_MAX], up[CELL_MAX];

	wall_text(int_of(r, "start_ns"), start);
	latency_ns_text((uint64_t)(int_of(r, "now_ns") - int_of(r, "start_ns")), up, sizeof(up));
	fprintf(out, "%-16s sluice %s, pid %lld, %s\n", "gateway", text_of(r, "version"),
		(long long)int_of(r, "pid"), text_of(r, "environment"));
	fprintf(out, "%-16s %s\n", "configuration", text_of(r, "config_file"));
	fprintf(out, "%-16s %s (%s ago)\n", "started", start, up);
	fprintf(out, "%-16s %s\n", "orders", true_in(r, "orders_on") ? "ON" : "OFF");
	show_list(out, "  because", json_object_get(r, "orders_off_because"));
	if (text_of(r, "halt_text")[0] != '\0')
		fprintf(out, "%-16s %s\n", "  reason", text_of(r, "halt_text"));
	fprintf(out, "%-16s %s\n", "health", true_in(r, "healthy") ? "ok" : "NOT OK");
	show_list(out, "  because", json_object_get(r, "health_reasons"));
	fprintf(out, "%-16s %s%s\n", "memory",
		true_in(r, "huge_pages") ? "huge pages" : "ordinary pages (DEGRADED)",
		true_in(r, "shared_cores") ? ", lanes SHARE cores" : "");
	fprintf(out, "%-16s version %lld\n", "risk limits", (long long)int_of(r, "limits_version"));
	fprintf(out, "%-16s %lld messages, %lld lost in gaps\n", "market data",
		(long long)int_of(r, "md_cnt"), (long long)int_of(r, "md_lost_cnt"));
	fprintf(out, "%-16s %lld judged, %lld refused\n", "intents",
		(long long)int_of(r, "intent_cnt"), (long long)int_of(r, "rejected_cnt"));
	fprintf(out, "%-16s %lld sent, %lld open, %lld executions\n", "orders",
		(long long)int_of(r, "order_sent_cnt"), (long long)int_of(r, "order_open_cnt"),
		(long long)int_of(r, "executed_cnt"));
}

static void
show_ports(FILE *out, const json_t *r)
{
	static const struct column WHAT[] = {
		{ "name", "port", AS_TEXT },         { "device", "device", AS_TEXT },
		{ "driver", "driver", AS_TEXT },     { "mac", "mac", AS_TEXT },
		{ "address", "address", AS_TEXT },   { "link_up", "link", AS_YES },
		{ "link_mbps", "Mbit/s", AS_COUNT }, { "rx_hw_time", "hw time", AS_YES },
		{ "rx_steering", "steers", AS_YES },
	};
	static const struct column TRAFFIC[] = {
		{ "name", "port", AS_TEXT },
		{ "rx_packet_cnt", "rx packets", AS_COUNT },
		{ "rx_bytes", "rx bytes", AS_BYTES },
		{ "rx_missed_cnt", "missed", AS_COUNT },
		{ "rx_no_buffer_cnt", "no buffer", AS_COUNT },
		{ "rx_error_cnt", "rx errors", AS_COUNT },
		{ "tx_packet_cnt", "tx packets", AS_COUNT },
		{ "tx_bytes", "tx bytes", AS_BYTES },
		{ "tx_error_cnt", "tx errors", AS_COUNT },
		{ "buffer_free_cnt", "buffers free", AS_COUNT },
		{ "buffer_cnt", "of", AS_COUNT },
	};

	show_rows(out, r, WHAT, ARRAY_CNT(WHAT));
	fputc('\n', out);
	show_rows(out, r, TRAFFIC, ARRAY_CNT(TRAFFIC));
}

/* Rows of an inner list, with the outer row's name beside each. */
static json_t *
flatten(const json_t *rows, const char *inner, const char *name_as)
{
	json_t *flat = json_array();
	const json_t *row, *x;
	size_t i, k;

	json_array_foreach(rows, i, row)
	{
		json_array_foreach(json_object_get(row, inner), k, x)
		{
			json_t *copy = json_copy((json_t *)x);

			json_object_set(copy, name_as, json_object_get(row, "name"));
			json_array_append_new(flat, copy);
		}
	}
	return flat;
}

static void
show_lanes(FILE *out, const json_t *r)
{
	static const struct column LANE[] = {
		{ "name", "lane", AS_TEXT },
		{ "core", "core", AS_COUNT },
		{ "state", "state", AS_TEXT },
		{ "busy", "busy", AS_TEXT },
		{ "turn_cnt", "turns", AS_COUNT },
		{ "msg_cnt", "messages", AS_COUNT },
		{ "pause_max_ns", "longest pause", AS_NS },
		{ "stall_cnt", "stalls", AS_COUNT },
		{ "stall_max_ns", "longest stall", AS_NS },
		{ "event_lost_cnt", "events lost", AS_COUNT },
		{ "memory_bytes", "memory", AS_BYTES },
		{ "stages", "stages", AS_TEXT },
	};
	static const struct column RING[] = {
		{ "from", "from", AS_TEXT },       { "lane", "to", AS_TEXT },
		{ "message", "message", AS_TEXT }, { "depth", "depth now", AS_COUNT },
		{ "slots", "slots", AS_COUNT },
	};
	json_t *rows = json_deep_copy(r), *row, *rings;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const json_int_t turns = int_of(row, "turn_cnt");
		char busy[CELL_MAX];

		snprintf(busy, sizeof(busy), "%.1f %%",
			 turns == 0 ? 0.0
				    : 100.0 * (double)int_of(row, "busy_turn_cnt") / (double)turns);
		json_object_set_new(row, "busy", json_string(busy));
	}
	show_rows(out, rows, LANE, ARRAY_CNT(LANE));
	json_decref(rows);
	rings = flatten(r, "rings", "lane");
	if (json_array_size(rings) != 0) {
		fputc('\n', out);
		show_rows(out, rings, RING, ARRAY_CNT(RING));
	}
	json_decref(rings);
}

struct share {
	char text[16];
};

/* Of all messages passed on, how many came first on this line. */
static struct share
share_text(const json_t *feeds, const json_t *line)
{
	struct share s = { "" };
	json_t *feed;
	size_t i;

	json_array_foreach((json_t *)feeds, i, feed)
	{
		const json_int_t all = int_of(feed, "msg_cnt");

		if (strcmp(text_of(feed, "name"), text_of(line, "feed")) == 0 && all != 0)
			snprintf(s.text, sizeof(s.text), "%.1f %%",
				 100.0 * (double)int_of(line, "first_cnt") / (double)all);
	}
	return s;
}

static void
show_feeds(FILE *out, const json_t *r)
{
	static const struct column FEED[] = {
		{ "name", "feed", AS_TEXT },
		{ "session", "session", AS_TEXT },
		{ "silent", "silent", AS_YES },
		{ "next_seq", "next message", AS_COUNT },
		{ "msg_cnt", "messages", AS_COUNT },
		{ "gap_cnt", "gaps", AS_COUNT },
		{ "gap_open", "gap open", AS_YES },
		{ "gap_lost_cnt", "given up", AS_COUNT },
		{ "msg_lost_cnt", "messages lost", AS_COUNT },
		{ "reorder_held_cnt", "packets held", AS_COUNT },
	};
	static const struct column LINE[] = {
		{ "feed", "feed", AS_TEXT },
		{ "line", "line", AS_COUNT },
		{ "port", "port", AS_TEXT },
		{ "group", "group", AS_TEXT },
		{ "joined", "joined", AS_YES },
		{ "silent", "silent", AS_YES },
		{ "packet_cnt", "packets", AS_COUNT },
		{ "first_cnt", "came first", AS_COUNT },
		{ "share", "share", AS_TEXT },
		{ "duplicate_cnt", "came second", AS_COUNT },
		{ "lag_p50_ns", "by p50", AS_NS },
		{ "lag_p99_ns", "p99", AS_NS },
		{ "missing_cnt", "missing", AS_COUNT },
		{ "unordered_cnt", "out of order", AS_COUNT },
		{ "last_heard_ns", "last heard", AS_WALL },
	};
	static const struct column RECOVERY[] = {
		{ "feed", "feed", AS_TEXT },
		{ "state", "recovery", AS_TEXT },
		{ "hole_from_seq", "hole at", AS_COUNT },
		{ "hole_cnt", "messages", AS_COUNT },
		{ "request_cnt", "requests", AS_COUNT },
		{ "unanswered_cnt", "unanswered", AS_COUNT },
		{ "answered_cnt", "messages back", AS_COUNT },
		{ "snapshot_tried_cnt", "snapshots", AS_COUNT },
		{ "snapshot_taken_cnt", "whole", AS_COUNT },
		{ "done_cnt", "recovered", AS_COUNT },
		{ "lost_cnt", "given up", AS_COUNT },
	};
	static const struct column TIMES[] = {
		{ "feed", "feed", AS_TEXT },
		{ "time_p50_ns", "recovered in p50", AS_NS },
		{ "time_p99_ns", "p99", AS_NS },
		{ "time_max_ns", "longest", AS_NS },
		{ "requesting_ns", "time requesting", AS_NS },
		{ "snapshot_ns", "snapshot", AS_NS },
		{ "replaying_ns", "replaying", AS_NS },
		{ "failed_ns", "failed", AS_NS },
	};
	json_t *lines = flatten(r, "lines", "feed"), *recoveries = json_array(), *row;
	size_t i;

	json_array_foreach(lines, i, row)
	{
		json_object_set_new(row, "share", json_string(share_text(r, row).text));
	}
	json_array_foreach((json_t *)r, i, row)
	{
		json_t *one = json_object_get(row, "recovery");

		if (one == NULL || strcmp(text_of(one, "state"), "off") == 0)
			continue;
		one = json_copy(one);
		json_object_set(one, "feed", json_object_get(row, "name"));
		json_array_append_new(recoveries, one);
	}
	show_rows(out, r, FEED, ARRAY_CNT(FEED));
	fputc('\n', out);
	show_rows(out, lines, LINE, ARRAY_CNT(LINE));
	if (json_array_size(recoveries) != 0) {
		fputc('\n', out);
		show_rows(out, recoveries, RECOVERY, ARRAY_CNT(RECOVERY));
		fputc('\n', out);
		show_rows(out, recoveries, TIMES, ARRAY_CNT(TIMES));
	}
	json_decref(lines);
	json_decref(recoveries);
}

static void
show_sessions(FILE *out, const json_t *r)
{
	static const struct column STATE[] = {
		{ "name", "session", AS_TEXT },
		{ "protocol", "protocol", AS_TEXT },
		{ "state", "state", AS_TEXT },
		{ "tcp", "tcp", AS_TEXT },
		{ "local", "local", AS_TEXT },
		{ "peer", "peer", AS_TEXT },
		{ "venue_session", "venue session", AS_TEXT },
		{ "next_seq", "next message", AS_COUNT },
		{ "up_since_ns", "up since", AS_WALL },
		{ "lost_reason", "last lost because", AS_TEXT },
	};
	static const struct column TRAFFIC[] = {
		{ "name", "session", AS_TEXT },
		{ "order_sent_cnt", "orders sent", AS_COUNT },
		{ "order_open_cnt", "open", AS_COUNT },
		{ "order_max", "of", AS_COUNT },
		{ "report_cnt", "reports", AS_COUNT },
		{ "connect_cnt", "connections", AS_COUNT },
		{ "tx_segment_cnt", "tx segments", AS_COUNT },
		{ "resent_segment_cnt", "resent", AS_COUNT },
		{ "rx_segment_cnt", "rx segments", AS_COUNT },
		{ "rtt_ns", "round trip", AS_NS },
	};

	show_rows(out, r, STATE, ARRAY_CNT(STATE));
	fputc('\n', out);
	show_rows(out, r, TRAFFIC, ARRAY_CNT(TRAFFIC));
}

static void
show_tcp(FILE *out, const json_t *r)
{
	static const struct column STATE[] = {
		{ "session", "session", AS_TEXT },
		{ "state", "state", AS_TEXT },
		{ "local", "local", AS_TEXT },
		{ "peer", "peer", AS_TEXT },
		{ "options", "options", AS_TEXT },
		{ "rtt_ns", "rtt", AS_NS },
		{ "rtt_var_ns", "rtt varies by", AS_NS },
		{ "rto_ns", "rto", AS_NS },
		{ "rto_in_ns", "rto in", AS_NS },
		{ "timeout_cnt", "timeouts", AS_COUNT },
		{ "recovery", "recovery", AS_TEXT },
		{ "tx_ago_ns", "sent ago", AS_NS },
		{ "rx_ago_ns", "heard ago", AS_NS },
		{ "last_error", "last ended", AS_TEXT },
	};
	static const struct column WINDOW[] = {
		{ "session", "session", AS_TEXT },
		{ "snd_una", "snd.una", AS_COUNT },
		{ "snd_nxt", "snd.nxt", AS_COUNT },
		{ "rcv_nxt", "rcv.nxt", AS_COUNT },
		{ "mss_bytes", "mss", AS_COUNT },
		{ "snd_wnd_bytes", "snd.wnd", AS_COUNT },
		{ "rcv_wnd_bytes", "rcv.wnd", AS_COUNT },
		{ "cwnd_bytes", "cwnd", AS_COUNT },
		{ "ssthresh_bytes", "ssthresh", AS_COUNT },
		{ "in_flight_bytes", "in flight", AS_COUNT },
		{ "unsent_bytes", "unsent", AS_COUNT },
		{ "unread_bytes", "unread", AS_COUNT },
		{ "gap_cnt", "gaps", AS_COUNT },
		{ "gap_bytes", "behind gaps", AS_COUNT },
		{ "sacked_bytes", "sacked", AS_COUNT },
	};
	static const struct column COUNTER[] = {
		{ "session", "session", AS_TEXT },
		{ "value", "count", AS_COUNT },
		{ "name", "of", AS_TEXT },
		{ "help", "which are", AS_TEXT },
	};
	json_t *counters = json_array();
	const json_t *row, *x;
	size_t i, k;

	json_array_foreach(r, i, row)
	{
		json_array_foreach(json_object_get(row, "counters"), k, x)
		{
			json_t *copy = json_copy((json_t *)x);

			json_object_set(copy, "session", json_object_get(row, "session"));
			json_array_append_new(counters, copy);
		}
	}
	show_rows(out, r, STATE, ARRAY_CNT(STATE));
	fputc('\n', out);
	show_rows(out, r, WINDOW, ARRAY_CNT(WINDOW));
	fputc('\n', out);
	show_rows(out, counters, COUNTER, ARRAY_CNT(COUNTER));
	json_decref(counters);
}

/* A price, or "-" for none. */
static const char *
px4_or_dash(const json_t *r, const char *key, char *out)
{
	if (int_of(r, key) != 0)
		px4_text(int_of(r, key), out);
	else
		snprintf(out, CELL_MAX, "-");
	return out;
}

/* What is known of configured instruments, above their ladder. */
static void
show_instrument(FILE *out, const json_t *r)
{
	const json_t *spent = json_object_get(r, "spent_ns");
	const json_t *directory = json_object_get(r, "directory");
	const json_t *imbalance = json_object_get(json_object_get(r, "announced"), "imbalance");
	char a[CELL_MAX], b[CELL_MAX], c[CELL_MAX], d[CELL_MAX];

	cell_text(json_object_get(spent, "live"), AS_NS, a);
	cell_text(json_object_get(spent, "suspect"), AS_NS, b);
	cell_text(json_object_get(spent, "recovering"), AS_NS, c);
	cell_text(json_object_get(spent, "stale"), AS_NS, d);
	fprintf(out, "book live %s, suspect %s, recovering %s, stale %s; before message %lld\n", a,
		b, c, d, (long long)int_of(r, "next_seq"));
	fprintf(out, "%s, reason %s, short sale restriction %s; round lot %lld%s%s\n",
		text_of(r, "phase"), text_of(r, "reason")[0] == '\0' ? "-" : text_of(r, "reason"),
		text_of(r, "short_sale")[0] == '\0' ? "unknown" : text_of(r, "short_sale"),
		(long long)int_of(directory, "round_lot_qty"),
		true_in(directory, "round_lots_only") ? ", no odd lots" : "",
		true_in(directory, "test") ? ", a test symbol" : "");
	fprintf(out,
		"volume %lld%s in %lld trades, average %s; opened at %s, closed at %s, after halt "
		"%s\n",
		(long long)int_of(r, "volume_qty"), true_in(r, "volume_partial") ? " at least" : "",
		(long long)int_of(r, "trade_cnt"), px4_or_dash(r, "vwap_px4", a),
		px4_or_dash(r, "open_px4", b), px4_or_dash(r, "close_px4", c),
		px4_or_dash(r, "halt_px4", d));
	fprintf(out, "a round lot at %s bid, %s ask; band %s to %s\n",
		px4_or_dash(r, "lot_bid_px4", a), px4_or_dash(r, "lot_ask_px4", b),
		px4_or_dash(r, "band_lo_px4", c), px4_or_dash(r, "band_hi_px4", d));
	if (imbalance != NULL)
		fprintf(out, "auction %s: %lld paired, %lld to %s, near %s, far %s\n",
			text_of(imbalance, "cross"), (long long)int_of(imbalance, "paired_qty"),
			(long long)int_of(imbalance, "imbalance_qty"),
			text_of(imbalance, "direction"), px4_or_dash(imbalance, "near_px4", a),
			px4_or_dash(imbalance, "far_px4", b));
}

static void
show_unread(FILE *out, const json_t *r)
{
	static const struct column UNREAD[] = {
		{ "ns", "came", AS_WALL },     { "seq", "message", AS_COUNT },
		{ "why", "because", AS_TEXT }, { "len", "bytes", AS_COUNT },
		{ "hex", "hex", AS_TEXT },
	};

	show_rows(out, r, UNREAD, ARRAY_CNT(UNREAD));
}

/* The orders of each level of a side, the next to be executed first. */
static void
show_queues(FILE *out, const json_t *levels, const char *side)
{
	static const struct column QUEUE[] = {
		{ "side", "side", AS_TEXT },     { "px4", "price $", AS_PX4 },
		{ "place", "place", AS_COUNT },  { "qty", "shares", AS_COUNT },
		{ "ref", "reference", AS_TEXT }, { "ahead", "shares ahead", AS_COUNT },
	};
	json_t *rows = json_array();
	const json_t *level, *order;
	size_t i, k;

	json_array_foreach(levels, i, level)
	{
		json_int_t ahead_qty = 0;

		json_array_foreach(json_object_get(level, "orders"), k, order)
		{
			char ref[24];

			snprintf(ref, sizeof(ref), "%llu",
				 (unsigned long long)int_of(order, "ref"));
			json_array_append_new(rows, json_pack("{s:s,s:I,s:I,s:I,s:s,s:I}", "side",
							      side, "px4", int_of(level, "px4"),
							      "place", (json_int_t)k + 1, "qty",
							      int_of(order, "qty"), "ref", ref,
							      "ahead", ahead_qty));
			ahead_qty += int_of(order, "qty");
		}
		if ((json_int_t)k < int_of(level, "order_cnt"))
			json_array_append_new(
				rows, json_pack("{s:s,s:I,s:I,s:I,s:s,s:I}", "side", side, "px4",
						int_of(level, "px4"), "place", (json_int_t)k + 1,
						"qty", int_of(level, "qty") - ahead_qty, "ref",
						"and all behind", "ahead", ahead_qty));
	}
	fputc('\n', out);
	show_rows(out, rows, QUEUE, ARRAY_CNT(QUEUE));
	json_decref(rows);
}

static bool
has_queues(const json_t *levels)
{
	return json_object_get(json_array_get(levels, 0), "orders") != NULL;
}

static void
show_books(FILE *out, const json_t *r)
{
	static const struct column LADDER[] = {
		{ "bid_cnt", "orders", AS_TEXT },     { "bid_qty", "bid shares", AS_TEXT },
		{ "bid_px", "bid $", AS_TEXT },       { "ask_px", "ask $", AS_TEXT },
		{ "ask_qty", "ask shares", AS_TEXT }, { "ask_cnt", "orders", AS_TEXT },
	};
	const json_t *bid = json_object_get(r, "bid"), *ask = json_object_get(r, "ask");
	char last[CELL_MAX], time[CELL_MAX];

	px4_text(int_of(r, "last_px4"), last);
	day_text(int_of(r, "ts_ns"), time);
	fprintf(out,
		"%s on %s: book %s, trading %s, last %s, changed at %s, %lld orders here, %lld + "
		"%lld "
		"levels in all\n",
		text_of(r, "symbol"), text_of(r, "feed"), text_of(r, "confidence"),
		text_of(r, "state"), last, time, (long long)int_of(r, "order_cnt"),
		(long long)int_of(r, "bid_level_cnt"), (long long)int_of(r, "ask_level_cnt"));
	if (json_object_get(r, "spent_ns") != NULL)
		show_instrument(out, r);
	for (size_t k = 0; k < ARRAY_CNT(LADDER); k++)
		fprintf(out, "%*s%s", k == 0 || k == 5 ? 8 : 14, LADDER[k].head,
			k == 2   ? " |"
			: k == 5 ? "\n"
				 : " ");
	for (size_t i = 0; i < json_array_size(bid) || i < json_array_size(ask); i++) {
		const json_t *b = json_array_get(bid, i), *a = json_array_get(ask, i);
		char cell[6][CELL_MAX] = { "", "", "", "", "", "" };

		if (b != NULL) {
			cell_text(json_object_get(b, "order_cnt"), AS_COUNT, cell[0]);
			cell_text(json_object_get(b, "qty"), AS_COUNT, cell[1]);
			cell_text(json_object_get(b, "px4"), AS_PX4, cell[2]);
		}
		if (a != NULL) {
			cell_text(json_object_get(a, "px4"), AS_PX4, cell[3]);
			cell_text(json_object_get(a, "qty"), AS_COUNT, cell[4]);
			cell_text(json_object_get(a, "order_cnt"), AS_COUNT, cell[5]);
		}
		for (size_t k = 0; k < ARRAY_CNT(cell); k++)
			fprintf(out, "%*s%s", k == 0 || k == 5 ? 8 : 14, cell[k],
				k == 2   ? " |"
				: k == 5 ? "\n"
					 : " ");
	}
	if (has_queues(bid) || has_queues(ask)) {
		show_queues(out, bid, "bid");
		show_queues(out, ask, "ask");
	}
}

static void
show_orders(FILE *out, const json_t *r)
{
	static const struct column ORDER[] = {
		{ "token", "token", AS_COUNT },
		{ "symbol", "symbol", AS_TEXT },
		{ "side", "side", AS_TEXT },
		{ "px4", "price $", AS_PX4 },
		{ "qty", "shares", AS_COUNT },
		{ "open_qty", "open", AS_COUNT },
		{ "executed_qty", "executed", AS_COUNT },
		{ "state", "state", AS_TEXT },
		{ "strategy", "strategy", AS_TEXT },
		{ "session", "session", AS_TEXT },
		{ "sent_ns", "sent", AS_WALL },
		{ "venue_ref", "venue's number", AS_COUNT },
	};
	const json_t *orders = json_object_get(r, "orders");
	const json_int_t found = int_of(r, "order_cnt");

	show_rows(out, orders, ORDER, ARRAY_CNT(ORDER));
	if (found > (json_int_t)json_array_size(orders))
		fprintf(out, "... and %lld more\n",
			(long long)(found - (json_int_t)json_array_size(orders)));
}

static void
show_positions(FILE *out, const json_t *r)
{
	static const struct column POSITION[] = {
		{ "symbol", "symbol", AS_TEXT },
		{ "position_qty", "position", AS_COUNT },
		{ "open_buy_qty", "open buys", AS_COUNT },
		{ "open_sell_qty", "open sells", AS_COUNT },
		{ "bought_qty", "bought", AS_COUNT },
		{ "bought_ntl4", "for $", AS_NTL4 },
		{ "sold_qty", "sold", AS_COUNT },
		{ "sold_ntl4", "for $", AS_NTL4 },
		{ "average_px4", "average $", AS_PX4 },
		{ "mark_px4", "mark $", AS_PX4 },
		{ "realised_ntl4", "realised $", AS_NTL4 },
		{ "unrealised_ntl4", "unrealised $", AS_NTL4 },
		{ "exposure_ntl4", "exposure $", AS_NTL4 },
		{ "confidence", "book", AS_TEXT },
		{ "state", "trading", AS_TEXT },
	};

	show_rows(out, r, POSITION, ARRAY_CNT(POSITION));
}

static void
show_orders_on(FILE *out, const json_t *r)
{
	fprintf(out, "orders are %s\n", true_in(r, "orders_on") ? "ON" : "OFF");
	show_list(out, "  because", json_object_get(r, "orders_off_because"));
}

static void
show_limits(FILE *out, const json_t *r)
{
	static const struct column LIMIT[] = {
		{ "key", "limit", AS_TEXT },   { "symbol", "symbol", AS_TEXT },
		{ "level", "level", AS_TEXT }, { "value", "value", AS_TEXT },
		{ "unit", "unit", AS_TEXT },   { "allowed", "allowed", AS_TEXT },
	};

	show_rows(out, r, LIMIT, ARRAY_CNT(LIMIT));
}

static void
show_risk(FILE *out, const json_t *r)
{
	static const struct column RISK[] = {
		{ "kind", "level", AS_TEXT },           { "name", "name", AS_TEXT },
		{ "parent", "below", AS_TEXT },         { "mode", "mode", AS_TEXT },
		{ "check", "limit", AS_TEXT },          { "value", "now", AS_TEXT },
		{ "limit", "most", AS_TEXT },           { "unit", "unit", AS_TEXT },
		{ "refused_cnt", "refused", AS_COUNT },
	};

	show_rows(out, r, RISK, ARRAY_CNT(RISK));
}

static void
show_config(FILE *out, const json_t *r)
{
	static const struct column CONFIG[] = { { "key", "key", AS_TEXT },
						{ "value", "value", AS_TEXT },
						{ "source", "from", AS_TEXT } };

	show_rows(out, r, CONFIG, ARRAY_CNT(CONFIG));
}

static void
show_metrics(FILE *out, const json_t *r)
{
	const json_t *row;
	size_t i;

	json_array_foreach(r, i, row)
	{
		const char *key, *comma = "";
		json_t *value;

		fputs(text_of(row, "name"), out);
		if (json_object_size(json_object_get(row, "labels")) != 0) {
			fputc('{', out);
			json_object_foreach(json_object_get(row, "labels"), key, value)
			{
				fprintf(out, "%s%s=%s", comma, key, json_string_value(value));
				comma = ",";
			}
			fputc('}', out);
		}
		fprintf(out, " %lld\n", (long long)int_of(row, "value"));
	}
}

static void
show_events(FILE *out, const json_t *r)
{
	const json_t *row;
	size_t i;

	json_array_foreach(r, i, row)
	{
		char time[CELL_MAX];

		wall_text(int_of(row, "ns"), time);
		fprintf(out, "%s  %-8s %s: %s", time, text_of(row, "severity"),
			text_of(row, "lane"), text_of(row, "text"));
		if (int_of(row, "count") > 1)
			fprintf(out, " (%lld of these)", (long long)int_of(row, "count"));
		fputc('\n', out);
	}
}

static void
show_captures(FILE *out, const json_t *r)
{
	static const struct column COLUMN[] = {
		{ "port", "port", AS_TEXT },
		{ "direction", "direction", AS_TEXT },
		{ "running", "runs", AS_YES },
		{ "captured_cnt", "frames", AS_COUNT },
		{ "dropped_cnt", "dropped", AS_COUNT },
		{ "cut_cnt", "cut", AS_COUNT },
		{ "blanked_cnt", "blanked", AS_COUNT },
		{ "disk_error_cnt", "disk errors", AS_COUNT },
		{ "file", "file", AS_TEXT },
		{ "why", "ended", AS_TEXT },
	};

	show_rows(out, r, COLUMN, ARRAY_CNT(COLUMN));
}

void
ctl_show(FILE *out, enum ctl_command command, const json_t *r)
{
	switch (command) {
	case CTL_status:
		show_status(out, r);
		return;
	case CTL_ports:
		show_ports(out, r);
		return;
	case CTL_lanes:
		show_lanes(out, r);
		return;
	case CTL_feeds:
		show_feeds(out, r);
		return;
	case CTL_feed_recover:
		fprintf(out, "feed %s: the books that are not live are built anew\n",
			text_of(r, "feed"));
		return;
	case CTL_sessions:
		show_sessions(out, r);
		return;
	case CTL_tcp:
		show_tcp(out, r);
		return;
	case CTL_session_mass_cancel:
	case CTL_session_disable:
	case CTL_session_enable:
	case CTL_session_account_query:
		fprintf(out, "sent on session %s; the answer is counted as sluice_report_*\n",
			text_of(r, "session"));
		return;
	case CTL_session_unread:
		show_unread(out, r);
		return;
	case CTL_books:
		show_books(out, r);
		return;
	case CTL_orders:
		show_orders(out, r);
		return;
	case CTL_positions:
		show_positions(out, r);
		return;
	case CTL_latency:
		ctl_show_latency(out, r);
		return;
	case CTL_latency_export:
		fprintf(out, "written: %s\n", text_of(r, "file"));
		return;
	case CTL_outliers:
		ctl_show_outliers(out, r);
		return;
	case CTL_halt:
	case CTL_resume:
	case CTL_arm:
	case CTL_disarm:
	case CTL_kill:
	case CTL_kill_release:
	case CTL_breaker_rearm:
	case CTL_drop_copy_release:
		show_orders_on(out, r);
		return;
	case CTL_kill_status:
		ctl_show_kill(out, r);
		return;
	case CTL_drop_copy:
		ctl_show_drop_copy(out, r);
		return;
	case CTL_breakers:
		ctl_show_breakers(out, r);
		return;
	case CTL_modify:
		fprintf(out, "modify asked for; orders shows the venue's answer\n");
		return;
	case CTL_cancel:
		fprintf(out, "cancels asked for: %lld; orders shows the venue's answers\n",
			(long long)int_of(r, "order_cnt"));
		return;
	case CTL_settle:
		fprintf(out, "orders settled as not in the market: %lld\n",
			(long long)int_of(r, "order_cnt"));
		return;
	case CTL_session_connect:
	case CTL_session_disconnect:
		fprintf(out, "session %s: %s\n", text_of(r, "session"),
			true_in(r, "connect") ? "connecting"
					      : "logging out, until session connect");
		return;
	case CTL_limits_get:
		show_limits(out, r);
		return;
	case CTL_limits_set:
		fprintf(out, "%s = %s for %s%s%s, in force in every lane (version %lld)\n",
			text_of(r, "key"), text_of(r, "value"),
			text_of(r, "symbol")[0] == '\0' ? "every instrument" : text_of(r, "symbol"),
			text_of(r, "name")[0] == '\0' ? "" : " ", text_of(r, "name"),
			(long long)int_of(r, "limits_version"));
		return;
	case CTL_limits_enable:
	case CTL_limits_restrict:
	case CTL_limits_release:
	case CTL_limits_locate:
	case CTL_limits_forget:
		fprintf(out, "done, in force in every lane (version %lld)\n",
			(long long)int_of(r, "limits_version"));
		return;
	case CTL_risk:
		show_risk(out, r);
		return;
	case CTL_reload:
		ctl_show_reload(out, r);
		return;
	case CTL_log_reopen:
		fprintf(out, "done\n");
		return;
	case CTL_config:
		show_config(out, r);
		return;
	case CTL_metrics:
		show_metrics(out, r);
		return;
	case CTL_events:
		show_events(out, r);
		return;
	case CTL_capture_start:
	case CTL_capture_stop:
	case CTL_captures:
		show_captures(out, r);
		return;
	case CTL_evidence:
		ctl_show_evidence(out, r);
		return;
	case CTL_manifest:
		ctl_show_manifest(out, r);
		return;
	case CTL_version:
		fprintf(out, "gateway   %s, pid %lld\n", text_of(r, "version"),
			(long long)int_of(r, "pid"));
		return;
	case CTL_COMMAND_CNT:
		return;
	}
}
