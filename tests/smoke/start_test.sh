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
refuses_both "random bytes" 3 "sluice.yaml"
printf 'environment: simulation\n\tports: [\n' >"$config"
refuses_both "YAML with a tab" 3 'sluice\.yaml:2:[0-9]+: '
: >"$config"
refuses_both "an empty file" 3 "sluice.yaml"
refuses "no such file" 3 'nothere\.yaml.*No such file' "$sluice" run -c "$SMOKE_DIR/nothere.yaml"
given 's/^arm_at_start/arm_at_strat/'
refuses_both "an unknown key" 3 "sluice.yaml:[0-9]+:[0-9]+: .*arm_at_strat.*arm_at_start"
given 's/order_max_qty: 500/order_max_qty: 5000000/'
refuses_both "a limit out of range" 3 "order_max_qty: 5000000.*1\.\.999999"
given '/collar_bp/d'
refuses_both "a risk limit that nobody chose" 3 "collar_bp"
given 's/core: [0-9]+/core: 999/'
refuses_both "a core that does not exist" 3 "sluice.yaml:[0-9]+:[0-9]+: .*core 999 is not there; this machine has 0"
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
refuses_both "an unknown profile" 3 "af_bucket"
given 's/port: oe,?$/port: eo/'
refuses_both "a session on a port that is not there" 3 "'?eo'?"
cp "$SMOKE_DIR/good.yaml" "$config"
chmod 0644 "$SMOKE_DIR/oe.password"
refuses_both "a password others can read" 3 "chmod 0600 .*oe.password"
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

# --- the machine cannot do it: 4, with one line of ours below whatever DPDK says
given 's/iface=oe/iface=nosuch/'
refuses "an interface that does not exist" 4 "ports 'oe'.*nosuch"
given 's/net_af_packet1,iface=oe/net_af_bucket1,iface=oe/'
refuses "a driver that does not exist" 4 "net_af_bucket1"
given 's/"net_af_packet1,iface=oe"/"0000:7f:1f.7"/'
refuses "a PCI device that does not exist" 4 "0000:7f:1f.7"
given 's/degraded_ok: true/degraded_ok: false/; s/memory_mb: [0-9]+/memory_mb: 1000000/'
refuses "no huge pages and none to do without" 4 "scripts/setup --hugepages.*degraded_ok"
given 's/(eal: \{.*) \}/\1, extra_args: ["--no-such-argument"] }/'
refuses "an argument DPDK does not know" 4 "eal.extra_args"
given "s|socket: [^,]*,|socket: /proc/nothere/ctl.sock,|"
refuses "a socket folder that cannot be made" 4 "/proc/nothere.*control.socket"
mkdir -m 0777 "$SMOKE_DIR/open"
chmod 0777 "$SMOKE_DIR/open"
given "s|socket: [^,]*,|socket: $SMOKE_DIR/open/ctl.sock,|"
refuses "a socket folder open to all" 4 "chmod .* 0700"
echo mine >"$SMOKE_DIR/file.sock"
given "s|socket: [^,]*,|socket: $SMOKE_DIR/file.sock,|"
refuses "a file where the socket should be" 4 "file.sock exists and is no socket"
[ "$(cat "$SMOKE_DIR/file.sock")" = mine ] || fail "the file was changed"
given "s|event_log: .* \}|event_log: /proc/nothere/events.log }|"
refuses "an event log that cannot be written" 4 "/proc/nothere/events.log"
start_in "$GW" taker python3 -m http.server --bind 127.0.0.1 9177
taken() { in_gw curl -s -o /dev/null http://127.0.0.1:9177/; }
wait_for 5 "another program has the port" taken
given 's/http_port: 0/http_port: 9177/'
refuses "an HTTP port that is taken" 4 "127.0.0.1:9177.*control.http_port"
stop taker 5 any

# --- another user: everything readable to it, and nothing else wrong
if id nobody >/dev/null 2>&1 && command -v setpriv >/dev/null; then
	chmod 0755 "$SMOKE_DIR"
	install -d -o nobody "$SMOKE_DIR/nobody"
	install -o nobody -m 0600 "$SMOKE_DIR/oe.password" "$SMOKE_DIR/nobody/oe.password"
	cp -r "$SMOKE_TOP/pmd_config" "$sluice" "$SMOKE_DIR/nobody/"
	given "s|$SMOKE_DIR/(oe.password\|ctl.sock\|events.log)|$SMOKE_DIR/nobody/\1|; s|^(pmd_config_dir:).*|\1 $SMOKE_DIR/nobody/pmd_config|"
	chmod 0644 "$config"
	refuses "without root" 4 "needs root" setpriv --reuid nobody --regid nogroup --clear-groups \
		"$SMOKE_DIR/nobody/sluice" run -c "$config"
	[ ! -e "$SMOKE_DIR/nobody/ctl.sock" ] || fail "without root: a socket was made"
	chmod 0700 "$SMOKE_DIR"
else
	note "without root: there is no user nobody or no setpriv, not tried"
fi

# --- twice
given 's/memory_mb: [0-9]+/memory_mb: 128/; s/orders_max: [0-9]+/orders_max: 4096/; s/levels_max: [0-9]+/levels_max: 4096/'
start_gateway "$config"
refuses "twice, same socket" 4 "a gateway \(pid [0-9]+\) already runs with control socket .*ctl.sock; stop it"
cp "$config" "$SMOKE_DIR/good.yaml"
given 's/ctl.sock/other.sock/'
refuses "twice, same file prefix" 4 "pid ${smoke_expected[gateway]}\) has eal.file_prefix '$EAL_PREFIX'; stop it"
[ ! -e "$SMOKE_DIR/other.sock" ] || fail "the refused gateway left its socket"
[ "$(ctl_value status pid)" = "${smoke_expected[gateway]}" ] || fail "the running gateway was disturbed"

# --- what it starts with less of, it says
if [ "$(ctl_value status huge_pages)" = false ]; then
	grep -q "DEGRADED: ordinary pages" "$SMOKE_DIR/gateway.log" || fail "degraded mode is not announced on stderr"
	grep -q "DEGRADED: ordinary pages" "$SMOKE_DIR/events.log" || fail "degraded mode is not in the event log"
	ctl status >"$SMOKE_DIR/status.txt"
	grep -q "DEGRADED" "$SMOKE_DIR/status.txt" || fail "degraded mode is not in status: $(cat "$SMOKE_DIR/status.txt")"
	note "without huge pages: said on stderr, in the event log and in status"
else
	note "this machine has huge pages: degraded mode not tried"
fi
stop gateway 10
smoke_passed
