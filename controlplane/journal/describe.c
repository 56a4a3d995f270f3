/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/units.h"
#include "egress/orders.h"
#include "msg/intent.h"
#include "msg/order.h"
#include "msg/report.h"
#include "msg/update.h"
#include "msg/verdict.h"

/* The name, or the index where the file has none. */
static void
name_of(const struct journal_names *n, enum journal_name_what what, uint32_t idx, uint32_t run,
	char *out, size_t out_bytes)
{
	const char *text = journal_name_of(n, what, idx, run);

	if (text != NULL)
		snprintf(out, out_bytes, "%s", text);
	else
		snprintf(out, out_bytes, "#%u", idx);
}

static const char *
intent_word(uint8_t kind)
{
	static const char *const WORD[] = {
		[INTENT_NEW] = "new",
		[INTENT_REPLACE] = "replace",
		[INTENT_CANCEL] = "cancel",
		[INTENT_MODIFY] = "modify",
	};

	return kind < ARRAY_CNT(WORD) ? WORD[kind] : "session";
}

static const char *
report_word(uint32_t type)
{
	static const char *const WORD[REPORT_TYPE_CNT] = {
		[REPORT_NONE] = "none",
		[REPORT_ACCEPTED] = "accepted",
		[REPORT_REPLACED] = "replaced",
		[REPORT_CANCELED] = "canceled",
		[REPORT_EXECUTED] = "executed",
		[REPORT_TRADE_BROKEN] = "trade broken",
		[REPORT_REJECTED] = "rejected",
		[REPORT_CANCEL_PENDING] = "cancel pending",
		[REPORT_CANCEL_REJECTED] = "cancel rejected",
		[REPORT_RESTATED] = "restated",
		[REPORT_MODIFIED] = "modified",
		[REPORT_PRIORITY] = "priority",
	};

	return type < REPORT_TYPE_CNT && WORD[type] != NULL ? WORD[type] : "?";
}

static const char *
refusal_text(uint32_t code)
{
	switch (code) {
	case ORDERS_REFUSED_SESSION_DOWN:
		return "session down";
	case ORDERS_REFUSED_TABLE_FULL:
		return "order table full";
	case ORDERS_REFUSED_DUPLICATE:
		return "duplicate";
	case ORDERS_REFUSED_UNKNOWN_ORDER:
		return "unknown order";
	case ORDERS_REFUSED_GONE:
		return "order is gone";
	case ORDERS_REFUSED_PENDING:
		return "an earlier change is not answered";
	case ORDERS_REFUSED_QUANTITY:
		return "quantity";
	case ORDERS_REFUSED_THROTTLE:
		return "the venue's limit of messages";
	case ORDERS_REFUSED_MARK:
		return "mark of the sale";
	case ORDERS_REFUSED_NO_TOKEN:
		return "no order number is reserved";
	default:
		return "";
	}
}

/* The venue's code: a letter where it is one. */
static void
code_text(uint32_t code, char *out, size_t out_bytes)
{
	if (code == 0)
		return;
	if (code > ' ' && code <= '~')
		snprintf(out, out_bytes, "'%c'", (char)code);
	else if (refusal_text(code)[0] != '\0')
		snprintf(out, out_bytes, "%s", refusal_text(code));
	else
		snprintf(out, out_bytes, "%u", code);
}

static void
set_side(struct journal_row *out, uint8_t side)
{
	snprintf(out->side, sizeof(out->side), "%s", side == SIDE_BUY ? "buy" : "sell");
}

static void
set_strategy(const struct journal_names *n, struct journal_row *out, uint8_t idx)
{
	if (idx == STRATEGY_NONE)
		return;
	name_of(n, JOURNAL_NAME_STRATEGY, idx, out->run, out->strategy, sizeof(out->strategy));
	snprintf(out->account, sizeof(out->account), "%.*s", ROW_TEXT_MAX - 1,
		 journal_account_of(n, idx, out->run));
}

static void
describe_wish(const struct journal_names *n, const struct journal_slot *s, struct journal_row *out)
{
	struct intent m;

	memcpy(&m, s, sizeof(m));
	out->px4 = m.px4;
	if (s->kind == JOURNAL_ORDER) {
		struct order o;

		memcpy(&o, s, sizeof(o));
		out->px4 = o.px4;
		out->limits_version = o.limits_version;
	}
	out->has_px = out->px4 != 0;
	out->qty = m.qty;
	out->has_intent = true;
	out->intent_id = m.intent_id;
	out->orig_id = m.orig_id;
	snprintf(out->action, sizeof(out->action), "%s", intent_word(m.kind));
	set_side(out, m.side);
	set_strategy(n, out, m.strategy_idx);
	name_of(n, JOURNAL_NAME_SESSION, m.session_idx, out->run, out->session,
		sizeof(out->session));
}

