/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "manifest/manifest.h"

static char dir[64], path[128];
static struct manifest now, approved;
static struct err err;

static int
start(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/manifest_test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/approved", dir);
	memset(&now, 0, sizeof(now));
	memset(&approved, 0, sizeof(approved));
	err_init(&err);
	return 0;
}

static int
stop(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
digests_are_those_of_the_standard(void **state)
{
	// FIPS 180-4's examples, and lengths around the end of a block
	static const struct {
		const char *text;
		unsigned times;
		const char *hash;
	} CASES[] = {
		{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "a", 1000000,
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const size_t len = strlen(CASES[i].text), all = len * CASES[i].times;
		char *text = malloc(all + 1);

		assert_non_null(text);
		for (unsigned k = 0; k < CASES[i].times; k++)
			memcpy(&text[k * len], CASES[i].text, len);
		manifest_add(&now, "row", text, all, "");
		assert_string_equal(now.row[i].hash, CASES[i].hash);
		free(text);
	}
}

static void
a_file_is_its_bytes(void **state)
{
	FILE *f = fopen(path, "w");

	fputs("abc", f);
	fclose(f);
	assert_int_equal(manifest_add_file(&now, "binary", path, "x", &err), 0);
	manifest_add(&now, "same", "abc", 3, "y");
	assert_string_equal(now.row[0].hash, now.row[1].hash);
	assert_int_equal(manifest_add_file(&now, "binary", dir, "a folder", &err), -ENODEV);
	assert_non_null(strstr(err.text, dir));
	assert_int_equal(now.row_cnt, 2);
}

static void
make(struct manifest *m)
{
	memset(m, 0, sizeof(*m));
	manifest_add_text(m, "binary", "one");
	manifest_add_text(m, "limits", "two");
	manifest_add_text(m, "host.kernel", "6.1");
}

static void
what_was_written_is_read_again(void **state)
{
	char differ[64];
	FILE *f = fopen(path, "w");

	make(&now);
	assert_int_equal(manifest_print(&now, f), 0);
	fclose(f);
	assert_int_equal(manifest_read(&approved, path, &err), 0);
	assert_int_equal(approved.row_cnt, 3);
	assert_string_equal(approved.row[2].text, "6.1");
	assert_int_equal(manifest_compare(&now, &approved, differ, sizeof(differ)), 0);
	assert_string_equal(differ, "");
}

static void
rows_that_differ_are_named_once(void **state)
{
	char differ[64];

	make(&now);
	make(&approved);
	approved.row[1].hash[63] ^= 1;
	assert_int_equal(manifest_compare(&now, &approved, differ, sizeof(differ)), 1);
	assert_string_equal(differ, "limits");
	manifest_add_text(&now, "profile.md", "ice");
	manifest_add_text(&approved, "host.smt", "off");
	assert_int_equal(manifest_compare(&now, &approved, differ, sizeof(differ)), 3);
	assert_string_equal(differ, "limits, profile.md, host.smt");
}

static void
what_is_no_manifest_is_refused(void **state)
{
#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	static const struct {
		const char *text;
		int rc;
	} CASES[] = {
		{ "# sluice manifest 1\nbinary " HASH "  x\n", 0 },
		{ "# sluice manifest 1\n\n# looked at by me\nbinary " HASH "\n", 0 },
		{ "", -EINVAL },
		{ "# sluice manifest 1\n", -EINVAL },
		{ "# sluice manifest 2\nbinary " HASH "  x\n", -EINVAL },
		{ "binary " HASH "  x\n", -EINVAL },
		{ "# sluice manifest 1\nbinary\n", -EINVAL },
		{ "# sluice manifest 1\nbinary 1234  x\n", -EINVAL },
		{ "# sluice manifest 1\nbinary " HASH "0 x\n", -EINVAL },
		{ "# sluice manifest 1\nbinary " HASH "  x\nbinary " HASH "  x\n", -EINVAL },
		{ "# sluice manifest 1\nbinary " HASH "  x", -EINVAL }, // cut
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		FILE *f = fopen(path, "w");

		fputs(CASES[i].text, f);
		fclose(f);
		if (manifest_read(&approved, path, &err) != CASES[i].rc)
			fail_msg("case %zu: '%s'", i, CASES[i].text);
		if (CASES[i].rc != 0)
			assert_non_null(strstr(err.text, "[S409]"));
	}
	unlink(path);
	assert_int_equal(manifest_read(&approved, path, &err), -ENOENT);
}

static void
put(const char *name, const char *text)
{
	char file[256];
	FILE *f;

	snprintf(file, sizeof(file), "%s%s", dir, name);
	for (char *at = strchr(file + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(file, 0755);
		*at = '/';
	}
	f = fopen(file, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
the_same_machine_twice_differs_by_its_disk_only(void **state)
{
	static struct config config;
	static struct core_map map;
	char differ[128];

	put("/proc/cmdline", "BOOT_IMAGE=/vmlinuz-1 root=UUID=1 isolcpus=2-5 quiet\n");
	put("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
	config.ports_cnt = 1;
	snprintf(config.ports[0].name, sizeof(config.ports[0].name), "md");
	snprintf(config.ports[0].device, sizeof(config.ports[0].device), "3b:00.0");
	put("/sys/bus/pci/devices/0000:3b:00.0/vendor", "0x8086\n");
	put("/sys/bus/pci/devices/0000:3b:00.0/device", "0x1592\n");
	manifest_add_host(&now, dir, &config, &map);
	assert_string_equal(manifest_find(&now, "host.kernel")->text, "6.1.0-56-amd64");
	assert_string_equal(manifest_find(&now, "host.command_line")->text, "isolcpus=2-5 quiet");
	assert_string_equal(manifest_find(&now, "host.clock")->text, "none");
	assert_string_equal(manifest_find(&now, "host.port.md")->text,
			    "0x8086:0x1592 driver none node none");
	put("/proc/cmdline", "BOOT_IMAGE=/vmlinuz-2 root=UUID=2 isolcpus=2-5 quiet\n");
	manifest_add_host(&approved, dir, &config, &map);
	assert_int_equal(manifest_compare(&now, &approved, differ, sizeof(differ)), 0);
	put("/proc/cmdline", "BOOT_IMAGE=/vmlinuz-2 root=UUID=2 quiet\n");
	approved.row_cnt = 0;
	manifest_add_host(&approved, dir, &config, &map);
	assert_int_equal(manifest_compare(&now, &approved, differ, sizeof(differ)), 1);
	assert_string_equal(differ, "host.command_line");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(digests_are_those_of_the_standard, start, stop),
		cmocka_unit_test_setup_teardown(a_file_is_its_bytes, start, stop),
		cmocka_unit_test_setup_teardown(what_was_written_is_read_again, start, stop),
		cmocka_unit_test_setup_teardown(rows_that_differ_are_named_once, start, stop),
		cmocka_unit_test_setup_teardown(what_is_no_manifest_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(the_same_machine_twice_differs_by_its_disk_only,
						start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
