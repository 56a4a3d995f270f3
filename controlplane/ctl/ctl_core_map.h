/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_CORE_MAP_H
#define SLUICE_CTL_CTL_CORE_MAP_H

/*
 * sluicectl core-map suggest|show|tune|jitter: needs no gateway.  argv[0] is "core-map".
 *
 * Returns  the exit status: 0 done, 1 refused with the reason on standard error, 2 wrong usage
 */
int ctl_core_map(int argc, char **argv);

/*
 * sluicectl host|bind: the scripts of that name, found beside this program or in the source tree.
 *
 * Returns  only when it cannot be started: the exit status
 */
int ctl_script(const char *script, int argc, char **argv);

#endif
