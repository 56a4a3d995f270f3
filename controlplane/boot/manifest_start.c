/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/manifest_start.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_version.h>

#include "base/units.h"
#include "err/fault.h"
#include "observe/event_log.h"
#include "observe/state_config.h"

enum {
	ROWS_MAX = 16384, // as sluicectl config
};

/* Rows of this gateway's own, to be hashed: texts, each with its end. */
struct texts {
	FILE *f;
	char *data;
	size_t len;
};

static int
texts_open(struct texts *t, struct err *e)
{
	memset(t, 0, sizeof(*t));
	t->f = open_memstream(&t->data, &t->len);
	return t->f != NULL ? 0 : err_set(e, -ENOMEM, "no memory for the manifest");
}

static void
texts_put(struct texts *t, const char *text)
{
	fwrite(text, 1, strlen(text) + 1, t->f);
}

static int
texts_add(struct texts *t, struct manifest *m, const char *name, const char *words, struct err *e)
{
	int rc = ferror(t->f) != 0;

	if (fclose(t->f) != 0 || rc != 0)
		rc = err_set(e, -ENOMEM, "no memory for the manifest");
	else
		manifest_add(m, name, t->data, t->len, words);
	free(t->data);
	return rc;
}

/* The configuration as it is in force: a comment or another order of keys makes no difference. */
static int
add_configuration(struct manifest *m, const struct gateway *g, struct err *e)
{
	struct state_config *row = calloc(ROWS_MAX, sizeof(*row));
	struct texts t;
	int rc =
		row == NULL ? err_set(e, -ENOMEM, "no memory for the manifest") : texts_open(&t, e);
	int cnt;

	if (rc == 0) {
		cnt = state_config_rows(g->config, row, ROWS_MAX);
		for (int i = 0; i < cnt && i < ROWS_MAX; i++) {
			texts_put(&t, row[i].key);
			texts_put(&t, row[i].value);
		}
		rc = texts_add(&t, m, "configuration", g->config->file, e);
	}
	free(row);
	return rc;
}

static int
add_limits(struct manifest *m, const struct gateway *g, struct err *e)
{
	struct limits_row *row = calloc(ROWS_MAX, sizeof(*row));
	char words[MANIFEST_TEXT_MAX];
	struct texts t;
	int rc = row == NULL ? err_set(e, -ENOMEM, "no memory for the manifest")
			     : limits_rows(&g->limits, NULL, row, ROWS_MAX, e);
	const int cnt = rc;

	if (rc >= 0)
		rc = texts_open(&t, e);
	if (rc == 0) {
		for (int i = 0; i < cnt && i < ROWS_MAX; i++) {
			texts_put(&t, row[i].key);
			texts_put(&t, row[i].symbol);
			texts_put(&t, row[i].node);
			texts_put(&t, row[i].value);
		}
		snprintf(words, sizeof(words), "%d limits", cnt);
		rc = texts_add(&t, m, "limits", words, e);
	}
	free(row);
	return rc;
}

/*
 * The program's row.  Its file cannot change while it runs and is read once, before lanes run: some
 * ten megabytes would keep the control thread from what it watches.
 */
static struct manifest program;

static int
look_at_program(struct err *e)
{
	return program.row_cnt != 0 ? 0
				    : manifest_add_file(&program, "binary", "/proc/self/exe",
							"sluice " SLUICE_VERSION, e);
}

int
gateway_manifest(struct gateway *g, struct manifest *m, struct err *e)
{
	int rc = look_at_program(e);

	*m = program;
	if (rc == 0)
		rc = add_configuration(m, g, e);
	if (rc == 0)
		rc = add_limits(m, g, e);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < g->config->ports_cnt; i++) {
		char name[MANIFEST_NAME_MAX];

		// filled on zeroes: the same profile has the same bytes
		snprintf(name, sizeof(name), "profile.%.32s", g->config->ports[i].name);
		manifest_add(m, name, &g->port[i].profile, sizeof(g->port[i].profile),
			     g->config->ports[i].profile);
	}
	manifest_add_text(m, "dpdk", rte_version());
	manifest_add_host(m, "", g->config, g->map);
	return 0;
}

