/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/capture.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "observe/event_log.h"
#include "observe/login_blank.h"
#include "observe/pcap_file.h"
#include "wire/eth_ip.h"

enum {
	TAP_MAX = 3,     // two receive queues and the transmit queue
	SLOT_CNT = 8192, // frames between two looks of the writer; a power of two
	NAP_US = 500,    // of the writer, when there was nothing
	FLUSH_MS = 200,  // a reader of the file is so far behind
	PASS_WAIT_MS = 2000,
	WRITE_WAIT_MS = 2000,
	ASK_WAIT_MS = 500,
	DISK_FREE_MIN_MB = 16,
};

/*
 * Frames of several queues are written in the order of their times.  A frame waits so long for an
 * earlier one of another queue, whose lane may have lost its core for a moment.
 */
#define MERGE_HOLD_NS 5000000ULL // guess

enum slot_flag {
	SLOT_STAMPED = 1, // time is the device's, otherwise TSC
};

struct slot {
	uint64_t time;
	uint32_t wire_len;
	uint16_t kept_len;
	uint16_t flags;
	uint8_t data[];
};

/* One queue's callback and the frames it copied. */
struct tap {
	cache_aligned uint64_t put; // written by the lane, as the next two
	uint64_t seen_take;         // take, as last read
	uint64_t dropped_cnt;
	cache_aligned uint64_t take; // written by the writer, as the next two
	uint64_t head_ns;            // of the slot at take, when head_known
	bool head_known;
	cache_aligned uint8_t *slots; // set once, as the rest
	size_t slot_bytes;
	uint16_t keep_max; // bytes kept of a frame
	uint16_t queue_id;
	bool tx;
	struct port_stamp stamp; // flag and offset; the clock is the writer's own
	const struct rte_eth_rxtx_callback *callback;
};

/* What the control thread and the writer tell each other. */
struct said {
	struct clock_map stamp_clock; // of the device, as last measured
	bool wants_sessions;          // the writer: where did the connections begin?
	struct {
		bool told;
		uint32_t ip;
		uint16_t port;
		uint16_t local_port;
		uint32_t isn;
	} session[SESSION_MAX];
};

struct capture {
	uint32_t port_idx;
	uint16_t port_id;
	bool rx, tx;
	bool unhung; // no callback any more, and the writer is to end
	bool down;   // the writer has ended
	bool kept;   // a lane may still copy: its memory stays
	char file[CONFIG_PATH_MAX];
	uint64_t max_bytes;
	uint64_t start_ns;
	uint64_t end_ns;
	struct clock_map tsc_clock;
	uint32_t tap_cnt;
	struct tap *tap; // TAP_MAX; a lane that never ends its turn keeps them
	pthread_t writer;
	uint32_t stop; // control -> writer: write the rest and end
	uint32_t done; // writer -> control: the file is closed

	pthread_mutex_t lock; // around `said` only, and never while a file is written
	struct said said;

	struct pcap_file out; // the writer's, as all below
	struct clock_map stamp_clock;
	struct login_blank blank;
	uint64_t dropped_seen;
	uint64_t flushed_cnt;     // frames in the file for sure
	char why[STATE_TEXT_MAX]; // it ended by itself; valid after done
	int rc;
	struct capture_metrics metrics;
};

static uint64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void
nap_us(long us)
{
	const struct timespec t = { .tv_nsec = us * 1000 };

	nanosleep(&t, NULL);
}

static struct slot *
slot_at(const struct tap *t, uint64_t n)
{
	return (struct slot *)(t->slots + (n & (SLOT_CNT - 1)) * t->slot_bytes);
}

/*
 * The lane's side
 */

/* All of a frame that is kept, its segments one behind the other. */
static uint16_t
copy_bytes(uint8_t *to, uint32_t room, const struct rte_mbuf *m)
{
	uint32_t len = 0;

	for (; m != NULL && len < room; m = m->next) {
		const uint32_t part = m->data_len < room - len ? m->data_len : room - len;

		memcpy(to + len, rte_pktmbuf_mtod(m, const uint8_t *), part);
		len += part;
	}
	return (uint16_t)len;
}

