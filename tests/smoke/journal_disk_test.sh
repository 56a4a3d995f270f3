#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The audit journal's disk stands still, then is full, while the gateway trades: lanes go on, the log
# says so, and when the disk is back nothing is missing that there was room for in memory.  With an
# argument the gateway does WITHOUT that: 'huge' for the rings in the tmpfs.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start journal-disk
for tool in mkfs.ext4 fsfreeze losetup python3; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: e2fsprogs, util-linux"
done
MAP=${MAP:-three} STRATEGY=quote HTTP_PORT=9184 ARM=true
day=$SMOKE_DIR/day.itch50
disk=$SMOKE_DIR/disk
journal=$disk/journal
reader=$SLUICE_BUILD/controlplane/journal/sluice-journal
frozen=no
# The folder can be removed only when nothing is mounted in it.
end_with_disk() {
	local status=$? pid
	[ $frozen = no ] || fsfreeze -u "$disk"
	for pid in "${smoke_pids[@]}"; do kill -TERM "$pid" 2>/dev/null; done
	for pid in "${smoke_pids[@]}"; do pid_gone 3 "$pid" || kill -KILL "$pid" 2>/dev/null; done
	umount "$disk" || umount -l "$disk"
	(exit $status)
	smoke_end
}
truncate -s 24M "$SMOKE_DIR/disk.img"
mkfs.ext4 -q "$SMOKE_DIR/disk.img" || skip "no file system can be made"
mkdir "$disk"
mount -o loop "$SMOKE_DIR/disk.img" "$disk" 2>/dev/null || skip "no loop device here"
trap end_with_disk EXIT
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --messages 200000 --symbols 20 --symbol AAPL=585.00 \
	--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"

sent() { ctl_value status order_sent_cnt; }
sent_more_than() { [ "$(sent)" -gt "$1" ]; }
said() { grep -q "$1" "$SMOKE_DIR/events.log"; }

make_network
write_config "$SMOKE_DIR/sluice.yaml"
cat >>"$SMOKE_DIR/sluice.yaml" <<TEXT
journal: { enabled: true, directory: $journal, segment_mb: 1, ring_slots: 32768, compress: false, sync_ms: 100 }
TEXT
WITHOUT=${1-${WITHOUT-}} start_gateway "$SMOKE_DIR/sluice.yaml"
start_venue "$day" --rate 8000 --always-open --stay --wait-login --start-delay 1
wait_for 20 "orders leave" sent_more_than 5

fsfreeze -f "$disk" || fail "the disk cannot be stopped"
frozen=yes
wait_for 5 "the log says that the disk stands still" said "stands still"
before=$(sent)
wait_for 10 "orders leave while the disk stands still" sent_more_than $((before + 3))
expect_eq "orders are on" "$(ctl_value status orders_on)" true
fsfreeze -u "$disk"
frozen=no
wait_for 5 "the log says that it goes on" said "the disk goes on"

dd if=/dev/zero of="$disk/filler" bs=64k 2>/dev/null
# Large requests that are refused are records too: the segment is full soon.
python3 - "$SMOKE_DIR/ctl.sock" <<'TEXT'
import socket, struct, sys
for i in range(48):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    body = b'{"command":"' + b"x" * 60000 + b'"}'
    s.sendall(struct.pack(">I", len(body)) + body)
    s.recv(4096)
    s.close()
TEXT
wait_for 5 "the log says that the disk is full" said "takes no more records"
[ "$(ctl_value status healthy)" = false ] || fail "it is healthy with a full disk"
before=$(sent)
wait_for 10 "orders leave while the disk is full" sent_more_than $((before + 3))
rm "$disk/filler"
wait_for 5 "records are kept again" said "records are kept again"
stop gateway 10
stop venue 5
"$reader" verify "$journal" >"$SMOKE_DIR/verify.log" 2>&1 || fail "the journal is not whole: $(cat "$SMOKE_DIR/verify.log")"
sed 's/^/# /' "$SMOKE_DIR/verify.log"
grep -q " 0 records could not be kept" "$SMOKE_DIR/verify.log" || fail "records were lost although the rings had room"
expect_eq "refused requests in the journal" "$("$reader" csv --kind command "$journal" | grep -c xxxxxxxx)" 48
smoke_passed
