#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/replay-gate says of a byte that differs: the stored day with one of them changed, one
# message gone, and one more.
set -uo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
stored=$top/tests/golden/aapl-20120621-open.bytes
dir=$(mktemp -d /tmp/sluice-bytes.XXXXXX)
trap 'rm -rf "$dir"' EXIT
# expect STATUS WORDS
expect() {
	local got
	python3 "$top/scripts/lib/order_bytes.py" compare "$stored" "$dir/now" >"$dir/said"
	got=$?
	[ $got = "$1" ] && { [ -z "$2" ] || grep -q "$2" "$dir/said"; } || {
		cat "$dir/said" >&2
		echo "FAILED: status $got, wanted $1 with '$2'" >&2
		exit 1
	}
}
cp "$stored" "$dir/now"
expect 0 ''
sed '2s/3059504e4e53/304e504e4e53/' "$stored" >"$dir/now"
expect 1 'byte 30 of message 2, enter order #1, in its display'
sed '2s/3059504e4e53/3059414e4e53/' "$stored" >"$dir/now"
expect 1 'byte 31 of message 2, enter order #1, in its capacity'
grep -q "now:    'A'" "$dir/said" || { echo "FAILED: the new value is not shown" >&2; exit 1; }
sed '$d' "$stored" >"$dir/now"
expect 1 'then only what is stored goes on'
{ cat "$stored"; tail -n 1 "$stored"; } >"$dir/now"
expect 1 'then only what is now goes on'
echo "ok"
