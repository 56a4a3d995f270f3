/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-book: the gateway's own parser and book over a file, for comparing with others.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingress/arb.h"
#include "ingress/book_queue.h"
#include "ingress/parse_itch50.h"
#include "observe/itch_file.h"
#include "wire/eth_ip.h"

enum exit_code {
	EXIT_GOOD = 0,
	EXIT_USAGE = 1,
	EXIT_UNREADABLE = 2, // the file cannot be opened or read, or memory ran out
	EXIT_DAMAGED = 3,    // what came before the damage was processed
	EXIT_NOTHING = 4,    // a capture without market data
	EXIT_BROKEN = 5,     // the book contradicts itself: a fault of this program
};

enum {
	ORDERS_MAX = 1 << 22, // alive at once; a whole day of all instruments has about 2 million
	LEVELS_MAX = 1 << 21,
	TRADES_MAX = 1 << 18,
	LINUX_SLL_HEAD_LEN = 16, // libpcap: LINKTYPE_LINUX_SLL
};

#define NS_PER_S 1000000000ULL

struct tool {
	struct parse parse;
	struct arb arb;
	struct book book;
	struct arena arena;
	uint64_t msg_cnt;
	uint64_t frame_cnt;
	uint64_t packet_cnt;
	bool csv;
	bool queues;
};

static const char HELP[] =
	"Usage: sluice-book [--digest] [--queues] [--stats] FILE\n"
	"\n"
	"Builds the books of all instruments from FILE, which holds ITCH 5.0 messages with a\n"
	"2-byte big-endian length before each, or is a capture (pcap, pcapng) of MoldUDP64 "
	"packets.\n"
	"Prints a CSV row after each message that changed a best bid or offer:\n"
	"message_number,timestamp_ns,symbol,bid_px4,bid_qty,ask_px4,ask_qty\n"
	"\n"
	"  --digest   instead: the sum modulo 2^64, over all levels at the end, of\n"
	"             (2 * locate + side + 1) * px4 * quantity; side is 0 for bids, 1 for offers\n"
	"  --queues   instead: every order at the end, a CSV row each, best level first and in "
	"each\n"
	"             level the next to be executed first:\n"
	"             symbol,side,px4,place,reference,quantity\n"
	"  --stats    instead: messages by type and oddities by kind, one 'name value' a line\n"
	"  --help     this text\n"
	"\n"
	"Exit codes: 0 done; 1 wrong arguments; 2 FILE cannot be read; 3 FILE is damaged, what "
	"came\n"
	"before the damage was processed; 4 the capture holds no market data; 5 the book "
	"contradicts\n"
	"itself (a fault of this program).\n";

static void
print_symbol(const struct book_instr *in)
{
	int symbol_len = sizeof(in->symbol);

	while (symbol_len > 0 &&
	       (in->symbol[symbol_len - 1] == ' ' || in->symbol[symbol_len - 1] == '\0'))
		symbol_len--;
	for (int i = 0; i < symbol_len; i++) // a hostile symbol must not break the row
		putchar(in->symbol[i] > ' ' && in->symbol[i] < 127 && in->symbol[i] != ','
				? in->symbol[i]
				: '?');
}

static void
print_top(const struct tool *t, const struct md *m)
{
	const struct book_instr *in = &t->book.instr[m->locate];

	printf("%" PRIu64 ",%" PRIu64 ",", m->seq, m->ts_ns);
	print_symbol(in);
	printf(",%u,%u,%u,%u\n", in->top_px4[SIDE_BUY], in->top_qty[SIDE_BUY],
	       in->top_px4[SIDE_SELL], in->top_qty[SIDE_SELL]);
}

/* Every message of a datagram into the book. */
static void
take_datagram(struct tool *t, const struct datagram *d)
{
	struct parse_walk w;
	struct mark mark;
	struct bbo bbo;
	struct md m;

	if (d->flags != 0)
		book_on_datagram_flags(&t->book, d->flags);
	t->msg_cnt += d->msg_cnt;
	parse_start(&w, d);
	while (parse_next(&t->parse, &w, &m)) {
		const unsigned what = book_on_md(&t->book, &m, &bbo, &mark);

		if (t->csv && (what & BOOK_TOP))
			print_top(t, &m);
	}
}

