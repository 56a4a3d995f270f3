/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/story.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "msg/head.h"
#include "msg/intent.h"
#include "msg/report.h"
#include "msg/update.h"
#include "wire/order_token.h"
#include "wire/soupbintcp.h"

enum {
	TABLE_FIRST = 1024,
};

static uint32_t
hash_of(uint64_t key)
{
	return (uint32_t)(key * 0x9E3779B97F4A7C15ULL >> 32);
}

void
story_init(struct story *s)
{
	memset(s, 0, sizeof(*s));
}

void
story_session_add(struct story *s, const char *name, bool ouch42)
{
	struct story_session *to = &s->session[s->session_cnt++];

	snprintf(to->name, sizeof(to->name), "%s", name);
	to->ouch42 = ouch42;
	to->configured = true;
}

/* Another day: what the session is stays. */
static void
forget(struct story_session *s)
{
	struct story_session next = { .ouch42 = s->ouch42, .configured = s->configured };

	memcpy(next.name, s->name, sizeof(next.name));
	free(s->order);
	free(s->seen);
	*s = next;
}

void
story_fini(struct story *s)
{
	for (uint32_t i = 0; i < STORY_SESSIONS; i++)
		forget(&s->session[i]);
	journal_names_fini(&s->names);
	free(s->instr);
	free(s->instr_of);
	memset(s, 0, sizeof(*s));
}

/* The name an index has in the run that is read; one of its own where the journal has none. */
static void
name_of(const struct story *s, enum journal_name_what what, uint32_t idx, char out[STORY_NAME_LEN])
{
	const char *text = journal_name_of(&s->names, what, idx, s->run);

	if (text != NULL)
		snprintf(out, STORY_NAME_LEN, "%s", text);
	else
		snprintf(out, STORY_NAME_LEN, "number %u of run %u", idx, s->run);
}

static struct story_session *
session_of(struct story *s, uint8_t idx)
{
	char name[STORY_NAME_LEN];
	uint32_t i;

	if (s->session_of[idx] != 0)
		return &s->session[s->session_of[idx] - 1];
	name_of(s, JOURNAL_NAME_SESSION, idx, name);
	for (i = 0; i < s->session_cnt && strcmp(s->session[i].name, name) != 0; i++)
		;
	if (i == STORY_SESSIONS) {
		s->too_many = true;
		return NULL;
	}
	if (i == s->session_cnt) {
		memcpy(s->session[i].name, name, sizeof(name));
		s->session_cnt++;
	}
	s->session_of[idx] = (uint8_t)(i + 1);
	return &s->session[i];
}

static uint8_t
strategy_of(struct story *s, uint8_t idx)
{
	const char *name;
	uint32_t i;

	if (s->strategy_of[idx] != 0)
		return s->strategy_of[idx];
	name = journal_name_of(&s->names, JOURNAL_NAME_STRATEGY, idx, s->run);
	if (name == NULL)
		return 0;
	for (i = 0; i < s->strategy_cnt && strcmp(s->strategy[i], name) != 0; i++)
		;
	if (i == STORY_NAMES) {
		s->too_many = true;
		return 0;
	}
	if (i == s->strategy_cnt)
		snprintf(s->strategy[s->strategy_cnt++], STORY_NAME_LEN, "%s", name);
	return s->strategy_of[idx] = (uint8_t)(i + 1);
}

static uint16_t
instr_of(struct story *s, uint16_t idx)
{
	char name[STORY_NAME_LEN];
	uint32_t i;

	if (idx == INSTR_NONE || s->instr_of == NULL)
		return 0;
	if (s->instr_of[idx] != 0)
		return s->instr_of[idx];
	name_of(s, JOURNAL_NAME_INSTR, idx, name);
	for (i = 0; i < s->instr_cnt && strcmp(s->instr[i], name) != 0; i++)
		;
	if (i == UINT16_MAX - 1) {
		s->too_many = true;
		return 0;
	}
	if (i == s->instr_room) {
		const uint32_t room = s->instr_room == 0 ? 256 : s->instr_room * 2;
		void *more = realloc(s->instr, room * sizeof(*s->instr));

		if (more == NULL) {
			s->no_memory = true;
			return 0;
		}
		s->instr = more;
		s->instr_room = room;
	}
	if (i == s->instr_cnt)
		memcpy(s->instr[s->instr_cnt++], name, sizeof(name));
	return s->instr_of[idx] = (uint16_t)(i + 1);
}

