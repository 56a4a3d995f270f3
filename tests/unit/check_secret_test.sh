#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check_secret_test.sh SLUICE SOURCE-ROOT: 'sluice check' finds the password that 'sluice run' would
# refuse, says what to do, and never prints one.
set -eu

sluice=$1 top=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
password=$work/oe.password

fail() {
	echo "FAILED: $*" >&2
	exit 1
}
# config LINE: how the session gets its password
config() {
	cat >"$work/sluice.yaml" <<TEXT
environment: simulation
pmd_config_dir: $top/pmd_config
core_map:
  control: 0
  shared_cores: true
  lanes:
    - { name: all, core: 0, stages: [rx, arb, parse, book, strategy, risk, orders, encode, tcp, report] }
ports:
  - { name: md, device: "net_af_packet0,iface=md", profile: af_packet, address: 10.10.1.2/24 }
venues:
  - { name: sim, environment: simulation }
feeds:
  - name: itch
    venue: sim
    protocol: itch50
    lines: [ { port: md, group: 239.10.1.1, udp_port: 26400 } ]
sessions:
  - { name: oe, venue: sim, protocol: ouch50, port: md, peer: "10.10.1.1:26488", username: TEST01, capacity: principal, $1 }
instruments:
  - { symbol: AAPL, feed: itch, session: oe, trade: true }
risk: { order_max_qty: 500, order_max_usd: 1000, collar_bp: 500, open_max_qty: 5000,
  position_max_qty: 10000, gross_max_usd: 100000, order_rate_max: 100 }
TEXT
}
# checked STATUS WORDS...
checked() {
	local got=0 word
	"$sluice" check -c "$work/sluice.yaml" >"$work/out" 2>&1 || got=$?
	[ $got = "$1" ] || { cat "$work/out"; fail "ended with $got, wanted $1"; }
	shift
	for word; do
		grep -qF -e "$word" "$work/out" || { cat "$work/out"; fail "did not say '$word'"; }
	done
	! grep -qF hush0042 "$work/out" || fail "printed the password"
}

config "password_file: $password"
checked 3 "session 'oe'" "$password"
install -m 600 /dev/null "$password"
checked 3 "empty"
echo hush0042-too-long >"$password"
checked 3 "too long"
echo hush0042 >"$password"
checked 0 "no fault found"
chmod 644 "$password"
checked 3 "mode 0644" "chmod 0600 $password"

config "credential: oe"
unset CREDENTIALS_DIRECTORY
checked 3 "LoadCredential=oe:"
CREDENTIALS_DIRECTORY=$work
export CREDENTIALS_DIRECTORY
echo hush0042 >"$work/oe"
checked 0 "no fault found"
