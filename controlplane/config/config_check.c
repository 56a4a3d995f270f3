/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/check.h"

struct check {
	struct config *c;
	struct err *e;
};

/* A list whose elements begin with their name. */
struct names {
	const char *what; // of one element, for messages
	const char *first;
	size_t stride;
	uint32_t cnt;
};

#define NAMES(word, list, list_cnt)                                       \
	(struct names)                                                    \
	{                                                                 \
		word, (const char *)(list), sizeof((list)[0]), (list_cnt) \
	}

static const char *
name_of(const struct names *n, uint32_t i)
{
	return n->first + i * n->stride;
}

static bool
is_name(const char *name)
{
	for (const char *t = name; *t; t++)
		if (!isalnum((unsigned char)*t) && *t != '_' && *t != '-')
			return false;
	return true;
}

/* Names are made of letters that need no quoting anywhere, and none is given twice. */
static void
names_check(struct check *ck, const struct names *n)
{
	for (uint32_t i = 0; i < n->cnt; i++) {
		const char *name = name_of(n, i);

		if (!is_name(name))
			err_add(ck->e, -EINVAL,
				"%s: %s '%s': a name consists of letters, digits, _ and -",
				AT(ck->c, *name), n->what, name);
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(name, name_of(n, j)) != 0)
				continue;
			err_add(ck->e, -EINVAL,
				"%s: %s '%s' stands there twice, first at %s; give each its own "
				"name",
				AT(ck->c, *name), n->what, name, AT(ck->c, *name_of(n, j)));
			break;
		}
	}
}

/* The list's element with this name.  who: the thing that refers to it. */
static bool
name_find(struct check *ck, const struct names *n, const char *name, const char *who, uint32_t *idx)
{
	char list[512] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < n->cnt; i++) {
		if (strcmp(name, name_of(n, i)) == 0) {
			*idx = i;
			return true;
		}
		if (used + 20 < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, " %s",
						 name_of(n, i));
	}
	err_add(ck->e, -EINVAL, "%s: %s names the %s '%s', which is not there; there is:%s",
		AT(ck->c, *name), who, n->what, name, used ? list : " none");
	return false;
}

static struct names
ports_of(struct config *c)
{
	return NAMES("port", c->ports, c->ports_cnt);
}

static struct names
venues_of(struct config *c)
{
	return NAMES("venue", c->venues, c->venues_cnt);
}

/* A market's environment must be ours: a test order must never reach a live market. */
static void
venue_check(struct check *ck, const char *venue, const char *who, uint32_t *venue_idx)
{
	const struct names venues = venues_of(ck->c);
	const struct config_venue *v;

	if (!name_find(ck, &venues, venue, who, venue_idx))
		return;
	v = &ck->c->venues[*venue_idx];
	if (v->environment != ck->c->environment)
		err_add(ck->e, -EINVAL,
			"%s: %s uses the venue '%s', which is for %s (%s), while environment is %s "
			"at %s; they must be equal",
			AT(ck->c, *venue), who, venue, environment_word(v->environment),
			AT(ck->c, v->environment), environment_word(ck->c->environment),
			AT(ck->c, ck->c->environment));
}

static void
globals_check(struct check *ck)
{
	const struct config *c = ck->c;

	if (c->environment == ENVIRONMENT_LIVE && c->core_map.shared_cores)
		err_add(ck->e, -EINVAL,
			"%s: core_map.shared_cores is true while environment is live at %s; "
			"shared cores are for tests: give each lane a core of its own",
			AT(ck->c, c->core_map.shared_cores), AT(ck->c, c->environment));
	if (c->environment == ENVIRONMENT_LIVE && c->hugepages.degraded_ok)
		err_add(ck->e, -EINVAL,
			"%s: hugepages.degraded_ok is true while environment is live at %s; set "
			"up huge pages instead",
			AT(ck->c, c->hugepages.degraded_ok), AT(ck->c, c->environment));
}

static bool
is_multicast(uint32_t ip)
{
	return ip >> 28 == 14;
}

static void
port_check(struct check *ck, uint32_t idx)
{
	const struct config_port *p = &ck->c->ports[idx];

	if (!is_name(p->profile))
		err_add(ck->e, -EINVAL,
			"%s: port '%s': profile '%s' is a name in pmd_config, without folder and "
			".yaml",
			AT(ck->c, p->profile), p->name, p->profile);
	config_check_port_net(ck->c, ck->e, p);
	if (p->mac.is_set && (p->mac.byte[0] & 1))
		err_add(ck->e, -EINVAL,
			"%s: port '%s': a hardware address with an odd first byte is a group's",
			AT(ck->c, p->mac), p->name);
	for (uint32_t i = 0; i < idx; i++) {
		const struct config_port *o = &ck->c->ports[i];

		if (strcmp(o->device, p->device) == 0)
			err_add(ck->e, -EINVAL,
				"%s: port '%s' has the device '%s', while port '%s' has it at %s; "
				"a device is one port",
				AT(ck->c, p->device), p->name, p->device, o->name,
				AT(ck->c, o->device));
		if (o->address.ip == p->address.ip)
			err_add(ck->e, -EINVAL,
				"%s: port '%s' has the address that port '%s' has at %s; give each "
				"its own",
				AT(ck->c, p->address), p->name, o->name, AT(ck->c, o->address));
	}
}

