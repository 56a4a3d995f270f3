/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "ingress/rx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
counted(const struct rx *r)
{
	const struct rx_metrics *m = &r->metrics;
	uint64_t sum = 0;

#define METRIC(name, kind, help) sum += m->name;
#include "ingress/rx_metrics.def"
#undef METRIC
	return sum - m->frame - m->udp_unchecked; // the others are verdicts
}

/*
 * Any bytes may arrive on a port.  Whatever they are, each frame gets one verdict with one counter;
 * market data lies inside the frame, and was addressed to the line it is said to come from; and
 * trusting the NIC's checksums never turns a frame into another line's.  The way of usual frames
 * says and counts what the one by steps does.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rx_config CONFIG = {
		.port_idx = 2,
		.line_cnt = 2,
		.line = { { 0xEF0A0101, 0, 26400, 1, 0 }, { 0xEF0A0102, 0x0A0A0101, 26401, 1, 1 } },
	};
	struct rx_config any = CONFIG;
	struct rx r, steps;

	if (size > UINT16_MAX)
		return 0;
	any.vlan_id = RX_VLAN_ANY;
	for (unsigned k = 0; k < 4; k++) {
		struct frame f = { 0 }, f_steps = { 0 };
		enum rx_verdict v;

		if (rx_init(&r, k & 1 ? &any : &CONFIG) != 0)
			abort();
		steps = r;
		v = rx_on_bytes(&r, data, (uint16_t)size, k & 2, &f);
		if (rx_by_steps(&steps, data, (uint16_t)size, k & 2, &f_steps) != v ||
		    memcmp(&f, &f_steps, sizeof(f)) != 0 ||
		    memcmp(&r.metrics, &steps.metrics, sizeof(r.metrics)) != 0)
			abort();
		if (r.metrics.frame != 1 || counted(&r) != 1)
			abort();
		if ((v == RX_HOST) != (r.metrics.frame_host == 1) ||
		    (v == RX_MARKET_DATA) != (r.metrics.frame_market_data == 1))
			abort();
		if (v == RX_HOST && (f.data != data || f.len != size))
			abort();
		if (v != RX_MARKET_DATA)
			continue;
		if (f.data < data + 42 || f.data + f.len > data + size || f.line_idx > 1 ||
		    f.head.feed_idx != 1 || f.port_idx != 2)
			abort();
		if (data[0] != 1 || data[5] != 1 + f.line_idx ||
		    (f.line_idx == 1 && f.src_ip != 0x0A0A0101))
			abort();
	}
	return 0;
}
