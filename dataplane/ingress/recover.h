/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_RECOVER_H
#define SLUICE_INGRESS_RECOVER_H

#include "base/arena.h"
#include "base/event.h"
#include "base/hist.h"
#include "base/metric.h"
#include "ingress/recover_store.h"
#include "msg/datagram.h"
#include "msg/frame.h"
#include "wire/moldudp64.h"

/*
 * What arb gave up as lost comes back: from MoldUDP64 request servers, else by a GLIMPSE 5.0
 * snapshot with the live messages replayed over it.  One per feed, between arb and parse; while
 * nothing is missing the lane does not ask it at all.
 *
 *   SYNCHRONISED --hole--> REQUESTING --filled--> SYNCHRONISED
 *                              | no progress, too large, no room, no servers
 *                              v
 *                          SNAPSHOT --whole--> REPLAYING --caught up--> SYNCHRONISED
 *                              |  ^                |
 *                              v  +----- again ----+
 *                           FAILED: tries again later, or when the operator says so
 *
 * A pure state machine: no connection, no clock, no buffer.  The lane brings datagrams of arb,
 * answers of servers and messages of the snapshot; it takes datagrams (recover_next), requests
 * (recover_request) and whether it wants a snapshot (recover_wants_snapshot).  Memory is bounded by
 * store_bytes, whatever arrives.  What it delivers is gapless, or was told to be a gap.
 */
enum recover_state {
	RECOVER_SYNCHRONISED, // the lane need not ask
	RECOVER_REQUESTING,   // from next_seq on something is asked for; what follows it is kept
	RECOVER_SNAPSHOT,     // a snapshot is awaited or taken; what comes meanwhile is kept
	RECOVER_REPLAYING,    // from next_seq on what was kept goes over the snapshot
	RECOVER_FAILED,       // books are stale; retry_ns is when to try again
	RECOVER_STATE_CNT,
};

enum recover_verdict {
	RECOVER_PASS, // *d goes on, with its buffer
	RECOVER_KEPT, // the caller frees the buffer; recover_next has it from now on
	RECOVER_DROP, // the caller frees the buffer
};

/* Why an attempt at a snapshot ended. */
enum recover_snapshot_end {
	RECOVER_SNAPSHOT_CUT,
	RECOVER_SNAPSHOT_TIMEOUT,
	RECOVER_SNAPSHOT_MALFORMED,
	RECOVER_SNAPSHOT_OLDER,
	RECOVER_SNAPSHOT_NEWER,
	RECOVER_SNAPSHOT_OVERTAKEN,
};

enum {
	RECOVER_SERVER_MAX = 4,
	RECOVER_TELL_MAX = 16,
	RECOVER_STORE_MIN = 1 << 17, // the longest datagram fits, twice
};

struct recover_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "ingress/recover_metrics.def"
#undef METRIC
};

struct recover_config {
	uint16_t feed_idx;
	uint8_t server_cnt; // of MoldUDP64 requests; 0: none
	bool has_snapshot;
	uint16_t request_max_messages; // of one request
	uint32_t request_attempts;
	uint64_t request_wait_ns;
	uint64_t request_interval_ns;
	uint64_t request_max_hole; // messages
	uint32_t snapshot_attempts;
	uint64_t snapshot_timeout_ns;
	uint64_t snapshot_retry_ns;
	uint64_t store_bytes;
	struct event_sink *events; // the lane's; NULL says nothing
	struct hist *recovery_ns;  // how long each recovery took; NULL: not recorded
};

/* What arb knows of the feed at this moment. */
struct recover_feed {
	const char *session;    // MOLD_SESSION_LEN letters
	uint64_t expected_seq;  // after the last message it gave
	uint64_t lost_from_seq; // the first one missing before a datagram with DATAGRAM_GAP
	uint64_t lost_since_ns; // when that was found
};

/* A request to be sent as struct mold_head. */
struct recover_request {
	uint8_t server_idx;
	uint64_t seq;
	uint16_t msg_cnt;
	char session[MOLD_SESSION_LEN];
};

/* Messages collected in a buffer that is not recover's. */
struct recover_room {
	uint8_t *at;
	uint16_t bytes;
	uint16_t len;
	uint16_t msg_cnt;
};

enum recover_put {
	RECOVER_PUT_TAKEN,
	RECOVER_PUT_FULL, // the room has no place: deliver it, then bring the message again
	RECOVER_PUT_END,  // the snapshot is over, well or badly: close the connection
};

