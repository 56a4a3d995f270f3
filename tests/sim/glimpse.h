/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_GLIMPSE_H
#define SLUICE_SIM_GLIMPSE_H

#include "base/units.h"
#include "faults.h"
#include "oe.h"
#include "spin.h"

/*
 * The snapshot server: GLIMPSE 5.0 over SoupBinTCP 3.00.  Each login gets a session of its own with
 * a snapshot of that moment.  No socket and no clock in here, as with order entry.
 */

struct glimpse_config {
	char username[SOUP_USERNAME_LEN + 1];
	char password[SOUP_PASSWORD_LEN + 1];
	uint64_t client_timeout_ns;
	uint64_t login_timeout_ns;
	uint64_t heartbeat_ns;
	uint64_t linger_ns; // how long a client may stay after the end of its spin
};

/* X-macro: what the report says about the snapshot server. */
#define GLIMPSE_COUNTS(COUNT)  \
	COUNT(connects)        \
	COUNT(dropped)         \
	COUNT(logins)          \
	COUNT(logins_rejected) \
	COUNT(protocol_errors) \
	COUNT(completed)       \
	COUNT(logouts)         \
	COUNT(broken_off)      \
	COUNT(messages)        \
	COUNT(orders)

struct glimpse_counts {
#define GLIMPSE_COUNT_FIELD(name) uint64_t name;
	GLIMPSE_COUNTS(GLIMPSE_COUNT_FIELD)
#undef GLIMPSE_COUNT_FIELD
};

struct glimpse {
	struct glimpse_config c;
	const struct faults *faults;
	/* The snapshot of now, or as it was old_cnt messages ago; *out is empty. */
	void (*snapshot)(void *ctx, uint64_t old_cnt, struct spin *out);
	void *ctx;
	struct rng rng;
	struct glimpse_counts n;
	uint64_t last_seq; // number at the end of the newest spin
};

enum { GLIMPSE_CLIENT_PACKET_MAX = 256 };

struct glimpse_conn {
	struct glimpse *g;
	enum oe_conn_state state;
	enum oe_cut cut;
	bool faulty;  // the faults of spins strike this one
	uint64_t nth; // of all spins, counted from 1
	bool stalled; // the spin goes no further
	bool mute;    // nothing is sent any more
	bool ended;   // the end of the spin is on its way
	uint64_t opened_ns;
	uint64_t rx_ns;
	uint64_t tx_ns;
	uint64_t spin_ns; // when it began
	uint64_t ended_ns;
	struct spin spin;
	size_t at;         // of the next message of the spin
	uint64_t sent_cnt; // messages taken from it
	size_t in_len;
	uint8_t in[SOUP_LEN_BYTES + GLIMPSE_CLIENT_PACKET_MAX];
	struct oe_bytes out; // to be sent; the owner removes what it sent
};

void glimpse_init(struct glimpse *g, const struct glimpse_config *c, const struct faults *f,
		  uint64_t seed);

void glimpse_conn_init(struct glimpse_conn *c, struct glimpse *g, uint64_t now_ns);
void glimpse_conn_fini(struct glimpse_conn *c);
void glimpse_conn_on_bytes(struct glimpse_conn *c, const uint8_t *data, size_t len,
			   uint64_t now_ns);
/* Heartbeats and timeouts; call it now and then. */
void glimpse_conn_on_time(struct glimpse_conn *c, uint64_t now_ns);
/* Moves some more of the spin to out, while that holds little.  False: there was nothing to move.
 */
bool glimpse_conn_fill(struct glimpse_conn *c, uint64_t now_ns);
void glimpse_conn_sent(struct glimpse_conn *c, size_t len);

#endif
