/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CONFIG_DOM_H
#define SLUICE_CONFIG_DOM_H

#include "base/compiler.h"
#include "err/err.h"

/*
 * A YAML file as nodes that know where they stand.  Anchors, aliases, tags and further documents
 * are refused: a configuration reads the same from top to bottom.
 */
enum {
	DOM_FILE_BYTES_MAX = 1 << 20,
	DOM_NODE_MAX = 50000,
	DOM_DEPTH_MAX = 16,
	DOM_FILE_MAX = 2, // a file and the core map it names
};

enum node_kind {
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
};

struct node {
	enum node_kind kind;
	uint8_t file_idx;
	bool plain; // scalar without quotes
	uint32_t line;
	uint32_t column;
	uint32_t text_len;
	char *text;         // scalar, ends in 0
	struct node *key;   // in a map: the key this node belongs to
	struct node *child; // first of a list or map
	struct node *last;
	struct node *next; // sibling
};

struct dom_chunk;

struct dom {
	char file[DOM_FILE_MAX][256];
	uint32_t file_cnt;
	uint32_t node_cnt;
	struct node *root; // a map
	struct dom_chunk *chunk;
	size_t chunk_used;
};

void dom_init(struct dom *d);
void dom_fini(struct dom *d);

/*
 * Reads one file's text into nodes of d.
 *
 * Returns  its outermost node, a map; NULL with the cause in *e
 */
struct node *dom_read(struct dom *d, const char *name, const char *text, size_t text_len,
		      struct err *e);

/*
 * A whole regular file.  The caller frees *text.
 *
 * Returns  0, or a negative errno with the words in *e
 */
int file_read(const char *path, char **text, size_t *text_len, struct err *e);

struct node *node_find(const struct node *map, const char *key);
void node_add(struct node *parent, struct node *child);

/* "file:line:column" of a node. */
struct place {
	char text[300];
};
struct place node_place(const struct dom *d, const struct node *n);

/* Foreign text made printable and short, for messages. */
struct shown {
	char text[64];
};
struct shown shown_of(const char *text, size_t text_len);

#endif
