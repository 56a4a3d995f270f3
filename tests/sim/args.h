/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_ARGS_H
#define SLUICE_SIM_ARGS_H

#include <netinet/in.h>

#include "base/compiler.h"

/* Reads option values.  On a value it cannot read it says so on stderr and exits with 2. */

/* A whole decimal number, min..max. */
uint64_t arg_u64(const char *option, const char *text, uint64_t min, uint64_t max);
/* "150", "150.25": dollars into px4. */
uint32_t arg_px4(const char *option, const char *text);
/* "HH:MM:SS" or seconds, into nanoseconds. */
uint64_t arg_time_ns(const char *option, const char *text);
/* "239.1.2.3:26400" */
struct sockaddr_in arg_addr(const char *option, const char *text);
/* A symbol, padded with spaces. */
void arg_symbol(const char *option, const char *text, size_t len, char symbol[8]);

#endif
