#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# As the unit runs it: an ordinary user with the capabilities its ports need, and huge pages of a
# mount that is its own.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start nonroot
id nobody >/dev/null 2>&1 || skip "there is no user nobody"
command -v setpriv >/dev/null || skip "'setpriv' is not installed: apt-get install util-linux"
make_network
MAP=one HTTP_PORT=0 HUGE_MB=136 ORDERS_MAX=4096 LEVELS_MAX=4096
config=$SMOKE_DIR/sluice.yaml home=$SMOKE_DIR/nobody
write_config "$config"
chmod 0755 "$SMOKE_DIR"
mkdir "$home"
cp -r "$SMOKE_TOP/pmd_config" "$SLUICE_BUILD/controlplane/sluice" "$SMOKE_DIR/oe.password" "$home/"
chown -R nobody "$home"
sed -i -E "s#$SMOKE_DIR/(oe.password|ctl.sock|events.log|histogram.txt)#$home/\\1#g; s#^(pmd_config_dir:).*#\\1 $home/pmd_config#" "$config"
chmod 0644 "$config"

huge=false
if mount -t hugetlbfs -o pagesize=2M,uid=nobody,mode=0700 none "$(mkdir "$SMOKE_DIR/huge" && echo "$SMOKE_DIR/huge")" 2>/dev/null; then
	trap 'status=$?; umount -l "$SMOKE_DIR/huge"; (exit $status); smoke_end' EXIT
	[ "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages)" -lt 64 ] || huge=true
fi
as_nobody() { # CAPABILITIES COMMAND...
	local caps=$1
	shift
	echo setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps "$caps" --ambient-caps "$caps" \
		env HUGETLB_PATH="$SMOKE_DIR/huge" RUNTIME_DIRECTORY="$home" "$@" "$home/sluice" run -c "$config"
}
# shellcheck disable=SC2046 # a command of several words
in_gw timeout 20 prlimit --memlock=65536 $(as_nobody +net_raw,+net_admin) >"$SMOKE_DIR/memlock.txt" 2>&1
expect_eq "exit status with little memory to lock" $? 4
grep -qE 'may lock 64 KiB of memory.*\[S202\]$' "$SMOKE_DIR/memlock.txt" || fail "it does not say S202: $(tail -n 1 "$SMOKE_DIR/memlock.txt")"
# shellcheck disable=SC2046
start_in "$GW" gateway $(as_nobody +net_raw,+net_admin,+ipc_lock)
asks() { "$SLUICE_BUILD/controlplane/ctl/sluicectl" --socket "$home/ctl.sock" "$@"; }
wait_for 20 "the gateway answers" asks status
expect_eq "user of the gateway" "$(stat -c %U "/proc/${smoke_expected[gateway]}")" nobody
expect_eq "huge pages, of those there are" "$(asks --json status | json_value huge_pages)" $huge
link_up() { asks --json ports | grep -q '"link_up": true'; }
wait_for 10 "its ports have their links" link_up
stop gateway 10
left=$(find "$home" -name 'sluice-nonroot*' -o -path '*/dpdk/*' -type f)
[ -z "$left" ] || fail "left behind: $left"
smoke_passed
