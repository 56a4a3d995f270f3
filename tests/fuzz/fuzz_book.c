/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "ingress/book_queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ORDERS = 24,
	LEVELS = 20,
	LOCATES = 3,
};

/* The slow book that cannot be wrong: a list of orders. */
static struct {
	uint64_t ref;
	size_t came; // when it entered its queue
	uint32_t qty;
	uint32_t px4;
	uint16_t locate;
	uint8_t side;
	bool lives;
} model[64];

static int
model_find(uint64_t ref)
{
	for (unsigned i = 0; i < ARRAY_CNT(model); i++)
		if (model[i].lives && model[i].ref == ref)
			return (int)i;
	return -1;
}

static void
model_best(uint16_t locate, uint8_t side, uint32_t *px4, uint64_t *qty)
{
	*px4 = 0;
	*qty = 0;
	for (unsigned i = 0; i < ARRAY_CNT(model); i++) {
		const uint32_t at = model[i].px4;

		if (!model[i].lives || model[i].locate != locate || model[i].side != side)
			continue;
		if (*qty == 0 || (side == SIDE_BUY ? at > *px4 : at < *px4)) {
			*px4 = at;
			*qty = 0;
		}
		if (at == *px4)
			*qty += model[i].qty;
	}
}

/* Follows the rules of ITCH 5.0, except where the book said that it had no room. */
static void
model_apply(const struct md *m, bool no_room)
{
	const uint64_t ref = m->type == MD_ORDER_REPLACED ? m->new_ref : m->order_ref;
	const bool repeated = model_find(ref) >= 0;
	uint8_t side = m->side;

	if (m->type != MD_ORDER_ADDED) {
		const int old = model_find(m->order_ref);

		if (old < 0 || model[old].locate != m->locate)
			return;
		side = model[old].side;
		if (m->type == MD_ORDER_DELETED || m->type == MD_ORDER_REPLACED ||
		    m->qty >= model[old].qty)
			model[old].lives = false;
		else
			model[old].qty -= m->qty;
		if (m->type != MD_ORDER_REPLACED)
			return;
	}
	if (no_room || repeated || m->qty == 0 || side > SIDE_SELL)
		return;
	for (unsigned i = 0; i < ARRAY_CNT(model); i++) {
		if (model[i].lives)
			continue;
		model[i].lives = true;
		model[i].ref = ref;
		model[i].came = m->seq;
		model[i].qty = m->qty;
		model[i].px4 = m->px4;
		model[i].locate = m->locate;
		model[i].side = side;
		return;
	}
}

/* Orders of whoever the book has forgotten. */
static void
model_forget(const struct book *b)
{
	for (unsigned i = 0; i < ARRAY_CNT(model); i++)
		if (book_in_set(b, model[i].locate))
			model[i].lives = false;
}

/* Whether an order's message reaches the book: what a recovery under way lets through. */
static bool
model_passes(const struct book *b, const struct md *m)
{
	const bool member = m->locate == 0 ? b->set_all : book_in_set(b, m->locate);

	if (b->locate_end != 0)
		return true;
	return b->source_flags == 0 ? !member : member;
}

/* Every queue of the instrument: whoever came first stands first, with the shares it has left. */
static void
check_queues(const struct book *b, uint16_t locate)
{
	unsigned in_list = 0;

	for (unsigned i = 0; i < ARRAY_CNT(model); i++)
		in_list += model[i].lives && model[i].locate == locate;
	for (unsigned side = 0; side < 2; side++) {
		struct book_depth_row row[LEVELS];
		const unsigned n = book_depth(b, locate, (enum side)side, row, LEVELS);

		for (unsigned i = 0; i < n; i++) {
			size_t last_came = 0;
			struct book_order o;
			struct book_queue q;

			if (!book_queue_start(&q, b, locate, (enum side)side, row[i].px4))
				abort();
			for (unsigned k = 0; book_queue_next(&q, &o); k++, in_list--) {
				const int at = model_find(o.ref);
				struct book_place p;

				if (at < 0 || model[at].qty != o.qty ||
				    model[at].px4 != row[i].px4 || model[at].side != side ||
				    model[at].locate != locate ||
				    (k != 0 && model[at].came <= last_came))
					abort();
				if (book_place_of(b, o.ref, ORDERS, &p) != 0 || p.ahead_cnt != k)
					abort();
				last_came = model[at].came;
			}
		}
	}
	if (in_list != 0)
		abort();
}

/* Tells which of our instruments the messages may be of, and that they agree with the book. */
static void
check_told(const struct book *b, unsigned what, const struct bbo *bbo, const struct mark *mark)
{
	if ((what & (BOOK_BBO | BOOK_MARK)) == 0)
		return;
	if ((what & BOOK_BBO) && (bbo->head.instr_idx == 0 || bbo->head.instr_idx > 2))
		abort();
	if ((what & BOOK_BBO) && (what & BOOK_MARK) &&
	    (bbo->bid_px4 != mark->bid_px4 || bbo->ask_px4 != mark->ask_px4 ||
	     bbo->confidence != mark->confidence || bbo->state != mark->state))
		abort();
	if ((what & BOOK_BBO) && bbo->confidence == CONFIDENCE_LIVE &&
	    (b->stale || b->suspect || ((b->recovering || b->lost) && b->set_all) ||
	     (bbo->bid_qty != 0 && bbo->ask_qty != 0 && bbo->bid_px4 > bbo->ask_px4)))
		abort();
}

