/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdio.h>

#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>

#include "rival_lwip.h"

enum { ETHER_BYTES = 14 };

/* lwIP's functions, by their own names. */
// clang-format off
#define LWIP_FUNCTIONS(X)                                                                      \
	X(tcpip_init) X(sys_lock_tcpip_core) X(netif_add) X(netif_set_default)                 \
	X(netif_set_up) X(netif_set_link_up) X(ip_input)                                       \
	X(tcp_new) X(tcp_recv) X(tcp_err) X(tcp_connect) X(tcp_recved) X(tcp_write)            \
	X(tcp_output) X(tcp_tmr) X(pbuf_alloc) X(pbuf_take) X(pbuf_free) X(pbuf_copy_partial)
// clang-format on

static struct {
#define DECLARE(name) __typeof__(&name) name;
	LWIP_FUNCTIONS(DECLARE)
#undef DECLARE
} lw;

static struct {
	struct rival_lwip_port port;
	struct netif netif;
	struct tcp_pcb *pcb;
	bool connected;
	bool lost;
} rival;

static const char *
load(void)
{
	void *lib = dlopen("liblwip.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);

	if (lib == NULL)
		return "liblwip.so.0 is not installed";
#define FIND(name)                                                   \
	lw.name = (__typeof__(lw.name))(uintptr_t)dlsym(lib, #name); \
	if (lw.name == NULL)                                         \
		return "liblwip.so.0 has no " #name;
	LWIP_FUNCTIONS(FIND)
#undef FIND
	return NULL;
}

static err_t
send_packet(struct netif *n, struct pbuf *p, const ip4_addr_t *to)
{
	static const uint8_t HEAD[ETHER_BYTES] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };
	uint8_t *frame = rival.port.room(rival.port.arg);

	if (frame == NULL)
		return ERR_BUF;
	for (unsigned i = 0; i < ETHER_BYTES; i++)
		frame[i] = HEAD[i];
	lw.pbuf_copy_partial(p, frame + ETHER_BYTES, p->tot_len, 0);
	rival.port.send(rival.port.arg, (uint16_t)(ETHER_BYTES + p->tot_len));
	return ERR_OK;
}

static err_t
netif_ready(struct netif *n)
{
	n->mtu = 1500;
	n->output = send_packet;
	return ERR_OK;
}

static err_t
on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	rival.connected = err == ERR_OK;
	return ERR_OK;
}

static err_t
on_data(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	if (p == NULL) {
		rival.lost = true;
		return ERR_OK;
	}
	lw.tcp_recved(pcb, p->tot_len);
	if (rival.port.data != NULL) {
		for (const struct pbuf *q = p; q != NULL; q = q->next)
			rival.port.data(rival.port.arg, q->payload, q->len);
		tcp_ack_now(pcb); // as ours does
	}
	lw.pbuf_free(p);
	return ERR_OK;
}

static void
on_error(void *arg, err_t err)
{
	rival.lost = true;
}

void
rival_lwip_on_time(void)
{
	lw.tcp_tmr();
}

bool
rival_lwip_connected(void)
{
	return rival.connected && !rival.lost;
}

bool
rival_lwip_input(const uint8_t *frame, uint16_t len)
{
	struct pbuf *p = lw.pbuf_alloc(PBUF_RAW, (u16_t)(len - ETHER_BYTES), PBUF_POOL);

	if (p == NULL)
		return false;
	lw.pbuf_take(p, frame + ETHER_BYTES, p->tot_len);
	if (rival.netif.input(p, &rival.netif) == ERR_OK)
		return true;
	lw.pbuf_free(p);
	return false;
}

const char *
rival_lwip_open(const struct rival_lwip_port *port, uint32_t local_ip, uint32_t peer_ip,
		uint16_t peer_port)
{
	const ip4_addr_t local = { htonl(local_ip) }, mask = { htonl(0xffffff00) }, gateway = { 0 };
	const ip_addr_t peer = IPADDR4_INIT(htonl(peer_ip));
	const char *missing = load();

	if (missing != NULL)
		return missing;
	rival.port = *port;
	lw.tcpip_init(NULL, NULL);
	lw.sys_lock_tcpip_core(); // for good: its thread must not run beside us
	if (lw.netif_add(&rival.netif, &local, &mask, &gateway, NULL, netif_ready, lw.ip_input) ==
	    NULL)
		return "lwIP refuses the interface";
	lw.netif_set_default(&rival.netif);
	lw.netif_set_up(&rival.netif);
	lw.netif_set_link_up(&rival.netif);
	rival.pcb = lw.tcp_new();
	if (rival.pcb == NULL)
		return "lwIP has no connection";
	tcp_nagle_disable(rival.pcb);
	lw.tcp_recv(rival.pcb, on_data);
	lw.tcp_err(rival.pcb, on_error);
	if (lw.tcp_connect(rival.pcb, &peer, peer_port, on_connected) != ERR_OK)
		return "lwIP does not connect";
	return NULL;
}

bool
rival_lwip_send(const uint8_t *payload, uint16_t len)
{
	return lw.tcp_write(rival.pcb, payload, len, TCP_WRITE_FLAG_COPY) == ERR_OK &&
	       lw.tcp_output(rival.pcb) == ERR_OK;
}
