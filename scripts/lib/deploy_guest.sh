# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What scripts/qemu-deploy runs inside the guest: the page's commands, block after block, in one shell;
# between them, the unit under systemd is asked what the page says of it.  Lines with '# ' in front go to
# who started the guest; everything in /tmp/colo does when it ends.
set -uo pipefail

DIR=/tmp/colo
VENUE_MAC=52:54:00:00:00:f0
declare -A DPDK_DRIVER=([e1000e]=net_e1000_em [virtio]=net_virtio [vmxnet3]=net_vmxnet3)
declare -A PROFILE_OF=([e1000e]=e1000 [virtio]=virtio [vmxnet3]=vmxnet3)
# No address and no name of ours may be in the way of the page's own words.
mkdir -p $DIR
# shellcheck source=scripts/lib/guest_lib.sh
. /colo/guest_lib.sh

# --- the page
# Runs a block in this shell, so that its variables are there for the next one.  The first command that
# fails ends the test and is named.
page_fails() {
	fail "the page's command ended with $1: $2 ($block: $(head -n 1 "$block"))"
}
run_block() { # FILE
	block=$1
	echo "=== $(head -n 1 "$block")" >>$DIR/page.log
	exec 3>&1 4>&2 >>$DIR/page.log 2>&1
	set -xE
	trap 'rc=$? line=$BASH_COMMAND; { set +xE; trap - ERR; } 2>/dev/null; exec >&3 2>&4; page_fails $rc "$line"' ERR
	# shellcheck disable=SC1090 # the page's
	. "$block" </dev/null
	{ trap - ERR; set +xE; } 2>/dev/null
	exec >&3 2>&4
	note "deploy.md: block $(basename "$block"): $(grep -cvE '^(#|$)' "$block") commands"
}
# What only the reader knows: everything the page sets there must be set here.
set_yours() { # FILE
	local name
	while IFS='=' read -r name _; do
		case $name in
		CORES) CORES=1 ;;
		NIC) NIC=$pci ;;
		PROFILE) PROFILE=${PROFILE_OF[$nic]} ;;
		VENUE_IF) VENUE_IF=$venue_if ;;
		*) fail "the page asks for $name, and this test does not know it" ;;
		esac
	done < <(sed -n 's/^\([A-Z_]*=\).*/\1/p' "$1")
}

# --- the gateway
of_status() { sluicectl --json status | jq -r ".$1"; }
prop() { systemctl show -p "$1" --value sluice.service; }
is() { # WANTED COMMAND...
	[ "$("${@:2}")" = "$1" ]
}
session_up() { [ "$(sluicectl --json sessions | jq -r '.[0].state')" = up ]; }
orders_entered() { sluicectl --json status | jq -r .order_sent_cnt; }
ordered() { sluicectl orders --all | grep -q "AAPL.*sample"; }
limit() { sluicectl --json limits get | jq -r ".[] | select(.key == \"$1\" and .symbol == \"\") | .value" | head -n 1; }
# stays_off WHY REASON: while market data flows and the strategy wishes, nothing is sent, for that reason.
stays_off() {
	local before
	[[ $(sluicectl --json status | jq -c .orders_off_because) == *"\"$2\""* ]] ||
		fail "$1: orders are off because $(sluicectl --json status | jq -c .orders_off_because), not $2"
	wait_for 60 "$1: the strategy has wishes" wished
	before=$(orders_entered)
	sleep 4
	expect_eq "$1: orders sent in 4 s, of $(of_status rejected_cnt) wishes refused" "$(($(orders_entered) - before))" 0
}
wished() { [ "$(of_status rejected_cnt)" -ge 5 ]; }
answers() { sluicectl status; }

