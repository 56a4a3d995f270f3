/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "boot/offline.h"
#include "observe/event_log.h"
#include "observe/pcap_file.h"
#include "observe/state_gateway.h"
#include "wire/eth_ip.h"
#include "wire/soupbintcp.h"

enum {
	RING_CNT = 1024,      // frames to and from a port between two turns
	FRAME_MAX = 9216,     // as replay_input.c has it
	BUF_SLACK_CNT = 2048, // frames in rings between lanes, besides those arbiters hold
	QUIET_ROUNDS = 2,     // rounds without work until everything has settled
	ROUNDS_MAX = 1000000,
	MEMORY_MB = 256, // of DPDK, and so much more per port
	MEMORY_PORT_MB = 96,
	OUT_MAX = 1 << 16, // bytes of messages in one step
	TEXT_MAX = 160,
};

/*
 * How often timers are looked at: as a lane would while something happens, more seldom the longer
 * nothing does.
 */
#define TICK_BUSY_NS  100000ULL
#define TICK_CALM_NS  1000000ULL
#define TICK_QUIET_NS 10000000ULL
#define TICK_IDLE_NS  100000000ULL
#define BUSY_NS       2000000ULL
#define CALM_NS       20000000ULL
#define QUIET_NS      (60 * NS_PER_SEC)

#define LEAD_NS     (10 * NS_PER_SEC) // for sessions to connect before the first frame
#define TAIL_NS     NS_PER_SEC        // after the last one
#define HOLE_MAX_NS (86400 * NS_PER_SEC)
#define LOCATE_NS   NS_PER_SEC // how long a symbol's place in the book is believed

/* A session's side of the replay. */
struct replay_side {
	struct replay *r;
	uint32_t idx;
	uint32_t port_idx;
	struct replay_venue *venue;
	uint32_t stream_at; // bytes written to the output so far
	uint16_t ip_id;
	size_t step_len; // packets of this step, each behind its length
	uint8_t step[OUT_MAX];
};

/* Where an instrument's book is. */
struct place {
	uint64_t until_ns; // 0: not known
	const struct book *book;
	uint16_t locate;
};

struct replay {
	struct gateway *g;
	struct replay_config c;
	struct replay_input *input;
	struct offline offline;
	bool offline_made;
	struct replay_side *side[SESSION_MAX];
	struct place place[INSTR_MAX];
	struct pcap_file out_pcap;
	struct pcap_file out_frames;
	FILE *out_text;
	uint64_t busy_ns; // when something last happened
	uint64_t tick_ns; // of the next look at timers
	uint64_t message_cnt;
	uint64_t digest;
	uint64_t lost_in; // frames a port had no room for: never, with what is settled
	int rc;           // of an output
};

/*
 * Output
 */

static void
digest_bytes(struct replay *r, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		r->digest = (r->digest ^ p[i]) * 0x100000001b3ULL; // FNV-1a, 64 bits
}

static void
write_text(struct replay *r, const struct replay_side *s, const uint8_t *packet, uint16_t len)
{
	const struct config_session *c = &r->g->config->sessions[s->idx];
	const time_t second = (time_t)(r->offline.now_ns / NS_PER_SEC);
	char what[TEXT_MAX], when[32];
	struct tm t;

	replay_message_text(c->protocol == SESSION_OUCH42, packet + sizeof(struct soup_head),
			    len - sizeof(struct soup_head), what, sizeof(what));
	gmtime_r(&second, &t);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &t);
	fprintf(r->out_text, "%s.%09u %s %s\n", when, (unsigned)(r->offline.now_ns % NS_PER_SEC),
		c->name, what);
}

/*
 * A packet as a frame of a connection in which only it and its like were sent: no acknowledgements,
 * heartbeats or segment borders, which depend on the core map.
 */
