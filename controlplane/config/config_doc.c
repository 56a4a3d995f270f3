/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_doc.h"

#include <errno.h>
#include <string.h>

#include "config/schema.h"

enum {
	PATH_BYTES = 160,
};

static const struct {
	const char *path;
	const char *value;
} SAMPLES[] = {
#define SAMPLE(path, value) { path, value },
#include "config/sample.def"
#undef SAMPLE
};

static const char *
type_word(const struct key *k)
{
	switch (k->type) {
	case KEY_BOOL:
		return "true or false";
	case KEY_U32:
	case KEY_U64:
		return "number";
	case KEY_STR:
		return "text";
	case KEY_USD:
		return "dollars";
	case KEY_IP4:
		return "IPv4 address";
	case KEY_NET4:
		return "IPv4 address/prefix length";
	case KEY_ENDPOINT:
		return "IPv4 address:port";
	case KEY_MAC:
		return "hardware address";
	case KEY_ENUM:
		return "word";
	case KEY_SET:
		return "list of words";
	case KEY_LIST_STR:
		return "list of texts";
	case KEY_LIST_U32:
		return "list of numbers";
	case KEY_LIST_ENDPOINT:
		return "list of IPv4 address:port";
	case KEY_LIST_BLOCK:
		return "list of blocks";
	case KEY_REFUSED:
		return "refused";
	}
	return "?";
}

static void
usd_print(FILE *out, uint64_t usd4)
{
	fprintf(out, "%llu.%04llu", (unsigned long long)usd4 / 10000,
		(unsigned long long)usd4 % 10000);
}

/* What values are allowed, beyond their type. */
static void
range_print(FILE *out, const struct key *k)
{
	const char *gap = k->unit[0] ? " " : "";

	switch (k->type) {
	case KEY_U32:
	case KEY_U64:
		fprintf(out, "%llu..%llu%s%s", (unsigned long long)k->min,
			(unsigned long long)k->max, gap, k->unit);
		break;
	case KEY_USD:
		usd_print(out, k->min);
		fputs("..", out);
		usd_print(out, k->max);
		break;
	case KEY_STR:
		fprintf(out, "at most %zu bytes", k->size - 1);
		break;
	case KEY_ENUM:
	case KEY_SET:
		fprintf(out, "%.*s",
			(int)(strlen(k->words) - (k->words[strlen(k->words) - 1] == ' ')),
			k->words);
		break;
	case KEY_LIST_STR:
	case KEY_LIST_U32:
	case KEY_LIST_ENDPOINT:
	case KEY_LIST_BLOCK:
		fprintf(out, "%u..%u elements", k->least_cnt, k->most_cnt);
		break;
	default:
		break;
	}
}

static void
default_print(FILE *out, const struct key *k)
{
	if (!k->dflt || k->least_cnt)
		fputs("required", out);
	else if (k->dflt[0])
		fprintf(out, "%s", k->dflt);
	else
		fputs("none", out);
}

static void
owner_reference(FILE *out, const char *owner, const char *path)
{
	const struct schema *s = &CONFIG_SCHEMA;

	fprintf(out, "\n## %s\n\n", path[0] ? path : "The file");
	fputs("| key | type | allowed | default | takes effect | meaning |\n", out);
	fputs("|---|---|---|---|---|---|\n", out);
	for (size_t i = 0; i < s->key_cnt; i++) {
		const struct key *k = &s->key[i];

		if (strcmp(k->owner, owner) != 0)
			continue;
		fprintf(out, "| `%s` | %s | ", k->name, type_word(k));
		range_print(out, k);
		fputs(" | ", out);
		if (k->type != KEY_REFUSED)
			default_print(out, k);
		fprintf(out, " | %s | %s |\n",
			k->type == KEY_REFUSED    ? ""
			: k->takes_effect == LIVE ? "live"
						  : "restart",
			k->meaning);
	}
	for (size_t i = 0; i < s->key_cnt; i++) {
		const struct key *k = &s->key[i];
		char element[PATH_BYTES];

		if (k->type != KEY_LIST_BLOCK || strcmp(k->owner, owner) != 0)
			continue;
		snprintf(element, sizeof(element), "%s%s%s[]", path, path[0] ? "." : "", k->name);
		owner_reference(out, k->element, element);
	}
}

int
config_doc_reference(FILE *out)
{
	fputs("# Configuration reference\n\n"
	      "Written by `sluice config-reference` from `schema.def`; do not edit.\n\n"
	      "The file is YAML without anchors, aliases and tags, in UTF-8, at most 1 MiB. A key "
	      "with a dot is one\nblock inside another: `hugepages.memory_mb` is `memory_mb` in "
	      "the block `hugepages`. Every fault is told\nwith its line and column, up to twenty "
	      "at once. `live` keys can be changed while lanes run.\n",
	      out);
	owner_reference(out, CONFIG_SCHEMA.root, "");
	return ferror(out) ? -EIO : 0;
}

static const char *
sample_find(const char *path)
{
	for (size_t i = 0; i < ARRAY_CNT(SAMPLES); i++)
		if (strcmp(SAMPLES[i].path, path) == 0)
			return SAMPLES[i].value;
	return NULL;
}

