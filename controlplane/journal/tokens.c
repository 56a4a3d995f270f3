/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "journal/format.h"

enum {
	DAY_START_HOUR = 6,  // UTC: night on US exchanges in summer and winter
	HALF_WAY = 1U << 31, // numbers that never began again on another day do so from here
	RETRY_MS = 200,
	TEXT_MAX = TOKENS_LINES * (TOKENS_NAME_LEN + 32) + 64,
};

static uint32_t
day_of(uint64_t ns)
{
	return (uint32_t)((ns / NS_PER_SEC - DAY_START_HOUR * 3600) / (24 * 3600));
}

static uint32_t
today(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return day_of((uint64_t)t.tv_sec * NS_PER_SEC);
}

static size_t
write_text(const struct tokens *t, char text[TEXT_MAX])
{
	size_t len = 0;

	for (uint32_t i = 0; i < t->line_cnt; i++)
		len += (size_t)snprintf(text + len, TEXT_MAX - len, "%s %u %u\n", t->line[i].name,
					t->line[i].day, t->line[i].end);
	return len +
	       (size_t)snprintf(text + len, TEXT_MAX - len, "crc32c %08x\n", crc32c(0, text, len));
}

/* False: it is not what write_text writes. */
static bool
read_text(struct tokens *t, char *text)
{
	char *end = strstr(text, "crc32c "), *save = NULL;
	unsigned crc;

	if (end == NULL || sscanf(end, "crc32c %8x", &crc) != 1 ||
	    crc != crc32c(0, text, (size_t)(end - text)))
		return false;
	*end = '\0';
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		struct tokens_line *l = &t->line[t->line_cnt];

		if (t->line_cnt == TOKENS_LINES ||
		    sscanf(line, "%63s %u %u", l->name, &l->day, &l->end) != 3)
			return false;
		t->line_cnt++;
	}
	return true;
}

int
tokens_open(struct tokens *t, const char *folder, struct err *e)
{
	char text[TEXT_MAX + 1];
	ssize_t len;
	int fd;

	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->mutex, NULL);
	pthread_cond_init(&t->cond, NULL);
	snprintf(t->path, sizeof(t->path), "%s/tokens", folder);
	fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_set(e, -errno, "%s: %s", t->path, strerror(errno));
	len = read(fd, text, TEXT_MAX);
	close(fd);
	if (len < 0)
		return err_set(e, -EIO, "%s: it cannot be read", t->path);
	text[len] = '\0';
	if (!read_text(t, text))
		return err_set(e, -EBADMSG,
			       "%s: it is damaged, so nobody knows which order numbers were used; "
			       "find the "
			       "highest of today with sluice-journal, or remove the file when the "
			       "venue began a "
			       "new day",
			       t->path);
	return 0;
}

/* The file is replaced as a whole, and is on the disk when this returns 0. */
static int
keep(const struct tokens *t)
{
	char text[TEXT_MAX], part[700], folder[640];
	const size_t len = write_text(t, text);
	int fd, rc = 0;

	snprintf(part, sizeof(part), "%s.part", t->path);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len || fsync(fd) != 0)
		rc = errno == 0 ? -EIO : -errno;
	close(fd);
	if (rc == 0 && rename(part, t->path) != 0)
		rc = -errno;
	if (rc != 0)
		return rc;
	snprintf(folder, sizeof(folder), "%s", t->path);
	fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

/* Whether something is wanted that is not durable; the lines then say it. */
static bool
take_wants(struct tokens *t)
{
	bool any = false;

	for (uint32_t i = 0; i < TOKENS_SESSIONS; i++) {
		struct tokens_line *l;

		if (t->row[i] == 0 || t->want[i] <= t->durable[i])
			continue;
		l = &t->line[t->row[i] - 1];
		l->day = today();
		l->end = t->want[i];
		any = true;
	}
	return any;
}

static void *
run(void *arg)
{
	struct tokens *t = arg;

	pthread_mutex_lock(&t->mutex);
	while (!t->stop) {
		struct tokens copy;
		int rc;

		if (!take_wants(t)) {
			pthread_cond_wait(&t->cond, &t->mutex);
			continue;
		}
		copy = *t;
		pthread_mutex_unlock(&t->mutex);
		rc = keep(&copy);
		if (rc != 0)
			nanosleep(&(const struct timespec){ .tv_nsec = RETRY_MS * 1000000L }, NULL);
		pthread_mutex_lock(&t->mutex);
		t->failed_cnt += rc != 0;
		for (uint32_t i = 0; rc == 0 && i < TOKENS_SESSIONS; i++)
			if (copy.row[i] != 0)
				t->durable[i] = copy.line[copy.row[i] - 1].end;
	}
	pthread_mutex_unlock(&t->mutex);
	return NULL;
}

int
tokens_start(struct tokens *t)
{
	const int rc = pthread_create(&t->thread, NULL, run, t);

	t->running = rc == 0;
	return -rc;
}

void
tokens_close(struct tokens *t)
{
	if (t->running) {
		pthread_mutex_lock(&t->mutex);
		t->stop = true;
		pthread_cond_signal(&t->cond);
		pthread_mutex_unlock(&t->mutex);
		pthread_join(t->thread, NULL);
		t->running = false;
	}
	pthread_cond_destroy(&t->cond);
	pthread_mutex_destroy(&t->mutex);
}

/* The session's line; with a full table that of the longest ago. */
static struct tokens_line *
line_of(struct tokens *t, const char *name)
{
	struct tokens_line *oldest = &t->line[0];

	for (uint32_t i = 0; i < t->line_cnt; i++) {
		if (strcmp(t->line[i].name, name) == 0)
			return &t->line[i];
		if (t->line[i].day < oldest->day)
			oldest = &t->line[i];
	}
	if (t->line_cnt < TOKENS_LINES)
		oldest = &t->line[t->line_cnt++];
	memset(oldest, 0, sizeof(*oldest));
	snprintf(oldest->name, sizeof(oldest->name), "%s", name);
	return oldest;
}

uint32_t
tokens_floor(struct tokens *t, uint32_t session_idx, const char *name, bool daily, uint64_t now_ns)
{
	struct tokens_line *l;
	uint32_t floor;

	if (session_idx >= TOKENS_SESSIONS)
		return 1;
	pthread_mutex_lock(&t->mutex);
	l = line_of(t, name);
	if (l->end == 0 || (l->day != day_of(now_ns) && (daily || l->end >= HALF_WAY)))
		l->end = 1;
	floor = l->end;
	t->row[session_idx] = (uint32_t)(l - t->line) + 1;
	t->durable[session_idx] = floor;
	pthread_mutex_unlock(&t->mutex);
	return floor;
}

void
tokens_want(struct tokens *t, uint32_t session_idx, uint32_t end)
{
	if (session_idx >= TOKENS_SESSIONS)
		return;
	pthread_mutex_lock(&t->mutex);
	if (end > t->want[session_idx]) {
		t->want[session_idx] = end;
		pthread_cond_signal(&t->cond);
	}
	pthread_mutex_unlock(&t->mutex);
}

uint32_t
tokens_end(struct tokens *t, uint32_t session_idx)
{
	uint32_t end;

	if (session_idx >= TOKENS_SESSIONS)
		return 0;
	pthread_mutex_lock(&t->mutex);
	end = t->durable[session_idx];
	pthread_mutex_unlock(&t->mutex);
	return end;
}
