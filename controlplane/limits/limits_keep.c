/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limits/limits_build.h"

/*
 * What was changed by hand, as a text file:
 *
 *   sluice limits 1
 *   versions 2048                         the next process begins above it
 *   limit order_max_qty 200 firm
 *   limit order_max_qty 100 symbol AAPL
 *   limit gross_max_usd 40000.0000 account desk
 *   restricted AAPL account desk yes
 *   located AAPL account desk 5000
 *   enabled taker 3
 *   frozen AAPL AAPL, order 7, match 9: ...
 *   end 1c291ca3                          a checksum of all lines before it
 */
enum {
	VERSION_BLOCK = 1024, // reserved at a time, so that arm and halt need no disk
	FILE_BYTES_MAX = 8 << 20,
	WORDS_MAX = 8,
};

#define FIRST_LINE "sluice limits 1\n"

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

static void
put_limit(void *f, const char *kind, const char *name, const char *key, const char *value,
	  const char *was)
{
	(void)was;
	fprintf(f, "limit %s %s %s%s%s\n", key, value, kind, name[0] == '\0' ? "" : " ", name);
}

static void
put_restricted(FILE *f, const struct limits *l, uint32_t node_idx)
{
	const uint64_t *now = l->set.restricted[node_idx];
	const uint64_t *was = l->keep_base->restricted[node_idx];

	for (uint32_t i = 1; i < l->config->instruments_cnt; i++)
		if ((now[i / 64] ^ was[i / 64]) >> i % 64 & 1)
			fprintf(f, "restricted %s %s %s %s\n", l->config->instruments[i].symbol,
				node_idx < l->config->accounts_cnt ? "account" : "strategy",
				config_node_name(l->config, node_idx),
				now[i / 64] >> i % 64 & 1 ? "yes" : "no");
}

static uint32_t
located_qty(const struct limits_set *set, uint32_t node_idx, uint32_t instr_idx)
{
	for (uint32_t i = 0; i < set->locate_cnt; i++)
		if (set->locate[i].node_idx == node_idx && set->locate[i].instr_idx == instr_idx)
			return set->locate[i].qty;
	return 0;
}

static void
put_located(FILE *f, const struct limits *l)
{
	for (uint32_t i = 0; i < l->set.locate_cnt; i++) {
		const struct risk_locate *x = &l->set.locate[i];

		if (located_qty(l->keep_base, x->node_idx, x->instr_idx) != x->qty)
			fprintf(f, "located %s account %s %u\n",
				l->config->instruments[x->instr_idx].symbol,
				config_node_name(l->config, x->node_idx), x->qty);
	}
}

static void
put_all(FILE *f, const struct limits *l)
{
	const struct config *c = l->config;

	fprintf(f, FIRST_LINE "versions %u\n", l->version_end);
	limits_differences(l, l->keep_base, &l->set, put_limit, f);
	for (uint32_t n = 1; n < config_node_cnt(c); n++)
		put_restricted(f, l, n);
	put_located(f, l);
	for (uint32_t s = 0; s < c->strategies_cnt; s++)
		if (l->set.enable_seq[s] != 0)
			fprintf(f, "enabled %s %u\n", c->strategies[s].name, l->set.enable_seq[s]);
	for (uint32_t i = 1; i < c->instruments_cnt; i++)
		if (l->set.frozen[i])
			fprintf(f, "frozen %s %s\n", c->instruments[i].symbol, l->frozen_why[i]);
}

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
		put_all(f, l);
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

struct reading {
	struct limits *l;
	struct limits_set *set;
	const char *path;
	unsigned line;
	char *told;
	size_t told_bytes;
	size_t told_len;
	struct err *e;
};

__attribute__((format(printf, 2, 3))) static void
tell(struct reading *r, const char *form, ...)
{
	va_list args;
	int len;

	if (r->told_len + 1 >= r->told_bytes)
		return;
	va_start(args, form);
	len = vsnprintf(r->told + r->told_len, r->told_bytes - r->told_len, form, args);
	va_end(args);
	r->told_len += (size_t)len;
	if (r->told_len >= r->told_bytes)
		r->told_len = r->told_bytes - 1;
}

static int
bad_line(const struct reading *r, const char *what)
{
	return err_set(r->e, -EBADMSG,
		       "%s:%u: %s; the journal's last 'limits' record has what was in force; "
		       "repair the line, or remove the file to start with the configuration's "
		       "limits",
		       r->path, r->line, what);
}

static bool
number_of(const char *text, uint32_t *out)
{
	char *end;
	unsigned long x;

	errno = 0;
	x = strtoul(text, &end, 10);
	*out = (uint32_t)x;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && x <= UINT32_MAX;
}

static void
tell_gone(struct reading *r, const char *what)
{
	tell(r, "%s:%u: '%s' is not configured any more: what was set for it is left out\n",
	     r->path, r->line, what);
}

static int
take_limit(struct reading *r, char **word, unsigned cnt)
{
	const char *name = cnt == 5 ? word[4] : "";
	struct err why;
	int rc;

	if (cnt < 4 || cnt > 5)
		return bad_line(r, "a limit has a key, a value and whose it is");
	err_init(&why);
	rc = limits_take(r->l, r->set, word[3], name, word[1], word[2], &why);
	if (rc == -ENOENT)
		tell_gone(r, name);
	else if (rc != 0)
		rc = bad_line(r, why.text);
	err_end(&why);
	return rc == -ENOENT ? 0 : rc;
}

