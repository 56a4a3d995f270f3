/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_STATE_H
#define SLUICE_OBSERVE_STATE_H

#include "base/compiler.h"
#include "base/event.h"
#include "base/must.h"
#include "ingress/book_info.h"
#include "lane/latency_id.h"
#include "msg/mark.h"
#include "msg/update.h"
#include "observe/core_watch.h"

struct err;

/*
 * What the gateway shows of itself: plain snapshots, copied out of the running lanes.  The control
 * socket, the exporters and the final summary know only these; state_gateway.c fills them.
 *
 * Texts are NUL-terminated and complete; an unused one is empty.
 */
enum {
	STATE_NAME_MAX = 32,
	STATE_TEXT_MAX = 128,
	STATE_LINE_CNT_MAX = FEED_LINE_MAX,
	STATE_RING_MAX = 32, // rings one lane takes from
	STATE_DEPTH_MAX = 50,
	STATE_QUEUE_MAX = 256, // orders shown of one level
	STATE_LABEL_MAX = 4,
	STATE_LATENCY_MAX = 160, // rows of the latency table
};

struct state_status {
	char version[STATE_NAME_MAX];
	char environment[STATE_NAME_MAX]; // simulation, test, live
	char config_file[STATE_TEXT_MAX];
	uint64_t start_ns;              // since 1970
	uint64_t now_ns;                // since 1970
	uint32_t halt_reasons;          // enum halt_reason; 0: orders may leave
	char halt_text[STATE_TEXT_MAX]; // what the operator gave as the reason, or empty
	bool journal_failing; // the audit journal's disk takes no records, or stands still
	uint32_t limits_version;
	bool huge_pages;   // false: degraded, ordinary pages
	bool shared_cores; // lanes share cores: not for speed
	int32_t pid;
	uint32_t control_core;
	uint64_t md_cnt;         // market data messages delivered to books
	uint64_t md_lost_cnt;    // given up in gaps
	uint64_t intent_cnt;     // judged by risk
	uint64_t rejected_cnt;   // refused by risk
	uint64_t order_sent_cnt; // new orders that left
	uint64_t executed_cnt;   // executions reported by venues
	uint32_t order_open_cnt; // in the market now
};

struct state_port {
	char name[STATE_NAME_MAX];
	char device[STATE_TEXT_MAX];
	char driver[STATE_NAME_MAX];
	char profile[STATE_NAME_MAX];
	char mac[STATE_NAME_MAX];
	char address[STATE_NAME_MAX];
	bool link_up;
	bool rx_hw_time;  // received packets carry the time of the NIC, or of the capture read
	bool rx_steering; // the NIC steers flows to queues
	uint32_t link_mbps;
	uint32_t rx_queue_cnt;
	uint32_t tx_queue_cnt;
	uint64_t rx_packet_cnt;
	uint64_t rx_bytes;
	uint64_t rx_missed_cnt;    // no free descriptor: the lane was too slow
	uint64_t rx_no_buffer_cnt; // the pool was empty
	uint64_t rx_error_cnt;
	uint64_t tx_packet_cnt;
	uint64_t tx_bytes;
	uint64_t tx_error_cnt;
	uint32_t buffer_cnt;      // of the port's pool
	uint32_t buffer_free_cnt; // now
};

struct state_ring {
	char kind[STATE_NAME_MAX]; // the message
	char from[STATE_NAME_MAX]; // the putting lane
	uint32_t slot_cnt;
	uint32_t depth; // now
};

enum state_lane_run {
	STATE_LANE_STOPPED,
	STATE_LANE_RUNNING,
	STATE_LANE_ENDED, // a must() failed
};

struct state_lane {
	char name[STATE_NAME_MAX];
	char stages[STATE_TEXT_MAX]; // separated by spaces
	int32_t core;
	uint32_t run; // enum state_lane_run
	uint64_t turn_cnt;
	uint64_t busy_turn_cnt; // turns that took at least one message
	uint64_t msg_cnt;       // messages taken
	uint64_t pause_max_ns;  // longest time between two looks at timers and commands
	uint64_t stall_cnt;     // times it stood still (latency.stall_us)
	uint64_t stall_max_ns;
	uint64_t event_lost_cnt;
	uint64_t memory_bytes; // its arena
	uint32_t ring_cnt;     // that it takes from
	struct state_ring ring[STATE_RING_MAX];
};

