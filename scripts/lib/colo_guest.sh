# SPDX-License-Identifier: Apache-2.0
#
# What scripts/qemu-colo runs inside the guest, as its only user: for each NIC that is named, the
# gateway is refused it, gets it, trades on it, and gives it back.  Lines with '# ' in front go to who
# started the guest; everything in /tmp/colo does when it ends.
set -uo pipefail

DIR=/tmp/colo
HUGE_MB=320
VENUE_MAC=52:54:00:00:00:f0 VENUE_IP=10.10.1.1 GATEWAY_IP=10.10.1.2
ORDER_PORT=26488 USER=TEST01 PASSWORD=sluice0001 SYMBOL=AAPL
declare -A PROFILE=([e1000e]=e1000 [virtio]=virtio [vmxnet3]=vmxnet3)
declare -A PMD=([e1000e]=net_e1000_em [virtio]=net_virtio [vmxnet3]=net_vmxnet3)
mkdir -p $DIR

. "$(dirname "${BASH_SOURCE[0]}")/guest_lib.sh"
# --- what a machine needs for the gateway, and the way back: by the project's own scripts, or, in a
# --- tree without them, by hand
has_scripts() { command -v sluice-nic-bind >/dev/null; }
# said COMMAND...: it must succeed; its words are kept for who reads the folder of a failed run.
said() {
	echo "+ $*" >>$DIR/host.log
	"$@" >>$DIR/host.log 2>&1 </dev/null
}
prepare_host() {
	if has_scripts; then
		said sluice-host-setup apply --cpus 1 --set hugepages_mb=$((HUGE_MB + 32)) modules hugepages ||
			fail "host-setup apply (a dry run)"
		same_state "a dry run of host-setup apply"
		said sluice-host-setup apply --yes --cpus 1 --set hugepages_mb=$((HUGE_MB + 32)) modules hugepages ||
			fail "host-setup apply --yes"
		note "host-setup: $(grep -cE "^\s*(done|changed|pass)" $DIR/host.log) lines of done; vfio-pci and $((HUGE_MB + 32)) MiB of huge pages"
		return
	fi
	modprobe vfio_iommu_type1 allow_unsafe_interrupts=1 && modprobe vfio-pci ||
		fail "vfio-pci cannot be loaded"
	echo $((HUGE_MB / 2 + 16)) >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
	mkdir -p /dev/hugepages && mount -t hugetlbfs none /dev/hugepages ||
		fail "hugetlbfs cannot be mounted"
}
undo_host() {
	local module
	if has_scripts; then
		said sluice-host-setup undo --yes || fail "host-setup undo"
	else
		umount /dev/hugepages && rmdir /dev/hugepages || fail "hugetlbfs is in use"
		echo 0 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
	fi
	# What a module brought with it stays loaded, and does nothing.
	for module in vfio_pci vfio_pci_core vfio_iommu_type1 vfio vfio_virqfd irqbypass uio_pci_generic uio; do
		[ ! -d /sys/module/$module ] || rmmod $module || fail "the module $module is in use"
	done
}
same_state() { # WHEN
	state_of_machine >$DIR/state.after
	diff $DIR/state.before $DIR/state.after >$DIR/state.diff && return
	sed 's/^/# | /' $DIR/state.diff
	fail "after $1 the machine is not as it was before"
}
driver_of() {
	local path
	path=$(readlink -f "/sys/bus/pci/devices/$1/driver")
	[ -e "$path" ] && echo "${path##*/}"
}
# bind_nic ADDRESS INTERFACE: with an address on it, which the scripts must refuse to lose.
bind_nic() {
	local d=/sys/bus/pci/devices/$1
	if has_scripts; then
		ip addr add 192.0.2.7/24 dev "$2"
		! said sluice-nic-bind bind --yes --no-persist --unsafe-interrupts "$1" ||
			fail "nic-bind took an interface that has an address"
		said sluice-nic-bind bind --force --no-persist --unsafe-interrupts "$1" ||
			fail "nic-bind bind (a dry run)"
		expect_eq "driver of $1 after a refusal and a dry run" "$(driver_of "$1")" "$kernel_driver"
		said sluice-nic-bind bind --yes --force --no-persist --unsafe-interrupts "$1" ||
			fail "nic-bind bind --yes --force"
	else
		echo vfio-pci >"$d/driver_override"
		echo "$1" >"$d/driver/unbind"
		echo "$1" >/sys/bus/pci/drivers_probe
	fi
	expect_eq "driver of $1" "$(driver_of "$1")" vfio-pci
}
unbind_nic() {
	local d=/sys/bus/pci/devices/$1
	if has_scripts; then
		said sluice-nic-bind unbind --yes "$1" || fail "nic-bind unbind"
	else
		echo "$1" >"$d/driver/unbind"
		echo >"$d/driver_override"
		echo "$1" >/sys/bus/pci/drivers_probe
	fi
	expect_eq "driver of $1, given back" "$(driver_of "$1")" "$2"
	has_scripts || return 0
	expect_eq "address of $3, given back" \
		"$(ip -o -4 addr show dev "$3" | sed -E 's/.*inet ([^ ]*).*/\1/')" 192.0.2.7/24
	ip addr del 192.0.2.7/24 dev "$3"
}

