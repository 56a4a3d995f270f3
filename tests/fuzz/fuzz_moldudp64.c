/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/moldudp64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_ahead(const uint8_t *data, size_t size)
{
	const size_t whole = size - data[0] % (size - sizeof(struct mold_head) + 1);
	struct mold_ahead a;

	mold_ahead_start(&a, data, size);
	for (unsigned n = data[1]; n != 0; n--)
		mold_ahead_step(&a);
	if (mold_packet_exact_ahead(data, size, &a) != mold_packet_exact(data, size) ||
	    mold_packet_exact_ahead(data, whole, &a) != mold_packet_exact(data, whole))
		abort();
}

/*
 * Any bytes may arrive on a multicast port.  Whatever they are, every message the walk returns lies
 * inside the packet, directly behind the one before it, there are no more of them than the header
 * promised, and an exact packet is one whose messages and lengths add up to its size.  A walk ahead
 * of its turn, however far it came and also when it was of more bytes, changes no answer.
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
	check_ahead(data, size);
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
