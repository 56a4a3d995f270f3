/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CONFIG_CONFIG_H
#define SLUICE_CONFIG_CONFIG_H

#include "base/compiler.h"
#include "decision/risk_limits.h"
#include "decision/strategy_kind.h"
#include "egress/encode_style.h"
#include "err/err.h"
#include "ingress/symbol_match.h"
#include "msg/head.h"
#include "net/session_schedule.h"

/*
 * Everything an operator may set.  A field is named as its key in the file; schema.def has its
 * type, default, range and meaning.  A list `things` is things[] with things_cnt beside it.
 * References (names of ports, feeds, ...) are resolved to the *_idx fields, which are no keys.
 *
 * Written by config_load only; read by the control plane.  Big: static or from the heap.
 */
enum {
	NAME_MAX_LEN = 16, // bytes of a name, the final 0 included
	VENUE_MAX = 4,
	SHARD_MAX = 8, // per feed
	EAL_ARG_MAX = 16,
	CONFIG_PATH_MAX = 512,
	RECOVERY_SERVER_MAX = 4, // per feed
	SESSION_BACKUP_MAX = 3,  // further addresses of a session's venue
	THROTTLE_MESSAGES_MAX = 65536,
	BREAKER_MAX = 32,
	BREAKER_WINDOW_MS_MAX = 600000,
	RECOVERY_PORT_FIRST = 26480, // guess: no venue of ours uses it towards us
	RESTRICTED_MAX = 256,        // instruments an account may not trade
};

enum environment {
	ENVIRONMENT_SIMULATION,
	ENVIRONMENT_TEST,
	ENVIRONMENT_LIVE,
};

enum feed_protocol {
	FEED_ITCH50,
};

enum feed_depth {
	FEED_LEVELS,
	FEED_ORDERS,
};

enum session_protocol {
	SESSION_OUCH50,
	SESSION_OUCH42,
};

enum soup_version {
	SOUP_3_00,
	SOUP_4_00,
	SOUP_4_10,
};

enum capacity {
	CAPACITY_AGENCY,    // OUCH 'A'
	CAPACITY_PRINCIPAL, // OUCH 'P'
	CAPACITY_RISKLESS,  // OUCH 'R'
	CAPACITY_OTHER,     // OUCH 'O'
};

/* What becomes of working orders when a session loses its connection. */
enum on_disconnect {
	ON_DISCONNECT_KEEP,
	ON_DISCONNECT_VENUE_CANCELS,
	ON_DISCONNECT_CANCEL_ON_RECONNECT,
};

/* When a record of the audit journal could not be kept. */
enum journal_on_gap {
	JOURNAL_ON_GAP_COUNT,
	JOURNAL_ON_GAP_STOP_TRADING,
};

/* When the journal of a killed process and the venue's replay do not agree. */
enum journal_recovery {
	JOURNAL_RECOVERY_REPORT,
	JOURNAL_RECOVERY_HALT,
};

/* Host order.  ip 0 stands for "none". */
struct ip4_net {
	uint32_t ip;
	uint32_t prefix_len;
};

struct ip4_endpoint {
	uint32_t ip; // host order
	uint32_t port;
};

struct mac {
	uint8_t byte[6];
	bool is_set;
};

/* Money as people write it, "12.34"; kept in 1/10,000 dollar: a px4 or an ntl4. */
struct usd {
	int64_t usd4;
};

struct config_lane {
	char name[NAME_MAX_LEN];
	uint32_t core;
	uint32_t stages;     // stage_set
	uint32_t burst;      // 0: core_map.burst
	uint32_t ring_slots; // of the rings this lane takes from; 0: core_map.ring_slots
	char feeds[FEED_MAX][NAME_MAX_LEN]; // empty: all
	uint32_t feeds_cnt;
	uint32_t shards[SHARD_MAX]; // empty: all
	uint32_t shards_cnt;
	char strategies[STRATEGY_MAX][NAME_MAX_LEN]; // empty: all
	uint32_t strategies_cnt;
	char sessions[SESSION_MAX][NAME_MAX_LEN]; // empty: all
	uint32_t sessions_cnt;
};

