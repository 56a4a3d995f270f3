#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The audit journal of a trading day with a kill -9 in it: after the restart it has every order that
# was on the wire, byte for byte; `why` tells an order's story; no order number comes twice, also
# when the venue forgot the day; no password is in it.  Each run finds another place for its rings: the
# journal's folder, the tmpfs, huge pages where the machine has some.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start journal
for tool in tshark python3; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
MAP=${MAP:-three} STRATEGY=quote HTTP_PORT=9183 ARM=true
day=$SMOKE_DIR/day.itch50
journal=$SMOKE_DIR/journal
reader=$SLUICE_BUILD/controlplane/journal/sluice-journal
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --messages 200000 --symbols 20 --symbol AAPL=585.00 \
	--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"

session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
orders_sent() { [ "$(ctl_value status order_sent_cnt)" -ge "$1" ]; }
kill_gateway() {
	local pid=${smoke_expected[gateway]}
	forget gateway
	kill -KILL "$pid"
	pid_gone 5 "$pid" || fail "the gateway survived SIGKILL"
	wait "$pid" 2>/dev/null
	mv "$SMOKE_DIR/gateway.log" "$SMOKE_DIR/gateway-$1.log"
}
# Requests that went over the wire to the venue, as hex, in order; from the capture alone.
wire_requests() {
	tshark -n -r "$SMOKE_DIR/oe.pcap" -d "tcp.port==$OE_PORT,data" -Y "tcp.dstport == $OE_PORT && tcp.len > 0" \
		-T fields -e tcp.stream -e tcp.seq -e tcp.payload 2>"$SMOKE_DIR/tshark.log" |
		python3 -c '
import sys
streams = {}
for line in sys.stdin:
    stream, seq, payload = line.rstrip("\n").split("\t")[:3]
    data = bytes.fromhex(payload.replace(":", ""))
    streams.setdefault(stream, {}).setdefault(int(seq), b"")
    if len(data) > len(streams[stream][int(seq)]):
        streams[stream][int(seq)] = data
for stream, parts in streams.items():
    text, expected = b"", None
    for seq in sorted(parts):
        data = parts[seq]
        if expected is not None and seq < expected:  # sent again
            data = data[expected - seq:]
            seq = expected
        text += data
        expected = seq + len(data)
    while len(text) >= 3:
        n = 2 + int.from_bytes(text[:2], "big")
        if text[2:3] == b"U" and text[3:4] in (b"O", b"U", b"X"):
            print(text[:n].hex())
        text = text[n:]' | sort
}
journal_requests() {
	"$reader" json --kind wire-out "$journal" | python3 -c '
import json, sys
for line in sys.stdin:
    row = json.loads(line)
    if row["action"] in ("new", "replace", "cancel"):
        print(row["bytes"])' | sort
}

write_journal_config() { # FILE SYMBOLS
	SYMBOLS=$2 write_config "$SMOKE_DIR/$1"
	cat >>"$SMOKE_DIR/$1" <<TEXT
journal: { enabled: true, directory: $journal, segment_mb: 1, ring_slots: 4096, on_gap: stop_trading }
TEXT
}

make_network
write_journal_config sluice.yaml AAPL
write_journal_config moved.yaml "ZVZZT AAPL"
write_journal_config gone.yaml ZVZZT
rings_in() { # WHAT WORDS: the rings of the two lanes that write to the journal
	expect_eq "rings in $1" "$(grep -cE "journal: the ring of lane '[a-z]+' is $2" "$SMOKE_DIR/gateway.log")" 2
}
capture_start oe "$VENUE" oe tcp port $OE_PORT
WITHOUT="huge shm" start_gateway "$SMOKE_DIR/sluice.yaml"
rings_in "the journal's folder" "a file in the journal's folder .*/dev/shm: No space left on device.*\[S909\]"
start_venue "$day" --rate 8000 --always-open --stay --wait-login --start-delay 1
wait_for 20 "orders leave" orders_sent 15
ctl limits set order_max_qty 400 >/dev/null || fail "a limit cannot be set"
an_order_works() { [ "$(ctl_value status order_open_cnt)" -ge 1 ]; }
wait_for 10 "an order works" an_order_works
kill_gateway first
# A start without the instrument that has orders in the market says so, and nothing leaves.
WITHOUT=huge start_gateway "$SMOKE_DIR/gone.yaml"
rings_in "the tmpfs" "/dev/shm/sluice-journal-[^ ]*$"
wait_for 3 "what is gone is told" grep -q "recovery: instrument 'AAPL' is not configured any more: of AAPL, session oe and strategy sample, .* [1-9][0-9]* orders of [0-9]* shares may be in the market" "$SMOKE_DIR/events.log"
expect_eq "orders are on without AAPL" "$(ctl_value status orders_on)" false
wait_for 10 "the replay's ended orders of AAPL are left out" metric_at_least sluice_session_report_left_out_total 1
expect_eq "orders are on after the replay" "$(ctl_value status orders_on)" false
kill_gateway second
# Before the next start the configuration got another instrument, and AAPL another place in it.
start_gateway "$SMOKE_DIR/moved.yaml"
wait_for 10 "the session is up again" session_up
note "then, with huge pages $(ctl_value status huge_pages): $(grep -oE "journal: the ring of lane 'decide' is .*" "$SMOKE_DIR/gateway.log")"
for run in 1 2; do
	grep -q "run $run was killed: 2 rings, .* 0 refused" "$SMOKE_DIR/events.log" || fail "what run $run left was not found"
