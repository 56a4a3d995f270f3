/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits/limits_text.h"

enum {
	WORDS_MAX = 8,
};

#define LAST_LINE "end"

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
put_restricted(FILE *f, const struct limits *l, const struct limits_set *base, uint32_t node_idx)
{
	const uint64_t *now = l->set.restricted[node_idx];
	const uint64_t *was = base->restricted[node_idx];

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
put_located(FILE *f, const struct limits *l, const struct limits_set *base)
{
	for (uint32_t i = 0; i < l->set.locate_cnt; i++) {
		const struct risk_locate *x = &l->set.locate[i];

		if (located_qty(base, x->node_idx, x->instr_idx) != x->qty)
			fprintf(f, "located %s account %s %u\n",
				l->config->instruments[x->instr_idx].symbol,
				config_node_name(l->config, x->node_idx), x->qty);
	}
}

void
limits_put_lines(FILE *f, const struct limits *l, const struct limits_set *base, bool by_hand)
{
	const struct config *c = l->config;

	limits_differences(l, base, &l->set, by_hand, put_limit, f);
	for (uint32_t n = 1; n < config_node_cnt(c); n++)
		put_restricted(f, l, base, n);
	put_located(f, l, base);
	for (uint32_t s = 0; s < c->strategies_cnt; s++)
		if (l->set.enable_seq[s] != 0)
			fprintf(f, "enabled %s %u\n", c->strategies[s].name, l->set.enable_seq[s]);
	for (uint32_t i = 1; i < c->instruments_cnt; i++)
		if (l->set.frozen[i])
			fprintf(f, "frozen %s %s\n", c->instruments[i].symbol, l->frozen_why[i]);
}

/*
 * What the lines of limits_text differ from: the firm, accounts and strategies have no limit, so
 * each of theirs has a line; instruments and lists are as they were when the process began, for
 * those are thousands.  NULL: no memory.
 */
static struct limits_set *
text_base(const struct limits *l)
{
	struct limits_set *base = malloc(sizeof(*base));

	if (base == NULL)
		return NULL;
	*base = *l->begun;
	limits_clear_nodes(base);
	return base;
}

char *
limits_text(const struct limits *l, size_t *len)
{
	struct limits_set *base = text_base(l);
	char *text = NULL;
	FILE *f = base == NULL ? NULL : open_memstream(&text, len);

	if (f != NULL) {
		fprintf(f, "armed %d\nhalted %d\n", l->armed, l->halted);
		limits_put_lines(f, l, base, false);
		fputs(LAST_LINE "\n", f);
		if (fclose(f) != 0) {
			free(text);
			text = NULL;
		}
	}
	free(base);
	return text;
}

/*
 * Reading
 */

void
limits_tell(struct limits_reading *r, const char *form, ...)
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

int
limits_bad_line(const struct limits_reading *r, const char *what)
{
	return err_set(r->e, -EBADMSG, "%s:%u: %s; %s", r->path, r->line, what, r->advice);
}

bool
limits_number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long x;

	errno = 0;
	x = strtoul(text, &end, 10);
	*out = (uint32_t)x;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && x <= UINT32_MAX;
}

static void
tell_gone(struct limits_reading *r, const char *what)
{
	limits_tell(r, "%s:%u: '%s' is not configured any more: what was set for it is left out\n",
		    r->path, r->line, what);
}

static int
take_limit(struct limits_reading *r, char **word, unsigned cnt)
{
	const char *name = cnt == 5 ? word[4] : "";
	struct err why;
	int rc;

	if (cnt < 4 || cnt > 5)
		return limits_bad_line(r, "a limit has a key, a value and whose it is");
	err_init(&why);
	rc = limits_take(r->l, r->set, word[3], name, word[1], word[2], &why);
	if (rc == -ENOENT)
		tell_gone(r, name);
	else if (rc != 0)
		rc = limits_bad_line(r, why.text);
	err_end(&why);
	return rc == -ENOENT ? 0 : rc;
}

