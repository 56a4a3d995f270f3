/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_OE_H
#define SLUICE_SIM_OE_H

#include <sys/queue.h>

#include "base/units.h"
#include "faults.h"
#include "match.h"
#include "wire/ouch50.h"
#include "wire/soupbintcp.h"

/*
 * The venue's order entry: one account (port), its day of numbered answers, and the connections
 * that come and go.  No socket and no clock in here: bytes and times are arguments, so the whole
 * conversation can be tested and fuzzed.
 *
 *   oe_session.c  SoupBinTCP: login, heartbeats, replay
 *   oe_ouch.c     OUCH 5.0 and 4.2: bytes to requests, answers to bytes
 *   oe_orders.c   what a request does to orders
 *   oe_state.c    what outlives the process
 *   oe_copy.c     the drop copy: the executions once more, as an account of its own
 */

enum ouch_version { OUCH_50, OUCH_42 };

enum {
	OE_KEY_LEN = 16,     // a 4.2 token, or channel and number of 5.0
	OE_OPTIONS_MAX = 96, // each option once is less
	OE_HASH_ROOM = 1 << 16,
	OE_PACKET_MAX = SOUP_LEN_BYTES + SOUP_LEN_MAX,
	OE_CLIENT_PACKET_MAX = 1024, // no request is longer
};

struct oe_config {
	enum ouch_version version;
	char username[SOUP_USERNAME_LEN + 1];
	char password[SOUP_PASSWORD_LEN + 1];
	char session[SOUP_SESSION_LEN + 1];
	bool cancel_on_disconnect;
	bool always_open; // system hours do not matter
	bool hours_told;  // the tape will say when system hours start
	uint64_t client_timeout_ns;
	uint64_t login_timeout_ns;
	uint64_t heartbeat_ns;
	bool is_copy; // takes no orders: it has another account's executions
};

/* How long an order lives. */
enum oe_tif { OE_TIF_IOC, OE_TIF_DAY, OE_TIF_SYSTEM_HOURS, OE_TIF_TIMED };

/* What a client asks for, whatever the version. */
struct oe_request {
	uint8_t key[OE_KEY_LEN];      // new order's, or of the order acted on
	uint8_t orig_key[OE_KEY_LEN]; // replaces
	uint8_t channel;              // UserRefIdx
	uint32_t user_ref;
	uint8_t side; // the venue's letter; 0: not given
	uint32_t qty;
	char symbol[8];
	uint64_t px4;
	enum oe_tif tif;
	bool tif_bad;
	uint32_t live_s; // OE_TIF_TIMED
	uint32_t tif_wire;
	uint8_t display;
	uint8_t capacity;
	uint8_t sweep;
	uint8_t cross;
	uint8_t price_type; // 'L', or what it is pegged to; 0: not given
	int32_t peg_offset_px4;
	bool trade_now;
	bool imbalance_only;
	uint8_t customer;
	bool post_only;
	bool options_bad; // an option unknown, misplaced or impossible
	uint32_t min_qty;
	uint32_t max_floor_qty; // shown at a time; 0: all
	uint16_t group_id;      // 0: none
	char firm[4];
	char cl_ord_id[OUCH_CL_ORD_ID_LEN];
	uint8_t options[OE_OPTIONS_MAX]; // echoed in answers
	uint8_t options_len;
};

struct oe;

struct oe_order {
	struct match_order m; // first: a fill comes with this pointer
	struct oe *oe;
	struct oe_order *hash_next;
	TAILQ_ENTRY(oe_order) alive_link;
	TAILQ_ENTRY(oe_order) all_link;
	struct oe_order *changed_next;
	bool changed; // and not saved yet
	bool alive;
	struct oe_request r; // as accepted
	uint64_t order_ref;
	uint32_t done_qty;   // executed in the whole chain
	uint64_t expires_ns; // 0: never
	bool cancel_due;     // asked for too late for its auction: right behind it
	bool cancel_refused; // told once
};
TAILQ_HEAD(oe_order_list, oe_order);

struct oe_position {
	uint64_t bought_qty;
	uint64_t sold_qty;
	uint64_t bought_ntl4;
	uint64_t sold_ntl4;
};

/* X-macro: what the report says about an account. */
#define OE_COUNTS(COUNT)       \
	COUNT(logins)          \
	COUNT(logins_rejected) \
	COUNT(disconnects)     \
	COUNT(protocol_errors) \
	COUNT(entered)         \
	COUNT(entered_ignored) \
	COUNT(accepted)        \
	COUNT(accepted_dead)   \
	COUNT(rejected)        \
	COUNT(replaced)        \
	COUNT(replace_ignored) \
	COUNT(canceled)        \
	COUNT(cancel_ignored)  \
	COUNT(cancel_pending)  \
	COUNT(cancel_refused)  \
	COUNT(modified)        \
	COUNT(executions)      \
	COUNT(executed_qty)    \
	COUNT(executed_pegged) \
	COUNT(executed_cross)  \
	COUNT(traded_now)      \
	COUNT(restated)        \
	COUNT(corrected)       \
	COUNT(broken)

