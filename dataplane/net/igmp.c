/* SPDX-License-Identifier: Apache-2.0 */
#include "net/igmp.h"

#include <errno.h>

enum {
	ALERT_BYTES = 4,
	IP_BYTES = sizeof(struct ipv4_head) + ALERT_BYTES,
	TOS_INTERNETWORK = 0xc0, // RFC 3376 4
};

static COLD bool
speaks_v2(const struct igmp *g, uint64_t now_ns)
{
	return now_ns < g->v2_until_ns;
}

static COLD uint64_t
repeat_ns(const struct igmp *g, uint64_t now_ns)
{
	return speaks_v2(g, now_ns) ? IGMP_V2_REPEAT_NS : IGMP_V3_REPEAT_NS;
}

/* Spread over [0, max_ns), so that not every host answers at once (xorshift64*). */
static COLD uint64_t
delay_ns(struct igmp *g, uint64_t max_ns)
{
	uint64_t x = g->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	g->random = x;
	return (uint64_t)(((unsigned __int128)(x * 0x2545F4914F6CDD1DULL) * max_ns) >> 64);
}

COLD void
igmp_init(struct igmp *g, unsigned version, uint64_t seed, struct host_log log)
{
	memset(g, 0, sizeof(*g));
	g->random = seed ? seed : 1; // 0 would stay 0
	g->general_ns = UINT64_MAX;
	g->v2_until_ns = version == 2 ? UINT64_MAX : 0;
	g->robustness = IGMP_ROBUSTNESS;
	g->told_version = (uint8_t)version;
	g->log = log;
}

static COLD struct igmp_member *
member_of(struct igmp *g, uint32_t group, uint32_t source)
{
	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		struct igmp_member *m = &g->member[i];

		if (m->state != IGMP_FREE && m->group == group && m->source == source)
			return m;
	}
	return NULL;
}

static COLD void
tell_change(struct igmp *g, struct igmp_member *m, enum igmp_member_state state, uint64_t now_ns)
{
	m->state = (uint8_t)state;
	m->change_left = g->robustness;
	m->change_ns = now_ns;
	m->told = false;
}

COLD int
igmp_join(struct igmp *g, uint32_t group, uint32_t source, uint64_t now_ns)
{
	struct igmp_member *m = member_of(g, group, source), *fresh = NULL;

	if (!host_ip_is_multicast(group) || group == IGMP_ALL_HOSTS ||
	    host_ip_is_multicast(source) || source == HOST_IP_BROADCAST)
		return -EINVAL;
	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		const struct igmp_member *other = &g->member[i];

		if (other->state == IGMP_FREE && fresh == NULL)
			fresh = &g->member[i];
		if (other->state == IGMP_JOINED && other->group == group &&
		    (other->source == 0) != (source == 0))
			return -EEXIST;
	}
	if (m == NULL) {
		if (fresh == NULL)
			return -ENOSPC;
		m = fresh;
		*m = (struct igmp_member){ .group = group, .source = source };
	}
	if (m->state != IGMP_JOINED) {
		m->use_cnt = 0;
		tell_change(g, m, IGMP_JOINED, now_ns);
	}
	m->use_cnt++;
	return 0;
}

COLD bool
igmp_leave(struct igmp *g, uint32_t group, uint32_t source, uint64_t now_ns)
{
	struct igmp_member *m = member_of(g, group, source);

	if (m == NULL || m->state != IGMP_JOINED)
		return false;
	if (--m->use_cnt != 0)
		return true;
	m->answer = false;
	tell_change(g, m, IGMP_LEAVING, now_ns);
	return true;
}

COLD bool
igmp_is_member(const struct igmp *g, uint32_t group)
{
	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		if (g->member[i].state == IGMP_JOINED && g->member[i].group == group)
			return true;
	}
	return false;
}

COLD void
igmp_start(struct igmp *g, uint64_t now_ns)
{
	g->general_ns = UINT64_MAX;
	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		struct igmp_member *m = &g->member[i];

		m->answer = false;
		if (m->state == IGMP_JOINED)
			tell_change(g, m, IGMP_JOINED, now_ns);
		else
			m->state = IGMP_FREE; // the network forgot it anyway
	}
}