static int
take_restricted(struct limits_reading *r, char **word, unsigned cnt)
{
	uint32_t instr_idx, node_idx;
	uint64_t bit;

	if (cnt != 5 || (strcmp(word[4], "yes") != 0 && strcmp(word[4], "no") != 0))
		return limits_bad_line(r, "it is no restriction");
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
take_located(struct limits_reading *r, char **word, unsigned cnt)
{
	uint32_t instr_idx, node_idx, qty;

	if (cnt != 5 || !limits_number(word[4], &qty))
		return limits_bad_line(r, "they are no located shares");
	instr_idx = limits_find_instr(r->l, word[1]);
	node_idx = limits_find_node(r->l, word[2], word[3]);
	if (instr_idx == INSTR_NONE || node_idx == RISK_NODE_FIRM) {
		tell_gone(r, instr_idx == INSTR_NONE ? word[1] : word[3]);
		return 0;
	}
	return limits_set_locate(r->set, node_idx, instr_idx, qty) == 0
		       ? 0
		       : limits_bad_line(r, "there are too many located shares");
}

static int
take_enabled(struct limits_reading *r, char **word, unsigned cnt)
{
	uint32_t node_idx, seq;

	if (cnt != 3 || !limits_number(word[2], &seq))
		return limits_bad_line(r, "it is no strategy and number");
	node_idx = limits_find_node(r->l, "strategy", word[1]);
	if (node_idx == RISK_NODE_FIRM)
		tell_gone(r, word[1]);
	else
		r->set->enable_seq[node_idx - r->l->config->accounts_cnt] = seq;
	return 0;
}

/* rest: the line behind its first word. */
static int
take_frozen(struct limits_reading *r, const char *rest)
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
	limits_tell(
		r, "%s is frozen: %s; sluicectl drop-copy release %s --operator NAME releases it\n",
		symbol, r->l->frozen_why[i], symbol);
	return 0;
}

int
limits_take_line(struct limits_reading *r, char *line)
{
	char *word[WORDS_MAX], *save = NULL;
	unsigned cnt = 0;

	if (strncmp(line, "frozen ", 7) == 0)
		return take_frozen(r, line + 7);
	for (char *w = strtok_r(line, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		if (cnt == WORDS_MAX)
			return limits_bad_line(r, "it has too many words");
		word[cnt++] = w;
	}
	if (cnt == 0)
		return limits_bad_line(r, "it is empty");
	if (strcmp(word[0], "limit") == 0)
		return take_limit(r, word, cnt);
	if (strcmp(word[0], "restricted") == 0)
		return take_restricted(r, word, cnt);
	if (strcmp(word[0], "located") == 0)
		return take_located(r, word, cnt);
	if (strcmp(word[0], "enabled") == 0)
		return take_enabled(r, word, cnt);
	return limits_bad_line(r, "this version does not know its first word");
}

/* "armed 1" and the like. */
static int
take_flag(struct limits_reading *r, const char *line, const char *word, bool *out)
{
	const size_t len = strlen(word);

	r->line++;
	if (line == NULL || strncmp(line, word, len) != 0 ||
	    (strcmp(line + len, " 0") != 0 && strcmp(line + len, " 1") != 0))
		return limits_bad_line(r, "they do not begin as limits do");
	*out = line[len + 1] == '1';
	return 0;
}

static int
take_lines(struct limits_reading *r, char *text, bool *armed, bool *halted)
{
	char *save = NULL, *line;
	int rc = take_flag(r, strtok_r(text, "\n", &save), "armed", armed);

	if (rc == 0)
		rc = take_flag(r, strtok_r(NULL, "\n", &save), "halted", halted);
	while (rc == 0 && (line = strtok_r(NULL, "\n", &save)) != NULL) {
		r->line++;
		if (strcmp(line, LAST_LINE) == 0)
			return 0;
		rc = limits_take_line(r, line);
	}
	return rc != 0 ? rc : limits_bad_line(r, "they are cut off");
}

/* Permission is as it was when the limits are refused. */
static int
apply_as(struct limits *l, const struct limits_set *set, bool armed, bool halted, struct err *e)
{
	const bool was_armed = l->armed, was_halted = l->halted;
	const uint32_t version = l->current->version;
	int rc;

	l->armed = armed;
	l->halted = halted;
	rc = limits_apply(l, set, e);
	if (l->current->version != version)
		return rc;
	l->armed = was_armed;
	l->halted = was_halted;
	return rc;
}

int
limits_text_take(struct limits *l, const char *text, size_t len, struct err *e)
{
	struct limits_set *set = text_base(l);
	char *copy = calloc(1, len + 1), told[1];
	bool armed, halted;
	struct limits_reading r = {
		.l = l,
		.set = set,
		.path = "limits",
		.advice = "another version of sluice wrote them, or no sluice",
		.told = told,
		.told_bytes = sizeof(told),
		.e = e,
	};
	int rc;

	if (set == NULL || copy == NULL)
		rc = err_set(e, -ENOMEM, "no memory for the limits");
	else if (len == 0 || memchr(text, '\0', len) != NULL)
		rc = limits_bad_line(&r, "they are no text");
	else
		rc = take_lines(&r, memcpy(copy, text, len), &armed, &halted);
	if (rc == 0)
		rc = apply_as(l, set, armed, halted, e);
	free(copy);
	free(set);
	return rc;
}
