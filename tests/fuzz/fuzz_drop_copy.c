/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "returns/drop_copy.h"
#include "wire/drop_copy.h"

/*
 * Two streams of executions in any order, with any bytes in the copy, and time going on.  Whatever
 * comes: lists and table agree, nothing is read beyond a message, and each execution that a side
 * told ends in exactly one of matched, altered, added, missing, or still waits (or found no room).
 *
 * The input is a list of operations: a byte that says which, then its operands.
 */
enum {
	PENDING = 24,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const SYMBOL[] = { NULL, "AAPL", "MSFT" };

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t
byte(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static void
tell_own(struct drop_copy *d, struct input *in, uint64_t now_ns)
{
	const uint8_t b = byte(in);
	const struct drop_fill f = {
		.ns = now_ns,
		.match_ref = byte(in) & 15,
		.token = b & 3,
		.qty = 1 + (byte(in) & 1),
		.px4 = 10000,
		.instr_idx = 1 + (b >> 2 & 1),
		.side = b >> 3 & 1,
		.what = (uint8_t)((b >> 4) % 3),
	};

	drop_copy_take(d, DROP_OWN, &f);
}

/* A message that is nearly right, or raw bytes of the input. */
static void
tell_copy(struct drop_copy *d, struct input *in, uint64_t now_ns)
{
	static const char TYPE[] = "EBC";
	const uint8_t b = byte(in);
	struct drop_copy_execution m = {
		.head.type = (uint8_t)TYPE[(b >> 4) % 3],
		.side = b >> 3 & 1 ? 'S' : 'B',
		.qty = be32_of(1U + (byte(in) & 1)),
		.px4 = be64_of(10000),
		.match_ref = be64_of(byte(in) & 15),
	};

	memset(m.token, ' ', sizeof(m.token));
	m.token[0] = (char)('0' + (b & 3));
	memset(m.symbol, ' ', sizeof(m.symbol));
	memcpy(m.symbol, SYMBOL[1 + (b >> 2 & 1)], 4);
	drop_copy_on_message(d, (const uint8_t *)&m, sizeof(m), now_ns);
}

static void
tell_raw(struct drop_copy *d, struct input *in, uint64_t now_ns)
{
	const size_t want = byte(in) % 80, len = want < in->left ? want : in->left;
	uint8_t *exact = malloc(len == 0 ? 1 : len); // so that a byte too far is seen

	if (exact == NULL || len == 0) {
		free(exact);
		return;
	}
	memcpy(exact, in->at, len);
	in->at += len;
	in->left -= len;
	drop_copy_on_message(d, exact, (uint16_t)len, now_ns);
	free(exact);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct drop_copy d;
	const struct drop_copy_config c = {
		.pending_max = PENDING,
		.wait_ns = 1000,
		.token_prefix = "S",
		.instr_cnt = 3,
		.symbol = SYMBOL,
	};
	struct input in = { data, size };
	static struct arena arena;
	uint64_t now_ns = 1000000, cleared = 0;

	if (arena.base == NULL && arena_open(&arena, drop_copy_bytes(&c) + 65536) != 0)
		abort();
	memset(arena.base, 0, arena.used_bytes); // as if it were new
	arena.used_bytes = 0;
	if (drop_copy_init(&d, &c, &arena) != 0)
		abort();
	while (in.left != 0) {
		const uint8_t op = byte(&in);
		const struct drop_copy_metrics *m = &d.metrics;

		switch (op & 7) {
		case 0:
		case 1:
			tell_own(&d, &in, now_ns);
			break;
		case 2:
		case 3:
			if (drop_copy_has_room(&d))
				tell_copy(&d, &in, now_ns);
			break;
		case 4:
			if (drop_copy_has_room(&d))
				tell_raw(&d, &in, now_ns);
			break;
		case 5:
			cleared += m->pending;
			drop_copy_clear(&d);
			break;
		default:
			now_ns += op;
			drop_copy_on_time(&d, op & 8 ? 1 : 0, op & 16 ? now_ns - byte(&in) : 1,
					  now_ns);
		}
		if (!drop_copy_check(&d))
			abort();
		if (m->own_taken + m->copy_taken != 2 * (m->matched + m->altered) + m->added +
							    m->missing + m->own_unkept +
							    m->pending + cleared)
			abort();
		if (m->finding != m->added + m->missing + m->altered + m->unread)
			abort();
	}
	return 0;
}
