// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

/*
 * Removes a folder and the files in it, of a test or a bench.  It goes no deeper: a folder with
 * folders stays, and so do they.  0, or -1 where the folder is still there (rmdir(2) says why).
 */
static inline int
remove_folder(const char *folder)
{
	char path[512];
	const struct dirent *d;
	DIR *dir = opendir(folder);

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
		unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
	return rmdir(folder);
}
