/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "base/ordered.h"
#include "base/units.h"
#include "journal/captures.h"
#include "journal/reader.h"

enum {
	LEVEL = 3,
	PIECE_BYTES = 256 << 10,
	DAY_S = 24 * 3600,
};

static int
write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len != 0) {
		const ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
compress_bytes(int from, int to, const uint32_t *stop)
{
	const size_t room = ZSTD_CStreamOutSize();
	uint8_t *in_bytes = malloc(PIECE_BYTES), *out_bytes = malloc(room);
	ZSTD_CCtx *z = ZSTD_createCCtx();
	ssize_t n = 1;
	int rc = in_bytes == NULL || out_bytes == NULL || z == NULL ? -ENOMEM : 0;

	if (rc == 0) {
		ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, LEVEL);
		ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	}
	while (rc == 0 && n > 0) {
		ZSTD_inBuffer in = { in_bytes, 0, 0 };
		size_t left;

		n = read(from, in_bytes, PIECE_BYTES);
		if (n < 0) {
			rc = -errno;
			break;
		}
		in.size = (size_t)n;
		do {
			ZSTD_outBuffer out = { out_bytes, room, 0 };

			left = ZSTD_compressStream2(z, &out, &in,
						    n == 0 ? ZSTD_e_end : ZSTD_e_continue);
			rc = ZSTD_isError(left) ? -EIO : write_all(to, out_bytes, out.pos);
		} while (rc == 0 && (n == 0 ? left != 0 : in.pos < in.size));
		if (load_relaxed_u32(stop) != 0)
			rc = -EINTR;
	}
	ZSTD_freeCCtx(z);
	free(in_bytes);
	free(out_bytes);
	return rc;
}

/* The compressed copy is on the disk under its name before the other is removed. */
static int
compress_file(const char *path, const uint32_t *stop)
{
	char done[1100], part[1100];
	int from, to, rc;

	snprintf(done, sizeof(done), "%s.zst", path);
	snprintf(part, sizeof(part), "%s.zst.part", path);
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return -errno;
	to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = to < 0 ? -errno : compress_bytes(from, to, stop);
	close(from);
	if (rc == 0 && fsync(to) != 0)
		rc = -errno;
	if (to >= 0)
		close(to);
	if (rc == 0 && rename(part, done) != 0)
		rc = -errno;
	if (rc == 0 && unlink(path) != 0)
		rc = -errno;
	if (rc != 0)
		unlink(part);
	return rc;
}

static uint64_t
bytes_of(const char *path, uint64_t *mtime_s)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return 0;
	*mtime_s = (uint64_t)st.st_mtime;
	return (uint64_t)st.st_size;
}

/* Whether anything is ever removed. */
static bool
has_end(const struct keeper_config *c)
{
	return c->keep_segments != 0 || c->keep_days != 0 || c->keep_bytes != 0;
}

struct keeper_did
keeper_round(const char *folder, const struct keeper_config *c, uint64_t open_no, uint64_t now_ns,
	     const uint32_t *stop)
{
	struct keeper_did did = { 0 };
	struct captures captures = { 0 };
	struct journal_list l;
	uint64_t bytes = 0;
	size_t closed_cnt = 0;

	if (journal_list_open(&l, folder, NULL) != 0)
		return did;
	while (closed_cnt < l.cnt && l.row[closed_cnt].no < open_no)
		closed_cnt++;
	if (has_end(c) && l.cnt != 0) {
		did.error = captures_open(&captures, folder, &l);
		if (did.error != 0) {
			journal_list_close(&l);
			return did;
		}
	}
	// from the newest back: what is over any of the three is removed
	for (size_t i = closed_cnt; i-- > 0 && load_relaxed_u32(stop) == 0;) {
		const char *path = l.row[i].path;
		uint64_t mtime_s = 0;
		bool compressed = false;
		int rc = 0;

		journal_segment_no_of(strrchr(path, '/') + 1, &compressed);
		bytes += bytes_of(path, &mtime_s) + captures_bytes(&captures, i);
		if ((c->keep_segments != 0 && closed_cnt - i > c->keep_segments) ||
		    (c->keep_bytes != 0 && bytes > c->keep_bytes) ||
		    (c->keep_days != 0 &&
		     now_ns / NS_PER_SEC > mtime_s + (uint64_t)c->keep_days * DAY_S)) {
			rc = unlink(path) == 0 ? 0 : -errno;
			did.removed_cnt += rc == 0;
			if (rc == 0)
				rc = captures_remove(&captures, i, &did.captures_removed_cnt);
		} else if (c->compress && !compressed) {
			rc = compress_file(path, stop);
			did.compressed_cnt += rc == 0;
		}
		if (rc != 0 && rc != -EINTR)
			did.error = rc;
	}
	// their segments went in a round that was killed, or by hand
	if (captures_remove(&captures, (size_t)CAPTURES_NO_OWNER, &did.captures_removed_cnt) != 0)
		did.error = -EIO;
	captures_close(&captures);
	journal_list_close(&l);
	return did;
}
