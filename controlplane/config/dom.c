/* SPDX-License-Identifier: Apache-2.0 */
#include "config/dom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

enum {
	CHUNK_BYTES = 1 << 16,
};

struct dom_chunk {
	struct dom_chunk *next;
	size_t bytes;
	_Alignas(16) char data[];
};

/* The state of one reading. */
struct build {
	struct dom *d;
	struct err *e;
	const char *name;
	uint32_t line_cnt;
	uint8_t file_idx;
	unsigned depth;
	struct node *open[DOM_DEPTH_MAX]; // lists and maps that have not ended
	struct node *key[DOM_DEPTH_MAX];  // in a map: a key that waits for its value
	struct node *root;
};

void
dom_init(struct dom *d)
{
	memset(d, 0, sizeof(*d));
}

void
dom_fini(struct dom *d)
{
	while (d->chunk) {
		struct dom_chunk *next = d->chunk->next;

		free(d->chunk);
		d->chunk = next;
	}
	d->root = NULL;
}

static void *
dom_take(struct dom *d, size_t bytes)
{
	void *p;

	bytes = (bytes + 15) & ~(size_t)15;
	if (!d->chunk || d->chunk->bytes - d->chunk_used < bytes) {
		const size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
		struct dom_chunk *c = calloc(1, sizeof(*c) + room);

		if (!c)
			return NULL;
		c->bytes = room;
		c->next = d->chunk;
		d->chunk = c;
		d->chunk_used = 0;
	}
	p = d->chunk->data + d->chunk_used;
	d->chunk_used += bytes;
	return p;
}

struct place
node_place(const struct dom *d, const struct node *n)
{
	struct place p;

	snprintf(p.text, sizeof(p.text), "%s:%u:%u", d->file[n->file_idx], n->line, n->column);
	return p;
}

struct shown
shown_of(const char *text, size_t text_len)
{
	struct shown s;
	size_t used = 0;

	for (size_t i = 0; i < text_len; i++) {
		const unsigned char b = (unsigned char)text[i];

		if (used + 8 > sizeof(s.text)) {
			memcpy(s.text + used, "...", 3);
			used += 3;
			break;
		}
		if (b < 0x20 || b >= 0x7f)
			used += (size_t)snprintf(s.text + used, sizeof(s.text) - used, "\\x%02x",
						 b);
		else
			s.text[used++] = (char)b;
	}
	s.text[used] = '\0';
	return s;
}

struct node *
node_find(const struct node *map, const char *key)
{
	for (struct node *n = map->child; n; n = n->next)
		if (n->key && strcmp(n->key->text, key) == 0)
			return n;
	return NULL;
}

void
node_add(struct node *parent, struct node *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->child = child;
	parent->last = child;
}

/* Marks of libyaml count from 0, and may stand behind the last line. */
static int
complain(struct build *b, const yaml_mark_t *mark, const char *what)
{
	const size_t line = mark->line + 1;

	if (line > b->line_cnt)
		return err_add(b->e, -EINVAL, "%s:%u:1: the file ends too early: %s", b->name,
			       b->line_cnt, what);
	return err_add(b->e, -EINVAL, "%s:%zu:%zu: %s", b->name, line, mark->column + 1, what);
}

static struct node *
build_node(struct build *b, enum node_kind kind, const yaml_mark_t *mark)
{
	struct node *n;

	if (b->d->node_cnt >= DOM_NODE_MAX) {
		complain(b, mark, "too many values; at most 50000 are allowed in one file");
		return NULL;
	}
	n = dom_take(b->d, sizeof(*n));
	if (!n) {
		err_add(b->e, -ENOMEM, "%s: no memory left", b->name);
		return NULL;
	}
	b->d->node_cnt++;
	n->kind = kind;
	n->file_idx = b->file_idx;
	n->line = (uint32_t)mark->line + 1;
	n->column = (uint32_t)mark->column + 1;
	return n;
}