static bool
sample_has(const char *prefix)
{
	for (size_t i = 0; i < ARRAY_CNT(SAMPLES); i++)
		if (strncmp(SAMPLES[i].path, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

static void
indent(FILE *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		fputs("  ", out);
}

static void
comment_print(FILE *out, const struct key *k, unsigned depth)
{
	indent(out, depth);
	fprintf(out, "# %s", k->meaning);
	fputs(" [", out);
	if (k->type != KEY_STR) {
		range_print(out, k);
		if (k->type == KEY_BOOL || k->type == KEY_IP4 || k->type == KEY_NET4 ||
		    k->type == KEY_ENDPOINT || k->type == KEY_MAC)
			fputs(type_word(k), out);
		fputs("; ", out);
	}
	default_print(out, k);
	fprintf(out, "; %s]\n", k->takes_effect == LIVE ? "live" : "restart");
}

/* Where the sample is being written. */
struct sample {
	FILE *out;
	bool is_first; // element of its list: carries the comments
};

static void owner_sample(struct sample *sm, const char *owner, const char *path, unsigned depth,
			 bool in_list);

static void
list_sample(struct sample *sm, const struct key *k, const char *path, unsigned depth)
{
	const bool was_first = sm->is_first;

	for (unsigned i = 0;; i++) {
		char element[PATH_BYTES + 16];

		snprintf(element, sizeof(element), "%s[%u].", path, i);
		if (!sample_has(element))
			break;
		sm->is_first = was_first && i == 0;
		owner_sample(sm, k->element, element, depth, true);
	}
	sm->is_first = was_first;
}

/* A line "key: value", with a dash before the first line of a list's element. */
static void
line_print(FILE *out, unsigned depth, bool *dash, bool comment, const char *key, const char *value)
{
	if (*dash && !comment) {
		indent(out, depth - 1);
		fputs("- ", out);
		*dash = false;
	} else {
		indent(out, depth);
	}
	fprintf(out, "%s%s:%s%s\n", comment ? "#" : "", key, value[0] ? " " : "", value);
}

/* Opens the groups that lead to a key and are not open yet; returns the depth inside them. */
static unsigned
groups_open(struct sample *sm, const char *name, char group[64], unsigned depth)
{
	const char *dot = strrchr(name, '.');
	const int group_len = dot ? (int)(dot - name) : 0;

	if (group_len == 0) {
		group[0] = '\0';
		return depth;
	}
	if (strncmp(group, name, (size_t)group_len) != 0 || group[group_len]) {
		snprintf(group, 64, "%.*s", group_len, name);
		fputc('\n', sm->out);
		indent(sm->out, depth);
		fprintf(sm->out, "%s:\n", group);
	}
	return depth + 1;
}

static void
key_sample(struct sample *sm, const struct key *k, const char *path, unsigned depth, bool *dash)
{
	const char *leaf = strrchr(k->name, '.') ? strrchr(k->name, '.') + 1 : k->name;
	char full[PATH_BYTES], first[PATH_BYTES + 16];
	const char *value;

	snprintf(full, sizeof(full), "%s%s", path, k->name);
	snprintf(first, sizeof(first), "%s[0].", full);
	value = sample_find(full);
	if (k->type == KEY_LIST_BLOCK ? !sample_has(first) : !value && !sm->is_first)
		return;
	if (sm->is_first) {
		if (depth == 0)
			fputc('\n', sm->out);
		comment_print(sm->out, k, depth);
	}
	if (k->type == KEY_LIST_BLOCK) {
		line_print(sm->out, depth, dash, false, leaf, "");
		list_sample(sm, k, full, depth + 1);
	} else if (value) {
		line_print(sm->out, depth, dash, false, leaf, value);
	} else {
		line_print(sm->out, depth, dash, true, leaf,
			   k->dflt && k->dflt[0] ? k->dflt
			   : key_is_list(k)      ? "[]"
						 : "\"\"");
	}
}

static void
owner_sample(struct sample *sm, const char *owner, const char *path, unsigned depth, bool in_list)
{
	const struct schema *s = &CONFIG_SCHEMA;
	bool dash = in_list;
	char group[64] = "";

	for (size_t i = 0; i < s->key_cnt; i++) {
		const struct key *k = &s->key[i];
		char prefix[PATH_BYTES];

		if (strcmp(k->owner, owner) != 0 || k->type == KEY_REFUSED)
			continue;
		snprintf(prefix, sizeof(prefix), "%s%.*s", path, (int)strcspn(k->name, ".") + 1,
			 k->name);
		// A group without a value would be an empty block: leave it out.
		if (strchr(k->name, '.') && !sample_has(prefix))
			continue;
		key_sample(sm, k, path, groups_open(sm, k->name, group, depth + in_list), &dash);
	}
}

int
config_doc_sample(FILE *out)
{
	struct sample sm = { out, true };

	fputs("# SPDX-License-Identifier: Apache-2.0\n"
	      "#\n"
	      "# A configuration to start from, written by `sluice config-sample` from "
	      "schema.def.\n"
	      "# Behind each meaning: [what is allowed; default; when a change takes effect].\n"
	      "# A key that is commented out shows its default.\n",
	      out);
	owner_sample(&sm, CONFIG_SCHEMA.root, "", 0, false);
	return ferror(out) ? -EIO : 0;
}
