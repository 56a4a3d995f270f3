/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_PCAP_FILE_H
#define SLUICE_OBSERVE_PCAP_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "err/err.h"

/* A capture file being written: pcap with nanoseconds, Ethernet.  The format is libpcap's work. */
struct pcap_file {
	FILE *f;
	void *dumper;
	uint64_t bytes;         // of the header and all records put
	uint64_t flushed_bytes; // of those that are in the file
};

enum {
	PCAP_FILE_HEAD_BYTES = 24,
	PCAP_FILE_RECORD_BYTES = 16,
};

/*
 * Makes the file, mode 0600.  keep: an existing one is not touched (-EEXIST), otherwise it is
 * replaced.
 *
 * Returns  0, or a negative errno with the words in *e
 */
int pcap_file_create(struct pcap_file *p, const char *path, uint32_t snap_len, bool keep,
		     struct err *e);

/* One frame; kept_len of its wire_len bytes are at data.  It is in the file after the next flush.
 */
void pcap_file_put(struct pcap_file *p, uint64_t ns, const void *data, uint32_t kept_len,
		   uint32_t wire_len);

/* A put failed, which the next flush will say: no use in putting more. */
bool pcap_file_failed(const struct pcap_file *p);

/*
 * Returns  0, or a negative errno: the file was cut to the frames of the last flush that succeeded,
 *          so that it can be read; nothing more may be put
 */
int pcap_file_flush(struct pcap_file *p);

/* Flushes and closes. */
int pcap_file_close(struct pcap_file *p);

#endif
