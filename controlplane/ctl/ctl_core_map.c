/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_core_map.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core_map/probe.h"
#include "core_map/split.h"
#include "core_map/suggest.h"
#include "ctl/ctl_client.h"
#include "ctl/ctl_live_map.h"
#include "ctl/ctl_proto.h"

enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	NIC_MAX = 64,
	PATH_BYTES = 512,
	HOP_MS = 60,
	JITTER_MS = 300,
};

static const char USAGE[] =
	"sluicectl core-map: which core for which lane\n"
	"\n"
	"  sluicectl core-map suggest [--lanes N] [OPTION...]   a core map, with the reason of "
	"each "
	"choice, as YAML\n"
	"  sluicectl core-map show [OPTION...]                  the machine, and on it the lanes "
	"of a\n"
	"                                                       running gateway, or of -c FILE\n"
	"  sluicectl core-map tune [--lanes MOST] [--latency FILE] [--rate N] [--orders N] "
	"[OPTION...]\n"
	"      measures hops between the cores that suggest would take, and proposes how to split\n"
	"  sluicectl core-map jitter CORE [--ms N]              what a core loses to others: ns "
	"lost "
	"in a second,\n"
	"                                                       longest stop in ns\n"
	"\n"
	"  -c FILE           a configuration: its ports' NICs, its core map (for show)\n"
	"  --nic NAME        a NIC the gateway will use: PCI address or interface; several times\n"
	"  --isolated LIST   cores as if the kernel isolated them (else what it says)\n"
	"  --topology WHAT   another machine: a file of 'lstopo FILE.xml', or hwloc's short form\n"
	"                    \"pack:2 l3:1 core:8 pu:2\"\n"
	"  --root DIR        where /sys is read below, for tests\n"
	"  --latency FILE    stage costs: sluicectl --json latency --stages > FILE; - is standard "
	"input\n"
	"  --rate N          messages of market data in the busiest second (1000000)\n"
	"  --orders N        orders in it (10000)\n"
	"  --live            show: the lanes of the running gateway, as it says itself; the usual "
	"when\n"
	"                    one answers and neither -c, --topology nor --root is given\n"
	"  --json            suggest and tune, for programs\n"
	"  --force           tune and jitter: although a gateway runs, whose lanes will suffer\n"
	"\n"
	"tune and jitter keep cores busy: not while a gateway answers on $SLUICE_SOCKET, "
	"else\n" CTL_SOCKET_DEFAULT ".\n"
	"exit codes: 0 done, 1 cannot be done, 2 wrong usage\n";

struct command {
	const char *config_file;
	const char *isolated;
	const char *topology;
	const char *root;
	const char *latency_file;
	const char *nic[NIC_MAX];
	size_t nic_cnt;
	uint32_t lanes;
	uint32_t md_per_s;
	uint32_t orders_per_s;
	uint32_t ms;
	uint32_t core;
	bool json;
	bool force;
	bool live;
};

/* What the machine says, gathered once. */
struct machine {
	struct core_map_topology topology;
	char isolated[PLAN_LIST_MAX];
	struct core_nic nic[NIC_MAX];
	size_t nic_cnt;
	struct config *config; // NULL: none given
};

/* --- options */

static int
number(const char *name, const char *text, uint32_t max, uint32_t *out, struct err *e)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text || text[0] == '-' || n > max)
		return err_set(e, -EINVAL, "%s '%.40s': wanted is a whole number up to %u", name,
			       text, max);
	*out = (uint32_t)n;
	return 0;
}

