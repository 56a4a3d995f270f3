/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "../unit/fake_state.h"
#include "ctl/ctl_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the length bytes say must be what follows, and it must be an answer. */
static void
check_answer(const uint8_t *from, size_t len)
{
	json_t *answer;
	be32 head;

	if (len <= CTL_HEAD_BYTES || len > CTL_HEAD_BYTES + CTL_ANSWER_MAX)
		abort();
	memcpy(&head, from, sizeof(head));
	if (be32_get(head) != len - CTL_HEAD_BYTES)
		abort();
	answer = json_loadb((const char *)from + CTL_HEAD_BYTES, len - CTL_HEAD_BYTES,
			    JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_boolean(json_object_get(answer, "ok")) ||
	    (json_object_get(answer, "result") == NULL) ==
		    (json_object_get(answer, "error") == NULL))
		abort();
	json_decref(answer);
}

/*
 * A client may send any bytes.  Whatever they are: what is wanted next always lies inside the
 * connection's own memory; each complete request has exactly one answer, before anything more is
 * taken; a length that is not allowed has one answer and ends the connection; the end of the bytes
 * ends it too.  The first byte says in which pieces the bytes arrive.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ctl_conn c;
	struct state_source source;
	struct fake_state fake;
	const uint8_t *from = NULL;
	size_t piece, at = 1;
	bool over = false;

	if (size == 0)
		return 0;
	piece = data[0] == 0 ? size : data[0];
	fake_state_init(&fake, &source);
	ctl_conn_init(&c);
	while (!over) {
		uint8_t *to = NULL;
		size_t want = ctl_conn_want(&c, &to), out;

		if (want == 0)
			abort(); // nothing waits and it is not closing: it must want something
		if ((to < c.head || to + want > c.head + sizeof(c.head)) &&
		    (to < c.body || to + want > c.body + sizeof(c.body)))
			abort();
		if (want > piece)
			want = piece;
		if (want > size - at)
			want = size - at;
		if (want == 0) {
			ctl_conn_end(&c);
			if (!c.closing)
				abort();
			over = true;
		} else {
			memcpy(to, data + at, want);
			at += want;
			ctl_conn_got(&c, &source, want);
		}
		out = ctl_conn_out(&c, &from);
		if (out != 0) {
			check_answer(from, out);
			if (ctl_conn_want(&c, &to) != 0)
				abort();
			ctl_conn_sent(&c, out / 2);
			ctl_conn_sent(&c, out - out / 2);
			if (ctl_conn_out(&c, &from) != 0)
				abort();
		}
		over |= c.closing;
	}
	if (ctl_conn_want(&c, &(uint8_t *){ NULL }) != 0)
		abort();
	ctl_conn_fini(&c);
	return 0;
}
