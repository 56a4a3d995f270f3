/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "rival_kernel.h"

enum {
	PORT = 26488,
	READ_BYTES = 65536,
};

static const char THEIRS[] = "10.201.77.2";

static int
shell(const char *format, long number)
{
	char text[256];

	snprintf(text, sizeof(text), format, number, number);
	return system(text);
}

/* What is read goes back, without ever sleeping. */
static void
send_back(int conn, char *buf, unsigned core)
{
	const int one = 1;

	bench_pin(core);
	setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (;;) {
		const ssize_t len = recv(conn, buf, READ_BYTES, MSG_DONTWAIT);

		if (len == 0 || (len < 0 && errno != EAGAIN))
			return;
		if (len > 0 && send(conn, buf, (size_t)len, 0) != len)
			return;
	}
}

/* Accepts one connection and reads until it ends. */
static _Noreturn void
serve(int ready_fd, int echo_core)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	char *buf = malloc(READ_BYTES);
	int fd = socket(AF_INET, SOCK_STREAM, 0), conn;

	if (buf == NULL || fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(fd, 1) != 0)
		_exit(1);
	if (write(ready_fd, "", 1) != 1)
		_exit(1);
	conn = accept(fd, NULL, NULL);
	if (echo_core >= 0)
		send_back(conn, buf, (unsigned)echo_core);
	while (read(conn, buf, READ_BYTES) > 0)
		;
	_exit(0);
}

/*
 * Both ends live in namespaces without names, so that nothing is left behind when the processes are
 * gone.  The child makes the pair and gives us one end.
 */
static pid_t
child_start(int ready_fd, int echo_core)
{
	const pid_t parent = getpid();
	const pid_t child = fork();

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET) != 0 ||
	    shell("ip link add sb%ldb type veth peer name sb%lda 2>/dev/null", parent) != 0 ||
	    shell("ip link set sb%lda netns %ld", parent) != 0 ||
	    shell("ip addr add 10.201.77.2/24 dev sb%ldb && ip link set sb%ldb up", parent) != 0)
		_exit(1);
	serve(ready_fd, echo_core);
}

static pid_t peer;

static int
open_to(int echo_core)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const int one = 1;
	int ready[2], fd;
	char byte;

	if (unshare(CLONE_NEWNET) != 0 || pipe(ready) != 0)
		return -1;
	peer = child_start(ready[1], echo_core);
	if (peer < 0)
		return -1;
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		wait(NULL);
		errno = EPERM;
		return -1;
	}
	if (shell("ip addr add 10.201.77.1/24 dev sb%lda && ip link set sb%lda up", getpid()) != 0)
		return -1;
	inet_pton(AF_INET, THEIRS, &to.sin_addr);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
		return -1;
	return fd;
}

int
rival_kernel_open(void)
{
	return open_to(-1);
}

int
rival_kernel_open_echo(unsigned core)
{
	return open_to((int)core);
}

void
rival_kernel_pause(bool pause)
{
	kill(peer, pause ? SIGSTOP : SIGCONT);
}

void
rival_kernel_settle(int fd)
{
	int unacked = 1;

	while (ioctl(fd, SIOCOUTQ, &unacked) == 0 && unacked != 0)
		;
}
