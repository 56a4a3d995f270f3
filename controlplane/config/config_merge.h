/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CONFIG_CONFIG_MERGE_H
#define SLUICE_CONFIG_CONFIG_MERGE_H

#include "config/config.h"

enum {
	CONFIG_KEY_BYTES = 128, // "strategies[taker].limits.order_max_qty"
	CONFIG_VALUE_BYTES = 128,
};

/* A key that a file has otherwise than the running gateway. */
struct config_change {
	char key[CONFIG_KEY_BYTES];
	char was[CONFIG_VALUE_BYTES];
	char now[CONFIG_VALUE_BYTES];
	bool live; // false: only a restart can do it
};

typedef void config_change_fn(void *arg, const struct config_change *change);

/*
 * What a running gateway becomes when its file is read again: *out is *running with the value of
 * each LIVE key (schema.def) out of *file, checked whole again, because a value that changes may
 * not fit one that stays.  Elements of lists belong together by their name; one that came, went or
 * was renamed needs a restart.  Calls fn once for each key that differs.
 *
 * Memory   *out is the caller's, to be given to config_free after success
 * Returns  0
 *          -EINVAL  the live values do not fit those that need a restart, a line of *e per fault
 *          -ENOMEM
 */
int config_merge(struct config *out, const struct config *running, const struct config *file,
		 config_change_fn *fn, void *arg, struct err *e);

#endif
