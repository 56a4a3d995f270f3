/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_STRATEGY_KIND_H
#define SLUICE_DECISION_STRATEGY_KIND_H

/* The strategies of this build, for whoever chooses one; the configuration includes only this. */
enum strategy_kind {
#define STRATEGY(NAME, name, text) STRATEGY_##NAME,
#include "decision/strategies.def"
#undef STRATEGY
	STRATEGY_KIND_CNT,
};

#endif
