/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPLAY_FRAME_WORDS_H
#define SLUICE_REPLAY_FRAME_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How two frames of an order connection differ, for people: the field, both its values, and at
 * which byte.  What was said to the venue goes ahead of the headers around it, and checksums come
 * last: they differ whenever anything does.
 *
 * Returns  false: they do not
 */
bool frame_words(bool ouch42, const uint8_t *captured, size_t captured_len, const uint8_t *replayed,
		 size_t replayed_len, char *out, size_t out_bytes);

/* What one frame is: "enter #39 buy 100 AAPL at 585.0100; cancel #38 down to 0", or "TCP ACK". */
void frame_text(bool ouch42, const uint8_t *frame, size_t len, char *out, size_t out_bytes);

#endif
