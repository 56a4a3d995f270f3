/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_COMMAND_H
#define SLUICE_LANE_COMMAND_H

#include "base/clock.h"
#include "base/ordered.h"
#include "ingress/arb.h"
#include "ingress/book_queue.h"
#include "net/order_session.h"
#include "net/tcp.h"
#include "returns/drop_copy.h"

/* What the control plane may ask of a lane.  Answered in housekeeping, by the owner of the state.
 */
enum command_kind {
	COMMAND_NONE = 0,
	COMMAND_STOP,            // end the loop after this turn
	COMMAND_BOOK,            // arg[0] feed, symbol; arg[1] depth -> struct command_book
	COMMAND_BOOK_QUEUES,     // arg[0] feed, symbol; arg[1] depth, arg[2] side, arg[3] 0 or
				 // next_key of the piece before -> struct book_queues
	COMMAND_ORDERS,          // arg[0] session, arg[1] first order to show, arg[2] all -> struct
				 // orders_view[]
	COMMAND_SESSION,         // arg[0] session -> struct command_session
	COMMAND_SESSION_CONNECT, // arg[0] session
	COMMAND_SESSION_DISCONNECT, // arg[0] session: logout, then close
	COMMAND_CANCEL_ALL,   // arg[0] session: cancel every working order; reply_cnt: how many
	COMMAND_CANCEL,       // arg[0] session, arg[1] token of a working order; reply_cnt: 1
	COMMAND_POSITIONS,    // arg[0] 0 or `next`, arg[1] node of limits -> struct risk_position[]
	COMMAND_RISK,         // arg[0] first node -> struct risk_node_view[]
	COMMAND_FEED,         // arg[0] feed -> struct command_feed
	COMMAND_FEED_RECOVER, // arg[0] feed: build its books that are not live anew
	COMMAND_LINK,         // arg[0] port, arg[1] 1 up, 0 down
	COMMAND_CLOCK,        // arg[0] port, reply: struct clock_map of its stamps, to be read
	COMMAND_TIME,         // reply: struct command_time, to be read
	COMMAND_MEASURE,      // reply: struct command_measure, to be read
	COMMAND_JOINED,       // arg[0] port, arg[1] group -> reply_cnt 1: a member, 0: not
	COMMAND_SESSION_ASK,  // arg[0] session, [1] enum encode_ask, [2] scope; symbol or blank
	COMMAND_SESSION_UNREAD, // arg[0] session -> struct session_unread[], oldest first
	COMMAND_MODIFY,    // arg[0] session, arg[1] token, arg[2] shares in total, symbol[0]: 'S',
			   // 'T', 'E' or blank, how a sale shall be marked; reply_cnt: 1
	COMMAND_TCP,       // arg[0] session -> struct command_tcp
	COMMAND_SETTLE,    // arg[0] session, arg[1] token, or 0 for all: orders of unknown fate are
			   // not in the market; reply_cnt: how many
	COMMAND_TOKENS,    // arg[0] session, arg[1] end: numbers below it are reserved durably
	COMMAND_DROP_COPY, // arg[0] session, arg[1] first finding -> struct command_drop_copy;
			   // reply_cnt: findings in it
};

enum {
	COMMAND_REPLY_MAX = 64 * 1024,
};

/* What COMMAND_TIME brings: the map begins at a reading that is already past. */
struct command_time {
	struct clock_map clock;
	uint64_t midnight_ns; // since 1970: the exchange's
};

/* What COMMAND_MEASURE brings: how the lane measures itself, and keeps warm, from now on. */
struct command_measure {
	uint32_t sample_every;       // stage stamps; 0: none
	uint64_t stall_limit_cycles; // 0: no stall is noted
	uint64_t warm_up_ns;         // 0: nothing is rehearsed
};

/* The answer to COMMAND_BOOK. */
struct command_book {
	char symbol[8];
	uint16_t locate;
	uint8_t confidence;
	uint8_t state;
	uint32_t last_px4;
	uint64_t volume_qty;
	uint64_t ts_ns; // exchange time of the feed's last message
	uint32_t row_cnt[2];
	uint32_t level_cnt[2];
	struct book_depth_row row[2][50];
};

/* How a feed's recovery stands. */
struct command_recovery {
	bool on;       // the feed has one
	uint8_t state; // enum recover_state
	bool partial;  // only books that broke by themselves are built anew
	bool hole_open;
	uint8_t tcp_state; // of the snapshot's connection
	uint8_t reject_reason;
	uint64_t hole_from_seq;
	uint64_t hole_to_seq;
	uint64_t store_used_bytes;
	uint64_t store_bytes;
	uint64_t spin_cnt; // messages of the snapshot so far
	uint64_t retry_ns; // failed: when it is tried again; 0: no matter
};

