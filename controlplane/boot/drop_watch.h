/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_DROP_WATCH_H
#define SLUICE_BOOT_DROP_WATCH_H

#include "boot/gateway.h"

/*
 * What becomes of a difference between our executions and the drop copy: it is told and written
 * into the journal, and by configuration its instrument is frozen.  When nobody can say which
 * instrument it is about, or too many came at once, orders are off until `resume`.
 *
 * Bound: looked at in each turn of the control loop, 20 ms; a frozen instrument's next order is
 * refused one turn of risk's lane later.
 *
 * Thread   control plane
 */

/* Returns 0 or -ENOMEM, named in *e. */
int drop_watch_open(struct gateway *g, struct err *e);
void drop_watch_close(struct gateway *g);

/* One look.  Each turn of the control loop. */
void drop_watch_look(struct gateway *g);

/* For struct state_source; ctx: the gateway. */
int drop_source_rows(void *ctx, struct state_drop_copy *row, size_t row_max);
int drop_source_findings(void *ctx, struct state_drop_finding *row, size_t row_max);
int drop_source_release(void *ctx, const char *symbol, const char *name, const char *reason,
			struct err *e);

#endif
