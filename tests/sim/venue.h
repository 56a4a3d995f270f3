/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_VENUE_H
#define SLUICE_SIM_VENUE_H

#include <netinet/in.h>

#include "feed.h"
#include "glimpse.h"
#include "match.h"
#include "oe.h"
#include "requests.h"

/* The whole venue: market data, books and accounts on kernel sockets, one thread. */

enum {
	VENUE_ACCOUNTS_MAX = 16,
	VENUE_CLIENTS_MAX = 64,
	VENUE_SYMBOLS_MAX = 256,
	VENUE_SNAPSHOTS_MAX = 16, // connections to the snapshot server
};

enum venue_start { VENUE_START_AT_ONCE, VENUE_START_AT_CONNECT, VENUE_START_AT_LOGIN };

struct venue_account {
	struct oe_config c;
	unsigned copy_of; // c.is_copy: an account before it
	uint16_t port;    // 0: chosen; the one bound afterwards
	int fd;
	uint64_t accepted_cnt;
};

struct venue_config {
	const char *tape_path; // NULL: no market data
	struct feed_config feed;
	struct faults faults;
	struct sockaddr_in line[FEED_LINES]; // family 0: this line is off
	const char *iface;
	struct in_addr source_ip;
	struct in_addr listen_ip;
	uint32_t ttl;
	struct in_addr recovery_ip; // where request and snapshot servers listen
	unsigned request_port_cnt;
	uint16_t request_port[REQUEST_SERVERS_MAX]; // 0: chosen; those bound afterwards
	bool serve_snapshots;
	uint16_t snapshot_port; // 0: chosen
	struct glimpse_config glimpse;
	enum venue_start start;
	uint64_t start_delay_ns;
	uint64_t exit_after_ns;        // 0: never
	bool stay;                     // after the last session, until SIGTERM
	bool spin;                     // poll instead of sleeping
	uint32_t receive_buffer_bytes; // of order connections; 0: the kernel's
	const char *state_path;        // NULL: a day ends with the process
	const char *report_path;
	const char *ready_path;
	int ready_fd; // -1: none
	struct venue_account account[VENUE_ACCOUNTS_MAX];
	unsigned account_cnt;
	char symbol[VENUE_SYMBOLS_MAX][8]; // tradable besides the tape's
	unsigned symbol_cnt;
};

/* An accepted connection. */
struct venue_client {
	int fd; // -1: free
	unsigned account;
	bool draining; // ours is closed; waits for the client's end
	bool armed;    // epoll reports input
	bool writable_wanted;
	uint64_t read_at_ns; // input is looked at then; 0: at once
	uint64_t drain_until_ns;
	struct oe_conn conn;
};

/* A connection to the snapshot server. */
struct venue_snapshot {
	int fd; // -1: free
	bool draining;
	bool writable_wanted;
	uint64_t drain_until_ns;
	struct glimpse_conn conn;
};

/* What an epoll event is about: in the upper half of its data; the index below. */
enum venue_source {
	SOURCE_TIMER,
	SOURCE_SIGNAL,
	SOURCE_LISTEN,
	SOURCE_CLIENT,
	SOURCE_REQUEST,
	SOURCE_SNAPSHOT_LISTEN,
	SOURCE_SNAPSHOT,
};

struct venue {
	struct venue_config c;
	struct tape tape;
	struct feed feed;
	struct match match;
	struct oe *oe[VENUE_ACCOUNTS_MAX];
	struct venue_client client[VENUE_CLIENTS_MAX];
	int epoll_fd;
	int timer_fd;
	int signal_fd;
	int request_fd[REQUEST_SERVERS_MAX]; // -1: none
	int snapshot_fd;                     // -1: none
	struct requests requests;
	struct glimpse glimpse;
	struct spin_state spin_state;
	struct venue_snapshot snapshot[VENUE_SNAPSHOTS_MAX];
	int line_fd[FEED_LINES];
	uint64_t send_error_cnt;
	uint64_t begin_ns;
	uint64_t started_after_ns; // when the wait for a client was over; 0: not yet
	uint64_t end_ns;           // when the accounts were told that the day is over; 0: not yet
	uint64_t swept_ns;
	bool stop;
};

/* 0, or what a process exits with; the cause is on stderr. */
int venue_open(struct venue *v, const struct venue_config *c);
void venue_run(struct venue *v);
void venue_close(struct venue *v);

/* Writes the report; 0 or a negative errno. */
int venue_report(const struct venue *v, const char *path);

/* --- within the venue --- */

int venue_watch(struct venue *v, int fd, enum venue_source source, unsigned idx, uint32_t events);
int venue_fail(const char *what, const char *why);

/* venue_recovery.c: sockets of request and snapshot servers. */
int recovery_open(struct venue *v);
void recovery_close(struct venue *v);
void recovery_on_event(struct venue *v, enum venue_source source, unsigned idx, uint32_t events,
		       uint64_t now_ns);
/* Sends what is due. */
void recovery_run(struct venue *v, uint64_t now_ns);
/* When recovery_run() has something to do; UINT64_MAX: never. */
uint64_t recovery_due_ns(const struct venue *v);
/* Heartbeats and timeouts. */
void recovery_sweep(struct venue *v, uint64_t now_ns);

#endif