struct config_port {
	char name[NAME_MAX_LEN];
	char device[128]; // a PCI address, or a --vdev argument
	char profile[32]; // pmd_config/<profile>.yaml
	struct ip4_net address;
	struct mac mac;   // not set: the device's own
	uint32_t gateway; // host order, 0: none
	uint32_t vlan;    // 0: untagged
	uint32_t mtu_bytes;
	uint32_t rx_descriptors; // 0: the profile's
	uint32_t tx_descriptors; // 0: the profile's
};

struct config_venue {
	char name[NAME_MAX_LEN];
	enum environment environment;
};

struct config_line {
	char port[NAME_MAX_LEN];
	uint32_t group;    // host order
	uint32_t udp_port; //
	uint32_t source;   // host order, 0: any source
	uint32_t port_idx;
};

/* feeds.recovery.* */
struct config_recovery {
	char port[NAME_MAX_LEN]; // empty: that of the first line
	struct ip4_endpoint
		servers[RECOVERY_SERVER_MAX]; // of MoldUDP64 requests; none: never asked
	uint32_t servers_cnt;
	uint32_t local_port; // UDP; 0: RECOVERY_PORT_FIRST plus the feed's place
	struct mac neighbour_mac;
	uint32_t request_max_messages;
	uint32_t request_wait_ms;
	uint32_t request_attempts;
	uint32_t request_interval_us;
	uint32_t request_max_hole;
	struct ip4_endpoint snapshot; // GLIMPSE; ip 0: none
	char snapshot_username[7];
	char snapshot_password_file[CONFIG_PATH_MAX];
	char snapshot_credential[64];
	uint32_t snapshot_timeout_ms;
	uint32_t snapshot_retry_ms;
	uint32_t snapshot_attempts;
	uint32_t snapshot_heal_ms; // 0: never by itself
	uint32_t buffer_mb;
	uint32_t port_idx;
};

struct config_feed {
	char name[NAME_MAX_LEN];
	char venue[NAME_MAX_LEN];
	enum feed_protocol protocol;
	char session[11]; // MoldUDP64; empty adopts the first one heard
	uint32_t shards;
	uint64_t first_seq; // 0: joins late and takes what comes
	uint32_t reorder_packets;
	uint32_t gap_wait_us;
	uint32_t silence_ms;
	uint32_t igmp_version; // 2 or 3
	enum feed_depth depth; // whether books keep the orders of a level in their order
	uint32_t orders_max;   // living orders of all symbols the book has room for
	uint32_t levels_max;   // price levels of all symbols the book has room for
	uint32_t trades_max;   // matches remembered in case one is broken later
	bool trust_late_join;  // books joined in mid-day without a snapshot may be believed
	symbol_pattern symbols[SYMBOL_PATTERN_MAX]; // whose messages are wanted; empty: all
	uint32_t symbols_cnt;
	struct config_line lines[FEED_LINE_MAX];
	uint32_t lines_cnt;
	struct config_recovery recovery;
	uint32_t venue_idx;
};

struct config_tcp {
	uint32_t rto_min_us;
	uint32_t rto_max_ms;
	uint32_t connect_timeout_ms;
	uint32_t user_timeout_ms;
	uint32_t receive_buffer_bytes; // half of it is the receive window
	uint32_t send_buffer_bytes;    // a power of two
	uint32_t mss_bytes;
	bool window_scaling;
	bool timestamps;
	bool sack;
	uint32_t cwnd_fixed_bytes; // 0: congestion control
	uint32_t keepalive_ms;     // 0: none
	bool tail_probe;
	uint32_t peer_ack_delay_us;
	uint32_t black_hole_timeouts; // 0: never
};

enum order_display {
	DISPLAY_VISIBLE,    // OUCH 'Y'
	DISPLAY_ATTRIBUTED, // OUCH 'A'
	DISPLAY_HIDDEN,     // OUCH 'N'
};

enum order_cross {
	ORDER_CROSS_NONE,
	ORDER_CROSS_OPENING,
	ORDER_CROSS_CLOSING,
	ORDER_CROSS_HALT,
	ORDER_CROSS_SUPPLEMENTAL,
	ORDER_CROSS_RETAIL,
	ORDER_CROSS_EXTENDED_LIFE,
	ORDER_CROSS_AFTER_HOURS,
};

enum order_customer {
	CUSTOMER_NOT_SAID,
	CUSTOMER_RETAIL,
	CUSTOMER_OTHER,
};

