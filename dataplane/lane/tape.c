/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "lane/lane.h"
#include "lane/tape.h"

static_assert((int)JOURNAL_PORTS == (int)PORT_MAX, "a burst's record has room for every port");
static_assert(sizeof(((struct command *)0)->symbol) == sizeof(((struct journal_asked *)0)->symbol),
	      "as asked");

/* Turns the lane has finished; low 32 bits, and no two records lie 2^32 turns apart. */
static uint32_t
turn_now(const struct lane *l)
{
	return (uint32_t)(l->turn.turn >> 1);
}

/* What was gathered goes into the journal before anything that came after it. */
static void
flush(struct tape *t)
{
	if (t->ticks.feed_seq == 0)
		return;
	journal_put(t->journal, &t->ticks);
	memset(&t->ticks, 0, sizeof(t->ticks));
}

static void
put(struct lane *l, uint8_t kind, uint32_t feed_seq, const void *body, size_t len)
{
	struct journal_slot s = {
		.kind = kind,
		.ns = l->now_ns,
		.arg = turn_now(l),
		.feed_seq = feed_seq,
	};

	flush(l->tape);
	memcpy(s.body, body, len);
	journal_put(l->tape->journal, &s);
}

void
tape_on_burst(struct lane *l)
{
	struct journal_burst body = { 0 };

	for (uint32_t i = 0; i < l->rx_cnt; i++)
		body.frame_cnt[l->rxq[l->rx_buf_rxq[i]].port_idx]++;
	put(l, JOURNAL_BURST, l->rx_cnt, &body, sizeof(body));
}

void
tape_on_limits(struct lane *l)
{
	put(l, JOURNAL_TOOK, l->limits->version, "", 0);
}

void
tape_on_tick(struct lane *l)
{
	struct tape *t = l->tape;
	uint64_t later_ns;
	uint32_t cnt, later;

	if (l->killed != t->killed) {
		t->killed = l->killed;
		put(l, JOURNAL_KILL, l->killed, "", 0);
	}
	cnt = t->ticks.feed_seq;
	later_ns = l->now_ns - t->tick_ns;
	if (cnt != 0 && (cnt == TAPE_TICKS_MAX || later_ns > UINT32_MAX ||
			 turn_now(l) - t->ticks.arg != cnt * l->housekeeping_every))
		flush(t);
	if (t->ticks.feed_seq == 0) {
		t->ticks.kind = JOURNAL_TICKS;
		t->ticks.ns = l->now_ns;
		t->ticks.arg = turn_now(l);
	} else {
		later = (uint32_t)later_ns;
		memcpy(t->ticks.body + (cnt - 1) * sizeof(later), &later, sizeof(later));
	}
	t->ticks.feed_seq++;
	t->tick_ns = l->now_ns;
}

void
tape_on_command(struct lane *l)
{
	const struct command *c = &l->command;
	struct journal_asked body = { .kind = c->kind };

	switch ((enum command_kind)c->kind) {
	case COMMAND_LINK:
	case COMMAND_TOKENS:
	case COMMAND_FEED_RECOVER:
	case COMMAND_SESSION_CONNECT:
	case COMMAND_SESSION_DISCONNECT:
	case COMMAND_SESSION_ASK:
	case COMMAND_CANCEL_ALL:
	case COMMAND_CANCEL:
	case COMMAND_MODIFY:
	case COMMAND_SETTLE:
	case COMMAND_STOP:
		break;
	default:
		return; // it asks only, or sets a clock whose readings are written down anyway
	}
	memcpy(body.arg, c->arg, sizeof(body.arg));
	memcpy(body.symbol, c->symbol, sizeof(body.symbol));
	put(l, JOURNAL_ASKED, 0, &body, sizeof(body));
}
