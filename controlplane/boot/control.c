/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "boot/breaker_watch.h"
#include "boot/capture.h"
#include "boot/clock_watch.h"
#include "boot/control.h"
#include "boot/drop_watch.h"
#include "boot/feed_watch.h"
#include "boot/kill_switch.h"
#include "boot/journal_start.h"
#include "boot/lane_latency.h"
#include "boot/lane_start.h"
#include "boot/last_path.h"
#include "boot/limits_kept.h"
#include "boot/latency_watch.h"
#include "boot/outlier_watch.h"
#include "boot/page_ready.h"
#include "boot/port_start.h"
#include "boot/reload.h"
#include "boot/saved_tcp.h"
#include "ctl/ctl_server.h"
#include "err/fault.h"
#include "observe/event_log.h"
#include "observe/latency.h"
#include "observe/metrics_export.h"
#include "observe/state_books.h"
#include "observe/state_gateway.h"
#include "observe/telemetry.h"

enum {
	TICK_MS = 20,          // events are logged, links looked at, lanes counted
	ASK_WAIT_MS = 1000,    // a lane answers in microseconds, or shares its core
	CANCEL_WAIT_MS = 2000, // for the venue to confirm the cancels at the end
	LOGOUT_WAIT_MS = 1000,
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void
sleep_ms(unsigned ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
	control_beat_now();
}

static void
audit(void *ctx, const char *text)
{
	struct gateway *g = ctx;

	event_log_say(g->log, now_ns(), EVENT_NOTICE, "%s", text);
}

/* Who sends the command that is answered next. */
static void
calling(void *ctx, uint32_t uid, uint32_t pid)
{
	struct gateway *g = ctx;

	g->caller_uid = uid;
	g->caller_pid = pid;
}

int
control_open(struct gateway *g, struct err *e)
{
	const struct event_log_config log = {
		.file = g->config->control.event_log,
		.journal = event_log_under_systemd(),
		.text_fd = STDERR_FILENO,
		.least = EVENT_INFO,
		.clock = &g->clock,
		.name = gateway_event_name,
		.name_ctx = g,
		.keep = gateway_journal_note,
	};
	struct ctl_server_config ctl = {
		.path = g->config->control.socket,
		.source = &g->source,
		.audit = audit,
		.audit_ctx = g,
		.calling = calling,
		.journal = gateway_journal_command,
		.journal_ctx = g,
	};
	sigset_t signals;
	int rc;

	// blocked before any thread exists, so that only the control loop sees them
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	state_gateway_source(g, &g->source);
	rc = event_log_open(&g->log, &log, e);
	if (rc == 0)
		rc = ctl_server_open(&g->ctl, &ctl, e);
	if (rc == 0 && g->config->control.http_port != 0)
		rc = metrics_export_open(&g->http, (uint16_t)g->config->control.http_port,
					 &g->source, e);
	if (rc != 0)
		control_close(g);
	return rc;
}

void
control_close(struct gateway *g)
{
	if (g->http != NULL)
		metrics_export_close(g->http);
	if (g->ctl != NULL)
		ctl_server_close(g->ctl);
	if (g->telemetry != NULL)
		telemetry_close(g->telemetry);
	latency_watch_close(g);
	feed_watch_close(g);
	outlier_watch_close(g);
	clock_watch_close(g);
	breaker_watch_close(g);
	drop_watch_close(g);
	if (g->log != NULL)
		event_log_close(g->log);
	g->http = NULL;
	g->ctl = NULL;
	g->telemetry = NULL;
	g->log = NULL;
}

/* The lanes that poll the port and that own its host hear of the link, and the log does. */
static int
tell_link(struct gateway *g, uint32_t port_idx)
{
	const struct command link = { .kind = COMMAND_LINK,
				      .arg = { port_idx, g->port[port_idx].link_up } };
	const uint32_t host = g->map->port_host_lane[port_idx];
	const uint32_t rx = g->map->port_rx_lane[port_idx];
	int rc = gateway_ask(g, host, &link, ASK_WAIT_MS);

	if (rc == 0 && rx != host)
		rc = gateway_ask(g, rx, &link, ASK_WAIT_MS);
	return rc;
}

static void
look_at_links(struct gateway *g)
{
	uint32_t changed = ports_link_changed(g);

	if (changed != 0)
		page_ready(); // before the lanes hear of it
	for (; changed != 0; changed &= changed - 1) {
		const uint32_t i = (uint32_t)__builtin_ctz(changed);
		struct port_counters counters = { 0 };

		if (tell_link(g, i) != 0) {
			g->port[i].link_up = !g->port[i].link_up; // again at the next look
			continue;
		}
		port_counters_get(g, i, &counters);
		if (g->port[i].link_up)
			event_log_put(g->log, now_ns(), EVENT_LINK_UP, i, counters.link_mbps);
		else
			event_log_put(g->log, now_ns(), EVENT_LINK_DOWN, i);
	}
}

/* A port that had no carrier since it started; a later loss is an event of its own. */
static void
tell_links_down(struct gateway *g)
{
	for (uint32_t i = 0; i < g->config->ports_cnt; i++)
		if (g->port[i].started && !g->port[i].link_up)
			event_log_say(g->log, now_ns(), EVENT_WARNING,
				      "port %s: the link is down since the start: cable, "
				      "transceiver, switch port? %s",
				      g->config->ports[i].name, fault_tag(FAULT_WARN_LINK));
}

/* The NIC's clock drifts from ours: who reads its stamps learns how to, each second. */
static void
look_at_clock(struct gateway *g, uint32_t port_idx)
{
	const uint32_t lane[2] = { g->map->port_rx_lane[port_idx],
				   g->map->port_host_lane[port_idx] };
	const struct command tell = { .kind = COMMAND_CLOCK, .arg = { port_idx } };

	if (port_clock_measure(g, port_idx) != 0)
		return;
	for (uint32_t i = 0; i < (lane[0] == lane[1] ? 1 : 2); i++) {
		if (lane[i] >= g->lane_cnt || !command_idle(&g->lane[lane[i]]->command))
			continue; // at the next second
		memcpy(g->reply[lane[i]], &g->port[port_idx].stamp.clock, sizeof(struct clock_map));
		gateway_ask(g, lane[i], &tell, ASK_WAIT_MS);
	}
}

/* Whether receive could fill its ring anew; the fault is told when it begins. */
static void
look_at_budget(struct gateway *g, uint32_t port_idx, const struct port_counters *c)
{
	struct gateway_port *p = &g->port[port_idx];
	const bool low = c->buf_free < p->rx_desc;

	if (low && !p->budget_low)
		event_log_put(g->log, now_ns(), EVENT_BUFFER_BUDGET, port_idx,
			      p->mbuf_cnt - c->buf_free, p->mbuf_cnt, p->rx_desc);
	p->budget_low = low;
}

/* Frames the transmit queue did not take. */
static void
look_at_sent(struct gateway *g, uint32_t port_idx)
{
	struct gateway_port *p = &g->port[port_idx];
	const uint32_t lane_idx = g->map->port_host_lane[port_idx];
	uint64_t dropped;

	if (lane_idx >= g->lane_cnt || g->lane[lane_idx]->port[port_idx] == NULL)
		return;
	dropped = metric_get(&g->lane[lane_idx]->port[port_idx]->tx.metrics.frame_dropped);
	if (dropped > p->seen_tx_dropped)
		event_log_put(g->log, now_ns(), EVENT_TX_FULL, port_idx,
			      dropped - p->seen_tx_dropped);
	p->seen_tx_dropped = dropped;
}

/* Frames the NIC could not give us are named causes of a gap. */
static void
look_at_losses(struct gateway *g)
{
	for (uint32_t i = 0; i < g->config->ports_cnt; i++) {
		struct gateway_port *p = &g->port[i];
		struct port_counters c;

		if (port_counters_get(g, i, &c) != 0)
			continue;
		look_at_clock(g, i);
		look_at_budget(g, i, &c);
		look_at_sent(g, i);
		if (c.rx_missed > p->seen_missed)
			event_log_put(g->log, now_ns(), EVENT_PORT_MISSED, i,
				      c.rx_missed - p->seen_missed);
		if (c.rx_nombuf > p->seen_nombuf)
			event_log_put(g->log, now_ns(), EVENT_PORT_NO_BUFFER, i,
				      c.rx_nombuf - p->seen_nombuf);
		p->seen_missed = c.rx_missed;
		p->seen_nombuf = c.rx_nombuf;
	}
}

static uint32_t
open_orders(struct gateway *g)
{
	const struct command ask = { .kind = COMMAND_SESSION };
	uint32_t cnt = 0;

	for (uint32_t s = 0; s < g->config->sessions_cnt; s++)
		for (uint32_t l = 0; l < g->lane_cnt; l++) {
			struct command one = ask;

			one.arg[0] = s;
			if (g->lane[l]->has.session[s] != NULL &&
			    gateway_ask(g, l, &one, ASK_WAIT_MS) == 0)
				cnt += ((struct command_session *)g->reply[l])->order_open_cnt;
		}
	return cnt;
}

static void
ask_sessions(struct gateway *g, enum command_kind kind)
{
	for (uint32_t s = 0; s < g->config->sessions_cnt; s++)
		for (uint32_t l = 0; l < g->lane_cnt; l++) {
			const struct command ask = { .kind = kind, .arg = { s } };

			if (g->lane[l]->has.session[s] == NULL)
				continue;
			// a lane that was too slow for the question before hears this one later
			for (unsigned ms = 0;
			     gateway_ask(g, l, &ask, ASK_WAIT_MS) == -EBUSY && ms < ASK_WAIT_MS;
			     ms += TICK_MS)
				sleep_ms(TICK_MS);
		}
}

/* No new orders, cancel what works, wait for the venue's word, log out. */
static void
drain(struct gateway *g)
{
	struct err e;

	err_init(&e);
	limits_disarm(&g->limits, &e);
	if (open_orders(g) != 0) {
		ask_sessions(g, COMMAND_CANCEL_ALL);
		for (unsigned ms = 0; ms < CANCEL_WAIT_MS && open_orders(g) != 0; ms += TICK_MS)
			sleep_ms(TICK_MS);
	}
	g->open_at_end = open_orders(g);
	ask_sessions(g, COMMAND_SESSION_DISCONNECT);
	for (unsigned ms = 0; ms < LOGOUT_WAIT_MS && !state_gateway_sessions_closed(g);
	     ms += TICK_MS)
		sleep_ms(TICK_MS);
	event_log_poll(g->log, now_ns());
}

static int
watch(int epoll_fd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

int
control_run(struct gateway *g, struct err *e)
{
	uint64_t next_second_ns = 0;
	unsigned second_cnt = 0;
	struct epoll_event ev[4];
	sigset_t signals;
	int epoll_fd, signal_fd;
	int rc;

	rc = latency_watch_open(g, e);
	if (rc == 0)
		rc = feed_watch_open(g, e);
	if (rc == 0)
		rc = outlier_watch_open(g, e);
	if (rc == 0)
		rc = clock_watch_open(g, e);
	if (rc == 0)
		rc = breaker_watch_open(g, e);
	if (rc == 0)
		rc = drop_watch_open(g, e);
	if (rc == 0)
		rc = telemetry_open(&g->telemetry, &g->source, e);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		event_log_add_sink(g->log, &g->lane[i]->events);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (signal_fd < 0 || epoll_fd < 0 || watch(epoll_fd, signal_fd) != 0 ||
	    watch(epoll_fd, ctl_server_fd(g->ctl)) != 0 ||
	    watch(epoll_fd, telemetry_fd(g->telemetry)) != 0 ||
	    (g->http != NULL && watch(epoll_fd, metrics_export_fd(g->http)) != 0)) {
		rc = err_set(e, -errno, "the control loop cannot start: %s", strerror(errno));
		goto out;
	}
	// a lane shall take the kill switch's signal: we may be the one that hangs
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	control_beat_start();
	sd_notify(0, "READY=1");
	for (;;) {
		const int n = epoll_wait(epoll_fd, ev, 4, TICK_MS);
		struct signalfd_siginfo info;

		if (n < 0 && errno != EINTR)
			break;
		control_beat_now();
		kill_switch_look(g);
		breaker_watch_look(g);
		drop_watch_look(g);
		limits_kept_look(g);
		if (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
			if (info.ssi_signo == SIGHUP) {
				gateway_reload_by_signal(g);
				continue;
			}
			event_log_say(g->log, now_ns(), EVENT_NOTICE, "%s: stopping",
				      info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
			break;
		}
		ctl_server_poll(g->ctl, 0);
		if (g->http != NULL)
			metrics_export_poll(g->http);
		telemetry_poll(g->telemetry);
		event_log_poll(g->log, now_ns());
		if (lanes_ended(g) != 0) {
			last_path_reset_ended(g);
			rc = err_set(
				e, -EFAULT,
				"a lane ended itself by a broken invariant; orders were stopped "
				"first, the log above names it");
			break;
		}
		if (now_ns() >= next_second_ns) {
			next_second_ns = now_ns() + NS_PER_SEC;
			if (second_cnt++ == 1) // auto-negotiation takes its time
				tell_links_down(g);
			clock_watch_look(g);
			lane_latency_look(g);
			look_at_losses(g);
			feed_watch_heal(g, now_ns());
			sd_notify(0, "WATCHDOG=1");
		}
		look_at_links(g);
		capture_look(g);
		outlier_watch_look(g);
		latency_watch_look(g, now_ns());
		saved_tcp_keep(g, now_ns());
		gateway_journal_look(g, now_ns());
	}
	sd_notify(0, "STOPPING=1");
	drain(g);
	saved_tcp_close(g);
	kill_switch_look(g);
out:
	control_beat_stop();
	if (signal_fd >= 0)
		close(signal_fd);
	if (epoll_fd >= 0)
		close(epoll_fd);
	return rc;
}

void
control_summary(struct gateway *g)
{
	static struct state_latency_row row[STATE_LATENCY_MAX];
	struct state_status st;
	int all, cnt = 0;

	event_log_poll(g->log, now_ns());
	if (g->source.status(g->source.ctx, &st) == 0)
		fprintf(stderr,
			"sluice: %llu market data messages (%llu lost), %llu intents, %llu refused "
			"by "
			"risk, %llu orders sent, %llu executions, %u orders left open\n",
			(unsigned long long)st.md_cnt, (unsigned long long)st.md_lost_cnt,
			(unsigned long long)st.intent_cnt, (unsigned long long)st.rejected_cnt,
			(unsigned long long)st.order_sent_cnt, (unsigned long long)st.executed_cnt,
			g->open_at_end);
	kill_switch_summary(g);
	state_books_summary(g, now_ns());
	latency_watch_end(g, now_ns());
	all = latency_source_rows(g, row, STATE_LATENCY_MAX);
	for (int i = 0; i < all; i++)
		if (row[i].cnt != 0) // this core map has such a hop, and something took it
			row[cnt++] = row[i];
	latency_print(stderr, row, (size_t)cnt);
	outlier_watch_summary(g);
}
