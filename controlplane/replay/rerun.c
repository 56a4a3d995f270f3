/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/rerun.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/kill.h"
#include "base/units.h"
#include "boot/capture.h"
#include "boot/journal_start.h"
#include "boot/offline.h"
#include "boot/record_run.h"
#include "lane/housekeeping.h"
#include "lane/lane_api.h"
#include "decision/risk.h"
#include "msg/verdict.h"
#include "observe/event_log.h"
#include "observe/login_blank.h"
#include "replay/frame_words.h"
#include "replay/record_words.h"
#include "replay/recorded_port.h"
#include "replay/recording.h"
#include "replay/replay.h"

enum {
	FRAME_MAX = 9216,
	RING_CNT = 1024,      // frames to and from a port between two turns
	BUF_SLACK_CNT = 2048, // frames under way, besides those arbiters hold
	MEMORY_MB = 256,      // of DPDK, and so much more per port
	MEMORY_PORT_MB = 96,
	JOURNAL_SLOTS = 1 << 16, // of what the lane writes down in one turn
	PIN_MAX = 2 * SESSION_MAX + FEED_MAX,
	WORDS_BYTES = 1024,
};

/* What the lane itself writes down about what it does: all of it is compared. */
#define DECISIONS                                                                    \
	(RECORDING_KIND(INTENT) | RECORDING_KIND(VERDICT) | RECORDING_KIND(ORDER) |  \
	 RECORDING_KIND(WIRE_OUT) | RECORDING_KIND(SENT) | RECORDING_KIND(WIRE_IN) | \
	 RECORDING_KIND(REPORT) | RECORDING_KIND(UPDATE))

/* A connection of ours whose numbers were drawn at random: they are those of the capture. */
struct pin {
	struct tcp *tcp;
	struct tcp_config *config;
	const struct session *session; // NULL: it has one peer, the configuration's
	const struct recorded_port *port;
	size_t next; // of port->syn
};

struct rerun {
	struct gateway *g;
	struct lane *lane;
	struct offline offline;
	bool offline_made;
	struct recording recording;
	struct recorded_port port[PORT_MAX];
	struct login_blank blank[PORT_MAX];
	struct pin pin[PIN_MAX];
	uint32_t pin_cnt;

	// the journal, walked by five who stand at different places of it
	struct recording_walk line;      // TICKS, BURST, TOOK, ASKED, KILL: what happens next
	struct recording_walk decisions; // what the lane is to decide next
	struct recording_walk judged;    // ORDER, VERDICT: what risk is to say next
	struct recording_walk sent;      // SENT: what the clock says after the next burst
	struct recording_walk versions;  // LIMITS: the next version of them

	struct journal journal; // what the replayed lane writes down
	struct journal_ring_head *ring;
	struct journal_taker taker;

	uint64_t turn; // that the lane does next; as the run counted
	bool killed;   // the lane saw the kill switch on
	bool over;     // of a run that was killed: what was captured is used up
	struct rerun_result *result;
	struct err *e;
	int rc;
};

static bool
goes_on(const struct rerun *r)
{
	return r->rc == 0 && !r->over && r->result->words[0] == '\0';
}

