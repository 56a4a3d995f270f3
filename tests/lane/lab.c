/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "flow.h"
#include "lab.h"
#include "lane/lane_api.h"
#include "port/port_buf.h"
#include "wire/eth_ip.h"
#include "wire/moldudp64.h"

enum {
	MD_IP = 0x0a0a0102,   // 10.10.1.2
	OE_IP = 0x0a0a0202,   // 10.10.2.2
	PEER_IP = 0x0a0a0201, // 10.10.2.1
	PEER_PORT = 26488,
	GROUP_IP = 0xef0a0101, // 239.10.1.1, line 1 one higher
	MD_PORT = 26400,
	SETTLE_ROUNDS_MAX = 100000,
	QUIET_ROUNDS = 12, // more than the housekeeping period of a lab lane
	HOUSEKEEPING_TURNS = 4,
	POOL_CNT = 8191,
};

#define START_NS 1767225600000000000ULL // 2026-01-01

static const char CONFIG[] =
	"environment: simulation\n"
	"latency: { stage_sample_every: %u, warm_up_us: %u }\n"
	"core_map:\n  control: 0\n  shared_cores: true\n  burst: %u\n  ring_slots: %u\n  lanes:\n%s"
	"ports:\n"
	"  - { name: md, device: net_ring_md, profile: ring, address: 10.10.1.2/24, "
	"mac: \"02:00:00:00:00:01\" }\n"
	"  - { name: oe, device: net_ring_oe, profile: ring, address: 10.10.2.2/24, "
	"mac: \"02:00:00:00:00:02\" }\n"
	"venues:\n  - { name: sim, environment: simulation }\n"
	"feeds:\n  - name: itch\n    venue: sim\n    protocol: itch50\n    shards: %u\n    "
	"orders_max: 262144\n"
	"    levels_max: 65536\n    lines:\n"
	"      - { port: md, group: 239.10.1.1, udp_port: 26400 }\n"
	"      - { port: md, group: 239.10.1.2, udp_port: 26401 }\n%s"
	"sessions:\n  - { name: oe, venue: sim, protocol: %s, port: oe, peer: \"10.10.2.1:26488\", "
	"username: TEST01, password_file: \"%s\", capacity: principal, orders_max: 65536 }\n%s"
	"instruments:\n%s%s"
	"strategies:\n%s"
	"risk:\n  order_max_qty: 500\n  order_max_usd: 400000\n  collar_bp: 500\n  open_max_qty: "
	"5000\n"
	"  position_max_qty: 10000\n  gross_max_usd: 9000000\n  order_rate_max: 4096\n"
	"  self_match: allow\n%s";

static const char STRATEGIES[] =
	"  - { name: taker, kind: take, instruments: [AAPL], qty: 100, position_max_qty: 1000, "
	"imbalance_min_bp: 7000 }\n"
	"  - { name: maker, kind: quote, instruments: [AAPL], qty: 100, position_max_qty: 500 }\n";

#define SECRET_TEMPLATE "/tmp/sluice_lab_XXXXXX"

static char secret_path[] = SECRET_TEMPLATE;

static void
drop_secret_file(void)
{
	if (strcmp(secret_path, SECRET_TEMPLATE) != 0)
		unlink(secret_path);
	strcpy(secret_path, SECRET_TEMPLATE);
}

static void
die(const char *what)
{
	drop_secret_file();
	fprintf(stderr, "lab: %s\n", what);
	abort();
}

void
lab_eal(void)
{
	struct err e;

	err_init(&e);
	if (offline_eal(0, &e) != 0)
		die(e.text);
}

/* "rx arb | parse book" as the lines of core_map.lanes. */
static void
lane_lines(const char *lanes, char *out, size_t out_bytes)
{
	char copy[256], *save = NULL;
	size_t len = 0;
	int n = 0;

	snprintf(copy, sizeof(copy), "%s", lanes);
	out[0] = '\0';
	for (char *part = strtok_r(copy, "|", &save); part != NULL;
	     part = strtok_r(NULL, "|", &save), n++) {
		char list[256] = "", keys[256] = "", *word_save = NULL;

		for (char *w = strtok_r(part, " ", &word_save); w != NULL;
		     w = strtok_r(NULL, " ", &word_save)) {
			char *value = strchr(w, '=');

			if (value != NULL) {
				snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys),
					 ", %.*s: [%s]", (int)(value - w), w, value + 1);
				continue;
			}
			strcat(list, list[0] != '\0' ? ", " : "");
			strcat(list, w);
		}
		len += (size_t)snprintf(out + len, out_bytes - len,
					"    - { name: lane%d, core: 0, stages: [%s]%s }\n", n,
					list, keys);
	}
}

static void
instrument_lines(unsigned cnt, char *out, size_t out_bytes)
{
	char symbol[9];
	size_t len = 0;

	for (unsigned i = 0; i < cnt; i++) {
		flow_symbol(i, symbol);
		len += (size_t)snprintf(out + len, out_bytes - len,
					"  - { symbol: %.*s, feed: itch, session: oe, trade: true, "
					"short_allowed: true }\n",
					(int)strcspn(symbol, " "), symbol);
	}
	if (len >= out_bytes)
		die("too many instruments");
}

