#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# nic-bind on machines made of files: what it refuses, and that what it took comes back as it was.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bind() { "$top/scripts/nic-bind" bind "$@"; }
unbind() { "$top/scripts/nic-bind" unbind "$@"; }
driver() { basename "$(readlink "$big/sys/bus/pci/devices/$1/driver")" 2>/dev/null; }

machine two_sockets "$work/big"
machine small "$work/small"
machine container "$work/container"
big=$work/big small=$work/small
TRADE=0000:af:00.0
rules="etc/udev/rules.d"
snapshot "$big" >"$work/before"

case_is "show names every NIC, what it carries and how sluice takes it"
run 0 "$top/scripts/nic-bind" show --root "$big"
says "0000:18:00.0  8086:1592  driver tg3  interface mgmt0 10.0.0.5/24  node 0  IOMMU group 30  carries: default-route"
says "not for sluice: it carries default-route"
says "nothing to bind: its kernel driver stays (bifurcated); profile mlx5"
says "nic-bind bind $TRADE (vfio-pci)"
run 0 "$top/scripts/nic-bind" show --root "$big" --json
expect_eq "NICs" "$(jq '.nics | length' "$work/out")" 4
expect_eq "advice for the NIC of the default route" "$(jq -r '.nics[] | select(.carries != "") | .advice' "$work/out")" \
	"not for sluice: it carries default-route"
expect_eq "node" "$(jq -r '.nics[] | select(.interface == "trade1") | .numa_node' "$work/out")" 1

case_is "a NIC that is not there is refused, with those that are"
run 1 bind --yes --root "$big" 0000:01:00.0
complains "there is no NIC '0000:01:00.0'; there are: 0000:18:00.0"
run 1 bind --yes --root "$big" eth77
run 1 unbind --yes --root "$big" eth77
run 1 bind --yes --root "$big" ../../etc
run 2 bind --root "$big"
run 2 bind --root "$big" --driver e1000 trade1

case_is "the interface of the default route is never taken, forced or not"
run 1 bind --yes --force --root "$big" mgmt0
complains "carries the default route"
case_is "nor when only something upon it carries the route"
ln -s ../bond0 "$big/sys/class/net/trade1/upper_bond0"
mkdir -p "$big/sys/class/net/bond0"
sed -i 's/^mgmt0\t00000000/bond0\t00000000/' "$big/proc/net/route"
run 1 bind --yes --force --root "$big" trade1
complains "carries the default route"
sed -i 's/^bond0\t00000000/mgmt0\t00000000/' "$big/proc/net/route"
rm -r "$big/sys/class/net/trade1/upper_bond0" "$big/sys/class/net/bond0"
case_is "an IPv6 default route counts, too"
printf '%s\n' "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003   trade1" \
	>"$big/proc/net/ipv6_route"
run 1 bind --yes --force --root "$big" trade1
complains "carries the default route"
rm "$big/proc/net/ipv6_route"

case_is "the interface of an SSH session is never taken, forced or not"
printf '%s\n' "  sl  local_address rem_address   st" \
	"   0: 0909090A:0016 0100000A:D431 01 00000000:00000000 00:00000000 00000000     0        0 1" >"$big/proc/net/tcp"
run 1 bind --yes --force --root "$big" ens1
complains "carries an SSH session"
case_is "nor one whose session came over IPv6"
printf '%s\n' "  sl  local_address rem_address   st" \
	"   0: 0000000000000000FFFF00000909090A:0016 0000000000000000FFFF00000100000A:D431 01 00000000:00000000" >"$big/proc/net/tcp6"
rm "$big/proc/net/tcp"
run 1 bind --yes --force --root "$big" ens1
complains "carries an SSH session"
rm "$big/proc/net/tcp6"
case_is "a listening or closed SSH port is no session"
printf '%s\n' "  sl  local_address rem_address   st" \
	"   0: 0909090A:0016 00000000:0000 0A 00000000:00000000" >"$big/proc/net/tcp"
run 0 bind --force --root "$big" ens1
rm "$big/proc/net/tcp"

case_is "an interface with addresses is refused unless forced"
run 1 bind --yes --root "$big" ens1
complains "has addresses (10.9.9.9/31)"
expect_same "$work/before" "$big"

case_is "where ip does not answer, an interface with routes is one with addresses"
mv "$big/tools/ip-addr" "$work/ip-addr"
printf 'ens1\t0809090A\t00000000\t0001\t0\t0\t0\tFEFFFFFF\t0\t0\t0\n' >>"$big/proc/net/route"
run 1 bind --yes --root "$big" ens1
complains "has addresses (routes-without-ip(8))"
run 0 bind --root "$big" trade1
sed -i '/^ens1/d' "$big/proc/net/route"
mv "$work/ip-addr" "$big/tools/ip-addr"
expect_same "$work/before" "$big"

