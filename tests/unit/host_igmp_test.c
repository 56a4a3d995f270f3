/* SPDX-License-Identifier: Apache-2.0 */
#include "host_rig.h"

#define ALERT "94040000"

/* The next frame is an IGMP message to dst with these bytes behind its checksum. */
static void
take_igmp(struct host *h, uint32_t dst, uint8_t type, const char *rest, uint64_t now_ns)
{
	uint8_t got[HOST_FRAME_MAX], want[128], mac[6];
	const size_t len = hex_bytes(rest, want, sizeof(want));
	const uint16_t n = take(h, got, now_ns);
	struct eth_ip e;

	assert_int_not_equal(n, 0);
	assert_int_equal(eth_ip_walk(got, n, false, &e), ETH_IP_L4);
	eth_group_mac(dst, mac);
	assert_memory_equal(got, mac, 6);
	assert_memory_equal(got + 6, h->us.mac, 6);
	assert_int_equal(e.l3[0], 0x46);
	assert_int_equal(e.l3[1], 0xc0);
	assert_int_equal(e.l3[8], 1); // TTL
	assert_memory_equal(e.l3 + 20, "\x94\x04\0\0", 4);
	assert_int_equal(e.proto, 2);
	assert_int_equal(be32_get(e.src), US);
	assert_int_equal(be32_get(e.dst), dst);
	assert_int_equal(e.l4_len, 4 + len);
	assert_true(ip_sum_ok(ip_sum_bytes(0, e.l4, e.l4_len)));
	assert_int_equal(e.l4[0], type);
	assert_int_equal(e.l4[1], 0);
	assert_memory_equal(e.l4 + 4, want, len);
}

static void
a_join_is_said_twice_and_so_is_a_leave(void **state)
{
	static struct host h;
	uint64_t next_ns;

	start_quiet(&h, &CONFIG);
	assert_int_equal(host_join(&h, GROUP, 0, T0), 0);
	// byte for byte: 224.0.0.22, router alert, one record: change to "exclude nothing"
	take_is(&h,
		"01005e000016" US_MAC "0800"
		"46c00028000040000102f8ed0a0a0102e0000016" ALERT "2200e9f200000001"
		"04000000ef0a0101",
		T0);
	next_ns = host_on_time(&h, T0);
	assert_true(next_ns > T0 && next_ns <= T0 + NS_PER_SEC);
	nothing_is_due(&h, next_ns - 1);
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "04000000ef0a0101",
		  next_ns);
	assert_int_equal(host_on_time(&h, next_ns), UINT64_MAX);
	assert_true(host_leave(&h, GROUP, 0, T0));
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "03000000ef0a0101",
		  T0);
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "03000000ef0a0101",
		  T0 + NS_PER_SEC);
	nothing_is_due(&h, T0 + 99 * NS_PER_SEC);
	assert_false(host_leave(&h, GROUP, 0, T0));
}

static void
a_source_is_allowed_and_blocked(void **state)
{
	static struct host h;

	start_quiet(&h, &CONFIG);
	assert_int_equal(host_join(&h, GROUP, SOURCE, T0), 0);
	assert_int_equal(host_join(&h, GROUP, SOURCE, T0), 0); // two lines of one feed
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "05000001ef0a0101"
		  "0a141e28",
		  T0);
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "05000001ef0a0101"
		  "0a141e28",
		  T0 + NS_PER_SEC);
	assert_true(host_leave(&h, GROUP, SOURCE, T0));
	nothing_is_due(&h, T0 + 9 * NS_PER_SEC);
	assert_true(host_leave(&h, GROUP, SOURCE, T0));
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "06000001ef0a0101"
		  "0a141e28",
		  T0);
	assert_int_equal(host_join(&h, GROUP, SOURCE, T0), 0); // back before the leave was repeated
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "05000001ef0a0101"
		  "0a141e28",
		  T0);
}

/* Joins two memberships and lets the reports pass. */
static void
start_joined(struct host *h, const struct host_config *c)
{
	uint8_t buf[HOST_FRAME_MAX];

	start_quiet(h, c);
	assert_int_equal(host_join(h, GROUP, 0, T0), 0);
	assert_int_equal(host_join(h, GROUP + 1, SOURCE, T0), 0);
	for (uint64_t now_ns = T0; now_ns <= T0 + 20 * NS_PER_SEC; now_ns += NS_PER_SEC) {
		host_on_time(h, now_ns);
		while (take(h, buf, now_ns) != 0)
			;
	}
	assert_int_equal(host_on_time(h, T0), UINT64_MAX);
}

