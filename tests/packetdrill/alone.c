/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The TCP without anything else of the gateway: no DPDK, no thread, no clock.  Two connections that
 * begin at the same moment shake hands, say something each, and close.
 */
#include <stdio.h>

#include "net/tcp.h"

enum { BUF_BYTES = 4096, STEPS = 1000, STEP_NS = 1000000 };

static struct tcp end[2];
static uint8_t rx[2][BUF_BYTES], tx[2][BUF_BYTES];

static bool
open_end(int i)
{
	const struct tcp_config k = {
		.local_mac = { 2, 0, 0, 0, 0, (uint8_t)i },
		.peer_mac = { 2, 0, 0, 0, 0, (uint8_t)!i },
		.local_ip = 0x0a000001 + (uint32_t)i,
		.peer_ip = 0x0a000001 + (uint32_t)!i,
		.local_port = (uint16_t)(1000 + i),
		.peer_port = (uint16_t)(1000 + !i),
		.rto_min_ns = STEP_NS,
		.time_wait_ns = 10 * STEP_NS,
		.rx_buf = rx[i],
		.rx_buf_bytes = BUF_BYTES,
		.tx_buf = tx[i],
		.tx_buf_bytes = BUF_BYTES,
	};

	return tcp_init(&end[i], &k) == 0 && tcp_connect(&end[i], 0) &&
	       tcp_send(&end[i], (const uint8_t *)"hello", 5) == 5;
}

int
main(void)
{
	bool heard[2] = { false, false };
	uint8_t f[2048];
	uint16_t len;

	if (!open_end(0) || !open_end(1))
		return 1;
	for (uint64_t now_ns = 0; now_ns < (uint64_t)STEPS * STEP_NS; now_ns += STEP_NS)
		for (int i = 0; i < 2; i++) {
			const uint8_t *data;

			tcp_advance(&end[i], now_ns);
			while ((len = tcp_next_frame(&end[i], f, sizeof(f), now_ns)) != 0)
				tcp_on_frame(&end[!i], f, len, false, now_ns);
			if (tcp_peek(&end[i], &data) == 5 && memcmp(data, "hello", 5) == 0) {
				heard[i] = true;
				tcp_consume(&end[i], 5);
				tcp_shutdown(&end[i], now_ns);
			}
		}
	for (int i = 0; i < 2; i++)
		printf("end %d: %s, %s\n", i, heard[i] ? "heard the other" : "heard nothing",
		       tcp_end_name(tcp_end_of(&end[i])));
	return !(heard[0] && heard[1] && tcp_end_of(&end[0]) == TCP_END_CLOSED &&
		 tcp_end_of(&end[1]) == TCP_END_CLOSED);
}
