/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/kill_latch.h"
#include "err/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Where things stand in the fixed part; each line ends at the last byte before the next. */
enum {
	STATE_AT = 64,
	CAUSE_AT = 96,
	WHEN_AT = 128,
	WHO_AT = 192,
	WHY_AT = 320,
	LABEL_LEN = 8,
	PAGE_BYTES = 4096,
};
static_assert(WHY_AT - WHO_AT - LABEL_LEN - 1 >= KILL_WHO_MAX - 1, "who fits its line");
static_assert(KILL_LATCH_BYTES - WHY_AT - LABEL_LEN - 1 >= KILL_WHY_MAX - 1, "why fits its line");
static_assert((STATE_AT + LABEL_LEN) % 8 == 0 && (CAUSE_AT + LABEL_LEN) % 8 == 0,
	      "a word is one aligned store");

static const char TITLE[] = "sluice kill switch 1";

static const struct {
	uint32_t at, end;
	const char *label;
} LINE[] = {
	{ STATE_AT, CAUSE_AT, "state:  " },       { CAUSE_AT, WHEN_AT, "cause:  " },
	{ WHEN_AT, WHO_AT, "when:   " },          { WHO_AT, WHY_AT, "who:    " },
	{ WHY_AT, KILL_LATCH_BYTES, "why:    " },
};

void
kill_when_text(uint64_t ns, char out[KILL_WHEN_MAX])
{
	const time_t s = (time_t)(ns / 1000000000);
	char day[24] = "?";
	struct tm tm;

	if (gmtime_r(&s, &tm) != NULL)
		strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, KILL_WHEN_MAX, "%s.%09uZ", day, (unsigned)(ns % 1000000000));
}

/* One value of a line; what is no printable ASCII becomes '?'. */
static void
put_value(char *page, uint32_t at, uint32_t end, const char *text)
{
	uint32_t i = at + LABEL_LEN;

	for (; *text != '\0' && i < end - 1; i++, text++)
		page[i] = *text >= ' ' && *text <= '~' ? *text : '?';
	memset(page + i, ' ', end - 1 - i);
}

static void
get_value(const char *page, uint32_t at, uint32_t end, char *out, size_t out_bytes)
{
	size_t len = end - 1 - at - LABEL_LEN;

	while (len != 0 && page[at + LABEL_LEN + len - 1] == ' ')
		len--;
	if (len >= out_bytes)
		len = out_bytes - 1;
	memcpy(out, page + at + LABEL_LEN, len);
	out[len] = '\0';
}

/* A latch that never fired. */
static void
make_blank(char page[KILL_LATCH_BYTES], const char *state, const char *cause)
{
	memset(page, ' ', KILL_LATCH_BYTES);
	memcpy(page, TITLE, strlen(TITLE));
	page[STATE_AT - 1] = '\n';
	for (size_t i = 0; i < ARRAY_CNT(LINE); i++) {
		memcpy(page + LINE[i].at, LINE[i].label, LABEL_LEN);
		page[LINE[i].end - 1] = '\n';
	}
	memcpy(page + STATE_AT + LABEL_LEN, state, KILL_WORD_LEN);
	memcpy(page + CAUSE_AT + LABEL_LEN, cause, KILL_WORD_LEN);
}

