/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MANIFEST_SHA256_H
#define SLUICE_MANIFEST_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* SHA-256 (FIPS 180-4), for files and texts that shall be the same on two machines. */
struct sha256 {
	uint32_t h[8];
	uint64_t len_bytes;
	uint8_t block[64];
	size_t used;
};

enum {
	SHA256_TEXT_MAX = 65, // 64 digits and the end
};

void sha256_init(struct sha256 *s);
void sha256_put(struct sha256 *s, const void *data, size_t len_bytes);
/* The digest as 64 hexadecimal digits; s must be initialised again afterwards. */
void sha256_end(struct sha256 *s, char out[SHA256_TEXT_MAX]);

#endif
