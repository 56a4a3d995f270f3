/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/kill.h"
#include "lane/housekeeping.h"
#include "lane/rehearsal.h"
#include "lane/tx_stamp.h"

static_assert(sizeof(struct command_tcp) >= sizeof(struct command_session),
	      "answer_session asks for room for the larger one");

struct session *
lane_host_frame(struct lane *l, uint8_t port_idx, const uint8_t *data, uint16_t len, bool csum_ok)
{
	struct lane_port *p = l->port[port_idx];
	struct eth_ip e;

	if (unlikely(p == NULL)) {
		metric_add(&l->metrics.frame_unowned, 1);
		return NULL;
	}
	l->net_busy = true;
	switch (host_on_frame(&p->host, data, len, l->now_ns, &e)) {
	case HOST_TCP:
		break;
	case HOST_TCP_ERROR:
		for (uint32_t i = 0; i < l->session_cnt; i++)
			if (tcp_on_icmp(&l->session_here[i]->tcp, &e, l->now_ns))
				break;
		return NULL;
	case HOST_CONSUMED:
	case HOST_OTHER:
	case HOST_DROP:
		return NULL;
	}
	for (uint32_t i = 0; i < l->session_cnt; i++) {
		struct session *s = l->session_here[i];

		if (s->port == p && tcp_on_packet(&s->tcp, &e, csum_ok, l->now_ns))
			return s;
		if (unlikely(s->half_open.known) && s->port == p &&
		    (csum_ok || eth_ip_l4_sum_ok(&e)) && tcp_clear_on_packet(&s->clear, &e))
			return NULL;
	}
	for (uint32_t i = 0; i < l->session_cnt; i++) {
		struct drop_session *d = l->session_here[i]->drop;

		if (d != NULL && d->port == p && drop_session_on_segment(d, &e, csum_ok, l->now_ns))
			return NULL; // read in housekeeping
	}
	for (uint32_t i = 0; i < FEED_MAX; i++) {
		struct recovery *r = l->recovery[i];

		if (r != NULL && r->port == p && recovery_on_segment(r, &e, csum_ok, l->now_ns))
			return NULL; // what it brought is read when it is delivered
	}
	metric_add(&l->metrics.segment_foreign, 1);
	return NULL;
}

void
lane_net_emit(struct lane *l)
{
	for (uint32_t i = 0; i < PORT_MAX; i++) {
		struct lane_port *p = l->port[i];
		uint16_t len;

		if (p == NULL)
			continue;
		for (;;) {
			uint8_t *frame = port_tx_room(&p->tx);

			if (frame == NULL)
				break;
			len = host_take(&p->host, frame, p->tx.frame_len_max, l->now_ns);
			if (len == 0)
				break;
			port_tx_add(&p->tx, len);
		}
	}
	for (uint32_t i = 0; i < l->session_cnt; i++) {
		session_emit(l->session_here[i], l->now_ns);
		if (l->session_here[i]->drop != NULL)
			drop_session_emit(l->session_here[i]->drop, l->now_ns);
	}
	for (uint32_t i = 0; i < FEED_MAX; i++)
		if (l->recovery[i] != NULL)
			recovery_emit(l->recovery[i], l->now_ns);
}

/* Whether the lane must ask the feed's recovery before a datagram passes. */
static void
note_recovery(struct lane *l, uint32_t feed_idx)
{
	const uint32_t bit = LANE_RECOVERY_BIT(feed_idx);

	if (recover_is_busy(&l->recovery[feed_idx]->recover)) {
		l->recovery_busy |= bit;
		l->arb_ready |= bit;
	} else {
		l->recovery_busy &= ~bit;
	}
}

COLD bool
lane_recovery_takes(struct lane *l, struct datagram *d)
{
	const uint32_t feed_idx = d->head.feed_idx;
	bool taken;

	if (l->recovery[feed_idx] == NULL)
		return false;
	taken = recovery_takes(l->recovery[feed_idx], d, l->now_ns);
	note_recovery(l, feed_idx);
	return taken;
}

COLD bool
lane_recovery_next(struct lane *l, uint32_t feed_idx, struct datagram *out)
{
	const bool found = recovery_next(l->recovery[feed_idx], l->now_ns, out);

	note_recovery(l, feed_idx);
	l->net_busy = true; // the window has moved on
	return found;
}

