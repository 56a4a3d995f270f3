/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/units.h"
#include "journal/tool.h"

/*
 * Why an order exists and what became of it: every record that has one of its numbers.  An order is
 * known by tokens (a replace gives it another) and by the name its strategy gave it; both are
 * collected first, then everything that has one of them is shown in the order of time.
 */
enum {
	NAMES_MAX = 64, // tokens, and names, of one order: replaces beyond are not followed
	STORY_MAX = 1 << 16,
	PASSES_MAX = 8,
};

struct story_row {
	uint64_t ns;
	uint64_t seq;
	struct journal_row row;
	char *text;
};

struct story {
	const struct tool_filter *filter;
	uint32_t token[NAMES_MAX];
	uint32_t token_cnt;
	uint32_t intent_id[NAMES_MAX];
	uint32_t intent_cnt;
	char session[ROW_TEXT_MAX];
	char strategy[ROW_TEXT_MAX];
	uint32_t run; // in which it was sent
	uint32_t used_cnt;
	uint64_t from_seq; // its first bytes went out with this record
	uint64_t to_seq;   // the token was used again from here on: another order
	bool grew;
	bool too_many;
	struct journal_row row;
	struct story_row *found;
	size_t found_cnt;
};

static bool
has(const uint32_t *list, uint32_t cnt, uint32_t value)
{
	for (uint32_t i = 0; i < cnt; i++)
		if (list[i] == value)
			return true;
	return false;
}

static void
add(struct story *s, uint32_t *list, uint32_t *cnt, uint32_t value)
{
	if (has(list, *cnt, value))
		return;
	if (*cnt == NAMES_MAX) {
		s->too_many = true;
		return;
	}
	list[(*cnt)++] = value;
	s->grew = true;
}

/* Whether the record is a new order's or a replace's bytes with that token. */
static bool
is_birth(const struct journal_row *r, uint32_t token)
{
	return r->kind == JOURNAL_WIRE_OUT && r->token == token &&
	       (strcmp(r->action, "new") == 0 || strcmp(r->action, "replace") == 0);
}

/* The newest use of the token. */
static bool
on_find(void *ctx, const struct journal_names *n, const struct journal_record *rec)
{
	struct story *s = ctx;
	struct journal_row *r = &s->row;

	journal_describe(n, rec, r);
	if (!is_birth(r, s->token[0]) || (s->filter->run != 0 && r->run != s->filter->run) ||
	    (s->filter->session != NULL && strcmp(r->session, s->filter->session) != 0))
		return true;
	s->used_cnt++;
	s->run = r->run;
	s->from_seq = r->seq;
	s->intent_id[0] = r->intent_id;
	s->intent_cnt = r->strategy[0] != '\0';
	memcpy(s->session, r->session, sizeof(s->session));
	memcpy(s->strategy, r->strategy, sizeof(s->strategy));
	return true;
}

static bool
is_same_way(const struct story *s, const struct journal_row *r)
{
	return strcmp(r->session, s->session) == 0 && r->run >= s->run;
}

/* Tokens that replaced, or were replaced by, one of the order's. */
static bool
on_collect(void *ctx, const struct journal_names *n, const struct journal_record *rec)
{
	struct story *s = ctx;
	struct journal_row *r = &s->row;

	if (rec->frame.kind != JOURNAL_WIRE_OUT && rec->frame.kind != JOURNAL_REPORT)
		return true;
	journal_describe(n, rec, r);
	if (r->token == 0 || !is_same_way(s, r))
		return true;
	if (r->run != s->run && r->kind == JOURNAL_WIRE_OUT)
		return true; // a later process cancels what it found, or uses the number again
	if (has(s->token, s->token_cnt, r->token) && r->orig_token != 0)
		add(s, s->token, &s->token_cnt, r->orig_token);
	if (r->orig_token != 0 && has(s->token, s->token_cnt, r->orig_token))
		add(s, s->token, &s->token_cnt, r->token);
	return true;
}

static bool
belongs(const struct story *s, const struct journal_row *r)
{
	const bool same_name = r->run == s->run && r->has_intent && s->intent_cnt != 0 &&
			       strcmp(r->strategy, s->strategy) == 0 &&
			       (has(s->intent_id, s->intent_cnt, r->intent_id) ||
				(r->orig_id != 0 && has(s->intent_id, s->intent_cnt, r->orig_id)));

	switch (r->kind) {
	case JOURNAL_INTENT:
	case JOURNAL_ORDER:
	case JOURNAL_VERDICT:
		return same_name;
	case JOURNAL_UPDATE:
		return is_same_way(s, r) &&
		       (same_name || (r->token != 0 && has(s->token, s->token_cnt, r->token)));
	case JOURNAL_WIRE_OUT:
	case JOURNAL_WIRE_IN:
	case JOURNAL_SENT:
	case JOURNAL_REPORT:
		return is_same_way(s, r) && r->token != 0 && has(s->token, s->token_cnt, r->token);
	default:
		return false;
	}
}

