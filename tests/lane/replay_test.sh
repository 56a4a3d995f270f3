#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `sluice replay`: the same input gives the same bytes, with every core map and in every form of the
# capture; what is damaged is refused in words.  Needs no rights.
#
#     replay_test.sh SLUICE SLUICE-DAY SOURCE-ROOT
set -uo pipefail
sluice=$(realpath "$1") day=$(realpath "$2") root=$(realpath "$3")
dir=$(mktemp -d /tmp/sluice-replay.XXXXXX)
trap 'rm -rf "$dir"' EXIT
edit() { python3 "$root/tests/lane/pcap_edit.py" "$@" || fail "pcap_edit.py $*"; }
fail() {
	echo "FAILED: $*" >&2
	exit 1
}
cd "$dir" || exit 1
sed "s|^environment:|pmd_config_dir: $root/pmd_config\nenvironment:|" "$root/tests/golden/replay.yaml" >one.yaml
# lanes FILE GROUP...: the same gateway with other lanes
lanes() {
	local file=$1 n=0 group
	shift
	sed '/- { name: all, core/,$d' one.yaml >"$file"
	for group in "$@"; do
		echo "    - { name: l$((n++)), core: 0, stages: [${group// /, }] }" >>"$file"
	done
	sed '1,/- { name: all, core/d' one.yaml >>"$file"
}
"$day" --seed 5 --symbols 20 --symbol AAPL=150 --messages 6000 --live-orders 300 --lead 1 \
	--duration 4 --out day.itch --pcap day.pcap >day.log 2>&1 || fail "no day: $(cat day.log)"

# replay NAME CONFIG ARGUMENT...
replay() {
	local name=$1 config=$2
	shift 2
	"$sluice" replay -c "$config" --json --out "$name.out" --text "$name.txt" "$@" \
		>"$name.json" 2>"$name.log" || fail "$name: $(cat "$name.log")"
}
value() { # NAME PATH
	python3 -c '
import json, os, sys
try:
    x = json.load(open(sys.argv[1]))
    for step in sys.argv[2].split("."):
        x = x[int(step)] if isinstance(x, list) else x[step]
except (OSError, ValueError, LookupError) as e:
    x = f"no such value: {e!r} {os.getpid()}" # equal to no other
print(x)' "$1.json" "$2"
}
same() { # NAME1 NAME2 WHAT
	cmp -s "$1.out" "$2.out" && return
	diff "$1.txt" "$2.txt" | head -5 >&2
	fail "$3"
}
expect() { # WHAT GOT WANTED
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}

# --- the same bytes
replay first one.yaml --pcap day.pcap --frames first.frames
replay second one.yaml --pcap day.pcap --frames second.frames
same first second "the same capture twice gives other orders"
cmp -s first.frames second.frames || fail "the same capture twice gives other frames"
cmp -s <(grep -v '"last_heard' first.json) <(grep -v '"last_heard' second.json) ||
	fail "the same capture twice gives another summary"
orders=$(wc -l <first.txt)
[ "$orders" -ge 100 ] || fail "only $orders messages: the day shows nothing"
expect "messages lost" "$(value first gateway.md_lost_cnt)" 0
expect "halts" "$(value first gateway.orders_off_because)" "[]"
expect "unreadable to the venue" "$(value first venues.0.unreadable_cnt)" 0
[ "$(value first venues.0.execution_cnt)" -ge 10 ] || fail "no executions"

n=0
while read -r map; do
	IFS='|' read -ra groups <<<"$map"
	lanes map.yaml "${groups[@]}"
	replay map map.yaml --pcap day.pcap
	same first map "lanes '$map' send other orders than one lane"
	n=$((n + 1))
done <<'MAPS'
rx arb|parse book|strategy|risk|orders encode tcp report
rx arb|parse book strategy|risk orders encode tcp report
rx arb parse book|strategy risk|orders encode tcp report
rx arb parse book strategy risk|orders encode tcp report
MAPS
echo "# $orders messages, the same twice and with $n other core maps"

sed 's/protocol: ouch50/protocol: ouch42/' one.yaml >one42.yaml
replay ouch42 one42.yaml --itch day.itch
cp one.yaml kept.yaml && cp one42.yaml one.yaml
lanes split42.yaml "rx arb" "parse book" "strategy" "risk" "orders encode tcp report"
mv kept.yaml one.yaml
replay split42 split42.yaml --itch day.itch
same ouch42 split42 "OUCH 4.2: split lanes send other orders"
[ "$(value ouch42 venues.0.execution_cnt)" -ge 10 ] || fail "OUCH 4.2: no executions"

# --- every form of the capture
for form in "LE ns" "BE ns"; do
	# shellcheck disable=SC2086
	edit write day.pcap form.pcap $form
	replay form one.yaml --pcap form.pcap
	same first form "the capture as $form gives other orders"
