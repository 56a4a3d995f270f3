/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <hwloc.h>
#include <stdio.h>
#include <string.h>

#include "core_map/check.h"
#include "err/fault.h"

/* A walk along rings whose messages need room. */
struct loop {
	const struct core_map *m;
	struct err *e;
	enum { WHITE, OPEN, DONE } state[LANE_MAX];
	uint32_t way[LANE_MAX]; // ring indices from the start to here
};

/* The loop that ends with the last ring of the way, as text. */
static void
loop_complain(struct loop *l, uint32_t depth)
{
	const struct core_map_ring *ring = l->m->ring;
	const uint32_t lane = ring[l->way[depth]].taker;
	char text[512];
	uint32_t i = depth;
	size_t used;

	while (i > 0 && ring[l->way[i]].putter != lane)
		i--;
	used = (size_t)snprintf(text, sizeof(text), "%s", l->m->lane[lane].name);
	for (; i <= depth && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " -%s-> %s",
					 hop_word(ring[l->way[i]].hop),
					 l->m->lane[ring[l->way[i]].taker].name);
	err_add(l->e, -EINVAL,
		"core_map: these lanes can wait for each other for ever: %s; every message on "
		"this loop needs room further on. Let the stages follow the data's way",
		text);
}

static void
loop_walk(struct loop *l, uint32_t lane, uint32_t depth)
{
	l->state[lane] = OPEN;
	for (uint32_t i = 0; i < l->m->ring_cnt; i++) {
		const struct core_map_ring *g = &l->m->ring[i];

		if (g->putter != lane || g->putter == g->taker || !HOPS[g->hop].needs_room)
			continue;
		l->way[depth] = i;
		if (l->state[g->taker] == OPEN)
			loop_complain(l, depth);
		else if (l->state[g->taker] == WHITE)
			loop_walk(l, g->taker, depth + 1);
	}
	l->state[lane] = DONE;
}

int
core_map_check_rings(const struct core_map *m, struct err *e)
{
	struct loop l = { .m = m, .e = e };

	for (uint32_t i = 0; i < m->ring_cnt; i++) {
		const struct core_map_ring *g = &m->ring[i];

		if (g->putter == g->taker)
			err_add(e, -EINVAL, "core_map: lane '%s' has a %s ring to itself",
				m->lane[g->putter].name, hop_word(g->hop));
		for (uint32_t j = 0; j < i; j++)
			if (m->ring[j].hop == g->hop && m->ring[j].putter == g->putter &&
			    m->ring[j].taker == g->taker)
				err_add(e, -EINVAL,
					"core_map: there are two %s rings from lane '%s' to '%s'",
					hop_word(g->hop), m->lane[g->putter].name,
					m->lane[g->taker].name);
	}
	for (uint32_t i = 0; i < m->lane_cnt; i++)
		if (l.state[i] == WHITE)
			loop_walk(&l, i, 0);
	return e->code;
}

static int
topology_load(struct core_map_topology *t, const char *synthetic, struct err *e)
{
	hwloc_topology_t topology;

	memset(t, 0, sizeof(*t));
	for (uint32_t i = 0; i < PORT_MAX; i++)
		t->port_node[i] = -1;
	if (hwloc_topology_init(&topology) < 0)
		return err_set(e, -ENOMEM, "the machine's cores cannot be listed: no memory left");
	if ((synthetic && hwloc_topology_set_synthetic(topology, synthetic) < 0) ||
	    hwloc_topology_load(topology) < 0) {
		hwloc_topology_destroy(topology);
		return err_set(e, -EINVAL, "the machine's cores cannot be listed: %s",
			       strerror(errno));
	}
	t->hwloc = topology;
	return 0;
}

int
core_map_topology_synthetic(struct core_map_topology *t, const char *synthetic, struct err *e)
{
	return topology_load(t, synthetic, e);
}

void
core_map_topology_close(struct core_map_topology *t)
{
	if (t->hwloc)
		hwloc_topology_destroy(t->hwloc);
	t->hwloc = NULL;
}

static void
ports_find(struct core_map_topology *t, const struct config *c)
{
	for (uint32_t i = 0; i < c->ports_cnt; i++) {
		char path[256];
		FILE *f;
		int node;

		// A --vdev argument begins with a letter and contains no folder.
		if (!isxdigit((unsigned char)c->ports[i].device[0]) ||
		    strchr(c->ports[i].device, '/'))
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.*s/numa_node",
			 (int)strcspn(c->ports[i].device, ","), c->ports[i].device);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%d", &node) == 1)
			t->port_node[i] = node;
		fclose(f);
	}
}

int
core_map_topology_open(struct core_map_topology *t, const struct config *c, struct err *e)
{
	const int code = topology_load(t, NULL, e);

	if (code == 0)
		ports_find(t, c);
	return code;
}

