/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_EXCHANGE_DAY_H
#define SLUICE_OBSERVE_EXCHANGE_DAY_H

#include <stdint.h>

/*
 * The midnight that the exchange counts from (ITCH 5.0: nanoseconds since midnight, in New York),
 * on its day at now_ns; both since 1970 in UTC.  By the rule since 2007: summer time from 2 o'clock
 * on the second Sunday of March to 2 o'clock on the first Sunday of November.
 */
uint64_t exchange_midnight_ns(uint64_t now_ns);

#endif
