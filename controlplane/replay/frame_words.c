/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/frame_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "replay/replay_venue.h"
#include "wire/eth_ip.h"
#include "wire/ouch42.h"
#include "wire/ouch50.h"
#include "wire/soupbintcp.h"

enum {
	TEXT_BYTES = 512,
};

enum value_form {
	AS_NUMBER,
	AS_PRICE, // px4
	AS_TEXT,
	AS_HEX,
};

/* Bytes of a header or message that have a name. */
struct field {
	uint16_t at;
	uint16_t len;
	uint8_t form; // enum value_form
	const char *name;
};

#define FIELD(type, member, form, name)                                                       \
	{                                                                                     \
		offsetof(struct type, member), sizeof(((struct type *)0)->member), form, name \
	}
#define FIELDS(list) list, ARRAY_CNT(list)

// clang-format off
static const struct field ETH[] = {
	FIELD(eth_head, dst, AS_HEX, "Ethernet destination"),
	FIELD(eth_head, src, AS_HEX, "Ethernet source"),
	FIELD(eth_head, type, AS_HEX, "EtherType"),
};
static const struct field IP[] = {
	FIELD(ipv4_head, total_len, AS_NUMBER, "IP length"),
	FIELD(ipv4_head, id, AS_NUMBER, "IP identification"),
	FIELD(ipv4_head, frag, AS_HEX, "IP fragment field"),
	FIELD(ipv4_head, ttl, AS_NUMBER, "IP time to live"),
	FIELD(ipv4_head, proto, AS_NUMBER, "IP protocol"),
	FIELD(ipv4_head, src, AS_HEX, "IP source"),
	FIELD(ipv4_head, dst, AS_HEX, "IP destination"),
	FIELD(ipv4_head, sum, AS_HEX, "IP checksum"),
};
static const struct field TCP[] = {
	FIELD(tcp_head, src_port, AS_NUMBER, "TCP source port"),
	FIELD(tcp_head, dst_port, AS_NUMBER, "TCP destination port"),
	FIELD(tcp_head, seq, AS_NUMBER, "TCP sequence number"),
	FIELD(tcp_head, ack, AS_NUMBER, "TCP acknowledgement"),
	FIELD(tcp_head, data_off, AS_HEX, "TCP header length"),
	FIELD(tcp_head, flags, AS_HEX, "TCP flags"),
	FIELD(tcp_head, window, AS_NUMBER, "TCP window"),
	FIELD(tcp_head, sum, AS_HEX, "TCP checksum"),
};
static const struct field SOUP[] = {
	FIELD(soup_head, len, AS_NUMBER, "packet length"),
	FIELD(soup_head, type, AS_TEXT, "packet type"),
};
static const struct field LOGIN[] = {
	FIELD(soup_login_request, username, AS_TEXT, "username"),
	FIELD(soup_login_request, password, AS_TEXT, "password"),
	FIELD(soup_login_request, session, AS_TEXT, "session"),
	FIELD(soup_login_request, seq, AS_TEXT, "sequence number wanted"),
};
static const struct field ENTER50[] = {
	FIELD(ouch50_enter_order, type, AS_TEXT, "message type"),
	FIELD(ouch50_enter_order, user_ref, AS_NUMBER, "order number"),
	FIELD(ouch50_enter_order, side, AS_TEXT, "side"),
	FIELD(ouch50_enter_order, qty, AS_NUMBER, "quantity"),
	FIELD(ouch50_enter_order, symbol, AS_TEXT, "symbol"),
	FIELD(ouch50_enter_order, px4, AS_PRICE, "price"),
	FIELD(ouch50_enter_order, tif, AS_TEXT, "time in force"),
	FIELD(ouch50_enter_order, display, AS_TEXT, "display"),
	FIELD(ouch50_enter_order, capacity, AS_TEXT, "capacity"),
	FIELD(ouch50_enter_order, sweep, AS_TEXT, "sweep eligibility"),
	FIELD(ouch50_enter_order, cross, AS_TEXT, "cross type"),
	FIELD(ouch50_enter_order, cl_ord_id, AS_TEXT, "client order id"),
};
static const struct field REPLACE50[] = {
	FIELD(ouch50_replace_order, type, AS_TEXT, "message type"),
	FIELD(ouch50_replace_order, orig_user_ref, AS_NUMBER, "number of the order to replace"),
	FIELD(ouch50_replace_order, user_ref, AS_NUMBER, "order number"),
	FIELD(ouch50_replace_order, qty, AS_NUMBER, "quantity"),
	FIELD(ouch50_replace_order, px4, AS_PRICE, "price"),
	FIELD(ouch50_replace_order, tif, AS_TEXT, "time in force"),
	FIELD(ouch50_replace_order, display, AS_TEXT, "display"),
	FIELD(ouch50_replace_order, sweep, AS_TEXT, "sweep eligibility"),
	FIELD(ouch50_replace_order, cl_ord_id, AS_TEXT, "client order id"),
};
static const struct field CANCEL50[] = {
	FIELD(ouch50_cancel_order, type, AS_TEXT, "message type"),
	FIELD(ouch50_cancel_order, user_ref, AS_NUMBER, "order number"),
	FIELD(ouch50_cancel_order, qty, AS_NUMBER, "quantity to keep"),
};
static const struct field ENTER42[] = {
	FIELD(ouch42_enter_order, type, AS_TEXT, "message type"),
	FIELD(ouch42_enter_order, token, AS_TEXT, "order token"),
	FIELD(ouch42_enter_order, side, AS_TEXT, "side"),
	FIELD(ouch42_enter_order, qty, AS_NUMBER, "quantity"),
	FIELD(ouch42_enter_order, symbol, AS_TEXT, "symbol"),
	FIELD(ouch42_enter_order, px4, AS_PRICE, "price"),
	FIELD(ouch42_enter_order, tif, AS_NUMBER, "time in force"),
	FIELD(ouch42_enter_order, firm, AS_TEXT, "firm"),
	FIELD(ouch42_enter_order, display, AS_TEXT, "display"),
	FIELD(ouch42_enter_order, capacity, AS_TEXT, "capacity"),
	FIELD(ouch42_enter_order, sweep, AS_TEXT, "sweep eligibility"),
	FIELD(ouch42_enter_order, min_qty, AS_NUMBER, "minimum quantity"),
	FIELD(ouch42_enter_order, cross, AS_TEXT, "cross type"),
	FIELD(ouch42_enter_order, customer, AS_TEXT, "customer type"),
};
static const struct field REPLACE42[] = {
	FIELD(ouch42_replace_order, type, AS_TEXT, "message type"),
	FIELD(ouch42_replace_order, orig_token, AS_TEXT, "token of the order to replace"),
	FIELD(ouch42_replace_order, token, AS_TEXT, "order token"),
	FIELD(ouch42_replace_order, qty, AS_NUMBER, "quantity"),
	FIELD(ouch42_replace_order, px4, AS_PRICE, "price"),
	FIELD(ouch42_replace_order, tif, AS_NUMBER, "time in force"),
	FIELD(ouch42_replace_order, display, AS_TEXT, "display"),
	FIELD(ouch42_replace_order, sweep, AS_TEXT, "sweep eligibility"),
	FIELD(ouch42_replace_order, min_qty, AS_NUMBER, "minimum quantity"),
};
static const struct field CANCEL42[] = {
	FIELD(ouch42_cancel_order, type, AS_TEXT, "message type"),
	FIELD(ouch42_cancel_order, token, AS_TEXT, "order token"),
	FIELD(ouch42_cancel_order, qty, AS_NUMBER, "quantity to keep"),
};
static const struct {
	bool ouch42;
	uint8_t type;
	const struct field *field;
	size_t field_cnt;
} MESSAGE[] = {
	{ false, OUCH50_ENTER_ORDER, FIELDS(ENTER50) },
	{ false, OUCH50_REPLACE_ORDER, FIELDS(REPLACE50) },
	{ false, OUCH50_CANCEL_ORDER, FIELDS(CANCEL50) },
	{ true, 'O', FIELDS(ENTER42) },
	{ true, 'U', FIELDS(REPLACE42) },
	{ true, 'X', FIELDS(CANCEL42) },
};
// clang-format on

