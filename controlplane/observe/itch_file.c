/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "base/wire_int.h"
#include "observe/itch_file.h"

int
itch_file_next(struct itch_file_walk *w, const uint8_t **block, size_t *block_len, struct err *e)
{
	const size_t left = w->size - w->at;
	be16 len_be;
	uint16_t len;

	if (left == 0)
		return 0;
	if (left < sizeof(len_be))
		return err_set(e, -EBADMSG,
			       "offset %zu: 1 byte is left and a length has 2: the file was cut",
			       w->at);
	memcpy(&len_be, w->bytes + w->at, sizeof(len_be));
	len = be16_get(len_be);
	if (len == 0)
		return 0;
	if (left - sizeof(len_be) < len)
		return err_set(e, -EBADMSG,
			       "offset %zu: message %" PRIu64 " says it has %u bytes, and %zu are "
			       "left: the file was cut, or does not hold ITCH messages with "
			       "their lengths",
			       w->at, w->msg_cnt + 1, len, left - sizeof(len_be));
	*block = w->bytes + w->at;
	*block_len = sizeof(len_be) + len;
	w->at += *block_len;
	w->msg_cnt++;
	return 1;
}
