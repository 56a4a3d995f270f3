/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_UNIT_TCP_STATES_H
#define SLUICE_TESTS_UNIT_TCP_STATES_H

#include <string.h>

#include "tcp_rig.h"

/* Connections in every state, and short words for what a test tells them. */

static struct tcp_metrics seen; // the sum over all connections of this program

static inline void
end(struct rig *r)
{
	const uint64_t *from = (const uint64_t *)&r->c.metrics;
	uint64_t *to = (uint64_t *)&seen;

	for (size_t i = 0; i < sizeof(seen) / sizeof(*to); i++)
		to[i] += from[i];
	free(r);
}

static inline void
say(struct rig *r, uint8_t flags, uint32_t rel_seq, uint32_t rel_ack)
{
	rig_say(r, flags, RIG_PEER_ISN + rel_seq, RIG_ISN + rel_ack, 60000);
}

static inline void
data(struct rig *r, uint32_t rel_seq, uint32_t rel_ack, const char *text)
{
	rig_data(r, RIG_PEER_ISN + rel_seq, RIG_ISN + rel_ack, text, (uint16_t)strlen(text));
}

static inline void
expect_bytes(struct rig *r, const char *want)
{
	const uint8_t *p;

	assert_int_equal(tcp_peek(&r->c, &p), strlen(want));
	assert_memory_equal(p, want, strlen(want));
}

/* Whatever it has to say.  Returns how many frames. */
static inline unsigned
take_all(struct rig *r)
{
	unsigned cnt = 0;

	while (rig_take(r))
		cnt++;
	return cnt;
}

static const enum tcp_state STATES[] = {
	TCP_STATE_SYN_RECEIVED, TCP_STATE_ESTABLISHED, TCP_STATE_FIN_WAIT_1, TCP_STATE_FIN_WAIT_2,
	TCP_STATE_CLOSE_WAIT,   TCP_STATE_CLOSING,     TCP_STATE_LAST_ACK,   TCP_STATE_TIME_WAIT,
};

/* A connection that came into this state in the ordinary way and has nothing left to say. */
static inline struct rig *
in_state(enum tcp_state want)
{
	struct rig *r;

	if (want == TCP_STATE_SYN_RECEIVED) {
		r = rig_new();
		rig_start(r);
		RIG_EXPECT(r, S, 0, 0, 0);
		say(r, S, 0, 0);
	} else {
		r = rig_connected();
	}
	if (want == TCP_STATE_CLOSE_WAIT || want == TCP_STATE_LAST_ACK)
		say(r, F | A, 1, 1);
	if (want != TCP_STATE_SYN_RECEIVED && want != TCP_STATE_ESTABLISHED &&
	    want != TCP_STATE_CLOSE_WAIT)
		tcp_shutdown(&r->c, r->now_ns);
	take_all(r);
	if (want == TCP_STATE_FIN_WAIT_2)
		say(r, A, 1, 2);
	else if (want == TCP_STATE_CLOSING)
		say(r, F | A, 1, 1);
	else if (want == TCP_STATE_TIME_WAIT)
		say(r, F | A, 1, 2);
	take_all(r);
	assert_int_equal(tcp_state_of(&r->c), want);
	return r;
}

static inline uint32_t
rcv_rel(const struct rig *r)
{
	return r->c.rcv_nxt - RIG_PEER_ISN;
}

static inline uint32_t
snd_rel(const struct rig *r)
{
	return r->c.snd_nxt - RIG_ISN;
}

/* The answer is one acknowledgement of what is so, and the state stays. */
static inline void
expect_ack_and_no_change(struct rig *r, enum tcp_state state)
{
	RIG_EXPECT(r, A, snd_rel(r), rcv_rel(r), 0);
	RIG_QUIET(r);
	if (tcp_state_of(&r->c) != state)
		fail_msg("%s became %s", tcp_state_name(state),
			 tcp_state_name(tcp_state_of(&r->c)));
}

#endif
