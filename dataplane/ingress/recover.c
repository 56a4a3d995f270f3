/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "ingress/recover.h"
#include "wire/itch50.h"

enum {
	GLIMPSE_END = 'G',            // End of Snapshot
	GLIMPSE_END_LEN = 21,         // GLIMPSE 5.0: type and twenty digits
	BACKOFF_MAX_S = 60,           // snapshot_retry_ms doubles up to this
	SPIN_MESSAGE_MAX = 100000000, // guess: ten times the largest book the project knows
};

#define NEVER_NS (1ULL << 62)
#define SEQ_MAX  (1ULL << 48) // as in arb: beyond it a number is damage

COLD int
recover_init(struct recover *r, const struct recover_config *c, struct arena *arena,
	     uint64_t now_ns)
{
	if ((c->server_cnt == 0 && !c->has_snapshot) || c->server_cnt > RECOVER_SERVER_MAX ||
	    c->request_max_messages == 0 || c->request_max_messages >= MOLD_END_OF_SESSION_CNT ||
	    c->request_attempts == 0 || c->request_wait_ns == 0 || c->request_max_hole == 0 ||
	    c->snapshot_attempts == 0 || c->snapshot_timeout_ns == 0 || c->snapshot_retry_ns == 0 ||
	    c->store_bytes < RECOVER_STORE_MIN)
		return -EINVAL;
	*r = (struct recover){
		.state = RECOVER_SYNCHRONISED,
		.server_cnt = c->server_cnt,
		.has_snapshot = c->has_snapshot,
		.feed_idx = c->feed_idx,
		.since_ns = now_ns,
		.config = *c,
		.store = { .base = arena_take(arena, c->store_bytes),
			   .bytes = c->store_bytes & ~7ULL },
	};
	recover_store_clear(&r->store);
	return r->store.base != NULL ? 0 : -ENOMEM;
}

COLD const char *
recover_state_name(enum recover_state s)
{
	static const char *const NAME[] = {
		[RECOVER_SYNCHRONISED] = "synchronised",
		[RECOVER_REQUESTING] = "requesting",
		[RECOVER_SNAPSHOT] = "snapshot",
		[RECOVER_REPLAYING] = "replaying",
		[RECOVER_FAILED] = "failed",
	};

	static_assert(ARRAY_CNT(NAME) == RECOVER_STATE_CNT, "every state has a name");
	return (unsigned)s < RECOVER_STATE_CNT ? NAME[s] : "?";
}

/* The time since the last look belongs to the state it was spent in. */
static COLD void
count_time(struct recover *r, uint64_t now_ns)
{
	uint64_t *const spent[] = {
		[RECOVER_SYNCHRONISED] = &r->metrics.synchronised_ns,
		[RECOVER_REQUESTING] = &r->metrics.requesting_ns,
		[RECOVER_SNAPSHOT] = &r->metrics.snapshot_ns,
		[RECOVER_REPLAYING] = &r->metrics.replaying_ns,
		[RECOVER_FAILED] = &r->metrics.failed_ns,
	};

	if (now_ns > r->since_ns)
		metric_add(spent[r->state], now_ns - r->since_ns);
	r->since_ns = now_ns;
}

static COLD void
enter(struct recover *r, enum recover_state state, uint64_t now_ns)
{
	count_time(r, now_ns);
	r->state = (uint8_t)state;
	r->asked = false;
	r->attempt_cnt = 0;
	metric_set(&r->metrics.state, state);
}

/* Told in this order, before any message that follows. */
static COLD void
tell(struct recover *r, unsigned flags)
{
	uint16_t *last = &r->tell[RECOVER_TELL_MAX - 1];

	if (r->tell_cnt < RECOVER_TELL_MAX) {
		r->tell[r->tell_cnt++] = (uint16_t)flags;
		return;
	}
	// nobody takes them: in one, in which nothing may be believed that was not before
	*last = (uint16_t)((*last | flags) & ~(unsigned)DATAGRAM_RECOVERED);
}