static bool
on_tell(void *ctx, const struct journal_names *n, const struct journal_record *rec)
{
	struct story *s = ctx;
	struct story_row *to;

	journal_describe(n, rec, &s->row);
	if (is_birth(&s->row, s->token[0]) && s->row.seq > s->from_seq && is_same_way(s, &s->row))
		return false; // the number again, another day's: the story is over
	if (!belongs(s, &s->row))
		return true;
	if (s->found_cnt == STORY_MAX) {
		s->too_many = true;
		return false;
	}
	to = &s->found[s->found_cnt++];
	to->ns = s->row.ns;
	to->seq = s->row.seq;
	to->row = s->row;
	return true;
}

static int
by_time(const void *a, const void *b)
{
	const struct story_row *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* "+12.345 us" */
static void
print_since(uint64_t ns, uint64_t start_ns)
{
	const int64_t d = (int64_t)(ns - start_ns);

	printf("%+14.3f us  ", (double)d / 1000);
}

static void
print_cause(const struct story *s)
{
	const struct journal_row *first = NULL;
	char time[JOURNAL_TIME_LEN];

	for (size_t i = 0; i < s->found_cnt && first == NULL; i++)
		if (s->found[i].row.kind == JOURNAL_INTENT)
			first = &s->found[i].row;
	if (first == NULL) {
		puts("caused by   nothing in this journal: no strategy's intent (an operator's "
		     "request, an earlier "
		     "process's order, or records that are missing)");
		return;
	}
	journal_time_text(first->rx_ns, time);
	if (first->feed[0] != '\0')
		printf("caused by   message %u (low 32 bits) of feed %s, received %s\n",
		       first->feed_seq, first->feed, time);
	else
		printf("caused by   the strategy's own time, %s\n", time);
}

int
why_command(const char *path, uint32_t token, const struct tool_filter *f)
{
	static struct story s;
	uint64_t start_ns;
	int rc;

	s.filter = f;
	s.token[0] = token;
	s.token_cnt = 1;
	s.found = calloc(STORY_MAX, sizeof(*s.found)); // touched only as far as it is used
	if (s.found == NULL) {
		fprintf(stderr, "sluice-journal: no memory\n");
		return 2;
	}
	rc = tool_walk(path, true, on_find, &s);
	if (rc == 2)
		return rc;
	if (s.used_cnt == 0) {
		fprintf(stderr, "sluice-journal: no order with token %u was sent in %s\n", token,
			path);
		return 3;
	}
	freopen("/dev/null", "w", stderr); // damage was told above
	for (unsigned i = 0; i < PASSES_MAX; i++) {
		s.grew = false;
		tool_walk(path, true, on_collect, &s);
		if (!s.grew)
			break;
	}
	tool_walk(path, true, on_tell, &s);
	qsort(s.found, s.found_cnt, sizeof(*s.found), by_time);
	printf("order       token %u of session %s, run %u", token, s.session, s.run);
	if (s.strategy[0] != '\0')
		printf(", strategy %s, intent %u", s.strategy, s.intent_id[0]);
	putchar('\n');
	if (s.used_cnt > 1)
		printf("note        the number was used %u times; this is the last use, --run "
		       "shows others\n",
		       s.used_cnt);
	if (s.token_cnt > 1) {
		printf("tokens     ");
		for (uint32_t i = 0; i < s.token_cnt; i++)
			printf(" %u", s.token[i]);
		putchar('\n');
	}
	print_cause(&s);
	start_ns = s.found_cnt == 0 ? 0 : s.found[0].ns;
	for (size_t i = 0; i < s.found_cnt; i++)
		if (s.found[i].row.kind == JOURNAL_INTENT && s.found[i].row.rx_ns != 0) {
			start_ns = s.found[i].row.rx_ns;
			break;
		}
	printf("\n%17s  what (since that was received)\n", "time");
	for (size_t i = 0; i < s.found_cnt; i++) {
		print_since(s.found[i].ns, start_ns);
		tool_print_row(stdout, &s.found[i].row);
	}
	if (s.too_many)
		puts("... and more than is shown: use print --token");
	free(s.found);
	return rc;
}