static void
write_frame(struct replay *r, struct replay_side *s, const uint8_t *packet, uint16_t len)
{
	const struct config_session *c = &r->g->config->sessions[s->idx];
	const struct config_port *port = &r->g->config->ports[c->port_idx];
	const uint16_t l4_len = (uint16_t)(sizeof(struct tcp_head) + len);
	uint8_t frame[REPLAY_FRAME_MAX] = { 0 };
	struct eth_head *eth = (struct eth_head *)frame;
	struct ipv4_head *ip = (struct ipv4_head *)(eth + 1);
	struct tcp_head *tcp = (struct tcp_head *)(ip + 1);
	const uint32_t frame_len = (uint32_t)(sizeof(*eth) + sizeof(*ip) + l4_len);

	memcpy(eth->src, port->mac.byte, ETH_ADDR_BYTES);
	memcpy(eth->dst, (uint8_t[]){ 0x02, 0, 0, 0, 0, 0x99 }, ETH_ADDR_BYTES);
	eth->type = be16_of(ETH_TYPE_IPV4);
	ip->version_ihl = 0x45;
	ip->total_len = be16_of((uint16_t)(sizeof(*ip) + l4_len));
	ip->id = be16_of(s->ip_id++);
	ip->frag = be16_of(IP_FRAG_DF);
	ip->ttl = 64;
	ip->proto = IP_PROTO_TCP;
	ip->src = be32_of(port->address.ip);
	ip->dst = be32_of(c->peer.ip);
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	tcp->src_port = be16_of((uint16_t)(40000 + s->idx));
	tcp->dst_port = be16_of((uint16_t)c->peer.port);
	tcp->seq = be32_of(1 + s->stream_at);
	tcp->ack = be32_of(1);
	tcp->data_off = (uint8_t)(sizeof(*tcp) / 4 << 4);
	tcp->flags = TCP_FLAG_ACK | TCP_FLAG_PSH;
	tcp->window = be16_of(UINT16_MAX);
	memcpy(tcp + 1, packet, len);
	tcp->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, l4_len), tcp, l4_len));
	s->stream_at += len;
	pcap_file_put(&r->out_pcap, r->offline.now_ns, frame, frame_len, frame_len);
}

static void
write_packet(struct replay *r, struct replay_side *s, const uint8_t *packet, uint16_t len)
{
	const be64 ns = be64_of(r->offline.now_ns);
	const uint8_t idx = (uint8_t)s->idx;

	r->message_cnt++;
	digest_bytes(r, &idx, sizeof(idx));
	digest_bytes(r, &ns, sizeof(ns));
	digest_bytes(r, packet, len);
	if (r->out_pcap.f != NULL)
		write_frame(r, s, packet, len);
	if (r->out_text != NULL)
		write_text(r, s, packet, len);
}

/*
 * What came out of this step.  Sessions one after another: lanes may have sent in any order, which
 * is no difference to anybody.
 */
static void
flush_step(struct replay *r)
{
	for (uint32_t i = 0; i < SESSION_MAX; i++) {
		struct replay_side *s = r->side[i];
		uint16_t len;

		for (size_t at = 0; s != NULL && at < s->step_len; at += sizeof(len) + len) {
			memcpy(&len, s->step + at, sizeof(len));
			write_packet(r, s, s->step + at + sizeof(len), len);
		}
		if (s != NULL)
			s->step_len = 0;
	}
}

/*
 * What the venues ask and tell
 */

static void
on_message(void *ctx, const uint8_t *packet, uint16_t len)
{
	struct replay_side *s = ctx;

	if (s->step_len + sizeof(len) + len > OUT_MAX) {
		s->r->rc = -EOVERFLOW;
		return;
	}
	s->r->busy_ns = s->r->offline.now_ns;
	memcpy(s->step + s->step_len, &len, sizeof(len));
	memcpy(s->step + s->step_len + sizeof(len), packet, len);
	s->step_len += sizeof(len) + len;
}

static void
on_send(void *ctx, const uint8_t *frame, uint16_t len)
{
	struct replay_side *s = ctx;

	if (!offline_put(&s->r->offline, s->port_idx, frame, len))
		s->r->lost_in++;
}

