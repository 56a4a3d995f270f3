/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

static const struct {
	const char *name;
	enum fault_kind kind;
	const char *meaning;
} TABLE[FAULT_CNT] = {
#define FAULT(name, kind, meaning) { #name, FAULT_##kind, meaning },
#include "faults.def"
#undef FAULT
};

const char *
fault_name(enum fault f)
{
	return TABLE[f].name;
}

/* A decimal number; false when there is none or it does not fit. */
static bool
number(const char **at, uint64_t *n)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	*n = strtoull(*at, &end, 10);
	*at = end;
	return errno == 0;
}

/* "2%", "0.5%" or "500ppm". */
static bool
parse_rate(struct fault_value *v, const char *text)
{
	uint64_t whole, part = 0, part_unit = 10000;

	if (!number(&text, &whole))
		return false;
	if (strcmp(text, "ppm") == 0) {
		v->ppm = (uint32_t)whole;
		return whole <= 1000000;
	}
	if (*text == '.') {
		text++;
		for (; isdigit((unsigned char)*text) && part_unit > 1; text++) {
			part_unit /= 10;
			part += (uint64_t)(*text - '0') * part_unit;
		}
	}
	if (strcmp(text, "%") != 0 || whole > 100)
		return false;
	v->ppm = (uint32_t)(whole * 10000 + part);
	return v->ppm <= 1000000;
}

/* "5", "5-9", "5-", joined by '+'. */
static bool
parse_ranges(struct fault_value *v, const char *text)
{
	v->range_cnt = 0;
	for (;;) {
		struct fault_range *r = &v->range[v->range_cnt];

		if (v->range_cnt == FAULT_RANGE_MAX || !number(&text, &r->from_seq))
			return false;
		r->to_seq = r->from_seq;
		if (*text == '-') {
			text++;
			if (*text == '\0' || *text == '+')
				r->to_seq = UINT64_MAX;
			else if (!number(&text, &r->to_seq) || r->to_seq < r->from_seq)
				return false;
		}
		v->range_cnt++;
		if (*text == '\0')
			return true;
		if (*text++ != '+')
			return false;
	}
}

static bool
parse_value(struct fault_value *v, enum fault_kind kind, const char *text)
{
	switch (kind) {
	case FAULT_PACKETS:
	case FAULT_REQUESTS:
		if (strchr(text, '%') != NULL || strstr(text, "ppm") != NULL)
			return parse_rate(v, text);
		return parse_ranges(v, text);
	case FAULT_SEQS:
		return parse_ranges(v, text);
	case FAULT_SPIN:
		return number(&text, &v->number) &&
		       (*text == '\0' ||
			(*text++ == '@' && number(&text, &v->spin) && *text == '\0'));
	default:
		return number(&text, &v->number) && *text == '\0';
	}
}

const char *
faults_parse(struct faults *f, const char *text)
{
	static const char *const WANT[] = {
		[FAULT_PACKETS] = "a rate like 2% or 500ppm, or message numbers like 17+90-120",
		[FAULT_SEQS] = "message numbers like 100-200 or 100-",
		[FAULT_REQUESTS] = "a rate like 2% or 500ppm, or numbers of requests like 1-3+7",
		[FAULT_NUMBER] = "a whole number",
		[FAULT_SPIN] = "a whole number, or one and its spin like 150@2",
	};
	static char why[256];
	char copy[1024];
	char *save = NULL;

	if (strlen(text) >= sizeof(copy))
		return "more than 1023 characters of faults in one option: give several";
	strcpy(copy, text);
	for (char *t = strtok_r(copy, ",", &save); t != NULL; t = strtok_r(NULL, ",", &save)) {
		char *value = strchr(t, '=');
		struct fault_value v = { .on = true };
		unsigned i;

		if (value != NULL)
			*value++ = '\0';
		for (i = 0; i < FAULT_CNT && strcmp(TABLE[i].name, t) != 0; i++)
			;
		if (i == FAULT_CNT) {
			snprintf(why, sizeof(why), "no fault is called '%.60s'; see --list-faults",
				 t);
			return why;
		}
		if (value == NULL || !parse_value(&v, TABLE[i].kind, value)) {
			snprintf(why, sizeof(why), "%s: '%.60s' is not %s", t,
				 value == NULL ? "" : value, WANT[TABLE[i].kind]);
			return why;
		}
		f->value[i] = v;
	}
	return NULL;
}

void
faults_print(void)
{
	static const char *const KIND[] = {
		[FAULT_PACKETS] = "packets", [FAULT_SEQS] = "seqs", [FAULT_REQUESTS] = "requests",
		[FAULT_NUMBER] = "number",   [FAULT_SPIN] = "spin",
	};

	for (unsigned i = 0; i < FAULT_CNT; i++)
		printf("%-26s%-9s%s\n", TABLE[i].name, KIND[TABLE[i].kind], TABLE[i].meaning);
	puts("\npackets:  a rate (2%, 0.5%, 500ppm) or message numbers (17+90-120)\n"
	     "seqs:     message numbers, FROM-TO or FROM- for ever after\n"
	     "requests: a rate, or which ones, counted from 1 at each server (1-3+7)\n"
	     "spin:     a number, or one and the spin that it is for (150@2)");
}
