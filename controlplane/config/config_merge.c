/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/schema.h"

/* One walk over two configurations side by side. */
struct merge {
	struct config *out; // begins as a copy of the running one
	const struct config *running;
	const struct config *file;
	config_change_fn *fn;
	void *arg;
	bool no_memory;
};

/* The same block in all three. */
struct three {
	char *out;
	const char *running;
	const char *file;
};

static void
mark_add(struct merge *m, const struct config_mark *from, uint32_t offset)
{
	struct config_marks *to = m->out->marks;

	if (to->cnt == to->room) {
		const uint32_t room = to->room == 0 ? 256 : to->room * 2;
		struct config_mark *more = realloc(to->mark, room * sizeof(*more));

		if (more == NULL) {
			m->no_memory = true;
			return;
		}
		to->mark = more;
		to->room = room;
	}
	to->mark[to->cnt] = *from;
	to->mark[to->cnt++].offset = offset;
}

/* Where the values of `bytes` bytes at `from` in *c stand; they are at `to` in *out. */
static void
marks_take(struct merge *m, const struct config *c, const void *from, size_t bytes, const void *to)
{
	const uint32_t first = (uint32_t)((const char *)from - (const char *)c);
	const uint32_t at = (uint32_t)((const char *)to - (const char *)m->out);

	for (uint32_t i = 0; c->marks != NULL && i < c->marks->cnt; i++) {
		const struct config_mark *k = &c->marks->mark[i];

		if (k->offset >= first && k->offset - first < bytes &&
		    k->offset + k->bytes <= first + bytes)
			mark_add(m, k, at + (k->offset - first));
	}
}

static void
tell(struct merge *m, bool live, const char *path, const char *name, const char *was,
     const char *now)
{
	struct config_change c = { .live = live };

	snprintf(c.key, sizeof(c.key), "%s%s", path, name);
	snprintf(c.was, sizeof(c.was), "%s", was);
	snprintf(c.now, sizeof(c.now), "%s", now);
	m->fn(m->arg, &c);
}

static size_t
bytes_of(const struct key *k)
{
	return key_is_list(k) || k->type == KEY_LIST_BLOCK ? k->size * (k->first_idx + k->most_cnt)
							   : k->size;
}

static uint32_t
cnt_of(const struct key *k, const char *block)
{
	uint32_t cnt;

	memcpy(&cnt, block + k->cnt_offset, sizeof(cnt));
	return cnt;
}

static bool
is_same(const struct key *k, const char *a, const char *b)
{
	const char *x = a + k->offset, *y = b + k->offset;

	if (k->type == KEY_STR) // behind its end a text may have anything
		return strcmp(x, y) == 0;
	if (!key_is_list(k))
		return memcmp(x, y, k->size) == 0;
	if (cnt_of(k, a) != cnt_of(k, b))
		return false;
	for (uint32_t i = k->first_idx; i < cnt_of(k, a); i++)
		if (k->type == KEY_LIST_STR
			    ? strcmp(x + i * k->size, y + i * k->size) != 0
			    : memcmp(x + i * k->size, y + i * k->size, k->size) != 0)
			return false;
	return true;
}

/* One plain key. */
static void
merge_key(struct merge *m, const char *path, const struct key *k, struct three at)
{
	const bool same = is_same(k, at.running, at.file);
	char was[CONFIG_VALUE_BYTES], now[CONFIG_VALUE_BYTES];

	if (same || k->takes_effect == LIVE)
		marks_take(m, m->file, at.file + k->offset, bytes_of(k), at.out + k->offset);
	else
		marks_take(m, m->running, at.running + k->offset, bytes_of(k), at.out + k->offset);
	if (same)
		return;
	key_text(k, at.running, was, sizeof(was));
	key_text(k, at.file, now, sizeof(now));
	tell(m, k->takes_effect == LIVE, path, k->name, was, now);
	if (k->takes_effect != LIVE)
		return;
	memcpy(at.out + k->offset, at.file + k->offset, bytes_of(k));
	if (key_is_list(k))
		memcpy(at.out + k->cnt_offset, at.file + k->cnt_offset, sizeof(uint32_t));
}

/* The key that names an element of a list; NULL: its place does. */
static const struct key *
name_key(const char *owner)
{
	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];

		if (strcmp(k->owner, owner) == 0 && k->type == KEY_STR &&
		    (strcmp(k->name, "name") == 0 || strcmp(k->name, "symbol") == 0))
			return k;
	}
	return NULL;
}

/* The element of the other list that belongs to ours at place idx; NULL: there is none. */
static const char *
partner(const struct key *list, const char *ours, uint32_t idx, const char *theirs)
{
	const struct key *name = name_key(list->element);
	const char *mine = ours + list->offset + (size_t)idx * list->size;

	for (uint32_t i = list->first_idx; i < cnt_of(list, theirs); i++) {
		const char *other = theirs + list->offset + (size_t)i * list->size;

		if (name == NULL ? i == idx
				 : strcmp(other + name->offset, mine + name->offset) == 0)
			return other;
	}
	return NULL;
}

static void
element_path(const char *path, const struct key *list, const char *block, uint32_t idx,
	     char out[CONFIG_KEY_BYTES])
{
	const struct key *name = name_key(list->element);
	const char *element = block + list->offset + (size_t)idx * list->size;

	if (name != NULL)
		snprintf(out, CONFIG_KEY_BYTES, "%.60s%s[%s]", path, list->name,
			 element + name->offset);
	else
		snprintf(out, CONFIG_KEY_BYTES, "%.60s%s[%u]", path, list->name,
			 idx - list->first_idx);
}

