/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "ctl/ctl_commands.h"
#include "replay/replay.h"
#include "replay/rerun.h"

/* As main.c has them. */
enum {
	EXIT_FINE = 0,
	EXIT_DIFFERS = 1, // a recorded run, done again, was another
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3,
	EXIT_START = 4,
};

enum {
	DELAY_US = 20, // guess: a fast venue; --venue-delay-us
	DELAY_MAX_US = 1000000,
	DEPTH = 50,
};

static const char USAGE[] =
	"sluice replay -c FILE (--pcap CAPTURE | --itch FILE) [options]\n"
	"sluice replay -c FILE --journal FOLDER [--run N] [--json] [-v]\n"
	"\n"
	"Recorded market data through the whole gateway, with the recorded times as the clock.  "
	"Needs\n"
	"no NIC, no huge pages, no password and no rights.  The same input gives the same output.\n"
	"\n"
	"  -c FILE               the gateway's configuration; any core map gives the same orders\n"
	"  --pcap CAPTURE        pcap or pcapng: frames of the feeds' groups are taken\n"
	"  --itch FILE           ITCH messages, each behind its length of two bytes\n"
	"  --journal FOLDER      a run recorded with journal.record_ports: does it again as it "
	"was, "
	"and\n"
	"                        holds every decision and every byte sent against it\n"
	"  --run N               which start of the gateway (the last one that was recorded)\n"
	"  --feed NAME           the feed of the ITCH file (the first)\n"
	"  --day YYYY-MM-DD      the day of the ITCH file, whose times count from midnight UTC\n"
	"                        (2000-01-01)\n"
	"  --out FILE            every order message as a frame with its time: pcap, nanoseconds\n"
	"  --text FILE           every order message in words, a line each\n"
	"  --frames FILE         every frame of the order ports as it was sent; depends on the "
	"core map\n"
	"  --venue-delay-us N    from our message to what the venue does about it (20)\n"
	"  --no-match            the venue accepts orders and executes none\n"
	"  --json                the summary for programs\n"
	"  -v                    what lanes note, on standard error\n"
	"\n"
	"exit codes: 0 done, 1 a recorded run differs from its replay, 2 wrong usage, 3 fault in "
	"the configuration, 4 the input cannot be\n"
	"            replayed or an output cannot be written\n";

struct options {
	const char *file;
	bool json;
	struct replay_config replay;
	struct rerun_config rerun;
};

static int
wrong(const char *what, const char *value)
{
	fprintf(stderr, "sluice replay: %s%s\n\n%s", what, value, USAGE);
	return EXIT_USAGE;
}

static bool
day_of(const char *text, uint64_t *day_ns)
{
	struct tm t = { 0 };
	const char *end = strptime(text, "%Y-%m-%d", &t);
	time_t s;

	if (end == NULL || *end != '\0')
		return false;
	s = timegm(&t);
	*day_ns = (uint64_t)s * NS_PER_SEC;
	return s >= 2 * 86400;
}