static void
note_store(struct recover *r)
{
	metric_set(&r->metrics.store_used_bytes, r->store.used_bytes);
	if (r->store.used_bytes > r->metrics.store_most_bytes)
		metric_set(&r->metrics.store_most_bytes, r->store.used_bytes);
}

static COLD bool
keep(struct recover *r, const struct datagram *d)
{
	if (!recover_store_put(&r->store, d))
		return false;
	metric_add(&r->metrics.message_stored, d->msg_cnt);
	note_store(r);
	return true;
}

/* Whether books can be built anew at all. */
static bool
can_rebuild(const struct recover *r, uint64_t live_seq)
{
	return r->has_snapshot ||
	       (r->server_cnt != 0 && live_seq <= r->config.request_max_hole + 1);
}

/* Nothing more can be done now.  What was kept is passed on, as far as it goes. */
static COLD void
fail(struct recover *r, uint64_t now_ns)
{
	const uint64_t backoff_max_ns = BACKOFF_MAX_S * 1000000000ULL;

	if (r->backoff_ns == 0)
		r->backoff_ns = r->config.snapshot_retry_ns;
	r->retry_ns = now_ns + r->backoff_ns;
	r->backoff_ns = r->backoff_ns * 2 < backoff_max_ns ? r->backoff_ns * 2 : backoff_max_ns;
	r->reading = false;
	if (r->passing)
		recover_store_clear(&r->store); // its messages went on already
	note_store(r);
	enter(r, RECOVER_FAILED, now_ns);
	tell(r, DATAGRAM_LOST);
	metric_add(&r->metrics.rebuild_lost, 1);
	event_put(r->config.events, EVENT_RECOVERY_LOST, r->feed_idx, now_ns - r->opened_ns,
		  r->retry_ns - now_ns);
}

/* One attempt begins: the books of the affected set are emptied, again if need be. */
static COLD void
begin_snapshot(struct recover *r, uint64_t now_ns)
{
	if (r->state != RECOVER_SNAPSHOT)
		enter(r, RECOVER_SNAPSHOT, now_ns);
	tell(r, DATAGRAM_RECOVERING);
	r->reading = true;
	r->snapshot_id++;
	r->progress_ns = now_ns;
	r->spin_cnt = 0;
	metric_add(&r->metrics.snapshot_tried, 1);
	event_put(r->config.events, EVENT_SNAPSHOT_BEGUN, r->feed_idx, r->snapshot_attempt_cnt + 1);
}

/* Builds the affected books anew: by a snapshot, or by all messages of the day. */
static COLD void
begin_rebuild(struct recover *r, uint64_t now_ns)
{
	metric_add(&r->metrics.rebuild_started, 1);
	if (r->has_snapshot) {
		begin_snapshot(r, now_ns);
		return;
	}
	tell(r, DATAGRAM_RECOVERING);
	r->next_seq = 1;
	enter(r, RECOVER_REPLAYING, now_ns);
	r->progress_ns = now_ns;
}

static COLD void
snapshot_failed(struct recover *r, enum recover_snapshot_end why, uint64_t now_ns)
{
	uint64_t *const counter[] = {
		[RECOVER_SNAPSHOT_CUT] = &r->metrics.snapshot_cut,
		[RECOVER_SNAPSHOT_TIMEOUT] = &r->metrics.snapshot_timeout,
		[RECOVER_SNAPSHOT_MALFORMED] = &r->metrics.snapshot_malformed,
		[RECOVER_SNAPSHOT_OLDER] = &r->metrics.snapshot_older,
		[RECOVER_SNAPSHOT_NEWER] = &r->metrics.snapshot_newer,
		[RECOVER_SNAPSHOT_OVERTAKEN] = &r->metrics.snapshot_overtaken,
	};

	if (r->has_snapshot) {
		metric_add(counter[why], 1);
		event_put(r->config.events, EVENT_SNAPSHOT_FAILED, r->feed_idx, why,
			  r->snapshot_attempt_cnt + 1);
	}
	r->reading = false;
	r->snapshot_attempt_cnt++;
	if (!r->has_snapshot || r->snapshot_attempt_cnt >= r->config.snapshot_attempts) {
		fail(r, now_ns);
		return;
	}
	if (r->state != RECOVER_SNAPSHOT)
		enter(r, RECOVER_SNAPSHOT, now_ns);
	if (r->backoff_ns == 0)
		r->backoff_ns = r->config.snapshot_retry_ns;
	r->retry_ns = now_ns + r->backoff_ns;
	r->backoff_ns *= 2;
	if (r->backoff_ns > BACKOFF_MAX_S * 1000000000ULL)
		r->backoff_ns = BACKOFF_MAX_S * 1000000000ULL;
}

