/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/writer_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "journal/keeper.h"
#include "journal/reader.h"

enum {
	IDLE_US = 1000,       // a ring of 16,384 slots is filled by 2M records/s in 8 ms
	RETRY_MS = 100,       // after the disk refused
	TAKE_MAX = 4096,      // records of one ring before the next one's turn
	KEEPER_WAIT_MS = 250, // between two looks at closed segments
	KEEPER_NICE = 10,
};

uint64_t
journal_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

uint64_t
journal_monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void
read_line(const char *path, char *out, size_t out_bytes)
{
	FILE *f = fopen(path, "re");

	out[0] = '\0';
	if (f == NULL)
		return;
	if (fgets(out, (int)out_bytes, f) == NULL)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	fclose(f);
}

const char *
journal_boot_id(void)
{
	static char id[40];

	if (id[0] == '\0')
		read_line("/proc/sys/kernel/random/boot_id", id, sizeof(id));
	return id;
}

/*
 * Records
 */

/*
 * What indexes stand for, at the start of each segment.  Names of indexes that follow one another
 * share a record, a line each, so that 8,255 symbols take a twelfth of the smallest segment.
 */
static void
put_names(struct journal_writer *w, uint64_t now_ns)
{
	struct {
		struct journal_text t;
		char text[NAMES_TEXT_BYTES];
	} r;

	for (uint32_t i = 0; i < w->name_cnt;) {
		const struct journal_name *first = &w->name[i];
		size_t len = strlen(first->text);
		uint32_t cnt = 1;

		memcpy(r.text, first->text, len);
		while (i + cnt < w->name_cnt && strchr(first->text, '\n') == NULL) {
			const struct journal_name *n = &first[cnt];
			const size_t more = strlen(n->text);

			if (n->what != first->what || n->idx != first->idx + cnt ||
			    strchr(n->text, '\n') != NULL || len + 1 + more > sizeof(r.text))
				break;
			r.text[len] = '\n';
			memcpy(r.text + len + 1, n->text, more);
			len += 1 + more;
			cnt++;
		}
		r.t = (struct journal_text){ .ns = now_ns,
					     .arg = first->what | (uint32_t)first->idx << 8,
					     .value = { cnt == 1 ? 0 : cnt } };
		writer_put(w, JOURNAL_NAME, JOURNAL_LANE_CONTROL, 0, w->run, &r,
			   (uint32_t)(sizeof(r.t) + len));
		i += cnt;
	}
}

int
writer_next_segment(struct journal_writer *w)
{
	struct journal_head h = {
		.byte_order = JOURNAL_BYTE_ORDER,
		.version = JOURNAL_VERSION,
		.head_bytes = JOURNAL_HEAD_BYTES,
		.slot_version = JOURNAL_RING_VERSION,
		.journal_id = w->journal_id,
		.segment_no = w->segment.no + 1,
		.first_seq = w->next_seq,
		.created_ns = journal_now_ns(),
		.start_ns = w->c.start_ns,
		.run = w->run,
		.segment_bytes = (uint32_t)w->c.segment_bytes,
	};
	int rc, spare_fd;

	memcpy(h.magic, JOURNAL_MAGIC, sizeof(h.magic));
	gethostname(h.machine, sizeof(h.machine) - 1);
	read_line("/etc/machine-id", h.machine_id, sizeof(h.machine_id));
	snprintf(h.boot_id, sizeof(h.boot_id), "%s", journal_boot_id());
	memcpy(h.build, w->build, sizeof(h.build));
	h.crc = journal_head_crc(&h);
	spare_fd = helper_take_spare(&w->helper);
	rc = segment_make(&w->segment, w->folder, &h, spare_fd);
	helper_folder_changed(&w->helper); // also when the spare file came to nothing
	if (rc != 0)
		return rc;
	if (load_relaxed_u64(&w->open_no) == 0)
		store_release_u64(&w->open_no, h.segment_no);
	put_names(w, h.created_ns);
	return 0;
}