the_unit_runs() {
	local before pid
	expect_eq "the unit is" "$(prop ActiveState)/$(prop SubState) ($(prop Type))" "active/running (notify)"
	pid=$(prop MainPID)
	expect_eq "the gateway runs as" "$(stat -c %U "/proc/$pid")" sluice
	expect_eq "its effective capabilities" "$(sed -n 's/^CapEff:\t0*//p' "/proc/$pid/status")" 4000 # IPC_LOCK
	note "systemd-analyze security: $(systemd-analyze security --no-pager sluice.service 2>/dev/null |
		sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\) .*/exposure \1 of 10/p')"
	before=$(prop WatchdogTimestampMonotonic)
	fed() { [ "$(prop WatchdogTimestampMonotonic)" -gt "$before" ]; }
	[ "$before" -gt 0 ] || fail "systemd's watchdog was never fed"
	wait_for 10 "the watchdog is fed" fed
	note "the watchdog is fed (WatchdogSec=$(prop WatchdogUSec))"
	journalctl -u sluice --no-pager >$DIR/unit.log
	grep -q 'session oe' $DIR/unit.log || fail "the journal does not have the gateway's events"
	note "journalctl -u sluice: $(wc -l <$DIR/unit.log) lines"
}
reload_takes_what_it_can() {
	local yaml=/etc/sluice/sluice.yaml
	cp -p $yaml $DIR/sluice.yaml
	sed -i 's/^  order_max_qty: 500/  order_max_qty: 400/' $yaml
	systemctl reload sluice || fail "systemctl reload: $(systemctl status sluice --no-pager | tail -n 5)"
	expect_eq "reload: order_max_qty" "$(limit order_max_qty)" 400
	sed -i 's/reconnect_ms: [0-9]*/reconnect_ms: 777/; s/peer: 10.10.1.1:26488/peer: 10.10.1.1:26489/' $yaml
	systemctl reload sluice 2>/dev/null && fail "reload is content with a key that needs a restart"
	wait_for 5 "the journal names the key" grep_journal 'sessions\[oe\].peer.*only with a restart'
	echo "nonsense: 1" >>$yaml
	systemctl reload sluice 2>/dev/null && fail "reload is content with a file that has a fault"
	expect_eq "after two refused reloads the unit is" "$(prop ActiveState)" active
	cat $DIR/sluice.yaml >$yaml
	systemctl reload sluice || fail "systemctl reload of the file as it was"
	expect_eq "reload: order_max_qty" "$(limit order_max_qty)" 500
}
grep_journal() { journalctl -u sluice --no-pager >$DIR/unit.log && grep -qE "$1" $DIR/unit.log; }
restarted() { [ "$(prop NRestarts)" = "$1" ] && [ "$(prop ActiveState)" = active ] && sluicectl status; }

deaths_and_restarts() {
	# a kill -9: it comes back by itself, disarmed
	systemctl reset-failed sluice
	systemctl kill --kill-who=main --signal=KILL sluice
	wait_for 90 "systemd starts it again after kill -9" restarted 1
	note "kill -9: systemd started it again, NRestarts=$(prop NRestarts)"
	stays_off "after kill -9, not armed" disarmed
	wait_for 90 "the session is up again" session_up
	# a crash leaves the kill switch on: the restart trades nothing, and cannot be armed
	systemctl kill --kill-who=main --signal=ABRT sluice
	wait_for 90 "systemd starts it again after a crash" restarted 2
	expect_eq "after SIGABRT the kill switch is on" "$(sluicectl --json kill status | jq .on)" true
	sluicectl arm >$DIR/arm.log 2>&1 && fail "a gateway whose kill switch is on could be armed"
	note "arm: $(head -c 120 $DIR/arm.log)"
	stays_off "after a crash" killed
	# the starts of five minutes are used up (the first does not count any more, by reset-failed)
	systemctl kill --kill-who=main --signal=ABRT sluice
	wait_for 90 "systemd starts it the third time" restarted 3
	systemctl kill --kill-who=main --signal=ABRT sluice
	wait_for 60 "it stays down after so many deaths" is failed prop ActiveState
	grep_journal 'Start request repeated too quickly' || fail "systemd does not say that it gave up"
	note "after the fourth death in five minutes: $(prop ActiveState), and it stays down"
	systemctl reset-failed sluice
	# the latch outlives a start by hand as well
	systemctl start sluice || fail "it does not start again after reset-failed"
	expect_eq "started by hand, the kill switch is on" "$(sluicectl --json kill status | jq .on)" true
	stays_off "killed, started by hand" killed
	sluicectl kill release --operator "A Person" >/dev/null || fail "kill release"
	expect_eq "released: the kill switch is on" "$(sluicectl --json kill status | jq .on)" false
	# a fault in the configuration is not tried again
	systemctl stop sluice
	cp -p /etc/sluice/sluice.yaml $DIR/sluice.yaml
	echo "nonsense: 1" >>/etc/sluice/sluice.yaml
	systemctl start sluice 2>/dev/null && fail "it starts with a fault in the configuration"
	sleep 4
	expect_eq "a fault in the configuration: restarts" "$(prop NRestarts)" 0
	grep_journal 'nonsense' || fail "the journal does not name the fault"
	cat $DIR/sluice.yaml >/etc/sluice/sluice.yaml
	systemctl reset-failed sluice
	systemctl start sluice || fail "it does not start with the configuration as it was"
}