struct state_line {
	char port[STATE_NAME_MAX];
	char group[STATE_NAME_MAX]; // "239.10.1.1:26400"
	bool silent;
	bool joined;
	uint64_t packet_cnt;
	uint64_t first_cnt;     // packets of which this line brought the first copy
	uint64_t duplicate_cnt; // packets that another line had brought before
	uint64_t last_heard_ns; // since 1970; 0: never
	uint64_t msg_cnt;       // received
	uint64_t missing_cnt;   // messages the line itself left out
	uint64_t unordered_cnt; // packets after a later one of the line
	uint64_t lag_p50_ns;    // how much later than the first copy this line's came, when it was
	uint64_t lag_p99_ns;    // the second
};

struct state_recovery {
	char state[STATE_NAME_MAX]; // "off": the feed has none
	uint64_t hole_from_seq;     // 0: no hole is open
	uint64_t hole_cnt;          // messages
	uint64_t request_cnt;
	uint64_t unanswered_cnt;
	uint64_t answered_cnt; // messages
	uint64_t snapshot_tried_cnt;
	uint64_t snapshot_taken_cnt;
	uint64_t done_cnt; // recoveries that ended well
	uint64_t lost_cnt; // ... and badly
	uint64_t store_used_bytes;
	uint64_t time_p50_ns; // of a recovery that ended well
	uint64_t time_p99_ns;
	uint64_t time_max_ns;
	uint64_t requesting_ns; // in that state, all in all
	uint64_t snapshot_ns;
	uint64_t replaying_ns;
	uint64_t failed_ns;
};

struct state_feed {
	char name[STATE_NAME_MAX];
	char session[STATE_NAME_MAX];
	bool silent;
	bool gap_open;
	bool ended;
	uint64_t next_seq;
	uint64_t msg_cnt;
	uint64_t gap_cnt;      // opened
	uint64_t gap_lost_cnt; // given up
	uint64_t msg_lost_cnt;
	uint64_t reorder_held_cnt; // packets held back now
	uint32_t line_cnt;
	struct state_line line[STATE_LINE_CNT_MAX];
	struct state_recovery recovery;
};

enum state_session_run {
	STATE_SESSION_DOWN,
	STATE_SESSION_CONNECTING,
	STATE_SESSION_LOGIN,
	STATE_SESSION_UP,
	STATE_SESSION_REFUSED, // login rejected: waits for the operator
	STATE_SESSION_ENDED,
};

struct state_session {
	char name[STATE_NAME_MAX];
	char protocol[STATE_NAME_MAX];
	char local[STATE_NAME_MAX]; // address:port
	char peer[STATE_NAME_MAX];
	char venue_session[STATE_NAME_MAX];
	char lost_reason[STATE_TEXT_MAX]; // of the last loss, or empty
	char tcp[STATE_NAME_MAX];         // the connection's own state
	uint32_t run;                     // enum state_session_run
	uint64_t up_since_ns;             // since 1970; 0: down
	uint64_t next_seq;                // of the venue's messages
	uint64_t order_sent_cnt;
	uint64_t report_cnt;
	uint64_t connect_cnt;
	uint64_t tx_segment_cnt;
	uint64_t resent_segment_cnt;
	uint64_t rx_segment_cnt;
	uint64_t rtt_ns; // smoothed; 0: not measured
	uint32_t order_open_cnt;
	uint32_t order_max; // that may be open at once; 0: the lane was not asked
};

enum {
	STATE_TCP_COUNTER_MAX = 64,
};

/* One of a connection's counters. */
struct state_counter {
	const char *name;
	const char *help;
	uint64_t value;
};

enum {
	STATE_UNREAD_MAX = 32,
	STATE_UNREAD_BYTES = 108,
};

/* What an operator may ask of the venue. */
enum state_ask {
	STATE_ASK_MASS_CANCEL,
	STATE_ASK_DISABLE,
	STATE_ASK_ENABLE,
	STATE_ASK_ACCOUNT,
};

/* Which orders a mass cancel means. */
struct state_scope {
	const char *symbol; // NULL: all
	char side;          // B, S, T, E; 0: all
	uint16_t group_id;  // 0: all
};

