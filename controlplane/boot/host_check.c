/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/host_check.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "err/fault.h"

enum {
	HUGE_PAGE_KB = 2048,
	CORES_TEXT_MAX = 256,
	LINE_MAX_BYTES = 4096, // a processor has some hundred flags
};

#define POOL_2M "/sys/kernel/mm/hugepages/hugepages-2048kB"
#define POOL_1G "/sys/kernel/mm/hugepages/hugepages-1048576kB"

struct path {
	char text[PATH_MAX];
};

static struct path __attribute__((format(printf, 2, 3)))
path_of(const struct host_view *v, const char *fmt, ...)
{
	struct path p;
	const int len = snprintf(p.text, sizeof(p.text), "%s", v->root);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p.text + len, sizeof(p.text) - (size_t)len, fmt, ap);
	va_end(ap);
	return p;
}

/* The first line without its end; false when there is no such file. */
static bool
read_line(const struct path *p, char *out, size_t out_bytes)
{
	FILE *f = fopen(p->text, "re");
	bool got;

	if (f == NULL)
		return false;
	got = fgets(out, (int)out_bytes, f) != NULL;
	fclose(f);
	if (!got)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return true;
}

/* 0 when it is not there, too. */
static unsigned long
read_number(const struct path *p)
{
	char text[64];

	return read_line(p, text, sizeof(text)) ? strtoul(text, NULL, 10) : 0;
}

void
host_view_open(struct host_view *v)
{
	char line[256];
	struct rlimit limit;
	FILE *f = fopen("/proc/self/status", "re");

	*v = (struct host_view){ .root = "", .is_root = geteuid() == 0 };
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "CapEff:", 7) == 0)
			v->caps = strtoull(line + 7, NULL, 16);
	if (f != NULL)
		fclose(f);
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0)
		v->memlock_bytes = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/* --- cores */

/* Whether a list of the kernel's, like "0-3,8", has the number. */
static bool
list_has(const char *list, uint32_t want)
{
	while (isdigit((unsigned char)*list)) {
		char *end;
		const unsigned long first = strtoul(list, &end, 10);
		const unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;

		if (want >= first && want <= last)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}

static void
offline_add(const char *present, const char *online, uint32_t core, const char *where,
	    struct err *e)
{
	if (list_has(present, core) && !list_has(online, core))
		err_add(e, -EINVAL,
			"%s: core %u is switched off; online are %s: echo 1 > "
			"/sys/devices/system/cpu/cpu%u/online, or choose another %s",
			where, core, online, core, fault_tag(FAULT_CORE_OFFLINE));
}

int
host_check_cores(const struct host_view *v, const struct config *c, const struct core_map *m,
		 struct err *e, struct err *warnings)
{
	const struct path present_at = path_of(v, "/sys/devices/system/cpu/present");
	const struct path online_at = path_of(v, "/sys/devices/system/cpu/online");
	const struct path isolated_at = path_of(v, "/sys/devices/system/cpu/isolated");
	char present[CORES_TEXT_MAX], online[CORES_TEXT_MAX], isolated[CORES_TEXT_MAX] = "";
	char open[CORES_TEXT_MAX] = "", where[160];
	size_t len = 0;

	if (!read_line(&present_at, present, sizeof(present)) ||
	    !read_line(&online_at, online, sizeof(online)))
		return 0; // a kernel without hotplug: nothing can be switched off
	read_line(&isolated_at, isolated, sizeof(isolated));
	offline_add(present, online, m->control_core, "core_map.control", e);
	for (uint32_t i = 0; i < m->lane_cnt; i++) {
		const uint32_t core = m->lane[i].core;

		snprintf(where, sizeof(where), "core_map.lanes[%u] '%s'", i, m->lane[i].name);
		offline_add(present, online, core, where, e);
		if (!list_has(isolated, core) && len < sizeof(open))
			len += (size_t)snprintf(open + len, sizeof(open) - len, "%s%u",
						len != 0 ? "," : "", core);
	}
	if (e->code == 0 && open[0] != '\0' && !c->core_map.shared_cores)
		err_add(warnings, 0,
			"lanes run on core %s, which the kernel gives to other tasks too; isolate: "
			"isolcpus=, nohz_full=, rcu_nocbs= on its command line %s",
			open, fault_tag(FAULT_WARN_ISOLATED));
	return e->code;
}

/* --- clock */

static bool
cpu_has_flag(const struct host_view *v, const char *flag)
{
	const struct path p = path_of(v, "/proc/cpuinfo");
	const size_t flag_len = strlen(flag);
	char line[LINE_MAX_BYTES];
	FILE *f = fopen(p.text, "re");
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		for (const char *at = line; (at = strstr(at, flag)) != NULL && !found;
		     at += flag_len)
			found = at[-1] == ' ' && (at[flag_len] == ' ' || at[flag_len] == '\n' ||
						  at[flag_len] == '\0');
		break; // all processors have the same
	}
	if (f != NULL)
		fclose(f);
	return found;
}