done
agree() { grep -q "recovery: the journal and the venue agree: [1-9]" "$SMOKE_DIR/events.log"; }
wait_for 3 "journal and venue agree" agree
orders_on() { [ "$(ctl_value status orders_on)" = true ]; }
wait_for 3 "orders are on again by themselves" orders_on
# What was set by hand is in force again, and executions are the strategy's, not only the firm's.
expect_eq "order_max_qty after the restart" "$(ctl --json limits get AAPL | python3 -c '
import json, sys
print(next(r["value"] for r in json.load(sys.stdin) if r["key"] == "order_max_qty"))')" 400
grep -q "limit order_max_qty is 400 for firm, set by hand" "$SMOKE_DIR/events.log" || fail "the log does not say what is set by hand"
turnover() { # LEVEL...
	ctl --json positions "$@" | python3 -c '
import json, sys
print(" ".join(str(r[k]) for r in json.load(sys.stdin) if r["symbol"] == "AAPL"
               for k in ("position_qty", "bought_qty", "sold_qty", "realised_ntl4")))'
}
grep -qE "orders of earlier processes will be booked" "$SMOKE_DIR/events.log" || fail "nothing was booked"
ctl halt "to compare levels" >/dev/null
sleep 0.2
firm=$(turnover)
expect_eq "position, bought, sold, realised of strategy and firm" "$(turnover --strategy sample)" "$firm"
[ "$firm" != "0 0 0 0" ] || note "nothing was executed before the kill"
ctl resume >/dev/null || fail "resume after the comparison"
wait_for 2 "numbers are reserved" test -s "$journal/tokens"
# Both die, and the venue forgets everything: only our own file knows which numbers were used.
kill_gateway third
stop venue 5
start_gateway "$SMOKE_DIR/sluice.yaml"
JOIN_FIRST=no start_venue "$day" --rate 8000 --always-open --stay --wait-login --start-delay 0
wait_for 10 "the session is up with a venue that forgot" session_up
# It does not know what our journal knows: nothing leaves until somebody has looked.
disagree() { grep -q "recovery: the journal and the venue disagree" "$SMOKE_DIR/events.log"; }
wait_for 3 "journal and venue disagree" disagree
expect_eq "orders are on" "$(ctl_value status orders_on)" false
expect_eq "orders sent by the fourth run before somebody looked" "$(ctl_value status order_sent_cnt)" 0
ctl resume >/dev/null || fail "resume"
wait_for 15 "orders leave again" orders_sent 1
# The evidence quotes the journal: refusals by their check, and what the log said.
ctl limits set order_max_qty 1 >/dev/null || note "a lane was slow: $(ctl limits get AAPL | grep order_max_qty)"
refused() { [ "$(metric sluice_risk_intent_rejected_qty_total)" -gt 0 ]; }
wait_for 10 "risk refuses a quantity" refused
quoted() {
	ctl evidence >"$SMOKE_DIR/evidence.md" && grep -qE "^    .* record [0-9]+: new of strategy sample \(account default\), .* REJECT_QTY by limits version [0-9]+$" "$SMOKE_DIR/evidence.md"
}
wait_for 5 "the evidence quotes a refusal of the journal" quoted
grep -qE "^    .* record [0-9]+: control: halt: to compare levels" "$SMOKE_DIR/evidence.md" ||
	fail "the evidence does not quote what an operator did"
stop gateway 10
stop venue 5
sleep 0.2
capture_stop oe

