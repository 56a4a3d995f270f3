/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"
#include "journal/names.h"
#include "journal/reader.h"
#include "journal/ring_file.h"
#include "journal/writer.h"
#include "msg/head.h"
#include "../remove_folder.h"

/* The journal as a whole: rings, writer, segments, what a start does after a crash. */

enum {
	MIB = 1 << 20,
	SLOTS = 1024,
	TAIL = 100, // records put in the last microseconds before a kill
	KILLS_MAX = 30,
};

static char folder[64];

static int
make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/sluice-journal-test.XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static uint64_t
journal_id(void)
{
	struct journal_list l;
	struct journal_file f;
	struct journal_walk w;
	uint64_t id = 0;
	struct err e;

	err_init(&e);
	if (journal_list_open(&l, folder, &e) != 0)
		return 0;
	for (size_t i = 0; i < l.cnt && id == 0; i++) {
		if (journal_file_open(&f, l.row[i].path, &e) != 0)
			continue;
		if (journal_walk_start(&w, f.data, f.len))
			id = w.head.journal_id;
		journal_file_close(&f);
	}
	journal_list_close(&l);
	return id;
}

/* The rings of the folder's journal; those in use are not mapped. */
static struct ring_file ring[RING_PLACE_CNT * JOURNAL_WRITER_LANES];
static uint32_t
find_rings(void)
{
	const struct ring_places places = ring_places_of(folder);

	return ring_file_find(&places, journal_id(), JOURNAL_WRITER_LANES, ring);
}

/* Also what a test that failed left in the rings' places, which are not only ours. */
static int
remove_journal(void **state)
{
	const uint32_t ring_cnt = find_rings();

	for (uint32_t i = 0; i < ring_cnt; i++) {
		unlink(ring[i].path);
		ring_file_close(&ring[i], false);
	}
	return remove_folder(folder);
}

static struct journal_writer_config
config(void)
{
	return (struct journal_writer_config){
		.folder = folder,
		.build = "test",
		.start_ns = 1,
		.segment_bytes = MIB,
		.ring_slots = SLOTS,
		.sync_ms = 1000,
	};
}

static struct journal_writer *
open_writer(const struct journal_writer_config *c, struct journal_recovered *found)
{
	struct journal_recovered unused;
	struct journal_writer *w = NULL;
	struct err e;

	err_init(&e);
	if (journal_writer_open(&w, c, found == NULL ? &unused : found, &e) != 0)
		fail_msg("%s", e.text);
	return w;
}

static void
open_ring(struct journal_writer *w, uint32_t lane_idx, struct journal *j)
{
	struct err e;

	err_init(&e);
	if (journal_writer_ring(w, lane_idx, "lane", NULL, j, &e) != 0)
		fail_msg("%s", e.text);
}

static void
start(struct journal_writer *w)
{
	struct err e;

	err_init(&e);
	if (journal_writer_start(w, &e) != 0)
		fail_msg("%s", e.text);
}

static void
say(struct journal_writer *w, enum journal_kind kind, const char *text)
{
	const struct journal_text t = { .uid = 7 };

	journal_writer_say(w, kind, &t, text, strlen(text));
}

static void
put_note(struct journal *j, uint64_t n)
{
	const struct journal_slot s = { .kind = JOURNAL_INTENT, .ns = n };

	journal_put(j, &s);
}

static void
put_wire(struct journal *j, uint64_t n, uint32_t len)
{
	struct journal_slot s = { .kind = JOURNAL_WIRE_IN, .ns = n };
	uint8_t bytes[JOURNAL_WIRE_MAX];

	memset(bytes, (int)n, sizeof(bytes));
	journal_put_wire(j, &s, bytes, len);
}

