/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_KEEPER_H
#define SLUICE_JOURNAL_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

/* What becomes of closed segments and of the captures that belong to them (captures.h). */
struct keeper_config {
	uint32_t keep_segments; // 0: all
	uint32_t keep_days;     // 0: for ever
	uint64_t keep_bytes;    // 0: no end
	bool compress;
};

/* What one round did. */
struct keeper_did {
	uint32_t compressed_cnt;
	uint32_t removed_cnt;
	uint32_t captures_removed_cnt;
	int error;
};

/*
 * Compresses closed segments and removes those that are not to be kept.  Segments from open_no on
 * are not touched, nor their captures.  stop: looked at between pieces; true ends the round early.
 */
struct keeper_did keeper_round(const char *folder, const struct keeper_config *c, uint64_t open_no,
			       uint64_t now_ns, const uint32_t *stop);

#endif
