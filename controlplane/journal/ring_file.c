/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/ring_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hugetlbfs.h>

#include "journal/format.h"

enum {
	HUGE_PAGE_BYTES = 2 << 20,
	HUGE_PAGES_LEFT = 8, // others start too
	SLOTS_MAX = 1 << 24,
};

/* NULL: there is no mount, or not enough pages are free. */
static const char *
huge_folder(size_t bytes)
{
	unsigned long free_cnt = 0;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");

	if (f == NULL)
		return NULL;
	if (fscanf(f, "%lu", &free_cnt) != 1)
		free_cnt = 0;
	fclose(f);
	if (free_cnt < bytes / HUGE_PAGE_BYTES + HUGE_PAGES_LEFT)
		return NULL;
	return hugetlbfs_find_path_for_size(HUGE_PAGE_BYTES);
}

static void
name_of(char out[RING_FILE_PATH_MAX], const char *folder, uint64_t journal_id, uint32_t lane_idx)
{
	// no "map_" in it: DPDK takes such files in the same mount for its own
	snprintf(out, RING_FILE_PATH_MAX, "%s/sluice-journal-%016" PRIx64 "-%u.ring", folder,
		 journal_id, lane_idx);
}

/* A new file of that many zeroed bytes, mapped. */
static int
map_new(struct ring_file *f, size_t bytes)
{
	int fd, rc = 0;
	void *at;

	unlink(f->path);
	fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (f->huge)
		rc = ftruncate(fd, (off_t)bytes) == 0 ? 0 : -errno;
	else
		rc = -posix_fallocate(fd, 0, (off_t)bytes);
	at = rc == 0 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0)
		     : MAP_FAILED;
	if (rc == 0 && at == MAP_FAILED)
		rc = -errno;
	close(fd);
	if (rc != 0) {
		unlink(f->path);
		return rc;
	}
	f->head = at;
	f->bytes = bytes;
	return 0;
}

int
ring_file_make(struct ring_file *f, const struct ring_file_config *c, struct err *e)
{
	const size_t want = JOURNAL_RING_HEAD_BYTES + (size_t)c->slot_cnt * CACHE_LINE;
	const size_t huge = (want + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
	const char *mount = huge_folder(huge);
	int rc = -ENOMEM;

	memset(f, 0, sizeof(*f));
	if (mount != NULL) {
		name_of(f->path, mount, c->journal_id, c->lane_idx);
		f->huge = true;
		rc = map_new(f, huge);
	}
	if (rc != 0) {
		name_of(f->path, c->folder, c->journal_id, c->lane_idx);
		f->huge = false;
		rc = map_new(f, want);
	}
	if (rc != 0)
		return err_set(e, rc,
			       "journal.directory: the ring of lane '%s' cannot be made: %s: %s",
			       c->lane_name, f->path, strerror(-rc));
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
	if (f->head != NULL)
		munmap(f->head, f->bytes);
	if (remove && f->path[0] != '\0')
		unlink(f->path);
	memset(f, 0, sizeof(*f));
}

enum ring_found
ring_file_judge(const struct ring_file *f, const char *boot_id, const char **why)
{
	const struct journal_ring_head *h = f->head;

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
	if (**why != '\0')
		return RING_DAMAGED;
	if (strncmp(h->boot_id, boot_id, sizeof(h->boot_id)) != 0) {
		*why = "the machine was started again since: what reached the disk is not known";
		return RING_OF_EARLIER_BOOT;
	}
	return RING_GOOD;
}

static bool
map_old(struct ring_file *f)
{
	struct stat st;
	int fd = open(f->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	void *at = MAP_FAILED;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return false;
	f->head = at;
	f->bytes = (size_t)st.st_size;
	return true;
}

static uint32_t
find_in(const char *folder, bool huge, uint64_t journal_id, struct ring_file *out, uint32_t max)
{
	char prefix[64];
	struct dirent *d;
	uint32_t cnt = 0;
	DIR *dir;

	dir = folder == NULL ? NULL : opendir(folder);
	if (dir == NULL)
		return 0;
	snprintf(prefix, sizeof(prefix), "sluice-journal-%016" PRIx64 "-", journal_id);
	while (cnt < max && (d = readdir(dir)) != NULL) {
		struct ring_file *f = &out[cnt];

		const size_t len = strlen(d->d_name);

		if (strncmp(d->d_name, prefix, strlen(prefix)) != 0 ||
		    strcmp(d->d_name + len - strlen(".ring"), ".ring") != 0)
			continue;
		memset(f, 0, sizeof(*f));
		f->huge = huge;
		if ((size_t)snprintf(f->path, sizeof(f->path), "%s/%s", folder, d->d_name) <
			    sizeof(f->path) &&
		    map_old(f))
			cnt++;
	}
	closedir(dir);
	return cnt;
}

uint32_t
ring_file_find(const char *folder, uint64_t journal_id, struct ring_file *out, uint32_t max)
{
	uint32_t cnt =
		find_in(hugetlbfs_find_path_for_size(HUGE_PAGE_BYTES), true, journal_id, out, max);

	return cnt + find_in(folder, false, journal_id, out + cnt, max - cnt);
}
