#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What cannot start says why in one message, names the fix, and ends with the documented code; what
# starts with less than it asked for says so loudly.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start start
make_network
sluice=$SLUICE_BUILD/controlplane/sluice
config=$SMOKE_DIR/sluice.yaml
MAP=one HTTP_PORT=0
write_config "$config"
cp "$config" "$SMOKE_DIR/good.yaml"

# given SED...: the good configuration with a change; it must be one.
given() {
	sed -E "$@" "$SMOKE_DIR/good.yaml" >"$config"
	! cmp -s "$config" "$SMOKE_DIR/good.yaml" || fail "nothing changed by: $*"
}
# refuses NAME CODE PATTERN [COMMAND...]: it ends by itself with that code, and its last line
# matches; default is to run it.
refuses() {
	local name=$1 code=$2 pattern=$3 log got
	shift 3
	[ $# -gt 0 ] || set -- "$sluice" run -c "$config"
	log="$SMOKE_DIR/${name// /-}.txt"
	in_gw timeout -k 1 10 "$@" >"$log" 2>&1 </dev/null
	got=$?
	[ $got = "$code" ] || fail "$name: ended with $got, wanted $code"
	tail -n 1 "$log" | grep -qE -- "$pattern" || fail "$name: '$(tail -n 1 "$log")' does not match '$pattern'"
	! grep -qE 'AddressSanitizer|runtime error|Segmentation|Assertion' "$log" || fail "$name: it broke"
	# What DPDK says stands above; ours is one line (a configuration may have several faults).
	[ "$code" != 4 ] || [ "$(grep -c '^sluice: ' "$log")" = 1 ] ||
		fail "$name: not one line of ours: $(cat "$log")"
	! grep -q "$SMOKE_PASSWORD" "$log" || fail "$name: the password is in the output"
	note "$name: $(tail -n 1 "$log" | sed "s|$SMOKE_DIR/||g")"
}

# --- the configuration is at fault: 3, and check says the same without a device
refuses_both() {
	refuses "$@"
	refuses "$1 (check)" "$2" "$3" "$sluice" check -c "$config"
}
head -c 4096 /dev/urandom >"$config"
refuses_both "random bytes" 3 "sluice.yaml.*\[S100\]$"
printf 'environment: simulation\n\tports: [\n' >"$config"
refuses_both "YAML with a tab" 3 'sluice\.yaml:2:[0-9]+: '
: >"$config"
refuses_both "an empty file" 3 "sluice.yaml"
refuses "no such file" 3 'nothere\.yaml.*No such file' "$sluice" run -c "$SMOKE_DIR/nothere.yaml"
given 's/^arm_at_start/arm_at_strat/'
refuses_both "an unknown key" 3 "sluice.yaml:[0-9]+:[0-9]+: .*arm_at_strat.*arm_at_start.*\[S100\]$"
given 's/order_max_qty: 500/order_max_qty: 5000000/'
refuses_both "a limit out of range" 3 "order_max_qty: 5000000.*1\.\.999999"
given '/collar_bp/d'
refuses_both "a risk limit that nobody chose" 3 "collar_bp"
given 's/core: [0-9]+/core: 999/'
refuses_both "a core that does not exist" 3 "sluice.yaml:[0-9]+:[0-9]+: .*core 999 is not there; this machine has 0.*\[S110\]$"
given "s/password_file: .*/password: $SMOKE_PASSWORD/"
refuses_both "a password in the file" 3 "password_file"
given 's/name: sim, environment: simulation/name: sim, environment: test/'
refuses_both "environments that differ" 3 "environment"
given 's/environment: simulation/environment: live/; s/shared_cores: false/shared_cores: true/; s/degraded_ok: true/degraded_ok: false/; $a kill_switch: { latch_file: /var/lib/sluice/kill }'
refuses_both "shared cores at a live venue" 3 "shared_cores"
given 's/environment: simulation/environment: live/'
refuses_both "a live venue without a place for the kill switch" 3 "kill_switch.latch_file"
given 's/environment: simulation/environment: live/; $a kill_switch: { latch_file: /var/lib/sluice/kill }'
refuses_both "degraded mode at a live venue" 3 "degraded_ok"
given 's/profile: af_packet/profile: af_bucket/'
refuses_both "an unknown profile" 3 "af_bucket.*\[S101\]$"
given 's/port: oe,?$/port: eo/'
refuses_both "a session on a port that is not there" 3 "'?eo'?"
cp "$SMOKE_DIR/good.yaml" "$config"
chmod 0644 "$SMOKE_DIR/oe.password"
refuses_both "a password others can read" 3 "chmod 0600 .*oe.password \[S102\]$"
chmod 0600 "$SMOKE_DIR/oe.password"
mv "$SMOKE_DIR/oe.password" "$SMOKE_DIR/away"
refuses_both "no password file" 3 "oe.password.*No such file"
mv "$SMOKE_DIR/away" "$SMOKE_DIR/oe.password"

# --- how it is called: 2
usage() {
	local got
	in_gw timeout 10 "$sluice" "$@" >"$SMOKE_DIR/usage.txt" 2>&1
	got=$?
	[ $got = 2 ] || fail "'sluice $*' ended with $got, wanted 2"
	grep -q "exit codes: 0 ended as asked" "$SMOKE_DIR/usage.txt" || fail "'sluice $*' does not explain its exit codes"
	note "sluice $*: $(head -n 1 "$SMOKE_DIR/usage.txt")"
}
usage run
usage run -c
usage run -c "$config" another
usage run -x
usage walk
usage

# A number that is no fault's is answered in words, with where the numbers are.
explained() { # STATUS PATTERN ARGUMENT...
	local want=$1 pattern=$2 got
	shift 2
	"$sluice" explain "$@" >"$SMOKE_DIR/explained.txt" 2>&1
	got=$?
	[ $got = "$want" ] || fail "'sluice explain $*' ended with $got, wanted $want"
	grep -qE -- "$pattern" "$SMOKE_DIR/explained.txt" || fail "'sluice explain $*' does not say '$pattern'"
	note "sluice explain $*: $(head -n 1 "$SMOKE_DIR/explained.txt")"
}
explained 2 "^sluice explain: there is no fault 'S999'; 'sluice explain' lists them all$" S999
explained 2 "there is no fault 'nonsense'" nonsense
explained 2 "one number of a message, like S304" S304 S305
explained 0 '^fix   .sluicectl bind bind --yes ADDRESS' S304
explained 0 '^S908  '

given 's|(address: 10.10.2.2/24)|\1, gateway: 10.10.2.255|'
refuses_both "a gateway that is no host" 3 "sluice.yaml:[0-9]+:[0-9]+: port 'oe': the gateway is 10.10.2.255, the broadcast address.*10.10.2.1 to 10.10.2.254.*\[S100\]$"

# --- the machine cannot do it: 4, with one line of ours below whatever DPDK says
given 's/iface=oe/iface=nosuch/'
refuses "an interface that does not exist" 4 "ports 'oe'.*nosuch.*\[S302\]$"
given 's/net_af_packet1,iface=oe/net_af_bucket1,iface=oe/'
refuses "a driver that does not exist" 4 "net_af_bucket1.*\[S303\]$"
given 's/"net_af_packet1,iface=oe"/"0000:7f:1f.7"/'
refuses "a PCI device that does not exist" 4 "0000:7f:1f.7.*\[S301\]$"
given 's/degraded_ok: true/degraded_ok: false/; s/memory_mb: [0-9]+/memory_mb: 1000000/'
refuses "no huge pages and none to do without" 4 "sluicectl host apply --yes --set hugepages_mb=1000000 hugepages.*degraded_ok.*\[S20[356]\]$"
given 's/(eal: \{.*) \}/\1, extra_args: ["--no-such-argument"] }/'
refuses "an argument DPDK does not know" 4 "eal.extra_args.*\[S503\]$"
given "s|socket: [^,]*,|socket: /proc/nothere/ctl.sock,|"
refuses "a socket folder that cannot be made" 4 "/proc/nothere.*control.socket.*\[S404\]$"
# --- a profile is held against what its device can do
mkdir "$SMOKE_DIR/profiles"
cp "$SMOKE_TOP"/pmd_config/*.yaml "$SMOKE_DIR/profiles/"
sed -i 's/^rx_offloads: { value: \[\]/rx_offloads: { value: [udp_cksum, timestamp]/' "$SMOKE_DIR/profiles/af_packet.yaml"
given "s|^(pmd_config_dir:).*|\1 $SMOKE_DIR/profiles|"
refuses "an offload the device does not have" 4 "ports 'md'.*rx_offloads: udp_cksum, timestamp, which .*\[S308\]$"
given 's/(iface=oe.*profile: )af_packet/\1e1000/'
refuses "the profile of another driver" 4 "ports 'oe': its driver is net_af_packet, while profile e1000.*\[S307\]$"
given 's|(address: 10.10.2.2/24)|\1, mtu_bytes: 4000|'
refuses "a frame that fits no buffer" 4 "ports 'oe': profile af_packet: mbuf_data_bytes: 2176 .*\[S313\]$"
given 's|(address: 10.10.2.2/24)|\1, mtu_bytes: 1600|'
refuses "an MTU above the interface's" 4 "ports 'oe'.*mtu_bytes: 1600, and the interface behind it has 1500.*\[S311\]$"
# Only where another lane has the order connection is there something to steer.
sed -i 's/^flow_steering: { value: no/flow_steering: { value: yes/' "$SMOKE_DIR/profiles/af_packet.yaml"
sed -i 's/^rx_offloads: { value: \[.*\],/rx_offloads: { value: [],/' "$SMOKE_DIR/profiles/af_packet.yaml"
two_lanes='/^core_map:/,/^ports:/c core_map: { control: 0, shared_cores: true, lanes: [{ name: market, core: 1, stages: [rx, arb, parse, book] }, { name: orders, core: 1, stages: [strategy, risk, orders, encode, tcp, report] }] }\nports:'
given "s|^(pmd_config_dir:).*|\1 $SMOKE_DIR/profiles|; s/port: oe\$/port: md/; s/peer: .*/peer: $VENUE_MD:$OE_PORT/; $two_lanes"
refuses "more queues than the device has" 4 "ports 'md': 2 receive queues are asked for and the device has 1.*\[S309\]$"
given "s|^(pmd_config_dir:).*|\1 $SMOKE_DIR/profiles|; s/port: oe\$/port: md/; s/peer: .*/peer: $VENUE_MD:$OE_PORT/; s/(iface=md)/\1,qpairs=2/; $two_lanes"
refuses "steering that is promised and missing" 4 "ports 'md': profile af_packet says flow_steering: yes.*session 'oe'.*\[S312\]$"
mkdir -m 0777 "$SMOKE_DIR/open"
chmod 0777 "$SMOKE_DIR/open"
given "s|socket: [^,]*,|socket: $SMOKE_DIR/open/ctl.sock,|"
refuses "a socket folder open to all" 4 "chmod .* 0700 \[S404\]$"
echo mine >"$SMOKE_DIR/file.sock"
given "s|socket: [^,]*,|socket: $SMOKE_DIR/file.sock,|"
refuses "a file where the socket should be" 4 "file.sock exists and is no socket.*\[S405\]$"
[ "$(cat "$SMOKE_DIR/file.sock")" = mine ] || fail "the file was changed"
given "s|event_log: .* \}|event_log: /proc/nothere/events.log }|"
refuses "an event log that cannot be written" 4 "/proc/nothere/events.log.*\[S407\]$"
cp "$SMOKE_DIR/good.yaml" "$config"
refuses "fewer open files than the control socket needs" 4 "no memory or no file for the control socket \[S500\]$" \
	python3 -c 'import os, resource, sys
os.closerange(3, 256) # what a test runner leaves open
resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))
os.execv(sys.argv[1], sys.argv[1:])' "$sluice" run -c "$config"
given 's|(address: 10.10.2.2/24)|\1, mac: "00:00:00:00:00:00"|'
refuses "an address the driver refuses" 4 "ports 'oe': mac: the device refuses it.*\[S504\]$"
# The books of 10 million orders need more memory than the process may have.
given 's/orders_max: [0-9]+/orders_max: 10000000/; s/memory_mb: [0-9]+/memory_mb: 4000/'
refuses "a lane without its memory" 4 "lane '.*': no memory of [0-9]+ bytes.*\[S506\]$" prlimit --data=400000000 "$sluice" run -c "$config"
install -m 0600 /dev/null "$SMOKE_DIR/ctl.sock.limits"
echo junk >"$SMOKE_DIR/ctl.sock.limits"
cp "$SMOKE_DIR/good.yaml" "$config"
refuses "a damaged file of limits set by hand" 4 "ctl.sock.limits:1: .*\[S505\]$"
rm "$SMOKE_DIR/ctl.sock.limits"
given '$a kill_switch: { latch_file: /proc/nothere/kill }'
refuses "a kill switch that cannot be remembered" 4 "/proc/nothere/kill cannot be made.*\[S408\]$"
given '$a journal: { enabled: true, directory: /proc/nothere }'
refuses "a journal that has no folder" 4 "/proc/nothere.*\[S502\]$"
start_in "$GW" taker python3 -m http.server --bind 127.0.0.1 9177
taken() { in_gw curl -s -o /dev/null http://127.0.0.1:9177/; }
wait_for 5 "another program has the port" taken
given 's/http_port: 0/http_port: 9177/'
refuses "an HTTP port that is taken" 4 "127.0.0.1:9177.*control.http_port.*\[S406\]$"
stop taker 5 any

# --- another user: everything readable to it, and nothing else wrong
if id nobody >/dev/null 2>&1 && command -v setpriv >/dev/null; then
	chmod 0755 "$SMOKE_DIR"
	install -d -o nobody "$SMOKE_DIR/nobody"
	install -o nobody -m 0600 "$SMOKE_DIR/oe.password" "$SMOKE_DIR/nobody/oe.password"
	cp -r "$SMOKE_TOP/pmd_config" "$sluice" "$SMOKE_DIR/nobody/"
	given "s|$SMOKE_DIR/(oe.password\|ctl.sock\|events.log)|$SMOKE_DIR/nobody/\1|; s|^(pmd_config_dir:).*|\1 $SMOKE_DIR/nobody/pmd_config|"
	chmod 0644 "$config"
	refuses "without root" 4 "needs root.*CAP_NET_RAW.*\[S201\]$" setpriv --reuid nobody --regid nogroup --clear-groups \
		"$SMOKE_DIR/nobody/sluice" run -c "$config"
	[ ! -e "$SMOKE_DIR/nobody/ctl.sock" ] || fail "without root: a socket was made"
	chmod 0700 "$SMOKE_DIR"
else
	note "without root: there is no user nobody or no setpriv, not tried"
fi

# --- twice
given 's/memory_mb: [0-9]+/memory_mb: 136/; s/orders_max: [0-9]+/orders_max: 4096/; s/levels_max: [0-9]+/levels_max: 4096/'
start_gateway "$config"
refuses "twice, same socket" 4 "a gateway \(pid [0-9]+\) already runs with control socket .*ctl.sock; stop it.*\[S401\]$"
cp "$config" "$SMOKE_DIR/good.yaml"
given 's/ctl.sock/other.sock/'
refuses "twice, same file prefix" 4 "pid ${smoke_expected[gateway]}\) has eal.file_prefix '$EAL_PREFIX'; stop it.*\[S402\]$"
[ ! -e "$SMOKE_DIR/other.sock" ] || fail "the refused gateway left its socket"
[ "$(ctl_value status pid)" = "${smoke_expected[gateway]}" ] || fail "the running gateway was disturbed"

# --- what a killed gateway left hinders nobody
kill -KILL "${smoke_expected[gateway]}"
pid=${smoke_expected[gateway]}
forget gateway
wait "$pid" 2>/dev/null # all of its threads, and with them its lock
[ -S "$SMOKE_DIR/ctl.sock" ] && [ -f "$SMOKE_DIR/ctl.sock.lock" ] || fail "the killed gateway left no socket and lock to find"
cp "$SMOKE_DIR/good.yaml" "$config"
cut_wire md
start_gateway "$config"
expect_eq "process after a start over a stale lock" "$(ctl_value status pid)" "${smoke_expected[gateway]}"

# --- a link that is down is no reason not to start
grep_log() { grep -qE "$1" "$SMOKE_DIR/events.log"; }
wait_for 5 "the log says that the link is down" grep_log "port md: the link is down since the start.*\[S905\]"
mend_wire md

# --- what it starts with less of, it says
if [ "$(ctl_value status huge_pages)" = false ]; then
	grep -q "DEGRADED: ordinary pages.*\[S904\]" "$SMOKE_DIR/gateway.log" || fail "degraded mode is not announced on stderr"
	grep -q "DEGRADED: ordinary pages" "$SMOKE_DIR/events.log" || fail "degraded mode is not in the event log"
	ctl status >"$SMOKE_DIR/status.txt"
	grep -q "DEGRADED" "$SMOKE_DIR/status.txt" || fail "degraded mode is not in status: $(cat "$SMOKE_DIR/status.txt")"
	note "without huge pages: said on stderr, in the event log and in status"
else
	note "this machine has huge pages: degraded mode not tried"
fi
stop gateway 10
smoke_passed
