/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_MATCH_H
#define SLUICE_SIM_MATCH_H

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
};

/* An own order, as the books see it.  The memory is the caller's. */
struct match_order {
	uint16_t locate;
	uint8_t side; // 'B' or 'S'
	uint32_t px4;
	uint32_t open_qty;
	uint32_t floor_qty; // shown at a time, the rest is a reserve; 0: all is shown
	uint32_t shown_qty; // left of what is shown; only while it rests
	int32_t node;       // MATCH_NONE while it does not rest
};

/* One execution of an own order; open_qty is already reduced.  liquidity: 'A' added, 'R' removed.
 */
typedef void match_fill_fn(void *ctx, struct match_order *o, uint32_t qty, uint32_t px4,
			   uint8_t liquidity, uint64_t match_ref);

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

#endif
