/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "venue.h"

enum {
	OPT_ITCH = 256,
	OPT_LINE_A,
	OPT_LINE_B,
	OPT_IFACE,
	OPT_SOURCE_IP,
	OPT_TTL,
	OPT_SPEED,
	OPT_RATE,
	OPT_MAX_GAP_MS,
	OPT_SKIP_TO,
	OPT_SKIP_RATE,
	OPT_PACK,
	OPT_HEARTBEAT_MS,
	OPT_LINGER_MS,
	OPT_HOLD,
	OPT_MD_SESSION,
	OPT_REQUEST_PORT,
	OPT_SNAPSHOT_PORT,
	OPT_SNAPSHOT_USER,
	OPT_SNAPSHOT_PASSWORD,
	OPT_RECOVERY_IP,
	OPT_START_DELAY,
	OPT_LOOP,
	OPT_WAIT_LOGIN,
	OPT_WAIT_PORT,
	OPT_LISTEN_IP,
	OPT_ORDER_PORT,
	OPT_OUCH,
	OPT_USER,
	OPT_PASSWORD,
	OPT_OE_SESSION,
	OPT_ACCOUNT,
	OPT_DROP_COPY,
	OPT_CANCEL_ON_DISCONNECT,
	OPT_CLIENT_TIMEOUT_MS,
	OPT_LOGIN_TIMEOUT_MS,
	OPT_ALWAYS_OPEN,
	OPT_SYMBOL,
	OPT_RECEIVE_BUFFER,
	OPT_FAULT,
	OPT_LIST_FAULTS,
	OPT_SEED,
	OPT_STATE,
	OPT_REPORT,
	OPT_READY_FILE,
	OPT_READY_FD,
	OPT_EXIT_AFTER,
	OPT_STAY,
	OPT_SPIN,
	OPT_HELP,
};

static const struct option OPTIONS[] = {
	{ "itch", required_argument, NULL, OPT_ITCH },
	{ "line-a", required_argument, NULL, OPT_LINE_A },
	{ "line-b", required_argument, NULL, OPT_LINE_B },
	{ "iface", required_argument, NULL, OPT_IFACE },
	{ "source-ip", required_argument, NULL, OPT_SOURCE_IP },
	{ "ttl", required_argument, NULL, OPT_TTL },
	{ "speed", required_argument, NULL, OPT_SPEED },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "max-gap-ms", required_argument, NULL, OPT_MAX_GAP_MS },
	{ "skip-to", required_argument, NULL, OPT_SKIP_TO },
	{ "skip-rate", required_argument, NULL, OPT_SKIP_RATE },
	{ "pack", required_argument, NULL, OPT_PACK },
	{ "heartbeat-ms", required_argument, NULL, OPT_HEARTBEAT_MS },
	{ "linger-ms", required_argument, NULL, OPT_LINGER_MS },
	{ "hold", no_argument, NULL, OPT_HOLD },
	{ "session", required_argument, NULL, OPT_MD_SESSION },
	{ "request-port", required_argument, NULL, OPT_REQUEST_PORT },
	{ "snapshot-port", required_argument, NULL, OPT_SNAPSHOT_PORT },
	{ "snapshot-user", required_argument, NULL, OPT_SNAPSHOT_USER },
	{ "snapshot-password", required_argument, NULL, OPT_SNAPSHOT_PASSWORD },
	{ "recovery-ip", required_argument, NULL, OPT_RECOVERY_IP },
	{ "start-delay", required_argument, NULL, OPT_START_DELAY },
	{ "loop", required_argument, NULL, OPT_LOOP },
	{ "wait-login", no_argument, NULL, OPT_WAIT_LOGIN },
	{ "wait-port", no_argument, NULL, OPT_WAIT_PORT },
	{ "listen-ip", required_argument, NULL, OPT_LISTEN_IP },
	{ "order-port", required_argument, NULL, OPT_ORDER_PORT },
	{ "ouch", required_argument, NULL, OPT_OUCH },
	{ "user", required_argument, NULL, OPT_USER },
	{ "password", required_argument, NULL, OPT_PASSWORD },
	{ "oe-session", required_argument, NULL, OPT_OE_SESSION },
	{ "account", required_argument, NULL, OPT_ACCOUNT },
	{ "drop-copy", required_argument, NULL, OPT_DROP_COPY },
	{ "cancel-on-disconnect", no_argument, NULL, OPT_CANCEL_ON_DISCONNECT },
	{ "client-timeout-ms", required_argument, NULL, OPT_CLIENT_TIMEOUT_MS },
	{ "login-timeout-ms", required_argument, NULL, OPT_LOGIN_TIMEOUT_MS },
	{ "always-open", no_argument, NULL, OPT_ALWAYS_OPEN },
	{ "symbol", required_argument, NULL, OPT_SYMBOL },
	{ "receive-buffer", required_argument, NULL, OPT_RECEIVE_BUFFER },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "list-faults", no_argument, NULL, OPT_LIST_FAULTS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "report", required_argument, NULL, OPT_REPORT },
	{ "ready-file", required_argument, NULL, OPT_READY_FILE },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	{ "exit-after", required_argument, NULL, OPT_EXIT_AFTER },
	{ "stay", no_argument, NULL, OPT_STAY },
	{ "spin", no_argument, NULL, OPT_SPIN },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static void
