/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/replay_input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "base/units.h"
#include "observe/itch_file.h"
#include "wire/eth_ip.h"
#include "wire/itch50.h"
#include "wire/moldudp64.h"

enum {
	FRAME_MAX = 9216, // a jumbo frame
	BLOCK_MAX = 1400, // of an ITCH file: fits a packet of any network; messages have 50 bytes
	SOURCE_PORT = 30000,
	GROUP_TTL = 8,
};

#define HEARTBEAT_NS NS_PER_SEC // MoldUDP64: once a second when nothing else is sent

#define HOLE_MAX_NS (86400 * NS_PER_SEC)

/* Times before this belong to a capture without a clock. */
#define TIME_MIN_NS (86400 * NS_PER_SEC)

struct replay_input {
	struct replay_input_config c;
	struct replay_input_counts counts;
	uint64_t last_ns;

	pcap_t *pcap;

	uint8_t *bytes; // of the ITCH file
	size_t size;
	struct itch_file_walk walk;
	uint64_t seq; // of the next message
	bool held;    // block is the next one, and its time not reached
	const uint8_t *block;
	size_t block_len;
	uint64_t sent_ns; // of the last packet
	uint8_t frame[FRAME_MAX];
};

const struct replay_input_counts *
replay_input_counts(const struct replay_input *in)
{
	return &in->counts;
}

static int
open_pcap(struct replay_input *in, struct err *e)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	int link_type;

	in->pcap = pcap_open_offline_with_tstamp_precision(in->c.pcap, PCAP_TSTAMP_PRECISION_NANO,
							   why);
	if (in->pcap == NULL)
		return err_set(e, -EINVAL, "%s: cannot be read as a capture: %s", in->c.pcap, why);
	link_type = pcap_datalink(in->pcap);
	if (link_type != DLT_EN10MB)
		return err_set(e, -EINVAL,
			       "%s: its frames are of link type %d (%s); only Ethernet (%d) can be "
			       "replayed",
			       in->c.pcap, link_type,
			       pcap_datalink_val_to_name(link_type) != NULL
				       ? pcap_datalink_val_to_name(link_type)
				       : "unknown",
			       DLT_EN10MB);
	return 0;
}

