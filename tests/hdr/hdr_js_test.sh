#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The histograms we write are read by hdr-histogram-js (npm), which knows nothing of us: counts and
# percentiles must be those that hdr_log_test computed itself.
#
#     hdr_js_test.sh HDR_LOG_TEST
#
# Installs the package of one fixed version into a folder of its own, once (SLUICE_NPM_DIR, else
# below ~/.cache).  77 where node or npm is missing, or no registry answers.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=3.0.1
modules=${SLUICE_NPM_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice-npm}/hdr-$version
for tool in node npm; do
	command -v $tool >/dev/null || { echo "skipped: '$tool' is not installed"; exit 77; }
done
if [ ! -d "$modules/node_modules/hdr-histogram-js" ]; then
	mkdir -p "$modules"
	timeout 60 npm install --prefix "$modules" --no-audit --no-fund --ignore-scripts \
		"hdr-histogram-js@$version" >"$modules/install.log" 2>&1 || {
		echo "skipped: npm cannot install hdr-histogram-js $version: $(tail -n 1 "$modules/install.log")"
		exit 77
	}
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" --write "$work/our.hlog" >"$work/want" || { echo "FAILED: $1 --write"; exit 1; }
node "$here/read_hdr_log.js" "$modules/node_modules" "$work/our.hlog" >"$work/got" || {
	echo "FAILED: hdr-histogram-js cannot read our log"
	exit 1
}
if ! diff "$work/want" "$work/got"; then
	echo "FAILED: hdr-histogram-js reads other figures (right) than ours (left)"
	exit 1
fi
echo "hdr-histogram-js $version reads $(wc -l <"$work/got") histograms as we wrote them"
