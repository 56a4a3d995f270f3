#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sluice_book_test.sh SLUICE-BOOK SOURCE-ROOT: best bids and offers, digest, captures and oddities of
# the shared data equal what others found.  Exits 77 (skipped) where the shared data is absent.
set -eu

book=$1
data=${SLUICE_SHARED:-$2/../shared}/data
[ -d "$data/itch" ] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

for day in aapl-20120621-open synthetic-50-symbols; do
	"$book" "$data/itch/$day.itch50" >"$work/bbo.csv"
	cmp "$work/bbo.csv" "$data/itch/$day.bbo.csv" || fail "$day: best bids and offers differ"
done

# Whole queues of all orders, against a list that knows nothing but who came first.
for day in aapl-20120621-open synthetic-50-symbols; do
	"$book" --queues "$data/itch/$day.itch50" >"$work/queues.csv"
	python3 "$2/tests/unit/sluice_book_queues.py" "$data/itch/$day.itch50" >"$work/want.csv"
	[ "$(wc -l <"$work/want.csv")" -gt 20 ] || fail "$day: the script found no orders"
	cmp "$work/queues.csv" "$work/want.csv" || fail "$day: queues of orders differ"
done

got=$("$book" --digest "$data/itch/synthetic-50-symbols.itch50")
[ "$got" = 162677709164665 ] || fail "digest $got, want 162677709164665"

# Counted by an independent script: unknown references by kind, and one reference 0.
"$book" --stats "$data/itch/hostile-sample.itch50" >"$work/stats"
for want in "messages 12012" "book ref_zero 1" "book ref_unknown_executed 18" \
	"book ref_unknown_reduced 3" "book ref_unknown_deleted 94" "book ref_unknown_replaced 2" \
	"book instrument_suspect 3"; do
	grep -qx "$want" "$work/stats" || fail "hostile sample: no line '$want'"
done

for capture in "$data"/captures/*.pcap; do
	case $capture in
	*Ouch50*)
		code=0
		"$book" --stats "$capture" >"$work/stats" 2>"$work/words" || code=$?
		[ "$code" = 4 ] || fail "$capture: exit $code, want 4: it holds no market data"
		;;
	*)
		"$book" --stats "$capture" >"$work/stats" || fail "$capture: exit $?"
		! grep -E '^parse ' "$work/stats" || fail "$capture: oddities"
		grep -q '^type ' "$work/stats" || fail "$capture: no message"
		;;
	esac
done

head -c 1001 "$data/itch/synthetic-50-symbols.itch50" >"$work/cut"
code=0
"$book" --digest "$work/cut" >/dev/null 2>"$work/words" || code=$?
[ "$code" = 3 ] || fail "a cut file: exit $code, want 3"
grep -q 'offset 982: message 34 says it has 20 bytes, and 17 are left' "$work/words" ||
	fail "a cut file: said $(cat "$work/words")"
