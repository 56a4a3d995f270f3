/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/story.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "msg/head.h"
#include "msg/intent.h"
#include "msg/report.h"
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

static void
forget(struct story_session *s)
{
	const bool ouch42 = s->ouch42;

	free(s->order);
	free(s->seen);
	memset(s, 0, sizeof(*s));
	s->ouch42 = ouch42;
}

void
story_fini(struct story *s)
{
	for (uint32_t i = 0; i < STORY_SESSIONS; i++)
		forget(&s->session[i]);
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

/* Whether this execution is told for the first time. */
static bool
is_new_execution(struct story *story, struct story_session *s, uint32_t token, uint64_t match_ref)
{
	const uint64_t key = (match_ref ^ (uint64_t)token << 40) | 1;
	uint32_t i;

	if (s->seen == NULL || s->seen_cnt * 2 > s->seen_mask) {
		const uint32_t mask = s->seen == NULL ? TABLE_FIRST - 1 : s->seen_mask * 2 + 1;
		uint64_t *table = calloc((size_t)mask + 1, sizeof(*table));

		if (table == NULL) {
			story->no_memory = true;
			return false;
		}
		for (uint32_t k = 0; s->seen != NULL && k <= s->seen_mask; k++) {
			if (s->seen[k] == 0)
				continue;
			for (i = hash_of(s->seen[k]) & mask; table[i] != 0; i = (i + 1) & mask)
				;
			table[i] = s->seen[k];
		}
		free(s->seen);
		s->seen = table;
		s->seen_mask = mask;
	}
	for (i = hash_of(key) & s->seen_mask; s->seen[i] != 0; i = (i + 1) & s->seen_mask)
		if (s->seen[i] == key)
			return false;
	s->seen[i] = key;
	s->seen_cnt++;
	return true;
}

static void
take_report(struct story *story, struct story_session *s, const struct journal_slot *slot)
{
	const struct story_order *old;
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
		if (slot->instr_idx != INSTR_NONE)
			o->instr_idx = slot->instr_idx;
		return;
	case REPORT_REPLACED: {
		struct story_order was = { 0 };

		old = story_find(s, m.orig_token);
		if (old != NULL)
			was = *old; // the table may move
		o = order_of(story, s, m.token);
		if (o == NULL || o->accepted)
			return; // a replay
		o->accepted = true;
		o->side = was.side;
		o->qty = m.qty;
		o->instr_idx = slot->instr_idx != INSTR_NONE ? slot->instr_idx : was.instr_idx;
		if (o->strategy == 0)
			o->strategy = was.strategy;
		o->short_sale |= was.short_sale;
		o->executed_qty += was.executed_qty;
		return;
	}
	case REPORT_REJECTED: // the venue has it, and keeps nothing of it
		o = order_of(story, s, m.token);
		if (o != NULL)
			o->sent = false;
		return;
	case REPORT_EXECUTED:
		if (!is_new_execution(story, s, m.token, m.match_ref))
			return;
		o = order_of(story, s, m.token);
		if (o == NULL)
			return;
		o->executed_qty += m.qty;
		s->execution_cnt++;
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

/* A strategy's name.  Each run numbers its own anew. */
static void
take_name(struct story *s, const struct journal_record *r)
{
	const char *text = (const char *)r->payload + sizeof(struct journal_text);
	const struct journal_text t = journal_text_of(r);
	const uint32_t idx = t.arg >> 8;
	char name[STORY_NAME_LEN];
	size_t len;

	if ((t.arg & 0xFF) != JOURNAL_NAME_STRATEGY || idx >= sizeof(s->strategy_of))
		return;
	if (r->frame.run != s->run) {
		memset(s->strategy_of, 0, sizeof(s->strategy_of));
		s->run = r->frame.run;
	}
	len = strnlen(text, r->frame.len - sizeof(struct journal_text));
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	name[strcspn(name, "\n")] = '\0'; // its account follows
	for (uint32_t i = 0; i < s->strategy_cnt; i++)
		if (strcmp(s->strategy[i], name) == 0) {
			s->strategy_of[idx] = (uint8_t)(i + 1);
			return;
		}
	if (s->strategy_cnt == STORY_NAMES)
		return;
	snprintf(s->strategy[s->strategy_cnt++], STORY_NAME_LEN, "%s", name);
	s->strategy_of[idx] = (uint8_t)s->strategy_cnt;
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
		char line[STORY_NAME_LEN + 24], *space;

		if (eol == NULL || (size_t)(eol - at) >= sizeof(line))
			return;
		memcpy(line, at, (size_t)(eol - at));
		line[eol - at] = '\0';
		at = eol + 1;
		space = strrchr(line, ' ');
		if (space == NULL || space - line >= STORY_NAME_LEN)
			continue;
		*space = '\0';
		h->ntl4 = strtoll(space + 1, NULL, 10);
		snprintf(h->level, sizeof(h->level), "%.*s", STORY_NAME_LEN - 1, line);
		s->high_cnt++;
	}
}

/* Whether the request's bytes say that it sells short. */
static bool
is_short(const struct story_session *s, const struct journal_wire *w)
{
	// SoupBinTCP's head, then Enter Order: type, UserRefNum or token, side
	const size_t at = sizeof(struct soup_head) + 1 +
			  (s->ouch42 ? (size_t)ORDER_TOKEN_LEN : sizeof(uint32_t));

	return w->len > at && at < sizeof(w->bytes) && (w->bytes[at] == 'T' || w->bytes[at] == 'E');
}

static void
take_request(struct story *s, struct story_session *to, const struct journal_slot *slot,
	     const struct journal_wire *w)
{
	const struct story_order *old;
	struct story_order *o;

	to->request_cnt++;
	to->last_ns = slot->ns;
	if (w->kind != INTENT_NEW && w->kind != INTENT_REPLACE)
		return;
	o = order_of(s, to, w->token);
	if (o == NULL)
		return;
	o->sent = true;
	o->instr_idx = slot->instr_idx;
	o->strategy = s->strategy_of[w->strategy_idx];
	if (w->kind == INTENT_NEW) {
		o->short_sale = is_short(to, w);
	} else {
		old = story_find(to, slot->arg); // it keeps its mark
		o->short_sale = old != NULL && old->short_sale;
	}
}

void
story_take(struct story *s, const struct journal_record *r)
{
	struct journal_slot slot;
	struct story_session *to;
	struct journal_wire w;

	if (r->frame.kind == JOURNAL_NAME)
		take_name(s, r);
	if (r->frame.kind == JOURNAL_DAY)
		take_day(s, r);
	if (r->frame.kind != JOURNAL_REPORT && r->frame.kind != JOURNAL_WIRE_OUT &&
	    r->frame.kind != JOURNAL_WIRE_IN)
		return;
	slot = journal_slot_of(r);
	if (slot.source_idx >= STORY_SESSIONS)
		return;
	to = &s->session[slot.source_idx];
	if (slot.kind == JOURNAL_REPORT) {
		take_report(s, to, &slot);
		return;
	}
	memcpy(&w, slot.body, sizeof(w));
	if (slot.kind == JOURNAL_WIRE_IN && w.kind == SOUP_LOGIN_ACCEPTED) {
		take_login(to, r);
	} else if (slot.kind == JOURNAL_WIRE_OUT && w.token != 0 && w.kind != JOURNAL_NO_ORDER) {
		take_request(s, to, &slot, &w);
	}
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
	return rc == 0 && s->no_memory
		       ? err_set(e, -ENOMEM, "no memory for the orders of the journal")
		       : rc;
}