/* A query about one group: arms the answer of each membership it concerns. */
static COLD void
on_group_query(struct igmp *g, const struct igmp_v3_query *q, uint32_t source_cnt, uint32_t group,
	       uint64_t answer_ns)
{
	const be32 *source = (const be32 *)(q + 1);

	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		struct igmp_member *m = &g->member[i];
		bool named = source_cnt == 0 || m->source == 0;

		if (m->state != IGMP_JOINED || m->group != group)
			continue;
		for (uint32_t k = 0; k < source_cnt; k++)
			named |= be32_get(source[k]) == m->source;
		if (!named)
			continue;
		if (!m->answer || answer_ns < m->answer_ns)
			m->answer_ns = answer_ns;
		m->answer = true;
	}
}

/* How long version 2 is spoken after such a querier was heard (RFC 3376 8.12). */
static COLD uint64_t
old_querier_ns(const struct igmp *g)
{
	return g->robustness * IGMP_QUERY_INTERVAL_NS + IGMP_QUERY_RESPONSE_NS;
}

/* Which version the querier of this network makes us speak, when that is another than before. */
static COLD void
note_querier(struct igmp *g, uint32_t querier, uint64_t now_ns)
{
	const uint8_t version = speaks_v2(g, now_ns) ? 2 : 3;

	if (version == g->told_version)
		return;
	g->told_version = version;
	event_put(g->log.events, EVENT_IGMP_QUERIER, g->log.port_idx, querier, version);
}

static COLD void
on_query(struct igmp *g, const struct eth_ip *e, uint64_t now_ns)
{
	const struct igmp_v3_query *q = (const struct igmp_v3_query *)e->l4;
	const bool v3 = e->l4_len >= sizeof(*q);
	const uint32_t group = be32_get(q->head.group);
	uint64_t max_ns, answer_ns;
	uint32_t source_cnt = 0;

	if ((!v3 && e->l4_len != sizeof(q->head)) || (group != 0 && !host_ip_is_multicast(group))) {
		metric_add(&g->metrics.invalid, 1);
		return;
	}
	metric_add(&g->metrics.query_received, 1);
	if (!v3 && q->head.max_resp == 0) {
		metric_add(&g->metrics.query_v1_ignored, 1);
		return;
	}
	if (v3) {
		source_cnt = be16_get(q->source_cnt);
		if (sizeof(*q) + source_cnt * sizeof(be32) > e->l4_len ||
		    (group == 0 && source_cnt)) {
			metric_add(&g->metrics.invalid, 1);
			return;
		}
		if (source_cnt > IGMP_QUERY_SOURCES_MAX)
			source_cnt = 0;
		if ((q->s_qrv & 7) != 0)
			g->robustness = q->s_qrv & 7;
	} else {
		metric_add(&g->metrics.query_v2_received, 1);
		if (g->v2_until_ns != UINT64_MAX)
			g->v2_until_ns = now_ns + old_querier_ns(g);
	}
	note_querier(g, be32_get(e->src), now_ns);
	max_ns = 100000000ULL * (v3 ? igmp_code_value(q->head.max_resp) : q->head.max_resp);
	answer_ns = now_ns + delay_ns(g, max_ns);
	if (group != 0)
		on_group_query(g, q, source_cnt, group, answer_ns);
	else if (answer_ns < g->general_ns)
		g->general_ns = answer_ns;
}

/* Another host told the querier: ours is not needed (RFC 2236 3); version 3 never does that. */
static COLD void
on_report(struct igmp *g, const struct eth_ip *e, uint64_t now_ns)
{
	const struct igmp_head *m = (const struct igmp_head *)e->l4;

	metric_add(&g->metrics.report_heard, 1);
	if (m->type != IGMP_V2_REPORT || !speaks_v2(g, now_ns))
		return;
	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		struct igmp_member *o = &g->member[i];

		if (o->state != IGMP_JOINED || o->group != be32_get(m->group))
			continue;
		o->was_last = false;
		if (o->answer) {
			o->answer = false;
			metric_add(&g->metrics.report_suppressed, 1);
		}
	}
}

