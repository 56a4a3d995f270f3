/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/names.h"

#include <stdlib.h>

enum {
	IDX_END = UINT16_MAX + 1, // records have indexes of 16 bits
	CNT_FIRST = 64,
};

void
journal_names_fini(struct journal_names *n)
{
	for (uint32_t i = 0; i < JOURNAL_NAME_CNT; i++)
		free(n->of[i].text);
	free(n->account.text);
	memset(n, 0, sizeof(*n));
}

static void
forget(struct journal_name_list *l)
{
	if (l->cnt != 0)
		memset(l->text, 0, l->cnt * sizeof(*l->text));
}

static void
keep(struct journal_names *n, struct journal_name_list *l, uint32_t idx, const char *text,
     size_t len)
{
	char *to;

	if (idx >= l->cnt) {
		uint32_t cnt = l->cnt == 0 ? CNT_FIRST : l->cnt;
		void *more;

		while (cnt <= idx)
			cnt *= 2;
		more = realloc(l->text, cnt * sizeof(*l->text));
		if (more == NULL) {
			n->no_memory = true;
			return;
		}
		l->text = more;
		memset(l->text + l->cnt, 0, (cnt - l->cnt) * sizeof(*l->text));
		l->cnt = cnt;
	}
	if (len >= JOURNAL_NAME_LEN)
		len = JOURNAL_NAME_LEN - 1;
	to = l->text[idx];
	memcpy(to, text, len);
	to[len] = '\0';
	for (; *to != '\0'; to++) // it goes to terminals
		if ((unsigned char)*to < ' ' || *to == 0x7F)
			*to = '?';
}

void
journal_names_take(struct journal_names *n, const struct journal_record *r)
{
	const char *text = (const char *)r->payload + sizeof(struct journal_text);
	const char *end = (const char *)r->payload + r->frame.len;
	struct journal_text t;
	uint32_t what, idx;

	if (r->frame.kind != JOURNAL_NAME)
		return;
	t = journal_text_of(r);
	what = t.arg & 0xFF;
	idx = t.arg >> 8;
	if (what >= JOURNAL_NAME_CNT || r->frame.run < n->run)
		return;
	if (r->frame.run > n->run) {
		for (uint32_t i = 0; i < JOURNAL_NAME_CNT; i++)
			forget(&n->of[i]);
		forget(&n->account);
		n->run = r->frame.run;
	}
	for (uint64_t left = t.value[0] == 0 ? 1 : t.value[0]; left != 0 && idx < IDX_END; left--) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));

		keep(n, &n->of[what], idx, text, (size_t)((eol != NULL ? eol : end) - text));
		if (eol == NULL)
			return;
		if (t.value[0] == 0) {
			if (what == JOURNAL_NAME_STRATEGY)
				keep(n, &n->account, idx, eol + 1, (size_t)(end - eol - 1));
			return;
		}
		text = eol + 1;
		idx++;
	}
}

static const char *
text_of(const struct journal_name_list *l, uint32_t idx)
{
	return idx < l->cnt ? l->text[idx] : "";
}

const char *
journal_name_of(const struct journal_names *n, enum journal_name_what what, uint32_t idx,
		uint32_t run)
{
	const char *text = run == n->run ? text_of(&n->of[what], idx) : "";

	return text[0] == '\0' ? NULL : text;
}

const char *
journal_account_of(const struct journal_names *n, uint32_t strategy_idx, uint32_t run)
{
	return run == n->run ? text_of(&n->account, strategy_idx) : "";
}
