/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "feed.h"
#include "wire/itch50.h"

void
feed_config_init(struct feed_config *c)
{
	*c = (struct feed_config){
		.pace = FEED_RECORDED,
		.speed_1000 = 1000,
		.skip_rate = 100000,
		.pack_max = 32,
		.linger_ns = 3 * NS_PER_SEC,
		.heartbeat_ns = NS_PER_SEC,
		.loops = 1,
		.session = "SIM0000001",
		.seed = 1,
	};
}

/* "SIM0000001" and so on; a session id without digits at its end stays the same. */
static void
session_name(char out[MOLD_SESSION_LEN + 1], const char *first, uint32_t nth)
{
	const size_t len = strlen(first);
	size_t digits = 0;
	char number[24];

	snprintf(out, MOLD_SESSION_LEN + 1, "%s", first);
	while (digits < len && isdigit((unsigned char)first[len - 1 - digits]))
		digits++;
	if (digits == 0)
		return;
	snprintf(number, sizeof(number), "%020llu", strtoull(first + len - digits, NULL, 10) + nth);
	memcpy(out + len - digits, number + 20 - digits, digits);
}

void
feed_init(struct feed *f, const struct feed_config *c, const struct tape *t,
	  const struct faults *faults)
{
	memset(f, 0, sizeof(*f));
	f->c = *c;
	f->tape = t;
	f->faults = faults;
	f->rng.state = c->seed;
	for (unsigned l = 0; l < FEED_LINES; l++) {
		f->line[l].rng.state = c->seed * 2 + 1 + l;
		STAILQ_INIT(&f->line[l].late);
	}
	f->walk = tape_seek(t, 1);
	mold_pack_init(&f->pack, c->session, 1);
}

void
feed_fini(struct feed *f)
{
	for (unsigned l = 0; l < FEED_LINES; l++) {
		struct feed_late *late;

		while ((late = STAILQ_FIRST(&f->line[l].late)) != NULL) {
			STAILQ_REMOVE_HEAD(&f->line[l].late, link);
			free(late);
		}
	}
}

uint64_t
feed_next_seq(const struct feed *f)
{
	return f->pack.next_seq;
}

uint64_t
feed_tape_seq(const struct feed *f, uint64_t seq)
{
	if (f->shifted_from_seq == 0)
		return seq;
	if (fault_number(f->faults, FAULT_session_change_at) != 0)
		return seq == 0 ? 0 : seq + f->shifted_from_seq - 1;
	if (seq < f->shifted_from_seq)
		return seq;
	return seq - f->shifted_from_seq < FEED_SEQ_JUMP ? 0 : seq - FEED_SEQ_JUMP;
}

/* --- a line and its faults --- */

static void
line_emit(struct feed *f, unsigned l, uint64_t now_ns, const uint8_t *packet, uint16_t len)
{
	const uint64_t delay_us =
		fault_number(f->faults, l == 0 ? FAULT_delay_a_us : FAULT_delay_b_us);
	struct feed_late *late;

	f->line[l].n.sent++;
	if (delay_us == 0) {
		f->send(f->ctx, l, packet, len);
		return;
	}
	late = malloc(sizeof(*late) + len);
	if (late == NULL)
		abort(); // a test program: nothing sensible to do
	late->due_ns = now_ns + delay_us * 1000;
	late->len = len;
	memcpy(late->bytes, packet, len);
	STAILQ_INSERT_TAIL(&f->line[l].late, late, link);
}

static bool
line_silent(struct feed *f, unsigned l, uint64_t seq, uint32_t cnt)
{
	if (!fault_strikes(f->faults, l == 0 ? FAULT_silent_a : FAULT_silent_b, &f->line[l].rng,
			   seq, cnt == 0 ? 1 : cnt))
		return false;
	f->line[l].n.silenced++;
	return true;
}

static void
line_release_held(struct feed *f, unsigned l, uint64_t now_ns)
{
	if (f->line[l].held_len == 0)
		return;
	line_emit(f, l, now_ns, f->line[l].held, f->line[l].held_len);
	f->line[l].held_len = 0;
}

