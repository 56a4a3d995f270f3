# SPDX-License-Identifier: Apache-2.0
#
# What smoke tests and scripts/demo share: two machines on one.  The gateway and the venue live in
# network namespaces of their own, joined by veth pairs; the gateway drives its ends from user
# space, so its kernel has no address there and answers nothing.
#
#     gateway namespace                         venue namespace
#        md  10.10.1.2  ---- (bridge?) ----  md  10.10.1.1      market data, lines A and B
#        oe  10.10.2.2  -------------------  oe  10.10.2.1      orders
#
# Source it, call smoke_start, and everything made here is gone when the script ends, however it
# ends.  Functions print one line on failure and end the script; 77 means skipped.
#
# Environment: SLUICE_BUILD   folder with the built programs (default: build, then build-gcc)
#              SLUICE_KEEP=1  keep the folder with logs and captures also on success
#              WITHOUT=huge   gateways find no huge pages; WITHOUT='huge shm': no room in /dev/shm either
#              SMOKE_PATIENCE every limit of a wait is so many times what stands there (4): on a busy
#                             machine a limit shall find what hangs, not what is slow
set -uo pipefail
# The system's own tools first, which scripts/setup installed: a version manager's stand-in for
# python3 takes ten times as long to start, and a test starts it dozens of times.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

SMOKE_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SMOKE_PATIENCE=${SMOKE_PATIENCE:-4}
# shellcheck source=scripts/lib/endings.sh
. "$SMOKE_TOP/scripts/lib/endings.sh"
MD_GROUP_A=239.10.1.1 MD_PORT_A=26400
MD_GROUP_B=239.10.1.2 MD_PORT_B=26401
GW_MD=10.10.1.2 VENUE_MD=10.10.1.1
GW_OE=10.10.2.2 VENUE_OE=10.10.2.1
OE_PORT=26488 REQUEST_PORT=26477 REQUEST_PORT_2=26478 SNAPSHOT_PORT=26479
SMOKE_USER=TEST01 SMOKE_PASSWORD=sluice0001

smoke_pids=()
smoke_spaces=()
smoke_ok=no
SMOKE_DIR=

note() { printf '# %s\n' "$*"; }

# smoke_start NAME [--without-sluice]: checks what is needed and makes the folder for logs; call it
# first.
smoke_start() {
	SMOKE_NAME=$1
	[ "$(id -u)" = 0 ] || skip "needs root to make network namespaces"
	local tool
	for tool in ip ethtool tcpdump; do
		command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
	done
	if [ "${2-}" != --without-sluice ]; then
		for SLUICE_BUILD in "${SLUICE_BUILD-}" "$SMOKE_TOP/build" "$SMOKE_TOP/build-gcc" ''; do
			[ ! -x "${SLUICE_BUILD:-/nowhere}/controlplane/sluice" ] || break
		done
		[ -n "$SLUICE_BUILD" ] || skip "sluice is not built: meson setup build && ninja -C build"
		SLUICE_BUILD=$(cd "$SLUICE_BUILD" && pwd)
	fi
	SMOKE_DIR=$(mktemp -d "/tmp/sluice-$SMOKE_NAME.XXXXXX")
	chmod 700 "$SMOKE_DIR"
	GW=slg$$ VENUE=slv$$ BRIDGE=slb$$
	EAL_PREFIX=sluice-${SMOKE_NAME:0:14}-$$ # at most 31 bytes
	trap smoke_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	# Killed without notice, as a test runner does that is interrupted itself, no trap runs.
	setsid bash -c 'while kill -0 '$$' 2>/dev/null; do sleep 1; done
		source "$0"
		smoke_spaces=("${@:3}")
		EAL_PREFIX=$1
		SMOKE_DIR=$2
		smoke_leave_nothing' "$SMOKE_TOP/tests/smoke/lib.sh" "$EAL_PREFIX" "$SMOKE_DIR" \
		"$GW" "$VENUE" "$BRIDGE" </dev/null >/dev/null 2>&1 &
	disown
}

