/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "config/schema.h"
#include "limits/limits.h"

static uint32_t
least_u32(uint32_t own, uint32_t global)
{
	return own != 0 && own < global ? own : global;
}

void
limits_build(const struct limits *l, const struct config_risk *set, struct risk_limits *out)
{
	const struct config *c = l->config;

	memset(out, 0, sizeof(*out));
	out->version = l->current == NULL ? 1 : l->current->version + 1;
	out->armed = l->armed;
	out->halted = l->halted;
	out->order_rate_max = set->order_rate_max;
	out->order_rate_window_ns = (uint64_t)set->order_rate_window_ms * 1000000;
	out->gross_max_ntl4 = set->gross_max_usd.usd4;
	out->instr_cnt = c->instruments_cnt;
	for (uint32_t i = 1; i < c->instruments_cnt; i++) {
		const struct config_risk_instrument *own = &set->instruments[i];
		const int64_t own_usd4 = own->order_max_usd.usd4;
		const int64_t all_usd4 = set->order_max_usd.usd4;

		out->instr[i] = (struct risk_instr_limits){
			.order_max_ntl4 =
				own_usd4 != 0 && own_usd4 < all_usd4 ? own_usd4 : all_usd4,
			.order_max_qty = least_u32(own->order_max_qty, set->order_max_qty),
			.open_max_qty = least_u32(own->open_max_qty, set->open_max_qty),
			.position_max_qty = least_u32(own->position_max_qty, set->position_max_qty),
			.collar_bp = least_u32(own->collar_bp, set->collar_bp),
			.allowed = c->instruments[i].trade,
			.halted = own->halted,
			.short_allowed = c->instruments[i].short_allowed,
		};
	}
}

/* What risk relies on, whoever made the table. */
static int
table_check(const struct risk_limits *t, struct err *e)
{
	if (t->order_rate_max < 1 || t->order_rate_max > ORDER_RATE_MAX)
		return err_set(e, -EINVAL, "order_rate_max: %u is outside 1..%u", t->order_rate_max,
			       ORDER_RATE_MAX);
	if (t->order_rate_window_ns == 0)
		return err_set(e, -EINVAL, "order_rate_window_ms: 0 would let any rate pass");
	if (t->gross_max_ntl4 <= 0)
		return err_set(e, -EINVAL, "gross_max_usd: it must be more than 0");
	if (t->instr_cnt < 1 || t->instr_cnt > INSTR_MAX)
		return err_set(e, -EINVAL, "instruments: %u is outside 1..%u", t->instr_cnt,
			       INSTR_MAX);
	for (uint32_t i = 1; i < t->instr_cnt; i++) {
		const struct risk_instr_limits *il = &t->instr[i];

		if (il->order_max_ntl4 <= 0 || il->order_max_qty == 0 || il->open_max_qty == 0 ||
		    il->position_max_qty == 0 || il->collar_bp == 0)
			return err_set(e, -EINVAL,
				       "instrument %u: a limit is 0; every limit needs a value", i);
	}
	return 0;
}

static int64_t
monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A lane that may still see the retired table, or -1. */
static int
holder_of(const struct limits *l, const struct limits_retired *old)
{
	for (uint32_t i = 0; i < l->turn_cnt; i++)
		if (!turn_passed(l->turn[i], old->mark[i]))
			return (int)i;
	return -1;
}

/* Frees the retired tables that nobody can see. */
static void
retired_sweep(struct limits *l)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->retired_cnt; i++) {
		if (holder_of(l, &l->retired[i]) < 0)
			free(l->retired[i].table);
		else
			l->retired[kept++] = l->retired[i];
	}
	l->retired_cnt = kept;
}