/* Adds a difference; what is told first is what came first. */
static void differs(struct rerun *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
differs(struct rerun *r, const char *fmt, ...)
{
	char *words = r->result->words;
	const size_t len = strlen(words);
	va_list ap;

	va_start(ap, fmt);
	if (len != 0)
		snprintf(words + len, RERUN_WORDS_MAX - len, "\n");
	vsnprintf(words + strlen(words), RERUN_WORDS_MAX - strlen(words), fmt, ap);
	va_end(ap);
}

/* A walk that ended because a segment cannot be read is no end. */
static const struct journal_record *
peek(struct rerun *r, struct recording_walk *w)
{
	const struct journal_record *rec = recording_peek(w);

	if (rec == NULL && w->rc != 0 && r->rc == 0)
		r->rc = w->rc;
	return rec;
}

/*
 * What came out of the lane, against the record
 */

/* A decision of the lane, against the one the run took in its place. */
static void
compare_record(struct rerun *r, const struct journal_record *got)
{
	const struct journal_record *want = peek(r, &r->decisions);
	char words[WORDS_BYTES];

	if (r->rc != 0)
		return;
	if (want == NULL && !r->result->ended)
		return; // the run was killed, and what it put last may be lost
	if (record_words(&r->recording.names, want, got, words, sizeof(words))) {
		differs(r, "decision %" PRIu64 " of the run, %s", r->result->record_cnt + 1, words);
		return;
	}
	recording_take(&r->decisions);
	r->result->record_cnt++;
	r->result->message_cnt += got->frame.kind == JOURNAL_WIRE_OUT;
	if (got->frame.kind == JOURNAL_ORDER || got->frame.kind == JOURNAL_VERDICT) {
		peek(r, &r->judged);
		recording_take(&r->judged);
	} else if (got->frame.kind == JOURNAL_SENT) {
		peek(r, &r->sent);
		recording_take(&r->sent);
	}
}

static void
compare_records(struct rerun *r)
{
	uint8_t payload[JOURNAL_RECORD_MAX];
	uint32_t len;

	while (goes_on(r) && journal_take(&r->taker, payload, &len) == JOURNAL_FOUND_RECORD) {
		const struct journal_record got = {
			.frame = { .len = len,
				   .kind = payload[offsetof(struct journal_slot, kind)],
				   .run = r->recording.run },
			.payload = payload,
		};

		compare_record(r, &got);
	}
	journal_taken(&r->taker);
	if (r->journal.metrics.lost != 0 && r->rc == 0)
		r->rc = err_set(r->e, -ENOBUFS, "one turn decided more than %d records",
				JOURNAL_SLOTS);
}

static bool
port_speaks_ouch42(const struct config *c, uint32_t port_idx)
{
	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		if (c->sessions[i].port_idx == port_idx)
			return c->sessions[i].protocol == SESSION_OUCH42;
	return false;
}

/* A frame the lane sent by a port, against the one the run sent in its place. */
static void
compare_frame(struct rerun *r, uint32_t port_idx, uint8_t *frame, uint16_t len)
{
	const bool ouch42 = port_speaks_ouch42(r->g->config, port_idx);
	const char *port = r->g->config->ports[port_idx].name;
	char words[WORDS_BYTES], when[JOURNAL_TIME_LEN];
	struct recorded_frame want;
	int rc;

	login_blank_frame(&r->blank[port_idx], frame, len);
	rc = recorded_next(&r->port[port_idx].out, &want, r->e);
	if (rc < 0) {
		r->rc = rc;
		return;
	}
	if (rc == 0 && !r->result->ended)
		return; // the run was killed
	journal_time_text(rc == 0 ? r->offline.now_ns : want.ns, when);
	if (rc == 0) {
		frame_text(ouch42, frame, len, words, sizeof(words));
		differs(r, "port %s, %s: the capture ends, and the replay sends more: %s", port,
			when, words);
	} else if (frame_words(ouch42, want.data, want.len, frame, len, words, sizeof(words))) {
		differs(r, "port %s, frame %" PRIu64 " of the capture, %s: %s", port, want.no, when,
			words);
	} else {
		r->result->sent_cnt++;
		r->result->sent_bytes += len;
	}
}

static void
compare_frames(struct rerun *r)
{
	const bool decided_alike = goes_on(r);
	uint8_t frame[FRAME_MAX];

	for (uint32_t p = 0; p < r->g->config->ports_cnt; p++) {
		uint16_t len;

		while (r->offline.port[p].out != NULL && r->rc == 0 &&
		       (goes_on(r) || !decided_alike) &&
		       (len = offline_take(&r->offline, p, frame, sizeof(frame))) != 0) {
			compare_frame(r, p, frame, len);
			if (!decided_alike && strchr(r->result->words, '\n') != NULL)
				return; // what the other decision looked like on the wire
		}
	}
}

/*
 * What no frame tells
 */

/* The SYN of the pin's next connection; NULL: the capture has none. */
static const struct recorded_syn *
next_syn(struct pin *p)
{
	for (; p->next < p->port->syn_cnt; p->next++) {
		const struct recorded_syn *s = &p->port->syn[p->next];

		if (p->session == NULL) {
			if (s->peer_ip == p->config->peer_ip &&
			    s->peer_port == p->config->peer_port)
				return s;
			continue;
		}
		for (uint32_t i = 0; i < SESSION_PEER_MAX; i++)
			if (p->session->peer[i].ip == s->peer_ip &&
			    p->session->peer[i].port == s->peer_port)
				return s;
	}
	return NULL;
}

/* The numbers of the connection each will open next; those it opened are behind it. */
static void
follow_pins(struct rerun *r)
{
	for (uint32_t i = 0; i < r->pin_cnt; i++) {
		struct pin *p = &r->pin[i];
		const struct recorded_syn *s = next_syn(p);

		if (s != NULL && tcp_state_of(p->tcp) != TCP_STATE_CLOSED &&
		    p->tcp->isn == s->isn && p->tcp->config.local_port == s->local_port) {
			p->next++;
			s = next_syn(p);
		}
		if (s == NULL)
			continue;
		p->config->isn_fixed = true;
		p->config->isn = s->isn;
		p->config->local_port = s->local_port;
	}
}

/*
 * The halt flag is set and lifted by the control thread whenever it likes, and by the lane.  When
 * risk saw it, its verdict says so: the flag is up for whatever risk judges next exactly when it
 * was for the run's.
 */
static void
follow_flag(struct rerun *r)
{
	const struct journal_record *rec = peek(r, &r->judged);
	enum halt_reason want = 0;

	if (rec != NULL && rec->frame.kind == JOURNAL_VERDICT) {
		const struct journal_slot slot = journal_slot_of(rec);
		struct verdict v;

		memcpy((uint8_t *)&v + offsetof(struct journal_slot, body), slot.body,
		       sizeof(slot.body));
		if (v.verdict == RISK_REJECT_DISARMED)
			want = HALT_DISARMED;
		else if (v.verdict == RISK_REJECT_HALTED)
			want = HALT_OPERATOR;
		else if (v.verdict == RISK_REJECT_STOPPED)
			want = HALT_BREAKER;
	}
	if (halt_reasons() == want)
		return;
	halt_lift((enum halt_reason)halt_reasons());
	if (want != 0)
		halt_set(want);
}

/* Called by the lane before it reads the clock for what it sends. */
static void
on_send(void *ctx)
{
	struct rerun *r = ctx;
	const struct journal_record *rec = peek(r, &r->sent);

	if (rec != NULL)
		offline_set_time(&r->offline, journal_slot_of(rec).ns);
}

/*
 * The lane's time
 */

static void
after_step(struct rerun *r)
{
	follow_pins(r);
	compare_records(r);
	compare_frames(r);
	event_log_poll(r->g->log, r->offline.now_ns);
}

static uint32_t
one_turn(struct rerun *r)
{
	uint32_t work;

	follow_flag(r);
	r->lane->turn.turn = r->turn << 1;
	r->lane->housekeeping_left = UINT32_MAX; // the record says when
	work = lane_turn_once(r->lane);
	r->turn++;
	after_step(r);
	return work;
}

/* A record's turn, of which it has the low 32 bits. */
static uint64_t
turn_of(const struct rerun *r, uint32_t low)
{
	return r->turn + (uint32_t)(low - (uint32_t)r->turn);
}

/*
 * Turns without a frame, until that one; those after an empty one are empty, too, but for recovery,
 * which goes a step further each turn.
 */
static void
turns_until(struct rerun *r, uint64_t turn)
{
	while (goes_on(r) && r->turn < turn && (one_turn(r) != 0 || r->lane->recovery_busy != 0))
		;
	if (goes_on(r))
		r->turn = turn;
}

static void
do_burst(struct rerun *r, const struct journal_slot *slot)
{
	const uint64_t before = r->lane->metrics.frame_received;
	struct journal_burst b;
	struct recorded_frame f;

	memcpy(&b, slot->body, sizeof(b));
	turns_until(r, turn_of(r, slot->arg));
	for (uint32_t p = 0; p < JOURNAL_PORTS && goes_on(r); p++)
		for (uint32_t i = 0; i < b.frame_cnt[p] && goes_on(r); i++) {
			const int rc = recorded_next(&r->port[p].in, &f, r->e);

			if (rc < 0)
				r->rc = rc;
			else if (rc == 0 && !r->result->ended)
				r->over = true; // killed: the journal's rings outlived it
			else if (rc == 0)
				r->rc = err_set(r->e, -ENODATA,
						"%s: the capture ends before the journal does",
						r->port[p].in.path);
			else if (!offline_put(&r->offline, p, f.data, f.len))
				r->rc = err_set(r->e, -ENOBUFS, "no buffer for a burst");
		}
	if (!goes_on(r))
		return;
	offline_set_time(&r->offline, slot->ns);
	r->result->burst_cnt++;
	r->result->frame_cnt += slot->feed_seq;
	one_turn(r);
	if (goes_on(r) && r->lane->metrics.frame_received - before != slot->feed_seq)
		differs(r,
			"turn %" PRIu64 ": the run took a burst of %u frames then, the replay did "
			"not: it is still busy with the one before",
			r->turn - 1, slot->feed_seq);
}

/* One look at the timers; asked: the command that was answered in it, or NULL. */
static void
do_tick(struct rerun *r, uint64_t turn, uint64_t ns, const struct journal_asked *asked)
{
	struct command *c = &r->lane->command;

	turns_until(r, turn);
	if (!goes_on(r))
		return;
	offline_set_time(&r->offline, ns);
	if (asked != NULL) {
		c->kind = asked->kind;
		memcpy(c->arg, asked->arg, sizeof(c->arg));
		memcpy(c->symbol, asked->symbol, sizeof(c->symbol));
		c->reply = r->g->reply[0];
		c->reply_max = COMMAND_REPLY_MAX;
		command_ask(c);
		r->result->command_cnt++;
	}
	r->result->tick_cnt++;
	r->lane->turn.turn = r->turn << 1;
	if (r->killed)
		halt_kill(KILL_CONTROL, 0);
	lane_housekeeping(r->lane);
	if (r->killed)
		halt_kill_release(); // what judges next follows the verdicts
	after_step(r);
}

static void
do_ticks(struct rerun *r, const struct journal_slot *slot)
{
	const uint64_t turn = turn_of(r, slot->arg);
	const struct journal_record *next;
	struct journal_asked asked;
	struct journal_ticks ticks;
	uint64_t ns = slot->ns;
	const uint32_t cnt = slot->feed_seq;
	bool has_command = false;

	memcpy(&ticks, slot->body, sizeof(ticks));
	if (cnt > 1 + ARRAY_CNT(ticks.after_ns)) {
		r->rc = err_set(r->e, -EBADMSG, "a record of %u ticks: not of this version", cnt);
		return;
	}
	next = peek(r, &r->line); // a command was answered in the last of them
	if (next != NULL && next->frame.kind == JOURNAL_ASKED) {
		const struct journal_slot s = journal_slot_of(next);

		has_command = true;
		memcpy(&asked, s.body, sizeof(asked));
		recording_take(&r->line);
	}
	for (uint32_t i = 0; i < cnt && goes_on(r); i++) {
		if (i != 0)
			ns += ticks.after_ns[i - 1];
		do_tick(r, turn + (uint64_t)i * r->recording.housekeeping_every, ns,
			has_command && i + 1 == cnt ? &asked : NULL);
	}
}

/*
 * Limits
 */

static void
take_limits(struct rerun *r, const struct journal_record *rec)
{
	const struct journal_text t = journal_text_of(rec);
	struct limits *l = &r->g->limits;

	l->current->version = t.arg - 1; // no lane runs
	r->rc = limits_text_take(l, (const char *)rec->payload + sizeof(t),
				 rec->frame.len - sizeof(t), r->e);
}

/* The turn goes by the version of that number: as the journal has it, however it came to be. */
static void
do_limits(struct rerun *r, const struct journal_slot *slot)
{
	const uint32_t version = slot->feed_seq;
	const struct journal_record *rec = NULL;

	turns_until(r, turn_of(r, slot->arg));
	while (goes_on(r) && (rec = peek(r, &r->versions)) != NULL &&
	       journal_text_of(rec).arg < version)
		recording_take(&r->versions);
	if (!goes_on(r))
		return;
	if (rec != NULL && journal_text_of(rec).arg == version) {
		take_limits(r, rec);
		r->result->limits_cnt++;
	} else if (!r->result->ended) {
		r->over = true; // killed: the lane's word of it outlived the process, and this did
				// not
	} else {
		r->rc = err_set(r->e, -ENODATA,
				"version %u of the limits is not in the journal: records of the "
				"control side were lost",
				version);
	}
}

/*
 * Start and end
 */

/* What was at random, or of another world, in the run. */
static int
check_recording(struct rerun *r, struct err *e)
{
	const struct recording *rec = &r->recording;
	const struct config *c = r->g->config;

	if (rec->lane_cnt != 1 || r->g->map->lane_cnt != 1)
		return err_set(
			e, -ENOTSUP,
			"run %u has %u lanes, the configuration %u: which of two rings a "
			"lane looked at first is recorded nowhere, so only a core map of one "
			"lane can be replayed as it was; `sluice replay --pcap` replays the "
			"market data of any",
			rec->run, rec->lane_cnt, r->g->map->lane_cnt);
	if (rec->lost_cnt != 0)
		return err_set(e, -EINVAL,
			       "run %u: %" PRIu64 " records found no room in the journal; raise "
			       "journal.ring_slots",
			       rec->run, rec->lost_cnt);
	for (uint32_t i = 0; i < c->ports_cnt; i++) {
		const struct recording_port *p = &rec->port[i];

		if (p->used && p->stamped)
			return err_set(e, -ENOTSUP,
				       "port '%s': its device stamped the frames, and what the "
				       "lane made of each stamp is not recorded (its profile's "
				       "hardware_timestamps)",
				       c->ports[i].name);
		if (p->ended && p->dropped_cnt + p->cut_cnt != 0)
			return err_set(e, -EINVAL,
				       "port '%s': the capture lacks %" PRIu64
				       " frames, its writer was behind",
				       c->ports[i].name, p->dropped_cnt + p->cut_cnt);
	}
	for (uint32_t i = 0; i < c->sessions_cnt; i++) {
		if (rec->half_open[i])
			return err_set(e, -ENOTSUP,
				       "session '%s': the run began with a connection that an "
				       "earlier process had left, which is not recorded",
				       c->sessions[i].name);
		if (c->sessions[i].tcp.timestamps)
			return err_set(e, -ENOTSUP,
				       "session '%s': TCP timestamps begin at a number that is not "
				       "recorded (sessions.tcp.timestamps)",
				       c->sessions[i].name);
	}
	return 0;
}

static bool
is_same_text(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "re");
	bool same = f != NULL;

	for (size_t i = 0; same && i < len; i++)
		same = fgetc(f) == (uint8_t)text[i];
	same = same && fgetc(f) == EOF;
	if (f != NULL)
		fclose(f);
	return same;
}