/* The hole at next_seq will not be filled by requests. */
static COLD void
hole_unfilled(struct recover *r, uint64_t now_ns)
{
	if (r->state == RECOVER_REPLAYING)
		snapshot_failed(r, RECOVER_SNAPSHOT_OLDER, now_ns);
	else if (r->has_snapshot)
		begin_rebuild(r, now_ns);
	else
		fail(r, now_ns);
}

/* Everything is there: the next datagram of arb passes. */
static COLD void
finish(struct recover *r, uint64_t now_ns)
{
	const uint64_t took_ns = now_ns > r->opened_ns ? now_ns - r->opened_ns : 0;
	const bool replayed = r->state == RECOVER_REPLAYING;

	metric_add(replayed ? &r->metrics.rebuild_done : &r->metrics.hole_filled, 1);
	if (r->config.recovery_ns != NULL)
		hist_record(r->config.recovery_ns, took_ns);
	event_put(r->config.events, EVENT_RECOVERY_DONE, r->feed_idx, replayed, r->next_seq,
		  took_ns);
	enter(r, RECOVER_SYNCHRONISED, now_ns);
	r->passing = r->whole = false;
	r->snapshot_attempt_cnt = 0;
	r->backoff_ns = 0;
	tell(r, DATAGRAM_RECOVERED);
	if (r->ending)
		tell(r, DATAGRAM_END);
	r->ending = false;
}

/* Whatever went on, it was about a session that is over. */
static COLD void
forget_all(struct recover *r, uint64_t now_ns)
{
	recover_store_clear(&r->store);
	note_store(r);
	r->tell_cnt = 0;
	r->passing = r->whole = r->ending = r->reading = false;
	r->snapshot_attempt_cnt = 0;
	r->backoff_ns = 0;
	r->server_idx = 0;
	if (r->state != RECOVER_SYNCHRONISED)
		enter(r, RECOVER_SYNCHRONISED, now_ns);
}

/*
 * The lines left a hole while nothing, or a part of the books, was being recovered.  False when
 * there is nobody to ask: the datagram passes as arb gave it.
 */
static COLD bool
open_hole(struct recover *r, const struct datagram *d, const struct recover_feed *feed,
	  uint64_t now_ns)
{
	const uint64_t hole_cnt = d->seq - feed->lost_from_seq;
	const bool ask = r->server_cnt != 0 && hole_cnt <= r->config.request_max_hole;

	metric_add(&r->metrics.hole_opened, 1);
	r->whole = true;
	if (!ask && !r->has_snapshot) {
		r->opened_ns = feed->lost_since_ns;
		metric_add(&r->metrics.message_lost, hole_cnt);
		r->retry_ns = now_ns;
		if (d->flags & DATAGRAM_NEW_SESSION) // joined late: the book knows what it is worth
			enter(r, RECOVER_FAILED, now_ns);
		else
			fail(r, now_ns);
		return false;
	}
	memcpy(r->session, feed->session, sizeof(r->session));
	tell(r, d->flags & (DATAGRAM_NEW_SESSION | DATAGRAM_GAP));
	r->opened_ns = feed->lost_since_ns;
	r->next_seq = feed->lost_from_seq;
	r->live_seq = d->seq;
	r->passing = false;
	if (ask) {
		enter(r, RECOVER_REQUESTING, now_ns);
		event_put(r->config.events, EVENT_RECOVERY_REQUESTING, r->feed_idx, r->next_seq,
			  d->seq - 1);
	} else {
		begin_rebuild(r, now_ns);
	}
	return true;
}

