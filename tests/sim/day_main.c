/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/units.h"
#include "day.h"
#include "mold_pack.h"
#include "pcap_out.h"
#include "wire/itch50.h"

/* Monday, 5 January 2026, midnight: captures of the same day are the same bytes. */
#define MIDNIGHT_NS (1767571200ULL * NS_PER_SEC)

enum { CHUNK_BYTES = 1 << 20 };

struct options {
	struct day_config day;
	const char *out;
	const char *pcap;
	struct sockaddr_in line[2];
	struct sockaddr_in source;
	unsigned lines; // bit 0: A, bit 1: B
	uint32_t pack_max;
	uint64_t pack_ns;
	uint64_t line_b_lag_ns;
	char session[MOLD_SESSION_LEN + 1];
	bool count;
};

/* Packs the day's messages into datagrams and both lines' frames. */
struct pcap_feed {
	const struct options *o;
	struct pcap_out out;
	struct mold_pack pack;
	uint64_t first_ns; // of the packet in the making
	uint64_t last_sent_ns;
};

enum {
	OPT_OUT = 256,
	OPT_PCAP,
	OPT_SEED,
	OPT_MESSAGES,
	OPT_SYMBOLS,
	OPT_SYMBOL,
	OPT_LIVE,
	OPT_MIX,
	OPT_BURST,
	OPT_START,
	OPT_DURATION,
	OPT_LEAD,
	OPT_CROSSED,
	OPT_HALT_NAMED,
	OPT_LINE_A,
	OPT_LINE_B,
	OPT_SOURCE,
	OPT_LINES,
	OPT_PACK,
	OPT_PACK_US,
	OPT_LAG_B_US,
	OPT_SESSION,
	OPT_COUNT,
	OPT_HELP,
};

static const struct option OPTIONS[] = {
	{ "out", required_argument, NULL, OPT_OUT },
	{ "pcap", required_argument, NULL, OPT_PCAP },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "messages", required_argument, NULL, OPT_MESSAGES },
	{ "symbols", required_argument, NULL, OPT_SYMBOLS },
	{ "symbol", required_argument, NULL, OPT_SYMBOL },
	{ "live-orders", required_argument, NULL, OPT_LIVE },
	{ "mix", required_argument, NULL, OPT_MIX },
	{ "burstiness", required_argument, NULL, OPT_BURST },
	{ "start", required_argument, NULL, OPT_START },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "lead", required_argument, NULL, OPT_LEAD },
	{ "crossed", no_argument, NULL, OPT_CROSSED },
	{ "halt-named", no_argument, NULL, OPT_HALT_NAMED },
	{ "line-a", required_argument, NULL, OPT_LINE_A },
	{ "line-b", required_argument, NULL, OPT_LINE_B },
	{ "source", required_argument, NULL, OPT_SOURCE },
	{ "lines", required_argument, NULL, OPT_LINES },
	{ "pack", required_argument, NULL, OPT_PACK },
	{ "pack-us", required_argument, NULL, OPT_PACK_US },
	{ "lag-b-us", required_argument, NULL, OPT_LAG_B_US },
	{ "session", required_argument, NULL, OPT_SESSION },
	{ "count", no_argument, NULL, OPT_COUNT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static void
print_help(void)
{
	puts("sluice-day: makes an ITCH 5.0 trading day out of a seed\n"
	     "\n"
	     "  --out FILE          messages, each with a 2-byte length before it ('-': stdout)\n"
	     "  --pcap FILE         MoldUDP64 over UDP multicast, nanosecond pcap\n"
	     "  --count             print how many messages of each type were made\n"
	     "the day\n"
	     "  --seed N            (1) the same seed and options give the same bytes\n"
	     "  --messages N        (1000000) order flow; directory, spins and crosses come on "
	     "top\n"
	     "  --symbols N         (8000) activity falls off by Zipf's law\n"
	     "  --symbol NAME[=PX]  a named symbol, most active first; may be repeated\n"
	     "  --live-orders N     (messages/50) orders alive once the day is under way\n"
	     "  --mix A:D:U:E:X:O   (44:41:5:3:2:5) weights of adds, deletes, replaces,\n"
	     "                      executions, cancels and others\n"
	     "  --burstiness N      (300) events per mille that follow their predecessor at once\n"
	     "  --start TIME        (09:30:00) the open, HH:MM:SS or seconds since midnight\n"
	     "  --duration TIME     (06:30:00) market hours\n"
	     "  --lead TIME         (06:25:00) from the first message to the open\n"
	     "  --crossed           some orders cross the book and stay\n"
	     "  --halt-named        named symbols may be paused too\n"
	     "the capture\n"
	     "  --line-a IP:PORT    (239.10.1.1:26400)\n"
	     "  --line-b IP:PORT    (239.10.1.2:26401)\n"
	     "  --lines a|b|ab      (ab) lines in the capture\n"
	     "  --source IP:PORT    (10.10.1.1:26000) sender\n"
	     "  --pack N            (24) messages per datagram, at most\n"
	     "  --pack-us N         (10) a datagram waits this long for more, at most\n"
	     "  --lag-b-us N        (15) line B behind line A\n"
	     "  --session ID        (SIM0000001) MoldUDP64 session");
}

static void
parse_mix(struct day_config *c, const char *text)
{
	char copy[128];
	char *save = NULL;
	unsigned n = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *t = strtok_r(copy, ":", &save); t != NULL; t = strtok_r(NULL, ":", &save)) {
		if (n < DAY_KIND_CNT)
			c->mix[n] = (uint32_t)arg_u64("mix", t, 0, 1000000);
		n++;
	}
	if (n != DAY_KIND_CNT) {
		fprintf(stderr, "--mix: '%s' has %u weights, wanted %d like 44:41:5:3:2:5\n", text,
			n, DAY_KIND_CNT);
		exit(2);
	}
}

