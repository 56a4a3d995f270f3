# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How a script or test ends early: with a reason, and the status that says which.  Sourced.
SKIPPED=77
skip() {
	echo "skipped: $*"
	exit $SKIPPED
}
fail() {
	echo "FAILED: $*" >&2
	exit 1
}
