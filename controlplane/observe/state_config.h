/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_STATE_CONFIG_H
#define SLUICE_OBSERVE_STATE_CONFIG_H

#include "config/config.h"
#include "observe/state.h"

/*
 * Every key of the configuration as it is in force: path, value as it would be written in a file,
 * and the place it came from or "default".  A password is never part of the configuration, only the
 * place where it lies.
 *
 * Fills at most row_max rows; returns how many there are.
 */
int state_config_rows(const struct config *c, struct state_config *row, size_t row_max);

#endif
