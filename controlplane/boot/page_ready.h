/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_PAGE_READY_H
#define SLUICE_BOOT_PAGE_READY_H

/*
 * The kernel maps a page when somebody first touches it, and that would be a lane: of code that ran
 * never before, of the program's own data, of memory that a memif port shares with its other end.
 * All of these become mapped here.  Contents stay what they are; no right is needed.
 *
 * Thread   control plane, when lanes are built, and again when a link comes up: a memif port gets
 *          its memory then
 */
void page_ready(void);

#endif
