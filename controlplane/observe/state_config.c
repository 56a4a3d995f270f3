/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/state_config.h"

#include <stdio.h>
#include <string.h>

#include "config/schema.h"

struct rows {
	const struct config *c;
	struct state_config *row;
	size_t row_max;
	size_t cnt;
};

static void
row_add(struct rows *r, const char *path, const struct key *k, const uint8_t *base)
{
	struct state_config *row = &r->row[r->cnt];

	if (r->cnt++ >= r->row_max)
		return;
	memset(row, 0, sizeof(*row));
	snprintf(row->key, sizeof(row->key), "%.70s%.57s", path, k->name);
	key_text(k, base, row->value, sizeof(row->value));
	if (config_is_set(r->c, base + k->offset))
		config_where(r->c, base + k->offset, row->source, sizeof(row->source));
	else
		snprintf(row->source, sizeof(row->source), "default");
}

/* All keys of one block; elements of lists are blocks of their own. */
static void
block_add(struct rows *r, const char *path, const char *owner, const uint8_t *base)
{
	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];
		char inner[STATE_TEXT_MAX] = "";
		uint32_t cnt;

		if (strcmp(k->owner, owner) != 0 || k->type == KEY_REFUSED)
			continue;
		if (k->type != KEY_LIST_BLOCK) {
			row_add(r, path, k, base);
			continue;
		}
		memcpy(&cnt, base + k->cnt_offset, sizeof(cnt));
		for (uint32_t e = k->first_idx; e < cnt; e++) {
			snprintf(inner, sizeof(inner), "%s%s[%u].", path, k->name,
				 e - k->first_idx);
			block_add(r, inner, k->element, base + k->offset + (size_t)e * k->size);
		}
	}
}

int
state_config_rows(const struct config *c, struct state_config *row, size_t row_max)
{
	struct rows r = { .c = c, .row = row, .row_max = row_max };

	block_add(&r, "", CONFIG_SCHEMA.root, (const uint8_t *)c);
	return (int)r.cnt;
}