#define T1 (T0 + 30 * NS_PER_SEC)

static void
a_general_query_is_answered_once_for_all(void **state)
{
	static struct host h;
	uint64_t next_ns;

	start_joined(&h, &CONFIG);
	// at most 10 s; robustness 3, every 125 s
	assert_int_equal(give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2,
				     "1164000000000000"
				     "037d0000",
				     T1),
			 HOST_CONSUMED);
	next_ns = host_on_time(&h, T1);
	assert_true(next_ns > T1 && next_ns < T1 + 10 * NS_PER_SEC);
	nothing_is_due(&h, next_ns - 1);
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000002"
		  "02000000ef0a0101"
		  "01000001ef0a0102"
		  "0a141e28",
		  next_ns);
	nothing_is_due(&h, T1 + 99 * NS_PER_SEC);
	assert_int_equal(h.igmp.robustness, 3);
}

static const struct {
	const char *what;
	uint32_t dst;
	const char *dst_mac;
	const char *igmp;
	const char *answer; // NULL: none
} QUERIES[] = {
	// clang-format off
	{ "about one group",              GROUP, "01005e0a0101", "110a0000ef0a0101" "027d0000",
	  "00000001" "02000000ef0a0101" },
	{ "about the other, its source",  GROUP + 1, "01005e0a0102", "110a0000ef0a0102" "027d0001" "0a141e28",
	  "00000001" "01000001ef0a0102" "0a141e28" },
	{ "... among two",                GROUP + 1, "01005e0a0102", "110a0000ef0a0102" "027d0002" "01020304" "0a141e28",
	  "00000001" "01000001ef0a0102" "0a141e28" },
	{ "... another source",           GROUP + 1, "01005e0a0102", "110a0000ef0a0102" "027d0001" "01020304", NULL },
	{ "about a group we are not in",  IGMP_ALL_HOSTS, "01005e000001", "110a0000ef0a0103" "027d0000", NULL },
	{ "promising more sources",       GROUP + 1, "01005e0a0102", "110a0000ef0a0102" "027d0003" "0a141e28", NULL },
	{ "sources of no group",          IGMP_ALL_HOSTS, "01005e000001", "110a000000000000" "027d0001" "0a141e28", NULL },
	{ "about an address, no group",   IGMP_ALL_HOSTS, "01005e000001", "110a00000a0a0101" "027d0000", NULL },
	{ "of nine bytes",                IGMP_ALL_HOSTS, "01005e000001", "110a000000000000" "02", NULL },
	{ "of seven bytes",               IGMP_ALL_HOSTS, "01005e000001", "110a0000000000", NULL },
	{ "of version 1",                 IGMP_ALL_HOSTS, "01005e000001", "1100000000000000", NULL },
	// clang-format on
};

static void
queries_are_answered_as_far_as_they_concern_us(void **state)
{
	static struct host h;

	for (size_t i = 0; i < ARRAY_CNT(QUERIES); i++) {
		print_message("# %s\n", QUERIES[i].what);
		start_joined(&h, &CONFIG);
		assert_int_equal(
			give_summed(&h, QUERIES[i].dst_mac, QUERIES[i].dst, 2, QUERIES[i].igmp, T1),
			HOST_CONSUMED);
		if (QUERIES[i].answer != NULL)
			take_igmp(&h, IGMP_V3_ROUTERS, 0x22, QUERIES[i].answer, T1 + NS_PER_SEC);
		nothing_is_due(&h, T1 + 99 * NS_PER_SEC);
	}
}

