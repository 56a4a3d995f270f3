/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config_text.h"
#include "core_map/check.h"

static struct config config;
static struct core_map map;
static struct err err;

/* Two feeds, two shards, two strategies, two sessions: enough for every rule. */
#define TWO_REST                                                                                 \
	"ports:\n"                                                                               \
	"  - { name: a, device: va, profile: af_packet, address: 10.1.1.2/24 }\n"                \
	"  - { name: b, device: vb, profile: af_packet, address: 10.1.2.2/24 }\n"                \
	"  - { name: c, device: vc, profile: af_packet, address: 10.1.3.2/24 }\n"                \
	"venues: [ { name: sim, environment: simulation } ]\n"                                   \
	"feeds:\n"                                                                               \
	"  - { name: f0, venue: sim, shards: 2, orders_max: 1024, lines: [ { port: a, group: "   \
	"239.1.1.1, udp_port: 1 } ] }\n"                                                         \
	"  - { name: f1, venue: sim, orders_max: 1024, lines: [ { port: b, group: 239.1.1.2, "   \
	"udp_port: 1 } ] }\n"                                                                    \
	"sessions:\n"                                                                            \
	"  - { name: s0, venue: sim, protocol: ouch50, port: b, peer: 10.1.2.1:1, username: U, " \
	"credential: p, capacity: agency }\n"                                                    \
	"  - { name: s1, venue: sim, protocol: ouch42, port: c, peer: 10.1.3.1:1, username: U, " \
	"credential: p, capacity: agency }\n"                                                    \
	"instruments:\n"                                                                         \
	"  - { symbol: X, feed: f0, session: s0, trade: true }\n"                                \
	"  - { symbol: Y, feed: f1, session: s1, trade: true }\n"                                \
	"strategies:\n"                                                                          \
	"  - { name: t0, kind: take, instruments: [X], qty: 1, position_max_qty: 9 }\n"          \
	"  - { name: t1, kind: take, instruments: [Y], qty: 1, position_max_qty: 9 }\n"          \
	"risk: { order_max_qty: 5, order_max_usd: 9, collar_bp: 5, open_max_qty: 50, "           \
	"position_max_qty: 50, gross_max_usd: 99, order_rate_max: 9 }\n"
#define LANES \
	"environment: simulation\ncore_map:\n  control: 0\n  lanes:\n" /* first lane: line 5 */

static int
resolve(const char *text)
{
	int code = config_load_text(&config, "c.yaml", text, strlen(text), &err);

	if (code != 0)
		fail_msg("%s", err.text);
	code = core_map_resolve(&map, &config, &err);
	config_free(&config);
	return code;
}

static bool
has_ring(enum hop hop, const char *from, const char *to)
{
	for (uint32_t i = 0; i < map.ring_cnt; i++)
		if (map.ring[i].hop == hop &&
		    strcmp(map.lane[map.ring[i].putter].name, from) == 0 &&
		    strcmp(map.lane[map.ring[i].taker].name, to) == 0)
			return true;
	return false;
}