print_help(void)
{
	puts("sluice-venue: the other side of the wire, for tests and demonstrations\n"
	     "\n"
	     "market data\n"
	     "  --itch FILE            ITCH 5.0 messages, each with a 2-byte length before it;\n"
	     "                         without it there is order entry only\n"
	     "  --line-a IP:PORT       multicast group of line A; a line not given is off\n"
	     "  --line-b IP:PORT       multicast group of line B\n"
	     "  --iface NAME           interface to send from\n"
	     "  --source-ip IP         address to send from\n"
	     "  --ttl N                (8)\n"
	     "  --speed N              (1) times as fast as recorded; decimals are allowed\n"
	     "  --rate N               so many messages a second instead\n"
	     "  --max-gap-ms N         no pause on the tape takes longer\n"
	     "  --skip-to TIME         send what is older at --skip-rate, then keep pace\n"
	     "  --skip-rate N          (100000) messages a second\n"
	     "  --pack N               messages per datagram; without it what is due together\n"
	     "  --heartbeat-ms N       (1000) of both protocols\n"
	     "  --linger-ms N          (3000) how long the end of a session is repeated\n"
	     "  --hold                 no end of session after the last message: heartbeats go on\n"
	     "  --session ID           (SIM0000001) MoldUDP64 session\n"
	     "  --request-port PORT    answer requests for missed messages; 0: any port; may be\n"
	     "                         repeated, a server each\n"
	     "  --snapshot-port PORT   GLIMPSE snapshots; 0: any port\n"
	     "  --snapshot-user NAME, --snapshot-password WORD\n"
	     "                         (TEST01, SECRET)\n"
	     "  --recovery-ip IP       where these servers listen (as --listen-ip)\n"
	     "  --start-delay SECONDS  before the first message\n"
	     "  --loop N               play the tape N times, a session each; 0: for ever\n"
	     "  --wait-login           start when the first client has logged in\n"
	     "  --wait-port            start when the first client has connected\n"
	     "order entry\n"
	     "  --listen-ip IP         (0.0.0.0)\n"
	     "  --order-port PORT      (26488) SoupBinTCP; 0: any port\n"
	     "  --ouch 50|42           (50)\n"
	     "  --user NAME            (TEST01) at most 6 characters\n"
	     "  --password WORD        (SECRET) at most 10 characters\n"
	     "  --oe-session ID        (OE00000001) SoupBinTCP session\n"
	     "  --account USER:PASSWORD:PORT:50|42\n"
	     "                         one more account; may be repeated\n"
	     "  --drop-copy USER:PASSWORD:PORT\n"
	     "                         the first account's executions once more, for this user\n"
	     "  --cancel-on-disconnect\n"
	     "  --client-timeout-ms N  (15000) silence after which a client is cut off\n"
	     "  --login-timeout-ms N   (30000)\n"
	     "  --always-open          accept orders outside the tape's system hours\n"
	     "  --symbol NAME          tradable though not on the tape; may be repeated\n"
	     "  --receive-buffer BYTES of order connections\n"
	     "trouble\n"
	     "  --fault NAME=VALUE,... may be repeated\n"
	     "  --list-faults          what there is\n"
	     "  --seed N               (1) of everything that is random\n"
	     "running\n"
	     "  --state FILE           keep each account's day in FILE.USER, and go on with what "
	     "is\n"
	     "                         there: its messages and positions; its live orders are "
	     "canceled\n"
	     "  --report FILE          JSON at the end ('-': stdout)\n"
	     "  --ready-file FILE      written when listening, with the ports\n"
	     "  --ready-fd N           the same, to a descriptor\n"
	     "  --exit-after SECONDS\n"
	     "  --stay                 after the last session, until SIGTERM\n"
	     "  --spin                 poll instead of sleeping");
}