int
host_check_tsc(const struct host_view *v, const struct config *c, struct err *e,
	       struct err *warnings)
{
	const struct path known_at =
		path_of(v, "/sys/devices/system/clocksource/clocksource0/available_clocksource");
	const char *why = NULL;
	char known[256];

	if (!cpu_has_flag(v, "constant_tsc"))
		why = "it changes its pace with the processor's (no constant_tsc)";
	else if (!cpu_has_flag(v, "nonstop_tsc"))
		why = "it stops when the processor sleeps (no nonstop_tsc)";
	else if (read_line(&known_at, known, sizeof(known)) && strstr(known, "tsc") == NULL)
		why = "the kernel gave it up as unstable (available_clocksource)";
	if (why == NULL)
		return 0;
	if (c->environment == ENVIRONMENT_LIVE)
		return err_set(e, -EIO,
			       "the TSC cannot be trusted: %s; every time the gateway takes comes "
			       "from it, so a live venue is refused %s",
			       why, fault_tag(FAULT_TSC));
	err_add(warnings, 0, "the TSC may not be trusted: %s; times may drift or jump %s", why,
		fault_tag(FAULT_WARN_TSC));
	return 0;
}

/* --- PCI */

bool
host_pci_address(const char *device, char out[32])
{
	unsigned domain = 0, bus, slot, fn;
	int len = 0;

	if (sscanf(device, "%x:%x:%x.%x%n", &domain, &bus, &slot, &fn, &len) != 4) {
		domain = 0;
		if (sscanf(device, "%x:%x.%x%n", &bus, &slot, &fn, &len) != 3)
			return false;
	}
	if (device[len] != '\0' && device[len] != ',')
		return false;
	if (out != NULL)
		snprintf(out, 32, "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff, slot & 0x1f,
			 fn & 7);
	return true;
}

/* The last part of where a link points; "" when there is none. */
static void
link_name(const struct path *p, char *out, size_t out_bytes)
{
	char target[PATH_MAX];
	const ssize_t len = readlink(p->text, target, sizeof(target) - 1);
	const char *slash;

	out[0] = '\0';
	if (len <= 0)
		return;
	target[len] = '\0';
	slash = strrchr(target, '/');
	snprintf(out, out_bytes, "%.*s", (int)out_bytes - 1, slash != NULL ? slash + 1 : target);
}