# The other driver for user space.  Nothing trades on it here: behind an IOMMU that translates, a program
# cannot tell the NIC where its memory is.
bind_to_uio() { # ADDRESS INTERFACE
	has_scripts || return 0
	said sluice-nic-bind bind --yes --no-persist --driver uio_pci_generic "$1" || fail "nic-bind bind --driver uio_pci_generic"
	expect_eq "driver of $1" "$(driver_of "$1")" uio_pci_generic
	said sluice-nic-bind unbind --yes "$1" || fail "nic-bind unbind, of uio_pci_generic"
	expect_eq "driver of $1, given back by uio_pci_generic" "$(driver_of "$1")" "$kernel_driver"
	wait_for 20 "the interface" test -e "/sys/class/net/$2"
}

# --- the gateway
ctl() { sluicectl --socket $DIR/ctl.sock "$@"; }
of() { jq -r "$1" "$2"; }
write_config() { # PCI-ADDRESS PROFILE
	(umask 077 && echo $PASSWORD >$DIR/oe.password)
	cat >$DIR/sluice.yaml <<-TEXT
		environment: simulation
		hugepages: { memory_mb: $HUGE_MB, degraded_ok: false }
		control: { socket: $DIR/ctl.sock, http_port: 0 }
		pmd_config_dir: /usr/share/sluice/pmd_config
		core_map:
		  control: 0
		  lanes:
		    - { name: all, core: 1, stages: [rx, arb, parse, book, strategy, risk, orders, encode, tcp, report] }
		ports:
		  - { name: nic, device: "$1", profile: $2, address: $GATEWAY_IP/24 }
		venues:
		  - { name: sim, environment: simulation }
		feeds:
		  - name: itch
		    venue: sim
		    protocol: itch50
		    orders_max: 20000
		    levels_max: 10000
		    gap_wait_us: 300000
		    lines:
		      - { port: nic, group: 239.10.1.1, udp_port: 26400 }
		      - { port: nic, group: 239.10.1.2, udp_port: 26401 }
		sessions:
		  - name: oe
		    venue: sim
		    protocol: ouch50
		    port: nic
		    peer: $VENUE_IP:$ORDER_PORT
		    username: $USER
		    password_file: $DIR/oe.password
		    capacity: principal
		    reconnect_ms: 200
		instruments:
		  - { symbol: $SYMBOL, feed: itch, session: oe, trade: true }
		strategies:
		  - { name: sample, kind: take, instruments: [$SYMBOL], qty: 100, position_max_qty: 1000, cooldown_us: 1000 }
		risk:
		  order_max_qty: 500
		  order_max_usd: 1000000
		  collar_bp: 500
		  open_max_qty: 5000
		  position_max_qty: 10000
		  gross_max_usd: 100000000
		  order_rate_max: 1000
	TEXT
}
# refused NAME CODE PATTERN: the gateway ends by itself with that code and says so.
refused() {
	local status
	timeout 30 sluice run -c $DIR/sluice.yaml >"$DIR/refused.log" 2>&1 </dev/null
	status=$?
	[ $status = "$2" ] || fail "$1: ended with $status, wanted $2"
	grep -qE -- "$3" "$DIR/refused.log" || fail "$1: it does not say '$3'"
	note "$1: $(tail -n 1 "$DIR/refused.log")"
}
gateway_pid='' venue_pid=''
start_gateway() {
	sluice run -c $DIR/sluice.yaml >"$DIR/gateway-$1.log" 2>&1 </dev/null &
	gateway_pid=$!
	answers_or_gone() { ! kill -0 $gateway_pid || ctl status; }
	wait_for 60 "the gateway answers" answers_or_gone
	kill -0 $gateway_pid 2>/dev/null || fail "the gateway ended by itself"
}
start_venue() {
	rm -f $DIR/venue.ready $DIR/venue.json
	sluice-venue --itch $DIR/day.itch --line-a 239.10.1.1:26400 --line-b 239.10.1.2:26401 \
		--iface "$venue_if" --source-ip $VENUE_IP --listen-ip $VENUE_IP --recovery-ip $VENUE_IP \
		--order-port $ORDER_PORT --ouch 50 --user $USER --password $PASSWORD \
		--report $DIR/venue.json --ready-file $DIR/venue.ready --stay --wait-login --start-delay 2 \
		--pack 4 --heartbeat-ms 250 >"$DIR/venue-$1.log" 2>&1 </dev/null &
	venue_pid=$!
	wait_for 20 "the venue listens" test -s $DIR/venue.ready
}
# end_of NAME PID: asks it to end; it must, with status 0.
end_of() {
	local until=$((SECONDS + 20)) status
	kill -TERM "$2"
	while kill -0 "$2" 2>/dev/null && [[ $(cut -d' ' -f3 "/proc/$2/stat" 2>/dev/null) != Z ]]; do
		[ $SECONDS -lt $until ] || fail "$1 did not end"
		sleep 0.1
	done
	wait "$2"
	status=$?
	expect_eq "exit status of $1" $status 0
}
feeds_joined() { [ "$(ctl --json feeds | jq '[.[].lines[].joined] | all')" = true ]; }
session_up() { [ "$(ctl --json sessions | jq -r '.[0].state')" = up ]; }
feed_ended() { [ "$(ctl --json feeds | jq '.[0].ended')" = true ]; }
gateway_side() {
	ctl --json positions | jq -r '.[] | select(.bought_qty + .sold_qty > 0) |
		"\(.symbol) position \(.position_qty) bought \(.bought_qty) for \(.bought_ntl4) sold \(.sold_qty) for \(.sold_ntl4)"'
	ctl --json status | jq -r '"entered \(.order_sent_cnt) executions \(.executed_cnt) open \(.order_open_cnt)"'
	ctl --json sessions | jq -r '"next message \(.[0].next_seq)"'
}
venue_side() {
	rm -f $DIR/venue.json
	kill -USR1 "$venue_pid"
	wait_for 10 "the venue's report" test -s $DIR/venue.json
	jq -r '.accounts[0] | (.positions[] |
		"\(.symbol) position \(.net_qty) bought \(.bought_qty) for \(.bought_ntl4) sold \(.sold_qty) for \(.sold_ntl4)"),
		"entered \(.entered) executions \(.executions) open \(.open_orders)",
		"next message \(.last_seq + 1)"' $DIR/venue.json
}
agree() {
	gateway_side >$DIR/gateway.side
	venue_side >$DIR/venue.side
	cmp -s $DIR/gateway.side $DIR/venue.side
}

