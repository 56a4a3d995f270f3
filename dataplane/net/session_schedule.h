/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_SESSION_SCHEDULE_H
#define SLUICE_NET_SESSION_SCHEDULE_H

#include "base/compiler.h"

/*
 * When a session is to be connected: on some days of the week, from one time of the day to another.
 * A window that ends before it begins lasts over midnight and belongs to the day it began on.
 */
struct session_schedule {
	bool on;
	uint8_t days;       // bit 0 is Monday
	uint32_t connect_s; // since midnight
	uint32_t disconnect_s;
	int32_t utc_offset_s; // of the times, east of Greenwich
};

/* Whether the session is to be connected at that time, in ns since 1970. */
COLD bool session_schedule_is_open(const struct session_schedule *s, uint64_t now_ns);

/* When that changes next; UINT64_MAX: never. */
COLD uint64_t session_schedule_next_ns(const struct session_schedule *s, uint64_t now_ns);

#endif
