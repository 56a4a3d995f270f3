/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RETURNS_UNFRAME_H
#define SLUICE_RETURNS_UNFRAME_H

#include <string.h>

#include "base/metric.h"
#include "wire/soupbintcp.h"

/*
 * TCP bytes into whole SoupBinTCP packets.
 *
 * The caller shows a range of the bytes that arrived, in order and from the first unread one; the
 * walk finds packets in it without a copy.  What is left at the end is the beginning of a packet.
 * Then either
 *   - the caller takes unframe_used() bytes out of its buffer and shows the rest again, with more
 *     behind it, next time; or
 *   - the caller cannot show the rest and what follows it as one range (a buffer that wraps), calls
 *     unframe_keep() and takes the whole range out.
 */

/*
 * Longest packet we take, its length field included.  The longest answer of OUCH 5.0 has 66 bytes
 * and at most 116 of options; Debug is free text, for which this leaves room.
 */
#define UNFRAME_PACKET_MAX 2048

enum unframe_verdict {
	UNFRAME_PACKET, // *p is filled
	UNFRAME_MORE,   // what is left, if anything, is not a whole packet
	UNFRAME_BROKEN, // the bytes are not SoupBinTCP: close the connection
};

struct unframe_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "returns/unframe_metrics.def"
#undef METRIC
};

/* One per connection, owned by its lane.  unframe_init again for every new connection. */
struct unframe {
	uint16_t kept_len; // bytes of an unfinished packet at kept
	bool joined;       // kept holds a whole packet that was handed out
	bool broken;       // stays until unframe_init
	struct unframe_metrics metrics;
	uint8_t kept[UNFRAME_PACKET_MAX];
};

struct unframe_walk {
	const uint8_t *start;
	const uint8_t *at;
	const uint8_t *end;
};

/* A packet.  payload stays valid as long as the range, and until the next call with this walk. */
struct unframe_packet {
	const uint8_t *payload;
	uint16_t len; // of the payload
	uint8_t type; // enum soup_type, one that a server may send
};

/* Forgets what an earlier connection left behind; counters stay. */
HOT_INLINE void
unframe_init(struct unframe *u)
{
	u->kept_len = 0;
	u->joined = false;
	u->broken = false;
}

HOT_INLINE void
unframe_start(struct unframe_walk *w, const uint8_t *range, size_t len)
{
	*w = (struct unframe_walk){ .start = range, .at = range, .end = range + len };
}

HOT_INLINE bool
unframe_type_known(uint8_t type)
{
	return type == SOUP_SEQUENCED || type == SOUP_SERVER_HEARTBEAT ||
	       type == SOUP_UNSEQUENCED || type == SOUP_DEBUG || type == SOUP_LOGIN_ACCEPTED ||
	       type == SOUP_LOGIN_REJECTED || type == SOUP_END_OF_SESSION;
}

/* Bytes of the packet that begins at data, of which have are there; 0 when it is none. */
HOT_INLINE uint32_t
unframe_size(struct unframe *u, const uint8_t *data, size_t have)
{
	be16 len;

	memcpy(&len, data, sizeof(len));
	if (unlikely(be16_get(len) == 0)) {
		metric_add(&u->metrics.packet_empty, 1);
		return 0;
	}
	if (unlikely(be16_get(len) > UNFRAME_PACKET_MAX - SOUP_LEN_BYTES)) {
		metric_add(&u->metrics.packet_oversized, 1);
		return 0;
	}
	if (have > SOUP_LEN_BYTES && unlikely(!unframe_type_known(data[SOUP_LEN_BYTES]))) {
		metric_add(&u->metrics.packet_type_bad, 1);
		return 0;
	}
	return SOUP_LEN_BYTES + (uint32_t)be16_get(len);
}

HOT_INLINE struct unframe_packet
unframe_packet_of(const uint8_t *data, uint32_t size)
{
	return (struct unframe_packet){
		.payload = data + sizeof(struct soup_head),
		.len = (uint16_t)(size - sizeof(struct soup_head)),
		.type = data[SOUP_LEN_BYTES],
	};
}

/* Finishes the packet whose beginning unframe_keep put aside. */
COLD enum unframe_verdict unframe_join(struct unframe *u, struct unframe_walk *w,
				       struct unframe_packet *p);

/* The next packet of the walk. */
HOT_INLINE enum unframe_verdict
unframe_next(struct unframe *u, struct unframe_walk *w, struct unframe_packet *p)
{
	const size_t left = (size_t)(w->end - w->at);
	uint32_t size;

	if (unlikely(u->kept_len != 0 || u->broken))
		return unframe_join(u, w, p);
	if (left < SOUP_LEN_BYTES)
		return UNFRAME_MORE;
	size = unframe_size(u, w->at, left);
	if (unlikely(size == 0)) {
		u->broken = true;
		return UNFRAME_BROKEN;
	}
	if (left < size)
		return UNFRAME_MORE;
	*p = unframe_packet_of(w->at, size);
	w->at += size;
	metric_add(&u->metrics.packet_taken, 1);
	return UNFRAME_PACKET;
}

/* Bytes from the start of the range that the caller need not show again. */
HOT_INLINE size_t
unframe_used(const struct unframe_walk *w)
{
	return (size_t)(w->at - w->start);
}

/*
 * Puts the rest of the range aside after UNFRAME_MORE; unframe_used() is then the whole range.
 */
COLD void unframe_keep(struct unframe *u, struct unframe_walk *w);

#endif
