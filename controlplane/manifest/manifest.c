/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/manifest.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "err/fault.h"

static const char HEAD[] = "# sluice manifest 1";

enum {
	FACT_MAX = 4096,
};

/* SHA-256 (FIPS 180-4) as 64 hexadecimal digits; a library without it gives none, which no row has.
 */
static void
digest(const void *data, size_t len_bytes, char out[MANIFEST_HASH_MAX])
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(data, len_bytes, md, &len, EVP_sha256(), NULL) != 1)
		len = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < len && i < MANIFEST_HASH_MAX / 2; i++)
		snprintf(&out[(size_t)2 * i], 3, "%02x", md[i]);
}

void
manifest_add(struct manifest *m, const char *name, const void *data, size_t len_bytes,
	     const char *text)
{
	struct manifest_row *r = &m->row[m->row_cnt];

	if (m->row_cnt == MANIFEST_ROW_MAX)
		return; // 16 ports and 12 facts: there is room
	m->row_cnt++;
	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->text, sizeof(r->text), "%.*s", (int)sizeof(r->text) - 1, text);
	r->text[strcspn(r->text, "\n")] = '\0';
	digest(data, len_bytes, r->hash);
}

void
manifest_add_text(struct manifest *m, const char *name, const char *text)
{
	manifest_add(m, name, text, strlen(text), text);
}

int
manifest_add_file(struct manifest *m, const char *name, const char *path, const char *text,
		  struct err *e)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *data = MAP_FAILED;
	struct stat st;
	int rc = 0;

	if (fd >= 0 && fstat(fd, &st) == 0)
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc != 0)
		return err_set(e, rc, "manifest: %s cannot be read: %s", path, strerror(-rc));
	manifest_add(m, name, data, (size_t)st.st_size, text);
	munmap(data, (size_t)st.st_size);
	return 0;
}

/* --- facts of the machine */

/* A file's text on one line, blanks made single; "none" when it is not there. */
static void __attribute__((format(printf, 4, 5)))
fact_read(const char *root, char *out, size_t out_bytes, const char *fmt, ...)
{
	char path[PATH_MAX];
	size_t len = (size_t)snprintf(path, sizeof(path), "%s", root), used = 0;
	va_list ap;
	FILE *f;
	int c;

	va_start(ap, fmt);
	vsnprintf(path + len, sizeof(path) - len, fmt, ap);
	va_end(ap);
	f = fopen(path, "re");
	while (f != NULL && (c = fgetc(f)) != EOF && used + 1 < out_bytes)
		if (!isspace(c))
			out[used++] = (char)c;
		else if (used != 0 && out[used - 1] != ' ')
			out[used++] = ' ';
	if (f != NULL)
		fclose(f);
	while (used != 0 && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
	if (used == 0)
		snprintf(out, out_bytes, "none");
}

/* Without what names a disk or an image: the same machine twice has two of those. */
static void
command_line(const char *root, char *out, size_t out_bytes)
{
	char text[FACT_MAX], *save = NULL;
	size_t len = 0;

	fact_read(root, text, sizeof(text), "/proc/cmdline");
	out[0] = '\0';
	for (char *word = strtok_r(text, " ", &save); word != NULL && len < out_bytes;
	     word = strtok_r(NULL, " ", &save)) {
		if (strncmp(word, "BOOT_IMAGE=", 11) == 0 || strncmp(word, "root=", 5) == 0 ||
		    strncmp(word, "initrd=", 7) == 0 || strncmp(word, "resume=", 7) == 0)
			continue;
		len += (size_t)snprintf(out + len, out_bytes - len, "%s%s", len != 0 ? " " : "",
					word);
	}
}

static void
processor(const char *root, char *out, size_t out_bytes)
{
	char path[PATH_MAX], line[FACT_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/cpuinfo", root);
	snprintf(out, out_bytes, "none");
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *at = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || at == NULL)
			continue;
		snprintf(out, out_bytes, "%.*s", (int)strcspn(at + 2, "\n"), at + 2);
		break;
	}
	if (f != NULL)
		fclose(f);
}

static void
huge_pages(const char *root, char *out, size_t out_bytes)
{
	static const unsigned SIZE_KB[] = { 2048, 1048576 };
	char cnt[64];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < 2 && len < out_bytes; i++) {
		fact_read(root, cnt, sizeof(cnt),
			  "/sys/kernel/mm/hugepages/hugepages-%ukB/nr_hugepages", SIZE_KB[i]);
		len += (size_t)snprintf(out + len, out_bytes - len, "%s%u kB: %s",
					len != 0 ? ", " : "", SIZE_KB[i], cnt);
	}
}

static void
add_port(struct manifest *m, const char *root, const struct config_port *p)
{
	char name[MANIFEST_NAME_MAX], path[PATH_MAX], target[PATH_MAX], text[FACT_MAX];
	char vendor[32], device[32], node[32];
	const char *driver = "none";
	ssize_t len;

	snprintf(name, sizeof(name), "host.port.%.32s", p->name);
	if (!isxdigit((unsigned char)p->device[0]) || strchr(p->device, ':') == NULL) {
		manifest_add_text(m, name, "no PCI device");
		return;
	}
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s%.*s", root,
		 strcspn(p->device, ",") <= 8 ? "0000:" : "", (int)strcspn(p->device, ","),
		 p->device);
	fact_read(path, vendor, sizeof(vendor), "/vendor");
	fact_read(path, device, sizeof(device), "/device");
	fact_read(path, node, sizeof(node), "/numa_node");
	strncat(path, "/driver", sizeof(path) - strlen(path) - 1);
	len = readlink(path, target, sizeof(target) - 1);
	if (len > 0) {
		target[len] = '\0';
		driver = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : target;
	}
	snprintf(text, sizeof(text), "%s:%s driver %.64s node %s", vendor, device, driver, node);
	manifest_add_text(m, name, text);
}