/* A message of the venue that was not understood. */
struct state_unread {
	uint64_t ns; // since 1970
	uint64_t seq;
	uint32_t len;
	char why[STATE_NAME_MAX];
	char hex[2 * STATE_UNREAD_BYTES + 1]; // as much of it as was kept
};

/* A TCP connection, as it is or as it was when it ended. */
struct state_tcp {
	char session[STATE_NAME_MAX];
	char local[STATE_NAME_MAX]; // address:port
	char peer[STATE_NAME_MAX];
	char state[STATE_NAME_MAX];
	char recovery[STATE_NAME_MAX];   // "none", "fast", "timeout"
	char last_error[STATE_TEXT_MAX]; // why the last connection ended; empty: none did
	char options[STATE_NAME_MAX];    // agreed with the peer
	uint64_t snd_una;
	uint64_t snd_nxt;
	uint64_t rcv_nxt;
	uint64_t mss_bytes;
	uint64_t peer_mss_bytes;
	uint64_t snd_wnd_bytes;
	uint64_t rcv_wnd_bytes;
	uint64_t cwnd_bytes;
	uint64_t ssthresh_bytes; // 0: not lowered yet
	uint64_t in_flight_bytes;
	uint64_t unsent_bytes;
	uint64_t unread_bytes;
	uint64_t gap_cnt;
	uint64_t gap_bytes;
	uint64_t sacked_bytes;
	uint64_t timeout_cnt; // in a row
	uint64_t rtt_ns;
	uint64_t rtt_var_ns;
	uint64_t rto_ns;
	uint64_t rto_in_ns;
	uint64_t tx_ago_ns;
	uint64_t rx_ago_ns;
	uint32_t counter_cnt;
	struct state_counter counter[STATE_TCP_COUNTER_MAX]; // those that are not zero
};

struct state_level {
	int64_t px4;
	uint64_t qty;
	uint32_t order_cnt;
};

/* A level and its orders: order[first] is executed first. */
struct state_queue {
	struct state_level level;
	uint32_t first;
	uint32_t shown_cnt; // less than level.order_cnt: the first ones
};

struct state_queue_order {
	uint64_t ref;
	uint32_t qty;
};

/* The orders of a symbol's best levels; each level is of one moment. */
struct state_queues {
	uint32_t bid_cnt;
	uint32_t ask_cnt;
	uint32_t order_cnt;
	struct state_queue bid[STATE_DEPTH_MAX]; // best first
	struct state_queue ask[STATE_DEPTH_MAX];
	struct state_queue_order order[2 * STATE_DEPTH_MAX * STATE_QUEUE_MAX];
};

struct state_book {
	char symbol[STATE_NAME_MAX];
	char feed[STATE_NAME_MAX];
	uint16_t locate;
	uint8_t confidence; // enum confidence
	uint8_t state;      // enum trading_state
	uint64_t ts_ns;     // exchange time of the last change, since midnight
	int64_t last_px4;
	uint64_t volume_qty; // printed today
	uint32_t order_cnt;  // on the levels below
	uint32_t bid_cnt;    // levels filled below
	uint32_t ask_cnt;
	uint32_t bid_level_cnt; // levels the book has
	uint32_t ask_level_cnt;
	struct state_level bid[STATE_DEPTH_MAX]; // best first
	struct state_level ask[STATE_DEPTH_MAX];
	// of configured instruments only
	bool configured;
	bool volume_partial;  // prints may be missing from volume and average
	uint8_t phase;        // enum feed_phase
	uint8_t short_sale;   // Reg SHO: '0' none, '1' '2' restricted, 0 unknown
	uint8_t authenticity; // 'T': a test symbol
	uint8_t breach_level; // of the market-wide circuit breaker: '1'..'3', 0: none
	uint64_t mwcb_px8[3]; // its levels, 1/100000000; 0: not heard
	char reason[5];       // of the last trading action
	uint32_t trade_cnt;
	uint64_t next_seq; // all of this is after every message below it, and none later
	uint64_t seen_ns;  // when, since 1970
	uint64_t spent_ns[CONFIDENCE_CNT];
	int64_t vwap_px4; // 0: nothing was printed
	int64_t open_px4; // of the crosses; 0: there was none
	int64_t close_px4;
	int64_t halt_px4;
	int64_t lot_bid_px4; // where a round lot stands; 0: not within the levels
	int64_t lot_ask_px4;
	int64_t band_lo_px4; // 0: none
	int64_t band_hi_px4;
	uint32_t round_lot_qty;
	struct md_directory directory;
	struct book_notes notes;
};