struct oe_counts {
#define OE_COUNT_FIELD(name) uint64_t name;
	OE_COUNTS(OE_COUNT_FIELD)
#undef OE_COUNT_FIELD
};

struct oe_bytes {
	uint8_t *at;
	size_t len;
	size_t room;
};

struct oe_conn;

struct oe {
	struct oe_config c;
	struct match *match;
	const struct faults *faults;
	uint64_t now_ns;       // of the event being handled, monotonic
	struct oe_bytes store; // every numbered packet of the day, ready to send
	size_t *store_off;
	size_t store_cnt;
	size_t store_room;
	struct oe_conn *active;      // the one logged in
	bool ended;                  // 'Z' was sent
	bool day_over;               // market or system hours ended
	uint64_t next_user_ref[256]; // by channel; beyond 32 bits when all are used up
	char disabled_firm[16][4];
	unsigned disabled_firm_cnt;
	uint64_t next_order_ref;
	struct oe_order *hash[OE_HASH_ROOM];
	struct oe_order_list alive, all;
	struct oe_position *position; // by locate
	struct oe *copy;              // its drop copy; NULL: none
	uint64_t copied_cnt;          // executions that were to be copied
	uint64_t break_ref;
	struct oe_counts n;
	struct oe_order *changed; // only while state_fd is open
	int state_fd;             // -1: nothing is kept
	uint64_t saved_sum;       // of everything else that is saved, as it was
	size_t saved_cnt;         // messages
	size_t saved_len;
};

enum oe_conn_state { OE_LOGIN, OE_UP, OE_ENDING };

/* How the owner of the socket has to end it, once out is flushed (OE_RESET: at once). */
enum oe_cut { OE_KEEP, OE_CLOSE, OE_DROP, OE_RESET };

struct oe_conn {
	struct oe *oe;
	enum oe_conn_state state;
	enum oe_cut cut;
	bool mute; // the fault silent_after
	uint64_t opened_ns;
	uint64_t rx_ns;
	uint64_t tx_ns;
	uint64_t client_timeout_ns;
	uint64_t hold_until_ns; // the fault slow_after: nothing is read until then
	size_t in_len;
	uint8_t in[SOUP_LEN_BYTES + OE_CLIENT_PACKET_MAX];
	struct oe_bytes out; // to be sent; the owner removes what it sent
};

/* False when out of memory.  order_ref_base keeps two accounts' orders apart. */
bool oe_init(struct oe *oe, const struct oe_config *c, struct match *m, const struct faults *f,
	     uint64_t order_ref_base);
void oe_fini(struct oe *oe);

/* --- oe_session.c --- */
void oe_conn_init(struct oe_conn *c, struct oe *oe, uint64_t now_ns);
void oe_conn_fini(struct oe_conn *c, uint64_t now_ns);
void oe_conn_on_bytes(struct oe_conn *c, const uint8_t *data, size_t len, uint64_t now_ns);
/* Heartbeats and timeouts; call it now and then. */
void oe_conn_on_time(struct oe_conn *c, uint64_t now_ns);
void oe_conn_sent(struct oe_conn *c, size_t len);
/* Appends a numbered message. */
void oe_put(struct oe *oe, const void *msg, uint16_t len);
/* No more messages: tells the client, ends the connection. */
void oe_end(struct oe *oe);
void oe_bytes_put(struct oe_bytes *b, const void *data, size_t len);

/* --- oe_state.c --- */
/*
 * Keeps all of the account's day in a file from now on, and takes up what is there: an earlier
 * process's day.  Its orders that still lived are cancelled, as a venue does that starts anew.
 * Returns NULL, or why not.
 */
const char *oe_state_open(struct oe *oe, const char *path);
/* Saves what changed; before a byte of it is sent.  Whole or not at all, also under kill -9. */
void oe_state_save(struct oe *oe);
void oe_state_close(struct oe *oe);
/* Something about an order is to be saved. */
void oe_state_changed(struct oe_order *o);

/* --- oe_copy.c --- */
/* type: enum drop_copy_type.  Told to the account's drop copy, if it has one. */
void oe_copy_execution(struct oe *oe, const struct oe_order *o, uint8_t type, uint32_t qty,
		       uint32_t px4, uint8_t liquidity, uint64_t match_ref);