case_is "no script of ours needs /dev/fd, which a minimal root does not have"
run 1 grep -rnE '[<>]\(' "$top/scripts/host-setup" "$top/scripts/nic-bind" "$top/scripts/host" --include=*.sh --include=host-setup --include=nic-bind

case_is "bind is a dry run unless told otherwise"
run 0 bind --root "$big" trade1
says "take $TRADE (trade1) from ice and give it to vfio-pci"
run 0 bind --root "$big" --json trade1
expect_eq "for programs" "$(jq -r '[.command, .dry_run, (.changes[] | select(.after != "") | .result, .before, .after)] | join(" ")' "$work/out")" \
	"bind true would ice vfio-pci"
run 1 bind --root "$big" --json mgmt0
expect_eq "a refusal" "$(jq -r '[.exit, .failed, .changes[0].result] | join(" ")' "$work/out")" "1 1 failed"
expect_same "$work/before" "$big"

case_is "bind gives a NIC to vfio-pci for now and for each boot, unbind puts all back"
run 0 bind --yes --root "$big" trade1
expect_eq "driver" "$(driver $TRADE)" vfio-pci
rule=$(cat "$big/$rules/10-sluice-0000-af-00-0.rules")
[[ $rule == *"KERNEL==\"$TRADE\", ATTR{driver_override}=\"vfio-pci\""* ]] || fail "the rule is: $rule"
run 0 "$top/scripts/nic-bind" show --root "$big" af:00.0
says "driver vfio-pci (was ice)"
case_is "a second bind changes nothing"
run 0 bind --yes --root "$big" $TRADE
says "belongs to vfio-pci"
run 0 unbind --yes --root "$big" trade1 # by the name that is not there while it is bound
expect_eq "driver" "$(driver $TRADE)" ice
expect_eq "what was given to ip" "$(cat "$big/ip.log")" "ip link set trade1 mtu 9000
ip link set trade1 up"
rm -r "$big/sys/module/vfio_pci" "$big/sys/bus/pci/drivers/vfio-pci" "$big/ip.log" # modprobe's stay
expect_same "$work/before" "$big"
[ -z "$(ls -A "$big/var/lib" 2>/dev/null)" ] || fail "unbind left something behind"
case_is "unbind without bind has nothing to do"
run 0 unbind --yes --root "$big" trade1
says "nothing to unbind"

case_is "forced, addresses and routes come back"
run 0 bind --yes --force --root "$big" ens1
run 0 unbind --yes --root "$big" 3b:00.0
expect_eq "what was given to ip" "$(cat "$big/ip.log")" "ip link set ens1 mtu 1500
ip link set ens1 up
ip addr replace 10.9.9.9/31 dev ens1
ip route replace 10.50.0.0/16 via 10.9.9.8 metric 7 dev ens1"
rm "$big/ip.log"

case_is "an interface that comes back under another name gets the name it had"
run 0 bind --yes --root "$big" trade1
echo eth0 >"$big/.comes_as"
run 0 unbind --yes --root "$big" $TRADE
expect_eq "what was given to ip" "$(cat "$big/ip.log")" "ip link set eth0 down
ip link set eth0 name trade1
ip link set trade1 mtu 9000
ip link set trade1 up"
expect_eq "interface" "$(ls "$big/sys/bus/pci/devices/$TRADE/net")" trade1
rm "$big/ip.log"
case_is "also when udev renames it at the same moment"
run 0 bind --yes --root "$big" trade1
echo trade1 >"$big/.udev"
run 0 unbind --yes --root "$big" $TRADE
says_not "came back as"
expect_eq "what was given to ip" "$(tail -n +2 "$big/ip.log")" "ip link set eth0 name trade1
ip link set trade1 mtu 9000
ip link set trade1 up"
rm "$big/ip.log"
case_is "a name that another NIC has got meanwhile stays there, and that is said"
run 0 bind --yes --force --root "$big" ens1
echo eth1 >"$big/.comes_as"
ln -s ../../bus/pci/devices/0000:18:00.0/net/ens1 "$big/sys/class/net/ens1"
mkdir "$big/sys/bus/pci/devices/0000:18:00.0/net/ens1"
ln -s ../.. "$big/sys/bus/pci/devices/0000:18:00.0/net/ens1/device"
run 0 unbind --yes --root "$big" 3b:00.0
says "0000:3b:00.0 came back as eth1, not as ens1, which 0000:18:00.0 has now; its addresses and routes are on eth1"
expect_eq "what was given to ip" "$(cat "$big/ip.log")" "ip link set eth1 mtu 1500
ip link set eth1 up
ip addr replace 10.9.9.9/31 dev eth1
ip route replace 10.50.0.0/16 via 10.9.9.8 metric 7 dev eth1"
[ ! -e "$big/var/lib/sluice/host/bound/0000:3b:00.0" ] || fail "still remembered as bound"
rm -r "$big/sys/class/net/ens1" "$big/sys/bus/pci/devices/0000:18:00.0/net/ens1" "$big/.comes_as" "$big/ip.log"
mv "$big/sys/bus/pci/devices/0000:3b:00.0/net/eth1" "$big/sys/bus/pci/devices/0000:3b:00.0/net/ens1"
rm "$big/sys/class/net/eth1"
ln -s ../../bus/pci/devices/0000:3b:00.0/net/ens1 "$big/sys/class/net/ens1"