/* Each run numbers its own anew. */
static void
begin_run(struct story *s, uint32_t run)
{
	s->run = run;
	memset(s->session_of, 0, sizeof(s->session_of));
	memset(s->strategy_of, 0, sizeof(s->strategy_of));
	if (s->instr_of == NULL)
		s->instr_of = malloc((UINT16_MAX + 1) * sizeof(*s->instr_of));
	if (s->instr_of == NULL)
		s->no_memory = true;
	else
		memset(s->instr_of, 0, (UINT16_MAX + 1) * sizeof(*s->instr_of));
}

static struct story_order *
place_of(struct story_order *table, uint32_t mask, uint32_t token)
{
	uint32_t i = hash_of(token) & mask;

	while (table[i].token != 0 && table[i].token != token)
		i = (i + 1) & mask;
	return &table[i];
}

const struct story_order *
story_find(const struct story_session *s, uint32_t token)
{
	const struct story_order *o;

	if (s->order == NULL || token == 0)
		return NULL;
	o = place_of(s->order, s->mask, token);
	return o->token == token ? o : NULL;
}

/* The token's order, made when there is none; NULL: no memory. */
static struct story_order *
order_of(struct story *story, struct story_session *s, uint32_t token)
{
	struct story_order *o;

	if (s->order == NULL || s->cnt * 2 > s->mask) {
		const uint32_t mask = s->order == NULL ? TABLE_FIRST - 1 : s->mask * 2 + 1;
		struct story_order *table = calloc((size_t)mask + 1, sizeof(*table));

		if (table == NULL) {
			story->no_memory = true;
			return NULL;
		}
		for (uint32_t i = 0; s->order != NULL && i <= s->mask; i++)
			if (s->order[i].token != 0)
				*place_of(table, mask, s->order[i].token) = s->order[i];
		free(s->order);
		s->order = table;
		s->mask = mask;
	}
	o = place_of(s->order, s->mask, token);
	if (o->token == 0) {
		o->token = token;
		s->cnt++;
		if (token > s->token_max)
			s->token_max = token;
	}
	return o;
}

static struct story_execution *
execution_of(struct story_execution *table, uint32_t mask, uint32_t token, uint64_t match_ref)
{
	uint32_t i = hash_of(match_ref ^ (uint64_t)token << 40) & mask;

	while (table[i].token != 0 && (table[i].token != token || table[i].match_ref != match_ref))
		i = (i + 1) & mask;
	return &table[i];
}

/* Whether this execution is told for the first time. */
static bool
is_new_execution(struct story *story, struct story_session *s, const struct journal_report *m)
{
	struct story_execution *x;

	if (s->seen == NULL || s->seen_cnt * 2 > s->seen_mask) {
		const uint32_t mask = s->seen == NULL ? TABLE_FIRST - 1 : s->seen_mask * 2 + 1;
		struct story_execution *table = calloc((size_t)mask + 1, sizeof(*table));

		if (table == NULL) {
			story->no_memory = true;
			return false;
		}
		for (uint32_t k = 0; s->seen != NULL && k <= s->seen_mask; k++)
			if (s->seen[k].token != 0)
				*execution_of(table, mask, s->seen[k].token, s->seen[k].match_ref) =
					s->seen[k];
		free(s->seen);
		s->seen = table;
		s->seen_mask = mask;
	}
	x = execution_of(s->seen, s->seen_mask, m->token, m->match_ref);
	if (x->token != 0)
		return false;
	*x = (struct story_execution){ m->match_ref, m->token, m->qty };
	s->seen_cnt++;
	return true;
}

