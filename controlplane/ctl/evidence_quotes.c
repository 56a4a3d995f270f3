/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/evidence_quotes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decision/risk_state.h"
#include "journal/describe.h"

enum {
	KEPT = 3,
	LINE_BYTES = 512,
};

/* The newest lines of one thing that was asked for. */
struct quoted {
	const char *what;
	uint64_t cnt;
	char line[KEPT][LINE_BYTES];
};

struct evidence_quotes {
	struct quoted *counter;
	size_t counter_cnt;
	struct quoted *text;
	size_t text_cnt;
	uint64_t record_cnt;
	uint64_t first_ns;
	uint64_t last_ns;
	bool damaged;
	struct journal_names names;
	struct journal_row row;
};

/* The verdict's counter, as the document names it: by the word the journal has for the verdict. */
static const char *
counter_of(const char *verdict)
{
	static const struct {
		const char *verdict, *counter;
	} TABLE[] = {
#define VERDICT(NAME, counter, text) { #NAME, "risk_" #counter },
#include "decision/risk_verdicts.def"
#undef VERDICT
	};

	for (size_t i = 0; i < ARRAY_CNT(TABLE); i++)
		if (strcmp(TABLE[i].verdict, verdict) == 0)
			return TABLE[i].counter;
	return "";
}

static char *
next_line(struct quoted *x)
{
	return x->line[x->cnt++ % KEPT];
}

static void
quote_verdict(struct evidence_quotes *q)
{
	const struct journal_row *r = &q->row;
	const char *counter = counter_of(r->reason);
	char when[JOURNAL_TIME_LEN], px[JOURNAL_PX_LEN];

	for (size_t i = 0; i < q->counter_cnt; i++) {
		if (strcmp(q->counter[i].what, counter) != 0)
			continue;
		journal_time_text(r->ns, when);
		journal_px_text(r->px4, px);
		snprintf(next_line(&q->counter[i]), LINE_BYTES,
			 "%s record %" PRIu64 ": %s of strategy %s (account %s), %s %u %s at %s: "
			 "%s by limits version %u",
			 when, r->seq, r->action, r->strategy,
			 r->account[0] == '\0' ? "?" : r->account, r->side, r->qty, r->symbol, px,
			 r->reason, r->limits_version);
	}
}

static void
quote_note(struct evidence_quotes *q)
{
	const struct journal_row *r = &q->row;
	char when[JOURNAL_TIME_LEN];

	for (size_t i = 0; i < q->text_cnt; i++) {
		const char *what = q->text[i].what;

		if (memmem(r->text, r->text_len, what, strlen(what)) == NULL)
			continue;
		journal_time_text(r->ns, when);
		snprintf(next_line(&q->text[i]), LINE_BYTES, "%s record %" PRIu64 ": %.*s", when,
			 r->seq, (int)r->text_len, r->text);
	}
}

static void
take_record(struct evidence_quotes *q, const struct journal_record *rec)
{
	const uint64_t ns = journal_record_ns(rec);

	q->record_cnt++;
	if (q->first_ns == 0)
		q->first_ns = ns;
	if (ns > q->last_ns)
		q->last_ns = ns;
	journal_names_take(&q->names, rec);
	if (rec->frame.kind != JOURNAL_VERDICT && rec->frame.kind != JOURNAL_NOTE)
		return;
	journal_describe(&q->names, rec, &q->row);
	if (rec->frame.kind == JOURNAL_VERDICT)
		quote_verdict(q);
	else
		quote_note(q);
}

static int
take_file(struct evidence_quotes *q, const char *path, struct err *e)
{
	struct journal_record r;
	struct journal_file f;
	struct journal_walk w;
	int rc = journal_file_open(&f, path, e);

	if (rc != 0)
		return rc;
	if (!journal_walk_start(&w, f.data, f.len)) {
		q->damaged = true;
	} else {
		do {
			while (journal_walk_next(&w, &r))
				take_record(q, &r);
			q->damaged |= journal_end_is_bad(w.end);
		} while (journal_walk_resume(&w));
	}
	journal_file_close(&f);
	return 0;
}

static struct quoted *
quoted_for(const char *const *what, size_t cnt)
{
	struct quoted *x = calloc(cnt + 1, sizeof(*x));

	for (size_t i = 0; x != NULL && i < cnt; i++)
		x[i].what = what[i];
	return x;
}

struct evidence_quotes *
evidence_quotes_read(const char *folder, const char *const *counter, size_t counter_cnt,
		     const char *const *text, size_t text_cnt, struct err *e)
{
	struct evidence_quotes *q = calloc(1, sizeof(*q));
	struct journal_list list = { 0 };
	int rc = -ENOMEM;

	if (q != NULL) {
		q->counter = quoted_for(counter, counter_cnt);
		q->text = quoted_for(text, text_cnt);
		q->counter_cnt = counter_cnt;
		q->text_cnt = text_cnt;
		if (q->counter != NULL && q->text != NULL)
			rc = journal_list_open(&list, folder, e);
	}
	for (size_t i = 0; rc == 0 && i < list.cnt; i++)
		rc = take_file(q, list.row[i].path, e);
	journal_list_close(&list);
	if (rc == 0)
		return q;
	evidence_quotes_free(q);
	if (e->code == 0)
		err_set(e, rc, "%s: no memory to read it", folder);
	return NULL;
}

void
evidence_quotes_free(struct evidence_quotes *q)
{
	if (q == NULL)
		return;
	journal_names_fini(&q->names);
	free(q->counter);
	free(q->text);
	free(q);
}

static size_t
show(FILE *out, const struct quoted *x, size_t cnt, const char *what)
{
	for (size_t i = 0; i < cnt; i++) {
		if (strcmp(x[i].what, what) != 0)
			continue;
		for (uint64_t n = x[i].cnt < KEPT ? 0 : x[i].cnt - KEPT; n < x[i].cnt; n++)
			fprintf(out, "    %s\n", x[i].line[n % KEPT]);
		if (x[i].cnt > KEPT)
			fprintf(out, "    (the newest of %" PRIu64 ")\n", x[i].cnt);
		return (size_t)x[i].cnt;
	}
	return 0;
}

size_t
evidence_quotes_of_counter(FILE *out, const struct evidence_quotes *q, const char *counter)
{
	return q == NULL ? 0 : show(out, q->counter, q->counter_cnt, counter);
}

size_t
evidence_quotes_of_text(FILE *out, const struct evidence_quotes *q, const char *text)
{
	return q == NULL ? 0 : show(out, q->text, q->text_cnt, text);
}

void
evidence_quotes_summary(FILE *out, const struct evidence_quotes *q)
{
	char from[JOURNAL_TIME_LEN], to[JOURNAL_TIME_LEN];

	journal_time_text(q->first_ns, from);
	journal_time_text(q->last_ns, to);
	fprintf(out, "%" PRIu64 " records, %s to %s%s", q->record_cnt, from, to,
		q->damaged ? "; parts of it are damaged (sluice-journal verify)" : "");
}