case_is "where driverctl is, it brings the NIC back at boot, and what it was told before comes back"
mkdir -p "$big/usr/sbin" "$big/etc/driverctl.d"
touch "$big/usr/sbin/driverctl" && chmod +x "$big/usr/sbin/driverctl"
printf none >"$big/etc/driverctl.d/pci-$TRADE"
run 0 bind --yes --root "$big" $TRADE
expect_eq "driverctl's file" "$(cat "$big/etc/driverctl.d/pci-$TRADE")" vfio-pci
[ -z "$(ls -A "$big/$rules")" ] || fail "there is a rule, too"
run 0 unbind --yes --root "$big" $TRADE
expect_eq "driverctl's file" "$(od -c "$big/etc/driverctl.d/pci-$TRADE" | head -n 1)" "0000000   n   o   n   e"
rm -r "$big/usr" "$big/etc/driverctl.d" "$big/ip.log"

case_is "a bifurcated NIC needs no binding, nor does AF_XDP"
run 0 bind --yes --root "$big" mlx0
says "nothing to bind, DPDK drives it through mlx5_core"
run 0 bind --yes --root "$big" --driver af_xdp trade1
says 'device: "net_af_xdp0,iface=trade1"'
expect_eq "driver" "$(driver 0000:5e:00.0)" mlx5_core

case_is "unsafe interrupts are allowed only when asked for, and no longer than until unbind"
touch "$big/.modules/vfio_iommu_type1"
unsafe=$big/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
mkdir -p "${unsafe%/*}" && echo N >"$unsafe"
run 0 bind --yes --root "$big" trade1
expect_eq "without being asked" "$(cat "$unsafe")" N
run 0 unbind --yes --root "$big" trade1
run 0 bind --yes --unsafe-interrupts --root "$big" trade1
expect_eq "when asked" "$(cat "$unsafe")" Y
expect_eq "at the next boot" "$(grep -v '^#' "$big/etc/modprobe.d/sluice-vfio_iommu_type1.conf")" \
	"options vfio_iommu_type1 allow_unsafe_interrupts=Y"
run 0 unbind --yes --root "$big" trade1
[ ! -e "$big/etc/modprobe.d/sluice-vfio_iommu_type1.conf" ] || fail "the next boot would allow them still"
run 0 bind --yes --unsafe-interrupts --no-persist --root "$big" trade1
[ ! -e "$big/etc/modprobe.d/sluice-vfio_iommu_type1.conf" ] || fail "--no-persist wrote for the next boot"
run 0 unbind --yes --root "$big" trade1
expect_eq "after unbind" "$(cat "$unsafe")" N
case_is "they stay allowed until the last NIC is unbound"
run 0 bind --yes --force --unsafe-interrupts --root "$big" trade1 ens1
run 0 unbind --yes --root "$big" trade1
expect_eq "after one of two" "$(cat "$unsafe")" Y
run 0 unbind --yes --root "$big" ens1
expect_eq "after the last" "$(cat "$unsafe")" N
case_is "a bind killed before it took the NIC is undone, too"
run 137 env SLUICE_CRASH_AFTER="write ${unsafe#"$big"}" "$top/scripts/nic-bind" bind --yes --unsafe-interrupts --root "$big" $TRADE
expect_eq "after the crash" "$(cat "$unsafe")" Y
run 0 unbind --yes --root "$big" $TRADE
expect_eq "after unbind" "$(cat "$unsafe")" N
rm -r "$big/sys/module/vfio_iommu_type1"
run 0 bind --yes --unsafe-interrupts --root "$big" trade1
[ -d "$big/sys/module/vfio_iommu_type1" ] || fail "vfio_iommu_type1 was not loaded"
run 0 unbind --yes --root "$big" trade1
[ ! -d "$big/sys/module/vfio_iommu_type1" ] || fail "vfio_iommu_type1 is still loaded"
rm -r "$big/.modules/vfio_iommu_type1" "$big/ip.log"

case_is "what shares its IOMMU group with a NIC of the kernel is refused"
ln -s ../../../../bus/pci/devices/0000:3b:00.0 "$big/sys/kernel/iommu_groups/33/devices/0000:3b:00.0"
run 1 bind --yes --root "$big" trade1
complains "shares its IOMMU group with 0000:3b:00.0, which the kernel's ice has"
rm "$big/sys/kernel/iommu_groups/33/devices/0000:3b:00.0"

