/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_BOOKS_H
#define SLUICE_CTL_CTL_BOOKS_H

#include <jansson.h>

#include "observe/state.h"

/* The answer to `books`; NULL with the words in *e. */
json_t *ctl_books(const struct state_source *s, const json_t *args, struct err *e);

#endif