trade() { # NIC
	start_gateway "$1"
	ctl --json ports >"$DIR/ports-$1.json"
	expect_eq "DPDK's driver" "$(of '.[0].driver' "$DIR/ports-$1.json")" "${PMD[$1]}"
	expect_eq "huge pages" "$(ctl --json status | jq .huge_pages)" true
	wait_for 30 "both lines are joined" feeds_joined
	start_venue "$1"
	wait_for 30 "the order session is up" session_up
	ctl arm >/dev/null || fail "the gateway could not be armed"
	wait_for 60 "the feed has come to its end" feed_ended
	ctl halt "end of the day" >/dev/null || fail "halt was refused"
	wait_for 30 "the gateway and the venue agree" agree
	note "$1: both say: $(paste -sd';' $DIR/venue.side)"
	ctl --json status >"$DIR/status-$1.json"
	ctl --json latency >"$DIR/latency-$1.json"
	ctl --json ports >"$DIR/ports-$1.json"
	ctl metrics >"$DIR/metrics-$1.txt"
	expect_eq "messages received of those sent" "$(of .md_cnt "$DIR/status-$1.json")" \
		"$(of .market_data.messages $DIR/venue.json)"
	expect_eq "messages lost" "$(of .md_lost_cnt "$DIR/status-$1.json")" 0
	[ "$(of .executed_cnt "$DIR/status-$1.json")" -ge 1 ] || fail "$1: nothing was executed"
	end_of "the gateway" $gateway_pid
	venue_side >/dev/null
	expect_eq "open orders at the venue afterwards" "$(of '.accounts[0].open_orders' $DIR/venue.json)" 0
	end_of "the venue" $venue_pid
}

