/* SPDX-License-Identifier: Apache-2.0 */
#include "host_rig.h"

/* What a port's host leaves in the log: each change once, however often it is tried or told. */
enum {
	SLOTS = 64,
	PORT_IDX = 3,
};

static _Alignas(CACHE_LINE) uint8_t slot[SLOTS * CACHE_LINE];
static struct event_sink events;
static struct host h;

static void
start(unsigned igmp_version)
{
	struct host_config c = CONFIG;

	c.igmp_version = igmp_version;
	c.log = (struct host_log){ .events = &events, .port_idx = PORT_IDX };
	event_sink_init(&events, 0, slot, SLOTS);
	start_quiet(&h, &c);
}

static void
run_until(uint64_t from_ns, uint64_t to_ns)
{
	uint8_t buf[HOST_FRAME_MAX];

	for (uint64_t now_ns = from_ns; now_ns <= to_ns; now_ns += NS_PER_SEC / 4) {
		host_on_time(&h, now_ns);
		while (take(&h, buf, now_ns) != 0)
			;
	}
}

static void
logged(enum event_code code, uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
	struct event e;

	assert_true(event_take(&events, &e));
	assert_int_equal(e.code, code);
	assert_int_equal(e.arg[0], PORT_IDX);
	assert_int_equal(e.arg[1], arg1);
	assert_int_equal(e.arg[2], arg2);
	assert_int_equal(e.arg[3], arg3);
}

static void
nothing_more_is_logged(void)
{
	struct event e;

	assert_false(event_take(&events, &e));
}

static void
a_neighbour_is_named_when_found_moved_and_lost(void **state)
{
	const uint64_t mac = 0x020000000009, other = 0x02000000000a;
	uint64_t now_ns = T0;
	uint8_t found[6];

	start(3);
	assert_false(host_find_mac(&h, PEER, now_ns, found));
	nothing_more_is_logged();
	give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", now_ns);
	logged(EVENT_NEIGHBOUR_RESOLVED, PEER, mac, 0);
	give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", now_ns); // the same once more
	nothing_more_is_logged();
	give(&h,
	     US_MAC "02000000000a"
		    "0806"
		    "0001080006040002"
		    "02000000000a"
		    "0a0a0109" US_MAC "0a0a0102",
	     now_ns);
	logged(EVENT_NEIGHBOUR_CLAIMED, PEER, other, mac);
	run_until(now_ns, now_ns + NS_PER_SEC);
	logged(EVENT_NEIGHBOUR_CHANGED, PEER, mac, other);
	// asked again after a minute, then every few seconds: lost is said once
	run_until(now_ns, now_ns + 200 * NS_PER_SEC);
	logged(EVENT_NEIGHBOUR_LOST, PEER, 0, 0);
	nothing_more_is_logged();
	now_ns += 200 * NS_PER_SEC;
	give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", now_ns);
	logged(EVENT_NEIGHBOUR_RESOLVED, PEER, mac, 0);
	run_until(now_ns, now_ns + 100 * NS_PER_SEC);
	logged(EVENT_NEIGHBOUR_LOST, PEER, 0, 0); // lost anew
	nothing_more_is_logged();
}

static void
who_claims_our_address_is_named_now_and_then(void **state)
{
	start(3);
	for (uint64_t s = 0; s < 20; s++)
		give(&h,
		     "ffffffffffff" PEER_MAC "0806"
		     "0001080006040001" PEER_MAC "0a0a0102"
		     "000000000000"
		     "0a0a0102",
		     T0 + s * NS_PER_SEC);
	assert_int_equal(h.arp.metrics.conflict, 20);
	logged(EVENT_NEIGHBOUR_CONFLICT, US, 0x020000000009, 0);
	logged(EVENT_NEIGHBOUR_CONFLICT, US, 0x020000000009, 0);
	nothing_more_is_logged();
}

static void
groups_are_named_when_the_network_was_told(void **state)
{
	static const unsigned VERSION[] = { 3, 2 };

	for (unsigned i = 0; i < 2; i++) {
		start(VERSION[i]);
		assert_int_equal(host_join(&h, GROUP, 0, T0), 0);
		nothing_more_is_logged(); // nobody has heard of it
		run_until(T0, T0 + 60 * NS_PER_SEC);
		logged(EVENT_GROUP_JOINED, GROUP, VERSION[i], 0);
		nothing_more_is_logged(); // told more than once, said once
		host_on_link(&h, false, T0 + 61 * NS_PER_SEC);
		host_on_link(&h, true, T0 + 62 * NS_PER_SEC);
		run_until(T0 + 62 * NS_PER_SEC, T0 + 99 * NS_PER_SEC);
		logged(EVENT_GROUP_JOINED, GROUP, VERSION[i], 0); // a new network, perhaps
		assert_true(host_leave(&h, GROUP, 0, T0 + 100 * NS_PER_SEC));
		run_until(T0 + 100 * NS_PER_SEC, T0 + 150 * NS_PER_SEC);
		logged(EVENT_GROUP_LEFT, GROUP, 0, 0);
		nothing_more_is_logged();
	}
}

static void
a_querier_of_another_version_is_named_once(void **state)
{
	static const char V2[] = "1164000000000000";
	static const char V3[] = "1164000000000000037d0000";
	const uint64_t later_ns = T0 + 600 * NS_PER_SEC; // longer than version 2 is remembered

	start(3);
	give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2, V3, T0);
	nothing_more_is_logged();
	give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2, V2, T0);
	logged(EVENT_IGMP_QUERIER, PEER, 2, 0);
	give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2, V2, T0 + NS_PER_SEC);
	nothing_more_is_logged();
	give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2, V3, T0 + 2 * NS_PER_SEC);
	nothing_more_is_logged(); // version 2 is spoken for a while yet
	give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2, V3, later_ns);
	logged(EVENT_IGMP_QUERIER, PEER, 3, 0);
	nothing_more_is_logged();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_neighbour_is_named_when_found_moved_and_lost),
		cmocka_unit_test(who_claims_our_address_is_named_now_and_then),
		cmocka_unit_test(groups_are_named_when_the_network_was_told),
		cmocka_unit_test(a_querier_of_another_version_is_named_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
