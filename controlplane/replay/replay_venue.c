/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/replay_venue.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "replay/replay_wire.h"
#include "wire/eth_ip.h"
#include "wire/soupbintcp.h"

enum {
	ISN = 2000000,
	WINDOW = 65535,
	MSS = 1460,
	STREAM_MAX = 1 << 17,  // of the client, not yet whole packets
	BACKLOG_MAX = 1 << 22, // to the client, not yet acknowledged
	WAITING_MAX = 1 << 16, // messages the venue has not looked at
	MESSAGE_MAX = 128,
};

#define HEARTBEAT_NS NS_PER_SEC // SoupBinTCP: once a second when nothing else is said

/* A message of the gateway until the venue looks at it. */
struct waiting {
	uint64_t due_ns;
	uint16_t len;
	uint8_t data[MESSAGE_MAX];
};

struct order {
	uint32_t token;
	uint32_t open_qty;
	uint32_t executed_qty; // of the whole chain of replaces
	uint32_t px4;
	struct replay_best seen; // the other side's best when it was last compared
	uint8_t side;            // as sent
	char symbol[8];
};

struct replay_venue {
	struct replay_venue_config c;
	struct replay_venue_owner owner;
	struct replay_venue_counts counts;
	struct replay_wire wire;

	// TCP and the stream
	bool connected;
	bool logged_in;
	uint8_t client_mac[ETH_ADDR_BYTES];
	uint32_t client_ip;
	uint16_t client_port;
	uint16_t vlan_id;
	uint8_t mac[ETH_ADDR_BYTES];
	uint32_t snd_una, snd_nxt, snd_wnd, rcv_nxt;
	uint64_t said_ns; // last packet to the client
	size_t stream_len;
	size_t backlog_len;

	// orders, by token; a new token is above all before
	struct order *order;
	size_t order_cnt, order_max;
	uint32_t *open; // indexes of those that rest, in the order they came
	size_t open_cnt, open_max;
	uint64_t order_ref, match_ref;
	size_t waiting_first, waiting_cnt;

	struct waiting waiting[WAITING_MAX];
	uint8_t stream[STREAM_MAX];
	uint8_t backlog[BACKLOG_MAX];
};

struct replay_venue *
replay_venue_open(const struct replay_venue_config *c, const struct replay_venue_owner *owner)
{
	struct replay_venue *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->c = *c;
	v->owner = *owner;
	memcpy(v->mac, (uint8_t[]){ 0x02, 0, 0, 0, 0, 0x99 }, sizeof(v->mac));
	replay_wire_init(&v->wire, c->ouch42);
	return v;
}

void
replay_venue_close(struct replay_venue *v)
{
	if (v == NULL)
		return;
	free(v->order);
	free(v->open);
	free(v);
}

bool
replay_venue_logged_in(const struct replay_venue *v)
{
	return v->logged_in;
}

const struct replay_venue_counts *
replay_venue_counts(const struct replay_venue *v)
{
	return &v->counts;
}

/*
 * TCP: no frame is ever lost here, so nothing is sent twice
 */

