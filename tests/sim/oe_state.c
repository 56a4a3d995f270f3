/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oe.h"

/*
 * A file of batches, each written by one call: what a kill interrupts is a batch that is not there.
 * Within the machine's own layout: nobody but this program reads it.
 */
enum { STATE_MAGIC = 0x31454f73 };

enum state_kind {
	STATE_ORDER,    // struct state_order
	STATE_MESSAGES, // numbered packets, one behind the other
	STATE_ACCOUNT,  // struct state_account
};

struct state_batch {
	uint32_t magic;
	uint32_t len; // of what follows
};

struct state_record {
	uint32_t kind;
	uint32_t len;
};

/* An order, and where its symbol's position stands since. */
struct state_order {
	struct oe_request r;
	struct oe_position position;
	uint64_t order_ref;
	uint32_t px4;
	uint32_t open_qty;
	uint32_t done_qty;
	uint16_t locate;
	uint8_t side;
	bool alive;
};

struct state_account {
	uint64_t next_user_ref[256];
	uint64_t next_order_ref;
	uint64_t break_ref;
	struct oe_counts n;
	uint32_t disabled_firm_cnt;
	char disabled_firm[16][4];
};

void
oe_state_changed(struct oe_order *o)
{
	if (o->oe->state_fd < 0 || o->changed)
		return;
	o->changed = true;
	o->changed_next = o->oe->changed;
	o->oe->changed = o;
}

static void
record_put(struct oe_bytes *b, enum state_kind kind, const void *data, size_t len)
{
	const struct state_record h = { kind, (uint32_t)len };

	oe_bytes_put(b, &h, sizeof(h));
	oe_bytes_put(b, data, len);
}

static void
order_put(struct oe_bytes *b, const struct oe_order *o)
{
	struct state_order s;

	memset(&s, 0, sizeof(s));
	s.r = o->r;
	s.position = o->oe->position[o->m.locate];
	s.order_ref = o->order_ref;
	s.px4 = o->m.px4;
	s.open_qty = o->m.open_qty;
	s.done_qty = o->done_qty;
	s.locate = o->m.locate;
	s.side = o->m.side;
	s.alive = o->alive;
	record_put(b, STATE_ORDER, &s, sizeof(s));
}

static void
account_fill(struct state_account *a, const struct oe *oe)
{
	memset(a, 0, sizeof(*a));
	memcpy(a->next_user_ref, oe->next_user_ref, sizeof(a->next_user_ref));
	a->next_order_ref = oe->next_order_ref;
	a->break_ref = oe->break_ref;
	a->n = oe->n;
	a->disabled_firm_cnt = oe->disabled_firm_cnt;
	memcpy(a->disabled_firm, oe->disabled_firm, sizeof(a->disabled_firm));
}

/* Cheap enough for each turn of the loop. */
static uint64_t
account_sum(const struct state_account *a)
{
	const uint64_t *p = (const uint64_t *)a;
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(*a) / sizeof(*p); i++)
		sum = (sum ^ p[i]) * 0x9E3779B97F4A7C15ULL + (sum >> 29);
	return sum;
}

void
oe_state_save(struct oe *oe)
{
	struct oe_bytes b = { 0 };
	struct state_batch head = { STATE_MAGIC, 0 };
	struct state_account account;
	uint64_t sum;

	if (oe->state_fd < 0)
		return;
	account_fill(&account, oe);
	sum = account_sum(&account);
	if (oe->changed == NULL && oe->store_cnt == oe->saved_cnt && sum == oe->saved_sum)
		return;
	oe_bytes_put(&b, &head, sizeof(head));
	for (struct oe_order *o = oe->changed; o != NULL; o = o->changed_next) {
		o->changed = false;
		order_put(&b, o);
	}
	oe->changed = NULL;
	if (oe->store_cnt != oe->saved_cnt)
		record_put(&b, STATE_MESSAGES, oe->store.at + oe->saved_len,
			   oe->store.len - oe->saved_len);
	if (sum != oe->saved_sum)
		record_put(&b, STATE_ACCOUNT, &account, sizeof(account));
	oe->saved_cnt = oe->store_cnt;
	oe->saved_len = oe->store.len;
	oe->saved_sum = sum;
	head.len = (uint32_t)(b.len - sizeof(head));
	memcpy(b.at, &head, sizeof(head));
	if (write(oe->state_fd, b.at, b.len) != (ssize_t)b.len)
		abort(); // a test program: a venue that forgets would make any test worthless
	free(b.at);
}

/* --- another process's day --- */