static void
take_report(struct story *story, struct story_session *s, const struct journal_slot *slot)
{
	struct story_execution *x;
	struct story_order *old;
	struct journal_report m;
	struct story_order *o;

	memcpy(&m, slot->body, sizeof(m));
	if (m.token == 0)
		return;
	switch (slot->arg & 0xFF) {
	case REPORT_ACCEPTED:
		o = order_of(story, s, m.token);
		if (o == NULL)
			return;
		o->accepted = true;
		o->side = (uint8_t)(slot->arg >> 8);
		o->qty = m.qty;
		o->open_qty = o->ended || m.qty < o->own_qty ? 0 : m.qty - o->own_qty;
		if (slot->instr_idx != INSTR_NONE)
			o->instr = instr_of(story, slot->instr_idx);
		return;
	case REPORT_REPLACED: {
		struct story_order was = { 0 };

		old = (struct story_order *)story_find(s, m.orig_token);
		if (old != NULL) {
			was = *old; // the table may move
			old->open_qty = 0;
			old->ended = true;
		}
		o = order_of(story, s, m.token);
		if (o == NULL || o->accepted)
			return; // a replay
		o->accepted = true;
		o->side = was.side;
		o->qty = m.qty;
		o->open_qty = m.qty;
		o->instr = slot->instr_idx != INSTR_NONE ? instr_of(story, slot->instr_idx)
							 : was.instr;
		if (o->strategy == 0)
			o->strategy = was.strategy;
		o->short_sale |= was.short_sale;
		o->executed_qty += was.executed_qty;
		return;
	}
	case REPORT_REJECTED: // the venue has it, and keeps nothing of it
		o = order_of(story, s, m.token);
		if (o != NULL) {
			o->sent = false;
			o->ended = true;
		}
		return;
	case REPORT_EXECUTED:
		if (!is_new_execution(story, s, &m))
			return;
		o = order_of(story, s, m.token);
		if (o == NULL)
			return;
		o->executed_qty += m.qty;
		o->own_qty += m.qty;
		o->open_qty -= o->open_qty < m.qty ? o->open_qty : m.qty;
		o->ended |= o->accepted && o->open_qty == 0;
		s->execution_cnt++;
		return;
	case REPORT_TRADE_BROKEN: // the order does not come back; its replacements have it, too
		if (s->seen == NULL || story_find(s, m.token) == NULL)
			return;
		x = execution_of(s->seen, s->seen_mask, m.token, m.match_ref);
		o = order_of(story, s, m.token);
		if (x->token == 0)
			return;
		o->own_qty -= x->qty;
		o->broken_qty += x->qty;
		x->qty = 0;
		return;
	case REPORT_CANCELED:
		o = (struct story_order *)story_find(s, m.token);
		if (o == NULL)
			return;
		o->open_qty -= o->open_qty < m.qty ? o->open_qty : m.qty;
		o->ended |= o->open_qty == 0;
		return;
	default:
		return;
	}
}

/* The venue names its day at each login; another one is another day. */
static void
take_login(struct story_session *s, const struct journal_record *r)
{
	uint8_t bytes[JOURNAL_WIRE_MAX];
	const uint32_t len = journal_wire_bytes(r, bytes);
	static const char NONE[STORY_SESSION_LEN];
	char name[STORY_SESSION_LEN];

	if (len < STORY_SESSION_LEN)
		return;
	memcpy(name, bytes, sizeof(name)); // the payload begins with it
	if (memcmp(s->venue_session, NONE, sizeof(NONE)) != 0 &&
	    memcmp(s->venue_session, name, sizeof(name)) != 0)
		forget(s);
	memcpy(s->venue_session, name, sizeof(name));
}

/* Lines "LEVEL VALUE"; the newest record counts. */
static void
take_day(struct story *s, const struct journal_record *r)
{
	const char *at = (const char *)r->payload + sizeof(struct journal_text);
	const char *end = (const char *)r->payload + r->frame.len;

	s->high_cnt = 0;
	s->high_ns = journal_text_of(r).ns;
	while (at < end && s->high_cnt < STORY_LEVELS) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		struct story_high *h = &s->high[s->high_cnt];
		char line[STORY_LEVEL_LEN + 24], *space;

		if (eol == NULL || (size_t)(eol - at) >= sizeof(line))
			return;
		memcpy(line, at, (size_t)(eol - at));
		line[eol - at] = '\0';
		at = eol + 1;
		space = strrchr(line, ' ');
		if (space == NULL || space - line >= STORY_LEVEL_LEN)
			continue;
		*space = '\0';
		h->ntl4 = strtoll(space + 1, NULL, 10);
		snprintf(h->level, sizeof(h->level), "%.*s", STORY_LEVEL_LEN - 1, line);
		s->high_cnt++;
	}
}