/* Text that grows and never beyond its room. */
struct words {
	char *at;
	size_t room;
};

static void say(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(struct words *w, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(w->at, w->room, fmt, ap);
	va_end(ap);
	if (len > 0) {
		const size_t n = (size_t)len < w->room ? (size_t)len : w->room - 1;

		w->at += n;
		w->room -= n;
	}
}

/* Where the parts of a frame are; a part that is not there has length 0. */
struct parts {
	const uint8_t *frame;
	size_t len;
	size_t ip_at, tcp_at, payload_at;
	size_t payload_len;
};

static struct parts
parts_of(const uint8_t *frame, size_t len)
{
	struct parts p = { .frame = frame, .len = len };
	size_t head_len;
	struct eth_ip e;

	if (eth_ip_walk(frame, len, false, &e) != ETH_IP_L4)
		return p;
	p.ip_at = (size_t)(e.l3 - frame);
	if (e.proto != IP_PROTO_TCP || e.l4_len < sizeof(struct tcp_head))
		return p;
	head_len = (size_t)(((const struct tcp_head *)e.l4)->data_off >> 4) * 4;
	if (head_len < sizeof(struct tcp_head) || head_len > e.l4_len)
		return p;
	p.tcp_at = (size_t)(e.l4 - frame);
	p.payload_at = p.tcp_at + head_len;
	p.payload_len = e.l4_len - head_len;
	return p;
}

static void
say_value(struct words *w, const struct field *f, const uint8_t *at)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < f->len && i < sizeof(n); i++)
		n = n << 8 | at[i];
	switch ((enum value_form)f->form) {
	case AS_NUMBER:
		say(w, "%" PRIu64, n);
		break;
	case AS_PRICE:
		say(w, "%" PRIu64 ".%04u", n / 10000, (unsigned)(n % 10000));
		break;
	case AS_TEXT:
		say(w, "'");
		for (unsigned i = 0; i < f->len; i++)
			say(w, at[i] >= ' ' && at[i] <= '~' ? "%c" : "\\x%02x", at[i]);
		say(w, "'");
		break;
	case AS_HEX:
		for (unsigned i = 0; i < f->len; i++)
			say(w, "%02x", at[i]);
		break;
	}
}

