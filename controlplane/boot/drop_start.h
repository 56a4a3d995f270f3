/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_DROP_START_H
#define SLUICE_BOOT_DROP_START_H

#include "boot/gateway.h"
#include "err/err.h"

/* What the drop copy of a session takes from its lane's arena; 0: it has none. */
size_t drop_start_bytes(const struct config *c, uint32_t session_idx);

/*
 * Builds the drop copy of a session that was built, if it has one.  Thread: the lane's core.
 * Returns 0, or a negative errno with the words in *e.
 */
int drop_start(struct gateway *g, struct lane *l, uint32_t session_idx, struct err *e);

#endif