# The last thing a test says.
smoke_passed() {
	smoke_ok=yes
	note "$SMOKE_NAME passed"
	exit 0
}

# Where the rings of this run's journals were, as its gateways said.
told_rings() {
	grep -ohE "/[^ ']*/sluice-journal-[0-9a-f]{16}-[0-9]+\.ring" "$SMOKE_DIR"/*.log 2>/dev/null | sort -u
}

# The namespaces, who is left in them, the files of DPDK, and the rings of killed gateways.
smoke_leave_nothing() {
	local pid space mount ring
	for space in "${smoke_spaces[@]}"; do
		for pid in $(ip netns pids "$space" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null
		done
		ip netns del "$space" 2>/dev/null
	done
	[ -n "${EAL_PREFIX-}" ] || return 0
	while read -r ring; do
		rm -f "$ring" "$ring.refused"
	done < <(told_rings)
	rm -rf "/var/run/dpdk/$EAL_PREFIX" "/var/run/dpdk/$EAL_PREFIX"-*
	while read -r mount; do
		rm -f "$mount/${EAL_PREFIX}map_"*
	done < <(awk '$3 == "hugetlbfs" { print $2 }' /proc/mounts)
}

# Only what this script started and made, by process id and by name.
smoke_end() {
	local status=$? pid
	trap - EXIT INT TERM
	for pid in "${smoke_pids[@]}"; do
		kill -TERM "$pid" 2>/dev/null
	done
	for pid in "${smoke_pids[@]}"; do
		pid_gone 3 "$pid" || kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	smoke_leave_nothing
	if [ $status = 0 ] || [ $status = $SKIPPED ]; then
		[ -n "${SLUICE_KEEP-}" ] || rm -rf "$SMOKE_DIR"
	else
		smoke_show_logs
	fi
	[ ! -d "$SMOKE_DIR" ] || echo "# logs and captures are in $SMOKE_DIR" >&2
	exit $status
}

smoke_show_logs() {
	local log
	for log in "$SMOKE_DIR"/*.log; do
		[ -s "$log" ] || continue
		echo "# --- end of ${log##*/}" >&2
		tail -n 15 "$log" | sed 's/^/# | /' >&2
	done
}

# --- waiting