void
writer_put(struct journal_writer *w, uint8_t kind, uint8_t lane_idx, uint16_t flags, uint32_t run,
	   const void *payload, uint32_t len)
{
	const struct journal_frame f = {
		.len = len,
		.seq = w->next_seq++,
		.kind = kind,
		.lane_idx = lane_idx,
		.flags = flags,
		.run = run,
	};

	segment_put(&w->segment, &f, payload, NULL, 0);
}

int
writer_end_segment(struct journal_writer *w, uint32_t run, uint16_t flags)
{
	const struct journal_text end = {
		.ns = journal_now_ns(),
		.value = { w->segment.record_cnt + 1, w->segment.at + w->segment.buf_len },
	};
	int rc;

	if (!w->segment.ended)
		writer_put(w, JOURNAL_END, JOURNAL_LANE_CONTROL, flags, run, &end, sizeof(end));
	w->segment.ended = true;
	rc = segment_flush(&w->segment);
	if (rc != 0)
		return rc;
	if (helper_close(&w->helper, w->segment.fd, w->segment.no, w->segment.at) == 0) {
		w->segment.fd = -1;
		return 0;
	}
	rc = segment_close(&w->segment);
	store_release_u64(&w->open_no, w->segment.no + 1);
	return rc;
}

/*
 * The writer's thread
 */

static void
note(struct journal_writer *w, int rc)
{
	metric_set((uint64_t *)&w->stats.error,
		   (uint64_t)(int64_t)(rc != 0 ? rc : w->helper_error));
	if (rc != 0) {
		metric_add(&w->stats.write_failed, 1);
		w->retry_ns = journal_monotonic_ns() + RETRY_MS * 1000000ULL;
	}
}

/* What the control side lost is said as soon as there is room. */
static void
put_lost(struct journal_writer *w)
{
	struct journal_text t = { .ns = journal_now_ns() };

	pthread_mutex_lock(&w->mutex);
	t.value[0] = w->lost_cnt;
	t.value[1] = w->lost_ns;
	w->lost_cnt = 0;
	pthread_mutex_unlock(&w->mutex);
	if (t.value[0] != 0)
		writer_put(w, JOURNAL_GAP, JOURNAL_LANE_CONTROL, 0, w->run, &t, sizeof(t));
}

/* What the control thread said; false when it does not all fit now. */
static bool
put_said(struct journal_writer *w)
{
	if (w->writing_at == w->writing.len) {
		struct said swap;

		pthread_mutex_lock(&w->mutex);
		swap = w->waiting;
		w->waiting = (struct said){ w->writing.bytes, 0 };
		w->taken_cnt = w->said_cnt;
		w->writing = swap;
		pthread_mutex_unlock(&w->mutex);
		w->writing_at = 0;
	}
	while (w->writing_at < w->writing.len) {
		uint32_t head[2]; // kind, length

		if (w->segment.buf_len >= SEGMENT_PIECE_BYTES)
			return false;
		memcpy(head, w->writing.bytes + w->writing_at, sizeof(head));
		writer_put(w, (uint8_t)head[0], JOURNAL_LANE_CONTROL, 0, w->run,
			   w->writing.bytes + w->writing_at + sizeof(head), head[1]);
		w->writing_at += sizeof(head) + head[1];
	}
	put_lost(w);
	return true;
}

static uint32_t
put_ring(struct journal_writer *w, uint32_t lane_idx)
{
	uint8_t record[JOURNAL_RECORD_MAX];
	uint32_t len, cnt = 0;

	while (cnt < TAKE_MAX && segment_has_room(&w->segment)) {
		const enum journal_found found = journal_take(&w->taker[lane_idx], record, &len);

		if (found == JOURNAL_FOUND_TORN) // cannot be while the lane lives
			metric_add(&w->stats.torn, 1);
		if (found != JOURNAL_FOUND_RECORD)
			break;
		writer_put(w, record[offsetof(struct journal_slot, kind)], (uint8_t)lane_idx, 0,
			   w->run, record, len);
		cnt++;
	}
	return cnt;
}

static void
count(struct journal_writer *w, uint64_t records, uint64_t bytes)
{
	metric_add(&w->stats.record, records);
	metric_add(&w->stats.byte, bytes);
	metric_set(&w->stats.segment_no, w->segment.no);
	metric_set(&w->stats.segment_at, w->segment.at);
	metric_set(&w->stats.segment_bytes, w->segment.bytes);
	metric_set(&w->stats.next_seq, w->next_seq);
}

