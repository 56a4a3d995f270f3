/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_EVENT_LOG_H
#define SLUICE_OBSERVE_EVENT_LOG_H

#include "base/clock.h"
#include "observe/state.h"

/* Tables whose index an event may print by name. */
enum event_name {
	EVENT_NAME_LANE,
	EVENT_NAME_PORT,
	EVENT_NAME_FEED,
	EVENT_NAME_SESSION,
	EVENT_NAME_STRATEGY,
	EVENT_NAME_INSTR,
	EVENT_NAME_CNT,
};

struct event_log_config {
	const char *file;              // NULL or empty: none
	bool journal;                  // structured, instead of stderr; see event_log_under_systemd
	int text_fd;                   // usually STDERR_FILENO; -1: none
	enum event_severity least;     // less severe ones are not kept
	const struct clock_map *clock; // NULL: a tsc is taken as ns since 1970
	/* NULL, or NULL as the answer: the number is printed. */
	const char *(*name)(void *ctx, enum event_name kind, uint64_t idx);
	void *name_ctx;
	/* NULL, or gets each line from EVENT_NOTICE on that is written; name_ctx too. */
	void (*keep)(void *ctx, const char *lane, const char *text);
};

/*
 * Turns events into text: one line on stderr or one journal entry, one line in a file, and a list
 * of the newest for the control socket.  Equal events (events.def says which) beyond a few in ten
 * seconds are counted instead of written, and so is everything beyond a hundred lines a second.
 *
 * Thread: control plane.  Writes to stderr only when it would not block.
 */
struct event_log;

/*
 * Returns  0
 *          -ENOMEM  nothing was opened
 *          other    the file cannot be opened: named in *e
 */
int event_log_open(struct event_log **out, const struct event_log_config *c, struct err *e);

/* Writes what is still held back. */
void event_log_close(struct event_log *log);

/* Opens the file again under its name, after somebody moved it away.  The old one stays on error.
 */
int event_log_reopen(struct event_log *log, struct err *e);

/* Whether the file can be opened; changes nothing.  An empty path always can. */
int event_log_try(const char *path, struct err *e);

/* Goes on in another file; an empty path: in none.  On failure nothing has changed. */
int event_log_move(struct event_log *log, const char *path, struct err *e);

/* A lane's sink to drain; it must live as long as the log.  Returns 0, or -ENOSPC. */
int event_log_add_sink(struct event_log *log, struct event_sink *s);

/* Drains every sink and says what was held back.  Returns how many events were taken. */
unsigned event_log_poll(struct event_log *log, uint64_t now_ns);

/* An event of the control thread itself. */
#define event_log_put(log, now_ns, code, ...) \
	event_log_put_args((log), (now_ns), (code), (const uint64_t[EVENT_ARGS]){ __VA_ARGS__ })
void event_log_put_args(struct event_log *log, uint64_t now_ns, enum event_code code,
			const uint64_t arg[EVENT_ARGS]);

/* Words of the control thread for which there is no event; never counted together. */
void event_log_say(struct event_log *log, uint64_t now_ns, enum event_severity severity,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The newest row_max events, oldest of them first; returns how many are remembered. */
int event_log_recent(const struct event_log *log, struct state_event *row, size_t row_max);

/* Lines that stderr or the file did not take. */
uint64_t event_log_lost(const struct event_log *log);

/* The text of one event; never more than out_bytes, only printable characters. */
void event_log_format(const struct event_log *log, const struct event *e, char *out,
		      size_t out_bytes);

/* Whether stderr goes to the journal, so that structured entries are better. */
bool event_log_under_systemd(void);

#endif