__attribute__((noreturn)) static void
misuse(const char *option, const char *what)
{
	fprintf(stderr, "--%s: %s; try --help\n", option, what);
	exit(2);
}

static void
copy_text(const char *option, char *out, size_t out_bytes, const char *text, size_t len)
{
	if (len == 0 || len >= out_bytes) {
		fprintf(stderr, "--%s: '%.*s' must have 1 to %zu characters\n", option, (int)len,
			text, out_bytes - 1);
		exit(2);
	}
	memcpy(out, text, len);
	out[len] = '\0';
}

static enum ouch_version
arg_version(const char *option, const char *text)
{
	if (strcmp(text, "50") == 0)
		return OUCH_50;
	if (strcmp(text, "42") == 0)
		return OUCH_42;
	misuse(option, "the version of OUCH is 50 or 42");
}

/* "USER:PASSWORD:PORT:50|42" */
static void
parse_account(struct venue_config *c, const char *text)
{
	struct venue_account *a = &c->account[c->account_cnt];
	const char *at = text;
	char port[8];
	size_t len;

	if (c->account_cnt == VENUE_ACCOUNTS_MAX)
		misuse("account", "too many accounts");
	*a = c->account[0]; // timeouts and so on
	len = strcspn(at, ":");
	copy_text("account", a->c.username, sizeof(a->c.username), at, len);
	at += len + (at[len] == ':');
	len = strcspn(at, ":");
	copy_text("account", a->c.password, sizeof(a->c.password), at, len);
	at += len + (at[len] == ':');
	len = strcspn(at, ":");
	copy_text("account", port, sizeof(port), at, len);
	at += len + (at[len] == ':');
	a->port = (uint16_t)arg_u64("account", port, 0, 65535);
	a->c.version = arg_version("account", at);
	snprintf(a->c.session, sizeof(a->c.session), "OE%08u", ++c->account_cnt);
}

/* "USER:PASSWORD:PORT" */
static void
parse_drop_copy(struct venue_config *c, const char *text)
{
	struct venue_account *a = &c->account[c->account_cnt];
	char account[64];

	if (snprintf(account, sizeof(account), "%s:50", text) >= (int)sizeof(account))
		misuse("drop-copy", "too long");
	parse_account(c, account);
	a->c.is_copy = true;
	a->c.cancel_on_disconnect = false;
	snprintf(a->c.session, sizeof(a->c.session), "DC%08u", 1U);
}

/* "10" or "0.5" into thousandths. */
static uint64_t
arg_speed(const char *text)
{
	const uint64_t px4 = arg_px4("speed", text); // the same grammar, in 1/10,000

	if (px4 < 10)
		misuse("speed", "at least 0.001");
	return px4 / 10;
}

static void
parse_symbol(struct venue_config *c, const char *text)
{
	if (c->symbol_cnt == VENUE_SYMBOLS_MAX)
		misuse("symbol", "too many symbols");
	arg_symbol("symbol", text, strlen(text), c->symbol[c->symbol_cnt++]);
}

static struct in_addr
arg_ip(const char *option, const char *text)
{
	struct in_addr ip;

	if (inet_pton(AF_INET, text, &ip) != 1)
		misuse(option, "not an address like 10.10.1.1");
	return ip;
}

static void
parse_fault(struct venue_config *c, const char *text)
{
	const char *why = faults_parse(&c->faults, text);

	if (why != NULL)
		misuse("fault", why);
}

