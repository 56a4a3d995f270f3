/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_show.h"

/* As `sluice manifest` writes it, so that it may be approved as it stands; what differs comes
 * after. */
void
ctl_show_manifest(FILE *out, const json_t *list)
{
	unsigned differ_cnt = 0;
	const json_t *row;
	size_t i;

	fputs("# sluice manifest 1\n", out);
	json_array_foreach(list, i, row)
	{
		const char *hash = json_string_value(json_object_get(row, "hash"));

		if (hash != NULL && hash[0] != '\0')
			fprintf(out, "%-20s %s  %s\n",
				json_string_value(json_object_get(row, "name")), hash,
				json_string_value(json_object_get(row, "text")));
	}
	json_array_foreach(list, i, row)
	{
		if (!json_is_true(json_object_get(row, "judged")) ||
		    json_is_true(json_object_get(row, "approved")))
			continue;
		differ_cnt++;
		fprintf(out, "# not as approved: %s\n",
			json_string_value(json_object_get(row, "name")));
	}
	if (differ_cnt == 0 && json_is_true(json_object_get(json_array_get(list, 0), "judged")))
		fputs("# as approved\n", out);
}
