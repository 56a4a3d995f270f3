/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/profile.h"
#include "config_text.h"

static struct profile profile;
static struct err err;

#define WHY "why: \"a reason of some length\" }\n"
static const char GOOD[] =
	"description: a driver\n"
	"driver: { value: net_ring, " WHY "bus: { value: vdev, " WHY
	"kernel_driver: { value: none, " WHY "devargs: { value: \"\", " WHY
	"rx_descriptors: { value: 1024, " WHY "tx_descriptors: { value: 512, " WHY
	"rx_queues_max: { value: 1, " WHY "tx_queues_max: { value: 2, " WHY
	"burst: { value: 32, " WHY "mbuf_data_bytes: { value: 2176, " WHY
	"rx_offloads: { value: [udp_cksum, timestamp], " WHY "tx_offloads: { value: [], " WHY
	"flow_steering: { value: limited, " WHY "hardware_timestamps: { value: true, " WHY
	"transmit_timestamps: { value: true, " WHY "multicast_filter: { value: allmulti, " WHY
	"link_events: { value: interrupt, " WHY;

static void
a_profile_is_read_with_its_reasons(void **state)
{
	if (profile_load_text(&profile, "p.yaml", GOOD, strlen(GOOD), &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(profile.driver.value, "net_ring");
	assert_string_equal(profile.driver.why, "a reason of some length");
	assert_int_equal(profile.bus.value, PROFILE_VDEV);
	assert_int_equal(profile.rx_descriptors.value, 1024);
	assert_int_equal(profile.tx_queues_max.value, 2);
	assert_int_equal(profile.rx_offloads.value, RX_OFFLOAD_UDP_CKSUM | RX_OFFLOAD_TIMESTAMP);
	assert_int_equal(profile.tx_offloads.value, 0);
	assert_int_equal(profile.flow_steering.value, STEERING_LIMITED);
	assert_true(profile.hardware_timestamps.value);
	assert_true(profile.transmit_timestamps.value);
	assert_int_equal(profile.multicast_filter.value, MULTICAST_ALLMULTI);
	assert_int_equal(profile.link_events.value, LINK_INTERRUPT);
}

static const struct {
	const char *what;
	const char *from;
	const char *to;
	const char *want;
} FAULTS[] = {
	// clang-format off
	{ "a value without a reason", "value: none, " WHY, "value: none }\n",
	  "p.yaml:4:16: kernel_driver.why: is missing; it has no default (The reason for the value)" },
	{ "a reason that is none", "value: none, " WHY, "value: none, why: because }\n",
	  "p.yaml:4:36: kernel_driver.why: the text 'because' has 7 bytes; at least 10 are needed (The reason for the value)" },
	{ "a value that stands alone", "{ value: none, " WHY, "none\n",
	  "p.yaml:4:16: kernel_driver: found a single value, allowed a block of keys (key: value)\n"
	  "p.yaml:1:1: kernel_driver.value: is missing; it has no default (What the device is bound to: vfio-pci, bifurcated:<module>, or none)\n"
	  "p.yaml:1:1: kernel_driver.why: is missing; it has no default (The reason for the value)" },
	{ "an offload that we do not know", "udp_cksum, ", "lro, ",
	  "p.yaml:12:24: rx_offloads.value: 'lro' is not one of: ipv4_cksum udp_cksum tcp_cksum vlan_strip timestamp (What the device does on receive)" },
	{ "too many descriptors", "value: 1024", "value: 65536",
	  "p.yaml:6:26: rx_descriptors.value: 65536 is outside 64..32768 descriptors (Receive ring of each queue)" },
	// clang-format on
};

static void
each_fault_is_told_with_its_place(void **state)
{
	char text[4096];

	for (size_t i = 0; i < ARRAY_CNT(FAULTS); i++) {
		assert_true(text_change(text, sizeof(text), GOOD, FAULTS[i].from, FAULTS[i].to));
		if (profile_load_text(&profile, "p.yaml", text, strlen(text), &err) == 0)
			fail_msg("%s: was accepted", FAULTS[i].what);
		if (strcmp(err.text, FAULTS[i].want) != 0)
			fail_msg("%s:\nsaid:\n%s\nwant:\n%s", FAULTS[i].what, err.text,
				 FAULTS[i].want);
	}
}

static void
every_shipped_profile_is_without_fault(void **state)
{
	const char *root = getenv("SLUICE_SOURCE_ROOT");
	struct dirent *entry;
	unsigned cnt = 0;
	char dir[512];
	DIR *d;

	assert_non_null(root);
	snprintf(dir, sizeof(dir), "%s/pmd_config", root);
	d = opendir(dir);
	assert_non_null(d);
	while ((entry = readdir(d))) {
		char *dot = strstr(entry->d_name, ".yaml");

		if (!dot)
			continue;
		*dot = '\0';
		if (profile_load(&profile, dir, entry->d_name, &err) != 0)
			fail_msg("%s", err.text);
		cnt++;
	}
	closedir(d);
	assert_true(cnt >= 13);
}

static void
a_profile_that_is_not_there_is_named(void **state)
{
	assert_int_equal(profile_load(&profile, "/nonexistent", "mlx9", &err), -ENOENT);
	assert_string_equal(err.text, "/nonexistent/mlx9.yaml: there is no such profile; profile "
				      "must name a file of that folder, without .yaml");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_is_read_with_its_reasons),
		cmocka_unit_test(each_fault_is_told_with_its_place),
		cmocka_unit_test(every_shipped_profile_is_without_fault),
		cmocka_unit_test(a_profile_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
