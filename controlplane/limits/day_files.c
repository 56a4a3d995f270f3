/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "limits/day_files.h"

enum {
	COLUMN_MAX = 4,
	LINE_BYTES = 256,
};

/* A line in hand, cut into its columns. */
struct row {
	const struct config *config;
	const char *file;
	unsigned line;
	unsigned column_cnt;
	char *column[COLUMN_MAX + 1]; // one more, to notice it
	uint16_t node_idx;
	uint16_t instr_idx;
	struct err *e;
};

static char *
trimmed(char *text)
{
	char *end;

	text += strspn(text, " \t");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]) != NULL)
		*--end = '\0';
	return text;
}

/* False for a line that says nothing. */
static bool
cut(struct row *r, char *text)
{
	char *comment = strchr(text, '#');

	if (comment != NULL)
		*comment = '\0';
	text = trimmed(text);
	r->column_cnt = 0;
	if (text[0] == '\0')
		return false;
	while (text != NULL && r->column_cnt <= COLUMN_MAX) {
		char *comma = strchr(text, ',');

		if (comma != NULL)
			*comma++ = '\0';
		r->column[r->column_cnt++] = trimmed(text);
		text = comma;
	}
	return true;
}

/* A whole number with a sign; false when it is none or outside -max..max. */
static bool
number_of(const char *text, int64_t max, int64_t *out)
{
	char *end;
	long long x;

	if (text[0] != '-' && (text[0] < '0' || text[0] > '9'))
		return false;
	errno = 0;
	x = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text || x > max || x < -max)
		return false;
	*out = x;
	return true;
}

/* Dollars with at most four decimals, above 0. */
static bool
price_of(const char *text, int64_t *px4)
{
	const char *dot = strchr(text, '.');
	const size_t whole_len = dot == NULL ? strlen(text) : (size_t)(dot - text);
	const char *decimals = dot == NULL ? "" : dot + 1;
	int64_t x = 0;

	if (whole_len == 0 || whole_len > 6 || strspn(text, "0123456789") != whole_len ||
	    strlen(decimals) > 4 || strspn(decimals, "0123456789") != strlen(decimals) ||
	    (dot != NULL && decimals[0] == '\0'))
		return false;
	for (size_t i = 0; i < whole_len; i++)
		x = x * 10 + (text[i] - '0');
	for (size_t i = 0; i < 4; i++)
		x = x * 10 + (*decimals != '\0' ? *decimals++ - '0' : 0);
	*px4 = x;
	return x > 0 && x <= PX4_MAX;
}

#define SAY(r, ...) row_says((r), __VA_ARGS__)
static void __attribute__((format(printf, 2, 3)))
row_says(const struct row *r, const char *form, ...)
{
	char text[512];
	va_list args;

	va_start(args, form);
	vsnprintf(text, sizeof(text), form, args);
	va_end(args);
	err_add(r->e, -EINVAL, "%s:%u: %s", r->file, r->line, text);
}

/* The columns every file begins with. */
static bool
resolve(struct row *r)
{
	const struct config *c = r->config;

	for (r->instr_idx = 1; r->instr_idx < c->instruments_cnt; r->instr_idx++)
		if (strcmp(c->instruments[r->instr_idx].symbol, r->column[0]) == 0)
			break;
	if (r->instr_idx == c->instruments_cnt) {
		SAY(r, "'%s' is not in instruments; add it there, or take the line out",
		    r->column[0]);
		return false;
	}
	for (r->node_idx = 1; r->node_idx < c->accounts_cnt; r->node_idx++)
		if (strcmp(c->accounts[r->node_idx].name, r->column[1]) == 0)
			return true;
	SAY(r, "'%s' is not in accounts; add it there, or take the line out", r->column[1]);
	return false;
}

