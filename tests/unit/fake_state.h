/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_FAKE_STATE_H
#define SLUICE_TESTS_FAKE_STATE_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "err/err.h"
#include "observe/state.h"

/* A gateway that is made up: two lanes, one port, one feed, one session, one symbol. */
struct fake_state {
	uint32_t halt_reasons;
	uint32_t cancel_cnt;
	char asked_side;
	uint16_t asked_group;
	uint32_t settle_cnt;
	uint32_t modify_qty;
	char modify_mark;
	uint32_t cancel_token;
	char halt_text[STATE_TEXT_MAX];
	char operator_name[STATE_NAME_MAX]; // of the last release or re-arming
	char limit_key[STATE_NAME_MAX];     // of the last limits_set
	char limit_value[STATE_NAME_MAX];
	char limit_symbol[STATE_NAME_MAX];
	char limit_level[STATE_NAME_MAX];
	int limit_act;
	uint32_t limit_qty;
	uint32_t lane_run;
	bool link_down;
	bool feed_silent;
	bool levels_only; // no queues of orders are kept
	unsigned recover_cnt;
	uint32_t session_run;
	int order_cnt;                     // how many to make up
	char capture_file[STATE_TEXT_MAX]; // of the last capture_start
	uint64_t capture_max_mb;
	bool captures;
	unsigned reset_cnt;
	int asked;        // enum state_ask
	unsigned ask_cnt; // calls of any kind
};

#define FAKE_TEXT(field, text) snprintf((field), sizeof(field), "%s", (text))

static int
fake_status(void *ctx, struct state_status *out)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	*out = (struct state_status){
		.start_ns = 1700000000000000000,
		.now_ns = 1700000060000000000,
		.halt_reasons = f->halt_reasons,
		.limits_version = 7,
		.pid = 4242,
		.md_cnt = 1000,
	};
	FAKE_TEXT(out->version, "0.1.0");
	FAKE_TEXT(out->environment, "simulation");
	FAKE_TEXT(out->config_file, "sluice.yaml");
	FAKE_TEXT(out->halt_text, f->halt_text);
	return 0;
}

static int
fake_ports(void *ctx, struct state_port *row, size_t row_max)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max == 0)
		return 1;
	row[0] = (struct state_port){ .link_up = !f->link_down, .rx_packet_cnt = 55 };
	FAKE_TEXT(row[0].name, "md");
	FAKE_TEXT(row[0].device, "net_ring0");
	return 1;
}

static int
fake_lanes(void *ctx, struct state_lane *row, size_t row_max)
{
	static const char *const NAME[] = { "receive", "rest" };
	struct fake_state *f = ctx;

	f->ask_cnt++;
	for (size_t i = 0; i < 2 && i < row_max; i++) {
		memset(&row[i], 0, sizeof(row[i]));
		FAKE_TEXT(row[i].name, NAME[i]);
		FAKE_TEXT(row[i].stages, i == 0 ? "rx arb" : "parse book");
		row[i].core = (int32_t)i + 1;
		row[i].run = i == 1 ? f->lane_run : (uint32_t)STATE_LANE_RUNNING;
		row[i].turn_cnt = 100;
		row[i].busy_turn_cnt = 25;
	}
	if (row_max > 1) {
		row[1].ring_cnt = 1;
		FAKE_TEXT(row[1].ring[0].kind, "datagram");
		FAKE_TEXT(row[1].ring[0].from, "receive");
		row[1].ring[0].depth = 3;
		row[1].ring[0].slot_cnt = 1024;
	}
	return 2;
}

static int
fake_feeds(void *ctx, struct state_feed *row, size_t row_max)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max == 0)
		return 1;
	row[0] = (struct state_feed){ .silent = f->feed_silent, .next_seq = 77, .line_cnt = 1 };
	FAKE_TEXT(row[0].name, "itch");
	FAKE_TEXT(row[0].line[0].group, "239.10.1.1:26400");
	FAKE_TEXT(row[0].recovery.state, "synchronised");
	return 1;
}

static int
fake_sessions(void *ctx, struct state_session *row, size_t row_max)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max == 0)
		return 1;
	row[0] = (struct state_session){ .run = f->session_run, .rtt_ns = 25000 };
	FAKE_TEXT(row[0].name, "oe");
	FAKE_TEXT(row[0].protocol, "ouch50");
	return 1;
}

