/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "venue.h"

static json_t *
number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* A padded symbol without its padding. */
static json_t *
symbol_text(const char symbol[8])
{
	size_t len = 8;

	while (len > 0 && symbol[len - 1] == ' ')
		len--;
	return json_stringn(symbol, len);
}

static json_t *
positions(const struct venue *v, const struct oe *oe)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < MATCH_LOCATE_MAX; i++) {
		const struct oe_position *p = &oe->position[i];
		json_t *o;

		if (p->bought_qty == 0 && p->sold_qty == 0)
			continue;
		o = json_object();
		json_object_set_new(o, "symbol", symbol_text(v->match.symbol[i].symbol));
		json_object_set_new(o, "bought_qty", number(p->bought_qty));
		json_object_set_new(o, "sold_qty", number(p->sold_qty));
		json_object_set_new(o, "net_qty",
				    json_integer((json_int_t)(p->bought_qty - p->sold_qty)));
		json_object_set_new(o, "bought_ntl4", number(p->bought_ntl4));
		json_object_set_new(o, "sold_ntl4", number(p->sold_ntl4));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
account(const struct venue *v, unsigned i)
{
	const struct oe *oe = v->oe[i];
	json_t *a = json_object();
	const struct oe_order *o;
	uint64_t open_cnt = 0, open_qty = 0;

	TAILQ_FOREACH(o, &oe->alive, alive_link)
	{
		open_cnt++;
		open_qty += o->m.open_qty;
	}
	json_object_set_new(a, "username", json_string(oe->c.username));
	json_object_set_new(a, "protocol",
			    json_string(oe->c.is_copy              ? "drop_copy"
					: oe->c.version == OUCH_50 ? "ouch50"
								   : "ouch42"));
	json_object_set_new(a, "session", json_string(oe->c.session));
	json_object_set_new(a, "last_seq", number(oe->store_cnt));
	json_object_set_new(a, "ended", json_boolean(oe->ended));
#define SET_COUNT(name) json_object_set_new(a, #name, number(oe->n.name));
	OE_COUNTS(SET_COUNT)
#undef SET_COUNT
	json_object_set_new(a, "open_orders", number(open_cnt));
	json_object_set_new(a, "open_qty", number(open_qty));
	json_object_set_new(a, "positions", positions(v, oe));
	return a;
}

static json_t *
line(const struct feed_line_counts *n)
{
	json_t *l = json_object();

	json_object_set_new(l, "sent", number(n->sent));
	json_object_set_new(l, "lost", number(n->lost));
	json_object_set_new(l, "silenced", number(n->silenced));
	json_object_set_new(l, "duplicated", number(n->duplicated));
	json_object_set_new(l, "reordered", number(n->reordered));
	json_object_set_new(l, "garbage", number(n->garbage));
	json_object_set_new(l, "truncated", number(n->truncated));
	json_object_set_new(l, "wrong_session", number(n->wrong_session));
	json_object_set_new(l, "seq_jump", number(n->seq_jump));
	json_object_set_new(l, "flooded", number(n->flooded));
	return l;
}

static json_t *
request_server(const struct venue *v, unsigned i)
{
	const struct request_server *s = &v->requests.server[i];
	json_t *r = json_object();

	json_object_set_new(r, "port", number(v->c.request_port[i]));
#define SET_COUNT(name) json_object_set_new(r, #name, number(s->n.name));
	REQUEST_COUNTS(SET_COUNT)
#undef SET_COUNT
	return r;
}

static json_t *
snapshot_server(const struct venue *v)
{
	const struct glimpse *g = &v->glimpse;
	json_t *r = json_object();

#define SET_COUNT(name) json_object_set_new(r, #name, number(g->n.name));
	GLIMPSE_COUNTS(SET_COUNT)
#undef SET_COUNT
	json_object_set_new(r, "last_seq", number(g->last_seq));
	return r;
}

static json_t *
fault_list(const struct faults *f)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < FAULT_CNT; i++) {
		if (f->value[i].on)
			json_array_append_new(list, json_string(fault_name((enum fault)i)));
	}
	return list;
}

/* A reader never sees half of it. */
static int
dump(const json_t *r, const char *path)
{
	char part[4096];

	if (strcmp(path, "-") == 0)
		return json_dumpf(r, stdout, JSON_INDENT(2));
	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (json_dump_file(r, part, JSON_INDENT(2)) != 0)
		return -1;
	return rename(part, path);
}

int
venue_report(const struct venue *v, const char *path)
{
	json_t *r = json_object(), *md = json_object(), *accounts = json_array();
	json_t *servers = json_array();
	uint64_t asked = 0, answered = 0;
	int err;

	json_object_set_new(md, "session", json_stringn(v->feed.pack.session, MOLD_SESSION_LEN));
	json_object_set_new(md, "sessions", number(v->feed.session_cnt));
	json_object_set_new(md, "messages", number(v->feed.msg_cnt));
	json_object_set_new(md, "packets", number(v->feed.packet_cnt));
	json_object_set_new(md, "last_seq", number(feed_next_seq(&v->feed) - 1));
	json_object_set_new(md, "complete", json_boolean(v->feed.state == FEED_OVER));
	json_object_set_new(md, "line_a", line(&v->feed.line[0].n));
	json_object_set_new(md, "line_b", line(&v->feed.line[1].n));
	json_object_set_new(md, "send_errors", number(v->send_error_cnt));
	for (unsigned i = 0; i < v->c.request_port_cnt; i++) {
		asked += v->requests.server[i].n.asked;
		answered += v->requests.server[i].n.answered;
		json_array_append_new(servers, request_server(v, i));
	}
	json_object_set_new(md, "requests", number(asked));
	json_object_set_new(md, "requests_answered", number(answered));
	json_object_set_new(md, "request_servers", servers);
	json_object_set_new(md, "snapshot_server", snapshot_server(v));
	json_object_set_new(md, "bad_references", number(v->match.bad_ref_cnt));
	for (unsigned i = 0; i < v->c.account_cnt; i++)
		json_array_append_new(accounts, account(v, i));
	json_object_set_new(r, "seed", number(v->c.feed.seed));
	json_object_set_new(r, "faults", fault_list(&v->c.faults));
	json_object_set_new(r, "market_data", md);
	json_object_set_new(r, "accounts", accounts);
	errno = 0;
	err = dump(r, path);
	json_decref(r);
	if (err == 0)
		return 0;
	return errno != 0 ? -errno : -EIO;
}
