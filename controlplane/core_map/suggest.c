/* SPDX-License-Identifier: Apache-2.0 */
#include "core_map/suggest.h"

#include <errno.h>
#include <hwloc.h>
#include <string.h>

/* The shipped maps, one to four lanes; controlplane/core_map/maps says why each. */
static const struct {
	const char *name;
	stage_set stages;
	const char *why;
} MAP[PLAN_LANE_MAX][PLAN_LANE_MAX] = {
	{ { "all", UNIT_RX | UNIT_PARSE | UNIT_STRATEGY | UNIT_RISK | UNIT_WIRE,
	    "everything on one core: no hop at all" } },
	{ { "market", UNIT_RX | UNIT_PARSE | UNIT_STRATEGY, "market data as far as the strategy" },
	  { "orders", UNIT_RISK | UNIT_WIRE,
	    "a burst of market data does not hold up executions" } },
	{ { "receive", UNIT_RX, "never waits for the book, so the NIC's queue never fills" },
	  { "decider", UNIT_PARSE | UNIT_STRATEGY | UNIT_RISK, "one hop less from price to order" },
	  { "encoder", UNIT_WIRE, "the order connection, whatever the market does" } },
	{ { "receive", UNIT_RX, "never waits for the book, so the NIC's queue never fills" },
	  { "parser", UNIT_PARSE | UNIT_STRATEGY, "the books and who reads them share a cache" },
	  { "risk", UNIT_RISK, "an order is judged while the book goes on" },
	  { "encoder", UNIT_WIRE, "the order connection, whatever the market does" } },
};

enum {
	CANDIDATE_MAX = 1024,
};

/* A physical core that may get a lane. */
struct candidate {
	uint32_t cpu; // the thread a lane would get
	hwloc_obj_t core;
	hwloc_obj_t l3; // NULL: the machine does not say
	bool isolated;
	bool boot; // has CPU 0, where the kernel does what it must do somewhere
	bool taken;
};

struct choice {
	hwloc_topology_t topology;
	hwloc_bitmap_t isolated;
	struct candidate list[CANDIDATE_MAX];
	size_t cnt;
	bool any_isolated;
};

static int
node_of_core(hwloc_obj_t core)
{
	return core->nodeset ? hwloc_bitmap_first(core->nodeset) : -1;
}

static void
candidates_find(struct choice *c)
{
	const int cnt = hwloc_get_nbobjs_by_type(c->topology, HWLOC_OBJ_CORE);

	c->cnt = 0;
	for (int i = 0; i < cnt && c->cnt < CANDIDATE_MAX; i++) {
		struct candidate *k = &c->list[c->cnt];
		const hwloc_obj_t core =
			hwloc_get_obj_by_type(c->topology, HWLOC_OBJ_CORE, (unsigned)i);
		int cpu = -1;

		if (core == NULL || hwloc_bitmap_iszero(core->cpuset))
			continue;
		// the first isolated thread of it, or the first
		for (int p = hwloc_bitmap_first(core->cpuset); p >= 0 && cpu < 0;
		     p = hwloc_bitmap_next(core->cpuset, p))
			if (hwloc_bitmap_isset(c->isolated, (unsigned)p))
				cpu = p;
		*k = (struct candidate){
			.cpu = (uint32_t)(cpu >= 0 ? cpu : hwloc_bitmap_first(core->cpuset)),
			.core = core,
			.l3 = hwloc_get_ancestor_obj_by_type(c->topology, HWLOC_OBJ_L3CACHE, core),
			.isolated = cpu >= 0,
			.boot = hwloc_bitmap_isset(core->cpuset, 0),
		};
		c->any_isolated |= k->isolated;
		c->cnt++;
	}
}

/* Better ones have lower ranks; a core of another node is none at all. */
static int
rank_of(const struct choice *c, const struct candidate *k)
{
	if (k->isolated)
		return 0;
	if (k->boot)
		return 2;
	return c->any_isolated ? 1 : 0;
}

/* How many cores below one L3 a map would get without going down in rank. */
static uint32_t
group_size(const struct choice *c, int node, hwloc_obj_t l3)
{
	uint32_t size = 0;

	for (size_t i = 0; i < c->cnt; i++)
		size += node_of_core(c->list[i].core) == node && c->list[i].l3 == l3 &&
			rank_of(c, &c->list[i]) == 0;
	return size;
}

static int
node_choose(const struct choice *c, const struct core_wish *w, struct core_plan *p, struct err *e)
{
	int best = -1;
	uint32_t best_cnt = 0;

	if (w->node >= 0) {
		for (size_t i = 0; i < c->cnt; i++)
			if (node_of_core(c->list[i].core) == w->node) {
				snprintf(p->node_why, sizeof(p->node_why), "node %d: %s", w->node,
					 w->node_why);
				return w->node;
			}
		return err_set(e, -EINVAL, "NUMA node %d (%s) has no cores here", w->node,
			       w->node_why);
	}
	for (size_t i = 0; i < c->cnt; i++) {
		const int node = node_of_core(c->list[i].core);
		uint32_t cnt = 0;

		for (size_t j = 0; j < c->cnt; j++)
			cnt += node_of_core(c->list[j].core) == node &&
			       rank_of(c, &c->list[j]) == 0;
		if (best < 0 || cnt > best_cnt) {
			best = node;
			best_cnt = cnt;
		}
	}
	snprintf(p->node_why, sizeof(p->node_why),
		 "node %d: no NIC says where it is, and most cores fit for lanes are there%s", best,
		 w->node_why[0] ? w->node_why : "");
	return best;
}