/* The first of the fields that differs; bytes of both from base on. */
static const struct field *
first_field(const struct field *f, size_t cnt, const uint8_t *a, size_t a_len, const uint8_t *b,
	    size_t b_len)
{
	for (size_t i = 0; i < cnt; i++)
		if ((size_t)f[i].at + f[i].len <= a_len && (size_t)f[i].at + f[i].len <= b_len &&
		    memcmp(a + f[i].at, b + f[i].at, f[i].len) != 0)
			return &f[i];
	return NULL;
}

static void
say_field(struct words *w, const struct field *f, size_t offset, const uint8_t *a, const uint8_t *b)
{
	say(w, "%s, byte %zu of the frame: captured ", f->name, offset);
	say_value(w, f, a + f->at);
	say(w, ", replayed ");
	say_value(w, f, b + f->at);
}

/* A SoupBinTCP packet at the beginning of len bytes; 0: not a whole one. */
static size_t
packet_len(const uint8_t *at, size_t len)
{
	size_t n;

	if (len < sizeof(struct soup_head))
		return 0;
	n = SOUP_LEN_BYTES + be16_get(((const struct soup_head *)at)->len);
	return n >= sizeof(struct soup_head) && n <= len ? n : 0;
}

static void
say_packet(struct words *w, bool ouch42, const uint8_t *at, size_t len)
{
	const uint8_t type = ((const struct soup_head *)at)->type;
	char text[TEXT_BYTES];

	switch (type) {
	case SOUP_LOGIN_REQUEST:
		say(w, "login");
		break;
	case SOUP_CLIENT_HEARTBEAT:
		say(w, "heartbeat");
		break;
	case SOUP_LOGOUT_REQUEST:
		say(w, "logout");
		break;
	case SOUP_UNSEQUENCED:
		replay_message_text(ouch42, at + sizeof(struct soup_head),
				    len - sizeof(struct soup_head), text, sizeof(text));
		say(w, "%s", text);
		break;
	default:
		say(w, "packet of type 0x%02x", type);
	}
}

/* The two packets in which payloads differ, which begin at the same byte. */
static void
say_packet_field(struct words *w, bool ouch42, size_t offset, const uint8_t *a, size_t a_len,
		 const uint8_t *b, size_t b_len)
{
	const uint8_t type = ((const struct soup_head *)a)->type;
	const struct field *f = NULL;
	const size_t head = sizeof(struct soup_head);

	if (type == SOUP_UNSEQUENCED && a[SOUP_LEN_BYTES] == b[SOUP_LEN_BYTES] && a_len > head &&
	    b_len > head && a[head] == b[head]) {
		for (size_t i = 0; i < ARRAY_CNT(MESSAGE) && f == NULL; i++)
			if (MESSAGE[i].ouch42 == ouch42 && MESSAGE[i].type == a[head])
				f = first_field(MESSAGE[i].field, MESSAGE[i].field_cnt, a + head,
						a_len - head, b + head, b_len - head);
		if (f != NULL)
			say_field(w, f, offset + head + f->at, a + head, b + head);
	} else if (type == SOUP_LOGIN_REQUEST && b[SOUP_LEN_BYTES] == type) {
		f = first_field(FIELDS(LOGIN), a, a_len, b, b_len);
		if (f != NULL)
			say_field(w, f, offset + f->at, a, b);
	}
	if (f == NULL) {
		f = first_field(FIELDS(SOUP), a, a_len, b, b_len);
		if (f != NULL)
			say_field(w, f, offset + f->at, a, b);
		else
			say(w, "bytes behind the fields with a name, from byte %zu of the frame on",
			    offset);
	}
	say(w, "; captured: ");
	say_packet(w, ouch42, a, a_len);
	say(w, "; replayed: ");
	say_packet(w, ouch42, b, b_len);
}