/* A tag that the NIC took out stands in the capture where it was on the wire. */
static uint16_t
put_tag_back(uint8_t *data, uint16_t len, uint16_t room, uint16_t tci)
{
	const struct vlan_tag tag = { .tci = be16_of(tci) };
	const uint16_t at = offsetof(struct eth_head, type);
	const be16 type = be16_of(ETH_TYPE_VLAN);
	uint16_t rest;

	if (len < sizeof(struct eth_head) || room < len)
		return len;
	rest = (uint16_t)(len - at);
	rest = rest < room - at - sizeof(tag) ? rest : (uint16_t)(room - at - sizeof(tag));
	memmove(data + at + sizeof(tag), data + at, rest);
	memcpy(data + at, &type, sizeof(type));
	memcpy(data + at + sizeof(type), &tag.tci, sizeof(tag.tci));
	return (uint16_t)(at + sizeof(tag) + rest);
}

static bool
copy_frame(struct tap *t, const struct rte_mbuf *m, uint64_t tsc)
{
	struct slot *s;

	if (t->put - t->seen_take == SLOT_CNT) {
		t->seen_take = load_acquire_u64(&t->take); // pairs with drop_head's release
		if (t->put - t->seen_take == SLOT_CNT)
			return false;
	}
	s = slot_at(t, t->put);
	s->time = tsc;
	s->flags = 0;
	s->wire_len = m->pkt_len;
	s->kept_len = copy_bytes(s->data, t->keep_max, m);
	if (!t->tx && m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		s->kept_len = put_tag_back(s->data, s->kept_len, t->keep_max, m->vlan_tci);
		s->wire_len += sizeof(struct vlan_tag);
	}
	if (!t->tx && m->ol_flags & t->stamp.flag) {
		s->time = *RTE_MBUF_DYNFIELD(m, t->stamp.offset, const uint64_t *);
		s->flags = SLOT_STAMPED;
	}
	store_release_u64(&t->put, t->put + 1); // pairs with head_of's acquire
	return true;
}

static uint16_t
copy_burst(struct tap *t, struct rte_mbuf **buf, uint16_t cnt)
{
	const uint64_t tsc = clock_tsc();
	uint64_t dropped = 0;

	ORDERED_ACQUIRED(t); // DPDK hands us over; see port_buf.h
	for (uint16_t i = 0; i < cnt; i++)
		dropped += !copy_frame(t, buf[i], tsc);
	if (dropped != 0) // the frames behind them come after this, for whoever reads put first
		store_release_u64(&t->dropped_cnt, t->dropped_cnt + dropped);
	return cnt;
}

static uint16_t
on_received(uint16_t port_id, uint16_t queue, struct rte_mbuf **buf, uint16_t cnt, uint16_t max,
	    void *tap)
{
	return cnt == 0 ? 0 : copy_burst(tap, buf, cnt);
}

static uint16_t
on_sent(uint16_t port_id, uint16_t queue, struct rte_mbuf **buf, uint16_t cnt, void *tap)
{
	return copy_burst(tap, buf, cnt);
}

/*
 * The writer's side
 */

static uint64_t
slot_ns(struct capture *c, const struct slot *s)
{
	const struct clock_map *m = &c->stamp_clock;

	if (!(s->flags & SLOT_STAMPED))
		return clock_ns_of(&c->tsc_clock, s->time);
	if (s->time >= m->base_tsc)
		return clock_ns_of(m, s->time);
	return m->base_ns - clock_cycles_to_ns(m, m->base_tsc - s->time);
}

/* Whether the tap has a frame; its time is known then. */
static bool
head_of(struct capture *c, struct tap *t)
{
	if (t->head_known)
		return true;
	if (load_acquire_u64(&t->put) == t->take) // pairs with copy_frame's release
		return false;
	t->head_ns = slot_ns(c, slot_at(t, t->take));
	t->head_known = true;
	return true;
}

