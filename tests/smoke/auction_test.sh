#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Orders whose price the venue moves (pegs to the midpoint and to the own side), orders that wait for
# the closing cross, and hidden ones that trade with what locks them.  At the end of the day each
# order's state, each position and each share are the venue's.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start auction
command -v jq >/dev/null || skip "'jq' is not installed: scripts/setup"
. "$SMOKE_TOP/tests/smoke/day.sh"
MAP=${MAP:-two} STRATEGY=take HTTP_PORT=0 ARM=true POSITION_MAX=3000
FEED_KEYS="gap_wait_us: $GAP_WAIT_US|$(recovery_keys '')" # a busy machine may lose packets
config=$SMOKE_DIR/sluice.yaml
make_network
write_config "$config"
strategy() { echo "  - { name: $1, kind: $2, instruments: [$SYMBOL], qty: 100, position_max_qty: 3000, cooldown_us: ${4:-1000}, order_style: $3 }"; }
{
	strategy middle quote midpoint
	strategy beside quote primary
	strategy closer quote closing
	strategy late take closing 50000
	strategy taker take now 5000
	strategy hider quote hidden
} >"$SMOKE_DIR/strategies"
sed -i -e 's|^risk:|&\n  self_match: allow|' -e "/^strategies:/r $SMOKE_DIR/strategies" \
	-e 's/trade: true }/trade: true, short_allowed: true }/' "$config"
sed -i '/name: sample/d' "$config"
cat >>"$config" <<'TEXT'
order_styles:
  - { name: midpoint, display: hidden, peg: midpoint, expire_s: 3600 }
  - { name: primary, peg: primary, peg_down_usd: 0.01 }
  - { name: closing, cross: closing }
  - { name: now, sweep: false, customer: retail }
  - { name: hidden, display: hidden, trade_now: true }
TEXT
start_gateway "$config"
start_venue "$TAPE" --wait-login --start-delay 1 --speed 1.5 --stay --pack 4 --heartbeat-ms 250
day_end
expect_positions_equal
expect_same_orders
venue() { venue_value "accounts.0.$1"; }
# at the end of the day one may come behind its auction
expect_eq "orders rejected" "$(counted orders_order_rejected)" "$(venue rejected)"
expect_at_least "executions of pegs" "$(venue executed_pegged)" 1
expect_at_least "executions in the closing cross" "$(venue executed_cross)" 1
expect_eq "reports nobody expected" "$(counted orders_execution_unknown) $(counted orders_illegal_transition) $(counted orders_report_unknown_token)" "0 0 0"
note "$(venue accepted) orders and $(venue replaced) replaces accepted, $(venue executions) executions: $(venue executed_pegged) of pegs, $(venue executed_cross) in the cross"
smoke_passed