static void
line_check(struct check *ck, uint32_t feed_idx, uint32_t line_idx)
{
	struct config_feed *f = &ck->c->feeds[feed_idx];
	struct config_line *l = &f->lines[line_idx];
	const struct names ports = ports_of(ck->c);
	char who[64];
	bool known;

	snprintf(who, sizeof(who), "feed '%s' line %u", f->name, line_idx);
	known = name_find(ck, &ports, l->port, who, &l->port_idx);
	if (!is_multicast(l->group))
		err_add(ck->e, -EINVAL,
			"%s: %s: the group is no multicast address (224.0.0.0 to 239.255.255.255)",
			AT(ck->c, l->group), who);
	else if (l->group >> 8 == 0xe00000)
		err_add(ck->e, -EINVAL,
			"%s: %s: groups 224.0.0.x belong to the network itself and are never "
			"routed; choose another",
			AT(ck->c, l->group), who);
	if (l->source != 0 && known) {
		char source[80];

		snprintf(source, sizeof(source), "%s: the source", who);
		config_check_host(ck->c, ck->e,
				  &(struct host_of){ &ck->c->ports[l->port_idx], &l->source,
						     l->source, source });
	}
	if (l->source && f->igmp_version == 2)
		err_add(ck->e, -EINVAL,
			"%s: %s names a source, while igmp_version is 2 at %s; only version 3 can "
			"ask for one",
			AT(ck->c, l->source), who, AT(ck->c, f->igmp_version));
	for (uint32_t i = 0; i <= feed_idx; i++) {
		const struct config_feed *of = &ck->c->feeds[i];
		const uint32_t end = i == feed_idx ? line_idx : of->lines_cnt;

		for (uint32_t j = 0; j < end; j++) {
			const struct config_line *o = &of->lines[j];

			if (strcmp(o->port, l->port) == 0 && o->group == l->group &&
			    o->udp_port == l->udp_port)
				err_add(ck->e, -EINVAL,
					"%s: %s has the port, group and udp_port of feed '%s' line "
					"%u at %s; a line belongs to one feed, once",
					AT(ck->c, l->group), who, of->name, j, AT(ck->c, o->group));
			if (strcmp(o->port, l->port) == 0 && o->group == l->group &&
			    (o->source == 0) != (l->source == 0))
				err_add(ck->e, -EINVAL,
					"%s: %s %s a source for its group, while feed '%s' line %u "
					"at %s does not agree; a port joins a group from any "
					"sender or from named ones, not both",
					AT(ck->c, l->group), who,
					l->source == 0 ? "names no" : "names", of->name, j,
					AT(ck->c, o->group));
		}
	}
}

static bool
is_alnum_text(const char *text)
{
	while (isalnum((unsigned char)*text))
		text++;
	return *text == '\0';
}

/* A server can be reached from the port. */
static void
server_check(struct check *ck, const struct config_feed *f, const struct ip4_endpoint *s)
{
	const struct config_port *p = &ck->c->ports[f->recovery.port_idx];

	char who[64];

	snprintf(who, sizeof(who), "feed '%s': the server", f->name);
	if (!config_check_host(ck->c, ck->e, &(struct host_of){ p, s, s->ip, who }))
		return;
	if (s->ip == p->address.ip)
		err_add(ck->e, -EINVAL, "%s: feed '%s': the server is our own address, given at %s",
			AT(ck->c, *s), f->name, AT(ck->c, p->address));
	else if (!config_port_is_near(p, s->ip) && !p->gateway && !f->recovery.neighbour_mac.is_set)
		err_add(ck->e, -EINVAL,
			"%s: feed '%s': the server is outside the network of port '%s' (%s), and "
			"the port has no gateway; give it a gateway, or recovery a neighbour_mac",
			AT(ck->c, *s), f->name, p->name, AT(ck->c, p->address));
}