static int
parse(struct options *o, int argc, char **argv)
{
	enum {
		PCAP = 256,
		JOURNAL,
		RUN,
		ITCH,
		FEED,
		DAY,
		OUT,
		TEXT,
		FRAMES,
		DELAY,
		NO_MATCH,
		JSON
	};
	static const struct option LONG[] = {
		{ "pcap", required_argument, NULL, PCAP },
		{ "journal", required_argument, NULL, JOURNAL },
		{ "run", required_argument, NULL, RUN },
		{ "itch", required_argument, NULL, ITCH },
		{ "feed", required_argument, NULL, FEED },
		{ "day", required_argument, NULL, DAY },
		{ "out", required_argument, NULL, OUT },
		{ "text", required_argument, NULL, TEXT },
		{ "frames", required_argument, NULL, FRAMES },
		{ "venue-delay-us", required_argument, NULL, DELAY },
		{ "no-match", no_argument, NULL, NO_MATCH },
		{ "json", no_argument, NULL, JSON },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct replay_config *c = &o->replay;
	char *end;
	long n;
	int opt;

	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc, argv, ":c:vh", LONG, NULL)) != -1)
		switch (opt) {
		case 'c':
			o->file = optarg;
			break;
		case 'v':
			c->verbose = o->rerun.verbose = true;
			break;
		case 'h':
			fputs(USAGE, stdout);
			exit(EXIT_FINE);
		case PCAP:
			c->pcap = optarg;
			break;
		case JOURNAL:
			o->rerun.folder = optarg;
			break;
		case RUN:
			errno = 0;
			n = strtol(optarg, &end, 10);
			if (errno != 0 || end == optarg || *end != '\0' || n < 1 || n > UINT32_MAX)
				return wrong("--run wants a number from 1 on, not ", optarg);
			o->rerun.run = (uint32_t)n;
			break;
		case ITCH:
			c->itch = optarg;
			break;
		case FEED:
			c->feed = optarg;
			break;
		case DAY:
			if (!day_of(optarg, &c->day_ns))
				return wrong("--day wants a day like 2012-06-21, not ", optarg);
			break;
		case OUT:
			c->out_pcap = optarg;
			break;
		case TEXT:
			c->out_text = optarg;
			break;
		case FRAMES:
			c->out_frames = optarg;
			break;
		case DELAY:
			errno = 0;
			n = strtol(optarg, &end, 10);
			if (errno != 0 || end == optarg || *end != '\0' || n < 0 ||
			    n > DELAY_MAX_US)
				return wrong("--venue-delay-us wants 0 to 1000000, not ", optarg);
			c->venue_delay_ns = (uint64_t)n * 1000;
			break;
		case NO_MATCH:
			c->match = false;
			break;
		case JSON:
			o->json = true;
			break;
		case ':':
			return wrong("a value is missing behind ", argv[optind - 1]);
		default:
			return wrong("there is no option ", argv[optind - 1]);
		}
	if (optind != argc)
		return wrong("one word too many: ", argv[optind]);
	if (o->file == NULL)
		return wrong("a configuration is needed: -c FILE", "");
	if ((c->pcap != NULL) + (c->itch != NULL) + (o->rerun.folder != NULL) != 1)
		return wrong("one input is needed: --pcap CAPTURE, --itch FILE or --journal FOLDER",
			     "");
	return EXIT_FINE;
}

/*
 * The summary
 */

/* What the control socket would answer. */
static json_t *
ask(struct gateway *g, const char *command, json_t *args)
{
	json_t *request = json_pack("{s:s,s:o}", "command", command, "args",
				    args != NULL ? args : json_object());
	enum ctl_command done;
	json_t *answer = ctl_execute(&g->source, request, &done);
	json_t *result = json_incref(json_object_get(answer, "result"));

	json_decref(request);
	json_decref(answer);
	return result != NULL ? result : json_null();
}

static json_t *
number(uint64_t x)
{
	return json_integer(x > INT64_MAX ? INT64_MAX : (json_int_t)x);
}

static json_t *
venue_json(const struct replay_venue_counts *v, const char *session)
{
	return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "session", session,
			 "message_cnt", number(v->message), "enter_cnt", number(v->enter),
			 "replace_cnt", number(v->replace), "cancel_cnt", number(v->cancel),
			 "accepted_cnt", number(v->accepted), "rejected_cnt", number(v->rejected),
			 "canceled_cnt", number(v->canceled), "execution_cnt", number(v->execution),
			 "executed_qty", number(v->executed_qty), "unreadable_cnt",
			 number(v->unreadable));
}

/* Of risk's counters only those that are not 0: why intents were refused. */
static json_t *
verdicts_json(struct gateway *g)
{
	json_t *list = ask(g, "metrics", json_pack("{s:s}", "prefix", "sluice_risk_intent_"));
	json_t *out = json_object();
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		const char *name = json_string_value(json_object_get(row, "name"));
		const json_int_t n = json_integer_value(json_object_get(row, "value"));
		char word[64];

		if (n == 0)
			continue;
		snprintf(word, sizeof(word), "%s", name + strlen("sluice_risk_intent_"));
		if (strstr(word, "_total") != NULL)
			*strstr(word, "_total") = '\0';
		json_object_set_new(out, word, json_integer(n));
	}
	json_decref(list);
	return out;
}