COLD bool
lane_recovery_answer(struct lane *l, const struct frame *f, struct datagram *out)
{
	const uint32_t feed_idx = f->head.feed_idx;
	bool found;

	if (l->recovery[feed_idx] == NULL)
		return false;
	found = recovery_on_answer(l->recovery[feed_idx], f, l->now_ns, out);
	note_recovery(l, feed_idx);
	return found;
}

/* The symbol's instrument in one of the feed's books; NULL when this lane's shards do not have it.
 */
static const struct book_instr *
find_symbol(const struct book *b, const char symbol[8], uint16_t *locate)
{
	for (uint32_t i = 0; i <= b->locate_max; i++)
		if (b->instr[i].known && memcmp(b->instr[i].symbol, symbol, 8) == 0) {
			*locate = (uint16_t)i;
			return &b->instr[i];
		}
	return NULL;
}

static int
answer_book(struct lane *l, struct command *c)
{
	struct command_book *out = c->reply;
	const struct book_instr *in;
	const struct book *b;
	uint32_t depth = c->arg[1];

	if (c->arg[0] >= FEED_MAX || l->book[c->arg[0]] == NULL || c->reply_max < sizeof(*out))
		return -EINVAL;
	b = l->book[c->arg[0]];
	memset(out, 0, sizeof(*out));
	in = find_symbol(b, c->symbol, &out->locate);
	if (in == NULL)
		return -ENOENT;
	if (depth > ARRAY_CNT(out->row[0]))
		depth = ARRAY_CNT(out->row[0]);
	memcpy(out->symbol, in->symbol, sizeof(out->symbol));
	out->confidence = book_confidence(b, in);
	out->state = book_state(b, in);
	out->last_px4 = in->last_px4;
	out->volume_qty = in->volume_qty;
	out->ts_ns = b->ts_ns;
	for (uint32_t side = 0; side < 2; side++) {
		out->row_cnt[side] =
			book_depth(b, out->locate, (enum side)side, out->row[side], depth);
		out->level_cnt[side] = book_side_level_cnt(in, (uint8_t)side);
	}
	c->reply_cnt = 1;
	return 0;
}

static int
answer_book_queues(struct lane *l, struct command *c)
{
	struct book_queues *out = c->reply;
	const struct book *b;
	uint16_t locate;

	if (c->arg[0] >= FEED_MAX || l->book[c->arg[0]] == NULL || c->arg[2] > SIDE_SELL ||
	    c->reply_max < sizeof(*out))
		return -EINVAL;
	b = l->book[c->arg[0]];
	if (find_symbol(b, c->symbol, &locate) == NULL)
		return -ENOENT;
	if (!book_has_queues(b))
		return -ENOTSUP;
	book_queues_fill(b, locate, (enum side)c->arg[2], c->arg[3], c->arg[1], out);
	c->reply_cnt = out->row_cnt;
	c->next = out->next_key;
	return 0;
}

static void
fill_recovery(const struct recovery *r, struct command_recovery *out)
{
	const struct recover *rec = &r->recover;

	out->on = true;
	out->state = rec->state;
	out->partial = rec->passing;
	out->hole_open = recover_hole(rec, &out->hole_from_seq, &out->hole_to_seq);
	out->store_used_bytes = rec->store.used_bytes;
	out->store_bytes = rec->store.bytes;
	out->retry_ns = rec->state == RECOVER_FAILED ? rec->retry_ns : 0;
	out->tcp_state = (uint8_t)tcp_state_of(&r->tcp);
	out->reject_reason = r->soup.reject_reason;
	out->spin_cnt = rec->spin_cnt;
}

static int
answer_feed_recover(struct lane *l, const struct command *c)
{
	int rc;

	if (c->arg[0] >= FEED_MAX || l->arb[c->arg[0]] == NULL)
		return -EINVAL;
	if (l->recovery[c->arg[0]] == NULL)
		return -ENOTSUP;
	rc = recovery_start(l->recovery[c->arg[0]], l->now_ns);
	note_recovery(l, c->arg[0]);
	return rc;
}