COLD void
igmp_on_packet(struct igmp *g, const struct host_addr *us, const struct eth_ip *e, uint64_t now_ns)
{
	const struct igmp_head *m = (const struct igmp_head *)e->l4;

	if (e->l4_len < sizeof(*m) || !ip_sum_ok(ip_sum_bytes(0, e->l4, e->l4_len))) {
		metric_add(&g->metrics.invalid, 1);
		return;
	}
	if (be32_get(e->src) == us->ip) { // a loop, or a bridge that reflects
		metric_add(&g->metrics.type_ignored, 1);
		return;
	}
	switch (m->type) {
	case IGMP_QUERY:
		on_query(g, e, now_ns);
		return;
	case IGMP_V1_REPORT:
	case IGMP_V2_REPORT:
	case IGMP_V2_LEAVE:
	case IGMP_V3_REPORT:
		on_report(g, e, now_ns);
		return;
	default:
		metric_add(&g->metrics.type_ignored, 1);
		return;
	}
}

/*
 * Version 2 answers a general query for each group by itself.  Each gets the same moment; a host
 * with a handful of groups is no storm.
 */
static COLD void
spread_general(struct igmp *g)
{
	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		struct igmp_member *m = &g->member[i];

		if (m->state != IGMP_JOINED)
			continue;
		if (!m->answer || g->general_ns < m->answer_ns)
			m->answer_ns = g->general_ns;
		m->answer = true;
	}
	g->general_ns = UINT64_MAX;
}

COLD uint64_t
igmp_on_time(struct igmp *g, uint64_t now_ns)
{
	const bool v2 = speaks_v2(g, now_ns);
	uint64_t next_ns = g->general_ns;

	metric_set(&g->metrics.querier_v2, v2);
	if (v2) {
		if (g->general_ns != UINT64_MAX)
			spread_general(g);
		next_ns = g->v2_until_ns; // then version 3 is spoken again, and the metric says so
	}
	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		const struct igmp_member *m = &g->member[i];

		if (m->state != IGMP_FREE && m->change_left != 0 && m->change_ns < next_ns)
			next_ns = m->change_ns;
		if (m->state == IGMP_JOINED && m->answer && m->answer_ns < next_ns)
			next_ns = m->answer_ns;
	}
	return next_ns;
}

/* A frame around the IGMP bytes that lie in buf already; returns its length. */
static COLD uint16_t
close_frame(struct igmp *g, const struct host_addr *us, uint32_t dst, uint8_t *buf, size_t igmp_len)
{
	struct ipv4_head ip = {
		.version_ihl = 4 << 4 | IP_BYTES / 4,
		.tos = TOS_INTERNETWORK,
		.total_len = be16_of((uint16_t)(IP_BYTES + igmp_len)),
		.id = be16_of(g->ip_id),
		.frag = be16_of(IP_FRAG_DF),
		.ttl = 1,
		.proto = IP_PROTO_IGMP,
		.src = be32_of(us->ip),
		.dst = be32_of(dst),
	};
	const be32 alert = be32_of(IGMP_ROUTER_ALERT);
	uint8_t mac[ETH_ADDR_BYTES];
	struct igmp_head *m;
	uint8_t *at;

	eth_group_mac(dst, mac);
	at = host_put_eth(us, mac, ETH_TYPE_IPV4, buf);
	ip.sum = ip_sum_finish(ip_sum_be32(ip_sum_bytes(0, &ip, sizeof(ip)), alert));
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), &alert, sizeof(alert));
	m = (struct igmp_head *)(at + IP_BYTES);
	m->sum = be16_of(0);
	m->sum = ip_sum_finish(ip_sum_bytes(0, m, igmp_len));
	g->ip_id++;
	return host_pad(buf, (size_t)(at - buf) + IP_BYTES + igmp_len);
}

/* The first report of a change has gone out. */
static COLD void
note_change(const struct igmp *g, struct igmp_member *m, uint64_t now_ns)
{
	if (m->told)
		return;
	m->told = true;
	if (m->state == IGMP_JOINED)
		event_put(g->log.events, EVENT_GROUP_JOINED, g->log.port_idx, m->group,
			  speaks_v2(g, now_ns) ? 2 : 3);
	else
		event_put(g->log.events, EVENT_GROUP_LEFT, g->log.port_idx, m->group);
}

/* One change or answer of a membership is told: what is left, and when. */
static COLD void
change_told(struct igmp *g, struct igmp_member *m, uint64_t now_ns)
{
	note_change(g, m, now_ns);
	if (--m->change_left != 0)
		m->change_ns = now_ns + 1 + delay_ns(g, repeat_ns(g, now_ns));
	else if (m->state == IGMP_LEAVING)
		m->state = IGMP_FREE;
}

