/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RETURNS_DROP_COPY_H
#define SLUICE_RETURNS_DROP_COPY_H

#include "base/arena.h"
#include "base/metric.h"
#include "msg/head.h"
#include "wire/order_token.h"

/*
 * Our own executions held against an independent stream of them.  Both streams may be ahead of each
 * other; what one has told waits for the other, and after wait_ns it is a difference.  A break and
 * a correction are told apart from their execution and are compared like one.
 *
 * Plain C: time is an argument, and the connections are the caller's (lane/drop_session.h).
 */
enum drop_copy_what {
	DROP_EXECUTED,
	DROP_BROKEN,
	DROP_CORRECTED, // px4: the new one
};

/* One execution, by whomever it was told. */
struct drop_fill {
	uint64_t ns; // when it was told, by the clock of this machine
	uint64_t match_ref;
	uint32_t token; // 0: the copy names none of ours
	uint32_t qty;
	uint32_t px4;
	uint16_t instr_idx; // INSTR_NONE: none of ours
	uint8_t side;       // enum side
	uint8_t what;       // enum drop_copy_what
};

enum drop_difference {
	DROP_ADDED,   // only the copy has it
	DROP_MISSING, // only the session has it
	DROP_ALTERED,
	DROP_UNREAD, // nobody can say what the copy told
	DROP_DIFFERENCE_CNT,
};

struct drop_finding {
	uint64_t ns;
	uint8_t difference;    // enum drop_difference
	struct drop_fill own;  // MISSING, ALTERED; else zeros
	struct drop_fill copy; // ADDED, ALTERED, and what could be read of UNREAD
};

enum {
	DROP_FINDING_MAX = 256, // the newest are kept
	DROP_PENDING_MAX = 1 << 20,
};

struct drop_copy_config {
	uint32_t pending_max; // executions that may wait
	uint64_t wait_ns;
	bool ouch42;     // tokens are OUCH 4.2's
	uint8_t channel; // OUCH 5.0: UserRefIdx of our orders
	const char *token_prefix;
	uint16_t instr_cnt;
	const char *const *symbol; // by instr_idx; NULL for those of other sessions
};

struct drop_copy_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "returns/drop_copy_metrics.def"
#undef METRIC
};

/* One that waits.  In two lists: of its hash, and of those its side has told, oldest first. */
struct drop_pending {
	struct drop_fill fill;
	uint32_t hash_next; // places are 1 more than the index; 0: none
	uint32_t older;
	uint32_t newer;
	uint8_t from; // enum drop_from
};

enum drop_from {
	DROP_OWN,
	DROP_COPY,
	DROP_FROM_CNT,
};

/* Owned by the session's lane. */
struct drop_copy {
	struct drop_pending *pending;
	uint32_t *hash; // first place of each
	uint32_t hash_mask;
	uint32_t pending_max;
	uint32_t free; // first place of those not in use, by hash_next
	uint32_t oldest[DROP_FROM_CNT];
	uint32_t newest[DROP_FROM_CNT];
	uint64_t wait_ns;
	bool ouch42;
	uint8_t channel;
	struct order_token_form form;
	uint64_t *symbol; // by instr_idx, as on the wire; 0: none of ours
	uint16_t instr_cnt;
	uint64_t finding_cnt; // ever
	struct drop_finding finding[DROP_FINDING_MAX];
	struct drop_copy_metrics metrics;
};

static inline size_t
drop_copy_bytes(const struct drop_copy_config *c)
{
	return (size_t)c->pending_max * (sizeof(struct drop_pending) + 4 * sizeof(uint32_t)) +
	       (size_t)c->instr_cnt * sizeof(uint64_t) + 8 * CACHE_LINE;
}

/*
 * Memory   drop_copy_bytes from the arena
 * Returns  0, -EINVAL (a count is 0 or too large, or the prefix none), -ENOMEM
 */
COLD int drop_copy_init(struct drop_copy *d, const struct drop_copy_config *c, struct arena *a);

/* Whether the copy may tell one more; if not, it has to wait for the session. */
static inline bool
drop_copy_has_room(const struct drop_copy *d)
{
	return d->free != 0;
}

/* One stream has told an execution. */
COLD void drop_copy_take(struct drop_copy *d, enum drop_from from, const struct drop_fill *f);

/*
 * A sequenced message of the drop copy; any bytes.  Whatever is no execution of ours and no system
 * event is a difference.
 */
COLD void drop_copy_on_message(struct drop_copy *d, const uint8_t *msg, uint16_t len,
			       uint64_t now_ns);

/*
 * Judges what waited too long.  A stream that is down may yet tell: nothing is missing from it
 * until it has been up for wait_ns.  *_up_ns: since when, 0: it is down.
 */
COLD void drop_copy_on_time(struct drop_copy *d, uint64_t own_up_ns, uint64_t copy_up_ns,
			    uint64_t now_ns);

/* The copy's server began another day: nothing that waits will be told any more. */
COLD void drop_copy_clear(struct drop_copy *d);

/* Which instrument a difference is about; INSTR_NONE: nobody knows. */
static inline uint16_t
drop_finding_instr(const struct drop_finding *f)
{
	return f->own.instr_idx != INSTR_NONE ? f->own.instr_idx : f->copy.instr_idx;
}

/* True when every invariant holds.  For tests and fuzzing. */
COLD bool drop_copy_check(const struct drop_copy *d);

#endif
