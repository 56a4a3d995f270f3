/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

enum {
	PASSWORD_LEN_MAX = 10, // SoupBinTCP Login Request, field Password
};

/* Whose password, and where it is. */
struct source {
	const char *who; // "session 'oe'"
	const char *file;
	const char *credential;
};

static int
path_of(const struct source *s, char *path, size_t path_bytes, struct err *e)
{
	const char *dir;

	if (!s->credential[0]) {
		snprintf(path, path_bytes, "%s", s->file);
		return 0;
	}
	dir = getenv("CREDENTIALS_DIRECTORY");
	if (!dir)
		return err_set(e, -ENOENT,
			       "%s: credential '%s': systemd gave us no credentials; add "
			       "LoadCredential=%s:PATH to the unit, or use password_file",
			       s->who, s->credential, s->credential);
	snprintf(path, path_bytes, "%s/%s", dir, s->credential);
	return 0;
}

/* systemd guards a credential by the folder it is in; a file guards itself. */
static int
guard_check(const struct source *s, const char *path, const struct stat *st, struct err *e)
{
	if (!S_ISREG(st->st_mode))
		return err_set(e, -EINVAL, "%s: %s: the password must be in a regular file", path,
			       s->who);
	if (s->credential[0])
		return 0;
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(e, -EPERM,
			       "%s: %s: the file belongs to user %u, allowed are root and "
			       "us (%u); change its owner",
			       path, s->who, st->st_uid, geteuid());
	if (st->st_mode & 077)
		return err_set(e, -EPERM,
			       "%s: %s: the file has mode %04o, so others can read the "
			       "password; run: chmod 0600 %s",
			       path, s->who, st->st_mode & 07777, path);
	return 0;
}

static int
password_of(const struct source *s, const char *path, const char *text, ssize_t len, struct err *e)
{
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (len < 1 || len > PASSWORD_LEN_MAX)
		return err_set(e, -EINVAL,
			       "%s: %s: the password is %s; SoupBinTCP allows 1 to %d "
			       "characters",
			       path, s->who, len < 1 ? "empty" : "too long", PASSWORD_LEN_MAX);
	for (ssize_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return err_set(e, -EINVAL,
				       "%s: %s: the password has a character that "
				       "SoupBinTCP does not allow",
				       path, s->who);
	return (int)len;
}

static int
load(const struct source *s, char out[SECRET_MAX], struct err *e)
{
	char path[CONFIG_PATH_MAX * 2];
	struct stat st;
	ssize_t n;
	int code, fd;

	memset(out, 0, SECRET_MAX);
	code = path_of(s, path, sizeof(path), e);
	if (code < 0)
		return code;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return err_set(e, -errno, "%s: %s: the password cannot be read: %s", path, s->who,
			       strerror(errno));
	if (fstat(fd, &st) < 0)
		code = err_set(e, -errno, "%s: %s", path, strerror(errno));
	else
		code = guard_check(s, path, &st, e);
	if (code == 0) {
		n = read(fd, out, SECRET_MAX - 1);
		code = n < 0 ? err_set(e, -errno, "%s: %s", path, strerror(errno))
			     : password_of(s, path, out, n, e);
	}
	close(fd);
	if (code < 0)
		explicit_bzero(out, SECRET_MAX);
	else
		memset(out + code, 0, SECRET_MAX - (size_t)code);
	return code;
}

int
secret_load(const struct config_session *s, char out[SECRET_MAX], struct err *e)
{
	char who[64];
	const struct source source = { who, s->password_file, s->credential };

	snprintf(who, sizeof(who), "session '%s'", s->name);
	return load(&source, out, e);
}

int
secret_load_snapshot(const struct config_feed *f, char out[SECRET_MAX], struct err *e)
{
	char who[64];
	const struct source source = { who, f->recovery.snapshot_password_file,
				       f->recovery.snapshot_credential };

	snprintf(who, sizeof(who), "feed '%s' snapshot", f->name);
	return load(&source, out, e);
}

int
secret_load_drop_copy(const struct config_session *s, char out[SECRET_MAX], struct err *e)
{
	char who[64];
	const struct source source = { who, s->drop_copy.password_file, s->drop_copy.credential };

	snprintf(who, sizeof(who), "session '%s' drop copy", s->name);
	return load(&source, out, e);
}
