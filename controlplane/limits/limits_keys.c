/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"
#include "decision/risk_state.h"
#include "limits/limits.h"
#include "limits/limits_build.h"

/* Limits by the names and in the words of the configuration: the schema's table drives it. */

static const struct key *
key_of(const char *owner, const char *prefix, const char *name)
{
	const size_t prefix_len = strlen(prefix);

	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];

		if (strcmp(k->owner, owner) == 0 && strncmp(k->name, prefix, prefix_len) == 0 &&
		    strcmp(k->name + prefix_len, name) == 0 && k->takes_effect == LIVE &&
		    (k->type == KEY_U32 || k->type == KEY_USD || k->type == KEY_BOOL ||
		     k->type == KEY_ENUM))
			return k;
	}
	return NULL;
}

/* What a limit is set for. */
struct scope {
	uint32_t instr_idx; // INSTR_NONE: not for one instrument
	uint32_t node_idx;  // RISK_NODE_FIRM: the firm, or an instrument
};

static const struct scope FIRM = { INSTR_NONE, RISK_NODE_FIRM };

static struct scope
scope_instr(uint32_t instr_idx)
{
	return (struct scope){ instr_idx, RISK_NODE_FIRM };
}

static struct scope
scope_node(uint32_t node_idx)
{
	return (struct scope){ INSTR_NONE, node_idx };
}

/* The row of the schema; accounts and strategies have the same limits. */
static const struct key *
limit_key(const char *name, struct scope at)
{
	if (at.node_idx != RISK_NODE_FIRM)
		return key_of("config_account", "limits.", name);
	return at.instr_idx != INSTR_NONE ? key_of("config_risk_instrument", "", name)
					  : key_of("config", "risk.", name);
}

static const char *
limit_name(const struct key *k)
{
	const char *dot = strchr(k->name, '.');

	return dot == NULL ? k->name : dot + 1;
}

/* Where the value of a key is kept. */
static void *
limit_field(const struct limits_set *set, const struct key *k, struct scope at)
{
	const char *base;

	if (at.node_idx != RISK_NODE_FIRM)
		base = (const char *)&set->node[at.node_idx] -
		       offsetof(struct config_account, limits);
	else if (at.instr_idx != INSTR_NONE)
		base = (const char *)&set->risk.instruments[at.instr_idx];
	else
		base = (const char *)&set->risk - offsetof(struct config, risk);
	return (void *)(uintptr_t)(base + k->offset);
}

static int64_t
field_value(const struct key *k, const void *field)
{
	switch (k->type) {
	case KEY_U32:
		return *(const uint32_t *)field;
	case KEY_USD:
		return ((const struct usd *)field)->usd4;
	case KEY_ENUM:
		return *(const unsigned int *)field;
	default:
		return *(const bool *)field;
	}
}

static int64_t
limit_value(const struct limits_set *set, const struct key *k, struct scope at)
{
	return field_value(k, limit_field(set, k, at));
}

static void
value_text(const struct key *k, int64_t value, char *out, size_t out_bytes)
{
	char word[32];

	if (k->type == KEY_USD)
		snprintf(out, out_bytes, "%lld.%04lld", (long long)(value / 10000),
			 (long long)(value % 10000));
	else if (k->type == KEY_BOOL)
		snprintf(out, out_bytes, "%s", value ? "true" : "false");
	else if (k->type == KEY_ENUM && key_word(k, (uint32_t)value, word))
		snprintf(out, out_bytes, "%s", word);
	else
		snprintf(out, out_bytes, "%lld", (long long)value);
}

uint32_t
limits_find_instr(const struct limits *l, const char *symbol)
{
	for (uint32_t i = 1; i < l->config->instruments_cnt; i++)
		if (strcmp(l->config->instruments[i].symbol, symbol) == 0)
			return i;
	return INSTR_NONE;
}

static int
instr_of(const struct limits *l, const char *symbol, uint32_t *instr_idx, struct err *e)
{
	*instr_idx = limits_find_instr(l, symbol);
	if (*instr_idx != INSTR_NONE)
		return 0;
	return err_set(e, -EINVAL, "symbol '%s': it is not one of the configured instruments",
		       symbol);
}

static int
key_unknown(const char *name, struct scope at, struct err *e)
{
	char list[1024] = "";
	size_t len = 0;

	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];

		if (limit_key(limit_name(k), at) == k && len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, " %s",
						limit_name(k));
	}
	return err_set(e, -EINVAL, "limit '%s': there is none of this name%s; there are:%s", name,
		       at.instr_idx != INSTR_NONE      ? " for one instrument"
		       : at.node_idx != RISK_NODE_FIRM ? " for an account or strategy"
						       : "",
		       list);
}