"$reader" verify "$journal" >"$SMOKE_DIR/verify.log" 2>&1 || fail "the journal is not whole: $(cat "$SMOKE_DIR/verify.log")"
cat "$SMOKE_DIR/verify.log" | sed 's/^/# /'
grep -q " 0 records could not be kept" "$SMOKE_DIR/verify.log" || fail "records were lost"
grep -qE ", [1-9][0-9]* of them recovered" "$SMOKE_DIR/verify.log" || fail "nothing was recovered from the rings"
wire_requests >"$SMOKE_DIR/wire.txt"
journal_requests >"$SMOKE_DIR/kept.txt"
[ "$(wc -l <"$SMOKE_DIR/wire.txt")" -ge 15 ] || fail "only $(wc -l <"$SMOKE_DIR/wire.txt") requests on the wire"
missing=$(comm -23 "$SMOKE_DIR/wire.txt" "$SMOKE_DIR/kept.txt" | wc -l)
expect_eq "requests on the wire that are not in the journal" "$missing" 0
# A kill between the journal and the card may leave the last burst's requests unsent.
unsent=$(comm -13 "$SMOKE_DIR/wire.txt" "$SMOKE_DIR/kept.txt" | wc -l)
[ "$unsent" -le 8 ] || fail "$unsent requests of the journal were never on the wire"
note "$(wc -l <"$SMOKE_DIR/wire.txt") requests on the wire, all in the journal; $unsent written down and not sent"

# Every order number once.
"$reader" json --kind wire-out "$journal" | python3 -c '
import json, sys
seen, last = {}, 0
for line in sys.stdin:
    row = json.loads(line)
    if row["action"] in ("new", "replace"):
        if row["token"] in seen:
            sys.exit("token %d in run %d and %d" % (row["token"], seen[row["token"]], row["run"]))
        seen[row["token"]] = row["run"]
runs = {run: [t for t, r in seen.items() if r == run] for run in set(seen.values())}
print("# orders per run:", {run: len(t) for run, t in runs.items()}, "first tokens:", {run: min(t) for run, t in runs.items()})
for run in runs:
    if run > 1 and min(runs[run]) <= max(runs[1]):
        sys.exit("run %d goes below run 1" % run)' || fail "an order number was used twice"
next=$("$reader" print --kind tokens --run 4 "$journal" | wc -l)
[ "$next" -ge 1 ] || fail "no numbers were reserved by the fourth run"

token=$("$reader" json --kind report "$journal" | python3 -c '
import json, sys
tokens = [r["token"] for r in map(json.loads, sys.stdin) if r["action"] == "accepted" and r["run"] == 1]
print(tokens[len(tokens) // 2])')
"$reader" why "$token" "$journal" >"$SMOKE_DIR/why.log" 2>&1 || fail "why $token: $(cat "$SMOKE_DIR/why.log")"
for part in "caused by   message" intent order wire-out sent wire-in report update "limits=1" "feed=itch seq="; do
	grep -q -- "$part" "$SMOKE_DIR/why.log" || fail "why $token does not tell of '$part': $(cat "$SMOKE_DIR/why.log")"
done
sed 's/^/# /;14q' "$SMOKE_DIR/why.log"
"$reader" why 4000000000 "$journal" >/dev/null 2>&1
expect_eq "status of why without such an order" $? 3

# What the operator did, the limits, the configuration.
"$reader" print --kind command "$journal" | grep "limits_set" >/dev/null || fail "the operator's command is not there"
[ "$("$reader" csv --account default --kind intent "$journal" | wc -l)" -gt 10 ] || fail "--account finds no intents"
"$reader" print --kind limits "$journal" | grep "order_max_qty 400" >/dev/null || fail "the changed limit is not there"
"$reader" print --kind config "$journal" | grep "environment: simulation" >/dev/null || fail "the configuration is not there"
# Tables hold the same.
"$reader" sqlite "$journal" "$SMOKE_DIR/journal.db" >/dev/null || fail "sqlite"
rows=$(python3 -c "
import sqlite3
print(sqlite3.connect('$SMOKE_DIR/journal.db').execute('SELECT count(*) FROM record').fetchone()[0])")
expect_eq "rows of the database" "$rows" "$("$reader" csv "$journal" | tail -n +2 | python3 -c '
import csv, sys
print(sum(1 for _ in csv.reader(sys.stdin)))')"

# The login is there, the password is not: neither in segments, whole or unpacked, nor in what is printed.
"$reader" print --kind wire-out "$journal" | grep " session 002f4c" >/dev/null || fail "the login is not in the journal"
for file in "$journal"/*.sj*; do
	case $file in *.zst) zstdcat "$file" ;; *) cat "$file" ;; esac
done | grep -qa -e "$SMOKE_PASSWORD" -e "$(printf %s "$SMOKE_PASSWORD" | xxd -p)" && fail "the password is in the journal"
left=$(for ring in $(told_rings); do [ ! -e "$ring" ] || echo "$ring"; done)
[ -z "$left" ] || fail "rings are left: $left"
smoke_passed
