/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "ingress/book.h"
#include "ingress/parse_itch50.h"
#include "observe/itch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CAPACITY = 4096,
};

/*
 * An operator may give any file.  Whatever it holds, the blocks returned fill it from its beginning
 * without a hole, a file that ends inside a block is called damaged at that offset, and the books
 * made of the messages are consistent, with the same digest from orders and from levels.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct book_config CONFIG = {
		.locate_max = 255,
		.orders_max = CAPACITY,
		.levels_max = CAPACITY,
		.trades_max = 64,
		.queues = true,
	};
	static uint8_t memory[4 << 20] cache_aligned;
	static struct book_tally tally[BOOK_TALLY_MAX(CAPACITY)];
	static struct book b;
	static bool ready;
	const struct parse_config all = { .shard_cnt = 1 };
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };
	const uint8_t *want = data, *block;
	struct itch_file_walk file;
	struct parse p;
	struct err e;
	size_t len;
	int rc;

	if (!ready && (book_bytes(&CONFIG) > sizeof(memory) || book_init(&b, &CONFIG, &arena) != 0))
		abort();
	ready = true;
	err_init(&e);
	(void)parse_init(&p, &all);
	book_on_datagram_flags(&b, DATAGRAM_NEW_SESSION);
	itch_file_start(&file, data, size);
	while ((rc = itch_file_next(&file, &block, &len, &e)) == 1) {
		struct datagram d = { .data = block, .seq = file.msg_cnt, .msg_cnt = 1 };
		struct parse_walk w;
		struct mark mark;
		struct bbo bbo;
		struct md m;

		if (block != want || len <= sizeof(be16) || block + len > data + size)
			abort();
		want = block + len;
		d.len = (uint16_t)(len <= UINT16_MAX ? len : UINT16_MAX);
		parse_start(&w, &d);
		while (parse_next(&p, &w, &m))
			(void)book_on_md(&b, &m, &bbo, &mark);
	}
	if (rc == 0 && want != data + size &&
	    (data + size - want < 2 || want[0] != 0 || want[1] != 0))
		abort();
	if (rc != 0 && (rc != -EBADMSG || e.code != rc || e.text[0] == '\0'))
		abort();
	if (book_audit(&b, tally) != NULL || book_digest(&b) != book_digest_of_orders(&b))
		abort();
	return 0;
}