bool
kill_latch_parse(const char *page, size_t len, struct kill_record *out)
{
	const char *state = page + STATE_AT + LABEL_LEN, *cause = page + CAUSE_AT + LABEL_LEN;
	uint32_t c = 0;

	memset(out, 0, sizeof(*out));
	if (len < KILL_LATCH_BYTES || memcmp(page, TITLE, strlen(TITLE)) != 0 ||
	    page[STATE_AT - 1] != '\n')
		return false;
	for (size_t i = 0; i < ARRAY_CNT(LINE); i++)
		if (memcmp(page + LINE[i].at, LINE[i].label, LABEL_LEN) != 0 ||
		    page[LINE[i].end - 1] != '\n')
			return false;
	out->on = memcmp(state, KILL_ON_WORD, KILL_WORD_LEN) == 0;
	if (!out->on && memcmp(state, KILL_OFF_WORD, KILL_WORD_LEN) != 0)
		return false;
	while (c < KILL_CAUSE_CNT && memcmp(cause, KILL_CAUSE_WORD[c], KILL_WORD_LEN) != 0)
		c++;
	if (c == KILL_CAUSE_CNT)
		return false;
	out->cause = (enum kill_cause)c;
	get_value(page, WHEN_AT, WHO_AT, out->when, sizeof(out->when));
	get_value(page, WHO_AT, WHY_AT, out->who, sizeof(out->who));
	get_value(page, WHY_AT, KILL_LATCH_BYTES, out->why, sizeof(out->why));
	return true;
}

/* The folder's entry is on the disk too. */
static int
sync_folder(const char *path)
{
	char folder[PATH_MAX];
	char *slash;
	int fd, rc;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL)
		snprintf(folder, sizeof(folder), ".");
	else
		slash[slash == folder] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) == 0 || errno == EINVAL ? 0 : -errno;
	close(fd);
	return rc;
}

/* Makes the file whole before it has its name. */
static int
make_file(const char *path, const char *state, const char *cause)
{
	char next[PATH_MAX + 8], page[KILL_LATCH_BYTES];
	int fd, rc = 0;

	make_blank(page, state, cause);
	snprintf(next, sizeof(next), "%s.new", path);
	if (unlink(next) != 0 && errno != ENOENT)
		return -errno;
	fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page) || fsync(fd) != 0)
		rc = errno == 0 ? -ENOSPC : -errno;
	close(fd);
	if (rc == 0 && rename(next, path) != 0)
		rc = -errno;
	return rc == 0 ? sync_folder(path) : rc;
}

/* Opens an existing file of ours; -ENOENT when there is none. */
static int
open_file(const char *path, struct err *e)
{
	const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return err_set(
			e, -errno,
			"the kill switch's latch %s cannot be opened: %s; nobody can tell "
			"whether the switch was on, so nothing starts: mend the file, or name "
			"another in kill_switch.latch_file",
			path, errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(e, -EINVAL, "the kill switch's latch %s is no plain file", path);
	}
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		close(fd);
		return err_set(
			e, -EPERM,
			"the kill switch's latch %s has owner %u and mode %03o: others could "
			"release it; it must belong to the gateway's user (%u) with mode 0600. "
			"Look at what it says before you change that",
			path, (unsigned)st.st_uid, (unsigned)st.st_mode & 0777,
			(unsigned)geteuid());
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return err_set(e, -EBUSY,
			       "another gateway has the kill switch's latch %s; give each its own "
			       "kill_switch.latch_file %s",
			       path, fault_tag(FAULT_SECOND_LATCH));
	}
	return fd;
}

/* The file there is, or a new one. */
static int
open_or_make(const char *path, struct err *e)
{
	int fd = open_file(path, e), rc;

	if (fd != -ENOENT)
		return fd;
	rc = make_file(path, KILL_OFF_WORD, KILL_CAUSE_WORD[KILL_NONE]);
	if (rc != 0)
		return err_set(
			e, rc,
			"the kill switch's latch %s cannot be made: %s; without it the switch "
			"would not survive a restart, so nothing starts. Its folder must exist "
			"and be the gateway's to write",
			path, strerror(-rc));
	return open_file(path, e);
}

static int
map_file(struct kill_latch *k, struct err *e)
{
	void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);

	if (page == MAP_FAILED)
		return err_set(e, -errno, "the kill switch's latch %s cannot be mapped: %s",
			       k->path, strerror(errno));
	k->page = page;
	return 0;
}

