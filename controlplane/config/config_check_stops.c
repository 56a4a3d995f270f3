/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "config/check.h"
#include "limits/breaker_kind.h"

static void
kill_switch_check(const struct config *c, struct err *e)
{
	if (c->environment != ENVIRONMENT_LIVE)
		return;
	if (c->kill_switch.latch_file[0] == '\0')
		err_add(e, -EINVAL,
			"%s: kill_switch.latch_file is not given while environment is live at %s; "
			"name a file on a disk that a reboot does not empty",
			AT(c, c->kill_switch.latch_file), AT(c, c->environment));
	if (c->kill_switch.control_silence_ms == 0)
		err_add(e, -EINVAL,
			"%s: kill_switch.control_silence_ms is 0 while environment is live at %s: "
			"orders would go on when nobody can stop them; 5000 is a good value",
			AT(c, c->kill_switch.control_silence_ms), AT(c, c->environment));
}

/* The place of the thing that of names, or -1. */
static int
subject_find(const struct config *c, enum breaker_subject subject, const char *name)
{
#define FIND(list)                                              \
	do {                                                    \
		for (uint32_t i = 0; i < c->list##_cnt; i++)    \
			if (strcmp(c->list[i].name, name) == 0) \
				return (int)i;                  \
	} while (0)
	switch (subject) {
	case BREAKER_OF_GATEWAY:
		break;
	case BREAKER_OF_SESSION:
		FIND(sessions);
		break;
	case BREAKER_OF_FEED:
		FIND(feeds);
		break;
	case BREAKER_OF_LANE:
		FIND(core_map.lanes);
		break;
	case BREAKER_OF_STRATEGY:
		FIND(strategies);
		break;
	case BREAKER_OF_NODE:
		for (uint32_t i = 1; i < config_node_cnt(c); i++)
			if (strcmp(config_node_name(c, i), name) == 0)
				return (int)i;
		break;
	}
#undef FIND
	return -1;
}

static void
subject_check(struct config *c, struct config_breaker *b, struct err *e)
{
	const struct breaker_def *d = &BREAKER_DEF[b->watch];
	int idx;

	if (b->of[0] == '\0')
		return;
	if (d->subject == BREAKER_OF_GATEWAY) {
		err_add(e, -EINVAL, "%s: breaker '%s': %s is of the whole gateway; leave 'of' out",
			AT(c, b->of), b->name, d->word);
		return;
	}
	idx = subject_find(c, d->subject, b->of);
	if (idx < 0)
		err_add(e, -EINVAL, "%s: breaker '%s': %s is of a %s, and there is no %s '%s'",
			AT(c, b->of), b->name, d->word, BREAKER_SUBJECT_WORD[d->subject],
			BREAKER_SUBJECT_WORD[d->subject], b->of);
	else
		b->of_idx = (uint32_t)idx;
}

/* Which of the numbers belong to what it watches. */
static void
numbers_check(const struct config *c, const struct config_breaker *b, struct err *e)
{
	const struct breaker_def *d = &BREAKER_DEF[b->watch];
	const uint64_t most = d->kind == BREAKER_LATE ? b->count : b->threshold;

	if (d->kind == BREAKER_LATE && b->count == 0)
		err_add(e, -EINVAL, "%s: breaker '%s': %s needs count: how many trip it", AT(c, *b),
			b->name, d->word);
	if (d->kind != BREAKER_LATE && b->count != 0)
		err_add(e, -EINVAL,
			"%s: breaker '%s': count is for round_trip_us; for %s threshold says it",
			AT(c, b->count), b->name, d->word);
	if (d->kind != BREAKER_LEVEL && b->window_ms == 0)
		err_add(e, -EINVAL,
			"%s: breaker '%s': %s is counted within window_ms, which is missing",
			AT(c, *b), b->name, d->word);
	if (b->watch == BREAKER_RING_DEPTH && b->threshold > 100)
		err_add(e, -EINVAL, "%s: breaker '%s': a ring is never fuller than 100 percent",
			AT(c, b->threshold), b->name);
	if (most != 0 && b->rearm_below > most)
		err_add(e, -EINVAL,
			"%s: breaker '%s': rearm_below %llu is above the %llu at %s that trip it",
			AT(c, b->rearm_below), b->name, (unsigned long long)b->rearm_below,
			(unsigned long long)most,
			d->kind == BREAKER_LATE ? AT(c, b->count) : AT(c, b->threshold));
}

/* Whose mode it sets. */
static void
node_check(struct config *c, struct config_breaker *b, struct err *e)
{
	int idx;

	if (b->node[0] == '\0')
		return;
	if (!breaker_sets_mode(b->action)) {
		err_add(e, -EINVAL,
			"%s: breaker '%s': node goes with the actions reduce_only, cancel_only and "
			"halted; %s at %s is the whole gateway's",
			AT(c, b->node), b->name, BREAKER_ACTION_WORD[b->action], AT(c, b->action));
		return;
	}
	idx = subject_find(c, BREAKER_OF_NODE, b->node);
	if (idx < 0)
		err_add(e, -EINVAL, "%s: breaker '%s': there is no account and no strategy '%s'",
			AT(c, b->node), b->name, b->node);
	else
		b->node_idx = (uint32_t)idx;
}

static void
rearm_check(const struct config *c, const struct config_breaker *b, struct err *e)
{
	if (b->rearm == BREAKER_AUTOMATIC && b->action > BREAKER_CANCEL_ONLY)
		err_add(e, -EINVAL,
			"%s: breaker '%s': what %s stopped at %s only a person starts again; set "
			"rearm: manual",
			AT(c, b->rearm), b->name, BREAKER_ACTION_WORD[b->action], AT(c, b->action));
	if (b->rearm == BREAKER_AUTOMATIC && b->cool_down_ms == 0)
		err_add(e, -EINVAL, "%s: breaker '%s': rearm: automatic needs cool_down_ms",
			AT(c, b->rearm), b->name);
	if (b->rearm == BREAKER_MANUAL && b->cool_down_ms != 0)
		err_add(e, -EINVAL, "%s: breaker '%s': cool_down_ms goes with rearm: automatic",
			AT(c, b->cool_down_ms), b->name);
}

/* A session times its orders against one limit. */
static void
round_trip_check(const struct config *c, uint32_t idx, struct err *e)
{
	const struct config_breaker *b = &c->breakers[idx];

	for (uint32_t i = 0; i < idx && b->watch == BREAKER_ROUND_TRIP; i++) {
		const struct config_breaker *other = &c->breakers[i];

		if (other->watch == BREAKER_ROUND_TRIP && other->threshold != b->threshold &&
		    (other->of[0] == '\0' || b->of[0] == '\0' || strcmp(other->of, b->of) == 0))
			err_add(e, -EINVAL,
				"%s: breaker '%s': a session's orders are timed against one "
				"threshold, and breaker '%s' at %s has %llu",
				AT(c, b->threshold), b->name, other->name, AT(c, other->threshold),
				(unsigned long long)other->threshold);
	}
}

void
config_check_stops(struct config *c, struct err *e)
{
	kill_switch_check(c, e);
	for (uint32_t i = 0; i < c->breakers_cnt; i++) {
		subject_check(c, &c->breakers[i], e);
		numbers_check(c, &c->breakers[i], e);
		node_check(c, &c->breakers[i], e);
		rearm_check(c, &c->breakers[i], e);
		round_trip_check(c, i, e);
	}
}
