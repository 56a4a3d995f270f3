/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include <jansson.h>

#include "journal/tool.h"

/* sluice-journal: reads the audit journal.  It needs no gateway and changes nothing. */

static const char USAGE[] =
	"sluice-journal " SLUICE_VERSION ": reads the audit journal\n"
	"\n"
	"  sluice-journal print  [FILTER]... PATH       one line per record\n"
	"  sluice-journal json   [FILTER]... PATH       one JSON object per line\n"
	"  sluice-journal csv    [FILTER]... PATH       a table with a head line\n"
	"  sluice-journal sqlite [FILTER]... PATH DB    a new SQLite database: table record\n"
	"  sluice-journal why TOKEN [--run N] [--session NAME] PATH\n"
	"                                               the whole story of one order\n"
	"  sluice-journal verify PATH                   every checksum and number\n"
	"\n"
	"PATH is a segment (journal-*.sj, also .zst) or the journal's folder.\n"
	"\n"
	"filters: --token N --symbol S --session NAME --strategy NAME --account NAME --kind KIND\n"
	"         --run N --from TIME --to TIME (2026-11-21T14:30:00.5Z, or ns since 1970)\n"
	"         --skip-damage   go on behind damage, which is told on stderr\n"
	"\n"
	"exit codes: 0 all was good, 1 something in the journal is damaged or missing,\n"
	"            2 wrong usage or nothing could be read, 3 no such order (why)\n";

enum {
	EXIT_USAGE = 2,
};

bool
tool_wants(const struct tool_filter *f, const struct journal_row *r)
{
	return (f->token == 0 || r->token == f->token || r->orig_token == f->token) &&
	       (f->symbol == NULL || strcmp(r->symbol, f->symbol) == 0) &&
	       (f->session == NULL || strcmp(r->session, f->session) == 0) &&
	       (f->strategy == NULL || strcmp(r->strategy, f->strategy) == 0) &&
	       (f->account == NULL || strcmp(r->account, f->account) == 0) &&
	       (f->kind == 0 || r->kind == f->kind) && (f->run == 0 || r->run == f->run) &&
	       r->ns >= f->from_ns && (f->to_ns == 0 || r->ns <= f->to_ns);
}

int
tool_walk(const char *path, bool skip_damage, tool_on_record on_record, void *ctx)
{
	struct journal_names names = { 0 };
	struct journal_list l;
	uint64_t next_seq = 0, next_no = 0;
	bool go_on = true;
	struct err e;
	int worst = 0;

	err_init(&e);
	if (journal_list_open(&l, path, &e) != 0) {
		fprintf(stderr, "sluice-journal: %s\n", e.text);
		return EXIT_USAGE;
	}
	if (l.cnt == 0) {
		fprintf(stderr, "sluice-journal: %s: no segment (journal-*.sj) is there\n", path);
		worst = EXIT_USAGE;
	}
	for (size_t i = 0; i < l.cnt && go_on; i++) {
		struct journal_record r;
		struct journal_file f;
		struct journal_walk w;

		if (journal_file_open(&f, l.row[i].path, &e) != 0) {
			fprintf(stderr, "sluice-journal: %s\n", e.text);
			worst = EXIT_USAGE;
			break;
		}
		if (!journal_walk_start(&w, f.data, f.len)) {
			fprintf(stderr, "sluice-journal: %s: %s\n", f.path, w.why);
			worst = w.end == JOURNAL_END_FOREIGN && l.cnt == 1 ? EXIT_USAGE : 1;
			journal_file_close(&f);
			next_seq = 0;
			continue;
		}
		if (next_no != 0 && w.head.segment_no != next_no)
			fprintf(stderr,
				"sluice-journal: %s: segments %" PRIu64 " to %" PRIu64
				" are not there\n",
				f.path, next_no, w.head.segment_no - 1);
		else if (next_seq != 0 && w.head.first_seq != next_seq)
			fprintf(stderr,
				"sluice-journal: %s: it begins with record %" PRIu64 " and %" PRIu64
				" is next: records are missing before it\n",
				f.path, w.head.first_seq, next_seq);
		if (next_seq != 0 && w.head.first_seq != next_seq && worst == 0)
			worst = 1;
		do {
			while (go_on && journal_walk_next(&w, &r)) {
				journal_names_take(&names, &r);
				go_on = on_record(ctx, &names, &r);
			}
			if (w.end > JOURNAL_END_OPEN || f.why[0] != '\0') {
				fprintf(stderr, "sluice-journal: %s: %s%s%s\n", f.path, f.why,
					f.why[0] != '\0' && w.why[0] != '\0' ? "; " : "", w.why);
				worst = 1;
			} else if (w.end == JOURNAL_END_OPEN && i + 1 < l.cnt) {
				fprintf(stderr,
					"sluice-journal: %s: offset %zu: it was not closed "
					"although others "
					"follow\n",
					f.path, w.at);
				worst = 1;
			}
		} while (skip_damage && journal_walk_resume(&w));
		next_seq = w.next_seq;
		next_no = w.head.segment_no + 1;
		journal_file_close(&f);
	}
	journal_list_close(&l);
	if (names.no_memory) {
		fprintf(stderr, "sluice-journal: no memory for all names: some are shown as "
				"numbers\n");
		worst = EXIT_USAGE;
	}
	journal_names_fini(&names);
	return worst;
}