static bool
parse_market(struct venue_config *c, int opt)
{
	switch (opt) {
	case OPT_ITCH:
		c->tape_path = optarg;
		return true;
	case OPT_LINE_A:
		c->line[0] = arg_addr("line-a", optarg);
		return true;
	case OPT_LINE_B:
		c->line[1] = arg_addr("line-b", optarg);
		return true;
	case OPT_IFACE:
		c->iface = optarg;
		return true;
	case OPT_SOURCE_IP:
		c->source_ip = arg_ip("source-ip", optarg);
		return true;
	case OPT_TTL:
		c->ttl = (uint32_t)arg_u64("ttl", optarg, 0, 255);
		return true;
	case OPT_SPEED:
		c->feed.pace = FEED_RECORDED;
		c->feed.speed_1000 = arg_speed(optarg);
		return true;
	case OPT_RATE:
		c->feed.pace = FEED_RATE;
		c->feed.rate = arg_u64("rate", optarg, 1, 1000000000);
		return true;
	case OPT_MAX_GAP_MS:
		c->feed.gap_max_ns = arg_u64("max-gap-ms", optarg, 0, 86400000) * 1000000;
		return true;
	case OPT_SKIP_TO:
		c->feed.skip_to_ns = arg_time_ns("skip-to", optarg);
		return true;
	case OPT_SKIP_RATE:
		c->feed.skip_rate = arg_u64("skip-rate", optarg, 1, 1000000000);
		return true;
	case OPT_PACK:
		c->feed.pack_cnt = (uint16_t)arg_u64("pack", optarg, 1, 1000);
		return true;
	case OPT_HEARTBEAT_MS:
		c->feed.heartbeat_ns = arg_u64("heartbeat-ms", optarg, 1, 600000) * 1000000;
		c->account[0].c.heartbeat_ns = c->glimpse.heartbeat_ns = c->feed.heartbeat_ns;
		return true;
	case OPT_LINGER_MS:
		c->feed.linger_ns = arg_u64("linger-ms", optarg, 0, 600000) * 1000000;
		return true;
	case OPT_HOLD:
		c->feed.hold = true;
		return true;
	case OPT_MD_SESSION:
		copy_text("session", c->feed.session, sizeof(c->feed.session), optarg,
			  strlen(optarg));
		return true;
	case OPT_REQUEST_PORT:
		if (c->request_port_cnt == REQUEST_SERVERS_MAX)
			misuse("request-port", "too many request servers");
		c->request_port[c->request_port_cnt++] =
			(uint16_t)arg_u64("request-port", optarg, 0, 65535);
		return true;
	case OPT_SNAPSHOT_PORT:
		c->serve_snapshots = true;
		c->snapshot_port = (uint16_t)arg_u64("snapshot-port", optarg, 0, 65535);
		return true;
	case OPT_SNAPSHOT_USER:
		copy_text("snapshot-user", c->glimpse.username, sizeof(c->glimpse.username), optarg,
			  strlen(optarg));
		return true;
	case OPT_SNAPSHOT_PASSWORD:
		copy_text("snapshot-password", c->glimpse.password, sizeof(c->glimpse.password),
			  optarg, strlen(optarg));
		return true;
	case OPT_RECOVERY_IP:
		c->recovery_ip = arg_ip("recovery-ip", optarg);
		return true;
	case OPT_START_DELAY:
		c->start_delay_ns = arg_u64("start-delay", optarg, 0, 86400) * NS_PER_SEC;
		return true;
	case OPT_LOOP:
		c->feed.loops = (uint32_t)arg_u64("loop", optarg, 0, UINT32_MAX);
		return true;
	case OPT_WAIT_LOGIN:
		c->start = VENUE_START_AT_LOGIN;
		return true;
	case OPT_WAIT_PORT:
		c->start = VENUE_START_AT_CONNECT;
		return true;
	default:
		return false;
	}
}