static void
recovery_check(struct check *ck, uint32_t idx)
{
	struct config_feed *f = &ck->c->feeds[idx];
	struct config_recovery *r = &f->recovery;
	const struct names ports = ports_of(ck->c);
	char who[64];

	if (!config_feed_recovers(f)) {
		if (r->port[0])
			err_add(ck->e, -EINVAL,
				"%s: feed '%s': recovery has a port and neither servers nor a "
				"snapshot; name one, or leave recovery out",
				AT(ck->c, r->port), f->name);
		return;
	}
	snprintf(who, sizeof(who), "feed '%s' recovery", f->name);
	if (!r->port[0])
		r->port_idx = f->lines[0].port_idx;
	else if (!name_find(ck, &ports, r->port, who, &r->port_idx))
		return;
	for (uint32_t i = 0; i < r->servers_cnt; i++) {
		server_check(ck, f, &r->servers[i]);
		for (uint32_t j = 0; j < i; j++)
			if (r->servers[i].ip == r->servers[j].ip &&
			    r->servers[i].port == r->servers[j].port)
				err_add(ck->e, -EINVAL,
					"%s: %s: a request server stands there twice, first at %s",
					AT(ck->c, r->servers[i]), who, AT(ck->c, r->servers[j]));
	}
	if (!r->local_port)
		r->local_port = RECOVERY_PORT_FIRST + idx;
	for (uint32_t i = 0; i < idx; i++)
		if (ck->c->feeds[i].recovery.local_port == r->local_port &&
		    config_feed_recovers(&ck->c->feeds[i]))
			err_add(ck->e, -EINVAL,
				"%s: %s: its local_port %u is that of feed '%s'; give each its own",
				AT(ck->c, r->local_port), who, r->local_port, ck->c->feeds[i].name);
	if (r->snapshot.ip == 0)
		return;
	server_check(ck, f, &r->snapshot);
	if (!r->snapshot_username[0] || !is_alnum_text(r->snapshot_username))
		err_add(ck->e, -EINVAL,
			"%s: %s: snapshot_username is '%s'; a snapshot needs one of 1 to 6 letters "
			"and digits",
			AT(ck->c, r->snapshot_username), who, r->snapshot_username);
	if (!r->snapshot_password_file[0] == !r->snapshot_credential[0])
		err_add(ck->e, -EINVAL,
			"%s: %s has %s; give exactly one of snapshot_password_file and "
			"snapshot_credential",
			AT(ck->c, r->snapshot), who,
			r->snapshot_credential[0] ? "both a password file and a credential"
						  : "no password");
	if (strchr(r->snapshot_credential, '/') || r->snapshot_credential[0] == '.')
		err_add(ck->e, -EINVAL, "%s: %s: a credential is a name, not a path",
			AT(ck->c, r->snapshot_credential), who);
}

static void
feed_check(struct check *ck, uint32_t idx)
{
	struct config_feed *f = &ck->c->feeds[idx];
	char who[64];

	snprintf(who, sizeof(who), "feed '%s'", f->name);
	venue_check(ck, f->venue, who, &f->venue_idx);
	if (f->trust_late_join && ck->c->environment == ENVIRONMENT_LIVE)
		err_add(ck->e, -EINVAL,
			"%s: %s: trust_late_join is true while environment is live at %s; a book "
			"without its morning is not to be traded on",
			AT(ck->c, f->trust_late_join), who, AT(ck->c, ck->c->environment));
	for (uint32_t i = 0; i < f->lines_cnt; i++)
		line_check(ck, idx, i);
	recovery_check(ck, idx);
}

static void
login_check(struct check *ck, const struct config_session *s)
{
	if (!s->password_file[0] == !s->credential[0])
		err_add(ck->e, -EINVAL,
			"%s: session '%s' has %s; give exactly one of password_file and credential",
			s->password_file[0] ? AT(ck->c, s->credential) : AT(ck->c, s->name),
			s->name,
			s->password_file[0] ? "both a password_file and a credential"
					    : "no password");
	if (strchr(s->credential, '/') || s->credential[0] == '.')
		err_add(ck->e, -EINVAL, "%s: session '%s': a credential is a name, not a path",
			AT(ck->c, s->credential), s->name);
	if (!is_alnum_text(s->username))
		err_add(ck->e, -EINVAL,
			"%s: session '%s': username '%s' has other signs than letters and digits",
			AT(ck->c, s->username), s->name, s->username);
	if (!is_alnum_text(s->session))
		err_add(ck->e, -EINVAL,
			"%s: session '%s': session '%s' has other signs than letters and digits",
			AT(ck->c, s->session), s->name, s->session);
	if (!is_alnum_text(s->firm))
		err_add(ck->e, -EINVAL,
			"%s: session '%s': firm '%s' has other signs than letters and digits",
			AT(ck->c, s->firm), s->name, s->firm);
}

/* a <= b, both keys of one session. */
static void
order_check(struct check *ck, const struct config_session *s, const char *a_key, const uint32_t *a,
	    uint64_t a_value, const char *b_key, const uint32_t *b, uint64_t b_value)
{
	if (a_value > b_value)
		err_add(ck->e, -EINVAL,
			"%s: session '%s': %s is %u, which is more than %s allows: %u at %s",
			AT(ck->c, *a), s->name, a_key, *a, b_key, *b, AT(ck->c, *b));
}

static void
power_check(struct check *ck, const struct config_session *s, const char *key, const uint32_t *v)
{
	uint32_t less = 1;

	if ((*v & (*v - 1)) == 0)
		return;
	while (less * 2 < *v)
		less *= 2;
	err_add(ck->e, -EINVAL,
		"%s: session '%s': %s is %u, which is no power of two; the nearest are %u and %u",
		AT(ck->c, *v), s->name, key, *v, less, less * 2);
}

