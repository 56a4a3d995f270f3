/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *
word_of(const char *const *word, size_t word_cnt, uint32_t idx)
{
	return idx < word_cnt && word[idx] != NULL ? word[idx] : "?";
}

const char *
state_lane_run_word(uint32_t run)
{
	static const char *const WORD[] = {
		[STATE_LANE_STOPPED] = "stopped",
		[STATE_LANE_RUNNING] = "running",
		[STATE_LANE_ENDED] = "ended",
	};

	return word_of(WORD, ARRAY_CNT(WORD), run);
}

const char *
state_session_run_word(uint32_t run)
{
	static const char *const WORD[] = {
		[STATE_SESSION_DOWN] = "down",       [STATE_SESSION_CONNECTING] = "connecting",
		[STATE_SESSION_LOGIN] = "login",     [STATE_SESSION_UP] = "up",
		[STATE_SESSION_REFUSED] = "refused", [STATE_SESSION_ENDED] = "ended",
	};

	return word_of(WORD, ARRAY_CNT(WORD), run);
}

const char *
state_confidence_word(uint32_t confidence)
{
	static const char *const WORD[] = {
		[CONFIDENCE_STALE] = "stale",
		[CONFIDENCE_SUSPECT] = "suspect",
		[CONFIDENCE_RECOVERING] = "recovering",
		[CONFIDENCE_LIVE] = "live",
	};

	return word_of(WORD, ARRAY_CNT(WORD), confidence);
}

const char *
state_trading_word(uint32_t state)
{
	static const char *const WORD[] = {
		[TRADING_UNKNOWN] = "unknown", [TRADING_HALTED] = "halted",
		[TRADING_PAUSED] = "paused",   [TRADING_QUOTATION_ONLY] = "quotation_only",
		[TRADING_OPEN] = "open",       [TRADING_TEST] = "test",
	};

	return word_of(WORD, ARRAY_CNT(WORD), state);
}

const char *
state_phase_word(uint32_t phase)
{
	static const char *const WORD[] = {
		[PHASE_UNKNOWN] = "unknown",
		[PHASE_MESSAGES] = "before_system_hours",
		[PHASE_SYSTEM] = "system_hours",
		[PHASE_MARKET] = "market_hours",
		[PHASE_AFTER_MARKET] = "after_market_hours",
		[PHASE_SYSTEM_END] = "after_system_hours",
		[PHASE_END] = "ended",
	};

	static_assert(ARRAY_CNT(WORD) == PHASE_CNT, "each phase has a word");
	return word_of(WORD, ARRAY_CNT(WORD), phase);
}

const char *
state_order_word(uint32_t state)
{
	static const char *const WORD[] = {
		[ORDER_FREE] = "free",
		[ORDER_PENDING_NEW] = "pending_new",
		[ORDER_LIVE] = "live",
		[ORDER_PARTIALLY_FILLED] = "partially_filled",
		[ORDER_PENDING_REPLACE] = "pending_replace",
		[ORDER_PENDING_CANCEL] = "pending_cancel",
		[ORDER_FILLED] = "filled",
		[ORDER_CANCELED] = "canceled",
		[ORDER_REPLACED] = "replaced",
		[ORDER_REJECTED] = "rejected",
		[ORDER_UNKNOWN] = "unknown",
	};

	static_assert(ARRAY_CNT(WORD) == ORDER_STATE_CNT, "each order state has a word");
	return word_of(WORD, ARRAY_CNT(WORD), state);
}

const char *
state_severity_word(uint32_t severity)
{
	static const char *const WORD[] = {
		[EVENT_DEBUG] = "debug",     [EVENT_INFO] = "info",   [EVENT_NOTICE] = "notice",
		[EVENT_WARNING] = "warning", [EVENT_ERROR] = "error", [EVENT_CRITICAL] = "critical",
	};

	return word_of(WORD, ARRAY_CNT(WORD), severity);
}

const char *
state_halt_word(uint32_t bit_idx)
{
	static const char *const WORD[] = { "disarmed", "halted", "broken_invariant",
					    "control",  "killed", "breaker" };

	return bit_idx < ARRAY_CNT(WORD) ? WORD[bit_idx] : NULL;
}

__attribute__((format(printf, 2, 3))) static void
blame(struct state_health *h, const char *fmt, ...)
{
	va_list ap;

	if (h->reason_cnt == HEALTH_REASON_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(h->reason[h->reason_cnt++], STATE_TEXT_MAX, fmt, ap);
	va_end(ap);
}

static size_t
rows_in(int found, size_t row_max)
{
	if (found < 0)
		return 0;
	return (size_t)found < row_max ? (size_t)found : row_max;
}

void
state_health_judge(const struct state_source *s, struct state_health *out)
{
	struct state_session session[SESSION_MAX];
	struct state_status status = { 0 };
	struct state_port port[PORT_MAX];
	struct state_feed feed[FEED_MAX];
	struct state_lane *lane;
	size_t cnt;

	out->reason_cnt = 0;
	if (s->status(s->ctx, &status) < 0)
		blame(out, "the gateway's state cannot be read");
	if (status.halt_reasons & HALT_MUST)
		blame(out, "an invariant broke: orders are off until the next start");
	if (status.halt_reasons & HALT_CONTROL)
		blame(out, "the control plane turned orders off");
	if (status.halt_reasons & HALT_KILLED)
		blame(out, "the kill switch is on");
	if (status.halt_reasons & HALT_BREAKER)
		blame(out, "a circuit breaker stopped orders");
	if (status.journal_failing)
		blame(out, "the audit journal's disk takes no records");

	lane = calloc(LANE_MAX, sizeof(*lane));
	if (lane != NULL) {
		cnt = rows_in(s->lanes(s->ctx, lane, LANE_MAX), LANE_MAX);
		for (size_t i = 0; i < cnt; i++)
			if (lane[i].run != STATE_LANE_RUNNING)
				blame(out, "lane %s is %s", lane[i].name,
				      state_lane_run_word(lane[i].run));
		free(lane);
	}
	cnt = rows_in(s->ports(s->ctx, port, PORT_MAX), PORT_MAX);
	for (size_t i = 0; i < cnt; i++)
		if (!port[i].link_up)
			blame(out, "port %s: link is down", port[i].name);
	cnt = rows_in(s->feeds(s->ctx, feed, FEED_MAX), FEED_MAX);
	for (size_t i = 0; i < cnt; i++)
		if (feed[i].silent && !feed[i].ended)
			blame(out, "feed %s: no line is heard", feed[i].name);
	cnt = rows_in(s->sessions(s->ctx, session, SESSION_MAX), SESSION_MAX);
	for (size_t i = 0; i < cnt; i++)
		if (session[i].run != STATE_SESSION_UP && session[i].run != STATE_SESSION_ENDED)
			blame(out, "session %s is %s", session[i].name,
			      state_session_run_word(session[i].run));
}