static json_t *
summary(struct gateway *g, const struct replay_result *r)
{
	json_t *books = json_object(), *venues = json_array(), *status, *out;
	char digest[20], book_digest[20];

	snprintf(digest, sizeof(digest), "%016" PRIx64, r->digest);
	snprintf(book_digest, sizeof(book_digest), "%016" PRIx64, r->book_digest);
	for (uint32_t i = 1; i < g->config->instruments_cnt; i++)
		json_object_set_new(
			books, g->config->instruments[i].symbol,
			ask(g, "books",
			    json_pack("{s:s,s:i}", "symbol", g->config->instruments[i].symbol,
				      "depth", DEPTH)));
	for (uint32_t i = 0; i < g->config->sessions_cnt; i++)
		json_array_append_new(venues,
				      venue_json(&r->venue[i], g->config->sessions[i].name));
	status = ask(g, "status", NULL);
	out = json_pack(
		"{s:{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o},s:{s:o,s:o,s:o,s:o,s:O},s:o,s:o,s:{s:o,s:s},"
		"s:s,s:o,s:o,s:o}",
		"input", "frame_cnt", number(r->input.frame), "fed_cnt", number(r->input.fed),
		"other_cnt", number(r->input.other), "cut_cnt", number(r->input.cut),
		"too_long_cnt", number(r->input.too_long), "time_back_cnt", number(r->input.back),
		"first_ns", number(r->first_ns), "last_ns", number(r->last_ns), "gateway", "md_cnt",
		json_incref(json_object_get(status, "md_cnt")), "md_lost_cnt",
		json_incref(json_object_get(status, "md_lost_cnt")), "intent_cnt",
		json_incref(json_object_get(status, "intent_cnt")), "order_sent_cnt",
		json_incref(json_object_get(status, "order_sent_cnt")), "orders_off_because",
		json_object_get(status, "orders_off_because"), "verdicts", verdicts_json(g),
		"venues", venues, "output", "message_cnt", number(r->message_cnt), "digest", digest,
		"book_digest", book_digest, "feeds", ask(g, "feeds", NULL), "positions",
		ask(g, "positions", NULL), "books", books);
	json_decref(status);
	return out;
}

static long long
get(const json_t *o, const char *block, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(o, block), key));
}

static void
print_text(const struct gateway *g, const struct replay_result *r, const json_t *s)
{
	const json_t *row, *n;
	const char *name;
	size_t i;

	printf("input      %" PRIu64 " frames: %" PRIu64 " fed, %" PRIu64 " of others, %" PRIu64
	       " cut, %" PRIu64 " too long; %.3f s\n",
	       r->input.frame, r->input.fed, r->input.other, r->input.cut, r->input.too_long,
	       (double)(r->last_ns - r->first_ns) / 1e9);
	if (r->input.back != 0)
		printf("           %" PRIu64 " frames whose time went back got the time of the one "
		       "ahead\n",
		       r->input.back);
	printf("messages   %lld taken, %lld lost\n", get(s, "gateway", "md_cnt"),
	       get(s, "gateway", "md_lost_cnt"));
	json_array_foreach(json_object_get(s, "feeds"), i, row)
		printf("feed       %s: next %lld, %lld gaps\n",
		       json_string_value(json_object_get(row, "name")),
		       (long long)json_integer_value(json_object_get(row, "next_seq")),
		       (long long)json_integer_value(json_object_get(row, "gap_cnt")));
	printf("intents    %lld:", get(s, "gateway", "intent_cnt"));
	json_object_foreach((json_t *)json_object_get(s, "verdicts"), name, n)
		printf(" %lld %s", (long long)json_integer_value(n), name);
	printf("\n");
	for (uint32_t v = 0; v < g->config->sessions_cnt; v++)
		printf("venue      %s: %" PRIu64 " orders, %" PRIu64 " replaces, %" PRIu64
		       " cancels; %" PRIu64 " accepted, %" PRIu64 " rejected, %" PRIu64
		       " executions of %" PRIu64 " shares\n",
		       g->config->sessions[v].name, r->venue[v].enter, r->venue[v].replace,
		       r->venue[v].cancel, r->venue[v].accepted, r->venue[v].rejected,
		       r->venue[v].execution, r->venue[v].executed_qty);
	json_array_foreach(json_object_get(s, "positions"), i, row)
		printf("position   %s %lld\n", json_string_value(json_object_get(row, "symbol")),
		       (long long)json_integer_value(json_object_get(row, "position_qty")));
	json_array_foreach(json_object_get(json_object_get(s, "gateway"), "orders_off_because"), i,
			   row) printf("halted     %s\n", json_string_value(row));
	printf("books      digest %016" PRIx64 "\n", r->book_digest);
	printf("output     %" PRIu64 " order messages, digest %016" PRIx64 "\n", r->message_cnt,
	       r->digest);
}