static void
sync_when_due(struct journal_writer *w, bool now)
{
	const uint64_t at_ns = journal_monotonic_ns();
	int rc;

	if (w->segment.fd < 0 || !w->segment.dirty ||
	    (!now && at_ns - w->synced_ns < w->c.sync_ms * 1000000ULL))
		return;
	w->synced_ns = at_ns;
	if (w->c.sync_ms != 0 && w->helper.started) {
		w->segment.dirty = false;
		helper_sync(&w->helper, w->segment.fd, w->next_seq);
		return;
	}
	rc = segment_sync(&w->segment);
	if (rc != 0) {
		note(w, rc);
		return;
	}
	metric_add(&w->stats.sync, 1);
	metric_set(&w->stats.synced_seq, w->next_seq);
}

/* What the helper has done meanwhile, and whether the disk refused it. */
static void
look_at_helper(struct journal_writer *w)
{
	struct helper_state h;

	if (!w->helper.started)
		return;
	helper_look(&w->helper, &h);
	if (w->c.sync_ms != 0) {
		metric_set(&w->stats.sync, h.sync_cnt);
		metric_set(&w->stats.synced_seq, h.synced_seq);
	}
	if (h.closed_no >= load_relaxed_u64(&w->open_no))
		store_release_u64(&w->open_no, h.closed_no + 1);
	store_relaxed_u64(&w->helper_ns, h.since_ns);
	if (h.error != w->helper_error) {
		w->helper_error = h.error;
		metric_set((uint64_t *)&w->stats.error, (uint64_t)(int64_t)h.error);
		metric_add(&w->stats.write_failed, h.error != 0);
	}
}

/* The piece goes to the file; then the rings' slots are the lanes' again. */
static bool
flush(struct journal_writer *w)
{
	const uint64_t bytes = w->segment.buf_len;
	const uint64_t first = w->stats.next_seq;
	int rc;

	if (w->segment.buf_len == 0)
		return true;
	rc = segment_flush(&w->segment);
	note(w, rc);
	if (rc != 0)
		return false;
	for (uint32_t i = 0; i < JOURNAL_WRITER_LANES; i++)
		if (w->ring[i].head != NULL)
			journal_taken(&w->taker[i]);
	count(w, w->next_seq - first, bytes);
	return true;
}

/* One round.  True when there may be more to do at once. */
static bool
round_of(struct journal_writer *w)
{
	uint32_t cnt = 0;
	bool all;
	int rc;

	look_at_helper(w);
	if (journal_monotonic_ns() < w->retry_ns)
		return false;
	if (w->segment.buf_len != 0 && !flush(w)) // what the disk refused before
		return false;
	if (w->segment.fd >= 0 && (w->segment.ended || segment_is_full(&w->segment))) {
		rc = writer_end_segment(w, w->run, 0);
		note(w, rc);
		if (w->segment.fd >= 0)
			return false; // its last record waits in the piece
		metric_add(&w->stats.segment_closed, 1);
	}
	if (w->segment.fd < 0) {
		rc = writer_next_segment(w);
		note(w, rc);
		if (rc != 0)
			return false;
	}
	all = put_said(w);
	for (uint32_t i = 0; i < JOURNAL_WRITER_LANES; i++)
		if (w->ring[i].head != NULL)
			cnt += put_ring(w, i);
	if (!flush(w))
		return false;
	if (all)
		store_release_u64(&w->done_cnt, w->taken_cnt); // pairs with journal_writer_settle
	sync_when_due(w, false);
	return !all || cnt != 0 || segment_is_full(&w->segment);
}

static void *
run_writer(void *arg)
{
	const struct timespec idle = { .tv_nsec = IDLE_US * 1000 };
	struct journal_writer *w = arg;

	for (;;) {
		const bool last = load_acquire_u32(&w->stop) != 0; // before the round: it takes all

		store_relaxed_u64(&w->round_ns, journal_monotonic_ns());
		if (round_of(w))
			continue;
		if (last)
			break;
		nanosleep(&idle, NULL);
	}
	return NULL;
}

