/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LIMITS_LIMITS_H
#define SLUICE_LIMITS_LIMITS_H

#include "base/published.h"
#include "config/config.h"
#include "decision/risk_limits.h"
#include "err/err.h"

/*
 * The risk limits: what the operator set, and the table the lanes apply.  Owned by the control
 * thread, which alone calls these functions.
 */
enum {
	LIMITS_RETIRED_MAX = 8, // tables that a slow lane may still see
	LIMITS_TEXT_MAX = 48,
	LIMITS_REASON_MAX = 128,
	LIMITS_WHY_MAX = 96, // of a frozen instrument
	LIMITS_PATH_MAX = 512,
};

/* Long enough for a lane that shares its core with others; a pinned lane needs microseconds. */
#define LIMITS_WAIT_NS 1000000000LL

struct limits_retired {
	struct risk_limits *table;
	uint64_t mark[LANE_MAX]; // each lane's turn when the table was replaced
};

/* What is set now, by the file and by hand; 0: not set. */
struct limits_set {
	struct config_risk risk;                            // instruments[] is by instr_idx here
	struct config_node node[RISK_NODE_MAX];             // accounts and strategies
	uint64_t restricted[RISK_NODE_MAX][INSTR_MAX / 64]; // bit per instrument
	uint32_t enable_seq[STRATEGY_MAX];
	bool frozen[INSTR_MAX]; // until a named person releases it
	struct risk_locate locate[RISK_LOCATE_MAX];
	uint32_t locate_cnt;
};

struct limits {
	struct published published; // struct risk_limits; what lanes are given to read
	struct risk_limits *current;
	struct limits_retired retired[LIMITS_RETIRED_MAX];
	uint32_t retired_cnt;
	const struct turn_count *turn[LANE_MAX];
	uint32_t turn_cnt;
	bool armed;
	bool halted;
	char halt_reason[LIMITS_REASON_MAX]; // what the operator gave, or empty
	const struct config *config;
	// asked before orders are let go: 0, or -EPERM with the reason; NULL: nobody is asked
	int (*permit)(void *ctx, struct err *e);
	void *permit_ctx;
	// told of each version that was published, when all of *this is as it says; NULL: nobody is
	void (*tell)(void *ctx);
	void *tell_ctx;
	struct limits_set set;
	struct limits_set *begun; // as the configuration had it when the process began
	char frozen_why[INSTR_MAX][LIMITS_WHY_MAX];
	uint8_t mode_by_hand[RISK_NODE_MAX]; // without what breakers did
	// what outlives the process (limits_keep.c)
	char keep_path[LIMITS_PATH_MAX]; // empty: nothing does
	struct limits_set *keep_base;    // as the configuration has it
	uint32_t version_end;            // versions below it are this process's or an earlier one's
	int keep_error;                  // negative errno of the last write; 0: it worked
};

/* One limit for people. */
struct limits_row {
	char key[LIMITS_TEXT_MAX];    // as in the configuration, without "risk."
	char symbol[LIMITS_TEXT_MAX]; // empty: for every instrument
	char node[LIMITS_TEXT_MAX];   // "account NAME", "strategy NAME"; empty: the firm
	char value[LIMITS_TEXT_MAX];  // as written in the configuration
	char unit[LIMITS_TEXT_MAX];
	char allowed[LIMITS_TEXT_MAX]; // "1..1000000"
};

/*
 * Publishes the limits of the configuration as version 1, disarmed or, with arm_at_start, armed.
 * Before any lane runs.  *c stays the caller's and must outlive *l.
 *
 * Returns  0, -ENOMEM, -EINVAL (*c breaks a rule, named in *e), -EPERM (arm_at_start for a venue of
 *          another environment)
 */
int limits_open(struct limits *l, const struct config *c, struct err *e);

/*
 * Takes over what was changed by hand before this start, and keeps every change from now on: in a
 * text file that is replaced and synced before the change is answered.  Versions go on where the
 * last process's may have ended, so no two tables of a file's life have the same number.  What
 * differs from the configuration is told, a line each; so is what names an instrument, account or
 * strategy that is not configured any more, which is left out.
 *
 * Thread   before any lane runs
 * Returns  0 (also when there is no file yet), -ENOMEM
 *          -EBADMSG, -EINVAL  the file is damaged or has a value that cannot be, named in *e:
 * nobody guesses which limits were meant other              it cannot be read or written, named in
 * *e
 */
int limits_keep_open(struct limits *l, const char *path, char *told, size_t told_bytes,
		     struct err *e);

/*
 * Writes what is set now.  -EIO and the like, named in *e: what is set is in force, and the next
 * start will not know it.
 */
int limits_keep_save(struct limits *l, struct err *e);

/* Gives up every change by hand: as the configuration says, but for what is frozen. */
int limits_forget(struct limits *l, struct err *e);

/*
 * The configuration's limits are now those of *next, which has the same accounts, strategies and
 * instruments.  What was set by hand stays in force above them, a line of told each; so do frozen
 * instruments, located shares and modes that a circuit breaker set.
 *
 * Returns  as limits_publish; after -ETIMEDOUT, and when only keeping them failed (-EIO and the
 *          like), the new limits are in force
 */
int limits_reload(struct limits *l, const struct config *next, char *told, size_t told_bytes,
		  struct err *e);

/* The lanes must have ended. */
void limits_close(struct limits *l);

/* A lane that reads the limits; before it runs.  The count must outlive *l.  -ENOSPC: too many. */
int limits_add_lane(struct limits *l, const struct turn_count *turn);