struct state_order {
	char symbol[STATE_NAME_MAX];
	char session[STATE_NAME_MAX];
	char strategy[STATE_NAME_MAX];
	uint32_t token;
	uint64_t venue_ref;
	uint8_t side;  // enum side
	uint8_t state; // enum order_state
	int64_t px4;
	uint32_t qty;
	uint32_t open_qty;
	uint32_t executed_qty;
	uint16_t reject_code;
	uint64_t sent_ns; // since 1970
};

struct state_position {
	char symbol[STATE_NAME_MAX];
	int64_t position_qty; // negative: short
	uint64_t open_buy_qty;
	uint64_t open_sell_qty;
	uint64_t bought_qty;
	uint64_t sold_qty;
	int64_t bought_ntl4;
	int64_t sold_ntl4;
	int64_t average_px4; // of the position, 0 without one
	int64_t realised_ntl4;
	int64_t unrealised_ntl4;
	int64_t exposure_ntl4; // of position and open orders
	int64_t mark_px4;      // what risk believes the price is; 0: nothing
	uint8_t confidence;    // enum confidence
	uint8_t state;         // enum trading_state
};

/* One limit of a level of the tree, and what is held against it. */
struct state_risk {
	char kind[STATE_NAME_MAX]; // "firm", "account", "strategy"
	char name[STATE_NAME_MAX];
	char parent[STATE_NAME_MAX]; // the level above; empty: none
	char mode[STATE_NAME_MAX];   // its own
	char check[STATE_NAME_MAX];  // as the limit's key
	char value[STATE_NAME_MAX];
	char limit[STATE_NAME_MAX]; // empty: none
	char unit[STATE_NAME_MAX];
	uint64_t refused_cnt; // by any limit of the level
};

/* A change of limits that is not one value for all or for an instrument. */
enum state_limits_act {
	STATE_LIMITS_NODE,     // key, value; kind, name
	STATE_LIMITS_ENABLE,   // name of a strategy; who
	STATE_LIMITS_RESTRICT, // symbol; kind, name
	STATE_LIMITS_RELEASE,  // the same, taken back
	STATE_LIMITS_LOCATE,   // symbol, name of an account, qty
	STATE_LIMITS_FORGET,   // all that was set by hand
};

struct state_limits_wish {
	enum state_limits_act act;
	const char *kind; // "firm", "account", "strategy"
	const char *name;
	const char *key;
	const char *value;
	const char *symbol;
	const char *who;
	uint32_t qty;
};

struct state_latency_row {
	char name[STATE_NAME_MAX];
	char from[STATE_TEXT_MAX]; // the two end points, for people
	char to[STATE_TEXT_MAX];
	char source[STATE_TEXT_MAX]; // of both stamps, and how finely it counts; empty: not known
	char note[512];              // what makes the row worth less; empty: nothing
	bool end_point;              // tick to trade; otherwise a stage, which is sampled
	uint64_t cnt;
	uint64_t min_ns;
	uint64_t p50_ns;
	uint64_t p90_ns;
	uint64_t p99_ns;
	uint64_t p999_ns;
	uint64_t p9999_ns;
	uint64_t max_ns;
	uint64_t sum_ns; // to the width of the buckets, 1/1000
};

/*
 * An order that took long, and all that is known about it.  cause and words are made of the rest
 * (outlier_words.h).
 */