# wait_for SECONDS WHAT COMMAND...: tries ten times a second.
wait_for() {
	local seconds=$(($1 * SMOKE_PATIENCE)) what=$2 until
	shift 2
	until=$((SECONDS + seconds))
	while ! "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || fail "waited $seconds s in vain: $what"
		smoke_alive
		sleep 0.1
	done
}
# same_for SECONDS COMMAND...: until what it prints stays the same for so long.
same_for() {
	local seconds=$1 last now until=$((SECONDS + 20 * SMOKE_PATIENCE))
	shift
	last=$("$@")
	while sleep "$seconds"; do
		now=$("$@")
		[ "$now" != "$last" ] || return 0
		[ $SECONDS -lt $until ] || fail "it never comes to rest: $*"
		last=$now
	done
}
pid_gone() {
	local until=$((SECONDS + $1 * SMOKE_PATIENCE)) stat
	while kill -0 "$2" 2>/dev/null; do
		# A child that ended is still there until we take its status.
		read -r stat <"/proc/$2/stat" || return 0
		[[ ${stat##*) } != Z* ]] || return 0
		[ $SECONDS -lt $until ] || return 1
		sleep 0.05
	done
}
# A program that is meant to run has not ended by itself.
smoke_alive() {
	local name
	for name in "${!smoke_expected[@]}"; do
		pid_gone 0 "${smoke_expected[$name]}" && fail "$name ended by itself; see its log"
	done
	return 0
}
declare -A smoke_expected=()

# --- the two machines

in_gw() { ip netns exec "$GW" "$@"; }
in_venue() { ip netns exec "$VENUE" "$@"; }

make_space() {
	ip netns add "$1" || fail "cannot make network namespace $1"
	smoke_spaces+=("$1")
	# No neighbour discovery or other chatter of the kernel on our wires.
	ip netns exec "$1" sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 \
		net.ipv6.conf.default.disable_ipv6=1 2>/dev/null
	ip -n "$1" link set lo up
}

# The kernel leaves checksums of veth frames to a card that is not there: fill them.
plain_wire() {
	ip netns exec "$1" ethtool -K "$2" tx off tso off gso off gro off rx off >/dev/null 2>&1
	ip -n "$1" link set "$2" mtu 1500 up
}

# join_spaces SPACE1 NAME1 SPACE2 NAME2
join_spaces() {
	ip link add "$2" netns "$1" type veth peer name "$4" netns "$3" ||
		fail "cannot make the veth pair $2 - $4"
	plain_wire "$1" "$2"
	plain_wire "$3" "$4"
}

# make_network [bridge]: both machines and their wires; with 'bridge' the market data crosses a
# Linux bridge that forwards a group only to ports that asked for it.
make_network() {
	make_space "$GW"
	make_space "$VENUE"
	join_spaces "$GW" oe "$VENUE" oe
	if [ "${1-}" = bridge ]; then
		make_space "$BRIDGE"
		ip -n "$BRIDGE" link add name br0 type bridge mcast_snooping 1 mcast_querier 1 \
			mcast_igmp_version 3 mcast_query_interval 500 mcast_query_response_interval 100 \
			mcast_startup_query_interval 100 || fail "cannot make a bridge"
		ip -n "$BRIDGE" link set br0 up
		join_spaces "$GW" md "$BRIDGE" gw
		join_spaces "$VENUE" md "$BRIDGE" venue
		ip -n "$BRIDGE" link set gw master br0
		ip -n "$BRIDGE" link set venue master br0
	else
		join_spaces "$GW" md "$VENUE" md
	fi
	ip -n "$VENUE" addr add $VENUE_MD/24 dev md
	ip -n "$VENUE" addr add $VENUE_OE/24 dev oe
	ip -n "$VENUE" route add 239.0.0.0/8 dev md
}

# cut_wire / mend_wire NAME: the carrier goes away and comes back.
cut_wire() { ip -n "$VENUE" link set "$1" down; }
mend_wire() {
	ip -n "$VENUE" link set "$1" up
	[ "$1" != md ] || ip -n "$VENUE" route replace 239.0.0.0/8 dev md
}

# --- programs

# start_in SPACE NAME COMMAND...: output to NAME.log; PID_<name> is its process.
start_in() {
	local space=$1 name=$2
	shift 2
	ip netns exec "$space" "$@" >"$SMOKE_DIR/$name.log" 2>&1 </dev/null &
	smoke_pids+=($!)
	smoke_expected[$name]=$!
	printf -v "PID_$name" %s $!
}

# stop NAME SECONDS [STATUS]: asks it to end; it must, in time and with that status (0).
stop() {
	local name=$1 pid=${smoke_expected[$1]} want=${3-0} got
	unset "smoke_expected[$name]"
	kill -TERM "$pid" 2>/dev/null
	pid_gone "$2" "$pid" || fail "$name did not end within $2 s of SIGTERM"
	wait "$pid"
	got=$?
	[ "$want" = any ] || [ $got = "$want" ] || fail "$name ended with $got, wanted $want; see its log"
}

# expect_end NAME SECONDS: it ends by itself, with status 0.
expect_end() {
	local name=$1 pid=${smoke_expected[$1]} got
	unset "smoke_expected[$name]"
	pid_gone "$2" "$pid" || fail "$name still runs after $2 s"
	wait "$pid"
	got=$?
	[ $got = 0 ] || fail "$name ended with $got; see its log"
}

# forget NAME: it may end when it likes from now on.
forget() { unset "smoke_expected[$1]"; }

# Carries frames between shared memory and veth, for a gateway whose ports are memif (memif_ports).
start_carrier() {
	command -v dpdk-testpmd >/dev/null || fail "dpdk-testpmd is not installed: scripts/setup"
	start_in "$GW" carrier dpdk-testpmd --no-huge -m 256 --no-pci --log-level=error \
		--lcores "0@0,1@0" --file-prefix "$EAL_PREFIX-carrier" \
		--vdev "net_memif0,id=0,role=client,socket=$SMOKE_DIR/md.memif,socket-abstract=no" \
		--vdev "net_af_packet0,iface=md" \
		--vdev "net_memif1,id=1,role=client,socket=$SMOKE_DIR/oe.memif,socket-abstract=no" \
		--vdev "net_af_packet1,iface=oe" \
		-- --forward-mode=io --auto-start --stats-period 3600 --total-num-mbufs=16384
}
# Settings for write_config: ports of shared memory.
memif_ports() {
	PROFILE=memif
	MD_DEVICE="net_memif0,id=0,role=server,socket=$SMOKE_DIR/md.memif"
	OE_DEVICE="net_memif1,id=1,role=server,socket=$SMOKE_DIR/oe.memif"
}
# Whether the gateway's ports have their links and are members of every line's group.
feeds_joined() {
	ctl --json feeds | python3 -c '
import json, sys
sys.exit(not all(line["joined"] for feed in json.load(sys.stdin) for line in feed["lines"]))'
}
# start_venue FILE [ARGUMENT...]: lines A and B, request servers, snapshots and order entry; it has
# bound its ports on return.  VENUE_REPORT is written when it ends.
start_venue() {
	local tape=$1 ouch=${PROTOCOL:-ouch50}
	shift
	# Who joins late has missed what was said before, and the test wants to know all of it.
	[ -z "${smoke_expected[gateway]-}" ] || [ "${JOIN_FIRST-yes}" != yes ] ||
		wait_for 10 "every line of the gateway's feeds is joined" feeds_joined
	VENUE_REPORT=$SMOKE_DIR/venue.json
	rm -f "$SMOKE_DIR/venue.ready"
	start_in "$VENUE" venue "$SLUICE_BUILD/tests/sim/sluice-venue" --itch "$tape" \
		--line-a $MD_GROUP_A:$MD_PORT_A --line-b $MD_GROUP_B:$MD_PORT_B --iface md \
		--source-ip $VENUE_MD --listen-ip $VENUE_OE --recovery-ip $VENUE_MD \
		--request-port $REQUEST_PORT --request-port $REQUEST_PORT_2 \
		--snapshot-port $SNAPSHOT_PORT --snapshot-user $SMOKE_USER \
		--snapshot-password $SMOKE_PASSWORD --order-port $OE_PORT --ouch "${ouch#ouch}" --user $SMOKE_USER \
		--password $SMOKE_PASSWORD --report "$VENUE_REPORT" \
		--ready-file "$SMOKE_DIR/venue.ready" "$@"
	wait_for 10 "the venue listens" test -s "$SMOKE_DIR/venue.ready"
}
# The venue's report as of now; it goes on.
venue_report_now() {
	rm -f "$VENUE_REPORT"
	kill -USR1 "${smoke_expected[venue]}"
	wait_for 5 "the venue's report" test -s "$VENUE_REPORT"
}
# venue_value PATH: of the venue's report, like 'market_data.messages'.
venue_value() { json_value "$1" <"$VENUE_REPORT"; }
# The namespace's mounts are its own: what is taken away there is still there for everybody else.
smoke_without='
	for what in $1; do
		case $what in
		huge) awk "\$3 == \"hugetlbfs\" { print \$2 }" /proc/mounts | while read -r at; do umount -l "$at"; done ;;
		shm) mount -t tmpfs -o size=4k none /dev/shm ;;
		esac
	done
	shift
	exec "$@"'
# start_gateway FILE [ARGUMENT...]
start_gateway() {
	local without=()
	[ -z "${WITHOUT-}" ] || without=(bash -c "$smoke_without" without "$WITHOUT")
	start_in "$GW" gateway "${without[@]}" "$SLUICE_BUILD/controlplane/sluice" run -c "$@"
	wait_for 20 "the gateway answers on its control socket" ctl status
}
ctl() { "$SLUICE_BUILD/controlplane/ctl/sluicectl" --socket "$SMOKE_DIR/ctl.sock" "$@"; }
# ctl_value COMMAND... PATH: one value of the JSON answer, like 'status armed' or 'feeds 0.gap'.
ctl_value() {
	local path=${*: -1}
	ctl --json "${@:1:$#-1}" | json_value "$path"
}
json_value() {
	python3 -c '
import json, sys
value = json.load(sys.stdin)
for step in sys.argv[1].split("."):
    value = value[int(step)] if isinstance(value, list) else value[step]
print(str(value).lower() if isinstance(value, bool) else value)' "$1"
}
# metric NAME[{LABEL="VALUE"}]: sum over all matching lines of /metrics, 0 when there is none.
metric() {
	in_gw curl -s --max-time 5 "http://127.0.0.1:${HTTP_PORT:-9100}/metrics" |
		awk -v want="$1" 'index($1, want) == 1 && (length($1) == length(want) ||
			substr($1, length(want) + 1, 1) == "{" || want ~ /\{/) { sum += $2 }
			END { printf "%.0f\n", sum }'
}
metric_at_least() { [ "$(metric "$1")" -ge "$2" ]; }

# --- captures

# capture_start NAME SPACE INTERFACE [FILTER...]: NAME.pcap, with nanoseconds, from now on.
capture_start() {
	local name=$1 space=$2 interface=$3
	shift 3
	start_in "$space" "$name" tcpdump -n -U -s 0 -B 32768 --time-stamp-precision=nano \
		-i "$interface" -w "$SMOKE_DIR/$name.pcap" "$@"
	wait_for 5 "tcpdump listens on $interface" grep -q "listening on" "$SMOKE_DIR/$name.log"
}
capture_stop() { # NAME...
	local name pid
	sleep 1.2 # the kernel hands tcpdump what it has once a second
	for name in "$@"; do
		pid=${smoke_expected[$name]}
		kill -INT "$pid" 2>/dev/null
		unset "smoke_expected[$name]"
		pid_gone 5 "$pid" || fail "tcpdump of $name did not end"
		wait "$pid" 2>/dev/null
		if grep -E '^[1-9][0-9]* packets? dropped by kernel' "$SMOKE_DIR/$name.log"; then
			fail "the capture $name is not complete"
		fi
	done
}
# decode NAME FILTER FIELD...: tshark's fields of the matching packets, tab separated; where it cannot
# tell, what it says instead, so that nothing is not taken for none.
decode() {
	local name=$1 filter=$2 field fields=()
	shift 2
	for field in "$@"; do fields+=(-e "$field"); done
	tshark -n -r "$SMOKE_DIR/$name.pcap" -d "udp.port==$MD_PORT_A,moldudp64" \
		-d "udp.port==$MD_PORT_B,moldudp64" -d "tcp.port==$OE_PORT,soupbintcp" \
		-d "udp.port==$REQUEST_PORT,moldudp64" -d "udp.port==$REQUEST_PORT_2,moldudp64" \
		-d "tcp.port==$SNAPSHOT_PORT,soupbintcp" \
		-o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
		-Y "$filter" -T fields "${fields[@]}" 2>"$SMOKE_DIR/tshark.log" ||
		cat "$SMOKE_DIR/tshark.log"
}
# The venue's kernel writes a TCP checksum of 0 as 0xffff, the same number in ones' complement, in one
# frame of 65,536; tshark objects to it.
TCP_SUM_BAD="tcp.checksum.status == Bad &&
	!(ip.src == $VENUE_OE && tcp.checksum == 0xffff && tcp.checksum_calculated == 0)"
# expect_no_malformed NAME: nothing tshark objects to, checksums included; see split_login.py.
expect_no_malformed() {
	local bad split=$1-split
	"$SMOKE_TOP/tests/smoke/split_login.py" "$OE_PORT" "$SMOKE_DIR/$1.pcap" "$SMOKE_DIR/$split.pcap" ||
		fail "the capture $1 could not be copied"
	bad=$(decode "$1" "ip.checksum.status == Bad || ($TCP_SUM_BAD) || udp.checksum.status == Bad" \
		frame.number ip.src tcp.stream tcp.seq tcp.len udp.length _ws.col.Info | head -n 5)
	bad+=$(decode "$split" "_ws.malformed || ip.checksum.status == Bad || ($TCP_SUM_BAD)" \
		frame.number ip.src tcp.stream tcp.seq tcp.len udp.length _ws.col.Info | head -n 5)
	[ -z "$bad" ] || fail "tshark objects to frames of $1: $bad"
}

# --- judging

expect_eq() { # WHAT GOT WANTED
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
	note "$1: $2"
}
expect_at_least() { # WHAT GOT LEAST
	[ "$2" -ge "$3" ] || fail "$1: got $2, wanted at least $3"
	note "$1: $2"
}

# expect_replayed CONFIG FOLDER [LEAST]: the run that the journal there recorded, done again, is the same:
# hundreds of decisions, and at least so many messages to venues (10).
expect_replayed() {
	local log=$SMOKE_DIR/replay.log sent
	"$SLUICE_BUILD/controlplane/sluice" replay --journal "$2" -c "$1" >"$log" 2>&1 ||
		fail "the replay is not the run: $(cat "$log")"
	sed 's/^/# /' "$log"
	sent=$(sed -nE 's/^equal +[1-9][0-9]{2,} decisions, ([0-9]+) messages to venues.*/\1/p' "$log")
	[ "${sent:-0}" -ge "${3-10}" ] || fail "hardly anything was compared: $(cat "$log")"
}

# --- the gateway's configuration

# Core maps, most split last.  With fewer cores than lanes they share them.
core_map() {
	if [ -f "$1" ]; then
		echo "core_map_file: $1"
		return
	fi
	local lanes last
	last=$(($(nproc) - 1))
	case $1 in
	one) lanes=("all:rx, arb, parse, book, strategy, risk, orders, encode, tcp, report") ;;
	two) lanes=("market:rx, arb, parse, book" "orders:strategy, risk, orders, encode, tcp, report") ;;
	three) lanes=("receive:rx, arb" "decide:parse, book, strategy, risk"
		"encoder:orders, encode, tcp, report") ;;
	four) lanes=("receive:rx, arb" "parser:parse, book, strategy" "risk:risk"
		"encoder:orders, encode, tcp, report") ;;
	*) fail "there is no core map '$1'" ;;
	esac
	local shared=false core=1 lane
	[ ${#lanes[@]} -le $last ] || shared=true
	echo "core_map:"
	echo "  control: 0"
	echo "  shared_cores: $shared"
	echo "  lanes:"
	for lane in "${lanes[@]}"; do
		[ $core -le $last ] || core=$((last > 0 ? 1 : 0))
		echo "    - { name: ${lane%%:*}, core: $core, stages: [${lane#*:}] }"
		core=$((core + 1))
	done
}

# write_config FILE: settings by variables, all with defaults:
#   MAP one|two|three|four|FILE PROTOCOL ouch50|ouch42   SYMBOLS "A B"    STRATEGY take|quote|none
#   ARM true|false             IGMP 2|3                 HUGE_MB          HTTP_PORT
#   MD_DEVICE, OE_DEVICE and PROFILE for another driver than af_packet
#   OBSERVED "C D"   symbols besides, which are not traded
#   MORE_CONFIG      further keys of the file itself, as they stand there
#   SHORT_ALLOWED=true       instruments may be sold short
#   FEED_KEYS, SESSION_KEYS  further keys of the feed and the session: "gap_wait_us: 1|shards: 2"
#   STRATEGY_KEYS    further keys of the strategy: "edge_usd: 0.05, post_only: true"
# recovery_keys [KEY: VALUE|...]: FEED_KEYS for both request servers and the snapshot server.
recovery_keys() {
	local IFS='|' key keys=
	for key in $1; do keys+=", $key"; done
	echo "recovery: { servers: [$VENUE_MD:$REQUEST_PORT, $VENUE_MD:$REQUEST_PORT_2]," \
		"snapshot: $VENUE_MD:$SNAPSHOT_PORT, snapshot_username: $SMOKE_USER," \
		"snapshot_password_file: $SMOKE_DIR/oe.password$keys }"
}
more_keys() {
	[ -z "$1" ] || tr '|' '\n' <<<"$1" | sed 's/^/    /'
}
write_config() {
	local map=${MAP:-one} protocol=${PROTOCOL:-ouch50} symbols=${SYMBOLS:-AAPL} symbol
	local strategy=${STRATEGY:-take} trade=true
	install -m 600 /dev/null "$SMOKE_DIR/oe.password"
	printf '%s\n' "$SMOKE_PASSWORD" >"$SMOKE_DIR/oe.password"
	[ "$strategy" != none ] || trade=false
	{
		cat <<TEXT
environment: simulation
arm_at_start: ${ARM:-false}
hugepages: { memory_mb: ${HUGE_MB:-320}, degraded_ok: true }
eal: { file_prefix: $EAL_PREFIX }
control: { socket: $SMOKE_DIR/ctl.sock, http_port: ${HTTP_PORT:-9100}, event_log: $SMOKE_DIR/events.log }
latency: { stage_sample_every: ${SAMPLE_EVERY:-16}, histogram_file: $SMOKE_DIR/histogram.txt }
pmd_config_dir: $SMOKE_TOP/pmd_config
TEXT
		core_map "$map"
		cat <<TEXT
ports:
  - { name: md, device: "${MD_DEVICE:-net_af_packet0,iface=md,framecnt=8192}", profile: ${PROFILE:-af_packet}, address: $GW_MD/24 }
  - { name: oe, device: "${OE_DEVICE:-net_af_packet1,iface=oe}", profile: ${PROFILE:-af_packet}, address: $GW_OE/24 }
venues:
  - { name: sim, environment: simulation }
feeds:
  - name: itch
    venue: sim
    protocol: itch50
    igmp_version: ${IGMP:-3}
    orders_max: ${ORDERS_MAX:-200000}
    levels_max: ${LEVELS_MAX:-100000}
TEXT
		more_keys "${FEED_KEYS-}"
		cat <<TEXT
    lines:
      - { port: md, group: $MD_GROUP_A, udp_port: $MD_PORT_A }
      - { port: md, group: $MD_GROUP_B, udp_port: $MD_PORT_B }
sessions:
  - name: oe
    venue: sim
    protocol: $protocol
    port: oe
    peer: $VENUE_OE:$OE_PORT
    username: $SMOKE_USER
    password_file: $SMOKE_DIR/oe.password
    capacity: principal
    reconnect_ms: 200
TEXT
		more_keys "${SESSION_KEYS-}"
		cat <<TEXT
instruments:
TEXT
		for symbol in $symbols; do
			if [ $trade = true ]; then
				echo "  - { symbol: $symbol, feed: itch, session: oe, trade: true${SHORT_ALLOWED:+, short_allowed: $SHORT_ALLOWED} }"
			else
				echo "  - { symbol: $symbol, feed: itch, trade: false }"
			fi
		done
		for symbol in ${OBSERVED-}; do
			echo "  - { symbol: $symbol, feed: itch, trade: false }"
		done
		if [ "$strategy" != none ]; then
			echo "strategies:"
			echo "  - { name: sample, kind: $strategy, instruments: [${symbols// /, }]," \
				"qty: ${QTY:-100}, position_max_qty: ${POSITION_MAX:-1000}," \
				"cooldown_us: ${COOLDOWN_US:-1000}${STRATEGY_KEYS:+, $STRATEGY_KEYS} }"
		fi
		cat <<TEXT
risk:
  order_max_qty: 500
  order_max_usd: 1000000
  collar_bp: 500
  open_max_qty: 5000
  position_max_qty: 10000
  gross_max_usd: 100000000
  order_rate_max: ${ORDER_RATE_MAX:-1000}
TEXT
		[ -z "${MORE_CONFIG-}" ] || echo "$MORE_CONFIG"
	} >"$1"
}