static void
peer_check(struct check *ck, const struct config_session *s, const struct ip4_endpoint *peer)
{
	const struct config_port *p = &ck->c->ports[s->port_idx];

	char who[64];

	snprintf(who, sizeof(who), "session '%s': the peer", s->name);
	if (!config_check_host(ck->c, ck->e, &(struct host_of){ p, peer, peer->ip, who }))
		return;
	if (peer->ip == p->address.ip)
		err_add(ck->e, -EINVAL,
			"%s: session '%s': the peer is our own address, given at %s",
			AT(ck->c, *peer), s->name, AT(ck->c, p->address));
	else if (!config_port_is_near(p, peer->ip) && !p->gateway && !s->neighbour_mac.is_set)
		err_add(ck->e, -EINVAL,
			"%s: session '%s': the peer is outside the network of port '%s' (%s), and "
			"the port has no gateway; give it a gateway, or the session a "
			"neighbour_mac",
			AT(ck->c, *peer), s->name, p->name, AT(ck->c, p->address));
}

static void
route_check(struct check *ck, const struct config_session *s)
{
	const struct config_port *p = &ck->c->ports[s->port_idx];

	peer_check(ck, s, &s->peer);
	for (uint32_t i = 0; i < s->backup_cnt; i++)
		peer_check(ck, s, &s->backup[i]);
	if (s->tcp.mss_bytes + 40 > p->mtu_bytes)
		err_add(ck->e, -EINVAL,
			"%s: session '%s': tcp.mss_bytes is %u, while port '%s' has mtu_bytes %u "
			"at %s; at most %u fit, 40 bytes are headers",
			AT(ck->c, s->tcp.mss_bytes), s->name, s->tcp.mss_bytes, p->name,
			p->mtu_bytes, AT(ck->c, p->mtu_bytes), p->mtu_bytes - 40);
}

/* The drop copy goes through the session's port, too. */
static void
drop_copy_check(struct check *ck, const struct config_session *s)
{
	if (s->drop_copy.peer.ip == 0)
		return;
	peer_check(ck, s, &s->drop_copy.peer);
	if (!s->drop_copy.username[0] || !is_alnum_text(s->drop_copy.username))
		err_add(ck->e, -EINVAL,
			"%s: session '%s': drop_copy.username is '%s'; a drop copy needs one of 1 "
			"to 6 letters and digits",
			AT(ck->c, s->drop_copy.username), s->name, s->drop_copy.username);
	if (!s->drop_copy.password_file[0] == !s->drop_copy.credential[0] ||
	    strchr(s->drop_copy.credential, '/') || s->drop_copy.credential[0] == '.')
		err_add(ck->e, -EINVAL,
			"%s: session '%s': give exactly one of drop_copy.password_file and "
			"drop_copy.credential, which is a name and no path",
			AT(ck->c, s->drop_copy.peer), s->name);
}

static void
session_check(struct check *ck, uint32_t idx)
{
	struct config_session *s = &ck->c->sessions[idx];
	struct session_schedule schedule;
	const struct names ports = ports_of(ck->c);
	char who[64];

	snprintf(who, sizeof(who), "session '%s'", s->name);
	venue_check(ck, s->venue, who, &s->venue_idx);
	if (name_find(ck, &ports, s->port, who, &s->port_idx))
		route_check(ck, s);
	login_check(ck, s);
	drop_copy_check(ck, s);
	order_check(ck, s, "heartbeat_ms", &s->heartbeat_ms, s->heartbeat_ms, "silence_ms",
		    &s->silence_ms, s->silence_ms - 1);
	order_check(ck, s, "reconnect_ms", &s->reconnect_ms, s->reconnect_ms, "reconnect_max_ms",
		    &s->reconnect_max_ms, s->reconnect_max_ms);
	order_check(ck, s, "tcp.rto_min_us", &s->tcp.rto_min_us, s->tcp.rto_min_us,
		    "tcp.rto_max_ms", &s->tcp.rto_max_ms, s->tcp.rto_max_ms * 1000ULL);
	order_check(ck, s, "tcp.mss_bytes", &s->tcp.mss_bytes, s->tcp.mss_bytes,
		    "tcp.receive_buffer_bytes", &s->tcp.receive_buffer_bytes,
		    s->tcp.receive_buffer_bytes / 2);
	if (s->throttle.max_messages != 0)
		order_check(ck, s, "throttle.cancel_reserve", &s->throttle.cancel_reserve,
			    s->throttle.cancel_reserve, "throttle.max_messages",
			    &s->throttle.max_messages, s->throttle.max_messages - 1);
	if (!config_schedule_of(s, &schedule))
		err_add(ck->e, -EINVAL,
			"%s: session '%s': schedule has connect '%s', disconnect '%s', utc_offset "
			"'%s'; give two different times HH:MM or HH:MM:SS, and local, +HH:MM "
			"or -HH:MM",
			AT(ck->c, s->schedule.connect), s->name, s->schedule.connect,
			s->schedule.disconnect, s->schedule.utc_offset);
	if (s->user_ref_idx != 0 && s->protocol == SESSION_OUCH42)
		err_add(ck->e, -EINVAL, "%s: session '%s': OUCH 4.2 has no user_ref_idx",
			AT(ck->c, s->user_ref_idx), s->name);
	power_check(ck, s, "tcp.send_buffer_bytes", &s->tcp.send_buffer_bytes);
	power_check(ck, s, "tcp.receive_buffer_bytes", &s->tcp.receive_buffer_bytes);
	power_check(ck, s, "orders_max", &s->orders_max);
	for (uint32_t i = 0; i < idx; i++) {
		const struct config_session *o = &ck->c->sessions[i];

		if (s->local_port && s->local_port == o->local_port &&
		    strcmp(s->port, o->port) == 0)
			err_add(ck->e, -EINVAL,
				"%s: session '%s' has the local_port that session '%s' has on the "
				"same port at %s; give each its own, or 0",
				AT(ck->c, s->local_port), s->name, o->name,
				AT(ck->c, o->local_port));
	}
}

