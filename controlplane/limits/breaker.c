/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/breaker.h"

#include <errno.h>
#include <string.h>

#include "limits/breaker_kind.h"

enum {
	SLOTS_PER_WINDOW = 32,
};
static_assert(BREAKER_SLOTS > SLOTS_PER_WINDOW + 2, "the readings reach over the window");
static_assert((int)BREAKER_SUBJECTS >= (int)SESSION_MAX && (int)BREAKER_SUBJECTS >= (int)FEED_MAX &&
		      (int)BREAKER_SUBJECTS >= (int)LANE_MAX &&
		      (int)BREAKER_SUBJECTS >= (int)STRATEGY_MAX,
	      "one track for each");

static enum breaker_kind
kind_of(const struct breaker *b)
{
	return BREAKER_DEF[b->config->watch].kind;
}

/* A level that only a new beginning takes back. */
static bool
is_summed(const struct breaker *b)
{
	return b->config->watch == BREAKER_LOSS || b->config->watch == BREAKER_DRAWDOWN ||
	       b->config->watch == BREAKER_REFUSED_RUN || b->config->watch == BREAKER_UNEXECUTED;
}

/* Where a summed level is counted from, once it is below where it was when it was re-armed. */
static uint64_t
base_of(const struct breaker *b, uint64_t base, uint64_t raw)
{
	if (raw >= base || b->config->watch == BREAKER_LOSS)
		return base;
	return b->config->watch == BREAKER_DRAWDOWN ? raw : 0; // 0: another run began
}

uint64_t
breaker_limit(const struct config_breaker *c)
{
	return BREAKER_DEF[c->watch].kind == BREAKER_LATE ? c->count : c->threshold;
}

/* Below this it may be re-armed. */
static uint64_t
rearm_limit(const struct config_breaker *c)
{
	return c->rearm_below != 0 ? c->rearm_below : breaker_limit(c);
}

static uint64_t
window_ns(const struct breaker *b)
{
	return b->config->window_ms * 1000000ULL;
}

void
breaker_init(struct breaker *b, const struct config_breaker *c)
{
	memset(b, 0, sizeof(*b));
	b->config = c;
}

static void
slot_add(struct breaker_track *t, uint64_t raw, uint64_t now_ns)
{
	t->slot_ns[t->slot_cnt % BREAKER_SLOTS] = now_ns;
	t->slot_raw[t->slot_cnt % BREAKER_SLOTS] = raw;
	t->slot_cnt++;
}

/* How much the counter grew in the window: since the newest reading that is as old as it. */
static uint64_t
grown(const struct breaker *b, const struct breaker_track *t, uint64_t raw, uint64_t now_ns)
{
	const uint32_t kept = t->slot_cnt < BREAKER_SLOTS ? t->slot_cnt : BREAKER_SLOTS;
	uint64_t from = raw;

	for (uint32_t i = 1; i <= kept; i++) {
		const uint32_t slot = (t->slot_cnt - i) % BREAKER_SLOTS;

		from = t->slot_raw[slot];
		if (now_ns - t->slot_ns[slot] >= window_ns(b))
			break;
	}
	return raw - from;
}

void
breaker_feed(struct breaker *b, uint32_t subject, uint64_t raw, uint64_t now_ns)
{
	struct breaker_track *t = &b->track[subject];

	if (kind_of(b) == BREAKER_LEVEL) {
		t->base = base_of(b, t->base, raw);
		t->value = raw > t->base ? raw - t->base : 0;
	} else {
		if (!t->fed)
			slot_add(t, raw, now_ns); // what was before is not counted
		t->value = grown(b, t, raw, now_ns);
		if (now_ns - t->slot_ns[(t->slot_cnt - 1) % BREAKER_SLOTS] >=
		    window_ns(b) / SLOTS_PER_WINDOW)
			slot_add(t, raw, now_ns);
	}
	t->fed = true;
	t->raw = raw;
	if (t->value < breaker_limit(b->config))
		t->since_ns = 0;
	else if (t->since_ns == 0)
		t->since_ns = now_ns;
}

static void
find_worst(struct breaker *b)
{
	b->value = 0;
	b->worst = 0;
	for (uint32_t i = 0; i < BREAKER_SUBJECTS; i++)
		if (b->track[i].fed && b->track[i].value > b->value) {
			b->value = b->track[i].value;
			b->worst = i;
		}
	if (b->value > b->max)
		b->max = b->value;
}

/* Whether one subject's value has been there for long enough; it becomes the worst. */
static bool
is_over(struct breaker *b, uint64_t now_ns)
{
	const uint64_t hold_ns = kind_of(b) == BREAKER_LEVEL ? window_ns(b) : 0;

	for (uint32_t i = 0; i < BREAKER_SUBJECTS; i++) {
		const struct breaker_track *t = &b->track[i];

		if (t->fed && t->since_ns != 0 && now_ns - t->since_ns >= hold_ns) {
			b->worst = i;
			b->value = t->value;
			return true;
		}
	}
	return false;
}

enum breaker_said
breaker_judge(struct breaker *b, uint64_t now_ns)
{
	find_worst(b);
	if (!b->tripped) {
		if (!is_over(b, now_ns))
			return BREAKER_QUIET;
		b->tripped = true;
		b->since_ns = now_ns;
		b->below_ns = 0;
		b->trip_cnt++;
		return BREAKER_TRIPS;
	}
	if (b->config->rearm != BREAKER_AUTOMATIC)
		return BREAKER_QUIET;
	if (b->value >= rearm_limit(b->config)) {
		b->below_ns = 0;
		return BREAKER_QUIET;
	}
	if (b->below_ns == 0)
		b->below_ns = now_ns;
	if (now_ns - b->below_ns < b->config->cool_down_ms * 1000000ULL)
		return BREAKER_QUIET;
	b->tripped = false;
	b->since_ns = now_ns;
	return BREAKER_REARMS;
}

int
breaker_rearm(struct breaker *b, uint64_t now_ns, struct err *e)
{
	if (!b->tripped)
		return err_set(e, -EALREADY, "breaker '%s' has not tripped", b->config->name);
	if (kind_of(b) == BREAKER_LEVEL && !is_summed(b) && b->value >= rearm_limit(b->config))
		return err_set(e, -EBUSY,
			       "breaker '%s': %s is still %llu %s, and must be below %llu",
			       b->config->name, BREAKER_DEF[b->config->watch].word,
			       (unsigned long long)b->value, BREAKER_DEF[b->config->watch].unit,
			       (unsigned long long)rearm_limit(b->config));
	for (uint32_t i = 0; i < BREAKER_SUBJECTS; i++) {
		struct breaker_track *t = &b->track[i];

		if (is_summed(b))
			t->base = t->raw;
		t->slot_cnt = 0;
		if (t->fed)
			slot_add(t, t->raw, now_ns);
		t->since_ns = 0;
		t->value = 0;
	}
	b->tripped = false;
	b->since_ns = now_ns;
	return 0;
}