/* A hole while a part of the books is built anew: all of them must be now. */
static COLD void
overtake(struct recover *r, const struct datagram *d, const struct recover_feed *feed,
	 uint64_t now_ns)
{
	metric_add(&r->metrics.hole_opened, 1);
	metric_add(&r->metrics.snapshot_overtaken, 1);
	event_put(r->config.events, EVENT_SNAPSHOT_FAILED, r->feed_idx, RECOVER_SNAPSHOT_OVERTAKEN,
		  r->snapshot_attempt_cnt + 1);
	recover_store_clear(&r->store);
	r->whole = true;
	r->passing = false;
	r->reading = false;
	r->live_seq = d->seq;
	r->opened_ns = feed->lost_since_ns;
	tell(r, DATAGRAM_GAP);
	if (can_rebuild(r, d->seq))
		begin_rebuild(r, now_ns);
	else
		fail(r, now_ns);
}

/* No room for what arb brought. */
static COLD void
overflow(struct recover *r, const struct datagram *d, uint64_t now_ns)
{
	if (r->state == RECOVER_REQUESTING && r->has_snapshot)
		begin_rebuild(r, now_ns);
	// a snapshot will have what is oldest, a server has what is newest
	while (r->state == RECOVER_SNAPSHOT && r->store.cnt != 0) {
		metric_add(&r->metrics.message_dropped, recover_store_head(&r->store)->msg_cnt);
		recover_store_drop(&r->store);
		if (keep(r, d))
			return;
	}
	metric_add(&r->metrics.message_dropped, d->msg_cnt);
}

/* Messages of arb while something before them is missing. */
static COLD enum recover_verdict
on_live(struct recover *r, struct datagram *d, uint64_t now_ns)
{
	if (d->msg_cnt != 0) {
		r->live_seq = d->seq + d->msg_cnt;
		if (!(r->state == RECOVER_REPLAYING && r->live_seq <= r->next_seq) && !keep(r, d))
			overflow(r, d, now_ns);
	} else if (d->seq > r->live_seq) {
		r->live_seq = d->seq; // a hole at the end: heartbeats told of it
	}
	return r->passing ? RECOVER_PASS : RECOVER_KEPT;
}

COLD enum recover_verdict
recover_on_datagram(struct recover *r, struct datagram *d, const struct recover_feed *feed,
		    uint64_t now_ns)
{
	const uint16_t heard = d->flags & (DATAGRAM_SILENT | DATAGRAM_HEARD);
	const bool gap = (d->flags & DATAGRAM_GAP) != 0;
	bool idle;

	if (d->flags & DATAGRAM_NEW_SESSION)
		forget_all(r, now_ns);
	idle = r->state == RECOVER_SYNCHRONISED || r->state == RECOVER_FAILED;
	if (idle && r->store.cnt == 0 && (!gap || r->state == RECOVER_FAILED)) {
		if (gap) { // the next attempt may come earlier: it is about all books now
			r->whole = true;
			if ((int64_t)(r->retry_ns - now_ns) > (int64_t)r->config.snapshot_retry_ns)
				r->retry_ns = now_ns + r->config.snapshot_retry_ns;
		}
		if (d->flags & DATAGRAM_END)
			r->retry_ns = now_ns + NEVER_NS;
		return RECOVER_PASS;
	}
	if (gap && r->state == RECOVER_SYNCHRONISED && !open_hole(r, d, feed, now_ns))
		return RECOVER_PASS;
	if (heard != 0)
		tell(r, heard);
	if (d->flags & DATAGRAM_END)
		r->ending = true;
	if (gap && r->passing)
		overtake(r, d, feed, now_ns);
	else if (gap && d->seq > r->live_seq &&
		 r->state != RECOVER_SYNCHRONISED) // one more, known by its numbers
		metric_add(&r->metrics.hole_opened, 1);
	if (r->passing)
		d->flags &= (uint16_t) ~(heard | DATAGRAM_END);
	return on_live(r, d, now_ns);
}