static bool
feed_has_symbol(const struct config_feed *f, const char *symbol)
{
	for (uint32_t i = 0; i < f->symbols_cnt; i++)
		if (symbol_match(f->symbols[i], symbol, strlen(symbol)))
			return true;
	return f->symbols_cnt == 0;
}

static void
instrument_check(struct check *ck, uint32_t idx)
{
	struct config_instrument *in = &ck->c->instruments[idx];
	const struct names feeds = NAMES("feed", ck->c->feeds, ck->c->feeds_cnt);
	const struct names sessions = NAMES("session", ck->c->sessions, ck->c->sessions_cnt);
	bool known;
	char who[64];

	snprintf(who, sizeof(who), "instrument '%s'", in->symbol);
	known = name_find(ck, &feeds, in->feed, who, &in->feed_idx);
	if (strchr(in->symbol, ' '))
		err_add(ck->e, -EINVAL, "%s: %s: a symbol is written without spaces",
			AT(ck->c, in->symbol), who);
	if (known && !feed_has_symbol(&ck->c->feeds[in->feed_idx], in->symbol))
		err_add(ck->e, -EINVAL,
			"%s: %s is none of the symbols at %s, which are all that feed '%s' takes; "
			"add it there",
			AT(ck->c, in->symbol), who, AT(ck->c, ck->c->feeds[in->feed_idx].symbols),
			in->feed);
	for (uint32_t i = 1; i < idx; i++)
		if (strcmp(ck->c->instruments[i].symbol, in->symbol) == 0)
			err_add(ck->e, -EINVAL, "%s: %s stands there twice, first at %s",
				AT(ck->c, in->symbol), who,
				AT(ck->c, ck->c->instruments[i].symbol));
	if (!in->session[0]) {
		in->session_idx = SESSION_MAX;
		if (in->trade)
			err_add(ck->e, -EINVAL,
				"%s: %s has trade: true and no session for its orders; name one",
				AT(ck->c, in->trade), who);
		return;
	}
	if (name_find(ck, &sessions, in->session, who, &in->session_idx) && known) {
		const struct config_feed *f = &ck->c->feeds[in->feed_idx];
		const struct config_session *s = &ck->c->sessions[in->session_idx];

		if (strcmp(f->venue, s->venue) != 0)
			err_add(ck->e, -EINVAL,
				"%s: %s: session '%s' is at venue '%s' (%s), while feed '%s' is at "
				"venue '%s' (%s); prices and orders must be of one market",
				AT(ck->c, in->session), who, s->name, s->venue, AT(ck->c, s->venue),
				f->name, f->venue, AT(ck->c, f->venue));
	}
}

static uint32_t
instr_find(const struct config *c, const char *symbol)
{
	for (uint32_t i = 1; i < c->instruments_cnt; i++)
		if (strcmp(c->instruments[i].symbol, symbol) == 0)
			return i;
	return INSTR_NONE;
}

/* What no venue takes, whatever the session. */
static void
style_check(struct check *ck, uint32_t idx)
{
	const struct config_style *s = &ck->c->order_styles[idx];
	struct encode_style style;
	const char *fault;

	config_style_of(ck->c, idx, &style);
	fault = encode_style_fault(&style, ENCODE_OUCH50);
	if (fault != NULL)
		err_add(ck->e, -EINVAL, "%s: order style '%s': %s", AT(ck->c, s->name), s->name,
			fault);
	if (!is_alnum_text(s->locate_broker) || !is_alnum_text(s->aiq_group))
		err_add(ck->e, -EINVAL,
			"%s: order style '%s': locate_broker and aiq_group have letters and digits "
			"only",
			AT(ck->c, s->name), s->name);
}