int
limits_publish(struct limits *l, const struct risk_limits *next, int64_t wait_ns, struct err *e)
{
	const int64_t end_ns = monotonic_ns() + wait_ns;
	struct limits_retired old = { 0 };
	struct risk_limits *table;
	int lane;
	int rc = table_check(next, e);

	if (rc < 0)
		return rc;
	retired_sweep(l);
	if (l->retired_cnt == LIMITS_RETIRED_MAX)
		return err_set(e, -EBUSY,
			       "lane %d has not finished a turn for %u changes of the limits; it "
			       "hangs, stop the gateway",
			       holder_of(l, &l->retired[0]), LIMITS_RETIRED_MAX);
	table = aligned_alloc(CACHE_LINE, sizeof(*table));
	if (table == NULL)
		return err_set(e, -ENOMEM, "no memory for a table of limits");
	*table = *next;
	table->version = l->current == NULL ? 1 : l->current->version + 1;
	old.table = published_set(&l->published, table);
	l->current = table;
	if (old.table == NULL)
		return 0;
	for (uint32_t i = 0; i < l->turn_cnt; i++)
		old.mark[i] = turn_mark(l->turn[i]);
	while ((lane = holder_of(l, &old)) >= 0 && monotonic_ns() < end_ns)
		nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
	if (lane < 0) {
		free(old.table);
		return 0;
	}
	l->retired[l->retired_cnt++] = old;
	return err_set(e, -ETIMEDOUT,
		       "lane %d has not finished its turn after %lld ms; version %u of the limits "
		       "is in force for every later turn",
		       lane, (long long)(wait_ns / 1000000), table->version);
}

/* Takes what the file set; what an instrument does not set itself is left 0. */
static void
set_from_config(struct config_risk *set, const struct config *c)
{
	*set = c->risk;
	memset(set->instruments, 0, sizeof(set->instruments));
	for (uint32_t i = 0; i < c->risk.instruments_cnt; i++) {
		const struct config_risk_instrument *in = &c->risk.instruments[i];
		struct config_risk_instrument *own = &set->instruments[in->instr_idx];

		*own = *in;
		// the configuration fills in the global values; they are to follow changes of these
		if (!config_is_set(c, &in->order_max_qty))
			own->order_max_qty = 0;
		if (!config_is_set(c, &in->order_max_usd))
			own->order_max_usd.usd4 = 0;
		if (!config_is_set(c, &in->collar_bp))
			own->collar_bp = 0;
		if (!config_is_set(c, &in->open_max_qty))
			own->open_max_qty = 0;
		if (!config_is_set(c, &in->position_max_qty))
			own->position_max_qty = 0;
	}
}

int
limits_open(struct limits *l, const struct config *c, struct err *e)
{
	struct risk_limits *first;
	int rc;

	memset(l, 0, sizeof(*l));
	l->config = c;
	if (c->arm_at_start) {
		rc = limits_arm_allowed(c, e);
		if (rc < 0)
			return rc;
		l->armed = true;
	}
	set_from_config(&l->set, c);
	first = aligned_alloc(CACHE_LINE, sizeof(*first));
	if (first == NULL)
		return err_set(e, -ENOMEM, "no memory for a table of limits");
	limits_build(l, &l->set, first);
	rc = limits_publish(l, first, 0, e);
	free(first);
	if (rc == 0 && l->armed)
		halt_lift(HALT_DISARMED);
	return rc;
}

void
limits_close(struct limits *l)
{
	for (uint32_t i = 0; i < l->retired_cnt; i++)
		free(l->retired[i].table);
	free(l->current);
	memset(l, 0, sizeof(*l));
}

int
limits_add_lane(struct limits *l, const struct turn_count *turn)
{
	if (l->turn_cnt == LANE_MAX)
		return -ENOSPC;
	l->turn[l->turn_cnt++] = turn;
	return 0;
}

/* Keys and values. */

