/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WIRE_ETH_IP_H
#define SLUICE_WIRE_ETH_IP_H

#include "base/bytes16.h"
#include "base/wire_int.h"

/*
 * Ethernet, VLAN, ARP, IPv4, UDP, TCP and ICMP as bytes, the Internet checksum, and one strict walk
 * from the first byte of a frame to the transport header.
 */

enum {
	ETH_ADDR_BYTES = 6,
	ETH_TYPE_IPV4 = 0x0800, // IEEE 802 numbers (IANA)
	ETH_TYPE_ARP = 0x0806,
	ETH_TYPE_VLAN = 0x8100, // IEEE 802.1Q, customer tag
	ETH_TYPE_QINQ = 0x88a8, // IEEE 802.1ad, service tag
	ETH_FRAME_MIN = 60, // without the frame check sequence; shorter ones are padded on the wire
	ETH_VLAN_TAGS_MAX = 2, // one service and one customer tag

	IP_PROTO_ICMP = 1, // IANA protocol numbers
	IP_PROTO_IGMP = 2,
	IP_PROTO_TCP = 6,
	IP_PROTO_UDP = 17,

	IP_FRAG_DF = 0x4000,
	IP_FRAG_MF = 0x2000,
	IP_FRAG_OFFSET_MASK = 0x1fff,

	ARP_REQUEST = 1,
	ARP_REPLY = 2,

	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_ECHO_REQUEST = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	ICMP_CODE_PROTOCOL = 2, // of ICMP_UNREACHABLE
	ICMP_CODE_PORT = 3,
	ICMP_CODE_FRAG_NEEDED = 4,

	TCP_FLAG_FIN = 0x01,
	TCP_FLAG_SYN = 0x02,
	TCP_FLAG_RST = 0x04,
	TCP_FLAG_PSH = 0x08,
	TCP_FLAG_ACK = 0x10,
	TCP_FLAG_URG = 0x20,
	TCP_FLAG_ECE = 0x40,
	TCP_FLAG_CWR = 0x80,

	TCP_OPT_END = 0,
	TCP_OPT_NOP = 1,
	TCP_OPT_MSS = 2,
	TCP_OPT_WSCALE = 3,
	TCP_OPT_SACK_PERMITTED = 4,
	TCP_OPT_SACK = 5,
	TCP_OPT_TIMESTAMP = 8,
};

struct eth_head {
	uint8_t dst[ETH_ADDR_BYTES];
	uint8_t src[ETH_ADDR_BYTES];
	be16 type;
};
static_assert(sizeof(struct eth_head) == 14, "RFC 894: Ethernet header");
static_assert(offsetof(struct eth_head, type) == 12, "RFC 894: Ethernet header");

/* The Ethernet address of a multicast group: its lower 23 bits (RFC 1112 6.4). */
static inline void
eth_group_mac(uint32_t group_ip, uint8_t mac[ETH_ADDR_BYTES])
{
	mac[0] = 0x01;
	mac[1] = 0x00;
	mac[2] = 0x5e;
	mac[3] = (uint8_t)(group_ip >> 16 & 0x7f);
	mac[4] = (uint8_t)(group_ip >> 8);
	mac[5] = (uint8_t)group_ip;
}

/* What follows an eth_head or another tag whose type announces a tag. */
struct vlan_tag {
	be16 tci; // priority 3 bits, drop eligible 1 bit, VLAN id 12 bits
	be16 type;
};
static_assert(sizeof(struct vlan_tag) == 4, "IEEE 802.1Q: tag");

/* ARP for IPv4 over Ethernet. */
struct arp_head {
	be16 hw_type;    // 1: Ethernet
	be16 proto_type; // ETH_TYPE_IPV4
	uint8_t hw_len;  // 6
	uint8_t proto_len;
	be16 op;
	uint8_t sender_mac[ETH_ADDR_BYTES];
	be32 sender_ip;
	uint8_t target_mac[ETH_ADDR_BYTES];
	be32 target_ip;
};
static_assert(sizeof(struct arp_head) == 28, "RFC 826: packet format");
static_assert(offsetof(struct arp_head, target_ip) == 24, "RFC 826: packet format");

