/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/helper.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"

enum {
	RETRY_MS = 100, // after the disk refused
};

static uint64_t
monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/*
 * One thing that waits for the disk, the oldest promise first.  The mutex is held, and released
 * while the disk works: descriptors named here are closed by nobody else.  False: there is nothing
 * to do, or the disk refused.
 */
static bool
work(struct helper *h)
{
	uint64_t seq = 0;
	int rc = 0;

	if (h->closing_cnt != 0) {
		const int fd = h->closing[0].fd;
		const uint64_t no = h->closing[0].no, bytes = h->closing[0].bytes;

		if (h->sync_fd == fd) { // closing syncs it, and its number may be another's then
			h->sync_fd = -1;
			seq = h->sync_seq;
		}
		pthread_mutex_unlock(&h->mutex);
		rc = segment_finish(fd, bytes);
		pthread_mutex_lock(&h->mutex);
		h->error = rc;
		if (rc == 0 && seq > h->synced_seq)
			h->synced_seq = seq;
		memmove(h->closing, h->closing + 1,
			(HELPER_CLOSING_MAX - 1) * sizeof(h->closing[0]));
		h->closing_cnt--;
		h->closed_no = no;
		return true;
	}
	if (h->folder_changed) {
		h->folder_changed = false;
		pthread_mutex_unlock(&h->mutex);
		segment_sync_folder(h->folder);
		pthread_mutex_lock(&h->mutex);
		return true;
	}
	if (h->sync_fd >= 0) {
		const int fd = h->sync_fd;

		seq = h->sync_seq;
		pthread_mutex_unlock(&h->mutex);
		rc = fdatasync(fd) == 0 ? 0 : -errno;
		pthread_mutex_lock(&h->mutex);
		h->error = rc;
		if (rc != 0)
			return false;
		h->sync_cnt++;
		h->synced_seq = seq;
		if (h->sync_seq == seq)
			h->sync_fd = -1;
		return true;
	}
	if (h->want_spare && h->spare_fd < 0) {
		pthread_mutex_unlock(&h->mutex);
		rc = segment_make_spare(h->folder, h->segment_bytes);
		pthread_mutex_lock(&h->mutex);
		h->spare_fd = rc < 0 ? -1 : rc;
		return rc >= 0; // a full disk is the writer's to tell, when it needs the file
	}
	return false;
}

static void *
run(void *arg)
{
	struct helper *h = arg;

	pthread_mutex_lock(&h->mutex);
	for (;;) {
		struct timespec until;
		uint64_t at_ns;

		h->since_ns = monotonic_ns();
		if (work(h))
			continue;
		h->since_ns = 0;
		if (h->stop && (h->closing_cnt == 0 || h->error != 0))
			break;
		at_ns = monotonic_ns() + RETRY_MS * 1000000ULL;
		until = (struct timespec){ (time_t)(at_ns / NS_PER_SEC),
					   (long)(at_ns % NS_PER_SEC) };
		if (h->sync_fd >= 0 || (h->want_spare && h->spare_fd < 0))
			pthread_cond_timedwait(&h->cond, &h->mutex, &until);
		else
			pthread_cond_wait(&h->cond, &h->mutex);
	}
	pthread_mutex_unlock(&h->mutex);
	return NULL;
}

int
helper_start(struct helper *h, const char *folder, uint64_t segment_bytes)
{
	pthread_condattr_t clock;
	int rc;

	memset(h, 0, sizeof(*h));
	h->spare_fd = h->sync_fd = -1;
	h->segment_bytes = segment_bytes;
	h->want_spare = true;
	strncpy(h->folder, folder, sizeof(h->folder) - 1);
	pthread_mutex_init(&h->mutex, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&h->cond, &clock);
	pthread_condattr_destroy(&clock);
	rc = -pthread_create(&h->thread, NULL, run, h);
	h->started = rc == 0;
	return rc;
}

void
helper_stop(struct helper *h)
{
	if (!h->started)
		return;
	pthread_mutex_lock(&h->mutex);
	h->stop = true;
	h->want_spare = false;
	pthread_cond_signal(&h->cond);
	pthread_mutex_unlock(&h->mutex);
	pthread_join(h->thread, NULL);
	h->started = false;
	if (h->spare_fd >= 0)
		close(h->spare_fd);
	segment_drop_spare(h->folder);
	pthread_cond_destroy(&h->cond);
	pthread_mutex_destroy(&h->mutex);
}

int
helper_take_spare(struct helper *h)
{
	int fd;

	if (!h->started)
		return -1;
	pthread_mutex_lock(&h->mutex);
	fd = h->spare_fd;
	h->spare_fd = -1;
	h->want_spare = fd < 0; // another when this one has got its name: helper_folder_changed
	pthread_mutex_unlock(&h->mutex);
	return fd;
}

void
helper_folder_changed(struct helper *h)
{
	if (!h->started)
		return;
	pthread_mutex_lock(&h->mutex);
	h->folder_changed = true;
	h->want_spare = true;
	pthread_cond_signal(&h->cond);
	pthread_mutex_unlock(&h->mutex);
}

int
helper_close(struct helper *h, int fd, uint64_t no, uint64_t bytes)
{
	int rc = -EBUSY;

	if (!h->started)
		return rc;
	pthread_mutex_lock(&h->mutex);
	if (h->closing_cnt < HELPER_CLOSING_MAX) {
		h->closing[h->closing_cnt].fd = fd;
		h->closing[h->closing_cnt].no = no;
		h->closing[h->closing_cnt++].bytes = bytes;
		pthread_cond_signal(&h->cond);
		rc = 0;
	}
	pthread_mutex_unlock(&h->mutex);
	return rc;
}

void
helper_sync(struct helper *h, int fd, uint64_t seq)
{
	pthread_mutex_lock(&h->mutex);
	h->sync_fd = fd;
	h->sync_seq = seq;
	pthread_cond_signal(&h->cond);
	pthread_mutex_unlock(&h->mutex);
}

void
helper_look(struct helper *h, struct helper_state *out)
{
	memset(out, 0, sizeof(*out));
	if (!h->started)
		return;
	pthread_mutex_lock(&h->mutex);
	*out = (struct helper_state){ h->sync_cnt, h->synced_seq, h->closed_no, h->since_ns,
				      h->error };
	pthread_mutex_unlock(&h->mutex);
}
