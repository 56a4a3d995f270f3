/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/state_journal.h"

#include <string.h>

#include "base/units.h"
#include "boot/gateway.h"
#include "boot/journal_start.h"

/* One sample.  lane NULL: of the whole journal. */
static void
emit(state_metric_fn *fn, void *arg, const char *name, bool counter, const char *help,
     uint64_t value, const char *lane)
{
	struct state_metric m = {
		.module = lane == NULL ? "journal" : "journal_lane",
		.name = name,
		.help = help,
		.counter = counter,
		.label_cnt = lane == NULL ? 0 : 1,
		.value = value,
	};

	if (lane != NULL)
		m.label[0] = (struct state_label){ "lane", lane };
	fn(arg, &m);
}

bool
state_journal_failing(const struct gateway *g)
{
	struct journal_stats s;

	return gateway_journal_stats(g, &s) && (s.error != 0 || s.behind_ns > NS_PER_SEC);
}

void
state_journal_metrics(const struct gateway *g, state_metric_fn *fn, void *arg)
{
	enum {
		COUNTER = true,
		GAUGE = false,
	};
	struct journal_stats s;

	if (!gateway_journal_stats(g, &s))
		return;
#define METRIC(name, kind, help) emit(fn, arg, #name, kind, help, s.name, NULL);
#include "journal/writer_metrics.def"
#undef METRIC
	for (uint32_t i = 0; i < g->lane_cnt; i++) {
		const struct journal_metrics *m = gateway_journal_lane_metrics(g, i);

		const char *lane_name = g->lane[i]->name;

		if (m == NULL)
			continue;
#define METRIC(name, kind, help) emit(fn, arg, #name, kind, help, metric_get(&m->name), lane_name);
#include "base/journal_metrics.def"
#undef METRIC
	}
}