# --- isolation where nobody may reboot: a cpuset partition, under this systemd; the package is here again
cores_without_a_reboot() {
	local group=/sys/fs/cgroup before
	apt-get install -y /colo/debs/sluice_*_amd64.deb >$DIR/reboot.log 2>&1 || fail "the package again"
	before=$(cat $group/cgroup.subtree_control $group/cpuset.cpus.effective)
	sluice-host-setup apply --yes --cpus 1 cpuset >$DIR/cpuset.log 2>&1 || fail "host-setup apply cpuset"
	expect_eq "the partition" "$(cat $group/sluice.slice/cpuset.cpus.partition), cores $(cat $group/sluice.slice/cpuset.cpus)" "isolated, cores 1"
	expect_eq "cores of everything else" "$(cat $group/cpuset.cpus.effective)" 0
	sluice-host-setup check --cpus 1 cpuset >>$DIR/cpuset.log || fail "host-setup check cpuset"
	sluice-host-setup undo --yes >>$DIR/cpuset.log 2>&1 || fail "host-setup undo cpuset"
	[ ! -e $group/sluice.slice ] || fail "the partition is still there"
	expect_eq "controllers and cores after the undo" "$(cat $group/cgroup.subtree_control $group/cpuset.cpus.effective)" "$before"
}

# --- what must outlive a reboot: a binding, and what host-setup applied with its unit boot.  The second
# --- boot begins in after_reboot.
before_reboot() {
	cores_without_a_reboot
	cp -p /colo/sluice.yaml /etc/sluice/sluice.yaml
	install -m 0600 /colo/credentials.oe /etc/sluice/credentials/oe
	sluice-host-setup apply --yes --cpus 1 --set hugepages_mb=384 modules hugepages boot >>$DIR/reboot.log 2>&1 ||
		fail "host-setup apply with the unit boot"
	[ ! -e /colo/driverctl.deb ] || dpkg -i /colo/driverctl.deb >>$DIR/reboot.log 2>&1 || fail "dpkg -i driverctl"
	sluice-nic-bind bind --yes --unsafe-interrupts "$pci" >>$DIR/reboot.log 2>&1 || fail "nic-bind bind, to stay"
	expect_eq "what brings the NIC back at boot" "$(ls /etc/driverctl.d /etc/udev/rules.d 2>/dev/null | grep -E "pci-|sluice-")" \
		"$([ -e /colo/driverctl.deb ] && echo "pci-$pci" || echo "10-sluice-${pci//[:.]/-}.rules")"
	printf '%s\n' "pci=$pci" "kernel_driver=$kernel_driver" "interface=$interface" >/colo/rebooted
	cp $DIR/state.before /colo/
	touch /colo/rebooting
	note "bound to stay, host-setup with the unit boot: reboot"
	exit 0
}
pages() { cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages; }
# Of the state what does not depend on who was started since the boot.
lasting() { grep -E '^(pci |/etc/)' "$1" | grep -v '^/etc/udev/rules.d$'; }
after_reboot() {
	. /colo/rebooted
	udevadm settle
	note "a second boot: up for $(cut -d. -f1 /proc/uptime) s"
	expect_eq "driver of $pci after the reboot" "$(basename "$(readlink -f "/sys/bus/pci/devices/$pci/driver")")" vfio-pci
	[ ! -e /colo/driverctl.deb ] ||
		expect_eq "driverctl@pci-$pci.service" "$(systemctl show -p ActiveState --value "driverctl@pci-$pci.service")" active
	expect_eq "huge pages after the reboot" "$(pages)" 192
	systemctl start sluice >>$DIR/reboot.log 2>&1 || {
		journalctl -u sluice --no-pager | tail -n 15 >>$DIR/reboot.log
		fail "the gateway does not start on the NIC that was bound at boot"
	}
	expect_eq "the gateway on the NIC that was bound at boot" "$(prop ActiveState), $(sluicectl --json ports | jq -r '.[0].driver')" \
		"active, ${DPDK_DRIVER[$nic]}"
	systemctl stop sluice
	sluice-nic-bind unbind --yes "$pci" >>$DIR/reboot.log 2>&1 || fail "nic-bind unbind after a reboot"
	sluice-host-setup undo --yes >>$DIR/reboot.log 2>&1 || fail "host-setup undo after a reboot"
	expect_eq "driver of $pci, given back after a reboot" \
		"$(basename "$(readlink -f "/sys/bus/pci/devices/$pci/driver")")" "$kernel_driver"
	wait_for 20 "its interface" interface_of_mac 52:54:00:00:00:01
	expect_eq "its interface" "$(interface_of_mac 52:54:00:00:00:01)" "$interface"
	apt-get purge -y sluice >>$DIR/reboot.log 2>&1 || fail "the purge after a reboot"
	[ ! -e /colo/driverctl.deb ] || dpkg -P driverctl >>$DIR/reboot.log 2>&1 || fail "dpkg -P driverctl"
	state >$DIR/state.after
	lasting /colo/state.before >$DIR/lasting.before
	lasting $DIR/state.after >$DIR/lasting.after
	diff $DIR/lasting.before $DIR/lasting.after >$DIR/state.diff || {
		sed 's/^/# | /' $DIR/state.diff
		fail "after a reboot and undo the server is not as it was before"
	}
	note "after a reboot and undo: $(wc -l <$DIR/lasting.before) lines of NICs and /etc as they were"
}

# --- this machine before and after, but for what apt and systemd keep of themselves, and the queue
# --- discipline an interface gets when it is up for the first time
state() {
	state_of_machine | sed -E 's/ qdisc [a-z_]+//' | grep -vE '^/(run/(systemd|udev|log|credentials|user|utmp|dbus|agetty\.reload)|var/(log|cache|tmp|lib/(apt|dpkg|systemd|private|ucf)))(/|$)|^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^(tmpfs|none|ramfs) /run/credentials'
}

nic=$(cat /colo/nic)
if [ -e /colo/rebooted ]; then
	after_reboot
	exit 0
fi
note "$(. /etc/os-release; echo "$PRETTY_NAME"), $(uname -r), $(systemctl --version | head -n 1), $(nproc) processors"
for module in virtio_net e1000e vmxnet3; do modprobe $module || fail "$module cannot be loaded"; done
wait_for 20 "the NICs" interface_of_mac 52:54:00:00:00:01
wait_for 20 "the venue's NIC" interface_of_mac $VENUE_MAC
udevadm settle
interface=$(interface_of_mac 52:54:00:00:00:01)
venue_if=$(interface_of_mac $VENUE_MAC)
pci=$(pci_of_interface "$interface")
kernel_driver=$(basename "$(readlink -f "/sys/bus/pci/devices/$pci/driver")")
ip link set lo up
note "$interface is $pci, driven by $kernel_driver; the venue has $venue_if"
cd /colo/debs || exit 1
state >$DIR/state.before

tested=no
for block in /colo/commands/*; do
	name=${block##*/}
	chapter=${name#*-}
	chapter=${chapter%.*}
	if [ "$chapter" = 8 ] && [ $tested = no ]; then
		tested=yes
		cp -p /etc/sluice/sluice.yaml /colo/sluice.yaml
		cp /etc/sluice/credentials/oe /colo/credentials.oe
		[ -n "${first_order-}" ] || fail "the page came to chapter 8 without an order"
		the_unit_runs
		reload_takes_what_it_can
		deaths_and_restarts
	fi
	run_block "$block"
	case $name in *.yours) set_yours "$block" ;; esac
	if [ "$chapter" = 6 ] && [ -z "${first_order-}" ] && ! is true of_status orders_on; then
		wait_for 30 "the gateway answers" answers
		wait_for 60 "the order session is up" session_up
	elif [ "$chapter" = 6 ] && [ -z "${first_order-}" ]; then
		wait_for 120 "the first order leaves" ordered
		first_order=$(orders_entered)
		note "the first order: $first_order sent; $(sluicectl orders --all | sed -n 2p)"
	fi