static void
print_px(FILE *out, int64_t px4)
{
	char text[JOURNAL_PX_LEN];

	journal_px_text(px4, text);
	fprintf(out, " at %s", text);
}

static void
print_text(FILE *out, const char *text, uint32_t len, uint32_t most)
{
	fputc(' ', out);
	for (uint32_t i = 0; i < len && i < most; i++)
		fputc((unsigned char)text[i] >= ' ' && text[i] != 0x7F ? text[i] : ' ', out);
	if (len > most)
		fprintf(out, "... (%u bytes)", len);
}

void
tool_print_row(FILE *out, const struct journal_row *r)
{
	fprintf(out, "%-9s %-8s", r->word, r->lane);
	if (r->session[0] != '\0')
		fprintf(out, " session=%s", r->session);
	if (r->strategy[0] != '\0')
		fprintf(out, " strategy=%s", r->strategy);
	if (r->token != 0)
		fprintf(out, " token=%u", r->token);
	if (r->orig_token != 0)
		fprintf(out, " of=%u", r->orig_token);
	if (r->has_intent)
		fprintf(out, " intent=%u", r->intent_id);
	if (r->orig_id != 0)
		fprintf(out, " of-intent=%u", r->orig_id);
	if (r->action[0] != '\0')
		fprintf(out, " %s", r->action);
	if (r->side[0] != '\0')
		fprintf(out, " %s", r->side);
	if (r->qty != 0)
		fprintf(out, " %u", r->qty);
	if (r->symbol[0] != '\0')
		fprintf(out, " %s", r->symbol);
	if (r->has_px)
		print_px(out, r->px4);
	if (r->kind == JOURNAL_UPDATE)
		fprintf(out, " executed=%u open=%u", r->executed_qty, r->open_qty);
	if (r->reason[0] != '\0')
		fprintf(out, " reason=%s", r->reason);
	if (r->limits_version != 0)
		fprintf(out, " limits=%u", r->limits_version);
	if (r->feed[0] != '\0')
		fprintf(out, " feed=%s seq=%u", r->feed, r->feed_seq);
	if (r->match_ref != 0)
		fprintf(out, " match=%" PRIu64, r->match_ref);
	if (r->order_ref != 0)
		fprintf(out, " order-ref=%" PRIu64, r->order_ref);
	if (r->tick_cycles != 0)
		fprintf(out, " tick-to-trade=%" PRIu64 "-cycles", r->tick_cycles);
	if (r->kind == JOURNAL_LANE_GAP || r->kind == JOURNAL_GAP)
		fprintf(out, " lost=%" PRIu64, r->count);
	if (r->kind == JOURNAL_TICKS || r->kind == JOURNAL_BURST)
		fprintf(out, " count=%" PRIu64, r->count);
	if (r->kind == JOURNAL_ASKED)
		fprintf(out, " command=%u", r->code);
	if (r->kind == JOURNAL_COMMAND)
		fprintf(out, " uid=%u pid=%u result=%d", r->uid, r->pid, r->result);
	if (r->wire_len != 0) {
		fputc(' ', out);
		for (uint32_t i = 0; i < r->wire_len; i++)
			fprintf(out, "%02x", r->wire[i]);
	}
	if (r->text_len != 0)
		print_text(out, r->text, r->text_len, 400);
	if (r->recovered)
		fputs(" (recovered)", out);
	fputc('\n', out);
}

