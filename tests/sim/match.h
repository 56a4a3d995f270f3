/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_MATCH_H
#define SLUICE_SIM_MATCH_H

#include <sys/queue.h>

#include "base/compiler.h"

/*
 * The venue's books: the public orders of a replayed day, with the client's own orders among them
 * at their place in the queue.
 *
 * The tape never changes because of us.  So what an own order took from a public one is remembered
 * there (taken_qty) and cannot be taken again, and what the tape trades is flow that first fills
 * the own orders in front of it.
 */

enum {
	MATCH_LOCATE_MAX = 65536,
	MATCH_NONE = -1,
	MATCH_NAME_ROOM = 1 << 17,
	MATCH_MARKET_PX4 = 2000000000, // from here on a cross order has no limit
};

/* Where an own order is, beside the queue it may rest in. */
enum match_list { MATCH_NO_LIST, MATCH_PEGGED, MATCH_WAITING };

/* An own order, as the books see it.  The memory is the caller's. */
struct match_order {
	uint16_t locate;
	uint8_t side; // 'B' or 'S'
	uint32_t px4;
	uint32_t open_qty;
	uint32_t floor_qty; // shown at a time, the rest is a reserve; 0: all is shown
	uint32_t shown_qty; // left of what is shown; only while it rests
	int32_t node;       // MATCH_NONE while it does not rest
	bool hidden;        // post-only orders may lock it
	bool trade_now;     // takes what locks it
	uint8_t peg; // 'M', 'm' midpoint, 'R' primary, 'P' market: px4 follows; 0: it does not
	int32_t peg_offset_px4;
	uint32_t limit_px4; // of a peg: px4 is never worse for its owner
	uint8_t cross;      // 'O', 'C', 'H': the auction it waits for; 0: none
	bool imbalance_only;
	enum match_list list;
	LIST_ENTRY(match_order) link;
};
LIST_HEAD(match_order_list, match_order);

/* One execution of an own order; open_qty is already reduced.  liquidity: 'A' added, 'R' removed.
 */
typedef void match_fill_fn(void *ctx, struct match_order *o, uint32_t qty, uint32_t px4,
			   uint8_t liquidity, uint64_t match_ref);

/* The auction that an own order waited for is over; it does not wait any more. */
typedef void match_cross_fn(void *ctx, struct match_order *o);

/* A resting order with a reserve shows shares again, behind everything at its price. */
typedef void match_refresh_fn(void *ctx, struct match_order *o);

struct match_node {
	uint64_t ref;
	struct match_order *own; // NULL: a public order
	uint32_t px4;
	uint32_t qty; // public: as the tape says
	uint32_t taken_qty;
	int32_t next;
	int32_t prev;
	uint16_t locate;
	uint8_t side;
	bool attributed; // mpid is told
	char mpid[4];
	uint64_t ts_ns; // public: of the order's newest number
};

struct match_level {
	uint32_t px4;
	int32_t head;
	int32_t tail;
};

/* Levels of one side, the best one last. */
struct match_side {
	struct match_level *level;
	uint32_t level_cnt;
	uint32_t level_room;
	uint32_t own_cnt; // own orders resting on this side
};

struct match_symbol {
	struct match_side side[2]; // buys, sells
	char symbol[8];
	uint8_t state;   // trading state; 0: unknown symbol
	bool state_told; // the tape will tell the state: until it does, nobody trades
	struct match_order_list pegged;  // first comes first
	struct match_order_list waiting; // for an auction; the same
	bool opened;                     // its auction is over today
	bool closed;
};

struct match {
	struct match_symbol *symbol; // by locate
	uint16_t *by_name;           // symbol to locate, open addressing; 0: empty
	struct match_node *node;
	int32_t node_room;
	int32_t free_head;
	int32_t *map; // reference to node, open addressing
	uint32_t map_room;
	uint32_t map_cnt;
	uint64_t next_match;
	uint64_t ts_ns;       // newest time on the tape
	uint8_t system_event; // newest, 0: none yet
	match_fill_fn *on_fill;
	match_refresh_fn *on_refresh; // NULL, unless set after match_init
	match_cross_fn *on_cross;     // the same
	void *ctx;
	uint64_t bad_ref_cnt; // tape messages about orders that do not exist
};

/* False when out of memory. */
bool match_init(struct match *m, match_fill_fn *on_fill, void *ctx);
void match_fini(struct match *m);

/* Forgets all public orders, between two sessions.  No own order may rest. */
void match_clear(struct match *m);

/* A symbol that may be traded.  Unless the tape will tell its state, it trades at once. */
void match_name(struct match *m, uint16_t locate, const char symbol[8], bool state_told);
/* Locate of a symbol, 0: unknown. */
uint16_t match_locate(const struct match *m, const char symbol[8]);
bool match_trading(const struct match *m, uint16_t locate);

/* One message of the tape. */
void match_on_itch(struct match *m, const uint8_t *msg, uint16_t len);

/* Shares that an order of this side and price could take at once. */
uint64_t match_available(const struct match *m, uint16_t locate, uint8_t side, uint32_t px4);
/* Executes what can be executed at once. */
void match_take(struct match *m, struct match_order *o);
/* Joins the book behind everything at its price, with as much of it as is to be shown. */
void match_rest(struct match *m, struct match_order *o);
/* Leaves the book, if it rests. */
void match_pull(struct match *m, struct match_order *o);

/* --- match_own.c: what only own orders can be --- */
/* The best public price of a side with shares left; 0: there is none. */
uint32_t match_public_best(const struct match *m, uint16_t locate, uint8_t side);
/* Begins to follow the book: takes what it meets, and rests while there is a price. */
void match_peg(struct match *m, struct match_order *o);
/* The public book may have moved: every peg of the symbol follows. */
void match_repeg(struct match *m, uint16_t locate);
/* Waits for its auction, in no queue. */
void match_wait(struct match *m, struct match_order *o);
/* The tape's auction: fills who waited for it, at its price. */
void match_on_cross(struct match *m, uint16_t locate, uint8_t cross, uint64_t qty, uint32_t px4,
		    uint64_t match_ref);
/* Shares that others see, and that an order of this side and price would meet. */
uint64_t match_displayed(const struct match *m, uint16_t locate, uint8_t side, uint32_t px4);
/* Orders of a side that want to trade now take what locks them. */
void match_trade_now(struct match *m, uint16_t locate, uint8_t side);
/* Leaves everything. */
void match_leave(struct match *m, struct match_order *o);
/* An execution of an own order: for this folder. */
void match_fill(struct match *m, struct match_order *o, uint32_t qty, uint32_t px4,
		uint8_t liquidity, uint64_t match_ref);

#endif
