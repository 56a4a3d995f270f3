/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "base/units.h"
#include "err/err.h"
#include "err/fault.h"

enum {
	SINK_MAX = LANE_MAX + 4,
	RECENT_MAX = 512,
	SAME_MAX = 256,      // different events that are counted at a time
	SAME_BURST = 3,      // equal events written in a window; more are counted
	LINE_RATE_MAX = 100, // lines in a second
	TAKE_MAX = 1024,     // events per sink and poll, so that a poll has an end
};

#define SAME_WINDOW_NS (10 * NS_PER_SEC)

static const struct event_def {
	const char *name;
	enum event_severity severity;
	uint32_t key_cnt;
	const char *text;
} EVENT_DEF[EVENT_CNT] = {
#define EVENT(code, severity, key_cnt, text) \
	[EVENT_##code] = { #code, EVENT_##severity, key_cnt, text },
#include "base/events.def"
#undef EVENT
};

/* Equal events of one window. */
struct same {
	uint16_t code; // EVENT_NONE: free
	uint8_t lane_idx;
	uint64_t key[EVENT_ARGS];
	uint64_t window_ns; // when it began
	uint32_t written_cnt;
	uint32_t held_cnt;
	struct event last; // the newest that was held back
	uint64_t last_ns;
	uint64_t recent_pos; // of the newest written one, plus 1
};

struct line {
	uint64_t ns;
	enum event_severity severity;
	char code[STATE_NAME_MAX];
	char lane[STATE_NAME_MAX];
	char text[sizeof(((struct state_event *)0)->text)];
};

struct event_log {
	struct event_log_config c;
	char *file;
	int file_fd;
	struct event_sink *sink[SINK_MAX];
	uint64_t sink_lost_cnt[SINK_MAX]; // as far as it was told
	size_t sink_cnt;
	uint64_t lost_cnt;
	uint64_t second; // of line_cnt
	uint32_t line_cnt;
	uint32_t line_held_cnt;
	uint64_t recent_pos; // events ever remembered
	struct state_event recent[RECENT_MAX];
	struct same same[SAME_MAX];
};

bool
event_log_under_systemd(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (stream == NULL || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static int
file_open(const char *path, struct err *e)
{
	// nonblocking: a FIFO without a reader must not stop the control thread
	const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);

	if (fd < 0)
		return err_set(e, -errno,
			       "event log %s cannot be opened: %s; create its folder or set "
			       "control.event_log to another path %s",
			       path, strerror(errno), fault_tag(FAULT_EVENT_LOG));
	return fd;
}

int
event_log_open(struct event_log **out, const struct event_log_config *c, struct err *e)
{
	struct event_log *log = calloc(1, sizeof(*log));

	if (log == NULL)
		return err_set(e, -ENOMEM, "no memory for the event log");
	log->c = *c;
	log->file_fd = -1;
	if (c->file != NULL && c->file[0] != '\0') {
		log->file = strdup(c->file);
		log->file_fd = log->file == NULL ? err_set(e, -ENOMEM, "no memory")
						 : file_open(log->file, e);
		if (log->file_fd < 0) {
			const int rc = log->file_fd;

			free(log->file);
			free(log);
			return rc;
		}
	}
	*out = log;
	return 0;
}

int
event_log_reopen(struct event_log *log, struct err *e)
{
	int fd;

	if (log->file == NULL)
		return 0;
	fd = file_open(log->file, e);
	if (fd < 0)
		return fd;
	close(log->file_fd);
	log->file_fd = fd;
	return 0;
}

int
event_log_try(const char *path, struct err *e)
{
	const int fd = path[0] == '\0' ? 0 : file_open(path, e);

	if (fd > 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

int
event_log_move(struct event_log *log, const char *path, struct err *e)
{
	char *name = NULL;
	int fd = -1;

	if (path[0] != '\0') {
		name = strdup(path);
		fd = name == NULL ? err_set(e, -ENOMEM, "no memory") : file_open(path, e);
		if (fd < 0) {
			free(name);
			return fd;
		}
	}
	if (log->file_fd >= 0)
		close(log->file_fd);
	free(log->file);
	log->file = name;
	log->file_fd = fd;
	return 0;
}

int
event_log_add_sink(struct event_log *log, struct event_sink *s)
{
	if (log->sink_cnt == SINK_MAX)
		return -ENOSPC;
	log->sink[log->sink_cnt++] = s;
	return 0;
}

uint64_t
event_log_lost(const struct event_log *log)
{
	return log->lost_cnt;
}

/*
 * The text of an event
 */

/* A growing text that never passes its end. */
struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void
text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= t->left)
		n = t->left == 0 ? 0 : (int)(t->left - 1);
	t->at += n;
	t->left -= (size_t)n;
}

static void
text_add_name(struct text *t, const struct event_log *log, enum event_name kind, uint64_t idx)
{
	const char *name = NULL;

	if (kind == EVENT_NAME_LANE && idx == EVENT_LANE_CONTROL)
		name = "control";
	else if (log->c.name != NULL)
		name = log->c.name(log->c.name_ctx, kind, idx);
	if (name != NULL)
		text_add(t, "%s", name);
	else
		text_add(t, "%" PRIu64, idx);
}

static void
text_add_px4(struct text *t, int64_t px4)
{
	const uint64_t abs = px4 < 0 ? -(uint64_t)px4 : (uint64_t)px4;

	text_add(t, "%s%" PRIu64 ".%04" PRIu64, px4 < 0 ? "-" : "", abs / 10000, abs % 10000);
}

static void
text_add_ns(struct text *t, uint64_t ns)
{
	if (ns < 10000)
		text_add(t, "%" PRIu64 " ns", ns);
	else if (ns < 10000000)
		text_add(t, "%.1f us", (double)ns / 1e3);
	else if (ns < 10000000000)
		text_add(t, "%.1f ms", (double)ns / 1e6);
	else
		text_add(t, "%.1f s", (double)ns / 1e9);
}

static void
text_add_chars(struct text *t, uint64_t arg)
{
	char c[sizeof(arg)];

	memcpy(c, &arg, sizeof(c));
	for (size_t i = 0; i < sizeof(c) && c[i] != '\0'; i++)
		text_add(t, "%c", c[i]);
}

static void
text_add_wall(struct text *t, uint64_t ns)
{
	const time_t s = (time_t)(ns / NS_PER_SEC);
	struct tm tm;

	gmtime_r(&s, &tm);
	text_add(t, "%02d:%02d:%02d.%06" PRIu64, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (uint64_t)(ns % NS_PER_SEC / 1000));
}

/* The arg-th of words separated by '|'; the last one for everything beyond. */
static void
text_add_choice(struct text *t, const char *words, size_t len, uint64_t arg)
{
	const char *end = words + len, *word = words;

	for (;;) {
		const char *bar = memchr(word, '|', (size_t)(end - word));

		if (bar == NULL || arg-- == 0) {
			text_add(t, "%.*s", (int)((bar == NULL ? end : bar) - word), word);
			return;
		}
		word = bar + 1;
	}
}

static void
text_add_arg(struct text *t, const struct event_log *log, const char *kind, size_t len,
	     uint64_t arg)
{
	static const char *const NAME[EVENT_NAME_CNT] = {
		[EVENT_NAME_LANE] = "lane",         [EVENT_NAME_PORT] = "port",
		[EVENT_NAME_FEED] = "feed",         [EVENT_NAME_SESSION] = "session",
		[EVENT_NAME_STRATEGY] = "strategy", [EVENT_NAME_INSTR] = "instr",
	};
#define IS(word) (len == sizeof(word) - 1 && memcmp(kind, word, len) == 0)

	for (size_t i = 0; i < EVENT_NAME_CNT; i++) {
		if (len == strlen(NAME[i]) && memcmp(kind, NAME[i], len) == 0) {
			text_add_name(t, log, (enum event_name)i, arg);
			return;
		}
	}
	if (memchr(kind, '|', len) != NULL)
		text_add_choice(t, kind, len, arg);
	else if (IS("d"))
		text_add(t, "%" PRId64, (int64_t)arg);
	else if (IS("hex"))
		text_add(t, "0x%" PRIx64, arg);
	else if (IS("px4"))
		text_add_px4(t, (int64_t)arg);
	else if (IS("ns"))
		text_add_ns(t, arg);
	else if (IS("ip"))
		text_add(t, "%u.%u.%u.%u", (unsigned)(arg >> 24 & 255), (unsigned)(arg >> 16 & 255),
			 (unsigned)(arg >> 8 & 255), (unsigned)(arg & 255));
	else if (IS("mac"))
		text_add(t, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(arg >> 40 & 255),
			 (unsigned)(arg >> 32 & 255), (unsigned)(arg >> 24 & 255),
			 (unsigned)(arg >> 16 & 255), (unsigned)(arg >> 8 & 255),
			 (unsigned)(arg & 255));
	else if (IS("char"))
		text_add(t, "'%c'", (int)(arg & 255));
	else if (IS("text"))
		text_add_chars(t, arg);
	else if (IS("wall"))
		text_add_wall(t, arg);
	else
		text_add(t, "%" PRIu64, arg);
#undef IS
}

/* Foreign bytes may stand in a {text}: nothing that moves a terminal's cursor gets out. */
static void
make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			*text = '.';
}

void
event_log_format(const struct event_log *log, const struct event *e, char *out, size_t out_bytes)
{
	struct text t = { .at = out, .left = out_bytes };
	const char *f;

	out[0] = '\0';
	if (e->code == EVENT_NONE || e->code >= EVENT_CNT) {
		text_add(&t, "event %u, which this program does not know", e->code);
		return;
	}
	for (f = EVENT_DEF[e->code].text; *f != '\0';) {
		const char *close = *f == '{' ? strchr(f, '}') : NULL;

		if (close == NULL) {
			text_add(&t, "%c", *f++);
			continue;
		}
		text_add_arg(&t, log, f + 2 + (f[2] == ':'),
			     (size_t)(close - f - 2 - (f[2] == ':')),
			     e->arg[(unsigned)(f[1] - '0') % EVENT_ARGS]);
		f = close + 1;
		if (*f != '{') // padding of a fixed-length field
			while (t.at > out && f[-1] == '}' && t.at[-1] == ' ') {
				*--t.at = '\0';
				t.left++;
			}
	}
	make_printable(out);
}

/*
 * Writing
 */

/* Writes a whole line or nothing, and never waits. */
static void
write_line(struct event_log *log, int fd, const char *line, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT) || write(fd, line, len) != (ssize_t)len)
		log->lost_cnt++;
}