/* The part of the hole at next_seq that is known: up to what is kept, or to what arb knows. */
bool
recover_hole(const struct recover *r, uint64_t *from_seq, uint64_t *to_seq)
{
	const struct recover_record *head = recover_store_head(&r->store);

	if (r->state != RECOVER_REQUESTING && r->state != RECOVER_REPLAYING)
		return false;
	*from_seq = r->next_seq;
	*to_seq = head != NULL ? head->seq : r->live_seq;
	return *from_seq < *to_seq;
}

static enum recover_verdict
drop(uint64_t *reason)
{
	metric_add(reason, 1);
	return RECOVER_DROP;
}

COLD enum recover_verdict
recover_on_answer(struct recover *r, const struct frame *f, uint64_t now_ns, struct datagram *out)
{
	const struct mold_head *h = (const struct mold_head *)f->data;
	const uint8_t *block = f->data + sizeof(*h);
	uint64_t seq, from_seq, to_seq, end_seq;
	uint16_t cnt, skip = 0;

	metric_add(&r->metrics.answer, 1);
	if (!recover_hole(r, &from_seq, &to_seq) || r->tell_cnt != 0)
		return drop(&r->metrics.answer_unasked);
	if (f->len < sizeof(*h))
		return drop(&r->metrics.answer_malformed);
	cnt = be16_get(h->msg_cnt);
	seq = be64_get(h->seq);
	if (cnt == MOLD_HEARTBEAT_CNT || cnt == MOLD_END_OF_SESSION_CNT || seq == 0 ||
	    seq > SEQ_MAX || !mold_packet_exact(f->data, f->len))
		return drop(&r->metrics.answer_malformed);
	if (memcmp(h->session, r->session, sizeof(r->session)) != 0)
		return drop(&r->metrics.answer_wrong_session);
	if (seq > from_seq || seq + cnt <= from_seq)
		return drop(&r->metrics.answer_outside);
	end_seq = seq + cnt;
	if (end_seq > to_seq) {
		metric_add(&r->metrics.answer_beyond, 1);
		end_seq = to_seq;
	}
	for (; seq + skip < from_seq; skip++)
		block += sizeof(be16) + be16_get(*(const be16 *)block);
	*out = (struct datagram){
		.head = { .instr_idx = INSTR_NONE,
			  .feed_idx = r->feed_idx,
			  .rx_ns = f->head.rx_ns },
		.buf = f->buf,
		.data = block,
		.seq = from_seq,
		.msg_cnt = (uint16_t)(end_seq - from_seq),
		.flags = r->state == RECOVER_REPLAYING ? DATAGRAM_REPLAY : 0,
	};
	for (uint16_t i = 0; i < out->msg_cnt; i++)
		block += sizeof(be16) + be16_get(*(const be16 *)block);
	out->len = (uint16_t)(block - out->data);
	r->next_seq = end_seq;
	r->asked = false;
	r->attempt_cnt = 0;
	r->progress_ns = now_ns;
	metric_add(&r->metrics.message_answered, out->msg_cnt);
	return RECOVER_PASS;
}

/* Copies kept messages into the room, as many as it holds. */
static COLD void
give_kept(struct recover *r, struct recover_room *room, struct datagram *out)
{
	struct recover_record *head = recover_store_head(&r->store);

	*out = (struct datagram){
		.head = { .instr_idx = INSTR_NONE, .feed_idx = r->feed_idx, .rx_ns = head->rx_ns },
		.data = room->at,
		.seq = head->seq,
		.flags = r->state == RECOVER_REPLAYING ? DATAGRAM_REPLAY : 0,
		.line_idx = head->line_idx,
	};
	room->len = room->msg_cnt = 0;
	while (head->msg_cnt != 0) {
		const uint8_t *block = recover_record_data(head);
		const uint32_t len = (uint32_t)(sizeof(be16) + be16_get(*(const be16 *)block));

		if (len > room->bytes) {
			if (room->msg_cnt != 0)
				break; // the numbers behind it are another datagram's
			metric_add(&r->metrics.message_too_long, 1);
			recover_record_skip(head);
			out->seq = head->seq;
			continue;
		}
		if (len > (uint32_t)(room->bytes - room->len))
			break;
		memcpy(room->at + room->len, block, len);
		room->len = (uint16_t)(room->len + len);
		room->msg_cnt++;
		recover_record_skip(head);
	}
	r->next_seq = head->seq;
	out->len = room->len;
	out->msg_cnt = room->msg_cnt;
	metric_add(&r->metrics.message_replayed, room->msg_cnt);
	if (head->msg_cnt == 0)
		recover_store_drop(&r->store);
	note_store(r);
}