/*
 * print, json, csv
 */

struct output {
	struct tool_filter filter;
	struct journal_row row;
};

static bool
on_print(void *ctx, const struct journal_names *n, const struct journal_record *r)
{
	char time[JOURNAL_TIME_LEN];
	struct output *o = ctx;

	journal_describe(n, r, &o->row);
	if (!tool_wants(&o->filter, &o->row))
		return true;
	journal_time_text(o->row.ns, time);
	printf("%10" PRIu64 " %s ", o->row.seq, time);
	tool_print_row(stdout, &o->row);
	return !ferror(stdout);
}

static void
set_text(json_t *j, const char *key, const char *text)
{
	if (text[0] != '\0')
		json_object_set_new(j, key, json_string(text));
}

static void
set_number(json_t *j, const char *key, uint64_t value)
{
	if (value != 0)
		json_object_set_new(j, key, json_integer((json_int_t)value));
}

static void
hex_of(const struct journal_row *r, char out[2 * JOURNAL_WIRE_MAX + 1])
{
	for (uint32_t i = 0; i < r->wire_len; i++)
		snprintf(out + 2 * i, 3, "%02x", r->wire[i]);
	out[2 * r->wire_len] = '\0';
}

static bool
on_json(void *ctx, const struct journal_names *n, const struct journal_record *rec)
{
	char text[2 * JOURNAL_WIRE_MAX + 1];
	struct output *o = ctx;
	const struct journal_row *r = &o->row;
	json_t *j;

	journal_describe(n, rec, &o->row);
	if (!tool_wants(&o->filter, r))
		return true;
	j = json_object();
	set_number(j, "seq", r->seq);
	journal_time_text(r->ns, text);
	set_text(j, "time", text);
	set_number(j, "ns", r->ns);
	set_number(j, "run", r->run);
	set_text(j, "kind", r->word);
	set_text(j, "lane", r->lane);
	set_text(j, "session", r->session);
	set_text(j, "strategy", r->strategy);
	set_text(j, "account", r->account);
	set_text(j, "symbol", r->symbol);
	set_number(j, "token", r->token);
	set_number(j, "orig_token", r->orig_token);
	if (r->has_intent)
		json_object_set_new(j, "intent_id", json_integer(r->intent_id));
	set_number(j, "orig_id", r->orig_id);
	set_text(j, "action", r->action);
	set_text(j, "side", r->side);
	set_number(j, "qty", r->qty);
	if (r->has_px) {
		journal_px_text(r->px4, text);
		set_text(j, "price", text);
	}
	if (r->kind == JOURNAL_UPDATE) {
		json_object_set_new(j, "executed_qty", json_integer(r->executed_qty));
		json_object_set_new(j, "open_qty", json_integer(r->open_qty));
	}
	set_text(j, "reason", r->reason);
	set_number(j, "code", r->code);
	set_number(j, "limits_version", r->limits_version);
	set_text(j, "feed", r->feed);
	set_number(j, "feed_seq", r->feed_seq);
	set_number(j, "rx_ns", r->rx_ns);
	set_number(j, "venue_ns", r->venue_ns);
	set_number(j, "match_ref", r->match_ref);
	set_number(j, "order_ref", r->order_ref);
	set_number(j, "tick_cycles", r->tick_cycles);
	set_number(j, "count", r->count);
	if (r->kind == JOURNAL_COMMAND) {
		json_object_set_new(j, "uid", json_integer(r->uid));
		json_object_set_new(j, "pid", json_integer(r->pid));
		json_object_set_new(j, "result", json_integer(r->result));
	}
	if (r->wire_len != 0) {
		hex_of(r, text);
		set_text(j, "bytes", text);
	}
	if (r->text_len != 0) {
		json_t *t = json_stringn(r->text, r->text_len); // NULL: it is no UTF-8

		json_object_set_new(j, "text", t != NULL ? t : json_string("(not text)"));
	}
	if (r->recovered)
		json_object_set_new(j, "recovered", json_true());
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(j);
	return !ferror(stdout);
}

