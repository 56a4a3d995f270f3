/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CONFIG_SCHEMA_H
#define SLUICE_CONFIG_SCHEMA_H

#include "config/dom.h"

/*
 * A table of keys drives everything that is done with a file: reading, range checks, the reference
 * and the sample.  schema.def is the table of the configuration, profile.def that of a driver
 * profile.
 */
enum key_type {
	KEY_BOOL,
	KEY_U32,
	KEY_U64,
	KEY_STR,           // char[]; min is its least length
	KEY_USD,           // struct usd; min and max in 1/10,000 dollar
	KEY_IP4,           // uint32_t, host order
	KEY_NET4,          // struct ip4_net
	KEY_ENDPOINT,      // struct ip4_endpoint
	KEY_MAC,           // struct mac
	KEY_ENUM,          // an enum whose values are the positions of the words
	KEY_SET,           // uint32_t with a bit per word, from a list of words
	KEY_LIST_STR,      // char[][]
	KEY_LIST_U32,      // uint32_t[]
	KEY_LIST_ENDPOINT, // struct ip4_endpoint[]
	KEY_LIST_BLOCK,
	KEY_REFUSED, // a key that must not be there; meaning says why
};

enum takes_effect {
	RESTART,
	LIVE,
};

#define REQUIRED NULL

enum {
	SCHEMA_KEY_MAX = 512,
};

/* One row.  Which columns count depends on the type. */
struct key {
	const char *owner; // the struct that has the field
	const char *name;  // path of the field in it
	const char *dflt;  // as written in a file; REQUIRED; "" leaves the field zero
	const char *words; // KEY_ENUM, KEY_SET: separated by spaces
	const char *unit;  // "" where there is none
	const char *meaning;
	const char *element;          // KEY_LIST_BLOCK: owner of the elements' keys
	uint64_t min, max;            // of the value; of a text's length only min
	uint32_t least_cnt, most_cnt; // lists: how many elements
	size_t offset;
	size_t size;        // of the field; of one element for lists
	size_t cnt_offset;  // lists: uint32_t how many
	uint32_t first_idx; // lists: where the first element goes
	enum key_type type;
	enum takes_effect takes_effect;
};

struct schema {
	const struct key *key;
	size_t key_cnt;
	const char *root; // owner of the outermost block
};

extern const struct schema CONFIG_SCHEMA;
extern const struct schema PROFILE_SCHEMA;

/* The words of a KEY_ENUM or KEY_SET row.  False past the last. */
bool key_word(const struct key *k, uint32_t idx, char out[32]);

/*
 * Reads one value as a key's type into the field at `field`.  why says what was found and what is
 * allowed, without the place.  plain: written without quotes.
 */
bool value_of_text(const struct key *k, const char *text, size_t text_len, bool plain, void *field,
		   char *why, size_t why_bytes);

/* Writes a key's value as it would be written in a file, cut at the end; owner: its struct. */
void key_text(const struct key *k, const void *owner, char *out, size_t out_bytes);

/* A list of plain values; their type is the list's. */
static inline bool
key_is_list(const struct key *k)
{
	return k->type == KEY_LIST_STR || k->type == KEY_LIST_U32 || k->type == KEY_LIST_ENDPOINT;
}

/* Where a value stands: written for every field and block that the file sets. */
struct config_mark {
	uint32_t offset;
	uint32_t bytes;
	uint32_t line;
	uint32_t column;
	uint8_t file_idx;
	bool is_block;
};

struct config_marks {
	char file[DOM_FILE_MAX][256];
	uint32_t file_cnt;
	uint32_t cnt;
	uint32_t room;
	struct config_mark *mark;
};

/*
 * Fills *base from a file's nodes: defaults first, then what the file says.  Every fault becomes a
 * line of *e; the walk goes on after each.  marks may be NULL.
 */
void schema_fill(const struct schema *s, const struct dom *d, void *base,
		 struct config_marks *marks, struct err *e);

#endif
