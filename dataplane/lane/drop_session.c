/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/drop_session.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

enum {
	LOCAL_PORT_FIRST = 32768, // the range that Linux uses too (ip_local_port_range)
	LOCAL_PORT_CNT = 28232,
	FRAMES_PER_EMIT = 16, // in one turn
	READ_MAX = 64,        // messages in one look: housekeeping must not take long
};

COLD int
drop_session_init(struct drop_session *d, const struct drop_session_config *c,
		  struct lane_port *port, struct event_sink *events, struct arena *arena)
{
	int rc;

	memset(d, 0, sizeof(*d));
	memset(d->session, ' ', sizeof(d->session));
	d->idx = c->session_idx;
	d->port = port;
	d->events = events;
	d->reconnect_ns = d->wait_ns = c->reconnect_ns;
	d->reconnect_max_ns = c->reconnect_max_ns;
	d->tcp_config = c->tcp;
	d->tcp_config.rx_buf = arena_take(arena, c->tcp.rx_buf_bytes);
	d->tcp_config.tx_buf = arena_take(arena, c->tcp.tx_buf_bytes);
	if (d->tcp_config.rx_buf == NULL || d->tcp_config.tx_buf == NULL)
		return -ENOMEM;
	d->tcp_config.local_port = LOCAL_PORT_FIRST; // another for each connection
	unframe_init(&d->unframe);
	rc = drop_copy_init(&d->copy, &c->copy, arena);
	if (rc == 0)
		rc = soup_session_init(&d->soup, &c->soup);
	if (rc != 0)
		return rc;
	return tcp_init(&d->tcp, &d->tcp_config) == 0 ? 0 : -EINVAL;
}

COLD void
drop_session_fini(struct drop_session *d)
{
	soup_session_fini(&d->soup);
}

COLD void
drop_session_emit(struct drop_session *d, uint64_t now_ns)
{
	struct port_tx *tx = &d->port->tx;

	for (unsigned i = 0; i < FRAMES_PER_EMIT; i++) {
		uint8_t *frame = port_tx_room(tx);
		uint16_t len;

		if (frame == NULL)
			return;
		len = tcp_next_frame(&d->tcp, frame, tx->frame_len_max, now_ns);
		if (len == 0)
			return;
		port_tx_add(tx, len);
	}
}

/* The connection is over, whoever ended it: another attempt after a while. */
static void
lose(struct drop_session *d, uint64_t why, uint64_t now_ns)
{
	if (!d->connecting)
		return;
	if (d->up_ns != 0)
		metric_add(&d->metrics.connection_lost, 1);
	event_put(d->events, EVENT_DROP_COPY_DOWN, d->idx, why, d->wait_ns);
	d->connecting = d->established = false;
	d->up_ns = 0;
	metric_set(&d->metrics.up, 0);
	d->retry_ns = now_ns + d->wait_ns;
	d->wait_ns = d->wait_ns * 2 < d->reconnect_max_ns ? d->wait_ns * 2 : d->reconnect_max_ns;
	tcp_abort(&d->tcp, now_ns);
	soup_session_on_close(&d->soup);
	drop_session_emit(d, now_ns);
}

/* Logged in.  Another day's copy is numbered anew, and what waits belongs to the old one. */
static void
on_up(struct drop_session *d, uint64_t now_ns)
{
	static const char BLANK[SOUP_SESSION_LEN + 1] = "          ";

	if (memcmp(d->session, d->soup.session, sizeof(d->session)) != 0) {
		if (memcmp(d->session, BLANK, sizeof(d->session)) != 0)
			drop_copy_clear(&d->copy);
		d->next_seq = 0;
	}
	memcpy(d->session, d->soup.session, sizeof(d->session));
	d->up_ns = now_ns;
	d->wait_ns = d->reconnect_ns;
	metric_set(&d->metrics.up, 1);
	metric_add(&d->metrics.login_accepted, 1);
	event_put(d->events, EVENT_DROP_COPY_UP, d->idx, event_text(d->session, 8),
		  event_text(d->session + 8, 2), soup_session_seq(&d->soup));
}

