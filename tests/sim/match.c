/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "match.h"
#include "wire/itch50.h"

enum { NODES_AT_START = 1024 };

static inline unsigned
side_idx(uint8_t side)
{
	return side == 'B' ? 0 : 1;
}

/* Whether price a is better than b for an order of this side. */
static inline bool
better(uint8_t side, uint32_t a_px4, uint32_t b_px4)
{
	return side == 'B' ? a_px4 > b_px4 : a_px4 < b_px4;
}

/* Whether an order of this side and price trades against a resting price. */
static inline bool
crosses(uint8_t side, uint32_t px4, uint32_t resting_px4)
{
	return side == 'B' ? px4 >= resting_px4 : px4 <= resting_px4;
}

static inline uint8_t
opposite(uint8_t side)
{
	return side == 'B' ? 'S' : 'B';
}

/* --- references --- */

static inline uint32_t
hash_of(uint64_t ref)
{
	return (uint32_t)((ref * 0x9E3779B97F4A7C15ULL) >> 32);
}

static void
map_place(struct match *m, int32_t idx)
{
	uint32_t at = hash_of(m->node[idx].ref) & (m->map_room - 1);

	while (m->map[at] != MATCH_NONE)
		at = (at + 1) & (m->map_room - 1);
	m->map[at] = idx;
}

static void
map_put(struct match *m, int32_t idx)
{
	if (m->map_cnt * 2 >= m->map_room) {
		int32_t *old = m->map;
		const uint32_t old_room = m->map_room;

		m->map_room *= 2;
		m->map = malloc(m->map_room * sizeof(*m->map));
		if (m->map == NULL)
			abort(); // a test program: nothing sensible to do
		memset(m->map, 0xFF, m->map_room * sizeof(*m->map));
		for (uint32_t i = 0; i < old_room; i++) {
			if (old[i] != MATCH_NONE)
				map_place(m, old[i]);
		}
		free(old);
	}
	map_place(m, idx);
	m->map_cnt++;
}

static uint32_t
map_slot(const struct match *m, uint64_t ref)
{
	uint32_t at = hash_of(ref) & (m->map_room - 1);

	while (m->map[at] != MATCH_NONE && m->node[m->map[at]].ref != ref)
		at = (at + 1) & (m->map_room - 1);
	return at;
}

static int32_t
map_get(const struct match *m, uint64_t ref)
{
	return m->map[map_slot(m, ref)];
}

/* Closes the hole by moving back what was displaced over it. */
static void
map_drop(struct match *m, uint64_t ref)
{
	uint32_t hole = map_slot(m, ref);

	m->map[hole] = MATCH_NONE;
	m->map_cnt--;
	for (uint32_t at = (hole + 1) & (m->map_room - 1); m->map[at] != MATCH_NONE;
	     at = (at + 1) & (m->map_room - 1)) {
		const uint32_t home = hash_of(m->node[m->map[at]].ref) & (m->map_room - 1);

		if (((at - home) & (m->map_room - 1)) < ((at - hole) & (m->map_room - 1)))
			continue;
		m->map[hole] = m->map[at];
		m->map[at] = MATCH_NONE;
		hole = at;
	}
}

/* --- nodes and levels --- */

static int32_t
node_new(struct match *m)
{
	int32_t idx = m->free_head;

	if (idx == MATCH_NONE) {
		const int32_t room = m->node_room * 2;

		m->node = realloc(m->node, (size_t)room * sizeof(*m->node));
		if (m->node == NULL)
			abort();
		for (int32_t i = room - 1; i >= m->node_room; i--) {
			m->node[i].next = m->free_head;
			m->free_head = i;
		}
		m->node_room = room;
		idx = m->free_head;
	}
	m->free_head = m->node[idx].next;
	m->node[idx] = (struct match_node){ 0 };
	return idx;
}

