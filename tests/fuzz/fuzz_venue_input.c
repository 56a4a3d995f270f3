/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../sim/oe.h"
#include "wire/itch50.h"

/*
 * A client may send the venue any bytes.  Whatever they are: what comes back are whole packets, a
 * connection that ends was told why or logged out, and no share appears or vanishes: what is
 * executed plus what is open never exceeds what was accepted.  The first byte chooses the version
 * of OUCH and whether the client has logged in.
 */

static void
check_answers(const struct oe_conn *c)
{
	size_t at = 0;

	while (at < c->out.len) {
		uint16_t len;

		if (c->out.len - at < sizeof(struct soup_head))
			abort();
		len = be16_get(((const struct soup_head *)(c->out.at + at))->len);
		if (len == 0 || at + SOUP_LEN_BYTES + len > c->out.len)
			abort();
		at += SOUP_LEN_BYTES + (size_t)len;
	}
}

static void
check_orders(const struct oe *oe)
{
	const struct oe_order *o;
	uint64_t alive_cnt = 0;

	TAILQ_FOREACH(o, &oe->alive, alive_link)
	{
		alive_cnt++;
		if (o->m.open_qty == 0 || (uint64_t)o->m.open_qty + o->done_qty > o->r.qty)
			abort();
		if (o->m.node == MATCH_NONE && o->m.list == MATCH_NO_LIST)
			abort(); // a living order rests, or waits for an auction or a price to peg
				 // to
	}
	if (alive_cnt > oe->n.accepted)
		abort(); // a replacement stands for its original
	if (oe->store_cnt == 0)
		abort(); // the start of the day is always there
}

static void
tape_delete(struct match *m, uint64_t ref)
{
	struct itch50_order_delete d = { { 'D', be16_of(1), be16_of(0), be48_of(1) },
					 be64_of(ref) };

	match_on_itch(m, (const uint8_t *)&d, sizeof(d));
}

static void
tape_add(struct match *m, uint64_t ref, uint8_t side, uint32_t px4)
{
	struct itch50_add_order a = { .head = { 'A', be16_of(1), be16_of(0), be48_of(1) },
				      .order_ref = be64_of(ref),
				      .side = side,
				      .qty = be32_of(100),
				      .px4 = be32_of(px4) };

	match_on_itch(m, (const uint8_t *)&a, sizeof(a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char AAPL[8] = { 'A', 'A', 'P', 'L', ' ', ' ', ' ', ' ' };
	static const char LOGIN[] = "\0/LTEST01SECRET                                  1";
	static const struct faults NO_FAULTS;
	static struct oe oe;
	struct oe_config config = { .username = "TEST01",
				    .password = "SECRET",
				    .session = "OE1",
				    .client_timeout_ns = 15 * NS_PER_SEC,
				    .login_timeout_ns = 30 * NS_PER_SEC,
				    .heartbeat_ns = NS_PER_SEC };
	static struct match match; // made once: its tables are large
	static struct oe_conn conn;
	uint8_t login[sizeof(struct soup_login_request)];

	if (size == 0)
		return 0;
	config.version = data[0] & 1 ? OUCH_42 : OUCH_50;
	if (match.symbol == NULL) {
		if (!match_init(&match, oe_on_fill, NULL))
			abort();
		match_name(&match, 1, AAPL, false);
	}
	if (!oe_init(&oe, &config, &match, &NO_FAULTS, 1))
		abort();
	tape_add(&match, 1, 'B', 1000000);
	tape_add(&match, 2, 'S', 1000100);
	oe_conn_init(&conn, &oe, 1);
	if (data[0] & 2) {
		memset(login, ' ', sizeof(login));
		memcpy(login, LOGIN, 15); // head, name, password
		login[sizeof(login) - 1] = '1';
		oe_conn_on_bytes(&conn, login, sizeof(login), 1);
		if (conn.state != OE_UP)
			abort();
	}
	for (size_t at = 1; at < size; at += 16) // as TCP would bring it
		oe_conn_on_bytes(&conn, data + at, size - at < 16 ? size - at : 16, 2);
	tape_add(&match, 3, 'S', 900000); // trades with whatever buys
	tape_add(&match, 4, 'B', 1100000);
	oe_conn_on_time(&conn, 2 * NS_PER_SEC);
	check_answers(&conn);
	check_orders(&oe);
	oe_cancel_all(&oe, 'Z');
	oe_conn_fini(&conn, 3 * NS_PER_SEC);
	oe_fini(&oe);
	for (uint64_t ref = 1; ref <= 4; ref++)
		tape_delete(&match, ref);
	if (match.bad_ref_cnt != 0 || match.symbol[1].side[0].level_cnt != 0 ||
	    match.symbol[1].side[1].level_cnt != 0 || !LIST_EMPTY(&match.symbol[1].pegged) ||
	    !LIST_EMPTY(&match.symbol[1].waiting))
		abort(); // an order stayed in the book, or one of the tape's got lost
	return 0;
}
