#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# stale_check.sh GENERATOR WHAT FILE: fails when FILE is not what the generator writes.
set -eu
if ! "$1" "$2" | diff -u "$3" -; then
	echo "$3 is out of date; write it again: $1 $2 > $3"
	exit 1
fi
