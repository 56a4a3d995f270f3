/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_COMMANDS_H
#define SLUICE_CTL_CTL_COMMANDS_H

#include <jansson.h>

#include "observe/state.h"

enum ctl_command {
#define COMMAND(name, words, changes, meaning) CTL_##name,
#define ARG(command, name, type, how, meaning)
#include "ctl/ctl_commands.def"
#undef COMMAND
#undef ARG
	CTL_COMMAND_CNT,
};

enum ctl_arg_type {
	CTL_TEXT,
	CTL_COUNT,
	CTL_FLAG,
};

enum ctl_arg_how {
	CTL_PLACE,
	CTL_PLACE_OPTIONAL,
	CTL_OPTION,
};

struct ctl_arg_def {
	enum ctl_command command;
	const char *name;
	enum ctl_arg_type type;
	enum ctl_arg_how how;
	const char *meaning;
};

struct ctl_command_def {
	const char *name;  // in a request
	const char *words; // as typed
	bool changes;
	const char *meaning;
};

extern const struct ctl_command_def CTL_COMMAND[CTL_COMMAND_CNT];
extern const struct ctl_arg_def CTL_ARG[]; // by command, in typed order
extern const size_t CTL_ARG_CNT;

/* CTL_COMMAND_CNT when there is none of that name. */
enum ctl_command ctl_command_of(const char *name);

/* The command whose name is most like it, for "did you mean". */
enum ctl_command ctl_command_nearest(const char *name);

/*
 * Does what a request asks:
 *
 *   { "command": "books", "args": { "symbol": "AAPL", "depth": 5 } }
 *
 * Returns  the answer, never NULL unless memory is gone; the caller drops it:
 *            { "ok": true, "result": ... }
 *            { "ok": false, "error": { "code": "EINVAL", "text": "..." } }
 *          *command: what was done, CTL_COMMAND_CNT when the request was refused
 */
json_t *ctl_execute(const struct state_source *s, const json_t *request, enum ctl_command *command);

/* The same for the bytes of a request, which need not be JSON at all. */
json_t *ctl_execute_bytes(const struct state_source *s, const void *request, size_t len,
			  enum ctl_command *command);

/* An answer that refuses.  code: a negative errno. */
json_t *ctl_refusal(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
