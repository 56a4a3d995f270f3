/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPLAY_REPLAY_WIRE_H
#define SLUICE_REPLAY_REPLAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/order_token.h"

/* OUCH 5.0 and 4.2 from the venue's side: our requests read, its answers written. */
struct replay_wire {
	bool ouch42;
	struct order_token_form form; // of OUCH 4.2's tokens
};

enum replay_request_kind {
	REPLAY_ENTER,
	REPLAY_REPLACE,
	REPLAY_CANCEL,
	REPLAY_QUERY,
	REPLAY_UNREADABLE, // or nothing a client of ours sends
};

/* A request; what its kind does not have is 0. */
struct replay_request {
	uint32_t token;
	uint32_t orig_token;
	uint32_t qty;
	uint32_t px4;
	uint8_t side; // as sent: 'B', 'S', 'T', 'E'
	bool ioc;
	bool post_only;
	char symbol[8];
	uint8_t enter[64]; // the request as it came, to be echoed
	uint8_t len;       // of it, at most
};

void replay_wire_init(struct replay_wire *w, bool ouch42);

enum replay_request_kind replay_wire_request(const struct replay_wire *w, const uint8_t *m,
					     size_t len, struct replay_request *q);

/* Answers: each writes one message and returns its length. */
size_t replay_wire_accepted(const struct replay_wire *w, uint64_t now_ns,
			    const struct replay_request *q, uint64_t order_ref, uint8_t *out);
size_t replay_wire_replaced(const struct replay_wire *w, uint64_t now_ns,
			    const struct replay_request *q, uint32_t open_qty, uint64_t order_ref,
			    uint8_t *out);
size_t replay_wire_executed(const struct replay_wire *w, uint64_t now_ns, uint32_t token,
			    uint32_t qty, uint32_t px4, uint8_t liquidity, uint64_t match_ref,
			    uint8_t *out);
size_t replay_wire_canceled(const struct replay_wire *w, uint64_t now_ns, uint32_t token,
			    uint32_t qty, uint8_t reason, uint8_t *out);
size_t replay_wire_rejected(const struct replay_wire *w, uint64_t now_ns,
			    const struct replay_request *q, uint8_t *out);
size_t replay_wire_query_answer(uint64_t now_ns, uint32_t next_token, uint8_t *out);

/* In words, for people. */
void replay_wire_text(enum replay_request_kind kind, const struct replay_request *q, char *out,
		      size_t out_bytes);

#endif
