/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "boot/capture.h"
#include "flow.h"
#include "lab.h"

/* A port's capture, on a gateway whose ports are made of memory. */
enum {
	PACKETS = 300,
	WAIT_MS = 3000,
};

static char folder[] = "/tmp/sluice_capture_XXXXXX";
static char path[64];

static void
name_file(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

static void
nap_ms(unsigned ms)
{
	const struct timespec t = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&t, NULL);
}

static bool
hangs(const struct lab *lab, unsigned port)
{
	const struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[lab->g.port[port].port_id];

	return __atomic_load_n(&ops->rxq.clbk[0], __ATOMIC_RELAXED) != NULL ||
	       __atomic_load_n(&ops->txq.clbk[0], __ATOMIC_RELAXED) != NULL;
}

static void
begin(struct lab *lab, struct capture_wish w)
{
	struct err e;

	err_init(&e);
	w.file = path;
	w.max_bytes = w.max_bytes != 0 ? w.max_bytes : 1 << 20;
	if (capture_start(&lab->g, &w, &e) != 0)
		fail_msg("%s", e.text);
}

static void
end(struct lab *lab, uint32_t port)
{
	struct err e;

	err_init(&e);
	if (capture_stop(&lab->g, port, &e) != 0)
		fail_msg("%s", e.text);
}

/* Frames of a file; each must have a time of at least the one before it. */
struct seen {
	unsigned cnt;
	unsigned cut;
	size_t text_found; // of the text looked for
};

static struct seen
look(const char *text)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
	struct pcap_pkthdr *head;
	struct seen s = { 0 };
	const u_char *data;
	uint64_t last_ns = 0;
	int rc;

	if (p == NULL)
		fail_msg("%s", why);
	assert_int_equal(pcap_datalink(p), DLT_EN10MB);
	while ((rc = pcap_next_ex(p, &head, &data)) == 1) {
		const uint64_t ns =
			(uint64_t)head->ts.tv_sec * NS_PER_SEC + (uint64_t)head->ts.tv_usec;

		assert_true(ns >= last_ns);
		last_ns = ns;
		s.cnt++;
		s.cut += head->caplen < head->len;
		s.text_found += memmem(data, head->caplen, text, strlen(text)) != NULL;
	}
	assert_int_equal(rc, PCAP_ERROR_BREAK);
	pcap_close(p);
	return s;
}

static void
feed(struct lab *lab, unsigned packets)
{
	struct flow f;
	size_t at = 0;

	flow_make(&f, packets, 3);
	for (unsigned i = 0; i < packets; i++) {
		const size_t end_at = at + 2 + be16_get(*(const be16 *)(f.data + at));

		lab_market_data(lab, 0, f.data + at, end_at - at, 1);
		lab_advance(lab, 1000);
		at = end_at;
	}
	flow_free(&f);
}

static void
every_frame_of_a_port_is_captured(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ 0 });
	struct state_capture row;
	struct seen s;
	struct stat st;

	name_file("md.pcap");
	lab_session_up(lab);
	assert_false(hangs(lab, 0));
	begin(lab, (struct capture_wish){ .port_idx = 0, .rx = true, .tx = true });
	assert_true(hangs(lab, 0));
	assert_false(hangs(lab, 1));
	feed(lab, PACKETS);
	end(lab, 0);
	assert_false(hangs(lab, 0)); // costs nothing when off
	feed(lab, 5);                // is not in it
	s = look("AAPL");
	assert_int_equal(s.cnt, PACKETS);
	assert_int_equal(s.cut, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(capture_rows(&lab->g, &row, 1), 1);
	assert_int_equal(row.captured_cnt, PACKETS);
	assert_int_equal(row.dropped_cnt, 0);
	assert_false(row.running);
	assert_string_equal(row.why, "stopped");
	capture_close(&lab->g);
	assert_int_equal(lab_lost_buffers(lab), 0);
	lab_close(lab);
}

/* Both ways, before the session connects: the login is in it, its password is not. */
static void
login_is_captured_without_its_password(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ 0 });
	struct state_capture row;
	struct seen s;

	name_file("oe.pcap");
	begin(lab, (struct capture_wish){ .port_idx = 1, .rx = true, .tx = true });
	lab_session_up(lab);
	end(lab, 1);
	s = look("TEST01");
	assert_int_equal(s.text_found, 1);
	assert_true(s.cnt > 6);
	s = look("TEST01**********");
	assert_int_equal(s.text_found, 1);
	s = look("secret");
	assert_int_equal(s.text_found, 0);
	assert_int_equal(capture_rows(&lab->g, &row, 1), 1);
	assert_int_equal(row.blanked_cnt, 1);
	capture_close(&lab->g);
	lab_close(lab);
}

/* Begun in the middle of a connection: its orders stand in clear, since the session was asked. */
static void
orders_stay_readable_when_begun_late(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ 0 });
	struct state_capture row;

	name_file("late.pcap");
	lab_session_up(lab);
	begin(lab, (struct capture_wish){ .port_idx = 1, .tx = true });
	feed(lab, 200);
	end(lab, 1);
	assert_true(lab->peer.enter_cnt > 0);
	assert_true(look("AAPL").text_found >= lab->peer.enter_cnt);
	assert_int_equal(capture_rows(&lab->g, &row, 1), 1);
	assert_int_equal(row.blanked_cnt, 0);
	capture_close(&lab->g);
	lab_close(lab);
}

