/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_CLIENT_H
#define SLUICE_CTL_CTL_CLIENT_H

#include <jansson.h>

/* sluicectl's side of the control socket.  What fails is told on standard error. */

/* $SLUICE_SOCKET, else the default. */
const char *ctl_socket_path(void);

/* A connection to a gateway; -1: there is none. */
int ctl_dial(const char *path);

/* One request and its answer; NULL when the conversation broke off. */
json_t *ctl_ask(int fd, const char *command, json_t *args);

#endif
