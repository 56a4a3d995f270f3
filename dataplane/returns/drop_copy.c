/* SPDX-License-Identifier: Apache-2.0 */
#include "returns/drop_copy.h"

#include <errno.h>

#include "base/units.h"
#include "wire/drop_copy.h"

/* Places in a table are 1 more than the index: 0 is none. */
static struct drop_pending *
at(const struct drop_copy *d, uint32_t place)
{
	return &d->pending[place - 1];
}

static COLD void
all_free(struct drop_copy *d)
{
	memset(d->hash, 0, ((size_t)d->hash_mask + 1) * sizeof(*d->hash));
	memset(d->oldest, 0, sizeof(d->oldest));
	memset(d->newest, 0, sizeof(d->newest));
	for (uint32_t i = 1; i <= d->pending_max; i++)
		at(d, i)->hash_next = i == d->pending_max ? 0 : i + 1;
	d->free = 1;
	metric_set(&d->metrics.pending, 0);
}

COLD int
drop_copy_init(struct drop_copy *d, const struct drop_copy_config *c, struct arena *a)
{
	uint32_t hash_cnt = 16;

	memset(d, 0, sizeof(*d));
	if (c->pending_max == 0 || c->pending_max > DROP_PENDING_MAX || c->wait_ns == 0 ||
	    !order_token_form_init(&d->form, c->token_prefix))
		return -EINVAL;
	while (hash_cnt < c->pending_max)
		hash_cnt *= 2;
	d->pending = arena_take(a, c->pending_max * sizeof(*d->pending));
	d->hash = arena_take(a, hash_cnt * sizeof(*d->hash));
	d->symbol = arena_take(a, c->instr_cnt * sizeof(*d->symbol));
	if (d->pending == NULL || d->hash == NULL || d->symbol == NULL)
		return -ENOMEM;
	d->pending_max = c->pending_max;
	d->hash_mask = hash_cnt - 1;
	d->wait_ns = c->wait_ns;
	d->ouch42 = c->ouch42;
	d->channel = c->channel;
	d->instr_cnt = c->instr_cnt;
	for (uint16_t i = 1; i < c->instr_cnt; i++) {
		char symbol[8];

		if (c->symbol[i] == NULL)
			continue;
		memset(symbol, ' ', sizeof(symbol));
		memcpy(symbol, c->symbol[i], strnlen(c->symbol[i], sizeof(symbol)));
		memcpy(&d->symbol[i], symbol, sizeof(symbol));
	}
	all_free(d);
	return 0;
}

COLD void
drop_copy_clear(struct drop_copy *d)
{
	all_free(d);
}

static uint32_t
home_of(const struct drop_copy *d, const struct drop_fill *f)
{
	const uint64_t x =
		(f->match_ref ^ (uint64_t)f->token << 32 ^ f->what) * 0x9E3779B97F4A7C15ULL;

	return (uint32_t)(x >> 32) & d->hash_mask;
}

/* What the other stream told of the same execution; 0: nothing yet. */
static uint32_t
find(const struct drop_copy *d, enum drop_from from, const struct drop_fill *f)
{
	uint32_t place = d->hash[home_of(d, f)];

	for (; place != 0; place = at(d, place)->hash_next) {
		const struct drop_fill *x = &at(d, place)->fill;

		if (at(d, place)->from == from && x->match_ref == f->match_ref &&
		    x->token == f->token && x->what == f->what)
			return place;
	}
	return 0;
}

static void
keep(struct drop_copy *d, enum drop_from from, const struct drop_fill *f)
{
	const uint32_t place = d->free, home = home_of(d, f);
	struct drop_pending *p = at(d, place);

	d->free = p->hash_next;
	*p = (struct drop_pending){
		.fill = *f,
		.hash_next = d->hash[home],
		.older = d->newest[from],
		.from = (uint8_t)from,
	};
	d->hash[home] = place;
	if (p->older != 0)
		at(d, p->older)->newer = place;
	else
		d->oldest[from] = place;
	d->newest[from] = place;
	metric_set(&d->metrics.pending, d->metrics.pending + 1);
}

