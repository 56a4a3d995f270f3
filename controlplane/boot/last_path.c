/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/kill.h"
#include "base/ordered.h"
#include "boot/last_path.h"

enum {
	RESETS_PER_SESSION = 2, // at snd_una and at snd_nxt
	PARK_WAIT_US = 20000,   // guess: a thread that is not running yet gets its slice
	DRAIN_US = 1000,        // guess: a NIC has sent a few frames after that
	PARK_SIGNAL = SIGUSR2,
};

static const int FATAL[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

/* Written before the handlers are there, then by whoever dies first. */
static struct {
	struct gateway *g;
	struct rte_mbuf *buf[SESSION_MAX][RESETS_PER_SESSION];
	pthread_t thread[LANE_MAX];
	uint32_t runs[LANE_MAX];   // thread[i] is there
	uint32_t parked[LANE_MAX]; // thread[i] will touch nothing any more
	uint32_t dying;
} path;

static bool
needs_reset(const struct tcp *t)
{
	return t->state >= TCP_STATE_SYN_RECEIVED && t->state <= TCP_STATE_LAST_ACK;
}

/* The resets of one session.  Async-signal-safe but for the driver's transmit. */
static bool
reset_session(struct session *s, struct rte_mbuf *buf[RESETS_PER_SESSION])
{
	const struct tcp *t = &s->tcp;
	const struct tcp_config *c = &t->config;
	const uint32_t seq[RESETS_PER_SESSION] = { t->snd_una, t->snd_nxt };
	const uint16_t cnt = seq[0] == seq[1] ? 1 : RESETS_PER_SESSION;
	struct tcp_way way = {
		.local_ip = c->local_ip,
		.peer_ip = c->peer_ip,
		.local_port = c->local_port,
		.peer_port = c->peer_port,
		.vlan_id = c->vlan_id,
	};

	if (!needs_reset(t) || buf[0] == NULL || buf[1] == NULL)
		return false;
	memcpy(way.local_mac, c->local_mac, sizeof(way.local_mac));
	memcpy(way.peer_mac, c->peer_mac, sizeof(way.peer_mac));
	for (uint16_t i = 0; i < cnt; i++) {
		buf[i]->data_len = tcp_bare_put(&way, seq[i], 0, TCP_FLAG_RST,
						rte_pktmbuf_mtod(buf[i], uint8_t *));
		buf[i]->pkt_len = buf[i]->data_len;
	}
	if (rte_eth_tx_burst(s->port->tx.port_id, s->port->tx.queue_id, buf, cnt) != cnt)
		return false;
	buf[0] = NULL; // the driver's now
	if (cnt == RESETS_PER_SESSION)
		buf[1] = NULL;
	return true;
}

static uint32_t
reset_lane(const struct lane *l)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; l != NULL && i < SESSION_MAX; i++)
		if (l->has.session[i] != NULL)
			cnt += reset_session(l->has.session[i], path.buf[i]);
	return cnt;
}

static void
wait_us(long us)
{
	const struct timespec t = { .tv_nsec = us * 1000 };

	nanosleep(&t, NULL);
}

/* Another thread dies: this lane touches nothing any more. */
static void
on_park(int sig)
{
	const pthread_t self = pthread_self();

	(void)sig;
	for (uint32_t i = 0; i < LANE_MAX; i++)
		if (load_acquire_u32(&path.runs[i]) != 0 && pthread_equal(path.thread[i], self))
			store_release_u32(&path.parked[i], 1); // pairs with all_parked
	for (;;)
		pause();
}

/* Of the lanes in the set: bit i is lane i. */
static bool
all_parked(uint32_t lanes)
{
	for (uint32_t i = 0; i < LANE_MAX; i++)
		if ((lanes >> i & 1) != 0 && load_acquire_u32(&path.parked[i]) == 0)
			return false;
	return true;
}

static void
park_others(void)
{
	const pthread_t self = pthread_self();
	uint32_t lanes = 0;

	for (uint32_t i = 0; i < LANE_MAX; i++)
		if (load_acquire_u32(&path.runs[i]) != 0 && !pthread_equal(path.thread[i], self) &&
		    (load_relaxed_u64(&path.g->lane[i]->turn.turn) & 1) != 0 &&
		    pthread_kill(path.thread[i], PARK_SIGNAL) == 0)
			lanes |= 1U << i;
	for (long us = 0; us < PARK_WAIT_US && !all_parked(lanes); us += 50)
		wait_us(50);
}

static void
on_fatal(int sig)
{
	static const char WORDS[] =
		"sluice: fatal signal: orders halted, order connections reset\n";

	halt_set(HALT_MUST);
	halt_kill(KILL_BROKEN, 0);
	if (swap_ordered_u32(&path.dying, 1) != 0)
		for (;;) // another thread is at it already, and ends us
			pause();
	park_others();
	for (uint32_t i = 0; i < path.g->lane_cnt; i++)
		reset_lane(path.g->lane[i]);
	if (write(STDERR_FILENO, WORDS, sizeof(WORDS) - 1) < 0)
		wait_us(1); // nothing to do about it
	wait_us(DRAIN_US);
	signal(sig, SIG_DFL);
	raise(sig); // SA_NODEFER: at once
}

void
last_path_register(uint32_t lane_idx)
{
	path.thread[lane_idx] = pthread_self();
	store_release_u32(&path.runs[lane_idx], 1); // pairs with park_others
}

int
last_path_open(struct gateway *g, struct err *e)
{
	struct sigaction park = { .sa_handler = on_park };
	struct sigaction fatal = { .sa_handler = on_fatal, .sa_flags = SA_NODEFER };

	path.g = g;
	memset(path.parked, 0, sizeof(path.parked));
	path.dying = 0;
	for (uint32_t i = 0; i < g->config->sessions_cnt; i++)
		for (uint32_t k = 0; k < RESETS_PER_SESSION; k++) {
			path.buf[i][k] =
				rte_pktmbuf_alloc(g->port[g->config->sessions[i].port_idx].pool);
			if (path.buf[i][k] == NULL)
				return err_set(e, -ENOMEM,
					       "no packet buffer for the last path of session '%s'",
					       g->config->sessions[i].name);
		}
	sigfillset(&park.sa_mask);
	sigemptyset(&fatal.sa_mask);
	sigaction(PARK_SIGNAL, &park, NULL);
	for (size_t i = 0; i < ARRAY_CNT(FATAL); i++)
		sigaction(FATAL[i], &fatal, NULL);
	return 0;
}

uint32_t
last_path_reset_ended(struct gateway *g)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i] != NULL && (load_relaxed_u64(&g->lane[i]->turn.turn) & 1) == 0)
			cnt += reset_lane(g->lane[i]);
	return cnt;
}

void
last_path_close(struct gateway *g)
{
	for (size_t i = 0; i < ARRAY_CNT(FATAL); i++)
		signal(FATAL[i], SIG_DFL);
	signal(PARK_SIGNAL, SIG_DFL);
	for (uint32_t i = 0; i < g->config->sessions_cnt; i++)
		for (uint32_t k = 0; k < RESETS_PER_SESSION; k++) {
			rte_pktmbuf_free(path.buf[i][k]);
			path.buf[i][k] = NULL;
		}
	memset(path.runs, 0, sizeof(path.runs));
}
