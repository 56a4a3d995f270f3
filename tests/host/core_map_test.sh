#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# core_map_test.sh SLUICECTL: core-map as an operator calls it, and the scripts behind host and bind.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
ctl=$1
core_map() { "$ctl" core-map "$@"; }
json_of() { jq -r "$1" "$work/out"; }
machine two_sockets "$work/big"
BIG="pack:2 [numa] l3:2(size=33554432) core:16 pu:2(indexes=2*64:1*2)"
echo 8-11,40-43 >"$work/big/sys/devices/system/cpu/isolated"

case_is "the NIC that is named decides the node, by interface, address or short address"
for nic in trade1 0000:af:00.0 af:00.0; do
	run 0 core_map suggest --topology "$BIG" --root "$work/big" --nic $nic --json
	expect_eq "cores" "$(json_of '[.lanes[].core] | join(" ")')" "40 41 42 43"
	expect_eq "node" "$(json_of .node_why)" "node 1: NIC $nic is there"
	expect_eq "control" "$(json_of .control)" 32
done
run 0 core_map suggest --topology "$BIG" --root "$work/big" --nic ens1 --nic mlx0 --json
expect_eq "cores" "$(json_of '[.lanes[].core] | join(" ")')" "8 9 10 11"
case_is "NICs on two nodes decide nothing, and the YAML says so"
run 0 core_map suggest --topology "$BIG" --root "$work/big"
says "the NICs are on several: name yours with --nic or -c"
says "    - { name: receive, core: 8, stages: [rx, arb] }"
says "# SMT siblings of lanes, to be left idle: 72-75"
case_is "what is not there is refused"
run 1 core_map suggest --topology "$BIG" --root "$work/big" --nic eth77
complains "there is no NIC 'eth77'"
run 1 core_map suggest --topology "$BIG" --root "$work/big" --nic ../../../etc
run 1 core_map suggest --topology "cores:many"
complains "wanted is a file of lstopo"
run 1 core_map suggest --topology "$work/none.xml"
run 1 core_map show -c "$work/none.yaml"
run 1 core_map tune --topology "$BIG"
run 2 core_map suggest --lanes 5
run 2 core_map suggest --lanes -1
run 2 core_map suggest now
run 2 core_map guess
run 2 core_map
run 2 core_map jitter
run 2 core_map jitter x
run 1 core_map jitter 60000 --ms 1
complains "cannot run on core 60000"

case_is "show draws what a configuration puts where"
run 0 core_map show --topology "$BIG" --root "$work/big" --isolated 2-5 -c "$top/controlplane/config/sluice.sample.yaml"
says "      core 2   cpu 2   isolated lane receive: rx arb  | cpu 66  (keep idle)"
says "  node 1  NICs: 0000:af:00.0"
says "      core 0   cpu 0   control thread"

case_is "jitter says two numbers"
run 0 core_map jitter 0 --ms 20
[[ $out =~ ^[0-9]+\ [0-9]+$ ]] || fail "it says '$out'"

case_is "tune takes stage costs from what the gateway measured"
cat >"$work/latency.json" <<'TEXT'
[ {"name":"rx","count":9,"p50_ns":100}, {"name":"arb","count":9,"p50_ns":200}, {"name":"parse","count":9,"p50_ns":100},
  {"name":"book","count":9,"p50_ns":300}, {"name":"strategy","count":9,"p50_ns":50}, {"name":"risk","count":9,"p50_ns":70},
  {"name":"orders","count":9,"p50_ns":30}, {"name":"encode+tcp","count":9,"p50_ns":40} ]