static void
drop(struct drop_copy *d, uint32_t place)
{
	struct drop_pending *p = at(d, place);
	uint32_t *link = &d->hash[home_of(d, &p->fill)];

	while (*link != place)
		link = &at(d, *link)->hash_next;
	*link = p->hash_next;
	if (p->older != 0)
		at(d, p->older)->newer = p->newer;
	else
		d->oldest[p->from] = p->newer;
	if (p->newer != 0)
		at(d, p->newer)->older = p->older;
	else
		d->newest[p->from] = p->older;
	p->hash_next = d->free;
	d->free = place;
	metric_set(&d->metrics.pending, d->metrics.pending - 1);
}

static void
tell(struct drop_copy *d, enum drop_difference difference, const struct drop_fill *own,
     const struct drop_fill *copy, uint64_t now_ns)
{
	struct drop_finding *f = &d->finding[d->finding_cnt % DROP_FINDING_MAX];

	*f = (struct drop_finding){ .ns = now_ns, .difference = (uint8_t)difference };
	if (own != NULL)
		f->own = *own;
	if (copy != NULL)
		f->copy = *copy;
	switch (difference) {
	case DROP_ADDED:
		metric_add(&d->metrics.added, 1);
		break;
	case DROP_MISSING:
		metric_add(&d->metrics.missing, 1);
		break;
	case DROP_ALTERED:
		metric_add(&d->metrics.altered, 1);
		break;
	case DROP_UNREAD:
	case DROP_DIFFERENCE_CNT:
		metric_add(&d->metrics.unread, 1);
		break;
	}
	d->finding_cnt++;
	metric_set(&d->metrics.finding, d->finding_cnt);
}

COLD void
drop_copy_take(struct drop_copy *d, enum drop_from from, const struct drop_fill *f)
{
	const enum drop_from other = from == DROP_OWN ? DROP_COPY : DROP_OWN;
	const uint32_t place = find(d, other, f);
	const struct drop_fill *x;

	metric_add(from == DROP_OWN ? &d->metrics.own_taken : &d->metrics.copy_taken, 1);
	if (place == 0) {
		if (d->free != 0)
			keep(d, from, f);
		else if (from == DROP_OWN)
			metric_add(&d->metrics.own_unkept, 1);
		else // the caller asked drop_copy_has_room
			tell(d, DROP_ADDED, NULL, f, f->ns);
		return;
	}
	x = &at(d, place)->fill;
	if (x->qty == f->qty && x->px4 == f->px4 && x->side == f->side &&
	    x->instr_idx == f->instr_idx)
		metric_add(&d->metrics.matched, 1);
	else
		tell(d, DROP_ALTERED, from == DROP_OWN ? f : x, from == DROP_OWN ? x : f, f->ns);
	drop(d, place);
}

/* UserRefNum in decimal, padded with spaces.  False when it is none of ours. */
static bool
number_of(const char text[DROP_COPY_TOKEN_LEN], uint32_t *token)
{
	uint64_t x = 0;
	unsigned i = 0;

	for (; i < DROP_COPY_TOKEN_LEN && text[i] >= '0' && text[i] <= '9' && x <= UINT32_MAX; i++)
		x = x * 10 + (uint64_t)(text[i] - '0');
	*token = (uint32_t)x;
	if (i == 0 || x > UINT32_MAX)
		return false;
	for (; i < DROP_COPY_TOKEN_LEN; i++)
		if (text[i] != ' ')
			return false;
	return true;
}