done

# --- and back
expect_eq "driver of $pci, given back" "$(basename "$(readlink -f "/sys/bus/pci/devices/$pci/driver")")" "$kernel_driver"
command -v sluice >/dev/null && fail "the purge left the program"
[ ! -e /etc/sluice ] || fail "the purge left /etc/sluice"
note "the purge: the audit journal is kept: $(ls /var/lib/sluice/gateway/journal | wc -l) files"
rm -rf /var/lib/sluice
# The venue's side, which the page does on the other machine.
rm -f /tmp/venue.json
ip link set "$interface" up # QEMU's wire holds frames back for a NIC that takes none
kill -USR1 %1
wait_for 20 "the venue's report" test -s /tmp/venue.json
expect_eq "open orders at the venue after systemctl stop" "$(jq '.accounts[0].open_orders' /tmp/venue.json)" 0
note "the venue: $(jq -c '.accounts[0] | {entered, executions}' /tmp/venue.json)"
kill %1 2>/dev/null
ip link set "$interface" down
ip addr flush dev "$venue_if"
ip link set "$venue_if" down
rm -f /tmp/day.itch /tmp/venue.json
for module in vfio_pci vfio_pci_core vfio_iommu_type1 vfio vfio_virqfd irqbypass; do
	[ ! -d /sys/module/$module ] || rmmod $module 2>/dev/null
done
state >$DIR/state.after
if ! diff $DIR/state.before $DIR/state.after >$DIR/state.diff; then
	sed 's/^/# | /' $DIR/state.diff
	fail "the server is not as it was before"
fi
note "the server is as it was: $(wc -l <$DIR/state.before) lines of state are the same"
before_reboot
