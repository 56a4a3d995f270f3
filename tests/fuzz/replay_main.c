/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs a fuzz target without a fuzzer: fuzz_<name> FILE-OR-FOLDER...
 *
 * Every input is tried as it is, then cut short at each length, then damaged by a generator that
 * starts from the same number each time, so a failure comes back.  A byte that cannot be read
 * follows each input: reading past the end is a crash even without a sanitizer.
 *
 * When the target aborts or crashes, the input it had is left in fuzz_<name>.failed in the
 * current folder; put it into the corpus with the fix.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"

#if WITH_ASAN
#define LESS 4 // scripts/soak fuzz does the rest with sanitizers
#else
#define LESS 1
#endif

enum {
	INPUT_MAX_BYTES = 1 << 20, // a larger seed is a mistake: the corpus lives in the repository
	CUT_MAX_CNT = 2048 / LESS, // cuts per seed; longer seeds are cut at evenly spread lengths
	DAMAGED_CNT = 2000 / LESS, // damaged copies per seed
	DAMAGED_BUDGET_BYTES = 64 << 20, // per seed, so that a large seed cannot take minutes
	HIT_MAX_CNT = 8,                 // places changed in one copy
	NAME_MAX_LEN = 255,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);
__attribute__((weak)) void __sanitizer_set_death_callback(void (*call)(void)); // with a sanitizer

static struct {
	uint8_t *pages;     // INPUT_MAX_BYTES, then a page nobody may touch
	const uint8_t *now; // what the target is looking at
	size_t now_len;
	char what[NAME_MAX_LEN + 1]; // which seed, and what was done to it
	char failed_path[NAME_MAX_LEN + 1];
	uint64_t random;
	unsigned long run_cnt;
	unsigned seed_cnt;
} replay = { .random = 0x9e3779b97f4a7c15 };

/* xorshift64*: the same sequence everywhere, which rand() does not promise. */
static uint64_t
random_next(void)
{
	replay.random ^= replay.random >> 12;
	replay.random ^= replay.random << 25;
	replay.random ^= replay.random >> 27;
	return replay.random * 0x2545f4914f6cdd1d;
}

static size_t
random_below(size_t n)
{
	return (size_t)(random_next() % n);
}

static void
say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(2);
}

/* Only calls that are allowed in a signal handler. */
static void
leave_input(void)
{
	const int fd = open(replay.failed_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	say("# failed on ");
	say(replay.what);
	if (fd >= 0 && write(fd, replay.now, replay.now_len) == (ssize_t)replay.now_len) {
		say("; the input is in ");
		say(replay.failed_path);
	}
	say("\n");
}

static void
on_crash(int sig)
{
	leave_input();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Gives the target len bytes that end where the forbidden page begins. */
static void
run_one(const uint8_t *data, size_t len)
{
	uint8_t *at = replay.pages + INPUT_MAX_BYTES - len;

	memcpy(at, data, len);
	replay.now = at;
	replay.now_len = len;
	LLVMFuzzerTestOneInput(at, len);
	replay.run_cnt++;
}

static size_t
damage(uint8_t *data, size_t len, size_t room)
{
	static const uint8_t edges[] = { 0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff };
	const size_t hit_cnt = 1 + random_below(HIT_MAX_CNT);

	for (size_t n = 0; n < hit_cnt && len > 0; n++) {
		const size_t at = random_below(len);
		const size_t span = 1 + random_below(len - at < 16 ? len - at : 16);

		switch (random_below(6)) {
		case 0: // one bit
			data[at] ^= (uint8_t)(1u << random_below(8));
			break;
		case 1: // any byte
			data[at] = (uint8_t)random_next();
			break;
		case 2: // a byte that is an edge of lengths and counts
			data[at] = edges[random_below(sizeof(edges))];
			break;
		case 3: // a run of equal bytes
			memset(data + at, edges[random_below(sizeof(edges))], span);
			break;
		case 4: // a piece is missing
			memmove(data + at, data + at + span, len - at - span);
			len -= span;
			break;
		case 5: // a piece comes twice
			if (len + span > room)
				break;
			memmove(data + at + span, data + at, len - at);
			len += span;
			break;
		}
	}
	return len;
}

static void
run_seed(const char *name, const uint8_t *seed, size_t len)
{
	const size_t room = len + (size_t)HIT_MAX_CNT * 16;
	const size_t step = len / CUT_MAX_CNT + 1;
	uint8_t *copy = malloc(room + 1);

	if (copy == NULL) {
		say("no memory for a copy of a seed\n");
		exit(2);
	}
	snprintf(replay.what, sizeof(replay.what), "%s", name);
	run_one(seed, len);
	for (size_t cut = 0; cut < len; cut += step) {
		snprintf(replay.what, sizeof(replay.what), "%s cut to %zu bytes", name, cut);
		run_one(seed, cut);
	}
	for (size_t n = 0; n < DAMAGED_CNT && n * len < DAMAGED_BUDGET_BYTES; n++) {
		size_t copy_len;

		snprintf(replay.what, sizeof(replay.what), "%s damaged, copy %zu", name, n);
		memcpy(copy, seed, len);
		copy_len = damage(copy, len, room < INPUT_MAX_BYTES ? room : INPUT_MAX_BYTES);
		run_one(copy, copy_len);
	}
	free(copy);
	replay.seed_cnt++;
}

static void
run_file(const char *path)
{
	const int fd = open(path, O_RDONLY);
	uint8_t *data = malloc(INPUT_MAX_BYTES + 1);
	size_t len = 0;
	ssize_t got = 0;

	if (fd < 0 || data == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	while (len <= INPUT_MAX_BYTES &&
	       (got = read(fd, data + len, INPUT_MAX_BYTES + 1 - len)) > 0)
		len += (size_t)got;
	if (got < 0 || len > INPUT_MAX_BYTES) {
		fprintf(stderr, "%s: %s\n", path,
			got < 0 ? strerror(errno) : "larger than a seed may be (1 MiB)");
		exit(2);
	}
	close(fd);
	run_seed(path, data, len);
	free(data);
}

static int
is_seed(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* In the order of their names, so that two runs do the same. */
static void
run_folder(const char *path)
{
	struct dirent **entry;
	const int cnt = scandir(path, &entry, is_seed, alphasort);

	if (cnt < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	for (int i = 0; i < cnt; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entry[i]->d_name);
		run_file(file);
		free(entry[i]);
	}
	free(entry);
}

static void
take_pages(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	replay.pages = mmap(NULL, INPUT_MAX_BYTES + page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (replay.pages == MAP_FAILED ||
	    mprotect(replay.pages + INPUT_MAX_BYTES, page, PROT_NONE) != 0) {
		perror("mmap");
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };

	snprintf(replay.failed_path, sizeof(replay.failed_path), "%s.failed",
		 slash ? slash + 1 : argv[0]);
	take_pages();
	signal(SIGABRT, on_crash);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(leave_input);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]) && !__sanitizer_set_death_callback;
	     i++)
		signal(fatal[i], on_crash);
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	snprintf(replay.what, sizeof(replay.what), "the empty input");
	run_one((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			run_folder(argv[i]);
		else
			run_file(argv[i]);
	}
	printf("%u seeds, %lu inputs\n", replay.seed_cnt, replay.run_cnt);
	if (replay.seed_cnt == 0) {
		fprintf(stderr, "no seed was found: a corpus needs at least one file\n");
		return 1;
	}
	return 0;
}