/*
 * Recoveries of any set begin, end and fail at any time.  Six bytes make an event over few
 * references, prices and instruments, so that they meet.  After each one the book is consistent in
 * itself, its best prices and queues are those of a list of orders, changes of the best are
 * reported, and what is LIVE has never broken an invariant.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[1 << 20] cache_aligned;
	static struct book b;
	static struct book_tally tally[BOOK_TALLY_MAX(LEVELS)];
	static const struct book_ours_config OURS[] = { { "AAA     ", 1 }, { "BBB     ", 2 } };
	const struct book_config c = {
		.locate_max = LOCATES,
		.orders_max = ORDERS,
		.levels_max = LEVELS,
		.trades_max = 4,
		.queues = true,
		.ours = OURS,
		.ours_cnt = ARRAY_CNT(OURS),
	};
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };
	struct bbo bbo = { 0 };
	struct mark mark = { 0 };

	memset(memory, 0, book_bytes(&c));
	memset(model, 0, sizeof(model));
	if (book_init(&b, &c, &arena) != 0)
		abort();
	book_on_datagram_flags(&b, DATAGRAM_NEW_SESSION);
	for (size_t at = 0; at + 6 <= size; at += 6) {
		const uint8_t *op = data + at;
		struct md m = {
			.type = op[0] % (MD_TYPE_CNT + 1),
			.side = op[0] >> 7,
			.locate = op[1] % (LOCATES + 2),
			.order_ref = op[2] % 32,
			.new_ref = op[3] % 32,
			.px4 = op[4] % 24 * 100,
			.qty = op[5] % 8 * 100,
			.seq = at,
		};
		const uint64_t full_before =
			b.metrics.order_table_full + b.metrics.level_table_full;
		uint32_t px4[2], qty[2];
		unsigned what;
		const char *wrong;

		if (m.type == MD_TYPE_CNT) { // what arb may say
			const uint16_t flags = (uint16_t)(op[1] | (op[2] & 3) << 8);

			book_on_datagram_flags(&b, flags);
			if (flags & DATAGRAM_NEW_SESSION)
				memset(model, 0, sizeof(model));
			while ((what = book_next(&b, &bbo, &mark)) != 0)
				check_told(&b, what, &bbo, &mark);
			while (b.forgetting)
				book_recover_some(&b);
			if (flags & DATAGRAM_RECOVERING)
				model_forget(&b);
			continue;
		}
		if (op[4] == 255)
			m.px4 = 2000000001;
		if (op[5] == 255)
			m.qty = UINT32_MAX;
		if (m.type == MD_DIRECTORY || m.type == MD_ORDER_ADDED)
			memcpy(m.symbol,
			       op[1] & 0x80   ? "AAA     "
			       : op[1] & 0x40 ? "BBB     "
					      : "CCC     ",
			       8);
		if (m.type == MD_TRADED)
			m.cross_qty = m.qty;
		m.state = m.type == MD_SYSTEM_EVENT ? "OSQMEC"[op[5] % 6] : op[5] % 5;
		memset(px4, 0, sizeof(px4));
		memset(qty, 0, sizeof(qty));
		if (m.locate <= LOCATES) {
			memcpy(px4, b.instr[m.locate].top_px4, sizeof(px4));
			memcpy(qty, b.instr[m.locate].top_qty, sizeof(qty));
		}
		what = book_on_md(&b, &m, &bbo, &mark);
		check_told(&b, what, &bbo, &mark);
		if (m.locate <= LOCATES && m.type >= MD_ORDER_ADDED &&
		    m.type <= MD_ORDER_REPLACED && model_passes(&b, &m))
			model_apply(&m, b.metrics.order_table_full + b.metrics.level_table_full !=
						full_before);
		if (m.locate <= LOCATES) {
			const struct book_instr *in = &b.instr[m.locate];
			const bool changed = memcmp(px4, in->top_px4, sizeof(px4)) != 0 ||
					     memcmp(qty, in->top_qty, sizeof(qty)) != 0;

			if (changed != ((what & BOOK_TOP) != 0))
				abort();
			for (uint8_t side = 0; side < 2; side++) {
				uint32_t want_px4;
				uint64_t want_qty;

				model_best(m.locate, side, &want_px4, &want_qty);
				if (want_qty > UINT32_MAX)
					want_qty = UINT32_MAX;
				if (in->top_px4[side] != want_px4 || in->top_qty[side] != want_qty)
					abort();
			}
			check_queues(&b, m.locate);
		}
		wrong = book_audit(&b, tally);
		if (wrong != NULL || book_digest(&b) != book_digest_of_orders(&b)) {
			fprintf(stderr, "%s\n", wrong != NULL ? wrong : "digests differ");
			abort();
		}
	}
	return 0;
}
