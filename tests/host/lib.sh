# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For tests of host-setup and nic-bind.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/host/machines.sh
. "$here/machines.sh"
export SLUICE_FAKE_KERNEL=$here/fake_kernel.sh
unset SLUICE_CRASH_AFTER SLUICE_JITTER SSH_CONNECTION
work=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)") # memory: state is synced often
trap 'rm -rf "$work"' EXIT
failures=0 cases=0

case_is() {
	what=$*
	cases=$((cases + 1))
}
fail() {
	echo "FAILED: $what: $*" >&2
	failures=$((failures + 1))
}
# run STATUS COMMAND...: its output into $work/out and $out, its errors into $errors.
run() {
	local want=$1 got
	shift
	{ "$@" >"$work/out" 2>"$work/errors"; } 2>/dev/null # no word of bash about a process that was killed
	got=$?
	out=$(<"$work/out")
	errors=$(<"$work/errors")
	[ $got = "$want" ] || fail "exit $got instead of $want: ${*##*/}
$out
$errors"
}
says() { [[ $out == *"$1"* ]] || fail "does not say '$1':
$out"; }
says_not() { [[ $out != *"$1"* ]] || fail "says '$1':
$out"; }
complains() { [[ $errors == *"$1"* ]] || fail "does not complain '$1':
$errors"; }
expect_eq() { [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"; }
# Every file's bytes, every link and folder, but not what we remember.
snapshot() {
	(cd "$1" && find . -path ./var -prune -o -printf '%p %y %m %l\n' | LC_ALL=C sort
		find . -path ./var -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) >"${2-/dev/stdout}"
}
expect_same() {
	snapshot "$2" >"$work/after"
	diff "$1" "$work/after" >"$work/diff" || fail "the machine is not as before:
$(head -n 30 "$work/diff")"
}
finish() {
	echo "$cases cases, $failures failures"
	[ $failures = 0 ]
	exit
}
