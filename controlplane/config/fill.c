/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"

enum {
	PATH_BYTES = 128, // of a key's path in messages
};

struct fill {
	const struct schema *s;
	const struct dom *d;
	struct config_marks *marks;
	struct err *e;
	char *base;
};

/* One block of the file, and what of it was seen. */
struct block {
	const char *owner;
	char *at; // the struct it fills
	char path[PATH_BYTES];
	bool seen[SCHEMA_KEY_MAX];
};

__attribute__((format(printf, 4, 5))) static void
complain(struct fill *f, const struct node *n, const char *path, const char *fmt, ...)
{
	char what[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	err_add(f->e, -EINVAL, "%s: %s%s%s", node_place(f->d, n).text, path, path[0] ? ": " : "",
		what);
}

static void
path_join(char out[PATH_BYTES], const char *path, const char *key)
{
	snprintf(out, PATH_BYTES, "%s%s%s", path, path[0] ? "." : "", key);
}

static void
mark(struct fill *f, const void *field, size_t bytes, const struct node *n, bool is_block)
{
	struct config_marks *m = f->marks;

	if (!m)
		return;
	if (m->cnt == m->room) {
		const uint32_t room = m->room ? m->room * 2 : 256;
		struct config_mark *more = realloc(m->mark, room * sizeof(*more));

		if (!more)
			return; // messages then name the block around the value
		m->mark = more;
		m->room = room;
	}
	m->mark[m->cnt++] = (struct config_mark){
		.offset = (uint32_t)((const char *)field - f->base),
		.bytes = (uint32_t)bytes,
		.line = n->line,
		.column = n->column,
		.file_idx = n->file_idx,
		.is_block = is_block,
	};
}

/* How many letters to change, add or drop to make one word of the other; words are short. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[65];
	const size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > 64 || b_len > 64)
		return 99;
	for (unsigned j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			const unsigned above = row[j];
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[b_len];
}

/* The part of a key's name that can stand in a block at prefix, or false. */
static bool
name_at(const struct key *k, const char *owner, const char *prefix, char out[65])
{
	const size_t prefix_len = strlen(prefix);

	if (strcmp(k->owner, owner) != 0 || strncmp(k->name, prefix, prefix_len) != 0 ||
	    k->type == KEY_REFUSED)
		return false;
	snprintf(out, 65, "%.*s", (int)strcspn(k->name + prefix_len, "."), k->name + prefix_len);
	return true;
}

static void
complain_unknown(struct fill *f, const struct block *b, const char *prefix, const struct node *key,
		 const char *path)
{
	char best[65] = "", list[512] = "", name[65], last[65] = "";
	unsigned best_distance = 99;
	size_t used = 0;

	if (f->e->line_cnt >= ERR_LINE_MAX) {
		complain(f, key, path, "unknown key");
		return;
	}
	for (size_t i = 0; i < f->s->key_cnt; i++) {
		unsigned far;

		if (!name_at(&f->s->key[i], b->owner, prefix, name) || strcmp(name, last) == 0)
			continue;
		snprintf(last, sizeof(last), "%s", name);
		far = distance(key->text, name);
		if (far < best_distance) {
			best_distance = far;
			snprintf(best, sizeof(best), "%s", name);
		}
		if (used + strlen(name) + 2 < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", name);
	}
	if (best_distance <= 2 || best_distance <= strlen(key->text) / 3)
		complain(f, key, path, "unknown key; did you mean '%s'?", best);
	else
		complain(f, key, path, "unknown key; allowed here:%s", list);
}

static const char *
kind_word(const struct node *n)
{
	return n->kind == NODE_LIST ? "a list" : n->kind == NODE_MAP ? "a block" : "a single value";
}

/* YAML writes "nothing" in several ways; none of them is a value here. */
static bool
is_null(const struct node *n)
{
	return n->kind == NODE_SCALAR && n->plain &&
	       (n->text_len == 0 || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

static bool
fill_scalar(struct fill *f, const struct key *k, const struct node *n, void *field,
	    const char *path)
{
	char why[512];

	if (n->kind != NODE_SCALAR)
		complain(f, n, path, "found %s, allowed one value (%s)", kind_word(n), k->meaning);
	else if (is_null(n))
		complain(f, n, path, "found nothing behind the key; %s (%s)",
			 k->dflt && !k->dflt[0] ? "write \"\" or leave the key out"
			 : k->dflt              ? "leave the key out"
						: "write a value",
			 k->meaning);
	else if (!value_of_text(k, n->text, n->text_len, n->plain, field, why, sizeof(why)))
		complain(f, n, path, "%s (%s)", why, k->meaning);
	else
		return true;
	return false;
}

static void fill_block(struct fill *f, const char *owner, const struct node *n, char *at,
		       const char *path);

static bool
count_fits(struct fill *f, const struct key *k, const struct node *n, const char *path)
{
	uint32_t cnt = 0;

	if (n->kind != NODE_LIST) {
		complain(f, n, path, "found %s, allowed a list (%s)",
			 is_null(n) ? "nothing" : kind_word(n), k->meaning);
		return false;
	}
	for (const struct node *c = n->child; c; c = c->next)
		cnt++;
	if (cnt >= k->least_cnt && cnt <= k->most_cnt)
		return true;
	complain(f, n, path, "found %u elements, allowed %u..%u (%s)", cnt, k->least_cnt,
		 k->most_cnt, k->meaning);
	return false;
}

static void
fill_list(struct fill *f, const struct key *k, const struct node *n, char *at, const char *path)
{
	uint32_t *cnt = (uint32_t *)(at + k->cnt_offset);
	uint32_t i = 0;

	if (!count_fits(f, k, n, path))
		return;
	for (const struct node *c = n->child; c; c = c->next, i++) {
		char *field = at + k->offset + (k->first_idx + i) * k->size;
		char element_path[PATH_BYTES + 16];

		snprintf(element_path, sizeof(element_path), "%s[%u]", path, i);
		if (k->type == KEY_LIST_BLOCK) {
			mark(f, field, k->size, c, true);
			fill_block(f, k->element, c, field, element_path);
		} else if (fill_scalar(f, k, c, field, element_path)) {
			mark(f, field, k->size, c, false);
		}
	}
	*cnt = k->first_idx + i;
}

static void
fill_set(struct fill *f, const struct key *k, const struct node *n, void *field, const char *path)
{
	if (n->kind != NODE_LIST) {
		complain(f, n, path, "found %s, allowed a list of: %s (%s)",
			 is_null(n) ? "nothing" : kind_word(n), k->words, k->meaning);
		return;
	}
	for (const struct node *c = n->child; c; c = c->next)
		if (!fill_scalar(f, k, c, field, path))
			return;
}

static void
fill_key(struct fill *f, struct block *b, const struct key *k, const struct node *n,
	 const char *path)
{
	char *field = b->at + k->offset;

	switch (k->type) {
	case KEY_REFUSED:
		complain(f, n->key, path, "%s", k->meaning);
		return;
	case KEY_LIST_STR:
	case KEY_LIST_U32:
	case KEY_LIST_ENDPOINT:
	case KEY_LIST_BLOCK:
		mark(f, field, k->size * k->most_cnt, n, true);
		fill_list(f, k, n, b->at, path);
		return;
	case KEY_SET:
		mark(f, field, k->size, n, false);
		fill_set(f, k, n, field, path);
		return;
	default:
		if (fill_scalar(f, k, n, field, path))
			mark(f, field, k->size, n, false);
	}
}

/* A key, a group of keys (1), or unknown (2). */
static const struct key *
key_find(const struct schema *s, const char *owner, const char *name, bool *is_group)
{
	const size_t name_len = strlen(name);

	*is_group = false;
	for (size_t i = 0; i < s->key_cnt; i++) {
		const struct key *k = &s->key[i];

		if (strcmp(k->owner, owner) != 0 || strncmp(k->name, name, name_len) != 0)
			continue;
		if (k->name[name_len] == '\0')
			return k;
		if (k->name[name_len] == '.')
			*is_group = true;
	}
	return NULL;
}

static void
fill_map(struct fill *f, struct block *b, const char *prefix, const struct node *map,
	 const char *path)
{
	if (map->kind != NODE_MAP) {
		complain(f, map, path, "found %s, allowed a block of keys (key: value)",
			 is_null(map) ? "nothing" : kind_word(map));
		return;
	}
	for (const struct node *n = map->child; n; n = n->next) {
		const struct shown shown = shown_of(n->key->text, n->key->text_len);
		char name[PATH_BYTES], key_path[PATH_BYTES];
		const struct node *first;
		const struct key *k;
		bool is_group;

		snprintf(name, sizeof(name), "%s%s", prefix, shown.text);
		path_join(key_path, path, shown.text);
		// A dot would reach into a group; no key has one of its own.
		k = strchr(shown.text, '.') || !shown.text[0]
			    ? (is_group = false, NULL)
			    : key_find(f->s, b->owner, name, &is_group);
		if (!k && !is_group) {
			complain_unknown(f, b, prefix, n->key, key_path);
			continue;
		}
		first = node_find(map, n->key->text);
		if (first != n) {
			complain(f, n->key, key_path,
				 "stands there twice, first at %s; keep one of them",
				 node_place(f->d, first->key).text);
			continue;
		}
		if (k) {
			b->seen[k - f->s->key] = true;
			fill_key(f, b, k, n, key_path);
		} else {
			snprintf(name, sizeof(name), "%s%s.", prefix, shown.text);
			fill_map(f, b, name, n, key_path);
		}
	}
}

static void
fill_defaults(struct fill *f, const char *owner, char *at)
{
	for (size_t i = 0; i < f->s->key_cnt; i++) {
		const struct key *k = &f->s->key[i];
		char why[256];

		if (strcmp(k->owner, owner) != 0)
			continue;
		if (k->type == KEY_LIST_BLOCK)
			*(uint32_t *)(at + k->cnt_offset) = k->first_idx;
		else if (k->type != KEY_REFUSED && k->dflt && k->dflt[0] &&
			 !value_of_text(k, k->dflt, strlen(k->dflt), true, at + k->offset, why,
					sizeof(why)))
			abort(); // the table contradicts itself; the unit test walks all of it
	}
}

/* The block of the file that a missing key belongs into, as far as it is there. */
static const struct node *
home_of(const char *name, const struct node *n)
{
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(name, '.')) {
		char group[65];
		const struct node *inner;

		snprintf(group, sizeof(group), "%.*s", (int)(dot - name), name);
		inner = node_find(n, group);
		if (!inner || inner->kind != NODE_MAP)
			break;
		n = inner;
		name = dot + 1;
	}
	return n;
}

static void
fill_block(struct fill *f, const char *owner, const struct node *n, char *at, const char *path)
{
	struct block b = { .owner = owner, .at = at };

	fill_defaults(f, owner, at);
	fill_map(f, &b, "", n, path);
	if (n->kind != NODE_MAP)
		return;
	for (size_t i = 0; i < f->s->key_cnt; i++) {
		const struct key *k = &f->s->key[i];
		char key_path[PATH_BYTES];

		if (strcmp(k->owner, owner) != 0 || b.seen[i] || (k->dflt && !k->least_cnt))
			continue;
		path_join(key_path, path, k->name);
		complain(f, home_of(k->name, n), key_path, "is missing; it has no default (%s)",
			 k->meaning);
	}
}

void
schema_fill(const struct schema *s, const struct dom *d, void *base, struct config_marks *marks,
	    struct err *e)
{
	struct fill f = { .s = s, .d = d, .marks = marks, .e = e, .base = base };

	if (marks) {
		memcpy(marks->file, d->file, sizeof(marks->file));
		marks->file_cnt = d->file_cnt;
	}
	fill_block(&f, s->root, d->root, base, "");
}