/* The answer to COMMAND_FEED. */
struct command_feed {
	char session[MOLD_SESSION_LEN];
	uint8_t state; // enum arb_state
	bool gap_open;
	bool line_silent[LINE_MAX];
	uint32_t held_cnt;
	uint64_t expected_seq;
	uint64_t gap_from_seq;
	uint64_t gap_to_seq;
	uint64_t line_heard_ns[LINE_MAX];
	struct command_recovery recovery;
};

/* The answer to COMMAND_SESSION. */
struct command_session {
	uint8_t life; // enum order_session_state
	uint8_t why;  // enum order_session_why of the last loss
	uint8_t tcp_state;
	uint8_t tcp_end;
	uint8_t reject_reason;
	char venue_session[SOUP_SESSION_LEN];
	uint16_t local_port;
	uint32_t isn;     // of our side of the connection
	uint32_t peer_ip; // of this connection, or the last
	uint16_t peer_port;
	uint16_t mss;
	uint32_t snd_wnd;
	uint32_t cwnd;
	uint32_t in_flight;
	uint32_t order_open_cnt;
	uint32_t order_max; // that may be open at once
	uint64_t next_seq;
	uint64_t up_ns; // when it became ready for orders; 0: it is not
	uint64_t srtt_ns;
	uint64_t rto_ns;
};

/* The answer to COMMAND_TCP: the connection as it is, or as it was when it ended. */
struct command_tcp {
	uint8_t state;    // enum tcp_state
	uint8_t end;      // enum tcp_end
	uint8_t recovery; // enum tcp_recovery
	uint8_t why;      // enum order_session_why
	uint8_t gap_cnt;
	uint8_t sacked_cnt;
	uint8_t soft_icmp_type; // of the last soft error, with its code
	uint8_t soft_icmp_code;
	bool sack_on;
	bool ts_on;
	bool wscale_on;
	uint32_t local_ip;
	uint32_t peer_ip;
	uint16_t local_port;
	uint16_t peer_port;
	uint16_t mss;
	uint16_t peer_mss;
	uint32_t snd_una;
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
	uint32_t snd_wnd;
	uint32_t rcv_wnd; // as the peer knows it
	uint32_t cwnd;
	uint32_t ssthresh;
	uint32_t in_flight;
	uint32_t unsent;    // bytes queued behind what is in flight
	uint32_t unread;    // bytes in order that nobody has read
	uint32_t gap_bytes; // bytes kept behind a hole
	uint32_t sacked_bytes;
	uint32_t backoff_cnt; // timeouts in a row
	uint64_t srtt_ns;
	uint64_t rttvar_ns;
	uint64_t rto_ns;
	uint64_t rto_in_ns; // until the retransmission timer runs out; 0: it does not run
	uint64_t tx_ago_ns; // since a segment was sent; 0: never
	uint64_t rx_ago_ns; // since one was received; 0: never
	struct tcp_metrics metrics;
};

/* The answer to COMMAND_DROP_COPY. */
struct command_drop_copy {
	uint64_t up_ns; // since when it is logged in; 0: it is not
	uint64_t next_seq;
	uint64_t finding_cnt; // ever
	uint64_t first;       // number of finding[0]
	uint8_t tcp_state;
	uint8_t reject_reason;
	char venue_session[SOUP_SESSION_LEN];
	struct drop_copy_metrics metrics;
	struct drop_finding finding[DROP_FINDING_MAX];
};
static_assert(sizeof(struct command_drop_copy) <= COMMAND_REPLY_MAX, "one answer has all");

/*
 * A mailbox with one letter.  The control plane fills the request and raises asked; the lane
 * answers into reply and sets answered to the same number.  The reply's memory is the control
 * plane's and must stay until then, also when it has stopped waiting.
 */
struct command {
	cache_aligned uint64_t asked; // written by the control plane
	uint32_t kind;
	uint32_t arg[4];
	char symbol[8]; // padded with spaces on the right
	void *reply;
	uint32_t reply_max;              // bytes at reply
	cache_aligned uint64_t answered; // written by the lane, as all below
	int32_t result;                  // 0 or a negative errno
	uint32_t reply_cnt;              // elements in reply
	uint32_t next;                   // where a further request goes on; 0: that was all
};

/* Thread: control plane.  True when the last letter was answered and another may be sent. */
static inline bool
command_idle(const struct command *c)
{
	return load_acquire_u64(&c->answered) == c->asked; // pairs with command_answer
}

/* Thread: control plane, after it has filled the request. */
static inline void
command_ask(struct command *c)
{
	store_release_u64(&c->asked, c->asked + 1); // pairs with command_pending
}

/* Thread: the lane. */
HOT_INLINE bool
command_pending(const struct command *c)
{
	return load_acquire_u64(&c->asked) != c->answered; // pairs with command_ask
}

/* Thread: the lane, after it has written the answer. */
static inline void
command_answer(struct command *c)
{
	store_release_u64(&c->answered, load_relaxed_u64(&c->asked)); // pairs with command_idle
}

#endif
