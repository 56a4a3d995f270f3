/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "config/check.h"

struct ip_text {
	char text[16];
};

static struct ip_text
text_of(uint32_t ip)
{
	struct ip_text t;

	snprintf(t.text, sizeof(t.text), "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255,
		 ip & 255);
	return t;
}

static uint32_t
net_mask(uint32_t prefix_len)
{
	return prefix_len ? UINT32_MAX << (32 - prefix_len) : 0;
}

static bool
is_unicast(uint32_t ip)
{
	const uint32_t top = ip >> 24;

	return top > 0 && top != 127 && top < 224;
}

bool
config_port_is_near(const struct config_port *p, uint32_t ip)
{
	return ((p->address.ip ^ ip) & net_mask(p->address.prefix_len)) == 0;
}

bool
config_check_host(struct config *c, struct err *e, const struct host_of *h)
{
	const struct config_port *p = h->port;
	const uint32_t mask = net_mask(p->address.prefix_len);
	const uint32_t net = p->address.ip & mask, all = net | ~mask;
	char where[300];

	config_where(c, h->field, where, sizeof(where));
	if (!is_unicast(h->ip)) {
		err_add(e, -EINVAL,
			"%s: %s is %s, which no host can have; allowed 1.0.0.0 to 223.255.255.255 "
			"without 127.x.x.x",
			where, h->who, text_of(h->ip).text);
		return false;
	}
	if (p->address.prefix_len < 31 && (h->ip == net || h->ip == all)) {
		err_add(e, -EINVAL,
			"%s: %s is %s, the %s of the network %s/%u of port '%s'; hosts there have "
			"%s to %s: give one of these, or correct the prefix length at %s",
			where, h->who, text_of(h->ip).text,
			h->ip == net ? "number" : "broadcast address", text_of(net).text,
			p->address.prefix_len, p->name, text_of(net + 1).text,
			text_of(all - 1).text, AT(c, p->address));
		return false;
	}
	return true;
}

void
config_check_port_net(struct config *c, struct err *e, const struct config_port *p)
{
	char who[64];

	snprintf(who, sizeof(who), "port '%s': its address", p->name);
	if (!config_check_host(c, e, &(struct host_of){ p, &p->address, p->address.ip, who }) ||
	    p->gateway == 0)
		return;
	snprintf(who, sizeof(who), "port '%s': the gateway", p->name);
	if (!config_check_host(c, e, &(struct host_of){ p, &p->gateway, p->gateway, who }))
		return;
	if (p->gateway == p->address.ip)
		err_add(e, -EINVAL,
			"%s: %s is %s, the port's own address, given at %s; give the router's",
			AT(c, p->gateway), who, text_of(p->gateway).text, AT(c, p->address));
	else if (!config_port_is_near(p, p->gateway))
		err_add(e, -EINVAL,
			"%s: %s is %s, outside the port's network %s/%u, given at %s; a router "
			"must be in it",
			AT(c, p->gateway), who, text_of(p->gateway).text,
			text_of(p->address.ip & net_mask(p->address.prefix_len)).text,
			p->address.prefix_len, AT(c, p->address));
}