static COLD uint16_t
take_v2(struct igmp *g, const struct host_addr *us, uint8_t *buf, uint64_t now_ns)
{
	uint8_t *at = buf + host_eth_bytes(us) + IP_BYTES;

	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		struct igmp_member *m = &g->member[i];
		const bool change = m->change_left != 0 && now_ns >= m->change_ns;
		const bool leaves = m->state == IGMP_LEAVING;
		const struct igmp_head h = {
			.type = leaves ? IGMP_V2_LEAVE : IGMP_V2_REPORT,
			.group = be32_of(m->group),
		};
		const uint32_t group = m->group;

		if (m->state == IGMP_FREE || !(change || (m->answer && now_ns >= m->answer_ns)))
			continue;
		if (leaves) { // said once, and only by who reported last (RFC 2236 3)
			note_change(g, m, now_ns);
			m->state = IGMP_FREE;
			if (!m->was_last)
				continue;
			metric_add(&g->metrics.leave_v2_sent, 1);
		} else {
			if (change)
				change_told(g, m, now_ns);
			m->answer = false;
			m->was_last = true;
			metric_add(&g->metrics.report_v2_sent, 1);
		}
		memcpy(at, &h, sizeof(h));
		return close_frame(g, us, leaves ? IGMP_ALL_ROUTERS : group, buf, sizeof(h));
	}
	return 0;
}

/* What a membership has to say now: a record type, or 0 for nothing. */
static COLD uint8_t
record_due(const struct igmp *g, const struct igmp_member *m, uint64_t now_ns)
{
	if (m->state == IGMP_FREE)
		return 0;
	if (m->change_left != 0 && now_ns >= m->change_ns) {
		if (m->state == IGMP_JOINED)
			return m->source ? IGMP_ALLOW_SOURCES : IGMP_TO_EXCLUDE;
		return m->source ? IGMP_BLOCK_SOURCES : IGMP_TO_INCLUDE;
	}
	if (m->state == IGMP_JOINED &&
	    (now_ns >= g->general_ns || (m->answer && now_ns >= m->answer_ns)))
		return m->source ? IGMP_IS_INCLUDE : IGMP_IS_EXCLUDE;
	return 0;
}

static COLD uint16_t
take_v3(struct igmp *g, const struct host_addr *us, uint8_t *buf, uint64_t now_ns)
{
	uint8_t *start = buf + host_eth_bytes(us) + IP_BYTES;
	struct igmp_v3_report report = { .type = IGMP_V3_REPORT };
	uint8_t *at = start + sizeof(report);
	uint16_t record_cnt = 0;

	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		struct igmp_member *m = &g->member[i];
		const uint8_t type = record_due(g, m, now_ns);
		const struct igmp_v3_record record = {
			.type = type,
			.source_cnt = be16_of(m->source != 0),
			.group = be32_of(m->group),
		};
		const be32 source = be32_of(m->source);

		if (type == 0)
			continue;
		memcpy(at, &record, sizeof(record));
		at += sizeof(record);
		if (m->source != 0) {
			memcpy(at, &source, sizeof(source));
			at += sizeof(source);
		}
		record_cnt++;
		m->was_last = true;
		if (type != IGMP_IS_INCLUDE && type != IGMP_IS_EXCLUDE)
			change_told(g, m, now_ns); // a current-state answer is due all the same
		else
			m->answer = false;
	}
	if (record_cnt == 0)
		return 0;
	report.record_cnt = be16_of(record_cnt);
	memcpy(start, &report, sizeof(report));
	metric_add(&g->metrics.report_v3_sent, 1);
	return close_frame(g, us, IGMP_V3_ROUTERS, buf, (size_t)(at - start));
}

COLD uint16_t
igmp_take(struct igmp *g, const struct host_addr *us, uint8_t *buf, uint64_t now_ns)
{
	uint16_t len;

	if (speaks_v2(g, now_ns)) {
		if (g->general_ns != UINT64_MAX)
			spread_general(g);
		return take_v2(g, us, buf, now_ns);
	}
	len = take_v3(g, us, buf, now_ns);
	if (now_ns >= g->general_ns)
		g->general_ns = UINT64_MAX;
	return len;
}