static void
sleep_ms(long ms)
{
	nanosleep(&(const struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* Reads every segment of the folder; each record of lane 0 is counted by kind. */
struct seen {
	uint64_t kind_cnt[256];
	uint64_t lane_cnt;
	uint64_t next_n; // of lane 0's notes and wire messages, which count up
	uint64_t told_cnt;
	uint64_t recovered_cnt;
	uint64_t next_seq;
	size_t segment_cnt;
	enum journal_end last_end;
};

static void
read_all(struct seen *s)
{
	struct journal_list l;
	struct err e;

	memset(s, 0, sizeof(*s));
	s->next_seq = 1;
	err_init(&e);
	assert_int_equal(journal_list_open(&l, folder, &e), 0);
	for (size_t i = 0; i < l.cnt; i++) {
		struct journal_record r;
		struct journal_file f;
		struct journal_walk w;

		assert_int_equal(journal_file_open(&f, l.row[i].path, &e), 0);
		if (!journal_walk_start(&w, f.data, f.len))
			fail_msg("%s: %s", f.path, w.why);
		while (journal_walk_next(&w, &r)) {
			assert_int_equal(r.frame.seq, s->next_seq++);
			s->kind_cnt[r.frame.kind]++;
			s->recovered_cnt += r.frame.flags & JOURNAL_RECOVERED;
			if (r.frame.kind == JOURNAL_INTENT || r.frame.kind == JOURNAL_WIRE_IN) {
				assert_int_equal(journal_slot_of(&r).ns, s->next_n++);
				s->lane_cnt++;
			}
			if (r.frame.kind == JOURNAL_LANE_GAP) {
				const struct journal_slot slot = journal_slot_of(&r);
				struct journal_lane_gap gap;

				memcpy(&gap, slot.body, sizeof(gap));
				s->told_cnt += gap.lost_cnt;
				s->next_n += gap.lost_cnt;
			}
		}
		if (w.end != JOURNAL_END_CLOSED && i + 1 < l.cnt)
			fail_msg("%s: %s %s", f.path, journal_end_word(w.end), w.why);
		s->last_end = w.end;
		s->segment_cnt++;
		journal_file_close(&f);
	}
	journal_list_close(&l);
}

static void
wait_taken(const struct journal *j)
{
	for (int ms = 0; ms < 5000 && load_acquire_u32(&j->head->taken_pos) != j->put_pos; ms++)
		sleep_ms(1);
	assert_int_equal(load_acquire_u32(&j->head->taken_pos), j->put_pos);
}

static void
what_was_written_down_is_read_back_over_many_segments(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_writer *w = open_writer(&c, NULL);
	struct seen s;
	struct journal j;

	open_ring(w, 0, &j);
	start(w);
	say(w, JOURNAL_START, "begin");
	for (uint64_t n = 0; n < 24000; n++) {
		if (n % 3 == 0)
			put_wire(&j, n, (uint32_t)(n % JOURNAL_WIRE_MAX));
		else
			put_note(&j, n);
		if (n % 300 == 0)
			wait_taken(&j);
	}
	say(w, JOURNAL_STOP, "end");
	journal_writer_close(w);
	read_all(&s);
	assert_int_equal(s.lane_cnt, 24000);
	assert_int_equal(s.kind_cnt[JOURNAL_START], 1);
	assert_int_equal(s.kind_cnt[JOURNAL_STOP], 1);
	assert_true(s.segment_cnt > 3);
	assert_int_equal(s.last_end, JOURNAL_END_CLOSED);
}

static const char *
instr_name(uint32_t idx)
{
	static char text[JOURNAL_NAME_LEN];

	snprintf(text, sizeof(text), "S%07u", idx);
	return text;
}

/* Whether a reader that begins with this segment knows every name. */
static void
expect_all_names(const struct journal_names *n)
{
	char text[JOURNAL_NAME_LEN];

	for (uint32_t i = 1; i < INSTR_MAX; i++)
		assert_string_equal(journal_name_of(n, JOURNAL_NAME_INSTR, i, 1), instr_name(i));
	assert_null(journal_name_of(n, JOURNAL_NAME_INSTR, 0, 1));
	assert_null(journal_name_of(n, JOURNAL_NAME_INSTR, INSTR_MAX, 1));
	assert_null(journal_name_of(n, JOURNAL_NAME_INSTR, 1, 2)); // of another run
	for (uint32_t i = 0; i < STRATEGY_MAX; i++) {
		snprintf(text, sizeof(text), "strategy%u", i);
		assert_string_equal(journal_name_of(n, JOURNAL_NAME_STRATEGY, i, 1), text);
		snprintf(text, sizeof(text), "account%u", i);
		assert_string_equal(journal_account_of(n, i, 1), text);
	}
	assert_string_equal(journal_name_of(n, JOURNAL_NAME_VERDICT, 0, 1), "PASS");
	assert_null(journal_name_of(n, JOURNAL_NAME_VERDICT, 1, 1)); // its name is empty
	assert_string_equal(journal_name_of(n, JOURNAL_NAME_VERDICT, 2, 1), "LAST");
	assert_null(journal_name_of(n, JOURNAL_NAME_VERDICT, 3, 1));
	assert_false(n->no_memory);
}

static void
add_name(struct journal_writer *w, enum journal_name_what what, uint32_t idx, const char *text)
{
	struct journal_name n = { .what = (uint8_t)what, .idx = (uint16_t)idx };

	snprintf(n.text, sizeof(n.text), "%s", text);
	assert_int_equal(journal_writer_name(w, &n), 0);
}

static void
each_segment_says_as_many_names_as_can_be_configured(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_writer *w = open_writer(&c, NULL);
	char text[JOURNAL_NAME_LEN];
	struct journal_list l;
	struct journal j;
	struct err e;

	err_init(&e);
	for (uint32_t i = 0; i < STRATEGY_MAX; i++) {
		snprintf(text, sizeof(text), "strategy%u\naccount%u", i, i);
		add_name(w, JOURNAL_NAME_STRATEGY, i, text);
	}
	for (uint32_t i = 1; i < INSTR_MAX; i++)
		add_name(w, JOURNAL_NAME_INSTR, i, instr_name(i));
	add_name(w, JOURNAL_NAME_VERDICT, 0, "PASS");
	add_name(w, JOURNAL_NAME_VERDICT, 1, "");
	add_name(w, JOURNAL_NAME_VERDICT, 2, "LAST");
	open_ring(w, 0, &j);
	start(w);
	for (uint64_t n = 0; n < 16000; n++) {
		put_note(&j, n);
		if (n % 300 == 0)
			wait_taken(&j);
	}
	journal_writer_close(w);
	assert_int_equal(journal_list_open(&l, folder, &e), 0);
	assert_true(l.cnt > 1);
	for (size_t i = 0; i < l.cnt; i++) {
		struct journal_names names = { 0 };
		struct journal_record r;
		struct journal_file f;
		struct journal_walk walk;

		assert_int_equal(journal_file_open(&f, l.row[i].path, &e), 0);
		assert_true(journal_walk_start(&walk, f.data, f.len));
		while (journal_walk_next(&walk, &r) && r.frame.kind == JOURNAL_NAME)
			journal_names_take(&names, &r);
		expect_all_names(&names);
		assert_true(walk.at < MIB / 8); // most of a segment is for other things
		journal_names_fini(&names);
		journal_file_close(&f);
	}
	journal_list_close(&l);
}

/* A child writes and is killed; what it had put is there after the next start, nothing twice. */
static void
after_a_kill_the_rings_tail_is_in_the_journal(void **state)
{
	const struct journal_writer_config c = config();
	unsigned tails = 0;

	// a writer that was quicker than the kill left no tail: such a run does not count
	for (int run = 1; run <= KILLS_MAX && tails < 3; run++) {
		struct journal_recovered found;
		struct journal_writer *w;
		struct seen s;
		int status, pipe_fd[2];
		uint64_t put_cnt = 0;
		pid_t child;

		assert_int_equal(pipe(pipe_fd), 0);
		child = fork();
		if (child == 0) {
			const uint64_t total = 5000 + (uint64_t)run * 111;
			struct journal j;

			w = open_writer(&c, NULL);
			open_ring(w, 0, &j);
			start(w);
			for (put_cnt = 0; put_cnt < total; put_cnt++) {
				// told before: the writer has no time for the tail
				if (put_cnt == total - TAIL &&
				    write(pipe_fd[1], &total, sizeof(total)) != sizeof(total))
					_exit(1);
				if (put_cnt % 5 == 0)
					put_wire(&j, put_cnt, 100);
				else
					put_note(&j, put_cnt);
				if (put_cnt % 300 == 0)
					wait_taken(&j);
			}
			kill(getpid(), SIGKILL);
			_exit(1);
		}
		assert_int_equal(read(pipe_fd[0], &put_cnt, sizeof(put_cnt)), sizeof(put_cnt));
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
		close(pipe_fd[0]);
		close(pipe_fd[1]);
		w = open_writer(&c, &found);
		assert_true(found.crashed);
		assert_int_equal(found.run, 1);
		assert_int_equal(found.ring_cnt, 1);
		assert_int_equal(found.refused_cnt, 0);
		tails += found.record_cnt > 0;
		read_all(&s);
		assert_int_equal(s.next_n, put_cnt);
		assert_int_equal(s.lane_cnt + s.told_cnt, put_cnt);
		assert_int_equal(s.recovered_cnt, found.record_cnt + 1 + (found.lost_cnt != 0));
		assert_int_equal(s.last_end, JOURNAL_END_CLOSED);
		journal_writer_close(w);
		remove_journal(NULL);
		make_folder(NULL);
	}
	assert_int_equal(tails, 3);
}

/* So many that they fill segments, no faster than the writer takes them. */
static void
put_notes(struct journal *j, uint64_t cnt)
{
	for (uint64_t n = 0; n < cnt; n++) {
		put_note(j, n);
		if (n % 500 == 0)
			wait_taken(j);
	}
}

/* A child that puts so many records and is killed at once: its tail is in the ring. */
static void
leave_a_ring(uint64_t record_cnt)
{
	const struct journal_writer_config c = config();
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct journal_writer *w = open_writer(&c, NULL);
		struct journal j;

		open_ring(w, 0, &j);
		start(w);
		for (uint64_t n = 0; n < record_cnt; n++)
			put_note(&j, n);
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
}

static void
copy_file(const char *from, const char *to)
{
	char command[2048];

	snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	assert_int_equal(system(command), 0);
}

/* Where older versions had it, and where it is when huge pages or a tmpfs came or went since. */
static void
a_ring_is_emptied_wherever_it_was_left(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_recovered found;
	struct journal_writer *w;
	char path[RING_FILE_PATH_MAX];
	struct stat st;
	struct seen s;

	leave_a_ring(50);
	assert_int_equal(find_rings(), 1);
	assert_int_not_equal(ring[0].place, RING_FOLDER);
	snprintf(path, sizeof(path), "%s%s", folder, strrchr(ring[0].path, '/'));
	copy_file(ring[0].path, path);
	ring_file_close(&ring[0], true);
	w = open_writer(&c, &found);
	assert_true(found.crashed);
	assert_int_equal(found.ring_cnt, 1);
	assert_int_equal(found.refused_cnt, 0);
	assert_string_equal(found.why, "");
	assert_int_not_equal(stat(path, &st), 0);
	journal_writer_close(w);
	read_all(&s);
	assert_int_equal(s.lane_cnt, 50);
}

static void
rings_that_are_gone_are_said_to_be(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_recovered found;

	leave_a_ring(50);
	assert_int_equal(find_rings(), 1);
	ring_file_close(&ring[0], true);
	journal_writer_close(open_writer(&c, &found));
	assert_true(found.crashed);
	assert_int_equal(found.ring_cnt, 0);
	assert_non_null(strstr(found.why, "what was only in rings is gone"));
}

/* It has the ring's name in the folder that is everybody's; the ring itself is gone. */
static void
a_file_of_another_user_is_said_and_stays(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_recovered found;
	char path[RING_FILE_PATH_MAX];
	struct journal_writer *w;
	struct journal j;
	struct stat st;

	leave_a_ring(50);
	assert_int_equal(find_rings(), 1);
	memcpy(path, ring[0].path, sizeof(path));
	ring_file_close(&ring[0], false);
	if (chown(path, 65534, (gid_t)-1) != 0)
		skip(); // not root
	w = open_writer(&c, &found);
	assert_true(found.crashed);
	assert_int_equal(found.refused_cnt, 1);
	assert_non_null(strstr(found.why, path));
	assert_non_null(strstr(found.why, "belongs to user 65534"));
	open_ring(w, 0, &j);
	start(w);
	put_note(&j, 0);
	assert_string_not_equal(journal_writer_ring_file(w, 0)->path, path);
	journal_writer_close(w);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	unlink(path);
}

/* A copy of a folder is the same journal, and the ring is the running gateway's. */
static void
a_copy_of_the_folder_does_not_get_a_running_gateways_ring(void **state)
{
	struct journal_writer_config c = config();
	struct journal_writer *w = open_writer(&c, NULL), *other;
	struct journal_recovered found;
	char copy[80], command[512];
	struct journal j;
	struct seen s;
	struct err e;

	open_ring(w, 0, &j);
	start(w);
	put_notes(&j, 500);
	snprintf(copy, sizeof(copy), "%s.copy", folder);
	snprintf(command, sizeof(command), "cp -r '%s' '%s'", folder, copy);
	assert_int_equal(system(command), 0);
	c.folder = copy;
	err_init(&e);
	if (journal_writer_ring_file(w, 0)->place != RING_FOLDER) {
		assert_int_equal(journal_writer_open(&other, &c, &found, &e), -EADDRINUSE);
		assert_non_null(strstr(e.text, "is a copy of its journal's folder"));
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", copy);
	assert_int_equal(system(command), 0);
	put_note(&j, 500);
	wait_taken(&j);
	journal_writer_close(w);
	read_all(&s);
	assert_int_equal(s.lane_cnt, 501);
}

static void
a_start_after_an_orderly_end_finds_nothing_to_do(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_recovered found;
	struct journal_writer *w = open_writer(&c, &found);
	struct journal j;

	assert_false(found.crashed);
	open_ring(w, 0, &j);
	start(w);
	say(w, JOURNAL_STOP, "");
	journal_writer_close(w);
	w = open_writer(&c, &found);
	assert_false(found.crashed);
	assert_int_equal(found.run, 1);
	assert_int_equal(found.ring_cnt, 0);
	journal_writer_close(w);
}

static void
two_gateways_do_not_share_a_folder(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_writer *w = open_writer(&c, NULL), *second;
	struct journal_recovered found;
	struct err e;

	err_init(&e);
	assert_int_equal(journal_writer_open(&second, &c, &found, &e), -EADDRINUSE);
	journal_writer_close(w);
}

/* What was said and settled is there after a kill at that very moment. */
static void
what_the_control_side_said_outlives_a_kill(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_recovered found;
	struct journal_writer *w;
	struct seen s;
	int status;
	pid_t child = fork();

	if (child == 0) {
		w = open_writer(&c, NULL);
		start(w);
		for (int i = 0; i < 100; i++)
			say(w, JOURNAL_COMMAND, "do");
		if (journal_writer_settle(w, 5000))
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	w = open_writer(&c, &found);
	journal_writer_close(w);
	read_all(&s);
	assert_int_equal(s.kind_cnt[JOURNAL_COMMAND], 100);
}

/* The disk takes no more: lanes lose and say so, and when it does again everything goes on. */
static void
a_full_disk_costs_records_and_no_wait(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_writer *w = open_writer(&c, NULL);
	struct journal_stats stats;
	struct rlimit before, none;
	uint64_t n = 0;
	struct journal j;
	struct seen s;

	open_ring(w, 0, &j);
	start(w);
	getrlimit(RLIMIT_FSIZE, &before);
	none = before;
	none.rlim_cur = 4096; // no further segment can be made
	setrlimit(RLIMIT_FSIZE, &none);
	while (j.metrics.lost < 100 && n < 1000000) {
		put_note(&j, n++);
		if (n % 200 == 0)
			sleep_ms(1);
	}
	assert_int_equal(j.metrics.lost, 100);
	sleep_ms(120);
	journal_writer_stats(w, &stats);
	assert_true(stats.write_failed > 0);
	assert_int_equal(stats.error, -EFBIG);
	setrlimit(RLIMIT_FSIZE, &before);
	for (int ms = 0; ms < 3000 && load_acquire_u32(&j.head->taken_pos) != j.put_pos; ms++)
		sleep_ms(1);
	put_note(&j, n++);
	journal_writer_close(w);
	read_all(&s);
	assert_int_equal(s.next_n, n);
	assert_int_equal(s.told_cnt, 100);
	assert_int_equal(s.kind_cnt[JOURNAL_LANE_GAP], 1);
}

static uint64_t
count_files(const char *end)
{
	uint64_t cnt = 0;
	struct dirent *d;
	DIR *dir = opendir(folder);

	while ((d = readdir(dir)) != NULL) {
		const size_t len = strlen(d->d_name), end_len = strlen(end);

		cnt += len > end_len && strcmp(d->d_name + len - end_len, end) == 0;
	}
	closedir(dir);
	return cnt;
}

static void
closed_segments_are_compressed_and_still_read(void **state)
{
	struct journal_writer_config c = config();
	struct journal_writer *w;
	struct journal j;
	struct seen s;

	c.keep.compress = true;
	w = open_writer(&c, NULL);
	open_ring(w, 0, &j);
	start(w);
	put_notes(&j, 40000);
	for (int ms = 0; ms < 5000 && count_files(".zst") < 3; ms += 10)
		sleep_ms(10);
	assert_true(count_files(".zst") >= 3);
	journal_writer_close(w);
	assert_int_equal(count_files(".part"), 0);
	read_all(&s);
	assert_int_equal(s.lane_cnt, 40000);
}

static void
only_so_many_segments_are_kept(void **state)
{
	struct journal_writer_config c = config();
	struct journal_writer *w;
	struct journal j;

	c.keep.keep_segments = 2;
	w = open_writer(&c, NULL);
	open_ring(w, 0, &j);
	start(w);
	put_notes(&j, 45000);
	for (int ms = 0; ms < 5000 && count_files(".sj") > 3; ms += 10)
		sleep_ms(10);
	assert_int_equal(count_files(".sj"), 3); // two, and the one that is written
	journal_writer_close(w);
}

/* A reload: what is closed already goes by it, too. */
static void
what_is_kept_may_change_while_it_runs(void **state)
{
	const struct keeper_config less = { .keep_segments = 1 };
	struct journal_writer_config c = config();
	struct journal_writer *w;
	struct journal_stats stats;
	struct journal j;
	int closed;

	w = open_writer(&c, NULL);
	open_ring(w, 0, &j);
	start(w);
	put_notes(&j, 45000);
	sleep_ms(50);
	closed = count_files(".sj") - 1;
	assert_in_range(closed, 2, 100); // all are kept
	journal_writer_keep(w, &less);
	for (int ms = 0; ms < 5000 && count_files(".sj") > 2; ms += 10)
		sleep_ms(10);
	assert_int_equal(count_files(".sj"), 2); // one, and the one that is written
	for (int ms = 0; ms < 1000; ms += 10) {
		journal_writer_stats(w, &stats);
		if (stats.segment_removed != 0)
			break;
		sleep_ms(10);
	}
	assert_int_equal(stats.segment_removed, closed - 1);
	journal_writer_close(w);
}

/* Numbers: none below the floor of a later start is used by it, whatever happened before. */
static void
reserved_order_numbers_outlive_a_kill(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_writer *w = open_writer(&c, NULL);
	int status;
	pid_t child;

	start(w);
	assert_int_equal(journal_tokens_floor(w, 0, "oe", false), 1);
	assert_int_equal(journal_tokens_end(w, 0), 1); // nothing yet: no order may leave
	journal_writer_close(w);
	child = fork();
	if (child == 0) {
		w = open_writer(&c, NULL);
		start(w);
		journal_tokens_floor(w, 0, "oe", false);
		journal_tokens_floor(w, 1, "other", true);
		journal_tokens_want(w, 0, 5000);
		journal_tokens_want(w, 1, 777);
		for (int ms = 0; ms < 3000 && (journal_tokens_end(w, 0) != 5000 ||
					       journal_tokens_end(w, 1) != 777);
		     ms++)
			sleep_ms(1);
		if (journal_tokens_end(w, 0) == 5000 && journal_tokens_end(w, 1) == 777)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	w = open_writer(&c, NULL);
	assert_int_equal(journal_tokens_floor(w, 1, "oe", false), 5000); // by name, not by place
	assert_int_equal(journal_tokens_floor(w, 0, "other", true), 777);
	assert_int_equal(journal_tokens_floor(w, 2, "new", false), 1);
	journal_writer_close(w);
}

static void
a_damaged_file_of_order_numbers_stops_the_start(void **state)
{
	const struct journal_writer_config c = config();
	struct journal_recovered found;
	struct journal_writer *w;
	char path[128];
	struct err e;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tokens", folder);
	f = fopen(path, "w");
	fputs("oe 20000 5000\ncrc32c 12345678\n", f);
	fclose(f);
	err_init(&e);
	assert_int_equal(journal_writer_open(&w, &c, &found, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "tokens"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_journal)
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_down_is_read_back_over_many_segments),
		TEST(each_segment_says_as_many_names_as_can_be_configured),
		TEST(after_a_kill_the_rings_tail_is_in_the_journal),
		TEST(a_ring_is_emptied_wherever_it_was_left),
		TEST(rings_that_are_gone_are_said_to_be),
		TEST(a_file_of_another_user_is_said_and_stays),
		TEST(a_copy_of_the_folder_does_not_get_a_running_gateways_ring),
		TEST(a_start_after_an_orderly_end_finds_nothing_to_do),
		TEST(two_gateways_do_not_share_a_folder),
		TEST(what_the_control_side_said_outlives_a_kill),
		TEST(a_full_disk_costs_records_and_no_wait),
		TEST(closed_segments_are_compressed_and_still_read),
		TEST(only_so_many_segments_are_kept),
		TEST(what_is_kept_may_change_while_it_runs),
		TEST(reserved_order_numbers_outlive_a_kill),
		TEST(a_damaged_file_of_order_numbers_stops_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