/* The strategy's style against its sessions and its orders. */
static void
order_style_check(struct check *ck, struct config_strategy *s)
{
	struct config *c = ck->c;
	struct config_style *styles = c->order_styles + 1;
	const struct names names = NAMES("order style", styles, c->order_styles_cnt - 1);
	const struct config_style *st;
	struct encode_style style;
	char who[64];

	snprintf(who, sizeof(who), "strategy '%s'", s->name);
	if (!s->order_style[0] || !name_find(ck, &names, s->order_style, who, &s->style_idx))
		return;
	st = &c->order_styles[++s->style_idx];
	config_style_of(c, s->style_idx, &style);
	for (uint32_t i = 0; i < s->instruments_cnt; i++) {
		const struct config_instrument *in = &c->instruments[s->instr_idx[i]];
		const char *fault;

		if (s->instr_idx[i] == INSTR_NONE || !in->trade ||
		    in->session_idx >= c->sessions_cnt ||
		    c->sessions[in->session_idx].protocol != SESSION_OUCH42)
			continue;
		fault = encode_style_fault(&style, ENCODE_OUCH42);
		if (fault != NULL)
			err_add(ck->e, -EINVAL,
				"%s: %s: order style '%s' cannot be said on session '%s': %s",
				AT(ck->c, s->order_style), who, st->name, in->session, fault);
		break;
	}
	if (st->min_qty > s->qty || st->max_floor_qty > s->qty)
		err_add(ck->e, -EINVAL,
			"%s: %s: qty is %u, less than min_qty or max_floor_qty of order style '%s' "
			"(%s); the venue would reject each order",
			AT(ck->c, s->order_style), who, s->qty, st->name, AT(ck->c, st->name));
	if (s->kind == STRATEGY_TAKE && st->expire_s != 0)
		err_add(ck->e, -EINVAL,
			"%s: %s: its orders are immediate or cancel, and order style '%s' has "
			"expire_s at %s",
			AT(ck->c, s->order_style), who, st->name, AT(ck->c, st->expire_s));
	if (s->kind == STRATEGY_QUOTE && st->after_hours)
		err_add(ck->e, -EINVAL,
			"%s: %s: it replaces its orders, and those of order style '%s' cannot be "
			"replaced: after_hours at %s",
			AT(ck->c, s->order_style), who, st->name, AT(ck->c, st->after_hours));
}

static void
strategy_check(struct check *ck, uint32_t idx)
{
	struct config_strategy *s = &ck->c->strategies[idx];
	bool seen[INSTR_MAX] = { false };

	for (uint32_t i = 0; i < s->instruments_cnt; i++) {
		const uint32_t instr_idx = instr_find(ck->c, s->instruments[i]);

		if (instr_idx == INSTR_NONE)
			err_add(ck->e, -EINVAL,
				"%s: strategy '%s' acts on '%s', which is not in instruments; add "
				"it there",
				AT(ck->c, s->instruments[i]), s->name, s->instruments[i]);
		else if (seen[instr_idx])
			err_add(ck->e, -EINVAL, "%s: strategy '%s' has '%s' twice",
				AT(ck->c, s->instruments[i]), s->name, s->instruments[i]);
		seen[instr_idx] = true;
		s->instr_idx[i] = instr_idx;
	}
	order_style_check(ck, s);
	if (s->spread_min_usd.usd4 > s->spread_max_usd.usd4)
		err_add(ck->e, -EINVAL,
			"%s: strategy '%s': spread_min_usd is more than spread_max_usd at %s; it "
			"would never act",
			AT(ck->c, s->spread_min_usd), s->name, AT(ck->c, s->spread_max_usd));
	if (s->qty > s->position_max_qty)
		err_add(ck->e, -EINVAL,
			"%s: strategy '%s': qty is %u, while position_max_qty is %u at %s; it "
			"would never act",
			AT(ck->c, s->qty), s->name, s->qty, s->position_max_qty,
			AT(ck->c, s->position_max_qty));
	if (s->qty > ck->c->risk.order_max_qty)
		err_add(ck->e, -EINVAL,
			"%s: strategy '%s': qty is %u, while risk.order_max_qty is %u at %s; risk "
			"would refuse each order",
			AT(ck->c, s->qty), s->name, s->qty, ck->c->risk.order_max_qty,
			AT(ck->c, ck->c->risk.order_max_qty));
}

/* Takes over what an instrument does not set; refuses what would loosen the global limit. */
static void
tighter_check(struct check *ck, const struct config_risk_instrument *in, const char *key,
	      uint32_t *own, const uint32_t *global)
{
	if (*own == 0)
		*own = *global;
	else if (*own > *global)
		err_add(ck->e, -EINVAL,
			"%s: risk for '%s': %s is %u, while risk.%s is %u at %s; an instrument's "
			"limit can only be tighter",
			AT(ck->c, *own), in->symbol, key, *own, key, *global, AT(ck->c, *global));
}

static void
risk_instrument_check(struct check *ck, uint32_t idx)
{
	struct config_risk *r = &ck->c->risk;
	struct config_risk_instrument *in = &r->instruments[idx];

	in->instr_idx = instr_find(ck->c, in->symbol);
	if (in->instr_idx == INSTR_NONE)
		err_add(ck->e, -EINVAL,
			"%s: risk.instruments: '%s' is not in instruments; add it there",
			AT(ck->c, in->symbol), in->symbol);
	for (uint32_t i = 0; i < idx; i++)
		if (strcmp(r->instruments[i].symbol, in->symbol) == 0)
			err_add(ck->e, -EINVAL,
				"%s: risk.instruments: '%s' stands there twice, first at %s",
				AT(ck->c, in->symbol), in->symbol,
				AT(ck->c, r->instruments[i].symbol));
	tighter_check(ck, in, "order_max_qty", &in->order_max_qty, &r->order_max_qty);
	tighter_check(ck, in, "collar_bp", &in->collar_bp, &r->collar_bp);
	tighter_check(ck, in, "open_max_qty", &in->open_max_qty, &r->open_max_qty);
	tighter_check(ck, in, "position_max_qty", &in->position_max_qty, &r->position_max_qty);
	if (r->collar_last_bp != 0)
		tighter_check(ck, in, "collar_last_bp", &in->collar_last_bp, &r->collar_last_bp);
	if (in->order_max_usd.usd4 == 0)
		in->order_max_usd = r->order_max_usd;
	else if (in->order_max_usd.usd4 > r->order_max_usd.usd4)
		err_add(ck->e, -EINVAL,
			"%s: risk for '%s': order_max_usd is more than risk.order_max_usd at %s; "
			"an instrument's limit can only be tighter",
			AT(ck->c, in->order_max_usd), in->symbol, AT(ck->c, r->order_max_usd));
}

