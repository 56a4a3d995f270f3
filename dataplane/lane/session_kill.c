/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "lane/session.h"

/* Guess: a venue that is there has answered a mass cancel by then, over any line of ours. */
#define MASS_WAIT_NS 100000000ULL
/* How often orders that still work are asked for again. */
#define AGAIN_NS 1000000000ULL

enum {
	STEP_IDLE, // the switch is off
	STEP_MASS, // to ask for a mass cancel
	STEP_EACH, // to cancel what is left one by one
};

/* One message that cancels everything of our firm, where the protocol has one. */
static bool
mass_cancel(struct session *s, uint64_t now_ns)
{
	const struct encode_scope all = { 0 };

	if (session_ask(s, ENCODE_ASK_MASS_CANCEL, &all, now_ns) != 0)
		return false;
	metric_add(&s->metrics.kill_mass_cancel, 1);
	event_put(s->events, EVENT_KILL_CANCELS, s->idx, s->orders.open_cnt, 0);
	return true;
}

COLD void
session_look_at_ack(struct session *s)
{
	if (s->ack_late_cycles == 0 || s->ack_token == 0 || s->ack_token == s->ack_late_told ||
	    clock_tsc() - s->ack_sent_tsc <= s->ack_late_cycles)
		return;
	s->ack_late_told = s->ack_token;
	metric_add(&s->metrics.ack_late, 1);
}

COLD void
session_look_at_kill(struct session *s, bool killed, uint64_t now_ns)
{
	if (likely(!killed)) {
		s->kill_step = STEP_IDLE;
		return;
	}
	if (s->kill_step == STEP_IDLE) {
		s->kill_step = STEP_MASS;
		s->kill_next_ns = now_ns;
	}
	if (!s->is_up) { // logged in again, we begin anew: the replay may bring working orders
		s->kill_step = STEP_MASS;
		s->kill_next_ns = now_ns;
		return;
	}
	if (s->orders.open_cnt == 0 || now_ns < s->kill_next_ns)
		return;
	if (s->kill_step == STEP_MASS) {
		s->kill_step = STEP_EACH;
		s->kill_next_ns = now_ns + MASS_WAIT_NS;
		if (mass_cancel(s, now_ns))
			return;
		event_put(s->events, EVENT_KILL_CANCELS, s->idx, s->orders.open_cnt, 1);
	}
	s->kill_next_ns = now_ns + AGAIN_NS;
	if (!s->cancel_all) {
		metric_add(&s->metrics.kill_cancel_round, 1);
		session_cancel_all(s);
	}
}