static int
open_ports(struct rerun *r, struct err *e)
{
	struct config *c = r->g->config;
	char name[RECORD_RUN_NAME_MAX], path[1200];
	int rc = 0;

	for (uint32_t i = 0; i < c->ports_cnt && rc == 0; i++) {
		const struct recording_port *p = &r->recording.port[i];

		if (!p->used)
			continue;
		record_run_name(name, r->recording.run, c->ports[i].name);
		snprintf(path, sizeof(path), "%s/%s", r->recording.folder, name);
		rc = recorded_port_open(&r->port[i], path, p->mac, !p->ended, e);
		c->ports[i].mac.is_set = true;
		memcpy(c->ports[i].mac.byte, p->mac, sizeof(p->mac));
		if (rc == 0 && !capture_know_servers(&r->blank[i], c))
			rc = err_set(e, -E2BIG, "too many servers");
		r->result->ended |= p->ended;
	}
	return rc;
}

static void
pin_connection(struct rerun *r, struct tcp *tcp, struct tcp_config *config,
	       const struct session *session, uint32_t port_idx)
{
	r->pin[r->pin_cnt++] = (struct pin){
		.tcp = tcp, .config = config, .session = session, .port = &r->port[port_idx]
	};
}

static void
pin_connections(struct rerun *r)
{
	struct lane *l = r->lane;

	for (uint32_t i = 0; i < l->session_cnt; i++) {
		struct session *s = l->session_here[i];

		s->journal = &r->journal;
		pin_connection(r, &s->tcp, &s->tcp_config, s, s->port->port_idx);
		if (s->drop != NULL)
			pin_connection(r, &s->drop->tcp, &s->drop->tcp_config, NULL,
				       s->drop->port->port_idx);
	}
	for (uint32_t f = 0; f < FEED_MAX; f++)
		if (l->recovery[f] != NULL)
			pin_connection(r, &l->recovery[f]->tcp, &l->recovery[f]->tcp_config, NULL,
				       l->recovery[f]->port->port_idx);
	follow_pins(r);
}

