/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/drop_watch.h"

#include <stdlib.h>

#include "base/must.h"
#include "boot/kill_switch.h"
#include "observe/event_log.h"
#include "observe/state_ask.h"

enum {
	KEPT_MAX = 256, // findings for `drop-copy`; the log and the journal have all
};

struct kept {
	struct drop_finding f;
	uint32_t session_idx;
};

struct drop_watch {
	uint64_t seen[SESSION_MAX]; // findings that were dealt with
	uint64_t cnt;               // ever kept
	struct kept kept[KEPT_MAX];
};

static const char *const DIFFERENCE_WORD[DROP_DIFFERENCE_CNT] = {
	[DROP_ADDED] = "added",
	[DROP_MISSING] = "missing",
	[DROP_ALTERED] = "altered",
	[DROP_UNREAD] = "unread",
};

int
drop_watch_open(struct gateway *g, struct err *e)
{
	g->drops = calloc(1, sizeof(*g->drops));
	return g->drops == NULL ? err_set(e, -ENOMEM, "no memory for drop copies") : 0;
}

void
drop_watch_close(struct gateway *g)
{
	free(g->drops);
	g->drops = NULL;
}

/* The lane that has the session's drop copy, or -1. */
static int
lane_of(const struct gateway *g, uint32_t session_idx)
{
	for (uint32_t l = 0; l < g->lane_cnt; l++)
		if (g->lane[l] != NULL && g->lane[l]->has.session[session_idx] != NULL &&
		    g->lane[l]->has.session[session_idx]->drop != NULL)
			return (int)l;
	return -1;
}

static const char *
symbol_of(const struct gateway *g, uint16_t instr_idx)
{
	const char *symbol = config_symbol(g->config, instr_idx);

	return symbol != NULL ? symbol : "?";
}

/* "bought 100 at 586.9700" */
static void
fill_text(const struct drop_fill *f, char *out, size_t out_bytes)
{
	static const char *const WHAT[] = { "", "break of ", "correction of " };

	snprintf(out, out_bytes, "%s%s %u at %u.%04u", WHAT[f->what],
		 f->side == SIDE_BUY ? "bought" : "sold", f->qty, f->px4 / 10000, f->px4 % 10000);
}

static void
finding_text(const struct gateway *g, uint32_t session_idx, const struct drop_finding *f, char *out,
	     size_t out_bytes)
{
	const struct drop_fill *x = f->own.qty != 0 ? &f->own : &f->copy;
	char own[64] = "", copy[64] = "";
	int len;

	fill_text(&f->own, own, sizeof(own));
	fill_text(&f->copy, copy, sizeof(copy));
	len = snprintf(out, out_bytes,
		       "%s, order %u, match %llu: ", symbol_of(g, drop_finding_instr(f)), x->token,
		       (unsigned long long)x->match_ref);
	out += len;
	out_bytes -= (size_t)len;
	switch (f->difference) {
	case DROP_ADDED:
		snprintf(out, out_bytes, "the drop copy has '%s', session %s has nothing", copy,
			 g->config->sessions[session_idx].name);
		break;
	case DROP_MISSING:
		snprintf(out, out_bytes, "session %s has '%s', the drop copy has nothing",
			 g->config->sessions[session_idx].name, own);
		break;
	case DROP_ALTERED:
		snprintf(out, out_bytes, "session %s has '%s', the drop copy has '%s of %s'",
			 g->config->sessions[session_idx].name, own, copy,
			 symbol_of(g, f->copy.instr_idx));
		break;
	default:
		snprintf(out, out_bytes, "a message of session %s's drop copy cannot be read",
			 g->config->sessions[session_idx].name);
		break;
	}
}

/* Both sides' instruments: an altered one may be about two. */
static void
freeze(struct gateway *g, const struct drop_finding *f, const char *text)
{
	const uint16_t instr[] = { f->own.instr_idx, f->copy.instr_idx };
	const uint64_t now = now_ns();
	bool known = false;
	struct err e;

	for (size_t i = 0; i < ARRAY_CNT(instr); i++) {
		if (instr[i] == INSTR_NONE || g->limits.set.frozen[instr[i]]) {
			known |= instr[i] != INSTR_NONE;
			continue;
		}
		err_init(&e);
		if (limits_freeze(&g->limits, instr[i], text, &e) != 0) {
			halt_set(HALT_CONTROL);
			event_log_say(g->log, now, EVENT_CRITICAL,
				      "drop copy: %s cannot be frozen: %s; orders are off until "
				      "sluicectl resume",
				      symbol_of(g, instr[i]), e.text);
		} else {
			event_log_say(g->log, now, EVENT_CRITICAL,
				      "drop copy: %s is frozen: no new order until sluicectl "
				      "drop-copy release %s --operator NAME",
				      symbol_of(g, instr[i]), symbol_of(g, instr[i]));
		}
		err_end(&e);
		known = true;
	}
	if (known)
		return;
	halt_set(HALT_CONTROL);
	event_log_say(g->log, now, EVENT_CRITICAL,
		      "drop copy: nobody can say which instrument it is about; orders are off "
		      "until sluicectl resume");
}

