/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp_rig.h"

/*
 * Two ends and a bad link between them: frames are lost, doubled, delayed past each other and
 * damaged, from a seed.  Whatever happens, every byte arrives once and in order in both directions,
 * and both sides close.  The other end is once a small peer written for this test alone, which
 * knows nothing of our code, and once another connection of ours that connects at the same time.
 */
enum {
	STEP_NS = 50000,
	LINK_SLOTS = 4096,
	TOTAL = 150000, // bytes each way
	ROUNDS_MAX = 4000000,
};

struct link_faults {
	const char *what;
	unsigned loss_pct, dup_pct, late_pct, damage_pct;
	bool sack, timestamps, scaling;
	uint32_t cwnd_fixed_bytes;
};

static const struct link_faults FAULTS[] = {
	// clang-format off
	{ "a perfect link",            0,  0,  0,  0, 0, 0, 0, 0 },
	{ "loss",                      5,  0,  0,  0, 0, 0, 0, 0 },
	{ "loss, with SACK",           5,  0,  0,  0, 1, 0, 0, 0 },
	{ "heavy loss, with SACK",     20, 0,  0,  0, 1, 1, 1, 0 },
	{ "doubled frames",            0,  20, 0,  0, 0, 0, 0, 0 },
	{ "reordering",                0,  0,  30, 0, 1, 0, 0, 0 },
	{ "damage",                    0,  0,  0,  5, 0, 1, 0, 0 },
	{ "all of it",                 3,  5,  10, 3, 1, 1, 1, 0 },
	{ "all of it, plain",          3,  5,  10, 3, 0, 0, 0, 0 },
	{ "all of it, fixed window",   3,  5,  10, 3, 1, 0, 0, 20000 },
	// clang-format on
};

struct packet {
	uint64_t at_ns; // 0: free
	uint16_t len;
	bool to_peer;
	uint8_t bytes[1600];
};

struct world {
	uint64_t random;
	uint64_t now_ns;
	const struct link_faults *faults;
	struct packet packet[LINK_SLOTS];
};

static uint32_t
roll(struct world *w, uint32_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (uint32_t)(w->random >> 20) % below;
}

static void
link_put_one(struct world *w, bool to_peer, const uint8_t *f, uint16_t len)
{
	for (size_t i = 0; i < LINK_SLOTS; i++) {
		struct packet *p = &w->packet[i];

		if (p->at_ns)
			continue;
		p->at_ns = w->now_ns + 200000;
		if (roll(w, 100) < w->faults->late_pct)
			p->at_ns += roll(w, 1000000);
		p->to_peer = to_peer;
		p->len = len;
		memcpy(p->bytes, f, len);
		if (roll(w, 100) < w->faults->damage_pct)
			p->bytes[roll(w, len)] ^= (uint8_t)(1 << roll(w, 8));
		return;
	}
	/* a full link loses the frame */
}

static void
link_put(struct world *w, bool to_peer, const uint8_t *f, uint16_t len)
{
	if (roll(w, 100) < w->faults->loss_pct)
		return;
	link_put_one(w, to_peer, f, len);
	if (roll(w, 100) < w->faults->dup_pct)
		link_put_one(w, to_peer, f, len);
}

/* The next packet that is due; the caller frees it by at_ns = 0. */
static struct packet *
link_take(struct world *w)
{
	struct packet *best = NULL;

	for (size_t i = 0; i < LINK_SLOTS; i++) {
		struct packet *p = &w->packet[i];

		if (p->at_ns && p->at_ns <= w->now_ns && (!best || p->at_ns < best->at_ns))
			best = p;
	}
	return best;
}

static uint8_t
byte_of(uint32_t pos, bool from_peer)
{
	return (uint8_t)((pos * 2654435761u + from_peer * 99) >> 13);
}

/* Sends by both ways, in pieces of odd sizes; reads some of what came. */
struct user {
	uint32_t sent;
	uint32_t read;
	bool is_peer;
};