static enum exit_code
take_messages(struct tool *t, const char *name, const uint8_t *bytes, size_t size)
{
	struct itch_file_walk w;
	struct err e;
	int rc;

	err_init(&e);
	book_on_datagram_flags(&t->book, DATAGRAM_NEW_SESSION);
	itch_file_start(&w, bytes, size);
	for (;;) {
		struct datagram d = { .seq = w.msg_cnt + 1, .msg_cnt = 1 };
		size_t len;

		rc = itch_file_next(&w, &d.data, &len, &e);
		if (rc <= 0)
			break;
		d.len = (uint16_t)(len <= UINT16_MAX ? len : UINT16_MAX); // no type is as long
		take_datagram(t, &d);
	}
	if (rc == 0)
		return EXIT_GOOD;
	fprintf(stderr, "%s: %s\n", name, e.text);
	return EXIT_DAMAGED;
}

/* The UDP payload of a captured frame, whatever its addresses and checksums say. */
static bool
find_payload(int link, const uint8_t *frame, size_t len, const uint8_t **data, uint16_t *data_len)
{
	uint8_t eth[sizeof(struct eth_head)] = { [12] = ETH_TYPE_IPV4 >> 8 };
	static uint8_t copy[sizeof(struct eth_head) + UINT16_MAX];
	struct eth_ip e;

	if (link != DLT_EN10MB) { // give it the header it lacks
		const size_t skip = link == DLT_LINUX_SLL ? LINUX_SLL_HEAD_LEN : 0;

		if (len < skip || len - skip > UINT16_MAX)
			return false;
		memcpy(copy, eth, sizeof(eth));
		memcpy(copy + sizeof(eth), frame + skip, len - skip);
		frame = copy;
		len = len - skip + sizeof(eth);
	}
	return eth_ip_walk(frame, len, true, &e) == ETH_IP_L4 && e.proto == IP_PROTO_UDP &&
	       eth_ip_udp_payload(&e, data, data_len);
}

/* What arb has ready, and the buffers it gives back. */
static void
take_ready(struct tool *t, uint64_t now_ns)
{
	struct datagram d;

	while (arb_next(&t->arb, now_ns, &d)) {
		take_datagram(t, &d);
		free(d.buf);
	}
}

/* One MoldUDP64 packet.  Sample captures with blanked headers have number 0: taken as they come. */
static bool
take_packet(struct tool *t, const uint8_t *data, uint16_t len, uint64_t now_ns)
{
	struct frame f = { .head.rx_ns = now_ns, .heard_ns = now_ns, .len = len };
	const struct mold_head *h = (const struct mold_head *)data;
	enum arb_verdict v;
	struct datagram d;

	if (len < sizeof(*h) || (be16_get(h->msg_cnt) != MOLD_END_OF_SESSION_CNT &&
				 be16_get(h->msg_cnt) != 0 && !mold_packet_exact(data, len)))
		return false;
	if (be64_get(h->seq) == 0) {
		const uint16_t cnt = be16_get(h->msg_cnt);

		d = (struct datagram){
			.data = data + sizeof(*h),
			.seq = t->msg_cnt + 1,
			.len = (uint16_t)(len - sizeof(*h)),
			.msg_cnt = cnt == MOLD_END_OF_SESSION_CNT ? 0 : cnt,
			.flags = t->packet_cnt == 0 ? DATAGRAM_NEW_SESSION : 0,
		};
		take_datagram(t, &d);
		return true;
	}
	f.buf = malloc(len);
	if (f.buf == NULL)
		return false;
	memcpy(f.buf, data, len);
	f.data = f.buf;
	v = arb_on_frame(&t->arb, &f, NULL, &d);
	if (v == ARB_DELIVER)
		take_datagram(t, &d);
	if (v != ARB_KEPT)
		free(f.buf);
	take_ready(t, now_ns);
	return true;
}

static enum exit_code
take_capture(struct tool *t, const char *name)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *cap =
		pcap_open_offline_with_tstamp_precision(name, PCAP_TSTAMP_PRECISION_NANO, why);
	enum exit_code code = EXIT_GOOD;
	struct pcap_pkthdr *ph;
	const u_char *frame;
	uint64_t now_ns = 0;
	int link, rc;

	if (cap == NULL) {
		fprintf(stderr, "%s: not a readable capture: %s\n", name, why);
		return EXIT_DAMAGED;
	}
	link = pcap_datalink(cap);
	if (link != DLT_EN10MB && link != DLT_RAW && link != DLT_LINUX_SLL) {
		fprintf(stderr,
			"%s: link type %d; Ethernet, Linux cooked and raw IP captures can be "
			"read\n",
			name, link);
		pcap_close(cap);
		return EXIT_DAMAGED;
	}
	while ((rc = pcap_next_ex(cap, &ph, &frame)) == 1) {
		const uint8_t *data;
		uint16_t len;

		t->frame_cnt++;
		now_ns = (uint64_t)ph->ts.tv_sec * NS_PER_S + (uint64_t)ph->ts.tv_usec;
		if (find_payload(link, frame, ph->caplen, &data, &len) &&
		    take_packet(t, data, len, now_ns))
			t->packet_cnt++;
	}
	if (rc == PCAP_ERROR) {
		fprintf(stderr, "%s: after frame %" PRIu64 ": %s\n", name, t->frame_cnt,
			pcap_geterr(cap));
		code = EXIT_DAMAGED;
	}
	pcap_close(cap);
	take_ready(t, now_ns + t->arb.gap_wait_ns); // gaps that were open at the end
	arb_give_back(&t->arb);
	take_ready(t, now_ns);
	if (code == EXIT_GOOD && t->packet_cnt == 0) {
		fprintf(stderr, "%s: none of %" PRIu64 " frames holds a MoldUDP64 packet\n", name,
			t->frame_cnt);
		code = EXIT_NOTHING;
	}
	return code;
}

