/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/drop_start.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "lane/drop_session.h"

enum {
	RX_BYTES = 1 << 18, // a day's replay comes in one piece; half is the window
	TX_BYTES = 4096,    // logins and heartbeats
	RTO_MIN_MS = 5,
};

static void
config_of(const struct config *c, uint32_t session_idx, const char **symbol,
	  struct drop_session_config *out)
{
	const struct config_session *cs = &c->sessions[session_idx];
	const struct config_port *port = &c->ports[cs->port_idx];

	*out = (struct drop_session_config){
		.session_idx = (uint8_t)session_idx,
		.reconnect_ns = cs->reconnect_ms * 1000000ULL,
		.reconnect_max_ns = cs->reconnect_max_ms * 1000000ULL,
		.copy = {
			.pending_max = cs->drop_copy.pending_max,
			.wait_ns = cs->drop_copy.wait_ms * 1000000ULL,
			.ouch42 = cs->protocol == SESSION_OUCH42,
			.channel = (uint8_t)cs->user_ref_idx,
			.token_prefix = "S", // as lane_start.c has it
			.instr_cnt = (uint16_t)c->instruments_cnt,
			.symbol = symbol,
		},
		.soup = {
			.edition = (enum soup_edition)cs->soup_version,
			.first_seq = 1, // all of the day: the session's replay is compared too
			.heartbeat_ns = cs->heartbeat_ms * 1000000ULL,
			.silence_ns = cs->silence_ms * 1000000ULL,
			.login_wait_ns = cs->login_timeout_ms * 1000000ULL,
		},
		.tcp = {
			.local_ip = port->address.ip,
			.peer_ip = cs->drop_copy.peer.ip,
			.peer_port = (uint16_t)cs->drop_copy.peer.port,
			.vlan_id = (uint16_t)port->vlan,
			.mss = (uint16_t)cs->tcp.mss_bytes,
			.sack = cs->tcp.sack,
			.rto_min_ns = RTO_MIN_MS * 1000000ULL,
			.rto_max_ns = cs->tcp.rto_max_ms * 1000000ULL,
			.rto_initial_ns =
				cs->tcp.rto_max_ms < 1000 ? cs->tcp.rto_max_ms * 1000000ULL : 0,
			.connect_timeout_ns = cs->tcp.connect_timeout_ms * 1000000ULL,
			.user_timeout_ns = cs->tcp.user_timeout_ms * 1000000ULL,
			.rx_buf_bytes = RX_BYTES,
			.tx_buf_bytes = TX_BYTES,
		},
	};
	if (out->tcp.rto_max_ns < out->tcp.rto_min_ns)
		out->tcp.rto_min_ns = out->tcp.rto_max_ns;
	snprintf(out->soup.username, sizeof(out->soup.username), "%s", cs->drop_copy.username);
}

size_t
drop_start_bytes(const struct config *c, uint32_t session_idx)
{
	struct drop_session_config dc;

	if (c->sessions[session_idx].drop_copy.peer.ip == 0)
		return 0;
	config_of(c, session_idx, NULL, &dc);
	return sizeof(struct drop_session) + drop_session_bytes(&dc);
}

int
drop_start(struct gateway *g, struct lane *l, uint32_t session_idx, struct err *e)
{
	const struct config_session *cs = &g->config->sessions[session_idx];
	const char *symbol[INSTR_MAX] = { 0 };
	struct drop_session_config dc;
	char secret[SECRET_MAX] = "";
	struct drop_session *d;
	int rc;

	if (cs->drop_copy.peer.ip == 0 || (g->replay && !g->recorded))
		return 0;
	config_of(g->config, session_idx, symbol, &dc);
	for (uint32_t i = 1; i < g->config->instruments_cnt; i++)
		if (g->config->instruments[i].session_idx == session_idx)
			symbol[i] = g->config->instruments[i].symbol;
	memcpy(dc.tcp.local_mac, g->port[cs->port_idx].mac, sizeof(dc.tcp.local_mac));
	dc.tcp.isn_fixed = g->replay;
	if (!g->replay && getrandom(dc.tcp.isn_secret, sizeof(dc.tcp.isn_secret), 0) !=
				  (ssize_t)sizeof(dc.tcp.isn_secret))
		return err_set(e, -EIO, "no random bits for TCP's sequence numbers");
	rc = g->replay ? 0 : secret_load_drop_copy(cs, secret, e);
	if (rc < 0)
		return rc;
	snprintf(dc.soup.password, sizeof(dc.soup.password), "%.*s", SOUP_PASSWORD_LEN, secret);
	explicit_bzero(secret, sizeof(secret));
	if (cs->neighbour_mac.is_set)
		host_add_static(&l->port[cs->port_idx]->host, cs->drop_copy.peer.ip,
				cs->neighbour_mac.byte);
	d = arena_take(&l->arena, sizeof(*d));
	rc = d == NULL ? -ENOMEM
		       : drop_session_init(d, &dc, l->port[cs->port_idx], &l->events, &l->arena);
	explicit_bzero(dc.soup.password, sizeof(dc.soup.password));
	if (rc != 0)
		return err_set(e, rc, "sessions '%s': its drop copy cannot start: %s", cs->name,
			       strerror(-rc));
	l->has.session[session_idx]->drop = d;
	return 0;
}