done
edit write day.pcap us_le.pcap LE us
edit write day.pcap us_be.pcap BE us
replay us_le one.yaml --pcap us_le.pcap
replay us_be one.yaml --pcap us_be.pcap
same us_le us_be "microseconds: byte orders differ"
expect "book after microseconds" "$(value us_le book_digest)" "$(value first book_digest)"
if command -v editcap >/dev/null; then
	editcap -F pcapng day.pcap day.pcapng 2>/dev/null || fail "editcap"
	replay ng one.yaml --pcap day.pcapng
	same first ng "pcapng gives other orders"
fi
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	mkdir nobody && chown 65534:65534 nobody && chmod 755 . && cp day.pcap one.yaml nobody/
	chmod a+r nobody/*
	(cd nobody && setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$sluice" replay -c one.yaml --pcap day.pcap --out ../nobody/out >log 2>&1) ||
		echo "# not tried without rights: the program cannot be reached: $(head -1 nobody/log)"
	[ ! -e nobody/out ] || cmp -s nobody/out first.out || fail "without rights: other orders"
fi

# --- what changes what
edit itch-price day.itch changed.itch 350 3 # near the best prices
replay itch one.yaml --itch day.itch
replay changed one.yaml --itch changed.itch
cmp -s itch.out changed.out && fail "another price in the input changes no order"
edit itch-price day.itch far.itch 500 3 # far from them, and it stays
replay far one.yaml --itch far.itch
[ "$(value far book_digest)" != "$(value itch book_digest)" ] ||
	fail "another price in the input does not change the book"
expect "messages of the changed file" "$(value changed gateway.md_cnt)" "$(value itch gateway.md_cnt)"
edit flip day.pcap flipped.pcap 200 60 # line A or B; the other has the packet too
replay flipped one.yaml --pcap flipped.pcap
expect "lost behind a damaged frame" "$(value flipped gateway.md_lost_cnt)" 0
expect "book behind a damaged frame" "$(value flipped book_digest)" \
	"$(value first book_digest)"
replay calm one.yaml --pcap day.pcap --no-match
expect "executions with --no-match" "$(value calm venues.0.execution_cnt)" 0
edit time day.pcap back.pcap 300 -0.5
replay back one.yaml --pcap back.pcap
# line B's copies lie 15 us behind line A's in time, and right behind them in the file
expect "times that went back" "$(value back input.time_back_cnt)" \
	$(($(value first input.time_back_cnt) + 1))

# --- refusals
refused() { # STATUS WORDS ARGUMENT...
	local status=$1 words=$2 got
	shift 2
	"$sluice" replay "$@" >refused.log 2>&1
	got=$?
	expect "exit code of replay $*" $got "$status"
	grep -qF -- "$words" refused.log || fail "replay $*: does not say '$words': $(head -3 refused.log)"
}
{ printf 'garbage!' && tail -c +9 day.pcap; } >magic.pcap
refused 4 "cannot be read as a capture" -c one.yaml --pcap magic.pcap
edit link day.pcap link.pcap 101
refused 4 "link type" -c one.yaml --pcap link.pcap
edit cut day.pcap cut.pcap 7
refused 4 "truncated" -c one.yaml --pcap cut.pcap
head -c 24 day.pcap >empty.pcap
refused 4 "none of its 0 frames" -c one.yaml --pcap empty.pcap
: >nothing
refused 4 "cannot be read as a capture" -c one.yaml --pcap nothing
refused 4 "no ITCH message" -c one.yaml --itch nothing
head -c 24 day.pcap | { cat && printf '\0\0\0\0\0\0\0\0\377\377\377\377\377\377\377\377'; } >huge.pcap
refused 4 "huge.pcap: behind frame 0" -c one.yaml --pcap huge.pcap
edit time day.pcap hole.pcap 300 500000
refused 4 "split the file there" -c one.yaml --pcap hole.pcap
sed 's/udp_port: 2640/udp_port: 2650/' one.yaml >others.yaml
refused 4 "belongs to a feed of the configuration" -c others.yaml --pcap day.pcap
edit cut day.itch cut.itch 3
refused 4 "the file was cut" -c one.yaml --itch cut.itch
refused 4 "cannot be read" -c one.yaml --itch nowhere.itch
refused 4 "there is no feed 'x'" -c one.yaml --itch day.itch --feed x
refused 4 "cannot be made" -c one.yaml --itch day.itch --out /nowhere/x
refused 3 "nowhere.yaml" -c nowhere.yaml --itch day.itch
refused 2 "one input is needed" -c one.yaml
refused 2 "one input is needed" -c one.yaml --itch day.itch --pcap day.pcap
refused 2 "a configuration is needed" --itch day.itch
refused 2 "there is no option --itsch" -c one.yaml --itsch day.itch
refused 2 "--day wants a day" -c one.yaml --itch day.itch --day yesterday
[ ! -w /dev/full ] || refused 4 "cannot be written" -c one.yaml --itch day.itch --out /dev/full
echo "# replay passed"