/* Forgets kept messages that were delivered otherwise.  NULL when none is left. */
static COLD struct recover_record *
first_wanted(struct recover *r)
{
	struct recover_record *head;

	while ((head = recover_store_head(&r->store)) != NULL) {
		if (head->seq + head->msg_cnt > r->next_seq) {
			while (head->seq < r->next_seq)
				recover_record_skip(head);
			return head;
		}
		recover_store_drop(&r->store);
	}
	note_store(r);
	return NULL;
}

/* FAILED: what was kept goes on in spite of the holes.  False when nothing is left to say. */
static COLD bool
skip_hole(struct recover *r)
{
	const struct recover_record *head = recover_store_head(&r->store);

	if (head == NULL) {
		if (r->ending)
			tell(r, DATAGRAM_END);
		r->ending = false;
		return r->tell_cnt != 0;
	}
	if (head->seq > r->next_seq)
		metric_add(&r->metrics.message_lost, head->seq - r->next_seq);
	r->next_seq = head->seq;
	return true;
}

COLD bool
recover_next(struct recover *r, uint64_t now_ns, struct recover_room *room, struct datagram *out)
{
	for (;;) {
		const struct recover_record *head;

		room->len = room->msg_cnt = 0;
		if (r->tell_cnt != 0) {
			*out = (struct datagram){
				.head = { .instr_idx = INSTR_NONE,
					  .feed_idx = r->feed_idx,
					  .rx_ns = now_ns },
				.seq = r->next_seq,
				.flags = r->tell[0],
			};
			r->tell_cnt--;
			for (unsigned i = 0; i < r->tell_cnt; i++)
				r->tell[i] = r->tell[i + 1];
			return true;
		}
		if (r->state == RECOVER_FAILED) {
			if (!skip_hole(r))
				return false;
			if (r->tell_cnt != 0)
				continue;
		} else if (r->state != RECOVER_REQUESTING && r->state != RECOVER_REPLAYING) {
			return false;
		}
		head = first_wanted(r);
		if (head == NULL) {
			if (r->state == RECOVER_FAILED)
				continue;
			if (r->next_seq != r->live_seq)
				return false; // a hole, or a snapshot that is ahead of the lines
			finish(r, now_ns);
			continue;
		}
		if (head->seq > r->next_seq)
			return false;
		give_kept(r, room, out);
		r->progress_ns = now_ns;
		if (room->msg_cnt != 0)
			return true;
	}
}

COLD bool
recover_request(struct recover *r, uint64_t now_ns, struct recover_request *out)
{
	uint64_t from_seq, to_seq, cnt;

	if (!recover_hole(r, &from_seq, &to_seq) || r->tell_cnt != 0)
		return false;
	cnt = to_seq - from_seq;
	if (r->server_cnt == 0 || cnt > r->config.request_max_hole) {
		hole_unfilled(r, now_ns);
		return false;
	}
	if (r->asked) {
		if ((int64_t)(now_ns - r->asked_ns) < (int64_t)r->config.request_wait_ns)
			return false;
		r->asked = false;
		metric_add(&r->metrics.request_unanswered, 1);
		r->server_idx = (uint8_t)((r->server_idx + 1) % r->server_cnt);
	}
	if (r->attempt_cnt >= r->config.request_attempts) {
		hole_unfilled(r, now_ns);
		return false;
	}
	if (r->asked_ns != 0 &&
	    (int64_t)(now_ns - r->asked_ns) < (int64_t)r->config.request_interval_ns)
		return false;
	r->asked = true;
	r->asked_ns = now_ns;
	r->attempt_cnt++;
	if (cnt > r->config.request_max_messages)
		cnt = r->config.request_max_messages;
	*out = (struct recover_request){
		.server_idx = r->server_idx,
		.seq = from_seq,
		.msg_cnt = (uint16_t)cnt,
	};
	memcpy(out->session, r->session, sizeof(out->session));
	metric_add(&r->metrics.request_sent, 1);
	metric_add(&r->metrics.message_requested, cnt);
	return true;
}

