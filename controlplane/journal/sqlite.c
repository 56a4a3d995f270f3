/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <unistd.h>

#include <sqlite3.h>

#include "journal/tool.h"

/* A journal as a SQLite database, for questions. */

static const char SCHEMA[] =
	"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
	"CREATE TABLE record (seq INTEGER PRIMARY KEY, ns INTEGER NOT NULL, time TEXT NOT NULL,"
	" run INTEGER NOT NULL, kind TEXT NOT NULL, lane TEXT, session TEXT, strategy TEXT, "
	"account TEXT,"
	" symbol TEXT, token INTEGER, orig_token INTEGER, intent_id INTEGER, orig_id INTEGER, "
	"action TEXT,"
	" side TEXT, qty INTEGER, px4 INTEGER, executed_qty INTEGER, open_qty INTEGER, reason TEXT,"
	" code INTEGER, limits_version INTEGER, feed TEXT, feed_seq INTEGER, rx_ns INTEGER, "
	"venue_ns INTEGER,"
	" match_ref INTEGER, order_ref INTEGER, tick_cycles INTEGER, count INTEGER, uid INTEGER, "
	"pid INTEGER,"
	" result INTEGER, recovered INTEGER NOT NULL, bytes BLOB, text TEXT);"
	"BEGIN;";

static const char INDEXES[] = "COMMIT;"
			      "CREATE INDEX record_token ON record (token);"
			      "CREATE INDEX record_kind ON record (kind, ns);"
			      "CREATE INDEX record_symbol ON record (symbol, ns);"
			      "CREATE VIEW execution AS SELECT min(seq) AS seq, min(ns) AS ns, "
			      "session, token, symbol, qty, px4,"
			      " match_ref FROM record WHERE kind = 'report' AND action = "
			      "'executed' GROUP BY session, token,"
			      " match_ref;";

static const char INSERT[] =
	"INSERT INTO record VALUES "
	"(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

struct loader {
	struct tool_filter filter;
	struct journal_row row;
	sqlite3_stmt *insert;
	int at; // of the next value
	int rc;
	uint64_t cnt;
};

static void
put_number(struct loader *l, uint64_t value)
{
	sqlite3_bind_int64(l->insert, ++l->at, (sqlite3_int64)value);
}

/* Nothing rather than 0, where 0 stands for nothing. */
static void
put_some(struct loader *l, uint64_t value)
{
	if (value == 0)
		sqlite3_bind_null(l->insert, ++l->at);
	else
		put_number(l, value);
}

static void
put_text(struct loader *l, const char *text, size_t len)
{
	if (len == 0)
		sqlite3_bind_null(l->insert, ++l->at);
	else
		sqlite3_bind_text(l->insert, ++l->at, text, (int)len, SQLITE_TRANSIENT);
}

static bool
on_load(void *ctx, const struct journal_names *n, const struct journal_record *rec)
{
	struct loader *l = ctx;
	const struct journal_row *r = &l->row;
	char time[JOURNAL_TIME_LEN];

	journal_describe(n, rec, &l->row);
	if (!tool_wants(&l->filter, r))
		return true;
	l->at = 0;
	journal_time_text(r->ns, time);
	put_number(l, r->seq);
	put_number(l, r->ns);
	put_text(l, time, strlen(time));
	put_number(l, r->run);
	put_text(l, r->word, strlen(r->word));
	put_text(l, r->lane, strlen(r->lane));
	put_text(l, r->session, strlen(r->session));
	put_text(l, r->strategy, strlen(r->strategy));
	put_text(l, r->account, strlen(r->account));
	put_text(l, r->symbol, strlen(r->symbol));
	put_some(l, r->token);
	put_some(l, r->orig_token);
	if (r->has_intent)
		put_number(l, r->intent_id);
	else
		put_some(l, 0);
	put_some(l, r->orig_id);
	put_text(l, r->action, strlen(r->action));
	put_text(l, r->side, strlen(r->side));
	put_some(l, r->qty);
	if (r->has_px)
		put_number(l, (uint64_t)r->px4);
	else
		put_some(l, 0);
	put_some(l, r->executed_qty);
	if (r->kind == JOURNAL_UPDATE)
		put_number(l, r->open_qty);
	else
		put_some(l, 0);
	put_text(l, r->reason, strlen(r->reason));
	put_some(l, r->code);
	put_some(l, r->limits_version);
	put_text(l, r->feed, strlen(r->feed));
	put_some(l, r->feed_seq);
	put_some(l, r->rx_ns);
	put_some(l, r->venue_ns);
	put_some(l, r->match_ref);
	put_some(l, r->order_ref);
	put_some(l, r->tick_cycles);
	put_some(l, r->count);
	if (r->kind == JOURNAL_COMMAND) {
		put_number(l, r->uid);
		put_number(l, r->pid);
		sqlite3_bind_int(l->insert, ++l->at, r->result);
	} else {
		put_some(l, 0);
		put_some(l, 0);
		put_some(l, 0);
	}
	put_number(l, r->recovered);
	if (r->wire_len == 0)
		put_some(l, 0);
	else
		sqlite3_bind_blob(l->insert, ++l->at, r->wire, (int)r->wire_len, SQLITE_TRANSIENT);
	put_text(l, r->text, r->text_len);
	l->rc = sqlite3_step(l->insert);
	sqlite3_reset(l->insert);
	l->cnt++;
	return l->rc == SQLITE_DONE;
}

int
sqlite_command(const char *path, const char *db, const struct tool_filter *f, bool skip_damage)
{
	static struct loader l;
	sqlite3 *s = NULL;
	int rc;

	l.filter = *f;
	if (access(db, F_OK) == 0) {
		fprintf(stderr,
			"sluice-journal: %s exists; name a new file, nothing is overwritten\n", db);
		return 2;
	}
	if (sqlite3_open(db, &s) != SQLITE_OK ||
	    sqlite3_exec(s, SCHEMA, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(s, INSERT, -1, &l.insert, NULL) != SQLITE_OK) {
		fprintf(stderr, "sluice-journal: %s: %s\n", db, sqlite3_errmsg(s));
		sqlite3_close(s);
		return 2;
	}
	l.rc = SQLITE_DONE;
	rc = tool_walk(path, skip_damage, on_load, &l);
	sqlite3_finalize(l.insert);
	if (l.rc != SQLITE_DONE || sqlite3_exec(s, INDEXES, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "sluice-journal: %s: %s\n", db, sqlite3_errmsg(s));
		rc = 2;
	} else {
		printf("%s: %" PRIu64 " records in table record\n", db, l.cnt);
	}
	sqlite3_close(s);
	return rc;
}
