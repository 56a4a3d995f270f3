/* SPDX-License-Identifier: Apache-2.0 */
#include "base/event.h"

void
event_sink_init(struct event_sink *s, uint8_t lane_idx, void *slot, uint32_t slot_cnt)
{
	memset(s, 0, sizeof(*s));
	ring_init(&s->ring, slot, slot_cnt);
	s->lane_idx = lane_idx;
}

COLD void
event_put_args(struct event_sink *s, enum event_code code, const uint64_t arg[EVENT_ARGS])
{
	struct event e = { .code = (uint16_t)code };

	if (s == NULL)
		return;
	if (!ring_room(&s->ring, 1)) {
		metric_add(&s->lost_cnt, 1);
		return;
	}
	e.lane_idx = s->lane_idx;
	e.tsc = s->now_tsc;
	e.lost_cnt = s->lost_cnt;
	memcpy(e.arg, arg, sizeof(e.arg));
	ring_put(&s->ring, &e);
}
