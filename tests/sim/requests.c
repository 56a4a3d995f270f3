/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "requests.h"

enum {
	EARLIER_CNT = 1000, // how far off an answer to other messages is
	LIE_CNT = 7,        // messages that a lying answer does not hold
};

void
requests_init(struct requests *r, const struct feed *feed, const struct faults *faults,
	      uint64_t seed)
{
	memset(r, 0, sizeof(*r));
	r->feed = feed;
	r->faults = faults;
	STAILQ_INIT(&r->late);
	for (unsigned i = 0; i < REQUEST_SERVERS_MAX; i++)
		r->server[i].rng.state = seed * 3 + 100 + i;
}

void
requests_fini(struct requests *r)
{
	struct request_late *late;

	while ((late = STAILQ_FIRST(&r->late)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->late, link);
		free(late);
	}
}

static void
emit(struct requests *r, unsigned server, const struct sockaddr_in *to, const uint8_t *bytes,
     uint16_t len, uint64_t due_ns)
{
	struct request_late *late;

	if (due_ns == 0) {
		r->send(r->ctx, server, to, bytes, len);
		return;
	}
	late = malloc(sizeof(*late));
	if (late == NULL)
		abort(); // a test program: nothing sensible to do
	late->due_ns = due_ns;
	late->to = *to;
	late->server = server;
	late->len = len;
	memcpy(late->bytes, bytes, len);
	STAILQ_INSERT_TAIL(&r->late, late, link);
}

static bool
strikes(struct requests *r, unsigned server, enum fault which)
{
	struct request_server *s = &r->server[server];
	const uint64_t only = fault_number(r->faults, FAULT_request_faulty);

	if (only != 0 && only != server + 1)
		return false;
	return fault_strikes(r->faults, which, &s->rng, s->n.asked, 1);
}

/* A NUMBER fault's value where it strikes, else 0. */
static uint64_t
number_of(const struct requests *r, unsigned server, enum fault which)
{
	const uint64_t only = fault_number(r->faults, FAULT_request_faulty);

	return only != 0 && only != server + 1 ? 0 : fault_number(r->faults, which);
}

/* What is asked, as a server hears it that means to answer badly. */
static struct mold_head
misheard(struct requests *r, unsigned server, const struct mold_head *asked)
{
	struct mold_head q = *asked;
	const uint64_t seq = be64_get(q.seq);
	const uint64_t most = number_of(r, server, FAULT_request_part);

	if (strikes(r, server, FAULT_request_range)) {
		r->server[server].n.wrong++;
		q.seq = be64_of(seq > EARLIER_CNT ? seq - EARLIER_CNT : seq + EARLIER_CNT);
	}
	if (strikes(r, server, FAULT_request_more)) {
		r->server[server].n.wrong++;
		q.msg_cnt = be16_of(MOLD_END_OF_SESSION_CNT - 1);
	} else if (most != 0 && be16_get(q.msg_cnt) > most) {
		q.msg_cnt = be16_of((uint16_t)most);
	}
	return q;
}

/* Makes a right answer a wrong one. */
static void
spoil(struct requests *r, unsigned server, uint8_t *answer, uint16_t *len)
{
	struct request_server *s = &r->server[server];
	struct mold_head *h = (struct mold_head *)answer;

	if (strikes(r, server, FAULT_request_session)) {
		s->n.wrong++;
		memcpy(h->session, "WRONGSESSN", MOLD_SESSION_LEN);
	}
	if (strikes(r, server, FAULT_request_count)) {
		s->n.wrong++;
		h->msg_cnt = be16_of((uint16_t)(be16_get(h->msg_cnt) + LIE_CNT));
	}
	if (strikes(r, server, FAULT_request_garbage)) {
		s->n.wrong++;
		*len = (uint16_t)rng_below(&s->rng, 200);
		for (uint16_t i = 0; i < *len; i++)
			answer[i] = (uint8_t)rng_next(&s->rng);
	}
}

void
requests_on_datagram(struct requests *r, unsigned server, const struct sockaddr_in *from,
		     const uint8_t *data, size_t len, uint64_t now_ns)
{
	struct request_server *s = &r->server[server];
	const uint64_t late_ms = number_of(r, server, FAULT_request_late_ms);
	const uint64_t due_ns = late_ms == 0 ? 0 : now_ns + late_ms * 1000000;
	uint8_t answer[MOLD_PAYLOAD_MAX];
	struct mold_head asked;
	uint16_t answer_len;

	s->n.asked++;
	if (len != sizeof(asked)) {
		s->n.refused++;
		return;
	}
	memcpy(&asked, data, sizeof(asked));
	s->n.asked_messages += be16_get(asked.msg_cnt);
	if (s->n.asked <= number_of(r, server, FAULT_request_deaf) ||
	    strikes(r, server, FAULT_request_ignore)) {
		s->n.ignored++;
		return;
	}
	asked = misheard(r, server, &asked);
	answer_len = feed_on_request(r->feed, (const uint8_t *)&asked, sizeof(asked), answer);
	if (answer_len == 0) {
		s->n.refused++;
		return;
	}
	s->n.answered++;
	s->n.sent_messages += be16_get(((const struct mold_head *)answer)->msg_cnt);
	spoil(r, server, answer, &answer_len);
	emit(r, server, from, answer, answer_len, due_ns);
	if (strikes(r, server, FAULT_request_twice)) {
		s->n.twice++;
		emit(r, server, from, answer, answer_len, due_ns);
	}
}

uint64_t
requests_due_ns(const struct requests *r)
{
	const struct request_late *late = STAILQ_FIRST(&r->late);

	return late == NULL ? UINT64_MAX : late->due_ns;
}

void
requests_run(struct requests *r, uint64_t now_ns)
{
	struct request_late *late;

	while ((late = STAILQ_FIRST(&r->late)) != NULL && late->due_ns <= now_ns) {
		STAILQ_REMOVE_HEAD(&r->late, link);
		r->send(r->ctx, late->server, &late->to, late->bytes, late->len);
		free(late);
	}
}