static void
drop_head(struct tap *t)
{
	t->head_known = false;
	store_release_u64(&t->take, t->take + 1); // pairs with copy_frame's acquire
}

static struct tap *
earliest(struct capture *c)
{
	struct tap *best = NULL;

	for (uint32_t i = 0; i < c->tap_cnt; i++)
		if (head_of(c, &c->tap[i]) && (best == NULL || c->tap[i].head_ns < best->head_ns))
			best = &c->tap[i];
	return best;
}

/* It ends by itself; the first cause counts. */
static void
end_because(struct capture *c, int rc, const char *why)
{
	if (c->why[0] != '\0')
		return;
	c->rc = rc;
	snprintf(c->why, sizeof(c->why), "%s", why);
}

/* Frames were lost: a SYN may be among them, and what is known of connections is not true. */
static void
look_for_drops(struct capture *c)
{
	uint64_t dropped = 0;

	for (uint32_t i = 0; i < c->tap_cnt; i++)
		dropped += load_acquire_u64(&c->tap[i].dropped_cnt);
	if (dropped == c->dropped_seen)
		return;
	c->dropped_seen = dropped;
	metric_set(&c->metrics.frame_dropped, dropped);
	login_blank_forget(&c->blank);
	pthread_mutex_lock(&c->lock);
	memset(c->said.session, 0, sizeof(c->said.session)); // told before the loss
	c->said.wants_sessions = true;
	pthread_mutex_unlock(&c->lock);
}

static void
hear(struct capture *c)
{
	pthread_mutex_lock(&c->lock);
	c->stamp_clock = c->said.stamp_clock;
	for (uint32_t i = 0; i < SESSION_MAX; i++) {
		if (c->said.session[i].told)
			login_blank_tell(&c->blank, c->said.session[i].ip, c->said.session[i].port,
					 c->said.session[i].local_port, c->said.session[i].isn);
		c->said.session[i].told = false;
	}
	pthread_mutex_unlock(&c->lock);
}

static void
write_frame(struct capture *c, struct tap *t)
{
	struct slot *s = slot_at(t, t->take);

	if (c->out.bytes + PCAP_FILE_RECORD_BYTES + s->kept_len > c->max_bytes) {
		end_because(c, 0, "the file has the size it may have (--max-mb)");
		return;
	}
	if (login_blank_frame(&c->blank, s->data, s->kept_len))
		metric_add(&c->metrics.frame_blanked, 1);
	if (s->kept_len < s->wire_len)
		metric_add(&c->metrics.frame_cut, 1);
	pcap_file_put(&c->out, t->head_ns, s->data, s->kept_len, s->wire_len);
	metric_add(&c->metrics.frame_captured, 1);
	drop_head(t);
}

/* Writes what came until a moment; false when there was nothing. */
static bool
write_until(struct capture *c, uint64_t until_ns)
{
	struct tap *t;
	bool did = false;

	hear(c);
	for (unsigned n = 0; n < SLOT_CNT && c->why[0] == '\0'; n++) {
		t = earliest(c);
		if (t == NULL || t->head_ns > until_ns)
			break;
		if (pcap_file_failed(&c->out))
			break;
		look_for_drops(c); // after the head was seen, before it is judged
		write_frame(c, t);
		did = true;
	}
	look_for_drops(c);
	return did;
}

static void
flush(struct capture *c)
{
	const int rc = pcap_file_flush(&c->out);

	if (rc == 0) {
		c->flushed_cnt = c->metrics.frame_captured;
		return;
	}
	metric_set(&c->metrics.frame_captured, c->flushed_cnt);
	metric_add(&c->metrics.disk_error, 1);
	end_because(c, rc,
		    rc == -ENOSPC ? "the disk is full; the file ends with the last whole frame"
				  : strerror(-rc));
}

