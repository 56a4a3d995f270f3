#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Behind a switch that forwards a group only to ports that asked for it: no join, no data; our join
# brings it, our answers to its queries keep it, our leave ends it.
#
#     bridge_test.sh 2|3     the IGMP version that the switch and we speak
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
IGMP=${1?the IGMP version}
smoke_start "bridge-igmp$IGMP"
command -v bridge >/dev/null || skip "'bridge' is not installed: scripts/setup"

TAPE=$SMOKE_DIR/day.itch STRATEGY=none FEED_KEYS="gap_wait_us: 300000"
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 3 --symbols 20 --symbol AAPL=150 --messages 20000 \
	--out "$TAPE" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"

# Groups that the switch forwards to the gateway's port.
joined() { bridge -n "$BRIDGE" mdb show dev br0 | grep 'port gw' | grep -o 'grp [0-9.]*' | sort -u; }
all_joined() { [ "$(joined)" = "grp $MD_GROUP_A"$'\n'"grp $MD_GROUP_B" ]; }
none_joined() { [ -z "$(joined)" ]; }

messages() {
	ctl metrics sluice_arb_message_delivered | awk '{ sum += $2 } END { printf "%d\n", sum }'
}
hears_more_than() { [ "$(messages)" -gt "$1" ]; }

make_network bridge
# Quick for a test: a query each second, memberships end 4 s after the last report, a leave is
# believed after two questions 100 ms apart.
ip -n "$BRIDGE" link set br0 type bridge mcast_igmp_version "$IGMP" mcast_query_interval 100 \
	mcast_query_response_interval 50 mcast_startup_query_interval 50 \
	mcast_membership_interval 400 mcast_last_member_interval 10 ||
	fail "cannot set the bridge up"
# A bridge floods until it has been the querier for as long as the response interval was.
ip -n "$BRIDGE" link set br0 type bridge mcast_querier 0
ip -n "$BRIDGE" link set br0 type bridge mcast_querier 1
write_config "$SMOKE_DIR/sluice.yaml"
start_venue "$TAPE" --rate 1000 --pack 4 --stay

# Nobody asked: the venue sends, the switch keeps it to itself.
sleep 1
capture_start before "$GW" md udp
sleep 1
capture_stop before
expect_eq "groups joined before" "$(joined)" ""
expect_eq "market data on the gateway's wire before a join" "$(decode before udp frame.number | wc -l)" 0

# At the switch: frames that bypass the queueing discipline are not seen where they are sent.
capture_start igmp "$BRIDGE" gw igmp
start_gateway "$SMOKE_DIR/sluice.yaml"
wait_for 3 "both groups are joined at the switch" all_joined
wait_for 3 "market data arrives" hears_more_than 100
note "joined: $(joined | tr '\n' ' ')"

# Longer than a membership lasts: only our answers keep it.
sleep 5
all_joined || fail "the membership ended although the querier was answered"
before=$(messages)
wait_for 2 "market data still arrives" hears_more_than $((before + 100))
expect_at_least "queries heard" \
	"$(ctl metrics sluice_igmp_query_received | awk '{ sum += $2 } END { print sum }')" 4
expect_eq "messages lost" "$(ctl metrics sluice_arb_message_lost | awk '{ print $2 }')" 0

# The counter-proof: who does not answer is forgotten, and asked back.
kill -STOP "${smoke_expected[gateway]}"
wait_for 8 "the switch forgets who does not answer" none_joined
kill -CONT "${smoke_expected[gateway]}"
wait_for 4 "the next query is answered" all_joined
before=$(messages)
wait_for 2 "market data arrives again" hears_more_than $((before + 100))

stop gateway 10
wait_for 2 "the groups are left" none_joined
note "left after the stop"
capture_stop igmp
expect_no_malformed igmp
if [ "$IGMP" = 3 ]; then
	reports='igmp.type == 0x22' leaves='igmp.type == 0x22 && igmp.record_type == 3'
else
	reports='igmp.type == 0x16' leaves='igmp.type == 0x17'
fi
from_us="ip.src == $GW_MD"
expect_at_least "version $IGMP reports" "$(decode igmp "$from_us && $reports" frame.number | wc -l)" 6
expect_at_least "leaves" "$(decode igmp "$from_us && $leaves" frame.number | wc -l)" 1
expect_eq "packets of ours without router alert or with a TTL other than 1" \
	"$(decode igmp "$from_us && (!ip.opt.type || ip.ttl != 1)" frame.number | wc -l)" 0
stop venue 5
smoke_passed