/* Asks the lanes where a symbol is; a new day may put it elsewhere. */
static bool
find_place(struct replay *r, uint32_t instr_idx, const char symbol[8])
{
	const uint32_t feed_idx = r->g->config->instruments[instr_idx].feed_idx;
	struct command ask = { .kind = COMMAND_BOOK, .arg = { feed_idx, 1 } };
	struct place *p = &r->place[instr_idx];

	if (r->offline.now_ns < p->until_ns)
		return p->book != NULL;
	memcpy(ask.symbol, symbol, sizeof(ask.symbol));
	p->book = NULL;
	p->until_ns = r->offline.now_ns + LOCATE_NS;
	for (uint32_t l = 0; l < r->g->lane_cnt && p->book == NULL; l++) {
		const struct lane *lane = r->g->lane[l];

		if (lane->book[feed_idx] == NULL || gateway_ask(r->g, l, &ask, 1) != 0)
			continue;
		p->book = lane->book[feed_idx];
		p->locate = ((const struct command_book *)r->g->reply[l])->locate;
	}
	return p->book != NULL;
}

static struct replay_best
best_of(void *ctx, const char symbol[8], bool buy)
{
	const struct replay_side *s = ctx;
	const struct config *c = s->r->g->config;
	struct book_depth_row row;

	for (uint32_t i = 1; i < c->instruments_cnt; i++) {
		const size_t len = strlen(c->instruments[i].symbol);

		if (memcmp(c->instruments[i].symbol, symbol, len) != 0 ||
		    (len < 8 && symbol[len] != ' '))
			continue;
		if (!find_place(s->r, i, symbol) ||
		    book_depth(s->r->place[i].book, s->r->place[i].locate,
			       buy ? SIDE_BUY : SIDE_SELL, &row, 1) == 0)
			break;
		return (struct replay_best){
			.px4 = row.px4,
			.qty = row.qty < UINT32_MAX ? (uint32_t)row.qty : UINT32_MAX,
		};
	}
	return (struct replay_best){ 0 };
}

/*
 * Time
 */

/* Frames of the gateway to the venues. */
static uint32_t
carry(struct replay *r)
{
	uint8_t frame[FRAME_MAX];
	uint32_t moved = 0;
	uint16_t len;

	for (uint32_t p = 0; p < r->g->config->ports_cnt; p++) {
		bool has_session = false;

		for (uint32_t i = 0; i < SESSION_MAX; i++)
			has_session |= r->side[i] != NULL && r->side[i]->port_idx == p;
		while ((len = offline_take(&r->offline, p, frame, sizeof(frame))) != 0) {
			moved++;
			if (has_session && r->out_frames.f != NULL)
				pcap_file_put(&r->out_frames, r->offline.now_ns, frame, len, len);
			for (uint32_t i = 0; i < SESSION_MAX; i++)
				if (r->side[i] != NULL && r->side[i]->port_idx == p)
					replay_venue_on_frame(r->side[i]->venue, frame, len,
							      r->offline.now_ns);
		}
	}
	return moved;
}

/* Until nothing moves any more.  Time stands still. */
static void
settle(struct replay *r)
{
	unsigned quiet = 0;

	for (unsigned round = 0; quiet < QUIET_ROUNDS && r->rc == 0; round++) {
		const uint32_t work = offline_turn(&r->offline) + carry(r);

		quiet = work == 0 ? quiet + 1 : 0;
		if (round == ROUNDS_MAX)
			r->rc = -ELOOP;
	}
}

/* What follows from a frame, an answer or a timer, at one moment. */
static void
step(struct replay *r, bool timers)
{
	settle(r);
	if (timers) {
		offline_housekeeping(&r->offline);
		settle(r);
	}
	for (uint32_t i = 0; i < SESSION_MAX; i++)
		if (r->side[i] != NULL)
			replay_venue_on_market(r->side[i]->venue, r->offline.now_ns);
	settle(r);
	flush_step(r);
	event_log_poll(r->g->log, r->offline.now_ns);
}