static int
parse(struct command *c, int argc, char **argv, struct err *e)
{
	enum {
		OPT_LANES = 256,
		OPT_NIC,
		OPT_ISOLATED,
		OPT_TOPOLOGY,
		OPT_ROOT,
		OPT_LATENCY,
		OPT_RATE,
		OPT_ORDERS,
		OPT_MS,
		OPT_JSON,
		OPT_FORCE,
		OPT_LIVE,
	};
	static const struct option OPTION[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "lanes", required_argument, NULL, OPT_LANES },
		{ "nic", required_argument, NULL, OPT_NIC },
		{ "isolated", required_argument, NULL, OPT_ISOLATED },
		{ "topology", required_argument, NULL, OPT_TOPOLOGY },
		{ "root", required_argument, NULL, OPT_ROOT },
		{ "latency", required_argument, NULL, OPT_LATENCY },
		{ "rate", required_argument, NULL, OPT_RATE },
		{ "orders", required_argument, NULL, OPT_ORDERS },
		{ "ms", required_argument, NULL, OPT_MS },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "force", no_argument, NULL, OPT_FORCE },
		{ "live", no_argument, NULL, OPT_LIVE },
		{ 0 },
	};
	int opt, rc = 0;

	*c = (struct command){
		.root = "", .md_per_s = 1000000, .orders_per_s = 10000, .ms = JITTER_MS
	};
	optind = 1;
	opterr = 0;
	while (rc == 0 && (opt = getopt_long(argc, argv, "c:", OPTION, NULL)) != -1)
		switch (opt) {
		case 'c':
			c->config_file = optarg;
			break;
		case OPT_LANES:
			rc = number("--lanes", optarg, PLAN_LANE_MAX, &c->lanes, e);
			break;
		case OPT_NIC:
			if (c->nic_cnt == NIC_MAX)
				return err_set(e, -EINVAL, "more than %d --nic", NIC_MAX);
			c->nic[c->nic_cnt++] = optarg;
			break;
		case OPT_ISOLATED:
			c->isolated = optarg;
			break;
		case OPT_TOPOLOGY:
			c->topology = optarg;
			break;
		case OPT_ROOT:
			c->root = optarg;
			break;
		case OPT_LATENCY:
			c->latency_file = optarg;
			break;
		case OPT_RATE:
			rc = number("--rate", optarg, 1000000000, &c->md_per_s, e);
			break;
		case OPT_ORDERS:
			rc = number("--orders", optarg, 1000000000, &c->orders_per_s, e);
			break;
		case OPT_MS:
			rc = number("--ms", optarg, 60000, &c->ms, e);
			break;
		case OPT_JSON:
			c->json = true;
			break;
		case OPT_FORCE:
			c->force = true;
			break;
		case OPT_LIVE:
			c->live = true;
			break;
		default:
			return err_set(e, -EINVAL, "'%.60s' is not understood; see core-map --help",
				       argv[optind - 1]);
		}
	return rc;
}

/* --- the machine */

static bool
read_text(const char *path, char *out, size_t out_bytes)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (f == NULL)
		return false;
	ok = fgets(out, (int)out_bytes, f) != NULL;
	if (!ok)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	fclose(f);
	return ok;
}

/* A NIC's folder in /sys: by address, or behind an interface (virtio has one more in between). */
static bool
nic_folder(const char *root, const char *name, char *out, size_t out_bytes)
{
	char path[PATH_BYTES], text[64];

	if (strchr(name, '/') != NULL || name[0] == '.')
		return false;
	for (int i = 0; i < 4; i++) {
		switch (i) {
		case 0:
			snprintf(out, out_bytes, "%s/sys/bus/pci/devices/%s", root, name);
			break;
		case 1:
			snprintf(out, out_bytes, "%s/sys/bus/pci/devices/0000:%s", root, name);
			break;
		case 2:
			snprintf(out, out_bytes, "%s/sys/class/net/%s/device", root, name);
			break;
		default:
			snprintf(out, out_bytes, "%s/sys/class/net/%s/device/..", root, name);
			break;
		}
		snprintf(path, sizeof(path), "%.480s/class", out);
		if (read_text(path, text, sizeof(text)) && strncmp(text, "0x02", 4) == 0)
			return true;
	}
	return false;
}