/* Puts a node where it belongs: the root, a list, or a map as key or value. */
static bool
build_hang(struct build *b, struct node *n, const yaml_mark_t *mark)
{
	struct node *parent;

	if (b->depth == 0) {
		b->root = n;
		return true;
	}
	parent = b->open[b->depth - 1];
	if (parent->kind == NODE_MAP) {
		struct node **key = &b->key[b->depth - 1];

		if (!*key) {
			if (n->kind != NODE_SCALAR || strlen(n->text) != n->text_len) {
				complain(b, mark, "a key must be a word; found something else");
				return false;
			}
			*key = n;
			return true;
		}
		n->key = *key;
		*key = NULL;
	}
	node_add(parent, n);
	return true;
}

static bool
build_open(struct build *b, enum node_kind kind, const yaml_mark_t *mark)
{
	struct node *n = build_node(b, kind, mark);

	if (!n || !build_hang(b, n, mark))
		return false;
	if (b->depth == DOM_DEPTH_MAX) {
		complain(b, mark, "lists and blocks stand deeper in each other than 16 levels");
		return false;
	}
	b->key[b->depth] = NULL;
	b->open[b->depth++] = n;
	return true;
}

static bool
build_scalar(struct build *b, const yaml_event_t *ev)
{
	struct node *n = build_node(b, NODE_SCALAR, &ev->start_mark);

	if (!n)
		return false;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text_len = (uint32_t)ev->data.scalar.length;
	n->text = dom_take(b->d, (size_t)n->text_len + 1);
	if (!n->text) {
		err_add(b->e, -ENOMEM, "%s: no memory left", b->name);
		return false;
	}
	memcpy(n->text, ev->data.scalar.value, n->text_len);
	n->text[n->text_len] = '\0';
	return build_hang(b, n, &ev->start_mark);
}

static bool
is_decorated(const yaml_event_t *ev, const char **what)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (ev->type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	}
	if (ev->type == YAML_ALIAS_EVENT)
		*what = "an alias (*name) is not allowed here; write the value out. A text that "
			"begins with * needs quotes";
	else if (anchor)
		*what = "an anchor (&name) is not allowed here; write the value out each time. A "
			"text that begins with & needs quotes";
	else if (tag)
		*what = "a tag (!name) is not allowed here; leave it out. A text that begins with "
			"! needs quotes";
	else
		return false;
	return true;
}

