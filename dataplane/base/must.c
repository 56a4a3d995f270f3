/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kill.h"

#include <stdlib.h>

struct halt_flag halt_flag = { .reasons = HALT_DISARMED };

static _Thread_local struct must_exit *must_way_out;

COLD void
halt_set(enum halt_reason why)
{
	ck_pr_or_32(&halt_flag.reasons, why);
}

COLD void
halt_lift(enum halt_reason why)
{
	ck_pr_and_32(&halt_flag.reasons, ~((uint32_t)why & ~(uint32_t)(HALT_MUST | HALT_KILLED)));
}

void
must_set_exit(struct must_exit *way_out, struct event_sink *sink)
{
	way_out->sink = sink;
	must_way_out = way_out;
}

void
must_close(void)
{
	must_way_out = NULL;
}

COLD _Noreturn void
must_fail(enum event_code code, unsigned line, const uint64_t arg[EVENT_ARGS])
{
	struct must_exit *way_out = must_way_out;
	uint64_t with_line[EVENT_ARGS];

	halt_set(HALT_MUST);
	halt_kill(KILL_BROKEN, line);
	if (way_out == NULL)
		abort();
	memcpy(with_line, arg, sizeof(with_line));
	with_line[EVENT_ARGS - 1] = line;
	event_put_args(way_out->sink, code, with_line);
	must_way_out = NULL; // a second failure on the way out would loop
	longjmp(way_out->jump, 1);
}
