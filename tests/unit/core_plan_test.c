/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <hwloc.h>

#include "config_text.h"
#include "core_map/split.h"
#include "core_map/suggest.h"

#define ARRAY_CNT(a) (sizeof(a) / sizeof((a)[0]))

/* Two sockets, 64 cores, two threads each, four L3 of 16 cores; numbered as Linux does. */
#define BIG "pack:2 [numa] l3:2(size=33554432) core:16 pu:2(indexes=2*64:1*2)"

static struct config config;
static struct core_map map;
static struct err err;

static int
plan(struct core_plan *p, const char *synthetic, const struct core_wish *w)
{
	struct core_map_topology t;
	int rc;

	err_init(&err);
	if (core_map_topology_synthetic(&t, synthetic, &err) != 0)
		fail_msg("%s: %s", synthetic, err.text);
	rc = core_plan_make(p, &t, w, &err);
	core_map_topology_close(&t);
	return rc;
}

static void
cores_are_chosen_by_nic_isolation_cache_and_siblings(void **state)
{
	static const struct {
		const char *what;
		const char *synthetic;
		struct core_wish wish;
		const char *cores; // of the lanes
		uint32_t control;
		const char *idle;
		const char *cache;
	} CASES[] = {
		// clang-format off
		{ "four of a small machine, without the core that booted", "core:8 pu:1", { 0, -1, "", "" },
		  "1 2 3 4", 0, "", "no L3" },
		{ "isolated ones, where they are", "core:8 pu:1", { 0, -1, "", "4-7" }, "4 5 6 7", 0, "", "no L3" },
		{ "as many as are isolated", "l3:1 core:8 pu:1", { 0, -1, "", "5,6" }, "5 6", 0, "", "all below L3 #0" },
		{ "the node of the NIC", BIG, { 0, 1, "NIC", "" }, "32 33 34 35", 36, "96-99", "all below L3 #2 (32 MB)" },
		{ "isolated ones on the NIC's node, not those of the other", BIG, { 0, 0, "NIC", "20-23,40-43" },
		  "20 21 22 23", 0, "84-87", "all below L3 #1" },
		{ "the L3 with room for all", BIG, { 4, 0, "NIC", "14-19" }, "16 17 18 19", 0, "80-83", "all below L3 #1" },
		{ "without an L3 with room, the fewest beyond it", BIG, { 4, 0, "NIC", "13-15,30" }, "13 14 15 30", 0,
		  "77-79,94", "hops to 1 of the lanes" },
		{ "most isolated ones when no NIC says where it is", BIG, { 0, -1, "", "2,40-43" }, "40 41 42 43", 32,
		  "104-107", "all below L3 #2" },
		{ "the second thread when that is the isolated one", BIG, { 2, 0, "NIC", "66-67" }, "66 67", 0, "2-3", "L3 #0" },
		{ "never both threads of a core", "core:2 pu:2", { 0, -1, "", "" }, "2", 0, "3", "one lane" },
		{ "two lanes on two cores share with the control thread", "core:2 pu:1", { 2, -1, "", "" }, "1 0", 1, "",
		  "no L3" },
		{ "a single core does for tests", "core:1 pu:1", { 0, -1, "", "" }, "0", 0, "", "one lane" },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct core_plan p;
		char cores[64] = "";

		if (plan(&p, CASES[i].synthetic, &CASES[i].wish) != 0)
			fail_msg("%s: %s", CASES[i].what, err.text);
		for (uint32_t k = 0; k < p.lane_cnt; k++)
			snprintf(cores + strlen(cores), sizeof(cores) - strlen(cores), "%s%u",
				 k ? " " : "", p.lane[k].core);
		if (strcmp(cores, CASES[i].cores) != 0 || p.control != CASES[i].control ||
		    strcmp(p.idle, CASES[i].idle) != 0 ||
		    strstr(p.cache_why, CASES[i].cache) == NULL)
			fail_msg("%s: cores %s, control %u, idle '%s', %s", CASES[i].what, cores,
				 p.control, p.idle, p.cache_why);
		assert_int_equal(p.shared_cores, i >= ARRAY_CNT(CASES) - 2);
	}
}

