/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_below.h"
#include "repaired_segment.h"

/*
 * damage_segment FILE SEED CHANGES: changes so many records of a journal's segment, by chance and
 * repeatably, and makes its checksums right again.  A payload gets another byte, another bit, a
 * number that is huge, or that of another record.  Half of the records are taken by kind, so that
 * rare ones get their share.
 */
enum {
	TRIES = 20000, // guess: to meet a kind
	SWAP_TRIES = 50,
	KINDS = 48, // more than there are
};

static uint8_t *segment;
static size_t *record; // where each begins
static size_t record_cnt;

static struct journal_frame
frame_at(size_t at)
{
	struct journal_frame f;

	memcpy(&f, segment + at, sizeof(f));
	return f;
}

static size_t
chosen_record(void)
{
	const bool any = random_below(2) == 0;
	const uint32_t kind = random_below(KINDS);
	size_t at = record[random_below((uint32_t)record_cnt)];

	for (unsigned n = 0; n < TRIES && !any && frame_at(at).kind != kind; n++)
		at = record[random_below((uint32_t)record_cnt)];
	return at;
}

/* Exchanges the payload with that of another record of its length. */
static void
swap(uint8_t *payload, uint32_t len)
{
	for (unsigned n = 0; n < SWAP_TRIES; n++) {
		const size_t at = record[random_below((uint32_t)record_cnt)];
		uint8_t *other = segment + at + sizeof(struct journal_frame);

		if (other == payload || frame_at(at).len != len)
			continue;
		for (uint32_t i = 0; i < len; i++) {
			const uint8_t byte = other[i];

			other[i] = payload[i];
			payload[i] = byte;
		}
		return;
	}
}

static void
change(void)
{
	static const uint64_t LARGE[] = { UINT64_MAX, INT64_MAX, UINT32_MAX, 0 };
	const size_t at = chosen_record();
	const uint32_t len = frame_at(at).len, from = random_below(len);
	uint8_t *payload = segment + at + sizeof(struct journal_frame);

	switch (random_below(4)) {
	case 0:
		payload[from] = (uint8_t)random_below(UINT8_MAX + 1);
		break;
	case 1:
		payload[from] ^= (uint8_t)(1U << random_below(8));
		break;
	case 2:
		memcpy(payload + from, &LARGE[random_below(4)], len - from < 8 ? len - from : 8);
		break;
	default:
		swap(payload, len);
	}
}

int
main(int argc, char **argv)
{
	size_t size, at = JOURNAL_HEAD_BYTES;
	FILE *f = argc == 4 ? fopen(argv[1], "r+b") : NULL;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
		fprintf(stderr, "usage: damage_segment FILE SEED CHANGES, of a segment's file\n");
		return 2;
	}
	size = (size_t)ftell(f);
	rewind(f);
	segment = malloc(size + 1);
	record = malloc((size / sizeof(struct journal_frame) + 1) * sizeof(*record));
	if (segment == NULL || record == NULL || fread(segment, 1, size, f) != size)
		return 1;
	while (at + sizeof(struct journal_frame) <= size && frame_at(at).len != 0 &&
	       journal_frame_bytes(frame_at(at).len) <= size - at) {
		record[record_cnt++] = at;
		at += journal_frame_bytes(frame_at(at).len);
	}
	if (record_cnt == 0) {
		fprintf(stderr, "damage_segment: %s has no record\n", argv[1]);
		return 1;
	}
	seed = strtoull(argv[2], NULL, 10) * 0x9E3779B97F4A7C15 + 1;
	for (unsigned long n = strtoul(argv[3], NULL, 10); n != 0; n--)
		change();
	repair_segment(segment, size, UINT32_MAX);
	rewind(f);
	at = fwrite(segment, 1, size, f);
	free(record);
	free(segment);
	return fclose(f) == 0 && at == size ? 0 : 1;
}