static hwloc_obj_t
core_of(const struct core_map_topology *t, uint32_t cpu)
{
	const hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(t->hwloc, cpu);

	return pu ? hwloc_get_ancestor_obj_by_type(t->hwloc, HWLOC_OBJ_CORE, pu) : NULL;
}

static int
node_of(const struct core_map_topology *t, uint32_t cpu)
{
	const hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(t->hwloc, cpu);

	return pu && pu->nodeset ? hwloc_bitmap_first(pu->nodeset) : -1;
}

static bool
exists(const struct core_map_topology *t, uint32_t cpu)
{
	return hwloc_get_pu_obj_by_os_index(t->hwloc, cpu) != NULL;
}

static void
cores_exist(const struct core_map *m, const struct config *c, const struct core_map_topology *t,
	    struct err *e)
{
	char cores[128];

	hwloc_bitmap_list_snprintf(cores, sizeof(cores),
				   hwloc_topology_get_complete_cpuset(t->hwloc));
	if (!exists(t, m->control_core))
		err_add(e, -EINVAL,
			"%s: core_map.control: core %u is not there; this machine has %s %s",
			core_map_where(c, &c->core_map.control).text, m->control_core, cores,
			fault_tag(FAULT_CORE_NONE));
	for (uint32_t i = 0; i < m->lane_cnt; i++)
		if (!exists(t, m->lane[i].core))
			err_add(e, -EINVAL,
				"%s: core_map.lanes[%u] '%s': core %u is not there; this machine "
				"has %s %s",
				core_map_where(c, &c->core_map.lanes[i].core).text, i,
				m->lane[i].name, m->lane[i].core, cores,
				fault_tag(FAULT_CORE_NONE));
}

/* Two threads of one core take turns in it: each slows the other at the worst moment. */
static void
siblings_warn(struct core_map *m, const struct core_map_topology *t)
{
	for (uint32_t i = 0; i < m->lane_cnt; i++) {
		const struct core_map_lane *l = &m->lane[i];
		const hwloc_obj_t core = core_of(t, l->core);

		if (core && l->core != m->control_core && core == core_of(t, m->control_core))
			err_add(&m->warnings, 0,
				"lane '%s' on core %u and the control thread on core %u are SMT "
				"siblings: they share one physical core %s",
				l->name, l->core, m->control_core, fault_tag(FAULT_WARN_SIBLING));
		for (uint32_t j = 0; j < i; j++)
			if (core && m->lane[j].core != l->core &&
			    core == core_of(t, m->lane[j].core))
				err_add(&m->warnings, 0,
					"lanes '%s' on core %u and '%s' on core %u are SMT "
					"siblings: they share one physical core %s",
					m->lane[j].name, m->lane[j].core, l->name, l->core,
					fault_tag(FAULT_WARN_SIBLING));
	}
}

static void
nodes_warn(struct core_map *m, const struct config *c, const struct core_map_topology *t)
{
	for (uint32_t i = 0; i < m->lane_cnt; i++) {
		const struct core_map_lane *l = &m->lane[i];
		const int node = node_of(t, l->core);

		for (uint32_t p = 0; p < c->ports_cnt; p++)
			if ((l->rx_port_mask | l->tx_port_mask) & 1U << p && node >= 0 &&
			    t->port_node[p] >= 0 && t->port_node[p] != node)
				err_add(&m->warnings, 0,
					"lane '%s' on core %u is on NUMA node %d, while its port "
					"'%s' is on node %d: every frame crosses the socket %s",
					l->name, l->core, node, c->ports[p].name, t->port_node[p],
					fault_tag(FAULT_WARN_NODE));
	}
	for (uint32_t i = 0; i < m->ring_cnt; i++) {
		const struct core_map_ring *g = &m->ring[i];
		const int from = node_of(t, m->lane[g->putter].core);
		const int to = node_of(t, m->lane[g->taker].core);

		if (from != to && HOPS[g->hop].needs_room)
			err_add(&m->warnings, 0,
				"the %s ring from lane '%s' (NUMA node %d) to '%s' (node %d) "
				"crosses sockets %s",
				hop_word(g->hop), m->lane[g->putter].name, from,
				m->lane[g->taker].name, to, fault_tag(FAULT_WARN_NODE));
	}
}

int
core_map_check_machine(struct core_map *m, const struct config *c,
		       const struct core_map_topology *t, struct err *e)
{
	err_init(e);
	cores_exist(m, c, t, e);
	if (!e->code) {
		siblings_warn(m, t);
		nodes_warn(m, c, t);
	}
	err_end(e);
	err_end(&m->warnings);
	return e->code;
}
