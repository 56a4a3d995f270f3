/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_GATEWAY_H
#define SLUICE_BOOT_GATEWAY_H

#include "base/clock.h"
#include "config/config.h"
#include "config/profile.h"
#include "core_map/core_map.h"
#include "lane/lane.h"
#include "limits/limits.h"
#include "observe/event_log.h"
#include "observe/state.h"

/* Where a port's receive stamps come from. */
enum rx_stamp {
	RX_STAMP_NONE,    // the lane's clock, when the burst had arrived
	RX_STAMP_DEVICE,  // ticks of the NIC's clock, measured against ours
	RX_STAMP_CAPTURE, // microseconds since 1970 out of a capture (net_pcap)
};

/* A port as the control plane started it. */
struct gateway_port {
	uint16_t port_id;  // DPDK's
	uint32_t if_index; // the kernel's interface behind the port; 0: none
	uint8_t mac[6];
	bool started;
	bool link_up;         // as last seen; lanes were told
	uint64_t seen_missed; // counters as last reported
	uint64_t seen_nombuf;
	uint64_t seen_tx_dropped;
	bool budget_low;   // fewer buffers are free than receive needs, and the log says so
	bool csum_offload; // receive checksums are verified by the NIC
	bool steers;       // flow rules bring the order connection to a queue of its own
	enum rx_stamp rx_stamp;
	struct port_stamp stamp; // as its lanes were told
	bool tx_stamps;          // the device says when a frame left that it was asked about
	uint64_t clock_tsc;      // when the device's clock was first measured, with
	uint64_t clock_ticks;    // what it said
	uint16_t rx_queue_cnt;
	uint16_t tx_queue_cnt;
	uint16_t rx_desc;
	uint32_t mbuf_cnt;
	struct rte_mempool *pool;
	struct profile profile;
	char driver[32];
};

struct gateway_journal;
struct manifest;

/* The whole running program, as the control plane sees it.  One exists. */
struct gateway {
	struct config *config;
	struct core_map *map;
	struct clock_map clock;
	struct clock_watch *clock_watch; // boot/clock_watch.h
	uint64_t clock_steps; // times the system's clock was set so far that ours does not follow
	uint64_t start_ns;    // since 1970
	bool hugepages;       // false: degraded, ordinary pages
	char huge_mount[CONFIG_PATH_MAX];
	struct gateway_port port[PORT_MAX];
	struct limits limits;
	struct manifest *approved; // manifest.approved; NULL: nothing is compared
	bool lcores;   // lanes run on EAL lcores; false: a test or a replay turns them itself
	bool replay;   // no password and nothing at random: the same input gives the same bytes
	bool recorded; // ... and what a recorded run had: schedules, drop copies, its order numbers
	uint32_t replay_token[SESSION_MAX]; // of a recorded run: its first order numbers; 0: from 1
	struct event_log *log;
	struct gateway_journal *journal; // NULL: none is kept
	struct day_start *day; // boot/day_start.h; NULL: no journal, or nothing of today in it
	uint64_t day_next_ns;
	int64_t day_high_ntl4[RISK_NODE_MAX]; // as last kept
	struct latency_watch *latency;        // boot/latency_watch.h
	struct feed_watch *feed_watch;
	struct outlier_watch *outliers; // boot/outlier_watch.h
	struct ctl_server *ctl;
	struct metrics_export *http;
	struct telemetry *telemetry;
	struct state_source source;
	uint32_t open_at_end; // orders the venue had not confirmed as gone when we left
	struct lane *lane[LANE_MAX];
	uint32_t lane_cnt;
	struct capture *capture[PORT_MAX]; // by port; NULL: none since the start
	uint32_t measure_due;  // by lane: it was not told yet what a reload changed of latency
	void *reply[LANE_MAX]; // COMMAND_REPLY_MAX bytes each: where lanes answer commands
	struct session_half_open half_open[SESSION_MAX]; // what the last process left
	struct session_half_open saved[SESSION_MAX];     // what the next one would find
	uint64_t saved_changes;
	uint64_t saved_next_ns;
	bool saved_failed;
	struct kill_switch *kill;       // boot/kill_switch.h; NULL: a test or a replay
	struct breaker_watch *breakers; // boot/breaker_watch.h; NULL as above
	struct drop_watch *drops;       // boot/drop_watch.h; NULL as above
	int keep_error_told;            // of limits.keep_error
	uint32_t caller_uid;            // who sent the command being answered
	uint32_t caller_pid;
};

/*
 * Sends a command to a lane and waits for the answer, at most wait_ms.
 *
 * Thread   control plane
 * Returns  the lane's result
 *          -EBUSY      an earlier command was not answered yet
 *          -ETIMEDOUT  not answered in time; the answer is dropped when it comes
 */
int gateway_ask(struct gateway *g, uint32_t lane_idx, const struct command *request,
		uint32_t wait_ms);

/* What the configuration calls a lane, port, feed, ...: event_log_config.name, ctx a gateway. */
const char *gateway_event_name(void *ctx, enum event_name kind, uint64_t idx);

#endif
