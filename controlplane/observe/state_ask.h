/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_STATE_ASK_H
#define SLUICE_OBSERVE_STATE_ASK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "boot/gateway.h"

/* What the parts of the gateway's state source share. */

enum {
	ASK_WAIT_MS = 500, // a lane answers within its housekeeping, or shares its core
};

#define TEXT(field, ...) snprintf((field), sizeof(field), __VA_ARGS__)

static inline uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static inline bool
lane_runs(const struct gateway *g, uint32_t lane_idx)
{
	return g->lane[lane_idx] != NULL && (load_relaxed_u64(&g->lane[lane_idx]->turn.turn) & 1);
}

/* As gateway_ask, but a lane that does not run is not waited for. */
static inline int
ask(struct gateway *g, uint32_t lane_idx, const struct command *request)
{
	return !g->lcores || lane_runs(g, lane_idx) ? gateway_ask(g, lane_idx, request, ASK_WAIT_MS)
						    : -ESRCH;
}

/* Writes why a lane gave no answer.  Returns rc. */
static inline int
ask_refused(int rc, uint32_t lane_idx, const struct gateway *g, struct err *e)
{
	const char *lane = g->map->lane[lane_idx].name;

	if (rc == -ESRCH)
		return err_set(e, rc, "lane %s does not run, it cannot be asked", lane);
	if (rc == -ETIMEDOUT || rc == -EBUSY)
		return err_set(e, rc, "lane %s did not answer within %d ms; try again", lane,
			       ASK_WAIT_MS);
	return err_set(e, rc, "lane %s refused the question: %s", lane, strerror(-rc));
}

/* The rows of one answer of a lane. */
typedef void take_rows_fn(void *ctx, const void *row, uint32_t cnt);

/*
 * Asks a lane until it has told all, and gives each answer to take; request->arg[next_arg] is where
 * a further one begins.
 *
 * Returns  0, or why the lane gave no answer, named in *e
 */
static inline int
ask_all(struct gateway *g, uint32_t lane_idx, struct command *request, uint32_t next_arg,
	take_rows_fn *take, void *ctx, struct err *e)
{
	const struct command *c = &g->lane[lane_idx]->command;

	do {
		const int rc = ask(g, lane_idx, request);

		if (rc < 0)
			return ask_refused(rc, lane_idx, g, e);
		take(ctx, g->reply[lane_idx], c->reply_cnt);
		request->arg[next_arg] = c->next;
	} while (request->arg[next_arg] != 0);
	return 0;
}

/* A text of fixed length, padded on the right. */
static inline void
text_of_padded(const char *from, size_t len, char *out)
{
	while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\0'))
		len--;
	memcpy(out, from, len);
	out[len] = '\0';
}

static inline void
text_of_ip(uint32_t ip, char *out, size_t out_bytes, char separator, uint32_t number)
{
	snprintf(out, out_bytes, "%u.%u.%u.%u%c%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255,
		 ip & 255, separator, number);
}

#endif
