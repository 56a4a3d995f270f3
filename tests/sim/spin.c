/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spin.h"
#include "wire/itch50.h"

/* End of Snapshot, the one message that ITCH does not have. */
struct end_of_snapshot {
	uint8_t type; // 'G'
	char seq[20]; // padded on the left
};
static_assert(sizeof(struct end_of_snapshot) == 21, "GLIMPSE 5.0: End of Snapshot");

bool
spin_state_init(struct spin_state *s)
{
	*s = (struct spin_state){ .symbol = calloc(MATCH_LOCATE_MAX, sizeof(*s->symbol)) };
	return s->symbol != NULL;
}

void
spin_state_fini(struct spin_state *s)
{
	free(s->symbol);
	*s = (struct spin_state){ 0 };
}

void
spin_state_clear(struct spin_state *s)
{
	memset(s->symbol, 0, MATCH_LOCATE_MAX * sizeof(*s->symbol));
	s->system_event = NULL;
}

void
spin_state_on_itch(struct spin_state *s, const uint8_t *msg, uint16_t len)
{
	const struct itch50_head *h = (const struct itch50_head *)msg;
	static const char MARKETS[] = "QBX";
	struct spin_symbol *y;
	const char *market;

	if (len < sizeof(*h) || len != ITCH50_LEN[h->type])
		return;
	y = &s->symbol[be16_get(h->locate)];
	switch (h->type) {
	case 'S':
		s->system_event = msg;
		break;
	case 'R':
		y->directory = msg;
		break;
	case 'H':
		y->action = msg;
		break;
	case 'Y':
		y->reg_sho = msg;
		break;
	case 'h':
		market = strchr(MARKETS, ((const struct itch50_operational_halt *)msg)->market);
		if (market != NULL && *market != '\0')
			y->halt[market - MARKETS] = msg;
		break;
	default:
		break;
	}
}

static void
put(struct spin *s, const void *msg, uint16_t len)
{
	const be16 wire_len = be16_of(len);

	if (s->len + sizeof(wire_len) + len > s->room) {
		s->room = s->room == 0 ? 1 << 16 : s->room * 2;
		s->bytes = realloc(s->bytes, s->room);
		if (s->bytes == NULL)
			abort(); // a test program: nothing sensible to do
	}
	memcpy(s->bytes + s->len, &wire_len, sizeof(wire_len));
	memcpy(s->bytes + s->len + sizeof(wire_len), msg, len);
	s->len += sizeof(wire_len) + len;
	s->msg_cnt++;
}

static void
put_known(struct spin *s, const uint8_t *msg)
{
	if (msg != NULL)
		put(s, msg, ITCH50_LEN[msg[0]]);
}

static void
put_order(struct spin *s, const struct match *m, const struct match_node *n)
{
	struct itch50_add_order_mpid f = {
		.add = { .head = { n->attributed ? 'F' : 'A', be16_of(n->locate), be16_of(0),
				   be48_of(n->ts_ns) },
			 .order_ref = be64_of(n->ref),
			 .side = n->side,
			 .qty = be32_of(n->qty),
			 .px4 = be32_of(n->px4) },
	};

	memcpy(f.add.symbol, m->symbol[n->locate].symbol, sizeof(f.add.symbol));
	memcpy(f.mpid, n->mpid, sizeof(f.mpid));
	put(s, &f, n->attributed ? sizeof(f) : sizeof(f.add));
	s->order_cnt++;
}

/* Best price first, and at a price the oldest first. */
static void
put_side(struct spin *s, const struct match *m, const struct match_side *side)
{
	for (uint32_t i = side->level_cnt; i-- > 0;) {
		for (int32_t n = side->level[i].head; n != MATCH_NONE; n = m->node[n].next) {
			if (m->node[n].own == NULL)
				put_order(s, m, &m->node[n]);
		}
	}
}

void
spin_make(struct spin *out, const struct spin_state *s, const struct match *m, uint64_t next_seq)
{
	struct end_of_snapshot g = { .type = 'G' };
	char number[sizeof(g.seq) + 1];

	for (uint32_t i = 0; i < MATCH_LOCATE_MAX; i++)
		put_known(out, s->symbol[i].directory);
	for (uint32_t i = 0; i < MATCH_LOCATE_MAX; i++)
		put_known(out, s->symbol[i].action);
	for (uint32_t i = 0; i < MATCH_LOCATE_MAX; i++)
		put_known(out, s->symbol[i].reg_sho);
	for (uint32_t i = 0; i < MATCH_LOCATE_MAX; i++) {
		for (size_t k = 0; k < ARRAY_CNT(s->symbol[i].halt); k++)
			put_known(out, s->symbol[i].halt[k]);
	}
	put_known(out, s->system_event);
	for (uint32_t i = 0; i < MATCH_LOCATE_MAX; i++) {
		put_side(out, m, &m->symbol[i].side[0]);
		put_side(out, m, &m->symbol[i].side[1]);
	}
	snprintf(number, sizeof(number), "%20llu", (unsigned long long)next_seq);
	memcpy(g.seq, number, sizeof(g.seq));
	put(out, &g, sizeof(g));
	out->next_seq = next_seq;
}

static void
no_fill(void *ctx, struct match_order *o, uint32_t qty, uint32_t px4, uint8_t liquidity,
	uint64_t match_ref)
{
	abort(); // there are no own orders in the past
}

bool
spin_make_past(struct spin *out, const struct tape *t, uint64_t upto_seq, uint64_t next_seq)
{
	struct tape_walk w = tape_seek(t, 1);
	struct spin_state s;
	struct match m;
	const uint8_t *msg;
	uint16_t len;

	if (!match_init(&m, no_fill, NULL))
		return false;
	if (!spin_state_init(&s)) {
		match_fini(&m);
		return false;
	}
	for (; w.seq < upto_seq && tape_peek(t, &w, &msg, &len); tape_skip(t, &w)) {
		match_on_itch(&m, msg, len);
		spin_state_on_itch(&s, msg, len);
	}
	spin_make(out, &s, &m, next_seq);
	spin_state_fini(&s);
	match_fini(&m);
	return true;
}

void
spin_fini(struct spin *s)
{
	free(s->bytes);
	*s = (struct spin){ 0 };
}
