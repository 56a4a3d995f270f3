/* SPDX-License-Identifier: Apache-2.0 */
#include "net/arp.h"

static const uint8_t BROADCAST[ETH_ADDR_BYTES] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t NOBODY[ETH_ADDR_BYTES];

static COLD struct arp_neighbour *
entry_of(struct arp *a, uint32_t ip)
{
	for (unsigned i = 0; i < ARP_NEIGHBOUR_MAX; i++) {
		if (a->neighbour[i].state != ARP_FREE && a->neighbour[i].ip == ip)
			return &a->neighbour[i];
	}
	return NULL;
}

static COLD struct arp_neighbour *
entry_new(struct arp *a, uint32_t ip)
{
	for (unsigned i = 0; i < ARP_NEIGHBOUR_MAX; i++) {
		if (a->neighbour[i].state == ARP_FREE) {
			a->neighbour[i] = (struct arp_neighbour){ .ip = ip };
			return &a->neighbour[i];
		}
	}
	return NULL;
}

COLD void
arp_start(struct arp *a, uint64_t now_ns)
{
	a->announce_left = ARP_ANNOUNCE_CNT;
	a->announce_ns = now_ns;
	a->reply_cnt = 0;
	for (unsigned i = 0; i < ARP_NEIGHBOUR_MAX; i++) {
		struct arp_neighbour *n = &a->neighbour[i];

		if (n->state == ARP_FREE || n->state == ARP_STATIC)
			continue;
		if (n->state == ARP_KNOWN)
			n->state = ARP_REFRESH; // good until the network says otherwise
		else if (n->state == ARP_FAILED)
			n->state = ARP_ASKING;
		n->contested = false;
		n->try_cnt = 0;
		n->next_ns = now_ns;
	}
}

COLD bool
arp_add_static(struct arp *a, uint32_t ip, const uint8_t mac[ETH_ADDR_BYTES])
{
	struct arp_neighbour *n = entry_of(a, ip);

	if (n == NULL)
		n = entry_new(a, ip);
	if (n == NULL)
		return false;
	n->state = ARP_STATIC;
	memcpy(n->mac, mac, sizeof(n->mac));
	a->change_cnt++;
	return true;
}

COLD bool
arp_find(struct arp *a, uint32_t ip, uint64_t now_ns, uint8_t mac[ETH_ADDR_BYTES])
{
	struct arp_neighbour *n = entry_of(a, ip);

	if (n == NULL) {
		n = entry_new(a, ip);
		if (n == NULL)
			return false;
		n->state = ARP_ASKING;
		n->next_ns = now_ns;
	}
	if (n->state != ARP_STATIC && n->state != ARP_KNOWN && n->state != ARP_REFRESH)
		return false;
	memcpy(mac, n->mac, sizeof(n->mac));
	return true;
}

/* Somebody else uses our address: say that it is ours, but not in a duel (RFC 5227 2.4 b). */
static COLD void
on_conflict(struct arp *a, uint32_t our_ip, const uint8_t *mac, uint64_t now_ns)
{
	metric_add(&a->metrics.conflict, 1);
	if (a->defended_ns != 0 && now_ns - a->defended_ns < ARP_DEFEND_INTERVAL_NS)
		return;
	a->defended_ns = now_ns;
	event_put(a->log.events, EVENT_NEIGHBOUR_CONFLICT, a->log.port_idx, our_ip,
		  host_mac_arg(mac));
	if (a->announce_left == 0) {
		a->announce_left = 1;
		a->announce_ns = now_ns;
	}
}

static COLD void
learn(struct arp *a, struct arp_neighbour *n, const uint8_t *mac, uint64_t now_ns)
{
	const bool was_known = n->state == ARP_KNOWN || n->state == ARP_REFRESH;

	if (was_known && memcmp(n->mac, mac, sizeof(n->mac)) != 0) {
		metric_add(&a->metrics.neighbour_changed, 1);
		event_put(a->log.events, EVENT_NEIGHBOUR_CHANGED, a->log.port_idx, n->ip,
			  host_mac_arg(n->mac), host_mac_arg(mac));
		a->change_cnt++;
	}
	if (!was_known) {
		metric_add(&a->metrics.neighbour_learned, 1);
		event_put(a->log.events, EVENT_NEIGHBOUR_RESOLVED, a->log.port_idx, n->ip,
			  host_mac_arg(mac));
		a->change_cnt++;
	}
	memcpy(n->mac, mac, sizeof(n->mac));
	n->state = ARP_KNOWN;
	n->contested = false;
	n->lost_told = false;
	n->try_cnt = 0;
	n->next_ns = now_ns + ARP_REFRESH_NS;
}