TEXT
run 0 core_map tune --lanes 1 --latency "$work/latency.json" --rate 100000 --orders 1000 --json
expect_eq "a trigger through all stages" "$(json_of .tick_ns)" 890
expect_eq "load" "$(json_of .lanes[0].load_permille)" 75
run 0 core_map tune --lanes 1 --latency "$work/latency.json" --rate 1000000
says "Too much for 1 lanes even so"
run 0 bash -c '"$1" core-map tune --lanes 1 --latency - --json <"$2"' - "$ctl" "$work/latency.json"
expect_eq "the same from standard input" "$(json_of .tick_ns)" 890
sed -i 's/"risk","count":9/"risk","count":0/' "$work/latency.json"
run 1 core_map tune --lanes 1 --latency "$work/latency.json"
complains "no samples of stage 'risk'"
echo '{' >"$work/latency.json"
run 1 core_map tune --lanes 1 --latency "$work/latency.json"
if [ "$(nproc)" -ge 2 ]; then
	case_is "tune measures the hop between two cores"
	run 0 core_map tune --lanes 2 --json
	ns=$(json_of '.hops[0].ns')
	if ! [ "$ns" -ge 5 ]; then fail "a hop of $ns ns"; fi # slower than light, and than any cache
fi

case_is "nothing is measured beside a gateway that runs"
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
time.sleep(30)' "$work/gateway.sock" &
gateway=$!
for _ in {1..100}; do [ -S "$work/gateway.sock" ] && break; sleep 0.1; done
run 1 env SLUICE_SOCKET="$work/gateway.sock" "$ctl" core-map tune --lanes 1
complains "measuring takes cores away from its lanes"
run 1 env SLUICE_SOCKET="$work/gateway.sock" "$ctl" core-map jitter 0 --ms 10
run 0 env SLUICE_SOCKET="$work/gateway.sock" "$ctl" core-map jitter 0 --ms 10 --force
run 0 env SLUICE_SOCKET="$work/gateway.sock" "$ctl" core-map suggest
kill $gateway
wait $gateway 2>/dev/null
run 0 env SLUICE_SOCKET="$work/gateway.sock" "$ctl" core-map jitter 0 --ms 10

case_is "show asks a gateway that runs for its lanes"
python3 - "$work/live.sock" <<'TEXT' &
import json, socket, struct, sys
ANSWER = {
    "version": {"version": "x", "pid": 4242},
    "config": [{"key": "core_map.control", "value": "0", "source": "default"}],
    "lanes": [{"name": "receive", "core": 1, "stages": "rx arb", "state": "running", "msg_cnt": 77,
               "turn_cnt": 10000, "busy_turn_cnt": 1100},
              {"name": "far", "core": 60000, "stages": "risk", "state": "ended", "msg_cnt": 0,
               "turn_cnt": 0, "busy_turn_cnt": 0}],
}
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
while True:
    c, _ = s.accept()
    size = struct.unpack(">I", c.recv(4, socket.MSG_WAITALL))[0]
    asked = json.loads(c.recv(size, socket.MSG_WAITALL))["command"]
    body = json.dumps({"ok": True, "result": ANSWER[asked]}).encode()
    c.sendall(struct.pack(">I", len(body)) + body)
    c.close()
TEXT
gateway=$!
for _ in {1..100}; do [ -S "$work/live.sock" ] && break; sleep 0.1; done
run 0 env SLUICE_SOCKET="$work/live.sock" "$ctl" core-map show
says "the running gateway, process 4242"
says "control thread"
says "cpu 60000, lane far: risk (ended"
if [ "$(nproc)" -ge 2 ]; then says "lane receive: rx arb (running, 77 messages, busy in 100 of 1000 turns)"; fi
run 0 env SLUICE_SOCKET="$work/live.sock" "$ctl" core-map show --topology "pack:1 core:4 pu:1"
says_not "running gateway"
kill $gateway
wait $gateway 2>/dev/null
run 1 env SLUICE_SOCKET="$work/live.sock" "$ctl" core-map show --live
complains "no gateway answers"

case_is "host and bind are the scripts"
run 0 "$ctl" host list
says "hugepages"
run 0 "$ctl" bind show --root "$work/big"
says "0000:af:00.0"
run 2 "$ctl" bind polish
run 0 "$ctl" --help
says "core-map suggest | show | tune | jitter CORE"
finish