/* What an earlier start found: orders that never reached the venue. */
static void
take_recovery(struct story *s, const struct journal_record *r)
{
	const char *at = (const char *)r->payload + sizeof(struct journal_text);
	const char *end = (const char *)r->payload + r->frame.len;

	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		char line[256], name[STORY_NAME_LEN], again[sizeof(line)];
		uint32_t token;

		if (eol == NULL)
			return;
		snprintf(line, sizeof(line), "%.*s", (int)(eol - at), at);
		at = eol + 1;
		if (sscanf(line, "session %63[^:]: the venue never got order %u", name, &token) !=
		    2)
			continue;
		snprintf(again, sizeof(again), STORY_NEVER_GOT, name, token);
		for (uint32_t i = 0; i < s->session_cnt && strcmp(line, again) == 0; i++) {
			struct story_order *o =
				(struct story_order *)story_find(&s->session[i], token);

			if (strcmp(s->session[i].name, name) == 0 && o != NULL && !o->accepted) {
				o->sent = false;
				o->ended = true;
			}
		}
	}
}

/* The letter of an Enter Order's side; 0: it is not known where. */
static char
side_letter(const struct story_session *s, const struct journal_wire *w)
{
	// SoupBinTCP's head, then Enter Order: type, UserRefNum or token, side
	const size_t at = sizeof(struct soup_head) + 1 +
			  (s->ouch42 ? (size_t)ORDER_TOKEN_LEN : sizeof(uint32_t));

	return s->configured && w->len > at && at < sizeof(w->bytes) ? (char)w->bytes[at] : 0;
}

static void
take_request(struct story *s, struct story_session *to, const struct journal_slot *slot,
	     const struct journal_wire *w)
{
	const struct story_order *old;
	struct story_order *o;
	char letter;

	to->request_cnt++;
	to->last_ns = slot->ns;
	if (w->kind != INTENT_NEW && w->kind != INTENT_REPLACE)
		return;
	o = order_of(s, to, w->token);
	if (o == NULL)
		return;
	o->sent = true;
	o->instr = instr_of(s, slot->instr_idx);
	o->strategy = strategy_of(s, w->strategy_idx);
	if (w->kind == INTENT_NEW) {
		letter = side_letter(to, w);
		o->short_sale = letter == 'T' || letter == 'E';
		o->side = letter == 'S' || o->short_sale ? SIDE_SELL : SIDE_BUY;
	} else {
		old = story_find(to, slot->arg); // it keeps its mark
		o->short_sale = old != NULL && old->short_sale;
		o->side = old != NULL ? old->side : o->side;
	}
}

/* What became of an order, as its session's own table has it. */
static void
take_update(struct story_session *s, const struct journal_slot *slot)
{
	struct story_order *o = (struct story_order *)story_find(s, slot->arg);
	struct update m;

	memcpy(&m, slot, sizeof(m));
	if (o == NULL || m.cause == REPORT_TRADE_BROKEN)
		return;
	o->ended |= m.state == ORDER_FILLED || m.state == ORDER_CANCELED ||
		    m.state == ORDER_REPLACED || m.state == ORDER_REJECTED;
	o->open_qty = o->ended ? 0 : m.open_qty;
}

void
story_take(struct story *s, const struct journal_record *r)
{
	struct journal_slot slot;
	struct story_session *to;
	struct journal_wire w;

	if (r->frame.run != s->run)
		begin_run(s, r->frame.run);
	journal_names_take(&s->names, r);
	if (r->frame.kind == JOURNAL_DAY)
		take_day(s, r);
	if (r->frame.kind == JOURNAL_RECOVERY)
		take_recovery(s, r);
	if (r->frame.kind != JOURNAL_REPORT && r->frame.kind != JOURNAL_WIRE_OUT &&
	    r->frame.kind != JOURNAL_WIRE_IN && r->frame.kind != JOURNAL_UPDATE)
		return;
	slot = journal_slot_of(r);
	to = session_of(s, slot.source_idx);
	if (to == NULL)
		return;
	if (slot.kind == JOURNAL_REPORT) {
		take_report(s, to, &slot);
		return;
	}
	if (slot.kind == JOURNAL_UPDATE) {
		take_update(to, &slot);
		return;
	}
	memcpy(&w, slot.body, sizeof(w));
	if (slot.kind == JOURNAL_WIRE_IN && w.kind == SOUP_LOGIN_ACCEPTED) {
		take_login(to, r);
	} else if (slot.kind == JOURNAL_WIRE_OUT && w.token != 0 && w.kind != JOURNAL_NO_ORDER) {
		take_request(s, to, &slot, &w);
	}
}

