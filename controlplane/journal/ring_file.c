/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/ring_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <hugetlbfs.h>

#include "journal/format.h"

enum {
	HUGE_PAGE_BYTES = 2 << 20,
	HUGE_PAGES_LEFT = 8, // others start too
	SLOTS_MAX = 1 << 24,
};

struct ring_places
ring_places_of(const char *folder)
{
	return (struct ring_places){ {
		[RING_HUGE] = hugetlbfs_find_path_for_size(HUGE_PAGE_BYTES),
		[RING_TMPFS] = "/dev/shm",
		[RING_FOLDER] = folder,
	} };
}

/* False: the path is longer than a ring_file has room for. */
static bool
name_it(struct ring_file *f, const struct ring_places *places)
{
	// no "map_" in it: DPDK takes such files in the same mount for its own
	return (size_t)snprintf(
		       f->path, sizeof(f->path), "%s/sluice-journal-%016" PRIx64 "-%u.ring",
		       places->folder[f->place], f->journal_id, f->lane_idx) < sizeof(f->path);
}

/* Of a place in memory: whether it is what it should be, and has room. */
static int
look_at_place(struct ring_file *f, const char *folder, size_t bytes)
{
	unsigned long free_cnt = 0;
	struct statfs fs;
	FILE *pool;

	if (f->place == RING_FOLDER)
		return 0;
	if (f->place == RING_HUGE) {
		pool = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
		if (pool != NULL && fscanf(pool, "%lu", &free_cnt) != 1)
			free_cnt = 0;
		if (pool != NULL)
			fclose(pool);
		if (folder != NULL && free_cnt >= bytes / HUGE_PAGE_BYTES + HUGE_PAGES_LEFT)
			return 0;
		snprintf(f->why, sizeof(f->why), "too few huge pages");
		return -ENOMEM;
	}
	if (folder != NULL && statfs(folder, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		return 0;
	snprintf(f->why, sizeof(f->why), "%.200s is no tmpfs", folder == NULL ? "" : folder);
	return -ENOTSUP;
}

/* All room that it ever needs: without it a lane's first touch of a page could be a SIGBUS. */
static int
take_room(const struct ring_file *f, int fd, size_t bytes)
{
	int rc;

	if (f->place == RING_HUGE) // mmap takes the pages
		return ftruncate(fd, (off_t)bytes) == 0 ? 0 : -errno;
	do {
		rc = posix_fallocate(fd, 0, (off_t)bytes);
	} while (rc == EINTR);
	return -rc;
}

/* A new file of that many zeroed bytes, mapped.  What has its name is somebody's: it stays. */
static int
map_new(struct ring_file *f, size_t bytes)
{
	int fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	void *at = MAP_FAILED;
	int rc;

	if (fd < 0)
		return -errno;
	rc = flock(fd, LOCK_EX | LOCK_NB) == 0 ? take_room(f, fd, bytes) : -errno;
	if (rc == 0) {
		at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
		rc = at == MAP_FAILED ? -errno : 0;
	}
	if (rc != 0) {
		unlink(f->path);
		close(fd);
		return rc;
	}
	f->locked = f->place == RING_HUGE || (f->place == RING_TMPFS && mlock(at, bytes) == 0);
	f->head = at;
	f->bytes = bytes;
	f->fd = fd;
	return 0;
}

static int
make_in(struct ring_file *f, const struct ring_places *places, size_t bytes)
{
	int rc = look_at_place(f, places->folder[f->place], bytes);

	if (rc != 0)
		return rc;
	rc = name_it(f, places) ? map_new(f, bytes) : -ENAMETOOLONG;
	if (rc != 0)
		snprintf(f->why, sizeof(f->why), "%.160s: %.90s", places->folder[f->place],
			 strerror(-rc));
	return rc;
}

int
ring_file_make(struct ring_file *f, const struct ring_file_config *c, struct err *e)
{
	const size_t want = JOURNAL_RING_HEAD_BYTES + (size_t)c->slot_cnt * CACHE_LINE;
	const size_t huge = (want + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
	int rc;

	*f = (struct ring_file){ .lane_idx = c->lane_idx, .journal_id = c->journal_id };
	do {
		rc = make_in(f, &c->places, f->place == RING_HUGE ? huge : want);
	} while (rc != 0 && ++f->place < RING_PLACE_CNT);
	if (rc != 0)
		return err_set(e, rc, "journal.directory: the ring of lane '%s' cannot be made: %s",
			       c->lane_name, f->why);
	memset(f->head, 0, want);
	memcpy(f->head->magic, JOURNAL_RING_MAGIC, sizeof(JOURNAL_RING_MAGIC));
	f->head->version = JOURNAL_RING_VERSION;
	f->head->head_bytes = JOURNAL_RING_HEAD_BYTES;
	f->head->slot_bytes = CACHE_LINE;
	f->head->slot_cnt = c->slot_cnt;
	f->head->lane_idx = c->lane_idx;
	f->head->run = c->run;
	f->head->start_ns = c->start_ns;
	f->head->journal_id = c->journal_id;
	snprintf(f->head->boot_id, sizeof(f->head->boot_id), "%s", c->boot_id);
	snprintf(f->head->lane_name, sizeof(f->head->lane_name), "%s", c->lane_name);
	f->head->crc = journal_ring_head_crc(f->head);
	return 0;
}

void
ring_file_close(struct ring_file *f, bool remove)
{
	if (f->head != NULL) {
		if (remove) // before the lock is given back
			unlink(f->path);
		munmap(f->head, f->bytes);
		close(f->fd);
	}
	memset(f, 0, sizeof(*f));
}

enum ring_found
ring_file_judge(const struct ring_file *f, const char *boot_id, const char **why)
{
	const struct journal_ring_head *h = f->head;

	*why = f->why;
	if (h == NULL)
		return f->in_use ? RING_IN_USE : RING_NOT_OURS;
	*why = "";
	if (f->bytes < JOURNAL_RING_HEAD_BYTES)
		*why = "it is shorter than its head";
	else if (memcmp(h->magic, JOURNAL_RING_MAGIC, sizeof(JOURNAL_RING_MAGIC)) != 0)
		*why = "it does not begin as a journal ring";
	else if (h->version != JOURNAL_RING_VERSION)
		*why = "it has another version's layout: let the version that wrote it start once";
	else if (h->crc != journal_ring_head_crc(h))
		*why = "its head's checksum is wrong";
	else if (h->head_bytes != JOURNAL_RING_HEAD_BYTES || h->slot_bytes != CACHE_LINE ||
		 h->slot_cnt == 0 || h->slot_cnt > SLOTS_MAX ||
		 (h->slot_cnt & (h->slot_cnt - 1)) != 0 ||
		 h->head_bytes + (size_t)h->slot_cnt * CACHE_LINE > f->bytes)
		*why = "its head contradicts its size";
	else if (h->journal_id != f->journal_id || h->lane_idx != f->lane_idx)
		*why = "its head contradicts its name";
	if (**why != '\0')
		return RING_DAMAGED;
	if (strncmp(h->boot_id, boot_id, sizeof(h->boot_id)) != 0) {
		*why = "the machine was started again since: what reached the disk is not known";
		return RING_OF_EARLIER_BOOT;
	}
	return RING_GOOD;
}

/*
 * Whether it is a file of this user.  Anybody may put one under our name into the tmpfs; the
 * journal's folder is ours, whoever its file system says that its files belong to.
 */
static bool
is_ours(struct ring_file *f, const struct stat *st)
{
	if (!S_ISREG(st->st_mode)) {
		snprintf(f->why, sizeof(f->why), "it is no regular file");
		return false;
	}
	if (f->place == RING_FOLDER || st->st_uid == geteuid())
		return true;
	snprintf(f->why, sizeof(f->why), "it belongs to user %u and this process to user %u",
		 (unsigned)st->st_uid, (unsigned)geteuid());
	return false;
}

/* What was opened, as far as it can be believed. */
static int
map_fd(struct ring_file *f)
{
	struct stat st;
	void *at;

	if (fstat(f->fd, &st) != 0)
		return -errno;
	if (!is_ours(f, &st))
		return -EPERM;
	if (flock(f->fd, LOCK_EX | LOCK_NB) != 0) {
		f->in_use = errno == EWOULDBLOCK;
		return -errno;
	}
	if (st.st_size == 0) { // killed before it had its room
		unlink(f->path);
		return -ENOENT;
	}
	at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	f->head = at;
	f->bytes = (size_t)st.st_size;
	return 0;
}

/* False: nothing has the name. */
static bool
map_old(struct ring_file *f)
{
	struct stat st;
	int rc;

	if (lstat(f->path, &st) != 0)
		return false;
	if (!is_ours(f, &st))
		return true;
	// never waits, as for a lease that who put another file there since may hold
	f->fd = open(f->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	rc = f->fd < 0 ? -errno : map_fd(f);
	if (rc != 0 && f->fd >= 0)
		close(f->fd);
	if (rc != 0 && f->why[0] == '\0')
		snprintf(f->why, sizeof(f->why), "%s", strerror(-rc));
	return rc != -ENOENT;
}

uint32_t
ring_file_find(const struct ring_places *places, uint64_t journal_id, uint32_t lane_cnt,
	       struct ring_file *out)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < RING_PLACE_CNT * lane_cnt; i++) {
		struct ring_file *f = &out[cnt];

		*f = (struct ring_file){
			.place = (enum ring_place)(i / lane_cnt),
			.lane_idx = i % lane_cnt,
			.journal_id = journal_id,
		};
		cnt += places->folder[f->place] != NULL && name_it(f, places) && map_old(f);
	}
	return cnt;
}