/* EVENT_DROP_COPY_DOWN's list of reasons. */
enum {
	WHY_CLOSED = 1,
	WHY_CONNECT,
	WHY_REJECTED,
	WHY_ENDED,
	WHY_SILENT,
	WHY_BROKEN,
};

static void
on_soup_event(struct drop_session *d, enum soup_event event, uint64_t now_ns)
{
	switch (event) {
	case SOUP_EVENT_NONE:
	case SOUP_EVENT_MESSAGE:
	case SOUP_EVENT_UNSEQUENCED:
	case SOUP_EVENT_CNT:
		return;
	case SOUP_EVENT_UP:
		on_up(d, now_ns);
		return;
	case SOUP_EVENT_REJECTED:
		metric_add(&d->metrics.login_rejected, 1);
		lose(d, WHY_REJECTED, now_ns);
		soup_session_restart(&d->soup); // the day may be another one: whichever there is
		return;
	case SOUP_EVENT_ENDED:
		lose(d, WHY_ENDED, now_ns);
		return;
	case SOUP_EVENT_LOGIN_LATE:
	case SOUP_EVENT_SILENT:
		lose(d, WHY_SILENT, now_ns);
		return;
	case SOUP_EVENT_BROKEN:
		lose(d, WHY_BROKEN, now_ns);
		return;
	}
}

/* A message counts once, however often the server tells it. */
static void
on_message(struct drop_session *d, const struct unframe_packet *p, uint64_t now_ns)
{
	const uint64_t seq = soup_session_seq(&d->soup) - 1;

	if (seq < d->next_seq)
		return;
	d->next_seq = seq + 1;
	drop_copy_on_message(&d->copy, p->payload, p->len, now_ns);
}

/* What arrived, as far as there is room to keep it: the rest closes TCP's window. */
static void
read_some(struct drop_session *d, uint64_t now_ns)
{
	for (unsigned n = 0; n < READ_MAX && d->connecting && d->established; n++) {
		struct unframe_packet packet;
		struct unframe_walk walk;
		const uint8_t *data;
		const uint32_t len = tcp_peek(&d->tcp, &data);
		enum unframe_verdict found;
		enum soup_event event;

		if (len == 0)
			return;
		if (!drop_copy_has_room(&d->copy)) {
			metric_add(&d->metrics.held_back, !d->held_back);
			d->held_back = true;
			d->soup.rx_ns = now_ns; // it is not silent: nobody listens
			return;
		}
		d->held_back = false;
		unframe_start(&walk, data, len);
		found = unframe_next(&d->unframe, &walk, &packet);
		if (found == UNFRAME_MORE)
			return;
		if (found == UNFRAME_BROKEN) {
			lose(d, WHY_BROKEN, now_ns);
			return;
		}
		event = soup_session_on_packet(&d->soup, packet.type, packet.payload, packet.len,
					       now_ns);
		if (event == SOUP_EVENT_MESSAGE)
			on_message(d, &packet, now_ns);
		else
			on_soup_event(d, event, now_ns);
		if (d->connecting)
			tcp_consume(&d->tcp, (uint32_t)unframe_used(&walk));
	}
}

/* A port number of our own for each connection, so that an old one's late segments do not fit. */
static uint16_t
next_local_port(const struct drop_session *d)
{
	const uint32_t n = (uint32_t)(clock_tsc() >> 12) + (uint32_t)d->metrics.connect_tried;

	return (uint16_t)(LOCAL_PORT_FIRST + n % LOCAL_PORT_CNT);
}