/* Until the next look at closed segments, or the end. */
static void
keeper_wait(struct journal_writer *w, uint32_t keep_no)
{
	const uint64_t until_ns = journal_now_ns() + KEEPER_WAIT_MS * 1000000ULL;
	const struct timespec until = { (time_t)(until_ns / NS_PER_SEC),
					(long)(until_ns % NS_PER_SEC) };

	pthread_mutex_lock(&w->mutex);
	if (load_relaxed_u32(&w->stop_keep) == 0 && w->keep_no == keep_no)
		pthread_cond_timedwait(&w->keeper_cond, &w->mutex, &until);
	pthread_mutex_unlock(&w->mutex);
}

/* What is to be kept now.  Returns how often that was said. */
static uint32_t
keeper_ask(struct journal_writer *w, struct keeper_config *keep)
{
	uint32_t no;

	pthread_mutex_lock(&w->mutex);
	*keep = w->c.keep;
	no = w->keep_no;
	pthread_mutex_unlock(&w->mutex);
	return no;
}

static void *
run_keeper(void *arg)
{
	struct journal_writer *w = arg;
	uint64_t seen_no = 0, next_ns = 0;
	uint32_t seen_keep_no = 0;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), KEEPER_NICE);
	while (load_acquire_u32(&w->stop_keep) == 0) {
		const uint64_t no = load_acquire_u64(&w->open_no);
		const uint64_t now_ns = journal_monotonic_ns();
		struct keeper_config keep;
		const uint32_t keep_no = keeper_ask(w, &keep);

		if (no != seen_no || keep_no != seen_keep_no || now_ns >= next_ns) {
			const struct keeper_did did =
				keeper_round(w->folder, &keep, no, journal_now_ns(), &w->stop_keep);

			metric_add(&w->stats.segment_compressed, did.compressed_cnt);
			metric_add(&w->stats.segment_removed, did.removed_cnt);
			metric_add(&w->stats.capture_removed, did.captures_removed_cnt);
			seen_no = no;
			seen_keep_no = keep_no;
			next_ns = now_ns + 60 * NS_PER_SEC; // days pass, too
		}
		keeper_wait(w, keep_no);
	}
	return NULL;
}

/*
 * The control side
 */

int
journal_writer_name(struct journal_writer *w, const struct journal_name *n)
{
	if (w->name_cnt == w->name_room) {
		const uint32_t room = w->name_room == 0 ? 256 : w->name_room * 2;
		struct journal_name *name = realloc(w->name, room * sizeof(*name));

		if (name == NULL)
			return -ENOMEM;
		w->name = name;
		w->name_room = room;
	}
	w->name[w->name_cnt++] = *n;
	return 0;
}

void
journal_writer_keep(struct journal_writer *w, const struct keeper_config *keep)
{
	pthread_mutex_lock(&w->mutex);
	w->c.keep = *keep;
	w->keep_no++;
	pthread_cond_signal(&w->keeper_cond);
	pthread_mutex_unlock(&w->mutex);
}

int
journal_writer_ring(struct journal_writer *w, uint32_t lane_idx, const char *lane_name,
		    struct event_sink *events, struct journal *out, struct err *e)
{
	const struct ring_file_config c = {
		.places = ring_places_of(w->folder),
		.journal_id = w->journal_id,
		.lane_idx = lane_idx,
		.slot_cnt = w->c.ring_slots,
		.run = w->run,
		.start_ns = w->c.start_ns,
		.lane_name = lane_name,
		.boot_id = journal_boot_id(),
	};
	int rc;

	if (lane_idx >= JOURNAL_WRITER_LANES)
		return err_set(e, -ENOSPC, "the journal has room for %d lanes",
			       JOURNAL_WRITER_LANES);
	rc = ring_file_make(&w->ring[lane_idx], &c, e);
	if (rc != 0)
		return rc;
	journal_taker_init(&w->taker[lane_idx], w->ring[lane_idx].head);
	journal_init(out, w->ring[lane_idx].head, events, w->c.stop_on_gap);
	return 0;
}