struct state_outlier {
	uint64_t when_ns; // 1970; it left
	uint64_t took_ns; // tick-to-trade
	uint64_t
		waited_ns; // the lane stood still so long before it took the trigger; 0: it did not
	uint64_t limit_ns; // the threshold it exceeded
	uint64_t usual_ns; // the lane's median
	char strategy[STATE_NAME_MAX];
	char session[STATE_NAME_MAX];
	char lane[STATE_NAME_MAX];        // that sent it
	char kernel_port[STATE_NAME_MAX]; // it left by; empty: one whose driver asks no kernel
	uint32_t token;
	uint32_t feed_seq;                    // of the trigger, its low 32 bits
	bool staged;                          // the trigger was a sampled one
	uint64_t stage_ns[LATENCY_STAGE_CNT]; // by latency.def; 0: no such stage, or not known
	uint32_t burst_cnt;                   // frames received at once; 0: not known
	uint32_t burst_pos;                   // which of them, from 1
	uint32_t sent_cnt;                    // orders sent at once
	uint32_t ring_depth;                  // of the fullest ring the lane takes from
	char ring[STATE_NAME_MAX];
	uint64_t idle_ns; // since the lane's last order; 0: it was the first
	bool cold;        // and nothing was rehearsed meanwhile
	// the longest time that a lane stood still within it, or before it
	uint64_t stall_ns; // 0: none is known
	char stall_lane[STATE_NAME_MAX];
	int32_t stall_core;
	uint64_t stall_taken_cnt; // messages and frames it took meanwhile
	bool in_housekeeping;
	// of the core where that was, or of the sending lane's, from window_ns around it
	uint64_t window_ns; // 0: /proc told nothing
	struct core_delta core;
	char rivals[CORE_RIVALS_MAX]; // core_rivals
	uint64_t rivals_ns;           // between its two readings; 0: there were none
	char cause[STATE_NAME_MAX];
	char words[1024];
};

struct state_limit {
	char key[STATE_NAME_MAX];
	char symbol[STATE_NAME_MAX]; // empty: for every instrument
	char node[STATE_NAME_MAX];   // "account NAME", "strategy NAME"; empty: the firm
	char value[STATE_NAME_MAX];  // as it is written in the configuration
	char unit[STATE_NAME_MAX];
	char allowed[STATE_NAME_MAX]; // "1..1000000"
};

struct state_config {
	char key[STATE_TEXT_MAX]; // "sessions[0].peer"
	char value[STATE_TEXT_MAX];
	char source[STATE_TEXT_MAX]; // "sluice.yaml:12", "default"
};

/* A key that the file has otherwise than the gateway had it. */
struct state_reload {
	char key[128]; // "strategies[taker].limits.order_max_qty"
	char was[128];
	char now[128];
	bool applied; // false: only a restart can do it
};

struct state_manifest {
	char name[48];
	char hash[65]; // empty: approved, and not here
	char text[STATE_TEXT_MAX];
	bool judged; // there is something approved to compare it with
	bool approved;
};

struct state_label {
	const char *key;
	const char *value;
};

struct state_metric {
	const char *module;
	const char *name; // without module and _total
	const char *help;
	bool counter; // otherwise a gauge
	uint32_t label_cnt;
	struct state_label label[STATE_LABEL_MAX];
	uint64_t value;
};

struct state_event {
	uint64_t ns;      // since 1970
	uint64_t cnt;     // how often in a row
	uint8_t severity; // enum event_severity
	char code[STATE_NAME_MAX];
	char lane[STATE_NAME_MAX]; // "control" for the control thread
	char text[256];
};

/* A port's capture, running or the last one. */
struct state_capture {
	char port[STATE_NAME_MAX];
	char file[512];
	char direction[8];        // rx, tx, both
	char why[STATE_TEXT_MAX]; // it ended; empty while it runs
	bool running;
	uint64_t captured_cnt;
	uint64_t dropped_cnt; // the writer was behind
	uint64_t blanked_cnt; // had a password
	uint64_t cut_cnt;     // kept in part
	uint64_t disk_error_cnt;
	uint64_t max_bytes;
	uint64_t start_ns;
	uint64_t end_ns; // 0: it runs
};

struct state_capture_wish {
	const char *port;
	const char *file;
	const char *direction; // rx, tx, both; NULL: both
	uint64_t max_mb;       // 0: as the gateway thinks right
	uint64_t snaplen;      // 0: all of a frame
};

/* The kill switch. */
struct state_kill {
	bool on;
	char cause[STATE_NAME_MAX]; // empty while it is off, as all below but the file
	char when[48];
	char who[STATE_TEXT_MAX];
	char why[192];
	char latch_file[512];
};