static void
four_lanes_have_a_ring_per_hop(void **state)
{
	if (resolve(CONFIG_GOOD) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(map.lane_cnt, 4);
	assert_int_equal(map.lane[0].kind, LANE_KIND_rx);
	assert_int_equal(map.lane[1].kind, LANE_KIND_parse_to_strategy);
	assert_int_equal(map.lane[2].kind, LANE_KIND_risk);
	assert_int_equal(map.lane[3].kind, LANE_KIND_wire);
	assert_int_equal(map.ring_cnt, 7);
	assert_true(has_ring(HOP_datagram, "receive", "parser"));
	assert_true(has_ring(HOP_mark, "parser", "risk"));
	assert_true(has_ring(HOP_intent, "parser", "risk"));
	assert_true(has_ring(HOP_order, "risk", "encoder"));
	assert_true(has_ring(HOP_fill, "encoder", "risk"));
	assert_true(has_ring(HOP_update, "encoder", "parser"));
	assert_true(has_ring(HOP_verdict, "risk", "parser"));
	assert_int_equal(map.port_rx_lane[0], 0);
	assert_int_equal(map.port_host_lane[0], 0);
	assert_int_equal(map.port_rx_lane[1], 3);
	assert_int_equal(map.port_host_lane[1], 3);
	assert_int_equal(map.lane[0].burst, 32);
	assert_int_equal(map.ring[0].slots, 1024);
}

static void
one_lane_has_no_ring(void **state)
{
	if (resolve(LANES "    - { name: all, core: 1, stages: [report, tcp, encode, orders, risk, "
			  "strategy, book, parse, arb, rx] }\n" CONFIG_REST) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(map.lane[0].kind, LANE_KIND_rx_to_wire);
	assert_int_equal(map.ring_cnt, 0);
	assert_int_equal(map.lane[0].rx_port_mask, 3);
	assert_int_equal(map.lane[0].tx_port_mask, 3);
}

/* Every grouping the build offers is a map without fault: each cut between units made or not. */
static void
every_contiguous_grouping_is_offered(void **state)
{
	static const char *const UNIT[] = { "rx, arb", "parse, book", "strategy", "risk",
					    "orders, encode, tcp, report" };

	for (unsigned cuts = 0; cuts < 16; cuts++) {
		char text[8192] = LANES "    - { name: l0, core: 1, stages: [rx, arb";
		unsigned lane = 0;

		for (unsigned u = 1; u < 5; u++) {
			char *end = text + strlen(text);

			if (cuts & 1U << (u - 1)) {
				lane++;
				sprintf(end, "] }\n    - { name: l%u, core: %u, stages: [%s", lane,
					lane + 1, UNIT[u]);
			} else {
				sprintf(end, ", %s", UNIT[u]);
			}
		}
		strcat(strcat(text, "] }\n"), CONFIG_REST);
		if (resolve(text) != 0)
			fail_msg("cuts %x: %s", cuts, err.text);
		assert_int_equal(map.lane_cnt, lane + 1);
	}
}

#define WIRE "stages: [orders, encode, tcp, report]"
static void
instances_may_be_spread_over_lanes(void **state)
{
	if (resolve(LANES
		    "    - { name: r0, core: 1, stages: [rx, arb], feeds: [f0] }\n"
		    "    - { name: r1, core: 2, stages: [rx, arb], feeds: [f1] }\n"
		    "    - { name: p0, core: 3, stages: [parse, book], feeds: [f0], shards: [0] }\n"
		    "    - { name: p1, core: 4, stages: [parse, book], feeds: [f0], shards: [1] }\n"
		    "    - { name: p2, core: 5, stages: [parse, book, strategy], feeds: [f1], "
		    "strategies: [t1] }\n"
		    "    - { name: st, core: 6, stages: [strategy], strategies: [t0], ring_slots: "
		    "512 }\n"
		    "    - { name: ri, core: 7, stages: [risk] }\n"
		    "    - { name: w0, core: 8, " WIRE ", sessions: [s0] }\n"
		    "    - { name: w1, core: 9, " WIRE ", sessions: [s1] }\n" TWO_REST) != 0)
		fail_msg("%s", err.text);
	assert_true(has_ring(HOP_datagram, "r0", "p0") && has_ring(HOP_datagram, "r0", "p1"));
	assert_true(has_ring(HOP_datagram, "r1", "p2") && !has_ring(HOP_datagram, "r0", "p2"));
	assert_true(has_ring(HOP_bbo, "p0", "st") && has_ring(HOP_bbo, "p1", "st"));
	assert_false(has_ring(HOP_bbo, "p2", "st"));
	assert_true(has_ring(HOP_order, "ri", "w0") && has_ring(HOP_order, "ri", "w1"));
	assert_true(has_ring(HOP_update, "w0", "st") && has_ring(HOP_update, "w1", "p2"));
	assert_false(has_ring(HOP_update, "w1", "st"));
	// Port b has a feed and a session: what is not market data goes on to the session's lane.
	assert_true(has_ring(HOP_frame, "r1", "w0"));
	assert_int_equal(map.lane[7].host_port_mask, 2);
	assert_int_equal(map.lane[2].shard_mask[0], 1);
	for (uint32_t i = 0; i < map.ring_cnt; i++)
		assert_int_equal(map.ring[i].slots, map.ring[i].taker == 5 ? 512 : 1024);
}

static const struct {
	const char *what;
	const char *from;
	const char *to;
	const char *want;
} FAULTS[] = {
	// clang-format off
	{ "a unit torn", "stages: [rx, arb] }", "stages: [rx] }",
	  "c.yaml:5:41: core_map.lanes[0] 'receive': found the stages 'rx'; 'rx arb' always share a lane" },
	{ "stages that are no neighbours", "[risk]", "[risk, rx, arb]",
	  "c.yaml:7:38: core_map.lanes[2] 'risk': no lane in this program runs exactly 'rx arb risk'; the stages of a lane are neighbours on a message's way, and it has: rx rx_to_parse rx_to_strategy rx_to_risk rx_to_wire parse parse_to_strategy parse_to_risk parse_to_wire strategy strategy_to_risk strategy_to_wire risk risk_to_wire wire; choose one of them" },
	{ "a stage on no lane", "    - { name: risk, core: 4, stages: [risk] }\n", "",
	  "c.yaml:5:15: core_map: risk runs on no lane; add it to a lane" },
	{ "a stage on two lanes", "[risk]", "[strategy, risk]",
	  "c.yaml:7:38: core_map.lanes[2] 'risk': strategy 'taker' runs here and on lane 'parser' at c.yaml:6:40; each runs exactly once: take it from one of them" },
	{ "risk on two lanes", "[parse, book, strategy]", "[parse, book, strategy, risk]",
	  "c.yaml:7:38: core_map.lanes[2] 'risk': risk runs here and on lane 'parser' at c.yaml:6:40; each runs exactly once: take it from one of them" },
	{ "a core twice", "core: 4", "core: 3",
	  "c.yaml:7:27: core_map.lanes[2] 'risk': core 3 is that of lane 'parser' at c.yaml:6:29; give each its own, or set shared_cores: true for a test [S112]" },
	{ "the control core", "core: 4", "core: 0",
	  "c.yaml:7:27: core_map.lanes[2] 'risk': core 0 is the control core (c.yaml:3:12); give the lane another, or set shared_cores: true for a test [S112]" },
	{ "a feed that is not there", "stages: [rx, arb] }", "stages: [rx, arb], feeds: [itch, x] }",
	  "c.yaml:5:66: core_map.lanes[0] 'receive': feeds: there is no 'x'" },
	{ "a feed on a lane that has none", "stages: [risk] }", "stages: [risk], feeds: [itch] }",
	  "c.yaml:7:54: core_map.lanes[2] 'risk': lists feeds, and runs no stage that has any" },
	{ "a shard that is not there", "strategy] }", "strategy], shards: [0, 1] }",
	  "c.yaml:6:77: core_map.lanes[1] 'parser': shard 1: no feed of this lane has so many; shards count from 0 to below the feed's shards" },
	{ "a ring of an odd size", "control: 0", "control: 0\n  ring_slots: 1000",
	  "c.yaml:4:15: core_map.lanes[0] 'receive': ring_slots is 1000, allowed are powers of two, such as 512 or 1024\n"
	  "c.yaml:4:15: core_map.lanes[1] 'parser': ring_slots is 1000, allowed are powers of two, such as 512 or 1024\n"
	  "c.yaml:4:15: core_map.lanes[2] 'risk': ring_slots is 1000, allowed are powers of two, such as 512 or 1024\n"
	  "c.yaml:4:15: core_map.lanes[3] 'encoder': ring_slots is 1000, allowed are powers of two, such as 512 or 1024" },
	{ "a ring smaller than eight bursts", "stages: [risk] }", "stages: [risk], ring_slots: 128 }",
	  "c.yaml:7:58: core_map.lanes[2] 'risk': ring_slots is 128, while the largest burst is 32; allowed are at least eight bursts: 256" },
	// clang-format on
};

static void
each_fault_is_told_with_its_place(void **state)
{
	char text[8192];

	for (size_t i = 0; i < ARRAY_CNT(FAULTS); i++) {
		int code;

		assert_true(
			text_change(text, sizeof(text), CONFIG_GOOD, FAULTS[i].from, FAULTS[i].to));
		code = resolve(text);
		if (code == 0 || strcmp(err.text, FAULTS[i].want) != 0)
			fail_msg("%s:\nsaid:\n%s\nwant:\n%s", FAULTS[i].what, err.text,
				 FAULTS[i].want);
	}
}

/* Maps of the larger configuration that must not be. */
static const struct {
	const char *what;
	const char *lanes;
	const char *want;
} TORN[] = {
	// clang-format off
	{ "a shard on no lane",
	  "    - { name: r, core: 1, stages: [rx, arb] }\n"
	  "    - { name: p, core: 2, stages: [parse, book, strategy, risk, orders, encode, tcp, report], shards: [0] }\n",
	  "c.yaml:5:15: core_map: parse and book of feed 'f0', shard 1 runs on no lane; add it to a lane with the stages parse, book" },
	{ "books of one lane for strategies of another that has books itself",
	  "    - { name: r, core: 1, stages: [rx, arb] }\n"
	  "    - { name: p, core: 2, stages: [parse, book], shards: [0] }\n"
	  "    - { name: q, core: 3, stages: [parse, book, strategy, risk, orders, encode, tcp, report], feeds: [f0], shards: [1] }\n",
	  "c.yaml:7:35: core_map.lanes[2] 'q': runs book and strategy, so every bbo between them must stay on this lane, and lane 'p' has more of them for it at c.yaml:6:35; a lane's bbo is either always local or always on rings: move those instances together, or give strategy a lane without book\n"
	  "c.yaml:7:35: core_map.lanes[2] 'q': runs book and risk, so every mark between them must stay on this lane, and lane 'p' has more of them for it at c.yaml:6:35; a lane's mark is either always local or always on rings: move those instances together, or give risk a lane without book" },
	{ "one port polled by two lanes",
	  "    - { name: r, core: 1, stages: [rx, arb], feeds: [f0] }\n"
	  "    - { name: q, core: 2, stages: [rx, arb, parse, book], feeds: [f1] }\n"
	  "    - { name: p, core: 3, stages: [parse, book, strategy], feeds: [f0], strategies: [t0] }\n"
	  "    - { name: s, core: 4, stages: [strategy], strategies: [t1] }\n"
	  "    - { name: o, core: 5, stages: [risk, orders, encode, tcp, report] }\n",
	  "" },
	// clang-format on
};

static void
instances_that_belong_together_stay_together(void **state)
{
	char text[8192];

	for (size_t i = 0; i < ARRAY_CNT(TORN); i++) {
		snprintf(text, sizeof(text), "%s%s%s", LANES, TORN[i].lanes, TWO_REST);
		resolve(text);
		if (strcmp(err.text, TORN[i].want) != 0)
			fail_msg("%s:\nsaid:\n%s\nwant:\n%s", TORN[i].what, err.text, TORN[i].want);
	}
}

static void
a_port_is_polled_by_one_lane(void **state)
{
	char text[8192], lanes[8192];

	snprintf(lanes, sizeof(lanes), "%s%s%s", LANES, TORN[2].lanes, TWO_REST);
	assert_true(text_change(text, sizeof(text), lanes, "port: b, group", "port: a, group"));
	assert_int_equal(resolve(text), -EINVAL);
	assert_string_equal(err.text,
			    "c.yaml:6:35: core_map.lanes[1] 'q': feed 'f1' (c.yaml:17:64) makes it "
			    "poll port 'a', which lane 'r' does already; one lane does that for a "
			    "port: run both on one lane, or use another port");
}

/* Answers of request and snapshot servers never cross a ring. */
static void
recovery_needs_a_port_of_the_feeds_lane(void **state)
{
	char text[8192];

	assert_true(text_change(text, sizeof(text), CONFIG_GOOD, "venue: sim\n    lines:",
				"venue: sim\n    recovery: { servers: [10.1.1.9:26400] }\n"
				"    lines:"));
	assert_int_equal(resolve(text), 0);
	assert_int_equal(map.port_host_lane[0], map.port_rx_lane[0]);
	assert_true(text_change(text, sizeof(text), CONFIG_GOOD, "venue: sim\n    lines:",
				"venue: sim\n    recovery: { port: oe, servers: [10.1.2.9:26400] "
				"}\n    lines:"));
	assert_int_equal(resolve(text), -EINVAL);
	assert_string_equal(err.text,
			    "c.yaml:5:41: core_map.lanes[0] 'receive': recovery of feed 'itch' "
			    "(c.yaml:17:23) makes it answer for port 'oe', which lane 'encoder' "
			    "does already; one lane does that for a port: run both on one lane, or "
			    "use another port");
}

static void
a_loop_needs_a_message_that_needs_no_room(void **state)
{
	static const struct {
		const char *what;
		struct core_map_ring ring[4];
		uint32_t ring_cnt;
		const char *want;
	} CASES[] = {
		{ "order one way, fill the other",
		  { { HOP_order, 0, 1 }, { HOP_fill, 1, 0 } },
		  2,
		  "" },
		{ "intent one way, verdict the other",
		  { { HOP_intent, 0, 1 }, { HOP_verdict, 1, 0 }, { HOP_mark, 0, 1 } },
		  3,
		  "" },
		{ "a way that forks and meets",
		  { { HOP_bbo, 0, 1 }, { HOP_bbo, 0, 2 }, { HOP_intent, 1, 2 } },
		  3,
		  "" },
		{ "intents both ways",
		  { { HOP_intent, 0, 1 }, { HOP_intent, 1, 0 } },
		  2,
		  "core_map: these lanes can wait for each other for ever: a -intent-> b -intent-> "
		  "a; every message on this loop needs room further on. Let the stages follow the "
		  "data's way" },
		{ "a loop behind a way in",
		  { { HOP_datagram, 0, 1 },
		    { HOP_bbo, 1, 2 },
		    { HOP_intent, 2, 3 },
		    { HOP_order, 3, 1 } },
		  4,
		  "core_map: these lanes can wait for each other for ever: b -bbo-> c -intent-> d "
		  "-order-> b; every message on this loop needs room further on. Let the stages "
		  "follow the data's way" },
		{ "a ring to itself",
		  { { HOP_bbo, 1, 1 } },
		  1,
		  "core_map: lane 'b' has a bbo ring to itself" },
		{ "two rings of one kind between two lanes",
		  { { HOP_bbo, 0, 1 }, { HOP_bbo, 0, 1 } },
		  2,
		  "core_map: there are two bbo rings from lane 'a' to 'b'" },
	};
	static const char *const NAMES[] = { "a", "b", "c", "d" };

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		memset(&map, 0, sizeof(map));
		map.lane_cnt = 4;
		for (unsigned k = 0; k < 4; k++)
			strcpy(map.lane[k].name, NAMES[k]);
		memcpy(map.ring, CASES[i].ring, sizeof(CASES[i].ring));
		map.ring_cnt = CASES[i].ring_cnt;
		err_init(&err);
		core_map_check_rings(&map, &err);
		if (strcmp(err.text, CASES[i].want) != 0)
			fail_msg("%s:\nsaid:\n%s\nwant:\n%s", CASES[i].what, err.text,
				 CASES[i].want);
	}
}

static void
the_machine_decides_what_is_near(void **state)
{
	static const struct {
		const char *what;
		const char *synthetic;
		int32_t md_node;
		const char *want;
		const char *warnings;
	} CASES[] = {
		// clang-format off
		{ "a core for each", "node:1 core:8 pu:1", 0, "", "" },
		{ "too few cores", "node:1 core:5 pu:1", 0,
		  "c.yaml:8:30: core_map.lanes[3] 'encoder': core 5 is not there; this machine has 0-4 [S110]", "" },
		{ "threads of one core", "node:1 core:4 pu:2", 0, "",
		  "lanes 'receive' on core 2 and 'parser' on core 3 are SMT siblings: they share one physical core [S903]\n"
		  "lanes 'risk' on core 4 and 'encoder' on core 5 are SMT siblings: they share one physical core [S903]" },
		{ "a sibling of the control thread", "node:1 core:2 pu:3", 0, "",
		  "lane 'receive' on core 2 and the control thread on core 0 are SMT siblings: they share one physical core [S903]\n"
		  "lanes 'parser' on core 3 and 'risk' on core 4 are SMT siblings: they share one physical core [S903]\n"
		  "lanes 'parser' on core 3 and 'encoder' on core 5 are SMT siblings: they share one physical core [S903]\n"
		  "lanes 'risk' on core 4 and 'encoder' on core 5 are SMT siblings: they share one physical core [S903]" },
		{ "a port on the other socket", "node:2 core:6 pu:1", 1, "",
		  "lane 'receive' on core 2 is on NUMA node 0, while its port 'md' is on node 1: every frame crosses the socket [S902]" },
		{ "a ring between sockets", "node:2 core:4 pu:1", 0, "",
		  "the intent ring from lane 'parser' (NUMA node 0) to 'risk' (node 1) crosses sockets [S902]" },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct core_map_topology t;

		assert_int_equal(
			config_load_text(&config, "c.yaml", CONFIG_GOOD, strlen(CONFIG_GOOD), &err),
			0);
		assert_int_equal(core_map_resolve(&map, &config, &err), 0);
		assert_int_equal(core_map_topology_synthetic(&t, CASES[i].synthetic, &err), 0);
		t.port_node[0] = CASES[i].md_node;
		core_map_check_machine(&map, &config, &t, &err);
		core_map_topology_close(&t);
		config_free(&config);
		if (strcmp(err.text, CASES[i].want) != 0)
			fail_msg("%s: said: %s", CASES[i].what, err.text);
		if (strcmp(map.warnings.text, CASES[i].warnings) != 0)
			fail_msg("%s: warned: %s", CASES[i].what, map.warnings.text);
	}
}

/* In a smaller ring a lane would wait for ever for room for all that one price may cause. */
static void
a_ring_has_room_for_what_one_price_causes(void **state)
{
	static const char SMALL[] = "control: 0\n  burst: 1\n  ring_slots: 8";
	char text[8192], more[8192];

	assert_true(text_change(text, sizeof(text), CONFIG_GOOD, "control: 0", SMALL));
	assert_int_equal(resolve(text), 0); // one strategy
	snprintf(more, sizeof(more), "%s", text);
	for (unsigned n = 2; n <= 3; n++) {
		char list[256];

		snprintf(list, sizeof(list),
			 "strategies:\n  - { name: s%u, kind: take, instruments: [AAPL], qty: 1, "
			 "position_max_qty: 1 }\n",
			 n);
		snprintf(text, sizeof(text), "%s", more);
		assert_true(text_change(more, sizeof(more), text, "strategies:\n", list));
		assert_int_equal(resolve(more) == 0, n == 2);
	}
	assert_non_null(strstr(err.text, "3 strategies may wish for 12 orders at one price"));
}

static void
shared_cores_are_announced(void **state)
{
	char text[8192];

	assert_true(text_change(text, sizeof(text), CONFIG_GOOD, "control: 0",
				"control: 2\n  shared_cores: true"));
	assert_int_equal(resolve(text), 0);
	assert_string_equal(map.warnings.text,
			    "lane 'receive' shares core 2 with the control thread (shared_cores)");
}

static void
every_shipped_map_is_without_fault(void **state)
{
	static const struct {
		const char *name;
		uint32_t lane_cnt;
	} MAPS[] = { { "four_lane", 4 },        { "three_lane", 3 },
		     { "two_lane", 2 },         { "one_lane", 1 },
		     { "four_lane_shared", 4 }, { "three_lane_shared", 3 },
		     { "two_lane_shared", 2 },  { "one_lane_shared", 1 } };
	const char *root = getenv("SLUICE_SOURCE_ROOT");

	assert_non_null(root);
	for (size_t i = 0; i < ARRAY_CNT(MAPS); i++) {
		const bool is_shared = strstr(MAPS[i].name, "shared") != NULL;
		struct core_map_topology t;
		char text[8192];

		snprintf(text, sizeof(text),
			 CONFIG_HEAD
			 "core_map_file: %s/controlplane/core_map/maps/%s.yaml\n" CONFIG_REST,
			 root, MAPS[i].name);
		if (config_load_text(&config, "c.yaml", text, strlen(text), &err) != 0 ||
		    core_map_resolve(&map, &config, &err) != 0)
			fail_msg("%s: %s", MAPS[i].name, err.text);
		assert_int_equal(map.lane_cnt, MAPS[i].lane_cnt);
		// Those with shared cores need two cores, the others one for each lane.
		assert_int_equal(
			core_map_topology_synthetic(
				&t, is_shared ? "node:1 core:2 pu:1" : "node:1 core:6 pu:1", &err),
			0);
		if (core_map_check_machine(&map, &config, &t, &err) != 0)
			fail_msg("%s: %s", MAPS[i].name, err.text);
		assert_int_equal(map.warnings.line_cnt != 0, is_shared && MAPS[i].lane_cnt > 1);
		core_map_topology_close(&t);
		config_free(&config);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_lanes_have_a_ring_per_hop),
		cmocka_unit_test(one_lane_has_no_ring),
		cmocka_unit_test(every_contiguous_grouping_is_offered),
		cmocka_unit_test(instances_may_be_spread_over_lanes),
		cmocka_unit_test(each_fault_is_told_with_its_place),
		cmocka_unit_test(instances_that_belong_together_stay_together),
		cmocka_unit_test(a_port_is_polled_by_one_lane),
		cmocka_unit_test(recovery_needs_a_port_of_the_feeds_lane),
		cmocka_unit_test(a_loop_needs_a_message_that_needs_no_room),
		cmocka_unit_test(the_machine_decides_what_is_near),
		cmocka_unit_test(a_ring_has_room_for_what_one_price_causes),
		cmocka_unit_test(shared_cores_are_announced),
		cmocka_unit_test(every_shipped_map_is_without_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