/* Another station claims a known neighbour's address. */
static COLD void
contest(struct arp *a, struct arp_neighbour *n, const uint8_t *mac, uint64_t now_ns)
{
	metric_add(&a->metrics.neighbour_claimed, 1);
	if (n->contested || (n->contest_ns != 0 && now_ns - n->contest_ns < ARP_CONTEST_WAIT_NS))
		return;
	event_put(a->log.events, EVENT_NEIGHBOUR_CLAIMED, a->log.port_idx, n->ip, host_mac_arg(mac),
		  host_mac_arg(n->mac));
	memcpy(n->claim_mac, mac, sizeof(n->claim_mac));
	n->contested = true;
	n->contest_ns = now_ns;
	n->state = ARP_REFRESH;
	n->try_cnt = 0;
	n->next_ns = now_ns;
}

/* What a packet says of a neighbour. */
static COLD void
on_claim(struct arp *a, struct arp_neighbour *n, const uint8_t *mac, uint64_t now_ns)
{
	const bool known = n->state == ARP_KNOWN || n->state == ARP_REFRESH;

	if (known && memcmp(n->mac, mac, sizeof(n->mac)) != 0) {
		contest(a, n, mac, now_ns);
		return;
	}
	if (known && n->contested)
		metric_add(&a->metrics.neighbour_claim_refuted, 1);
	learn(a, n, mac, now_ns);
}

static COLD void
queue_reply(struct arp *a, const struct arp_head *p)
{
	const uint32_t ip = be32_get(p->sender_ip);

	metric_add(&a->metrics.request_received, 1);
	for (unsigned i = 0; i < a->reply_cnt; i++) {
		if (a->reply[i].ip == ip && memcmp(a->reply[i].mac, p->sender_mac, 6) == 0)
			return; // one answer will do
	}
	if (a->reply_cnt == ARP_REPLY_MAX) {
		metric_add(&a->metrics.reply_dropped, 1);
		return;
	}
	a->reply[a->reply_cnt].ip = ip;
	memcpy(a->reply[a->reply_cnt].mac, p->sender_mac, sizeof(p->sender_mac));
	a->reply_cnt++;
}

COLD void
arp_on_packet(struct arp *a, const struct host_addr *us, const struct arp_head *p, uint64_t now_ns)
{
	const uint32_t sender = be32_get(p->sender_ip);
	const uint16_t op = be16_get(p->op);
	const bool ours = memcmp(p->sender_mac, us->mac, sizeof(us->mac)) == 0;
	struct arp_neighbour *n;

	if ((op != ARP_REQUEST && op != ARP_REPLY) || (p->sender_mac[0] & 1) != 0 ||
	    memcmp(p->sender_mac, NOBODY, sizeof(NOBODY)) == 0 || host_ip_is_multicast(sender) ||
	    host_ip_is_broadcast(us, sender)) {
		metric_add(&a->metrics.invalid, 1);
		return;
	}
	if (ours) { // a loop, or a bridge that reflects
		metric_add(&a->metrics.foreign, 1);
		return;
	}
	// A probe (sender 0) for our address is a conflict too, but its sender asks: answer.
	if (sender == us->ip) {
		on_conflict(a, sender, p->sender_mac, now_ns);
		return;
	}
	n = sender != 0 ? entry_of(a, sender) : NULL;
	if (n != NULL && n->state != ARP_STATIC)
		on_claim(a, n, p->sender_mac, now_ns);
	if (be32_get(p->target_ip) == us->ip && op == ARP_REQUEST)
		queue_reply(a, p);
	else if (n == NULL)
		metric_add(&a->metrics.foreign, 1);
}