COLD void
recover_on_snapshot_step(struct recover *r, uint64_t now_ns)
{
	r->progress_ns = now_ns;
}

/* What a snapshot consists of, and how long each is; 0: does not belong there. */
static uint16_t
spin_len(uint8_t type)
{
	switch (type) {
	case 'S':
		return sizeof(struct itch50_system_event);
	case 'R':
		return sizeof(struct itch50_stock_directory);
	case 'H':
		return sizeof(struct itch50_trading_action);
	case 'Y':
		return sizeof(struct itch50_reg_sho);
	case 'h':
		return sizeof(struct itch50_operational_halt);
	case 'N':
		return sizeof(struct itch50_rpii);
	case 'A':
		return sizeof(struct itch50_add_order);
	case 'F':
		return sizeof(struct itch50_add_order_mpid);
	default:
		return 0;
	}
}

/* Digits with spaces on either side (GLIMPSE 5.0: the padding's side is not stated). */
static bool
digits(const uint8_t *at, uint16_t len, uint64_t *out)
{
	uint16_t digit_cnt = 0;

	*out = 0;
	for (; len != 0 && *at == ' '; at++, len--)
		;
	for (; len != 0 && *at >= '0' && *at <= '9'; at++, len--, digit_cnt++) {
		*out = *out * 10 + (uint64_t)(*at - '0');
		if (*out > SEQ_MAX)
			return false;
	}
	for (; len != 0 && *at == ' '; at++, len--)
		;
	return len == 0 && digit_cnt != 0;
}

/* The snapshot is whole: the live messages from its number on follow. */
static COLD void
end_snapshot(struct recover *r, uint64_t seq, uint64_t now_ns)
{
	metric_add(&r->metrics.snapshot_taken, 1);
	event_put(r->config.events, EVENT_SNAPSHOT_TAKEN, r->feed_idx, r->spin_cnt, seq);
	r->reading = false;
	r->next_seq = seq;
	enter(r, RECOVER_REPLAYING, now_ns);
	r->progress_ns = now_ns;
}

COLD enum recover_put
recover_on_snapshot(struct recover *r, const uint8_t *msg, uint16_t len, struct recover_room *room,
		    uint64_t now_ns)
{
	const uint16_t block_len = (uint16_t)(sizeof(be16) + len);
	const be16 prefix = be16_of(len);
	uint64_t seq;

	if (!r->reading)
		return RECOVER_PUT_END;
	if (len != 0 && msg[0] == GLIMPSE_END) {
		if (room->msg_cnt != 0 || r->tell_cnt != 0)
			return RECOVER_PUT_FULL; // those before it go first
		if (len == GLIMPSE_END_LEN && digits(msg + 1, GLIMPSE_END_LEN - 1, &seq) &&
		    seq != 0)
			end_snapshot(r, seq, now_ns);
		else
			snapshot_failed(r, RECOVER_SNAPSHOT_MALFORMED, now_ns);
		return RECOVER_PUT_END;
	}
	if (len != 0 && spin_len(msg[0]) == 0) {
		metric_add(&r->metrics.snapshot_skipped, 1);
		return RECOVER_PUT_TAKEN;
	}
	if (len == 0 || len != spin_len(msg[0]) || r->spin_cnt >= SPIN_MESSAGE_MAX) {
		snapshot_failed(r, RECOVER_SNAPSHOT_MALFORMED, now_ns);
		return RECOVER_PUT_END;
	}
	if (block_len > room->bytes - room->len || room->msg_cnt == UINT16_MAX || r->tell_cnt != 0)
		return RECOVER_PUT_FULL;
	memcpy(room->at + room->len, &prefix, sizeof(prefix));
	memcpy(room->at + room->len + sizeof(prefix), msg, len);
	room->len = (uint16_t)(room->len + block_len);
	room->msg_cnt++;
	r->spin_cnt++;
	r->progress_ns = now_ns;
	metric_add(&r->metrics.snapshot_message, 1);
	return RECOVER_PUT_TAKEN;
}

