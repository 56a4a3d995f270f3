/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_DESCRIBE_H
#define SLUICE_JOURNAL_DESCRIBE_H

#include "journal/names.h"

/* A record as people and tables want it. */

enum {
	ROW_TEXT_MAX = 48,
};

/* One record, every field by itself.  Empty or 0 where the record has no such thing. */
struct journal_row {
	uint64_t seq;
	uint64_t ns;
	uint32_t run;
	uint8_t kind;
	bool recovered;
	const char *word; // of the kind
	char lane[ROW_TEXT_MAX];
	char session[ROW_TEXT_MAX];
	char feed[ROW_TEXT_MAX];
	char symbol[ROW_TEXT_MAX];
	char strategy[ROW_TEXT_MAX];
	char account[ROW_TEXT_MAX];
	uint32_t feed_seq; // low 32 bits
	uint64_t rx_ns;
	uint64_t venue_ns; // REPORT: since midnight
	uint32_t token;
	uint32_t orig_token;
	bool has_intent;
	uint32_t intent_id;
	uint32_t orig_id;
	char action[ROW_TEXT_MAX]; // new, replace, ..; of reports: accepted, executed, ..; the
				   // state
	char side[8];
	bool has_px;
	int64_t px4;
	uint32_t qty;
	uint32_t executed_qty;
	uint32_t open_qty;
	uint32_t limits_version;
	uint32_t code;
	char reason[JOURNAL_NAME_LEN]; // of a verdict, a refusal, a reject
	uint64_t match_ref;
	uint64_t order_ref;
	uint64_t count;       // lost records; of END: records
	uint64_t tick_cycles; // SENT: from the trigger's receipt to the burst
	uint32_t uid;
	uint32_t pid;
	int32_t result;
	uint32_t wire_len;
	uint8_t wire[JOURNAL_WIRE_MAX];
	const char *text; // of the control side; not terminated
	uint32_t text_len;
};

void journal_describe(const struct journal_names *n, const struct journal_record *r,
		      struct journal_row *out);

enum {
	JOURNAL_TIME_LEN = 40,
	JOURNAL_PX_LEN = 32,
};

/* "2026-11-21T17:54:00.123456789Z" */
void journal_time_text(uint64_t ns, char out[JOURNAL_TIME_LEN]);

/* Such a text, or a whole number of ns since 1970.  False: it is neither. */
bool journal_time_parse(const char *text, uint64_t *ns);

/* "585.0100" */
void journal_px_text(int64_t px4, char out[JOURNAL_PX_LEN]);

#endif