struct ipv4_head {
	uint8_t version_ihl;
	uint8_t tos;
	be16 total_len; // header and payload
	be16 id;
	be16 frag; // IP_FRAG_DF, IP_FRAG_MF, offset in 8 bytes
	uint8_t ttl;
	uint8_t proto;
	be16 sum;
	be32 src;
	be32 dst;
};
static_assert(sizeof(struct ipv4_head) == 20, "RFC 791 3.1: Internet header");
static_assert(offsetof(struct ipv4_head, dst) == 16, "RFC 791 3.1: Internet header");

struct udp_head {
	be16 src_port;
	be16 dst_port;
	be16 len; // header and payload
	be16 sum; // 0: the sender computed none
};
static_assert(sizeof(struct udp_head) == 8, "RFC 768: format");

struct tcp_head {
	be16 src_port;
	be16 dst_port;
	be32 seq;
	be32 ack;
	uint8_t data_off; // upper 4 bits: header length in 4 bytes
	uint8_t flags;
	be16 window;
	be16 sum;
	be16 urgent;
};
static_assert(sizeof(struct tcp_head) == 20, "RFC 9293 3.1: header format");
static_assert(offsetof(struct tcp_head, urgent) == 18, "RFC 9293 3.1: header format");

struct icmp_head {
	uint8_t type;
	uint8_t code;
	be16 sum;
	be16 id_or_zero; // echo: identifier
	be16 seq_or_mtu; // echo: sequence number; fragmentation needed: next-hop MTU (RFC 1191 4)
};
static_assert(sizeof(struct icmp_head) == 8, "RFC 792: message formats");
static_assert(offsetof(struct icmp_head, seq_or_mtu) == 6, "RFC 1191 4: router specification");

/*
 * The Internet checksum (RFC 1071).  A sum in progress is a uint64_t of 16-bit words as they lie in
 * memory, so no word is swapped while adding; 2^32 words fit without an overflow.
 */

enum {
	IP_SUM_LONG = 256, // from here on larger steps are faster
	IP_SUM_BLOCK = 64,
};

/* The next bytes as one word: copied to `to` unless that is NULL, and added. */
#define IP_SUM_WORD(type)                                                  \
	do {                                                               \
		type word_;                                                \
                                                                           \
		memcpy(&word_, (const uint8_t *)from + at, sizeof(word_)); \
		if (to != NULL)                                            \
			memcpy((uint8_t *)to + at, &word_, sizeof(word_)); \
		sum += word_;                                              \
		at += sizeof(word_);                                       \
	} while (0)

/*
 * Adds 8, 16 or 32 bytes, a constant: 64 bits at once, and what is carried out of them below, where
 * the machine can.  The sum may use all 64 bits then: ip_sum_narrow before anything else is added.
 */
HOT_INLINE uint64_t
ip_sum_wide(uint64_t sum, const uint8_t *from, size_t bytes)
{
#if defined(__x86_64__) && !WITH_ASAN
	if (bytes == 32)
		__asm__("addq (%1), %0\n\t"
			"adcq 8(%1), %0\n\t"
			"adcq 16(%1), %0\n\t"
			"adcq 24(%1), %0\n\t"
			"adcq $0, %0"
			: "+r"(sum)
			: "r"(from), "m"(*(const uint8_t(*)[32])from)
			: "cc");
	else if (bytes == 16)
		__asm__("addq (%1), %0\n\t"
			"adcq 8(%1), %0\n\t"
			"adcq $0, %0"
			: "+r"(sum)
			: "r"(from), "m"(*(const uint8_t(*)[16])from)
			: "cc");
	else
		__asm__("addq (%1), %0\n\t"
			"adcq $0, %0"
			: "+r"(sum)
			: "r"(from), "m"(*(const uint8_t(*)[8])from)
			: "cc");
#else
	for (size_t at = 0; at < bytes; at += sizeof(uint32_t)) {
		uint32_t word;

		memcpy(&word, from + at, sizeof(word));
		sum += word;
	}
#endif
	return sum;
}

HOT_INLINE uint64_t
ip_sum_narrow(uint64_t sum)
{
	return (sum & UINT32_MAX) + (sum >> 32);
}

/* Adds whole blocks, in two sums that need not wait for each other.  Out of line: frames are short.
 */
static __attribute__((noinline, unused)) uint64_t
ip_sum_blocks(uint64_t sum, const uint8_t *from, size_t len)
{
	uint64_t other = 0;

	for (size_t at = 0; at < len; at += IP_SUM_BLOCK) {
		sum = ip_sum_wide(sum, from + at, IP_SUM_BLOCK / 2);
		other = ip_sum_wide(other, from + at + IP_SUM_BLOCK / 2, IP_SUM_BLOCK / 2);
	}
	return ip_sum_narrow(sum) + ip_sum_narrow(other);
}