/* Index of the level with this price, or where it belongs. */
static uint32_t
level_find(const struct match_side *s, uint8_t side, uint32_t px4)
{
	uint32_t lo = 0, hi = s->level_cnt;

	while (lo < hi) {
		const uint32_t mid = (lo + hi) / 2;

		if (better(side, px4, s->level[mid].px4))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
node_join(struct match *m, int32_t idx)
{
	struct match_node *n = &m->node[idx];
	struct match_side *s = &m->symbol[n->locate].side[side_idx(n->side)];
	const uint32_t at = level_find(s, n->side, n->px4);
	struct match_level *l;

	if (at == s->level_cnt || s->level[at].px4 != n->px4) {
		if (s->level_cnt == s->level_room) {
			s->level_room = s->level_room == 0 ? 16 : s->level_room * 2;
			s->level = realloc(s->level, s->level_room * sizeof(*s->level));
			if (s->level == NULL)
				abort();
		}
		memmove(&s->level[at + 1], &s->level[at], (s->level_cnt - at) * sizeof(*s->level));
		s->level[at] = (struct match_level){ n->px4, MATCH_NONE, MATCH_NONE };
		s->level_cnt++;
	}
	l = &s->level[at];
	n->next = MATCH_NONE;
	n->prev = l->tail;
	if (l->tail != MATCH_NONE)
		m->node[l->tail].next = idx;
	else
		l->head = idx;
	l->tail = idx;
	s->own_cnt += n->own != NULL;
}

static void
node_leave(struct match *m, int32_t idx)
{
	struct match_node *n = &m->node[idx];
	struct match_side *s = &m->symbol[n->locate].side[side_idx(n->side)];
	const uint32_t at = level_find(s, n->side, n->px4);
	struct match_level *l = &s->level[at];

	if (n->prev != MATCH_NONE)
		m->node[n->prev].next = n->next;
	else
		l->head = n->next;
	if (n->next != MATCH_NONE)
		m->node[n->next].prev = n->prev;
	else
		l->tail = n->prev;
	if (l->head == MATCH_NONE) {
		s->level_cnt--;
		memmove(&s->level[at], &s->level[at + 1], (s->level_cnt - at) * sizeof(*s->level));
	}
	s->own_cnt -= n->own != NULL;
	if (n->own != NULL)
		n->own->node = MATCH_NONE;
	else
		map_drop(m, n->ref);
	n->next = m->free_head;
	m->free_head = idx;
}

/* --- executions --- */

/* Shares that one who meets a resting own order can take before its turn is over. */
static uint32_t
turn_qty(const struct match_order *o)
{
	return o->floor_qty != 0 && o->shown_qty < o->open_qty ? o->shown_qty : o->open_qty;
}

void
match_fill(struct match *m, struct match_order *o, uint32_t qty, uint32_t px4, uint8_t liquidity,
	   uint64_t match_ref)
{
	const bool turn_over = o->node != MATCH_NONE && qty == turn_qty(o);

	o->open_qty -= qty;
	o->shown_qty -= qty < o->shown_qty ? qty : o->shown_qty;
	if (o->open_qty == 0)
		match_pull(m, o);
	m->on_fill(m->ctx, o, qty, px4, liquidity, match_ref);
	if (!turn_over || o->node == MATCH_NONE)
		return;
	match_pull(m, o);
	match_rest(m, o);
	if (m->on_refresh != NULL)
		m->on_refresh(m->ctx, o);
}

/* The next order of a queue behind own, which was met; itself when it shows shares again. */
static int32_t
behind(const struct match_order *own, int32_t next)
{
	return next == MATCH_NONE ? own->node : next;
}

/*
 * Flow that arrives against one side: fills own orders there, best price and oldest first, up to
 * the limit price; at the limit price itself only those in front of `upto` (MATCH_NONE: all).
 * Returns the shares it filled.
 */
static uint32_t
flow_fill(struct match *m, uint16_t locate, uint8_t side, uint32_t limit_px4, int32_t upto,
	  uint32_t flow_qty)
{
	struct match_side *s = &m->symbol[locate].side[side_idx(side)];
	uint32_t left_qty = flow_qty;
	uint32_t passed = 0; // levels, counted from the best

	while (left_qty > 0 && s->own_cnt > 0 && passed < s->level_cnt) {
		const uint32_t px4 = s->level[s->level_cnt - 1 - passed].px4;
		int32_t idx = s->level[s->level_cnt - 1 - passed].head;
		const uint32_t levels = s->level_cnt;

		if (better(side, limit_px4, px4))
			break;
		while (idx != MATCH_NONE && left_qty > 0 && idx != upto) {
			struct match_order *own = m->node[idx].own;
			int32_t next = m->node[idx].next;

			if (own != NULL) {
				const uint32_t has_qty = turn_qty(own);
				const uint32_t qty = has_qty < left_qty ? has_qty : left_qty;

				left_qty -= qty;
				match_fill(m, own, qty, px4, 'A', m->next_match++);
				next = behind(own, next);
			}
			idx = next;
		}
		if (idx != MATCH_NONE && idx == upto)
			break;
		if (s->level_cnt == levels) // otherwise the level went with its last order
			passed++;
	}
	return flow_qty - left_qty;
}

uint64_t
match_available(const struct match *m, uint16_t locate, uint8_t side, uint32_t px4)
{
	const struct match_side *s = &m->symbol[locate].side[side_idx(opposite(side))];
	uint64_t qty = 0;

	for (uint32_t i = s->level_cnt; i-- > 0 && crosses(side, px4, s->level[i].px4);) {
		for (int32_t n = s->level[i].head; n != MATCH_NONE; n = m->node[n].next)
			qty += m->node[n].own != NULL ? m->node[n].own->open_qty
						      : m->node[n].qty - m->node[n].taken_qty;
	}
	return qty;
}

void
match_take(struct match *m, struct match_order *o)
{
	struct match_side *s = &m->symbol[o->locate].side[side_idx(opposite(o->side))];

	for (uint32_t i = s->level_cnt; i-- > 0 && o->open_qty > 0;) {
		const uint32_t px4 = s->level[i].px4;
		int32_t idx = s->level[i].head;

		if (!crosses(o->side, o->px4, px4))
			return;
		while (idx != MATCH_NONE && o->open_qty > 0) {
			struct match_node *n = &m->node[idx];
			int32_t next = n->next;
			const uint32_t has_qty =
				n->own != NULL ? turn_qty(n->own) : n->qty - n->taken_qty;
			const uint32_t qty = has_qty < o->open_qty ? has_qty : o->open_qty;

			if (qty > 0) {
				const uint64_t match_ref = m->next_match++;
				struct match_order *own = n->own;

				if (own == NULL)
					n->taken_qty += qty;
				match_fill(m, o, qty, px4, 'R', match_ref);
				if (own != NULL) {
					match_fill(m, own, qty, px4, 'A', match_ref);
					next = behind(own, next);
				}
			}
			idx = next;
		}
	}
}

void
match_rest(struct match *m, struct match_order *o)
{
	const int32_t idx = node_new(m);
	struct match_node *n = &m->node[idx];

	o->shown_qty = o->floor_qty != 0 && o->floor_qty < o->open_qty ? o->floor_qty : o->open_qty;
	n->own = o;
	n->px4 = o->px4;
	n->locate = o->locate;
	n->side = o->side;
	o->node = idx;
	node_join(m, idx);
}

void
match_pull(struct match *m, struct match_order *o)
{
	if (o->node != MATCH_NONE)
		node_leave(m, o->node);
}

/* --- the tape --- */

/* *what: an order that is in no book yet. */
static void
tape_add(struct match *m, const struct match_node *what)
{
	const uint8_t side = what->side;
	const uint16_t locate = what->locate;
	int32_t idx;

	if (map_get(m, what->ref) != MATCH_NONE || (side != 'B' && side != 'S')) {
		m->bad_ref_cnt++;
		return;
	}
	idx = node_new(m);
	m->node[idx] = *what;
	map_put(m, idx);
	node_join(m, idx);
	// what crosses an own order trades with it first
	if (m->symbol[locate].side[side_idx(opposite(side))].own_cnt > 0) {
		const uint32_t filled =
			flow_fill(m, locate, opposite(side), what->px4, MATCH_NONE, what->qty);

		m->node[idx].taken_qty = filled;
	}
}

/* The order shrank on the tape. */
static void
tape_reduce(struct match *m, int32_t idx, uint32_t qty)
{
	struct match_node *n = &m->node[idx];

	if (qty >= n->qty) {
		m->bad_ref_cnt += qty > n->qty;
		node_leave(m, idx);
		return;
	}
	n->qty -= qty;
	if (n->taken_qty > n->qty)
		n->taken_qty = n->qty;
}

static void
tape_execute(struct match *m, uint64_t ref, uint32_t qty)
{
	const int32_t idx = map_get(m, ref);

	if (idx == MATCH_NONE) {
		m->bad_ref_cnt++;
		return;
	}
	flow_fill(m, m->node[idx].locate, m->node[idx].side, m->node[idx].px4, idx, qty);
	tape_reduce(m, idx, qty);
}

static void
tape_cut(struct match *m, uint64_t ref, uint32_t qty)
{
	const int32_t idx = map_get(m, ref);

	if (idx == MATCH_NONE) {
		m->bad_ref_cnt++;
		return;
	}
	tape_reduce(m, idx, qty < m->node[idx].qty ? qty : m->node[idx].qty);
}

static void
tape_replace(struct match *m, const struct itch50_order_replace *u)
{
	const int32_t idx = map_get(m, be64_get(u->orig_ref));
	struct match_node was;

	if (idx == MATCH_NONE) {
		m->bad_ref_cnt++;
		return;
	}
	was = m->node[idx];
	node_leave(m, idx);
	was.ref = be64_get(u->new_ref);
	was.qty = be32_get(u->qty);
	was.px4 = be32_get(u->px4);
	was.taken_qty = 0;
	was.ts_ns = be48_get(u->head.ts_ns);
	tape_add(m, &was);
}

/* A print of a hidden order: own orders with a better price would have traded first. */
static void
tape_print(struct match *m, uint16_t locate, const struct itch50_trade *t)
{
	const uint32_t px4 = be32_get(t->px4);
	uint32_t left_qty = be32_get(t->qty);

	left_qty -= flow_fill(m, locate, 'B', px4 + 1, MATCH_NONE, left_qty);
	if (px4 > 0)
		flow_fill(m, locate, 'S', px4 - 1, MATCH_NONE, left_qty);
}

void
match_on_itch(struct match *m, const uint8_t *msg, uint16_t len)
{
	const struct itch50_head *h = (const struct itch50_head *)msg;
	uint16_t locate;

	if (len < sizeof(*h) || len != ITCH50_LEN[h->type])
		return;
	locate = be16_get(h->locate);
	if (be48_get(h->ts_ns) > m->ts_ns)
		m->ts_ns = be48_get(h->ts_ns);
	switch (h->type) {
	case 'S':
		m->system_event = ((const struct itch50_system_event *)msg)->event;
		break;
	case 'R':
		if (m->symbol[locate].state == 0)
			match_name(m, locate, ((const struct itch50_stock_directory *)msg)->symbol,
				   true);
		break;
	case 'H':
		m->symbol[locate].state = ((const struct itch50_trading_action *)msg)->state;
		break;
	case 'A':
	case 'F': {
		const struct itch50_add_order *a = (const struct itch50_add_order *)msg;
		struct match_node n = { .ref = be64_get(a->order_ref),
					.px4 = be32_get(a->px4),
					.qty = be32_get(a->qty),
					.locate = locate,
					.side = a->side,
					.attributed = h->type == 'F',
					.ts_ns = be48_get(h->ts_ns) };

		if (n.attributed)
			memcpy(n.mpid, ((const struct itch50_add_order_mpid *)msg)->mpid,
			       sizeof(n.mpid));
		tape_add(m, &n);
		break;
	}
	case 'E':
	case 'C': { // the same layout up to the quantity
		const struct itch50_order_executed *e = (const struct itch50_order_executed *)msg;

		tape_execute(m, be64_get(e->order_ref), be32_get(e->qty));
		break;
	}
	case 'X':
		tape_cut(m, be64_get(((const struct itch50_order_cancel *)msg)->order_ref),
			 be32_get(((const struct itch50_order_cancel *)msg)->qty));
		break;
	case 'D':
		tape_cut(m, be64_get(((const struct itch50_order_delete *)msg)->order_ref),
			 UINT32_MAX);
		break;
	case 'U':
		tape_replace(m, (const struct itch50_order_replace *)msg);
		break;
	case 'P':
		tape_print(m, locate, (const struct itch50_trade *)msg);
		break;
	case 'Q': {
		const struct itch50_cross_trade *q = (const struct itch50_cross_trade *)msg;

		match_on_cross(m, locate, q->cross, be64_get(q->qty), be32_get(q->px4),
			       be64_get(q->match_ref));
		break;
	}
	default:
		break;
	}
	if (!LIST_EMPTY(&m->symbol[locate].pegged))
		match_repeg(m, locate);
}

/* --- symbols, start, end --- */

static uint32_t
name_slot(const struct match *m, const char symbol[8])
{
	uint64_t word;
	uint32_t at;

	memcpy(&word, symbol, sizeof(word));
	at = hash_of(word) & (MATCH_NAME_ROOM - 1);
	while (m->by_name[at] != 0 && memcmp(m->symbol[m->by_name[at]].symbol, symbol, 8) != 0)
		at = (at + 1) & (MATCH_NAME_ROOM - 1);
	return at;
}

void
match_name(struct match *m, uint16_t locate, const char symbol[8], bool state_told)
{
	if (locate == 0 || m->symbol[locate].state != 0)
		return;
	memcpy(m->symbol[locate].symbol, symbol, 8);
	m->symbol[locate].state = state_told ? ' ' : 'T';
	m->symbol[locate].state_told = state_told;
	m->by_name[name_slot(m, symbol)] = locate;
}

uint16_t
match_locate(const struct match *m, const char symbol[8])
{
	return m->by_name[name_slot(m, symbol)];
}

bool
match_trading(const struct match *m, uint16_t locate)
{
	return m->symbol[locate].state == 'T';
}

bool
match_init(struct match *m, match_fill_fn *on_fill, void *ctx)
{
	*m = (struct match){
		.symbol = calloc(MATCH_LOCATE_MAX, sizeof(*m->symbol)),
		.by_name = calloc(MATCH_NAME_ROOM, sizeof(*m->by_name)),
		.node = calloc(NODES_AT_START, sizeof(*m->node)),
		.node_room = NODES_AT_START,
		.map = malloc(4 * NODES_AT_START * sizeof(*m->map)),
		.map_room = 4 * NODES_AT_START,
		.next_match = 900000000, // far from the tape's own match numbers
		.on_fill = on_fill,
		.ctx = ctx,
	};
	if (m->symbol == NULL || m->by_name == NULL || m->node == NULL || m->map == NULL) {
		match_fini(m);
		return false;
	}
	match_clear(m);
	return true;
}

void
match_clear(struct match *m)
{
	memset(m->map, 0xFF, m->map_room * sizeof(*m->map));
	m->map_cnt = 0;
	m->free_head = MATCH_NONE;
	for (int32_t i = m->node_room - 1; i >= 0; i--) {
		m->node[i].next = m->free_head;
		m->free_head = i;
	}
	for (uint32_t i = 0; i < MATCH_LOCATE_MAX; i++) {
		m->symbol[i].side[0].level_cnt = m->symbol[i].side[1].level_cnt = 0;
		m->symbol[i].opened = m->symbol[i].closed = false;
		if (m->symbol[i].state != 0 && m->symbol[i].state_told)
			m->symbol[i].state = ' ';
	}
	m->system_event = 0;
	m->ts_ns = 0;
}

void
match_fini(struct match *m)
{
	for (uint32_t i = 0; m->symbol != NULL && i < MATCH_LOCATE_MAX; i++) {
		free(m->symbol[i].side[0].level);
		free(m->symbol[i].side[1].level);
	}
	free(m->symbol);
	free(m->by_name);
	free(m->node);
	free(m->map);
	*m = (struct match){ 0 };
}
