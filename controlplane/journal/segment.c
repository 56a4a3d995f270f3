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

/* The folder's entry of a new file is on the disk too. */
static void
sync_folder(const char *folder)
{
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int
segment_make(struct segment *s, const char *folder, const struct journal_head *head)
{
	uint8_t bytes[JOURNAL_HEAD_BYTES] = { 0 };
	size_t written = 0;
	int fd, rc;

	snprintf(s->path, sizeof(s->path), "%s/journal-%010" PRIu64 ".sj", folder,
		 head->segment_no);
	fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	memcpy(bytes, head, sizeof(*head));
	rc = -posix_fallocate(fd, 0, head->segment_bytes);
	if (rc == 0)
		rc = write_at(fd, bytes, sizeof(bytes), 0, &written);
	if (rc == 0 && fdatasync(fd) != 0)
		rc = -errno;
	if (rc != 0) {
		close(fd);
		unlink(s->path);
		return rc;
	}
	sync_folder(folder);
	s->fd = fd;
	s->no = head->segment_no;
	s->at = sizeof(bytes);
	s->bytes = head->segment_bytes;
	s->record_cnt = 0;
	s->dirty = s->ended = false;
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
segment_close(struct segment *s)
{
	int rc = ftruncate(s->fd, (off_t)s->at) == 0 ? 0 : -errno;

	if (fsync(s->fd) != 0 && rc == 0)
		rc = -errno;
	close(s->fd);
	s->fd = -1;
	return rc;
}