static int
answer_feed(struct lane *l, struct command *c)
{
	struct command_feed *out = c->reply;
	const struct arb *a;

	if (c->arg[0] >= FEED_MAX || l->arb[c->arg[0]] == NULL || c->reply_max < sizeof(*out))
		return -EINVAL;
	a = l->arb[c->arg[0]];
	memset(out, 0, sizeof(*out));
	memcpy(out->session, a->session, sizeof(out->session));
	out->state = (uint8_t)arb_state(a);
	out->expected_seq = a->expected_seq;
	out->held_cnt = a->held_cnt;
	out->gap_open = arb_gap(a, &out->gap_from_seq, &out->gap_to_seq);
	if (l->recovery[c->arg[0]] != NULL)
		fill_recovery(l->recovery[c->arg[0]], &out->recovery);
	for (uint32_t i = 0; i < a->line_cnt; i++) {
		out->line_silent[i] = a->line[i].silent;
		out->line_heard_ns[i] = a->line[i].heard_ns;
	}
	c->reply_cnt = 1;
	return 0;
}

static void
fill_session(const struct session *s, struct command_session *out)
{
	memset(out, 0, sizeof(*out));
	out->life = s->life.state;
	out->why = s->life.why;
	out->tcp_state = (uint8_t)tcp_state_of(&s->tcp);
	out->tcp_end = (uint8_t)tcp_end_of(&s->tcp);
	out->reject_reason = s->life.soup.reject_reason;
	memcpy(out->venue_session, s->life.soup.session, sizeof(out->venue_session));
	out->local_port = s->tcp_config.local_port;
	out->isn = s->tcp.isn;
	out->peer_ip = s->tcp_config.peer_ip;
	out->peer_port = s->tcp_config.peer_port;
	out->mss = s->tcp.mss_eff;
	out->snd_wnd = s->tcp.snd_wnd;
	out->cwnd = s->tcp.cwnd;
	out->in_flight = tcp_in_flight(&s->tcp);
	out->order_open_cnt = s->orders.open_cnt;
	out->order_max = s->orders.open_max;
	out->next_seq = soup_session_seq(&s->life.soup);
	out->up_ns = order_session_is_up(&s->life) ? s->up_ns : 0;
	out->srtt_ns = s->tcp.srtt_ns;
	out->rto_ns = s->tcp.rto_ns;
}

static uint32_t
bytes_of(const struct tcp_range *r, uint32_t cnt)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < cnt; i++)
		bytes += r[i].end_seq - r[i].start_seq;
	return bytes;
}

static uint64_t
ago(uint64_t then_ns, uint64_t now_ns)
{
	return then_ns == 0 || then_ns > now_ns ? 0 : now_ns - then_ns;
}

static void
fill_tcp(const struct session *s, uint64_t now_ns, struct command_tcp *out)
{
	const struct tcp *t = &s->tcp;

	*out = (struct command_tcp){
		.state = t->state,
		.end = t->end,
		.recovery = t->recovery,
		.why = s->life.why,
		.gap_cnt = t->gap_cnt,
		.sacked_cnt = t->sacked_cnt,
		.soft_icmp_type = t->soft_icmp_type,
		.soft_icmp_code = t->soft_icmp_code,
		.sack_on = t->sack_on,
		.ts_on = t->ts_on,
		.wscale_on = t->wscale_on,
		.local_ip = t->config.local_ip,
		.peer_ip = t->config.peer_ip,
		.local_port = t->config.local_port,
		.peer_port = t->config.peer_port,
		.mss = t->mss_eff,
		.peer_mss = t->peer_mss,
		.snd_una = t->snd_una,
		.snd_nxt = t->snd_nxt,
		.rcv_nxt = t->rcv_nxt,
		.snd_wnd = t->snd_wnd,
		.rcv_wnd = t->rcv_adv - t->rcv_nxt,
		.cwnd = t->cwnd,
		.ssthresh = t->ssthresh,
		.in_flight = tcp_in_flight(t),
		.unsent = seq_before(t->snd_nxt, t->tx_end) ? t->tx_end - t->snd_nxt : 0,
		.unread = t->rx_len,
		.gap_bytes = bytes_of(t->gap, t->gap_cnt),
		.sacked_bytes = bytes_of(t->sacked, t->sacked_cnt),
		.backoff_cnt = t->backoff_cnt,
		.srtt_ns = t->srtt_ns,
		.rttvar_ns = t->rttvar_ns,
		.rto_ns = t->rto_ns,
		.rto_in_ns = t->rto_deadline_ns > now_ns ? t->rto_deadline_ns - now_ns : 0,
		.tx_ago_ns = ago(t->last_tx_ns, now_ns),
		.rx_ago_ns = ago(t->last_rx_ns, now_ns),
		.metrics = t->metrics,
	};
}