static void
risk_check(struct check *ck)
{
	const struct config_risk *r = &ck->c->risk;

	if (r->order_max_qty > r->open_max_qty)
		err_add(ck->e, -EINVAL,
			"%s: risk.order_max_qty is %u, while risk.open_max_qty is %u at %s; the "
			"largest order could never be open",
			AT(ck->c, r->order_max_qty), r->order_max_qty, r->open_max_qty,
			AT(ck->c, r->open_max_qty));
	if (r->order_max_qty > r->position_max_qty)
		err_add(ck->e, -EINVAL,
			"%s: risk.order_max_qty is %u, while risk.position_max_qty is %u at %s; "
			"the largest order could never be filled",
			AT(ck->c, r->order_max_qty), r->order_max_qty, r->position_max_qty,
			AT(ck->c, r->position_max_qty));
	if (r->order_max_usd.usd4 > r->gross_max_usd.usd4)
		err_add(ck->e, -EINVAL,
			"%s: risk.order_max_usd is more than risk.gross_max_usd at %s; the largest "
			"order could never be open",
			AT(ck->c, r->order_max_usd), AT(ck->c, r->gross_max_usd));
	for (uint32_t i = 0; i < r->instruments_cnt; i++)
		risk_instrument_check(ck, i);
}

static void
memory_check(struct check *ck)
{
	const uint64_t mb = (config_memory_bytes(ck->c) + (1 << 20) - 1) >> 20;

	if (mb > ck->c->hugepages.memory_mb)
		err_add(ck->e, -EINVAL,
			"%s: hugepages.memory_mb is %u, while packet buffers, books and rings need "
			"%llu; raise it, or lower feeds' orders_max, levels_max and "
			"reorder_packets, sessions' orders_max, or core_map.ring_slots",
			AT(ck->c, ck->c->hugepages.memory_mb), ck->c->hugepages.memory_mb,
			(unsigned long long)mb);
}

enum {
	BUFFER_BYTES = 2560, // RTE_MBUF_DEFAULT_BUF_SIZE 2176, the mbuf's head 128, the pool's own
	SLOT_BYTES = 64,     // a message
	BOOK_ORDER_BYTES = 120,
	BOOK_LEVEL_BYTES = 104,
	QUEUE_ORDER_BYTES = 100, // on top, with depth: orders; ingress/order_table.h rounds up
	QUEUE_LEVEL_BYTES = 44,
	BOOK_TRADE_BYTES = 48,
	ORDER_BYTES = 68 * 2, // DPDK and the order table both round up to powers of two
	EXECUTION_BYTES = 36 * 2,
	FIXED_MB = 56,            // DPDK's own, histograms, tables of instruments
	SNAPSHOT_BYTES = 4 << 20, // connection, histograms
	POOL_SPARE = 1024,        // buffers in the caches of the lanes
	NODE_BYTES = 66 << 10,    // of the tree of limits: the times of its last orders and cancels
	CELL_BYTES = 136,         // what one node holds of one instrument
	RISK_ORDER_BYTES = 64 * 4, // risk's own entry of an open order, rounded up
};

uint32_t
config_port_buffers(const struct config *c, uint32_t port_idx, uint32_t rx_descriptors,
		    uint32_t tx_descriptors)
{
	uint64_t cnt = POOL_SPARE + rx_descriptors + tx_descriptors;

	// What rings between lanes can hold: datagrams to each parse lane, frames to a host.
	cnt += 2ULL * c->core_map.ring_slots;
	for (uint32_t i = 0; i < c->core_map.lanes_cnt; i++)
		cnt += c->core_map.lanes[i].ring_slots;
	for (uint32_t i = 0; i < c->feeds_cnt; i++)
		for (uint32_t j = 0; j < c->feeds[i].lines_cnt; j++)
			if (c->feeds[i].lines[j].port_idx == port_idx)
				cnt += c->feeds[i].reorder_packets;
	for (uint32_t i = 0; i < c->feeds_cnt; i++)
		if (config_feed_recovers(&c->feeds[i]) && c->feeds[i].recovery.port_idx == port_idx)
			cnt += 64; // a recovered datagram being filled, requests, TCP
	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		if (c->sessions[i].port_idx == port_idx)
			cnt += 64; // segments being built; their bytes wait in TCP's own buffer
	return cnt > UINT32_MAX ? UINT32_MAX : (uint32_t)cnt;
}