/*
 * Adds bytes while it copies them; to NULL only adds.  All parts but the last must have even
 * length, or the next part is out of step.  Reads and writes nothing beyond len.
 */
HOT_INLINE uint64_t
ip_sum_copy(uint64_t sum, void *to, const void *from, size_t len)
{
	size_t at = 0;

	if (to == NULL && unlikely(len >= IP_SUM_LONG)) {
		at = len / IP_SUM_BLOCK * IP_SUM_BLOCK;
		sum = ip_sum_blocks(sum, from, at);
	} else if (unlikely(len >= IP_SUM_LONG)) {
		typedef uint64_t pair __attribute__((vector_size(16)));
		pair both = { 0, 0 };

		for (; len - at >= sizeof(both); at += sizeof(both)) {
			const pair v = (pair)bytes16_load((const uint8_t *)from + at);

			bytes16_store((uint8_t *)to + at, (bytes16)v);
			both += (v & UINT32_MAX) + (v >> 32);
		}
		sum += both[0] + both[1];
	}
	for (; len - at >= 32; at += 32) {
		if (to != NULL)
			memcpy((uint8_t *)to + at, (const uint8_t *)from + at, 32);
		sum = ip_sum_wide(sum, (const uint8_t *)from + at, 32);
	}
	if (len - at >= 16) {
		if (to != NULL)
			memcpy((uint8_t *)to + at, (const uint8_t *)from + at, 16);
		sum = ip_sum_wide(sum, (const uint8_t *)from + at, 16);
		at += 16;
	}
	if (len - at >= 8) {
		if (to != NULL)
			memcpy((uint8_t *)to + at, (const uint8_t *)from + at, 8);
		sum = ip_sum_wide(sum, (const uint8_t *)from + at, 8);
		at += 8;
	}
	sum = ip_sum_narrow(sum);
	if (to == NULL && likely(at != 0)) {
		const size_t left = len - at; // below 8
		uint64_t last;

		memcpy(&last, (const uint8_t *)from + len - sizeof(last), sizeof(last));
		return sum + ip_sum_narrow(last >> 8 * (7 - left) >> 8);
	}
	if (len - at >= sizeof(uint32_t))
		IP_SUM_WORD(uint32_t);
	if (len - at >= sizeof(uint16_t))
		IP_SUM_WORD(uint16_t);
	if (len != at) // the missing last byte counts as zero
		IP_SUM_WORD(uint8_t);
	return sum;
}
#undef IP_SUM_WORD

/* Adds bytes.  All parts but the last must have even length. */
HOT_INLINE uint64_t
ip_sum_bytes(uint64_t sum, const void *data, size_t len)
{
	return ip_sum_copy(sum, NULL, data, len);
}

HOT_INLINE uint64_t
ip_sum_be16(uint64_t sum, be16 v)
{
	uint16_t word;

	memcpy(&word, v.b, sizeof(word));
	return sum + word;
}

HOT_INLINE uint64_t
ip_sum_be32(uint64_t sum, be32 v)
{
	uint32_t word;

	memcpy(&word, v.b, sizeof(word));
	return sum + word;
}

/* The 16-bit ones' complement sum itself, as it lies in memory: what offloading NICs want to find.
 */
HOT_INLINE be16
ip_sum_fold(uint64_t sum)
{
	// both halves of a number, each added to the other, carry into the upper one what it takes
	const uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);
	const uint16_t word = (uint16_t)((half + (half << 16 | half >> 16)) >> 16);
	be16 v;

	memcpy(v.b, &word, sizeof(word));
	return v;
}

/* The value of a checksum field whose bytes counted as zero in sum. */
HOT_INLINE be16
ip_sum_finish(uint64_t sum)
{
	be16 v = ip_sum_fold(sum);
	uint16_t word;

	memcpy(&word, v.b, sizeof(word));
	word = (uint16_t)~word;
	memcpy(v.b, &word, sizeof(word));
	return v;
}

/* True when a sum that includes the checksum field is that of intact bytes. */
HOT_INLINE bool
ip_sum_ok(uint64_t sum)
{
	const be16 v = ip_sum_fold(sum);

	return v.b[0] == 0xff && v.b[1] == 0xff;
}