/* Asked before orders are let go. */
static int
permit(void *ctx, struct err *e)
{
	static struct manifest now;
	struct gateway *g = ctx;
	char differ[512];
	uint32_t cnt;
	int rc = gateway_manifest(g, &now, e);

	if (rc != 0)
		return rc;
	cnt = manifest_compare(&now, g->approved, differ, sizeof(differ));
	if (cnt == 0)
		return 0;
	return err_set(
		e, -EPERM,
		"this gateway is not what %s approves: %s %s; orders stay off until it is, or "
		"somebody approves the new manifest (sluicectl manifest) %s",
		g->config->manifest.approved, differ, cnt == 1 ? "differs" : "differ",
		fault_tag(FAULT_WARN_MANIFEST));
}

int
gateway_manifest_look(struct gateway *g)
{
	struct timespec t;
	struct err e;

	err_init(&e);
	if (g->approved == NULL || permit(g, &e) == 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &t);
	event_log_say(g->log, (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec, EVENT_ERROR,
		      "%s", e.text);
	return g->limits.armed ? limits_disarm(&g->limits, &e) : 0;
}

int
gateway_manifest_open(struct gateway *g, struct err *e)
{
	int rc = look_at_program(e);

	if (rc != 0 || g->config->manifest.approved[0] == '\0')
		return rc;
	g->approved = calloc(1, sizeof(*g->approved));
	if (g->approved == NULL)
		return err_set(e, -ENOMEM, "no memory for the manifest");
	rc = manifest_read(g->approved, g->config->manifest.approved, e);
	if (rc != 0)
		return rc;
	g->limits.permit = permit;
	g->limits.permit_ctx = g;
	rc = gateway_manifest_look(g);
	return rc == 0 ? 0 : err_set(e, rc, "orders could not be taken off");
}

int
gateway_manifest_rows(void *ctx, struct state_manifest *row, size_t row_max, struct err *e)
{
	static struct manifest now;
	struct gateway *g = ctx;
	const int rc = gateway_manifest(g, &now, e);
	size_t cnt = 0;

	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < now.row_cnt && cnt < row_max; i++, cnt++) {
		const struct manifest_row *r = &now.row[i];
		const struct manifest_row *a =
			g->approved == NULL ? NULL : manifest_find(g->approved, r->name);

		memset(&row[cnt], 0, sizeof(row[cnt]));
		snprintf(row[cnt].name, sizeof(row[cnt].name), "%s", r->name);
		snprintf(row[cnt].hash, sizeof(row[cnt].hash), "%s", r->hash);
		snprintf(row[cnt].text, sizeof(row[cnt].text), "%.*s",
			 (int)sizeof(row[cnt].text) - 1, r->text);
		row[cnt].judged = g->approved != NULL;
		row[cnt].approved = a != NULL && strcmp(a->hash, r->hash) == 0;
	}
	for (uint32_t i = 0; g->approved != NULL && i < g->approved->row_cnt && cnt < row_max;
	     i++) {
		const struct manifest_row *a = &g->approved->row[i];

		if (manifest_find(&now, a->name) != NULL)
			continue;
		memset(&row[cnt], 0, sizeof(row[cnt]));
		snprintf(row[cnt].name, sizeof(row[cnt].name), "%s", a->name);
		snprintf(row[cnt].text, sizeof(row[cnt].text), "approved, and not here");
		row[cnt++].judged = true;
	}
	return (int)cnt;
}

int
gateway_manifest_print(struct gateway *g, FILE *out, struct err *e)
{
	static struct manifest now;
	int rc = limits_open(&g->limits, g->config, e);

	if (rc == 0)
		rc = gateway_manifest(g, &now, e);
	limits_close(&g->limits);
	if (rc == 0 && manifest_print(&now, out) != 0)
		rc = err_set(e, -EIO, "the manifest cannot be written");
	return rc;
}
