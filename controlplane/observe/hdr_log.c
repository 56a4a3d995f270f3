/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/hdr_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zlib.h>

#include "base/units.h"
#include "base/wire_int.h"

/* From HdrHistogram's format: cookies of encoding V2, with the word size of its counts (variable).
 */
enum {
	COOKIE_V2 = 0x1c849303 | 0x10,
	COOKIE_V2_COMPRESSED = 0x1c849304 | 0x10,
	DIGITS = 3,
	HEAD_BYTES = 40,
	PACKED_HEAD_BYTES = 8,
	VARINT_MAX = 10,
	MAX_VALUE_UNIT_NS = 1000000, // Interval_Max is in milliseconds
};

static_assert(HIST_SUB == 2048, "HdrHistogram: 2048 values of unit width for three digits");

void
hdr_hist_in_ns(const struct hist *cycles, const struct clock_map *c, struct hist *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		const uint64_t cnt = metric_get(&cycles->bucket[i]);

		if (cnt == 0)
			continue;
		out->bucket[hist_bucket_of(clock_cycles_to_ns(c, hist_bucket_top(i)))] += cnt;
		out->cnt += cnt;
	}
	out->max = clock_cycles_to_ns(c, metric_get(&cycles->max));
	out->min = clock_cycles_to_ns(c, metric_get(&cycles->min));
}

/* A signed number, small ones of either sign in few bytes. */
static size_t
put_zigzag(uint8_t *out, int64_t x)
{
	uint64_t z = ((uint64_t)x << 1) ^ (uint64_t)(x >> 63);
	size_t len = 0;

	for (; z >= 0x80; z >>= 7)
		out[len++] = (uint8_t)(z | 0x80);
	out[len++] = (uint8_t)z;
	return len;
}

static void
put_be(uint8_t *out, uint64_t x, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		out[i] = (uint8_t)(x >> 8 * (bytes - 1 - i));
}

/* Counts up to the last that is not 0; zeros in a row are one negative number. */
static size_t
put_counts(const struct hist *ns, uint8_t *out)
{
	uint32_t end = HIST_BUCKETS;
	size_t len = 0;

	while (end > 0 && ns->bucket[end - 1] == 0)
		end--;
	for (uint32_t i = 0; i < end;) {
		uint32_t zeros = 0;

		while (i + zeros < end && ns->bucket[i + zeros] == 0)
			zeros++;
		if (zeros != 0)
			len += put_zigzag(out + len, zeros == 1 ? 0 : -(int64_t)zeros);
		else
			len += put_zigzag(out + len, (int64_t)ns->bucket[i]);
		i += zeros == 0 ? 1 : zeros;
	}
	return len;
}

int64_t
hdr_encode(const struct hist *ns, uint8_t **out)
{
	const double ratio = 1.0;
	uint64_t ratio_bits;
	uint8_t *b = malloc(HEAD_BYTES + (size_t)HIST_BUCKETS * VARINT_MAX);
	size_t len;

	*out = b;
	if (b == NULL)
		return -ENOMEM;
	len = put_counts(ns, b + HEAD_BYTES);
	memcpy(&ratio_bits, &ratio, sizeof(ratio_bits));
	put_be(b, COOKIE_V2, 4);
	put_be(b + 4, len, 4);
	put_be(b + 8, 0, 4); // normalizing index offset
	put_be(b + 12, DIGITS, 4);
	put_be(b + 16, 1, 8); // lowest value told from 0
	put_be(b + 24, (1ULL << HIST_MAX_BITS) - 1, 8);
	put_be(b + 32, ratio_bits, 8);
	return (int64_t)(HEAD_BYTES + len);
}

static void
put_base64(FILE *out, const uint8_t *b, size_t len)
{
	static const char DIGIT[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		const uint32_t x = (uint32_t)b[i] << 16 |
				   (i + 1 < len ? (uint32_t)b[i + 1] << 8 : 0) |
				   (i + 2 < len ? b[i + 2] : 0);

		fputc(DIGIT[x >> 18], out);
		fputc(DIGIT[x >> 12 & 63], out);
		fputc(i + 1 < len ? DIGIT[x >> 6 & 63] : '=', out);
		fputc(i + 2 < len ? DIGIT[x & 63] : '=', out);
	}
}

void
hdr_log_head(FILE *out, uint64_t start_ns)
{
	const time_t s = (time_t)(start_ns / NS_PER_SEC);
	char when[64] = "";
	struct tm tm;

	if (gmtime_r(&s, &tm) != NULL)
		strftime(when, sizeof(when), "%a %b %d %H:%M:%S UTC %Y", &tm);
	fprintf(out, "#[Histogram log format version 1.3]\n");
	fprintf(out, "#[StartTime: %.3f (seconds since epoch), %s]\n", (double)start_ns / 1e9,
		when);
	fprintf(out, "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
		     "\"Interval_Compressed_Histogram\"\n");
}

/* A tag ends at a comma or a space. */
static void
put_tag(FILE *out, const char *tag)
{
	fputs("Tag=", out);
	for (; *tag != '\0'; tag++)
		fputc(*tag == ',' || *tag == ' ' || *tag == '\n' ? '_' : *tag, out);
	fputc(',', out);
}

int
hdr_log_line(FILE *out, const char *tag, const struct hist *h, const struct clock_map *c,
	     uint64_t start_ns, uint64_t from_ns, uint64_t to_ns)
{
	struct hist *ns = malloc(sizeof(*ns));
	uint8_t *plain = NULL, *packed = NULL;
	uLongf packed_len = 0;
	int64_t len = -ENOMEM;
	int rc = -ENOMEM;

	if (ns != NULL) {
		hdr_hist_in_ns(h, c, ns);
		len = hdr_encode(ns, &plain);
	}
	if (len > 0) {
		packed_len = compressBound((uLong)len);
		packed = malloc(PACKED_HEAD_BYTES + packed_len);
	}
	if (packed != NULL && compress2(packed + PACKED_HEAD_BYTES, &packed_len, plain, (uLong)len,
					Z_DEFAULT_COMPRESSION) == Z_OK) {
		put_be(packed, COOKIE_V2_COMPRESSED, 4);
		put_be(packed + 4, packed_len, 4);
		put_tag(out, tag);
		fprintf(out, "%.3f,%.3f,%.6f,", (double)(from_ns - start_ns) / 1e9,
			(double)(to_ns - from_ns) / 1e9, (double)ns->max / MAX_VALUE_UNIT_NS);
		put_base64(out, packed, PACKED_HEAD_BYTES + packed_len);
		fputc('\n', out);
		rc = ferror(out) ? -EIO : 0;
	}
	free(packed);
	free(plain);
	free(ns);
	return rc;
}