static uint64_t
tick_after(const struct replay *r, uint64_t now_ns)
{
	const uint64_t calm_ns = now_ns - r->busy_ns;

	if (calm_ns < BUSY_NS)
		return now_ns + TICK_BUSY_NS;
	if (calm_ns < CALM_NS)
		return now_ns + TICK_CALM_NS;
	return now_ns + (calm_ns < QUIET_NS ? TICK_QUIET_NS : TICK_IDLE_NS);
}

/* The earliest venue that has something to do; its index, or SESSION_MAX. */
static uint32_t
first_due(const struct replay *r, uint64_t *due_ns)
{
	uint32_t first = SESSION_MAX;

	*due_ns = UINT64_MAX;
	for (uint32_t i = 0; i < SESSION_MAX; i++)
		if (r->side[i] != NULL && replay_venue_due_ns(r->side[i]->venue) < *due_ns) {
			*due_ns = replay_venue_due_ns(r->side[i]->venue);
			first = i;
		}
	return first;
}

/* Time goes on to a moment, through every answer and timer before it. */
static void
advance(struct replay *r, uint64_t to_ns)
{
	while (r->rc == 0) {
		uint64_t due_ns;
		const uint32_t due = first_due(r, &due_ns);

		if (due_ns <= r->tick_ns && due_ns <= to_ns) {
			offline_set_time(&r->offline, due_ns);
			r->busy_ns = due_ns;
			replay_venue_act(r->side[due]->venue, due_ns);
			step(r, false);
		} else if (r->tick_ns <= to_ns) {
			offline_set_time(&r->offline, r->tick_ns);
			for (uint32_t i = 0; i < SESSION_MAX; i++)
				if (r->side[i] != NULL)
					replay_venue_on_time(r->side[i]->venue, r->tick_ns);
			step(r, true);
			r->tick_ns = tick_after(r, r->tick_ns);
		} else {
			offline_set_time(&r->offline, to_ns);
			return;
		}
	}
}

/*
 * Start and end
 */

int
replay_open_log(struct gateway *g, bool verbose, struct err *e)
{
	const struct event_log_config c = {
		.text_fd = STDERR_FILENO,
		.least = verbose ? EVENT_INFO : EVENT_WARNING,
		.clock = &g->clock,
		.name = gateway_event_name,
		.name_ctx = g,
	};

	return event_log_open(&g->log, &c, e);
}

static int
open_outputs(struct replay *r, struct err *e)
{
	int rc = 0;

	if (r->c.out_pcap != NULL)
		rc = pcap_file_create(&r->out_pcap, r->c.out_pcap, UINT16_MAX, false, e);
	if (rc == 0 && r->c.out_frames != NULL)
		rc = pcap_file_create(&r->out_frames, r->c.out_frames, UINT16_MAX, false, e);
	if (rc != 0 || r->c.out_text == NULL)
		return rc;
	r->out_text = fopen(r->c.out_text, "we");
	if (r->out_text == NULL)
		return err_set(e, -errno, "%s: cannot be made: %s", r->c.out_text, strerror(errno));
	return 0;
}

static int
open_sides(struct replay *r, struct err *e)
{
	const struct config *c = r->g->config;

	for (uint32_t i = 0; i < c->sessions_cnt; i++) {
		struct replay_side *s = calloc(1, sizeof(*s));
		const struct replay_venue_owner owner = {
			.ctx = s, .send = on_send, .on_message = on_message, .best = best_of
		};
		const struct replay_venue_config vc = {
			.ip = c->sessions[i].peer.ip,
			.port = (uint16_t)c->sessions[i].peer.port,
			.ouch42 = c->sessions[i].protocol == SESSION_OUCH42,
			.match = r->c.match,
			.delay_ns = r->c.venue_delay_ns,
		};

		if (s == NULL)
			return err_set(e, -ENOMEM, "no memory");
		r->side[i] = s;
		s->r = r;
		s->idx = i;
		s->port_idx = c->sessions[i].port_idx;
		s->venue = replay_venue_open(&vc, &owner);
		if (s->venue == NULL)
			return err_set(e, -ENOMEM, "no memory");
	}
	return 0;
}

