/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/ring_file.h"
#include "../remove_folder.h"

/*
 * Where the journal's rings lie, and which of those that lie there are taken.  The places are
 * folders of this test; the one that stands for huge pages is an ordinary one, as a place to find
 * rings in.
 */

enum {
	LANES = 4,
	SLOTS = 1024,
	STRANGER = 65534, // no user of this machine works as it
};
static const uint64_t ID = 0x0123456789abcdef;
static const char *const BOOT = "11111111-2222-3333-4444-555555555555";

static char top[64], huge[80], shm[80], disk[80];
static const struct ring_places no_huge = { { NULL, shm, disk } };
static const struct ring_places all = { { huge, shm, disk } };
static struct ring_file found[RING_PLACE_CNT * LANES];

static int
make_folders(void **state)
{
	snprintf(top, sizeof(top), "/tmp/sluice-ring-file-test.XXXXXX");
	snprintf(shm, sizeof(shm), "/dev/shm/sluice-ring-file-test.XXXXXX");
	if (mkdtemp(top) == NULL || mkdtemp(shm) == NULL)
		return -1;
	snprintf(huge, sizeof(huge), "%s/huge", top);
	snprintf(disk, sizeof(disk), "%s/disk", top);
	return mkdir(huge, 0700) != 0 || mkdir(disk, 0700) != 0 ? -1 : 0;
}

static int
remove_folders(void **state)
{
	remove_folder(huge);
	remove_folder(shm);
	remove_folder(disk);
	return rmdir(top);
}

static bool
on_tmpfs(const char *path)
{
	struct statfs fs;

	assert_int_equal(statfs(path, &fs), 0);
	return fs.f_type == TMPFS_MAGIC;
}

static int
try_make(struct ring_file *f, const struct ring_places *places, uint32_t lane_idx, struct err *e)
{
	const struct ring_file_config c = {
		.places = *places,
		.journal_id = ID,
		.lane_idx = lane_idx,
		.slot_cnt = SLOTS,
		.run = 3,
		.start_ns = 4,
		.lane_name = "lane",
		.boot_id = BOOT,
	};

	err_init(e);
	return ring_file_make(f, &c, e);
}

static void
make(struct ring_file *f, const struct ring_places *places, uint32_t lane_idx)
{
	struct err e;

	if (try_make(f, places, lane_idx, &e) != 0)
		fail_msg("%s", e.text);
}

/* A ring with a record in it, of a process that ended. */
static void
leave(const struct ring_places *places, uint32_t lane_idx, char path[RING_FILE_PATH_MAX])
{
	const struct journal_slot s = { .kind = JOURNAL_INTENT, .ns = lane_idx };
	struct ring_file f;
	struct journal j;

	make(&f, places, lane_idx);
	journal_init(&j, f.head, NULL, false);
	journal_put(&j, &s);
	if (path != NULL)
		memcpy(path, f.path, sizeof(f.path));
	ring_file_close(&f, false);
}

static enum ring_found
judge(const struct ring_file *f)
{
	const char *why;

	return ring_file_judge(f, BOOT, &why);
}

static const char *
why_not(const struct ring_file *f)
{
	const char *why;

	ring_file_judge(f, BOOT, &why);
	return why;
}

static void
expect_record(const struct ring_file *f)
{
	uint8_t record[JOURNAL_RECORD_MAX];
	struct journal_taker t;
	uint32_t len;

	assert_int_equal(judge(f), RING_GOOD);
	journal_taker_init(&t, f->head);
	assert_int_equal(journal_take(&t, record, &len), JOURNAL_FOUND_RECORD);
}

static uint32_t
find(void)
{
	return ring_file_find(&all, ID, LANES, found);
}

static void
without_huge_pages_no_disk_is_under_a_ring(void **state)
{
	struct ring_file f;

	make(&f, &no_huge, 0);
	assert_int_equal(f.place, RING_TMPFS);
	assert_true(on_tmpfs(f.path));
	assert_true(f.locked || geteuid() != 0);
	ring_file_close(&f, true);
	assert_int_equal(find(), 0);
}