static void *
write_loop(void *arg)
{
	uint64_t flush_ns = wall_ns() + FLUSH_MS * 1000000ULL;
	struct capture *c = arg;

	// pairs with capture_stop's release: what was copied before it is seen below
	while (load_acquire_u32(&c->stop) == 0 && c->why[0] == '\0') {
		const uint64_t now_ns = clock_ns_of(&c->tsc_clock, clock_tsc());

		if (!write_until(c, now_ns - MERGE_HOLD_NS))
			nap_us(NAP_US);
		if (wall_ns() >= flush_ns || pcap_file_failed(&c->out)) {
			flush_ns = wall_ns() + FLUSH_MS * 1000000ULL;
			flush(c);
		}
	}
	while (write_until(c, UINT64_MAX))
		; // ends: no callback adds any more
	if (c->why[0] == '\0' || c->rc == 0)
		flush(c);
	if (pcap_file_close(&c->out) != 0)
		end_because(c, -EIO, "the file could not be closed");
	store_release_u32(&c->done, 1); // pairs with is_done's acquire
	return NULL;
}

/*
 * The control thread's side
 */

static bool
is_done(const struct capture *c)
{
	return load_acquire_u32(&c->done) != 0;
}

/* Where the connections of the port's sessions began, from the lanes that have them. */
static void
ask_sessions(struct gateway *g, struct capture *c)
{
	for (uint32_t s = 0; s < g->config->sessions_cnt; s++) {
		const struct config_session *cs = &g->config->sessions[s];
		const struct command ask = { .kind = COMMAND_SESSION, .arg = { s } };
		const struct command_session *is;

		for (uint32_t l = 0; l < g->lane_cnt; l++) {
			if (cs->port_idx != c->port_idx || g->lane[l]->has.session[s] == NULL ||
			    gateway_ask(g, l, &ask, ASK_WAIT_MS) != 0)
				continue;
			is = g->reply[l];
			if (is->tcp_state == TCP_STATE_CLOSED)
				continue; // the next connection's SYN will be seen
			pthread_mutex_lock(&c->lock);
			c->said.session[s].told = true;
			c->said.session[s].ip = is->peer_ip;
			c->said.session[s].port = is->peer_port;
			c->said.session[s].local_port = is->local_port;
			c->said.session[s].isn = is->isn;
			pthread_mutex_unlock(&c->lock);
		}
	}
}

/* Every lane has finished the turn it was in.  False: one did not, and may still copy. */
static bool
lanes_passed(const struct gateway *g)
{
	uint64_t mark[LANE_MAX];

	for (uint32_t i = 0; i < g->lane_cnt; i++)
		mark[i] = turn_mark(&g->lane[i]->turn);
	for (unsigned us = 0; us < PASS_WAIT_MS * 1000; us += NAP_US) {
		uint32_t passed = 0;

		for (uint32_t i = 0; i < g->lane_cnt; i++)
			passed += turn_passed(&g->lane[i]->turn, mark[i]);
		if (passed == g->lane_cnt)
			return true;
		nap_us(NAP_US);
	}
	return false;
}

