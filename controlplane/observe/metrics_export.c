/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metrics_export.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include <jansson.h>
#include <microhttpd.h>

#include "err/err.h"
#include "err/fault.h"
#include "observe/metric_set.h"

enum {
	CONNECTION_MAX = 16,
	CONNECTION_IDLE_S = 5,
	CONNECTION_BYTES = 16 * 1024,
};

struct metrics_export {
	struct MHD_Daemon *daemon;
	const struct state_source *source;
	uint16_t port;
	int fd;
};

static enum MHD_Result
respond(struct MHD_Connection *c, unsigned status, const char *type, char *body, size_t len)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (r == NULL) {
		free(body);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result
respond_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	char *body = strdup(text);

	return body == NULL ? MHD_NO
			    : respond(c, status, "text/plain; charset=utf-8", body, strlen(text));
}

static enum MHD_Result
respond_metrics(struct metrics_export *x, struct MHD_Connection *c)
{
	struct metric_set m;
	char *body = NULL;
	size_t len = 0;
	FILE *out;
	int rc;

	rc = metric_set_collect(&m, x->source);
	out = rc < 0 ? NULL : open_memstream(&body, &len);
	if (out != NULL) {
		metric_set_write(&m, out);
		if (fclose(out) != 0) {
			free(body);
			body = NULL;
		}
	}
	metric_set_fini(&m);
	if (body == NULL)
		return respond_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
	return respond(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", body, len);
}

static enum MHD_Result
respond_health(struct metrics_export *x, struct MHD_Connection *c)
{
	struct state_health h;
	json_t *reasons = json_array(), *answer;
	char *body;

	state_health_judge(x->source, &h);
	for (uint32_t i = 0; i < h.reason_cnt; i++)
		json_array_append_new(reasons, json_string(h.reason[i]));
	answer = json_pack("{s:b,s:o}", "healthy", h.reason_cnt == 0, "reasons", reasons);
	body = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT);
	json_decref(answer);
	if (body == NULL)
		return respond_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
	return respond(c, h.reason_cnt == 0 ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
		       "application/json", body, strlen(body));
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
	   const char *version, const char *upload, size_t *upload_bytes, void **req)
{
	static int head_seen;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		if (*upload_bytes != 0)
			return MHD_NO; // the answer is out, and no body was asked for
		return respond_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	}
	if (*req == NULL) { // the head; the request ends with the next call
		*req = &head_seen;
		return MHD_YES;
	}
	if (*upload_bytes != 0)
		return MHD_NO;
	if (strcmp(url, "/metrics") == 0)
		return respond_metrics(ctx, c);
	if (strcmp(url, "/healthz") == 0)
		return respond_health(ctx, c);
	return respond_text(c, MHD_HTTP_NOT_FOUND, "here are /metrics and /healthz\n");
}

/* What clients do wrong is theirs to know. */
static void
no_log(void *ctx, const char *fmt, va_list ap)
{
	(void)ctx;
	(void)fmt;
	(void)ap;
}

int
metrics_export_open(struct metrics_export **out, uint16_t port, const struct state_source *s,
		    struct err *e)
{
	const struct sockaddr_in loopback = { .sin_family = AF_INET,
					      .sin_port = htons(port),
					      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct metrics_export *x = calloc(1, sizeof(*x));
	const union MHD_DaemonInfo *info;

	if (x == NULL)
		return err_set(e, -ENOMEM, "no memory for the metrics server");
	x->source = s;
	errno = 0;
	x->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG, port, NULL, NULL, on_request, x,
		MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL, MHD_OPTION_SOCK_ADDR, &loopback,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTION_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
	if (x->daemon == NULL) {
		const int cause = errno == 0 ? EADDRINUSE : errno;

		free(x);
		return err_set(e, -cause,
			       "metrics cannot be served on 127.0.0.1:%u: %s; choose another "
			       "control.http_port, or 0 for none %s",
			       port, strerror(cause), fault_tag(FAULT_HTTP_PORT));
	}
	info = MHD_get_daemon_info(x->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	x->fd = info == NULL ? -1 : info->epoll_fd;
	info = MHD_get_daemon_info(x->daemon, MHD_DAEMON_INFO_BIND_PORT);
	x->port = info == NULL ? port : info->port;
	*out = x;
	return 0;
}

void
metrics_export_close(struct metrics_export *x)
{
	if (x == NULL)
		return;
	MHD_stop_daemon(x->daemon);
	free(x);
}

uint16_t
metrics_export_port(const struct metrics_export *x)
{
	return x->port;
}

int
metrics_export_fd(const struct metrics_export *x)
{
	return x->fd;
}

void
metrics_export_poll(struct metrics_export *x)
{
	MHD_run(x->daemon);
}
