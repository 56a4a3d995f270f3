/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_TX_STAMP_H
#define SLUICE_LANE_TX_STAMP_H

#include "msg/order.h"
#include "port/port_tx.h"

struct lane;

/*
 * Orders on ports whose device stamps what leaves (port/port_tx_stamp.h): from the trigger to the
 * wire.  Asked when the order's frame is in the burst, read in housekeeping.
 */

/* The order's frame was added last; every so many, the device is asked when it leaves. */
COLD void tx_stamp_ask(struct lane *l, struct port_tx *q, const struct order *m);

/* From now on every so many orders are asked about; 0: none.  What is underway is still read. */
COLD void tx_stamp_set_every(struct lane *l, uint32_t every);

/* Stamps that came, into their histograms. */
COLD void tx_stamp_look(struct lane *l);

#endif
