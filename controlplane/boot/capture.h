/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_CAPTURE_H
#define SLUICE_BOOT_CAPTURE_H

#include "boot/gateway.h"

/*
 * Records what a port receives and sends into a pcap file with nanoseconds, while lanes run.
 *
 * A capture hangs callbacks into the port's queues, as librte_pdump does (which a primary process
 * may not use for itself).  A callback copies each frame into memory of the capture's own, taken
 * and touched before: no lock, no system call; when that memory is full the frame is counted and
 * left out.  A thread of its own on the control core writes the file, so a slow disk holds up
 * neither a lane nor the kill switch.  Without a capture there is no callback.
 *
 * CAPTURE.md says what the times mean and what is blanked.
 */
struct capture_wish {
	uint32_t port_idx;
	const char *file;   // absolute; must not exist
	uint64_t max_bytes; // of the file; it ends there by itself
	uint32_t snap_len;  // bytes kept of a frame; 0: all
	bool rx;
	bool tx;
	bool before_lanes; // no lane runs yet: no connection has begun, and none can be asked
};

/*
 * Thread   control plane, as all below
 * Returns  0, or a negative errno with the words in *e; nothing was changed then
 */
int capture_start(struct gateway *g, const struct capture_wish *w, struct err *e);

/*
 * Takes the callbacks away, waits until no lane is in one, writes what was copied and closes the
 * file.  What it came to is still shown by capture_rows.
 *
 * Returns  0, -ENOENT (nothing is captured there) or the negative errno of the file; words in *e
 */
int capture_stop(struct gateway *g, uint32_t port_idx, struct err *e);

/* Each tick: clocks and connections for the writing threads; takes down what ended by itself. */
void capture_look(struct gateway *g);

/* The end: all of them, after lanes have ended. */
void capture_close(struct gateway *g);

/* Fills at most row_max rows, one per port that was captured.  Returns how many there are. */
int capture_rows(const struct gateway *g, struct state_capture *row, size_t row_max);

/* The same as struct state_source has it, for the control socket; ctx is the gateway. */
int capture_source_start(void *ctx, const struct state_capture_wish *w, struct err *e);
int capture_source_stop(void *ctx, const char *port, struct err *e);
int capture_source_rows(void *ctx, struct state_capture *row, size_t row_max);

struct login_blank;

/*
 * Every server that gets a password of ours: order sessions, their backups and drop copies,
 * snapshots.  False: there are too many.
 */
bool capture_know_servers(struct login_blank *b, const struct config *c);

struct capture_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "boot/capture_metrics.def"
#undef METRIC
};

/* Of the port's last capture; NULL when there was none. */
const struct capture_metrics *capture_metrics_of(const struct gateway *g, uint32_t port_idx);

#endif
