#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A test that is killed, with no chance to clean up, leaves no namespace and nobody in one.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start killed --without-sluice

bash -c '. "$0"; smoke_start killed-inner --without-sluice; make_network
	start_in "$GW" idle sleep 600
	echo "$GW $SMOKE_DIR" >"$1"; sleep 600' \
	"$SMOKE_TOP/tests/smoke/lib.sh" "$SMOKE_DIR/inner" >"$SMOKE_DIR/inner.log" 2>&1 &
inner=$!
wait_for 5 "the inner test has its namespaces" test -s "$SMOKE_DIR/inner"
read -r space folder <"$SMOKE_DIR/inner"
expect_at_least "namespaces of the inner test" "$(ip netns list | grep -c "$inner")" 2
pid=$(ip netns pids "$space" | head -n 1)
[ -n "$pid" ] || fail "nobody is in $space"
kill -KILL "$inner"
wait "$inner" 2>/dev/null
namespaces_gone() { ! ip netns list | grep -q "$inner"; }
wait_for 5 "the namespaces of a killed test are gone" namespaces_gone
pid_gone 1 "$pid" || fail "process $pid of a killed test goes on"
rm -rf "$folder"
smoke_passed
