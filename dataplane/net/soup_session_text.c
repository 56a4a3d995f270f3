/* SPDX-License-Identifier: Apache-2.0 */
#include "net/soup_session.h"

/* What the control plane prints.  Apart from soup_session.c, so that no lane links a formatter. */

#include <stdio.h>

COLD const char *
soup_state_words(enum soup_state state)
{
	static const char *const WORDS[SOUP_STATE_CNT] = {
		[SOUP_CLOSED] = "closed",
		[SOUP_LOGIN] = "waiting for the login's answer",
		[SOUP_UP] = "up",
		[SOUP_LOGGING_OUT] = "logging out",
		[SOUP_ENDED] = "session ended",
	};

	return state < SOUP_STATE_CNT ? WORDS[state] : "unknown state";
}

COLD const char *
soup_event_words(enum soup_event event)
{
	static const char *const WORDS[SOUP_EVENT_CNT] = {
		[SOUP_EVENT_NONE] = "nothing",
		[SOUP_EVENT_MESSAGE] = "a sequenced message",
		[SOUP_EVENT_UNSEQUENCED] = "a message without a number",
		[SOUP_EVENT_UP] = "login accepted",
		[SOUP_EVENT_REJECTED] = "login rejected",
		[SOUP_EVENT_ENDED] = "the server ended the session",
		[SOUP_EVENT_LOGIN_LATE] = "the server did not answer the login in time",
		[SOUP_EVENT_SILENT] = "the server was silent for too long",
		[SOUP_EVENT_BROKEN] = "the server sent a packet that the protocol forbids here",
	};

	return event < SOUP_EVENT_CNT ? WORDS[event] : "unknown event";
}

COLD const char *
soup_reject_words(uint8_t reason)
{
	switch (reason) {
	case SOUP_REJECT_NOT_AUTHORIZED:
		return "not authorized: check username and password";
	case SOUP_REJECT_NO_SESSION:
		return "session not available: check the session's name, or leave it empty";
	default:
		return "rejected for a reason that SoupBinTCP does not name";
	}
}

COLD size_t
soup_session_dump(const struct soup_session *s, char *buf, size_t cap)
{
	const int n =
		snprintf(buf, cap, "%s, user '%.*s', session '%.*s', next message %llu",
			 soup_state_words(s->state), (int)sizeof(s->username), s->username,
			 (int)sizeof(s->session), s->session, (unsigned long long)s->next_seq);

	if (n < 0 || cap == 0)
		return 0;
	return (size_t)n < cap ? (size_t)n : cap - 1;
}