enum {
	STATE_BREAKER_MAX = 32,
	STATE_RELOAD_MAX = 4096,
};

struct state_breaker {
	char name[STATE_NAME_MAX];
	char watch[STATE_NAME_MAX];
	char of[STATE_NAME_MAX];    // as configured; empty: each
	char worst[STATE_NAME_MAX]; // whose value this is
	char unit[STATE_NAME_MAX];
	char action[STATE_NAME_MAX];
	char rearm[STATE_NAME_MAX];
	bool tripped;
	uint64_t value;
	uint64_t max; // since the start
	uint64_t threshold;
	uint64_t count; // 0: threshold alone says it
	uint64_t window_ms;
	uint64_t since_ns; // 1970; when it tripped or was re-armed; 0: at the start
	uint64_t trip_cnt;
};

enum {
	STATE_FINDING_MAX = 256,
};

/* A session's drop copy. */
struct state_drop_copy {
	char session[STATE_NAME_MAX];
	char peer[STATE_NAME_MAX];
	char venue_session[STATE_NAME_MAX];
	bool up;
	uint64_t up_ns; // since 1970; 0: it is not
	uint64_t next_seq;
	uint64_t matched_cnt;
	uint64_t added_cnt;
	uint64_t missing_cnt;
	uint64_t altered_cnt;
	uint64_t unread_cnt;
	uint64_t pending_cnt;
};

/* A difference between it and our own executions. */
struct state_drop_finding {
	uint64_t ns;
	char session[STATE_NAME_MAX];
	char symbol[STATE_NAME_MAX];
	char difference[STATE_NAME_MAX]; // added, missing, altered, unread
	char text[320];
	bool frozen; // the instrument still is
};

typedef void state_metric_fn(void *arg, const struct state_metric *m);

/*
 * Who can fill the snapshots.  All functions run on the control thread, answer within a fraction of
 * a second, and return a negative errno on failure.  Functions that list rows fill at most row_max
 * of them, newest or most important first where there is an order, and return how many there are.
 *
 * Those that may refuse (actions, books, limits) write the reason into *e.
 */
struct state_source {
	void *ctx;

	int (*status)(void *ctx, struct state_status *out);
	int (*ports)(void *ctx, struct state_port *row, size_t row_max);
	int (*lanes)(void *ctx, struct state_lane *row, size_t row_max);
	int (*feeds)(void *ctx, struct state_feed *row, size_t row_max);
	int (*sessions)(void *ctx, struct state_session *row, size_t row_max);
	/* session NULL: all.  A lane that does not answer leaves its rows out. */
	int (*tcp)(void *ctx, const char *session, struct state_tcp *row, size_t row_max,
		   struct err *e);
	int (*session_ask)(void *ctx, const char *session, enum state_ask ask,
			   const struct state_scope *scope, struct err *e);
	/* Oldest first. */
	int (*session_unread)(void *ctx, const char *session, struct state_unread *row,
			      size_t row_max, struct err *e);
	int (*book)(void *ctx, const char *symbol, uint32_t depth, struct state_book *out,
		    struct err *e);
	int (*queues)(void *ctx, const char *symbol, uint32_t depth, struct state_queues *out,
		      struct err *e);
	/* all: finished ones too, as far as they are remembered. */
	int (*orders)(void *ctx, bool all, struct state_order *row, size_t row_max, struct err *e);
	/* kind "firm", "account" or "strategy". */
	int (*positions)(void *ctx, const char *kind, const char *name, struct state_position *row,
			 size_t row_max, struct err *e);
	int (*latency)(void *ctx, struct state_latency_row *row, size_t row_max);
	void (*latency_reset)(void *ctx);
	/* The last interval that ended. */
	int (*latency_interval)(void *ctx, struct state_latency_row *row, size_t row_max);
	/* Into a new file; format "hdr" or "percentiles". */
	int (*latency_export)(void *ctx, const char *file, const char *format, struct err *e);
	/* The slowest first. */
	int (*outliers)(void *ctx, struct state_outlier *row, size_t row_max);
	void (*outliers_reset)(void *ctx);
	/* symbol NULL: all rows. */
	int (*limits)(void *ctx, const char *symbol, struct state_limit *row, size_t row_max,
		      struct err *e);
	/* symbol NULL: for every instrument.  In force in every lane when this returns 0. */
	int (*limits_set)(void *ctx, const char *key, const char *value, const char *symbol,
			  struct err *e);
	/* The same for a change that needs more words. */
	int (*limits_change)(void *ctx, const struct state_limits_wish *w, struct err *e);
	/* The tree of limits from the firm down; each limit of a level is a row. */
	int (*risk)(void *ctx, struct state_risk *row, size_t row_max, struct err *e);
	int (*config)(void *ctx, struct state_config *row, size_t row_max);
	int (*manifest)(void *ctx, struct state_manifest *row, size_t row_max, struct err *e);
	/* Calls fn for every metric of every module, in any order. */
	int (*metrics)(void *ctx, state_metric_fn *fn, void *arg);
	/* The newest last. */
	int (*events)(void *ctx, struct state_event *row, size_t row_max);