uint64_t
config_memory_bytes(const struct config *c)
{
	const uint32_t lane_cnt = c->core_map.lanes_cnt;
	uint64_t bytes = (uint64_t)FIXED_MB << 20;

	for (uint32_t i = 0; i < c->ports_cnt; i++) {
		const struct config_port *p = &c->ports[i];

		bytes += (uint64_t)BUFFER_BYTES *
			 config_port_buffers(c, i, p->rx_descriptors ? p->rx_descriptors : 1024,
					     p->tx_descriptors ? p->tx_descriptors : 1024);
	}
	for (uint32_t i = 0; i < c->feeds_cnt; i++) {
		const struct config_feed *f = &c->feeds[i];

		bytes += (uint64_t)f->orders_max * BOOK_ORDER_BYTES;
		bytes += (uint64_t)f->levels_max * BOOK_LEVEL_BYTES;
		bytes += (uint64_t)f->trades_max * BOOK_TRADE_BYTES;
		if (f->depth == FEED_ORDERS)
			bytes += (uint64_t)f->orders_max * QUEUE_ORDER_BYTES +
				 (uint64_t)f->levels_max * QUEUE_LEVEL_BYTES;
		if (config_feed_recovers(f))
			bytes += ((uint64_t)f->recovery.buffer_mb << 20) + SNAPSHOT_BYTES;
	}
	for (uint32_t i = 0; i < c->sessions_cnt; i++) {
		const struct config_session *s = &c->sessions[i];

		bytes += (uint64_t)s->orders_max * ORDER_BYTES;
		bytes += (uint64_t)s->executions_max * EXECUTION_BYTES;
		bytes += (uint64_t)s->orders_max * RISK_ORDER_BYTES;
		bytes += s->tcp.send_buffer_bytes + s->tcp.receive_buffer_bytes;
	}
	bytes += (uint64_t)config_node_cnt(c) * NODE_BYTES;
	for (uint32_t i = 0; i < c->strategies_cnt; i++)
		bytes += (uint64_t)c->strategies[i].instruments_cnt * CELL_BYTES *
			 (1 + ACCOUNT_DEPTH_MAX);
	for (uint32_t i = 0; i < lane_cnt; i++) {
		const uint32_t own = c->core_map.lanes[i].ring_slots;

		// At most two kinds of message come from each other lane.
		bytes += 2ULL * (lane_cnt - 1) * SLOT_BYTES * (own ? own : c->core_map.ring_slots);
	}
	return bytes;
}

static void
journal_check(struct check *ck)
{
	const struct config *c = ck->c;

	if (c->journal.enabled && c->journal.directory[0] == '\0')
		err_add(ck->e, -EINVAL,
			"%s: journal.enabled: true needs journal.directory: the folder that the "
			"segments go to",
			AT(ck->c, c->journal.enabled));
	if (c->journal.record_ports && !c->journal.enabled)
		err_add(ck->e, -EINVAL,
			"%s: journal.record_ports: true needs journal.enabled: the frames alone "
			"cannot be replayed as they were",
			AT(ck->c, c->journal.record_ports));
	if ((c->journal.ring_slots & (c->journal.ring_slots - 1)) != 0)
		err_add(ck->e, -EINVAL, "%s: journal.ring_slots: %u is no power of two",
			AT(ck->c, c->journal.ring_slots), c->journal.ring_slots);
	if (c->journal.keep_mb != 0 && c->journal.keep_mb < c->journal.segment_mb)
		err_add(ck->e, -EINVAL,
			"%s: journal.keep_mb: %u is less than one segment (journal.segment_mb: %u)",
			AT(ck->c, c->journal.keep_mb), c->journal.keep_mb, c->journal.segment_mb);
}

void
config_check(struct config *c, struct err *e)
{
	struct check check = { c, e }, *ck = &check;
	struct config_style *styles = c->order_styles + 1; // 0 is the plain one
	const struct names lists[] = {
		NAMES("lane", c->core_map.lanes, c->core_map.lanes_cnt),
		ports_of(c),
		venues_of(c),
		NAMES("feed", c->feeds, c->feeds_cnt),
		NAMES("session", c->sessions, c->sessions_cnt),
		NAMES("strategy", c->strategies, c->strategies_cnt),
		NAMES("order style", styles, c->order_styles_cnt - 1),
		NAMES("account", c->accounts + 1, c->accounts_cnt - 1),
		NAMES("breaker", c->breakers, c->breakers_cnt),
	};

	globals_check(ck);
	for (size_t i = 0; i < ARRAY_CNT(lists); i++)
		names_check(ck, &lists[i]);
	for (uint32_t i = 0; i < c->ports_cnt; i++)
		port_check(ck, i);
	for (uint32_t i = 0; i < c->feeds_cnt; i++)
		feed_check(ck, i);
	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		session_check(ck, i);
	for (uint32_t i = 1; i < c->instruments_cnt; i++)
		instrument_check(ck, i);
	for (uint32_t i = 1; i < c->order_styles_cnt; i++)
		style_check(ck, i);
	for (uint32_t i = 0; i < c->strategies_cnt; i++)
		strategy_check(ck, i);
	config_tree_check(c, e);
	risk_check(ck);
	config_check_stops(c, e);
	journal_check(ck);
	memory_check(ck);
}