static void
take(struct gateway *g, uint32_t session_idx, const struct drop_finding *f)
{
	struct drop_watch *w = g->drops;
	char text[320];

	w->kept[w->cnt++ % KEPT_MAX] = (struct kept){ *f, session_idx };
	finding_text(g, session_idx, f, text, sizeof(text));
	event_log_say(g->log, now_ns(), EVENT_ERROR, "drop copy: %s fill: %s",
		      DIFFERENCE_WORD[f->difference], text);
	if (g->config->sessions[session_idx].drop_copy.on_difference == DROP_COPY_FREEZE)
		freeze(g, f, text);
}

static void
look_at(struct gateway *g, uint32_t session_idx, uint32_t lane_idx)
{
	struct drop_watch *w = g->drops;
	const struct drop_copy *d = &g->lane[lane_idx]->has.session[session_idx]->drop->copy;
	const struct command request = { .kind = COMMAND_DROP_COPY,
					 .arg = { session_idx, (uint32_t)w->seen[session_idx] } };
	struct command_drop_copy *now;

	if (metric_get(&d->metrics.finding) == w->seen[session_idx] ||
	    ask(g, lane_idx, &request) != 0)
		return;
	now = malloc(sizeof(*now)); // freezing asks lanes, too
	if (now == NULL)
		return; // at the next look
	memcpy(now, g->reply[lane_idx], sizeof(*now));
	if (now->first > w->seen[session_idx]) {
		halt_set(HALT_CONTROL);
		event_log_say(g->log, now_ns(), EVENT_CRITICAL,
			      "drop copy: session %s: %llu differences came too fast to be told "
			      "one by one; orders are off until sluicectl resume",
			      g->config->sessions[session_idx].name,
			      (unsigned long long)(now->first - w->seen[session_idx]));
	}
	w->seen[session_idx] = now->finding_cnt;
	for (uint64_t n = now->first; n < now->finding_cnt; n++)
		take(g, session_idx, &now->finding[n - now->first]);
	free(now);
}

void
drop_watch_look(struct gateway *g)
{
	for (uint32_t s = 0; g->drops != NULL && s < g->config->sessions_cnt; s++) {
		const int lane_idx = lane_of(g, s);

		if (lane_idx >= 0)
			look_at(g, s, (uint32_t)lane_idx);
	}
}

int
drop_source_rows(void *ctx, struct state_drop_copy *row, size_t row_max)
{
	struct gateway *g = ctx;
	size_t cnt = 0;

	for (uint32_t s = 0; s < g->config->sessions_cnt; s++) {
		const struct command request = { .kind = COMMAND_DROP_COPY,
						 .arg = { s, UINT32_MAX } };
		const int lane_idx = lane_of(g, s);
		const struct command_drop_copy *now;
		struct state_drop_copy *out = &row[cnt];

		if (lane_idx < 0 || cnt >= row_max || ask(g, (uint32_t)lane_idx, &request) != 0)
			continue;
		now = g->reply[lane_idx];
		memset(out, 0, sizeof(*out));
		TEXT(out->session, "%s", g->config->sessions[s].name);
		text_of_ip(g->config->sessions[s].drop_copy.peer.ip, out->peer, sizeof(out->peer),
			   ':', g->config->sessions[s].drop_copy.peer.port);
		text_of_padded(now->venue_session, sizeof(now->venue_session), out->venue_session);
		out->up = now->up_ns != 0;
		out->up_ns = now->up_ns;
		out->next_seq = now->next_seq;
		out->matched_cnt = now->metrics.matched;
		out->added_cnt = now->metrics.added;
		out->missing_cnt = now->metrics.missing;
		out->altered_cnt = now->metrics.altered;
		out->unread_cnt = now->metrics.unread;
		out->pending_cnt = now->metrics.pending;
		cnt++;
	}
	return (int)cnt;
}

int
drop_source_findings(void *ctx, struct state_drop_finding *row, size_t row_max)
{
	const struct gateway *g = ctx;
	const struct drop_watch *w = g->drops;
	const uint64_t have = w == NULL ? 0 : w->cnt < KEPT_MAX ? w->cnt : KEPT_MAX;

	for (uint64_t i = 0; i < have && i < row_max; i++) {
		const struct kept *k = &w->kept[(w->cnt - 1 - i) % KEPT_MAX];
		const uint16_t instr_idx = drop_finding_instr(&k->f);

		memset(&row[i], 0, sizeof(row[i]));
		row[i].ns = k->f.ns;
		TEXT(row[i].session, "%s", g->config->sessions[k->session_idx].name);
		TEXT(row[i].symbol, "%s", symbol_of(g, instr_idx));
		TEXT(row[i].difference, "%s", DIFFERENCE_WORD[k->f.difference]);
		finding_text(g, k->session_idx, &k->f, row[i].text, sizeof(row[i].text));
		row[i].frozen = instr_idx != INSTR_NONE && g->limits.set.frozen[instr_idx];
	}
	return (int)have;
}

int
drop_source_release(void *ctx, const char *symbol, const char *name, const char *reason,
		    struct err *e)
{
	struct gateway *g = ctx;
	int rc = operator_name_check(name, e);

	if (rc == 0)
		rc = limits_release(&g->limits, symbol, name, e);
	if (rc == 0)
		event_log_say(g->log, now_ns(), EVENT_CRITICAL,
			      "drop copy: %s is released by %s (uid %u, pid %u): %s", symbol, name,
			      g->caller_uid, g->caller_pid, reason);
	return rc;
}