enum order_peg {
	PEG_NONE,
	PEG_MARKET,
	PEG_MIDPOINT,
	PEG_PRIMARY,
	PEG_MARKET_MAKER,
	PEG_MIDPOINT_FIXED,
};

/* How a venue shall treat the orders of a strategy: struct encode_style in people's words. */
struct config_style {
	char name[NAME_MAX_LEN];
	enum order_display display;
	enum order_cross cross;
	enum order_customer customer;
	bool sweep;
	bool after_hours;
	bool trade_now;
	bool shares_located;
	uint32_t min_qty;
	uint32_t max_floor_qty;
	uint32_t random_reserve_qty;
	uint32_t expire_s;
	enum order_peg peg;
	struct usd peg_up_usd; // added to what it is pegged to
	struct usd peg_down_usd;
	struct usd discretion_usd;
	enum order_peg discretion_peg;
	struct usd discretion_up_usd;
	struct usd discretion_down_usd;
	char handle_inst[2];
	uint32_t group_id;
	char locate_broker[5];
	char aiq_strategy[2];
	char aiq_group[3];
};

enum drop_copy_action {
	DROP_COPY_ALARM,
	DROP_COPY_FREEZE,
};

struct config_session {
	char name[NAME_MAX_LEN];
	char venue[NAME_MAX_LEN];
	enum session_protocol protocol;
	char port[NAME_MAX_LEN];
	struct ip4_endpoint peer;
	struct ip4_endpoint backup[SESSION_BACKUP_MAX]; // tried after peer_attempts failures
	uint32_t backup_cnt;
	uint32_t peer_attempts;
	uint32_t local_port; // 0: chosen
	struct mac neighbour_mac;
	enum soup_version soup_version;
	char username[7];                    // SoupBinTCP: 6 characters
	char password_file[CONFIG_PATH_MAX]; // or
	char credential[64];                 // a systemd credential's name
	char session[11];                    // SoupBinTCP; empty: the one in progress
	uint32_t heartbeat_ms;
	uint32_t silence_ms;
	uint32_t login_timeout_ms;
	char firm[5];
	enum capacity capacity;
	uint32_t user_ref_idx; // OUCH 5.0: the channel of its orders; 0: not said
	uint32_t reconnect_ms;
	uint32_t reconnect_max_ms;
	uint32_t reconnect_attempts; // failures in a row; 0: no end
	struct {
		char connect[9]; // HH:MM or HH:MM:SS; empty: no schedule
		char disconnect[9];
		uint32_t days;      // bit 0 is Monday; none: Monday to Friday
		char utc_offset[7]; // "+HH:MM", or "local"
	} schedule;
	enum on_disconnect on_disconnect;
	uint32_t link_down_ms; // how long link or neighbour may be away
	struct {
		uint32_t max_messages; // within window_ms; 0: no limit
		uint32_t window_ms;
		uint32_t cancel_reserve; // of max_messages, for cancels only
	} throttle;
	struct {
		struct ip4_endpoint peer; // ip 0: none
		char username[7];
		char password_file[CONFIG_PATH_MAX];
		char credential[64];
		uint32_t wait_ms;
		uint32_t pending_max;
		enum drop_copy_action on_difference;
	} drop_copy;
	uint32_t orders_max;     // orders remembered; half may be open
	uint32_t executions_max; // executions remembered
	struct config_tcp tcp;
	uint32_t venue_idx;
	uint32_t port_idx;
};

/* What one level of the tree of limits may do; 0: no limit at this level. */
struct config_node {
	enum risk_mode mode;
	uint32_t order_max_qty;
	struct usd order_max_usd;
	uint32_t collar_bp;
	uint32_t position_max_qty; // of each instrument
	uint32_t open_orders_max;
	struct usd gross_max_usd;
	struct usd net_max_usd;
	struct usd buying_power_usd;
	struct usd loss_max_usd;
	struct usd drawdown_max_usd;
	struct usd var_max_usd;
	uint32_t order_rate_max;
	uint32_t cancel_rate_max;
	uint32_t execution_max;
};

