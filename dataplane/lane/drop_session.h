/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_DROP_SESSION_H
#define SLUICE_LANE_DROP_SESSION_H

#include "base/event.h"
#include "lane/lane_port.h"
#include "msg/fill.h"
#include "msg/report.h"
#include "net/soup_session.h"
#include "net/tcp.h"
#include "returns/drop_copy.h"
#include "returns/unframe.h"

struct drop_session_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "lane/drop_session_metrics.def"
#undef METRIC
};

struct drop_session_config {
	uint8_t session_idx; // whose executions it has
	uint64_t reconnect_ns;
	uint64_t reconnect_max_ns;
	struct drop_copy_config copy;
	struct soup_session_config soup;
	struct tcp_config tcp; // without its buffers
};

/*
 * The connection of a session's drop copy: our own TCP and SoupBinTCP, on the session's port and
 * lane, which writes everything here.  Only housekeeping reads it: no order waits for it.
 */
struct drop_session {
	struct drop_copy copy;
	struct tcp tcp;
	struct soup_session soup;
	struct unframe unframe;
	struct lane_port *port;
	struct event_sink *events;
	uint8_t idx;
	bool connecting; // tcp is in use, or waits for the neighbour
	bool awaits_mac;
	bool established;
	bool held_back;
	bool stopped;
	uint64_t up_ns;    // since when it is logged in; 0: it is not
	uint64_t retry_ns; // when to connect again
	uint64_t wait_ns;  // before the next attempt
	uint64_t reconnect_ns;
	uint64_t reconnect_max_ns;
	char session[SOUP_SESSION_LEN]; // the copy's day; blank: none yet
	uint64_t next_seq;              // of that day, the first message that was not taken
	struct tcp_config tcp_config;
	struct drop_session_metrics metrics;
};

static inline size_t
drop_session_bytes(const struct drop_session_config *c)
{
	return drop_copy_bytes(&c->copy) + c->tcp.rx_buf_bytes + c->tcp.tx_buf_bytes +
	       4 * CACHE_LINE;
}

/*
 * Memory   drop_session_bytes from the arena
 * Returns  0, or a negative errno; *d is then not to be used
 */
COLD int drop_session_init(struct drop_session *d, const struct drop_session_config *c,
			   struct lane_port *port, struct event_sink *events, struct arena *arena);

/* Wipes the password. */
COLD void drop_session_fini(struct drop_session *d);

/* Connects, logs in, reads and judges.  own_up_ns: since when the session is up; 0: it is not. */
COLD void drop_session_housekeeping(struct drop_session *d, uint64_t own_up_ns, uint64_t now_ns);

/* The session told an execution, a break or a correction that orders took. */
COLD void drop_session_on_own(struct drop_session *d, const struct report *r, const struct fill *f,
			      uint64_t now_ns);

/* A segment for our address: true when it is of this connection. */
COLD bool drop_session_on_segment(struct drop_session *d, const struct eth_ip *e, bool csum_ok,
				  uint64_t now_ns);

/* Whatever the connection has to send by itself. */
COLD void drop_session_emit(struct drop_session *d, uint64_t now_ns);

/* The end: the server is told. */
COLD void drop_session_stop(struct drop_session *d, uint64_t now_ns);

#endif