static void
a_ring_has_all_its_room_from_the_start_and_is_only_ours(void **state)
{
	struct ring_file f;
	struct stat st;

	make(&f, &no_huge, 0);
	assert_int_equal(stat(f.path, &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 >= f.bytes);
	assert_int_equal(st.st_mode & 07777, 0600);
	ring_file_close(&f, true);
}

static void
a_ring_is_found_where_it_was_left_whatever_there_is_now(void **state)
{
	const struct ring_places folder_only = { { NULL, NULL, disk } };
	char path[RING_FILE_PATH_MAX], other[RING_FILE_PATH_MAX];

	leave(&no_huge, 0, NULL);
	leave(&folder_only, 1, NULL); // as older versions did
	leave(&folder_only, 2, path);
	snprintf(other, sizeof(other), "%s%s", huge, strrchr(path, '/'));
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(find(), 3);
	assert_int_equal(found[0].place, RING_HUGE);
	assert_int_equal(found[1].place, RING_TMPFS);
	assert_int_equal(found[2].place, RING_FOLDER);
	for (uint32_t i = 0; i < 3; i++) {
		expect_record(&found[i]);
		ring_file_close(&found[i], true);
	}
	assert_int_equal(find(), 0);
}

static void
a_ring_of_another_journal_is_not_seen(void **state)
{
	leave(&no_huge, 0, NULL);
	assert_int_equal(ring_file_find(&all, ID + 1, LANES, found), 0);
}

static void
what_is_no_tmpfs_is_not_used_as_one(void **state)
{
	const struct ring_places no_tmpfs = { { NULL, huge, disk } };
	struct ring_file f;

	if (on_tmpfs(huge))
		skip(); // all of /tmp is one here
	make(&f, &no_tmpfs, 0);
	assert_int_equal(f.place, RING_FOLDER);
	assert_non_null(strstr(f.why, "is no tmpfs"));
	ring_file_close(&f, true);
}

/* In a child of its own, whose mounts nobody else sees; false: it may not mount. */
static bool
in_small_tmpfs(void (*test)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (unshare(CLONE_NEWNS) != 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		    mount("none", shm, "tmpfs", 0, "size=48k") != 0)
			_exit(77);
		test();
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		return false;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

/* Of the child: a failed assertion would jump into the parent's test. */
#define MUST(x)                                              \
	do {                                                 \
		if (!(x)) {                                  \
			fprintf(stderr, "not so: %s\n", #x); \
			_exit(1);                            \
		}                                            \
	} while (0)

static void
take_a_ring_on_a_full_tmpfs(void)
{
	struct ring_file f;
	struct err e;

	MUST(try_make(&f, &no_huge, 0, &e) == 0);
	MUST(f.place == RING_FOLDER);
	MUST(strstr(f.why, shm) != NULL && strstr(f.why, strerror(ENOSPC)) != NULL);
	memset(f.head, 1, f.bytes);
	ring_file_close(&f, true);
	MUST(ring_file_find(&all, ID, LANES, found) == 0); // nothing is left on the full one
	rmdir(disk);
	MUST(try_make(&f, &no_huge, 0, &e) == -ENOENT);
	MUST(strstr(e.text, "cannot be made") != NULL);
	mkdir(disk, 0700);
}

static void
a_full_tmpfs_is_an_error_of_the_start_and_not_a_signal(void **state)
{
	if (!in_small_tmpfs(take_a_ring_on_a_full_tmpfs))
		skip();
}

static void
a_file_of_another_user_is_refused_and_stays(void **state)
{
	char path[RING_FILE_PATH_MAX];
	struct ring_file f;
	struct stat st;

	leave(&no_huge, 0, path);
	if (chown(path, STRANGER, (gid_t)-1) != 0)
		skip(); // not root
	chmod(path, 0666);
	assert_int_equal(find(), 1);
	assert_int_equal(judge(&found[0]), RING_NOT_OURS);
	assert_string_equal(why_not(&found[0]),
			    "it belongs to user 65534 and this process to user 0");
	ring_file_close(&found[0], true);
	make(&f, &no_huge, 0);
	assert_int_equal(f.place, RING_FOLDER);
	assert_non_null(strstr(f.why, strerror(EEXIST)));
	ring_file_close(&f, true);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, STRANGER);
}

/* They hide nothing of ours, however many there are. */
static void
links_pipes_and_folders_are_neither_followed_nor_removed(void **state)
{
	char path[RING_FILE_PATH_MAX], target[RING_FILE_PATH_MAX], name[3][RING_FILE_PATH_MAX];
	struct ring_file f;
	struct stat st;

	leave(&no_huge, 3, path);
	for (int i = 0; i < 3; i++) {
		memcpy(name[i], path, sizeof(path));
		name[i][strlen(path) - strlen("3.ring")] = (char)('0' + i);
	}
	snprintf(target, sizeof(target), "%s/target", disk);
	close(open(target, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(symlink(target, name[0]), 0);
	assert_int_equal(mkfifo(name[1], 0600), 0);
	assert_int_equal(mkdir(name[2], 0700), 0);
	assert_int_equal(find(), 4);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(judge(&found[i]), RING_NOT_OURS);
		assert_string_equal(why_not(&found[i]), "it is no regular file");
		ring_file_close(&found[i], true);
		assert_int_equal(lstat(name[i], &st), 0);
	}
	expect_record(&found[3]);
	ring_file_close(&found[3], true);
	make(&f, &no_huge, 0);
	assert_int_equal(f.place, RING_FOLDER);
	ring_file_close(&f, true);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(rmdir(name[2]), 0);
}

static void
a_ring_of_a_process_that_lives_is_left_to_it(void **state)
{
	struct ring_file f, again;
	struct stat st;

	make(&f, &no_huge, 0);
	assert_int_equal(find(), 1);
	assert_int_equal(judge(&found[0]), RING_IN_USE);
	ring_file_close(&found[0], true);
	make(&again, &no_huge, 0); // nor is it replaced
	assert_int_equal(again.place, RING_FOLDER);
	ring_file_close(&again, true);
	assert_int_equal(stat(f.path, &st), 0);
	ring_file_close(&f, true);
}

static void
a_ring_of_a_killed_process_is_free(void **state)
{
	int status, at_work[2];
	pid_t child;
	char c;

	assert_int_equal(pipe(at_work), 0);
	child = fork();
	if (child == 0) {
		const struct journal_slot s = { .kind = JOURNAL_INTENT };
		struct ring_file f;
		struct journal j;
		struct err e;

		MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0); // also when the test fails
		MUST(try_make(&f, &no_huge, 0, &e) == 0);
		journal_init(&j, f.head, NULL, false);
		journal_put(&j, &s);
		MUST(write(at_work[1], "", 1) == 1);
		pause();
	}
	assert_int_equal(read(at_work[0], &c, 1), 1);
	assert_int_equal(find(), 1);
	assert_int_equal(judge(&found[0]), RING_IN_USE);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	close(at_work[0]);
	close(at_work[1]);
	assert_int_equal(find(), 1);
	expect_record(&found[0]);
	ring_file_close(&found[0], true);
	assert_int_equal(find(), 0);
}

static void
an_empty_file_of_a_start_that_was_killed_goes_away(void **state)
{
	char path[RING_FILE_PATH_MAX];
	struct ring_file f;

	leave(&no_huge, 0, path);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(find(), 0);
	make(&f, &no_huge, 0);
	assert_int_equal(f.place, RING_TMPFS);
	ring_file_close(&f, true);
}

static void
a_ring_under_another_lanes_name_is_damaged(void **state)
{
	char path[RING_FILE_PATH_MAX], other[RING_FILE_PATH_MAX];

	leave(&no_huge, 0, path);
	memcpy(other, path, sizeof(path));
	other[strlen(path) - strlen("0.ring")] = '1';
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(find(), 1);
	assert_int_equal(judge(&found[0]), RING_DAMAGED);
	assert_string_equal(why_not(&found[0]), "its head contradicts its name");
	ring_file_close(&found[0], true);
}

static void
a_ring_of_an_earlier_boot_is_said_to_be_one(void **state)
{
	const char *why;

	leave(&no_huge, 0, NULL);
	assert_int_equal(find(), 1);
	assert_int_equal(ring_file_judge(&found[0], "another", &why), RING_OF_EARLIER_BOOT);
	ring_file_close(&found[0], true);
}

static void
a_folder_whose_name_is_too_long_is_refused(void **state)
{
	char folder[RING_FILE_PATH_MAX];
	const struct ring_places far = { { NULL, NULL, folder } };
	struct ring_file f;
	struct err e;

	memset(folder, 'x', sizeof(folder) - 1);
	folder[0] = '/';
	folder[sizeof(folder) - 1] = '\0';
	assert_int_equal(try_make(&f, &far, 0, &e), -ENAMETOOLONG);
	assert_int_equal(ring_file_find(&far, ID, LANES, found), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folders, remove_folders)
	const struct CMUnitTest tests[] = {
		TEST(without_huge_pages_no_disk_is_under_a_ring),
		TEST(a_ring_has_all_its_room_from_the_start_and_is_only_ours),
		TEST(a_ring_is_found_where_it_was_left_whatever_there_is_now),
		TEST(a_ring_of_another_journal_is_not_seen),
		TEST(what_is_no_tmpfs_is_not_used_as_one),
		TEST(a_full_tmpfs_is_an_error_of_the_start_and_not_a_signal),
		TEST(a_file_of_another_user_is_refused_and_stays),
		TEST(links_pipes_and_folders_are_neither_followed_nor_removed),
		TEST(a_ring_of_a_process_that_lives_is_left_to_it),
		TEST(a_ring_of_a_killed_process_is_free),
		TEST(an_empty_file_of_a_start_that_was_killed_goes_away),
		TEST(a_ring_under_another_lanes_name_is_damaged),
		TEST(a_ring_of_an_earlier_boot_is_said_to_be_one),
		TEST(a_folder_whose_name_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
