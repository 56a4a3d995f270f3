#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the lines lost comes back, however bad the servers are: one gateway, and one venue after the
# other with a session and faults of its own.  Each round ends with every book right and live, or
# with none that is wrong and live.  Books are judged by a program that shares nothing with ours.
#
#     recovery_test.sh requests|snapshots|lines
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
group=${1?requests, snapshots or lines}
smoke_start "recovery-$group"
command -v jq >/dev/null || skip "'jq' is not installed: scripts/setup"

# A day that does not close, so that books are live at its end: 8,000 messages of 8 symbols.
TAPE=$SMOKE_DIR/day.itch
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --symbols 8 --symbol AAPL=150 --messages 8000 \
	--live-orders 400 --lead 1 --duration 4 --out "$TAPE.whole" >"$SMOKE_DIR/day.log" 2>&1 ||
	fail "sluice-day could not make a day; see its log"
judge_books() { python3 "$SMOKE_TOP/tests/smoke/judge_books.py" "$@"; }
judge_books cut "$TAPE.whole" "$TAPE" || fail "the day cannot be cut"
SYMBOLS=$(judge_books symbols "$TAPE")
symbol_cnt=$(wc -w <<<"$SYMBOLS")
tape_msgs=$("$SLUICE_BUILD/controlplane/observe/sluice-book" --stats "$TAPE" |
	awk '$1 == "messages" { print $2 }')
RATE=20000

# --- one round

take_counters() { ctl metrics sluice_recover >"$1" || fail "no metrics"; }
count_in() { # FILE NAME
	awk -v name="sluice_$2" '
		{ split($1, part, "{"); bare = part[1]; sub(/_total$/, "", bare) }
		bare == name { sum += $2 }
		END { printf "%.0f\n", sum }' "$1"
}
counter() {
	take_counters "$SMOKE_DIR/now.txt"
	count_in "$SMOKE_DIR/now.txt" "$1"
}
all_grown() {
	local name
	take_counters "$SMOKE_DIR/after.txt"
	for name in "$@"; do
		[ "$(count_in "$SMOKE_DIR/after.txt" "$name")" -gt \
			"$(count_in "$SMOKE_DIR/before.txt" "$name")" ] || return
	done
}
feed_silent() { ctl --json feeds | jq -e '.[0].silent' >/dev/null; }
all_sent() {
	rm -f "$VENUE_REPORT"
	kill -USR1 "${smoke_expected[venue]}"
	wait_for 5 "the venue's report" test -s "$VENUE_REPORT"
	[ "$(jq .market_data.messages "$VENUE_REPORT")" = "$tape_msgs" ]
}
# Neither asking nor waiting for a snapshot: synchronised, or failed.
settled() {
	local state
	state=$(counter recover_state)
	[ "$state" = 0 ] || [ "$state" = 4 ]
}
judge() { judge_books judge "$TAPE" "$SMOKE_DIR/ctl.sock" "$@"; }

round_no=0
# round WHAT FAULTS live|dead|any [COUNTER...]: each counter has grown.
round() {
	local what=$1 faults=$2 want=$3 verdict live_right live_wrong rest
	shift 3
	round_no=$((round_no + 1))
	if [ $round_no != 1 ]; then
		wait_for 5 "the feed of the round before is silent" feed_silent
		take_counters "$SMOKE_DIR/before.txt"
	else
		: >"$SMOKE_DIR/before.txt"
	fi
	# The last digit of a session is left to the fault session_change_at.
	start_venue "$TAPE" --session "$(printf 'R%08d0' $round_no)" --rate $RATE --pack 4 --hold \
		--heartbeat-ms 50 ${faults:+--fault "$faults"} --seed $round_no
	[ -z "${JOIN-}" ] || "$JOIN"
	if [ "$want" = live ]; then
		verdict=$(judge live 8)
	else
		wait_for 10 "$what: the day is sent" all_sent
		sleep 0.1 # what is missing at the end is known by then
		wait_for 8 "$what: recovery comes to an end" settled
		verdict=$(judge "$want" 5)
	fi || fail "$what: not all books are $want; live_right live_wrong other_right other_wrong: $verdict"
	read -r live_right live_wrong rest <<<"$verdict"
	[ "$live_wrong" = 0 ] || fail "$what: $live_wrong books are wrong and live: ${rest#* * }"
	wait_for 3 "$what: each of these counters grows: $*" all_grown "$@"
	note "$what: $live_right live and right, $((symbol_cnt - live_right)) not live${faults:+ ($faults)}"
	stop venue 5
}
# expect_ours_good NAME: nothing that the gateway sent is malformed; what the venue sends is, on
# purpose.
expect_ours_good() {
	local bad
	bad=$(decode "$1" "ip.src == $GW_MD && (_ws.malformed || ip.checksum.status == \"Bad\" ||
		tcp.checksum.status == \"Bad\" || udp.checksum.status == \"Bad\")" \
		frame.number _ws.col.Info | head -n 5)
	[ -z "$bad" ] || fail "tshark objects to frames of $1: $bad"
}