static void
print_if(const char *kind, const char *name, uint64_t value)
{
	if (value != 0)
		printf("%s %s %" PRIu64 "\n", kind, name, value);
}

/* Counters that are not zero, one line each. */
#define METRIC(name, metric_kind, help) print_if(KIND, #name, m->name);

static void
print_book(const struct book_metrics *m)
{
	static const char KIND[] = "book";

#include "ingress/book_metrics.def"
}

static void
print_arb(const struct arb_metrics *m)
{
	static const char KIND[] = "arb";

#include "ingress/arb_metrics.def"
}

static void
print_line(const struct arb_line_metrics *m)
{
	static const char KIND[] = "line";

#include "ingress/arb_line_metrics.def"
}
#undef METRIC

static void
print_parse(const struct parse_metrics *m)
{
	static const struct {
		const char *name;
		char letter; // 0: an oddity
	} ROW[] = {
#define METRIC(name, kind, help) { #name, 0 },
#include "ingress/parse_itch50_metrics.def"
#undef METRIC
	};
	static const char LETTER[] = {
#define TYPE(letter, name, len) [offsetof(struct parse_metrics, name) / sizeof(uint64_t)] = letter,
		ITCH50_MESSAGES(TYPE)
#undef TYPE
	};
	const uint64_t *count = (const uint64_t *)m;

	for (size_t i = 0; i < ARRAY_CNT(ROW); i++) {
		if (i < ARRAY_CNT(LETTER) && count[i] != 0)
			printf("type %c %s %" PRIu64 "\n", LETTER[i], ROW[i].name, count[i]);
		else
			print_if("parse", ROW[i].name, count[i]);
	}
}

static void
print_stats(struct tool *t)
{
	uint64_t volume_qty = 0;

	for (uint32_t l = 0; l <= t->book.locate_max; l++)
		volume_qty += t->book.instr[l].volume_qty;
	book_set_gauges(&t->book);
	printf("messages %" PRIu64 "\n", t->msg_cnt);
	if (t->frame_cnt != 0)
		printf("frames %" PRIu64 "\npackets %" PRIu64 "\n", t->frame_cnt, t->packet_cnt);
	print_parse(&t->parse.metrics);
	print_line(&t->arb.line[0].metrics);
	print_arb(&t->arb.metrics);
	print_book(&t->book.metrics);
	printf("volume %" PRIu64 "\n", volume_qty);
}

static void
print_side_queues(const struct book *b, uint16_t locate, uint8_t side)
{
	struct book_walk w = book_walk_start(b, locate, side);

	while (book_walk_next(&w)) {
		const uint32_t px4 = price_level_px4(&b->levels.level[w.idx]);
		struct book_order o;
		struct book_queue q;

		book_queue_start(&q, b, locate, (enum side)side, px4);
		for (unsigned place = 1; book_queue_next(&q, &o); place++) {
			print_symbol(&b->instr[locate]);
			printf(",%c,%u,%u,%" PRIu64 ",%u\n", side == SIDE_BUY ? 'B' : 'S', px4,
			       place, o.ref, o.qty);
		}
	}
}

static void
print_queues(const struct book *b)
{
	puts("symbol,side,px4,place,reference,quantity");
	for (uint32_t l = 0; l <= b->locate_max; l++)
		for (uint8_t side = SIDE_BUY; side <= SIDE_SELL; side++)
			print_side_queues(b, (uint16_t)l, side);
}