static void
user_turn(struct world *w, struct user *u, struct tcp *c)
{
	uint8_t f[RIG_CAP];
	const uint8_t *data;
	uint32_t got;

	if (tcp_can_send(c) && u->sent < TOTAL && roll(w, 3)) {
		uint16_t len = (uint16_t)(1 + roll(w, 900));
		uint8_t *p = tcp_frame_start(c, f);
		uint16_t n;

		if (len > TOTAL - u->sent)
			len = (uint16_t)(TOTAL - u->sent);
		for (uint16_t i = 0; i < len; i++)
			p[i] = byte_of(u->sent + i, u->is_peer);
		n = tcp_frame_finish(c, f, len, w->now_ns);
		if (n) {
			link_put(w, !u->is_peer, f, n);
			u->sent += len;
		} else if (roll(w, 2)) {
			u->sent += tcp_send(c, p, len);
		}
	}
	if (u->sent == TOTAL)
		tcp_shutdown(c, w->now_ns);
	got = tcp_peek(c, &data);
	if (got && roll(w, 4) == 0) {
		for (uint32_t i = 0; i < got; i++)
			if (data[i] != byte_of(u->read + i, !u->is_peer))
				fail_msg("%s: byte %u differs", w->faults->what, u->read + i);
		got = roll(w, 2) ? got : got / 2;
		u->read += got;
		tcp_consume(c, got);
	}
}

static void
tcp_turn(struct world *w, struct tcp *c, const struct tcp_config *k, bool to_peer)
{
	uint8_t f[RIG_CAP];
	struct seg s;
	uint16_t n;

	tcp_advance(c, w->now_ns);
	for (int i = 0; i < 64 && (n = tcp_next_frame(c, f, sizeof(f), w->now_ns)) != 0; i++) {
		seg_read(k, f, n, &s);
		link_put(w, to_peer, f, n);
	}
	if (!tcp_check(c))
		fail_msg("%s: invariant broken at %llu ns", w->faults->what,
			 (unsigned long long)w->now_ns);
}

/*
 * The small peer: a server that accepts one connection, keeps a map of the bytes it has, goes back
 * to the first unacknowledged byte on a timer of 5 ms.
 */
struct peer {
	bool heard, synced, fin_taken, fin_acked;
	uint32_t irs, sent, acked; // sent and acked count bytes, the FIN as one
	uint32_t high;             // bytes in order
	uint32_t wnd;
	uint32_t fin_pos;
	uint64_t resend_ns;
	bool reply;
	uint8_t got[TOTAL];
	uint8_t have[TOTAL];
};

static void
peer_in(struct world *w, struct peer *p, const uint8_t *f, uint16_t len)
{
	const struct tcp_head *t;
	const uint8_t *data;
	struct eth_ip e;
	uint32_t pos, data_len;

	if (eth_ip_walk(f, len, false, &e) != ETH_IP_L4 || e.proto != IP_PROTO_TCP ||
	    !eth_ip_l4_sum_ok(&e))
		return;
	t = (const struct tcp_head *)e.l4;
	data = e.l4 + (t->data_off >> 4) * 4;
	data_len = (uint32_t)(e.l4 + e.l4_len - data);
	p->reply = true;
	if (t->flags & TCP_FLAG_RST)
		fail_msg("%s: a reset reached the peer", w->faults->what);
	if (t->flags & TCP_FLAG_SYN) {
		p->heard = true;
		p->irs = be32_get(t->seq);
		return;
	}
	p->synced = true;
	p->wnd = be16_get(t->window); // scaling only makes it larger
	pos = be32_get(t->ack) - RIG_PEER_ISN - 1;
	if (pos > TOTAL + 1)
		fail_msg("%s: acknowledged %u", w->faults->what, pos);
	if (pos > p->acked) {
		p->acked = pos;
		p->resend_ns = w->now_ns + 5 * RIG_MS;
		if (p->sent < p->acked)
			p->sent = p->acked;
	}
	pos = be32_get(t->seq) - p->irs - 1;
	for (uint32_t i = 0; i < data_len; i++) {
		if (pos + i >= TOTAL || data[i] != byte_of(pos + i, false))
			fail_msg("%s: the peer got a wrong byte at %u", w->faults->what, pos + i);
		p->got[pos + i] = data[i];
		p->have[pos + i] = 1;
	}
	while (p->high < TOTAL && p->have[p->high])
		p->high++;
	if (t->flags & TCP_FLAG_FIN && pos + data_len != TOTAL)
		fail_msg("%s: FIN at %u", w->faults->what, pos + data_len);
	if (t->flags & TCP_FLAG_FIN && p->high == TOTAL)
		p->fin_taken = true;
}

