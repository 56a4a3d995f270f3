/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/schema.h"

/* Makes a path that a file names relative to that file's folder. */
static bool
path_resolve(const char *file, const char *path, char out[CONFIG_PATH_MAX])
{
	const char *slash = strrchr(file, '/');
	int n;

	if (path[0] == '/' || !slash)
		n = snprintf(out, CONFIG_PATH_MAX, "%s", path);
	else
		n = snprintf(out, CONFIG_PATH_MAX, "%.*s/%s", (int)(slash - file), file, path);
	return n >= 0 && n < CONFIG_PATH_MAX;
}

/* Reads the file that has the core map, and hangs its core_map into the root. */
static int
core_map_graft(struct dom *d, const char *name, struct err *e)
{
	const struct node *ref = node_find(d->root, "core_map_file");
	const struct node *own = node_find(d->root, "core_map");
	char path[CONFIG_PATH_MAX];
	struct node *root, *map;
	char *text;
	size_t text_len;
	int code;

	if (!ref || ref->kind != NODE_SCALAR || !ref->text_len)
		return 0;
	if (own)
		return err_add(e, -EINVAL,
			       "%s: core_map_file: names a file, while core_map stands at %s; keep "
			       "one of them",
			       node_place(d, ref).text, node_place(d, own->key).text);
	if (strlen(ref->text) != ref->text_len || !path_resolve(name, ref->text, path))
		return err_add(e, -EINVAL, "%s: core_map_file: the path is too long or no text",
			       node_place(d, ref).text);
	code = file_read(path, &text, &text_len, e);
	if (code < 0) {
		err_in(e, "%s: core_map_file", node_place(d, ref).text);
		return code;
	}
	root = dom_read(d, path, text, text_len, e);
	free(text);
	if (!root)
		return -EINVAL;
	map = root->child;
	if (!map || strcmp(map->key->text, "core_map") != 0 || map->next)
		return err_add(e, -EINVAL,
			       "%s: found other keys, allowed in a core map's file is core_map "
			       "alone",
			       node_place(d, root).text);
	node_add(d->root, map);
	return 0;
}

/* The other paths of a configuration are relative to its file too. */
static void
paths_resolve(struct config *c, struct err *e)
{
	char path[CONFIG_PATH_MAX], where[300];
	char *field[4 + 2 * SESSION_MAX + FEED_MAX] = { c->pmd_config_dir, c->control.event_log,
							c->journal.directory,
							c->control.limits_file };
	size_t cnt = 4;

	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		field[cnt++] = c->sessions[i].password_file;
	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		field[cnt++] = c->sessions[i].drop_copy.password_file;
	for (uint32_t i = 0; i < c->feeds_cnt; i++)
		field[cnt++] = c->feeds[i].recovery.snapshot_password_file;
	for (size_t i = 0; i < cnt; i++) {
		if (!field[i][0])
			continue;
		if (path_resolve(c->file, field[i], path)) {
			memcpy(field[i], path, sizeof(path));
			continue;
		}
		config_where(c, field[i], where, sizeof(where));
		err_add(e, -EINVAL, "%s: the path is too long with the folder of %s", where,
			c->file);
	}
}

int
config_load_text(struct config *c, const char *name, const char *text, size_t text_len,
		 struct err *e)
{
	struct dom d;
	int code;

	memset(c, 0, sizeof(*c));
	err_init(e);
	snprintf(c->file, sizeof(c->file), "%s", name);
	dom_init(&d);
	d.root = dom_read(&d, name, text, text_len, e);
	if (!d.root || core_map_graft(&d, name, e) < 0)
		goto out;
	c->marks = calloc(1, sizeof(*c->marks));
	if (!c->marks) {
		err_add(e, -ENOMEM, "%s: no memory left", name);
		goto out;
	}
	schema_fill(&CONFIG_SCHEMA, &d, c, c->marks, e);
	if (!e->code)
		config_check(c, e);
	if (!e->code)
		paths_resolve(c, e);
out:
	dom_fini(&d);
	code = e->code;
	if (code)
		config_free(c);
	err_end(e);
	return code;
}

int
config_load(struct config *c, const char *path, struct err *e)
{
	size_t text_len;
	char *text;
	int code;

	err_init(e);
	memset(c, 0, sizeof(*c));
	if (strlen(path) >= 256)
		return err_set(e, -ENAMETOOLONG, "%s: the path is longer than 255 bytes", path);
	code = file_read(path, &text, &text_len, e);
	if (code < 0)
		return code;
	code = config_load_text(c, path, text, text_len, e);
	free(text);
	return code;
}

void
config_free(struct config *c)
{
	if (c->marks)
		free(c->marks->mark);
	free(c->marks);
	c->marks = NULL;
}

/* The mark of the field itself, else of the smallest block around it. */
static const struct config_mark *
mark_find(const struct config *c, const void *field)
{
	const size_t offset = (size_t)((const char *)field - (const char *)c);
	const struct config_mark *best = NULL;

	for (uint32_t i = 0; c->marks && i < c->marks->cnt; i++) {
		const struct config_mark *m = &c->marks->mark[i];

		if (!m->is_block && m->offset == offset)
			return m;
		if (m->is_block && offset >= m->offset && offset < m->offset + m->bytes &&
		    (!best || m->bytes < best->bytes))
			best = m;
	}
	return best;
}

void
config_where(const struct config *c, const void *field, char *out, size_t out_bytes)
{
	const struct config_mark *m = mark_find(c, field);

	if (m)
		snprintf(out, out_bytes, "%s:%u:%u", c->marks->file[m->file_idx], m->line,
			 m->column);
	else
		snprintf(out, out_bytes, "%s:1:1", c->file);
}

bool
config_is_set(const struct config *c, const void *field)
{
	const struct config_mark *m = mark_find(c, field);

	return m && !m->is_block;
}

const char *
environment_word(enum environment environment)
{
	switch (environment) {
	case ENVIRONMENT_SIMULATION:
		return "simulation";
	case ENVIRONMENT_TEST:
		return "test";
	case ENVIRONMENT_LIVE:
		return "live";
	}
	return "?";
}

const char *
session_protocol_word(enum session_protocol protocol)
{
	switch (protocol) {
	case SESSION_OUCH50:
		return "ouch50";
	case SESSION_OUCH42:
		return "ouch42";
	}
	return "?";
}
