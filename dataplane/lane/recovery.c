/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "lane/recovery.h"
#include "port/port_room.h"

enum {
	LOCAL_PORT_FIRST = 32768, // TCP: the range that Linux uses too (ip_local_port_range)
	LOCAL_PORT_CNT = 28232,
	FRAMES_PER_EMIT = 16, // of the connection in one turn
	REQUEST_TTL = 64,
	READ_MAX = 64, // messages of a snapshot read in one call, whatever fits a buffer
};

COLD int
recovery_init(struct recovery *r, const struct recovery_config *c, const struct arb *arb,
	      struct lane_port *port, struct arena *arena, uint64_t now_ns)
{
	int rc;

	memset(r, 0, sizeof(*r));
	r->arb = arb;
	r->port = port;
	r->local_port = c->local_port;
	r->server_cnt = c->recover.server_cnt;
	r->config = *c;
	explicit_bzero(r->config.soup.password, sizeof(r->config.soup.password));
	rc = recover_init(&r->recover, &c->recover, arena, now_ns);
	if (rc != 0 || !c->recover.has_snapshot)
		return rc;
	r->tcp_config = c->tcp;
	r->tcp_config.rx_buf = arena_take(arena, c->tcp.rx_buf_bytes);
	r->tcp_config.tx_buf = arena_take(arena, c->tcp.tx_buf_bytes);
	if (r->tcp_config.rx_buf == NULL || r->tcp_config.tx_buf == NULL)
		return -ENOMEM;
	r->tcp_config.local_port = LOCAL_PORT_FIRST; // another for each connection
	rc = soup_session_init(&r->soup, &c->soup);
	if (rc != 0)
		return rc;
	unframe_init(&r->unframe);
	return tcp_init(&r->tcp, &r->tcp_config) == 0 ? 0 : -EINVAL;
}

COLD void
recovery_fini(struct recovery *r)
{
	soup_session_fini(&r->soup);
}

static struct recover_feed
feed_of(const struct recovery *r)
{
	return (struct recover_feed){
		.session = r->arb->session,
		.expected_seq = r->arb->expected_seq,
		.lost_from_seq = r->arb->lost_from_seq,
		.lost_since_ns = r->arb->lost_since_ns,
	};
}

COLD bool
recovery_takes(struct recovery *r, struct datagram *d, uint64_t now_ns)
{
	const struct recover_feed feed = feed_of(r);

	if (recover_on_datagram(&r->recover, d, &feed, now_ns) == RECOVER_PASS)
		return false;
	if (d->buf != NULL)
		port_buf_free(d->buf);
	return true;
}

COLD bool
recovery_on_answer(struct recovery *r, const struct frame *f, uint64_t now_ns, struct datagram *out)
{
	return recover_on_answer(&r->recover, f, now_ns, out) == RECOVER_PASS;
}

COLD int
recovery_start(struct recovery *r, uint64_t now_ns)
{
	const struct recover_feed feed = feed_of(r);

	return recover_start(&r->recover, &feed, now_ns);
}

/* Writes a request as a frame; returns its length. */
static COLD uint16_t
write_request(const struct recovery *r, const struct recover_request *q,
	      const uint8_t mac[ETH_ADDR_BYTES], uint8_t *frame)
{
	const struct host_addr *us = &r->port->host.us;
	const struct udp_way way = {
		.src_ip = us->ip,
		.dst_ip = r->config.server[q->server_idx].ip,
		.src_port = r->local_port,
		.dst_port = r->config.server[q->server_idx].udp_port,
		.ttl = REQUEST_TTL,
	};
	uint8_t *at = host_put_eth(us, mac, ETH_TYPE_IPV4, frame);
	struct mold_head mold;

	mold_request_write(&mold, q->session, q->seq, q->msg_cnt);
	memcpy(at + sizeof(struct ipv4_head) + sizeof(struct udp_head), &mold, sizeof(mold));
	at += udp_write_heads(at, &way, sizeof(mold));
	return host_pad(frame, (size_t)(at - frame));
}

/* Sends the request that is due; one that finds no way is as good as lost. */
static COLD void
send_request(struct recovery *r, uint64_t now_ns)
{
	struct port_tx *tx = &r->port->tx;
	uint8_t mac[ETH_ADDR_BYTES];
	struct recover_request q;
	uint8_t *frame;

	if (!recover_request(&r->recover, now_ns, &q))
		return;
	frame = port_tx_room(tx);
	if (frame == NULL ||
	    !host_find_mac(&r->port->host, r->config.server[q.server_idx].ip, now_ns, mac)) {
		metric_add(&r->metrics.request_no_way, 1);
		return;
	}
	port_tx_add(tx, write_request(r, &q, mac, frame));
}