/* Written by the feed's lane. */
struct recover {
	uint8_t state; // enum recover_state
	bool passing;  // live datagrams go on as well: for books that are not affected
	bool whole;    // the feed has, or had since it was last right, a hole
	bool ending;   // an end of session is to be told when nothing is missing any more
	bool asked;    // a request is on its way
	bool reading;  // the snapshot's connection is wanted
	uint8_t server_cnt;
	uint8_t server_idx; // to be asked next
	uint8_t tell_cnt;
	uint16_t tell[RECOVER_TELL_MAX]; // flags to be told, in this order
	uint16_t feed_idx;
	bool has_snapshot;
	char session[MOLD_SESSION_LEN];
	uint64_t next_seq;  // wanted next: REQUESTING, REPLAYING
	uint64_t live_seq;  // after the last message of arb
	uint64_t since_ns;  // when the time in this state was last counted
	uint64_t opened_ns; // when what is being recovered was found missing
	uint64_t asked_ns;
	uint32_t attempt_cnt;          // requests without progress
	uint32_t snapshot_id;          // of the attempt: another one is another connection
	uint32_t snapshot_attempt_cnt; // snapshots without success
	uint64_t progress_ns;
	uint64_t retry_ns; // when to try again; SNAPSHOT: not reading until then
	uint64_t backoff_ns;
	uint64_t spin_cnt; // messages of the snapshot so far
	struct recover_store store;
	struct recover_config config;
	struct recover_metrics metrics;
};

/*
 * Memory   store_bytes from the arena.
 * Returns  0
 *          -EINVAL  neither servers nor a snapshot, a time or a limit is 0, or store_bytes is less
 *                   than RECOVER_STORE_MIN
 *          -ENOMEM  the arena is used up
 */
int recover_init(struct recover *r, const struct recover_config *c, struct arena *arena,
		 uint64_t now_ns);

/*
 * A datagram of arb, while recover_is_busy or when the datagram has flags, after recover_next told
 * all flags it had.  RECOVER_PASS may have taken flags away from it.
 */
enum recover_verdict recover_on_datagram(struct recover *r, struct datagram *d,
					 const struct recover_feed *feed, uint64_t now_ns);

/* A server's answer.  RECOVER_PASS: *out is filled and owns the buffer. */
enum recover_verdict recover_on_answer(struct recover *r, const struct frame *f, uint64_t now_ns,
				       struct datagram *out);

/*
 * What is to be delivered next, until it is false; before anything arb has.  Messages are copied
 * into room (its len and msg_cnt are set); out->data then is room->at and out->buf is the
 * caller's.  Without messages *out tells flags only.
 */
bool recover_next(struct recover *r, uint64_t now_ns, struct recover_room *room,
		  struct datagram *out);

/* A request that is due.  A lost one is the same as one that was never answered. */
bool recover_request(struct recover *r, uint64_t now_ns, struct recover_request *out);

/*
 * Whether a connection to the snapshot server is to be opened, or kept.  When snapshot_id is not
 * the one it was opened for, a new one.
 */
HOT_INLINE bool
recover_wants_snapshot(const struct recover *r)
{
	return r->reading;
}

/* The connection came a step further: connected, logged in. */
void recover_on_snapshot_step(struct recover *r, uint64_t now_ns);

/* One message of the snapshot, collected in room: empty at the start, at least 64 bytes. */
enum recover_put recover_on_snapshot(struct recover *r, const uint8_t *msg, uint16_t len,
				     struct recover_room *room, uint64_t now_ns);

/* What was collected in room, as a datagram without a buffer. */
void recover_snapshot_datagram(const struct recover *r, const struct recover_room *room,
			       uint64_t now_ns, struct datagram *out);

/* The connection is gone before the snapshot's end. */
void recover_on_snapshot_lost(struct recover *r, uint64_t now_ns);

/* Timers.  Call in housekeeping. */
void recover_on_time(struct recover *r, const struct recover_feed *feed, uint64_t now_ns);

/*
 * Builds the books that are not live anew: the operator says so, or some broke by themselves.
 *
 * Returns  0
 *          -EALREADY  recovery is going on
 *          -ENOTCONN  there is no session yet
 *          -ENOTSUP   no snapshot server, and too many messages to ask for all of them
 */
int recover_start(struct recover *r, const struct recover_feed *feed, uint64_t now_ns);

/* Whether the lane must ask: datagrams do not simply pass. */
HOT_INLINE bool
recover_is_busy(const struct recover *r)
{
	return (r->state != RECOVER_SYNCHRONISED && r->state != RECOVER_FAILED) ||
	       r->tell_cnt != 0 || r->store.cnt != 0 || r->ending;
}

/* The hole that is open: messages from *from_seq up to, not including, *to_seq.  False: none. */
bool recover_hole(const struct recover *r, uint64_t *from_seq, uint64_t *to_seq);

const char *recover_state_name(enum recover_state s);

/* True when everything that must always hold does.  For tests and fuzzing. */
bool recover_check(const struct recover *r);

#endif
