/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/ctl_client.h"
#include "ctl/ctl_core_map.h"
#include "ctl/ctl_proto.h"
#include "ctl/ctl_show.h"

/* What the shell sees; documented in --help. */
enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_GATEWAY = 3,
	EXIT_BROKEN = 4,
	EXIT_RESTART = 5,
};

enum {
	WATCH_MAX_S = 3600,
};

struct options {
	const char *socket;
	bool json;
	double watch_s; // 0: once
	enum ctl_command command;
	json_t *args;
};

/* An argument's name as typed: where JSON has "_", a word of the command line has "-". */
static void
typed_name(const struct ctl_arg_def *a, char *out, size_t out_bytes)
{
	snprintf(out, out_bytes, "%s", a->name);
	for (char *p = out; *p != '\0'; p++)
		if (*p == '_')
			*p = '-';
}

static void
print_usage_of(FILE *out, enum ctl_command c)
{
	fprintf(out, "%s", CTL_COMMAND[c].words);
	for (size_t i = 0; i < CTL_ARG_CNT; i++) {
		const struct ctl_arg_def *a = &CTL_ARG[i];
		char name[32];

		if (a->command != c)
			continue;
		typed_name(a, name, sizeof(name));
		for (char *p = name; *p != '\0' && a->how != CTL_OPTION; p++)
			*p = (char)(*p - 'a' + 'A');
		if (a->how == CTL_PLACE)
			fprintf(out, " %s", name);
		else if (a->how == CTL_PLACE_OPTIONAL)
			fprintf(out, " [%s]", name);
		else
			fprintf(out, " [--%s%s]", name,
				a->type == CTL_FLAG ? "" : (a->type == CTL_COUNT ? " N" : " TEXT"));
	}
}

static void
print_command(FILE *out, enum ctl_command c)
{
	fputs("  ", out);
	print_usage_of(out, c);
	fprintf(out, "\n      %s\n", CTL_COMMAND[c].meaning);
	for (size_t i = 0; i < CTL_ARG_CNT; i++)
		if (CTL_ARG[i].command == c) {
			char name[32];

			typed_name(&CTL_ARG[i], name, sizeof(name));
			fprintf(out, "        %-8s %s\n", name, CTL_ARG[i].meaning);
		}
}

/* The commands that begin with the word; false when there are none. */
static bool
print_commands_of(FILE *out, const char *word)
{
	const size_t len = strlen(word);
	bool found = false;

	for (unsigned c = 0; c < CTL_COMMAND_CNT; c++) {
		const char *words = CTL_COMMAND[c].words;

		if (strncmp(words, word, len) != 0 || (words[len] != ' ' && words[len] != '\0'))
			continue;
		print_command(out, (enum ctl_command)c);
		found = true;
	}
	return found;
}

static void
print_help(FILE *out)
{
	fprintf(out, "Asks a running sluice gateway, or tells it something.\n\n"
		     "  sluicectl [--socket PATH] [--json] [--watch SECONDS] COMMAND\n\n"
		     "Commands:\n");
	for (unsigned c = 0; c < CTL_COMMAND_CNT; c++)
		print_command(out, (enum ctl_command)c);
	fprintf(out,
		"\nAbout the machine, without a gateway (each has --help):\n"
		"  core-map suggest | show | tune | jitter CORE\n"
		"      which core for which lane\n"
		"  host check | apply | undo | explain | list\n"
		"      the server's settings: scripts/host-setup\n"
		"  bind show | bind | unbind\n"
		"      NICs for user space: scripts/nic-bind\n"
		"\nOptions:\n"
		"  --socket PATH     the gateway's control.socket; else $SLUICE_SOCKET, else\n"
		"                    %s\n"
		"  --json            for programs: the result as JSON, numbers in the unit of "
		"their "
		"name\n"
		"  --watch SECONDS   again and again; only for commands that change nothing\n"
		"  --version         of sluicectl itself\n"
		"  --help            this; COMMAND --help: of that command alone\n"
		"\nExit codes:\n"
		"  0  done\n"
		"  1  the gateway refused; it says why\n"
		"  2  the command line is wrong\n"
		"  3  no gateway listens on the socket, or it may not be opened\n"
		"  4  the conversation broke off, or the answer is not understood\n"
		"  5  reload: done, but for keys that need a restart; they are named\n",
		CTL_SOCKET_DEFAULT);
}

