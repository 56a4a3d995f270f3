/* SPDX-License-Identifier: Apache-2.0 */
#include "config/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/schema.h"

int
profile_load_text(struct profile *p, const char *name, const char *text, size_t text_len,
		  struct err *e)
{
	struct dom d;

	memset(p, 0, sizeof(*p));
	err_init(e);
	dom_init(&d);
	d.root = dom_read(&d, name, text, text_len, e);
	if (d.root)
		schema_fill(&PROFILE_SCHEMA, &d, p, NULL, e);
	dom_fini(&d);
	err_end(e);
	return e->code;
}

/* The first folder above the program's that has the profiles, as in the source tree or installed.
 */
static bool
dir_find(char *out, size_t out_bytes)
{
	static const char *const BELOW[] = { "pmd_config", "share/sluice/pmd_config" };
	char exe[CONFIG_PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return false;
	exe[n] = '\0';
	for (char *slash = strrchr(exe, '/'); slash; slash = strrchr(exe, '/')) {
		*slash = '\0';
		for (size_t i = 0; i < ARRAY_CNT(BELOW); i++) {
			const int len = snprintf(out, out_bytes, "%s/%s", exe, BELOW[i]);

			if (len > 0 && (size_t)len < out_bytes && access(out, X_OK) == 0)
				return true;
		}
	}
	return false;
}

int
profile_load(struct profile *p, const char *dir, const char *name, struct err *e)
{
	char found[CONFIG_PATH_MAX], path[CONFIG_PATH_MAX + 64];
	size_t text_len;
	char *text;
	int code;

	err_init(e);
	if (!dir[0]) {
		if (!dir_find(found, sizeof(found)))
			return err_set(e, -ENOENT,
				       "profile '%s': there is no folder pmd_config above the "
				       "program; name it in pmd_config_dir",
				       name);
		dir = found;
	}
	if ((size_t)snprintf(path, sizeof(path), "%s/%s.yaml", dir, name) >= sizeof(path))
		return err_set(e, -ENAMETOOLONG, "profile '%s': the path is too long", name);
	code = file_read(path, &text, &text_len, e);
	if (code == -ENOENT)
		return err_set(e, code,
			       "%s: there is no such profile; profile must name a file of that "
			       "folder, without .yaml",
			       path);
	if (code < 0)
		return code;
	code = profile_load_text(p, path, text, text_len, e);
	free(text);
	return code;
}
