/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
segment_init(struct segment *s)
{
	memset(s, 0, sizeof(*s));
	s->fd = -1;
	s->buf = malloc(SEGMENT_BUF_BYTES);
	return s->buf == NULL ? -ENOMEM : 0;
}

void
segment_fini(struct segment *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->buf);
	s->fd = -1;
	s->buf = NULL;
}

static int
write_at(int fd, const void *bytes, size_t len, uint64_t at, size_t *written)
{
	while (*written < len) {
		const ssize_t n = pwrite(fd, (const uint8_t *)bytes + *written, len - *written,
					 (off_t)(at + *written));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENOSPC;
		*written += (size_t)n;
	}
	return 0;
}

void
segment_sync_folder(const char *folder)
{
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

static void
spare_path(const char *folder, char out[SEGMENT_PATH_MAX])
{
	snprintf(out, SEGMENT_PATH_MAX, "%s/journal.spare", folder);
}

/* A new file of that size, zeros. */
static int
make_file(const char *path, uint64_t bytes)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = -posix_fallocate(fd, 0, (off_t)bytes);
	if (rc == 0)
		return fd;
	close(fd);
	unlink(path);
	return rc;
}

int
segment_make_spare(const char *folder, uint64_t bytes)
{
	char path[SEGMENT_PATH_MAX];
	int fd;

	spare_path(folder, path);
	unlink(path);
	fd = make_file(path, bytes);
	if (fd >= 0 && fdatasync(fd) != 0) {
		const int rc = -errno;

		close(fd);
		unlink(path);
		return rc;
	}
	return fd;
}

void
segment_drop_spare(const char *folder)
{
	char path[SEGMENT_PATH_MAX];

	spare_path(folder, path);
	unlink(path);
}

int
segment_make(struct segment *s, const char *folder, const struct journal_head *head, int spare_fd)
{
	const bool spare = spare_fd >= 0;
	uint8_t bytes[JOURNAL_HEAD_BYTES] = { 0 };
	char from[SEGMENT_PATH_MAX];
	size_t written = 0;
	int fd, rc;

	snprintf(s->path, sizeof(s->path), "%s/journal-%010" PRIu64 ".sj", folder,
		 head->segment_no);
	spare_path(folder, from);
	fd = spare ? spare_fd : make_file(s->path, head->segment_bytes);
	if (fd < 0)
		return fd;
	memcpy(bytes, head, sizeof(*head));
	rc = write_at(fd, bytes, sizeof(bytes), 0, &written);
	// a file of that name always begins with its head
	if (rc == 0 && spare && renameat2(AT_FDCWD, from, AT_FDCWD, s->path, RENAME_NOREPLACE) != 0)
		rc = -errno;
	if (rc == 0 && !spare && fdatasync(fd) != 0)
		rc = -errno;
	if (rc != 0) {
		close(fd);
		unlink(spare ? from : s->path);
		return rc;
	}
	if (!spare)
		segment_sync_folder(folder);
	s->fd = fd;
	s->no = head->segment_no;
	s->at = sizeof(bytes);
	s->bytes = head->segment_bytes;
	s->record_cnt = 0;
	s->dirty = spare;
	s->ended = false;
	return 0;
}

int
segment_reopen(struct segment *s, const char *path, uint64_t no, uint64_t at, uint64_t record_cnt)
{
	snprintf(s->path, sizeof(s->path), "%s", path);
	s->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s->fd < 0)
		return -errno;
	if (ftruncate(s->fd, (off_t)at) != 0) { // an unfinished record; its ring still has it
		const int rc = -errno;

		close(s->fd);
		s->fd = -1;
		return rc;
	}
	s->no = no;
	s->at = at;
	s->bytes = UINT64_MAX; // it is closed as soon as what was left is in it
	s->record_cnt = record_cnt;
	s->dirty = true;
	s->ended = false;
	return 0;
}

void
segment_put(struct segment *s, const struct journal_frame *frame, const void *payload,
	    const void *more, uint32_t more_len)
{
	struct journal_frame f = *frame;
	uint8_t *at = s->buf + s->buf_len;
	const size_t bytes = journal_frame_bytes(f.len);

	memcpy(at + sizeof(f), payload, f.len - more_len);
	if (more_len != 0)
		memcpy(at + sizeof(f) + f.len - more_len, more, more_len);
	memset(at + sizeof(f) + f.len, 0, bytes - sizeof(f) - f.len);
	f.crc = journal_frame_crc(&f, at + sizeof(f));
	memcpy(at, &f, sizeof(f));
	s->buf_len += bytes;
	s->record_cnt++;
}

int
segment_flush(struct segment *s)
{
	const int rc = write_at(s->fd, s->buf, s->buf_len, s->at, &s->buf_written);

	if (rc != 0)
		return rc;
	s->at += s->buf_len;
	s->dirty |= s->buf_len != 0;
	s->buf_len = 0;
	s->buf_written = 0;
	return 0;
}

int
segment_sync(struct segment *s)
{
	if (s->dirty && fdatasync(s->fd) != 0)
		return -errno;
	s->dirty = false;
	return 0;
}

int
segment_finish(int fd, uint64_t bytes)
{
	int rc = ftruncate(fd, (off_t)bytes) == 0 ? 0 : -errno;

	if (fsync(fd) != 0 && rc == 0)
		rc = -errno;
	close(fd);
	return rc;
}

int
segment_close(struct segment *s)
{
	const int fd = s->fd;

	s->fd = -1;
	return segment_finish(fd, s->at);
}
