/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "repaired_segment.h"
#include "replay/record_words.h"
#include "replay/recording.h"

/*
 * What sluice replay --journal reads of a day may be any bytes.  Whatever the records say: what is
 * kept of the configuration is what the last of its records has, nothing is read outside a record
 * nor written outside the recording, and the words about two records end within their room, are the
 * same verdict whichever of them comes first, and no record differs from itself.
 *
 * The first byte of the input is the room for words, the rest a segment; its checksums are made
 * right first.
 */
static void
judge_words(const struct journal_names *names, const struct journal_record *a,
	    const struct journal_record *b, size_t room)
{
	char *words = malloc(room);
	char *back = malloc(room);
	bool differ;

	memset(words, 0xFF, room);
	memset(back, 0xFF, room);
	differ = record_words(names, a, b, words, room);
	if (differ != record_words(names, b, a, back, room))
		abort();
	if (differ && (memchr(words, 0, room) == NULL || memchr(back, 0, room) == NULL))
		abort();
	if ((a == b && differ) || ((a == NULL) != (b == NULL) && !differ))
		abort();
	free(words);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct recording r;
	struct journal_record rec, last;
	const char *config = NULL;
	size_t config_len = 0;
	struct journal_walk w;
	bool has_last = false;
	uint8_t *copy;

	if (size < 2)
		return 0;
	memset(&r, 0, sizeof(r));
	copy = repaired_segment(data + 1, size - 1);
	if (journal_walk_start(&w, copy, size - 1)) {
		while (journal_walk_next(&w, &rec)) {
			const size_t room = 1 + data[0];

			if (recording_note(&r, &rec, 0) != 0)
				abort();
			if (rec.frame.kind == JOURNAL_CONFIG) {
				config = (const char *)rec.payload + sizeof(struct journal_text);
				config_len = rec.frame.len - sizeof(struct journal_text);
			}
			if (r.config_len != config_len || (r.config == NULL) != (config == NULL) ||
			    (config != NULL && memcmp(r.config, config, config_len) != 0))
				abort();
			judge_words(&r.names, &rec, &rec, room);
			judge_words(&r.names, NULL, &rec, room);
			judge_words(&r.names, has_last ? &last : NULL, &rec, room);
			last = rec;
			has_last = true;
		}
	}
	recording_close(&r);
	free(copy);
	return 0;
}