/* The pseudo header of UDP and TCP (RFC 9293 3.1). */
HOT_INLINE uint64_t
ip_sum_pseudo(be32 src, be32 dst, uint8_t proto, uint16_t l4_len)
{
	const be16 zero_proto = { { 0, proto } };

	return ip_sum_be16(ip_sum_be16(ip_sum_be32(ip_sum_be32(0, src), dst), zero_proto),
			   be16_of(l4_len));
}

/* Who sends a datagram to whom; host order. */
struct udp_way {
	uint32_t src_ip;
	uint32_t dst_ip;
	uint16_t src_port;
	uint16_t dst_port;
	uint8_t ttl;
};

/*
 * Writes the IPv4 and UDP headers before payload_len bytes that lie behind their place at `at`
 * already: no options, not to be fragmented, both checksums (RFC 791 3.1, RFC 768).  Returns the
 * bytes of headers and payload.  Not for the hot path.
 */
static inline uint16_t
udp_write_heads(uint8_t *at, const struct udp_way *w, uint16_t payload_len)
{
	const uint16_t udp_len = (uint16_t)(sizeof(struct udp_head) + payload_len);
	struct ipv4_head *ip = (struct ipv4_head *)at;
	struct udp_head *udp = (struct udp_head *)(ip + 1);

	*ip = (struct ipv4_head){
		.version_ihl = 0x45,
		.total_len = be16_of((uint16_t)(sizeof(*ip) + udp_len)),
		.frag = be16_of(IP_FRAG_DF),
		.ttl = w->ttl,
		.proto = IP_PROTO_UDP,
		.src = be32_of(w->src_ip),
		.dst = be32_of(w->dst_ip),
	};
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	*udp = (struct udp_head){
		.src_port = be16_of(w->src_port),
		.dst_port = be16_of(w->dst_port),
		.len = be16_of(udp_len),
	};
	udp->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_UDP, udp_len), udp, udp_len));
	if (be16_get(udp->sum) == 0)
		udp->sum = be16_of(0xffff); // RFC 768: 0 means that none was computed
	return (uint16_t)(sizeof(*ip) + udp_len);
}

/* What a frame turned out to be.  Everything from ETH_IP_FRAGMENT on ends the walk. */
enum eth_ip_verdict {
	ETH_IP_L4,          // a whole IPv4 packet: all fields of struct eth_ip are set
	ETH_IP_ARP,         // l3 points to a whole arp_head of Ethernet and IPv4
	ETH_IP_FRAGMENT,    // a good IPv4 header, but only a part of the payload
	ETH_IP_OTHER_TYPE,  // neither IPv4 nor ARP (or a length: IEEE 802.3)
	ETH_IP_SHORT_ETH,   // ends inside the Ethernet header or a tag
	ETH_IP_DEEP_VLAN,   // more than ETH_VLAN_TAGS_MAX tags
	ETH_IP_SHORT_ARP,   // ends inside the ARP packet
	ETH_IP_BAD_ARP,     // not Ethernet and IPv4
	ETH_IP_SHORT_IP,    // ends inside the IPv4 header
	ETH_IP_BAD_VERSION, // EtherType IPv4, but another version inside
	ETH_IP_BAD_IHL,     // header length below 5 words
	ETH_IP_BAD_LEN,     // total length below the header's or beyond the frame
	ETH_IP_BAD_SUM,     // header checksum
	ETH_IP_VERDICT_CNT,
};

/* Where things are in a frame.  Pointers are into the frame. */
struct eth_ip {
	const uint8_t *l3; // IPv4 or ARP header
	const uint8_t *l4; // first byte behind the IPv4 header and its options
	uint16_t l4_len;   // what the IPv4 total length leaves; padding is not part of it
	uint16_t vlan_id;  // of the innermost tag; 0: untagged or priority only
	uint8_t vlan_cnt;
	uint8_t proto;
	be32 src;
	be32 dst;
};

/*
 * Walks a received frame up to the transport header.
 *
 * ip_sum_known_ok: the NIC has verified the header checksum already.
 * Returns  a verdict; *e is complete for ETH_IP_L4 only (l3 and the VLAN for ETH_IP_ARP; everything
 *          but a meaningful transport header for ETH_IP_FRAGMENT).  Never reads beyond len.
 */