static int
fake_tcp(void *ctx, const char *session, struct state_tcp *row, size_t row_max, struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (session != NULL && strcmp(session, "oe") != 0)
		return err_set(e, -ENOENT, "there is no session '%.32s'", session);
	if (row_max == 0)
		return 1;
	memset(row, 0, sizeof(*row));
	FAKE_TEXT(row->session, "oe");
	FAKE_TEXT(row->state, "ESTABLISHED");
	FAKE_TEXT(row->last_error, "reset by the peer");
	row->cwnd_bytes = 14600;
	row->counter_cnt = 1;
	row->counter[0] = (struct state_counter){ .name = "dropped_bad_sum",
						  .help = "Segments with a wrong checksum",
						  .value = 3 };
	return 1;
}

static int
fake_session_ask(void *ctx, const char *session, enum state_ask ask,
		 const struct state_scope *scope, struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (strcmp(session, "oe") != 0)
		return err_set(e, -ENOENT, "there is no session '%.32s'", session);
	FAKE_TEXT(f->limit_symbol, scope->symbol == NULL ? "*" : scope->symbol);
	f->asked = (int)ask;
	f->asked_side = scope->side;
	f->asked_group = scope->group_id;
	return 0;
}

static int
fake_session_unread(void *ctx, const char *session, struct state_unread *row, size_t row_max,
		    struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (strcmp(session, "oe") != 0)
		return err_set(e, -ENOENT, "there is no session '%.32s'", session);
	if (row_max == 0)
		return 1;
	*row = (struct state_unread){ .ns = 1, .seq = 2, .len = 3 };
	FAKE_TEXT(row->why, "unknown type");
	FAKE_TEXT(row->hex, "5a0001");
	return 1;
}

static int
fake_book(void *ctx, const char *symbol, uint32_t depth, struct state_book *out, struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (strcmp(symbol, "AAPL") != 0)
		return err_set(e, -ENOENT, "no feed has named a symbol '%.16s'", symbol);
	memset(out, 0, sizeof(*out));
	FAKE_TEXT(out->symbol, "AAPL");
	FAKE_TEXT(out->feed, "itch");
	out->confidence = CONFIDENCE_LIVE;
	out->state = TRADING_OPEN;
	out->bid_level_cnt = 20;
	out->bid_cnt = depth < 20 ? depth : 20;
	for (uint32_t i = 0; i < out->bid_cnt; i++)
		out->bid[i] = (struct state_level){ .px4 = 1000000 - 100 * (int64_t)i,
						    .qty = 100 + i,
						    .order_cnt = 1 };
	return 0;
}

static int
fake_queues(void *ctx, const char *symbol, uint32_t depth, struct state_queues *out, struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (f->levels_only)
		return err_set(e, -ENOTSUP, "feed itch keeps levels only");
	memset(out, 0, sizeof(*out));
	out->bid_cnt = depth < 2 ? depth : 2;
	out->order_cnt = 3;
	out->bid[0] = (struct state_queue){ .level = { 1000000, 300, 2 }, .shown_cnt = 2 };
	out->bid[1] =
		(struct state_queue){ .level = { 999900, 900, 9 }, .first = 2, .shown_cnt = 1 };
	out->order[0] = (struct state_queue_order){ .ref = 17, .qty = 100 };
	out->order[1] = (struct state_queue_order){ .ref = 1234567890123, .qty = 200 };
	out->order[2] = (struct state_queue_order){ .ref = 5, .qty = 300 };
	return 0;
}

static int
fake_orders(void *ctx, bool all, struct state_order *row, size_t row_max, struct err *e)
{
	struct fake_state *f = ctx;
	const int cnt = all ? f->order_cnt : f->order_cnt / 2;

	f->ask_cnt++;
	for (size_t i = 0; i < (size_t)cnt && i < row_max; i++) {
		row[i] = (struct state_order){
			.token = (uint32_t)i + 1,
			.state = ORDER_LIVE,
			.px4 = 1000000,
			.qty = 100,
			.open_qty = 100,
		};
		FAKE_TEXT(row[i].symbol, "AAPL");
	}
	return cnt;
}