/*
 * Limits of single instruments are live as a whole: entries come and go.  What a file does not give
 * has the value for all in it, which is no change of the entry.
 */
static bool
instrument_is_running(const struct config *running, const char *symbol)
{
	for (uint32_t i = 1; i < running->instruments_cnt; i++)
		if (strcmp(running->instruments[i].symbol, symbol) == 0)
			return true;
	return false;
}

static void
own_text(const struct config *c, const struct key *k, const char *element, char *out)
{
	if (element != NULL && config_is_set(c, element + k->offset))
		key_text(k, element, out, CONFIG_VALUE_BYTES);
	else
		snprintf(out, CONFIG_VALUE_BYTES, "not set");
}

static void
tell_instrument(struct merge *m, const char *symbol, const char *running, const char *file)
{
	char path[CONFIG_KEY_BYTES], was[CONFIG_VALUE_BYTES], now[CONFIG_VALUE_BYTES];

	snprintf(path, sizeof(path), "risk.instruments[%s].", symbol);
	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];

		if (strcmp(k->owner, "config_risk_instrument") != 0 ||
		    strcmp(k->name, "symbol") == 0)
			continue;
		own_text(m->running, k, running, was);
		own_text(m->file, k, file, now);
		if (strcmp(was, now) != 0)
			tell(m, true, path, k->name, was, now);
	}
}

static void
merge_instruments(struct merge *m, const struct key *list)
{
	const struct config_risk *was = &m->running->risk, *now = &m->file->risk;
	struct config_risk *out = &m->out->risk;

	out->instruments_cnt = 0;
	for (uint32_t i = 0; i < now->instruments_cnt; i++) {
		const struct config_risk_instrument *in = &now->instruments[i];
		const char *before =
			partner(list, (const char *)m->file, i, (const char *)m->running);

		if (!instrument_is_running(m->running, in->symbol)) {
			char path[CONFIG_KEY_BYTES];

			element_path("", list, (const char *)m->file, i, path);
			tell(m, false, path, "", "not there", "new");
			continue;
		}
		tell_instrument(m, in->symbol, before, (const char *)in);
		marks_take(m, m->file, in, sizeof(*in), &out->instruments[out->instruments_cnt]);
		out->instruments[out->instruments_cnt++] = *in;
	}
	for (uint32_t i = 0; i < was->instruments_cnt; i++)
		if (partner(list, (const char *)m->running, i, (const char *)m->file) == NULL)
			tell_instrument(m, was->instruments[i].symbol,
					(const char *)&was->instruments[i], NULL);
}

static void merge_block(struct merge *m, const char *path, const char *owner, struct three at);

/* A list of blocks: which there are is settled at start, what is in them may be live. */
static void
merge_list(struct merge *m, const char *path, const struct key *k, struct three at)
{
	char inner[CONFIG_KEY_BYTES];

	for (uint32_t i = k->first_idx; i < cnt_of(k, at.running); i++) {
		const size_t offset = k->offset + (size_t)i * k->size;
		const char *other = partner(k, at.running, i, at.file);

		element_path(path, k, at.running, i, inner);
		if (other == NULL) {
			marks_take(m, m->running, at.running + offset, k->size, at.out + offset);
			tell(m, false, inner, "", "configured", "gone");
			continue;
		}
		// the places of the elements themselves; those of their keys come with them
		for (uint32_t b = 0; m->file->marks != NULL && b < m->file->marks->cnt; b++) {
			const struct config_mark *mark = &m->file->marks->mark[b];

			if (mark->is_block && mark->bytes == k->size &&
			    mark->offset == (uint32_t)(other - (const char *)m->file))
				mark_add(m, mark, (uint32_t)(at.out + offset - (char *)m->out));
		}
		snprintf(inner + strlen(inner), sizeof(inner) - strlen(inner), ".");
		merge_block(m, inner, k->element,
			    (struct three){ at.out + offset, at.running + offset, other });
	}
	for (uint32_t i = k->first_idx; i < cnt_of(k, at.file); i++) {
		if (partner(k, at.file, i, at.running) != NULL)
			continue;
		element_path(path, k, at.file, i, inner);
		tell(m, false, inner, "", "not there", "new");
	}
}

static void
merge_block(struct merge *m, const char *path, const char *owner, struct three at)
{
	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];

		if (strcmp(k->owner, owner) != 0 || k->type == KEY_REFUSED)
			continue;
		if (k->type != KEY_LIST_BLOCK)
			merge_key(m, path, k, at);
		else if (strcmp(k->element, "config_risk_instrument") == 0)
			merge_instruments(m, k);
		else
			merge_list(m, path, k, at);
	}
}

int
config_merge(struct config *out, const struct config *running, const struct config *file,
	     config_change_fn *fn, void *arg, struct err *e)
{
	struct merge m = { .out = out, .running = running, .file = file, .fn = fn, .arg = arg };

	*out = *running;
	out->marks = calloc(1, sizeof(*out->marks));
	if (out->marks == NULL)
		return err_set(e, -ENOMEM, "no memory for the configuration");
	memcpy(out->marks->file, file->marks->file, sizeof(out->marks->file));
	out->marks->file_cnt = file->marks->file_cnt;
	merge_block(&m, "", CONFIG_SCHEMA.root,
		    (struct three){ (char *)out, (const char *)running, (const char *)file });
	if (m.no_memory)
		err_set(e, -ENOMEM, "no memory for the configuration");
	else
		config_check(out, e);
	if (e->code == -EINVAL)
		err_in(e,
		       "%s: with the keys that keep their value until a restart, this does not "
		       "fit",
		       file->file);
	if (e->code != 0)
		config_free(out);
	return e->code;
}
