/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limits/limits_text.h"

/*
 * What was changed by hand, as a text file:
 *
 *   sluice limits 1
 *   versions 2048                         the next process begins above it
 *   limit order_max_qty 200 firm          and so on: limits_text.h
 *   end 1c291ca3                          a checksum of all lines before it
 */
enum {
	VERSION_BLOCK = 1024, // reserved at a time, so that arm and halt need no disk
	FILE_BYTES_MAX = 8 << 20,
};

#define FIRST_LINE "sluice limits 1\n"
#define VERSIONS   "versions "

/* FNV-1a: against a torn or edited file, not against a forger, who could write any. */
static uint32_t
sum_of(const char *text, size_t len)
{
	uint32_t sum = 2166136261U;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (uint8_t)text[i]) * 16777619U;
	return sum;
}

/*
 * Writing
 */

static int
write_whole(int fd, const char *text, size_t len)
{
	while (len != 0) {
		const ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The new name is on the disk, too. */
static int
sync_folder(const char *path)
{
	char copy[LIMITS_PATH_MAX];
	int fd, rc;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

/* Whole or not at all. */
static int
replace_file(const char *path, const char *text, size_t len)
{
	char next[LIMITS_PATH_MAX + 8];
	int fd, rc;

	snprintf(next, sizeof(next), "%s.new", path);
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	rc = write_whole(fd, text, len);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	close(fd);
	if (rc == 0 && rename(next, path) != 0)
		rc = -errno;
	if (rc != 0)
		unlink(next);
	return rc == 0 ? sync_folder(path) : rc;
}

int
limits_keep_save(struct limits *l, struct err *e)
{
	const uint32_t version = l->current == NULL ? 0 : l->current->version;
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int rc = -ENOMEM;

	if (version + 1 >= l->version_end)
		l->version_end = version + VERSION_BLOCK;
	f = open_memstream(&text, &len);
	if (f != NULL) {
		fprintf(f, FIRST_LINE VERSIONS "%u\n", l->version_end);
		limits_put_lines(f, l, l->keep_base, true);
		fflush(f);
		fprintf(f, "end %08x\n", sum_of(text, len));
		if (fclose(f) == 0)
			rc = replace_file(l->keep_path, text, len);
	}
	free(text);
	l->keep_error = rc;
	return rc == 0 ? 0
		       : err_set(e, rc,
				 "it is in force, but the next start will not know it: %s cannot "
				 "be "
				 "written: %s; see control.limits_file",
				 l->keep_path, strerror(-rc));
}

/*
 * Reading
 */

/* The file's second line. */
static int
take_versions(struct limits_reading *r, const char *line)
{
	r->line++;
	return line != NULL && strncmp(line, VERSIONS, strlen(VERSIONS)) == 0 &&
			       limits_number(line + strlen(VERSIONS), &r->l->version_end) &&
			       r->l->version_end != 0
		       ? 0
		       : limits_bad_line(r, "it is no number of a version");
}

/* text: all of the file, ended by 0. */
static int
take_text(struct limits_reading *r, char *text, size_t len)
{
	char *end = len < 2 ? NULL : memrchr(text, '\n', len - 1), *line, *save = NULL;
	char want[24];
	int rc = 0;

	if (strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0 || end == NULL ||
	    memchr(text, '\0', len) != NULL)
		return limits_bad_line(r,
				       "the file does not begin or end as a file of limits does");
	snprintf(want, sizeof(want), "end %08x\n", sum_of(text, (size_t)(end + 1 - text)));
	if (strcmp(end + 1, want) != 0)
		return limits_bad_line(r, "its checksum is wrong: it was cut off, or edited");
	end[1] = '\0';
	rc = take_versions(r, strtok_r(text + strlen(FIRST_LINE), "\n", &save));
	while (rc == 0 && (line = strtok_r(NULL, "\n", &save)) != NULL) {
		r->line++;
		rc = limits_take_line(r, line);
	}
	return rc;
}

static int
read_file(struct limits_reading *r)
{
	const int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char *text = NULL;
	size_t len = 0;
	int rc = 0;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = err_set(r->e, -errno, "%s: %s", r->path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) ||
		   (st.st_mode & 022) != 0 || st.st_size > FILE_BYTES_MAX) {
		rc = err_set(r->e, -EPERM,
			     "%s: it must be a plain file of root's or ours that nobody else may "
			     "write; see control.limits_file",
			     r->path);
	} else {
		len = (size_t)st.st_size;
		text = calloc(1, len + 1);
		if (text == NULL || read(fd, text, len) != (ssize_t)len)
			rc = err_set(r->e, -EIO, "%s: cannot be read", r->path);
	}
	if (fd >= 0)
		close(fd);
	if (rc == 0)
		rc = take_text(r, text, len);
	free(text);
	return rc;
}

static void
tell_limit(void *arg, const char *kind, const char *name, const char *key, const char *value,
	   const char *was)
{
	limits_tell(arg, "limit %s is %s for %s%s%s, set by hand; the configuration has %s\n", key,
		    value, kind, name[0] == '\0' ? "" : " ", name, was);
}

int
limits_keep_open(struct limits *l, const char *path, char *told, size_t told_bytes, struct err *e)
{
	struct limits_reading r = {
		.l = l,
		.path = path,
		.line = 1,
		.advice = "the journal's last 'limits' record has what was in force; repair the "
			  "line, or remove the file to start with the configuration's limits",
		.told = told,
		.told_bytes = told_bytes,
		.e = e,
	};
	int rc;

	told[0] = '\0';
	l->keep_base = malloc(sizeof(*l->keep_base));
	r.set = malloc(sizeof(*r.set));
	if (l->keep_base == NULL || r.set == NULL || strlen(path) >= sizeof(l->keep_path)) {
		free(r.set);
		return err_set(e, -ENOMEM, "control.limits_file: no memory, or too long a path");
	}
	*l->keep_base = *r.set = l->set;
	rc = read_file(&r);
	if (rc != 0) {
		free(r.set);
		return rc;
	}
	l->mode_by_hand[RISK_NODE_FIRM] = (uint8_t)r.set->risk.mode;
	for (uint32_t i = 1; i < config_node_cnt(l->config); i++)
		l->mode_by_hand[i] = (uint8_t)r.set->node[i].mode;
	limits_differences(l, l->keep_base, r.set, true, tell_limit, &r);
	snprintf(l->keep_path, sizeof(l->keep_path), "%s", path);
	if (l->version_end == 0) { // there was no file
		rc = limits_keep_save(l, e);
	} else {
		if (l->version_end > l->current->version)
			l->current->version = l->version_end; // no lane has seen it
		l->set = *r.set; // what is written from now on has all of it
		rc = limits_apply(l, r.set, e);
	}
	free(r.set);
	return rc;
}

int
limits_forget(struct limits *l, struct err *e)
{
	struct limits_set *set;
	int rc;

	if (l->keep_base == NULL)
		return err_set(e, -ENOTSUP, "nothing set by hand is kept here");
	set = malloc(sizeof(*set));
	if (set == NULL)
		return err_set(e, -ENOMEM, "no memory for the limits");
	*set = *l->keep_base;
	memcpy(set->frozen, l->set.frozen, sizeof(set->frozen));
	memcpy(set->enable_seq, l->set.enable_seq, sizeof(set->enable_seq));
	l->mode_by_hand[RISK_NODE_FIRM] = (uint8_t)set->risk.mode;
	for (uint32_t i = 1; i < config_node_cnt(l->config); i++)
		l->mode_by_hand[i] = (uint8_t)set->node[i].mode;
	rc = limits_apply(l, set, e);
	free(set);
	return rc;
}