/* Opens the connection as soon as the way to the server is known. */
static void
connect_now(struct drop_session *d, uint64_t now_ns)
{
	struct tcp_config *c = &d->tcp_config;

	if (!host_find_mac(&d->port->host, c->peer_ip, now_ns, c->peer_mac))
		return; // the host asks; housekeeping comes back here
	d->awaits_mac = false;
	if (!c->isn_fixed) // a replay says which
		c->local_port = next_local_port(d);
	unframe_init(&d->unframe);
	if (tcp_init(&d->tcp, c) != 0 || !tcp_connect(&d->tcp, now_ns)) {
		lose(d, WHY_CONNECT, now_ns);
		return;
	}
	drop_session_emit(d, now_ns);
}

/* The connection, from the first segment to the login. */
static void
look_at_connection(struct drop_session *d, uint64_t now_ns)
{
	if (tcp_state_of(&d->tcp) != TCP_STATE_CLOSED)
		tcp_advance(&d->tcp, now_ns);
	if (!d->connecting) {
		if (d->stopped || now_ns < d->retry_ns || !d->port->host.link_up)
			return;
		d->connecting = d->awaits_mac = true;
		d->established = false;
		metric_add(&d->metrics.connect_tried, 1);
	}
	if (d->awaits_mac) {
		connect_now(d, now_ns);
	} else if (!d->established && tcp_state_of(&d->tcp) == TCP_STATE_ESTABLISHED) {
		d->established = true;
		metric_add(&d->metrics.connect_done, 1);
		soup_session_on_connect(&d->soup, now_ns);
	} else if (tcp_state_of(&d->tcp) == TCP_STATE_CLOSED || tcp_at_end(&d->tcp)) {
		lose(d, d->established ? WHY_CLOSED : WHY_CONNECT, now_ns);
	}
}

COLD void
drop_session_housekeeping(struct drop_session *d, uint64_t own_up_ns, uint64_t now_ns)
{
	uint8_t packet[SOUP_SESSION_TAKE_MAX];
	size_t len;

	look_at_connection(d, now_ns);
	read_some(d, now_ns);
	if (d->connecting && d->established)
		on_soup_event(d, soup_session_on_time(&d->soup, now_ns), now_ns);
	while (d->connecting && d->established && tcp_can_send(&d->tcp) &&
	       tcp_send_room(&d->tcp) >= sizeof(packet) &&
	       (len = soup_session_take(&d->soup, packet, sizeof(packet), now_ns)) != 0)
		tcp_send(&d->tcp, packet, (uint32_t)len);
	explicit_bzero(packet, sizeof(packet)); // a login has the password in it
	// what the server still has to tell is behind what was not read
	drop_copy_on_time(&d->copy, own_up_ns, d->held_back ? 0 : d->up_ns, now_ns);
	drop_session_emit(d, now_ns);
}

COLD void
drop_session_on_own(struct drop_session *d, const struct report *r, const struct fill *f,
		    uint64_t now_ns)
{
	const struct drop_fill own = {
		.ns = now_ns,
		.match_ref = r->match_ref,
		.token = r->token,
		.qty = f->executed_qty,
		.px4 = f->px4,
		.instr_idx = f->head.instr_idx,
		.side = f->side,
		.what = f->broken      ? DROP_BROKEN
			: f->corrected ? DROP_CORRECTED
				       : DROP_EXECUTED,
	};

	drop_copy_take(&d->copy, DROP_OWN, &own);
}

COLD bool
drop_session_on_segment(struct drop_session *d, const struct eth_ip *e, bool csum_ok,
			uint64_t now_ns)
{
	return d->connecting && !d->awaits_mac && tcp_on_packet(&d->tcp, e, csum_ok, now_ns);
}

COLD void
drop_session_stop(struct drop_session *d, uint64_t now_ns)
{
	d->stopped = true;
	if (!d->connecting)
		return;
	d->connecting = d->established = false;
	d->up_ns = 0;
	metric_set(&d->metrics.up, 0);
	tcp_abort(&d->tcp, now_ns);
	soup_session_on_close(&d->soup);
	drop_session_emit(d, now_ns);
}