static bool
nic_add(struct machine *m, const char *root, const char *name)
{
	char folder[PATH_BYTES], path[PATH_BYTES + 16], text[64];
	struct core_nic *n = &m->nic[m->nic_cnt];

	if (m->nic_cnt == NIC_MAX || !nic_folder(root, name, folder, sizeof(folder)))
		return false;
	snprintf(path, sizeof(path), "%s/numa_node", folder);
	n->node = read_text(path, text, sizeof(text)) ? (int32_t)strtol(text, NULL, 10) : -1;
	snprintf(n->name, sizeof(n->name), "%.60s", name);
	m->nic_cnt++;
	return true;
}

static void
nics_list(struct machine *m, const char *root)
{
	char path[PATH_BYTES];
	struct dirent **entry;
	int cnt;

	snprintf(path, sizeof(path), "%.400s/sys/bus/pci/devices", root);
	cnt = scandir(path, &entry, NULL, alphasort);
	for (int i = 0; i < cnt; i++) {
		if (entry[i]->d_name[0] != '.')
			nic_add(m, root, entry[i]->d_name);
		free(entry[i]);
	}
	if (cnt >= 0)
		free(entry);
}

static int
topology_open(struct machine *m, const struct command *c, struct err *e)
{
	static struct config none; // without ports: their nodes are ours to find

	if (c->topology == NULL)
		return core_map_topology_open(&m->topology, m->config ? m->config : &none, e);
	if (strstr(c->topology, ".xml") != NULL)
		return core_map_topology_xml(&m->topology, c->topology, e);
	if (core_map_topology_synthetic(&m->topology, c->topology, e) == 0)
		return 0;
	return err_set(
		e, -EINVAL,
		"--topology '%.100s': wanted is a file of lstopo ending in .xml, or hwloc's short "
		"form, such as \"pack:2 l3:1 core:8 pu:2\"",
		c->topology);
}

static void
machine_close(struct machine *m)
{
	core_map_topology_close(&m->topology);
	if (m->config != NULL)
		config_free(m->config);
	free(m->config);
}

static int
machine_open(struct machine *m, const struct command *c, struct err *e)
{
	char path[PATH_BYTES];
	int rc;

	memset(m, 0, sizeof(*m));
	if (c->config_file != NULL) {
		m->config = calloc(1, sizeof(*m->config));
		if (m->config == NULL)
			return err_set(e, -ENOMEM, "no memory left for a configuration");
		rc = config_load(m->config, c->config_file, e);
		if (rc < 0) {
			free(m->config);
			return rc;
		}
	}
	rc = topology_open(m, c, e);
	if (rc < 0) {
		machine_close(m);
		return rc;
	}
	snprintf(path, sizeof(path), "%.400s/sys/devices/system/cpu/isolated", c->root);
	if (c->isolated != NULL)
		snprintf(m->isolated, sizeof(m->isolated), "%s", c->isolated);
	else if (c->topology == NULL || c->root[0] != '\0')
		read_text(path, m->isolated, sizeof(m->isolated));
	for (size_t i = 0; i < c->nic_cnt; i++)
		if (!nic_add(m, c->root, c->nic[i])) {
			machine_close(m);
			return err_set(e, -ENODEV,
				       "there is no NIC '%.60s'; see sluicectl bind show",
				       c->nic[i]);
		}
	for (uint32_t i = 0; m->config != NULL && i < m->config->ports_cnt; i++) {
		char device[128];

		snprintf(device, sizeof(device), "%.*s",
			 (int)strcspn(m->config->ports[i].device, ","), m->config->ports[i].device);
		nic_add(m, c->root, device); // a --vdev argument is no NIC
	}
	if (m->nic_cnt == 0 && (c->topology == NULL || c->root[0] != '\0'))
		nics_list(m, c->root);
	return 0;
}