/* The next core for a lane: of the best rank, below the wanted L3 if there is one. */
static struct candidate *
core_choose(struct choice *c, int node, hwloc_obj_t l3)
{
	struct candidate *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < c->cnt; i++) {
		struct candidate *k = &c->list[i];
		const int score = rank_of(c, k) * 2 + (k->l3 != l3);

		if (k->taken || node_of_core(k->core) != node)
			continue;
		if (best == NULL || score < best_score) {
			best = k;
			best_score = score;
		}
	}
	return best;
}

static void
cpus_text(hwloc_const_bitmap_t set, char *out, size_t out_bytes)
{
	hwloc_bitmap_list_snprintf(out, out_bytes, set);
}

static void
control_choose(struct choice *c, int node, struct core_plan *p)
{
	const struct candidate *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < c->cnt; i++) {
		const struct candidate *k = &c->list[i];
		const int score = (node_of_core(k->core) != node) * 2 + k->isolated;

		if (k->taken)
			continue;
		if (best == NULL || score < best_score) {
			best = k;
			best_score = score;
		}
	}
	if (best == NULL) {
		p->control = p->lane[0].core;
		p->shared_cores = true;
		snprintf(p->control_why, sizeof(p->control_why),
			 "there is no other core: lane and control thread take turns; for tests "
			 "only");
		return;
	}
	p->control = best->cpu;
	snprintf(p->control_why, sizeof(p->control_why), "%s, no lane's sibling%s",
		 best->isolated ? "isolated, for lack of another"
		 : best->boot   ? "the kernel's own work is here anyway"
				: "not isolated, so it may sleep and be interrupted",
		 node_of_core(best->core) == node ? ", on the lanes' node"
						  : "; on another node, for lack of one here");
}

static void
lists_fill(struct choice *c, struct core_plan *p)
{
	hwloc_bitmap_t lanes = hwloc_bitmap_alloc(), idle = hwloc_bitmap_alloc();

	for (size_t i = 0; i < c->cnt; i++) {
		if (!c->list[i].taken)
			continue;
		hwloc_bitmap_set(lanes, c->list[i].cpu);
		hwloc_bitmap_or(idle, idle, c->list[i].core->cpuset);
	}
	hwloc_bitmap_andnot(idle, idle, lanes);
	cpus_text(lanes, p->isolate, sizeof(p->isolate));
	cpus_text(idle, p->idle, sizeof(p->idle));
	p->is_isolated = hwloc_bitmap_isincluded(lanes, c->isolated);
	hwloc_bitmap_free(lanes);
	hwloc_bitmap_free(idle);
}

/* The L3 with room for most of the lanes; the first of equals, so the picture stays the same. */
static hwloc_obj_t
cache_choose(const struct choice *c, int node, uint32_t want, uint32_t *room)
{
	hwloc_obj_t best = NULL;
	bool is_first = true;

	*room = 0;
	for (size_t i = 0; i < c->cnt; i++) {
		uint32_t size;

		if (node_of_core(c->list[i].core) != node)
			continue;
		size = group_size(c, node, c->list[i].l3);
		if (is_first || (size > *room && *room < want)) {
			best = c->list[i].l3;
			*room = size;
		}
		is_first = false;
	}
	return best;
}

static void
cache_tell(const struct core_plan *p, hwloc_obj_t l3, uint32_t crossing, char *out,
	   size_t out_bytes)
{
	if (p->lane_cnt == 1)
		snprintf(out, out_bytes,
			 "one lane has no hops: which cache it shares matters little");
	else if (l3 == NULL)
		snprintf(out, out_bytes, "the machine tells of no L3: measure with core-map tune");
	else if (crossing == 0)
		snprintf(out, out_bytes,
			 "all below L3 #%u (%llu MB): a hop stays inside that cache",
			 l3->logical_index, (unsigned long long)l3->attr->cache.size >> 20);
	else
		snprintf(out, out_bytes,
			 "L3 #%u has no room for all: hops to %u of the lanes cross caches, about "
			 "twice as slow",
			 l3->logical_index, crossing);
}

static int
lanes_choose(struct choice *c, const struct core_wish *w, int node, struct core_plan *p,
	     struct err *e)
{
	uint32_t on_node = 0, room, crossing = 0;
	hwloc_obj_t l3;