static void
parse_symbol(struct day_config *c, const char *text)
{
	const size_t len = strcspn(text, "=");
	struct day_named *n = &c->named[c->named_cnt];

	if (c->named_cnt == DAY_NAMED_MAX) {
		fprintf(stderr, "--symbol: at most %d\n", DAY_NAMED_MAX);
		exit(2);
	}
	arg_symbol("symbol", text, len, n->symbol);
	n->px4 = text[len] == '=' ? arg_px4("symbol", text + len + 1) : 0;
	c->named_cnt++;
}

static void
parse_options(struct options *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		switch (opt) {
		case OPT_OUT:
			o->out = optarg;
			break;
		case OPT_PCAP:
			o->pcap = optarg;
			break;
		case OPT_SEED:
			o->day.seed = arg_u64("seed", optarg, 0, UINT64_MAX);
			break;
		case OPT_MESSAGES:
			o->day.flow_cnt = arg_u64("messages", optarg, 0, 2000000000);
			break;
		case OPT_SYMBOLS:
			o->day.symbol_cnt = (uint32_t)arg_u64("symbols", optarg, 1, DAY_SYMBOL_MAX);
			break;
		case OPT_SYMBOL:
			parse_symbol(&o->day, optarg);
			break;
		case OPT_LIVE:
			o->day.live_cnt = (uint32_t)arg_u64("live-orders", optarg, 1, 50000000);
			break;
		case OPT_MIX:
			parse_mix(&o->day, optarg);
			break;
		case OPT_BURST:
			o->day.burst_permille = (uint32_t)arg_u64("burstiness", optarg, 0, 999);
			break;
		case OPT_START:
			o->day.open_ns = arg_time_ns("start", optarg);
			break;
		case OPT_DURATION:
			o->day.session_ns = arg_time_ns("duration", optarg);
			break;
		case OPT_LEAD:
			o->day.lead_ns = arg_time_ns("lead", optarg);
			break;
		case OPT_CROSSED:
			o->day.crossed = true;
			break;
		case OPT_HALT_NAMED:
			o->day.halts_named = true;
			break;
		case OPT_LINE_A:
			o->line[0] = arg_addr("line-a", optarg);
			break;
		case OPT_LINE_B:
			o->line[1] = arg_addr("line-b", optarg);
			break;
		case OPT_SOURCE:
			o->source = arg_addr("source", optarg);
			break;
		case OPT_LINES:
			o->lines = (strchr(optarg, 'a') != NULL) | (strchr(optarg, 'b') != NULL)
									   << 1;
			break;
		case OPT_PACK:
			o->pack_max = (uint32_t)arg_u64("pack", optarg, 1, 200);
			break;
		case OPT_PACK_US:
			o->pack_ns = arg_u64("pack-us", optarg, 0, 1000000) * 1000;
			break;
		case OPT_LAG_B_US:
			o->line_b_lag_ns = arg_u64("lag-b-us", optarg, 0, 1000000) * 1000;
			break;
		case OPT_SESSION:
			snprintf(o->session, sizeof(o->session), "%s", optarg);
			break;
		case OPT_COUNT:
			o->count = true;
			break;
		case OPT_HELP:
			print_help();
			exit(0);
		default:
			fprintf(stderr, "try --help\n");
			exit(2);
		}
	}
	if (optind != argc) {
		fprintf(stderr, "'%s': there are no arguments besides options; try --help\n",
			argv[optind]);
		exit(2);
	}
	if (o->out == NULL && o->pcap == NULL && !o->count) {
		fprintf(stderr, "nothing to make: give --out, --pcap or --count; try --help\n");
		exit(2);
	}
	if (o->day.symbol_cnt < o->day.named_cnt)
		o->day.symbol_cnt = o->day.named_cnt;
}

static void
feed_send(struct pcap_feed *f, uint64_t ts_ns, const uint8_t *payload, uint16_t len)
{
	if (f->o->lines & 1)
		pcap_out_udp(&f->out, ts_ns, &f->o->source, &f->o->line[0], payload, len);
	if (f->o->lines & 2)
		pcap_out_udp(&f->out, ts_ns + f->o->line_b_lag_ns, &f->o->source, &f->o->line[1],
			     payload, len);
	f->last_sent_ns = ts_ns;
}