int
replay_open(struct replay **out, struct gateway *g, const struct replay_config *c, struct err *e)
{
	struct replay_input_config input = {
		.config = g->config,
		.pcap = c->pcap,
		.itch = c->itch,
		.day_ns = c->day_ns,
	};
	struct replay *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return err_set(e, -ENOMEM, "no memory");
	*out = r;
	r->g = g;
	r->c = *c;
	r->digest = 0xcbf29ce484222325ULL; // FNV-1a, 64 bits
	for (uint32_t f = 0; f < g->config->feeds_cnt; f++)
		g->config->feeds[f].recovery.snapshot.ip = 0; // README.md: nobody answers there
	while (c->feed != NULL && input.feed_idx < g->config->feeds_cnt &&
	       strcmp(g->config->feeds[input.feed_idx].name, c->feed) != 0)
		input.feed_idx++;
	if (input.feed_idx >= g->config->feeds_cnt)
		return err_set(e, -ENOENT, "there is no feed '%s' in the configuration",
			       c->feed != NULL ? c->feed : "");
	rc = replay_input_open(&r->input, &input, e);
	if (rc == 0)
		rc = open_outputs(r, e);
	if (rc == 0)
		rc = open_sides(r, e);
	if (rc == 0)
		rc = replay_open_log(g, c->verbose, e);
	return rc;
}

/* The gateway, and its sessions up, LEAD_NS before the first frame. */
static int
begin(struct replay *r, uint64_t first_ns, struct err *e)
{
	struct offline_config c = {
		.start_ns = first_ns - LEAD_NS,
		.memory_mb = MEMORY_MB + MEMORY_PORT_MB * r->g->config->ports_cnt,
		.ring_cnt = RING_CNT,
		.buf_cnt = BUF_SLACK_CNT,
		.frame_max = FRAME_MAX,
	};
	int rc;

	for (uint32_t f = 0; f < r->g->config->feeds_cnt; f++)
		c.buf_cnt += r->g->config->feeds[f].reorder_packets;
	r->g->lcores = false;
	r->g->replay = true;
	r->offline_made = true;
	rc = offline_open(&r->offline, r->g, &c, e);
	if (rc != 0)
		return rc;
	state_gateway_source(r->g, &r->g->source);
	for (uint32_t i = 0; i < r->g->lane_cnt; i++)
		event_log_add_sink(r->g->log, &r->g->lane[i]->events);
	r->busy_ns = r->tick_ns = c.start_ns;
	offline_link_up(&r->offline);
	advance(r, first_ns);
	for (uint32_t i = 0; i < r->g->config->sessions_cnt; i++)
		if (!replay_venue_logged_in(r->side[i]->venue))
			return err_set(
				e, -EPROTO,
				"sessions '%s': no login within %llu s of the replay's time; "
				"-v shows what happened",
				r->g->config->sessions[i].name,
				(unsigned long long)(LEAD_NS / NS_PER_SEC));
	rc = limits_arm(&r->g->limits, e);
	step(r, false);
	return rc;
}

static int
check_hole(const struct replay *r, uint64_t to_ns, struct err *e)
{
	if (to_ns - r->offline.now_ns <= HOLE_MAX_NS)
		return 0;
	return err_set(e, -EINVAL,
		       "frame %" PRIu64 " lies %u hours after the one before it; a replay "
		       "goes through every second, so split the file there",
		       replay_input_counts(r->input)->frame,
		       (unsigned)((to_ns - r->offline.now_ns) / (3600 * NS_PER_SEC)));
}