struct config_account {
	char name[NAME_MAX_LEN];
	char parent[NAME_MAX_LEN]; // empty: the firm
	struct config_node limits;
	char restricted[RESTRICTED_MAX][9];
	uint32_t restricted_cnt;
	uint32_t parent_idx; // of accounts; RISK_NODE_FIRM: the firm
};

enum risk_ticks {
	TICKS_US,
	TICKS_NONE,
};

enum risk_self_match {
	SELF_MATCH_REFUSE,
	SELF_MATCH_ALLOW,
};

/* Per instrument and tighter; config_load fills in the global value of what is not set. */
struct config_risk_instrument {
	char symbol[9];
	bool halted;
	bool restricted;
	uint32_t order_max_qty;
	struct usd order_max_usd;
	uint32_t collar_bp;
	uint32_t collar_last_bp;
	uint32_t open_max_qty;
	uint32_t position_max_qty;
	struct usd instrument_gross_max_usd;
	struct usd instrument_net_max_usd;
	struct usd tick_usd; // 0: by risk.ticks
	uint32_t lot_qty;    // 0: what the venue says
	uint32_t var_bp;     // 0: risk.var_bp
	uint32_t instr_idx;
};

struct config_risk {
	uint32_t order_max_qty;
	struct usd order_max_usd; // price times quantity
	uint32_t collar_bp;
	uint32_t collar_last_bp;   // around the last trade; 0: none
	uint32_t open_max_qty;     // per instrument
	uint32_t position_max_qty; // per instrument, long or short
	struct usd instrument_gross_max_usd;
	struct usd instrument_net_max_usd;
	struct usd gross_max_usd; // open and position of all instruments together
	struct usd net_max_usd;
	struct usd buying_power_usd;
	struct usd loss_max_usd;
	struct usd drawdown_max_usd;
	struct usd var_max_usd;
	uint32_t var_bp;
	uint32_t open_orders_max;
	uint32_t order_rate_max; // new orders and replaces within order_rate_window_ms
	uint32_t cancel_rate_max;
	uint32_t order_rate_window_ms;
	uint32_t execution_max;
	uint32_t duplicate_window_us;
	uint32_t intent_age_max_us;
	uint32_t session_messages_max;
	enum risk_mode mode;
	enum risk_hours hours;
	enum risk_ticks ticks;
	enum risk_self_match self_match;
	bool locate_required;
	char positions_file[CONFIG_PATH_MAX]; // of the day's start; empty: none
	char locates_file[CONFIG_PATH_MAX];   // empty: none
	struct config_risk_instrument instruments[INSTR_MAX];
	uint32_t instruments_cnt;
};

struct config_instrument {
	char symbol[9];
	char feed[NAME_MAX_LEN];
	char session[NAME_MAX_LEN];
	bool trade;
	bool short_allowed;
	uint32_t feed_idx;
	uint32_t session_idx;
};

struct config_strategy {
	char name[NAME_MAX_LEN];
	char account[NAME_MAX_LEN]; // empty: the only one
	enum strategy_kind kind;
	char instruments[INSTR_MAX][9]; // by the file
	uint32_t instruments_cnt;
	uint32_t qty;
	uint32_t position_max_qty; // the strategy's own; risk has its limits besides
	uint32_t cooldown_us;      // least time between two intents for an instrument
	struct usd spread_min_usd; // acts only while the spread is at least
	struct usd spread_max_usd; // ... and at most this
	uint32_t imbalance_min_bp; // take: share of the heavier side in both, 5000..10000
	struct usd edge_usd;       // quote: distance from the best price
	struct usd requote_usd;    // quote: replaces when the wish is this far from the order
	bool post_only;            // quote
	char order_style[NAME_MAX_LEN];
	uint32_t style_idx; // 0: plain
	struct config_node limits;
	uint32_t account_idx;
	uint32_t instr_idx[INSTR_MAX];
};

/* What a circuit breaker watches: limits/breakers.def. */
enum breaker_what {
#define BREAKER(NAME, word, subject, kind, unit, text) BREAKER_##NAME,
#include "limits/breakers.def"
#undef BREAKER
	BREAKER_WATCH_CNT,
};

enum breaker_action {
	BREAKER_ALARM,       // the log and a metric only
	BREAKER_REDUCE_ONLY, // the mode of a level of the tree of limits, as the next two
	BREAKER_CANCEL_ONLY,
	BREAKER_HALTED,
	BREAKER_HALT, // no order leaves (HALT_BREAKER) until it is re-armed
	BREAKER_KILL, // the kill switch
};