static void
what_cannot_be_is_refused_in_words(void **state)
{
	static const struct {
		const char *synthetic;
		struct core_wish wish;
		const char *want;
	} CASES[] = {
		{ "core:3 pu:2",
		  { 4, -1, "", "" },
		  "4 lanes were asked for, and NUMA node 0 has 3" },
		{ BIG, { 5, -1, "", "" }, "5 lanes: 1 to 4" },
		{ BIG, { 1, 7, "NIC x", "" }, "NUMA node 7 (NIC x) has no cores" },
		{ BIG, { 1, 0, "", "2-x" }, "'2-x' is no list of cores" },
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct core_plan p;

		assert_true(plan(&p, CASES[i].synthetic, &CASES[i].wish) < 0);
		if (strstr(err.text, CASES[i].want) == NULL)
			fail_msg("want '%s', got '%s'", CASES[i].want, err.text);
	}
}

/* The plan as a configuration: it has no fault, and this machine's check warns of nothing. */
static void
config_of(const struct core_plan *p, char *text, size_t text_bytes)
{
	char *yaml;
	size_t bytes;
	FILE *f = open_memstream(&yaml, &bytes);

	core_plan_print(p, f);
	fclose(f);
	snprintf(text, text_bytes, "%s%s%s", CONFIG_HEAD, yaml, CONFIG_REST);
	free(yaml);
}

static void
every_suggestion_passes_the_gateways_own_checks(void **state)
{
	static const char *const MACHINE[] = { BIG, "core:8 pu:1", "pack:2 [numa] core:6 pu:2",
					       "pack:1 l3:4 core:2 pu:2" };

	for (size_t i = 0; i < ARRAY_CNT(MACHINE); i++)
		for (uint32_t lanes = 1; lanes <= PLAN_LANE_MAX; lanes++) {
			const struct core_wish w = { lanes, 0, "NIC", "" };
			struct core_map_topology t;
			struct core_plan p;
			char text[8192];

			assert_int_equal(plan(&p, MACHINE[i], &w), 0);
			config_of(&p, text, sizeof(text));
			if (config_load_text(&config, "c.yaml", text, strlen(text), &err) != 0 ||
			    core_map_resolve(&map, &config, &err) != 0)
				fail_msg("%s", err.text);
			assert_int_equal(core_map_topology_synthetic(&t, MACHINE[i], &err), 0);
			t.port_node[0] = 0;
			t.port_node[1] = 0;
			if (core_map_check_machine(&map, &config, &t, &err) != 0)
				fail_msg("%s", err.text);
			assert_string_equal(map.warnings.text, "");
			assert_int_equal(map.lane_cnt, lanes);
			core_map_topology_close(&t);
			config_free(&config);
		}
}

static void
a_topology_of_lstopo_gives_the_same_plan(void **state)
{
	const struct core_wish w = { 0, 1, "NIC", "" };
	char path[] = "/tmp/sluice-topology-XXXXXX";
	struct core_map_topology t;
	struct core_plan a, b;
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(core_map_topology_synthetic(&t, BIG, &err), 0);
	assert_int_equal(core_plan_make(&a, &t, &w, &err), 0);
	assert_int_equal(hwloc_topology_export_xml(t.hwloc, path, 0), 0);
	core_map_topology_close(&t);
	assert_int_equal(core_map_topology_xml(&t, path, &err), 0);
	assert_int_equal(core_plan_make(&b, &t, &w, &err), 0);
	core_map_topology_close(&t);
	unlink(path);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(core_map_topology_xml(&t, "/nowhere/x.xml", &err) < 0);
}

