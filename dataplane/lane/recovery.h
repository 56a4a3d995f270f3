/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_RECOVERY_H
#define SLUICE_LANE_RECOVERY_H

#include "ingress/arb.h"
#include "ingress/recover.h"
#include "lane/lane_port.h"
#include "net/soup_session.h"
#include "net/tcp.h"
#include "returns/unframe.h"

struct recovery_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "lane/recovery_metrics.def"
#undef METRIC
};

struct recovery_config {
	struct recover_config recover;
	struct {
		uint32_t ip; // host order
		uint16_t udp_port;
	} server[RECOVER_SERVER_MAX];
	uint16_t local_port; // UDP
	struct soup_session_config soup;
	struct tcp_config tcp; // without its buffers; peer_ip 0: no snapshot server
};

/*
 * What recover needs of the network: requests out, the connection to the snapshot server, buffers
 * to deliver in.  One per feed that recovers; everything here is written by the feed's lane.
 */
struct recovery {
	struct recover recover;
	const struct arb *arb;
	struct lane_port *port;
	void *spare; // an empty buffer, ready for what is delivered next
	uint8_t *spare_at;
	uint16_t spare_bytes;
	uint16_t local_port;
	uint8_t server_cnt;
	bool connecting; // tcp is in use, or waits for the neighbour
	bool awaits_mac;
	bool established;
	uint32_t snapshot_id; // of the attempt that the connection is for
	struct recovery_metrics metrics;
	struct tcp tcp;
	struct tcp_config tcp_config;
	struct soup_session soup;
	struct unframe unframe;
	struct recovery_config config;
};

/*
 * Memory   recover.store_bytes and both buffers of tcp from the arena.
 * Returns  0, or a negative errno; *r is then not to be used
 */
COLD int recovery_init(struct recovery *r, const struct recovery_config *c, const struct arb *arb,
		       struct lane_port *port, struct arena *arena, uint64_t now_ns);

/* Wipes the password. */
COLD void recovery_fini(struct recovery *r);

/*
 * A datagram of arb while recover is busy, or with flags.  True when it was taken, with its
 * buffer.
 */
bool recovery_takes(struct recovery *r, struct datagram *d, uint64_t now_ns);

/* A server's answer.  True: *out goes on, with the buffer; otherwise the caller frees it. */
bool recovery_on_answer(struct recovery *r, const struct frame *f, uint64_t now_ns,
			struct datagram *out);

/*
 * The next datagram to deliver.  False when there is none, or no buffer for it; then what is due is
 * asked for.
 */
bool recovery_next(struct recovery *r, uint64_t now_ns, struct datagram *out);

/* Timers of recovery, of the connection and of the login. */
COLD void recovery_housekeeping(struct recovery *r, uint64_t now_ns);

/* A segment for our address: true when it is of the snapshot's connection. */
bool recovery_on_segment(struct recovery *r, const struct eth_ip *e, bool csum_ok, uint64_t now_ns);

/* Whatever the connection has to send by itself. */
void recovery_emit(struct recovery *r, uint64_t now_ns);

/* The end: the snapshot server is told. */
COLD void recovery_stop(struct recovery *r, uint64_t now_ns);

/* Builds the books that are not live anew; returns as recover_start. */
COLD int recovery_start(struct recovery *r, uint64_t now_ns);

#endif
