/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/outlier_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "observe/latency.h"

enum {
	TEXT = 32,
	SHARE_OF_EXCESS = 2, // what explains more than half of the excess is the cause
	// a wait for the core of a quarter of the stall is no accident: the reading may miss a part
	SHARE_OF_STALL = 4,
	RING_BUSY = 8, // messages in a ring that are more than lanes out of step
};

const char *
outlier_stage_name(uint32_t stage_idx)
{
	static const char *const NAME[] = {
#define LATENCY(id, name, recorded, from, to) [LATENCY_##id] = name,
#include "lane/latency.def"
#undef LATENCY
	};

	return NAME[LATENCY_STAGE_FIRST + stage_idx];
}

__attribute__((format(printf, 2, 3))) static void
say(struct state_outlier *o, const char *fmt, ...)
{
	const size_t len = strlen(o->words);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(o->words + len, sizeof(o->words) - len, fmt, ap);
	va_end(ap);
}

static void
cause(struct state_outlier *o, const char *what)
{
	if (o->cause[0] == '\0')
		snprintf(o->cause, sizeof(o->cause), "%s", what);
}

static uint64_t
excess_ns(const struct state_outlier *o)
{
	const uint64_t all_ns = o->took_ns + o->waited_ns;

	return all_ns > o->usual_ns ? all_ns - o->usual_ns : 0;
}

static void
say_what(struct state_outlier *o)
{
	char took[TEXT], usual[TEXT], limit[TEXT], waited[TEXT];

	say(o, "Took %s", latency_ns_text(o->took_ns, took, TEXT));
	if (o->usual_ns != 0)
		say(o, ", the median is %s", latency_ns_text(o->usual_ns, usual, TEXT));
	say(o, ", the threshold was %s.", latency_ns_text(o->limit_ns, limit, TEXT));
	if (o->waited_ns != 0)
		say(o,
		    " The trigger may have waited up to %s more at the port, before the lane came "
		    "to take it.",
		    latency_ns_text(o->waited_ns, waited, TEXT));
}

/* Who had the core, when a lane stood still. */
static void
explain_stall(struct state_outlier *o)
{
	const struct core_delta *c = &o->core;
	char stall[TEXT], window[TEXT], some[TEXT];

	latency_ns_text(o->window_ns, window, TEXT);
	say(o, " Lane %s on core %d stood still for %s%s, with %" PRIu64 " messages in hand:",
	    o->stall_lane, (int)o->stall_core, latency_ns_text(o->stall_ns, stall, TEXT),
	    o->waited_ns != 0 ? " before that" : " of it", o->stall_taken_cnt);
	if (o->window_ns == 0) {
		cause(o, "stall");
		say(o, " why is not known, /proc could not be read.");
		return;
	}
	if (c->wait_ns >= o->stall_ns / SHARE_OF_STALL && c->wait_ns != 0) {
		cause(o, "competing thread");
		say(o,
		    " another thread had its core. It was taken away %" PRIu64
		    " times and waited %s for it within %s.",
		    c->forced_switches, latency_ns_text(c->wait_ns, some, TEXT), window);
		if (o->rivals[0] != '\0')
			say(o, " Last on that core, with what they ran within %s: %s.",
			    latency_ns_text(o->rivals_ns, some, TEXT), o->rivals);
		else if (o->rivals_ns != 0)
			say(o, " No thread that /proc still shows ran on it.");
		else
			say(o, " Who it was is not known: threads were not read before and after.");
		say(o, " Give the lane its core alone (isolcpus or a cpuset), or pin the other "
		       "elsewhere.");
	} else if (c->steal_ns >= o->stall_ns / SHARE_OF_STALL && c->steal_ns != 0) {
		cause(o, "hypervisor");
		say(o,
		    " the hypervisor ran something else on it, %s within %s. Pin the virtual core, "
		    "or trade on the metal.",
		    latency_ns_text(c->steal_ns, some, TEXT), window);
	} else if (c->major_faults != 0 || c->minor_faults != 0) {
		cause(o, "page fault");
		say(o,
		    " it touched memory that was not there, %" PRIu64 " page faults (%" PRIu64
		    " from disk) within %s. Lanes should have none after their start.",
		    c->minor_faults + c->major_faults, c->major_faults, window);
	} else if (c->own_switches != 0) {
		cause(o, "gave the core away");
		say(o,
		    " it gave the core away %" PRIu64
		    " times within %s: a system call that waits, or shared_cores.",
		    c->own_switches, window);
	} else if (o->in_housekeeping) {
		cause(o, "housekeeping");
		say(o, " its own housekeeping lies in that time (timers, commands, recovery).");
	} else if (o->kernel_port[0] != '\0' && o->waited_ns == 0 &&
		   strcmp(o->stall_lane, o->lane) == 0) {
		cause(o, "kernel port");
		say(o,
		    " nobody else had its core, but it sent through port %s, whose driver asks the "
		    "kernel for each burst; or an interrupt had it, of which there were %" PRIu64
		    " within %s. A port that needs no kernel (a bound NIC, memif) has none of the "
		    "first.",
		    o->kernel_port, c->interrupts, window);
	} else if (c->interrupts != 0) {
		cause(o, "interrupt");
		say(o,
		    " nobody else had its core, so an interrupt may have: %" PRIu64
		    " of them within %s, most of them %s (%" PRIu64
		    "). Move them away (irqaffinity, nohz_full).",
		    c->interrupts, window, c->irq_name, c->irq_most);
	} else {
		cause(o, "unknown stall");
		say(o,
		    " the kernel knows of nothing, neither a thread nor an interrupt within %s. "
		    "Firmware (SMI), the hypervisor or the clock of the core remain; sluice jitter "
		    "measures them.",
		    window);
	}
}

