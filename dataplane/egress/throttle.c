/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/throttle.h"

#include <errno.h>
#include <string.h>

COLD int
throttle_init(struct throttle *t, const struct throttle_config *c, struct arena *arena)
{
	uint32_t slot_cnt = 1;

	memset(t, 0, sizeof(*t));
	if (c->msg_max == 0)
		return 0;
	if (c->msg_max > THROTTLE_MAX || c->reserve_cnt >= c->msg_max || c->window_ns == 0)
		return -EINVAL;
	while (slot_cnt < c->msg_max)
		slot_cnt *= 2;
	t->sent_ns = arena_take(arena, slot_cnt * sizeof(*t->sent_ns));
	if (t->sent_ns == NULL)
		return -ENOMEM;
	t->mask = slot_cnt - 1;
	t->msg_max = c->msg_max;
	t->order_max = c->msg_max - c->reserve_cnt;
	t->window_ns = c->window_ns;
	return 0;
}

COLD void
throttle_on_wait(struct throttle *t, bool all_left, uint64_t now_ns)
{
	for (uint32_t i = 1; i <= t->waiting_cnt; i++)
		t->sent_ns[(t->cnt - i) & t->mask] = now_ns;
	if (!all_left)
		return;
	if (t->burst_cnt < t->waiting_cnt)
		t->burst_cnt = t->waiting_cnt; // it is in the burst that is handed over next
	t->waiting_cnt = 0;
}
