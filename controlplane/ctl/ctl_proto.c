/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_proto.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void
ctl_conn_init(struct ctl_conn *c)
{
	memset(c, 0, offsetof(struct ctl_conn, body));
	c->last_command = CTL_COMMAND_CNT;
}

void
ctl_conn_fini(struct ctl_conn *c)
{
	free(c->out);
	c->out = NULL;
}

size_t
ctl_conn_want(struct ctl_conn *c, uint8_t **to)
{
	if (c->out != NULL || c->closing)
		return 0;
	if (c->body_bytes == 0) {
		*to = c->head + c->have_bytes;
		return CTL_HEAD_BYTES - c->have_bytes;
	}
	*to = c->body + c->have_bytes;
	return c->body_bytes - c->have_bytes;
}

/* Takes the answer over.  Without memory for it the connection just ends. */
static void
answer(struct ctl_conn *c, json_t *a)
{
	size_t len = a == NULL ? 0 : json_dumpb(a, NULL, 0, JSON_COMPACT);
	be32 head;

	if (len > CTL_ANSWER_MAX) {
		json_decref(a);
		a = ctl_refusal(-EMSGSIZE,
				"the answer would have %zu bytes, %d are allowed; ask for less",
				len, CTL_ANSWER_MAX);
		len = a == NULL ? 0 : json_dumpb(a, NULL, 0, JSON_COMPACT);
	}
	c->out = len == 0 ? NULL : malloc(CTL_HEAD_BYTES + len);
	if (c->out == NULL) {
		c->closing = true;
	} else {
		head = be32_of((uint32_t)len);
		memcpy(c->out, &head, sizeof(head));
		json_dumpb(a, (char *)c->out + CTL_HEAD_BYTES, len, JSON_COMPACT);
		c->out_bytes = CTL_HEAD_BYTES + len;
		c->sent_bytes = 0;
	}
	json_decref(a);
}

void
ctl_conn_refuse(struct ctl_conn *c, int code, const char *text)
{
	if (c->closing || c->out != NULL)
		return;
	answer(c, ctl_refusal(code, "%s", text));
	c->closing = true;
}

void
ctl_conn_got(struct ctl_conn *c, const struct state_source *s, size_t n)
{
	be32 head;

	c->have_bytes += (uint32_t)n;
	if (c->body_bytes == 0) {
		char text[160];

		if (c->have_bytes < CTL_HEAD_BYTES)
			return;
		memcpy(&head, c->head, sizeof(head));
		c->have_bytes = 0;
		c->body_bytes = be32_get(head);
		if (c->body_bytes != 0 && c->body_bytes <= CTL_REQUEST_MAX)
			return;
		snprintf(text, sizeof(text),
			 "a request of %u bytes is announced, 1..%d are allowed; a request is a "
			 "32-bit big-endian length and that many bytes of JSON",
			 c->body_bytes, CTL_REQUEST_MAX);
		c->body_bytes = 0;
		ctl_conn_refuse(c, -EMSGSIZE, text);
		return;
	}
	if (c->have_bytes < c->body_bytes)
		return;
	answer(c, ctl_execute_bytes(s, c->body, c->body_bytes, &c->last_command));
	c->last_bytes = c->body_bytes;
	c->have_bytes = 0;
	c->body_bytes = 0;
}

void
ctl_conn_end(struct ctl_conn *c)
{
	char text[96];

	if (c->have_bytes != 0 || c->body_bytes != 0) {
		snprintf(text, sizeof(text), "the request ended after %u of %u bytes",
			 c->have_bytes, c->body_bytes == 0 ? CTL_HEAD_BYTES : c->body_bytes);
		ctl_conn_refuse(c, -EPROTO, text);
	}
	c->closing = true;
}

size_t
ctl_conn_out(const struct ctl_conn *c, const uint8_t **from)
{
	if (c->out == NULL)
		return 0;
	*from = c->out + c->sent_bytes;
	return c->out_bytes - c->sent_bytes;
}

void
ctl_conn_sent(struct ctl_conn *c, size_t n)
{
	c->sent_bytes += n;
	if (c->sent_bytes < c->out_bytes)
		return;
	free(c->out);
	c->out = NULL;
}
