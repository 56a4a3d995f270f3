#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `sluicectl capture` records both ports of the running gateway through a whole day: every packet the
# venue sent is in it, Wireshark objects to none, and the password is nowhere.  See
# controlplane/observe/CAPTURE.md.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start capture
command -v tshark >/dev/null || skip "'tshark' is not installed: scripts/setup"

TAPE=$SMOKE_DIR/day.itch ARM=true FEED_KEYS="gap_wait_us: 300000"
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 11 --symbols 20 --symbol AAPL=150 --messages 20000 \
	--live-orders 500 --lead 1 --duration 4 --out "$TAPE" >"$SMOKE_DIR/day.log" 2>&1 ||
	fail "sluice-day could not make a day; see its log"

# A disk with little room, made before the gateway's namespace looks.
small=/tmp/sluice-small.$$
trap '(smoke_end); status=$?; [ -z "$small" ] || umount "$small"; rmdir /tmp/sluice-small.$$; exit $status' EXIT
mkdir "$small"
mount -t tmpfs -o size=1M none "$small" 2>/dev/null || small=

make_network
write_config "$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"

# refusals
refused() { # WORDS COMMAND...
	local words=$1
	shift
	if ctl "$@" >"$SMOKE_DIR/refused.log" 2>&1; then
		fail "'$*' was not refused"
	fi
	grep -qF -- "$words" "$SMOKE_DIR/refused.log" || {
		cat "$SMOKE_DIR/refused.log" >&2
		fail "'$*' does not say '$words'"
	}
}
refused "there is no port 'wan'; the ports are: md oe" capture start wan "$SMOKE_DIR/x.pcap"
refused "exists already" capture start md "$SMOKE_DIR/sluice.yaml"
refused "rx, tx or both is wanted" capture start md "$SMOKE_DIR/x.pcap" --direction up
refused "outside 14..65535" capture start md "$SMOKE_DIR/x.pcap" --snaplen 3
refused "is not captured" capture stop md
if [ -n "$small" ]; then
	refused "at least 16 are wanted" capture start md "$small/x.pcap"
	[ ! -e "$small/x.pcap" ] || fail "a refused capture left its file"
fi

# a relative name is the operator's folder, not the gateway's
(cd "$SMOKE_DIR" && ctl capture start md md.pcap --max-mb 64) >"$SMOKE_DIR/start.log" 2>&1 ||
	fail "the capture of md does not start; see start.log"
ctl capture start oe "$SMOKE_DIR/oe.pcap" >>"$SMOKE_DIR/start.log" 2>&1 ||
	fail "the capture of oe does not start; see start.log"
refused "captured already" capture start md "$SMOKE_DIR/x.pcap"
expect_eq "mode of the file" "$(stat -c %a "$SMOKE_DIR/md.pcap")" 600
start_venue "$TAPE" --wait-login --start-delay 1 --stay --pack 4 --linger-ms 500
day_is_over() { [ "$(ctl metrics sluice_arb_session_ended | awk '{ print $2 }')" = 1 ]; }
wait_for 20 "the feed comes to its end" day_is_over
sleep 2 # and is no longer repeated
ctl --json books AAPL --depth 50 >"$SMOKE_DIR/live_book.json"
ctl --json positions >"$SMOKE_DIR/live_positions.json"
ctl capture stop md >"$SMOKE_DIR/stop.log" 2>&1 || fail "the capture of md does not stop"
captured=$(ctl_value "capture status" 0.captured_cnt)
ctl capture status | sed 's/^/# /'
expect_eq "frames dropped from the captures" \
	"$(ctl metrics sluice_capture_frame_dropped | awk '{ sum += $2 } END { print sum + 0 }')" 0
expect_eq "md is captured" "$(ctl_value "capture status" 0.running)" false
expect_eq "oe is captured" "$(ctl_value "capture status" 1.running)" true
orders=$(ctl_value status order_sent_cnt)
stop venue 5
stop gateway 10 # ends the capture of oe

frames() { # FILE FILTER
	tshark -n -r "$SMOKE_DIR/$1" -d "udp.port==$MD_PORT_A,moldudp64" \
		-d "udp.port==$MD_PORT_B,moldudp64" -o ip.check_checksum:TRUE \
		-o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE -Y "$2" -T fields \
		-e frame.number 2>>"$SMOKE_DIR/tshark.log" | wc -l
}
expect_eq "frames in the file" "$(frames md.pcap frame)" "$captured"
for line in a b; do
	sent=$(venue_value market_data.line_$line.sent)
	port=MD_PORT_${line^^}
	expect_at_least "packets sent on line $line" "$sent" 5000
	expect_eq "packets of line $line captured" \
		"$(frames md.pcap "udp.dstport == ${!port} && moldudp64")" "$sent"
done
for file in md.pcap oe.pcap; do
	expect_eq "frames of $file tshark objects to" "$(frames $file '_ws.malformed ||
		udp.checksum.status == "Bad" || '"($TCP_SUM_BAD)")" 0
	grep -qaF "$SMOKE_PASSWORD" "$SMOKE_DIR/$file" && fail "$file holds the password"
	capinfos -Tm "$SMOKE_DIR/$file" 2>/dev/null | grep -q nanosecond ||
		fail "$file has no nanoseconds"
done
grep -qaF "$SMOKE_USER**********" "$SMOKE_DIR/oe.pcap" || fail "oe.pcap holds no blanked login"
expect_at_least "segments we sent" "$(frames oe.pcap "ip.src == $GW_OE && tcp.len > 0")" "$orders"
grep -qa "TCP retransmission" "$SMOKE_DIR/tshark.log" && fail "retransmissions in the capture"
smoke_passed