/* What the lane writes down goes where we read it. */
static int
open_journal(struct rerun *r, struct err *e)
{
	struct lane *l = r->lane;

	r->ring = aligned_alloc(CACHE_LINE,
				JOURNAL_RING_HEAD_BYTES + (size_t)JOURNAL_SLOTS * CACHE_LINE);
	if (r->ring == NULL)
		return err_set(e, -ENOMEM, "no memory");
	memset(r->ring, 0, JOURNAL_RING_HEAD_BYTES + (size_t)JOURNAL_SLOTS * CACHE_LINE);
	r->ring->head_bytes = JOURNAL_RING_HEAD_BYTES;
	r->ring->slot_cnt = JOURNAL_SLOTS;
	journal_init(&r->journal, r->ring, &l->events, false);
	journal_taker_init(&r->taker, r->ring);
	l->journal = l->has.journal = &r->journal;
	return 0;
}

static int
begin(struct rerun *r, struct err *e)
{
	const struct recording *rec = &r->recording;
	const struct journal_record *first;
	struct offline_config c = {
		.start_ns = rec->base_ns,
		.base_tsc = rec->base_tsc,
		.memory_mb = MEMORY_MB + MEMORY_PORT_MB * r->g->config->ports_cnt,
		.ring_cnt = RING_CNT,
		.buf_cnt = BUF_SLACK_CNT,
		.frame_max = FRAME_MAX,
		.on_send = on_send,
		.on_send_ctx = r,
	};
	int rc;

	for (uint32_t f = 0; f < r->g->config->feeds_cnt; f++)
		c.buf_cnt += r->g->config->feeds[f].reorder_packets;
	r->g->lcores = false;
	r->g->replay = r->g->recorded = true;
	memcpy(r->g->replay_token, rec->first_token, sizeof(rec->first_token));
	r->offline_made = true;
	rc = offline_open(&r->offline, r->g, &c, e);
	if (rc != 0)
		return rc;
	r->lane = r->g->lane[0];
	r->lane->rxq_burst = LANE_BURST_MAX; // of a burst, the record says how many
	rc = open_journal(r, e);
	if (rc != 0)
		return rc;
	pin_connections(r);
	event_log_add_sink(r->g->log, &r->lane->events);
	halt_lift(HALT_DISARMED); // what risk saw of the flag, its verdicts say
	first = peek(r, &r->versions);
	if (first != NULL)
		take_limits(r, first);
	return r->rc;
}