static void
peer_turn(struct world *w, struct peer *p)
{
	uint8_t f[RIG_CAP], data[700];
	struct seg s = { .flags = A, .wnd = 30000 };

	if (!p->heard)
		return;
	s.ack = p->irs + 1 + p->high + p->fin_taken;
	if (!p->synced) {
		if (p->reply || w->now_ns >= p->resend_ns) {
			p->resend_ns = w->now_ns + 5 * RIG_MS;
			s = (struct seg){ .flags = S | A,
					  .seq = RIG_PEER_ISN,
					  .ack = p->irs + 1,
					  .wnd = 30000,
					  .opt = RIG_MSS,
					  .opt_len = 4 };
			link_put(w, false, f, seg_frame(f, &s));
		}
		p->reply = false;
		return;
	}
	if (p->acked < p->sent && w->now_ns >= p->resend_ns) {
		p->sent = p->acked;
		p->resend_ns = w->now_ns + 5 * RIG_MS;
	}
	for (int i = 0; i < 4 && p->sent < TOTAL; i++) {
		uint32_t room = p->acked + p->wnd;

		if (room <= p->sent && !(p->sent == p->acked && w->now_ns >= p->resend_ns))
			break;
		s.len = (uint16_t)(1 + roll(w, sizeof(data)));
		if (room > p->sent && s.len > room - p->sent)
			s.len = (uint16_t)(room - p->sent);
		else if (room <= p->sent)
			s.len = 1; // probes the closed window
		if (s.len > TOTAL - p->sent)
			s.len = (uint16_t)(TOTAL - p->sent);
		for (uint16_t k = 0; k < s.len; k++)
			data[k] = byte_of(p->sent + k, true);
		s.data = data;
		s.seq = RIG_PEER_ISN + 1 + p->sent;
		if (p->sent == p->acked)
			p->resend_ns = w->now_ns + 5 * RIG_MS;
		p->sent += s.len;
		link_put(w, false, f, seg_frame(f, &s));
		p->reply = false;
	}
	s.len = 0;
	if (p->sent == TOTAL && p->acked == TOTAL) {
		s.flags |= F;
		s.seq = RIG_PEER_ISN + 1 + TOTAL;
		p->sent++;
		p->resend_ns = w->now_ns + 5 * RIG_MS;
		link_put(w, false, f, seg_frame(f, &s));
	} else if (p->reply) {
		s.seq = RIG_PEER_ISN + 1 + p->sent;
		link_put(w, false, f, seg_frame(f, &s));
	}
	p->reply = false;
}

static void
world_init(struct world *w, const struct link_faults *faults, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->random = seed * 0x9e3779b97f4a7c15;
	w->now_ns = 1000;
	w->faults = faults;
}

static void
faults_configure(struct rig *r, const struct link_faults *faults)
{
	r->config.sack = faults->sack;
	r->config.tail_probe = true; // counts with SACK only
	r->config.peer_ack_delay_ns = RIG_MS;
	r->config.black_hole_rtos = 3;
	r->config.timestamps = faults->timestamps;
	r->config.window_scaling = faults->scaling;
	r->config.cwnd_fixed_bytes = faults->cwnd_fixed_bytes;
	r->config.rto_max_ns = 50 * RIG_MS;
	r->config.rto_initial_ns = 5 * RIG_MS;
	r->config.time_wait_ns = 100 * RIG_MS;
	r->config.rx_buf_bytes = faults->scaling ? RIG_RX_BYTES : 2 * 20000;
	r->now_ns = 1000;
}

