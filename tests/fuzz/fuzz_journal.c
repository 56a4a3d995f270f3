/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "journal/describe.h"
#include "repaired_segment.h"

/*
 * A journal's segment may be any bytes by the time somebody reads it.  Whatever they are: every
 * record that is given lies inside them, behind the one before, has the next number, the right
 * checksum and its kind's shape; the walk ends and says why; and whoever describes a record reads
 * nothing outside of it.  A walk that resumes goes forward.
 *
 * The first byte of the input decides: even, as it is; odd, checksums are made right first, so that
 * the fuzzer gets behind them.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct journal_names names;
	static struct journal_row row;
	struct journal_record r;
	struct journal_walk w;
	size_t floor = JOURNAL_HEAD_BYTES;
	unsigned resumed = 0;
	uint64_t seq;
	uint8_t *copy;

	if (size < 1)
		return 0;
	copy = data[0] % 2 == 0 ? NULL : repaired_segment(data + 1, size - 1);
	journal_names_fini(&names);
	if (!journal_walk_start(&w, copy != NULL ? copy : data + 1, size - 1)) {
		if (w.end == JOURNAL_END_NOT_YET || w.why[0] == '\0')
			abort();
		free(copy);
		return 0;
	}
	do {
		seq = w.next_seq;
		while (journal_walk_next(&w, &r)) {
			if (r.offset < floor || r.frame.seq != seq++ ||
			    r.payload != w.data + r.offset + sizeof(r.frame) ||
			    r.frame.len > size - 1 - r.offset - sizeof(r.frame) ||
			    r.frame.crc != journal_frame_crc(&r.frame, r.payload) ||
			    journal_kind_word(r.frame.kind) == NULL)
				abort();
			floor = r.offset + journal_frame_bytes(r.frame.len);
			journal_names_take(&names, &r);
			journal_describe(&names, &r, &row);
			if (row.wire_len > JOURNAL_WIRE_MAX || row.word == NULL ||
			    (row.text != NULL &&
			     (const uint8_t *)row.text + row.text_len > r.payload + r.frame.len))
				abort();
		}
		if (w.end == JOURNAL_END_NOT_YET || w.at < floor || w.at > size - 1 ||
		    (journal_end_is_bad(w.end) && w.why[0] == '\0'))
			abort();
	} while (resumed++ < 64 && journal_walk_resume(&w));
	free(copy);
	return 0;
}