/* False when something in the message cannot be. */
static bool
read_execution(const struct drop_copy *d, const struct drop_copy_execution *m, struct drop_fill *f)
{
	const uint64_t px4 = be64_get(m->px4);
	uint64_t symbol;

	f->match_ref = be64_get(m->match_ref);
	f->qty = be32_get(m->qty);
	f->px4 = (uint32_t)px4;
	f->side = m->side == 'B' ? SIDE_BUY : SIDE_SELL;
	if ((m->side != 'B' && m->side != 'S') || f->qty == 0 || px4 == 0 || px4 > PX4_MAX)
		return false;
	if (d->ouch42 ? !order_token_get(&d->form, m->token, &f->token)
		      : !number_of(m->token, &f->token))
		f->token = 0; // an order that nobody here sent
	memcpy(&symbol, m->symbol, sizeof(symbol));
	for (uint16_t i = 1; i < d->instr_cnt && symbol != 0; i++)
		if (d->symbol[i] == symbol)
			f->instr_idx = i;
	return true;
}

COLD void
drop_copy_on_message(struct drop_copy *d, const uint8_t *msg, uint16_t len, uint64_t now_ns)
{
	const struct drop_copy_execution *m = (const struct drop_copy_execution *)(const void *)msg;
	struct drop_fill f = { .ns = now_ns };

	if (len == DROP_COPY_SYSTEM_EVENT_LEN && msg[0] == DROP_COPY_SYSTEM_EVENT)
		return;
	if (len != sizeof(*m) ||
	    (m->head.type != DROP_COPY_EXECUTED && m->head.type != DROP_COPY_BROKEN &&
	     m->head.type != DROP_COPY_CORRECTED)) {
		tell(d, DROP_UNREAD, NULL, NULL, now_ns);
		return;
	}
	if (!d->ouch42 && m->channel != d->channel) {
		metric_add(&d->metrics.foreign, 1);
		return;
	}
	f.what = m->head.type == DROP_COPY_EXECUTED ? DROP_EXECUTED
		 : m->head.type == DROP_COPY_BROKEN ? DROP_BROKEN
						    : DROP_CORRECTED;
	if (read_execution(d, m, &f))
		drop_copy_take(d, DROP_COPY, &f);
	else
		tell(d, DROP_UNREAD, NULL, &f, now_ns);
}

/* The side's oldest, when the other stream had its time. */
static uint32_t
overdue(const struct drop_copy *d, enum drop_from from, uint64_t other_up_ns, uint64_t now_ns)
{
	const uint32_t place = d->oldest[from];
	uint64_t since_ns;

	if (place == 0 || other_up_ns == 0)
		return 0;
	since_ns = at(d, place)->fill.ns > other_up_ns ? at(d, place)->fill.ns : other_up_ns;
	return now_ns > since_ns && now_ns - since_ns > d->wait_ns ? place : 0;
}

COLD void
drop_copy_on_time(struct drop_copy *d, uint64_t own_up_ns, uint64_t copy_up_ns, uint64_t now_ns)
{
	uint32_t place;

	while ((place = overdue(d, DROP_OWN, copy_up_ns, now_ns)) != 0) {
		tell(d, DROP_MISSING, &at(d, place)->fill, NULL, now_ns);
		drop(d, place);
	}
	while ((place = overdue(d, DROP_COPY, own_up_ns, now_ns)) != 0) {
		tell(d, DROP_ADDED, NULL, &at(d, place)->fill, now_ns);
		drop(d, place);
	}
}

COLD bool
drop_copy_check(const struct drop_copy *d)
{
	uint32_t listed = 0, hashed = 0, unused = 0;

	for (int from = 0; from < DROP_FROM_CNT; from++) {
		uint32_t older = 0;

		for (uint32_t p = d->oldest[from]; p != 0; p = at(d, p)->newer) {
			if (at(d, p)->from != from || at(d, p)->older != older ||
			    ++listed > d->pending_max)
				return false;
			older = p;
		}
		if (d->newest[from] != older)
			return false;
	}
	for (uint32_t h = 0; h <= d->hash_mask; h++)
		for (uint32_t p = d->hash[h]; p != 0; p = at(d, p)->hash_next)
			if (home_of(d, &at(d, p)->fill) != h || ++hashed > d->pending_max)
				return false;
	for (uint32_t p = d->free; p != 0; p = at(d, p)->hash_next)
		if (++unused > d->pending_max)
			return false;
	return listed == hashed && listed + unused == d->pending_max &&
	       listed == d->metrics.pending;
}