static void
every_byte_reaches_a_small_peer_and_back(void **state)
{
	struct world *w = malloc(sizeof(*w));

	for (size_t i = 0; i < ARRAY_CNT(FAULTS); i++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct rig *r = rig_new();
			struct peer *p = calloc(1, sizeof(*p));
			struct user u = { 0 };
			struct packet *k;
			int round = 0;

			world_init(w, &FAULTS[i], seed);
			faults_configure(r, &FAULTS[i]);
			rig_start(r);
			for (; round < ROUNDS_MAX && tcp_state_of(&r->c) != TCP_STATE_CLOSED;
			     round++) {
				w->now_ns += STEP_NS;
				while ((k = link_take(w)) != NULL) {
					if (k->to_peer)
						peer_in(w, p, k->bytes, k->len);
					else
						tcp_on_frame(&r->c, k->bytes, k->len, false,
							     w->now_ns);
					k->at_ns = 0;
				}
				user_turn(w, &u, &r->c);
				tcp_turn(w, &r->c, &r->config, true);
				peer_turn(w, p);
			}
			if (tcp_end_of(&r->c) != TCP_END_CLOSED || p->high != TOTAL ||
			    !p->fin_taken || u.read + r->c.rx_len != TOTAL)
				fail_msg("%s, seed %d: %s, sent %u read %u, peer has %u",
					 FAULTS[i].what, (int)seed, tcp_end_name(tcp_end_of(&r->c)),
					 u.sent, u.read, p->high);
			free(p);
			free(r);
		}
	}
	free(w);
}

static void
every_byte_passes_between_two_of_ours(void **state)
{
	struct world *w = malloc(sizeof(*w));

	for (size_t i = 0; i < ARRAY_CNT(FAULTS); i++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct rig *a = rig_new(), *b = rig_new();
			struct user ua = { 0 }, ub = { .is_peer = true };
			struct packet *k;
			int round = 0;

			world_init(w, &FAULTS[i], seed);
			faults_configure(a, &FAULTS[i]);
			faults_configure(b, &FAULTS[i]);
			a->config.isn = (uint32_t)(0 - 70000); // wraps on the way
			b->config.isn = 0x7fff0000;
			b->config.local_ip = PEER_IP;
			b->config.peer_ip = LOCAL_IP;
			b->config.local_port = PEER_PORT;
			b->config.peer_port = LOCAL_PORT;
			memcpy(b->config.local_mac, a->config.peer_mac, 6);
			memcpy(b->config.peer_mac, a->config.local_mac, 6);
			rig_start(a);
			rig_start(b);
			for (; round < ROUNDS_MAX && (tcp_state_of(&a->c) != TCP_STATE_CLOSED ||
						      tcp_state_of(&b->c) != TCP_STATE_CLOSED);
			     round++) {
				w->now_ns += STEP_NS;
				while ((k = link_take(w)) != NULL) {
					tcp_on_frame(k->to_peer ? &b->c : &a->c, k->bytes, k->len,
						     false, w->now_ns);
					k->at_ns = 0;
				}
				user_turn(w, &ua, &a->c);
				user_turn(w, &ub, &b->c);
				tcp_turn(w, &a->c, &a->config, true);
				tcp_turn(w, &b->c, &b->config, false);
			}
			if (ua.read + a->c.rx_len != TOTAL || ub.read + b->c.rx_len != TOTAL ||
			    tcp_end_of(&a->c) != TCP_END_CLOSED ||
			    tcp_end_of(&b->c) != TCP_END_CLOSED)
				fail_msg("%s, seed %d: %s and %s; sent %u %u, read %u %u",
					 FAULTS[i].what, (int)seed, tcp_end_name(tcp_end_of(&a->c)),
					 tcp_end_name(tcp_end_of(&b->c)), ua.sent, ub.sent, ua.read,
					 ub.read);
			free(a);
			free(b);
		}
	}
	free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_reaches_a_small_peer_and_back),
		cmocka_unit_test(every_byte_passes_between_two_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