static void
an_old_querier_hears_version_2(void **state)
{
	static struct host h;

	start_joined(&h, &CONFIG);
	assert_int_equal(give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2, "1164000000000000", T1),
			 HOST_CONSUMED);
	host_on_time(&h, T1 + 10 * NS_PER_SEC);
	assert_int_equal(h.igmp.metrics.querier_v2, 1);
	take_igmp(&h, GROUP, 0x16, "ef0a0101", T1 + 10 * NS_PER_SEC);
	take_igmp(&h, GROUP + 1, 0x16, "ef0a0102", T1 + 10 * NS_PER_SEC);
	nothing_is_due(&h, T1 + 20 * NS_PER_SEC);
	// another host answers first
	give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2, "1164000000000000", T1);
	host_on_time(&h, T1);
	give_summed(&h, "01005e0a0101", GROUP, 2, "16000000ef0a0101", T1);
	take_igmp(&h, GROUP + 1, 0x16, "ef0a0102", T1 + 10 * NS_PER_SEC);
	nothing_is_due(&h, T1 + 20 * NS_PER_SEC);
	assert_int_equal(h.igmp.metrics.report_suppressed, 1);
	// who reported last says so when it leaves, the other does not
	assert_true(host_leave(&h, GROUP, 0, T1));
	nothing_is_due(&h, T1);
	assert_true(host_leave(&h, GROUP + 1, SOURCE, T1));
	take_igmp(&h, IGMP_ALL_ROUTERS, 0x17, "ef0a0102", T1);
	// twice the usual query interval and a response later it is forgotten (RFC 3376 8.12)
	assert_int_equal(host_join(&h, GROUP, 0, T1 + 260 * NS_PER_SEC), 0);
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "04000000ef0a0101",
		  T1 + 260 * NS_PER_SEC);
}

static void
version_2_can_be_all_we_speak(void **state)
{
	struct host_config c = CONFIG;
	static struct host h;

	c.igmp_version = 2;
	start_quiet(&h, &c);
	assert_int_equal(host_join(&h, GROUP, SOURCE, T0), 0);
	take_is(&h,
		"01005e0a0101" US_MAC "0800"
		"46c00020000040000102e900"
		"0a0a0102ef0a0101" ALERT "1600f9f3ef0a0101",
		T0);
	take_igmp(&h, GROUP, 0x16, "ef0a0101", T0 + 10 * NS_PER_SEC);
	give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2,
		    "110a000000000000"
		    "027d0000",
		    T1);
	take_igmp(&h, GROUP, 0x16, "ef0a0101", T1 + NS_PER_SEC);
}

static void
joins_that_cannot_be_are_refused(void **state)
{
	static struct host h;

	start_quiet(&h, &CONFIG);
	assert_int_equal(host_join(&h, US, 0, T0), -EINVAL);
	assert_int_equal(host_join(&h, IGMP_ALL_HOSTS, 0, T0), -EINVAL);
	assert_int_equal(host_join(&h, GROUP, GROUP, T0), -EINVAL);
	assert_int_equal(host_join(&h, GROUP, 0, T0), 0);
	assert_int_equal(host_join(&h, GROUP, SOURCE, T0), -EEXIST);
	for (unsigned i = 1; i < IGMP_MEMBER_MAX; i++)
		assert_int_equal(host_join(&h, GROUP + i, 0, T0), 0);
	assert_int_equal(host_join(&h, GROUP + 99, 0, T0), -ENOSPC);
	assert_int_equal(host_join(&h, GROUP, 0, T0), 0); // that one is there
}

static void
a_full_table_fits_one_frame(void **state)
{
	struct host_config c = CONFIG;
	uint8_t buf[HOST_FRAME_MAX];
	static struct host h;

	c.vlan_id = 7;
	start_quiet(&h, &c);
	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++)
		assert_int_equal(host_join(&h, GROUP + i, SOURCE, T0), 0);
	assert_int_equal(take(&h, buf, T0), IGMP_FRAME_MAX);
	assert_memory_equal(buf + 12, "\x81\0\0\x07\x08\0", 6);
}

static void
long_codes_are_floats(void **state)
{
	assert_int_equal(igmp_code_value(127), 127);
	assert_int_equal(igmp_code_value(128), 128);
	assert_int_equal(igmp_code_value(0x8f), 31 << 3);
	assert_int_equal(igmp_code_value(255), 31 << 10); // RFC 3376 4.1.1: 31744
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_join_is_said_twice_and_so_is_a_leave),
		cmocka_unit_test(a_source_is_allowed_and_blocked),
		cmocka_unit_test(a_general_query_is_answered_once_for_all),
		cmocka_unit_test(queries_are_answered_as_far_as_they_concern_us),
		cmocka_unit_test(an_old_querier_hears_version_2),
		cmocka_unit_test(version_2_can_be_all_we_speak),
		cmocka_unit_test(joins_that_cannot_be_are_refused),
		cmocka_unit_test(a_full_table_fits_one_frame),
		cmocka_unit_test(long_codes_are_floats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