static int
fake_positions(void *ctx, const char *kind, const char *name, struct state_position *row,
	       size_t row_max, struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max == 0)
		return 1;
	row[0] = (struct state_position){ .position_qty = -300, .mark_px4 = 1000000 };
	FAKE_TEXT(row[0].symbol, "AAPL");
	return 1;
}

static int
fake_latency(void *ctx, struct state_latency_row *row, size_t row_max)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	for (size_t i = 0; i < 2 && i < row_max; i++) {
		row[i] = (struct state_latency_row){
			.cnt = 10, .p50_ns = 1500, .max_ns = 9000, .end_point = i == 0
		};
		FAKE_TEXT(row[i].name, i == 0 ? "tick_to_trade" : "risk");
		FAKE_TEXT(row[i].from, "burst received");
		FAKE_TEXT(row[i].to, "order handed to the NIC");
	}
	return 2;
}

static void
fake_latency_reset(void *ctx)
{
	((struct fake_state *)ctx)->reset_cnt++;
}

static int
fake_latency_export(void *ctx, const char *file, const char *format, struct err *e)
{
	if (strcmp(format, "hdr") != 0)
		return err_set(e, -EINVAL, "format '%s'", format);
	((struct fake_state *)ctx)->reset_cnt++;
	return 0;
}

static int
fake_outliers(void *ctx, struct state_outlier *row, size_t row_max)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	for (size_t i = 0; i < 7 && i < row_max; i++) {
		row[i] =
			(struct state_outlier){ .took_ns = 90000 - i,
						.burst_cnt = 4,
						.burst_pos = 3,
						.staged = true,
						.stage_ns[LATENCY_BOOK - LATENCY_STAGE_FIRST] = 7 };
		FAKE_TEXT(row[i].cause, "burst");
		FAKE_TEXT(row[i].words, "4 frames had arrived at once.");
	}
	return 7;
}

static void
fake_outliers_reset(void *ctx)
{
	((struct fake_state *)ctx)->reset_cnt++;
}

static int
fake_limits(void *ctx, const char *symbol, struct state_limit *row, size_t row_max, struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max == 0)
		return 1;
	memset(row, 0, sizeof(*row));
	FAKE_TEXT(row[0].key, "order_max_qty");
	FAKE_TEXT(row[0].symbol, symbol == NULL ? "" : symbol);
	FAKE_TEXT(row[0].value, "500");
	FAKE_TEXT(row[0].unit, "shares");
	return 1;
}

static int
fake_limits_set(void *ctx, const char *key, const char *value, const char *symbol, struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (strcmp(key, "order_max_qty") != 0)
		return err_set(e, -EINVAL, "there is no limit '%.32s'", key);
	FAKE_TEXT(f->limit_key, key);
	FAKE_TEXT(f->limit_value, value);
	FAKE_TEXT(f->limit_symbol, symbol == NULL ? "*" : symbol);
	return 0;
}

static int
fake_limits_change(void *ctx, const struct state_limits_wish *w, struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (w->name == NULL || strcmp(w->name, "nobody") == 0)
		return err_set(e, -EINVAL, "there is no level of this name");
	f->limit_act = (int)w->act;
	FAKE_TEXT(f->limit_key, w->key == NULL ? "" : w->key);
	FAKE_TEXT(f->limit_value, w->value == NULL ? "" : w->value);
	FAKE_TEXT(f->limit_symbol, w->symbol == NULL ? "*" : w->symbol);
	FAKE_TEXT(f->limit_level, w->name);
	f->limit_qty = w->qty;
	return 0;
}

static int
fake_risk(void *ctx, struct state_risk *row, size_t row_max, struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max < 2)
		return 2;
	memset(row, 0, 2 * sizeof(*row));
	FAKE_TEXT(row[0].kind, "account");
	FAKE_TEXT(row[0].name, "desk");
	FAKE_TEXT(row[0].parent, "firm");
	FAKE_TEXT(row[0].mode, "normal");
	FAKE_TEXT(row[0].check, "gross_max_usd");
	FAKE_TEXT(row[0].value, "100.0000");
	FAKE_TEXT(row[0].limit, "5000.0000");
	FAKE_TEXT(row[0].unit, "dollars");
	row[1] = row[0];
	FAKE_TEXT(row[1].check, "net_max_usd");
	row[1].limit[0] = '\0';
	return 2;
}