static void
describe_verdict(const struct journal_names *n, const struct journal_slot *s,
		 struct journal_row *out)
{
	struct verdict m;

	memcpy(&m, s, sizeof(m));
	out->has_px = m.px4 != 0;
	out->px4 = m.px4;
	out->qty = m.qty;
	out->has_intent = true;
	out->intent_id = m.intent_id;
	out->orig_id = m.orig_id;
	out->code = m.verdict;
	out->limits_version = s->arg;
	snprintf(out->action, sizeof(out->action), "%s", intent_word(m.kind));
	name_of(n, JOURNAL_NAME_VERDICT, m.verdict, out->run, out->reason, sizeof(out->reason));
	set_side(out, m.side);
	set_strategy(n, out, m.strategy_idx);
}

static void
describe_update(const struct journal_names *n, const struct journal_slot *s,
		struct journal_row *out)
{
	struct update m;

	memcpy(&m, s, sizeof(m));
	out->token = s->arg;
	out->has_px = m.px4 != 0;
	out->px4 = m.px4;
	out->has_intent = true;
	out->intent_id = m.intent_id;
	out->executed_qty = m.executed_qty;
	out->open_qty = m.open_qty;
	out->code = m.reject_code;
	code_text(m.reject_code, out->reason, sizeof(out->reason));
	snprintf(out->action, sizeof(out->action), "%s",
		 order_state_name((enum order_state)m.state));
	set_side(out, m.side);
	set_strategy(n, out, m.strategy_idx);
	name_of(n, JOURNAL_NAME_SESSION, s->source_idx, out->run, out->session,
		sizeof(out->session));
}

static void
describe_report(const struct journal_names *n, const struct journal_slot *s,
		struct journal_row *out)
{
	struct journal_report m;

	memcpy(&m, s->body, sizeof(m));
	out->token = m.token;
	out->orig_token = m.orig_token;
	out->qty = m.qty;
	out->has_px = m.px4 != 0;
	out->px4 = m.px4;
	out->match_ref = m.match_ref;
	out->order_ref = m.order_ref;
	out->rx_ns = s->ns;
	out->venue_ns = s->rx_ns;
	out->code = s->arg >> 16;
	code_text(out->code, out->reason, sizeof(out->reason));
	snprintf(out->action, sizeof(out->action), "%s", report_word(s->arg & 0xFF));
	if ((s->arg & 0xFF) == REPORT_ACCEPTED || (s->arg & 0xFF) == REPORT_REPLACED)
		set_side(out, s->arg >> 8 & 0xFF);
	name_of(n, JOURNAL_NAME_SESSION, s->source_idx, out->run, out->session,
		sizeof(out->session));
}

static void
describe_wire(const struct journal_names *n, const struct journal_record *r,
	      const struct journal_slot *s, struct journal_row *out)
{
	struct journal_wire w;

	memcpy(&w, s->body, sizeof(w));
	out->token = w.token;
	out->wire_len = journal_wire_bytes(r, out->wire);
	if (s->kind == JOURNAL_WIRE_OUT) {
		out->orig_token = s->arg;
		snprintf(out->action, sizeof(out->action), "%s", intent_word(w.kind));
		if (w.kind != JOURNAL_NO_ORDER) {
			out->has_intent = true;
			out->intent_id = w.intent_id;
			set_strategy(n, out, w.strategy_idx);
		}
	} else {
		snprintf(out->action, sizeof(out->action), "%c message %u", w.kind, s->arg);
	}
	name_of(n, JOURNAL_NAME_SESSION, s->source_idx, out->run, out->session,
		sizeof(out->session));
}

static void
describe_slot(const struct journal_names *n, const struct journal_record *r,
	      struct journal_row *out)
{
	const struct journal_slot s = journal_slot_of(r);
	struct journal_lane_gap gap;
	struct journal_asked asked;
	struct journal_sent sent;