/* A field with commas, quotes or line ends is quoted (RFC 4180). */
static void
csv_text(const char *text, size_t len)
{
	putchar('"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			putchar('"');
		putchar(text[i]);
	}
	putchar('"');
}

static void
csv_number(uint64_t value)
{
	putchar(',');
	if (value != 0)
		printf("%" PRIu64, value);
}

static const char CSV_HEAD[] =
	"seq,time,run,kind,lane,session,strategy,account,symbol,token,orig_token,intent_id,orig_id,"
	"action,side,qty,price,executed_qty,open_qty,reason,limits_version,feed,feed_seq,rx_ns,"
	"match_ref,order_ref,count,uid,bytes,text\n";

static bool
on_csv(void *ctx, const struct journal_names *n, const struct journal_record *rec)
{
	char text[2 * JOURNAL_WIRE_MAX + 1];
	struct output *o = ctx;
	const struct journal_row *r = &o->row;

	journal_describe(n, rec, &o->row);
	if (!tool_wants(&o->filter, r))
		return true;
	journal_time_text(r->ns, text);
	printf("%" PRIu64 ",%s,%u,%s,%s,%s,%s,%s,%s", r->seq, text, r->run, r->word, r->lane,
	       r->session, r->strategy, r->account, r->symbol);
	csv_number(r->token);
	csv_number(r->orig_token);
	csv_number(r->intent_id);
	csv_number(r->orig_id);
	printf(",%s,%s", r->action, r->side);
	csv_number(r->qty);
	text[0] = '\0';
	if (r->has_px)
		journal_px_text(r->px4, text);
	printf(",%s", text);
	csv_number(r->executed_qty);
	csv_number(r->open_qty);
	putchar(',');
	csv_text(r->reason, strlen(r->reason));
	csv_number(r->limits_version);
	printf(",%s", r->feed);
	csv_number(r->feed_seq);
	csv_number(r->rx_ns);
	csv_number(r->match_ref);
	csv_number(r->order_ref);
	csv_number(r->count);
	csv_number(r->uid);
	hex_of(r, text);
	printf(",%s,", text);
	csv_text(r->text == NULL ? "" : r->text, r->text_len);
	putchar('\n');
	return !ferror(stdout);
}

/*
 * verify
 */

struct verified {
	uint64_t cnt;
	uint64_t lost_cnt;
	uint64_t recovered_cnt;
	uint64_t first_ns, last_ns;
};

static bool
on_verify(void *ctx, const struct journal_names *n, const struct journal_record *r)
{
	struct verified *v = ctx;
	const uint64_t ns = journal_record_ns(r);

	v->cnt++;
	v->recovered_cnt += (r->frame.flags & JOURNAL_RECOVERED) != 0;
	if (r->frame.kind == JOURNAL_GAP)
		v->lost_cnt += journal_text_of(r).value[0];
	if (r->frame.kind == JOURNAL_LANE_GAP) {
		const struct journal_slot s = journal_slot_of(r);
		struct journal_lane_gap gap;

		memcpy(&gap, s.body, sizeof(gap));
		v->lost_cnt += gap.lost_cnt;
	}
	if (v->first_ns == 0 || ns < v->first_ns)
		v->first_ns = ns;
	if (ns > v->last_ns)
		v->last_ns = ns;
	return true;
}

static int
verify_command(const char *path, bool skip_damage)
{
	char from[JOURNAL_TIME_LEN], to[JOURNAL_TIME_LEN];
	struct verified v = { 0 };
	const int rc = tool_walk(path, skip_damage, on_verify, &v);

	journal_time_text(v.first_ns, from);
	journal_time_text(v.last_ns, to);
	if (v.cnt != 0)
		printf("%s: %" PRIu64 " records, %s to %s, %" PRIu64
		       " of them recovered after a crash; %" PRIu64
		       " records could not be kept when they were made\n",
		       path, v.cnt, from, to, v.recovered_cnt, v.lost_cnt);
	puts(rc == 0 ? "every checksum and number is right"
		     : "NOT GOOD: see above for the place and what to do");
	return rc;
}