/* An instrument's own limit may only be tighter than one that holds for all. */
static int
tighter_check(const struct limits_set *set, const struct key *k, struct scope at, struct err *e)
{
	const struct key *all = limit_key(limit_name(k), FIRM);
	char own_text[LIMITS_TEXT_MAX], all_text[LIMITS_TEXT_MAX];

	if (at.instr_idx == INSTR_NONE || all == NULL || !limits_only_tighter(limit_name(k)) ||
	    limit_value(set, all, FIRM) == 0 ||
	    limit_value(set, k, at) <= limit_value(set, all, FIRM))
		return 0;
	value_text(k, limit_value(set, k, at), own_text, sizeof(own_text));
	value_text(all, limit_value(set, all, FIRM), all_text, sizeof(all_text));
	return err_set(e, -EINVAL,
		       "limit '%s': %s is more than %s, which holds for every instrument; an "
		       "instrument's own can only be tighter",
		       limit_name(k), own_text, all_text);
}

static int
value_set(struct limits_set *set, const struct key *k, const char *value, struct scope at,
	  struct err *e)
{
	void *field = limit_field(set, k, at);
	char why[256];

	if (at.instr_idx != INSTR_NONE && strcmp(value, "global") == 0) {
		memset(field, 0, k->size);
		return 0;
	}
	if (!value_of_text(k, value, strlen(value), true, field, why, sizeof(why)))
		return err_set(e, -EINVAL, "limit '%s': %s (%s)", limit_name(k), why, k->meaning);
	return tighter_check(set, k, at, e);
}

/* A copy of what is set, to be changed; the caller frees it. */
static struct limits_set *
set_copy(const struct limits *l, struct err *e)
{
	struct limits_set *set = malloc(sizeof(*set));

	if (set == NULL)
		err_set(e, -ENOMEM, "no memory for the limits");
	else
		*set = l->set;
	return set;
}

static int
set_at(struct limits *l, const char *key, const char *value, struct scope at, struct err *e)
{
	struct limits_set *set;
	const struct key *k;
	int rc;

	if (strncmp(key, "risk.", 5) == 0)
		key += 5;
	k = limit_key(key, at);
	if (k == NULL)
		return key_unknown(key, at, e);
	set = set_copy(l, e);
	if (set == NULL)
		return -ENOMEM;
	rc = value_set(set, k, value, at, e);
	if (rc == 0) {
		const uint8_t by_hand = l->mode_by_hand[at.node_idx];

		if (at.instr_idx == INSTR_NONE && strcmp(limit_name(k), "mode") == 0)
			l->mode_by_hand[at.node_idx] =
				(uint8_t) * (const unsigned int *)limit_field(set, k, at);
		rc = limits_apply(l, set, e);
		if (rc != 0 && rc != -ETIMEDOUT)
			l->mode_by_hand[at.node_idx] = by_hand;
	}
	free(set);
	return rc;
}

int
limits_set(struct limits *l, const char *key, const char *value, const char *symbol, struct err *e)
{
	uint32_t instr_idx = INSTR_NONE;

	if (symbol != NULL && symbol[0] != '\0' && instr_of(l, symbol, &instr_idx, e) < 0)
		return -EINVAL;
	return set_at(l, key, value, scope_instr(instr_idx), e);
}

int
limits_set_node(struct limits *l, const char *key, const char *value, uint32_t node_idx,
		struct err *e)
{
	if (node_idx >= config_node_cnt(l->config))
		return err_set(e, -EINVAL, "node %u: there are %u", node_idx,
			       config_node_cnt(l->config));
	return set_at(l, key, value, scope_node(node_idx), e);
}

int
limits_set_mode(struct limits *l, uint32_t node_idx, enum risk_mode mode, struct err *e)
{
	const enum risk_mode by_hand = (enum risk_mode)l->mode_by_hand[node_idx];
	const int rc = limits_set_node(l, "mode", risk_mode_word(mode), node_idx, e);

	l->mode_by_hand[node_idx] = by_hand; // nobody chose it
	return rc;
}