static void
line_flood(struct feed *f, unsigned l, uint64_t now_ns, const uint8_t *packet, uint16_t len)
{
	for (unsigned i = 0; i < FEED_FLOOD_CNT; i++)
		line_emit(f, l, now_ns, packet, len);
	f->line[l].n.flooded++;
}

/* A data packet with cnt messages from the tape's number seq on. */
static void
line_data(struct feed *f, unsigned l, uint64_t now_ns, const uint8_t *packet, uint16_t len,
	  uint64_t seq, uint32_t cnt)
{
	struct feed_line *line = &f->line[l];

	if (line_silent(f, l, seq, cnt))
		return;
	if (fault_strikes(f->faults, l == 0 ? FAULT_loss_a : FAULT_loss_b, &line->rng, seq, cnt)) {
		line->n.lost++;
		return;
	}
	if (line->held_len == 0 &&
	    fault_strikes(f->faults, l == 0 ? FAULT_reorder_a : FAULT_reorder_b, &line->rng, seq,
			  cnt)) {
		memcpy(line->held, packet, len);
		line->held_len = len;
		line->n.reordered++;
		return;
	}
	line_emit(f, l, now_ns, packet, len);
	if (fault_strikes(f->faults, l == 0 ? FAULT_dup_a : FAULT_dup_b, &line->rng, seq, cnt)) {
		line_emit(f, l, now_ns, packet, len);
		line->n.duplicated++;
	}
	if (fault_strikes(f->faults, l == 0 ? FAULT_flood_a : FAULT_flood_b, &line->rng, seq, cnt))
		line_flood(f, l, now_ns, packet, len);
	line_release_held(f, l, now_ns);
}

/* What does not belong into the session, ahead of a data packet; the same on both lines. */
static void
send_intruders(struct feed *f, uint64_t now_ns, const struct mold_pack *p, uint64_t seq)
{
	uint8_t bytes[MOLD_PAYLOAD_MAX];
	uint16_t len;

	if (fault_strikes(f->faults, FAULT_garbage, &f->rng, seq, p->msg_cnt)) {
		len = (uint16_t)rng_below(&f->rng, 200);
		for (uint16_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)rng_next(&f->rng);
		for (unsigned l = 0; l < FEED_LINES; l++) {
			f->line[l].n.garbage++;
			line_emit(f, l, now_ns, bytes, len);
		}
	}
	if (fault_strikes(f->faults, FAULT_truncated, &f->rng, seq, p->msg_cnt)) {
		len = (uint16_t)rng_below(&f->rng, p->len);
		for (unsigned l = 0; l < FEED_LINES; l++) {
			f->line[l].n.truncated++;
			line_emit(f, l, now_ns, p->bytes, len);
		}
	}
	if (fault_strikes(f->faults, FAULT_wrong_session, &f->rng, seq, p->msg_cnt)) {
		memcpy(bytes, p->bytes, p->len);
		memcpy(bytes, "WRONGSESSN", MOLD_SESSION_LEN);
		for (unsigned l = 0; l < FEED_LINES; l++) {
			f->line[l].n.wrong_session++;
			line_emit(f, l, now_ns, bytes, p->len);
		}
	}
	if (fault_strikes(f->faults, FAULT_seq_jump, &f->rng, seq, p->msg_cnt)) {
		memcpy(bytes, p->bytes, p->len);
		mold_head_write(bytes, p->session, p->next_seq - p->msg_cnt + FEED_SEQ_JUMP,
				p->msg_cnt);
		for (unsigned l = 0; l < FEED_LINES; l++) {
			f->line[l].n.seq_jump++;
			line_emit(f, l, now_ns, bytes, p->len);
		}
	}
}

/* Line B's own packet goes out. */
static void
send_pack_b(struct feed *f, uint64_t now_ns)
{
	struct mold_pack *b = &f->pack_b;

	if (b->msg_cnt == 0)
		return;
	mold_pack_finish(b);
	line_data(f, 1, now_ns, b->bytes, b->len, feed_tape_seq(f, b->next_seq - b->msg_cnt),
		  b->msg_cnt);
	mold_pack_next(b);
}