static bool
parse_orders(struct venue_config *c, int opt, const char **accounts, unsigned *accounts_cnt,
	     const char **drop_copy)
{
	struct venue_account *a = &c->account[0];

	switch (opt) {
	case OPT_LISTEN_IP:
		c->listen_ip = arg_ip("listen-ip", optarg);
		if (c->recovery_ip.s_addr == 0)
			c->recovery_ip = c->listen_ip;
		return true;
	case OPT_ORDER_PORT:
		a->port = (uint16_t)arg_u64("order-port", optarg, 0, 65535);
		return true;
	case OPT_OUCH:
		a->c.version = arg_version("ouch", optarg);
		return true;
	case OPT_USER:
		copy_text("user", a->c.username, sizeof(a->c.username), optarg, strlen(optarg));
		return true;
	case OPT_PASSWORD:
		copy_text("password", a->c.password, sizeof(a->c.password), optarg, strlen(optarg));
		return true;
	case OPT_OE_SESSION:
		copy_text("oe-session", a->c.session, sizeof(a->c.session), optarg, strlen(optarg));
		return true;
	case OPT_ACCOUNT:
		if (*accounts_cnt == VENUE_ACCOUNTS_MAX - 1)
			misuse("account", "too many accounts");
		accounts[(*accounts_cnt)++] = optarg; // read last: they copy the timeouts
		return true;
	case OPT_DROP_COPY:
		*drop_copy = optarg;
		return true;
	case OPT_CANCEL_ON_DISCONNECT:
		a->c.cancel_on_disconnect = true;
		return true;
	case OPT_CLIENT_TIMEOUT_MS:
		a->c.client_timeout_ns =
			arg_u64("client-timeout-ms", optarg, 1, 86400000) * 1000000;
		return true;
	case OPT_LOGIN_TIMEOUT_MS:
		a->c.login_timeout_ns = arg_u64("login-timeout-ms", optarg, 1, 86400000) * 1000000;
		return true;
	case OPT_ALWAYS_OPEN:
		a->c.always_open = true;
		return true;
	case OPT_SYMBOL:
		parse_symbol(c, optarg);
		return true;
	case OPT_RECEIVE_BUFFER:
		c->receive_buffer_bytes = (uint32_t)arg_u64("receive-buffer", optarg, 1, 1 << 30);
		return true;
	default:
		return false;
	}
}

static void
parse_running(struct venue_config *c, int opt)
{
	switch (opt) {
	case OPT_FAULT:
		parse_fault(c, optarg);
		return;
	case OPT_LIST_FAULTS:
		faults_print();
		exit(0);
	case OPT_SEED:
		c->feed.seed = arg_u64("seed", optarg, 0, UINT64_MAX);
		return;
	case OPT_STATE:
		c->state_path = optarg;
		return;
	case OPT_REPORT:
		c->report_path = optarg;
		return;
	case OPT_READY_FILE:
		c->ready_path = optarg;
		return;
	case OPT_READY_FD:
		c->ready_fd = (int)arg_u64("ready-fd", optarg, 0, 1 << 20);
		return;
	case OPT_EXIT_AFTER:
		c->exit_after_ns = arg_u64("exit-after", optarg, 1, 864000) * NS_PER_SEC;
		return;
	case OPT_STAY:
		c->stay = true;
		return;
	case OPT_SPIN:
		c->spin = true;
		return;
	case OPT_HELP:
		print_help();
		exit(0);
	default:
		fprintf(stderr, "try --help\n");
		exit(2);
	}
}

static void
parse_options(struct venue_config *c, int argc, char **argv)
{
	const char *accounts[VENUE_ACCOUNTS_MAX];
	const char *drop_copy = NULL;
	unsigned accounts_cnt = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (!parse_market(c, opt) &&
		    !parse_orders(c, opt, accounts, &accounts_cnt, &drop_copy))
			parse_running(c, opt);
	}
	if (optind != argc)
		misuse(argv[optind], "there are no arguments besides options");
	for (unsigned i = 0; i < accounts_cnt; i++)
		parse_account(c, accounts[i]);
	if (drop_copy != NULL)
		parse_drop_copy(c, drop_copy);
}

int
main(int argc, char **argv)
{
	static struct venue_config c = {
		.ttl = 8,
		.ready_fd = -1,
		.glimpse = {
			.username = "TEST01",
			.password = "SECRET",
			.client_timeout_ns = 15 * NS_PER_SEC,
			.login_timeout_ns = 30 * NS_PER_SEC,
			.heartbeat_ns = NS_PER_SEC,
			.linger_ns = 2 * NS_PER_SEC,
		},
		.account_cnt = 1,
		.account[0] = {
			.port = 26488,
			.c = {
				.version = OUCH_50,
				.username = "TEST01",
				.password = "SECRET",
				.session = "OE00000001",
				.client_timeout_ns = 15 * NS_PER_SEC,
				.login_timeout_ns = 30 * NS_PER_SEC,
				.heartbeat_ns = NS_PER_SEC,
			},
		},
	};
	static struct venue v;
	int status, err;

	feed_config_init(&c.feed);
	parse_options(&c, argc, argv);
	status = venue_open(&v, &c);
	if (status == 0) {
		venue_run(&v);
		err = c.report_path != NULL ? venue_report(&v, c.report_path) : 0;
		if (err != 0) {
			fprintf(stderr, "sluice-venue: %s: %s\n", c.report_path, strerror(-err));
			status = 1;
		}
	}
	venue_close(&v);
	return status;
}