HOT_INLINE enum eth_ip_verdict
eth_ip_walk(const uint8_t *frame, size_t len, bool ip_sum_known_ok, struct eth_ip *e)
{
	const struct ipv4_head *ip;
	const struct arp_head *arp;
	size_t at = sizeof(struct eth_head);
	size_t head_len, total_len;
	uint16_t type;

	*e = (struct eth_ip){ 0 };
	if (unlikely(len < at))
		return ETH_IP_SHORT_ETH;
	type = be16_get(((const struct eth_head *)frame)->type);
	while (unlikely(type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ)) {
		const struct vlan_tag *tag = (const struct vlan_tag *)(frame + at);

		if (len < at + sizeof(*tag))
			return ETH_IP_SHORT_ETH;
		if (e->vlan_cnt == ETH_VLAN_TAGS_MAX)
			return ETH_IP_DEEP_VLAN;
		e->vlan_cnt++;
		e->vlan_id = be16_get(tag->tci) & 0x0fff;
		type = be16_get(tag->type);
		at += sizeof(*tag);
	}
	e->l3 = frame + at;
	if (unlikely(type == ETH_TYPE_ARP)) {
		arp = (const struct arp_head *)e->l3;
		if (len < at + sizeof(*arp))
			return ETH_IP_SHORT_ARP;
		if (be16_get(arp->hw_type) != 1 || be16_get(arp->proto_type) != ETH_TYPE_IPV4 ||
		    arp->hw_len != ETH_ADDR_BYTES || arp->proto_len != sizeof(be32))
			return ETH_IP_BAD_ARP;
		return ETH_IP_ARP;
	}
	if (unlikely(type != ETH_TYPE_IPV4))
		return ETH_IP_OTHER_TYPE;
	if (unlikely(len < at + sizeof(*ip)))
		return ETH_IP_SHORT_IP;
	ip = (const struct ipv4_head *)e->l3;
	if (unlikely(ip->version_ihl >> 4 != 4))
		return ETH_IP_BAD_VERSION;
	head_len = (size_t)(ip->version_ihl & 15) * 4;
	if (unlikely(head_len < sizeof(*ip)))
		return ETH_IP_BAD_IHL;
	if (unlikely(len < at + head_len))
		return ETH_IP_SHORT_IP;
	total_len = be16_get(ip->total_len);
	if (unlikely(total_len < head_len || total_len > len - at))
		return ETH_IP_BAD_LEN;
	if (unlikely(!ip_sum_known_ok && !ip_sum_ok(ip_sum_bytes(0, ip, head_len))))
		return ETH_IP_BAD_SUM;
	e->l4 = e->l3 + head_len;
	e->l4_len = (uint16_t)(total_len - head_len);
	e->proto = ip->proto;
	e->src = ip->src;
	e->dst = ip->dst;
	if (unlikely(be16_get(ip->frag) & (IP_FRAG_MF | IP_FRAG_OFFSET_MASK)))
		return ETH_IP_FRAGMENT;
	return ETH_IP_L4;
}

/* True when the TCP or UDP checksum over a whole packet is right, or UDP's is absent. */
HOT_INLINE bool
eth_ip_l4_sum_ok(const struct eth_ip *e)
{
	if (e->proto == IP_PROTO_UDP && e->l4_len >= sizeof(struct udp_head) &&
	    be16_get(((const struct udp_head *)e->l4)->sum) == 0)
		return true;
	return ip_sum_ok(
		ip_sum_bytes(ip_sum_pseudo(e->src, e->dst, e->proto, e->l4_len), e->l4, e->l4_len));
}

/*
 * Finds the payload of a UDP packet.  False when the datagram's own length does not fit; what lies
 * behind that length belongs to nobody and is left out.
 */
HOT_INLINE bool
eth_ip_udp_payload(const struct eth_ip *e, const uint8_t **data, uint16_t *len)
{
	const struct udp_head *udp = (const struct udp_head *)e->l4;
	uint16_t udp_len;

	if (unlikely(e->l4_len < sizeof(*udp)))
		return false;
	udp_len = be16_get(udp->len);
	if (unlikely(udp_len < sizeof(*udp) || udp_len > e->l4_len))
		return false;
	*data = e->l4 + sizeof(*udp);
	*len = (uint16_t)(udp_len - sizeof(*udp));
	return true;
}

#endif
