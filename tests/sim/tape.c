/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/wire_int.h"
#include "tape.h"

bool
tape_peek(const struct tape *t, const struct tape_walk *w, const uint8_t **msg, uint16_t *len)
{
	if (w->seq > t->msg_cnt)
		return false;
	*len = be16_get(*(const be16 *)(t->bytes + w->at));
	*msg = t->bytes + w->at + sizeof(be16);
	return true;
}

void
tape_skip(const struct tape *t, struct tape_walk *w)
{
	w->at += sizeof(be16) + be16_get(*(const be16 *)(t->bytes + w->at));
	w->seq++;
}

struct tape_walk
tape_seek(const struct tape *t, uint64_t seq)
{
	struct tape_walk w;

	if (seq == 0 || seq > t->msg_cnt)
		return (struct tape_walk){ t->len, t->msg_cnt + 1 };
	w.at = t->mark[(seq - 1) / TAPE_STRIDE];
	w.seq = (seq - 1) / TAPE_STRIDE * TAPE_STRIDE + 1;
	while (w.seq < seq)
		tape_skip(t, &w);
	return w;
}

const char *
tape_of(struct tape *t, const uint8_t *bytes, size_t len)
{
	static char why[128];
	size_t room = 0;
	size_t at = 0;

	*t = (struct tape){ .bytes = bytes, .len = len };
	while (at < len) {
		uint16_t msg_len;

		if (len - at < sizeof(be16))
			break;
		msg_len = be16_get(*(const be16 *)(bytes + at));
		if (msg_len == 0) {
			t->len = len = at;
			break;
		}
		if (len - at - sizeof(be16) < msg_len)
			break;
		if (msg_len > TAPE_MSG_LEN_MAX) {
			snprintf(why, sizeof(why),
				 "message %llu has %u bytes: this is no ITCH file",
				 (unsigned long long)t->msg_cnt + 1, msg_len);
			return why;
		}
		if (t->msg_cnt % TAPE_STRIDE == 0) {
			if (t->msg_cnt / TAPE_STRIDE == room) {
				room = room == 0 ? 1024 : room * 2;
				t->mark = realloc(t->mark, room * sizeof(*t->mark));
				if (t->mark == NULL)
					return "out of memory";
			}
			t->mark[t->msg_cnt / TAPE_STRIDE] = at;
		}
		t->msg_cnt++;
		at += sizeof(be16) + msg_len;
	}
	if (at == len)
		return NULL;
	snprintf(why, sizeof(why), "message %llu at byte %zu is cut short",
		 (unsigned long long)t->msg_cnt + 1, at);
	return why;
}

const char *
tape_open(struct tape *t, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	const char *why;
	void *bytes;

	*t = (struct tape){ 0 };
	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &st) != 0 || st.st_size == 0) {
		close(fd);
		return "an empty file";
	}
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED)
		return strerror(errno);
	why = tape_of(t, bytes, (size_t)st.st_size);
	t->mapped_len = (size_t)st.st_size;
	return why;
}

void
tape_close(struct tape *t)
{
	if (t->mapped_len > 0)
		munmap((void *)t->bytes, t->mapped_len);
	free(t->mark);
	*t = (struct tape){ 0 };
}
