/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#include "bench.h"
#include "shm_port.h"

enum {
	POOL_CNT = 4095,
	DESCRIPTORS = 1024,
	SERVER_WAIT_MS = 20000,
	ANSWER_MS = 200, // a server that answers takes some 5
};

void
shm_leave_nothing(const char *folder)
{
	char dpdk[64], byte;
	int alive[2]; // nothing is ever written: its end says that we have ended
	pid_t other;

	snprintf(dpdk, sizeof(dpdk), "/var/run/dpdk/sluice-bench-%d", (int)getpid());
	if (pipe2(alive, O_CLOEXEC) != 0 || (other = fork()) < 0)
		bench_die("nobody would clean up");
	if (other != 0) {
		close(alive[0]);
		return;
	}
	setsid(); // Ctrl-C is for the bench
	close(alive[1]);
	while (read(alive[0], &byte, 1) < 0 && errno == EINTR)
		;
	execlp("rm", "rm", "-rf", "--", folder, dpdk, (char *)NULL);
	_exit(127);
}

void
shm_start_eal(const char *folder, unsigned core, const char *const vdev[], unsigned vdev_cnt)
{
	char lcore[32], device[3][PATH_MAX + 128];
	char *argv[16] = { "bench",       "--no-huge", "--no-pci", "--no-telemetry",
			   "--no-shconf", "-m",        "64",       "--log-level=4",
			   lcore };
	int argc = 9;

	snprintf(lcore, sizeof(lcore), "--lcores=0@%u", core);
	for (unsigned i = 0; i < vdev_cnt; i++) {
		snprintf(device[i], sizeof(device[i]), vdev[i], folder);
		argv[argc++] = device[i];
	}
	if (rte_eal_init(argc, argv) < 0)
		bench_die("DPDK does not start");
	bench_pin(core);
}

/*
 * Each page of the memory that a port shares would else be mapped when its first frame comes, some
 * 10 us in a guest, which took the first thousand frames of each way: a gateway under test maps its
 * own.
 */
static void
map_all_pages(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		printf("pages are mapped at the first touch, which p99 and above show: %s; run it "
		       "as root\n",
		       strerror(errno));
}

static void
set_up_port(uint16_t id, struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = { 0 };

	map_all_pages();
	if (rte_eth_dev_configure(id, 1, 1, &conf) != 0 ||
	    rte_eth_rx_queue_setup(id, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL, pool) != 0 ||
	    rte_eth_tx_queue_setup(id, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL) != 0)
		bench_die("a port of shared memory cannot be set up");
}

void
shm_start_port(uint16_t id, struct rte_mempool *pool)
{
	set_up_port(id, pool);
	if (rte_eth_dev_start(id) != 0)
		bench_die("a port of shared memory does not start");
}

struct rte_mempool *
shm_make_pool(void)
{
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create("bench", POOL_CNT, 64, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);

	if (pool == NULL)
		bench_die("no buffers");
	return pool;
}

bool
shm_link_is_up(uint16_t id)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(id, &link) == 0 && link.link_status;
}

static bool
is_answered(uint16_t id)
{
	for (unsigned ms = 0; ms < ANSWER_MS; ms++) {
		if (shm_link_is_up(id))
			return true;
		usleep(1000);
	}
	return false;
}

void
shm_start_client(uint16_t id, struct rte_mempool *pool, const char *folder, const char *socket)
{
	char path[PATH_MAX];
	unsigned ms = 0;

	snprintf(path, sizeof(path), "%s/%s", folder, socket);
	set_up_port(id, pool);
	for (; ms < SERVER_WAIT_MS && access(path, F_OK) != 0; ms++)
		usleep(1000);
	for (; ms < SERVER_WAIT_MS; ms += ANSWER_MS) {
		if (rte_eth_dev_start(id) == 0 && is_answered(id))
			return;
		rte_eth_dev_stop(id);
		usleep(1000);
	}
	bench_die("the other end of the shared memory does not answer");
}