/* One order; the turn sends it, as one of a cancel-all. */
static int
answer_cancel(struct session *s, struct command *c)
{
	struct orders_view v;

	if (c->arg[1] == 0 || !orders_view_token(&s->orders, c->arg[1], &v) ||
	    order_state_is_end(v.order.state))
		return -ENOENT;
	if (v.order.state == ORDER_PENDING_CANCEL || s->cancel_token != 0)
		return -EALREADY;
	s->cancel_token = c->arg[1];
	s->modify_qty = 0;
	s->wants_turn = true;
	c->reply_cnt = 1;
	return 0;
}

/* What the venue takes: fewer shares, or a sale that is marked another way. */
static int
answer_modify(struct session *s, struct command *c)
{
	int rc;

	if (c->arg[2] == 0 || c->arg[2] > OUCH_QTY_MAX ||
	    (c->symbol[0] != ' ' && c->symbol[0] != OUCH_SELL_SHORT &&
	     c->symbol[0] != OUCH_SELL_SHORT_EXEMPT))
		return -EINVAL;
	if (!order_session_is_up(&s->life))
		return -ENOTCONN;
	rc = answer_cancel(s, c);
	if (rc != 0)
		return rc;
	s->modify_qty = c->arg[2];
	s->modify_flags = report_mark((uint8_t)c->symbol[0]);
	return 0;
}

static int
answer_settle(struct session *s, struct command *c)
{
	const int rc = session_settle(s, c->arg[1]);

	if (rc >= 0)
		c->reply_cnt = (uint32_t)rc;
	return rc < 0 ? rc : 0;
}

static int
answer_unread(const struct session *s, struct command *c)
{
	const uint64_t cnt =
		s->unread_cnt < SESSION_UNREAD_MAX ? s->unread_cnt : SESSION_UNREAD_MAX;
	struct session_unread *out = c->reply;

	if (c->reply_max < SESSION_UNREAD_MAX * sizeof(*out))
		return -EINVAL;
	for (uint64_t i = 0; i < cnt; i++)
		out[i] = s->unread[(s->unread_cnt - cnt + i) % SESSION_UNREAD_MAX];
	c->reply_cnt = (uint32_t)cnt;
	return 0;
}

static int
answer_ask(struct session *s, const struct command *c, uint64_t now_ns)
{
	struct encode_scope scope = {
		.side = (char)(c->arg[2] & UINT8_MAX),
		.group_id = (uint16_t)(c->arg[2] >> 16),
	};

	if (c->arg[1] >= ENCODE_ASK_CNT)
		return -EINVAL;
	if (c->symbol[0] != ' ')
		memcpy(scope.symbol, c->symbol, sizeof(scope.symbol));
	return session_ask(s, (enum encode_ask)c->arg[1], &scope, now_ns);
}

/* How the drop copy stands, and what it found from number arg[1] on. */
static int
answer_drop_copy(const struct session *s, struct command *c)
{
	struct command_drop_copy *out = c->reply;
	const struct drop_session *d = s->drop;
	uint64_t n = c->arg[1];

	if (d == NULL)
		return -ENOTSUP;
	if (c->reply_max < sizeof(*out))
		return -EINVAL;
	if (n > d->copy.finding_cnt)
		n = d->copy.finding_cnt;
	if (d->copy.finding_cnt - n > DROP_FINDING_MAX)
		n = d->copy.finding_cnt - DROP_FINDING_MAX;
	*out = (struct command_drop_copy){
		.up_ns = d->up_ns,
		.next_seq = soup_session_seq(&d->soup),
		.finding_cnt = d->copy.finding_cnt,
		.first = n,
		.tcp_state = (uint8_t)tcp_state_of(&d->tcp),
		.reject_reason = d->soup.reject_reason,
		.metrics = d->copy.metrics,
	};
	memcpy(out->venue_session, d->session, sizeof(out->venue_session));
	for (; n < d->copy.finding_cnt; n++)
		out->finding[c->reply_cnt++] = d->copy.finding[n % DROP_FINDING_MAX];
	return 0;
}