static void
snaplen_keeps_so_many_bytes(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ 0 });
	struct seen s;

	name_file("snap.pcap");
	begin(lab, (struct capture_wish){ .port_idx = 0, .rx = true, .snap_len = 60 });
	feed(lab, 20);
	end(lab, 0);
	s = look("AAPL");
	assert_int_equal(s.cnt, 20);
	assert_int_equal(s.cut, 20);
	capture_close(&lab->g);
	lab_close(lab);
}

static void
capture_ends_at_its_size(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ .real_clock = true });
	struct state_capture row = { .running = true };
	struct stat st;
	struct err e;

	err_init(&e);
	name_file("size.pcap");
	begin(lab, (struct capture_wish){ .port_idx = 0, .rx = true, .max_bytes = 4096 });
	feed(lab, 200);
	for (unsigned ms = 0; ms < WAIT_MS && row.running; ms += 10) {
		nap_ms(10);
		capture_look(&lab->g);
		assert_int_equal(capture_rows(&lab->g, &row, 1), 1);
	}
	assert_false(row.running);
	assert_non_null(strstr(row.why, "max-mb"));
	assert_false(hangs(lab, 0));
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 4096 - 200, 4096);
	assert_int_equal(look("AAPL").cnt, row.captured_cnt);
	assert_int_equal(capture_stop(&lab->g, 0, &e), -ENOENT);
	assert_non_null(strstr(e.text, "max-mb"));
	capture_close(&lab->g);
	lab_close(lab);
}

/*
 * A limit on the size of files stands for the full disk: the write fails half way in the same
 * manner.  The file keeps whole frames only.
 */
static void
failing_disk_ends_it(void **state)
{
	const struct rlimit tiny = { .rlim_cur = 3000, .rlim_max = RLIM_INFINITY };
	struct lab *lab = lab_open(&(struct lab_setup){ .real_clock = true });
	struct state_capture row = { .running = true };
	struct rlimit before;
	struct err e;

	err_init(&e);
	name_file("disk.pcap");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	begin(lab, (struct capture_wish){ .port_idx = 0, .rx = true });
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	for (unsigned ms = 0; ms < WAIT_MS && row.running; ms += 10) {
		feed(lab, 10);
		nap_ms(10);
		capture_look(&lab->g);
		assert_int_equal(capture_rows(&lab->g, &row, 1), 1);
	}
	setrlimit(RLIMIT_FSIZE, &before);
	assert_false(row.running);
	assert_int_equal(row.disk_error_cnt, 1);
	assert_string_equal(row.why, strerror(EFBIG));
	assert_false(hangs(lab, 0));
	assert_int_equal(look("AAPL").cnt, row.captured_cnt);
	capture_close(&lab->g);
	lab_close(lab);
}

static const struct {
	const char *what;
	const char *file;
	bool twice;
	int rc;
	const char *says;
} BAD[] = {
	// clang-format off
	{ "a path that is not from the root", "md.pcap",             false, -EINVAL, "from the root" },
	{ "a folder that is not there",       "/nowhere/md.pcap",    false, -ENOENT, "cannot be made" },
	{ "a file that is there",             "/etc/passwd",         false, -EEXIST, "exists already" },
	{ "a port captured already",          NULL,                  true,  -EBUSY,  "captured already" },
	// clang-format on
};

static void
refusals_say_why_and_change_nothing(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ 0 });
	struct err e;

	name_file("refused.pcap");
	for (size_t i = 0; i < ARRAY_CNT(BAD); i++) {
		struct capture_wish w = { .rx = true, .max_bytes = 1 << 20 };

		print_message("%s\n", BAD[i].what);
		w.file = BAD[i].file != NULL ? BAD[i].file : path;
		if (BAD[i].twice)
			begin(lab, w);
		err_init(&e);
		assert_int_equal(capture_start(&lab->g, &w, &e), BAD[i].rc);
		assert_non_null(strstr(e.text, BAD[i].says));
		assert_int_equal(hangs(lab, 0), BAD[i].twice);
	}
	capture_close(&lab->g); // the end of the program ends it too
	assert_false(hangs(lab, 0));
	err_init(&e);
	assert_int_equal(capture_stop(&lab->g, 0, &e), -ENOENT);
	lab_close(lab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_of_a_port_is_captured),
		cmocka_unit_test(login_is_captured_without_its_password),
		cmocka_unit_test(orders_stay_readable_when_begun_late),
		cmocka_unit_test(snaplen_keeps_so_many_bytes),
		cmocka_unit_test(capture_ends_at_its_size),
		cmocka_unit_test(failing_disk_ends_it),
		cmocka_unit_test(refusals_say_why_and_change_nothing),
	};
	char command[96];
	int rc;

	if (mkdtemp(folder) == NULL)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) == 0 ? rc : 1;
}
