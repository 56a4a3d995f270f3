/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_TCP_OPTIONS_H
#define SLUICE_NET_TCP_OPTIONS_H

#include "net/tcp.h"

enum {
	TCP_SACK_BLOCKS_MAX = 4, // RFC 2018 3
	TCP_WSCALE_MAX = 14,     // RFC 7323 2.3
	TCP_TS_BYTES = 12,       // with two NOPs in front (RFC 7323 appendix A)
};

/* What a segment's options said. */
struct tcp_options {
	bool has_mss;
	bool has_wscale;
	bool has_ts;
	bool sack_permitted;
	uint8_t wscale; // at most TCP_WSCALE_MAX
	uint8_t sack_cnt;
	uint16_t mss;
	uint32_t ts_value;
	uint32_t ts_echo;
	struct tcp_range sack[TCP_SACK_BLOCKS_MAX];
};

/* The five options we know; p points behind kind and length.  False: wrong length for its kind. */
HOT_INLINE bool
tcp_option_take(struct tcp_options *o, uint8_t kind, const uint8_t *p, unsigned len)
{
	be16 v16;
	be32 v32[2];

	switch (kind) {
	case TCP_OPT_MSS:
		if (len != sizeof(v16))
			return false;
		memcpy(&v16, p, sizeof(v16));
		o->has_mss = true;
		o->mss = be16_get(v16);
		return true;
	case TCP_OPT_WSCALE:
		if (len != 1)
			return false;
		o->has_wscale = true;
		o->wscale = p[0] > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : p[0];
		return true;
	case TCP_OPT_SACK_PERMITTED:
		o->sack_permitted = true;
		return len == 0;
	case TCP_OPT_SACK:
		if (len == 0 || len % sizeof(v32) != 0)
			return false;
		for (; len && o->sack_cnt < TCP_SACK_BLOCKS_MAX; len -= 8, p += 8) {
			memcpy(v32, p, sizeof(v32));
			o->sack[o->sack_cnt].start_seq = be32_get(v32[0]);
			o->sack[o->sack_cnt++].end_seq = be32_get(v32[1]);
		}
		return true;
	case TCP_OPT_TIMESTAMP:
		if (len != sizeof(v32))
			return false;
		memcpy(v32, p, sizeof(v32));
		o->has_ts = true;
		o->ts_value = be32_get(v32[0]);
		o->ts_echo = be32_get(v32[1]);
		return true;
	default:
		return true; // RFC 9293 3.1: unknown options are skipped
	}
}

/* False when an option is longer than what is left, or has a length its kind cannot have. */
HOT_INLINE bool
tcp_options_read(struct tcp_options *o, const uint8_t *p, unsigned len)
{
	*o = (struct tcp_options){ 0 };
	while (len) {
		const uint8_t kind = p[0];

		if (kind == TCP_OPT_END)
			return true;
		if (kind == TCP_OPT_NOP) {
			p++;
			len--;
			continue;
		}
		if (len < 2 || p[1] < 2 || p[1] > len)
			return false;
		if (!tcp_option_take(o, kind, p + 2, p[1] - 2u))
			return false;
		len -= p[1];
		p += p[1];
	}
	return true;
}

#endif
