/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_LIVE_MAP_H
#define SLUICE_CTL_CTL_LIVE_MAP_H

#include "core_map/suggest.h"

/*
 * What a running gateway has on which core, as it says itself: its lanes with their state and how
 * busy they are, and its control thread.
 *
 * Returns  how many marks; 0 and *pid 0: no gateway answers (told on standard error)
 */
size_t ctl_live_marks(struct core_mark *mark, size_t mark_max, long *pid);

#endif