/* The messages of a packet join line B's own. */
static void
fill_pack_b(struct feed *f, uint64_t now_ns, const struct mold_pack *p)
{
	struct mold_pack *b = &f->pack_b;
	struct mold_walk w = { 0 };
	struct mold_msg m;

	mold_walk_start(&w, p->bytes, p->len);
	while (mold_walk_next(&w, &m)) {
		while (!mold_pack_put(b, m.data, m.len)) // no message fills a packet
			send_pack_b(f, now_ns);
		if (b->msg_cnt == 1) {
			const uint32_t most = (uint32_t)fault_number(f->faults, FAULT_pack_b);

			f->pack_b_ns = now_ns;
			f->pack_b_cnt = (uint16_t)(1 + rng_below(&f->line[1].rng, most));
		}
		if (b->msg_cnt >= f->pack_b_cnt)
			send_pack_b(f, now_ns);
	}
}

static void
send_pack(struct feed *f, uint64_t now_ns)
{
	const bool own_b = fault_number(f->faults, FAULT_pack_b) != 0;
	const uint64_t seq = feed_tape_seq(f, f->pack.next_seq - f->pack.msg_cnt);

	mold_pack_finish(&f->pack);
	f->packet_cnt++;
	f->sent_ns = now_ns;
	send_intruders(f, now_ns, &f->pack, seq);
	if (fault_strikes(f->faults, FAULT_loss_both, &f->rng, seq, f->pack.msg_cnt)) {
		for (unsigned l = 0; l < FEED_LINES; l++)
			f->line[l].n.lost++;
		send_pack_b(f, now_ns);
	} else {
		line_data(f, 0, now_ns, f->pack.bytes, f->pack.len, seq, f->pack.msg_cnt);
		if (own_b)
			fill_pack_b(f, now_ns, &f->pack);
		else
			line_data(f, 1, now_ns, f->pack.bytes, f->pack.len, seq, f->pack.msg_cnt);
	}
	mold_pack_next(&f->pack);
	if (f->pack_b.msg_cnt == 0)
		f->pack_b.next_seq = f->pack.next_seq;
}

/* A heartbeat or an end of session. */
static void
send_mark(struct feed *f, uint64_t now_ns, uint16_t cnt)
{
	uint8_t mark[sizeof(struct mold_head)];

	mold_head_write(mark, f->pack.session, f->pack.next_seq, cnt);
	f->sent_ns = now_ns;
	send_pack_b(f, now_ns);
	for (unsigned l = 0; l < FEED_LINES; l++) {
		line_release_held(f, l, now_ns);
		if (!line_silent(f, l, f->walk.seq, 0))
			line_emit(f, l, now_ns, mark, sizeof(mark));
	}
}

static void
send_late(struct feed *f, unsigned l, uint64_t now_ns)
{
	struct feed_late *late;

	while ((late = STAILQ_FIRST(&f->line[l].late)) != NULL && late->due_ns <= now_ns) {
		STAILQ_REMOVE_HEAD(&f->line[l].late, link);
		f->send(f->ctx, l, late->bytes, late->len);
		free(late);
	}
}

/* --- pace --- */

static uint64_t
msg_ts_ns(const uint8_t *msg, uint16_t len)
{
	if (len < sizeof(struct itch50_head))
		return 0;
	return be48_get(((const struct itch50_head *)msg)->ts_ns);
}

