/* SPDX-License-Identifier: Apache-2.0 */

/*
 * stall_thread TID MS: one thread of a running program stands still for so long, while its others
 * go on: a control thread that hangs in a driver, in a disk, or in a bug.  Prints the time at which
 * it stood, in ns since 1970.
 *
 * Exit status 77: it may not be stopped here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

int
main(int argc, char **argv)
{
	struct timespec now, nap;
	long ms;
	pid_t tid;
	int status;

	if (argc != 3) {
		fputs("usage: stall_thread TID MS\n", stderr);
		return 2;
	}
	tid = (pid_t)strtol(argv[1], NULL, 10);
	ms = strtol(argv[2], NULL, 10);
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0) {
		fprintf(stderr, "stall_thread: %s\n", strerror(errno));
		return errno == EPERM ? 77 : 1;
	}
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0 ||
	    waitpid(tid, &status, __WALL) != tid) {
		fprintf(stderr, "stall_thread: %s\n", strerror(errno));
		return 1;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	printf("%lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	fflush(stdout);
	nap = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	nanosleep(&nap, NULL);
	return ptrace(PTRACE_DETACH, tid, NULL, NULL) == 0 ? 0 : 1;
}
