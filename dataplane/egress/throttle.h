/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EGRESS_THROTTLE_H
#define SLUICE_EGRESS_THROTTLE_H

#include "base/arena.h"
#include "base/metric.h"

enum {
	THROTTLE_MAX = 65536,
};

/*
 * A session's limit of messages: never more than msg_max in any window_ns, whenever that window is
 * begun.  The time of each of the last msg_max messages is kept, so the answer is exact.  New
 * orders and replaces stop reserve_cnt messages earlier than the rest, which is left for cancels.
 *
 * Owned by the session's lane.  Times do not go back.
 */
struct throttle {
	uint64_t *sent_ns; // of the last messages, by number
	uint64_t window_ns;
	uint64_t cnt; // messages ever
	uint32_t mask;
	uint32_t msg_max; // 0: no limit
	uint32_t order_max;
	uint32_t waiting_cnt; // of the last ones, written but not on the wire yet
	uint32_t burst_cnt;   // of the last ones, maybe in the burst that is not handed over yet
};

struct throttle_config {
	uint32_t msg_max; // 0: no limit
	uint32_t reserve_cnt;
	uint64_t window_ns;
};

/*
 * Memory   8 bytes per message of the limit, rounded up to a power of two, from the arena.
 * Returns  0, -ENOMEM, -EINVAL (a limit above THROTTLE_MAX, a reserve that leaves nothing for
 *          orders, or no window)
 */
COLD int throttle_init(struct throttle *t, const struct throttle_config *c, struct arena *arena);

/* Whether one more message keeps to limit messages in each window. */
HOT_INLINE bool
throttle_has_room(const struct throttle *t, uint32_t limit, uint64_t now_ns)
{
	uint64_t oldest_ns;

	if (t->cnt < limit)
		return true;
	oldest_ns = t->sent_ns[(t->cnt - limit) & t->mask];
	return now_ns >= oldest_ns && now_ns - oldest_ns >= t->window_ns;
}

/* Whether a message may leave now. */
HOT_INLINE bool
throttle_allows(const struct throttle *t, bool is_cancel, uint64_t now_ns)
{
	if (likely(t->msg_max == 0))
		return true;
	return throttle_has_room(t, is_cancel ? t->msg_max : t->order_max, now_ns);
}

/* A message was written. */
HOT_INLINE void
throttle_on_sent(struct throttle *t, uint64_t now_ns)
{
	if (likely(t->msg_max == 0))
		return;
	t->sent_ns[t->cnt++ & t->mask] = now_ns;
	t->burst_cnt++;
}

/*
 * The burst was handed to the port, before now_ns: what was written counts from then.  By the time
 * of its writing it would stand too near to what follows a window later.
 */
HOT_INLINE void
throttle_on_burst(struct throttle *t, uint64_t now_ns)
{
	for (; t->burst_cnt != 0; t->burst_cnt--)
		t->sent_ns[(t->cnt - t->burst_cnt) & t->mask] = now_ns;
}

/* The message just counted waits for TCP's window: it counts from when it leaves. */
HOT_INLINE void
throttle_on_queued(struct throttle *t)
{
	if (t->waiting_cnt < t->msg_max)
		t->waiting_cnt++;
}

/* What waits has not left until now; all_left: it leaves with the next burst. */
COLD void throttle_on_wait(struct throttle *t, bool all_left, uint64_t now_ns);

#endif