static void
send_segment(struct replay_venue *v, uint8_t flags, uint32_t seq, const void *payload, size_t len)
{
	uint8_t frame[REPLAY_FRAME_MAX] = { 0 };
	struct eth_head *eth = (struct eth_head *)frame;
	uint8_t *at = (uint8_t *)(eth + 1);
	const uint16_t l4_len = (uint16_t)(sizeof(struct tcp_head) + len);
	struct ipv4_head *ip;
	struct tcp_head *tcp;
	size_t frame_len;

	memcpy(eth->dst, v->client_mac, ETH_ADDR_BYTES);
	memcpy(eth->src, v->mac, ETH_ADDR_BYTES);
	eth->type = be16_of(v->vlan_id != 0 ? ETH_TYPE_VLAN : ETH_TYPE_IPV4);
	if (v->vlan_id != 0) {
		*(struct vlan_tag *)at =
			(struct vlan_tag){ be16_of(v->vlan_id), be16_of(ETH_TYPE_IPV4) };
		at += sizeof(struct vlan_tag);
	}
	ip = (struct ipv4_head *)at;
	tcp = (struct tcp_head *)(ip + 1);
	ip->version_ihl = 0x45;
	ip->total_len = be16_of((uint16_t)(sizeof(*ip) + l4_len));
	ip->frag = be16_of(IP_FRAG_DF);
	ip->ttl = 64;
	ip->proto = IP_PROTO_TCP;
	ip->src = be32_of(v->c.ip);
	ip->dst = be32_of(v->client_ip);
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	tcp->src_port = be16_of(v->c.port);
	tcp->dst_port = be16_of(v->client_port);
	tcp->seq = be32_of(seq);
	tcp->ack = be32_of(v->rcv_nxt);
	tcp->data_off = (uint8_t)(sizeof(*tcp) / 4 << 4);
	tcp->flags = flags;
	tcp->window = be16_of(WINDOW);
	if (len != 0)
		memcpy(tcp + 1, payload, len);
	tcp->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, l4_len), tcp, l4_len));
	frame_len = (size_t)((uint8_t *)(tcp + 1) - frame) + len;
	v->owner.send(v->owner.ctx, frame,
		      (uint16_t)(frame_len < ETH_FRAME_MIN ? ETH_FRAME_MIN : frame_len));
}

static void
send_flags(struct replay_venue *v, uint8_t flags)
{
	send_segment(v, flags, v->snd_nxt, NULL, 0);
	v->snd_nxt += (flags & (TCP_FLAG_SYN | TCP_FLAG_FIN)) != 0;
}

/* Sends what of the backlog the client's window has room for. */
static void
send_backlog(struct replay_venue *v)
{
	size_t sent = v->snd_nxt - v->snd_una;

	while (v->connected && sent < v->backlog_len && sent < v->snd_wnd) {
		size_t len = v->backlog_len - sent;

		len = len < v->snd_wnd - sent ? len : v->snd_wnd - sent;
		len = len < MSS ? len : MSS;
		send_segment(v, TCP_FLAG_ACK | TCP_FLAG_PSH, v->snd_nxt, v->backlog + sent, len);
		v->snd_nxt += (uint32_t)len;
		sent += len;
	}
}

static void
on_ack(struct replay_venue *v, const struct tcp_head *tcp)
{
	const uint32_t acked = be32_get(tcp->ack) - v->snd_una;

	if (acked > v->snd_nxt - v->snd_una || acked > v->backlog_len)
		return; // older than what we know, or of our FIN
	memmove(v->backlog, v->backlog + acked, v->backlog_len - acked);
	v->backlog_len -= acked;
	v->snd_una += acked;
	v->snd_wnd = be16_get(tcp->window);
	send_backlog(v);
}

static void
say(struct replay_venue *v, enum soup_type type, const void *payload, size_t len, uint64_t now_ns)
{
	const struct soup_head head = soup_head_of(type, (uint16_t)len);

	if (!v->connected || v->backlog_len + sizeof(head) + len > BACKLOG_MAX)
		return; // a client that never reads is not ours
	memcpy(v->backlog + v->backlog_len, &head, sizeof(head));
	if (len != 0)
		memcpy(v->backlog + v->backlog_len + sizeof(head), payload, len);
	v->backlog_len += sizeof(head) + len;
	v->said_ns = now_ns;
	send_backlog(v);
}

/*
 * Orders
 */

