/* SPDX-License-Identifier: Apache-2.0 */
#include "returns/unframe.h"

/* Moves bytes of the range to what is kept until that has want bytes; true when it has. */
static COLD bool
fill_kept(struct unframe *u, struct unframe_walk *w, uint32_t want)
{
	const size_t left = (size_t)(w->end - w->at);
	size_t n = want > u->kept_len ? want - u->kept_len : 0;

	if (n > left)
		n = left;
	memcpy(u->kept + u->kept_len, w->at, n);
	u->kept_len = (uint16_t)(u->kept_len + n);
	w->at += n;
	return u->kept_len >= want;
}

COLD enum unframe_verdict
unframe_join(struct unframe *u, struct unframe_walk *w, struct unframe_packet *p)
{
	uint32_t size;

	if (u->broken)
		return UNFRAME_BROKEN;
	if (u->joined) { // the caller has read it
		u->joined = false;
		u->kept_len = 0;
		return unframe_next(u, w, p);
	}
	if (!fill_kept(u, w, SOUP_LEN_BYTES))
		return UNFRAME_MORE;
	(void)fill_kept(u, w, sizeof(struct soup_head)); // a wrong length is told without a type
	size = unframe_size(u, u->kept, u->kept_len);
	if (size == 0) {
		u->broken = true;
		return UNFRAME_BROKEN;
	}
	if (!fill_kept(u, w, size))
		return UNFRAME_MORE;
	u->joined = true;
	*p = unframe_packet_of(u->kept, size);
	metric_add(&u->metrics.packet_taken, 1);
	metric_add(&u->metrics.packet_kept, 1);
	return UNFRAME_PACKET;
}

COLD void
unframe_keep(struct unframe *u, struct unframe_walk *w)
{
	if (u->joined) {
		u->joined = false;
		u->kept_len = 0;
	}
	// a whole packet would have been handed out, so what is left fits
	(void)fill_kept(u, w, u->kept_len + (uint32_t)(w->end - w->at));
}
