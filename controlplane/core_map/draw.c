/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <hwloc.h>
#include <string.h>

#include "core_map/suggest.h"

struct drawing {
	FILE *out;
	hwloc_topology_t topology;
	hwloc_bitmap_t isolated;
	const struct core_mark *mark;
	size_t mark_cnt;
	const struct core_nic *nic;
	size_t nic_cnt;
	hwloc_obj_t package; // what the last line stood in; NULL: nothing yet
	hwloc_obj_t l3;
	int node;
};

int
core_map_topology_xml(struct core_map_topology *t, const char *path, struct err *e)
{
	hwloc_topology_t topology;

	memset(t, 0, sizeof(*t));
	for (uint32_t i = 0; i < PORT_MAX; i++)
		t->port_node[i] = -1;
	if (hwloc_topology_init(&topology) < 0)
		return err_set(e, -ENOMEM, "no memory left for a topology");
	if (hwloc_topology_set_xml(topology, path) < 0 || hwloc_topology_load(topology) < 0) {
		hwloc_topology_destroy(topology);
		return err_set(e, -EINVAL, "%s is no topology as 'lstopo FILE.xml' writes it",
			       path);
	}
	t->hwloc = topology;
	return 0;
}

static void
nics_draw(const struct drawing *d, int node)
{
	bool any = false;

	for (size_t i = 0; i < d->nic_cnt; i++)
		if (d->nic[i].node == node) {
			fprintf(d->out, "%s %s", any ? "," : "  NICs:", d->nic[i].name);
			any = true;
		}
}

/* Headings, where they differ from those of the core before. */
static void
heads_draw(struct drawing *d, hwloc_obj_t core)
{
	const hwloc_obj_t package =
		hwloc_get_ancestor_obj_by_type(d->topology, HWLOC_OBJ_PACKAGE, core);
	const hwloc_obj_t l3 = hwloc_get_ancestor_obj_by_type(d->topology, HWLOC_OBJ_L3CACHE, core);
	const int node = core->nodeset ? hwloc_bitmap_first(core->nodeset) : 0;

	if (package != d->package && package != NULL)
		fprintf(d->out, "socket %u\n", package->os_index);
	if (node != d->node || package != d->package) {
		fprintf(d->out, "  node %d", node);
		nics_draw(d, node);
		fputc('\n', d->out);
	}
	if (l3 != d->l3 && l3 != NULL)
		fprintf(d->out, "    L3 #%u, %llu MB\n", l3->logical_index,
			(unsigned long long)l3->attr->cache.size >> 20);
	d->package = package;
	d->node = node;
	d->l3 = l3;
}

static void
thread_draw(const struct drawing *d, unsigned cpu, bool is_first, bool lane_in_core)
{
	bool any = false;

	fprintf(d->out, "%s cpu %-3u", is_first ? "" : "  |", cpu);
	if (hwloc_bitmap_isset(d->isolated, cpu))
		fputs(" isolated", d->out);
	for (size_t i = 0; i < d->mark_cnt; i++)
		if (d->mark[i].core == cpu) {
			fprintf(d->out, "%s %s", any ? " and" : "", d->mark[i].text);
			any = true;
		}
	if (!any && lane_in_core)
		fputs(" (keep idle)", d->out);
}

static bool
is_marked(const struct drawing *d, hwloc_obj_t core)
{
	for (size_t i = 0; i < d->mark_cnt; i++)
		if (hwloc_bitmap_isset(core->cpuset, d->mark[i].core))
			return true;
	return false;
}

void
core_draw(FILE *out, const struct core_map_topology *t, const char *isolated,
	  const struct core_mark *mark, size_t mark_cnt, const struct core_nic *nic, size_t nic_cnt)
{
	struct drawing d = { .out = out,
			     .topology = t->hwloc,
			     .isolated = hwloc_bitmap_alloc(),
			     .mark = mark,
			     .mark_cnt = mark_cnt,
			     .nic = nic,
			     .nic_cnt = nic_cnt,
			     .node = -1 };
	const int cnt = hwloc_get_nbobjs_by_type(t->hwloc, HWLOC_OBJ_CORE);

	if (d.isolated == NULL)
		return;
	if (isolated[0] != '\0' && hwloc_bitmap_list_sscanf(d.isolated, isolated) < 0)
		hwloc_bitmap_zero(d.isolated);
	for (int i = 0; i < cnt; i++) {
		const hwloc_obj_t core =
			hwloc_get_obj_by_type(t->hwloc, HWLOC_OBJ_CORE, (unsigned)i);
		const bool marked = is_marked(&d, core);
		bool is_first = true;
		int cpu;

		heads_draw(&d, core);
		fprintf(out, "      core %-3d", i);
		for (cpu = hwloc_bitmap_first(core->cpuset); cpu >= 0;
		     cpu = hwloc_bitmap_next(core->cpuset, cpu)) {
			thread_draw(&d, (unsigned)cpu, is_first, marked);
			is_first = false;
		}
		fputc('\n', out);
	}
	for (size_t i = 0; i < mark_cnt; i++)
		if (hwloc_get_pu_obj_by_os_index(t->hwloc, mark[i].core) == NULL)
			fprintf(out, "NOT on this machine: cpu %u, %s\n", mark[i].core,
				mark[i].text);
	if (nic_cnt > 0) {
		bool any = false;

		for (size_t i = 0; i < nic_cnt; i++)
			if (nic[i].node < 0) {
				fprintf(out, "%s %s",
					any ? "," : "NICs that tell no node:", nic[i].name);
				any = true;
			}
		if (any)
			fputc('\n', out);
	}
	hwloc_bitmap_free(d.isolated);
}