static void
tell_differences(const struct limits *l, const struct limits_set *base,
		 const struct limits_set *set, bool by_hand, struct scope at, const char *kind,
		 const char *name, limits_differs_fn *fn, void *arg)
{
	char value[LIMITS_TEXT_MAX], was[LIMITS_TEXT_MAX];

	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];
		const bool is_mode = by_hand && at.instr_idx == INSTR_NONE && k->type == KEY_ENUM &&
				     strcmp(limit_name(k), "mode") == 0;
		int64_t now;

		if (limit_key(limit_name(k), at) != k)
			continue;
		now = is_mode ? l->mode_by_hand[at.node_idx] : limit_value(set, k, at);
		if (now == limit_value(base, k, at))
			continue;
		value_text(k, now, value, sizeof(value));
		value_text(k, limit_value(base, k, at), was, sizeof(was));
		if (at.instr_idx != INSTR_NONE && now == 0 && k->type != KEY_BOOL)
			snprintf(value, sizeof(value), "global");
		fn(arg, kind, name, limit_name(k), value, was);
	}
}

void
limits_differences(const struct limits *l, const struct limits_set *base,
		   const struct limits_set *set, bool by_hand, limits_differs_fn *fn, void *arg)
{
	const struct config *c = l->config;

	tell_differences(l, base, set, by_hand, FIRM, "firm", "", fn, arg);
	for (uint32_t n = 1; n < config_node_cnt(c); n++)
		if (by_hand || memcmp(&base->node[n], &set->node[n], sizeof(base->node[n])) != 0)
			tell_differences(l, base, set, by_hand, scope_node(n),
					 n < c->accounts_cnt ? "account" : "strategy",
					 config_node_name(c, n), fn, arg);
	for (uint32_t i = 1; i < c->instruments_cnt; i++)
		if (memcmp(&base->risk.instruments[i], &set->risk.instruments[i],
			   sizeof(base->risk.instruments[i])) != 0)
			tell_differences(l, base, set, by_hand, scope_instr(i), "symbol",
					 c->instruments[i].symbol, fn, arg);
}

void
limits_clear_nodes(struct limits_set *set)
{
	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];

		if (limit_key(limit_name(k), FIRM) == k)
			memset(limit_field(set, k, FIRM), 0, k->size);
		if (limit_key(limit_name(k), scope_node(1)) == k) // all have the same
			for (uint32_t n = 1; n < RISK_NODE_MAX; n++)
				memset(limit_field(set, k, scope_node(n)), 0, k->size);
	}
}

uint32_t
limits_find_node(const struct limits *l, const char *kind, const char *name)
{
	uint32_t node_idx = RISK_NODE_FIRM;
	struct err e;

	err_init(&e);
	if (limits_node_of(l, kind, name, &node_idx, &e) != 0)
		node_idx = RISK_NODE_FIRM;
	err_end(&e);
	return node_idx;
}

int
limits_take(const struct limits *l, struct limits_set *set, const char *kind, const char *name,
	    const char *key, const char *value, struct err *e)
{
	struct scope at = FIRM;
	const struct key *k;
	char why[256];
	void *field;

	if (strcmp(kind, "symbol") == 0)
		at = scope_instr(limits_find_instr(l, name));
	else if (strcmp(kind, "firm") != 0)
		at = scope_node(limits_find_node(l, kind, name));
	if (strcmp(kind, "firm") != 0 && at.instr_idx == INSTR_NONE &&
	    at.node_idx == RISK_NODE_FIRM)
		return -ENOENT;
	k = limit_key(key, at);
	if (k == NULL)
		return key_unknown(key, at, e);
	field = limit_field(set, k, at);
	if (at.instr_idx != INSTR_NONE && strcmp(value, "global") == 0) {
		memset(field, 0, k->size);
		return 0;
	}
	if (!value_of_text(k, value, strlen(value), true, field, why, sizeof(why)))
		return err_set(e, -EINVAL, "limit '%s': %s (%s)", key, why, k->meaning);
	return 0;
}

int
limits_node_of(const struct limits *l, const char *kind, const char *name, uint32_t *node_idx,
	       struct err *e)
{
	const struct config *c = l->config;
	const bool strategy = strcmp(kind, "strategy") == 0;
	const uint32_t from = strategy ? c->accounts_cnt : 1;
	const uint32_t to = strategy ? config_node_cnt(c) : c->accounts_cnt;
	char list[512] = "";
	size_t len = 0;