static void
make_secret_file(void)
{
	const int fd = mkstemp(secret_path); // mode 0600

	if (fd < 0 || write(fd, "secret\n", 7) != 7)
		die("no password file");
	close(fd);
}

struct lab *
lab_open(const struct lab_setup *s)
{
	static const char ALL[] = "rx arb parse book strategy risk orders encode tcp report";
	struct lab *lab = calloc(1, sizeof(*lab));
	char text[8192], lanes[2048], instruments[2048];
	struct err e;

	lab_eal();
	if (lab == NULL)
		die("no memory");
	err_init(&e);
	make_secret_file();
	lane_lines(s->lanes != NULL ? s->lanes : ALL, lanes, sizeof(lanes));
	instrument_lines(s->instr_cnt != 0 ? s->instr_cnt : 1, instruments, sizeof(instruments));
	snprintf(text, sizeof(text), CONFIG, s->sample_every, s->no_warm_up ? 0 : 1000,
		 s->burst != 0 ? s->burst : 32, s->ring_slots != 0 ? s->ring_slots : 1024, lanes,
		 s->shards != 0 ? s->shards : 1, s->feeds_more != NULL ? s->feeds_more : "",
		 s->ouch42 ? "ouch42" : "ouch50", secret_path,
		 s->sessions_more != NULL ? s->sessions_more : "", instruments,
		 s->instruments_more != NULL ? s->instruments_more : "",
		 s->strategies != NULL ? s->strategies : STRATEGIES,
		 s->risk_more != NULL ? s->risk_more : "");
	lab->g.config = &lab->config;
	lab->g.map = &lab->map;
	lab->now_ns = START_NS;
	lab->md_seq = 1;
	memcpy(lab->md_session, "LAB       ", sizeof(lab->md_session));
	peer_init(&lab->peer, PEER_IP, PEER_PORT);
	lab->peer.ouch42 = s->ouch42;

	if (config_load_text(&lab->config, "lab", text, strlen(text), &e) != 0 ||
	    core_map_resolve(&lab->map, &lab->config, &e) != 0)
		die(e.text);
	if (offline_open(&lab->offline, &lab->g,
			 &(struct offline_config){
				 .start_ns = lab->now_ns,
				 .ring_cnt = LAB_RING_CNT,
				 .buf_cnt = POOL_CNT,
				 .frame_max = LAB_FRAME_MAX,
				 .real_clock = s->real_clock,
				 .profile_dir = PMD_CONFIG_DIR,
			 },
			 &e) != 0)
		die(e.text);
	lab->md_in = lab->offline.port[0].in;
	lab->md_out = lab->offline.port[0].out;
	lab->oe_in = lab->offline.port[1].in;
	lab->oe_out = lab->offline.port[1].out;
	lab->pool = lab->offline.pool;
	drop_secret_file();
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		if (!s->real_clock) {
			lab->g.lane[i]->housekeeping_every = HOUSEKEEPING_TURNS;
			lab->g.lane[i]->housekeeping_left = 1;
		}
	return lab;
}

static void
drain_ring(struct rte_ring *r)
{
	struct rte_mbuf *m;

	while ((m = offline_frame(r)) != NULL)
		port_buf_free(m);
}

void
lab_close(struct lab *lab)
{
	offline_close(&lab->offline);
	config_free(&lab->config);
	free(lab);
}

unsigned
lab_lost_buffers(struct lab *lab)
{
	struct rte_mempool *pool[] = { lab->pool, lab->g.port[0].pool, lab->g.port[1].pool };
	unsigned lost = 0;

	drain_ring(lab->md_in);
	drain_ring(lab->md_out);
	drain_ring(lab->oe_in);
	drain_ring(lab->oe_out);
	for (unsigned i = 0; i < ARRAY_CNT(pool); i++)
		lost += rte_mempool_in_use_count(pool[i]);
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		for (uint32_t k = 0; k < lab->g.lane[i]->tx_cnt; k++)
			lost -= lab->g.lane[i]->tx[k]->ready != NULL;
	return lost;
}

static void
inject(struct lab *lab, uint32_t port_idx, const uint8_t *frame, uint16_t len)
{
	if (!offline_put(&lab->offline, port_idx, frame, len))
		die("lab ring is full, or its pool empty: a buffer was lost");
}

bool
lab_md_has_room(const struct lab *lab)
{
	return rte_ring_free_count(lab->md_in) != 0;
}

