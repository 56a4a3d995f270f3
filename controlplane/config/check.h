/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CONFIG_CHECK_H
#define SLUICE_CONFIG_CHECK_H

#include "config/config.h"

/* Where a value of the configuration stands, as a text that lives as long as the statement it is
 * used in. */
#define AT(c, field) (where_of((c), &(field)).text)

struct where {
	char text[300];
};

static inline struct where
where_of(const struct config *c, const void *field)
{
	struct where w;

	config_where(c, field, w.text, sizeof(w.text));
	return w;
}

/*
 * Rules that join several keys.  Every fault becomes a line of *e that names the places of all
 * values involved.  Resolves the references on the way.
 */
void config_check(struct config *c, struct err *e);

/*
 * The tree of limits: parents, cycles, depth, each strategy's account, restricted lists.  Without
 * accounts, one named "default" comes to stand below the firm.
 */
void config_tree_check(struct config *c, struct err *e);

/* An address in the configuration that must be a host's. */
struct host_of {
	const struct config_port *port; // it is reached from
	const void *field;              // where the configuration has it
	uint32_t ip;
	const char *who; // "session 'oe': the peer"
};

/* Whether a host may have it: in the port's network neither the number nor the broadcast. */
bool config_check_host(struct config *c, struct err *e, const struct host_of *h);

bool config_port_is_near(const struct config_port *p, uint32_t ip);

/* A port's own address and its gateway. */
void config_check_port_net(struct config *c, struct err *e, const struct config_port *p);

/* The part about what stops orders: the kill switch and the circuit breakers. */
void config_check_stops(struct config *c, struct err *e);

#endif