__attribute__((format(printf, 1, 2))) static int
wrong(const char *fmt, ...)
{
	va_list ap;

	fputs("sluicectl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -EINVAL;
}

/* The command at argv[0]; *used becomes the number of its words. */
static enum ctl_command
command_at(int argc, char **argv, int *used)
{
	char two[64];

	for (unsigned c = 0; c < CTL_COMMAND_CNT; c++) {
		*used = 1 + (strchr(CTL_COMMAND[c].words, ' ') != NULL);
		if (*used == 2 && argc >= 2)
			snprintf(two, sizeof(two), "%s %s", argv[0], argv[1]);
		else
			snprintf(two, sizeof(two), "%s", argv[0]);
		if (strcmp(two, CTL_COMMAND[c].words) == 0 ||
		    (*used == 2 && argc >= 1 && strcmp(argv[0], CTL_COMMAND[c].name) == 0 &&
		     (*used = 1) != 0))
			return (enum ctl_command)c;
	}
	return CTL_COMMAND_CNT;
}

/* The gateway has another folder than we: a file is named from the root. */
static json_t *
file_name(const char *text)
{
	char *here = text[0] == '/' ? NULL : getcwd(NULL, 0);
	json_t *name = here == NULL ? json_string(text) : json_sprintf("%s/%s", here, text);

	free(here);
	return name;
}

static int
arg_add(struct options *o, const struct ctl_arg_def *a, const char *text)
{
	char *end;
	long n;

	if (a->type == CTL_TEXT) {
		json_t *value = strcmp(a->name, "file") == 0 ? file_name(text) : json_string(text);

		if (value == NULL)
			return wrong("%s: the text is not UTF-8", a->name);
		return json_object_set_new(o->args, a->name, value);
	}
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n <= 0)
		return wrong("'%s' is no whole number above 0, wanted for %s", text, a->name);
	return json_object_set_new(o->args, a->name, json_integer(n));
}

static const struct ctl_arg_def *
option_of(enum ctl_command c, const char *name)
{
	char typed[32];

	for (size_t i = 0; i < CTL_ARG_CNT; i++) {
		typed_name(&CTL_ARG[i], typed, sizeof(typed));
		if (CTL_ARG[i].command == c && CTL_ARG[i].how == CTL_OPTION &&
		    strcmp(typed, name) == 0)
			return &CTL_ARG[i];
	}
	return NULL;
}

/* The place_idx-th argument that stands at its place. */
static const struct ctl_arg_def *
place_of(enum ctl_command c, unsigned place_idx)
{
	for (size_t i = 0; i < CTL_ARG_CNT; i++)
		if (CTL_ARG[i].command == c && CTL_ARG[i].how != CTL_OPTION && place_idx-- == 0)
			return &CTL_ARG[i];
	return NULL;
}

/*
 * The rest of the words of kill and halt belongs to their reason.  Whatever they are, they are no
 * cause to refuse a stop.
 */
