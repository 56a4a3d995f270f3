/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/tx_stamp.h"

#include "lane/housekeeping.h"
#include "lane/lane.h"
#include "port/port_tx_stamp.h"

// a frame leaves within microseconds; a stamp that is read this late would be taken for the next
// order's only by a device that keeps a frame for longer than that
#define WAIT_NS 1000000000ULL

void
tx_stamp_ask(struct lane *l, struct port_tx *q, const struct order *m)
{
	struct port_tx_stamp *s = q->stamp;

	if (s->left > 1) {
		s->left--;
		return;
	}
	if (s->every == 0 || m->head.trace.rx_tsc == 0 || s->asked_tsc != 0)
		return; // no trigger, or one is underway: the next order
	s->asked_tsc = l->now_tsc;
	s->rx_tsc = m->head.trace.rx_tsc;
	s->rx_ns = m->head.rx_ns;
	s->left = s->every;
	port_tx_stamp_flag(q);
	metric_add(&l->metrics.tx_stamp_asked, 1);
}

void
tx_stamp_set_every(struct lane *l, uint32_t every)
{
	for (uint32_t i = 0; i < l->tx_cnt; i++) {
		if (l->tx[i]->stamp == NULL)
			continue;
		l->tx[i]->stamp->every = every;
		l->tx[i]->stamp->left = 0; // the next order is the first
	}
}

/* From the trigger to the wire; the trigger's device clock, where it had one, too. */
static void
record(struct lane *l, struct port_tx_stamp *s, const struct port_tx_left *left)
{
	const uint64_t wire_tsc = left->tsc - lane_ns_to_cycles(l, left->ago_ns);
	const uint64_t wire_ns = clock_ns_at(&l->clock, wire_tsc);
	const uint64_t doubt_ns = clock_cycles_to_ns(&l->clock, left->cycles / 2);

	metric_add(&l->metrics.tx_stamp_taken, 1);
	if (unlikely(left->ago_ns > WAIT_NS)) { // its clock was set meanwhile
		record_time(l, l->tick_to_wire, UINT64_MAX);
		return;
	}
	if (doubt_ns > s->doubt_max_ns)
		store_relaxed_u64(&s->doubt_max_ns, doubt_ns);
	record_time(l, l->tick_to_wire, wire_tsc - s->rx_tsc); // below 0: counted, not taken
	if (l->device_to_wire != NULL)
		record_time(l, l->device_to_wire,
			    wire_ns >= s->rx_ns ? lane_ns_to_cycles(l, wire_ns - s->rx_ns)
						: UINT64_MAX);
}

void
tx_stamp_look(struct lane *l)
{
	for (uint32_t i = 0; i < l->tx_cnt; i++) {
		struct port_tx_stamp *s = l->tx[i]->stamp;
		struct port_tx_left left;

		if (s == NULL || s->asked_tsc == 0)
			continue;
		if (port_tx_stamp_read(l->tx[i], &left)) {
			record(l, s, &left);
			s->asked_tsc = 0;
		} else if (clock_cycles_to_ns(&l->clock, clock_tsc() - s->asked_tsc) > WAIT_NS) {
			metric_add(&l->metrics.tx_stamp_missing, 1);
			s->asked_tsc = 0;
		}
	}
}
