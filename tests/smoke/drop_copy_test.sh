#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# drop_copy_test.sh lose|add|alter_qty|alter_price [PROTOCOL]: the drop copy differs in one execution.  It is
# told, its instrument is frozen and the others trade on, until a named person releases it; a gateway that
# is killed finds it again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start "drop-copy-$1"
command -v jq >/dev/null || skip "'jq' is not installed: scripts/setup"
fault=$1
declare -A word=([lose]=missing [add]=added [alter_qty]=altered [alter_price]=altered)
MAP=${MAP:-two} STRATEGY=quote ARM=true HTTP_PORT=0 PROTOCOL=${2:-ouch50} SYMBOLS="AAPL MSFT"
COPY_PORT=26489
FEED_KEYS="gap_wait_us: 300000|trust_late_join: true"
SESSION_KEYS="drop_copy: { peer: $VENUE_OE:$COPY_PORT, username: COPY01, password_file: $SMOKE_DIR/oe.password, wait_ms: 400 }"
day=$SMOKE_DIR/day.itch50
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 11 --messages 200000 --symbols 2 --symbol AAPL=585.00 --symbol MSFT=47.00 \
	--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"

value() { ctl --json "${@:1:$#-1}" | jq -r "${*: -1}"; }
session_up() { [ "$(value sessions '.[0].state')" = up ]; }
copy_up() { [ "$(value drop-copy '.drop_copies[0].up')" = true ]; }
found() { [ "$(value drop-copy '.findings | length')" -ge 1 ]; }
frozen_cnt() { metric_of sluice_risk_intent_rejected_frozen_total; }
metric_of() { ctl metrics "$1" | awk '/^sluice/ { sum += $2 } END { printf "%.0f\n", sum }'; }
refused_frozen() { [ "$(frozen_cnt)" -gt "${1:-0}" ]; }
matched_more() { [ "$(value drop-copy '.drop_copies[0].matched')" -gt "$1" ]; }
entered() { venue_report_now; jq '.accounts[0] | .entered + .entered_ignored + .replaced + .replace_ignored' "$VENUE_REPORT"; }

make_network
SHORT_ALLOWED=true
write_config "$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
start_venue "$day" --rate 4000 --always-open --stay --wait-login --start-delay 1 --client-timeout-ms 2000 \
	--heartbeat-ms 200 --drop-copy COPY01:$SMOKE_PASSWORD:$COPY_PORT --fault "drop_copy_$fault=3"
wait_for 20 "the order session is up" session_up
wait_for 10 "the drop copy is up" copy_up
wait_for 20 "the difference is found" found
expect_eq "differences" "$(value drop-copy '.findings | length')" 1
expect_eq "it is" "$(value drop-copy '.findings[0].difference')" "${word[$fault]}"
expect_eq "its instrument is frozen" "$(value drop-copy '.findings[0].frozen')" true
symbol=$(value drop-copy '.findings[0].symbol')
grep -q "drop copy: $symbol is frozen" "$SMOKE_DIR/events.log" || fail "the log does not say that $symbol is frozen"
ctl drop-copy
wait_for 10 "risk refuses new orders of $symbol" refused_frozen
expect_eq "orders may leave" "$(value status .orders_on)" true
matched=$(value drop-copy '.drop_copies[0].matched')
wait_for 10 "executions go on matching" matched_more "$matched"
ctl drop-copy release "$symbol" >"$SMOKE_DIR/refused.txt" 2>&1
expect_eq "released by nobody: exit code" $? 1

# A killed gateway compares the whole day again: it finds what it found, and freezes it again.
pid=${smoke_expected[gateway]}
forget gateway
kill -KILL "$pid"
pid_gone 5 "$pid" || fail "a killed gateway does not end"
wait "$pid" 2>/dev/null
start_gateway "$SMOKE_DIR/sluice.yaml"
wait_for 20 "the order session is up again" session_up
wait_for 20 "the difference is found again" found
expect_eq "differences" "$(value drop-copy '.findings | length')" 1
expect_eq "its instrument" "$(value drop-copy '.findings[0].symbol')" "$symbol"
expect_eq "its instrument is frozen" "$(value drop-copy '.findings[0].frozen')" true
ctl drop-copy release "$symbol" --operator "Grace Hopper" --reason "the venue's mistake" >/dev/null || fail "release was refused"
grep -q "$symbol is released by Grace Hopper (uid 0" "$SMOKE_DIR/events.log" || fail "the log does not name her"
expect_eq "its instrument is frozen" "$(value drop-copy '.findings[0].frozen')" false
before=$(frozen_cnt)
sleep 0.5
expect_eq "refused since" "$(($(frozen_cnt) - before))" 0
stop gateway 10
stop venue 5
smoke_passed