static int
open_itch(struct replay_input *in, struct err *e)
{
	const struct config_feed *f = &in->c.config->feeds[in->c.feed_idx];
	const int fd = open(in->c.itch, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		const int rc = -errno;

		if (fd >= 0)
			close(fd);
		return err_set(e, rc, "%s: cannot be read: %s", in->c.itch, strerror(-rc));
	}
	if (st.st_size == 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(e, -EINVAL, "%s: there is no ITCH message in it", in->c.itch);
	}
	in->size = (size_t)st.st_size;
	in->bytes = mmap(NULL, in->size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (in->bytes == MAP_FAILED) {
		in->bytes = NULL;
		return err_set(e, -ENOMEM, "%s: cannot be mapped into memory", in->c.itch);
	}
	itch_file_start(&in->walk, in->bytes, in->size);
	in->seq = f->first_seq != 0 ? f->first_seq : 1;
	return 0;
}

int
replay_input_open(struct replay_input **out, const struct replay_input_config *c, struct err *e)
{
	struct replay_input *in = calloc(1, sizeof(*in));
	int rc;

	if (in == NULL)
		return err_set(e, -ENOMEM, "no memory");
	in->c = *c;
	rc = c->pcap != NULL ? open_pcap(in, e) : open_itch(in, e);
	if (rc != 0) {
		replay_input_close(in);
		return rc;
	}
	*out = in;
	return 0;
}

void
replay_input_close(struct replay_input *in)
{
	if (in == NULL)
		return;
	if (in->pcap != NULL)
		pcap_close(in->pcap);
	if (in->bytes != NULL)
		munmap(in->bytes, in->size);
	free(in);
}

/* The time a frame gets: never before the one ahead. */
static uint64_t
forward(struct replay_input *in, uint64_t ns)
{
	if (ns < in->last_ns) {
		in->counts.back++;
		return in->last_ns;
	}
	in->last_ns = ns;
	return ns;
}

/* The port a frame belongs to: by a line's group, or by its own address. */
static bool
port_of(const struct config *c, const uint8_t *frame, size_t len, uint32_t *port_idx)
{
	struct eth_ip e;
	uint32_t dst;
	uint16_t port;

	if (eth_ip_walk(frame, len, true, &e) != ETH_IP_L4 || e.proto != IP_PROTO_UDP ||
	    e.l4_len < sizeof(struct udp_head))
		return false;
	dst = be32_get(e.dst);
	port = be16_get(((const struct udp_head *)e.l4)->dst_port);
	for (uint32_t f = 0; f < c->feeds_cnt; f++)
		for (uint32_t k = 0; k < c->feeds[f].lines_cnt; k++) {
			const struct config_line *line = &c->feeds[f].lines[k];

			if (line->group == dst && line->udp_port == port &&
			    (line->source == 0 || line->source == be32_get(e.src)) &&
			    c->ports[line->port_idx].vlan == e.vlan_id) {
				*port_idx = line->port_idx;
				return true;
			}
		}
	for (uint32_t i = 0; i < c->ports_cnt; i++)
		if (c->ports[i].address.ip == dst) {
			*port_idx = i;
			return true;
		}
	return false;
}

static int
next_of_pcap(struct replay_input *in, struct replay_frame *f, struct err *e)
{
	struct pcap_pkthdr *head;
	const u_char *data;
	int rc;

	while ((rc = pcap_next_ex(in->pcap, &head, &data)) == 1) {
		// with nanoseconds asked for, tv_usec has them
		const uint64_t ns =
			(uint64_t)head->ts.tv_sec * NS_PER_SEC + (uint64_t)head->ts.tv_usec;

		in->counts.frame++;
		if (!port_of(in->c.config, data, head->caplen, &f->port_idx)) {
			in->counts.cut += head->caplen < head->len;
			in->counts.other += head->caplen >= head->len;
			continue;
		}
		if (head->caplen < head->len || head->caplen > FRAME_MAX) {
			in->counts.cut += head->caplen < head->len;
			in->counts.too_long += head->caplen >= head->len;
			continue;
		}
		if (ns < TIME_MIN_NS)
			return err_set(e, -EINVAL,
				       "%s: frame %" PRIu64
				       " has a time in 1970: a capture without "
				       "a clock cannot be replayed",
				       in->c.pcap, in->counts.frame);
		in->counts.fed++;
		f->ns = forward(in, ns);
		f->data = data;
		f->len = (uint16_t)head->caplen;
		return 1;
	}
	if (rc == PCAP_ERROR_BREAK)
		return 0;
	return err_set(e, -EBADMSG, "%s: behind frame %" PRIu64 ": %s", in->c.pcap,
		       in->counts.frame, pcap_geterr(in->pcap));
}

/* A message and its length, or none, as a MoldUDP64 packet on the feed's first line. */
static void
wrap(struct replay_input *in, const uint8_t *block, size_t block_len, struct replay_frame *f)
{
	const struct config_feed *feed = &in->c.config->feeds[in->c.feed_idx];
	const struct config_line *line = &feed->lines[0];
	const uint16_t vlan = (uint16_t)in->c.config->ports[line->port_idx].vlan;
	struct eth_head *eth = (struct eth_head *)in->frame;
	uint8_t *at = (uint8_t *)(eth + 1);
	const struct udp_way way = {
		.src_ip = line->source != 0 ? line->source
					    : in->c.config->ports[line->port_idx].address.ip ^ 0xff,
		.dst_ip = line->group,
		.src_port = SOURCE_PORT,
		.dst_port = (uint16_t)line->udp_port,
		.ttl = GROUP_TTL,
	};
	struct mold_head *mold;

	eth_group_mac(line->group, eth->dst);
	memcpy(eth->src, (uint8_t[]){ 0x02, 0, 0, 0, 0, 0x77 }, ETH_ADDR_BYTES);
	eth->type = be16_of(vlan != 0 ? ETH_TYPE_VLAN : ETH_TYPE_IPV4);
	if (vlan != 0) {
		*(struct vlan_tag *)at = (struct vlan_tag){ be16_of(vlan), be16_of(ETH_TYPE_IPV4) };
		at += sizeof(struct vlan_tag);
	}
	mold = (struct mold_head *)(at + sizeof(struct ipv4_head) + sizeof(struct udp_head));
	memset(mold->session, ' ', sizeof(mold->session));
	memcpy(mold->session, feed->session[0] != '\0' ? feed->session : "REPLAY",
	       feed->session[0] != '\0' ? strnlen(feed->session, sizeof(mold->session)) : 6);
	mold->seq = be64_of(in->seq);
	mold->msg_cnt = be16_of(block_len != 0 ? 1 : MOLD_HEARTBEAT_CNT);
	if (block_len != 0) {
		memcpy(mold + 1, block, block_len);
		in->seq++;
	}
	at += udp_write_heads(at, &way, (uint16_t)(sizeof(*mold) + block_len));
	f->port_idx = line->port_idx;
	f->data = in->frame;
	f->len = (uint16_t)(at - in->frame);
}

/* The time a message has by itself; a short one has none. */
static uint64_t
message_ns(const struct replay_input *in)
{
	const struct itch50_head *head =
		(const struct itch50_head *)(in->block + sizeof(struct mold_block));

	if (in->block_len >= sizeof(struct mold_block) + sizeof(*head))
		return in->c.day_ns + be48_get(head->ts_ns);
	return in->sent_ns != 0 ? in->sent_ns : in->c.day_ns;
}

static int
take_block(struct replay_input *in, struct err *e)
{
	int rc;

	while (!in->held) {
		rc = itch_file_next(&in->walk, &in->block, &in->block_len, e);
		if (rc < 0)
			err_in(e, "%s", in->c.itch);
		if (rc <= 0)
			return rc;
		in->counts.frame++;
		in->held = in->block_len <= BLOCK_MAX;
		in->counts.too_long += !in->held;
		in->seq += !in->held; // a hole, as the gateway would meet it
	}
	return 1;
}

/* The next message; before it, heartbeats for as long as the file is silent. */
static int
next_of_itch(struct replay_input *in, struct replay_frame *f, struct err *e)
{
	const int rc = take_block(in, e);
	uint64_t ns;

	if (rc <= 0)
		return rc;
	ns = message_ns(in);
	if (in->sent_ns != 0 && ns > in->sent_ns + HOLE_MAX_NS)
		return err_set(e, -EINVAL,
			       "%s: message %" PRIu64 " lies more than a day after the one before",
			       in->c.itch, in->counts.frame);
	if (in->sent_ns != 0 && ns > in->sent_ns + HEARTBEAT_NS) {
		f->ns = in->sent_ns += HEARTBEAT_NS;
		in->last_ns = f->ns;
		wrap(in, NULL, 0, f);
		return 1;
	}
	in->counts.fed++;
	in->held = false;
	f->ns = in->sent_ns = forward(in, ns);
	wrap(in, in->block, in->block_len, f);
	return 1;
}

int
replay_input_next(struct replay_input *in, struct replay_frame *f, struct err *e)
{
	return in->pcap != NULL ? next_of_pcap(in, f, e) : next_of_itch(in, f, e);
}
