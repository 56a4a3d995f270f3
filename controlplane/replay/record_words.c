/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/record_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

enum {
	TEXT_BYTES = 512,
	VALUE_BYTES = 64,
};

/* The fields of a row that have a name, in the order in which they are judged. */
#define NUMBERS(F)                                       \
	F(token, "order number")                         \
	F(orig_token, "number of the order it is about") \
	F(qty, "quantity")                               \
	F(executed_qty, "executed quantity")             \
	F(open_qty, "open quantity")                     \
	F(intent_id, "intent")                           \
	F(orig_id, "intent it is about")                 \
	F(limits_version, "version of the limits")       \
	F(code, "code")                                  \
	F(match_ref, "match number")                     \
	F(order_ref, "venue's order number")             \
	F(feed_seq, "feed's message that caused it")     \
	F(ns, "lane's clock, ns")                        \
	F(rx_ns, "time of receipt, ns")                  \
	F(venue_ns, "venue's time, ns")

#define TEXTS(F)                \
	F(action, "what")       \
	F(reason, "reason")     \
	F(symbol, "symbol")     \
	F(side, "side")         \
	F(strategy, "strategy") \
	F(session, "session")   \
	F(feed, "feed")

/* A record in a line, with what a reader knows an order by. */
static void
say_row(const struct journal_row *row, char *out, size_t out_bytes)
{
	char px[JOURNAL_PX_LEN] = "", qty[VALUE_BYTES] = "", name[VALUE_BYTES] = "";

	if (row->has_px)
		journal_px_text(row->px4, px);
	if (row->qty != 0)
		snprintf(qty, sizeof(qty), " %u", row->qty);
	if (row->token != 0)
		snprintf(name, sizeof(name), " order #%u", row->token);
	else if (row->has_intent)
		snprintf(name, sizeof(name), "%s %u of %.20s",
			 row->kind == JOURNAL_INTENT ? "" : " of intent", row->intent_id,
			 row->strategy);
	snprintf(out, out_bytes, "%s%s%s%s%s%s%s%s%s%s%s%s%s", row->word, name,
		 row->action[0] != '\0' ? " " : "", row->action, row->side[0] != '\0' ? " " : "",
		 row->side, qty, row->symbol[0] != '\0' ? " " : "", row->symbol,
		 row->has_px ? " at " : "", px, row->reason[0] != '\0' ? ", " : "", row->reason);
}

/* The first field that differs and both its values; false: no field with a name. */
static bool
say_field(const struct journal_row *a, const struct journal_row *b, char *out, size_t out_bytes)
{
	char pa[JOURNAL_PX_LEN], pb[JOURNAL_PX_LEN];

#define LOOK(field, name)                                                                    \
	if (strcmp(a->field, b->field) != 0) {                                               \
		snprintf(out, out_bytes, "%s: recorded '%s', replayed '%s'", name, a->field, \
			 b->field);                                                          \
		return true;                                                                 \
	}
	TEXTS(LOOK)
#undef LOOK
	if (a->px4 != b->px4) {
		journal_px_text(a->px4, pa);
		journal_px_text(b->px4, pb);
		snprintf(out, out_bytes, "price: recorded %s, replayed %s", pa, pb);
		return true;
	}
#define LOOK(field, name)                                                                     \
	if (a->field != b->field) {                                                           \
		snprintf(out, out_bytes, "%s: recorded %" PRIu64 ", replayed %" PRIu64, name, \
			 (uint64_t)a->field, (uint64_t)b->field);                             \
		return true;                                                                  \
	}
	NUMBERS(LOOK)
#undef LOOK
	return false;
}

/* The first byte of two wire messages that differs; false: none. */
static bool
say_wire(const struct journal_row *a, const struct journal_row *b, char *out, size_t out_bytes)
{
	uint32_t at = 0;

	while (at < a->wire_len && at < b->wire_len && a->wire[at] == b->wire[at])
		at++;
	if (at == a->wire_len && at == b->wire_len)
		return false;
	snprintf(out, out_bytes, "byte %u of the message: recorded %u bytes, replayed %u", at,
		 a->wire_len, b->wire_len);
	if (at < a->wire_len && at < b->wire_len)
		snprintf(out + strlen(out), out_bytes - strlen(out), ", there 0x%02x and 0x%02x",
			 a->wire[at], b->wire[at]);
	return true;
}

/*
 * The rest of a slot: flags and the like that no row shows.  Wire slots have none; what the control
 * side wrote is no slot, and a row shows it.
 */
static bool
say_rest(const struct journal_record *a, const struct journal_record *b, char *out,
	 size_t out_bytes)
{
	struct journal_slot x, y;
	size_t at = 0;

	if (!journal_kind_is_lane(a->frame.kind) || a->frame.kind == JOURNAL_WIRE_OUT ||
	    a->frame.kind == JOURNAL_WIRE_IN || a->frame.kind == JOURNAL_SENT)
		return false;
	x = journal_slot_of(a);
	y = journal_slot_of(b);
	while (at < sizeof(x.body) && x.body[at] == y.body[at])
		at++;
	if (at == sizeof(x.body))
		return false;
	snprintf(out, out_bytes, "byte %zu of the message: recorded 0x%02x, replayed 0x%02x",
		 offsetof(struct journal_slot, body) + at, x.body[at], y.body[at]);
	return true;
}

bool
record_words(const struct journal_names *names, const struct journal_record *recorded,
	     const struct journal_record *replayed, char *out, size_t out_bytes)
{
	static struct journal_row a, b;
	char ta[TEXT_BYTES] = "nothing", tb[TEXT_BYTES] = "nothing", field[TEXT_BYTES] = "";
	char when[JOURNAL_TIME_LEN] = "";
	bool differs;

	if (recorded == NULL && replayed == NULL)
		return false;
	if (recorded != NULL) {
		journal_describe(names, recorded, &a);
		say_row(&a, ta, sizeof(ta));
	}
	if (replayed != NULL) {
		journal_describe(names, replayed, &b);
		say_row(&b, tb, sizeof(tb));
	}
	differs = recorded == NULL || replayed == NULL || a.kind != b.kind;
	if (!differs) {
		differs = say_field(&a, &b, field, sizeof(field)) ||
			  say_wire(&a, &b, field, sizeof(field)) ||
			  say_rest(recorded, replayed, field, sizeof(field));
	}
	if (!differs)
		return false;
	journal_time_text(recorded != NULL ? a.ns : b.ns, when);
	snprintf(out, out_bytes, "%s: recorded: %s; replayed: %s%s%s", when, ta, tb,
		 field[0] != '\0' ? "; " : "", field);
	return true;
}

/* The length of the line that begins at `at`. */
static int
line_len(const char *text, size_t len, size_t at)
{
	const char *end = at < len ? memchr(text + at, '\n', len - at) : NULL;

	return (int)((end == NULL ? len : (size_t)(end - text)) - at);
}

bool
line_words(const char *recorded, size_t recorded_len, const char *replayed, size_t replayed_len,
	   char *out, size_t out_bytes)
{
	size_t at = 0, line = 0;

	if (recorded_len == replayed_len && memcmp(recorded, replayed, recorded_len) == 0)
		return false;
	for (; at < recorded_len && at < replayed_len && recorded[at] == replayed[at]; at++)
		if (recorded[at] == '\n')
			line = at + 1;
	snprintf(out, out_bytes, "there '%.*s', here '%.*s'",
		 line_len(recorded, recorded_len, line), recorded + line,
		 line_len(replayed, replayed_len, line), replayed + line);
	return true;
}