	if (strcmp(kind, "firm") == 0) {
		*node_idx = RISK_NODE_FIRM;
		return 0;
	}
	if (!strategy && strcmp(kind, "account") != 0)
		return err_set(e, -EINVAL,
			       "'%s': a level of the tree is firm, account NAME or strategy NAME",
			       kind);
	for (uint32_t i = from; i < to; i++) {
		const char *there = config_node_name(c, i);

		if (strcmp(there, name) == 0) {
			*node_idx = i;
			return 0;
		}
		if (len + 20 < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, " %s", there);
	}
	return err_set(e, -EINVAL, "%s '%s': there is none of this name; there is:%s", kind, name,
		       len == 0 ? " none" : list);
}

int
limits_enable(struct limits *l, const char *strategy, const char *who, struct err *e)
{
	struct limits_set *set;
	uint32_t node_idx = RISK_NODE_FIRM;
	int rc = limits_node_of(l, "strategy", strategy, &node_idx, e);

	if (rc < 0)
		return rc;
	if (who == NULL || who[0] == '\0')
		return err_set(e, -EINVAL,
			       "strategy '%s': only a named person enables it again; say who",
			       strategy);
	set = set_copy(l, e);
	if (set == NULL)
		return -ENOMEM;
	set->enable_seq[node_idx - l->config->accounts_cnt]++;
	rc = limits_apply(l, set, e);
	free(set);
	return rc;
}

int
limits_restrict(struct limits *l, uint32_t node_idx, const char *symbol, bool restricted,
		struct err *e)
{
	struct limits_set *set;
	uint32_t instr_idx = INSTR_NONE;
	uint64_t bit;
	int rc;

	if (node_idx == RISK_NODE_FIRM)
		return limits_set(l, "restricted", restricted ? "true" : "false", symbol, e);
	if (instr_of(l, symbol, &instr_idx, e) < 0)
		return -EINVAL;
	set = set_copy(l, e);
	if (set == NULL)
		return -ENOMEM;
	bit = 1ULL << instr_idx % 64;
	if (restricted)
		set->restricted[node_idx][instr_idx / 64] |= bit;
	else
		set->restricted[node_idx][instr_idx / 64] &= ~bit;
	rc = limits_apply(l, set, e);
	free(set);
	return rc;
}

int
limits_freeze(struct limits *l, uint32_t instr_idx, const char *why, struct err *e)
{
	struct limits_set *set;
	int rc;

	if (instr_idx == INSTR_NONE || instr_idx >= l->config->instruments_cnt)
		return err_set(e, -EINVAL, "instrument %u: there are %u", instr_idx,
			       l->config->instruments_cnt - 1);
	if (l->set.frozen[instr_idx])
		return 0;
	set = set_copy(l, e);
	if (set == NULL)
		return -ENOMEM;
	set->frozen[instr_idx] = true;
	snprintf(l->frozen_why[instr_idx], sizeof(l->frozen_why[0]), "%s", why);
	rc = limits_apply(l, set, e);
	free(set);
	return rc;
}

int
limits_release(struct limits *l, const char *symbol, const char *who, struct err *e)
{
	struct limits_set *set;
	uint32_t instr_idx = INSTR_NONE;
	int rc;

	if (instr_of(l, symbol, &instr_idx, e) < 0)
		return -EINVAL;
	if (who == NULL || who[0] == '\0')
		return err_set(e, -EINVAL, "%s: only a named person releases it; say who", symbol);
	if (!l->set.frozen[instr_idx])
		return err_set(e, -EALREADY, "%s: it is not frozen", symbol);
	set = set_copy(l, e);
	if (set == NULL)
		return -ENOMEM;
	set->frozen[instr_idx] = false;
	rc = limits_apply(l, set, e);
	free(set);
	return rc;
}

int
limits_locate(struct limits *l, const char *account, const char *symbol, uint32_t qty,
	      struct err *e)
{
	struct limits_set *set;
	uint32_t node_idx = RISK_NODE_FIRM, instr_idx = INSTR_NONE;
	int rc = limits_node_of(l, "account", account, &node_idx, e);

	if (rc < 0 || instr_of(l, symbol, &instr_idx, e) < 0)
		return -EINVAL;
	set = set_copy(l, e);
	if (set == NULL)
		return -ENOMEM;
	rc = limits_set_locate(set, node_idx, instr_idx, qty);
	rc = rc < 0 ? err_set(e, rc, "located shares: more than %u accounts and symbols",
			      RISK_LOCATE_MAX)
		    : limits_apply(l, set, e);
	free(set);
	return rc;
}