static bool
start(struct tool *t, size_t file_bytes, const char *name)
{
	// an order takes a message, so a small file needs little memory
	const size_t adds = file_bytes / sizeof(struct itch50_add_order) + 1;
	const struct parse_config parse = { .shard_cnt = 1, .market = 'Q' };
	const struct arb_config arb = {
		.line_cnt = 1,
		.reorder_packets = ARB_REORDER_MAX,
		.gap_wait_ns = NS_PER_S,
		.silence_ns = 86400 * NS_PER_S,
	};
	const struct book_config book = {
		.locate_max = UINT16_MAX,
		.orders_max = adds < ORDERS_MAX ? (uint32_t)adds : ORDERS_MAX,
		.levels_max = adds < LEVELS_MAX ? (uint32_t)adds : LEVELS_MAX,
		.trades_max = adds < TRADES_MAX ? (uint32_t)adds : TRADES_MAX,
		.trust_late_join = true,
		.queues = t->queues,
	};

	// ordinary pages, and of them only those that are touched: nobody waits for this program
	t->arena.size_bytes = book_bytes(&book) + arb_bytes(ARB_REORDER_MAX);
	t->arena.base = mmap(NULL, t->arena.size_bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->arena.base != MAP_FAILED && parse_init(&t->parse, &parse) == 0 &&
	    arb_init(&t->arb, &arb, &t->arena) == 0 && book_init(&t->book, &book, &t->arena) == 0)
		return true;
	fprintf(stderr, "%s: %zu MB of memory are not to be had\n", name,
		t->arena.size_bytes >> 20);
	return false;
}

/* A capture says so in its first four bytes (pcap in either byte order and unit, pcapng). */
static bool
is_capture(const uint8_t *bytes, size_t size)
{
	static const uint32_t MAGIC[] = { 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1,
					  0x0a0d0d0a };
	uint32_t magic;

	if (size < sizeof(magic))
		return false;
	memcpy(&magic, bytes, sizeof(magic));
	for (size_t i = 0; i < ARRAY_CNT(MAGIC); i++)
		if (magic == MAGIC[i])
			return true;
	return false;
}

static enum exit_code
audit(const struct tool *t, const char *name)
{
	struct book_tally *tally = calloc(book_tally_cnt(t->book.levels.max), sizeof(*tally));
	const char *wrong;

	if (tally == NULL) {
		fprintf(stderr, "%s: no memory to add up the orders\n", name);
		return EXIT_UNREADABLE;
	}
	wrong = book_audit(&t->book, tally);
	free(tally);
	if (wrong == NULL)
		return EXIT_GOOD;
	fprintf(stderr, "%s: the book contradicts itself: %s\n", name, wrong);
	return EXIT_BROKEN;
}

static enum exit_code
take_file(struct tool *t, const char *name)
{
	const int fd = open(name, O_RDONLY | O_CLOEXEC);
	enum exit_code code;
	const uint8_t *bytes;
	struct stat st;
	size_t size;

	if (fd < 0 || fstat(fd, &st) != 0) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return EXIT_UNREADABLE;
	}
	if (!S_ISREG(st.st_mode)) {
		fprintf(stderr, "%s: not a regular file\n", name);
		close(fd);
		return EXIT_UNREADABLE;
	}
	size = (size_t)st.st_size;
	bytes = size == 0 ? NULL : mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		return EXIT_UNREADABLE;
	}
	if (!start(t, size, name))
		return EXIT_UNREADABLE;
	if (t->csv)
		puts("message_number,timestamp_ns,symbol,bid_px4,bid_qty,ask_px4,ask_qty");
	code = is_capture(bytes, size) ? take_capture(t, name)
				       : take_messages(t, name, bytes, size);
	if (size != 0)
		munmap((void *)(uintptr_t)bytes, size);
	return code;
}

int
main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "digest", no_argument, NULL, 'd' },
		{ "queues", no_argument, NULL, 'q' },
		{ "stats", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct tool t; // zero, and too large for the stack
	bool digest = false, stats = false;
	enum exit_code code, audited;
	int opt;

	while ((opt = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (opt == 'h') {
			fputs(HELP, stdout);
			return EXIT_GOOD;
		}
		if (opt == '?') {
			fputs(HELP, stderr);
			return EXIT_USAGE;
		}
		digest |= opt == 'd';
		t.queues |= opt == 'q';
		stats |= opt == 's';
	}
	if (argc - optind != 1) {
		fprintf(stderr, "sluice-book: %d files given, want one\n\n%s", argc - optind, HELP);
		return EXIT_USAGE;
	}
	t.csv = !digest && !stats && !t.queues;
	code = take_file(&t, argv[optind]);
	if (t.book.instr != NULL) {
		audited = audit(&t, argv[optind]);
		if (audited != EXIT_GOOD)
			code = audited;
		if (digest)
			printf("%" PRIu64 "\n", book_digest(&t.book));
		if (t.queues)
			print_queues(&t.book);
		if (stats)
			print_stats(&t);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "sluice-book: output: %s\n", strerror(errno));
		return EXIT_UNREADABLE;
	}
	return code;
}