enum breaker_rearm {
	BREAKER_MANUAL,    // by a named person: sluicectl breaker rearm
	BREAKER_AUTOMATIC, // after cool_down_ms below rearm_below
};

struct config_breaker {
	char name[NAME_MAX_LEN];
	enum breaker_what watch;
	char of[NAME_MAX_LEN]; // the session, feed, lane, strategy or account; empty: each of them
	uint64_t threshold;    // in the unit of what it watches
	uint32_t count;        // LATE only: how many
	uint32_t window_ms;
	enum breaker_action action;
	char node[NAME_MAX_LEN]; // whose mode action sets; empty: the firm's
	enum breaker_rearm rearm;
	uint32_t cool_down_ms; // automatic only
	uint64_t rearm_below;  // 0: the threshold
	uint32_t of_idx;       // with of; of a NODE: its place in the tree, 0 the firm
	uint32_t node_idx;
};

struct config {
	enum environment environment;
	bool arm_at_start;
	struct {
		uint32_t memory_mb;
		bool degraded_ok;
	} hugepages;
	struct {
		char file_prefix[32];
		char extra_args[EAL_ARG_MAX][128];
		uint32_t extra_args_cnt;
	} eal;
	struct {
		char socket[108];
		uint32_t http_port; // 0: none
		char event_log[CONFIG_PATH_MAX];
		char state_file[CONFIG_PATH_MAX];  // empty: beside the socket
		char limits_file[CONFIG_PATH_MAX]; // the same
	} control;
	struct {
		bool enabled;
		char directory[CONFIG_PATH_MAX];
		bool record_ports;
		uint32_t ring_slots;
		uint32_t segment_mb;
		bool compress;
		uint32_t keep_segments; // 0: all
		uint32_t keep_days;     // 0: for ever
		uint32_t keep_mb;       // 0: no end
		enum journal_on_gap on_gap;
		uint32_t sync_ms;
		uint32_t token_block;
		enum journal_recovery recovery;
	} journal;
	struct {
		uint32_t stage_sample_every; // 0: never
		char histogram_file[CONFIG_PATH_MAX];
		uint32_t warm_up_us;
		uint32_t stall_us;       // 0: none is noted
		uint32_t jitter_test_ms; // 0: none
		uint32_t interval_s;
		char log_file[CONFIG_PATH_MAX]; // empty: none
	} latency;
	char core_map_file[CONFIG_PATH_MAX];
	char pmd_config_dir[CONFIG_PATH_MAX];
	struct {
		uint32_t control;
		bool shared_cores;
		uint32_t burst;
		uint32_t ring_slots;
		struct config_lane lanes[LANE_MAX];
		uint32_t lanes_cnt;
	} core_map;
	struct config_port ports[PORT_MAX];
	uint32_t ports_cnt;
	struct config_venue venues[VENUE_MAX];
	uint32_t venues_cnt;
	struct config_feed feeds[FEED_MAX];
	uint32_t feeds_cnt;
	struct config_session sessions[SESSION_MAX];
	uint32_t sessions_cnt;
	struct config_instrument instruments[INSTR_MAX];    // by instr_idx: the first is at 1
	uint32_t instruments_cnt;                           // one past the last: 0 included
	struct config_style order_styles[ENCODE_STYLE_MAX]; // the first is at 1
	uint32_t order_styles_cnt;                          // one past the last
	struct config_account accounts[ACCOUNT_MAX];        // the first is at 1; 0 is the firm
	uint32_t accounts_cnt;                              // one past the last
	struct config_strategy strategies[STRATEGY_MAX];
	uint32_t strategies_cnt;
	struct config_risk risk;
	struct {
		char latch_file[CONFIG_PATH_MAX]; // empty: the socket's name with .kill
		char file[CONFIG_PATH_MAX];       // whose appearance fires it; empty: none
		uint32_t control_silence_ms;      // 0: never
	} kill_switch;
	struct {
		char approved[CONFIG_PATH_MAX]; // empty: nobody approves anything
	} manifest;
	struct config_breaker breakers[BREAKER_MAX];
	uint32_t breakers_cnt;

