/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <hugetlbfs.h>
#include <rte_devargs.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_pdump.h>

#include "base/units.h"
#include "boot/eal_start.h"
#include "boot/host_check.h"
#include "err/fault.h"
#include "observe/clock_rate.h"
#include "observe/event_log.h"

enum {
	ARG_MAX_CNT = 64,
	ARG_MAX_LEN = 1024,
	HUGE_PAGE_KB = 2048,
};

struct arg_list {
	int cnt;
	char text[ARG_MAX_CNT][ARG_MAX_LEN];
	char *argv[ARG_MAX_CNT + 1];
};

static void __attribute__((format(printf, 2, 3))) arg_add(struct arg_list *a, const char *fmt, ...)
{
	va_list ap;

	if (a->cnt == ARG_MAX_CNT)
		return;
	va_start(ap, fmt);
	vsnprintf(a->text[a->cnt], ARG_MAX_LEN, fmt, ap);
	va_end(ap);
	a->argv[a->cnt] = a->text[a->cnt];
	a->cnt++;
}

/* "0@C,1@c1,2@c2": several lcores may name one core, which is what shared_cores asks for. */
static void
add_lcores(struct arg_list *a, const struct core_map *m)
{
	char list[ARG_MAX_LEN];
	size_t len = (size_t)snprintf(list, sizeof(list), "0@%u", m->control_core);

	for (uint32_t i = 0; i < m->lane_cnt && len < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, ",%u@%u", i + 1,
					m->lane[i].core);
	arg_add(a, "--lcores=%s", list);
	arg_add(a, "--main-lcore=0");
}

/* Whether the device's own arguments name the key. */
static bool
names_key(const char *device, const char *key, size_t key_len)
{
	for (const char *at = strchr(device, ','); at != NULL; at = strchr(at, ',')) {
		at++;
		if (strncmp(at, key, key_len) == 0 && at[key_len] == '=')
			return true;
	}
	return false;
}

/*
 * The device with those arguments of its profile that the configuration does not give itself: of
 * two equal keys a driver may take either.
 */
static void
join_devargs(char *out, size_t size, const char *device, const char *devargs)
{
	size_t len = (size_t)snprintf(out, size, "%s", device);

	while (*devargs != '\0' && len < size) {
		const size_t arg_len = strcspn(devargs, ",");

		if (!names_key(device, devargs, strcspn(devargs, "=,")))
			len += (size_t)snprintf(out + len, size - len, ",%.*s", (int)arg_len,
						devargs);
		devargs += arg_len;
		devargs += *devargs == ',';
	}
}

static void
add_devices(struct arg_list *a, const struct gateway *g)
{
	char device[ARG_MAX_LEN];
	bool pci = false;

	for (uint32_t i = 0; i < g->config->ports_cnt; i++) {
		join_devargs(device, sizeof(device), g->config->ports[i].device,
			     g->port[i].profile.devargs.value);
		if (host_pci_address(g->config->ports[i].device, NULL)) {
			arg_add(a, "--allow=%s", device);
			pci = true;
		} else {
			arg_add(a, "--vdev=%s", device);
		}
	}
	if (!pci)
		arg_add(a, "--no-pci");
}

/*
 * Removes the page files a gateway of this name left in its mount; killed, it could not.  Whoever
 * still uses one holds a lock on it.
 */
static void
remove_page_files(const char *mount, const char *prefix)
{
	char head[128];
	struct dirent *entry;
	DIR *dir = mount == NULL ? NULL : opendir(mount);

	if (dir == NULL)
		return;
	snprintf(head, sizeof(head), "%smap_", prefix);
	while ((entry = readdir(dir)) != NULL) {
		int fd;

		if (strncmp(entry->d_name, head, strlen(head)) != 0)
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
		close(fd);
	}
	closedir(dir);
}

/* Removes DPDK's folder of this process; its lock is ours until the process ends. */
static void
remove_runtime_folder(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_type == DT_REG || entry->d_type == DT_SOCK)
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(path);
}

/* The wall clock beside the TSC, once; lanes go on from there. */
static int
clock_start(struct clock_map *c, const struct clock_moment *start, struct err *e)
{
	struct clock_moment now;

	c->ns_per_2_32_cycles = clock_rate_since(start);
	if (c->ns_per_2_32_cycles == 0)
		return err_set(
			e, -EIO,
			"the TSC did not go forward for %llu ms: no time can be told on this "
			"machine; in a virtual machine, ask for an invariant TSC %s",
			CLOCK_MEASURE_NS / 1000000, fault_tag(FAULT_TSC));
	now = clock_moment_now(CLOCK_REALTIME);
	c->base_tsc = now.tsc;
	c->base_ns = now.ns;
	return 0;
}

/* The interface a device of the kernel's names must be there, in our network namespace. */
static int
check_interface(const struct config_port *p, struct err *e)
{
	const char *iface = strstr(p->device, "iface=");
	char name[IF_NAMESIZE];

	if (iface == NULL)
		return 0;
	iface += strlen("iface=");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(iface, ","), iface);
	if (if_nametoindex(name) != 0)
		return 0;
	return err_set(
		e, -ENODEV,
		"ports '%s': device '%s': there is no network interface '%s' here; `ip link` "
		"lists those there are %s",
		p->name, p->device, name, fault_tag(FAULT_PORT_NO_INTERFACE));
}

