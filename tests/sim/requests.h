/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_REQUESTS_H
#define SLUICE_SIM_REQUESTS_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "feed.h"

/*
 * The request servers: all of them know the same session, and some may be bad at it.  Datagrams and
 * times are arguments, answers leave by a callback.
 */

enum { REQUEST_SERVERS_MAX = 8 };

/* X-macro: what the report says about a request server. */
#define REQUEST_COUNTS(COUNT) \
	COUNT(asked)          \
	COUNT(asked_messages) \
	COUNT(answered)       \
	COUNT(sent_messages)  \
	COUNT(refused)        \
	COUNT(ignored)        \
	COUNT(wrong)          \
	COUNT(twice)

struct request_counts {
#define REQUEST_COUNT_FIELD(name) uint64_t name;
	REQUEST_COUNTS(REQUEST_COUNT_FIELD)
#undef REQUEST_COUNT_FIELD
};

struct request_server {
	struct rng rng;
	struct request_counts n;
};

/* An answer whose time has not come. */
struct request_late {
	STAILQ_ENTRY(request_late) link;
	uint64_t due_ns;
	struct sockaddr_in to;
	unsigned server;
	uint16_t len;
	uint8_t bytes[MOLD_PAYLOAD_MAX];
};
STAILQ_HEAD(request_late_list, request_late);

struct requests {
	const struct feed *feed;
	const struct faults *faults;
	void (*send)(void *ctx, unsigned server, const struct sockaddr_in *to, const uint8_t *bytes,
		     uint16_t len);
	void *ctx;
	struct request_late_list late;
	struct request_server server[REQUEST_SERVERS_MAX];
};

/* The callback and ctx are set by the caller afterwards. */
void requests_init(struct requests *r, const struct feed *feed, const struct faults *faults,
		   uint64_t seed);
void requests_fini(struct requests *r);

void requests_on_datagram(struct requests *r, unsigned server, const struct sockaddr_in *from,
			  const uint8_t *data, size_t len, uint64_t now_ns);

/* When requests_run() has something to do; UINT64_MAX: never. */
uint64_t requests_due_ns(const struct requests *r);
void requests_run(struct requests *r, uint64_t now_ns);

#endif
