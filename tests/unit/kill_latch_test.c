/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "limits/kill_latch.h"

static char dir[64], path[PATH_MAX];
static struct kill_latch latch;
static struct kill_record old;
static struct err err;

static int
start(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/kill_latch_test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/kill", dir);
	halt_flag.reasons = 0;
	memset(&kill_switch_flag, 0, sizeof(kill_switch_flag));
	latch = (struct kill_latch){ .fd = -1 };
	err_init(&err);
	return 0;
}

static int
end(void **state)
{
	char command[128];

	kill_latch_close(&latch);
	err_end(&err);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static int
open_latch(void)
{
	return kill_latch_open(&latch, path, &old, &err);
}

static void
reopen(void)
{
	kill_latch_close(&latch);
	halt_flag.reasons = 0;
	kill_switch_flag.cause = KILL_NONE;
	assert_int_equal(open_latch(), 0);
}

static size_t
read_file(char *out, size_t out_bytes)
{
	const int fd = open(path, O_RDONLY);
	const ssize_t n = read(fd, out, out_bytes - 1);

	close(fd);
	assert_true(n >= 0);
	out[n] = '\0';
	return (size_t)n;
}

static void
put_file(const char *text, size_t len)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void
record(bool on, enum kill_cause cause, const char *who, const char *why)
{
	struct kill_record r = { .on = on, .cause = cause };

	kill_when_text(1700000000123456789, r.when);
	snprintf(r.who, sizeof(r.who), "%s", who);
	snprintf(r.why, sizeof(r.why), "%s", why);
	assert_int_equal(kill_latch_write(&latch, &r, &err), 0);
}

static void
a_new_latch_is_released_and_ours_alone(void **state)
{
	char text[2048];
	struct stat st;

	assert_int_equal(open_latch(), 0);
	assert_false(old.on);
	assert_false(halt_is_on());
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(read_file(text, sizeof(text)), KILL_LATCH_BYTES);
	assert_int_equal(strncmp(text, "sluice kill switch 1", 20), 0);
	assert_non_null(strstr(text, "\nstate:  RELEASED"));
}

static void
firing_is_in_the_file_without_a_system_call_of_ours(void **state)
{
	char text[2048];

	assert_int_equal(open_latch(), 0);
	halt_kill(KILL_CONTROL, 5);
	assert_int_equal(halt_reasons(), HALT_KILLED);
	read_file(text, sizeof(text));
	assert_non_null(strstr(text, "\nstate:  KILLED  "));
	assert_non_null(strstr(text, "\ncause:  CONTROL "));
	reopen();
	assert_true(old.on);
	assert_int_equal(old.cause, KILL_CONTROL);
	assert_string_equal(old.when, ""); // the process did not come to that
	assert_true(halt_is_killed());
	assert_int_equal(kill_switch_flag.cause, KILL_CONTROL);
}

static void
it_is_on_although_the_process_was_killed(void **state)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (open_latch() != 0)
			_exit(1);
		halt_kill(KILL_BROKEN, 0);
		kill(getpid(), SIGKILL);
		_exit(2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(open_latch(), 0);
	assert_true(old.on);
	assert_int_equal(old.cause, KILL_BROKEN);
	assert_true(halt_is_killed());
}

static void
who_when_and_why_are_kept_and_the_first_cause_counts(void **state)
{
	assert_int_equal(open_latch(), 0);
	halt_kill(KILL_OPERATOR, 0);
	halt_kill(KILL_FILE, 0);
	record(true, KILL_OPERATOR, "uid 0, pid 1", "too much\nat once");
	reopen();
	assert_true(old.on);
	assert_int_equal(old.cause, KILL_OPERATOR);
	assert_string_equal(old.when, "2023-11-14T22:13:20.123456789Z");
	assert_string_equal(old.who, "uid 0, pid 1");
	assert_string_equal(old.why, "too much?at once");
}

static void
a_release_leaves_the_history_and_no_old_words(void **state)
{
	char text[2048];

	assert_int_equal(open_latch(), 0);
	halt_kill(KILL_OPERATOR, 0);
	record(true, KILL_OPERATOR, "uid 0, pid 1", "too much");
	assert_true(halt_kill_release());
	record(false, KILL_NONE, "Ada Byron (uid 0, pid 2)", "looked at it");
	assert_false(halt_is_on());
	halt_kill(KILL_CONTROL, 0); // by a process that dies of it
	reopen();
	assert_true(old.on);
	assert_int_equal(old.cause, KILL_CONTROL);
	assert_string_equal(old.who, "");
	assert_string_equal(old.why, "");
	read_file(text, sizeof(text));
	assert_string_equal(
		text + KILL_LATCH_BYTES,
		"2023-11-14T22:13:20.123456789Z killed, OPERATOR, uid 0, pid 1: too much\n"
		"2023-11-14T22:13:20.123456789Z released, NONE, Ada Byron (uid 0, pid 2): "
		"looked at it\n");
}

static void
words_of_any_length_stay_in_their_lines(void **state)
{
	char who[KILL_WHO_MAX], why[KILL_WHY_MAX];

	memset(who, 'w', sizeof(who));
	memset(why, 'y', sizeof(why));
	who[sizeof(who) - 1] = why[sizeof(why) - 1] = '\0';
	assert_int_equal(open_latch(), 0);
	halt_kill(KILL_OPERATOR, 0);
	record(true, KILL_OPERATOR, who, why);
	reopen();
	assert_string_equal(old.who, who);
	assert_string_equal(old.why, why);
}

static void
a_second_gateway_is_refused(void **state)
{
	struct kill_latch second;

	assert_int_equal(open_latch(), 0);
	assert_int_equal(kill_latch_open(&second, path, &old, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another gateway has the kill switch's latch"));
	assert_non_null(strstr(err.text, "[S403]"));
}

/* Whatever is missing or wrong, the switch is on, and the file is kept for whoever looks. */
static void
a_damaged_file_is_put_aside_and_the_switch_is_on(void **state)
{
	char whole[2048], text[2048], aside[PATH_MAX + 16];
	size_t len;

	assert_int_equal(open_latch(), 0);
	len = read_file(whole, sizeof(whole));
	for (size_t cut = 0; cut < KILL_LATCH_BYTES; cut += 37) {
		kill_latch_close(&latch);
		halt_flag.reasons = 0;
		kill_switch_flag.cause = KILL_NONE;
		put_file(whole, cut);
		assert_int_equal(open_latch(), 0);
		assert_true(old.on);
		assert_int_equal(old.cause, KILL_DAMAGED);
		assert_true(halt_is_killed());
		read_file(text, sizeof(text));
		assert_non_null(strstr(text, "\nstate:  KILLED  "));
		snprintf(aside, sizeof(aside), "%s.damaged", path);
		assert_int_equal(access(aside, F_OK), 0);
	}
	// one wrong letter at each place that means something
	for (size_t at = 0; at < 128; at++) {
		if (whole[at] == ' ')
			continue;
		kill_latch_close(&latch);
		halt_flag.reasons = 0;
		kill_switch_flag.cause = KILL_NONE;
		memcpy(text, whole, len);
		text[at] ^= 1;
		put_file(text, len);
		assert_int_equal(open_latch(), 0);
		assert_true(old.on);
		assert_int_equal(old.cause, KILL_DAMAGED);
	}
	reopen(); // the replacement is whole
	assert_true(old.on);
	assert_int_equal(old.cause, KILL_DAMAGED);
}

static void
a_missing_folder_refuses_to_start(void **state)
{
	snprintf(path, sizeof(path), "%s/nowhere/kill", dir);
	assert_int_equal(open_latch(), -ENOENT);
	assert_non_null(strstr(err.text, "Its folder must exist"));
}

static void
what_is_no_plain_file_of_ours_refuses_to_start(void **state)
{
	char target[PATH_MAX + 8];

	snprintf(target, sizeof(target), "%s.target", path);
	assert_int_equal(symlink(target, path), 0);
	assert_true(open_latch() < 0);
	assert_non_null(strstr(err.text, "symbolic link"));
	unlink(path);
	err_init(&err);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(open_latch() < 0);
	rmdir(path);
	err_init(&err);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(open_latch() < 0);
	assert_non_null(strstr(err.text, "no plain file"));
	unlink(path);
}

static void
a_file_that_others_may_write_refuses_to_start(void **state)
{
	assert_int_equal(open_latch(), 0);
	kill_latch_close(&latch);
	chmod(path, 0622);
	assert_int_equal(open_latch(), -EPERM);
	assert_non_null(strstr(err.text, "others could release it"));
}

/* Not cmocka's skip(): Meson takes its "not ok # SKIP" for a failure. */
static bool
is_root(void)
{
	if (geteuid() == 0)
		return true;
	print_message("# skipped: not root\n");
	return false;
}

static void
a_file_of_another_owner_refuses_to_start(void **state)
{
	if (!is_root())
		return;
	assert_int_equal(open_latch(), 0);
	kill_latch_close(&latch);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(open_latch(), -EPERM);
	assert_non_null(strstr(err.text, "has owner 65534"));
}

static void
an_unreadable_file_refuses_to_start(void **state)
{
	int status;
	pid_t child;

	if (!is_root())
		return;
	assert_int_equal(open_latch(), 0);
	kill_latch_close(&latch);
	chmod(dir, 0755);
	child = fork();
	if (child == 0) { // nobody may read root's file
		if (setuid(65534) != 0)
			_exit(1);
		_exit(open_latch() == -EACCES && strstr(err.text, "cannot be opened") != NULL &&
				      !halt_is_killed()
			      ? 0
			      : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_firing_while_it_is_released_is_not_lost(void **state)
{
	assert_int_equal(open_latch(), 0);
	halt_kill(KILL_OPERATOR, 0);
	// as if it came between the release's first and last store
	assert_true(halt_kill_release());
	halt_kill(KILL_FILE, 0);
	assert_true(halt_is_killed());
	assert_int_equal(kill_switch_flag.cause, KILL_FILE);
	halt_lift(HALT_KILLED); // nothing but a release lifts it
	assert_true(halt_is_killed());
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(a_new_latch_is_released_and_ours_alone),
		TEST(firing_is_in_the_file_without_a_system_call_of_ours),
		TEST(it_is_on_although_the_process_was_killed),
		TEST(who_when_and_why_are_kept_and_the_first_cause_counts),
		TEST(a_release_leaves_the_history_and_no_old_words),
		TEST(words_of_any_length_stay_in_their_lines),
		TEST(a_second_gateway_is_refused),
		TEST(a_damaged_file_is_put_aside_and_the_switch_is_on),
		TEST(a_missing_folder_refuses_to_start),
		TEST(what_is_no_plain_file_of_ours_refuses_to_start),
		TEST(a_file_that_others_may_write_refuses_to_start),
		TEST(a_file_of_another_owner_refuses_to_start),
		TEST(an_unreadable_file_refuses_to_start),
		TEST(a_firing_while_it_is_released_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
