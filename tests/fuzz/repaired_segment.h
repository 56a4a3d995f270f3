/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_FUZZ_REPAIRED_SEGMENT_H
#define SLUICE_TESTS_FUZZ_REPAIRED_SEGMENT_H

#include <stdlib.h>
#include <string.h>

#include "journal/reader.h"

/*
 * A copy of any bytes as a journal's segment whose head and checksums are right, so that a fuzzer
 * gets behind them.  To be freed.
 */
static inline uint8_t *
repaired_segment(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);
	struct journal_head h;
	size_t at = JOURNAL_HEAD_BYTES;

	memcpy(copy, data, size);
	if (size < JOURNAL_HEAD_BYTES)
		return copy;
	memcpy(&h, copy, sizeof(h));
	memcpy(h.magic, JOURNAL_MAGIC, sizeof(h.magic));
	h.byte_order = JOURNAL_BYTE_ORDER;
	h.version = JOURNAL_VERSION;
	h.head_bytes = JOURNAL_HEAD_BYTES;
	h.slot_version = JOURNAL_RING_VERSION;
	h.machine[sizeof(h.machine) - 1] = h.build[sizeof(h.build) - 1] = '\0';
	h.boot_id[sizeof(h.boot_id) - 1] = h.machine_id[sizeof(h.machine_id) - 1] = '\0';
	h.crc = journal_head_crc(&h);
	memcpy(copy, &h, sizeof(h));
	while (size - at >= sizeof(struct journal_frame)) {
		struct journal_frame f;

		memcpy(&f, copy + at, sizeof(f));
		f.len &= 0x3FF;
		if (f.len == 0 || journal_frame_bytes(f.len) > size - at)
			break;
		f.crc = journal_frame_crc(&f, copy + at + sizeof(f));
		memcpy(copy + at, &f, sizeof(f));
		at += journal_frame_bytes(f.len);
	}
	return copy;
}

#endif