COLD void
recover_snapshot_datagram(const struct recover *r, const struct recover_room *room, uint64_t now_ns,
			  struct datagram *out)
{
	*out = (struct datagram){
		.head = { .instr_idx = INSTR_NONE, .feed_idx = r->feed_idx, .rx_ns = now_ns },
		.data = room->at,
		.len = room->len,
		.msg_cnt = room->msg_cnt,
		.flags = DATAGRAM_SNAPSHOT,
	};
}

COLD void
recover_on_snapshot_lost(struct recover *r, uint64_t now_ns)
{
	if (r->reading)
		snapshot_failed(r, RECOVER_SNAPSHOT_CUT, now_ns);
}

/* From SYNCHRONISED or FAILED: the books that are not live anew. */
static COLD void
start(struct recover *r, const struct recover_feed *feed, uint64_t now_ns)
{
	memcpy(r->session, feed->session, sizeof(r->session));
	if (r->state == RECOVER_SYNCHRONISED)
		r->opened_ns = now_ns;
	r->live_seq = feed->expected_seq;
	r->passing = !r->whole;
	begin_rebuild(r, now_ns);
}

COLD void
recover_on_time(struct recover *r, const struct recover_feed *feed, uint64_t now_ns)
{
	const bool late =
		(int64_t)(now_ns - r->progress_ns) >= (int64_t)r->config.snapshot_timeout_ns;

	count_time(r, now_ns);
	if (r->tell_cnt != 0)
		return; // the taker is behind
	switch ((enum recover_state)r->state) {
	case RECOVER_SNAPSHOT:
		if (r->reading && late)
			snapshot_failed(r, RECOVER_SNAPSHOT_TIMEOUT, now_ns);
		else if (!r->reading && (int64_t)(now_ns - r->retry_ns) >= 0)
			begin_snapshot(r, now_ns);
		break;
	case RECOVER_REPLAYING:
		if (r->next_seq > r->live_seq && late)
			snapshot_failed(r, RECOVER_SNAPSHOT_NEWER, now_ns);
		break;
	case RECOVER_FAILED:
		if ((int64_t)(now_ns - r->retry_ns) < 0 || r->store.cnt != 0 ||
		    !can_rebuild(r, feed->expected_seq))
			break;
		start(r, feed, now_ns);
		break;
	case RECOVER_SYNCHRONISED:
	case RECOVER_REQUESTING:
	case RECOVER_STATE_CNT:
		break;
	}
}

COLD int
recover_start(struct recover *r, const struct recover_feed *feed, uint64_t now_ns)
{
	if (recover_is_busy(r))
		return -EALREADY;
	if (feed->expected_seq == UINT64_MAX)
		return -ENOTCONN;
	if (!can_rebuild(r, feed->expected_seq))
		return -ENOTSUP;
	r->snapshot_attempt_cnt = 0;
	r->backoff_ns = 0;
	start(r, feed, now_ns);
	return 0;
}

COLD bool
recover_check(const struct recover *r)
{
	const struct recover_store *s = &r->store;
	uint64_t at = s->head, used_bytes = 0, end_seq = 0;

	if (r->state >= RECOVER_STATE_CNT || r->tell_cnt > RECOVER_TELL_MAX ||
	    (r->reading && r->state != RECOVER_SNAPSHOT) || s->end > s->bytes)
		return false;
	for (uint64_t i = 0; i < s->cnt; i++) {
		const struct recover_record *rec = (const struct recover_record *)(s->base + at);

		if (at + sizeof(*rec) > s->bytes || at + rec->bytes > s->bytes ||
		    sizeof(*rec) + rec->at + rec->len > rec->bytes || rec->msg_cnt == 0 ||
		    rec->seq < end_seq)
			return false;
		end_seq = rec->seq + rec->msg_cnt;
		used_bytes += rec->bytes;
		at += rec->bytes;
		if (at == s->end)
			at = 0;
	}
	return used_bytes == s->used_bytes && used_bytes <= s->bytes;
}