/* Hands each line to take; columns must be as many as the file has. */
static int
walk(const struct config *c, const char *file, unsigned column_cnt, const char *columns,
     void take(void *to, struct row *r), void *to, struct err *e)
{
	struct err own; // for a caller that wants no words
	struct row r = { .config = c, .file = file, .e = e == NULL ? &own : e };
	char text[LINE_BYTES];
	FILE *f = fopen(file, "re");
	bool first = true;

	err_init(&own);
	if (f == NULL)
		return err_set(e, -errno, "%s: cannot be read: %s", file, strerror(errno));
	while (fgets(text, sizeof(text), f) != NULL) {
		r.line++;
		if (strchr(text, '\n') == NULL && !feof(f)) {
			SAY(&r, "the line is longer than %d bytes", LINE_BYTES - 2);
			break;
		}
		if (!cut(&r, text))
			continue;
		if (r.column_cnt != column_cnt)
			SAY(&r, "found %u columns, there must be %u: %s", r.column_cnt, column_cnt,
			    columns);
		else if ((!first || strcmp(r.column[0], "symbol") != 0) && resolve(&r))
			take(to, &r);
		first = false;
	}
	if (ferror(f))
		err_add(r.e, -EIO, "%s: cannot be read to its end", file);
	fclose(f);
	return r.e->code;
}

struct positions {
	struct day_position *list;
	uint32_t *line; // of each
	size_t cnt;
	size_t room;
};

static void
take_position(void *to, struct row *r)
{
	struct day_position x = { r->node_idx, r->instr_idx, 0, 0 };
	struct positions *p = to;

	if (!number_of(r->column[2], INT32_MAX, &x.qty) || x.qty == 0) {
		SAY(r,
		    "'%s' is no quantity: a whole number of shares, negative for a short "
		    "position, at most %d",
		    r->column[2], INT32_MAX);
		return;
	}
	if (!price_of(r->column[3], &x.px4)) {
		SAY(r,
		    "'%s' is no price: dollars above 0 with at most four decimals, at most "
		    "200000",
		    r->column[3]);
		return;
	}
	for (size_t i = 0; i < p->cnt; i++)
		if (p->list[i].node_idx == x.node_idx && p->list[i].instr_idx == x.instr_idx) {
			SAY(r, "'%s' of '%s' stands there twice, first in line %u", r->column[0],
			    r->column[1], p->line[i]);
			return;
		}
	if (p->cnt == p->room) {
		const size_t room = p->room == 0 ? 64 : 2 * p->room;
		struct day_position *list = realloc(p->list, room * sizeof(*list));
		uint32_t *line = list == NULL ? NULL : realloc(p->line, room * sizeof(*line));

		p->list = list != NULL ? list : p->list;
		p->line = line != NULL ? line : p->line;
		if (line == NULL) {
			err_add(r->e, -ENOMEM, "%s: no memory for its positions", r->file);
			return;
		}
		p->room = room;
	}
	p->line[p->cnt] = r->line;
	p->list[p->cnt++] = x;
}

int
day_positions_load(const struct config *c, struct day_position **out, struct err *e)
{
	struct positions p = { 0 };
	int rc;

	*out = NULL;
	if (c->risk.positions_file[0] == '\0')
		return 0;
	rc = walk(c, c->risk.positions_file, 4, "symbol,account,quantity,price", take_position, &p,
		  e);
	free(p.line);
	if (rc != 0) {
		free(p.list);
		return rc;
	}
	*out = p.list;
	return (int)p.cnt;
}

struct locates {
	struct risk_locate *list;
	uint32_t *cnt;
};

static void
take_locate(void *to, struct row *r)
{
	struct locates *l = to;
	int64_t qty;

	if (!number_of(r->column[2], UINT32_MAX, &qty) || qty <= 0) {
		SAY(r, "'%s' is no quantity: a whole number of shares above 0", r->column[2]);
		return;
	}
	for (uint32_t i = 0; i < *l->cnt; i++)
		if (l->list[i].node_idx == r->node_idx && l->list[i].instr_idx == r->instr_idx) {
			SAY(r, "'%s' of '%s' stands there twice", r->column[0], r->column[1]);
			return;
		}
	if (*l->cnt == RISK_LOCATE_MAX) {
		SAY(r, "there are more than %d lines", RISK_LOCATE_MAX);
		return;
	}
	l->list[(*l->cnt)++] = (struct risk_locate){ r->node_idx, r->instr_idx, (uint32_t)qty };
}

int
day_locates_load(const struct config *c, struct risk_locate *out, uint32_t *cnt, struct err *e)
{
	struct locates l = { out, cnt };

	*cnt = 0;
	if (c->risk.locates_file[0] == '\0')
		return 0;
	return walk(c, c->risk.locates_file, 3, "symbol,account,quantity", take_locate, &l, e);
}