	char file[CONFIG_PATH_MAX]; // where it came from
	struct config_marks *marks; // line and column of every value
};

/*
 * Reads a file, checks every key by itself and all keys together, and resolves the references.
 * No device is touched.  A core map in core_map_file is read too.
 *
 * Memory   config_free returns it, after success only.
 * Returns  0
 *          -EINVAL  *e has one line per fault, "file:line:column: key: ..."; *c is unusable
 *          other    the file cannot be read: named in *e
 */
int config_load(struct config *c, const char *path, struct err *e);

/* The same from memory; name stands in the messages, and relative paths start at its folder. */
int config_load_text(struct config *c, const char *name, const char *text, size_t text_len,
		     struct err *e);

void config_free(struct config *c);

/*
 * Writes "file:line:column" of a value: field points into *c, at a field or a list element.  For
 * a value that has its default: of the block around it.
 */
void config_where(const struct config *c, const void *field, char *out, size_t out_bytes);

/* Whether the file gives the value, rather than the default. */
bool config_is_set(const struct config *c, const void *field);

/* The times of a session's schedule as its lane wants them.  False when one is no time. */
bool config_schedule_of(const struct config_session *s, struct session_schedule *out);

/* A style as the encoder wants it; idx 0 is the plain one. */
void config_style_of(const struct config *c, uint32_t idx, struct encode_style *out);

/*
 * Packet buffers a port needs so that no ring, reorder buffer or unacknowledged segment can starve
 * its receive queue.  A buffer is BUFFER_BYTES at most; boot makes the pool this big.
 */
uint32_t config_port_buffers(const struct config *c, uint32_t port_idx, uint32_t rx_descriptors,
			     uint32_t tx_descriptors);

/* What the configuration needs of hugepages.memory_mb, in bytes. */
uint64_t config_memory_bytes(const struct config *c);

const char *environment_word(enum environment environment);
const char *session_protocol_word(enum session_protocol protocol);

enum {
	SECRET_MAX = 64,
};

/*
 * The password of a session, from its password_file (a regular file of ours or root's that nobody
 * else may read) or systemd credential; a final newline is dropped.  The caller wipes it.
 *
 * Returns  its length, or a negative errno with the words in *e, which never contain the secret
 */
int secret_load(const struct config_session *s, char out[SECRET_MAX], struct err *e);

/* The same for a feed's snapshot server. */
int secret_load_snapshot(const struct config_feed *f, char out[SECRET_MAX], struct err *e);

/* The same for a session's drop copy. */
int secret_load_drop_copy(const struct config_session *s, char out[SECRET_MAX], struct err *e);

/* An instrument's symbol; NULL when there is none of that place. */
static inline const char *
config_symbol(const struct config *c, uint32_t instr_idx)
{
	return instr_idx != INSTR_NONE && instr_idx < c->instruments_cnt
		       ? c->instruments[instr_idx].symbol
		       : NULL;
}

/*
 * The tree of limits: node 0 is the firm, then come the accounts, by their place in accounts, then
 * the strategies.
 */
static inline uint32_t
config_node_cnt(const struct config *c)
{
	return c->accounts_cnt + c->strategies_cnt;
}

static inline uint16_t
config_strategy_node(const struct config *c, uint32_t strategy_idx)
{
	return (uint16_t)(c->accounts_cnt + strategy_idx);
}

/* The node above; the firm's is itself. */
static inline uint16_t
config_node_parent(const struct config *c, uint32_t node_idx)
{
	return (uint16_t)(node_idx < c->accounts_cnt
				  ? c->accounts[node_idx].parent_idx
				  : c->strategies[node_idx - c->accounts_cnt].account_idx);
}

/* "firm", or the name of an account or strategy. */
static inline const char *
config_node_name(const struct config *c, uint32_t node_idx)
{
	if (node_idx == RISK_NODE_FIRM)
		return "firm";
	return node_idx < c->accounts_cnt ? c->accounts[node_idx].name
					  : c->strategies[node_idx - c->accounts_cnt].name;
}

/* Whether anything of a feed can be recovered: it has a request server or a snapshot server. */
static inline bool
config_feed_recovers(const struct config_feed *f)
{
	return f->recovery.servers_cnt != 0 || f->recovery.snapshot.ip != 0;
}

#endif