/* False at the end, or after a fault. */
static bool
build_event(struct build *b, const yaml_event_t *ev)
{
	const char *what;

	if (is_decorated(ev, &what)) {
		complain(b, &ev->start_mark, what);
		return false;
	}
	switch (ev->type) {
	case YAML_STREAM_END_EVENT:
		return false;
	case YAML_DOCUMENT_START_EVENT:
		if (b->root) {
			complain(b, &ev->start_mark,
				 "a second document (---) begins; a file has only one");
			return false;
		}
		return true;
	case YAML_SCALAR_EVENT:
		return build_scalar(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return build_open(b, NODE_LIST, &ev->start_mark);
	case YAML_MAPPING_START_EVENT:
		return build_open(b, NODE_MAP, &ev->start_mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return true;
	default:
		return true;
	}
}

static void
build_all(struct build *b, yaml_parser_t *parser)
{
	bool go = true;

	while (go) {
		yaml_event_t ev;

		if (!yaml_parser_parse(parser, &ev)) {
			char what[256];

			snprintf(what, sizeof(what), "not YAML: %s%s%s",
				 parser->context ? parser->context : "",
				 parser->context ? ", " : "",
				 parser->problem ? parser->problem : "no memory left");
			complain(b, &parser->problem_mark, what);
			return;
		}
		go = build_event(b, &ev);
		yaml_event_delete(&ev);
	}
}

/*
 * Length of the UTF-8 character at text, or 0: not UTF-8, or a control character that YAML forbids.
 */
static size_t
char_len(const unsigned char *t, size_t left)
{
	static const uint32_t LEAST[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len;
	uint32_t c;

	if (t[0] < 0x80)
		return (t[0] >= 0x20 && t[0] != 0x7f) || t[0] == '\t' || t[0] == '\n' ||
		       t[0] == '\r';
	if ((t[0] & 0xe0) == 0xc0)
		len = 2;
	else if ((t[0] & 0xf0) == 0xe0)
		len = 3;
	else if ((t[0] & 0xf8) == 0xf0)
		len = 4;
	else
		return 0;
	if (len > left)
		return 0;
	c = t[0] & (0x7f >> len);
	for (size_t i = 1; i < len; i++) {
		if ((t[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (t[i] & 0x3f);
	}
	if (c < LEAST[len] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	if ((c >= 0x80 && c < 0xa0 && c != 0x85) || c == 0xfffe || c == 0xffff)
		return 0;
	return len;
}

/* YAML 1.1 breaks lines at all of these; a carriage return before a newline counts with it. */
static bool
is_break(const unsigned char *t, size_t len, size_t left)
{
	if (len == 1)
		return t[0] == '\n' || (t[0] == '\r' && !(left > 1 && t[1] == '\n'));
	if (len == 2)
		return memcmp(t, "\xc2\x85", 2) == 0;
	return len == 3 && (memcmp(t, "\xe2\x80\xa8", 3) == 0 || memcmp(t, "\xe2\x80\xa9", 3) == 0);
}

/* Every byte is text; counts the lines. */
static bool
text_check(struct build *b, const char *text, size_t text_len)
{
	const unsigned char *t = (const unsigned char *)text;
	uint32_t line = 1, column = 1;
	size_t at = 0;

	while (at < text_len) {
		const size_t len = char_len(t + at, text_len - at);

		// A byte order mark may stand at the beginning, and nowhere else.
		if (len == 0 || (at > 0 && len == 3 && memcmp(t + at, "\xef\xbb\xbf", 3) == 0)) {
			err_add(b->e, -EINVAL,
				"%s:%u:%u: the byte 0x%02x is no text in UTF-8; save the file as "
				"UTF-8",
				b->name, line, column, t[at]);
			return false;
		}
		column++;
		if (is_break(t + at, len, text_len - at)) {
			line++;
			column = 1;
		}
		at += len;
	}
	b->line_cnt = line > 1 && column == 1 ? line - 1 : line;
	return true;
}

struct node *
dom_read(struct dom *d, const char *name, const char *text, size_t text_len, struct err *e)
{
	struct build b = { .d = d, .e = e, .name = name, .file_idx = (uint8_t)d->file_cnt };
	const unsigned fault_cnt = e->line_cnt;
	yaml_parser_t parser;

	if (text_len > DOM_FILE_BYTES_MAX) {
		err_add(e, -EFBIG, "%s: %zu bytes; at most %d are allowed", name, text_len,
			DOM_FILE_BYTES_MAX);
		return NULL;
	}
	if (!text_check(&b, text, text_len))
		return NULL;
	if (d->file_cnt == DOM_FILE_MAX || !yaml_parser_initialize(&parser)) {
		err_add(e, -ENOMEM, "%s: no room for another file", name);
		return NULL;
	}
	snprintf(d->file[d->file_cnt++], sizeof(d->file[0]), "%s", name);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, text_len);
	build_all(&b, &parser);
	yaml_parser_delete(&parser);
	if (e->line_cnt != fault_cnt)
		return NULL;
	if (!b.root || b.root->kind != NODE_MAP) {
		err_add(e, -EINVAL, "%s:1:1: found %s, allowed a block of keys (key: value)", name,
			!b.root                       ? "an empty file"
			: b.root->kind == NODE_SCALAR ? "a single value"
						      : "a list");
		return NULL;
	}
	return b.root;
}

int
file_read(const char *path, char **text, size_t *text_len, struct err *e)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t used = 0;
	char *buf;

	if (fd < 0)
		return err_add(e, -errno, "%s: cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_add(e, -EINVAL, "%s: is no regular file", path);
	}
	if (st.st_size > DOM_FILE_BYTES_MAX) {
		close(fd);
		return err_add(e, -EFBIG, "%s: %lld bytes; at most %d are allowed", path,
			       (long long)st.st_size, DOM_FILE_BYTES_MAX);
	}
	buf = malloc(DOM_FILE_BYTES_MAX + 1);
	if (!buf) {
		close(fd);
		return err_add(e, -ENOMEM, "%s: no memory left", path);
	}
	while (used <= DOM_FILE_BYTES_MAX) {
		const ssize_t n = read(fd, buf + used, DOM_FILE_BYTES_MAX + 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			const int code = -errno;

			close(fd);
			free(buf);
			return err_add(e, code, "%s: cannot be read: %s", path, strerror(-code));
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	close(fd);
	*text = buf;
	*text_len = used;
	return 0;
}
