#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Both lines lose the same hundred messages while a strategy quotes: no order leaves on a book with a
# hole, cancels do, and trading goes on when the book is right again, or not at all.
#
#     recovery_trading_test.sh answered|snapshot|stale|replayed [ouch50|ouch42]
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
group=${1?answered, snapshot, stale or replayed} PROTOCOL=${2:-ouch50}
smoke_start "recovery-$group"
. "$SMOKE_TOP/tests/smoke/day.sh"

# Both sides are quoted, so that one works when the hole comes, whatever the other was filled.
STRATEGY=quote MAP=three GAP_WAIT_US=2000 SHORT_ALLOWED=true
LOST=loss_both=8001-8100
ASKED='feed itch: messages 8001 to 8100 are asked for'

# What is true whatever became of the hole.
expect_careful() {
	expect_eq "holes the lines left" "$(counted recover_hole_opened)" 1
	expect_said "$ASKED"
	expect_at_least "quotes before" "$(counted orders_next_token)" 20
	expect_at_least "cancels that risk let pass" "$(counted risk_cancel_passed)" 1
	expect_session_up
	expect_positions_equal
}
# It was right again, and orders left afterwards.
expect_back() {
	local back_ns sent
	expect_no_order_between "$ASKED" "$1"
	back_ns=$(event_ns "$1")
	sent=$(python3 -c '
import json, sys
print(sum(o["sent_ns"] > int(sys.argv[2]) for o in json.load(open(sys.argv[1]))["orders"]))' \
		"$SMOKE_DIR/orders.json" "$back_ns")
	expect_at_least "orders sent after '$1'" "$sent" 10
	expect_book_of_tape
}
# expect_time LEAST_MS MOST_MS: the recovery is in the histogram, in the table, and in the report.
expect_time() {
	local max_ns
	max_ns=$(jq '.[0].recovery.time_max_ns' "$SMOKE_DIR/feeds.json")
	expect_eq "recoveries in 'sluicectl latency'" \
		"$(jq '.[] | select(.name == "itch_recovery") | .count' "$SMOKE_DIR/latency.json")" 1
	expect_eq "the same time there and in 'sluicectl feeds'" \
		"$(jq '.[] | select(.name == "itch_recovery") | .max_ns' "$SMOKE_DIR/latency.json")" "$max_ns"
	[ "$max_ns" -ge $(($1 * 1000000)) ] && [ "$max_ns" -le $(($2 * SMOKE_PATIENCE * 1000000)) ] ||
		fail "the recovery took $max_ns ns, wanted $1 to $(($2 * SMOKE_PATIENCE)) ms"
	note "the recovery took $((max_ns / 1000)) us"
	grep -q 'itch_recovery' "$SMOKE_DIR/histogram.txt" || fail "the histogram file has no itch_recovery"
	grep -q 'itch_recovery' "$SMOKE_DIR/gateway.log" || fail "the summary has no itch_recovery"
}

group_answered() { # late, so that there is time to be careful in
	RECOVERY='request_wait_ms: 400'
	day_start $LOST,request_late_ms=150
	day_end
	expect_careful
	expect_back 'feed itch: recovered by requests'
	expect_time 150 1000
	expect_eq "messages answered" "$(counted recover_message_answered)" 100
	expect_eq "snapshots tried" "$(counted recover_snapshot_tried)" 0
	expect_eq "messages lost" "$(counted recover_message_lost)" 0
}

group_snapshot() {
	RECOVERY='request_wait_ms: 30|request_attempts: 3'
	day_start $LOST,request_deaf=999999,snapshot_rate=20000
	day_end
	expect_careful
	expect_back 'feed itch: recovered by a rebuild'
	expect_time 90 3000 # three requests unanswered
	expect_at_least "requests without an answer" "$(counted recover_request_unanswered)" 3
	expect_eq "snapshots taken" "$(counted recover_snapshot_taken)" 1
	expect_at_least "messages replayed over it" "$(counted recover_message_replayed)" 1
}

# The same recorded, in one lane, and done again: what came over TCP from the snapshot server, too.
group_replayed() {
	MAP=one MORE_CONFIG="journal: { enabled: true, directory: $SMOKE_DIR/journal, record_ports: true }"
	group_snapshot
	expect_replayed "$SMOKE_DIR/sluice.yaml" "$SMOKE_DIR/journal"
}

group_stale() {
	RECOVERY='request_wait_ms: 20|request_attempts: 2|snapshot_attempts: 1|snapshot_retry_ms: 20000|snapshot_timeout_ms: 200'
	day_start $LOST,request_deaf=999999,snapshot_stall_after=40
	wait_for 10 "recovery is given up" counter_at_least recover_rebuild_lost 1
	expect_eq "risk's view of the book" "$(ctl_value positions 0.confidence)" stale
	day_end
	expect_careful
	expect_eq "snapshots taken" "$(counted recover_snapshot_taken)" 0
	expect_no_order_after "$ASKED"
	expect_eq "open orders at the venue" "$(venue_value accounts.0.open_orders)" 0
}

declare -F "group_$group" >/dev/null || fail "there is no group '$group'"
"group_$group"
smoke_passed
