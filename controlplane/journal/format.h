/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_FORMAT_H
#define SLUICE_JOURNAL_FORMAT_H

#include "base/journal.h"

/*
 * The bytes of a journal's segment: a head, then frames one behind the other, each with its own
 * length and checksum.  Numbers are little-endian; byte_order says so.  What follows the last frame
 * is zero: the segment was made as large as it may become.
 *
 *   head (JOURNAL_HEAD_BYTES) | frame | payload, up to 8 bytes | frame | payload | ... | 0 0 0
 *
 * A frame's payload is a slot of a lane (struct journal_slot, then what a wire message has beyond
 * its first bytes) or, of the control side's kinds, a struct journal_text and its characters.
 */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a segment is written as it lies here");

#define JOURNAL_MAGIC "SLJOURN\n"

enum {
	JOURNAL_VERSION = 1,
	JOURNAL_BYTE_ORDER = 0x01020304,
	JOURNAL_HEAD_BYTES = 512,
	JOURNAL_ALIGN = 8,
	JOURNAL_PAYLOAD_MAX = 1 << 20, // of the control side: the configuration's text is one
	JOURNAL_NAME_LEN = 64,
	JOURNAL_LANE_CONTROL = 255, // lane_idx of the control side
	JOURNAL_RECOVERED = 1,      // frame flag: written by the start after its own process died
};

struct journal_head {
	char magic[8];
	uint32_t byte_order;
	uint32_t version;
	uint32_t head_bytes;
	uint32_t slot_version; // JOURNAL_RING_VERSION: what the bodies of slots look like
	uint64_t journal_id;   // the same in all segments of a journal
	uint64_t segment_no;   // from 1, without holes
	uint64_t first_seq;    // of its first record
	uint64_t created_ns;
	uint64_t start_ns;      // of the gateway that made it
	uint32_t run;           // how often the gateway was started with this journal
	uint32_t segment_bytes; // as large as it was made
	char machine[64];
	char machine_id[40];
	char boot_id[40];
	char build[32];
	uint32_t crc; // of all above
};
static_assert(sizeof(struct journal_head) <= JOURNAL_HEAD_BYTES, "records follow");

struct journal_frame {
	uint32_t len; // of the payload; 0: the end of what was written
	uint32_t crc; // of len, of what follows here, and of the payload
	uint64_t seq; // of the record in the journal, from 1, without holes
	uint8_t kind; // enum journal_kind
	uint8_t lane_idx;
	uint16_t flags; // JOURNAL_RECOVERED
	uint32_t run;
};
static_assert(sizeof(struct journal_frame) == 24, "a frame");

/* Payload of the control side's kinds; text_len characters follow. */
struct journal_text {
	uint64_t ns;
	uint32_t uid; // COMMAND: whose
	uint32_t pid;
	int32_t result; // COMMAND: 0 or a negative errno
	uint32_t arg; // LIMITS: version; NAME: journal_name_what and, 8 bits above, index; TOKENS:
		      // session
	uint64_t value[2]; // GAP: lost, since; TOKENS: from, to; END: records, bytes; NAME: how
			   // many
};
static_assert(sizeof(struct journal_text) == 40, "text follows");

/*
 * What a NAME record names.  value[0]: so many names, a line each, of indexes that follow one
 * another; 0: one.
 */
enum journal_name_what {
	JOURNAL_NAME_LANE,
	JOURNAL_NAME_FEED,
	JOURNAL_NAME_SESSION,
	JOURNAL_NAME_STRATEGY, // the text is "name\naccount"
	JOURNAL_NAME_INSTR,
	JOURNAL_NAME_VERDICT, // of risk: its numbers belong to one version
	JOURNAL_NAME_CNT,
};

/* CRC-32C (Castagnoli) of more bytes; begin with 0. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

/* Bytes that a record of so much payload takes. */
static inline size_t
journal_frame_bytes(uint32_t len)
{
	return (sizeof(struct journal_frame) + len + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN *
	       JOURNAL_ALIGN;
}

uint32_t journal_frame_crc(const struct journal_frame *f, const void *payload);
uint32_t journal_head_crc(const struct journal_head *h);
uint32_t journal_ring_head_crc(const struct journal_ring_head *h);

#endif
