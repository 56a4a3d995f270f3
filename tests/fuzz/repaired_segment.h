/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_FUZZ_REPAIRED_SEGMENT_H
#define SLUICE_TESTS_FUZZ_REPAIRED_SEGMENT_H

#include <stdlib.h>
#include <string.h>

#include "journal/reader.h"

/*
 * Makes any bytes a journal's segment whose head and checksums are right.  len_mask: what is taken
 * of a record's length, so that random ones leave room for many.
 */
static inline void
repair_segment(uint8_t *segment, size_t size, uint32_t len_mask)
{
	struct journal_head h;
	size_t at = JOURNAL_HEAD_BYTES;

	if (size < JOURNAL_HEAD_BYTES)
		return;
	memcpy(&h, segment, sizeof(h));
	memcpy(h.magic, JOURNAL_MAGIC, sizeof(h.magic));
	h.byte_order = JOURNAL_BYTE_ORDER;
	h.version = JOURNAL_VERSION;
	h.head_bytes = JOURNAL_HEAD_BYTES;
	h.slot_version = JOURNAL_RING_VERSION;
	h.machine[sizeof(h.machine) - 1] = h.build[sizeof(h.build) - 1] = '\0';
	h.boot_id[sizeof(h.boot_id) - 1] = h.machine_id[sizeof(h.machine_id) - 1] = '\0';
	h.crc = journal_head_crc(&h);
	memcpy(segment, &h, sizeof(h));
	while (size - at >= sizeof(struct journal_frame)) {
		struct journal_frame f;

		memcpy(&f, segment + at, sizeof(f));
		f.len &= len_mask;
		if (f.len == 0 || journal_frame_bytes(f.len) > size - at)
			break;
		f.crc = journal_frame_crc(&f, segment + at + sizeof(f));
		memcpy(segment + at, &f, sizeof(f));
		at += journal_frame_bytes(f.len);
	}
}

/* A copy of what a fuzzer made up, repaired so that it gets behind the checksums.  To be freed. */
static inline uint8_t *
repaired_segment(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);

	memcpy(copy, data, size);
	repair_segment(copy, size, 0x3FF);
	return copy;
}

#endif