const struct ring_file *
journal_writer_ring_file(const struct journal_writer *w, uint32_t lane_idx)
{
	return w->ring[lane_idx].head == NULL ? NULL : &w->ring[lane_idx];
}

void
journal_writer_say(struct journal_writer *w, enum journal_kind kind,
		   const struct journal_text *head, const char *text, size_t len)
{
	struct journal_text t = *head;
	uint32_t frame[2] = { kind };
	uint8_t *at;

	if (t.ns == 0)
		t.ns = journal_now_ns();
	if (len > JOURNAL_PAYLOAD_MAX - sizeof(t))
		len = JOURNAL_PAYLOAD_MAX - sizeof(t);
	frame[1] = (uint32_t)(sizeof(t) + len);
	pthread_mutex_lock(&w->mutex);
	w->said_cnt++;
	if (SAID_BYTES - w->waiting.len < sizeof(frame) + frame[1]) {
		if (w->lost_cnt++ == 0)
			w->lost_ns = t.ns;
		metric_add(&w->stats.lost, 1);
	} else {
		at = w->waiting.bytes + w->waiting.len;
		memcpy(at, frame, sizeof(frame));
		memcpy(at + sizeof(frame), &t, sizeof(t));
		if (len != 0)
			memcpy(at + sizeof(frame) + sizeof(t), text, len);
		w->waiting.len += sizeof(frame) + frame[1];
	}
	pthread_mutex_unlock(&w->mutex);
}

bool
journal_writer_settle(struct journal_writer *w, uint32_t wait_ms)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	const uint64_t end_ns = journal_monotonic_ns() + wait_ms * 1000000ULL;
	uint64_t want;

	pthread_mutex_lock(&w->mutex);
	want = w->said_cnt;
	pthread_mutex_unlock(&w->mutex);
	while (w->started && load_acquire_u64(&w->done_cnt) < want) {
		if (journal_monotonic_ns() >= end_ns)
			return false;
		nanosleep(&pause, NULL);
	}
	return w->started;
}

void
journal_writer_stats(const struct journal_writer *w, struct journal_stats *out)
{
	const uint64_t round_ns = load_relaxed_u64(&w->round_ns), now_ns = journal_monotonic_ns();
	const uint64_t helper_ns = load_relaxed_u64(&w->helper_ns);

	for (size_t i = 0; i < sizeof(*out) / sizeof(uint64_t); i++) // words with one writer each
		((uint64_t *)(void *)out)[i] =
			load_relaxed_u64(&((const uint64_t *)(const void *)&w->stats)[i]);
	out->run = w->run;
	out->behind_ns = round_ns != 0 && now_ns > round_ns ? now_ns - round_ns : 0;
	if (helper_ns != 0 && now_ns > helper_ns && now_ns - helper_ns > out->behind_ns)
		out->behind_ns = now_ns - helper_ns;
}

uint32_t
journal_tokens_floor(struct journal_writer *w, uint32_t session_idx, const char *name, bool daily)
{
	return tokens_floor(&w->tokens, session_idx, name, daily, journal_now_ns());
}

void
journal_tokens_want(struct journal_writer *w, uint32_t session_idx, uint32_t end)
{
	tokens_want(&w->tokens, session_idx, end);
}

uint32_t
journal_tokens_end(struct journal_writer *w, uint32_t session_idx)
{
	return tokens_end(&w->tokens, session_idx);
}