static int
answer_session(struct lane *l, struct command *c)
{
	struct orders_view *view = c->reply;
	struct session *s;
	uint32_t cursor = c->arg[1];

	if (c->arg[0] >= SESSION_MAX || l->session[c->arg[0]] == NULL ||
	    c->reply_max < sizeof(struct command_tcp))
		return -EINVAL;
	s = l->session[c->arg[0]];
	switch (c->kind) {
	case COMMAND_SESSION:
		fill_session(s, c->reply);
		c->reply_cnt = 1;
		return 0;
	case COMMAND_SESSION_ASK:
		return answer_ask(s, c, l->now_ns);
	case COMMAND_SESSION_UNREAD:
		return answer_unread(s, c);
	case COMMAND_TCP:
		fill_tcp(s, l->now_ns, c->reply);
		c->reply_cnt = 1;
		return 0;
	case COMMAND_SESSION_CONNECT:
		order_session_start(&s->life, l->now_ns);
		return 0;
	case COMMAND_SESSION_DISCONNECT:
		session_act(s, order_session_stop(&s->life, l->now_ns), l->now_ns);
		return 0;
	case COMMAND_CANCEL_ALL:
		c->reply_cnt = s->orders.open_cnt;
		session_cancel_all(s);
		return 0;
	case COMMAND_CANCEL:
		return answer_cancel(s, c);
	case COMMAND_MODIFY:
		return answer_modify(s, c);
	case COMMAND_SETTLE:
		return answer_settle(s, c);
	case COMMAND_DROP_COPY:
		return answer_drop_copy(s, c);
	case COMMAND_TOKENS:
		orders_allow_tokens(&s->orders, c->arg[1]);
		return 0;
	case COMMAND_ORDERS:
		while ((c->reply_cnt + 1) * sizeof(*view) <= c->reply_max) {
			if (!orders_view_next(&s->orders, &cursor, &view[c->reply_cnt]))
				return 0;
			if (c->arg[2] != 0 || !order_state_is_end(view[c->reply_cnt].order.state))
				c->reply_cnt++;
		}
		c->next = cursor;
		return 0;
	default:
		return -EINVAL;
	}
}

static int
answer_positions(struct lane *l, struct command *c)
{
	const uint16_t node_idx = (uint16_t)c->arg[1];
	struct risk_position *out = c->reply;
	uint32_t cursor = c->arg[0];

	if (l->risk == NULL || c->arg[1] >= l->risk->node_cnt)
		return -EINVAL;
	for (; (c->reply_cnt + 1) * sizeof(*out) <= c->reply_max; c->reply_cnt++)
		if (!risk_position_next(l->risk, node_idx, &cursor, &out[c->reply_cnt]))
			return 0;
	c->next = cursor;
	return 0;
}

static int
answer_risk(struct lane *l, struct command *c)
{
	struct risk_node_view *out = c->reply;
	uint32_t node_idx = c->arg[0];

	if (l->risk == NULL || l->limits == NULL)
		return -EINVAL;
	l->risk->now_ns = l->now_ns;
	for (; (c->reply_cnt + 1) * sizeof(*out) <= c->reply_max; node_idx++, c->reply_cnt++)
		if (!risk_node_of(l->risk, l->limits, (uint16_t)node_idx, &out[c->reply_cnt]))
			return 0;
	c->next = node_idx;
	return 0;
}

/* A port's link: lines of feeds fall silent with it, its host announces itself again. */
static int
answer_link(struct lane *l, const struct command *c)
{
	const uint32_t port_idx = c->arg[0];
	const bool up = c->arg[1] != 0;

	if (port_idx >= PORT_MAX)
		return -EINVAL;
	if (l->port[port_idx] != NULL)
		host_on_link(&l->port[port_idx]->host, up, l->now_ns);
	for (uint32_t i = 0; i < l->rxq_cnt && !up; i++) {
		const struct rx *rx = l->rxq[i].rx;

		for (uint32_t k = 0; rx != NULL && rx->port_idx == port_idx && k < RX_SLOTS; k++)
			if (rx->slot[k].key != 0)
				arb_line_down(l->arb[rx->slot[k].feed_idx], rx->slot[k].line_idx,
					      l->now_ns);
	}
	return 0;
}

