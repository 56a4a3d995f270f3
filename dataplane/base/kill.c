/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kill.h"

const char KILL_ON_WORD[KILL_WORD_LEN + 1] = "KILLED  ";
const char KILL_OFF_WORD[KILL_WORD_LEN + 1] = "RELEASED";

const char *const KILL_CAUSE_WORD[KILL_CAUSE_CNT] = {
#define KILL_CAUSE(NAME, word, text) [KILL_##NAME] = (word),
#include "base/kill_causes.def"
#undef KILL_CAUSE
};

const char *const KILL_CAUSE_TEXT[KILL_CAUSE_CNT] = {
#define KILL_CAUSE(NAME, word, text) [KILL_##NAME] = (text),
#include "base/kill_causes.def"
#undef KILL_CAUSE
};

#define KILL_CAUSE(NAME, word, text) \
	static_assert(sizeof(word) == KILL_WORD_LEN + 1, "eight letters: " #NAME);
#include "base/kill_causes.def"
#undef KILL_CAUSE

struct kill_switch_flag kill_switch_flag;
struct control_beat control_beat;

static void
put_word(uint64_t *at, const char *word)
{
	uint64_t bytes;

	if (at == NULL)
		return;
	memcpy(&bytes, word, sizeof(bytes));
	store_release_u64(at, bytes);
}

COLD void
halt_kill(enum kill_cause cause, uint64_t arg)
{
	struct kill_switch_flag *f = &kill_switch_flag;

	halt_set(HALT_KILLED);
	if (!ck_pr_cas_32(&f->cause, KILL_NONE, cause))
		return; // the first cause counts
	store_relaxed_u64(&f->tsc, clock_tsc());
	store_relaxed_u64(&f->arg, arg);
	put_word(f->cause_word, KILL_CAUSE_WORD[cause]);
	put_word(f->state_word, KILL_ON_WORD);
}

void
halt_kill_latch(uint64_t *state_word, uint64_t *cause_word)
{
	kill_switch_flag.state_word = state_word;
	kill_switch_flag.cause_word = cause_word;
}

/*
 * A firing that comes in between must not be lost: it takes the cause, which is free from the first
 * line on, so it is seen at the end whatever it wrote meanwhile.
 */
COLD bool
halt_kill_release(void)
{
	struct kill_switch_flag *f = &kill_switch_flag;

	swap_ordered_u32(&f->cause, KILL_NONE);
	put_word(f->state_word, KILL_OFF_WORD);
	put_word(f->cause_word, KILL_CAUSE_WORD[KILL_NONE]);
	ck_pr_and_32(&halt_flag.reasons, ~(uint32_t)HALT_KILLED);
	ck_pr_fence_memory();
	if (load_relaxed_u32(&f->cause) == KILL_NONE)
		return true;
	halt_set(HALT_KILLED);
	put_word(f->cause_word, KILL_CAUSE_WORD[load_relaxed_u32(&f->cause)]);
	put_word(f->state_word, KILL_ON_WORD);
	return false;
}
