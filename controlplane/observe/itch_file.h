/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_ITCH_FILE_H
#define SLUICE_OBSERVE_ITCH_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * The file format of public ITCH days: a 2-byte big-endian length, the message, and so on, until a
 * length of 0 or the end of the file.
 */
struct itch_file_walk {
	const uint8_t *bytes;
	size_t size;
	size_t at;
	uint64_t msg_cnt; // returned so far
};

static inline void
itch_file_start(struct itch_file_walk *w, const uint8_t *bytes, size_t size)
{
	*w = (struct itch_file_walk){ .bytes = bytes, .size = size };
}

/*
 * The next block: a length and its message, *block_len bytes together.
 *
 * Returns  1
 *          0         there is no more
 *          -EBADMSG  the file ends inside a block, or is something else; *e names the offset
 */
int itch_file_next(struct itch_file_walk *w, const uint8_t **block, size_t *block_len,
		   struct err *e);

#endif