/*
 * Makes a new set of risk limits the one that every lane applies, under the next version.
 *
 * On return no lane applies the old set any more: each has finished the turn it was in.  A lane
 * may apply the new set before this returns.
 *
 * Thread   control plane only, one caller at a time.  Never blocks a lane.
 * Time     as long as the slowest lane's turn; gives up after wait_ns.
 * Memory   copies *next.  Old sets are freed here, once no lane can see them.
 * Returns  0
 *          -EINVAL     *next breaks a rule, named in *e; nothing was changed
 *          -ENOMEM     nothing was changed
 *          -EBUSY      a lane has not finished a turn for LIMITS_RETIRED_MAX changes; nothing was
 *                      changed
 *          -ETIMEDOUT  some lane did not finish its turn, named in *e; the new set is in force,
 *                      the old one is kept until a later call
 */
int limits_publish(struct limits *l, const struct risk_limits *next, int64_t wait_ns,
		   struct err *e);

/*
 * Sets one limit in every lane.  key is the configuration's without "risk."; value is written as
 * there, or "global" to give up an instrument's own; symbol NULL or empty: for every instrument.
 *
 * Returns  as limits_publish, and -EINVAL also for an unknown key or symbol and a value outside
 *          its range
 */
int limits_set(struct limits *l, const char *key, const char *value, const char *symbol,
	       struct err *e);

/*
 * A node of the tree by what people call it: kind "firm" (name does not matter), "account" or
 * "strategy".  -EINVAL: there is none, named in *e.
 */
int limits_node_of(const struct limits *l, const char *kind, const char *name, uint32_t *node_idx,
		   struct err *e);

/* Sets one limit of a node, the firm's too, as limits_set does; 0 takes an own limit away. */
int limits_set_node(struct limits *l, const char *key, const char *value, uint32_t node_idx,
		    struct err *e);

/* What a node lets pass from now on.  Returns as limits_publish. */
int limits_set_mode(struct limits *l, uint32_t node_idx, enum risk_mode mode, struct err *e);

/*
 * A strategy that executed too often may go on: its counts begin at 0.  who is the person that
 * decided it and must not be empty.  Returns as limits_publish.
 */
int limits_enable(struct limits *l, const char *strategy, const char *who, struct err *e);

/* Puts an instrument on a node's list of restricted ones, or takes it off. */
int limits_restrict(struct limits *l, uint32_t node_idx, const char *symbol, bool restricted,
		    struct err *e);

/*
 * An instrument gets no new order until a named person releases it: cancels pass.  Freezing one
 * that is frozen changes nothing.  who must not be empty.  limits_release returns -EALREADY when it
 * is not frozen.
 */
int limits_freeze(struct limits *l, uint32_t instr_idx, const char *why, struct err *e);
int limits_release(struct limits *l, const char *symbol, const char *who, struct err *e);

/* How many shares an account has located for short sales of an instrument, from now on. */
int limits_locate(struct limits *l, const char *account, const char *symbol, uint32_t qty,
		  struct err *e);

/*
 * Lists the limits that hold for every instrument, then those of single instruments; with a symbol,
 * what holds for that instrument.  Then, without a symbol, those of accounts and strategies.  Fills
 * at most row_max rows.
 *
 * Returns  how many there are, or -EINVAL (no such symbol)
 */
int limits_rows(const struct limits *l, const char *symbol, struct limits_row *row, size_t row_max,
		struct err *e);

/*
 * All that is set now, as lines of text (limits_text.h): first "armed 1", "halted 0"; then each
 * limit of the firm, of accounts and of strategies; of instruments and lists, what is otherwise
 * than when the process began; then "end".  The caller frees it.  NULL: no memory.
 */
char *limits_text(const struct limits *l, size_t *len);

/*
 * Makes what such a text says the next version.  The halt flag stays as it is.
 *
 * Returns  as limits_apply; -EBADMSG: no sluice wrote this, named in *e; nothing was changed but
 *          why an instrument is said to be frozen
 */
int limits_text_take(struct limits *l, const char *text, size_t len, struct err *e);

/* The table the lanes shall apply for what is set now.  Its version is that of the next one. */
void limits_build(const struct limits *l, const struct limits_set *set, struct risk_limits *out);

/*
 * Publishes what next says, takes it for what is set, and tells of it.  next may be &l->set, when
 * only permission changed.  Returns as limits_publish.
 */
int limits_put_in_force(struct limits *l, const struct limits_set *next, struct err *e);

/* The same, and keeps it for the next start. */
int limits_apply(struct limits *l, const struct limits_set *next, struct err *e);

/* What the configuration and its files set. */
int limits_set_from_config(struct limits_set *set, const struct config *c, struct err *e);

/* Whether orders may leave at all: the environment is that of every venue a session uses. */
int limits_arm_allowed(const struct config *c, struct err *e); // 0 or -EPERM

/*
 * Permission to send orders.  Stopping takes effect at once, by the halt flag, before the new
 * version is published; permission only after it.  Each is a new version of the limits.
 *
 * limits_halt is an operator's pause, which the next start has forgotten; the kill switch is
 * base/kill.h.  reason may be empty.  What was halted or disarmed twice needs one resume or arm.
 *
 * Returns  as limits_publish (after -ETIMEDOUT orders do not leave), and -EPERM when orders may not
 *          leave: another environment, a broken invariant that only a new start lifts, the kill
 *          switch, or a circuit breaker
 */
int limits_halt(struct limits *l, const char *reason, struct err *e);
int limits_resume(struct limits *l, struct err *e);
int limits_arm(struct limits *l, struct err *e);
int limits_disarm(struct limits *l, struct err *e);

#endif
