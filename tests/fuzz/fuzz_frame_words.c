/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "replay/frame_words.h"
#include "replay/record_words.h"

/*
 * A captured frame may be any bytes.  What is said of two frames, or of two texts, ends within its
 * room, is said exactly when they differ, and nothing is read outside of them.
 *
 * Input: flags (bit 0: OUCH 4.2; bit 1: the second is the first with one byte changed), the room
 * for words, the length of the first of the two (2 bytes), both.
 */
enum {
	HEAD_BYTES = 4,
};

static uint8_t *
copy_of(const uint8_t *data, size_t len)
{
	uint8_t *copy = calloc(1, len + (len == 0)); // its end is where reading must end

	memcpy(copy, data, len);
	return copy;
}

static void
want_words(bool said, bool differ, const char *words, size_t room)
{
	if (said != differ || (said && memchr(words, 0, room) == NULL) ||
	    (said && room > 1 && words[0] == '\0'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room, a_len, b_len;
	uint8_t *a, *b;
	bool ouch42, differ;
	char *words;

	if (size < HEAD_BYTES)
		return 0;
	ouch42 = (data[0] & 1) != 0;
	room = 1 + data[1];
	a_len = (size_t)data[2] << 8 | data[3];
	if (a_len > size - HEAD_BYTES)
		a_len = size - HEAD_BYTES;
	a = copy_of(data + HEAD_BYTES, a_len);
	b_len = size - HEAD_BYTES - a_len;
	if ((data[0] & 2) != 0 && a_len != 0) {
		const size_t at = (b_len == 0 ? 0U : data[HEAD_BYTES + a_len]) % a_len;

		b_len = a_len;
		b = copy_of(a, a_len);
		b[at] ^= data[1];
	} else {
		b = copy_of(data + HEAD_BYTES + a_len, b_len);
	}
	differ = a_len != b_len || memcmp(a, b, a_len) != 0;
	words = malloc(room);
	memset(words, 0xFF, room);
	want_words(frame_words(ouch42, a, a_len, b, b_len, words, room), differ, words, room);
	memset(words, 0xFF, room);
	want_words(line_words((const char *)a, a_len, (const char *)b, b_len, words, room), differ,
		   words, room);
	memset(words, 0xFF, room);
	frame_text(ouch42, a, a_len, words, room);
	want_words(true, true, words, room);
	free(words);
	free(a);
	free(b);
	return 0;
}
