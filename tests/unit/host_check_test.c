/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of machines we do not have: each case is a small tree of the files a kernel would
 * show, in a folder of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot/host_check.h"

static char root[64];
static struct config config;
static struct core_map map;
static struct profile profile;
static struct err err, warnings;
static struct host_view view;

static void
folders_of(char *path)
{
	for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
}

/* A file of the tree; text == NULL: a folder. */
static void
put(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	folders_of(path);
	if (text == NULL) {
		mkdir(path, 0755);
		return;
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
put_link(const char *name, const char *target)
{
	char path[512];

	snprintf(path, sizeof(path), "%s%s", root, name);
	folders_of(path);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static int
start(void **state)
{
	snprintf(root, sizeof(root), "/tmp/host_check_test.XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	memset(&config, 0, sizeof(config));
	memset(&map, 0, sizeof(map));
	memset(&profile, 0, sizeof(profile));
	config.hugepages.memory_mb = 512;
	config.ports_cnt = 1;
	snprintf(config.ports[0].name, sizeof(config.ports[0].name), "md");
	snprintf(config.ports[0].device, sizeof(config.ports[0].device), "3b:00.1");
	snprintf(config.ports[0].profile, sizeof(config.ports[0].profile), "ice");
	snprintf(profile.kernel_driver.value, sizeof(profile.kernel_driver.value), "vfio-pci");
	map.control_core = 0;
	map.lane_cnt = 2;
	for (uint32_t i = 0; i < 2; i++) {
		snprintf(map.lane[i].name, sizeof(map.lane[i].name), "lane%u", i);
		map.lane[i].core = i == 0 ? 2 : 3;
	}
	view = (struct host_view){ .root = root, .is_root = true, .memlock_bytes = UINT64_MAX };
	err_init(&err);
	err_init(&warnings);
	return 0;
}

static int
stop(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void
expect(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("'%s' does not say '%s'", text, part);
}

static void
a_core_that_is_switched_off_is_named(void **state)
{
	put("/sys/devices/system/cpu/present", "0-7\n");
	put("/sys/devices/system/cpu/online", "0-2,4-7\n");
	put("/sys/devices/system/cpu/isolated", "2-3\n");
	assert_int_equal(host_check_cores(&view, &config, &map, &err, &warnings), -EINVAL);
	expect(err.text, "core_map.lanes[1] 'lane1': core 3 is switched off; online are 0-2,4-7");
	expect(err.text, "[S111]");
	assert_int_equal(err.line_cnt, 1);
}

static void
the_control_core_may_not_be_off_either(void **state)
{
	put("/sys/devices/system/cpu/present", "0-63\n");
	put("/sys/devices/system/cpu/online", "1-63\n");
	put("/sys/devices/system/cpu/isolated", "2-31\n");
	assert_int_equal(host_check_cores(&view, &config, &map, &err, &warnings), -EINVAL);
	expect(err.text, "core_map.control: core 0 is switched off");
}

static void
cores_of_lanes_should_be_isolated(void **state)
{
	put("/sys/devices/system/cpu/present", "0-63\n");
	put("/sys/devices/system/cpu/online", "0-63\n");
	put("/sys/devices/system/cpu/isolated", "3-31,35-63\n");
	assert_int_equal(host_check_cores(&view, &config, &map, &err, &warnings), 0);
	expect(warnings.text, "lanes run on core 2,");
	expect(warnings.text, "[S901]");
	assert_int_equal(warnings.line_cnt, 1);
}

static void
isolated_cores_are_not_worth_a_word(void **state)
{
	put("/sys/devices/system/cpu/present", "0-3\n");
	put("/sys/devices/system/cpu/online", "0-3\n");
	put("/sys/devices/system/cpu/isolated", "2,3\n");
	assert_int_equal(host_check_cores(&view, &config, &map, &err, &warnings), 0);
	assert_int_equal(warnings.line_cnt, 0);
	put("/sys/devices/system/cpu/isolated", "\n");
	config.core_map.shared_cores = true;
	assert_int_equal(host_check_cores(&view, &config, &map, &err, &warnings), 0);
	assert_int_equal(warnings.line_cnt, 0);
}

static void
cpuinfo(const char *flags)
{
	char text[256];

	snprintf(text, sizeof(text), "processor\t: 0\nflags\t\t: fpu vme %s sse4_2\n\n", flags);
	put("/proc/cpuinfo", text);
	put("/sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet \n");
}

static void
a_tsc_that_changes_or_stops_is_refused_for_live_only(void **state)
{
	static const struct {
		const char *flags;
		const char *why; // NULL: nothing is wrong
	} CASES[] = {
		{ "constant_tsc nonstop_tsc", NULL },
		{ "nonstop_tsc", "no constant_tsc" },
		{ "constant_tsc", "no nonstop_tsc" },
		{ "not_constant_tsc nonstop_tsc", "no constant_tsc" },
		{ "constant_tsc_too nonstop_tsc", "no constant_tsc" },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		cpuinfo(CASES[i].flags);
		err_init(&err);
		err_init(&warnings);
		config.environment = ENVIRONMENT_LIVE;
		assert_int_equal(host_check_tsc(&view, &config, &err, &warnings),
				 CASES[i].why != NULL ? -EIO : 0);
		assert_int_equal(warnings.line_cnt, 0);
		if (CASES[i].why != NULL) {
			expect(err.text, CASES[i].why);
			expect(err.text, "[S207]");
		}
		err_init(&err);
		config.environment = ENVIRONMENT_SIMULATION;
		assert_int_equal(host_check_tsc(&view, &config, &err, &warnings), 0);
		assert_int_equal(warnings.line_cnt, CASES[i].why != NULL);
		if (CASES[i].why != NULL)
			expect(warnings.text, "[S907]");
	}
}

static void
a_tsc_the_kernel_gave_up_is_refused(void **state)
{
	cpuinfo("constant_tsc nonstop_tsc");
	put("/sys/devices/system/clocksource/clocksource0/available_clocksource", "hpet acpi_pm\n");
	config.environment = ENVIRONMENT_LIVE;
	assert_int_equal(host_check_tsc(&view, &config, &err, &warnings), -EIO);
	expect(err.text, "gave it up as unstable");
}

static void
addresses_are_told_from_other_devices(void **state)
{
	static const struct {
		const char *device;
		const char *address; // NULL: it is none
	} CASES[] = {
		{ "0000:3b:00.1", "0000:3b:00.1" },
		{ "3b:00.1", "0000:3b:00.1" },
		{ "0001:81:1f.7,mprq_en=1", "0001:81:1f.7" },
		{ "net_af_packet0,iface=a:b:c.0", NULL },
		{ "3b:00", NULL },
		{ "3b:00.1x", NULL },
		{ "", NULL },
		{ "face", NULL },
	};
	char out[32];

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		assert_int_equal(host_pci_address(CASES[i].device, out), CASES[i].address != NULL);
		if (CASES[i].address != NULL)
			assert_string_equal(out, CASES[i].address);
	}
}

#define DEVICE "/sys/bus/pci/devices/0000:3b:00.1"

static void
a_device_that_is_not_there_is_named(void **state)
{
	put("/sys/bus/pci/devices/0000:3b:00.0", NULL);
	assert_int_equal(host_check_pci(&view, &config.ports[0], &profile, &err), -ENODEV);
	expect(err.text, "ports 'md': device '3b:00.1'");
	expect(err.text, "[S301]");
}

static void
a_nic_the_kernel_has_is_not_bound(void **state)
{
	static const struct {
		const char *driver; // NULL: none
		const char *wanted; // by the profile
		const char *say;    // NULL: it can be used
	} CASES[] = {
		{ "ice", "vfio-pci", "bound to 'ice', and DPDK needs it on vfio-pci" },
		{ NULL, "vfio-pci", "bound to 'nothing'" },
		{ "vfio-pci", "vfio-pci", NULL },
		{ "uio_pci_generic", "vfio-pci", NULL },
		{ "igb_uio", "vfio-pci", NULL },
		{ "mlx5_core", "bifurcated:mlx5_core", NULL },
		{ "vfio-pci", "bifurcated:mlx5_core",
		  "bound to 'vfio-pci'; profile ice shares the NIC with the kernel's mlx5_core" },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		char target[128];

		put(DEVICE, NULL);
		if (CASES[i].driver != NULL) {
			snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s",
				 CASES[i].driver);
			put_link(DEVICE "/driver", target);
		}
		snprintf(profile.kernel_driver.value, sizeof(profile.kernel_driver.value), "%s",
			 CASES[i].wanted);
		err_init(&err);
		assert_int_equal(host_check_pci(&view, &config.ports[0], &profile, &err),
				 CASES[i].say != NULL ? -ENODEV : 0);
		if (CASES[i].say != NULL) {
			expect(err.text, CASES[i].say);
			expect(err.text, "[S304]");
		}
		stop(NULL);
		mkdir(root, 0755);
	}
}

static void
a_nic_of_another_process_names_it(void **state)
{
	put(DEVICE, NULL);
	put_link(DEVICE "/driver", "../../../bus/pci/drivers/vfio-pci");
	put_link(DEVICE "/iommu_group", "../../../kernel/iommu_groups/41");
	put("/dev/vfio/41", "");
	assert_int_equal(host_check_pci(&view, &config.ports[0], &profile, &err), 0);
	put_link("/proc/777/fd/9", "/dev/vfio/41");
	assert_int_equal(host_check_pci(&view, &config.ports[0], &profile, &err), -EBUSY);
	expect(err.text, "0000:3b:00.1 is in use by process 777 (/dev/vfio/41)");
	expect(err.text, "[S305]");
}

static void
a_group_we_may_not_open_says_so(void **state)
{
	const bool was_root = geteuid() == 0;
	char file[128];

	put(DEVICE, NULL);
	put_link(DEVICE "/driver", "../../../bus/pci/drivers/vfio-pci");
	put_link(DEVICE "/iommu_group", "../../../kernel/iommu_groups/41");
	put("/dev/vfio/41", "");
	snprintf(file, sizeof(file), "%s/dev/vfio/41", root);
	chmod(file, 0);
	chmod(root, 0755);
	if (was_root) // who may open everything
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(host_check_pci(&view, &config.ports[0], &profile, &err), -EACCES);
	if (was_root)
		assert_int_equal(seteuid(0), 0);
	expect(err.text, "[S306]");
}

static void
rights_are_roots_or_capabilities(void **state)
{
	static const uint64_t RAW = 1ULL << CAP_NET_RAW, ADMIN = 1ULL << CAP_NET_ADMIN;
	static const uint64_t LOCK = 1ULL << CAP_IPC_LOCK;
	const struct {
		const char *device;
		bool is_root;
		uint64_t caps;
		uint64_t memlock_bytes;
		const char *say; // NULL: it may start
	} CASES[] = {
		{ "net_af_packet0,iface=x", true, 0, 0, NULL },
		{ "net_af_packet0,iface=x", false, 0, UINT64_MAX, "CAP_NET_RAW CAP_NET_ADMIN; " },
		{ "net_af_packet0,iface=x", false, RAW, UINT64_MAX, "or: CAP_NET_ADMIN" },
		{ "net_af_xdp0,iface=x", false, RAW, UINT64_MAX, "[S201]" },
		{ "net_af_packet0,iface=x", false, RAW | ADMIN, 0, "[S202]" }, // its rings
		{ "net_af_packet0,iface=x", false, RAW | ADMIN | LOCK, 0, NULL },
		{ "net_memif0,id=0", false, 0, 0, NULL },
		{ "0000:3b:00.1", false, 0, 512ULL << 20, NULL },
		{ "0000:3b:00.1", false, 0, (512ULL << 20) - 1, "[S202]" },
		{ "0000:3b:00.1", false, 0, 65536, "may lock 64 KiB of memory, and" },
		{ "0000:3b:00.1", false, LOCK, 0, NULL },
		{ "0000:3b:00.1", true, 0, 0, NULL },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		snprintf(config.ports[0].device, sizeof(config.ports[0].device), "%s",
			 CASES[i].device);
		view.is_root = CASES[i].is_root;
		view.caps = CASES[i].caps;
		view.memlock_bytes = CASES[i].memlock_bytes;
		err_init(&err);
		assert_int_equal(host_check_rights(&view, &config, &err),
				 CASES[i].say != NULL ? -EPERM : 0);
		if (CASES[i].say != NULL)
			expect(err.text, CASES[i].say);
	}
}

/* Two sockets: lanes on node 1. */
static void
two_sockets(const char *free_0, const char *free_1, const char *free_all)
{
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1024\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", free_all);
	put("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", free_0);
	put("/sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", free_1);
	put("/sys/devices/system/cpu/cpu2/node1", NULL);
	put("/sys/devices/system/cpu/cpu3/node1", NULL);
	put("/proc/meminfo", "MemTotal: 1 kB\nHugepagesize:       2048 kB\n");
	put("/proc/mounts",
	    "proc /proc proc rw 0 0\nnone /mnt/huge hugetlbfs rw,pagesize=2M 0 0\n");
	put("/mnt/huge", NULL);
}

static void
huge_pages_must_be_free_and_near(void **state)
{
	static const struct {
		const char *free_0;
		const char *free_1;
		const char *free_all;
		int rc;
		const char *say; // NULL: they suffice
	} CASES[] = {
		{ "0", "256", "256", 0, NULL },
		{ "256", "256", "512", 0, NULL },
		{ "0", "255", "255", -ENOMEM, "[S203]" },
		{ "512", "255", "767", -ENOMEM, "[S206]" },
		{ "512", "0", "512", -ENOMEM,
		  "512 MiB are wanted on NUMA node 1, where the lanes run; 0 MiB are free there, "
		  "1024 MiB in all" },
	};
	char mount[64];

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		two_sockets(CASES[i].free_0, CASES[i].free_1, CASES[i].free_all);
		err_init(&err);
		mount[0] = '\0';
		assert_int_equal(host_check_huge(&view, &config, &map, mount, sizeof(mount), &err),
				 CASES[i].rc);
		if (CASES[i].say != NULL)
			expect(err.text, CASES[i].say);
		else
			assert_string_equal(mount, "/mnt/huge");
	}
}

static void
huge_pages_must_be_mounted(void **state)
{
	static const struct {
		const char *mounts;
		const char *default_kb;
		bool found;
	} CASES[] = {
		{ "none /mnt/huge hugetlbfs rw,pagesize=2M 0 0\n", "1048576", true },
		{ "none /mnt/huge hugetlbfs rw,pagesize=1024M 0 0\n", "2048", false },
		{ "none /mnt/huge hugetlbfs rw 0 0\n", "2048", true },
		{ "none /mnt/huge hugetlbfs rw 0 0\n", "1048576", false },
		{ "none /mnt/huge tmpfs rw 0 0\n", "2048", false },
		{ "none /not/there hugetlbfs rw,pagesize=2M 0 0\n", "2048", false },
		{ "", "2048", false },
	};
	char mount[64], meminfo[64];

	two_sockets("0", "256", "256");
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		put("/proc/mounts", CASES[i].mounts);
		snprintf(meminfo, sizeof(meminfo), "Hugepagesize: %s kB\n", CASES[i].default_kb);
		put("/proc/meminfo", meminfo);
		err_init(&err);
		assert_int_equal(host_check_huge(&view, &config, &map, mount, sizeof(mount), &err),
				 CASES[i].found ? 0 : -ENOENT);
		if (!CASES[i].found)
			expect(err.text, "[S204]");
	}
}

static void
pages_of_one_gibibyte_are_not_ours(void **state)
{
	char mount[64];

	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
	put("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "8\n");
	assert_int_equal(host_check_huge(&view, &config, &map, mount, sizeof(mount), &err),
			 -ENOMEM);
	expect(err.text, "8 huge pages of 1 GiB and none of 2 MiB");
	expect(err.text, "[S205]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_core_that_is_switched_off_is_named, start, stop),
		cmocka_unit_test_setup_teardown(the_control_core_may_not_be_off_either, start,
						stop),
		cmocka_unit_test_setup_teardown(cores_of_lanes_should_be_isolated, start, stop),
		cmocka_unit_test_setup_teardown(isolated_cores_are_not_worth_a_word, start, stop),
		cmocka_unit_test_setup_teardown(
			a_tsc_that_changes_or_stops_is_refused_for_live_only, start, stop),
		cmocka_unit_test_setup_teardown(a_tsc_the_kernel_gave_up_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(addresses_are_told_from_other_devices, start, stop),
		cmocka_unit_test_setup_teardown(a_device_that_is_not_there_is_named, start, stop),
		cmocka_unit_test_setup_teardown(a_nic_the_kernel_has_is_not_bound, start, stop),
		cmocka_unit_test_setup_teardown(a_nic_of_another_process_names_it, start, stop),
		cmocka_unit_test_setup_teardown(a_group_we_may_not_open_says_so, start, stop),
		cmocka_unit_test_setup_teardown(rights_are_roots_or_capabilities, start, stop),
		cmocka_unit_test_setup_teardown(huge_pages_must_be_free_and_near, start, stop),
		cmocka_unit_test_setup_teardown(huge_pages_must_be_mounted, start, stop),
		cmocka_unit_test_setup_teardown(pages_of_one_gibibyte_are_not_ours, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
