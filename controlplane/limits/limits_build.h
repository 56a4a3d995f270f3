/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LIMITS_LIMITS_BUILD_H
#define SLUICE_LIMITS_LIMITS_BUILD_H

#include "limits/limits.h"

/* What the files of limits/ share and nobody else needs. */

/* Whether an instrument's own value of a limit may only be tighter than the one for all. */
bool limits_only_tighter(const char *name);

/* Located shares of an account, 0 for none any more.  -ENOSPC: there is no room for another. */
int limits_set_locate(struct limits_set *set, uint32_t node_idx, uint32_t instr_idx, uint32_t qty);

#endif
