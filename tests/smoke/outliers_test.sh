#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A process that is pinned to a lane's core makes orders late, and the gateway says so: which core,
# that it was taken away, and by whom.  And what sluice jitter says of the same core, with the
# process there.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start outliers
[ "$(nproc)" -ge 2 ] || skip "a lane needs a core of its own"
command -v jq >/dev/null || skip "jq is not installed: scripts/setup"
MAP=one STRATEGY=quote SAMPLE_EVERY=1 HTTP_PORT=0
day=$SMOKE_DIR/day.itch50
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --messages 60000 --symbols 4 --symbol AAPL=585.00 \
	--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"

session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
sent() { ctl --json metrics sluice_lane_loop_order_sent_total | jq '[.[].value] | add'; }
sent_at_least() { [ "$(sent)" -ge "$1" ]; }
explained() { ctl --json outliers 64 | jq -e "$1" >/dev/null; }

make_network
write_config "$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
start_venue "$day" --rate 1500 --always-open --stay --wait-login --start-delay 1
wait_for 20 "the order session is up" session_up
wait_for 20 "it is armed" ctl arm
wait_for 20 "orders leave" sent_at_least 20

# --- the competing process: a copy of the shell with a name of its own
rival=rival$$
cp "$(command -v bash)" "$SMOKE_DIR/$rival"
ctl outliers --reset >/dev/null || fail "outliers cannot be reset"
start_in "$GW" rival taskset -c 1 "$SMOKE_DIR/$rival" -c 'while :; do :; done'
wait_for 20 "a slow order is put down to $rival" \
	explained "any(.[]; .cause == \"competing thread\" and (.on_core.rivals | startswith(\"$rival\")))"

# --- what sluice jitter says of a core that somebody else wants
in_gw "$SLUICE_BUILD/controlplane/sluice" jitter --cores 1 --seconds 1 >"$SMOKE_DIR/jitter.log" 2>&1
expect_eq "jitter on a running gateway's core: exit code" $? 4
grep -q "core 1 runs a DPDK lane" "$SMOKE_DIR/jitter.log" || fail "it does not say why: $(cat "$SMOKE_DIR/jitter.log")"
in_gw "$SLUICE_BUILD/controlplane/sluice" jitter --cores 1 --seconds 1 --force >"$SMOKE_DIR/jitter.log" 2>&1
expect_eq "jitter beside both, forced: exit code" $? 6
grep -q "^1 *UNFIT" "$SMOKE_DIR/jitter.log" || fail "the core is not judged unfit: $(cat "$SMOKE_DIR/jitter.log")"
grep -q "other threads ran on it" "$SMOKE_DIR/jitter.log" || fail "the cause is not named: $(cat "$SMOKE_DIR/jitter.log")"
stop rival 5 any

ctl outliers 64 --reset >"$SMOKE_DIR/outliers.txt" || fail "sluicectl outliers failed"
note "$(head -n 4 "$SMOKE_DIR/outliers.txt")"
ctl --json outliers 64 >"$SMOKE_DIR/outliers.json"
expect_at_least "stalls counted" "$(ctl --json metrics sluice_lane_loop_stall_total | jq '[.[].value] | add')" 1

# --- without it nobody is blamed who is not there
wait_for 10 "orders go on" sent_at_least $(($(sent) + 20))
sleep 0.3
! explained "any(.[]; .on_core.rivals | contains(\"$rival\"))" || fail "$rival is blamed after its end"
stop gateway 10
stop venue 5
smoke_passed