case_is "a driver that does not take the NIC leaves it where it was"
mkdir -p "$big/.refuses" && touch "$big/.refuses/vfio-pci"
run 1 bind --yes --root "$big" trade1
complains "was not taken by vfio-pci"
expect_eq "driver" "$(driver $TRADE)" ice
rm -r "$big/.refuses"
[ ! -e "$big/var/lib/sluice/host/bound/$TRADE" ] || fail "still remembered as bound"

for crash in "write /sys/bus/pci/devices/$TRADE/driver_override" "write /sys/bus/pci/drivers/ice/unbind" \
	"write /sys/bus/pci/drivers_probe" "remember /$rules/10-sluice-0000-af-00-0.rules"; do
	case_is "killed after '$crash': unbind puts all back"
	run 137 env SLUICE_CRASH_AFTER="$crash" "$top/scripts/nic-bind" bind --yes --root "$big" $TRADE
	run 0 unbind --yes --root "$big" $TRADE
	expect_eq "driver" "$(driver $TRADE)" ice
	rm -rf "$big/sys/module/vfio_pci" "$big/sys/bus/pci/drivers/vfio-pci" "$big/ip.log"
	expect_same "$work/before" "$big"
	case_is "killed after '$crash': bind goes on, unbind puts all back"
	run 137 env SLUICE_CRASH_AFTER="$crash" "$top/scripts/nic-bind" bind --yes --root "$big" $TRADE
	run 0 bind --yes --root "$big" $TRADE
	expect_eq "driver" "$(driver $TRADE)" vfio-pci
	[ -e "$big/$rules/10-sluice-0000-af-00-0.rules" ] || fail "it does not survive a boot"
	run 0 unbind --yes --root "$big" $TRADE
	rm -rf "$big/sys/module/vfio_pci" "$big/sys/bus/pci/drivers/vfio-pci" "$big/ip.log"
	expect_same "$work/before" "$big"
done

case_is "a NIC that a program has open is not unbound"
run 0 bind --yes --root "$big" trade1
mkdir -p "$big/dev/vfio" "$big/proc/4711/fd"
touch "$big/dev/vfio/33"
ln -s "$big/dev/vfio/33" "$big/proc/4711/fd/7"
echo sluice >"$big/proc/4711/comm"
run 1 unbind --yes --root "$big" $TRADE
complains "is open in sluice (process 4711)"
rm -r "$big/proc/4711" "$big/dev/vfio"
run 0 unbind --yes --root "$big" $TRADE

case_is "without an IOMMU vfio-pci says what can be done"
run 1 bind --yes --root "$small" eth9
complains "is behind no IOMMU"
run 1 bind --yes --root "$small" --no-iommu eth9
complains "has no no-IOMMU mode"
mkdir -p "$small/sys/module/vfio/parameters"
echo N >"$small/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
run 0 bind --yes --root "$small" --no-iommu --no-persist eth9
expect_eq "no-IOMMU mode" "$(cat "$small/sys/module/vfio/parameters/enable_unsafe_noiommu_mode")" Y
[ -z "$(ls -A "$small/$rules")" ] || fail "--no-persist wrote a rule"
run 0 unbind --yes --root "$small" 00:04.0
expect_eq "no-IOMMU mode" "$(cat "$small/sys/module/vfio/parameters/enable_unsafe_noiommu_mode")" N

case_is "uio_pci_generic needs an INTx interrupt"
run 0 bind --yes --root "$small" --driver uio_pci_generic eth9
run 0 unbind --yes --root "$small" 00:04.0
head -c 64 /dev/zero >"$small/sys/bus/pci/devices/0000:00:04.0/config"
run 1 bind --yes --root "$small" --driver uio_pci_generic eth9
complains "has no INTx interrupt"

case_is "a kernel without the module says so"
rm "$big/.modules/uio_pci_generic"
run 1 bind --yes --root "$big" --driver uio_pci_generic trade1
complains "this kernel has no uio_pci_generic"

case_is "an interface without PCI needs no binding"
run 1 bind --yes --root "$small" veth7
complains "has no PCI device"
case_is "what is no NIC is refused"
mkdir -p "$big/sys/bus/pci/devices/0000:00:1f.2"
echo 0x010601 >"$big/sys/bus/pci/devices/0000:00:1f.2/class"
run 1 bind --yes --root "$big" 00:1f.2
complains "is no NIC"

case_is "in a container, and on a read-only /sys, nothing happens"
run 1 bind --yes --root "$work/container" eth9
complains "without CAP_SYS_ADMIN"
touch "$big/.readonly"
run 1 bind --yes --root "$big" trade1
expect_eq "driver" "$(driver $TRADE)" ice
finish
