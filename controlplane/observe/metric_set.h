/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_METRIC_SET_H
#define SLUICE_OBSERVE_METRIC_SET_H

#include <stdio.h>

#include "observe/state.h"

enum metric_kind {
	METRIC_KIND_COUNTER,
	METRIC_KIND_GAUGE,
	METRIC_KIND_SUMMARY,
};

enum {
	METRIC_NAME_MAX = 96,
	METRIC_LABEL_MAX = 64,
};

/* One number with its full name. */
struct metric_sample {
	char family[METRIC_NAME_MAX]; // sluice_<module>_<name>[_total]
	char help[160];
	enum metric_kind kind;
	const char *suffix; // "_sum" and "_count" of a summary, otherwise ""
	uint32_t label_cnt;
	char label_key[STATE_LABEL_MAX][24];
	char label_value[STATE_LABEL_MAX][METRIC_LABEL_MAX];
	uint64_t value;
};

/* Everything the gateway counts, at one moment, ordered by name. */
struct metric_set {
	struct metric_sample *sample;
	size_t cnt;
	size_t room;
	bool no_memory; // some are missing
};

/*
 * What the modules count (state_source.metrics), and what the snapshots of status, ports, lanes,
 * rings and latency say.  Returns 0 or -ENOMEM; metric_set_fini in either case.
 */
int metric_set_collect(struct metric_set *m, const struct state_source *s);
void metric_set_fini(struct metric_set *m);

/* In the Prometheus text format. */
void metric_set_write(const struct metric_set *m, FILE *out);

#endif