/* One process writes to a folder.  The kernel gives the lock back when it dies. */
static int
lock_folder(struct journal_writer *w, struct err *e)
{
	char path[SEGMENT_PATH_MAX + 16];

	if (mkdir(w->folder, 0700) != 0 && errno != EEXIST)
		return err_set(e, -errno,
			       "journal.directory: %s cannot be made: %s; make it, or name another",
			       w->folder, strerror(errno));
	snprintf(path, sizeof(path), "%s/lock", w->folder);
	w->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->lock_fd < 0)
		return err_set(e, -errno, "journal.directory: %s: %s", path, strerror(errno));
	if (flock(w->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(
			e, -EADDRINUSE,
			"journal.directory: another gateway writes its journal to %s; give each a "
			"folder of its own",
			w->folder);
	return 0;
}

static void
writer_free(struct journal_writer *w)
{
	for (uint32_t i = 0; i < JOURNAL_WRITER_LANES; i++)
		ring_file_close(&w->ring[i], false);
	helper_stop(&w->helper);
	segment_fini(&w->segment);
	if (w->lock_fd >= 0)
		close(w->lock_fd);
	tokens_close(&w->tokens);
	pthread_cond_destroy(&w->keeper_cond);
	pthread_mutex_destroy(&w->mutex);
	free(w->name);
	free(w->waiting.bytes);
	free(w->writing.bytes);
	free(w);
}

int
journal_writer_open(struct journal_writer **out, const struct journal_writer_config *c,
		    struct journal_recovered *found, struct err *e)
{
	struct journal_writer *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return err_set(e, -ENOMEM, "no memory for the journal");
	w->c = *c;
	w->lock_fd = -1;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->keeper_cond, NULL);
	snprintf(w->folder, sizeof(w->folder), "%s", c->folder);
	snprintf(w->build, sizeof(w->build), "%s", c->build);
	w->c.folder = w->folder;
	w->c.build = w->build;
	w->waiting.bytes = malloc(SAID_BYTES);
	w->writing.bytes = malloc(SAID_BYTES);
	rc = segment_init(&w->segment);
	if (rc != 0 || w->waiting.bytes == NULL || w->writing.bytes == NULL)
		rc = err_set(e, -ENOMEM, "no memory for the journal");
	signal(SIGXFSZ, SIG_IGN); // a file that may not grow is an error of write
	if (rc == 0)
		rc = lock_folder(w, e);
	if (rc == 0)
		segment_drop_spare(w->folder); // a killed process's
	if (rc == 0)
		rc = tokens_open(&w->tokens, w->folder, e);
	else
		pthread_mutex_init(&w->tokens.mutex, NULL);
	if (rc == 0)
		rc = writer_recover(w, found, e);
	if (rc != 0) {
		writer_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

int
journal_writer_start(struct journal_writer *w, struct err *e)
{
	int rc = writer_next_segment(w);

	if (rc != 0)
		return err_set(
			e, rc,
			"journal.directory: no segment of %llu MiB can be made in %s: %s; free "
			"space, or set journal.segment_mb",
			(unsigned long long)(w->c.segment_bytes >> 20), w->folder, strerror(-rc));
	count(w, 0, 0);
	rc = tokens_start(&w->tokens);
	if (rc == 0)
		rc = helper_start(&w->helper, w->folder, w->c.segment_bytes);
	if (rc == 0)
		rc = -pthread_create(&w->writer, NULL, run_writer, w);
	if (rc == 0) {
		w->started = true;
		rc = -pthread_create(&w->keeper, NULL, run_keeper, w);
		if (rc != 0) {
			store_release_u32(&w->stop, 1);
			pthread_join(w->writer, NULL);
			w->started = false;
		}
	}
	return rc == 0 ? 0
		       : err_set(e, rc, "the journal's threads cannot start: %s", strerror(-rc));
}

void
journal_writer_close(struct journal_writer *w)
{
	if (w->started) {
		pthread_mutex_lock(&w->mutex);
		store_release_u32(&w->stop_keep, 1);
		pthread_cond_signal(&w->keeper_cond);
		pthread_mutex_unlock(&w->mutex);
		pthread_join(w->keeper, NULL);
		store_release_u32(&w->stop, 1);
		pthread_join(w->writer, NULL);
		helper_stop(&w->helper); // segments are closed in their order
		if (w->segment.fd >= 0 && w->segment.buf_len == 0 &&
		    writer_end_segment(w, w->run, 0) == 0) {
			for (uint32_t i = 0; i < JOURNAL_WRITER_LANES; i++)
				ring_file_close(&w->ring[i], true);
		}
	} else {
		for (uint32_t i = 0; i < JOURNAL_WRITER_LANES; i++)
			ring_file_close(&w->ring[i], true);
	}
	writer_free(w);
}