static void
explain_burst(struct state_outlier *o)
{
	cause(o, "burst");
	say(o,
	    " %u frames had arrived at once and it was number %u of them: those before it were "
	    "worked first.",
	    o->burst_cnt, o->burst_pos);
}

static void
explain_cold(struct state_outlier *o)
{
	char idle[TEXT];

	cause(o, "cold");
	if (o->idle_ns == 0)
		say(o, " It was the lane's first order: nothing was warm.");
	else
		say(o,
		    " The lane had sent no order for %s and rehearsed none: code and tables had "
		    "left the caches. latency.warm_up_us keeps them there.",
		    latency_ns_text(o->idle_ns, idle, TEXT));
}

/* The stage that took longest, when it explains the time. */
static bool
explain_stage(struct state_outlier *o)
{
	char took[TEXT], name[STATE_NAME_MAX];
	uint32_t most = 0;

	for (uint32_t i = 1; i < LATENCY_STAGE_CNT; i++)
		if (o->stage_ns[i] > o->stage_ns[most])
			most = i;
	if (!o->staged || o->stage_ns[most] * SHARE_OF_EXCESS < excess_ns(o))
		return false;
	snprintf(name, sizeof(name), "stage %s", outlier_stage_name(most));
	cause(o, name);
	say(o, " %s took %s of it.", outlier_stage_name(most),
	    latency_ns_text(o->stage_ns[most], took, TEXT));
	return true;
}

/* What may have mattered beside the cause. */
static void
say_besides(struct state_outlier *o)
{
	char text[TEXT];

	if (o->ring_depth >= RING_BUSY)
		say(o, " %u messages waited in its ring of %ss.", o->ring_depth, o->ring);
	if (o->sent_cnt > 1)
		say(o, " It left together with %u others.", o->sent_cnt - 1);
	if (o->staged) {
		say(o, " Stages:");
		for (uint32_t i = 0; i < LATENCY_STAGE_CNT; i++)
			if (o->stage_ns[i] != 0)
				say(o, " %s %s,", outlier_stage_name(i),
				    latency_ns_text(o->stage_ns[i], text, TEXT));
		o->words[strlen(o->words) - 1] = '.';
	}
}

void
outlier_explain(struct state_outlier *o)
{
	const uint64_t excess = excess_ns(o);

	o->cause[0] = '\0';
	o->words[0] = '\0';
	say_what(o);
	if (o->stall_ns != 0 && o->stall_ns * SHARE_OF_EXCESS >= excess)
		explain_stall(o);
	else if (explain_stage(o))
		;
	else if (o->burst_pos > 1)
		explain_burst(o);
	else if (o->ring_depth >= RING_BUSY)
		cause(o, "queue");
	else if (o->cold)
		explain_cold(o);
	if (o->cause[0] == '\0') {
		cause(o, "not known");
		say(o, " Nothing of what is watched explains it.");
		if (o->core.interrupts != 0)
			say(o, " %" PRIu64 " interrupts hit the core around it, most of them %s.",
			    o->core.interrupts, o->core.irq_name);
		if (!o->staged)
			say(o,
			    " Its stages were not sampled; latency.stage_sample_every: 1 samples "
			    "all.");
	}
	say_besides(o);
}