unsigned
lab_carry(struct lab *lab)
{
	struct peer *peer = &lab->peer;
	struct rte_mbuf *m;
	unsigned moved = 0;
	struct eth_ip e;

	while ((m = offline_frame(lab->md_out)) != NULL) {
		const enum eth_ip_verdict v =
			eth_ip_walk(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, false, &e);

		lab->bad_frame_cnt += v != ETH_IP_L4 && v != ETH_IP_ARP;
		port_buf_free(m);
		moved++;
	}
	while (peer->out_cnt < PEER_OUT_MAX / 2 && (m = offline_frame(lab->oe_out)) != NULL) {
		peer_on_frame(peer, rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
		port_buf_free(m);
		moved++;
	}
	while (lab->peer_sent < peer->out_cnt && rte_ring_free_count(lab->oe_in) != 0) {
		const struct peer_frame *f = &peer->out[lab->peer_sent++];

		inject(lab, 1, f->data, f->len);
		moved++;
	}
	if (lab->peer_sent == peer->out_cnt) {
		lab->peer_sent = 0;
		peer->out_cnt = 0;
	}
	return moved;
}

void
lab_settle(struct lab *lab)
{
	unsigned quiet = 0;

	for (unsigned round = 0; quiet < QUIET_ROUNDS; round++) {
		unsigned work = 0;

		if (round == SETTLE_ROUNDS_MAX)
			die("lanes never come to rest");
		work += offline_turn(&lab->offline);
		work += lab_carry(lab);
		quiet = work == 0 ? quiet + 1 : 0;
	}
}

void
lab_advance(struct lab *lab, uint64_t ns)
{
	lab->now_ns += ns;
	offline_set_time(&lab->offline, lab->now_ns);
	lab_settle(lab);
}

void
lab_session_up(struct lab *lab)
{
	struct err e;

	err_init(&e);
	offline_link_up(&lab->offline);
	for (unsigned i = 0; i < 400; i++) {
		const struct session *s = lab_lane_with(lab, ORDERS)->session[0];

		lab_advance(lab, 10000000);
		if (order_session_is_up(&s->life))
			break;
	}
	if (!order_session_is_up(&lab_lane_with(lab, ORDERS)->session[0]->life))
		die("the session does not come up");
	if (limits_arm(&lab->g.limits, &e) != 0)
		die(e.text);
	lab_settle(lab);
}

size_t
lab_mold_frame(uint8_t frame[LAB_FRAME_MAX], const char session[MOLD_SESSION_LEN], unsigned line,
	       uint64_t seq, const uint8_t *blocks, size_t len, uint16_t cnt)
{
	const struct udp_way way = {
		.src_ip = 0x0a0a0101,
		.dst_ip = GROUP_IP + line,
		.src_port = 30000,
		.dst_port = (uint16_t)(MD_PORT + line),
		.ttl = 8,
	};
	struct eth_head *eth = (struct eth_head *)frame;
	uint8_t *ip = (uint8_t *)(eth + 1);
	struct mold_head *mold =
		(struct mold_head *)(ip + sizeof(struct ipv4_head) + sizeof(struct udp_head));

	eth_group_mac(way.dst_ip, eth->dst);
	memcpy(eth->src, (uint8_t[]){ 0x02, 0, 0, 0, 0, 0x77 }, 6);
	eth->type = be16_of(ETH_TYPE_IPV4);
	memcpy(mold->session, session, sizeof(mold->session));
	mold->seq = be64_of(seq);
	mold->msg_cnt = be16_of(cnt);
	memcpy(mold + 1, blocks, len);
	return sizeof(*eth) + udp_write_heads(ip, &way, (uint16_t)(sizeof(*mold) + len));
}

void
lab_mold(struct lab *lab, unsigned line, uint64_t seq, const uint8_t *blocks, size_t len,
	 uint16_t cnt)
{
	uint8_t frame[LAB_FRAME_MAX];
	const size_t frame_len =
		lab_mold_frame(frame, lab->md_session, line, seq, blocks, len, cnt);

	inject(lab, 0, frame, (uint16_t)frame_len);
}

void
lab_market_data(struct lab *lab, unsigned line, const uint8_t *blocks, size_t len, uint16_t cnt)
{
	lab_mold(lab, line, lab->md_seq, blocks, len, cnt);
	lab->md_seq += cnt;
}

struct lane *
lab_lane_with(struct lab *lab, enum stage stage)
{
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		if (holds(lab->g.lane[i]->stages, stage))
			return lab->g.lane[i];
	die("no lane has the stage");
	return NULL;
}

uint8_t *
lab_read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *data;

	if (f == NULL)
		return NULL;
	if (fstat(fileno(f), &st) != 0)
		die("no size");
	data = malloc((size_t)st.st_size);
	*len = data == NULL ? 0 : fread(data, 1, (size_t)st.st_size, f);
	fclose(f);
	return data;
}

/* EAL binds its main thread to one core; lanes take what the machine has. */
void *
lab_run_lane(void *lane)
{
	cpu_set_t all;

	CPU_ZERO(&all);
	for (long i = 0; i < sysconf(_SC_NPROCESSORS_ONLN); i++)
		CPU_SET((size_t)i, &all);
	sched_setaffinity(0, sizeof(all), &all);
	return (void *)(intptr_t)lane_run(lane);
}