static int
syslog_priority(enum event_severity severity)
{
	static const int PRIORITY[] = {
		[EVENT_DEBUG] = LOG_DEBUG,     [EVENT_INFO] = LOG_INFO, [EVENT_NOTICE] = LOG_NOTICE,
		[EVENT_WARNING] = LOG_WARNING, [EVENT_ERROR] = LOG_ERR, [EVENT_CRITICAL] = LOG_CRIT,
	};

	return PRIORITY[severity];
}

static void
write_out(struct event_log *log, const struct line *l)
{
	const time_t s = (time_t)(l->ns / NS_PER_SEC);
	char line[512], day[16];
	struct tm tm;
	int len;

	if (log->c.journal)
		sd_journal_send("MESSAGE=%s", l->text, "PRIORITY=%i", syslog_priority(l->severity),
				"SYSLOG_IDENTIFIER=sluice", "SLUICE_EVENT=%s", l->code,
				"SLUICE_LANE=%s", l->lane, NULL);
	gmtime_r(&s, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	len = snprintf(line, sizeof(line), "%sT%02d:%02d:%02d.%06" PRIu64 "Z %-8s %s: %s\n", day,
		       tm.tm_hour, tm.tm_min, tm.tm_sec, (uint64_t)(l->ns % NS_PER_SEC / 1000),
		       state_severity_word(l->severity), l->lane, l->text);
	if (len >= (int)sizeof(line)) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	if (!log->c.journal && log->c.text_fd >= 0)
		write_line(log, log->c.text_fd, line, (size_t)len);
	if (log->file_fd >= 0)
		write_line(log, log->file_fd, line, (size_t)len);
	if (log->c.keep != NULL && l->severity >= EVENT_NOTICE)
		log->c.keep(log->c.name_ctx, l->lane, l->text);
}

static void
line_of(const struct event_log *log, const struct event *e, uint64_t now_ns, struct line *l)
{
	struct text lane = { .at = l->lane, .left = sizeof(l->lane) };

	l->ns = log->c.clock == NULL ? e->tsc : clock_ns_at(log->c.clock, e->tsc);
	if (e->tsc == 0)
		l->ns = now_ns; // before the lane's first turn
	l->severity = EVENT_ERROR;
	snprintf(l->code, sizeof(l->code), "unknown");
	if (e->code != EVENT_NONE && e->code < EVENT_CNT) {
		l->severity = EVENT_DEF[e->code].severity;
		snprintf(l->code, sizeof(l->code), "%s", EVENT_DEF[e->code].name);
		for (char *c = l->code; *c != '\0'; c++)
			*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	}
	l->lane[0] = '\0';
	text_add_name(&lane, log, EVENT_NAME_LANE, e->lane_idx);
	event_log_format(log, e, l->text, sizeof(l->text));
}

static void
remember(struct event_log *log, const struct line *l)
{
	struct state_event *row = &log->recent[log->recent_pos++ % RECENT_MAX];

	row->ns = l->ns;
	row->cnt = 1;
	row->severity = (uint8_t)l->severity;
	memcpy(row->code, l->code, sizeof(row->code));
	memcpy(row->lane, l->lane, sizeof(row->lane));
	memcpy(row->text, l->text, sizeof(row->text));
}

/* Whether one more line fits into this second. */
static bool
line_has_room(struct event_log *log, uint64_t now_ns)
{
	const uint64_t second = now_ns / NS_PER_SEC;

	if (second != log->second) {
		if (log->line_held_cnt != 0) {
			struct line l = { .ns = now_ns,
					  .severity = EVENT_WARNING,
					  .code = "events_held",
					  .lane = "control" };

			snprintf(l.text, sizeof(l.text),
				 "%u lines were not written, more than %d came in one second",
				 log->line_held_cnt, LINE_RATE_MAX);
			write_out(log, &l);
		}
		log->second = second;
		log->line_cnt = 0;
		log->line_held_cnt = 0;
	}
	if (log->line_cnt >= LINE_RATE_MAX)
		return false;
	log->line_cnt++;
	return true;
}

static void
write_limited(struct event_log *log, const struct line *l, uint64_t now_ns)
{
	if (l->severity == EVENT_CRITICAL || line_has_room(log, now_ns))
		write_out(log, l);
	else
		log->line_held_cnt++;
}

/*
 * Counting equal events
 */

/* Ends a window: says how many were held back. */
static void
same_end(struct event_log *log, struct same *s, uint64_t now_ns)
{
	struct line l;

	if (s->held_cnt != 0) {
		line_of(log, &s->last, now_ns, &l);
		l.ns = s->last_ns;
		if (s->held_cnt > 1) {
			const size_t len = strnlen(l.text, sizeof(l.text) - 40);

			snprintf(l.text + len, sizeof(l.text) - len, " (and %u more like it)",
				 s->held_cnt - 1);
		}
		write_limited(log, &l, now_ns);
	}
	s->code = EVENT_NONE;
}

static uint32_t
key_cnt_of(const struct event *e)
{
	return e->code < EVENT_CNT ? EVENT_DEF[e->code].key_cnt : 0;
}

static bool
same_is(const struct same *s, const struct event *e)
{
	return s->code == e->code && s->lane_idx == e->lane_idx &&
	       memcmp(s->key, e->arg, key_cnt_of(e) * sizeof(s->key[0])) == 0;
}

/* The window this event belongs to; a new one when there is none, taking the oldest's place. */
static struct same *
same_of(struct event_log *log, const struct event *e, uint64_t now_ns)
{
	struct same *oldest = &log->same[0];

	for (size_t i = 0; i < SAME_MAX; i++) {
		struct same *s = &log->same[i];

		if (s->code != EVENT_NONE && same_is(s, e)) {
			if (now_ns - s->window_ns < SAME_WINDOW_NS)
				return s;
			oldest = s;
			break;
		}
		if (oldest->code != EVENT_NONE &&
		    (s->code == EVENT_NONE || s->window_ns < oldest->window_ns))
			oldest = s;
	}
	if (oldest->code != EVENT_NONE)
		same_end(log, oldest, now_ns);
	*oldest = (struct same){ .code = e->code, .lane_idx = e->lane_idx, .window_ns = now_ns };
	memcpy(oldest->key, e->arg, sizeof(oldest->key));
	return oldest;
}

/* The remembered row of an event that is only counted; NULL when it was pushed out. */
static struct state_event *
remembered(struct event_log *log, const struct same *s)
{
	if (s->recent_pos == 0 || log->recent_pos - s->recent_pos >= RECENT_MAX)
		return NULL;
	return &log->recent[(s->recent_pos - 1) % RECENT_MAX];
}

static void
take_in(struct event_log *log, const struct event *e, uint64_t now_ns)
{
	struct state_event *row;
	struct same *s;
	struct line l;

	line_of(log, e, now_ns, &l);
	if (l.severity < log->c.least)
		return;
	s = same_of(log, e, now_ns);
	if (s->written_cnt < SAME_BURST || l.severity == EVENT_CRITICAL) {
		s->written_cnt++;
		remember(log, &l);
		s->recent_pos = log->recent_pos;
		write_limited(log, &l, now_ns);
		return;
	}
	s->held_cnt++;
	s->last = *e;
	s->last_ns = l.ns;
	row = remembered(log, s);
	if (row != NULL) {
		row->cnt++;
		row->ns = l.ns;
		memcpy(row->text, l.text, sizeof(row->text));
	}
}

void
event_log_put_args(struct event_log *log, uint64_t now_ns, enum event_code code,
		   const uint64_t arg[EVENT_ARGS])
{
	struct event e = { .code = (uint16_t)code, .lane_idx = EVENT_LANE_CONTROL };

	memcpy(e.arg, arg, sizeof(e.arg));
	take_in(log, &e, now_ns);
}

void
event_log_say(struct event_log *log, uint64_t now_ns, enum event_severity severity, const char *fmt,
	      ...)
{
	struct line l = { .ns = now_ns, .severity = severity, .code = "note", .lane = "control" };
	va_list ap;

	if (severity < log->c.least)
		return;
	va_start(ap, fmt);
	vsnprintf(l.text, sizeof(l.text), fmt, ap);
	va_end(ap);
	make_printable(l.text);
	remember(log, &l);
	write_limited(log, &l, now_ns);
}

unsigned
event_log_poll(struct event_log *log, uint64_t now_ns)
{
	unsigned taken_cnt = 0;
	struct event e;

	for (size_t i = 0; i < log->sink_cnt; i++) {
		struct event_sink *s = log->sink[i];
		uint64_t lost_cnt;

		for (unsigned n = 0; n < TAKE_MAX && event_take(s, &e); n++) {
			take_in(log, &e, now_ns);
			taken_cnt++;
		}
		lost_cnt = metric_get(&s->lost_cnt);
		if (lost_cnt != log->sink_lost_cnt[i]) {
			event_log_put(log, now_ns, EVENT_EVENTS_LOST, s->lane_idx,
				      lost_cnt - log->sink_lost_cnt[i]);
			log->sink_lost_cnt[i] = lost_cnt;
		}
	}
	for (size_t i = 0; i < SAME_MAX; i++)
		if (log->same[i].code != EVENT_NONE &&
		    now_ns - log->same[i].window_ns >= SAME_WINDOW_NS)
			same_end(log, &log->same[i], now_ns);
	return taken_cnt;
}

void
event_log_close(struct event_log *log)
{
	if (log == NULL)
		return;
	for (size_t i = 0; i < SAME_MAX; i++)
		if (log->same[i].code != EVENT_NONE)
			same_end(log, &log->same[i], log->same[i].last_ns);
	if (log->file_fd >= 0)
		close(log->file_fd);
	free(log->file);
	free(log);
}

int
event_log_recent(const struct event_log *log, struct state_event *row, size_t row_max)
{
	const uint64_t cnt = log->recent_pos < RECENT_MAX ? log->recent_pos : RECENT_MAX;
	const uint64_t want = cnt < row_max ? cnt : row_max;

	for (uint64_t i = 0; i < want; i++)
		row[i] = log->recent[(log->recent_pos - want + i) % RECENT_MAX];
	return (int)cnt;
}
