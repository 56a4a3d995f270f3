/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_LANE_H
#define SLUICE_LANE_LANE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/hist.h"
#include "base/journal.h"
#include "base/published.h"
#include "base/ring.h"
#include "decision/risk.h"
#include "decision/strategy.h"
#include "ingress/arb.h"
#include "ingress/book.h"
#include "ingress/parse_itch50.h"
#include "ingress/rx.h"
#include "lane/command.h"
#include "lane/drop_session.h"
#include "lane/hop.h"
#include "lane/latency_id.h"
#include "lane/md_walk.h"
#include "lane/recovery.h"
#include "lane/session.h"
#include "lane/stage_set.h"
#include "lane/slow.h"
#include "lane/tape.h"
#include "msg/bbo.h"
#include "msg/datagram.h"
#include "msg/frame.h"
#include "net/host.h"
#include "port/port_rx.h"
#include "port/port_tx.h"

enum {
	LANE_BURST_MAX = 256,   // core_map.burst cannot be larger
	LANE_RXQ_MAX = 8,       // queues one lane polls
	LANE_LOOK = 256,        // bytes of the next frame that come near before it is walked
	LANE_RECOVERED_MAX = 8, // recovered datagrams of one turn: the queues are polled in between
	LANE_SENT_MAX = 256,    // orders whose tick-to-trade is recorded after one flush

	// behind the last real ones, for rehearsals (rehearsal_feed.h)
	LANE_FEED_MADE_UP = FEED_MAX,
	LANE_RXQ_MADE_UP = LANE_RXQ_MAX,
};

/* What a feed recovers goes ahead of what its arbiter has. */
#define LANE_RECOVERY_BIT(feed_idx) (1U << (feed_idx))
#define LANE_ARB_BIT(feed_idx)      (1U << (FEED_MAX + (feed_idx)))

struct rehearsal;

/* One queue the lane polls, and where its frames go. */
struct lane_rxq {
	struct port_rx q;
	struct rx *rx;          // the feeds of this port; NULL when it carries none for this lane
	struct ring *frame_out; // to the lane that owns the port; NULL when that is this lane
	uint8_t port_idx;
};

/* An order in the burst that goes out next. */
struct lane_sent {
	uint64_t rx_tsc; // of its trigger; 0: it had none
	struct session *session;
	uint32_t token;
	uint32_t feed_seq; // of its trigger
	uint8_t strategy_idx;
	uint64_t rx_ns; // of its trigger
};

struct lane_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "lane/lane_metrics.def"
#undef METRIC
};

/*
 * The lane's own parts, for other threads: set before it runs, and the same ever after.  What the
 * lane itself goes by leads to doubles while it rehearses (rehearsal.h).
 */
struct lane_parts {
	struct strategy *strategy[STRATEGY_MAX];
	struct risk *risk;
	struct session *session[SESSION_MAX];
	struct journal *journal;
};

/*
 * Everything one lane owns.  Written by its lane only, once it runs; the control plane reads
 * metrics and histograms at any time, and asks for the rest through command.
 */
struct lane {
	// read every turn
	struct turn_count turn;
	const struct risk_limits *limits; // as published when the turn began
	struct published *limits_published;
	uint64_t now_tsc; // as last read: after a burst arrived, or in housekeeping
	uint64_t now_ns;
	struct clock_map clock;
	uint32_t housekeeping_every; // turns
	uint32_t housekeeping_left;
	uint64_t housekeeping_tsc; // when it was last done; 0: never
	uint64_t pause_max_cycles; // between two of them
	uint64_t
		control_silence_cycles; // of the control thread, that fire the kill switch; 0: none
	uint32_t sample_every;          // stage stamps: one trigger in so many on average; 0: none
	uint32_t sample_left;
	uint32_t sample_rng;
	uint16_t burst;
	uint16_t rxq_burst; // of one queue, so that all of them fit in burst
	uint8_t rxq_cnt;
	uint8_t strategy_cnt;
	uint8_t session_cnt;
	uint8_t tx_cnt;
	struct journal *journal; // NULL: nothing is written down
	struct tape *tape;       // NULL: the day cannot be replayed (lane/tape.h)
	bool yields;             // shares its core: gives it up after an empty turn
	bool killed;             // housekeeping saw the kill switch on