int
eal_check(struct gateway *g, struct err *e)
{
	const struct config *c = g->config;
	struct host_view host;
	int rc;

	host_view_open(&host);
	rc = host_check_rights(&host, c, e);
	for (uint32_t i = 0; rc == 0 && i < c->ports_cnt; i++) {
		rc = check_interface(&c->ports[i], e);
		if (rc == 0)
			rc = host_check_pci(&host, &c->ports[i], &g->port[i].profile, e);
	}
	if (rc != 0)
		return rc;
	// what a killed gateway left in its mount counts as taken
	remove_page_files(hugetlbfs_find_path_for_size(HUGE_PAGE_KB * 1024L), c->eal.file_prefix);
	rc = host_check_huge(&host, c, g->map, g->huge_mount, sizeof(g->huge_mount), e);
	g->hugepages = rc == 0;
	if (rc == 0 || !c->hugepages.degraded_ok)
		return rc;
	err_init(e); // said by eal_start, when there is a log
	return 0;
}

/* The process that has DPDK's folder of our name; 0: none. */
static pid_t
prefix_owner(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/config", rte_eal_get_runtime_dir());
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0;
	rc = fcntl(fd, F_GETLK, &lock);
	close(fd);
	return rc == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

/* Why DPDK did not start, as far as it can be told. */
static int
blame(const struct gateway *g, int cause, struct err *e)
{
	const struct config *c = g->config;
	const pid_t owner = prefix_owner();

	if (owner != 0)
		return err_set(e, -EADDRINUSE,
			       "another DPDK program (pid %ld) has eal.file_prefix '%s'; stop it, "
			       "or choose another prefix %s",
			       (long)owner, c->eal.file_prefix, fault_tag(FAULT_SECOND_PREFIX));
	// with ENODEV its drivers are loaded, so that it knows which names are one
	for (uint32_t i = 0; cause == ENODEV && i < c->ports_cnt; i++) {
		struct rte_devargs da = { 0 };

		// what it allocates is left to the process's end, which is near
		if (rte_devargs_parse(&da, c->ports[i].device) != 0)
			return err_set(e, -ENODEV,
				       "ports '%s': device '%s': DPDK has no driver of that name; "
				       "pmd_config/README.md names the usual ones %s",
				       c->ports[i].name, c->ports[i].device,
				       fault_tag(FAULT_PORT_NO_DRIVER));
	}
	return err_set(e, cause != 0 ? -cause : -EIO,
		       "DPDK does not start (%s): its own lines above say why; %s",
		       rte_strerror(cause),
		       c->eal.extra_args_cnt != 0
			       ? "the usual cause is an argument in eal.extra_args it does not know"
			       : "the usual causes are a device another program has and too few "
				 "huge pages");
}

int
eal_start(struct gateway *g, struct err *e)
{
	static struct arg_list a; // EAL keeps pointers into it
	const struct config *c = g->config;
	struct clock_moment start;
	struct timespec now;

	if (!g->hugepages) {
		clock_gettime(CLOCK_REALTIME, &now);
		event_log_say(g->log, (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec,
			      EVENT_WARNING,
			      "DEGRADED: ordinary pages instead of huge ones: slower, and "
			      "dpdk-dumpcap cannot attach; sluicectl host apply --yes --set "
			      "hugepages_mb=%u hugepages gives what "
			      "hugepages.memory_mb asks for %s",
			      c->hugepages.memory_mb, fault_tag(FAULT_WARN_DEGRADED));
	}
	a.cnt = 0;
	arg_add(&a, "sluice");
	add_lcores(&a, g->map);
	arg_add(&a, "--file-prefix=%s", c->eal.file_prefix);
	arg_add(&a, "--log-level=5"); // warnings and worse: the rest is ours to say
	if (g->hugepages) {
		arg_add(&a, "--huge-dir=%s", g->huge_mount); // of several, the one that is ours
		arg_add(&a, "-m");
		arg_add(&a, "%u", c->hugepages.memory_mb / 2); // the rest is the lanes' own memory
	} else {
		arg_add(&a, "--no-huge");
		arg_add(&a, "-m");
		arg_add(&a, "%u", c->hugepages.memory_mb);
	}
	add_devices(&a, g);
	for (uint32_t i = 0; i < c->eal.extra_args_cnt; i++)
		arg_add(&a, "%s", c->eal.extra_args[i]);
	if (a.cnt == ARG_MAX_CNT)
		return err_set(e, -E2BIG, "eal.extra_args: more than %d arguments for DPDK",
			       ARG_MAX_CNT);

	start = clock_moment_now(CLOCK_MONOTONIC);
	if (rte_eal_init(a.cnt, a.argv) < 0) {
		const int cause = rte_errno;

		fflush(stdout); // its help, when it knows an argument not: above our line
		return blame(g, cause, e);
	}
	if (clock_start(&g->clock, &start, e) != 0) {
		eal_stop(g);
		return -EIO;
	}
	g->start_ns = g->clock.base_ns;
	if (g->hugepages && rte_pdump_init() < 0)
		fprintf(stderr, "sluice: dpdk-dumpcap will not find this process: %s\n",
			rte_strerror(rte_errno));
	return 0;
}

void
eal_stop(struct gateway *g)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s", rte_eal_get_runtime_dir());
	rte_pdump_uninit();
	rte_eal_cleanup();
	remove_runtime_folder(folder);
	if (g->hugepages)
		remove_page_files(g->huge_mount, g->config->eal.file_prefix);
}