static void
the_picture_has_sockets_caches_lanes_and_nics(void **state)
{
	static const char WANT[] =
		"socket 0\n"
		"  node 0  NICs: ens1\n"
		"    L3 #0, 16 MB\n"
		"      core 0   cpu 0   control thread  | cpu 2   (keep idle)\n"
		"      core 1   cpu 1   isolated lane all: rx  | cpu 3   (keep idle)\n"
		"NOT on this machine: cpu 9, lane b: tcp\n"
		"NICs that tell no node: eth0\n";
	static const struct core_mark MARK[] = { { 0, "control thread" },
						 { 1, "lane all: rx" },
						 { 9, "lane b: tcp" } };
	static const struct core_nic NIC[] = { { 0, "ens1" }, { -1, "eth0" } };
	struct core_map_topology t;
	char *text;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	assert_int_equal(
		core_map_topology_synthetic(
			&t, "pack:1 l3:1(size=16777216) core:2 pu:2(indexes=2*2:1*2)", &err),
		0);
	core_draw(f, &t, "1", MARK, ARRAY_CNT(MARK), NIC, ARRAY_CNT(NIC));
	fclose(f);
	core_map_topology_close(&t);
	assert_string_equal(text, WANT);
	free(text);
}

static void
a_split_is_judged_by_hops_and_by_its_busiest_lane(void **state)
{
	static const struct {
		const char *what;
		struct split_cost cost;
		uint32_t lane_max;
		uint32_t cuts;
		uint32_t tick_ns;
		uint32_t load_max;
	} CASES[] = {
		// clang-format off
		{ "a quiet feed: no hop", { { 20, 70, 10, 100, 60 }, 77, 1000000, 10000 }, 4, 0, 260, 101 },
		{ "exactly full is not too full", { { 100, 500, 100, 0, 0 }, 77, 1000000, 0 }, 4, 0, 700, 700 },
		{ "one hop, where the two halves are most even", { { 100, 500, 101, 0, 0 }, 77, 1000000, 0 }, 4, 2, 778, 600 },
		{ "no hop is worth it when there is one core", { { 100, 500, 200, 0, 0 }, 77, 1000000, 0 }, 1, 0, 800, 800 },
		{ "two hops when one is not enough", { { 600, 600, 600, 1, 1 }, 50, 1000000, 1 }, 4, 3, 1902, 600 },
		{ "the least of evils when no split is enough", { { 100, 900, 100, 1, 1 }, 50, 1000000, 1 }, 4, 3, 1202, 900 },
		{ "orders can be the burden", { { 1, 1, 1, 400, 400 }, 50, 1000, 1000000 }, 4, 8, 853, 400 },
		{ "numbers too large do not wrap", { { UINT32_MAX / 8, 1, 1, 1, 1 }, 1, 1000000000, 1 }, 1, 0,
		  UINT32_MAX / 8 + 4, UINT32_MAX / 5 + 2000 },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct split s;

		split_best(&CASES[i].cost, CASES[i].lane_max, &s);
		if (s.cuts != CASES[i].cuts || s.tick_ns != CASES[i].tick_ns ||
		    s.load_max != CASES[i].load_max)
			fail_msg("%s: cuts %x, %u ns, %u permille", CASES[i].what, s.cuts,
				 s.tick_ns, s.load_max);
	}
}

static void
the_lanes_of_every_split_are_all_stages_once(void **state)
{
	for (uint32_t cuts = 0; cuts < SPLIT_CNT; cuts++) {
		const struct split_cost c = { { 1, 1, 1, 1, 1 }, 1, 1, 1 };
		stage_set all = 0;
		struct split s;

		split_judge(&c, cuts, &s);
		assert_int_equal(s.lane_cnt, 1 + __builtin_popcount(cuts));
		for (uint32_t i = 0; i < s.lane_cnt; i++) {
			assert_int_equal(all & split_lane(&s, i), 0);
			assert_true(split_lane(&s, i) > all); // in the order of the data's way
			all |= split_lane(&s, i);
		}
		assert_int_equal(all, (1U << STAGE_CNT) - 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cores_are_chosen_by_nic_isolation_cache_and_siblings),
		cmocka_unit_test(what_cannot_be_is_refused_in_words),
		cmocka_unit_test(every_suggestion_passes_the_gateways_own_checks),
		cmocka_unit_test(a_topology_of_lstopo_gives_the_same_plan),
		cmocka_unit_test(the_picture_has_sockets_caches_lanes_and_nics),
		cmocka_unit_test(a_split_is_judged_by_hops_and_by_its_busiest_lane),
		cmocka_unit_test(the_lanes_of_every_split_are_all_stages_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