/* An output that could not be written, or something that cannot be. */
static int
output_failed(const struct replay *r, struct err *e)
{
	if (r->lost_in != 0)
		return err_set(e, -ENOBUFS, "%" PRIu64 " frames had no room in a port's queue",
			       r->lost_in);
	if (r->rc == -ELOOP)
		return err_set(e, r->rc, "the lanes do not come to rest");
	return r->rc == 0 ? 0 : err_set(e, r->rc, "%s", strerror(-r->rc));
}

static int
close_outputs(struct replay *r, struct err *e)
{
	int rc = 0, now;

	if (r->out_pcap.f != NULL && (now = pcap_file_close(&r->out_pcap)) != 0)
		rc = err_set(e, now, "%s: cannot be written: %s", r->c.out_pcap, strerror(-now));
	if (r->out_frames.f != NULL && (now = pcap_file_close(&r->out_frames)) != 0)
		rc = err_set(e, now, "%s: cannot be written: %s", r->c.out_frames, strerror(-now));
	if (r->out_text != NULL && fclose(r->out_text) != 0)
		rc = err_set(e, -errno, "%s: cannot be written: %s", r->c.out_text,
			     strerror(errno));
	r->out_text = NULL;
	return rc;
}

static void
fill_result(struct replay *r, struct replay_result *out)
{
	out->input = *replay_input_counts(r->input);
	out->message_cnt = r->message_cnt;
	out->digest = r->digest;
	for (uint32_t l = 0; l < r->g->lane_cnt; l++)
		for (uint32_t f = 0; f < FEED_MAX; f++)
			if (r->g->lane[l]->book[f] != NULL)
				out->book_digest += book_digest(r->g->lane[l]->book[f]);
	for (uint32_t i = 0; i < r->g->config->sessions_cnt; i++)
		out->venue[i] = *replay_venue_counts(r->side[i]->venue);
}

int
replay_run(struct replay *r, struct replay_result *result, struct err *e)
{
	struct replay_frame f;
	int rc = replay_input_next(r->input, &f, e);

	memset(result, 0, sizeof(*result));
	if (rc == 0)
		return err_set(e, -ENODATA,
			       "%s: none of its %" PRIu64 " frames belongs to a feed of the "
			       "configuration",
			       r->c.pcap != NULL ? r->c.pcap : r->c.itch,
			       replay_input_counts(r->input)->frame);
	if (rc > 0) {
		result->first_ns = f.ns;
		rc = begin(r, f.ns, e) == 0 ? 1 : e->code;
	}
	while (rc > 0 && r->rc == 0) {
		rc = check_hole(r, f.ns, e);
		if (rc != 0)
			break;
		advance(r, f.ns);
		if (!offline_put(&r->offline, f.port_idx, f.data, f.len))
			r->lost_in++;
		r->busy_ns = result->last_ns = f.ns;
		if (r->tick_ns > f.ns + TICK_BUSY_NS)
			r->tick_ns = f.ns + TICK_BUSY_NS;
		step(r, false);
		rc = replay_input_next(r->input, &f, e);
	}
	if (rc == 0)
		advance(r, result->last_ns + TAIL_NS);
	if (rc == 0)
		rc = output_failed(r, e);
	if (rc == 0)
		rc = close_outputs(r, e);
	if (rc == 0)
		fill_result(r, result);
	return rc;
}

void
replay_close(struct replay *r)
{
	struct err ignored;

	if (r == NULL)
		return;
	err_init(&ignored);
	close_outputs(r, &ignored);
	if (r->g->log != NULL)
		event_log_close(r->g->log);
	r->g->log = NULL;
	if (r->offline_made)
		offline_close(&r->offline);
	for (uint32_t i = 0; i < SESSION_MAX; i++) {
		if (r->side[i] != NULL)
			replay_venue_close(r->side[i]->venue);
		free(r->side[i]);
	}
	replay_input_close(r->input);
	free(r);
}