/* A neighbour's timer is due; true when a request should go out now. */
static COLD bool
ask_now(struct arp *a, struct arp_neighbour *n, uint64_t now_ns)
{
	if (n->state == ARP_FREE || n->state == ARP_STATIC || now_ns < n->next_ns)
		return false;
	if (n->state == ARP_KNOWN) {
		n->state = ARP_REFRESH;
		n->try_cnt = 0;
	}
	if (n->state == ARP_FAILED) {
		n->state = ARP_ASKING;
		n->try_cnt = 0;
	}
	if (n->try_cnt < ARP_TRIES_MAX)
		return true;
	if (n->contested) { // who was known is silent
		learn(a, n, n->claim_mac, now_ns);
		return false;
	}
	metric_add(&a->metrics.neighbour_failed, 1);
	if (!n->lost_told) // once, not with each further try
		event_put(a->log.events, EVENT_NEIGHBOUR_LOST, a->log.port_idx, n->ip);
	n->lost_told = true;
	n->state = ARP_FAILED;
	n->next_ns = now_ns + ARP_FAILED_WAIT_NS;
	a->change_cnt++;
	return false;
}

COLD uint64_t
arp_on_time(struct arp *a, uint64_t now_ns)
{
	uint64_t next_ns = a->announce_left ? a->announce_ns : UINT64_MAX;

	if (a->reply_cnt != 0)
		return now_ns;
	for (unsigned i = 0; i < ARP_NEIGHBOUR_MAX; i++) {
		struct arp_neighbour *n = &a->neighbour[i];

		(void)ask_now(a, n, now_ns);
		if (n->state != ARP_FREE && n->state != ARP_STATIC && n->next_ns < next_ns)
			next_ns = n->next_ns;
	}
	return next_ns;
}

static COLD uint16_t
put_arp(const struct host_addr *us, uint16_t op, uint32_t target_ip, const uint8_t *target_mac,
	const uint8_t *dst, uint8_t *buf)
{
	struct arp_head p = {
		.hw_type = be16_of(1),
		.proto_type = be16_of(ETH_TYPE_IPV4),
		.hw_len = ETH_ADDR_BYTES,
		.proto_len = sizeof(be32),
		.op = be16_of(op),
		.sender_ip = be32_of(us->ip),
		.target_ip = be32_of(target_ip),
	};
	uint8_t *at = host_put_eth(us, dst, ETH_TYPE_ARP, buf);

	memcpy(p.sender_mac, us->mac, sizeof(p.sender_mac));
	memcpy(p.target_mac, target_mac, sizeof(p.target_mac));
	memcpy(at, &p, sizeof(p));
	return host_pad(buf, (size_t)(at - buf) + sizeof(p));
}

COLD uint16_t
arp_take(struct arp *a, const struct host_addr *us, uint8_t *buf, uint64_t now_ns)
{
	if (a->reply_cnt != 0) {
		const uint32_t i = --a->reply_cnt;

		metric_add(&a->metrics.reply_sent, 1);
		return put_arp(us, ARP_REPLY, a->reply[i].ip, a->reply[i].mac, a->reply[i].mac,
			       buf);
	}
	if (a->announce_left != 0 && now_ns >= a->announce_ns) {
		a->announce_left--;
		a->announce_ns = now_ns + ARP_ANNOUNCE_INTERVAL_NS;
		metric_add(&a->metrics.announce_sent, 1);
		return put_arp(us, ARP_REQUEST, us->ip, NOBODY, BROADCAST, buf);
	}
	for (unsigned i = 0; i < ARP_NEIGHBOUR_MAX; i++) {
		struct arp_neighbour *n = &a->neighbour[i];

		if (!ask_now(a, n, now_ns))
			continue;
		n->try_cnt++;
		n->next_ns = now_ns + (n->contested ? ARP_CONTEST_RETRY_NS : ARP_RETRY_NS);
		metric_add(&a->metrics.request_sent, 1);
		// who is known is asked directly (RFC 1122 2.3.2.1); the last try asks everybody
		return put_arp(us, ARP_REQUEST, n->ip, NOBODY,
			       n->state == ARP_REFRESH && n->try_cnt < ARP_TRIES_MAX ? n->mac
										     : BROADCAST,
			       buf);
	}
	return 0;
}
