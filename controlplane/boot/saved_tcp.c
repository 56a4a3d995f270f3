/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "boot/saved_tcp.h"
#include "observe/event_log.h"

enum {
	ASK_WAIT_MS = 100,
	PATH_ROOM = 640,
};

static void
path_of(const struct gateway *g, char out[PATH_ROOM])
{
	if (g->config->control.state_file[0] != '\0')
		snprintf(out, PATH_ROOM, "%s", g->config->control.state_file);
	else
		snprintf(out, PATH_ROOM, "%s.tcp", g->config->control.socket);
}

void
saved_tcp_load(struct gateway *g)
{
	char path[PATH_ROOM], line[256], name[64];
	FILE *f;

	path_of(g, path);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		struct session_half_open h = { .known = true };

		if (sscanf(line,
			   "%63s %" SCNu32 " %" SCNu16 " %" SCNu32 " %" SCNu16 " %" SCNu32
			   " %" SCNu32,
			   name, &h.local_ip, &h.local_port, &h.peer_ip, &h.peer_port, &h.snd_una,
			   &h.rcv_nxt) != 7)
			continue;
		for (uint32_t i = 0; i < g->config->sessions_cnt; i++) {
			const struct config_session *s = &g->config->sessions[i];

			// another address since: its frames would not come to us
			if (strcmp(s->name, name) == 0 &&
			    g->config->ports[s->port_idx].address.ip == h.local_ip)
				g->half_open[i] = h;
		}
	}
	fclose(f);
}

/* The session's connection now; false when there is none to be cleared. */
static bool
connection_of(struct gateway *g, uint32_t session_idx, struct session_half_open *out)
{
	const struct command ask = { .kind = COMMAND_TCP, .arg = { session_idx } };

	for (uint32_t l = 0; l < g->lane_cnt; l++) {
		const struct command_tcp *t = g->reply[l];

		if (g->lane[l] == NULL || g->lane[l]->has.session[session_idx] == NULL)
			continue;
		if (metric_get(&g->lane[l]->has.session[session_idx]->metrics.connect_tried) == 0)
			break; // what the last process left is not cleared yet, or nothing is there
		if ((load_relaxed_u64(&g->lane[l]->turn.turn) & 1) == 0 ||
		    gateway_ask(g, l, &ask, ASK_WAIT_MS) != 0) {
			*out = g->saved[session_idx]; // as it was
			return out->known;
		}
		*out = (struct session_half_open){
			.known = t->state != TCP_STATE_CLOSED && t->state != TCP_STATE_TIME_WAIT,
			.local_ip = t->local_ip,
			.peer_ip = t->peer_ip,
			.local_port = t->local_port,
			.peer_port = t->peer_port,
			.snd_una = t->snd_una,
			.rcv_nxt = t->rcv_nxt,
		};
		return out->known;
	}
	*out = g->half_open[session_idx];
	return out->known;
}

static int
write_all(struct gateway *g, const char *path)
{
	char next[PATH_ROOM + 8];
	bool failed;
	FILE *f;
	int fd;

	snprintf(next, sizeof(next), "%s.new", path);
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return -errno;
	}
	for (uint32_t i = 0; i < g->config->sessions_cnt; i++) {
		const struct session_half_open *h = &g->saved[i];

		if (h->known)
			fprintf(f, "%s %u %u %u %u %u %u\n", g->config->sessions[i].name,
				h->local_ip, h->local_port, h->peer_ip, h->peer_port, h->snd_una,
				h->rcv_nxt);
	}
	failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed)
		return -EIO;
	return rename(next, path) == 0 ? 0 : -errno;
}

/* Grows when a connection was begun, made or lost. */
static uint64_t
change_cnt(const struct gateway *g)
{
	uint64_t cnt = 0;

	for (uint32_t l = 0; l < g->lane_cnt; l++)
		for (uint32_t i = 0; g->lane[l] != NULL && i < SESSION_MAX; i++)
			if (g->lane[l]->has.session[i] != NULL) {
				const struct session_metrics *m =
					&g->lane[l]->has.session[i]->metrics;

				cnt += metric_get(&m->connect_tried) +
				       metric_get(&m->connect_done) + metric_get(&m->session_lost);
			}
	return cnt;
}

static int
save(struct gateway *g)
{
	char path[PATH_ROOM];

	for (uint32_t i = 0; i < g->config->sessions_cnt; i++) {
		struct session_half_open h;

		if (!connection_of(g, i, &h))
			memset(&h, 0, sizeof(h));
		g->saved[i] = h;
	}
	path_of(g, path);
	return write_all(g, path);
}

int
saved_tcp_keep(struct gateway *g, uint64_t now_ns)
{
	const uint64_t changes = change_cnt(g);
	int rc;

	if (g->config->sessions_cnt == 0 ||
	    (changes == g->saved_changes && now_ns < g->saved_next_ns))
		return 0;
	g->saved_changes = changes;
	g->saved_next_ns = now_ns + NS_PER_SEC;
	rc = save(g);
	if (rc != 0 && !g->saved_failed)
		event_log_say(g->log, now_ns, EVENT_ERROR,
			      "connections cannot be saved (%s): after a kill -9 the venue's side "
			      "stays open until its own timeout; see control.state_file",
			      strerror(-rc));
	g->saved_failed = rc != 0;
	return rc;
}

void
saved_tcp_close(struct gateway *g)
{
	if (g->config->sessions_cnt != 0)
		save(g);
}
