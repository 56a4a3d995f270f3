/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/offline.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "boot/buf_pool.h"
#include "boot/lane_start.h"
#include "boot/port_start.h"
#include "lane/housekeeping.h"
#include "lane/lane_api.h"
#include "observe/clock_rate.h"
#include "port/port_buf.h"

enum {
	MEMORY_MB = 256,
	POOL_CACHE_CNT = 256,
};

/* A core we may run on: the environment insists on pinning its thread. */
static int
first_core(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 0;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			return i;
	return 0;
}

int
offline_eal(uint32_t memory_mb, struct err *e)
{
	static char megabytes[16], lcores[32];
	static char *argv[] = { "sluice", "--no-huge", "--no-pci", "--no-telemetry", "--no-shconf",
				"-m",     megabytes,   lcores,     "--log-level=4" };
	static bool done;

	if (done)
		return 0;
	snprintf(megabytes, sizeof(megabytes), "%u", memory_mb != 0 ? memory_mb : MEMORY_MB);
	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", first_core());
	if (rte_eal_init((int)ARRAY_CNT(argv), argv) < 0)
		return err_set(e, -EIO, "DPDK does not start: %s", rte_strerror(rte_errno));
	done = true;
	return 0;
}

/* Every port of the configuration becomes a queue in memory. */
static int
make_rings(struct gateway *g, const char *profile_dir, struct err *e)
{
	struct config *c = g->config;

	for (uint32_t i = 0; i < c->ports_cnt; i++) {
		struct config_port *p = &c->ports[i];
		int rc;

		snprintf(p->device, sizeof(p->device), "net_ring_%s", p->name);
		snprintf(p->profile, sizeof(p->profile), "ring");
		p->mtu_bytes = RTE_ETHER_MTU;
		p->rx_descriptors = 0;
		p->tx_descriptors = 0;
		if (!p->mac.is_set)
			p->mac = (struct mac){ .byte = { 0x02, 0, 0, 0, 0, (uint8_t)(i + 1) },
					       .is_set = true };
		rc = profile_load(&g->port[i].profile,
				  profile_dir != NULL ? profile_dir : c->pmd_config_dir, "ring", e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Its memory is there before a lane is the first to write to it. */
static void
touch_ring(struct rte_ring *r)
{
	void *p = r;

	for (uint32_t n = rte_ring_get_size(r); n != 0; n--)
		if (rte_ring_enqueue(r, p) != 0 || rte_ring_dequeue(r, &p) != 0)
			return;
}

static uint16_t
on_sent(uint16_t port_id, uint16_t queue, struct rte_mbuf **buf, uint16_t cnt, void *offline)
{
	const struct offline *o = offline;

	if (cnt != 0)
		o->on_send(o->on_send_ctx);
	return cnt;
}

static int
make_port(struct offline *o, uint32_t i, uint32_t ring_cnt, struct err *e)
{
	struct offline_port *p = &o->port[i];
	const char *name = o->g->config->ports[i].name;
	char in[RTE_RING_NAMESIZE], out[RTE_RING_NAMESIZE];

	snprintf(in, sizeof(in), "off%u_in", i);
	snprintf(out, sizeof(out), "off%u_out", i);
	p->in = rte_ring_create(in, ring_cnt, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	p->out = rte_ring_create(out, ring_cnt, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (p->in == NULL || p->out == NULL ||
	    rte_eth_from_rings(name, &p->in, 1, &p->out, 1, 0) < 0)
		return err_set(e, -ENOMEM, "ports '%s': no queue in memory: %s", name,
			       rte_strerror(rte_errno));
	touch_ring(p->in);
	touch_ring(p->out);
	return 0;
}

int
offline_open(struct offline *o, struct gateway *g, const struct offline_config *c, struct err *e)
{
	int rc = offline_eal(c->memory_mb, e);

	*o = (struct offline){
		.g = g, .now_ns = c->start_ns, .on_send = c->on_send, .on_send_ctx = c->on_send_ctx
	};
	if (rc == 0)
		rc = make_rings(g, c->profile_dir, e);
	if (rc != 0)
		return rc;
	o->pool = buf_pool_create("offline", c->buf_cnt, POOL_CACHE_CNT,
				  (uint16_t)(c->frame_max + RTE_PKTMBUF_HEADROOM), 0);
	if (o->pool == NULL)
		return err_set(e, -ENOMEM, "no memory for %u frames: %s", c->buf_cnt,
			       rte_strerror(rte_errno));
	for (uint32_t i = 0; rc == 0 && i < g->config->ports_cnt; i++)
		rc = make_port(o, i, c->ring_cnt, e);
	if (rc != 0)
		return rc;
	g->clock = (struct clock_map){ .base_ns = o->now_ns, .base_tsc = c->base_tsc };
	if (c->real_clock) {
		const struct clock_moment start = clock_moment_now(CLOCK_MONOTONIC);

		g->clock.ns_per_2_32_cycles = clock_rate_since(&start);
		g->clock.base_tsc = clock_tsc();
	}
	g->start_ns = o->now_ns;
	rc = ports_start(g, e);
	for (uint32_t i = 0; rc == 0 && o->on_send != NULL && i < g->config->ports_cnt; i++)
		if (g->port[i].started &&
		    rte_eth_add_tx_callback(g->port[i].port_id, 0, on_sent, o) == NULL)
			rc = err_set(e, -ENOTSUP,
				     "DPDK was built without callbacks "
				     "(RTE_ETHDEV_RXTX_CALLBACKS): its lanes cannot be followed");
	if (rc == 0)
		rc = limits_open(&g->limits, g->config, e);
	if (rc == 0)
		rc = lanes_build(g, e);
	for (uint32_t i = 0; rc == 0 && i < g->lane_cnt; i++)
		if (!c->real_clock) // time stands still between two words of the caller
			g->lane[i]->housekeeping_left = g->lane[i]->housekeeping_every = UINT32_MAX;
	return rc;
}

struct rte_mbuf *
offline_frame(struct rte_ring *r)
{
	struct rte_mbuf *m;

	if (rte_ring_dequeue(r, (void **)&m) != 0)
		return NULL;
	ORDERED_ACQUIRED(m);
	return m;
}

static void
ring_free(struct rte_ring *r)
{
	struct rte_mbuf *m;

	if (r == NULL)
		return;
	while ((m = offline_frame(r)) != NULL)
		port_buf_free(m);
	rte_ring_free(r);
}

void
offline_close(struct offline *o)
{
	struct gateway *g = o->g;
	char name[64];

	limits_close(&g->limits);
	lanes_free(g);
	ports_stop(g);
	for (uint32_t i = 0; i < PORT_MAX; i++) {
		if (o->port[i].in == NULL)
			continue;
		snprintf(name, sizeof(name), "net_ring_%s", g->config->ports[i].name);
		rte_vdev_uninit(name);
		ring_free(o->port[i].in);
		ring_free(o->port[i].out);
	}
	for (uint32_t i = 0; i < PORT_MAX; i++) {
		rte_mempool_free(g->port[i].pool);
		g->port[i].pool = NULL;
	}
	rte_mempool_free(o->pool);
	*o = (struct offline){ .g = g };
}

bool
offline_put(struct offline *o, uint32_t port_idx, const void *frame, uint16_t len)
{
	struct rte_mbuf *m = port_buf_alloc(o->pool);
	char *data = m == NULL ? NULL : rte_pktmbuf_append(m, len);

	if (data == NULL) {
		if (m != NULL)
			port_buf_free(m);
		return false;
	}
	memcpy(data, frame, len);
	ORDERED_RELEASES(m);
	if (rte_ring_enqueue(o->port[port_idx].in, m) == 0)
		return true;
	port_buf_free(m);
	return false;
}

uint16_t
offline_take(struct offline *o, uint32_t port_idx, uint8_t *frame, uint16_t frame_max)
{
	struct rte_mbuf *m = offline_frame(o->port[port_idx].out);
	uint16_t len;

	if (m == NULL)
		return 0;
	len = m->data_len < frame_max ? m->data_len : frame_max;
	memcpy(frame, rte_pktmbuf_mtod(m, const uint8_t *), len);
	port_buf_free(m);
	return len;
}

void
offline_set_time(struct offline *o, uint64_t now_ns)
{
	o->now_ns = now_ns;
	o->g->clock.base_ns = now_ns;
	for (uint32_t i = 0; i < o->g->lane_cnt; i++)
		o->g->lane[i]->clock.base_ns = now_ns;
}

uint32_t
offline_turn(struct offline *o)
{
	uint32_t work = 0;

	for (uint32_t i = 0; i < o->g->lane_cnt; i++)
		work += lane_turn_once(o->g->lane[i]);
	return work;
}

void
offline_housekeeping(struct offline *o)
{
	for (uint32_t i = 0; i < o->g->lane_cnt; i++)
		lane_housekeeping(o->g->lane[i]);
}

void
offline_link_up(struct offline *o)
{
	for (uint32_t i = 0; i < o->g->lane_cnt; i++)
		for (uint32_t p = 0; p < PORT_MAX; p++)
			if (o->g->lane[i]->port[p] != NULL)
				host_on_link(&o->g->lane[i]->port[p]->host, true, o->now_ns);
}