/* How a port's stamps are to be read from now on. */
static int
answer_clock(struct lane *l, const struct command *c)
{
	int rc = -EINVAL;

	for (uint32_t i = 0; i < l->rxq_cnt && c->reply_max >= sizeof(struct clock_map); i++)
		if (l->rxq[i].port_idx == c->arg[0] && l->rxq[i].q.stamp.flag != 0) {
			memcpy(&l->rxq[i].q.stamp.clock, c->reply, sizeof(struct clock_map));
			rc = 0;
		}
	return rc;
}

/* How the TSC is to be read from now on.  The new map goes on where the old one is. */
static int
answer_time(struct lane *l, const struct command *c)
{
	struct command_time time;

	if (c->reply_max < sizeof(time))
		return -EINVAL;
	memcpy(&time, c->reply, sizeof(time));
	if (clock_ns_at(&time.clock, l->now_tsc) + 1000000000 < l->now_ns)
		return -EINVAL; // back by more than any correction
	l->clock = time.clock;
	l->midnight_ns = time.midnight_ns;
	return 0;
}

/* The next trigger is the first that counts by the new step. */
static int
answer_measure(struct lane *l, const struct command *c)
{
	struct command_measure m;

	if (c->reply_max < sizeof(m))
		return -EINVAL;
	memcpy(&m, c->reply, sizeof(m));
	l->sample_every = m.sample_every;
	l->sample_left = 1;
	tx_stamp_set_every(l, m.sample_every);
	slow_set_limit(&l->slow, m.stall_limit_cycles);
	if (l->rehearsal != NULL)
		l->rehearsal->every_ns = m.warm_up_ns;
	return 0;
}

static int
answer_joined(struct lane *l, struct command *c)
{
	if (c->arg[0] >= PORT_MAX || l->port[c->arg[0]] == NULL)
		return -EINVAL;
	c->reply_cnt = igmp_is_member(&l->port[c->arg[0]]->host.igmp, c->arg[1]);
	return 0;
}

/* The end: the switches need not send us the feeds any longer. */
static void
answer_stop(struct lane *l)
{
	for (uint32_t i = 0; i < FEED_MAX; i++)
		if (l->recovery[i] != NULL)
			recovery_stop(l->recovery[i], l->now_ns);
	for (uint32_t i = 0; i < l->session_cnt; i++)
		if (l->session_here[i]->drop != NULL)
			drop_session_stop(l->session_here[i]->drop, l->now_ns);
	for (uint32_t i = 0; i < PORT_MAX; i++)
		if (l->port[i] != NULL)
			host_leave_all(&l->port[i]->host, l->now_ns);
	lane_net_emit(l);
	for (uint32_t i = 0; i < l->tx_cnt; i++)
		port_tx_flush(l->tx[i]);
	l->stop = true;
}

static int
answer(struct lane *l, struct command *c)
{
	c->reply_cnt = 0;
	c->next = 0;
	switch ((enum command_kind)c->kind) {
	case COMMAND_STOP:
		answer_stop(l);
		return 0;
	case COMMAND_BOOK:
		return answer_book(l, c);
	case COMMAND_BOOK_QUEUES:
		return answer_book_queues(l, c);
	case COMMAND_FEED:
		return answer_feed(l, c);
	case COMMAND_FEED_RECOVER:
		return answer_feed_recover(l, c);
	case COMMAND_ORDERS:
	case COMMAND_SESSION:
	case COMMAND_TCP:
	case COMMAND_SESSION_ASK:
	case COMMAND_SESSION_UNREAD:
	case COMMAND_SESSION_CONNECT:
	case COMMAND_SESSION_DISCONNECT:
	case COMMAND_CANCEL_ALL:
	case COMMAND_CANCEL:
	case COMMAND_MODIFY:
	case COMMAND_SETTLE:
	case COMMAND_TOKENS:
	case COMMAND_DROP_COPY:
		return answer_session(l, c);
	case COMMAND_POSITIONS:
		return answer_positions(l, c);
	case COMMAND_RISK:
		return answer_risk(l, c);
	case COMMAND_LINK:
		return answer_link(l, c);
	case COMMAND_CLOCK:
		return answer_clock(l, c);
	case COMMAND_TIME:
		return answer_time(l, c);
	case COMMAND_MEASURE:
		return answer_measure(l, c);
	case COMMAND_JOINED:
		return answer_joined(l, c);
	case COMMAND_NONE:
		break;
	}
	return -EINVAL;
}