/* The node the NICs agree on, and who says so. */
static void
wish_of(const struct machine *m, const struct command *c, struct core_wish *w,
	char why[PLAN_WHY_MAX])
{
	size_t used = 0;

	*w = (struct core_wish){
		.lane_cnt = c->lanes, .node = -1, .node_why = why, .isolated = m->isolated
	};
	why[0] = '\0';
	for (size_t i = 0; i < m->nic_cnt; i++) {
		if (m->nic[i].node < 0)
			continue;
		if (w->node >= 0 && w->node != m->nic[i].node) {
			w->node = -1;
			snprintf(why, PLAN_WHY_MAX,
				 "; the NICs are on several: name yours with --nic or -c");
			return;
		}
		w->node = m->nic[i].node;
		used += (size_t)snprintf(why + used, PLAN_WHY_MAX - used, "%s%s",
					 used ? ", " : "NIC ", m->nic[i].name);
		if (used >= PLAN_WHY_MAX)
			used = PLAN_WHY_MAX - 1;
	}
	if (used > 0 && used < PLAN_WHY_MAX - 8)
		snprintf(why + used, PLAN_WHY_MAX - used, " is there");
}

/* --- suggest and show */

static json_t *
stages_json(stage_set set)
{
	const struct stages_text t = stages_text_of(set);
	json_t *list = json_array();

	for (const char *at = t.text; *at != '\0';) {
		const size_t len = strcspn(at, " ");

		json_array_append_new(list, json_stringn(at, len));
		at += len + (at[len] == ' ');
	}
	return list;
}

