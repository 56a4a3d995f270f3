/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WIRE_DROP_COPY_H
#define SLUICE_WIRE_DROP_COPY_H

#include <assert.h>
#include <stddef.h>

#include "base/wire_int.h"

/*
 * A drop copy: the executions of one account once more, on a connection of their own, as sequenced
 * messages of SoupBinTCP.  No venue's document: the simulator's own, in the manner of OUCH (head,
 * prices, match numbers as there).  Each message says all of its execution, so that nothing has to
 * be known of the order.  README.md has what of it a venue's own would change.
 */
enum drop_copy_type {
	DROP_COPY_SYSTEM_EVENT = 'S', // as OUCH's: start and end of the day
	DROP_COPY_EXECUTED = 'E',
	DROP_COPY_BROKEN = 'B',    // qty and px4 are those of the execution
	DROP_COPY_CORRECTED = 'C', // px4: what it really cost
};

enum {
	DROP_COPY_TOKEN_LEN = 14,
	DROP_COPY_SYSTEM_EVENT_LEN = 10,
};

struct drop_copy_head {
	uint8_t type;
	be64 ts_ns; // since midnight
};
static_assert(sizeof(struct drop_copy_head) == 9, "drop copy: head");

/* 'E', 'B', 'C' */
struct drop_copy_execution {
	struct drop_copy_head head;
	char token[DROP_COPY_TOKEN_LEN]; // OUCH 4.2: the order's; 5.0: UserRefNum in decimal
	uint8_t channel;                 // OUCH 5.0: UserRefIdx, 0: none
	uint8_t side;                    // 'B' or 'S', also of short sales
	char symbol[8];                  // padded with spaces on the right
	be32 qty;                        // shares
	be64 px4;                        // of one share, in 1/10,000 dollar
	uint8_t liquidity;
	be64 match_ref;
	be64 order_ref;
};
static_assert(sizeof(struct drop_copy_execution) == 62, "drop copy: execution");
static_assert(offsetof(struct drop_copy_execution, order_ref) == 54, "drop copy: execution");

#endif