/* When the message after the one at tape_ns is due. */
static void
due_next(struct feed *f)
{
	const uint8_t *msg;
	uint16_t len;
	uint64_t ts_ns, gap_1000;

	if (!tape_peek(f->tape, &f->walk, &msg, &len))
		return;
	ts_ns = msg_ts_ns(msg, len);
	if (ts_ns < f->tape_ns) // times may step back a little; never the pace
		ts_ns = f->tape_ns;
	if (ts_ns < f->c.skip_to_ns)
		gap_1000 = NS_PER_SEC * 1000 / f->c.skip_rate;
	else if (f->c.pace == FEED_RATE)
		gap_1000 = NS_PER_SEC * 1000 / f->c.rate;
	else if (f->tape_ns < f->c.skip_to_ns)
		gap_1000 = 0; // the pause across skip_to is not waited for
	else
		gap_1000 = (uint64_t)((unsigned __int128)(ts_ns - f->tape_ns) * 1000000 /
				      f->c.speed_1000);
	if (f->c.gap_max_ns > 0 && gap_1000 > f->c.gap_max_ns * 1000)
		gap_1000 = f->c.gap_max_ns * 1000;
	f->due_frac += gap_1000;
	f->due_ns += f->due_frac / 1000;
	f->due_frac %= 1000;
}

static void
take_message(struct feed *f, const uint8_t *msg, uint16_t len)
{
	const uint64_t ts_ns = msg_ts_ns(msg, len);

	f->apply(f->ctx, msg, len);
	if (ts_ns > f->tape_ns)
		f->tape_ns = ts_ns;
	f->msg_cnt++;
	tape_skip(f->tape, &f->walk);
	due_next(f);
}

/* The next message is the one from which the lines' numbers are others. */
static bool
shift_is_next(const struct feed *f)
{
	const uint64_t change = fault_number(f->faults, FAULT_session_change_at);
	const uint64_t at = change != 0 ? change : fault_number(f->faults, FAULT_seq_jump_at);

	return f->shifted_from_seq == 0 && at != 0 && f->walk.seq == at;
}

static void
shift(struct feed *f, uint64_t now_ns)
{
	char session[MOLD_SESSION_LEN + 1];

	send_pack_b(f, now_ns);
	f->shifted_from_seq = f->walk.seq;
	if (fault_number(f->faults, FAULT_session_change_at) != 0) {
		session_name(session, f->c.session, f->session_cnt);
		mold_pack_init(&f->pack, session, 1);
	} else {
		f->pack.next_seq += FEED_SEQ_JUMP;
	}
	f->pack_b = f->pack;
}

/* Fills and sends one packet of what is due.  False when nothing is. */
static bool
run_packet(struct feed *f, uint64_t now_ns)
{
	const uint16_t most_cnt = f->c.pack_cnt != 0 ? f->c.pack_cnt : f->c.pack_max;
	const uint8_t *msg;
	uint16_t len;

	while (f->pack.msg_cnt < most_cnt && tape_peek(f->tape, &f->walk, &msg, &len)) {
		// a packet of a given size takes what is not due yet, too
		if (f->due_ns > now_ns && (f->c.pack_cnt == 0 || f->pack.msg_cnt == 0))
			break;
		if (shift_is_next(f)) {
			if (f->pack.msg_cnt > 0)
				break;
			shift(f, now_ns);
		}
		if (!mold_pack_put(&f->pack, msg, len))
			break;
		take_message(f, msg, len);
	}
	if (f->pack.msg_cnt == 0)
		return false;
	send_pack(f, now_ns);
	return true;
}

static void
session_begin(struct feed *f, uint64_t now_ns)
{
	char session[MOLD_SESSION_LEN + 1];
	const uint8_t *msg;
	uint16_t len;

	session_name(session, f->c.session, f->session_cnt++);
	mold_pack_init(&f->pack, session, 1);
	f->pack_b = f->pack;
	f->shifted_from_seq = 0;
	f->walk = tape_seek(f->tape, 1);
	f->tape_ns = tape_peek(f->tape, &f->walk, &msg, &len) ? msg_ts_ns(msg, len) : 0;
	f->due_ns = now_ns;
	f->due_frac = 0;
	f->state = FEED_PLAYING;
}

void
feed_start(struct feed *f, uint64_t now_ns)
{
	if (f->state == FEED_WAITING)
		session_begin(f, now_ns);
}

static void
session_end(struct feed *f, uint64_t now_ns)
{
	f->state = FEED_LINGERING;
	f->linger_until_ns = now_ns + f->c.linger_ns;
	send_mark(f, now_ns, MOLD_END_OF_SESSION_CNT);
}