static COLD void
close_snapshot(struct recovery *r, bool abort, uint64_t now_ns)
{
	if (!r->connecting)
		return;
	r->connecting = false;
	if (abort)
		tcp_abort(&r->tcp, now_ns);
	else
		tcp_close(&r->tcp, now_ns);
	soup_session_on_close(&r->soup);
	recovery_emit(r, now_ns);
}

/* The server's end, or ours of it: recover decides whether to try again. */
static COLD void
lose_snapshot(struct recovery *r, uint64_t now_ns)
{
	close_snapshot(r, true, now_ns);
	if (r->recover.snapshot_id == r->snapshot_id)
		recover_on_snapshot_lost(&r->recover, now_ns);
}

static COLD void
on_soup_event(struct recovery *r, enum soup_event event, uint64_t now_ns)
{
	switch (event) {
	case SOUP_EVENT_NONE:
	case SOUP_EVENT_MESSAGE:
	case SOUP_EVENT_UNSEQUENCED:
		return;
	case SOUP_EVENT_UP:
		metric_add(&r->metrics.login_accepted, 1);
		recover_on_snapshot_step(&r->recover, now_ns);
		return;
	case SOUP_EVENT_REJECTED:
		metric_add(&r->metrics.login_rejected, 1);
		event_put(r->config.recover.events, EVENT_SNAPSHOT_LOGIN,
			  r->config.recover.feed_idx, r->soup.reject_reason);
		break;
	case SOUP_EVENT_BROKEN:
		metric_add(&r->metrics.stream_broken, 1);
		break;
	case SOUP_EVENT_ENDED:
	case SOUP_EVENT_LOGIN_LATE:
	case SOUP_EVENT_SILENT:
	case SOUP_EVENT_CNT:
		break;
	}
	lose_snapshot(r, now_ns);
}

/* One packet of the snapshot's connection.  False when it must wait for the next buffer. */
static COLD bool
on_packet(struct recovery *r, const struct unframe_packet *p, struct recover_room *room,
	  uint64_t now_ns)
{
	enum recover_put put = RECOVER_PUT_TAKEN;

	if (p->type == SOUP_SEQUENCED && r->soup.state == SOUP_UP)
		put = recover_on_snapshot(&r->recover, p->payload, p->len, room, now_ns);
	if (put == RECOVER_PUT_FULL)
		return false;
	on_soup_event(r, soup_session_on_packet(&r->soup, p->type, p->payload, p->len, now_ns),
		      now_ns);
	if (put == RECOVER_PUT_END) // housekeeping logs out
		soup_session_logout(&r->soup);
	return true;
}

/* Fills the room with what the connection has brought. */
static COLD void
read_snapshot(struct recovery *r, struct recover_room *room, uint64_t now_ns)
{
	struct unframe_packet packet;
	struct unframe_walk walk;
	const uint8_t *data;
	uint32_t len;

	for (unsigned n = 0; n < READ_MAX && r->connecting && r->established; n++) {
		len = tcp_peek(&r->tcp, &data);
		if (len == 0)
			return;
		unframe_start(&walk, data, len);
		switch (unframe_next(&r->unframe, &walk, &packet)) {
		case UNFRAME_MORE:
			return;
		case UNFRAME_BROKEN:
			metric_add(&r->metrics.stream_broken, 1);
			lose_snapshot(r, now_ns);
			return;
		case UNFRAME_PACKET:
			break;
		}
		if (!on_packet(r, &packet, room, now_ns))
			return;
		if (r->connecting)
			tcp_consume(&r->tcp, (uint32_t)unframe_used(&walk));
	}
}

COLD bool
recovery_next(struct recovery *r, uint64_t now_ns, struct datagram *out)
{
	struct recover_room room = { 0 };

	if (r->spare == NULL)
		r->spare = port_room_take(&r->port->tx, &r->spare_at, &r->spare_bytes);
	if (r->spare == NULL) {
		metric_add(&r->metrics.buffer_missing, 1);
		return false;
	}
	room.at = r->spare_at;
	room.bytes = r->spare_bytes;
	if (!recover_next(&r->recover, now_ns, &room, out)) {
		if (r->snapshot_id == r->recover.snapshot_id)
			read_snapshot(r, &room, now_ns);
		if (room.msg_cnt == 0) {
			send_request(r, now_ns);
			return r->recover.tell_cnt != 0 && recovery_next(r, now_ns, out);
		}
		recover_snapshot_datagram(&r->recover, &room, now_ns, out);
	}
	if (out->msg_cnt != 0) {
		out->buf = r->spare;
		r->spare = NULL;
	}
	return true;
}

/* A port number of our own for each connection, so that an old one's late segments do not fit. */
static uint16_t
next_local_port(const struct recovery *r)
{
	const uint32_t n = (uint32_t)(clock_tsc() >> 12) + (uint32_t)r->metrics.connect_tried;

	return (uint16_t)(LOCAL_PORT_FIRST + n % LOCAL_PORT_CNT);
}

