#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A gateway that is not what somebody approved starts, says what differs, and cannot be armed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start manifest
make_network
sluice=$SLUICE_BUILD/controlplane/sluice
config=$SMOKE_DIR/sluice.yaml approved=$SMOKE_DIR/approved
MAP=one HTTP_PORT=0 HUGE_MB=136 ORDERS_MAX=4096 LEVELS_MAX=4096
MORE_CONFIG="manifest: { approved: $approved }"
write_config "$config"

# --- none, or none that can be read: it does not start
in_gw timeout 20 "$sluice" run -c "$config" >"$SMOKE_DIR/none.txt" 2>&1
expect_eq "exit status without an approved manifest" $? 4
grep -qE 'manifest.approved: .*No such file.*\[S409\]$' "$SMOKE_DIR/none.txt" || fail "it does not say S409: $(tail -n 1 "$SMOKE_DIR/none.txt")"

# --- as approved: it can be armed
in_gw "$sluice" manifest -c "$config" >"$approved" 2>/dev/null || fail "sluice manifest fails"
in_gw "$sluice" manifest -c "$config" 2>/dev/null | cmp -s - "$approved" || fail "the manifest is not the same twice"
expect_at_least "rows of the manifest" "$(grep -c '^[a-z]' "$approved")" 15
start_gateway "$config"
ctl manifest >"$SMOKE_DIR/running"
grep -qx '# as approved' "$SMOKE_DIR/running" || fail "the running gateway is not as approved: $(grep '^# not' "$SMOKE_DIR/running")"
grep -v '^# as approved' "$SMOKE_DIR/running" | cmp -s - "$approved" || fail "sluicectl manifest is not what sluice manifest says"
ctl arm >/dev/null || fail "as approved, and it cannot be armed"
ctl disarm >/dev/null

# --- a limit that was changed: until it is as it was
ctl limits set order_max_qty 400 >/dev/null || fail "the limit cannot be set"
refused() { ctl arm 2>&1; }
out=$(refused) && fail "armed with other limits than those approved"
[[ $out == *limits*"[S908]"* ]] || fail "the refusal does not name the limits: $out"
note "armed with another limit: $out"
expect_eq "rows that differ" "$(ctl manifest | grep '^# not as approved')" "# not as approved: limits"
ctl limits set order_max_qty 500 >/dev/null
ctl arm >/dev/null || fail "as approved again, and it cannot be armed"
stop gateway 10

# --- another configuration, armed at its start: closed all the same
sed -i 's/^arm_at_start: false/arm_at_start: true/' "$config"
start_gateway "$config"
expect_eq "armed at start, and not as approved" "$(ctl_value status orders_on)" false
grep -qE 'is not what .* approves: configuration differs.*\[S908\]' "$SMOKE_DIR/events.log" || fail "the log does not say why"
! ctl arm >/dev/null 2>&1 || fail "armed with another configuration"
stop gateway 10
smoke_passed
