/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/pcap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "base/units.h"

enum {
	BUFFER_BYTES = 1 << 18,
};

int
pcap_file_create(struct pcap_file *p, const char *path, uint32_t snap_len, bool keep, struct err *e)
{
	const int flags = O_WRONLY | O_CREAT | O_CLOEXEC;
	const int fd = open(path, flags | (keep ? O_EXCL | O_NOFOLLOW : O_TRUNC), 0600);
	struct stat st;
	pcap_t *dead;

	*p = (struct pcap_file){ 0 };
	if (fd < 0 && errno == EEXIST)
		return err_set(e, -EEXIST, "%s: exists already; name another file or remove it",
			       path);
	if (fd < 0)
		return err_set(e, -errno, "%s: cannot be made: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		fchmod(fd, 0600); // also one that was there
	p->f = fdopen(fd, "w");
	dead = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, (int)snap_len,
						    PCAP_TSTAMP_PRECISION_NANO);
	if (p->f == NULL || dead == NULL) {
		close(fd);
		return err_set(e, -ENOMEM, "%s: no memory", path);
	}
	setvbuf(p->f, NULL, _IOFBF, BUFFER_BYTES);
	p->dumper = pcap_dump_fopen(dead, p->f);
	pcap_close(dead); // the dumper does not need it any more
	p->bytes = PCAP_FILE_HEAD_BYTES;
	if (p->dumper == NULL || pcap_file_flush(p) != 0) {
		const int rc = errno != 0 ? -errno : -EIO;

		fclose(p->f);
		*p = (struct pcap_file){ 0 };
		unlink(path);
		return err_set(e, rc, "%s: cannot be written: %s", path, strerror(-rc));
	}
	return 0;
}

void
pcap_file_put(struct pcap_file *p, uint64_t ns, const void *data, uint32_t kept_len,
	      uint32_t wire_len)
{
	const struct pcap_pkthdr head = {
		// of a dead handle with nanoseconds, tv_usec has nanoseconds
		.ts = { .tv_sec = (time_t)(ns / NS_PER_SEC),
			.tv_usec = (suseconds_t)(ns % NS_PER_SEC) },
		.caplen = kept_len,
		.len = wire_len,
	};

	pcap_dump(p->dumper, &head, data);
	p->bytes += PCAP_FILE_RECORD_BYTES + kept_len;
}

bool
pcap_file_failed(const struct pcap_file *p)
{
	return ferror(p->f) != 0;
}

int
pcap_file_flush(struct pcap_file *p)
{
	int rc;

	errno = 0;
	if (fflush(p->f) == 0 && !ferror(p->f)) {
		p->flushed_bytes = p->bytes;
		return 0;
	}
	// after a write of a part stdio knows that it failed, and not why: one more byte tells
	if (errno == 0 && write(fileno(p->f), "", 1) == 1)
		errno = EIO;
	rc = errno != 0 ? -errno : -EIO;
	// no half record at the end; on a pipe there is nothing to cut
	if (ftruncate(fileno(p->f), (off_t)p->flushed_bytes) == 0)
		p->bytes = p->flushed_bytes;
	errno = -rc;
	return rc;
}

int
pcap_file_close(struct pcap_file *p)
{
	int rc = pcap_file_flush(p);
	int fd;

	if (rc != 0) { // what stdio still holds must not get behind the cut
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (fd >= 0) {
			dup2(fd, fileno(p->f));
			close(fd);
		}
	}
	if (fclose(p->f) != 0 && rc == 0)
		rc = -errno;
	*p = (struct pcap_file){ 0 };
	return rc;
}