static const struct key *
key_of(const char *owner, const char *prefix, const char *name)
{
	const size_t prefix_len = strlen(prefix);

	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];

		if (strcmp(k->owner, owner) == 0 && strncmp(k->name, prefix, prefix_len) == 0 &&
		    strcmp(k->name + prefix_len, name) == 0 && k->takes_effect == LIVE &&
		    (k->type == KEY_U32 || k->type == KEY_USD || k->type == KEY_BOOL))
			return k;
	}
	return NULL;
}

/* The row of the schema: of an instrument's own limit, or of that for all. */
static const struct key *
limit_key(const char *name, bool own)
{
	return own ? key_of("config_risk_instrument", "", name) : key_of("config", "risk.", name);
}

static const char *
limit_name(const struct key *k)
{
	return strncmp(k->name, "risk.", 5) == 0 ? k->name + 5 : k->name;
}

/* Where the value of a key is kept; instr_idx INSTR_NONE: for all. */
static void *
limit_field(const struct config_risk *set, const struct key *k, uint32_t instr_idx)
{
	const char *base = instr_idx == INSTR_NONE
				   ? (const char *)set - offsetof(struct config, risk)
				   : (const char *)&set->instruments[instr_idx];

	return (void *)(uintptr_t)(base + k->offset);
}

static int64_t
limit_value(const struct config_risk *set, const struct key *k, uint32_t instr_idx)
{
	const void *field = limit_field(set, k, instr_idx);

	switch (k->type) {
	case KEY_U32:
		return *(const uint32_t *)field;
	case KEY_USD:
		return ((const struct usd *)field)->usd4;
	default:
		return *(const bool *)field;
	}
}

static void
value_text(const struct key *k, int64_t value, char *out, size_t out_bytes)
{
	if (k->type == KEY_USD)
		snprintf(out, out_bytes, "%lld.%04lld", (long long)(value / 10000),
			 (long long)(value % 10000));
	else if (k->type == KEY_BOOL)
		snprintf(out, out_bytes, "%s", value ? "true" : "false");
	else
		snprintf(out, out_bytes, "%lld", (long long)value);
}

static int
instr_of(const struct limits *l, const char *symbol, uint32_t *instr_idx, struct err *e)
{
	for (uint32_t i = 1; i < l->config->instruments_cnt; i++) {
		if (strcmp(l->config->instruments[i].symbol, symbol) == 0) {
			*instr_idx = i;
			return 0;
		}
	}
	return err_set(e, -EINVAL, "symbol '%s': it is not one of the configured instruments",
		       symbol);
}

static int
key_unknown(const char *name, bool own, struct err *e)
{
	char list[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];

		if (limit_key(limit_name(k), own) == k && len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, " %s",
						limit_name(k));
	}
	return err_set(e, -EINVAL, "limit '%s': there is none of this name%s; there are:%s", name,
		       own ? " for one instrument" : "", list);
}

/* An instrument's own limit may only be tighter. */
static int
tighter_check(const struct config_risk *set, const struct key *k, uint32_t instr_idx, struct err *e)
{
	const struct key *all = limit_key(limit_name(k), false);
	char own_text[LIMITS_TEXT_MAX], all_text[LIMITS_TEXT_MAX];

	if (instr_idx == INSTR_NONE || all == NULL ||
	    limit_value(set, k, instr_idx) <= limit_value(set, all, INSTR_NONE))
		return 0;
	value_text(k, limit_value(set, k, instr_idx), own_text, sizeof(own_text));
	value_text(all, limit_value(set, all, INSTR_NONE), all_text, sizeof(all_text));
	return err_set(e, -EINVAL,
		       "limit '%s': %s is more than %s, which holds for every instrument; an "
		       "instrument's own can only be tighter",
		       limit_name(k), own_text, all_text);
}

static int
value_set(struct config_risk *set, const struct key *k, const char *value, uint32_t instr_idx,
	  struct err *e)
{
	void *field = limit_field(set, k, instr_idx);
	char why[256];