static bool
order_take(struct oe *oe, const uint8_t *at, size_t len)
{
	struct state_order s;
	struct oe_order *o;

	if (len != sizeof(s))
		return false;
	memcpy(&s, at, sizeof(s));
	o = oe_order_find(oe, s.r.key);
	if (o == NULL)
		o = oe_order_new(oe, &s.r);
	o->r = s.r;
	o->order_ref = s.order_ref;
	o->done_qty = s.done_qty;
	o->m.px4 = s.px4;
	o->m.open_qty = s.open_qty;
	o->m.locate = s.locate;
	o->m.side = s.side;
	if (s.alive != o->alive && s.alive)
		TAILQ_INSERT_TAIL(&oe->alive, o, alive_link);
	else if (s.alive != o->alive)
		TAILQ_REMOVE(&oe->alive, o, alive_link);
	o->alive = s.alive;
	oe->position[s.locate] = s.position;
	return true;
}

static bool
messages_take(struct oe *oe, const uint8_t *at, size_t len)
{
	while (len >= sizeof(struct soup_head)) {
		const be16 *packet_len = (const be16 *)at;
		const size_t whole = SOUP_LEN_BYTES + be16_get(*packet_len);

		if (whole < sizeof(struct soup_head) || whole > len)
			return false;
		oe_put(oe, at + sizeof(struct soup_head),
		       (uint16_t)(whole - sizeof(struct soup_head)));
		at += whole;
		len -= whole;
	}
	return len == 0;
}

static bool
account_take(struct oe *oe, const uint8_t *at, size_t len)
{
	struct state_account a;

	if (len != sizeof(a))
		return false;
	memcpy(&a, at, sizeof(a));
	memcpy(oe->next_user_ref, a.next_user_ref, sizeof(a.next_user_ref));
	oe->next_order_ref = a.next_order_ref;
	oe->break_ref = a.break_ref;
	oe->n = a.n;
	oe->disabled_firm_cnt = a.disabled_firm_cnt;
	memcpy(oe->disabled_firm, a.disabled_firm, sizeof(a.disabled_firm));
	return true;
}

static bool
batch_take(struct oe *oe, const uint8_t *at, size_t len)
{
	struct state_record h;

	for (; len >= sizeof(h); at += h.len, len -= h.len) {
		bool good = false;

		memcpy(&h, at, sizeof(h));
		at += sizeof(h);
		len -= sizeof(h);
		if (h.len > len)
			return false;
		if (h.kind == STATE_ORDER)
			good = order_take(oe, at, h.len);
		else if (h.kind == STATE_MESSAGES)
			good = messages_take(oe, at, h.len);
		else if (h.kind == STATE_ACCOUNT)
			good = account_take(oe, at, h.len);
		if (!good)
			return false;
	}
	return len == 0;
}

/* Takes up a whole file.  Returns the length of its whole batches; -1: none of ours. */
static ssize_t
file_take(struct oe *oe, const uint8_t *at, size_t len)
{
	struct state_batch h;
	size_t done = 0;

	while (len - done >= sizeof(h)) {
		memcpy(&h, at + done, sizeof(h));
		if (h.magic != STATE_MAGIC)
			return -1;
		if (h.len > len - done - sizeof(h))
			break;
		if (!batch_take(oe, at + done + sizeof(h), h.len))
			return -1;
		done += sizeof(h) + h.len;
	}
	return (ssize_t)done;
}

/* Reads what is there.  Returns NULL or why not. */
static const char *
state_read(struct oe *oe, int fd)
{
	const char *why = NULL;
	struct stat st;
	uint8_t *at;
	ssize_t len;

	if (fstat(fd, &st) != 0)
		return strerror(errno);
	if (st.st_size == 0)
		return NULL;
	at = malloc((size_t)st.st_size);
	if (at == NULL || read(fd, at, (size_t)st.st_size) != st.st_size) {
		free(at);
		return "cannot be read";
	}
	oe->store_cnt = oe->store.len = 0; // the file has the beginning of the day, too
	len = file_take(oe, at, (size_t)st.st_size);
	if (len < 0)
		why = "is no state of a venue like this one";
	else if (ftruncate(fd, len) != 0 || lseek(fd, len, SEEK_SET) != len)
		why = strerror(errno);
	free(at);
	return why;
}

const char *
oe_state_open(struct oe *oe, const char *path)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct state_account account;
	const char *why;

	if (fd < 0)
		return strerror(errno);
	why = state_read(oe, fd);
	if (why != NULL) {
		close(fd);
		return why;
	}
	oe->state_fd = fd;
	if (lseek(fd, 0, SEEK_CUR) != 0) { // all that was taken up is saved already
		account_fill(&account, oe);
		oe->saved_sum = account_sum(&account);
		oe->saved_cnt = oe->store_cnt;
		oe->saved_len = oe->store.len;
		oe->n.logins = 0; // --wait-login waits for one of this process
		oe_cancel_all(oe, 'Z');
	}
	oe_state_save(oe);
	return NULL;
}

void
oe_state_close(struct oe *oe)
{
	if (oe->state_fd >= 0)
		close(oe->state_fd);
	oe->state_fd = -1;
}
