/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "ingress/parse_itch50.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
counted(const struct parse *p)
{
	const struct parse_metrics *m = &p->metrics;
	uint64_t sum = 0;

#define METRIC(name, kind, help) sum += m->name;
#include "ingress/parse_itch50_metrics.def"
#undef METRIC
	// these are said of a message besides its type
	return sum - m->block_truncated - m->message_other_market - m->price_above_max -
	       m->side_invalid - m->trading_state_invalid;
}

enum {
	ALL,
	THIRDS,
	A_ONLY = THIRDS + 3,
	PARSER_CNT,
};

/* A parser that has seen nothing: made once, because it decides on 65,536 locates at its start. */
static const struct parse *
fresh(unsigned which)
{
	static const symbol_pattern A[] = { "A*" };
	static const struct parse_config CONFIG[PARSER_CNT] = {
		[ALL] = { .shard_cnt = 1 },
		[THIRDS] = { .shard_cnt = 3, .shard_mask = 1 },
		[THIRDS + 1] = { .shard_cnt = 3, .shard_mask = 2 },
		[THIRDS + 2] = { .shard_cnt = 3, .shard_mask = 4 },
		[A_ONLY] = { .shard_cnt = 1, .symbol = A, .symbol_cnt = 1 },
	};
	static struct parse parser[PARSER_CNT];
	static bool made[PARSER_CNT];

	if (!made[which] && parse_init(&parser[which], &CONFIG[which]) != 0)
		abort();
	made[which] = true;
	return &parser[which];
}

/*
 * A sender may put any bytes into a packet.  Whatever they are, every message is counted exactly
 * once, every event is of a message that lies inside the packet and has its type's length, and
 * shards divide the instruments between them: no event is lost, and only what has no locate is seen
 * by each.  A subscription lets through what names a wanted symbol or none, and adds nothing.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct datagram d = { .data = data, .seq = 7, .msg_cnt = UINT16_MAX };
	uint64_t md_cnt = 0, everyone_cnt = 0, shard_md_cnt = 0, passed_cnt = 0;
	struct parse_walk w;
	static struct parse p;
	struct md m;

	if (size > UINT16_MAX)
		return 0;
	d.len = (uint16_t)size;
	p = *fresh(ALL);
	parse_start(&w, &d);
	for (;;) {
		const uint8_t *from = w.at;

		if (!parse_next(&p, &w, &m))
			break;
		md_cnt++;
		if (m.type == MD_NONE || m.type >= MD_TYPE_CNT || w.at > data + size ||
		    w.at < from + sizeof(be16) + ITCH50_MSG_LEN_MIN)
			abort();
		if (w.at[-ITCH50_LEN[m.venue_type]] != m.venue_type)
			abort(); // it is not where it ends, less its length
		if (m.seq != 7 + counted(&p) - 1)
			abort();
		everyone_cnt += m.locate == 0;
	}
	if (p.metrics.block_truncated != 1 && counted(&p) != UINT16_MAX)
		abort();
	for (uint16_t i = 0; i < 3; i++) {
		uint64_t before;

		p = *fresh(THIRDS + i);
		parse_start(&w, &d);
		for (before = shard_md_cnt; parse_next(&p, &w, &m); shard_md_cnt++)
			if (m.locate != 0 && m.locate % 3 != i)
				abort();
		if (shard_md_cnt - before > md_cnt)
			abort();
	}
	p = *fresh(A_ONLY);
	parse_start(&w, &d);
	for (; parse_next(&p, &w, &m); passed_cnt++)
		if ((m.type == MD_ORDER_ADDED || m.type == MD_DIRECTORY) && m.locate != 0 &&
		    !parse_bit(p.pass, m.locate))
			abort();
	if (passed_cnt > md_cnt)
		abort();
	if (shard_md_cnt != md_cnt + 2 * everyone_cnt)
		abort();
	return 0;
}