static int
take_restricted(struct reading *r, char **word, unsigned cnt)
{
	uint32_t instr_idx, node_idx;
	uint64_t bit;

	if (cnt != 5 || (strcmp(word[4], "yes") != 0 && strcmp(word[4], "no") != 0))
		return bad_line(r, "it is no restriction");
	instr_idx = limits_find_instr(r->l, word[1]);
	node_idx = limits_find_node(r->l, word[2], word[3]);
	if (instr_idx == INSTR_NONE || node_idx == RISK_NODE_FIRM) {
		tell_gone(r, instr_idx == INSTR_NONE ? word[1] : word[3]);
		return 0;
	}
	bit = 1ULL << instr_idx % 64;
	if (strcmp(word[4], "yes") == 0)
		r->set->restricted[node_idx][instr_idx / 64] |= bit;
	else
		r->set->restricted[node_idx][instr_idx / 64] &= ~bit;
	return 0;
}

static int
take_located(struct reading *r, char **word, unsigned cnt)
{
	uint32_t instr_idx, node_idx, qty;

	if (cnt != 5 || !number_of(word[4], &qty))
		return bad_line(r, "they are no located shares");
	instr_idx = limits_find_instr(r->l, word[1]);
	node_idx = limits_find_node(r->l, word[2], word[3]);
	if (instr_idx == INSTR_NONE || node_idx == RISK_NODE_FIRM) {
		tell_gone(r, instr_idx == INSTR_NONE ? word[1] : word[3]);
		return 0;
	}
	return limits_set_locate(r->set, node_idx, instr_idx, qty) == 0
		       ? 0
		       : bad_line(r, "there are too many located shares");
}

static int
take_enabled(struct reading *r, char **word, unsigned cnt)
{
	uint32_t node_idx, seq;

	if (cnt != 3 || !number_of(word[2], &seq))
		return bad_line(r, "it is no strategy and number");
	node_idx = limits_find_node(r->l, "strategy", word[1]);
	if (node_idx == RISK_NODE_FIRM)
		tell_gone(r, word[1]);
	else
		r->set->enable_seq[node_idx - r->l->config->accounts_cnt] = seq;
	return 0;
}

/* rest: the line behind its first word. */
static int
take_frozen(struct reading *r, const char *rest)
{
	const size_t len = strcspn(rest, " ");
	char symbol[16];
	uint32_t i;

	snprintf(symbol, sizeof(symbol), "%.*s", (int)len, rest);
	i = limits_find_instr(r->l, symbol);
	if (i == INSTR_NONE) {
		tell_gone(r, symbol);
		return 0;
	}
	r->set->frozen[i] = true;
	snprintf(r->l->frozen_why[i], sizeof(r->l->frozen_why[i]), "%.*s", LIMITS_WHY_MAX - 1,
		 rest[len] == ' ' ? rest + len + 1 : "");
	tell(r, "%s is frozen: %s; sluicectl drop-copy release %s --operator NAME releases it\n",
	     symbol, r->l->frozen_why[i], symbol);
	return 0;
}

static int
take_line(struct reading *r, char *line)
{
	char *word[WORDS_MAX], *save = NULL;
	unsigned cnt = 0;

	if (strncmp(line, "frozen ", 7) == 0)
		return take_frozen(r, line + 7);
	for (char *w = strtok_r(line, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		if (cnt == WORDS_MAX)
			return bad_line(r, "it has too many words");
		word[cnt++] = w;
	}
	if (cnt == 0)
		return bad_line(r, "it is empty");
	if (strcmp(word[0], "versions") == 0)
		return cnt == 2 && number_of(word[1], &r->l->version_end) && r->l->version_end != 0
			       ? 0
			       : bad_line(r, "it is no number of a version");
	if (strcmp(word[0], "limit") == 0)
		return take_limit(r, word, cnt);
	if (strcmp(word[0], "restricted") == 0)
		return take_restricted(r, word, cnt);
	if (strcmp(word[0], "located") == 0)
		return take_located(r, word, cnt);
	if (strcmp(word[0], "enabled") == 0)
		return take_enabled(r, word, cnt);
	return bad_line(r, "this version does not know its first word");
}

/* text: all of the file, ended by 0. */
static int
take_text(struct reading *r, char *text, size_t len)
{
	char *end = len < 2 ? NULL : memrchr(text, '\n', len - 1), *line, *save = NULL;
	char want[24];
	int rc = 0;

	if (strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0 || end == NULL ||
	    memchr(text, '\0', len) != NULL)
		return bad_line(r, "the file does not begin or end as a file of limits does");
	snprintf(want, sizeof(want), "end %08x\n", sum_of(text, (size_t)(end + 1 - text)));
	if (strcmp(end + 1, want) != 0)
		return bad_line(r, "its checksum is wrong: it was cut off, or edited");
	end[1] = '\0';
	for (line = strtok_r(text + strlen(FIRST_LINE), "\n", &save); line != NULL && rc == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		r->line++;
		rc = take_line(r, line);
	}
	return rc;
}

static int
read_file(struct reading *r)
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
	tell(arg, "limit %s is %s for %s%s%s, set by hand; the configuration has %s\n", key, value,
	     kind, name[0] == '\0' ? "" : " ", name, was);
}

int
limits_keep_open(struct limits *l, const char *path, char *told, size_t told_bytes, struct err *e)
{
	struct reading r = {
		.l = l,
		.path = path,
		.line = 1,
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
	limits_differences(l, l->keep_base, r.set, tell_limit, &r);
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