static struct order *
order_of(struct replay_venue *v, uint32_t token)
{
	size_t lo = 0, hi = v->order_cnt;

	while (lo < hi) {
		const size_t mid = (lo + hi) / 2;

		if (v->order[mid].token < token)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < v->order_cnt && v->order[lo].token == token ? &v->order[lo] : NULL;
}

/* Room for one more; a process without memory ends. */
static void *
grown(void *old, size_t cnt, size_t *max, size_t bytes)
{
	if (cnt < *max)
		return old;
	*max = *max != 0 ? 2 * *max : 1024;
	old = realloc(old, *max * bytes);
	if (old == NULL)
		abort();
	return old;
}

static bool
is_buy(const struct order *o)
{
	return o->side == 'B';
}

static struct replay_best
other_best(struct replay_venue *v, const struct order *o)
{
	const struct replay_best none = { 0 };

	return v->c.match ? v->owner.best(v->owner.ctx, o->symbol, !is_buy(o)) : none;
}

static bool
meets(const struct order *o, struct replay_best best)
{
	return best.qty != 0 && (is_buy(o) ? best.px4 <= o->px4 : best.px4 >= o->px4);
}

static void
execute(struct replay_venue *v, struct order *o, uint32_t qty, uint32_t px4, bool took,
	uint64_t now_ns)
{
	uint8_t out[MESSAGE_MAX];

	qty = qty < o->open_qty ? qty : o->open_qty;
	o->open_qty -= qty;
	o->executed_qty += qty;
	v->counts.execution++;
	v->counts.executed_qty += qty;
	say(v, SOUP_SEQUENCED, out,
	    replay_wire_executed(&v->wire, now_ns, o->token, qty, px4, took ? 'R' : 'A',
				 ++v->match_ref, out),
	    now_ns);
}

static void
cancel(struct replay_venue *v, struct order *o, uint32_t qty, uint8_t reason, uint64_t now_ns)
{
	uint8_t out[MESSAGE_MAX];

	o->open_qty -= qty;
	v->counts.canceled++;
	say(v, SOUP_SEQUENCED, out,
	    replay_wire_canceled(&v->wire, now_ns, o->token, qty, reason, out), now_ns);
}

/* An order that was just accepted meets the book, then rests or is gone. */
static void
meet_book(struct replay_venue *v, struct order *o, const struct replay_request *q, uint64_t now_ns)
{
	const struct replay_best best = other_best(v, o);

	o->seen = best;
	if (meets(o, best)) {
		if (q->post_only) {
			cancel(v, o, o->open_qty, 'G', now_ns); // OUCH 5.0: would lock or cross
			return;
		}
		execute(v, o, best.qty, best.px4, true, now_ns);
	}
	if (o->open_qty != 0 && q->ioc)
		cancel(v, o, o->open_qty, 'I', now_ns);
	if (o->open_qty == 0)
		return;
	v->open = grown(v->open, v->open_cnt, &v->open_max, sizeof(*v->open));
	v->open[v->open_cnt++] = (uint32_t)(o - v->order);
}

static void
reject(struct replay_venue *v, const struct replay_request *q, uint64_t now_ns)
{
	uint8_t out[MESSAGE_MAX];

	v->counts.rejected++;
	say(v, SOUP_SEQUENCED, out, replay_wire_rejected(&v->wire, now_ns, q, out), now_ns);
}

/* A new order record; NULL when its token is not above all before. */
static struct order *
add_order(struct replay_venue *v, const struct replay_request *q)
{
	struct order *o;

	if (v->order_cnt != 0 && q->token <= v->order[v->order_cnt - 1].token)
		return NULL;
	v->order = grown(v->order, v->order_cnt, &v->order_max, sizeof(*v->order));
	o = &v->order[v->order_cnt++];
	*o = (struct order){ .token = q->token, .px4 = q->px4, .side = q->side };
	memcpy(o->symbol, q->symbol, sizeof(o->symbol));
	return o;
}

static void
enter_order(struct replay_venue *v, const struct replay_request *q, uint64_t now_ns)
{
	struct order *o = q->qty == 0 ? NULL : add_order(v, q);
	uint8_t out[MESSAGE_MAX];

	v->counts.enter++;
	if (o == NULL) {
		reject(v, q, now_ns);
		return;
	}
	o->open_qty = q->qty;
	v->counts.accepted++;
	say(v, SOUP_SEQUENCED, out, replay_wire_accepted(&v->wire, now_ns, q, ++v->order_ref, out),
	    now_ns);
	meet_book(v, o, q, now_ns);
}

/* The quantity is that of the whole chain, what was executed included. */
static void
replace_order(struct replay_venue *v, struct replay_request *q, uint64_t now_ns)
{
	struct order *old = order_of(v, q->orig_token), *o, was;
	uint8_t out[MESSAGE_MAX];

	v->counts.replace++;
	if (old == NULL || old->open_qty == 0)
		return; // a venue says nothing about an order that is gone
	if (q->qty <= old->executed_qty) {
		cancel(v, old, old->open_qty, 'U', now_ns);
		return;
	}
	was = *old;
	q->side = was.side;
	memcpy(q->symbol, was.symbol, sizeof(q->symbol));
	o = add_order(v, q); // moves what old points to
	if (o == NULL) {
		reject(v, q, now_ns);
		return;
	}
	order_of(v, q->orig_token)->open_qty = 0;
	o->executed_qty = was.executed_qty;
	o->open_qty = q->qty - was.executed_qty;
	v->counts.accepted++;
	say(v, SOUP_SEQUENCED, out,
	    replay_wire_replaced(&v->wire, now_ns, q, o->open_qty, ++v->order_ref, out), now_ns);
	meet_book(v, o, q, now_ns);
}

static void
cancel_order(struct replay_venue *v, const struct replay_request *q, uint64_t now_ns)
{
	struct order *o = order_of(v, q->token);
	uint32_t keep_qty;

	v->counts.cancel++;
	if (o == NULL || o->open_qty == 0)
		return;
	keep_qty = q->qty > o->executed_qty ? q->qty - o->executed_qty : 0;
	if (keep_qty < o->open_qty)
		cancel(v, o, o->open_qty - keep_qty, 'U', now_ns);
}

static void
on_request(struct replay_venue *v, const uint8_t *m, size_t len, uint64_t now_ns)
{
	struct replay_request q;
	uint8_t out[MESSAGE_MAX];

	switch (replay_wire_request(&v->wire, m, len, &q)) {
	case REPLAY_ENTER:
		enter_order(v, &q, now_ns);
		break;
	case REPLAY_REPLACE:
		replace_order(v, &q, now_ns);
		break;
	case REPLAY_CANCEL:
		cancel_order(v, &q, now_ns);
		break;
	case REPLAY_QUERY:
		say(v, SOUP_SEQUENCED, out,
		    replay_wire_query_answer(
			    now_ns, v->order_cnt != 0 ? v->order[v->order_cnt - 1].token + 1 : 1,
			    out),
		    now_ns);
		break;
	case REPLAY_UNREADABLE:
		v->counts.unreadable++;
		break;
	}
}

void
replay_venue_on_market(struct replay_venue *v, uint64_t now_ns)
{
	size_t kept = 0;

	if (!v->c.match || !v->logged_in)
		return;
	for (size_t i = 0; i < v->open_cnt; i++) {
		struct order *o = &v->order[v->open[i]];
		struct replay_best best;

		if (o->open_qty == 0)
			continue; // cancelled or replaced meanwhile
		best = other_best(v, o);
		if (meets(o, best) && (best.px4 != o->seen.px4 || best.qty != o->seen.qty))
			execute(v, o, best.qty, o->px4, false, now_ns);
		o->seen = best;
		if (o->open_qty != 0)
			v->open[kept++] = v->open[i];
	}
	v->open_cnt = kept;
}

/*
 * The session
 */

static void
on_login(struct replay_venue *v, const uint8_t *packet, size_t len, uint64_t now_ns)
{
	const struct soup_login_request *login = (const struct soup_login_request *)packet;
	struct soup_login_accepted a;
	bool any = true;

	if (len < sizeof(*login)) {
		v->counts.unreadable++;
		return;
	}
	for (size_t i = 0; i < sizeof(login->session); i++)
		any &= login->session[i] == ' ';
	memcpy(a.session, any ? "    REPLAY" : login->session, sizeof(a.session));
	memset(a.seq, ' ', sizeof(a.seq));
	a.seq[sizeof(a.seq) - 1] = '1';
	v->logged_in = true;
	say(v, SOUP_LOGIN_ACCEPTED, &a.session, sizeof(a) - sizeof(a.head), now_ns);
}

static void
on_packet(struct replay_venue *v, const uint8_t *packet, uint16_t len, uint64_t now_ns)
{
	const size_t head = sizeof(struct soup_head);
	struct waiting *w;

	switch (packet[offsetof(struct soup_head, type)]) {
	case SOUP_LOGIN_REQUEST:
		on_login(v, packet, len, now_ns);
		break;
	case SOUP_UNSEQUENCED:
		if (!v->logged_in || len <= head || len - head > MESSAGE_MAX ||
		    v->waiting_cnt == WAITING_MAX) {
			v->counts.unreadable++;
			break;
		}
		v->counts.message++;
		v->owner.on_message(v->owner.ctx, packet, len);
		w = &v->waiting[(v->waiting_first + v->waiting_cnt++) % WAITING_MAX];
		w->due_ns = now_ns + v->c.delay_ns;
		w->len = (uint16_t)(len - head);
		memcpy(w->data, packet + head, w->len);
		break;
	case SOUP_CLIENT_HEARTBEAT:
	case SOUP_LOGOUT_REQUEST:
	case SOUP_DEBUG:
		break;
	default:
		v->counts.unreadable++;
	}
}

static void
on_stream(struct replay_venue *v, uint64_t now_ns)
{
	size_t at = 0;

	while (v->stream_len - at >= sizeof(struct soup_head)) {
		const size_t len = SOUP_LEN_BYTES + be16_get(*(const be16 *)(v->stream + at));

		if (len < sizeof(struct soup_head)) {
			v->counts.unreadable++;
			at = v->stream_len;
			break;
		}
		if (v->stream_len - at < len)
			break;
		on_packet(v, v->stream + at, (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX),
			  now_ns);
		at += len;
	}
	memmove(v->stream, v->stream + at, v->stream_len - at);
	v->stream_len -= at;
}

static void
on_arp(struct replay_venue *v, const struct eth_ip *e)
{
	const struct arp_head *a = (const struct arp_head *)e->l3;
	uint8_t frame[ETH_FRAME_MIN + sizeof(struct vlan_tag)] = { 0 };
	struct eth_head *eth = (struct eth_head *)frame;
	uint8_t *at = (uint8_t *)(eth + 1);
	struct arp_head answer = *a;

	// whoever else is asked for (a gateway) leads to the venue too; not the asker itself
	if (be16_get(a->op) != ARP_REQUEST || memcmp(&a->target_ip, &a->sender_ip, 4) == 0 ||
	    be32_get(a->sender_ip) == 0)
		return;
	memcpy(eth->dst, a->sender_mac, ETH_ADDR_BYTES);
	memcpy(eth->src, v->mac, ETH_ADDR_BYTES);
	eth->type = be16_of(e->vlan_id != 0 ? ETH_TYPE_VLAN : ETH_TYPE_ARP);
	if (e->vlan_id != 0) {
		*(struct vlan_tag *)at =
			(struct vlan_tag){ be16_of(e->vlan_id), be16_of(ETH_TYPE_ARP) };
		at += sizeof(struct vlan_tag);
	}
	answer.op = be16_of(ARP_REPLY);
	memcpy(answer.sender_mac, v->mac, ETH_ADDR_BYTES);
	answer.sender_ip = a->target_ip;
	memcpy(answer.target_mac, a->sender_mac, ETH_ADDR_BYTES);
	answer.target_ip = a->sender_ip;
	memcpy(at, &answer, sizeof(answer));
	v->owner.send(v->owner.ctx, frame, ETH_FRAME_MIN);
}

static void
on_syn(struct replay_venue *v, const uint8_t *frame, const struct eth_ip *e)
{
	const struct tcp_head *tcp = (const struct tcp_head *)e->l4;

	memcpy(v->client_mac, frame + ETH_ADDR_BYTES, ETH_ADDR_BYTES);
	v->client_ip = be32_get(e->src);
	v->client_port = be16_get(tcp->src_port);
	v->vlan_id = e->vlan_id;
	v->rcv_nxt = be32_get(tcp->seq) + 1;
	v->snd_nxt = ISN;
	v->snd_una = ISN + 1;
	v->snd_wnd = be16_get(tcp->window);
	v->stream_len = 0;
	v->backlog_len = 0;
	v->logged_in = false;
	v->connected = true;
	send_flags(v, TCP_FLAG_SYN | TCP_FLAG_ACK);
}

static void
on_tcp(struct replay_venue *v, const uint8_t *frame, const struct eth_ip *e, uint64_t now_ns)
{
	const struct tcp_head *tcp = (const struct tcp_head *)e->l4;
	size_t head_len, len;

	if (e->l4_len < sizeof(*tcp) || !eth_ip_l4_sum_ok(e)) {
		v->counts.unreadable++;
		return;
	}
	if (be32_get(e->dst) != v->c.ip || be16_get(tcp->dst_port) != v->c.port)
		return; // another session's venue
	head_len = (size_t)(tcp->data_off >> 4) * 4;
	if (head_len < sizeof(*tcp) || head_len > e->l4_len) {
		v->counts.unreadable++;
		return;
	}
	len = e->l4_len - head_len;
	if (tcp->flags & TCP_FLAG_RST) {
		v->connected = v->logged_in = false;
		return;
	}
	if (tcp->flags & TCP_FLAG_SYN) {
		on_syn(v, frame, e);
		return;
	}
	if (!v->connected)
		return;
	on_ack(v, tcp);
	if (be32_get(tcp->seq) != v->rcv_nxt) { // a probe whether we are there
		send_flags(v, TCP_FLAG_ACK);
		return;
	}
	if (len == 0 && !(tcp->flags & TCP_FLAG_FIN))
		return;
	if (v->stream_len + len > STREAM_MAX) {
		v->counts.unreadable++;
		return;
	}
	memcpy(v->stream + v->stream_len, e->l4 + head_len, len);
	v->stream_len += len;
	v->rcv_nxt += (uint32_t)len;
	if (tcp->flags & TCP_FLAG_FIN) {
		v->rcv_nxt++;
		send_flags(v, TCP_FLAG_ACK | TCP_FLAG_FIN);
		v->connected = v->logged_in = false;
		return;
	}
	send_flags(v, TCP_FLAG_ACK);
	on_stream(v, now_ns);
}

void
replay_venue_on_frame(struct replay_venue *v, const uint8_t *frame, uint16_t len, uint64_t now_ns)
{
	struct eth_ip e;

	switch (eth_ip_walk(frame, len, false, &e)) {
	case ETH_IP_ARP:
		on_arp(v, &e);
		break;
	case ETH_IP_L4:
		if (e.proto == IP_PROTO_TCP)
			on_tcp(v, frame, &e, now_ns);
		break;
	default:
		v->counts.unreadable++;
	}
}

uint64_t
replay_venue_due_ns(const struct replay_venue *v)
{
	return v->waiting_cnt == 0 ? UINT64_MAX : v->waiting[v->waiting_first].due_ns;
}

void
replay_venue_act(struct replay_venue *v, uint64_t now_ns)
{
	const struct waiting w = v->waiting[v->waiting_first];

	if (v->waiting_cnt == 0 || w.due_ns > now_ns)
		return;
	v->waiting_first = (v->waiting_first + 1) % WAITING_MAX;
	v->waiting_cnt--;
	on_request(v, w.data, w.len, now_ns);
}

void
replay_venue_on_time(struct replay_venue *v, uint64_t now_ns)
{
	if (v->logged_in && now_ns - v->said_ns >= HEARTBEAT_NS)
		say(v, SOUP_SERVER_HEARTBEAT, NULL, 0, now_ns);
}

void
replay_message_text(bool ouch42, const uint8_t *message, size_t len, char *out, size_t out_bytes)
{
	struct replay_wire w;
	struct replay_request q = { 0 };

	replay_wire_init(&w, ouch42);
	replay_wire_text(replay_wire_request(&w, message, len, &q), &q, out, out_bytes);
}
