/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "observe/login_blank.h"
#include "wire/eth_ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PEER_IP = 0x0a0a0201,
	PEER_PORT = 26488,
	LEN_MAX = 2048,
};

/*
 * Any frame may be captured, cut anywhere.  Whatever it is: only bytes that become '*' and the two
 * of the TCP checksum change, a checksum that was right stays right, and a second look finds
 * nothing left to do.  Frames are told apart by a be16 length before each.
 */
static void
look_at(struct login_blank *b, const uint8_t *data, size_t len)
{
	uint8_t frame[LEN_MAX], again[LEN_MAX];
	struct eth_ip before, after;
	enum eth_ip_verdict v;
	size_t changed = 0;
	bool was_right, blanked;

	memcpy(frame, data, len);
	v = eth_ip_walk(data, len, true, &before);
	was_right = v == ETH_IP_L4 && before.l4_len >= sizeof(struct tcp_head) &&
		    eth_ip_l4_sum_ok(&before);
	blanked = login_blank_frame(b, frame, len);
	for (size_t i = 0; i < len; i++)
		changed += frame[i] != data[i] && frame[i] != '*';
	if (changed > sizeof(be16) || (!blanked && memcmp(frame, data, len) != 0))
		abort();
	if (was_right && (eth_ip_walk(frame, len, true, &after) != ETH_IP_L4 ||
			  (before.proto == IP_PROTO_TCP && !eth_ip_l4_sum_ok(&after))))
		abort();
	memcpy(again, frame, len);
	if (login_blank_frame(b, again, len) || memcmp(again, frame, len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct login_blank b = { 0 };

	login_blank_add(&b, PEER_IP, PEER_PORT);
	while (size > sizeof(be16)) {
		size_t len = be16_get(*(const be16 *)data);

		data += sizeof(be16);
		size -= sizeof(be16);
		len = len < size ? len : size;
		if (len > LEN_MAX)
			break;
		look_at(&b, data, len);
		data += len;
		size -= len;
	}
	return 0;
}