	if (instr_idx != INSTR_NONE && strcmp(value, "global") == 0) {
		memset(field, 0, k->size);
		return 0;
	}
	if (!value_of_text(k, value, strlen(value), true, field, why, sizeof(why)))
		return err_set(e, -EINVAL, "limit '%s': %s (%s)", limit_name(k), why, k->meaning);
	return tighter_check(set, k, instr_idx, e);
}

int
limits_set(struct limits *l, const char *key, const char *value, const char *symbol, struct err *e)
{
	const bool own = symbol != NULL && symbol[0] != '\0';
	uint32_t instr_idx = INSTR_NONE;
	struct config_risk *set;
	struct risk_limits *next;
	const struct key *k;
	int rc;

	if (strncmp(key, "risk.", 5) == 0)
		key += 5;
	if (own) {
		rc = instr_of(l, symbol, &instr_idx, e);
		if (rc < 0)
			return rc;
	}
	k = limit_key(key, own);
	if (k == NULL)
		return key_unknown(key, own, e);
	set = malloc(sizeof(*set));
	next = aligned_alloc(CACHE_LINE, sizeof(*next));
	if (set == NULL || next == NULL) {
		rc = err_set(e, -ENOMEM, "no memory for a table of limits");
		goto out;
	}
	*set = l->set;
	rc = value_set(set, k, value, instr_idx, e);
	if (rc < 0)
		goto out;
	limits_build(l, set, next);
	rc = limits_publish(l, next, LIMITS_WAIT_NS, e);
	if (rc == 0 || rc == -ETIMEDOUT)
		l->set = *set;
out:
	free(set);
	free(next);
	return rc;
}

static void
row_fill(const struct key *k, const char *symbol, int64_t value, struct limits_row *row)
{
	char min[21], max[21]; // 64 bits in decimal;

	memset(row, 0, sizeof(*row));
	snprintf(row->key, sizeof(row->key), "%s", limit_name(k));
	snprintf(row->symbol, sizeof(row->symbol), "%s", symbol);
	snprintf(row->unit, sizeof(row->unit), "%s", k->unit);
	value_text(k, value, row->value, sizeof(row->value));
	if (k->type == KEY_BOOL) {
		snprintf(row->allowed, sizeof(row->allowed), "true, false");
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

/* What an instrument's orders must keep to: its own value where that is tighter. */
static int64_t
value_in_force(const struct limits *l, const struct key *k, uint32_t instr_idx)
{
	const struct key *own = limit_key(limit_name(k), true);
	const int64_t all = limit_value(&l->set, k, INSTR_NONE);
	const int64_t value =
		own == NULL || instr_idx == INSTR_NONE ? 0 : limit_value(&l->set, own, instr_idx);

	return value != 0 && value < all ? value : all;
}

int
limits_rows(const struct limits *l, const char *symbol, struct limits_row *row, size_t row_max,
	    struct err *e)
{
	const bool one = symbol != NULL && symbol[0] != '\0';
	uint32_t instr_idx = INSTR_NONE;
	struct limits_row scratch;
	size_t n = 0;

	if (one && instr_of(l, symbol, &instr_idx, e) < 0)
		return -EINVAL;
	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];

		if (limit_key(limit_name(k), false) != k)
			continue;
		row_fill(k, one ? symbol : "", value_in_force(l, k, instr_idx),
			 n < row_max ? &row[n] : &scratch);
		n++;
	}
	for (uint32_t x = 1; x < l->config->instruments_cnt; x++) {
		if (one && x != instr_idx)
			continue;
		for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
			const struct key *k = &CONFIG_SCHEMA.key[i];
			int64_t value;

			if (limit_key(limit_name(k), true) != k)
				continue;
			value = limit_value(&l->set, k, x);
			if (one ? limit_key(limit_name(k), false) != NULL : value == 0)
				continue; // with a symbol its value stands above already
			row_fill(k, l->config->instruments[x].symbol, value,
				 n < row_max ? &row[n] : &scratch);
			n++;
		}
	}
	return (int)n;
}
