/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "journal/reader.h"

#define FILE_BYTES_MAX (2ULL << 30) // a segment has at most 1 GiB

/* Files are read, not mapped: one that is being written may shrink when it is closed. */
static int
read_all(struct journal_file *f, int fd, size_t size, struct err *e)
{
	f->data = malloc(size == 0 ? 1 : size);
	if (f->data == NULL)
		return err_set(e, -ENOMEM, "%s: no memory for its %zu bytes", f->path, size);
	while (f->len < size) {
		const ssize_t n = read(fd, f->data + f->len, size - f->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, -errno, "%s: offset %zu: %s", f->path, f->len,
				       strerror(errno));
		if (n == 0)
			break;
		f->len += (size_t)n;
	}
	return 0;
}

/* The compressed bytes in f become what they stand for. */
static int
decompress(struct journal_file *f, struct err *e)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();
	ZSTD_inBuffer in = { f->data, f->len, 0 };
	size_t room = f->len * 4 + (1 << 20), left = 1;
	ZSTD_outBuffer out = { malloc(room), room, 0 };

	if (z == NULL || out.dst == NULL) {
		ZSTD_freeDCtx(z);
		free(out.dst);
		return err_set(e, -ENOMEM, "%s: no memory to decompress it", f->path);
	}
	while (in.pos < in.size || out.pos == out.size) {
		if (out.pos == out.size) {
			uint8_t *more = room < FILE_BYTES_MAX ? realloc(out.dst, room * 2) : NULL;

			if (more == NULL) {
				snprintf(f->why, sizeof(f->why),
					 "it decompresses to more than %zu bytes, no segment is so "
					 "large",
					 room);
				break;
			}
			room *= 2;
			out = (ZSTD_outBuffer){ more, room, out.pos };
		}
		left = ZSTD_decompressStream(z, &out, &in);
		if (ZSTD_isError(left)) {
			snprintf(f->why, sizeof(f->why),
				 "the compressed bytes are damaged near offset %zu (%s): what came "
				 "before is "
				 "read; fetch the file from a copy",
				 in.pos, ZSTD_getErrorName(left));
			break;
		}
	}
	if (f->why[0] == '\0' && left != 0)
		snprintf(f->why, sizeof(f->why),
			 "the compressed file ends at offset %zu and more should follow: what is "
			 "there is read; "
			 "fetch the file from a copy",
			 f->len);
	ZSTD_freeDCtx(z);
	free(f->data);
	f->data = out.dst;
	f->len = out.pos;
	f->compressed = true;
	return 0;
}

int
journal_file_open(struct journal_file *f, const char *path, struct err *e)
{
	static const uint8_t ZSTD[] = { 0x28, 0xB5, 0x2F, 0xFD }; // RFC 8878
	struct stat st;
	int fd, rc;

	memset(f, 0, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "%s", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = err_set(e, -errno, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > FILE_BYTES_MAX)
		rc = err_set(e, -EINVAL, "%s: no segment: %s", path,
			     S_ISREG(st.st_mode) ? "it is larger than any" : "it is no file");
	else
		rc = read_all(f, fd, (size_t)st.st_size, e);
	close(fd);
	if (rc == 0 && f->len >= sizeof(ZSTD) && memcmp(f->data, ZSTD, sizeof(ZSTD)) == 0)
		rc = decompress(f, e);
	if (rc != 0)
		journal_file_close(f);
	return rc;
}

void
journal_file_close(struct journal_file *f)
{
	free(f->data);
	f->data = NULL;
	f->len = 0;
}

uint64_t
journal_segment_no_of(const char *name, bool *compressed)
{
	char *end;
	uint64_t no;

	if (strncmp(name, "journal-", 8) != 0 || !isdigit((unsigned char)name[8]))
		return 0;
	no = strtoull(name + 8, &end, 10);
	*compressed = strcmp(end, ".sj.zst") == 0;
	return *compressed || strcmp(end, ".sj") == 0 ? no : 0;
}

static int
by_no(const void *a, const void *b)
{
	const struct journal_list_row *x = a, *y = b;

	return x->no < y->no ? -1 : x->no > y->no;
}

int
journal_list_open(struct journal_list *l, const char *path, struct err *e)
{
	struct stat st;
	struct dirent *d = NULL;
	size_t room = 0;
	DIR *dir;

	memset(l, 0, sizeof(*l));
	if (stat(path, &st) != 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	dir = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
	if (S_ISDIR(st.st_mode) && dir == NULL)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	while (dir == NULL || (d = readdir(dir)) != NULL) {
		bool compressed = false;
		const uint64_t no = dir == NULL ? 1 : journal_segment_no_of(d->d_name, &compressed);
		struct journal_list_row *r;

		if (no == 0)
			continue;
		if (l->cnt == room) {
			room = room == 0 ? 64 : room * 2;
			r = realloc(l->row, room * sizeof(*r));
			if (r == NULL) {
				if (dir != NULL)
					closedir(dir);
				journal_list_close(l);
				return err_set(e, -ENOMEM, "%s: no memory for its list", path);
			}
			l->row = r;
		}
		r = &l->row[l->cnt++];
		r->no = no;
		if (dir == NULL) {
			snprintf(r->path, sizeof(r->path), "%s", path);
			return 0;
		}
		snprintf(r->path, sizeof(r->path), "%s/%s", path, d->d_name);
	}
	closedir(dir);
	if (l->cnt != 0)
		qsort(l->row, l->cnt, sizeof(*l->row), by_no);
	// a segment and its compressed copy: killed between the two steps; the first is complete
	for (size_t i = 1; i < l->cnt; i++)
		if (l->row[i].no == l->row[i - 1].no) {
			bool first;

			journal_segment_no_of(strrchr(l->row[i - 1].path, '/') + 1, &first);
			memmove(&l->row[i - first], &l->row[i - first + 1],
				(l->cnt - (i - first) - 1) * sizeof(*l->row));
			l->cnt--;
			i--;
		}
	return 0;
}

void
journal_list_close(struct journal_list *l)
{
	free(l->row);
	memset(l, 0, sizeof(*l));
}