/*
 * A recorded run
 */

static json_t *
rerun_json(const struct rerun_result *r)
{
	return json_pack(
		"{s:o,s:b,s:b,s:b,s:o,s:o,s:{s:o,s:o,s:o,s:o,s:o,s:o},s:{s:o,s:o,s:o,s:o},s:s}",
		"run", number(r->run), "ended", r->ended, "other_config", r->other_config,
		"earlier_run", r->earlier_run, "first_ns", number(r->first_ns), "last_ns",
		number(r->last_ns), "fed", "turn_cnt", number(r->turn_cnt), "burst_cnt",
		number(r->burst_cnt), "frame_cnt", number(r->frame_cnt), "tick_cnt",
		number(r->tick_cnt), "command_cnt", number(r->command_cnt), "limits_cnt",
		number(r->limits_cnt), "equal", "record_cnt", number(r->record_cnt), "sent_cnt",
		number(r->sent_cnt), "sent_bytes", number(r->sent_bytes), "message_cnt",
		number(r->message_cnt), "difference", r->words);
}

static void
print_rerun(const struct rerun_result *r)
{
	printf("run        %u, %.3f s%s\n", r->run, (double)(r->last_ns - r->first_ns) / 1e9,
	       r->ended ? "" : "; it was killed: its last records and frames may be missing");
	printf("fed        %" PRIu64 " frames in %" PRIu64 " bursts, %" PRIu64
	       " looks at timers, %" PRIu64 " commands, %" PRIu64
	       " versions of the limits; %" PRIu64 " turns\n",
	       r->frame_cnt, r->burst_cnt, r->tick_cnt, r->command_cnt, r->limits_cnt, r->turn_cnt);
	printf("equal      %" PRIu64 " decisions, %" PRIu64 " messages to venues, %" PRIu64
	       " frames of %" PRIu64 " bytes\n",
	       r->record_cnt, r->message_cnt, r->sent_cnt, r->sent_bytes);
	if (r->other_config)
		printf("note       the configuration is not the text this run had read\n");
	if (r->earlier_run)
		printf("note       the run took over positions or orders of an earlier one of the "
		       "day, which the replay does not\n");
	if (r->words[0] != '\0')
		printf("differs    %s\n", r->words);
}

static int
rerun_command(struct gateway *g, const struct options *o)
{
	static struct rerun_result r;
	struct err e;

	err_init(&e);
	if (rerun(g, &o->rerun, &r, &e) != 0) {
		fprintf(stderr, "sluice replay: %s\n", e.text);
		return EXIT_START;
	}
	if (o->json) {
		json_t *s = rerun_json(&r);

		json_dumpf(s, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(s);
	} else {
		print_rerun(&r);
	}
	if (fflush(stdout) != 0)
		return EXIT_START;
	return r.words[0] == '\0' ? EXIT_FINE : EXIT_DIFFERS;
}

int
replay_command(struct gateway *g, int argc, char **argv)
{
	struct options o = { .replay = { .match = true,
					 .venue_delay_ns = DELAY_US * 1000ULL,
					 .day_ns = 946684800 * NS_PER_SEC } };
	struct replay_result result;
	struct replay *r = NULL;
	struct err e;
	json_t *s;
	int code = parse(&o, argc, argv);

	if (code != EXIT_FINE)
		return code;
	err_init(&e);
	if (config_load(g->config, o.file, &e) != 0 ||
	    core_map_resolve(g->map, g->config, &e) != 0) {
		err_end(&e);
		fprintf(stderr, "%s\n", e.text);
		return EXIT_CONFIG;
	}
	if (o.rerun.folder != NULL)
		return rerun_command(g, &o);
	if (replay_open(&r, g, &o.replay, &e) != 0 || replay_run(r, &result, &e) != 0) {
		fprintf(stderr, "sluice replay: %s\n", e.text);
		replay_close(r);
		return EXIT_START;
	}
	s = summary(g, &result);
	if (o.json) {
		json_dumpf(s, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_text(g, &result, s);
	}
	json_decref(s);
	replay_close(r);
	return fflush(stdout) == 0 ? EXIT_FINE : EXIT_START;
}
