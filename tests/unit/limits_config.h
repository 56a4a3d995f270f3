/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_LIMITS_CONFIG_H
#define SLUICE_TESTS_LIMITS_CONFIG_H

#include <string.h>

#include "config/config.h"

/* What tests of limits begin with: two instruments, the firm's limits, one venue and session. */
static inline void
limits_config_small(struct config *c)
{
	memset(c, 0, sizeof(*c));
	c->instruments_cnt = 3;
	strcpy(c->instruments[1].symbol, "AAPL");
	strcpy(c->instruments[2].symbol, "MSFT");
	c->risk.order_max_qty = 500;
	c->risk.order_max_usd.usd4 = 1000000;
	c->risk.collar_bp = 500;
	c->risk.open_max_qty = 2000;
	c->risk.position_max_qty = 3000;
	c->risk.gross_max_usd.usd4 = 50000000;
	c->risk.order_rate_max = 100;
	c->risk.order_rate_window_ms = 1000;
	c->venues_cnt = 1;
	c->sessions_cnt = 1;
}

#endif