/* Opens the connection as soon as the way to the server is known. */
static COLD void
connect_now(struct recovery *r, uint64_t now_ns)
{
	struct tcp_config *c = &r->tcp_config;

	if (!host_find_mac(&r->port->host, c->peer_ip, now_ns, c->peer_mac))
		return; // the host asks; recover's timer ends the attempt
	r->awaits_mac = false;
	if (!c->isn_fixed) // a replay says which
		c->local_port = next_local_port(r);
	unframe_init(&r->unframe);
	soup_session_restart(&r->soup); // every snapshot is a session of its own
	if (tcp_init(&r->tcp, c) != 0 || !tcp_connect(&r->tcp, now_ns)) {
		lose_snapshot(r, now_ns);
		return;
	}
	recovery_emit(r, now_ns);
}

/* Opens or closes the connection as recover wishes. */
static COLD void
obey(struct recovery *r, uint64_t now_ns)
{
	const bool wanted = recover_wants_snapshot(&r->recover);

	if (r->connecting && (!wanted || r->recover.snapshot_id != r->snapshot_id))
		close_snapshot(r, r->soup.state != SOUP_LOGGING_OUT, now_ns);
	if (wanted && !r->connecting && r->recover.snapshot_id != r->snapshot_id) {
		r->snapshot_id = r->recover.snapshot_id;
		r->connecting = r->awaits_mac = true;
		r->established = false;
		metric_add(&r->metrics.connect_tried, 1);
	}
}

/* The connection, from the first segment to the login. */
static COLD void
connection_housekeeping(struct recovery *r, uint64_t now_ns)
{
	uint8_t packet[SOUP_SESSION_TAKE_MAX];
	size_t len;

	if (tcp_state_of(&r->tcp) != TCP_STATE_CLOSED)
		tcp_advance(&r->tcp, now_ns);
	if (r->connecting && r->awaits_mac) {
		connect_now(r, now_ns);
	} else if (r->connecting && !r->established &&
		   tcp_state_of(&r->tcp) == TCP_STATE_ESTABLISHED) {
		r->established = true;
		metric_add(&r->metrics.connect_done, 1);
		soup_session_on_connect(&r->soup, now_ns);
		recover_on_snapshot_step(&r->recover, now_ns);
	} else if (r->connecting &&
		   (tcp_state_of(&r->tcp) == TCP_STATE_CLOSED || tcp_at_end(&r->tcp))) {
		lose_snapshot(r, now_ns);
	}
	if (r->connecting && r->established)
		on_soup_event(r, soup_session_on_time(&r->soup, now_ns), now_ns);
	while (r->connecting && r->established && tcp_can_send(&r->tcp) &&
	       tcp_send_room(&r->tcp) >= sizeof(packet) &&
	       (len = soup_session_take(&r->soup, packet, sizeof(packet), now_ns)) != 0)
		tcp_send(&r->tcp, packet, (uint32_t)len);
	explicit_bzero(packet, sizeof(packet)); // a login has the password in it
}

COLD void
recovery_housekeeping(struct recovery *r, uint64_t now_ns)
{
	const struct recover_feed feed = feed_of(r);
	uint8_t mac[ETH_ADDR_BYTES];

	recover_on_time(&r->recover, &feed, now_ns);
	// asked before it is needed: a request then finds its way at once
	for (unsigned i = 0; i < r->server_cnt; i++)
		host_find_mac(&r->port->host, r->config.server[i].ip, now_ns, mac);
	if (!r->recover.has_snapshot)
		return;
	connection_housekeeping(r, now_ns);
	obey(r, now_ns);
	recovery_emit(r, now_ns);
}

bool
recovery_on_segment(struct recovery *r, const struct eth_ip *e, bool csum_ok, uint64_t now_ns)
{
	return r->recover.has_snapshot && tcp_on_packet(&r->tcp, e, csum_ok, now_ns);
}

void
recovery_emit(struct recovery *r, uint64_t now_ns)
{
	struct port_tx *tx = &r->port->tx;

	for (unsigned i = 0; i < FRAMES_PER_EMIT && r->recover.has_snapshot; i++) {
		uint8_t *frame = port_tx_room(tx);
		uint16_t len;

		if (frame == NULL)
			return;
		len = tcp_next_frame(&r->tcp, frame, tx->frame_len_max, now_ns);
		if (len == 0)
			return;
		port_tx_add(tx, len);
	}
}

COLD void
recovery_stop(struct recovery *r, uint64_t now_ns)
{
	close_snapshot(r, true, now_ns);
	if (r->spare != NULL)
		port_buf_free(r->spare);
	r->spare = NULL;
}