static uint32_t
kind_of(const char *word)
{
	for (uint32_t k = 1; k < 256; k++)
		if (journal_kind_word(k) != NULL && strcmp(journal_kind_word(k), word) == 0)
			return k;
	return 0;
}

static int
wrong_usage(const char *what, const char *found)
{
	fprintf(stderr, "sluice-journal: %s%s\n\n%s", what, found, USAGE);
	return EXIT_USAGE;
}

static bool
number_of(const char *text, uint32_t *out)
{
	char *end;
	const unsigned long long n = strtoull(text, &end, 10);

	*out = (uint32_t)n;
	return end != text && *end == '\0' && n <= UINT32_MAX && text[0] != '-';
}

int
main(int argc, char **argv)
{
	static const struct option OPTION[] = {
		{ "token", required_argument, NULL, 't' },
		{ "symbol", required_argument, NULL, 's' },
		{ "session", required_argument, NULL, 'o' },
		{ "strategy", required_argument, NULL, 'g' },
		{ "account", required_argument, NULL, 'a' },
		{ "kind", required_argument, NULL, 'k' },
		{ "run", required_argument, NULL, 'r' },
		{ "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 'u' },
		{ "skip-damage", no_argument, NULL, 'd' },
		{ 0 },
	};
	const char *command = argc > 1 ? argv[1] : "";
	static struct output o;
	bool skip_damage = false;
	uint32_t token;
	int opt;

	if (strcmp(command, "--version") == 0) {
		puts("sluice-journal " SLUICE_VERSION);
		return 0;
	}
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
		fputs(USAGE, stdout);
		return 0;
	}
	argc--;
	argv++;
	while (argc > 0 && (opt = getopt_long(argc, argv, "", OPTION, NULL)) != -1) {
		bool good = true;

		switch (opt) {
		case 't':
			good = number_of(optarg, &o.filter.token) && o.filter.token != 0;
			break;
		case 'r':
			good = number_of(optarg, &o.filter.run);
			break;
		case 's':
			o.filter.symbol = optarg;
			break;
		case 'o':
			o.filter.session = optarg;
			break;
		case 'g':
			o.filter.strategy = optarg;
			break;
		case 'a':
			o.filter.account = optarg;
			break;
		case 'k':
			o.filter.kind = kind_of(optarg);
			good = o.filter.kind != 0;
			break;
		case 'f':
			good = journal_time_parse(optarg, &o.filter.from_ns);
			break;
		case 'u':
			good = journal_time_parse(optarg, &o.filter.to_ns);
			break;
		case 'd':
			skip_damage = true;
			break;
		default:
			return wrong_usage("unknown option", "");
		}
		if (!good)
			return wrong_usage("not a value for its option: ", optarg);
	}
	argc -= optind;
	argv += optind;
	if (strcmp(command, "print") == 0 && argc == 1)
		return tool_walk(argv[0], skip_damage, on_print, &o);
	if (strcmp(command, "json") == 0 && argc == 1)
		return tool_walk(argv[0], skip_damage, on_json, &o);
	if (strcmp(command, "csv") == 0 && argc == 1) {
		fputs(CSV_HEAD, stdout);
		return tool_walk(argv[0], skip_damage, on_csv, &o);
	}
	if (strcmp(command, "sqlite") == 0 && argc == 2)
		return sqlite_command(argv[0], argv[1], &o.filter, skip_damage);
	if (strcmp(command, "verify") == 0 && argc == 1)
		return verify_command(argv[0], skip_damage);
	if (strcmp(command, "why") == 0 && argc == 2) {
		if (!number_of(argv[0], &token) || token == 0)
			return wrong_usage("not a token: ", argv[0]);
		return why_command(argv[1], token, &o.filter);
	}
	return wrong_usage("unknown command, or other arguments than it has: ", command);
}
