/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/captures.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

enum {
	PIECE_BYTES = 64 << 10, // compressed, it holds a head many times over
};

uint32_t
captures_run_of(const char *name)
{
	static const char BEGIN[] = "ports-", END[] = ".pcap";
	const size_t len = strlen(name);
	const char *number = name + sizeof(BEGIN) - 1;
	unsigned long run;
	char *end;

	if (len < sizeof(BEGIN) + sizeof(END) || memcmp(name, BEGIN, sizeof(BEGIN) - 1) != 0 ||
	    strcmp(name + len - (sizeof(END) - 1), END) != 0 || !isdigit((unsigned char)*number))
		return 0;
	errno = 0;
	run = strtoul(number, &end, 10);
	return errno != 0 || *end != '-' || run > UINT32_MAX ? 0 : (uint32_t)run;
}

/* The first bytes of a file, decompressed where it is compressed.  Returns how many. */
static size_t
first_bytes(const char *path, uint8_t *out, size_t room)
{
	ZSTD_outBuffer to = { out, room, 0 };
	uint8_t *piece = malloc(PIECE_BYTES);
	ZSTD_DCtx *z = ZSTD_createDCtx();
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool compressed;
	ssize_t n = -1;

	journal_segment_no_of(strrchr(path, '/') + 1, &compressed);
	if (fd >= 0 && piece != NULL && z != NULL)
		n = read(fd, piece, PIECE_BYTES);
	if (n > 0 && compressed) {
		ZSTD_inBuffer from = { piece, (size_t)n, 0 };

		while (from.pos < from.size && to.pos < to.size)
			if (ZSTD_isError(ZSTD_decompressStream(z, &to, &from)))
				break;
	} else if (n > 0) {
		to.pos = (size_t)n < room ? (size_t)n : room;
		memcpy(out, piece, to.pos);
	}
	if (fd >= 0)
		close(fd);
	ZSTD_freeDCtx(z);
	free(piece);
	return to.pos;
}

/* The run that began a segment; 0: it cannot be read. */
static uint32_t
first_run_of(const char *path)
{
	uint8_t head[JOURNAL_HEAD_BYTES];
	struct journal_walk w;

	return journal_walk_start(&w, head, first_bytes(path, head, sizeof(head))) ? w.head.run : 0;
}

/* A segment has the runs from its own first one to the next segment's. */
static void
find_owners(struct captures *c, const struct journal_list *segments)
{
	for (size_t i = 0; i < segments->cnt && c->cnt != 0; i++) {
		const uint32_t run = first_run_of(segments->row[i].path);

		// One that cannot be read may have any: its capture is kept rather too long.
		for (size_t k = 0; k < c->cnt; k++)
			if (run <= c->row[k].run)
				c->row[k].owner = i;
	}
}

int
captures_open(struct captures *c, const char *folder, const struct journal_list *segments)
{
	DIR *dir = opendir(folder);
	const struct dirent *d;
	int rc = dir == NULL ? -errno : 0;

	memset(c, 0, sizeof(*c));
	while (rc == 0 && (d = readdir(dir)) != NULL) {
		const uint32_t run = captures_run_of(d->d_name);
		struct captures_row *more;
		struct stat st;

		if (run == 0 || fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		more = realloc(c->row, (c->cnt + 1) * sizeof(*c->row));
		if (more == NULL) {
			rc = -ENOMEM;
			break;
		}
		c->row = more;
		more += c->cnt;
		*more = (struct captures_row){ run, (size_t)CAPTURES_NO_OWNER, (uint64_t)st.st_size,
					       NULL };
		if (asprintf(&more->path, "%s/%s", folder, d->d_name) < 0)
			rc = -ENOMEM;
		else
			c->cnt++;
	}
	if (dir != NULL)
		closedir(dir);
	if (rc != 0)
		captures_close(c);
	else
		find_owners(c, segments);
	return rc;
}

void
captures_close(struct captures *c)
{
	for (size_t i = 0; i < c->cnt; i++)
		free(c->row[i].path);
	free(c->row);
	memset(c, 0, sizeof(*c));
}

uint64_t
captures_bytes(const struct captures *c, size_t owner)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < c->cnt; i++)
		if (c->row[i].owner == owner)
			bytes += c->row[i].bytes;
	return bytes;
}

int
captures_remove(const struct captures *c, size_t owner, uint32_t *removed_cnt)
{
	int rc = 0;

	for (size_t i = 0; i < c->cnt; i++) {
		if (c->row[i].owner != owner)
			continue;
		if (unlink(c->row[i].path) == 0)
			++*removed_cnt;
		else
			rc = -errno;
	}
	return rc;
}