/* How long timers and commands may wait: the lane's longest time without a look at them. */
static void
note_pause(struct lane *l, uint64_t last_tsc)
{
	const uint64_t cycles = l->now_tsc - last_tsc;

	if (last_tsc != 0 && cycles > l->pause_max_cycles) {
		l->pause_max_cycles = cycles;
		metric_set(&l->metrics.pause_max_ns, clock_cycles_to_ns(&l->clock, cycles));
	}
}

/* Without a control thread nobody can stop us: so we stop ourselves. */
static void
look_at_control(struct lane *l)
{
	const uint64_t cycles = control_silence_cycles(l->now_tsc);

	if (likely(cycles <= l->control_silence_cycles) || l->control_silence_cycles == 0 ||
	    halt_is_killed())
		return;
	halt_kill(KILL_CONTROL, clock_cycles_to_ns(&l->clock, cycles));
	event_put(&l->events, EVENT_CONTROL_SILENT, clock_cycles_to_ns(&l->clock, cycles));
}

/* The first message of a feed that its book has not seen: one of the datagram in hand, or later. */
static uint64_t
next_seq_of(const struct lane *l, uint32_t feed_idx)
{
	if (l->walking && l->datagram.head.feed_idx == feed_idx &&
	    !(l->datagram.flags & (DATAGRAM_SNAPSHOT | DATAGRAM_REPLAY)))
		return md_walk_seq(&l->walk);
	return l->book[feed_idx]->next_seq;
}

void
lane_housekeeping(struct lane *l)
{
	const uint64_t last_tsc = l->housekeeping_tsc;

	lane_clock(l);
	l->housekeeping_tsc = l->now_tsc;
	note_pause(l, last_tsc);
	look_at_control(l);
	l->killed = halt_is_killed(); // once: a replay has to know what we saw
	if (unlikely(l->tape != NULL))
		tape_on_tick(l);
	if (l->slow.stall.to_tsc != 0)
		slow_tell(l);
	metric_set(&l->metrics.turn, l->turn.turn >> 1);
	for (uint32_t i = 0; i < FEED_MAX; i++) {
		if (l->arb[i] != NULL)
			l->arb_ready |= LANE_ARB_BIT(i); // its timers
		if (l->book[i] != NULL) {
			book_on_time(l->book[i], l->now_ns);
			book_recover_some(l->book[i]);
			book_publish(l->book[i], next_seq_of(l, i));
			book_set_gauges(l->book[i]);
		}
	}
	for (uint32_t i = 0; i < FEED_MAX; i++) {
		if (l->recovery[i] == NULL)
			continue;
		recovery_housekeeping(l->recovery[i], l->now_ns);
		note_recovery(l, i);
	}
	if (l->risk != NULL)
		risk_set_gauges(l->risk);
	for (uint32_t i = 0; i < PORT_MAX; i++)
		if (l->port[i] != NULL)
			host_on_time(&l->port[i]->host, l->now_ns);
	for (uint32_t i = 0; i < l->session_cnt; i++) {
		struct session *s = l->session_here[i];

		session_housekeeping(s, l->killed, l->now_ns);
		if (s->drop != NULL)
			drop_session_housekeeping(s->drop, s->is_up ? s->up_ns : 0, l->now_ns);
	}
	if (unlikely(l->tick_to_wire != NULL))
		tx_stamp_look(l);
	l->strategies_due = l->strategy_cnt != 0;
	l->rehearsal_due |= l->rehearsal != NULL && rehearsal_is_due(l->rehearsal, l);
	lane_net_emit(l);
	for (uint32_t i = 0; i < l->tx_cnt; i++)
		port_tx_flush(l->tx[i]);
	if (unlikely(command_pending(&l->command))) {
		if (unlikely(l->tape != NULL))
			tape_on_command(l);
		l->command.result = answer(l, &l->command);
		command_answer(&l->command);
	}
}
