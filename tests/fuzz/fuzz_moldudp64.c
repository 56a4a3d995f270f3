/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/moldudp64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Any bytes may arrive on a multicast port.  Whatever they are, every message the walk returns lies
 * inside the packet, directly behind the one before it, there are no more of them than the header
 * promised, and an exact packet is one whose messages and lengths add up to its size.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *floor = data + sizeof(struct mold_head);
	struct mold_walk w;
	struct mold_msg m;
	uint32_t promised_cnt, cnt = 0;

	if (!mold_walk_start(&w, data, size)) {
		if (size >= sizeof(struct mold_head) || mold_packet_exact(data, size))
			abort();
		return 0;
	}
	promised_cnt = w.left_cnt;
	while (mold_walk_next(&w, &m)) {
		if (cnt++ == promised_cnt || m.data != floor + sizeof(struct mold_block) ||
		    m.data + m.len > data + size)
			abort();
		floor = m.data + m.len;
	}
	if (mold_packet_exact(data, size) != (cnt == promised_cnt && floor == data + size))
		abort();
	return 0;
}
