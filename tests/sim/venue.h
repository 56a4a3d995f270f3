/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_VENUE_H
#define SLUICE_SIM_VENUE_H

#include <netinet/in.h>

#include "feed.h"
#include "match.h"
#include "oe.h"

/* The whole venue: market data, books and accounts on kernel sockets, one thread. */

enum {
	VENUE_ACCOUNTS_MAX = 16,
	VENUE_CLIENTS_MAX = 64,
	VENUE_SYMBOLS_MAX = 256,
};

enum venue_start { VENUE_START_AT_ONCE, VENUE_START_AT_CONNECT, VENUE_START_AT_LOGIN };

struct venue_account {
	struct oe_config c;
	uint16_t port; // 0: chosen; the one bound afterwards
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
	bool serve_requests;
	uint16_t request_port;
	enum venue_start start;
	uint64_t start_delay_ns;
	uint64_t exit_after_ns;        // 0: never
	bool stay;                     // after the last session, until SIGTERM
	bool spin;                     // poll instead of sleeping
	uint32_t receive_buffer_bytes; // of order connections; 0: the kernel's
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
	int request_fd; // -1: none
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

#endif
