/* SPDX-License-Identifier: Apache-2.0 */
#include "err/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char CUT[] = "...";

/* Appends at used; a text that does not fit ends in "...".  Returns the new length. */
static size_t
text_append(struct err *e, size_t used, const char *fmt, va_list ap)
{
	const size_t room = sizeof(e->text) - used;
	const int n = vsnprintf(e->text + used, room, fmt, ap);

	if (n < 0) {
		e->text[used] = '\0';
		return used;
	}
	if ((size_t)n >= room) {
		memcpy(e->text + sizeof(e->text) - sizeof(CUT), CUT, sizeof(CUT));
		return sizeof(e->text) - 1;
	}
	return used + (size_t)n;
}

void
err_init(struct err *e)
{
	e->code = 0;
	e->line_cnt = 0;
	e->text[0] = '\0';
}

int
err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	text_append(e, 0, fmt, ap);
	va_end(ap);
	e->code = code;
	e->line_cnt = 1;
	return code;
}

int
err_add(struct err *e, int code, const char *fmt, ...)
{
	size_t used;
	va_list ap;

	if (!e)
		return code;
	if (e->line_cnt == 0)
		e->code = code;
	if (e->line_cnt++ >= ERR_LINE_MAX)
		return e->code;
	used = strlen(e->text);
	if (used > 0 && used < sizeof(e->text) - 1)
		e->text[used++] = '\n';
	e->text[used] = '\0';
	va_start(ap, fmt);
	text_append(e, used, fmt, ap);
	va_end(ap);
	return e->code;
}

void
err_in(struct err *e, const char *fmt, ...)
{
	char cause[ERR_TEXT_MAX], where[512];
	char *save = NULL;
	size_t used = 0;
	va_list ap;

	if (!e)
		return;
	va_start(ap, fmt);
	vsnprintf(where, sizeof(where), fmt, ap);
	va_end(ap);
	memcpy(cause, e->text, sizeof(cause));
	e->text[0] = '\0';
	for (char *line = strtok_r(cause, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const int n = snprintf(e->text + used, sizeof(e->text) - used, "%s%s: %s",
				       used ? "\n" : "", where, line);

		if (n < 0 || (size_t)n >= sizeof(e->text) - used) {
			memcpy(e->text + sizeof(e->text) - sizeof(CUT), CUT, sizeof(CUT));
			break;
		}
		used += (size_t)n;
	}
}

void
err_end(struct err *e)
{
	size_t used;

	if (!e || e->line_cnt <= ERR_LINE_MAX)
		return;
	used = strlen(e->text);
	snprintf(e->text + used, sizeof(e->text) - used, "\nand %u more",
		 e->line_cnt - ERR_LINE_MAX);
	e->line_cnt = ERR_LINE_MAX;
}