static int
tap_open(struct capture *c, const struct gateway_port *p, uint16_t queue_id, bool tx,
	 uint32_t snap_len)
{
	const uint32_t room = (uint32_t)rte_pktmbuf_data_room_size(p->pool) - RTE_PKTMBUF_HEADROOM +
			      sizeof(struct vlan_tag);
	struct tap *t = &c->tap[c->tap_cnt];

	memset(t, 0, sizeof(*t));
	t->queue_id = queue_id;
	t->tx = tx;
	t->stamp = p->stamp;
	t->keep_max = (uint16_t)(snap_len != 0 && snap_len < room ? snap_len : room);
	t->slot_bytes =
		(sizeof(struct slot) + t->keep_max + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
	// touched here: no lane faults a page in
	t->slots = mmap(NULL, SLOT_CNT * t->slot_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (t->slots == MAP_FAILED)
		return -ENOMEM;
	c->tap_cnt++;
	return 0;
}

static int
tap_hang_in(struct capture *c, struct tap *t)
{
	ORDERED_RELEASES(t);
	t->callback = t->tx ? rte_eth_add_tx_callback(c->port_id, t->queue_id, on_sent, t)
			    : rte_eth_add_rx_callback(c->port_id, t->queue_id, on_received, t);
	return t->callback == NULL ? -ENOTSUP : 0;
}

/* Takes the callbacks away and waits until no lane is in one; false: one may be. */
static bool
taps_take_out(struct gateway *g, struct capture *c)
{
	for (uint32_t i = 0; i < c->tap_cnt; i++) {
		struct tap *t = &c->tap[i];

		if (t->callback == NULL)
			continue;
		if (t->tx)
			rte_eth_remove_tx_callback(c->port_id, t->queue_id, t->callback);
		else
			rte_eth_remove_rx_callback(c->port_id, t->queue_id, t->callback);
	}
	return lanes_passed(g);
}

static void
taps_free(struct capture *c)
{
	for (uint32_t i = 0; i < c->tap_cnt; i++) {
		rte_free((void *)(uintptr_t)c->tap[i].callback);
		munmap(c->tap[i].slots, SLOT_CNT * c->tap[i].slot_bytes);
	}
	c->tap_cnt = 0;
	free(c->tap);
	c->tap = NULL;
}

/* What is left of the last one on the port. */
static void
forget(struct gateway *g, uint32_t port_idx)
{
	struct capture *c = g->capture[port_idx];

	if (c == NULL)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
	g->capture[port_idx] = NULL;
}

static int
check(const struct gateway *g, const struct capture_wish *w, struct err *e)
{
	const struct gateway_port *p = &g->port[w->port_idx];
	const char *name = g->config->ports[w->port_idx].name;
	const struct capture *c = g->capture[w->port_idx];

	if (!p->started)
		return err_set(e, -ENODEV, "port '%s' is used by no lane: there is nothing to see",
			       name);
	if (c != NULL && !c->down)
		return err_set(
			e, -EBUSY,
			"port '%s' is captured already, into %s; `capture stop %s` ends that", name,
			c->file, name);
	if (w->file[0] != '/')
		return err_set(e, -EINVAL,
			       "file '%s': a path from the root is wanted; the gateway's folder is "
			       "not yours",
			       w->file);
	if (strlen(w->file) >= sizeof(c->file))
		return err_set(e, -ENAMETOOLONG, "file: its path is longer than %zu bytes",
			       sizeof(c->file) - 1);
	return 0;
}

static int
open_file(struct capture *c, struct err *e)
{
	struct statvfs fs;
	int rc = pcap_file_create(&c->out, c->file, c->tap[0].keep_max, true, e);

	if (rc != 0)
		return rc;
	if (fstatvfs(fileno(c->out.f), &fs) != 0 ||
	    fs.f_bavail * fs.f_frsize >= (uint64_t)DISK_FREE_MIN_MB << 20)
		return 0;
	pcap_file_close(&c->out);
	unlink(c->file);
	return err_set(e, -ENOSPC, "%s: the disk has %llu MiB free, at least %d are wanted",
		       c->file, (unsigned long long)(fs.f_bavail * fs.f_frsize >> 20),
		       DISK_FREE_MIN_MB);
}

static int
open_taps(struct gateway *g, struct capture *c, const struct capture_wish *w, struct err *e)
{
	const struct gateway_port *p = &g->port[w->port_idx];
	int rc = 0;

	c->tap = aligned_alloc(CACHE_LINE, TAP_MAX * sizeof(struct tap));
	if (c->tap == NULL)
		return err_set(e, -ENOMEM, "no memory");
	for (uint16_t q = 0; rc == 0 && w->rx && q < p->rx_queue_cnt && q < TAP_MAX - 1; q++)
		rc = tap_open(c, p, q, false, w->snap_len);
	if (rc == 0 && w->tx)
		rc = tap_open(c, p, 0, true, w->snap_len);
	if (rc != 0)
		return err_set(e, rc,
			       "no memory for %d frames per queue; a smaller snaplen takes "
			       "less",
			       SLOT_CNT);
	return 0;
}

bool
capture_know_servers(struct login_blank *b, const struct config *c)
{
	bool ok = true;

	for (uint32_t s = 0; s < c->sessions_cnt; s++) {
		const struct config_session *cs = &c->sessions[s];

		ok &= login_blank_add(b, cs->peer.ip, (uint16_t)cs->peer.port);
		for (uint32_t i = 0; i < cs->backup_cnt; i++)
			ok &= login_blank_add(b, cs->backup[i].ip, (uint16_t)cs->backup[i].port);
		if (cs->drop_copy.peer.ip != 0)
			ok &= login_blank_add(b, cs->drop_copy.peer.ip,
					      (uint16_t)cs->drop_copy.peer.port);
	}
	for (uint32_t f = 0; f < c->feeds_cnt; f++)
		if (c->feeds[f].recovery.snapshot.ip != 0)
			ok &= login_blank_add(b, c->feeds[f].recovery.snapshot.ip,
					      (uint16_t)c->feeds[f].recovery.snapshot.port);
	return ok;
}

static struct capture *
new_capture(struct gateway *g, const struct capture_wish *w)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->port_idx = w->port_idx;
	c->port_id = g->port[w->port_idx].port_id;
	c->rx = w->rx;
	c->tx = w->tx;
	c->max_bytes = w->max_bytes;
	c->start_ns = wall_ns();
	c->tsc_clock = g->clock;
	c->said.stamp_clock = g->port[w->port_idx].stamp.clock;
	snprintf(c->file, sizeof(c->file), "%s", w->file);
	pthread_mutex_init(&c->lock, NULL);
	if (!capture_know_servers(&c->blank, g->config)) {
		free(c);
		return NULL;
	}
	return c;
}

int
capture_start(struct gateway *g, const struct capture_wish *w, struct err *e)
{
	struct capture *c;
	int rc = check(g, w, e);

	if (rc != 0)
		return rc;
	c = new_capture(g, w);
	if (c == NULL)
		return err_set(e, -ENOMEM, "no memory");
	rc = open_taps(g, c, w, e);
	if (rc == 0)
		rc = open_file(c, e);
	if (rc != 0)
		goto out_taps;
	for (uint32_t i = 0; rc == 0 && i < c->tap_cnt; i++)
		rc = tap_hang_in(c, &c->tap[i]);
	if (rc != 0) {
		err_set(e, rc,
			"port '%s': DPDK was built without callbacks (RTE_ETHDEV_RXTX_"
			"CALLBACKS): nothing can be captured",
			g->config->ports[w->port_idx].name);
		goto out_file;
	}
	if (!w->before_lanes) // after the callbacks: a later connection's SYN is captured
		ask_sessions(g, c);
	rc = -pthread_create(&c->writer, NULL, write_loop, c);
	if (rc != 0) {
		err_set(e, rc, "no thread to write the file: %s", strerror(-rc));
		goto out_file;
	}
	pthread_setname_np(c->writer, "sluice-capture");
	forget(g, w->port_idx);
	g->capture[w->port_idx] = c;
	return 0;

out_file:
	pcap_file_close(&c->out);
	unlink(c->file);
out_taps:
	if (taps_take_out(g, c))
		taps_free(c);
	pthread_mutex_destroy(&c->lock);
	free(c);
	return rc;
}

/*
 * Ends a capture, whoever wanted that.  False: the writer still waits for the disk, and is looked
 * after at a later tick.
 */
static bool
take_down(struct gateway *g, struct capture *c)
{
	if (!c->unhung) {
		const bool passed = taps_take_out(g, c);

		c->unhung = true;
		c->kept = !passed;              // for the lane that does not end its turn
		store_release_u32(&c->stop, 1); // pairs with write_loop's acquire
	}
	for (unsigned us = 0; !is_done(c) && us < WRITE_WAIT_MS * 1000; us += NAP_US)
		nap_us(NAP_US);
	if (!is_done(c))
		return false;
	pthread_join(c->writer, NULL);
	if (!c->kept)
		taps_free(c);
	c->end_ns = wall_ns();
	c->down = true;
	if (g->log != NULL)
		event_log_say(g->log, c->end_ns, c->rc == 0 ? EVENT_NOTICE : EVENT_ERROR,
			      "port %s: capture into %s ended (%s): %llu frames, %llu dropped",
			      g->config->ports[c->port_idx].name, c->file,
			      c->why[0] != '\0' ? c->why : "stopped",
			      (unsigned long long)c->metrics.frame_captured,
			      (unsigned long long)c->metrics.frame_dropped);
	return true;
}

int
capture_stop(struct gateway *g, uint32_t port_idx, struct err *e)
{
	struct capture *c = g->capture[port_idx];
	const char *name = g->config->ports[port_idx].name;

	if (c == NULL)
		return err_set(e, -ENOENT, "port '%s' is not captured", name);
	if (c->down)
		return err_set(e, -ENOENT, "port '%s' is not captured any more: %s", name,
			       c->why[0] != '\0' ? c->why : "it was stopped");
	if (!take_down(g, c))
		return err_set(e, -EINPROGRESS,
			       "port '%s' is not captured any more, but its disk is slow: %s is "
			       "being written; see `capture status`",
			       name, c->file);
	return c->rc == 0 ? 0 : err_set(e, c->rc, "%s: %s", c->file, c->why);
}

void
capture_look(struct gateway *g)
{
	for (uint32_t i = 0; i < PORT_MAX; i++) {
		struct capture *c = g->capture[i];
		bool ask;

		if (c == NULL || c->down)
			continue;
		if (is_done(c)) {
			take_down(g, c);
			continue;
		}
		pthread_mutex_lock(&c->lock);
		c->said.stamp_clock = g->port[i].stamp.clock;
		ask = c->said.wants_sessions && !c->unhung;
		c->said.wants_sessions = false;
		pthread_mutex_unlock(&c->lock);
		if (ask)
			ask_sessions(g, c);
	}
}

void
capture_close(struct gateway *g)
{
	for (uint32_t i = 0; i < PORT_MAX; i++) {
		if (g->capture[i] != NULL && !g->capture[i]->down && !take_down(g, g->capture[i]))
			g->capture[i] = NULL; // its disk hangs, and we do not
		forget(g, i);
	}
}

int
capture_rows(const struct gateway *g, struct state_capture *row, size_t row_max)
{
	int cnt = 0;

	for (uint32_t i = 0; i < PORT_MAX; i++) {
		const struct capture *c = g->capture[i];
		struct state_capture *r = &row[cnt];

		if (c == NULL)
			continue;
		if ((size_t)cnt++ >= row_max)
			continue;
		*r = (struct state_capture){
			.running = !c->unhung,
			.captured_cnt = metric_get(&c->metrics.frame_captured),
			.dropped_cnt = metric_get(&c->metrics.frame_dropped),
			.blanked_cnt = metric_get(&c->metrics.frame_blanked),
			.cut_cnt = metric_get(&c->metrics.frame_cut),
			.disk_error_cnt = metric_get(&c->metrics.disk_error),
			.max_bytes = c->max_bytes,
			.start_ns = c->start_ns,
			.end_ns = c->end_ns,
		};
		snprintf(r->port, sizeof(r->port), "%s", g->config->ports[i].name);
		snprintf(r->file, sizeof(r->file), "%s", c->file);
		snprintf(r->direction, sizeof(r->direction), "%s",
			 c->rx && c->tx ? "both" : (c->rx ? "rx" : "tx"));
		snprintf(r->why, sizeof(r->why), "%s",
			 !c->down ? (c->unhung ? "waits for the disk" : "")
				  : (c->why[0] == '\0' ? "stopped" : c->why));
	}
	return cnt;
}

const struct capture_metrics *
capture_metrics_of(const struct gateway *g, uint32_t port_idx)
{
	return g->capture[port_idx] == NULL ? NULL : &g->capture[port_idx]->metrics;
}
