/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "day_memory.h"

enum {
	PACKET_BYTES = 1400, // of messages in one packet: what fits Ethernet with all headers
	CHUNK_BYTES = 1 << 20,
	MESSAGE_MEAN_MAX = 40, // bytes with the length; adds are 38, deletes 21
};

static uint16_t
block_len(const uint8_t *at)
{
	return (uint16_t)(sizeof(be16) + be16_get(*(const be16 *)at));
}

/* Two packets in a row are more than one may be. */
static size_t
packets_bytes(const struct day_memory *m)
{
	return (m->len / (PACKET_BYTES / 2) + 2) * sizeof(*m->packet);
}

static void
cut_packets(struct day_memory *m)
{
	size_t at = 0;

	m->packet = bench_memory(packets_bytes(m));
	while (at < m->len) {
		struct datagram *d = &m->packet[m->packet_cnt++];

		*d = (struct datagram){ .data = m->data + at, .seq = m->msg_cnt + 1 };
		while (at < m->len && d->len + block_len(m->data + at) <= PACKET_BYTES) {
			d->len = (uint16_t)(d->len + block_len(m->data + at));
			at += block_len(m->data + at);
			d->msg_cnt++;
		}
		m->msg_cnt += d->msg_cnt;
	}
}

void
day_memory_fill(struct day_memory *m, struct day *d, uint64_t msg_cnt)
{
	const size_t room = msg_cnt * MESSAGE_MEAN_MAX + CHUNK_BYTES;
	uint64_t cnt = 0;
	size_t at = 0;

	*m = (struct day_memory){ .data = bench_memory(room), .room = room };
	while (cnt < msg_cnt && room - m->len >= CHUNK_BYTES / 2) {
		const size_t n = day_fill(d, m->data + m->len, CHUNK_BYTES / 2);

		if (n == 0)
			break;
		m->len += n;
		for (; at < m->len && cnt < msg_cnt; cnt++)
			at += block_len(m->data + at);
	}
	// what was made beyond is part of it too: the day's generator has moved on
	cut_packets(m);
}

void
day_memory_empty(struct day_memory *m)
{
	bench_memory_back(m->data, m->room);
	bench_memory_back(m->packet, packets_bytes(m));
	*m = (struct day_memory){ 0 };
}

bool
day_memory_load(struct day_memory *m, const char *path)
{
	FILE *f = fopen(path, "rb");
	long len;

	if (f == NULL)
		return false;
	fseek(f, 0, SEEK_END);
	len = ftell(f);
	rewind(f);
	*m = (struct day_memory){ .data = bench_memory((size_t)len + 64), .len = (size_t)len };
	if (fread(m->data, 1, m->len, f) != m->len)
		bench_die("a data file became shorter while it was read");
	fclose(f);
	cut_packets(m);
	return true;
}