static int
reason_join(struct options *o, int argc, char **argv, int *i)
{
	char reason[STATE_TEXT_MAX] = "";
	size_t len = 0;

	for (; *i < argc && strncmp(argv[*i], "--", 2) != 0; ++*i) {
		snprintf(reason + len, sizeof(reason) - len, "%s%s", len == 0 ? "" : " ", argv[*i]);
		len = strlen(reason);
	}
	for (char *c = reason; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = '?';
	return json_object_set_new(o->args, "reason", json_string(reason));
}

static int
parse_global(struct options *o, int argc, char **argv, int *i)
{
	char *end;

	if (strcmp(argv[*i], "--json") == 0) {
		o->json = true;
		return 1;
	}
	if (strcmp(argv[*i], "--socket") != 0 && strcmp(argv[*i], "--watch") != 0)
		return 0;
	if (*i + 1 == argc)
		return wrong("%s needs a value", argv[*i]);
	++*i;
	if (strcmp(argv[*i - 1], "--socket") == 0) {
		o->socket = argv[*i];
		return 1;
	}
	o->watch_s = strtod(argv[*i], &end);
	if (end == argv[*i] || *end != '\0' || !(o->watch_s >= 0.1 && o->watch_s <= WATCH_MAX_S))
		return wrong("--watch %s: wanted are seconds, 0.1 to %d", argv[*i], WATCH_MAX_S);
	return 1;
}

static int
parse(struct options *o, int argc, char **argv)
{
	unsigned place_idx = 0;

	for (int i = 1; i < argc; i++) {
		const struct ctl_arg_def *a;
		int rc = parse_global(o, argc, argv, &i), used;

		if (rc < 0)
			return rc;
		if (rc > 0)
			continue;
		if (o->command == CTL_COMMAND_CNT) {
			if (argv[i][0] == '-')
				return wrong("there is no option %s; see sluicectl --help",
					     argv[i]);
			o->command = command_at(argc - i, argv + i, &used);
			if (o->command == CTL_COMMAND_CNT)
				return wrong("there is no command '%s'; did you mean '%s'?",
					     argv[i],
					     CTL_COMMAND[ctl_command_nearest(argv[i])].words);
			i += used - 1;
			continue;
		}
		if (strncmp(argv[i], "--", 2) == 0) {
			a = option_of(o->command, argv[i] + 2);
			if (a == NULL)
				return wrong("%s has no option %s; see sluicectl --help",
					     CTL_COMMAND[o->command].words, argv[i]);
			if (a->type == CTL_FLAG) {
				json_object_set_new(o->args, a->name, json_true());
				continue;
			}
			if (i + 1 == argc)
				return wrong("%s needs a value", argv[i]);
			rc = arg_add(o, a, argv[++i]);
		} else if (o->command == CTL_halt || o->command == CTL_kill) {
			rc = reason_join(o, argc, argv, &i);
			i--;
		} else {
			a = place_of(o->command, place_idx++);
			if (a == NULL)
				return wrong("'%s' is one word too many for %s", argv[i],
					     CTL_COMMAND[o->command].words);
			rc = arg_add(o, a, argv[i]);
		}
		if (rc < 0)
			return rc;
	}
	if (o->command == CTL_COMMAND_CNT)
		return wrong("which command? see sluicectl --help");
	for (unsigned p = 0; place_of(o->command, p) != NULL; p++) {
		const struct ctl_arg_def *a = place_of(o->command, p);

		if (a->how == CTL_PLACE && json_object_get(o->args, a->name) == NULL)
			return wrong("%s needs its %s; see sluicectl --help",
				     CTL_COMMAND[o->command].words, a->name);
	}
	if (o->watch_s > 0 && CTL_COMMAND[o->command].changes)
		return wrong("--watch is not for %s, which changes something",
			     CTL_COMMAND[o->command].words);
	return 0;
}

static int
show(const struct options *o, const json_t *answer)
{
	const json_t *result = json_object_get(answer, "result");
	const json_t *error = json_object_get(answer, "error");

	if (json_is_true(json_object_get(answer, "ok")) && result != NULL) {
		if (o->json) {
			json_dumpf(result, stdout, o->watch_s > 0 ? JSON_COMPACT : JSON_INDENT(2));
			fputc('\n', stdout);
		} else {
			ctl_show(stdout, o->command, result);
		}
		if (o->command == CTL_version && !o->json)
			printf("sluicectl %s\n", SLUICE_VERSION);
		return o->command == CTL_reload &&
				       json_integer_value(json_object_get(result, "restart_cnt")) !=
					       0
			       ? EXIT_RESTART
			       : EXIT_DONE;
	}
	if (o->json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		fputc('\n', stdout);
	}
	if (!json_is_string(json_object_get(error, "text"))) {
		fprintf(stderr, "sluicectl: the answer is not understood; do versions differ?\n");
		return EXIT_BROKEN;
	}
	fprintf(stderr, "sluicectl: %s\n", json_string_value(json_object_get(error, "text")));
	return EXIT_REFUSED;
}

static int
run_once(const struct options *o)
{
	const int fd = ctl_dial(o->socket);
	json_t *answer;
	int rc;

	if (fd < 0)
		return EXIT_NO_GATEWAY;
	answer = ctl_ask(fd, CTL_COMMAND[o->command].name, o->args);
	close(fd);
	if (answer == NULL)
		return EXIT_BROKEN;
	if (o->watch_s > 0 && !o->json)
		fputs(isatty(STDOUT_FILENO) ? "\033[H\033[2J" : "\n", stdout);
	rc = show(o, answer);
	json_decref(answer);
	if (fflush(stdout) != 0)
		return EXIT_BROKEN;
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = { .command = CTL_COMMAND_CNT };
	int rc;

	if (argc > 1 && strcmp(argv[1], "core-map") == 0)
		return ctl_core_map(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "host") == 0)
		return ctl_script("host-setup", argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "bind") == 0)
		return ctl_script("nic-bind", argc - 1, argv + 1);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			for (int k = 1; k < i; k++)
				if (print_commands_of(stdout, argv[k]))
					return EXIT_DONE;
			print_help(stdout);
			return EXIT_DONE;
		}
		if (strcmp(argv[i], "--version") == 0) {
			printf("sluicectl %s\n", SLUICE_VERSION);
			return EXIT_DONE;
		}
	}
	o.socket = ctl_socket_path();
	o.args = json_object();
	rc = parse(&o, argc, argv) < 0 ? EXIT_USAGE : EXIT_DONE;
	while (rc == EXIT_DONE) {
		rc = run_once(&o);
		if (o.watch_s <= 0)
			break;
		usleep((useconds_t)(o.watch_s * 1e6));
	}
	json_decref(o.args);
	return rc;
}