void
manifest_add_host(struct manifest *m, const char *root, const struct config *c,
		  const struct core_map *map)
{
	static const struct {
		const char *name;
		const char *path;
	} FACT[] = {
		{ "host.kernel", "/proc/sys/kernel/osrelease" },
		{ "host.cores.online", "/sys/devices/system/cpu/online" },
		{ "host.cores.isolated", "/sys/devices/system/cpu/isolated" },
		{ "host.smt", "/sys/devices/system/cpu/smt/control" },
		{ "host.clock",
		  "/sys/devices/system/clocksource/clocksource0/current_clocksource" },
		{ "host.thp", "/sys/kernel/mm/transparent_hugepage/enabled" },
		{ "host.numa_balancing", "/proc/sys/kernel/numa_balancing" },
		{ "host.ksm", "/sys/kernel/mm/ksm/run" },
	};
	char text[FACT_MAX];

	for (size_t i = 0; i < sizeof(FACT) / sizeof(FACT[0]); i++) {
		fact_read(root, text, sizeof(text), "%s", FACT[i].path);
		manifest_add_text(m, FACT[i].name, text);
	}
	command_line(root, text, sizeof(text));
	manifest_add_text(m, "host.command_line", text);
	processor(root, text, sizeof(text));
	manifest_add_text(m, "host.processor", text);
	huge_pages(root, text, sizeof(text));
	manifest_add_text(m, "host.huge_pages", text);
	fact_read(root, text, sizeof(text),
		  "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor",
		  map->lane_cnt != 0 ? map->lane[0].core : map->control_core);
	manifest_add_text(m, "host.governor", text);
	for (uint32_t i = 0; i < c->ports_cnt; i++)
		add_port(m, root, &c->ports[i]);
}

/* --- as text, and compared */

const struct manifest_row *
manifest_find(const struct manifest *m, const char *name)
{
	for (uint32_t i = 0; i < m->row_cnt; i++)
		if (strcmp(m->row[i].name, name) == 0)
			return &m->row[i];
	return NULL;
}

int
manifest_print(const struct manifest *m, FILE *out)
{
	fprintf(out, "%s\n", HEAD);
	for (uint32_t i = 0; i < m->row_cnt; i++)
		fprintf(out, "%-20s %s  %s\n", m->row[i].name, m->row[i].hash, m->row[i].text);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}

static int
line_read(struct manifest *m, const char *line)
{
	struct manifest_row *r = &m->row[m->row_cnt];
	int used = 0;

	if (m->row_cnt == MANIFEST_ROW_MAX ||
	    sscanf(line, "%47s %64[0-9a-f]%n", r->name, r->hash, &used) != 2 ||
	    strlen(r->hash) != MANIFEST_HASH_MAX - 1 || (line[used] != '\0' && line[used] != ' ') ||
	    manifest_find(m, r->name) != NULL)
		return -EINVAL;
	snprintf(r->text, sizeof(r->text), "%s", line + used + strspn(line + used, " "));
	m->row_cnt++;
	return 0;
}

int
manifest_read(struct manifest *m, const char *path, struct err *e)
{
	char line[512];
	unsigned line_cnt = 0;
	int rc = 0;
	FILE *f = fopen(path, "re");

	memset(m, 0, sizeof(*m));
	if (f == NULL)
		return err_set(e, -errno, "manifest.approved: %s cannot be read: %s %s", path,
			       strerror(errno), fault_tag(FAULT_MANIFEST));
	while (rc == 0 && fgets(line, sizeof(line), f) != NULL) {
		const size_t len = strcspn(line, "\n");
		const bool whole = line[len] == '\n';

		line[len] = '\0';
		line_cnt++;
		if (line_cnt == 1)
			rc = strcmp(line, HEAD) == 0 ? 0 : -EINVAL;
		else if (line[0] != '\0' && line[0] != '#')
			rc = whole ? line_read(m, line) : -EINVAL;
	}
	fclose(f);
	if (rc == 0 && m->row_cnt == 0)
		rc = -EINVAL;
	if (rc != 0)
		return err_set(e, rc,
			       "manifest.approved: %s:%u: this is no line of a manifest; write it "
			       "with: sluice manifest -c FILE %s",
			       path, line_cnt, fault_tag(FAULT_MANIFEST));
	return 0;
}

uint32_t
manifest_compare(const struct manifest *now, const struct manifest *approved, char *differ,
		 size_t differ_bytes)
{
	uint32_t cnt = 0;
	size_t len = 0;

	differ[0] = '\0';
	for (uint32_t i = 0; i < now->row_cnt + approved->row_cnt; i++) {
		const bool own = i < now->row_cnt;
		const struct manifest_row *r =
			own ? &now->row[i] : &approved->row[i - now->row_cnt];
		const struct manifest_row *o = manifest_find(own ? approved : now, r->name);

		if (o != NULL && (!own || strcmp(o->hash, r->hash) == 0))
			continue; // equal, or told already
		cnt++;
		if (len < differ_bytes)
			len += (size_t)snprintf(differ + len, differ_bytes - len, "%s%s",
						len != 0 ? ", " : "", r->name);
	}
	return cnt;
}