static int
fake_config(void *ctx, struct state_config *row, size_t row_max)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max == 0)
		return 1;
	memset(row, 0, sizeof(*row));
	FAKE_TEXT(row[0].key, "environment");
	FAKE_TEXT(row[0].value, "simulation");
	FAKE_TEXT(row[0].source, "sluice.yaml:1");
	return 1;
}

static int
fake_manifest(void *ctx, struct state_manifest *row, size_t row_max, struct err *e)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max < 2)
		return err_set(e, -EINVAL, "no room");
	memset(row, 0, 2 * sizeof(*row));
	FAKE_TEXT(row[0].name, "binary");
	FAKE_TEXT(row[0].hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	FAKE_TEXT(row[0].text, "sluice 0.1.0");
	row[0].judged = row[0].approved = row[1].judged = true;
	FAKE_TEXT(row[1].name, "host.smt");
	return 2;
}

static int
fake_metrics(void *ctx, state_metric_fn *fn, void *arg)
{
	struct fake_state *f = ctx;
	struct state_metric m = {
		.module = "risk",
		.name = "intent_passed",
		.help = "Intents that became orders",
		.counter = true,
		.label_cnt = 1,
		.label = { { "lane", "a\"b\\c\nd" } },
		.value = 12,
	};

	f->ask_cnt++;
	fn(arg, &m);
	m.name = "open_max_qty";
	m.help = "Largest open quantity";
	m.counter = false;
	m.label[0].value = "rest";
	fn(arg, &m);
	m.name = "intent_passed"; // the same family, later: must stand beside the first
	m.help = "Intents that became orders";
	m.counter = true;
	m.label[0].value = "rest";
	m.value = 34;
	fn(arg, &m);
	return 0;
}

static int
fake_events(void *ctx, struct state_event *row, size_t row_max)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max == 0)
		return 1;
	memset(row, 0, sizeof(*row));
	row[0].ns = 1700000000000000000;
	row[0].cnt = 3;
	row[0].severity = EVENT_WARNING;
	FAKE_TEXT(row[0].code, "line_silent");
	FAKE_TEXT(row[0].lane, "receive");
	FAKE_TEXT(row[0].text, "feed itch: nothing heard on line 1");
	return 1;
}

static int
fake_feed_recover(void *ctx, const char *feed, struct err *e)
{
	struct fake_state *f = ctx;

	if (strcmp(feed, "itch") != 0)
		return err_set(e, -ENOENT, "there is no feed '%s'", feed);
	f->recover_cnt++;
	return 0;
}

static int
fake_cancel(void *ctx, const char *session, uint32_t token, struct err *e)
{
	struct fake_state *f = ctx;

	if (session != NULL && strcmp(session, "oe") != 0)
		return err_set(e, -ENOENT, "there is no session '%s'", session);
	f->cancel_cnt++;
	f->cancel_token = token;
	return token != 0 ? 1 : 4;
}

static int
fake_settle(void *ctx, const char *session, uint32_t token, struct err *e)
{
	struct fake_state *f = ctx;

	if (session != NULL && strcmp(session, "oe") != 0)
		return err_set(e, -ENOENT, "there is no session '%s'", session);
	f->settle_cnt++;
	f->cancel_token = token;
	return token != 0 ? 1 : 3;
}

static int
fake_modify(void *ctx, const char *session, uint32_t token, uint32_t qty, char mark, struct err *e)
{
	struct fake_state *f = ctx;

	if (session != NULL && strcmp(session, "oe") != 0)
		return err_set(e, -ENOENT, "there is no session '%s'", session);
	f->cancel_token = token;
	f->modify_qty = qty;
	f->modify_mark = mark;
	return 0;
}

static int
fake_session_set(void *ctx, const char *session, bool up, struct err *e)
{
	struct fake_state *f = ctx;

	if (strcmp(session, "oe") != 0)
		return err_set(e, -ENOENT, "there is no session '%s'", session);
	f->session_run = up ? STATE_SESSION_CONNECTING : STATE_SESSION_DOWN;
	return 0;
}