MAP=two STRATEGY=none HTTP_PORT=0
attempts=3
[ "$group" != requests ] || attempts=20 # every bad answer is one
FEED_KEYS="gap_wait_us: 2000|silence_ms: 200|reorder_packets: 1024|$(recovery_keys \
	"request_wait_ms: 20|request_attempts: $attempts|snapshot_timeout_ms: 250|snapshot_retry_ms: 20|snapshot_attempts: 5|snapshot_heal_ms: 100")"

# --- the groups

# A hole of a hundred messages takes three answers; two servers are asked in turn.
group_requests() {
	local lost=loss_both=2001-2100+5001-5040
	start_gateway "$SMOKE_DIR/sluice.yaml"
	capture_start requests "$VENUE" md "udp portrange $REQUEST_PORT-$REQUEST_PORT_2"
	round "nothing is lost" '' live
	round "requests are answered" $lost live recover_hole_filled recover_message_answered
	round "one server is deaf" $lost,request_faulty=1,request_deaf=99999 live \
		recover_request_unanswered recover_hole_filled
	round "every kind of bad answer" $lost,request_ignore=1,request_range=2,request_session=3,request_count=4,request_garbage=5,request_twice=6,request_more=7- \
		live recover_request_unanswered recover_answer_outside recover_answer_wrong_session \
		recover_answer_malformed recover_answer_beyond recover_hole_filled
	round "answers in crumbs and late" loss_both=2001-2020,request_part=3,request_late_ms=30 live \
		recover_hole_filled
	expect_eq "snapshots tried" "$(counter recover_snapshot_tried)" 0
	capture_stop requests
	expect_ours_good requests
	expect_at_least "requests that tshark reads as such, from the first message of a hole" \
		"$(decode requests "ip.src == $GW_MD && moldudp64.request && moldudp64.sequence == 2001" \
			moldudp64.sequence | wc -l)" 1
	expect_eq "what else the gateway sent to the request servers" \
		"$(decode requests "ip.src == $GW_MD && !moldudp64.request" frame.number | wc -l)" 0
}

group_snapshots() {
	local lost=loss_both=2001-2100,request_deaf=99999
	join_late() { # in the middle of the day
		sleep 0.5
		capture_start snapshots "$VENUE" md "tcp port $SNAPSHOT_PORT"
		start_gateway "$SMOKE_DIR/sluice.yaml"
	}
	JOIN=join_late RATE=3000
	round "a start in the middle of the day, nobody answers" request_deaf=99999 live recover_snapshot_taken
	expect_at_least "messages before the start" "$(sed -n 's/.*adopted at message //p' "$SMOKE_DIR/events.log")" 1000
	JOIN='' RATE=20000
	round "requests are ignored, the spin is slow" $lost,snapshot_rate=4000 live \
		recover_request_unanswered recover_snapshot_taken recover_message_replayed
	round "dropped, ended, cut off, stalled, then whole" \
		$lost,snapshot_drop=1,snapshot_end_after=150@1,snapshot_cut_after=150@2,snapshot_stall_after=150@3 \
		live recover_snapshot_cut recover_snapshot_timeout recover_snapshot_taken
	round "mute, broken, without a number, too old, then whole" \
		$lost,snapshot_mute_after=150@1,snapshot_bad_length_after=150@2,snapshot_bad_number=1@3,snapshot_old=7000@4 \
		live recover_snapshot_timeout recover_snapshot_malformed recover_snapshot_older recover_snapshot_taken
	round "garbage, a number never reached, no end, then whole" \
		$lost,snapshot_garbage_after=150@1,snapshot_future=1000000@2,snapshot_end_after=99999@3 live \
		recover_snapshot_taken
	round "an order comes twice" $lost,snapshot_repeat=30@1 any
	round "every spin ends early" $lost,snapshot_end_after=150 dead recover_rebuild_lost
	capture_stop snapshots
	expect_ours_good snapshots
	expect_at_least "logins that tshark reads as such" "$(decode snapshots \
		"ip.src == $GW_MD && soupbintcp.packet_type == 'L' && !soupbintcp.req_seq_num.invalid" \
		soupbintcp.username | grep -c "^$SMOKE_USER$")" 10
}

group_lines() {
	start_gateway "$SMOKE_DIR/sluice.yaml"
	round "lines that pack differently and lose a tenth each" \
		pack_b=9,loss_a=10%,loss_b=10%,request_ignore=20%,request_twice=20% live recover_hole_filled
	round "the beginning and the end are lost, line B is 40 ms behind" \
		delay_b_us=40000,loss_both=1-60+7941-7964 live recover_hole_filled
	round "both lines are silent for a while" silent_a=2001-6000,silent_b=2001-6000 live
	round "a flood on line A" flood_a=3001-3020,loss_both=3101-3110 live recover_hole_filled
	round "packets numbered 2^40 too high" seq_jump=3000,loss_both=3101-3110 any
	round "numbers that jump by 2^40" seq_jump_at=3001 any
	round "another session in the middle" session_change_at=3001 any
	round "nothing is wrong any more" '' live
}

make_network
write_config "$SMOKE_DIR/sluice.yaml"
declare -F "group_$group" >/dev/null || fail "there is no group '$group'"
"group_$group"
smoke_alive
stop gateway 10
smoke_passed