static void
play(struct rerun *r)
{
	const struct journal_record *rec;

	while (goes_on(r) && (rec = peek(r, &r->line)) != NULL) {
		const struct journal_slot slot = journal_slot_of(rec);

		recording_take(&r->line);
		if (r->result->first_ns == 0)
			r->result->first_ns = slot.ns;
		r->result->last_ns = slot.ns;
		switch (slot.kind) {
		case JOURNAL_TICKS:
			do_ticks(r, &slot);
			break;
		case JOURNAL_BURST:
			do_burst(r, &slot);
			break;
		case JOURNAL_TOOK:
			do_limits(r, &slot);
			break;
		case JOURNAL_KILL:
			r->killed = slot.feed_seq != 0;
			break;
		default:
			r->rc = err_set(r->e, -EBADMSG,
					"a command stands behind no look at the timers");
		}
	}
}

/* What the run did and the replay did not. */
static void
look_for_missing(struct rerun *r)
{
	const struct journal_record *rec;
	struct recorded_frame f;
	char words[WORDS_BYTES];

	if (!goes_on(r) || !r->result->ended)
		return;
	rec = peek(r, &r->decisions);
	if (rec != NULL && record_words(&r->recording.names, rec, NULL, words, sizeof(words)))
		differs(r, "decision %" PRIu64 " of the run, %s", r->result->record_cnt + 1, words);
	for (uint32_t p = 0; p < r->g->config->ports_cnt && goes_on(r); p++) {
		if (r->port[p].out.pcap == NULL || recorded_next(&r->port[p].out, &f, r->e) != 1)
			continue;
		frame_text(port_speaks_ouch42(r->g->config, p), f.data, f.len, words,
			   sizeof(words));
		differs(r, "port %s, frame %" PRIu64 " of the capture: the replay does not send %s",
			r->g->config->ports[p].name, f.no, words);
	}
}