static void
row_fill(const struct key *k, const char *symbol, const char *node, int64_t value,
	 struct limits_row *row)
{
	char min[21], max[21]; // 64 bits in decimal;

	memset(row, 0, sizeof(*row));
	snprintf(row->key, sizeof(row->key), "%s", limit_name(k));
	snprintf(row->symbol, sizeof(row->symbol), "%s", symbol);
	snprintf(row->node, sizeof(row->node), "%s", node);
	snprintf(row->unit, sizeof(row->unit), "%s", k->unit);
	value_text(k, value, row->value, sizeof(row->value));
	if (k->type == KEY_BOOL) {
		snprintf(row->allowed, sizeof(row->allowed), "true, false");
		return;
	}
	if (k->type == KEY_ENUM) {
		snprintf(row->allowed, sizeof(row->allowed), "%s", k->words);
		return;
	}
	if (k->type == KEY_USD) { // the ends are whole dollars, or the smallest amount there is
		snprintf(min, sizeof(min), "%s", k->min == 0 ? "0" : "0.0001");
		snprintf(max, sizeof(max), "%llu", (unsigned long long)(k->max / 10000));
	} else {
		snprintf(min, sizeof(min), "%llu", (unsigned long long)k->min);
		snprintf(max, sizeof(max), "%llu", (unsigned long long)k->max);
	}
	snprintf(row->allowed, sizeof(row->allowed), "%s..%s", min, max);
}

/* What an instrument's orders must keep to: its own value where there is one. */
static int64_t
value_in_force(const struct limits *l, const struct key *k, uint32_t instr_idx)
{
	const struct key *own = limit_key(limit_name(k), scope_instr(1));
	const int64_t all = limit_value(&l->set, k, FIRM);
	const int64_t value = own == NULL || instr_idx == INSTR_NONE
				      ? 0
				      : limit_value(&l->set, own, scope_instr(instr_idx));

	if (value == 0)
		return all;
	return all == 0 || !limits_only_tighter(limit_name(k)) || value < all ? value : all;
}

/* The rows, where there is room for them. */
struct rows {
	struct limits_row *row;
	size_t max;
	size_t cnt;
};

static void
row_add(struct rows *rows, const struct key *k, const char *symbol, const char *node, int64_t value)
{
	struct limits_row scratch;

	row_fill(k, symbol, node, value, rows->cnt < rows->max ? &rows->row[rows->cnt] : &scratch);
	rows->cnt++;
}

static void
instr_rows(const struct limits *l, uint32_t instr_idx, bool one, struct rows *rows)
{
	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];
		int64_t value;

		if (limit_key(limit_name(k), scope_instr(instr_idx)) != k)
			continue;
		value = limit_value(&l->set, k, scope_instr(instr_idx));
		if (one ? limit_key(limit_name(k), FIRM) != NULL : value == 0)
			continue; // with a symbol its value stands above already
		row_add(rows, k, l->config->instruments[instr_idx].symbol, "", value);
	}
}

static void
node_rows(const struct limits *l, uint32_t node_idx, struct rows *rows)
{
	const bool account = node_idx < l->config->accounts_cnt;
	char name[LIMITS_TEXT_MAX];

	snprintf(name, sizeof(name), "%s %s", account ? "account" : "strategy",
		 config_node_name(l->config, node_idx));
	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];
		int64_t value;

		if (limit_key(limit_name(k), scope_node(node_idx)) != k)
			continue;
		value = limit_value(&l->set, k, scope_node(node_idx));
		if (value != 0)
			row_add(rows, k, "", name, value);
	}
}

int
limits_rows(const struct limits *l, const char *symbol, struct limits_row *row, size_t row_max,
	    struct err *e)
{
	const bool one = symbol != NULL && symbol[0] != '\0';
	struct rows rows = { row, row_max, 0 };
	uint32_t instr_idx = INSTR_NONE;

	if (one && instr_of(l, symbol, &instr_idx, e) < 0)
		return -EINVAL;
	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];

		if (limit_key(limit_name(k), FIRM) == k)
			row_add(&rows, k, one ? symbol : "", "", value_in_force(l, k, instr_idx));
	}
	for (uint32_t x = 1; x < l->config->instruments_cnt; x++)
		if (!one || x == instr_idx)
			instr_rows(l, x, one, &rows);
	for (uint32_t n = 1; !one && n < config_node_cnt(l->config); n++)
		node_rows(l, n, &rows);
	return (int)rows.cnt;
}