# The driver with other ring sizes and bursts: refused in words, or frames pass both ways.
knob() { # NIC KEY VALUE
	local log=$DIR/gateway-$1-$2-$3.log said
	sed -E -e "/^  - \{ name: nic,/s/ \}$/$([[ $2 == burst ]] || echo ", $2: $3") }/" \
		-e "$([[ $2 != burst ]] || echo "s/^  control: 0/&\n  burst: $3/")" $DIR/plain.yaml >$DIR/sluice.yaml
	sluice run -c $DIR/sluice.yaml >"$log" 2>&1 </dev/null &
	gateway_pid=$!
	wait_for 60 "the gateway answers or ends" answers_or_gone
	if ! kill -0 $gateway_pid 2>/dev/null; then
		wait $gateway_pid
		said=$(grep '^sluice: ' "$log" | tail -n 1)
		[[ $said == *"[S310]" ]] || fail "$1: $2 $3: it ended with: ${said:-nothing}"
		note "$1: $2 $3: refused: ${said#sluice: }"
		return
	fi
	wait_for 20 "$1: $2 $3: an answer to a ping" ping -c 1 -W 1 $GATEWAY_IP
	ping -q -c 5 -i 0.2 -s 1400 -W 2 $GATEWAY_IP >$DIR/ping.log 2>&1
	said=$(grep -iE 'desc|ring size|queue size' "$log" | grep -v '^sluice: ' | tail -n 1)
	note "$1: $2 $3: taken, $(sed -n 's/.*, \([0-9]*\) packets received.*/\1/p' $DIR/ping.log) of 5 pings of 1400 bytes came back${said:+; the driver says: $said}"
	grep -q ' 5 packets received' $DIR/ping.log || fail "$1: $2 $3: frames were lost: $(tail -n 2 $DIR/ping.log)"
	end_of "the gateway" $gateway_pid
}
answers_or_gone() { ! kill -0 $gateway_pid 2>/dev/null || ctl status; }
all_knobs() { # NIC
	local value
	cp $DIR/sluice.yaml $DIR/plain.yaml
	for value in 64 100 256 1024 4096 8192; do knob "$1" rx_descriptors $value; done
	for value in 64 256 4096 8192; do knob "$1" tx_descriptors $value; done
	for value in 1 4 128; do knob "$1" burst $value; done
}

# --- the whole
note "$(uname -r), $(nproc) processors, $(ls /sys/kernel/iommu_groups | wc -l) IOMMU groups"
modprobe virtio_pci && modprobe virtio_net && modprobe e1000e && modprobe vmxnet3 ||
	fail "a driver of the NICs cannot be loaded"
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 # no addresses that come by themselves
wait_for 10 "the venue's NIC" interface_of_mac $VENUE_MAC
venue_if=$(interface_of_mac $VENUE_MAC)
ip link set lo up
ip link set "$venue_if" up
ip addr add $VENUE_IP/24 dev "$venue_if"
carrier() { [ "$(cat "/sys/class/net/$venue_if/operstate")" = up ]; }
wait_for 20 "the venue's link" carrier
ip route add 239.0.0.0/8 dev "$venue_if"
sluice-day --seed 7 --symbols 5 --symbol $SYMBOL=150 --messages 4000 --live-orders 200 --lead 1 \
	--duration 4 --out $DIR/day.itch >$DIR/day.log 2>&1 || fail "no day could be made"
state_of_machine >$DIR/state.before

n=0
prepare_host
while read -r nic; do
	n=$((n + 1))
	note "--- $nic"
	interface=$(interface_of_mac "52:54:00:00:00:0$n") || fail "there is no NIC $nic"
	address=$(pci_of_interface "$interface")
	kernel_driver=$(driver_of "$address")
	note "$interface is $address, driven by $kernel_driver"
	write_config "$address" "${PROFILE[$nic]}"
	refused "a NIC the kernel still has" 4 "$address"
	[ "$nic" != e1000e ] || bind_to_uio "$address" "$interface"
	bind_nic "$address" "$interface"
	if [ -e /colo/knobs ]; then all_knobs "$nic"; else trade "$nic"; fi
	unbind_nic "$address" "$kernel_driver" "$interface"
	expect_eq "name of the interface" "$(interface_of_mac "52:54:00:00:00:0$n")" "$interface"
done </colo/nics
undo_host
same_state "the undo"
note "the machine is as it was before: $(wc -l <$DIR/state.before) lines of state are the same"