static void
close_all(struct rerun *r)
{
	if (r->g->log != NULL)
		event_log_close(r->g->log);
	r->g->log = NULL;
	if (r->offline_made)
		offline_close(&r->offline);
	free(r->ring);
	for (uint32_t i = 0; i < PORT_MAX; i++)
		recorded_port_close(&r->port[i]);
	recording_walk_end(&r->line);
	recording_walk_end(&r->decisions);
	recording_walk_end(&r->judged);
	recording_walk_end(&r->sent);
	recording_walk_end(&r->versions);
	recording_close(&r->recording);
	free(r);
}

int
rerun(struct gateway *g, const struct rerun_config *c, struct rerun_result *out, struct err *e)
{
	struct rerun *r = calloc(1, sizeof(*r));
	const struct recording *rec;
	int rc;

	memset(out, 0, sizeof(*out));
	if (r == NULL)
		return err_set(e, -ENOMEM, "no memory");
	r->g = g;
	r->e = e;
	r->result = out;
	rec = &r->recording;
	rc = recording_open(&r->recording, c->folder, c->run, e);
	if (rc == 0)
		rc = check_recording(r, e);
	if (rc == 0)
		rc = replay_open_log(g, c->verbose, e);
	if (rc == 0)
		rc = open_ports(r, e);
	out->run = rec->run;
	out->earlier_run = rec->earlier_run;
	out->other_config = rc == 0 && !is_same_text(g->config->file, rec->config, rec->config_len);
	recording_walk_start(&r->line, rec,
			     RECORDING_KIND(TICKS) | RECORDING_KIND(BURST) | RECORDING_KIND(TOOK) |
				     RECORDING_KIND(ASKED) | RECORDING_KIND(KILL),
			     e);
	recording_walk_start(&r->decisions, rec, DECISIONS, e);
	recording_walk_start(&r->judged, rec, RECORDING_KIND(ORDER) | RECORDING_KIND(VERDICT), e);
	recording_walk_start(&r->sent, rec, RECORDING_KIND(SENT), e);
	recording_walk_start(&r->versions, rec, RECORDING_KIND(LIMITS), e);
	if (rc == 0)
		rc = begin(r, e);
	if (rc == 0) {
		play(r);
		look_for_missing(r);
		out->turn_cnt = r->turn;
		rc = r->rc;
	}
	close_all(r);
	return rc;
}
