/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <rte_ring.h>
#include <valgrind/callgrind.h>

#include "lane_rig.h"

/*
 * What perf/count runs under callgrind: turns of a fused lane with one packet of market data, or
 * one answer of the venue, in the port's queue.  Only the turn is collected, from the poll of the
 * port to the frame in the transmit queue, and each kind of message is dumped under its name.  The
 * program prints how many turns each dump has.
 *
 * Instructions say nothing of caches and of branches that were guessed wrong; but they are the same
 * each time, so that a change of one in a hundred is seen.
 */
enum {
	TURNS = 40,
	WARM = 8,
	DEEP_PX4 = 990000,
	PAUSE_NS = 5000000, // orders stay below the rate limit
	OTHER_LOCATE = 15,
};

/* What one turn is counted as. */
enum kind {
	KIND_ADD,     // joins the best bid; each of these four causes an order
	KIND_EXECUTE, // takes a part of it
	KIND_CANCEL,
	KIND_DELETE,
	KIND_DEEP_ADD, // below the best bid; none of the following causes one
	KIND_DEEP_REPLACE,
	KIND_DEEP_CANCEL,
	KIND_DEEP_DELETE,
	KIND_TRADE,
	KIND_OTHER, // a symbol that nobody configured, its order is kept all the same
	KIND_ACCEPTED,
	KIND_IDLE,         // a turn that finds nothing
	KIND_HOUSEKEEPING, // the same, and housekeeping is due
	KIND_CNT,
};

static const struct {
	const char *name;
	bool orders;
} KIND[KIND_CNT] = {
	// clang-format off
	[KIND_ADD]          = { "add at the best price, order", true },
	[KIND_EXECUTE]      = { "execute, order", true },
	[KIND_CANCEL]       = { "cancel, order", true },
	[KIND_DELETE]       = { "delete, order", true },
	[KIND_DEEP_ADD]     = { "add below the best price", false },
	[KIND_DEEP_REPLACE] = { "replace below the best price", false },
	[KIND_DEEP_CANCEL]  = { "cancel below the best price", false },
	[KIND_DEEP_DELETE]  = { "delete below the best price", false },
	[KIND_TRADE]        = { "trade", false },
	[KIND_OTHER]        = { "add of a symbol not traded", false },
	[KIND_ACCEPTED]     = { "venue accepted", false },
	[KIND_IDLE]         = { "nothing there", false },
	[KIND_HOUSEKEEPING] = { "nothing there, housekeeping", false },
	// clang-format on
};

static struct block
message(enum kind kind, uint64_t nr)
{
	const uint64_t ref = 1000 + nr, deep_ref = 100000 + 2 * nr;
	struct itch50_order_executed e = { .head = head_of('E'),
					   .order_ref = be64_of(ref),
					   .qty = be32_of(TOUCH_QTY),
					   .match_ref = be64_of(1000000 + nr) };
	struct itch50_order_cancel x = { .head = head_of('X'),
					 .order_ref = be64_of(ref),
					 .qty = be32_of(TOUCH_QTY) };
	struct itch50_order_delete d = { .head = head_of('D'), .order_ref = be64_of(ref) };
	const struct itch50_order_replace u = { .head = head_of('U'),
						.orig_ref = be64_of(deep_ref),
						.new_ref = be64_of(deep_ref + 1),
						.qty = be32_of(2 * TOUCH_QTY),
						.px4 = be32_of(DEEP_PX4 - 100) };
	const struct itch50_trade p = { .head = head_of('P'),
					.side = 'B',
					.qty = be32_of(TOUCH_QTY),
					.symbol = "AAPL    ",
					.px4 = be32_of(BID_PX4),
					.match_ref = be64_of(2000000 + nr) };
	struct itch50_add_order a = { .head = head_of('A'),
				      .order_ref = be64_of(200000 + nr),
				      .side = 'B',
				      .qty = be32_of(TOUCH_QTY),
				      .symbol = "OTHER   ",
				      .px4 = be32_of(BID_PX4) };

	switch (kind) {
	case KIND_ADD:
		return block_add(ref, 'B', 4 * TOUCH_QTY, BID_PX4);
	case KIND_EXECUTE:
		return block_of(&e, sizeof(e));
	case KIND_CANCEL:
		return block_of(&x, sizeof(x));
	case KIND_DELETE:
		return block_of(&d, sizeof(d));
	case KIND_DEEP_ADD:
		return block_add(deep_ref, 'B', 2 * TOUCH_QTY, DEEP_PX4);
	case KIND_DEEP_REPLACE:
		return block_of(&u, sizeof(u));
	case KIND_DEEP_CANCEL:
		x.order_ref = be64_of(deep_ref + 1);
		return block_of(&x, sizeof(x));
	case KIND_DEEP_DELETE:
		d.order_ref = be64_of(deep_ref + 1);
		return block_of(&d, sizeof(d));
	case KIND_TRADE:
		return block_of(&p, sizeof(p));
	default:
		a.head.locate = be16_of(OTHER_LOCATE);
		return block_of(&a, sizeof(a));
	}
}

/* Time goes on, and housekeeping is far away. */
static void
pause_lane(struct lab *lab)
{
	lab_advance(lab, PAUSE_NS);
	lab->peer.log_len = 0;
	while (lab->g.lane[0]->housekeeping_left < 2)
		lane_turn_once(lab->g.lane[0]);
}

/* One turn; true when it sent an order. */
static bool
turn(struct lab *lab, bool counted)
{
	const uint32_t before = rte_ring_count(lab->oe_out);

	if (counted)
		CALLGRIND_TOGGLE_COLLECT;
	lane_turn_once(lab->g.lane[0]);
	if (counted)
		CALLGRIND_TOGGLE_COLLECT;
	return rte_ring_count(lab->oe_out) != before;
}

static void
count(struct lab *lab, enum kind kind)
{
	for (unsigned i = 0; i < WARM + TURNS; i++) {
		const bool counted = i >= WARM;

		pause_lane(lab);
		if (kind == KIND_ACCEPTED) {
			const struct block b = message(i % 2 ? KIND_DELETE : KIND_ADD, i / 2);

			lab_market_data(lab, 0, b.data, b.len, 1);
			if (!turn(lab, false))
				bench_die("no order, so no answer");
			lab_carry(lab); // the venue takes it and answers
		} else if (kind == KIND_HOUSEKEEPING) {
			lab->g.lane[0]->housekeeping_left = 1;
		} else if (kind != KIND_IDLE) {
			const struct block b = message(kind, i);

			lab_market_data(lab, 0, b.data, b.len, 1);
		}
		if (turn(lab, counted) != KIND[kind].orders &&
		    kind != KIND_ACCEPTED) // TCP acknowledges, sometimes
			bench_die(KIND[kind].name);
	}
	CALLGRIND_DUMP_STATS_AT(KIND[kind].name);
	printf("%u %s\n", TURNS, KIND[kind].name);
}

int
main(void)
{
	struct block other;
	struct lab *lab;

	lab_eal();
	lab = lab_open(&(struct lab_setup){ .strategies = TAKER, .no_warm_up = true });
	lab_session_up(lab);
	start_day(lab);
	other = block_listed("OTHER   ", OTHER_LOCATE);
	tell(lab, &other);
	for (unsigned k = 0; k < KIND_CNT; k++)
		count(lab, (enum kind)k);
	if (lab->bad_frame_cnt != 0 || lab->peer.bad_cnt != 0)
		bench_die("a frame that left does not parse");
	lab_close(lab);
	return 0;
}