static int
fake_halt(void *ctx, const char *reason, struct err *e)
{
	struct fake_state *f = ctx;

	f->halt_reasons |= HALT_OPERATOR;
	FAKE_TEXT(f->halt_text, reason);
	return 0;
}

static int
fake_resume(void *ctx, struct err *e)
{
	struct fake_state *f = ctx;

	f->halt_reasons &= ~(uint32_t)HALT_OPERATOR;
	return 0;
}

static int
fake_arm(void *ctx, struct err *e)
{
	struct fake_state *f = ctx;

	if (f->halt_reasons & HALT_MUST)
		return err_set(e, -EPERM, "an invariant broke; start the gateway again");
	f->halt_reasons &= ~(uint32_t)HALT_DISARMED;
	return 0;
}

static int
fake_disarm(void *ctx, struct err *e)
{
	((struct fake_state *)ctx)->halt_reasons |= HALT_DISARMED;
	return 0;
}

static int
fake_kill(void *ctx, const char *reason, struct err *e)
{
	struct fake_state *f = ctx;

	f->halt_reasons |= HALT_KILLED;
	FAKE_TEXT(f->halt_text, reason);
	return 0;
}

static int
fake_kill_release(void *ctx, const char *name, const char *reason, struct err *e)
{
	struct fake_state *f = ctx;

	if (!(f->halt_reasons & HALT_KILLED))
		return err_set(e, -EALREADY, "the kill switch is not on");
	f->halt_reasons &= ~(uint32_t)HALT_KILLED;
	FAKE_TEXT(f->operator_name, name);
	FAKE_TEXT(f->halt_text, reason);
	return 0;
}

static int
fake_kill_state(void *ctx, struct state_kill *out)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	memset(out, 0, sizeof(*out));
	out->on = (f->halt_reasons & HALT_KILLED) != 0;
	FAKE_TEXT(out->cause, out->on ? "operator" : "");
	FAKE_TEXT(out->latch_file, "/run/sluice/sluice.sock.kill");
	return 0;
}

static int
fake_breakers(void *ctx, struct state_breaker *row, size_t row_max)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max == 0)
		return 1;
	memset(row, 0, sizeof(*row));
	FAKE_TEXT(row[0].name, "loss");
	FAKE_TEXT(row[0].watch, "loss_usd");
	FAKE_TEXT(row[0].unit, "dollars");
	FAKE_TEXT(row[0].action, "kill");
	FAKE_TEXT(row[0].rearm, "manual");
	row[0].tripped = (f->halt_reasons & HALT_BREAKER) != 0;
	row[0].value = 4999;
	row[0].threshold = 5000;
	return 1;
}

static int
fake_breaker_rearm(void *ctx, const char *breaker, const char *name, const char *reason,
		   struct err *e)
{
	struct fake_state *f = ctx;

	if (strcmp(breaker, "loss") != 0)
		return err_set(e, -ENOENT, "there is no breaker '%s'", breaker);
	f->halt_reasons &= ~(uint32_t)HALT_BREAKER;
	FAKE_TEXT(f->operator_name, name);
	return 0;
}

static int
fake_drop_copies(void *ctx, struct state_drop_copy *row, size_t row_max)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max == 0)
		return 1;
	memset(row, 0, sizeof(*row));
	FAKE_TEXT(row[0].session, "oe");
	FAKE_TEXT(row[0].peer, "10.10.2.1:26489");
	row[0].up = true;
	row[0].matched_cnt = 41;
	row[0].altered_cnt = 1;
	return 1;
}

static int
fake_drop_findings(void *ctx, struct state_drop_finding *row, size_t row_max)
{
	struct fake_state *f = ctx;

	if (row_max == 0)
		return 1;
	memset(row, 0, sizeof(*row));
	FAKE_TEXT(row[0].session, "oe");
	FAKE_TEXT(row[0].symbol, "AAPL");
	FAKE_TEXT(row[0].difference, "altered");
	FAKE_TEXT(row[0].text, "AAPL, order 7, match 9");
	row[0].frozen = f->operator_name[0] == '\0';
	return 1;
}

static int
fake_drop_release(void *ctx, const char *symbol, const char *name, const char *reason,
		  struct err *e)
{
	struct fake_state *f = ctx;