/* What was said to the venue; false when both said the same. */
static bool
say_payload(struct words *w, bool ouch42, const struct parts *a, const struct parts *b)
{
	const uint8_t *pa = a->frame + a->payload_at, *pb = b->frame + b->payload_at;
	const size_t least = a->payload_len < b->payload_len ? a->payload_len : b->payload_len;
	size_t at = 0, na, nb;

	if (a->payload_len == b->payload_len && memcmp(pa, pb, least) == 0)
		return false;
	while ((na = packet_len(pa + at, a->payload_len - at)) != 0 &&
	       (nb = packet_len(pb + at, b->payload_len - at)) != 0) {
		if (na != nb || memcmp(pa + at, pb + at, na) != 0) {
			say_packet_field(w, ouch42, a->payload_at + at, pa + at, na, pb + at, nb);
			return true;
		}
		at += na;
	}
	while (at < least && pa[at] == pb[at])
		at++;
	say(w, "TCP payload, byte %zu of the frame: captured %zu bytes, replayed %zu",
	    a->payload_at + at, a->payload_len, b->payload_len);
	if (at < least)
		say(w, ", there 0x%02x and 0x%02x", pa[at], pb[at]);
	return true;
}

static bool
say_head(struct words *w, const struct field *f, size_t cnt, size_t at, const uint8_t *a,
	 const uint8_t *b, size_t len)
{
	const struct field *d = first_field(f, cnt, a + at, len - at, b + at, len - at);

	if (d != NULL)
		say_field(w, d, at + d->at, a + at, b + at);
	return d != NULL;
}

bool
frame_words(bool ouch42, const uint8_t *captured, size_t captured_len, const uint8_t *replayed,
	    size_t replayed_len, char *out, size_t out_bytes)
{
	const struct parts a = parts_of(captured, captured_len);
	const struct parts b = parts_of(replayed, replayed_len);
	const size_t least = captured_len < replayed_len ? captured_len : replayed_len;
	struct words w = { out, out_bytes };
	size_t at = 0;

	if (captured_len == replayed_len && memcmp(captured, replayed, least) == 0)
		return false;
	if (a.tcp_at != 0 && a.tcp_at == b.tcp_at && a.payload_at == b.payload_at &&
	    say_payload(&w, ouch42, &a, &b))
		return true;
	if (a.tcp_at != 0 && a.tcp_at == b.tcp_at &&
	    say_head(&w, FIELDS(TCP), a.tcp_at, captured, replayed, least))
		return true;
	if (a.ip_at != 0 && a.ip_at == b.ip_at &&
	    say_head(&w, FIELDS(IP), a.ip_at, captured, replayed, least))
		return true;
	if (say_head(&w, FIELDS(ETH), 0, captured, replayed, least))
		return true;
	while (at < least && captured[at] == replayed[at])
		at++;
	say(&w, "byte %zu of the frame: captured %zu bytes, replayed %zu", at, captured_len,
	    replayed_len);
	if (at < least)
		say(&w, ", there 0x%02x and 0x%02x", captured[at], replayed[at]);
	return true;
}

void
frame_text(bool ouch42, const uint8_t *frame, size_t len, char *out, size_t out_bytes)
{
	const struct parts p = parts_of(frame, len);
	const uint8_t *at = frame + p.payload_at;
	struct words w = { out, out_bytes };
	size_t left = p.payload_len, n;

	if (p.tcp_at == 0) {
		say(&w, "%zu bytes that are not TCP", len);
		return;
	}
	if (left == 0) {
		const uint8_t flags = frame[p.tcp_at + offsetof(struct tcp_head, flags)];

		say(&w, "TCP%s%s%s%s", flags & TCP_FLAG_SYN ? " SYN" : "",
		    flags & TCP_FLAG_FIN ? " FIN" : "", flags & TCP_FLAG_RST ? " RST" : "",
		    flags & TCP_FLAG_ACK ? " ACK" : "");
		return;
	}
	for (; left != 0; at += n, left -= n) {
		if (at != frame + p.payload_at)
			say(&w, "; ");
		n = packet_len(at, left);
		if (n == 0) {
			say(&w, "%zu bytes of TCP payload", left);
			return;
		}
		say_packet(&w, ouch42, at, n);
	}
}