	// where the walk through the last burst stands; it resumes when there is room again
	uint16_t rx_cnt;
	uint16_t rx_next;
	bool strategies_due;    // housekeeping wants strategies to look at the time
	bool rehearsal_due;     // and empty turns to warm the way of orders
	bool walking;           // the book has not finished with datagram
	bool next_known;        // next is the datagram after it
	bool next_wanted;       // and may be looked for once parse is through with datagram
	bool book_walking;      // the book has instruments to tell about
	bool net_busy;          // frames came for a port's host: there may be something to answer
	uint32_t arb_ready;     // LANE_ARB_BIT(i): feed i's arbiter may have datagrams,
				// LANE_RECOVERY_BIT(i): its recovery; lower bits go first
	uint32_t recovery_busy; // LANE_RECOVERY_BIT(i): feed i's datagrams do not simply pass
	uint32_t recovered_cnt; // recovered datagrams of this turn
	struct datagram datagram;
	struct datagram next;
	struct md_walk walk;
	struct mold_ahead ahead; // the frame after the one taken last
	uintptr_t to_next;       // from parse's place to what it will need of that, in bytes
	void *rx_buf[LANE_BURST_MAX];
	uint8_t rx_buf_rxq[LANE_BURST_MAX];

	// stages, by instance; NULL where another lane has it
	struct arb *arb[FEED_MAX + 1];
	struct recovery *recovery[FEED_MAX + 1]; // NULL also where nothing is recovered
	struct parse *parse[FEED_MAX + 1];
	struct book *book[FEED_MAX + 1];
	struct strategy *strategy[STRATEGY_MAX];
	struct risk *risk;
	struct session *session[SESSION_MAX];
	struct strategy *strategy_here[STRATEGY_MAX]; // those of this lane, without holes
	struct session *session_here[SESSION_MAX];
	struct port_tx *tx[PORT_MAX];
	struct lane_port *port[PORT_MAX]; // ports this lane may send on
	struct lane_rxq rxq[LANE_RXQ_MAX + 1];
	struct rehearsal *rehearsal;

	// rings out
	struct ring *datagram_out[FEED_MAX][LANE_MAX];
	uint8_t datagram_out_cnt[FEED_MAX];
	struct ring *bbo_out[LANE_MAX];
	uint8_t bbo_out_cnt;
	uint16_t bbo_wanted[INSTR_MAX]; // bit i: bbo_out[i] has a strategy for the instrument
	struct ring *mark_out;
	struct ring *intent_out;
	struct ring *order_out[SESSION_MAX];
	struct ring *fill_out;
	struct ring *update_out[STRATEGY_MAX]; // by strategy; NULL where the strategy is here
	struct ring *verdict_out[STRATEGY_MAX];
	struct ring *order_ring[SESSION_MAX]; // the same rings, each once: whose room is asked for
	struct ring *update_ring[LANE_MAX];
	struct ring *verdict_ring[LANE_MAX];
	uint8_t order_ring_cnt;
	uint8_t update_ring_cnt;
	uint8_t verdict_ring_cnt;

	// rings in
	struct ring *in[HOP_CNT][LANE_MAX];
	uint8_t in_cnt[HOP_CNT];

	// orders in the burst that goes out next
	uint64_t flushed_tsc; // when tx_burst had returned with what left before the turn's end
	bool last_wish;       // the intent in hand is its cause's last: its order leaves at once
	uint16_t sent_cnt;
	struct lane_sent sent[LANE_SENT_MAX];

	// seen by others
	struct lane_parts has;
	struct lane_metrics metrics;
	struct lane_slow slow;
	struct hist *latency[LATENCY_CNT];      // NULL where this lane records none
	struct hist *of_strategy[STRATEGY_MAX]; // tick-to-trade; NULL where no order leaves
	struct hist *of_session[SESSION_MAX];
	struct hist *ack_of_session[SESSION_MAX]; // order-to-ack
	struct hist *age_of_feed[FEED_MAX];       // of sampled messages that changed a best price
	struct hist *device_to_trade;             // NULL: not every feed's port stamps its frames
	struct hist *tick_to_wire;   // NULL: no port of its sessions stamps what leaves
	struct hist *device_to_wire; // NULL: one of the two stamps nothing
	uint64_t cycles_per_2_32_ns;
	uint64_t midnight_ns; // since 1970: what the exchange counts its nanoseconds from
	struct event_sink events;
	struct command command;

	// set once
	stage_set stages;
	enum lane_kind kind;
	uint32_t core;
	uint8_t idx;
	const char *name;
	struct arena arena;
	bool stop; // set by a command: the loop ends after this turn
};

#endif