	/* Builds the feed's books that are not live anew. */
	int (*feed_recover)(void *ctx, const char *feed, struct err *e);
	/* session NULL: of every session; token 0: each order that works.  Returns how many. */
	int (*cancel)(void *ctx, const char *session, uint32_t token, struct err *e);
	/* The same of orders of unknown fate, which are not in the market. */
	int (*settle)(void *ctx, const char *session, uint32_t token, struct err *e);
	/* Leaves the order qty shares in total; mark: 'T', 'E' or 0 for as it is. */
	int (*modify)(void *ctx, const char *session, uint32_t token, uint32_t qty, char mark,
		      struct err *e);
	/* Connects, or logs out until it is asked to connect. */
	int (*session_set)(void *ctx, const char *session, bool up, struct err *e);

	int (*halt)(void *ctx, const char *reason, struct err *e);
	int (*resume)(void *ctx, struct err *e);
	int (*arm)(void *ctx, struct err *e);
	int (*disarm)(void *ctx, struct err *e);

	int (*kill)(void *ctx, const char *reason, struct err *e);
	int (*kill_release)(void *ctx, const char *name, const char *reason, struct err *e);
	int (*kill_state)(void *ctx, struct state_kill *out);
	int (*drop_copies)(void *ctx, struct state_drop_copy *row, size_t row_max);
	/* The newest first. */
	int (*drop_findings)(void *ctx, struct state_drop_finding *row, size_t row_max);
	int (*drop_release)(void *ctx, const char *symbol, const char *name, const char *reason,
			    struct err *e);
	int (*breakers)(void *ctx, struct state_breaker *row, size_t row_max);
	int (*breaker_rearm)(void *ctx, const char *breaker, const char *name, const char *reason,
			     struct err *e);

	/* Reads the configuration's file again.  Returns how many keys differ. */
	int (*reload)(void *ctx, struct state_reload *row, size_t row_max, struct err *e);
	int (*log_reopen)(void *ctx, struct err *e);

	int (*capture_start)(void *ctx, const struct state_capture_wish *w, struct err *e);
	int (*capture_stop)(void *ctx, const char *port, struct err *e);
	int (*captures)(void *ctx, struct state_capture *row, size_t row_max);
};

/* The words people and programs see for the numbers above; "?" for a number without one. */
const char *state_lane_run_word(uint32_t run);
const char *state_session_run_word(uint32_t run);
const char *state_confidence_word(uint32_t confidence);
const char *state_trading_word(uint32_t state);
const char *state_phase_word(uint32_t phase);
const char *state_order_word(uint32_t state);
const char *state_severity_word(uint32_t severity);

/* One word per bit of enum halt_reason; NULL when there is no such bit. */
const char *state_halt_word(uint32_t bit_idx);

enum {
	HEALTH_REASON_MAX = 16,
};

/* Whether the gateway can do its job, and if not, why: for /healthz and status. */
struct state_health {
	uint32_t reason_cnt; // 0: healthy
	char reason[HEALTH_REASON_MAX][STATE_TEXT_MAX];
};

/*
 * A lane that does not run, a link down, a silent feed, a session that is not up, a broken
 * invariant, the kill switch, a circuit breaker that stopped orders.  Being disarmed or halted by
 * the operator is not a fault.
 */
void state_health_judge(const struct state_source *s, struct state_health *out);

#endif
