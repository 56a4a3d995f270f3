/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "limits/kill_latch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Whatever stands in the latch file, the switch is off only when the file is whole and says
 * RELEASED in the place where halt_kill writes; and what is read fits its fields and is what stands
 * there.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char OFF[] = "\nstate:  RELEASED";
	struct kill_record r;

	memset(&r, 0xff, sizeof(r));
	if (!kill_latch_parse((const char *)data, size, &r))
		return 0; // counts as on
	if (size < KILL_LATCH_BYTES || r.cause >= KILL_CAUSE_CNT)
		abort();
	if (!r.on && memcmp(data + 63, OFF, sizeof(OFF) - 1) != 0)
		abort();
	if (memchr(r.when, '\0', sizeof(r.when)) == NULL ||
	    memchr(r.who, '\0', sizeof(r.who)) == NULL ||
	    memchr(r.why, '\0', sizeof(r.why)) == NULL)
		abort();
	if (memcmp(data + 136, r.when, strlen(r.when)) != 0 ||
	    memcmp(data + 200, r.who, strlen(r.who)) != 0 ||
	    memcmp(data + 328, r.why, strlen(r.why)) != 0)
		abort();
	return 0;
}
