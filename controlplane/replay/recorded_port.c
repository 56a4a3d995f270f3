/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/recorded_port.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/units.h"
#include "wire/eth_ip.h"

static int
reader_open(struct recorded_reader *r, const char *path, const uint8_t mac[6], bool ours,
	    bool may_be_cut, struct err *e)
{
	char why[PCAP_ERRBUF_SIZE] = "";

	*r = (struct recorded_reader){ .ours = ours, .may_be_cut = may_be_cut };
	memcpy(r->mac, mac, sizeof(r->mac));
	snprintf(r->path, sizeof(r->path), "%s", path);
	r->pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
	if (r->pcap == NULL)
		return err_set(e, -EINVAL, "%s: cannot be read as a capture: %s", path, why);
	return 0;
}

int
recorded_next(struct recorded_reader *r, struct recorded_frame *out, struct err *e)
{
	struct pcap_pkthdr *head;
	const uint8_t *data;
	int rc;

	if (r->pcap == NULL)
		return err_set(e, -ENOENT,
			       "the run used fewer ports than the replay: another configuration "
			       "than the run's is replayed, or the journal was damaged");
	while ((rc = pcap_next_ex(r->pcap, &head, &data)) == 1) {
		const struct eth_head *eth = (const struct eth_head *)data;

		r->no++;
		if (head->caplen < sizeof(*eth) ||
		    r->ours != (memcmp(eth->src, r->mac, sizeof(r->mac)) == 0))
			continue;
		if (head->caplen != head->len || head->caplen > UINT16_MAX)
			return err_set(e, -EINVAL,
				       "%s: frame %" PRIu64
				       " is there in part: only whole ones can be replayed",
				       r->path, r->no);
		*out = (struct recorded_frame){
			.ns = (uint64_t)head->ts.tv_sec * NS_PER_SEC + (uint64_t)head->ts.tv_usec,
			.no = r->no,
			.len = (uint16_t)head->caplen,
			.data = data,
		};
		return 1;
	}
	if (rc == PCAP_ERROR_BREAK || r->may_be_cut)
		return 0;
	return err_set(e, -EBADMSG, "%s: behind frame %" PRIu64 ": %s", r->path, r->no,
		       pcap_geterr(r->pcap));
}

/* A SYN that was sent again has the same numbers. */
static int
note_syn(struct recorded_port *p, const struct recorded_frame *f, struct err *e)
{
	const struct tcp_head *tcp;
	struct recorded_syn s, *more;
	struct eth_ip l;

	if (eth_ip_walk(f->data, f->len, false, &l) != ETH_IP_L4 || l.proto != IP_PROTO_TCP ||
	    l.l4_len < sizeof(*tcp))
		return 0;
	tcp = (const struct tcp_head *)l.l4;
	if ((tcp->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) != TCP_FLAG_SYN)
		return 0;
	s = (struct recorded_syn){ .peer_ip = be32_get(l.dst),
				   .isn = be32_get(tcp->seq),
				   .peer_port = be16_get(tcp->dst_port),
				   .local_port = be16_get(tcp->src_port) };
	for (size_t i = p->syn_cnt; i-- > 0;)
		if (p->syn[i].isn == s.isn && p->syn[i].local_port == s.local_port &&
		    p->syn[i].peer_ip == s.peer_ip && p->syn[i].peer_port == s.peer_port)
			return 0;
	more = realloc(p->syn, (p->syn_cnt + 1) * sizeof(*more));
	if (more == NULL)
		return err_set(e, -ENOMEM, "no memory");
	p->syn = more;
	p->syn[p->syn_cnt++] = s;
	return 0;
}

int
recorded_port_open(struct recorded_port *p, const char *path, const uint8_t mac[6], bool may_be_cut,
		   struct err *e)
{
	struct recorded_frame f;
	int rc, more = 0;

	memset(p, 0, sizeof(*p));
	rc = reader_open(&p->out, path, mac, true, may_be_cut, e);
	while (rc == 0 && (more = recorded_next(&p->out, &f, e)) == 1)
		rc = note_syn(p, &f, e);
	if (rc == 0 && more < 0)
		rc = more;
	if (p->out.pcap != NULL)
		pcap_close(p->out.pcap);
	p->out.pcap = NULL;
	if (rc == 0)
		rc = reader_open(&p->out, path, mac, true, may_be_cut, e);
	if (rc == 0)
		rc = reader_open(&p->in, path, mac, false, may_be_cut, e);
	return rc;
}

void
recorded_port_close(struct recorded_port *p)
{
	if (p->in.pcap != NULL)
		pcap_close(p->in.pcap);
	if (p->out.pcap != NULL)
		pcap_close(p->out.pcap);
	free(p->syn);
	memset(p, 0, sizeof(*p));
}
