/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/units.h"
#include "base/wire_int.h"
#include "pcap_out.h"

/* Nanosecond pcap, host byte order; the reader tells the order from the magic. */
struct pcap_file_head {
	uint32_t magic;
	uint16_t version_major;
	uint16_t version_minor;
	uint32_t zone;
	uint32_t sigfigs;
	uint32_t snap_len;
	uint32_t link_type;
};
static_assert(sizeof(struct pcap_file_head) == 24, "pcap: file header");

struct pcap_rec_head {
	uint32_t ts_s;
	uint32_t ts_ns;
	uint32_t kept_len;
	uint32_t wire_len;
};
static_assert(sizeof(struct pcap_rec_head) == 16, "pcap: record header");

struct udp_frame {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	be16 ether_type;
	uint8_t version_ihl;
	uint8_t tos;
	be16 ip_len;
	be16 ip_id;
	be16 frag;
	uint8_t ttl;
	uint8_t proto;
	be16 ip_sum;
	uint8_t src_ip[4];
	uint8_t dst_ip[4];
	be16 src_port;
	be16 dst_port;
	be16 udp_len;
	be16 udp_sum;
};
static_assert(sizeof(struct udp_frame) == 42, "Ethernet, IPv4 and UDP without options");

enum {
	PCAP_ETHERNET = 1,
	PCAP_SNAP_LEN = 65535,
	FRAME_MIN = 60,
	IP_AT = 14,
	IP_LEN = 20,
	UDP_LEN = 8,
};

int
pcap_out_open(struct pcap_out *p, const char *path, uint64_t midnight_ns)
{
	const struct pcap_file_head h = {
		.magic = 0xA1B23C4D, // nanoseconds
		.version_major = 2,
		.version_minor = 4,
		.snap_len = PCAP_SNAP_LEN,
		.link_type = PCAP_ETHERNET,
	};

	p->midnight_ns = midnight_ns;
	p->ip_id = 0;
	p->f = fopen(path, "wb");
	if (p->f == NULL)
		return -errno;
	setvbuf(p->f, NULL, _IOFBF, 1 << 20);
	fwrite(&h, sizeof(h), 1, p->f);
	return 0;
}

int
pcap_out_close(struct pcap_out *p)
{
	const bool bad = ferror(p->f) != 0;

	if (fclose(p->f) != 0)
		return -errno;
	return bad ? -EIO : 0;
}

static uint64_t
sum_add(uint64_t sum, const void *at, size_t len)
{
	const uint8_t *b = at;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	if (len & 1)
		sum += (uint32_t)b[len - 1] << 8;
	return sum;
}

static be16
sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return be16_of((uint16_t)~sum);
}

void
pcap_out_udp(struct pcap_out *p, uint64_t ts_ns, const struct sockaddr_in *from,
	     const struct sockaddr_in *to, const uint8_t *payload, uint16_t len)
{
	static const uint8_t PAD[FRAME_MIN];
	const uint64_t at_ns = p->midnight_ns + ts_ns;
	const uint32_t frame_len = (uint32_t)sizeof(struct udp_frame) + len;
	const uint32_t pad_len = frame_len < FRAME_MIN ? FRAME_MIN - frame_len : 0;
	const struct pcap_rec_head r = {
		.ts_s = (uint32_t)(at_ns / NS_PER_SEC),
		.ts_ns = (uint32_t)(at_ns % NS_PER_SEC),
		.kept_len = frame_len + pad_len,
		.wire_len = frame_len + pad_len,
	};
	struct udp_frame h = {
		.src_mac = { 0x02, 0x53, 0x49, 0x4D, 0x00, 0x01 },
		.ether_type = be16_of(0x0800),
		.version_ihl = 0x45,
		.ip_len = be16_of((uint16_t)(IP_LEN + UDP_LEN + len)),
		.ip_id = be16_of(p->ip_id++),
		.frag = be16_of(0x4000),
		.ttl = 8,
		.proto = 17,
		.udp_len = be16_of((uint16_t)(UDP_LEN + len)),
	};
	uint64_t sum;

	memcpy(h.src_ip, &from->sin_addr, 4);
	memcpy(h.dst_ip, &to->sin_addr, 4);
	memcpy(&h.src_port, &from->sin_port, 2);
	memcpy(&h.dst_port, &to->sin_port, 2);
	h.dst_mac[0] = 0x01; // RFC 1112: 01:00:5e and the low 23 bits of the group
	h.dst_mac[2] = 0x5E;
	h.dst_mac[3] = h.dst_ip[1] & 0x7F;
	h.dst_mac[4] = h.dst_ip[2];
	h.dst_mac[5] = h.dst_ip[3];
	h.ip_sum = sum_fold(sum_add(0, &h.version_ihl, IP_LEN));
	sum = sum_add(17 + UDP_LEN + len, h.src_ip, 8);
	sum = sum_add(sum, &h.src_port, UDP_LEN);
	h.udp_sum = sum_fold(sum_add(sum, payload, len));
	if (be16_get(h.udp_sum) == 0)
		h.udp_sum = be16_of(0xFFFF); // RFC 768: 0 means no checksum
	fwrite(&r, sizeof(r), 1, p->f);
	fwrite(&h, sizeof(h), 1, p->f);
	fwrite(payload, len, 1, p->f);
	if (pad_len > 0)
		fwrite(PAD, pad_len, 1, p->f);
}