	out->ns = s.ns;
	out->feed_seq = s.feed_seq;
	out->rx_ns = s.rx_ns;
	name_of(n, JOURNAL_NAME_LANE, r->frame.lane_idx, out->run, out->lane, sizeof(out->lane));
	if (s.instr_idx != INSTR_NONE)
		name_of(n, JOURNAL_NAME_INSTR, s.instr_idx, out->run, out->symbol,
			sizeof(out->symbol));
	if ((s.kind == JOURNAL_INTENT || s.kind == JOURNAL_ORDER || s.kind == JOURNAL_VERDICT) &&
	    s.feed_seq != 0)
		name_of(n, JOURNAL_NAME_FEED, s.source_idx, out->run, out->feed, sizeof(out->feed));
	switch (s.kind) {
	case JOURNAL_INTENT:
	case JOURNAL_ORDER:
		describe_wish(n, &s, out);
		break;
	case JOURNAL_VERDICT:
		describe_verdict(n, &s, out);
		break;
	case JOURNAL_UPDATE:
		describe_update(n, &s, out);
		break;
	case JOURNAL_REPORT:
		describe_report(n, &s, out);
		break;
	case JOURNAL_WIRE_OUT:
	case JOURNAL_WIRE_IN:
		describe_wire(n, r, &s, out);
		break;
	case JOURNAL_SENT:
		memcpy(&sent, s.body, sizeof(sent));
		out->token = sent.token;
		out->tick_cycles = sent.rx_tsc == 0 ? 0 : sent.now_tsc - sent.rx_tsc;
		name_of(n, JOURNAL_NAME_SESSION, s.source_idx, out->run, out->session,
			sizeof(out->session));
		break;
	case JOURNAL_TICKS:
	case JOURNAL_BURST:
		out->count = s.feed_seq;
		out->feed_seq = 0;
		break;
	case JOURNAL_TOOK:
		out->limits_version = s.feed_seq;
		out->feed_seq = 0;
		break;
	case JOURNAL_ASKED:
		memcpy(&asked, s.body, sizeof(asked));
		out->code = asked.kind;
		break;
	case JOURNAL_LANE_GAP:
		memcpy(&gap, s.body, sizeof(gap));
		out->count = gap.lost_cnt;
		out->rx_ns = gap.from_ns;
		break;
	default:
		break;
	}
}

void
journal_describe(const struct journal_names *n, const struct journal_record *r,
		 struct journal_row *out)
{
	struct journal_text t;

	memset(out, 0, offsetof(struct journal_row, wire));
	out->text = NULL;
	out->text_len = 0;
	out->seq = r->frame.seq;
	out->run = r->frame.run;
	out->kind = r->frame.kind;
	out->recovered = (r->frame.flags & JOURNAL_RECOVERED) != 0;
	out->word = journal_kind_word(r->frame.kind);
	if (journal_kind_is_lane(r->frame.kind)) {
		describe_slot(n, r, out);
		return;
	}
	t = journal_text_of(r);
	out->ns = t.ns;
	out->uid = t.uid;
	out->pid = t.pid;
	out->result = t.result;
	out->count = t.value[0];
	if (r->frame.kind == JOURNAL_LIMITS)
		out->limits_version = t.arg;
	snprintf(out->lane, sizeof(out->lane), "control");
	out->text = (const char *)r->payload + sizeof(t);
	out->text_len = r->frame.len - (uint32_t)sizeof(t);
}

void
journal_time_text(uint64_t ns, char out[JOURNAL_TIME_LEN])
{
	const time_t s = (time_t)(ns / NS_PER_SEC);
	struct tm tm;
	size_t len;

	gmtime_r(&s, &tm);
	len = strftime(out, JOURNAL_TIME_LEN - 12, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + len, JOURNAL_TIME_LEN - len, ".%09uZ", (unsigned)(ns % NS_PER_SEC));
}

bool
journal_time_parse(const char *text, uint64_t *ns)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	uint64_t fraction = 0, unit = NS_PER_SEC;
	char *end;

	if (rest == NULL) {
		*ns = strtoull(text, &end, 10);
		return end != text && *end == '\0';
	}
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++)
			if (unit > 1) {
				unit /= 10;
				fraction += (uint64_t)(*rest - '0') * unit;
			}
	if (*rest == 'Z')
		rest++;
	*ns = (uint64_t)timegm(&tm) * NS_PER_SEC + fraction;
	return *rest == '\0';
}

void
journal_px_text(int64_t px4, char out[JOURNAL_PX_LEN])
{
	const uint64_t abs = px4 < 0 ? -(uint64_t)px4 : (uint64_t)px4;

	snprintf(out, JOURNAL_PX_LEN, "%s%" PRIu64 ".%04" PRIu64, px4 < 0 ? "-" : "", abs / 10000,
		 abs % 10000);
}