	if (strcmp(symbol, "AAPL") != 0)
		return err_set(e, -EALREADY, "%s: it is not frozen", symbol);
	FAKE_TEXT(f->operator_name, name);
	return 0;
}

static int
fake_capture_start(void *ctx, const struct state_capture_wish *w, struct err *e)
{
	struct fake_state *f = ctx;

	if (strcmp(w->port, "md") != 0)
		return err_set(e, -ENOENT, "there is no port '%s'", w->port);
	FAKE_TEXT(f->capture_file, w->file);
	f->capture_max_mb = w->max_mb;
	f->captures = true;
	return 0;
}

static int
fake_capture_stop(void *ctx, const char *port, struct err *e)
{
	struct fake_state *f = ctx;

	if (!f->captures)
		return err_set(e, -ENOENT, "port '%s' is not captured", port);
	f->captures = false;
	return 0;
}

static int
fake_captures(void *ctx, struct state_capture *row, size_t row_max)
{
	struct fake_state *f = ctx;

	f->ask_cnt++;
	if (row_max == 0)
		return 1;
	memset(row, 0, sizeof(*row));
	FAKE_TEXT(row[0].port, "md");
	FAKE_TEXT(row[0].file, f->capture_file[0] != '\0' ? f->capture_file : "/tmp/earlier");
	FAKE_TEXT(row[0].direction, "both");
	row[0].running = f->captures;
	row[0].captured_cnt = 7;
	return 1;
}

static int
fake_reload(void *ctx, struct state_reload *row, size_t row_max, struct err *e)
{
	struct fake_state *f = ctx;

	if (f->halt_reasons & HALT_KILLED)
		return err_set(e, -EINVAL, "sluice.yaml:3: risk.order_max_qty: found 'many'");
	if (row_max < 2)
		return 2;
	row[0] = (struct state_reload){ "risk.order_max_qty", "500", "300", true };
	row[1] = (struct state_reload){ "sessions[oe].peer", "1.2.3.4:5", "1.2.3.4:6", false };
	return 2;
}

static int
fake_log_reopen(void *ctx, struct err *e)
{
	return 0;
}

/* A healthy one, disarmed. */
static inline void
fake_state_init(struct fake_state *f, struct state_source *s)
{
	*f = (struct fake_state){
		.halt_reasons = HALT_DISARMED,
		.lane_run = STATE_LANE_RUNNING,
		.session_run = STATE_SESSION_UP,
		.order_cnt = 4,
	};
	*s = (struct state_source){
		.ctx = f,
		.status = fake_status,
		.ports = fake_ports,
		.lanes = fake_lanes,
		.feeds = fake_feeds,
		.sessions = fake_sessions,
		.tcp = fake_tcp,
		.session_ask = fake_session_ask,
		.session_unread = fake_session_unread,
		.book = fake_book,
		.queues = fake_queues,
		.orders = fake_orders,
		.positions = fake_positions,
		.latency = fake_latency,
		.latency_reset = fake_latency_reset,
		.latency_interval = fake_latency,
		.latency_export = fake_latency_export,
		.outliers = fake_outliers,
		.outliers_reset = fake_outliers_reset,
		.limits = fake_limits,
		.limits_set = fake_limits_set,
		.limits_change = fake_limits_change,
		.risk = fake_risk,
		.config = fake_config,
		.manifest = fake_manifest,
		.metrics = fake_metrics,
		.events = fake_events,
		.feed_recover = fake_feed_recover,
		.cancel = fake_cancel,
		.settle = fake_settle,
		.modify = fake_modify,
		.session_set = fake_session_set,
		.halt = fake_halt,
		.resume = fake_resume,
		.arm = fake_arm,
		.disarm = fake_disarm,
		.kill = fake_kill,
		.kill_release = fake_kill_release,
		.kill_state = fake_kill_state,
		.drop_copies = fake_drop_copies,
		.drop_findings = fake_drop_findings,
		.drop_release = fake_drop_release,
		.breakers = fake_breakers,
		.breaker_rearm = fake_breaker_rearm,
		.reload = fake_reload,
		.log_reopen = fake_log_reopen,
		.capture_start = fake_capture_start,
		.capture_stop = fake_capture_stop,
		.captures = fake_captures,
	};
}

#endif