/* What is no latch is kept under another name; in its place one that is on. */
static int
replace_damaged(struct kill_latch *k, struct err *e)
{
	char aside[PATH_MAX + 16];
	int rc;

	snprintf(aside, sizeof(aside), "%s.damaged", k->path);
	close(k->fd);
	k->fd = -1;
	if (rename(k->path, aside) != 0)
		rc = -errno;
	else
		rc = make_file(k->path, KILL_ON_WORD, KILL_CAUSE_WORD[KILL_DAMAGED]);
	if (rc != 0)
		return err_set(e, rc,
			       "the kill switch's latch %s is damaged and cannot be replaced: %s",
			       k->path, strerror(-rc));
	k->fd = open_file(k->path, e);
	return k->fd < 0 ? k->fd : 0;
}

int
kill_latch_open(struct kill_latch *k, const char *path, struct kill_record *old, struct err *e)
{
	char page[KILL_LATCH_BYTES];
	ssize_t got;
	int rc;

	*k = (struct kill_latch){ .fd = -1 };
	snprintf(k->path, sizeof(k->path), "%s", path);
	k->fd = open_or_make(path, e);
	if (k->fd < 0)
		return k->fd;
	got = pread(k->fd, page, sizeof(page), 0);
	if (got < 0 || !kill_latch_parse(page, (size_t)got, old)) {
		rc = replace_damaged(k, e);
		if (rc < 0)
			return rc;
		*old = (struct kill_record){ .on = true, .cause = KILL_DAMAGED };
		snprintf(old->why, sizeof(old->why),
			 "the latch file was not whole; it is kept as %.120s.damaged", path);
	}
	rc = map_file(k, e);
	if (rc < 0) {
		kill_latch_close(k);
		return rc;
	}
	if (old->on) // before the words are there: the file says it already
		halt_kill(old->cause, 0);
	halt_kill_latch((uint64_t *)(void *)(k->page + STATE_AT + LABEL_LEN),
			(uint64_t *)(void *)(k->page + CAUSE_AT + LABEL_LEN));
	return 0;
}

void
kill_latch_close(struct kill_latch *k)
{
	if (k->page != NULL) {
		halt_kill_latch(NULL, NULL);
		munmap(k->page, PAGE_BYTES);
	}
	if (k->fd >= 0)
		close(k->fd);
	k->page = NULL;
	k->fd = -1;
}

static int
write_history(struct kill_latch *k, const struct kill_record *r)
{
	char line[KILL_WHEN_MAX + KILL_WHO_MAX + KILL_WHY_MAX + 64];
	size_t len;

	snprintf(line, sizeof(line), "%s %s, %.*s, %s: %s", r->when, r->on ? "killed" : "released",
		 (int)strcspn(KILL_CAUSE_WORD[r->cause], " "), KILL_CAUSE_WORD[r->cause], r->who,
		 r->why);
	for (len = 0; line[len] != '\0'; len++)
		if (line[len] < ' ' || line[len] > '~')
			line[len] = '?';
	line[len++] = '\n';
	if (lseek(k->fd, 0, SEEK_END) < 0)
		return -errno;
	errno = 0;
	if (write(k->fd, line, len) != (ssize_t)len)
		return errno == 0 ? -ENOSPC : -errno;
	return 0;
}

int
kill_latch_write(struct kill_latch *k, const struct kill_record *r, struct err *e)
{
	int rc;

	// released: blank, so that a later firing by a process that dies of it has no old words
	put_value(k->page, WHEN_AT, WHO_AT, r->on ? r->when : "");
	put_value(k->page, WHO_AT, WHY_AT, r->on ? r->who : "");
	put_value(k->page, WHY_AT, KILL_LATCH_BYTES, r->on ? r->why : "");
	rc = write_history(k, r);
	if (msync(k->page, PAGE_BYTES, MS_SYNC) != 0 && rc == 0)
		rc = -errno;
	if (fsync(k->fd) != 0 && rc == 0)
		rc = -errno;
	return rc == 0 ? 0
		       : err_set(e, rc,
				 "the kill switch's latch %s cannot be written: %s; it may not "
				 "survive "
				 "a crash of the machine",
				 k->path, strerror(-rc));
}