static void
plan_json(const struct core_plan *p)
{
	json_t *lanes = json_array();
	json_t *all = json_pack("{s:i,s:b,s:o,s:s,s:s,s:b,s:s,s:s,s:s,s:s}", "control",
				(int)p->control, "shared_cores", p->shared_cores, "lanes", lanes,
				"isolate", p->isolate, "idle", p->idle, "is_isolated",
				p->is_isolated, "control_why", p->control_why, "node_why",
				p->node_why, "cache_why", p->cache_why, "count_why", p->count_why);

	for (uint32_t i = 0; i < p->lane_cnt; i++)
		json_array_append_new(lanes, json_pack("{s:s,s:i,s:o,s:s}", "name", p->lane[i].name,
						       "core", (int)p->lane[i].core, "stages",
						       stages_json(p->lane[i].stages), "why",
						       p->lane[i].why));
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static int
suggest(const struct command *c, struct machine *m, struct err *e)
{
	struct core_plan p;
	struct core_wish w;
	char why[PLAN_WHY_MAX];
	int rc;

	wish_of(m, c, &w, why);
	rc = core_plan_make(&p, &m->topology, &w, e);
	if (rc < 0)
		return rc;
	if (c->json)
		plan_json(&p);
	else
		core_plan_print(&p, stdout);
	return 0;
}

/* A gateway that runs says best where its lanes are; on this machine only. */
static bool
shows_live(const struct command *c)
{
	return c->live || (c->config_file == NULL && c->topology == NULL && c->root[0] == '\0' &&
			   access(ctl_socket_path(), R_OK | W_OK) == 0);
}

static int
show(const struct command *c, struct machine *m, struct err *e)
{
	static struct core_mark mark[LANE_MAX + 1];
	size_t cnt = 0;

	if (shows_live(c)) {
		long pid;

		cnt = ctl_live_marks(mark, LANE_MAX + 1, &pid);
		if (pid == 0)
			return err_set(e, -ENOENT, "--live: no gateway answers on %.100s",
				       ctl_socket_path());
		printf("# the lanes of the running gateway, process %ld\n", pid);
	} else if (m->config != NULL) {
		mark[cnt].core = m->config->core_map.control;
		snprintf(mark[cnt++].text, sizeof(mark[0].text), "control thread");
		for (uint32_t i = 0; i < m->config->core_map.lanes_cnt; i++) {
			const struct config_lane *l = &m->config->core_map.lanes[i];

			mark[cnt].core = l->core;
			snprintf(mark[cnt++].text, sizeof(mark[0].text), "lane %s: %s", l->name,
				 stages_text_of(l->stages).text);
		}
	}
	core_draw(stdout, &m->topology, m->isolated, mark, cnt, m->nic, m->nic_cnt);
	return 0;
}

/* --- tune */

/* Measuring takes cores away from the lanes of a gateway that trades. */
static int
refuse_beside_gateway(const struct command *c, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = ctl_socket_path();
	int fd;
	bool runs;

	if (c->force)
		return 0;
	if (strlen(path) >= sizeof(addr.sun_path))
		return 0;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	runs = connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0;
	close(fd);
	return runs ? err_set(e, -EBUSY,
			      "a gateway answers on %s, and measuring takes cores away from its "
			      "lanes; "
			      "save its figures (sluicectl --json latency --stages > FILE), stop "
			      "it, "
			      "then measure, or say --force",
			      path)
		    : 0;
}

/* Without a measurement: the 2-core reference machine of perf/README.md. */
static const uint32_t REFERENCE_NS[SPLIT_UNIT_CNT] = { 20, 70, 10, 100, 60 };
enum {
	REFERENCE_HOP_NS = 77,
};

/* A row of 'latency --stages', and the unit it belongs to. */
static const struct {
	const char *name;
	unsigned unit;
} ROW[] = {
	{ "rx", 0 },       { "arb", 0 },  { "parse", 1 },  { "book", 1 },
	{ "strategy", 2 }, { "risk", 3 }, { "orders", 4 }, { "encode+tcp", 4 },
};

static int
costs_load(const char *path, uint32_t unit_ns[SPLIT_UNIT_CNT], struct err *e)
{
	json_error_t error;
	json_t *list = strcmp(path, "-") == 0 ? json_loadf(stdin, 0, &error)
					      : json_load_file(path, 0, &error);
	json_t *row;
	size_t idx;

	if (!json_is_array(list)) {
		json_decref(list);
		return err_set(e, -EINVAL,
			       "%s: %s; wanted is what 'sluicectl --json latency --stages' writes",
			       path, list == NULL ? error.text : "no list");
	}
	memset(unit_ns, 0, sizeof(uint32_t) * SPLIT_UNIT_CNT);
	for (size_t i = 0; i < sizeof(ROW) / sizeof(ROW[0]); i++) {
		const json_t *p50 = NULL;

		json_array_foreach(list, idx, row)
		{
			const char *name = json_string_value(json_object_get(row, "name"));

			if (name != NULL && strcmp(name, ROW[i].name) == 0 &&
			    json_integer_value(json_object_get(row, "count")) > 0)
				p50 = json_object_get(row, "p50_ns");
		}
		if (!json_is_integer(p50) || json_integer_value(p50) < 0 ||
		    json_integer_value(p50) > 1000000000) {
			json_decref(list);
			return err_set(
				e, -EINVAL,
				"%s: no samples of stage '%s'; let the gateway send orders with "
				"latency.stage_sample_every above 0, then ask again",
				path, ROW[i].name);
		}
		unit_ns[ROW[i].unit] += (uint32_t)json_integer_value(p50);
	}
	json_decref(list);
	return 0;
}

struct tuning {
	struct core_plan plan;
	struct split_cost cost;
	uint32_t hop[PLAN_LANE_MAX][PLAN_LANE_MAX]; // ns, by index of the plan's lanes
	struct split best;
	uint32_t order[PLAN_LANE_MAX]; // the best split's lanes on the plan's cores
	uint32_t order_ns;             // all its hops together
};

static int
hops_measure(struct tuning *t, struct err *e)
{
	const uint32_t cnt = t->plan.lane_cnt;
	uint32_t all[PLAN_LANE_MAX * PLAN_LANE_MAX], all_cnt = 0;

	t->cost.hop_ns = REFERENCE_HOP_NS;
	for (uint32_t i = 0; i < cnt; i++)
		for (uint32_t j = 0; j < i; j++) {
			const int rc = probe_hop(t->plan.lane[i].core, t->plan.lane[j].core, HOP_MS,
						 &t->hop[i][j], e);

			if (rc < 0)
				return rc;
			t->hop[j][i] = t->hop[i][j];
			all[all_cnt++] = t->hop[i][j];
		}
	for (uint32_t i = 1; i < all_cnt; i++) // few: insertion
		for (uint32_t j = i; j > 0 && all[j] < all[j - 1]; j--) {
			const uint32_t x = all[j];

			all[j] = all[j - 1];
			all[j - 1] = x;
		}
	if (all_cnt > 0)
		t->cost.hop_ns = all[all_cnt / 2];
	return 0;
}

/* Tries every order of cores for the lanes; at most 4 of 4. */
static void
order_search(struct tuning *t, uint32_t depth, uint32_t used, uint32_t sum, uint32_t *way)
{
	if (depth == t->best.lane_cnt || depth == PLAN_LANE_MAX) {
		if (sum < t->order_ns) {
			t->order_ns = sum;
			memcpy(t->order, way, sizeof(t->order));
		}
		return;
	}
	for (uint32_t i = 0; i < t->plan.lane_cnt; i++) {
		if (used >> i & 1)
			continue;
		way[depth] = i;
		order_search(t, depth + 1, used | 1U << i,
			     sum + (depth == 0 ? 0 : t->hop[way[depth - 1]][i]), way);
	}
}

/* A core that the split leaves free is the control thread's, when it had none of its own. */
static void
control_move(struct tuning *t)
{
	for (uint32_t i = 0; t->plan.shared_cores && i < t->plan.lane_cnt; i++) {
		bool is_used = false;

		for (uint32_t k = 0; k < t->best.lane_cnt; k++)
			is_used |= t->order[k] == i;
		if (is_used)
			continue;
		t->plan.control = t->plan.lane[i].core;
		t->plan.shared_cores = false;
		snprintf(t->plan.control_why, sizeof(t->plan.control_why),
			 "the core that this split leaves free");
	}
}

static const char *
lane_name(const struct split *s, uint32_t lane_idx)
{
	static const char *const NAME[SPLIT_UNIT_CNT] = { "receive", "parser", "strategy", "risk",
							  "encoder" };
	const stage_set set = split_lane(s, lane_idx);
	unsigned unit = 0;

	if (s->lane_cnt == 1)
		return "all";
	while ((SPLIT_UNIT[unit] & set) == 0)
		unit++;
	return NAME[unit];
}

static void
split_print(const struct split *s, const char *head)
{
	printf("# %-6s %u lane%s  %4u ns  busiest %3u.%u%%  ", head, s->lane_cnt,
	       s->lane_cnt == 1 ? " " : "s", s->tick_ns, s->load_max / 10, s->load_max % 10);
	for (uint32_t i = 0; i < s->lane_cnt; i++)
		printf("%s%s", i ? " | " : "", stages_text_of(split_lane(s, i)).text);
	putchar('\n');
}

static void
tuning_print(const struct tuning *t, const char *costs_from)
{
	const struct core_plan *p = &t->plan;

	printf("# %s\n# Hops between cores, ns one way, median (%s):\n#       ", p->node_why,
	       p->lane_cnt > 1 ? "measured now" : "none to measure, the reference machine's");
	for (uint32_t i = 0; i < p->lane_cnt; i++)
		printf(" %6u", p->lane[i].core);
	putchar('\n');
	for (uint32_t i = 0; i < p->lane_cnt; i++) {
		printf("# %6u", p->lane[i].core);
		for (uint32_t j = 0; j < p->lane_cnt; j++)
			if (i == j)
				printf("      -");
			else
				printf(" %6u", t->hop[i][j]);
		putchar('\n');
	}
	printf("# Stages, ns: rx+arb %u, parse+book %u, strategy %u, risk %u, orders+encode+tcp %u "
	       "(%s)\n",
	       t->cost.unit_ns[0], t->cost.unit_ns[1], t->cost.unit_ns[2], t->cost.unit_ns[3],
	       t->cost.unit_ns[4], costs_from);
	printf("# The best for each number of lanes, at %u messages and %u orders in the busiest "
	       "second; "
	       "above %d%% queues grow:\n",
	       t->cost.md_per_s, t->cost.orders_per_s, SPLIT_LOAD_MAX / 10);
	for (uint32_t lanes = 1; lanes <= p->lane_cnt; lanes++) {
		struct split s, best = { 0 };

		for (uint32_t cuts = 0; cuts < SPLIT_CNT; cuts++) {
			split_judge(&t->cost, cuts, &s);
			if (s.lane_cnt == lanes &&
			    (best.lane_cnt == 0 || s.load_max < best.load_max))
				best = s;
		}
		split_print(&best, best.load_max > SPLIT_LOAD_MAX ? "full" : "");
	}
	split_print(&t->best, "TAKE");
	if (t->best.load_max > SPLIT_LOAD_MAX)
		printf("# Too much for %u lanes even so: shard the feed (feeds.shards), or take "
		       "more cores\n",
		       p->lane_cnt);
	printf("core_map:\n  control: %u # %s\n%s  lanes:\n", p->control, p->control_why,
	       p->shared_cores ? "  shared_cores: true\n" : "");
	for (uint32_t i = 0; i < t->best.lane_cnt; i++) {
		char stages[128];

		core_plan_stages(split_lane(&t->best, i), stages, sizeof(stages));
		printf("    - { name: %s, core: %u, stages: %s }\n", lane_name(&t->best, i),
		       p->lane[t->order[i]].core, stages);
	}
}

static void
tuning_json(const struct tuning *t)
{
	json_t *lanes = json_array(), *hops = json_array();
	json_t *all =
		json_pack("{s:i,s:i,s:i,s:i,s:o,s:o}", "control", (int)t->plan.control, "tick_ns",
			  (int)t->best.tick_ns, "load_max_permille", (int)t->best.load_max,
			  "hop_ns", (int)t->cost.hop_ns, "lanes", lanes, "hops", hops);

	for (uint32_t i = 0; i < t->best.lane_cnt; i++)
		json_array_append_new(lanes,
				      json_pack("{s:s,s:i,s:o,s:i}", "name", lane_name(&t->best, i),
						"core", (int)t->plan.lane[t->order[i]].core,
						"stages", stages_json(split_lane(&t->best, i)),
						"load_permille", (int)t->best.load[i]));
	for (uint32_t i = 0; i < t->plan.lane_cnt; i++)
		for (uint32_t j = 0; j < i; j++)
			json_array_append_new(hops, json_pack("{s:i,s:i,s:i}", "from",
							      (int)t->plan.lane[i].core, "to",
							      (int)t->plan.lane[j].core, "ns",
							      (int)t->hop[i][j]));
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static int
tune(const struct command *c, struct machine *m, struct err *e)
{
	struct tuning t = { .order_ns = UINT32_MAX };
	uint32_t way[PLAN_LANE_MAX] = { 0 };
	char why[PLAN_WHY_MAX], costs_from[PATH_BYTES];
	struct core_wish w;
	int rc;

	if (c->topology != NULL)
		return err_set(e, -EINVAL,
			       "tune measures this machine: --topology is for suggest and show");
	rc = refuse_beside_gateway(c, e);
	if (rc < 0)
		return rc;
	wish_of(m, c, &w, why);
	rc = core_plan_make(&t.plan, &m->topology, &w, e);
	memcpy(t.cost.unit_ns, REFERENCE_NS, sizeof(t.cost.unit_ns));
	snprintf(costs_from, sizeof(costs_from),
		 "NOT measured here: the reference machine's; --latency FILE");
	if (rc == 0 && c->latency_file != NULL) {
		rc = costs_load(c->latency_file, t.cost.unit_ns, e);
		snprintf(costs_from, sizeof(costs_from), "medians of %.400s", c->latency_file);
	}
	if (rc == 0)
		rc = hops_measure(&t, e);
	if (rc < 0)
		return rc;
	t.cost.md_per_s = c->md_per_s;
	t.cost.orders_per_s = c->orders_per_s;
	split_best(&t.cost, t.plan.lane_cnt, &t.best);
	order_search(&t, 0, 0, 0, way);
	control_move(&t);
	if (c->json)
		tuning_json(&t);
	else
		tuning_print(&t, costs_from);
	return 0;
}

static int
jitter(const struct command *c, struct err *e)
{
	struct probe_jitter j;
	int rc = refuse_beside_gateway(c, e);

	if (rc == 0)
		rc = probe_jitter(c->core, c->ms, &j, e);
	if (rc == 0)
		printf("%llu %llu\n", (unsigned long long)j.lost_ns_per_s,
		       (unsigned long long)j.worst_ns);
	return rc;
}

/* --- the command */

static int
told(struct err *e, int exit_code)
{
	err_end(e);
	fprintf(stderr, "sluicectl core-map: %s\n", e->text);
	return exit_code;
}

int
ctl_core_map(int argc, char **argv)
{
	static const struct {
		const char *word;
		int (*run)(const struct command *c, struct machine *m, struct err *e);
	} COMMAND[] = { { "suggest", suggest }, { "show", show }, { "tune", tune } };
	struct command c;
	struct machine m;
	struct err e;
	int rc;

	err_init(&e);
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(USAGE, stdout);
			return EXIT_DONE;
		}
	if (argc < 2) {
		fputs(USAGE, stderr);
		return EXIT_USAGE;
	}
	if (parse(&c, argc - 1, argv + 1, &e) < 0)
		return told(&e, EXIT_USAGE);
	argc -= 1 + optind;
	if (strcmp(argv[1], "jitter") == 0) {
		if (argc != 1 || number("CORE", argv[1 + optind], 65535, &c.core, &e) < 0 ||
		    c.ms == 0) {
			err_set(&e, -EINVAL, "jitter needs one core, and a time above 0");
			return told(&e, EXIT_USAGE);
		}
		return jitter(&c, &e) < 0 ? told(&e, EXIT_REFUSED) : EXIT_DONE;
	}
	for (size_t i = 0; i < sizeof(COMMAND) / sizeof(COMMAND[0]); i++) {
		if (strcmp(argv[1], COMMAND[i].word) != 0)
			continue;
		if (argc != 0) {
			err_set(&e, -EINVAL, "'%.60s' is one word too many", argv[1 + optind]);
			return told(&e, EXIT_USAGE);
		}
		rc = machine_open(&m, &c, &e);
		if (rc < 0)
			return told(&e, EXIT_REFUSED);
		rc = COMMAND[i].run(&c, &m, &e);
		machine_close(&m);
		return rc < 0 ? told(&e, EXIT_REFUSED) : EXIT_DONE;
	}
	err_set(&e, -EINVAL,
		"there is no 'core-map %.40s'; there are suggest, show, tune and jitter", argv[1]);
	return told(&e, EXIT_USAGE);
}

int
ctl_script(const char *script, int argc, char **argv)
{
	static const char *const BESIDE[] = { "../lib/sluice/", "../share/sluice/scripts/",
					      "../../../scripts/" };
	char path[PATH_BYTES], self[256];
	const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	(void)argc;
	if (len > 0) {
		self[len] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		for (size_t i = 0; i < sizeof(BESIDE) / sizeof(BESIDE[0]); i++) {
			snprintf(path, sizeof(path), "%s/%s%s", self, BESIDE[i], script);
			if (access(path, X_OK) == 0) {
				argv[0] = path;
				setenv("SLUICE_CALLED_BY", "sluicectl", 1);
				execv(path, argv);
			}
		}
	}
	fprintf(stderr,
		"sluicectl: %s is not beside this program (../lib/sluice, ../share/sluice/scripts, "
		"or the "
		"source tree's scripts/)\n",
		script);
	return EXIT_REFUSED;
}