static void
feed_flush(struct pcap_feed *f)
{
	if (f->pack.msg_cnt == 0)
		return;
	mold_pack_finish(&f->pack);
	feed_send(f, f->first_ns, f->pack.bytes, f->pack.len);
	mold_pack_next(&f->pack);
}

/* Heartbeats up to ts_ns, one a second while nothing is sent. */
static void
feed_idle(struct pcap_feed *f, uint64_t ts_ns)
{
	uint8_t beat[sizeof(struct mold_head)];

	while (f->last_sent_ns != 0 && f->last_sent_ns + NS_PER_SEC < ts_ns) {
		mold_head_write(beat, f->pack.session, f->pack.next_seq, MOLD_HEARTBEAT_CNT);
		feed_send(f, f->last_sent_ns + NS_PER_SEC, beat, sizeof(beat));
	}
}

static void
feed_message(struct pcap_feed *f, const uint8_t *msg, uint16_t len)
{
	const uint64_t ts_ns = be48_get(((const struct itch50_head *)msg)->ts_ns);

	if (f->pack.msg_cnt > 0 &&
	    (ts_ns > f->first_ns + f->o->pack_ns || f->pack.msg_cnt >= f->o->pack_max))
		feed_flush(f);
	if (f->pack.msg_cnt == 0) {
		feed_idle(f, ts_ns);
		f->first_ns = ts_ns;
	}
	if (!mold_pack_put(&f->pack, msg, len)) {
		feed_flush(f);
		f->first_ns = ts_ns;
		mold_pack_put(&f->pack, msg, len);
	}
}

static void
feed_end(struct pcap_feed *f)
{
	uint8_t end[sizeof(struct mold_head)];

	feed_flush(f);
	mold_head_write(end, f->pack.session, f->pack.next_seq, MOLD_END_OF_SESSION_CNT);
	for (unsigned k = 0; k < 3; k++)
		feed_send(f, f->last_sent_ns + NS_PER_SEC, end, sizeof(end));
}

static int
make_day(const struct options *o, struct day *d)
{
	static uint8_t chunk[CHUNK_BYTES];
	static struct pcap_feed feed;
	uint64_t cnt[256] = { 0 };
	FILE *out = NULL;
	size_t bytes;
	int err;

	if (o->out != NULL) {
		out = strcmp(o->out, "-") == 0 ? stdout : fopen(o->out, "wb");
		if (out == NULL) {
			fprintf(stderr, "%s: %s\n", o->out, strerror(errno));
			return 1;
		}
		setvbuf(out, NULL, _IONBF, 0); // chunks are large enough
	}
	feed.o = o;
	mold_pack_init(&feed.pack, o->session, 1);
	if (o->pcap != NULL) {
		err = pcap_out_open(&feed.out, o->pcap, MIDNIGHT_NS);
		if (err != 0) {
			fprintf(stderr, "%s: %s\n", o->pcap, strerror(-err));
			return 1;
		}
	}
	while ((bytes = day_fill(d, chunk, sizeof(chunk))) > 0) {
		if (out != NULL && fwrite(chunk, 1, bytes, out) != bytes) {
			fprintf(stderr, "%s: %s\n", o->out, strerror(errno));
			return 1;
		}
		if (o->pcap == NULL && !o->count)
			continue;
		for (const uint8_t *at = chunk; at < chunk + bytes;) {
			const uint16_t len = be16_get(*(const be16 *)at);

			cnt[at[2]]++;
			if (o->pcap != NULL)
				feed_message(&feed, at + 2, len);
			at += 2 + len;
		}
	}
	if (out != NULL && fclose(out) != 0) {
		fprintf(stderr, "%s: %s\n", o->out, strerror(errno));
		return 1;
	}
	if (o->pcap != NULL) {
		feed_end(&feed);
		err = pcap_out_close(&feed.out);
		if (err != 0) {
			fprintf(stderr, "%s: %s\n", o->pcap, strerror(-err));
			return 1;
		}
	}
	for (unsigned t = 0; o->count && t < ARRAY_CNT(cnt); t++) {
		if (cnt[t] != 0)
			fprintf(stderr, "%c %llu\n", (char)t, (unsigned long long)cnt[t]);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static struct options o = {
		.lines = 3,
		.pack_max = 24,
		.pack_ns = 10000,
		.line_b_lag_ns = 15000,
		.session = "SIM0000001",
	};
	const char *why;
	struct day *d;
	int status;

	day_config_init(&o.day);
	o.day.seed = 1;
	o.line[0] = arg_addr("line-a", "239.10.1.1:26400");
	o.line[1] = arg_addr("line-b", "239.10.1.2:26401");
	o.source = arg_addr("source", "10.10.1.1:26000");
	parse_options(&o, argc, argv);
	d = day_open(&o.day, &why);
	if (d == NULL) {
		fprintf(stderr, "sluice-day: %s\n", why);
		return 2;
	}
	status = make_day(&o, d);
	day_close(d);
	return status;
}
