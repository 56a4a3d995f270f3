/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/ctl_proto.h"

enum {
	ANSWER_WAIT_S = 10,
};

const char *
ctl_socket_path(void)
{
	const char *path = getenv("SLUICE_SOCKET");

	return path == NULL || path[0] == '\0' ? CTL_SOCKET_DEFAULT : path;
}

int
ctl_dial(const char *path)
{
	const struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "sluicectl: socket path %s is too long, %zu bytes are allowed\n",
			path, sizeof(addr.sun_path) - 1);
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
		return fd;
	}
	if (errno == EACCES || errno == EPERM)
		fprintf(stderr,
			"sluicectl: %s may not be opened: run it as root or as the gateway's "
			"user\n",
			path);
	else
		fprintf(stderr,
			"sluicectl: no gateway listens on %s (%s); start it with 'sluice run -c "
			"FILE', or name its control.socket with --socket PATH\n",
			path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool
send_all(int fd, const void *data, size_t len)
{
	for (const uint8_t *p = data; len != 0;) {
		const ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
recv_all(int fd, void *data, size_t len)
{
	for (uint8_t *p = data; len != 0;) {
		const ssize_t n = recv(fd, p, len, 0);

		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

json_t *
ctl_ask(int fd, const char *command, json_t *args)
{
	json_t *request = json_pack("{s:s,s:O}", "command", command, "args", args);
	char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT), *body = NULL;
	json_t *answer = NULL;
	uint32_t len;
	be32 head;

	json_decref(request);
	if (text == NULL)
		return NULL;
	head = be32_of((uint32_t)strlen(text));
	// a server that refuses may answer without reading all, so a failed send is no end yet
	if (send_all(fd, &head, sizeof(head)))
		send_all(fd, text, strlen(text));
	free(text);
	errno = 0;
	if (!recv_all(fd, &head, sizeof(head)))
		goto broken;
	len = be32_get(head);
	if (len == 0 || len > CTL_ANSWER_MAX || (body = malloc(len)) == NULL) {
		fprintf(stderr,
			"sluicectl: an answer of %u bytes is announced, 1..%d are allowed\n", len,
			CTL_ANSWER_MAX);
		return NULL;
	}
	if (!recv_all(fd, body, len))
		goto broken;
	answer = json_loadb(body, len, 0, NULL);
	free(body);
	if (answer == NULL)
		fprintf(stderr, "sluicectl: the answer is not JSON; is this a sluice gateway?\n");
	return answer;

broken:
	free(body);
	fprintf(stderr, "sluicectl: no answer within %d s or the gateway went away: %s\n",
		ANSWER_WAIT_S, errno == EAGAIN ? "timed out" : strerror(errno));
	return NULL;
}