static void
linger(struct feed *f, uint64_t now_ns)
{
	if (now_ns < f->linger_until_ns) {
		if (now_ns - f->sent_ns >= f->c.heartbeat_ns)
			send_mark(f, now_ns, MOLD_END_OF_SESSION_CNT);
		return;
	}
	if (f->c.loops != 0 && f->session_cnt >= f->c.loops) {
		f->state = FEED_OVER;
		return;
	}
	f->next_session(f->ctx);
	session_begin(f, now_ns);
}

void
feed_run(struct feed *f, uint64_t now_ns, unsigned packets_max)
{
	for (unsigned l = 0; l < FEED_LINES; l++)
		send_late(f, l, now_ns);
	if (f->pack_b.msg_cnt > 0 && now_ns >= f->pack_b_ns + FEED_PACK_B_NS)
		send_pack_b(f, now_ns);
	if (f->state == FEED_PLAYING) {
		while (packets_max > 0 && run_packet(f, now_ns))
			packets_max--;
		if (f->walk.seq > f->tape->msg_cnt && !f->c.hold)
			session_end(f, now_ns);
	} else if (f->state == FEED_LINGERING) {
		linger(f, now_ns);
		return;
	}
	if ((f->state == FEED_PLAYING || f->state == FEED_WAITING) &&
	    now_ns - f->sent_ns >= f->c.heartbeat_ns)
		send_mark(f, now_ns, MOLD_HEARTBEAT_CNT);
}

uint64_t
feed_due_ns(const struct feed *f)
{
	uint64_t due_ns = UINT64_MAX;

	for (unsigned l = 0; l < FEED_LINES; l++) {
		const struct feed_late *late = STAILQ_FIRST(&f->line[l].late);

		if (late != NULL && late->due_ns < due_ns)
			due_ns = late->due_ns;
	}
	if (f->state == FEED_OVER)
		return due_ns;
	if (f->pack_b.msg_cnt > 0 && f->pack_b_ns + FEED_PACK_B_NS < due_ns)
		due_ns = f->pack_b_ns + FEED_PACK_B_NS;
	if (f->sent_ns + f->c.heartbeat_ns < due_ns)
		due_ns = f->sent_ns + f->c.heartbeat_ns;
	if (f->state == FEED_PLAYING && f->walk.seq <= f->tape->msg_cnt && f->due_ns < due_ns)
		due_ns = f->due_ns;
	if (f->state == FEED_LINGERING && f->linger_until_ns < due_ns)
		due_ns = f->linger_until_ns;
	return due_ns;
}

/* --- requests --- */

uint16_t
feed_on_request(const struct feed *f, const uint8_t *data, size_t len, uint8_t *out)
{
	const struct mold_head *h = (const struct mold_head *)data;
	struct mold_pack answer;
	struct tape_walk w;
	const uint8_t *msg;
	uint16_t msg_len, cnt;
	uint64_t seq, tape_seq;

	if (len != sizeof(*h) || memcmp(h->session, f->pack.session, MOLD_SESSION_LEN) != 0)
		return 0;
	seq = be64_get(h->seq);
	tape_seq = feed_tape_seq(f, seq);
	cnt = be16_get(h->msg_cnt);
	if (tape_seq == 0 || tape_seq >= f->walk.seq || cnt == 0 || cnt == MOLD_END_OF_SESSION_CNT)
		return 0;
	mold_pack_init(&answer, "", seq);
	memcpy(answer.session, f->pack.session, MOLD_SESSION_LEN);
	w = tape_seek(f->tape, tape_seq);
	while (answer.msg_cnt < cnt && w.seq < f->walk.seq &&
	       feed_tape_seq(f, answer.next_seq) == w.seq &&
	       tape_peek(f->tape, &w, &msg, &msg_len) && mold_pack_put(&answer, msg, msg_len))
		tape_skip(f->tape, &w);
	mold_pack_finish(&answer);
	memcpy(out, answer.bytes, answer.len);
	return answer.len;
}
