# SPDX-License-Identifier: Apache-2.0
#
# What the soaks share.  A soak is a script that can do one round with a seed; soak_rounds calls it
# again and again, each time as a process of its own, so that every round cleans up behind itself.
# A failed round shows its output, and the seed that does it again: SCRIPT --round SEED.
. "$(dirname "${BASH_SOURCE[0]}")/../smoke/lib.sh"

# soak_rounds SECONDS "$@": with --round SEED it returns, with SEED set and $RANDOM seeded by it;
# otherwise it runs rounds for so long, or as long as the argument says, and ends the script.
soak_rounds() {
	local seconds=$1 passed=0 failed=0 round=0 log seed status
	shift
	if [ "${1-}" = --round ]; then
		SEED=${2?--round needs a seed}
		RANDOM=$SEED
		return
	fi
	[[ ${1-1} =~ ^[1-9][0-9]*$ ]] || {
		echo "usage: $0 [SECONDS | --round SEED]" >&2
		exit 2
	}
	seconds=${1:-$seconds}
	log=$(mktemp)
	# shellcheck disable=SC2064 # the file of now
	trap "rm -f '$log'" EXIT
	trap 'exit 130' INT TERM
	while [ $round = 0 ] || [ $SECONDS -lt "$seconds" ]; do
		round=$((round + 1))
		seed=$((${SOAK_SEED:-1} + round - 1))
		"$0" --round $seed >"$log" 2>&1
		status=$?
		if [ $status = 0 ]; then
			passed=$((passed + 1))
			echo "ok       seed $seed: $(sed -n 's/^# round: //p' "$log")"
		elif [ $status = $SKIPPED ]; then
			cat "$log"
			exit $SKIPPED
		else
			failed=$((failed + 1))
			echo "FAILED   seed $seed; again: $0 --round $seed"
			tail -n 60 "$log" | sed 's/^/         /'
		fi
	done
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
	exit
}

# soak_build SANITIZER TARGET...: programs built by clang with it (address,undefined or thread), below
# the source tree or $SLUICE_BUILD_DIR, in SANITIZED; what went wrong is printed.
soak_build() {
	local sanitizer=$1 name=asan log status
	shift
	[ "$sanitizer" != thread ] || name=tsan
	SANITIZED=${SLUICE_BUILD_DIR:-$SMOKE_TOP}/build-$name
	log=$(mktemp)
	if ! [ -f "$SANITIZED/build.ninja" ]; then
		CC=clang meson setup "$SANITIZED" "$SMOKE_TOP" --buildtype=debugoptimized -Dc_args=-g1 \
			"-Db_sanitize=$sanitizer" -Db_lundef=false -Dwerror=false -Dperf=false >"$log" 2>&1
	fi
	ninja -C "$SANITIZED" "$@" >>"$log" 2>&1
	status=$?
	[ $status = 0 ] || tail -n 40 "$log" | sed 's/^/         /'
	rm -f "$log"
	return $status
}

# Chance, in this shell: a subshell would draw from a seed of its own.
between() { # VARIABLE LEAST MOST
	printf -v "$1" %d $(($2 + RANDOM % ($3 - $2 + 1)))
}
one_of() { # VARIABLE WORD...
	local into=$1 n=$((RANDOM % ($# - 1) + 1))
	shift $n
	printf -v "$into" %s "$1"
}

# make_day MESSAGES: a day of the round's seed, traded in AAPL.
make_day() {
	DAY=$SMOKE_DIR/day.itch50
	"$SLUICE_BUILD/tests/sim/sluice-day" --seed "$SEED" --messages "$1" --symbols 20 \
		--symbol AAPL=585.00 --out "$DAY" >"$SMOKE_DIR/day.log" 2>&1 ||
		fail "sluice-day could not make a day"
}

session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
feed_ended() { [ "$(ctl_value feeds 0.ended)" = true ]; }

# Positions, money and the last report, as text to compare.
gateway_positions() {
	ctl --json positions | jq -r '.[] | select(.bought_qty + .sold_qty > 0) |
		"\(.symbol) \(.position_qty) bought \(.bought_qty) for \(.bought_ntl4) sold \(.sold_qty) for \(.sold_ntl4)"'
	ctl --json sessions | jq -r '"next message \(.[0].next_seq)"'
}
venue_positions() {
	jq -r '.accounts[0] | (.positions[] |
		"\(.symbol) \(.net_qty) bought \(.bought_qty) for \(.bought_ntl4) sold \(.sold_qty) for \(.sold_ntl4)"),
		"next message \(.last_seq + 1)"' "$VENUE_REPORT"
}
positions_equal() {
	venue_report_now
	gateway_positions >"$SMOKE_DIR/gateway.side"
	venue_positions >"$SMOKE_DIR/venue.side"
	cmp -s "$SMOKE_DIR/gateway.side" "$SMOKE_DIR/venue.side"
}
# expect_positions_equal SECONDS: after what is on its way has arrived.
expect_positions_equal() {
	local until_s=$((SECONDS + $1))
	until positions_equal; do
		if [ $SECONDS -ge $until_s ]; then
			diff "$SMOKE_DIR/gateway.side" "$SMOKE_DIR/venue.side"
			ctl events --count 20
			fail "the gateway (<) and the venue (>) do not agree"
		fi
		smoke_alive
		sleep 0.2
	done
}