/* A process that has the file open, as far as we may see; 0: none. */
static long
owner_of(const struct host_view *v, const char *file)
{
	const struct path proc = path_of(v, "/proc");
	const long self = (long)getpid();
	struct dirent *entry;
	DIR *dir = opendir(proc.text);
	long found = 0;

	while (dir != NULL && found == 0 && (entry = readdir(dir)) != NULL) {
		const long pid = strtol(entry->d_name, NULL, 10);
		const struct path at = path_of(v, "/proc/%ld/fd", pid);
		struct dirent *fd;
		DIR *fds;

		if (pid <= 0 || (pid == self && v->root[0] == '\0'))
			continue;
		fds = opendir(at.text);
		while (fds != NULL && found == 0 && (fd = readdir(fds)) != NULL) {
			char target[PATH_MAX];
			const ssize_t len =
				readlinkat(dirfd(fds), fd->d_name, target, sizeof(target) - 1);

			if (len <= 0)
				continue;
			target[len] = '\0';
			if (strcmp(target, file) == 0)
				found = pid;
		}
		if (fds != NULL)
			closedir(fds);
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

/* The VFIO group's file: ours to open, and nobody has it. */
static int
vfio_check(const struct host_view *v, const char *name, const char *address, struct err *e)
{
	const struct path link = path_of(v, "/sys/bus/pci/devices/%s/iommu_group", address);
	char group[64], file[96];
	struct path dev;
	long owner;
	int fd;

	link_name(&link, group, sizeof(group));
	if (group[0] == '\0')
		return 0; // without an IOMMU DPDK has its own way, and says what it misses
	snprintf(file, sizeof(file), "/dev/vfio/%s", group);
	dev = path_of(v, "%s", file);
	if (access(dev.text, F_OK) != 0)
		return 0; // noiommu-N
	owner = owner_of(v, file);
	if (owner != 0)
		return err_set(e, -EBUSY,
			       "ports '%s': %s is in use by process %ld (%s); stop it %s", name,
			       address, owner, file, fault_tag(FAULT_PORT_TAKEN));
	fd = open(dev.text, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == EACCES || errno == EPERM)
		return err_set(
			e, -EACCES,
			"ports '%s': %s: this user may not open %s; `udevadm trigger "
			"--subsystem-match=vfio` with the package's udev rule, or chown it %s",
			name, address, file, fault_tag(FAULT_PORT_RIGHTS));
	if (errno == EBUSY)
		return err_set(e, -EBUSY,
			       "ports '%s': %s is in use by another process (%s); stop it %s", name,
			       address, file, fault_tag(FAULT_PORT_TAKEN));
	return 0; // DPDK will say it with more words
}

int
host_check_pci(const struct host_view *v, const struct config_port *p,
	       const struct profile *profile, struct err *e)
{
	static const char BIFURCATED[] = "bifurcated:";
	const char *want = profile->kernel_driver.value;
	char address[32], driver[64];
	struct path device, link;

	if (!host_pci_address(p->device, address))
		return 0;
	device = path_of(v, "/sys/bus/pci/devices/%s", address);
	if (access(device.text, F_OK) != 0)
		return err_set(e, -ENODEV,
			       "ports '%s': device '%s': this machine has no PCI device of that "
			       "address; `dpdk-devbind.py --status-dev net` lists those there are "
			       "%s",
			       p->name, p->device, fault_tag(FAULT_PORT_NO_PCI));
	link = path_of(v, "/sys/bus/pci/devices/%s/driver", address);
	link_name(&link, driver, sizeof(driver));
	if (strncmp(want, BIFURCATED, sizeof(BIFURCATED) - 1) == 0) {
		want += sizeof(BIFURCATED) - 1;
		if (strcmp(driver, want) == 0)
			return 0;
		return err_set(
			e, -ENODEV,
			"ports '%s': %s is bound to '%s'; profile %s shares the NIC with the "
			"kernel's %s: sluicectl bind unbind --yes %s %s",
			p->name, address, driver[0] != '\0' ? driver : "nothing", p->profile, want,
			address, fault_tag(FAULT_PORT_NOT_BOUND));
	}
	if (strcmp(driver, "vfio-pci") == 0)
		return vfio_check(v, p->name, address, e);
	if (strcmp(driver, "uio_pci_generic") == 0 || strcmp(driver, "igb_uio") == 0)
		return 0;
	return err_set(e, -ENODEV,
		       "ports '%s': %s is bound to '%s', and DPDK needs it on vfio-pci: "
		       "sluicectl bind bind --yes %s %s",
		       p->name, address, driver[0] != '\0' ? driver : "nothing", address,
		       fault_tag(FAULT_PORT_NOT_BOUND));
}

/* --- rights */

int
host_check_rights(const struct host_view *v, const struct config *c, struct err *e)
{
	const uint64_t want_bytes = (uint64_t)c->hugepages.memory_mb << 20;
	bool raw = false, pci = false;
	char missing[128] = "";
	size_t len = 0;

	if (v->is_root)
		return 0;
	for (uint32_t i = 0; i < c->ports_cnt; i++) {
		const char *device = c->ports[i].device;

		raw |= strncmp(device, "net_af_packet", 13) == 0 ||
		       strncmp(device, "net_af_xdp", 10) == 0;
		pci |= host_pci_address(device, NULL);
	}
	if (raw && !(v->caps & 1ULL << CAP_NET_RAW))
		len += (size_t)snprintf(missing + len, sizeof(missing) - len, " CAP_NET_RAW");
	if (raw && !(v->caps & 1ULL << CAP_NET_ADMIN))
		len += (size_t)snprintf(missing + len, sizeof(missing) - len, " CAP_NET_ADMIN");
	if (missing[0] != '\0')
		return err_set(e, -EPERM,
			       "'sluice run' needs root for its ports and memory, or:%s; start it "
			       "by its unit, sluice.service ('sluice check' needs neither) %s",
			       missing, fault_tag(FAULT_RIGHTS));
	if ((pci || raw) && !(v->caps & 1ULL << CAP_IPC_LOCK) && v->memlock_bytes < want_bytes)
		return err_set(e, -EPERM,
			       "this user may lock %llu KiB of memory, and the ports need up to "
			       "%u MiB locked: ulimit -l unlimited, or LimitMEMLOCK=infinity in "
			       "the unit %s",
			       (unsigned long long)(v->memlock_bytes >> 10), c->hugepages.memory_mb,
			       fault_tag(FAULT_MEMLOCK));
	return 0;
}

/* --- huge pages */

/* A hugetlbfs of 2 MiB pages that we may write: without pagesize= it has the default size. */
static bool
find_mount(const struct host_view *v, char *out, size_t out_bytes)
{
	const struct path mounts = path_of(v, "/proc/mounts");
	const struct path meminfo = path_of(v, "/proc/meminfo");
	char line[LINE_MAX_BYTES];
	unsigned long default_kb = 0;
	bool found = false;
	FILE *f = fopen(meminfo.text, "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Hugepagesize: %lu", &default_kb) == 1)
			break;
	if (f != NULL)
		fclose(f);
	f = fopen(mounts.text, "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		char where[PATH_MAX], type[64], options[1024];
		struct path real;

		if (sscanf(line, "%*s %4095s %63s %1023s", where, type, options) != 3 ||
		    strcmp(type, "hugetlbfs") != 0)
			continue;
		if (strstr(options, "pagesize=") != NULL ? strstr(options, "pagesize=2M") == NULL
							 : default_kb != HUGE_PAGE_KB)
			continue;
		real = path_of(v, "%s", where);
		if (access(real.text, W_OK | X_OK) != 0)
			continue;
		snprintf(out, out_bytes, "%s", where);
		found = true;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

/* The NUMA node of a core, or -1 where the kernel knows of none. */
static int
node_of_core(const struct host_view *v, uint32_t core)
{
	const struct path cpu = path_of(v, "/sys/devices/system/cpu/cpu%u", core);
	struct dirent *entry;
	DIR *dir = opendir(cpu.text);
	int node = -1;

	while (dir != NULL && node < 0 && (entry = readdir(dir)) != NULL)
		if (sscanf(entry->d_name, "node%d", &node) != 1)
			node = -1;
	if (dir != NULL)
		closedir(dir);
	return node;
}

/* Free pages on the nodes the lanes run on; ULONG_MAX where there are no nodes. */
static unsigned long
free_near_lanes(const struct host_view *v, const struct core_map *m, char *nodes, size_t size)
{
	unsigned long sum = 0;
	uint64_t seen = 0;
	size_t len = 0;

	for (uint32_t i = 0; i < m->lane_cnt; i++) {
		const int node = node_of_core(v, m->lane[i].core);

		if (node < 0 || node >= 64)
			return ULONG_MAX;
		if (seen & 1ULL << node)
			continue;
		seen |= 1ULL << node;
		const struct path at = path_of(v,
					       "/sys/devices/system/node/node%d/hugepages/"
					       "hugepages-2048kB/free_hugepages",
					       node);

		if (access(at.text, F_OK) != 0)
			return ULONG_MAX;
		sum += read_number(&at);
		if (len < size)
			len += (size_t)snprintf(nodes + len, size - len, "%s%d",
						len != 0 ? "," : "", node);
	}
	return seen != 0 ? sum : ULONG_MAX;
}

int
host_check_huge(const struct host_view *v, const struct config *c, const struct core_map *m,
		char *mount, size_t mount_bytes, struct err *e)
{
	const struct path free_at = path_of(v, POOL_2M "/free_hugepages");
	const struct path all_at = path_of(v, POOL_2M "/nr_hugepages");
	const struct path giant_at = path_of(v, POOL_1G "/nr_hugepages");
	const unsigned long want = (c->hugepages.memory_mb + 1) / 2;
	const unsigned long free_cnt = read_number(&free_at);
	const unsigned long giant_cnt = read_number(&giant_at);
	char nodes[64] = "";
	unsigned long near;

	if (read_number(&all_at) == 0 && giant_cnt != 0)
		return err_set(
			e, -ENOMEM,
			"hugepages.memory_mb: the machine has %lu huge pages of 1 GiB and none "
			"of 2 MiB, which are wanted: hugeadm --pool-pages-min 2M:%lu %s",
			giant_cnt, want, fault_tag(FAULT_HUGE_SIZE));
	if (free_cnt < want)
		return err_set(
			e, -ENOMEM,
			"hugepages.memory_mb: %u MiB of huge pages are wanted and %lu MiB are "
			"free; "
			"sluicectl host apply --yes --set hugepages_mb=%u hugepages, or set "
			"hugepages.degraded_ok to start "
			"with ordinary pages %s",
			c->hugepages.memory_mb, free_cnt * 2, c->hugepages.memory_mb,
			fault_tag(FAULT_HUGE_FEW));
	if (!find_mount(v, mount, mount_bytes))
		return err_set(e, -ENOENT,
			       "hugepages: %lu MiB are free, but no hugetlbfs of 2 MiB pages is "
			       "mounted where we may write: hugeadm --create-mounts %s",
			       free_cnt * 2, fault_tag(FAULT_HUGE_MOUNT));
	near = free_near_lanes(v, m, nodes, sizeof(nodes));
	if (near < want)
		return err_set(e, -ENOMEM,
			       "hugepages.memory_mb: %u MiB are wanted on NUMA node %s, where the "
			       "lanes run; %lu MiB are free there, %lu MiB in all: echo %lu > "
			       "/sys/devices/system/node/node%.*s/hugepages/hugepages-2048kB/"
			       "nr_hugepages %s",
			       c->hugepages.memory_mb, nodes, near * 2, free_cnt * 2, want,
			       (int)strcspn(nodes, ","), nodes, fault_tag(FAULT_HUGE_NODE));
	return 0;
}