/* The sums of one session: a cell for each instrument and strategy, nobody's at 0. */
static void
left_of(const struct story *s, const struct story_session *from, struct story_left *cell)
{
	for (uint32_t i = 0; from->order != NULL && i <= from->mask; i++) {
		const struct story_order *o = &from->order[i];
		struct story_left *c = &cell[o->instr * (s->strategy_cnt + 1) + o->strategy];

		if (o->token == 0)
			continue;
		c->net_qty += o->side == SIDE_BUY ? (int64_t)o->own_qty : -(int64_t)o->own_qty;
		if (!o->ended && (o->sent || o->accepted)) {
			c->open_cnt++;
			c->open_qty += o->open_qty;
		}
	}
}

int
story_left(const struct story *s, bool (*is_today)(uint64_t last_ns, uint64_t now_ns),
	   uint64_t now_ns, struct story_left **out, size_t *cnt)
{
	const size_t cells = ((size_t)s->instr_cnt + 1) * (s->strategy_cnt + 1);
	struct story_left *list = NULL;
	size_t room = 0;

	*out = NULL;
	*cnt = 0;
	for (uint32_t i = 0; i < s->session_cnt; i++) {
		const struct story_session *from = &s->session[i];
		struct story_left *cell;

		if (from->last_ns == 0 || !is_today(from->last_ns, now_ns))
			continue;
		cell = calloc(cells, sizeof(*cell));
		if (cell == NULL)
			goto no_memory;
		left_of(s, from, cell);
		for (size_t k = 0; k < cells; k++) {
			const size_t instr = k / (s->strategy_cnt + 1);
			const size_t strategy = k % (s->strategy_cnt + 1);

			if (cell[k].open_cnt == 0 && cell[k].net_qty == 0)
				continue;
			if (*cnt == room) {
				struct story_left *more;

				room = room == 0 ? 64 : room * 2;
				more = realloc(list, room * sizeof(*list));
				if (more == NULL) {
					free(cell);
					goto no_memory;
				}
				list = more;
			}
			cell[k].session = from->name;
			cell[k].instr = instr == 0 ? NULL : s->instr[instr - 1];
			cell[k].strategy = strategy == 0 ? NULL : s->strategy[strategy - 1];
			list[(*cnt)++] = cell[k];
		}
		free(cell);
	}
	*out = list;
	return 0;
no_memory:
	free(list);
	*cnt = 0;
	return -ENOMEM;
}

static void
read_segment(struct story *s, const struct journal_file *f, bool *damaged)
{
	struct journal_record r;
	struct journal_walk w;

	if (!journal_walk_start(&w, f->data, f->len)) {
		*damaged = true;
		return;
	}
	do {
		while (journal_walk_next(&w, &r))
			story_take(s, &r);
		*damaged |= journal_end_is_bad(w.end) || f->why[0] != '\0';
	} while (journal_walk_resume(&w));
}

int
story_read(struct story *s, const char *folder, uint64_t from_ns, bool *damaged, struct err *e)
{
	struct journal_list l;
	size_t first;
	int rc = journal_list_open(&l, folder, e);

	*damaged = false;
	if (rc != 0)
		return rc;
	for (first = l.cnt; first > 0; first--) { // back to the first that is old enough
		struct journal_file f;
		struct journal_walk w;
		bool is_old;

		rc = journal_file_open(&f, l.row[first - 1].path, e);
		if (rc != 0)
			break;
		is_old = journal_walk_start(&w, f.data, f.len) && w.head.created_ns < from_ns;
		journal_file_close(&f);
		if (is_old) {
			first--; // it ends later
			break;
		}
	}
	for (size_t i = first; i < l.cnt && rc == 0; i++) {
		struct journal_file f;

		rc = journal_file_open(&f, l.row[i].path, e);
		if (rc != 0)
			break;
		read_segment(s, &f, damaged);
		journal_file_close(&f);
	}
	journal_list_close(&l);
	if (rc == 0 && (s->no_memory || s->names.no_memory))
		return err_set(e, -ENOMEM, "no memory for the orders of the journal");
	*damaged |= s->too_many;
	return rc;
}