	for (size_t i = 0; i < c->cnt; i++)
		on_node += node_of_core(c->list[i].core) == node;
	l3 = cache_choose(c, node, w->lane_cnt ? w->lane_cnt : PLAN_LANE_MAX, &room);
	if (w->lane_cnt > on_node)
		return err_set(
			e, -EINVAL,
			"%u lanes were asked for, and NUMA node %d has %u physical cores; ask "
			"for fewer with --lanes",
			w->lane_cnt, node, on_node);
	p->lane_cnt = w->lane_cnt;
	if (p->lane_cnt == 0) {
		p->lane_cnt = room < 1 ? 1 : (room > PLAN_LANE_MAX ? PLAN_LANE_MAX : room);
		snprintf(p->count_why, sizeof(p->count_why),
			 "%u lane%s: %u %s core%s below one L3; each hop costs more than most "
			 "stages, "
			 "so core-map tune may propose fewer",
			 p->lane_cnt, p->lane_cnt == 1 ? "" : "s", room,
			 c->any_isolated ? "isolated" : "free", room == 1 ? "" : "s");
	} else {
		snprintf(p->count_why, sizeof(p->count_why), "%u lane%s, as asked", p->lane_cnt,
			 p->lane_cnt == 1 ? "" : "s");
	}
	for (uint32_t i = 0; i < p->lane_cnt; i++) {
		struct candidate *k = core_choose(c, node, l3);
		struct core_plan_lane *l = &p->lane[i];

		k->taken = true;
		crossing += k->l3 != l3;
		*l = (struct core_plan_lane){ .name = MAP[p->lane_cnt - 1][i].name,
					      .core = k->cpu,
					      .stages = MAP[p->lane_cnt - 1][i].stages };
		snprintf(l->why, sizeof(l->why), "%s; core %s%s%s", MAP[p->lane_cnt - 1][i].why,
			 k->isolated ? "isolated" : "NOT isolated yet",
			 k->boot ? ", where the kernel booted: interrupts will land here" : "",
			 k->l3 != l3 ? ", below another L3" : "");
	}
	cache_tell(p, l3, crossing, p->cache_why, sizeof(p->cache_why));
	return 0;
}

int
core_plan_make(struct core_plan *p, const struct core_map_topology *t, const struct core_wish *w,
	       struct err *e)
{
	static struct choice c; // big; one caller at a time
	int rc, node;

	memset(p, 0, sizeof(*p));
	memset(&c, 0, sizeof(c));
	if (w->lane_cnt > PLAN_LANE_MAX)
		return err_set(e, -EINVAL, "%u lanes: 1 to %d can be suggested", w->lane_cnt,
			       PLAN_LANE_MAX);
	c.topology = t->hwloc;
	c.isolated = hwloc_bitmap_alloc();
	if (c.isolated == NULL)
		return err_set(e, -ENOMEM, "no memory left");
	if (w->isolated[0] != '\0' && hwloc_bitmap_list_sscanf(c.isolated, w->isolated) < 0) {
		hwloc_bitmap_free(c.isolated);
		return err_set(e, -EINVAL, "'%s' is no list of cores", w->isolated);
	}
	candidates_find(&c);
	node = c.cnt == 0 ? err_set(e, -EINVAL, "this topology has no cores")
			  : node_choose(&c, w, p, e);
	rc = node < 0 ? node : lanes_choose(&c, w, node, p, e);
	if (rc == 0) {
		control_choose(&c, node, p);
		lists_fill(&c, p);
	}
	hwloc_bitmap_free(c.isolated);
	return rc;
}

void
core_plan_stages(stage_set set, char *out, size_t out_bytes)
{
	const struct stages_text words = stages_text_of(set);
	size_t len = (size_t)snprintf(out, out_bytes, "[");

	for (const char *w = words.text; *w != '\0' && len < out_bytes; w++)
		len += (size_t)snprintf(out + len, out_bytes - len, *w == ' ' ? ", " : "%c", *w);
	if (len < out_bytes)
		snprintf(out + len, out_bytes - len, "]");
}

void
core_plan_print(const struct core_plan *p, FILE *out)
{
	fprintf(out, "# Written by 'sluicectl core-map suggest'.  Put it into the configuration, "
		     "or name "
		     "this file with\n# core_map_file.\n#\n");
	fprintf(out, "# %s\n# %s\n# %s\n", p->node_why, p->cache_why, p->count_why);
	fprintf(out, "core_map:\n  control: %u # %s\n", p->control, p->control_why);
	if (p->shared_cores)
		fprintf(out,
			"  shared_cores: true # for tests: lanes yield, and wait for each other\n");
	fprintf(out, "  lanes:\n");
	for (uint32_t i = 0; i < p->lane_cnt; i++) {
		char stages[128];

		core_plan_stages(p->lane[i].stages, stages, sizeof(stages));
		fprintf(out, "    # %s\n    - { name: %s, core: %u, stages: %s }\n", p->lane[i].why,
			p->lane[i].name, p->lane[i].core, stages);
	}
	if (!p->is_isolated && !p->shared_cores)
		fprintf(out,
			"# Isolate the lanes' cores: sluicectl host apply --yes --cpus %s "
			"isolation; "
			"update-grub; reboot\n",
			p->isolate);
	if (p->idle[0] != '\0')
		fprintf(out,
			"# SMT siblings of lanes, to be left idle: %s (sluicectl host apply --yes "
			"--cpus %s "
			"--set smt=siblings_off power)\n",
			p->idle, p->isolate);
}