/* --- oe_ouch.c --- */
/* Returns NULL, or why these bytes are no request. */
const char *oe_on_message(struct oe *oe, const uint8_t *msg, size_t len);
void oe_answer_system_event(struct oe *oe, uint8_t event);
void oe_answer_accepted(struct oe *oe, const struct oe_order *o, bool dead);
void oe_answer_replaced(struct oe *oe, const struct oe_order *o, const struct oe_order *orig,
			bool dead);
void oe_answer_canceled(struct oe *oe, const struct oe_order *o, uint32_t qty, uint8_t reason);
void oe_answer_executed(struct oe *oe, const struct oe_order *o, uint32_t qty, uint32_t px4,
			uint8_t liquidity, uint64_t match_ref);
void oe_answer_broken(struct oe *oe, const struct oe_order *o, uint64_t match_ref);
/* The price of an execution was another one: only in OUCH 4.2. */
void oe_answer_corrected(struct oe *oe, const struct oe_order *o, uint32_t qty, uint32_t px4,
			 uint8_t liquidity, uint64_t match_ref);
/* A reserve shows shares again, under another number on market data: only in OUCH 5.0. */
void oe_answer_restated(struct oe *oe, const struct oe_order *o, uint64_t shown_ref);
void oe_answer_modified(struct oe *oe, const struct oe_order *o);
/* Too late for an order of an auction: it is cancelled behind it; or, of a part, never. */
void oe_answer_cancel_pending(struct oe *oe, const struct oe_order *o);
void oe_answer_cancel_refused(struct oe *oe, const struct oe_order *o);
/* Only in OUCH 4.2. */
void oe_answer_trade_now(struct oe *oe, const struct oe_order *o);
void oe_answer_mass_canceled(struct oe *oe, const struct oe_request *r);
void oe_answer_entry_switched(struct oe *oe, const struct oe_request *r, bool enabled);
void oe_answer_account(struct oe *oe, uint8_t channel);

/* Why an order is refused: name, OUCH 5.0 code, OUCH 4.2 letter. */
// clang-format off
#define OE_REJECTS(REJECT)                \
	REJECT(CLOSED,       0x0002, 'C') \
	REJECT(DISPLAY,      0x0003, 'D') \
	REJECT(PEG_TYPE,     0x0005, 'O') \
	REJECT(HALTED,       0x0007, 'H') \
	REJECT(SIDE,         0x0009, 'O') \
	REJECT(FIRM,         0x000C, 'L') \
	REJECT(MIN_QTY,      0x000D, 'N') \
	REJECT(OTHER,        0x000F, 'O') \
	REJECT(PEG,          0x0011, 'O') \
	REJECT(QTY,          0x0013, 'Z') \
	REJECT(CROSS,        0x0014, 'R') \
	REJECT(SYMBOL,       0x0017, 'S') \
	REJECT(PRICE,        0x001D, 'X') \
	REJECT(THRESHOLD,    0x001E, 'Z')
// clang-format on
enum oe_reject {
	OE_REJECT_NONE,
#define OE_REJECT_NAME(name, code50, code42) OE_REJECT_##name,
	OE_REJECTS(OE_REJECT_NAME)
#undef OE_REJECT_NAME
};
void oe_answer_rejected(struct oe *oe, const struct oe_request *r, enum oe_reject why);

/* --- oe_orders.c --- */
/* NULL when there was none of this key today. */
struct oe_order *oe_order_find(const struct oe *oe, const uint8_t key[OE_KEY_LEN]);
/* Remembers an order for the day; its key is used up. */
struct oe_order *oe_order_new(struct oe *oe, const struct oe_request *r);
void oe_enter(struct oe *oe, const struct oe_request *r);
void oe_replace(struct oe *oe, const struct oe_request *r);
void oe_cancel(struct oe *oe, const struct oe_request *r);
void oe_modify(struct oe *oe, const struct oe_request *r);
void oe_mass_cancel(struct oe *oe, const struct oe_request *r);
void oe_trade_now(struct oe *oe, const struct oe_request *r);
void oe_entry_switch(struct oe *oe, const struct oe_request *r, bool enable);
void oe_cancel_all(struct oe *oe, uint8_t reason);
/* For match_init(): ctx is unused, the order knows its account. */
void oe_on_fill(void *ctx, struct match_order *m, uint32_t qty, uint32_t px4, uint8_t liquidity,
		uint64_t match_ref);
/* oe_init sets it in the books: there a reserve shows shares again. */
void oe_on_refresh(void *ctx, struct match_order *m);
/* oe_init sets it, too: what becomes of an order behind its auction. */
void oe_on_cross(void *ctx, struct match_order *m);
/* Orders whose time is over; the tape's day moving on. */
void oe_on_time(struct oe *oe, uint64_t now_ns);
void oe_on_system_event(struct oe *oe, uint8_t event);
/* Orders entered so far that count for the faults named "after ... orders". */
uint64_t oe_order_cnt(const struct oe *oe);

#endif
