/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/state_feed.h"

#include "err/err.h"
#include "observe/state_ask.h"

static void
fill_feed(const struct config *c, uint32_t feed_idx, const struct arb *a, struct state_feed *out)
{
	const struct arb_metrics *m = &a->metrics;
	bool heard = false;

	out->next_seq = metric_get(&m->expected_seq);
	out->msg_cnt = metric_get(&m->message_delivered);
	out->gap_cnt = metric_get(&m->gap_opened);
	out->gap_lost_cnt = metric_get(&m->gap_lost);
	out->msg_lost_cnt = metric_get(&m->message_lost);
	out->reorder_held_cnt = metric_get(&m->packet_held_now);
	for (uint32_t i = 0; i < out->line_cnt; i++) {
		const struct arb_line_metrics *lm = &a->line[i].metrics;
		struct state_line *line = &out->line[i];

		line->silent = metric_get(&lm->heard) == 0;
		heard |= !line->silent;
		line->packet_cnt = metric_get(&lm->packet);
		line->first_cnt = metric_get(&lm->message_first);
		line->duplicate_cnt = metric_get(&lm->message_duplicate);
		line->msg_cnt = metric_get(&lm->message);
		line->missing_cnt = metric_get(&lm->message_missing);
		line->unordered_cnt = metric_get(&lm->packet_out_of_order);
		if (a->line[i].lag_ns == NULL)
			continue;
		line->lag_p50_ns = hist_percentile(a->line[i].lag_ns, 500000);
		line->lag_p99_ns = hist_percentile(a->line[i].lag_ns, 990000);
	}
	out->silent = !heard;
}

static void
fill_recovery(const struct recovery *r, struct state_recovery *out)
{
	const struct recover_metrics *m = &r->recover.metrics;
	const struct hist *h = r->config.recover.recovery_ns;
	const uint32_t state = (uint32_t)metric_get(&m->state);

	TEXT(out->state, "%s", recover_state_name((enum recover_state)state));
	out->request_cnt = metric_get(&m->request_sent);
	out->unanswered_cnt = metric_get(&m->request_unanswered);
	out->answered_cnt = metric_get(&m->message_answered);
	out->snapshot_tried_cnt = metric_get(&m->snapshot_tried);
	out->snapshot_taken_cnt = metric_get(&m->snapshot_taken);
	out->done_cnt = metric_get(&m->hole_filled) + metric_get(&m->rebuild_done);
	out->lost_cnt = metric_get(&m->rebuild_lost);
	out->store_used_bytes = metric_get(&m->store_used_bytes);
	out->time_p50_ns = hist_percentile(h, 500000);
	out->time_p99_ns = hist_percentile(h, 990000);
	out->time_max_ns = metric_get(&h->max);
	out->requesting_ns = metric_get(&m->requesting_ns);
	out->snapshot_ns = metric_get(&m->snapshot_ns);
	out->replaying_ns = metric_get(&m->replaying_ns);
	out->failed_ns = metric_get(&m->failed_ns);
}

static void
fill_recovery_asked(const struct command_recovery *c, struct state_recovery *out)
{
	TEXT(out->state, "%s%s", recover_state_name((enum recover_state)c->state),
	     c->partial ? " (a part)" : "");
	out->hole_from_seq = c->hole_open ? c->hole_from_seq : 0;
	out->hole_cnt = c->hole_open ? c->hole_to_seq - c->hole_from_seq : 0;
}

static void
fill_feed_asked(const struct command_feed *f, struct state_feed *out)
{
	text_of_padded(f->session, sizeof(f->session), out->session);
	out->gap_open = f->gap_open;
	out->ended = f->state == ARB_ENDED;
	out->silent = f->state == ARB_SILENT || f->state == ARB_INIT;
	if (f->recovery.on)
		fill_recovery_asked(&f->recovery, &out->recovery);
	for (uint32_t i = 0; i < out->line_cnt; i++) {
		out->line[i].silent = f->line_silent[i] || f->line_heard_ns[i] == 0;
		out->line[i].last_heard_ns = f->line_heard_ns[i];
	}
}

/* Whether the port's host is a member of the line's group, and the switch can hear of it. */
static bool
line_joined(struct gateway *g, const struct config_line *line)
{
	const struct command request = { .kind = COMMAND_JOINED,
					 .arg = { line->port_idx, line->group } };
	const uint32_t lane_idx = g->map->port_host_lane[line->port_idx];

	return g->port[line->port_idx].link_up && lane_idx < g->lane_cnt &&
	       ask(g, lane_idx, &request) == 0 && g->lane[lane_idx]->command.reply_cnt != 0;
}

int
state_feed_rows(void *ctx, struct state_feed *row, size_t row_max)
{
	struct gateway *g = ctx;
	const struct config *c = g->config;

	for (uint32_t i = 0; i < c->feeds_cnt && i < row_max; i++) {
		const struct command request = { .kind = COMMAND_FEED, .arg = { i } };

		memset(&row[i], 0, sizeof(row[i]));
		TEXT(row[i].name, "%s", c->feeds[i].name);
		TEXT(row[i].recovery.state, "off");
		row[i].silent = true;
		row[i].line_cnt = c->feeds[i].lines_cnt < STATE_LINE_CNT_MAX ? c->feeds[i].lines_cnt
									     : STATE_LINE_CNT_MAX;
		for (uint32_t k = 0; k < row[i].line_cnt; k++) {
			const struct config_line *line = &c->feeds[i].lines[k];

			TEXT(row[i].line[k].port, "%s", line->port);
			text_of_ip(line->group, row[i].line[k].group, sizeof(row[i].line[k].group),
				   ':', line->udp_port);
			row[i].line[k].silent = true;
			row[i].line[k].joined = line_joined(g, line);
		}
		for (uint32_t l = 0; l < g->lane_cnt; l++) {
			if (g->lane[l]->arb[i] == NULL)
				continue;
			fill_feed(c, i, g->lane[l]->arb[i], &row[i]);
			if (g->lane[l]->recovery[i] != NULL)
				fill_recovery(g->lane[l]->recovery[i], &row[i].recovery);
			if (ask(g, l, &request) == 0)
				fill_feed_asked(g->reply[l], &row[i]);
		}
	}
	return (int)c->feeds_cnt;
}

int
state_feed_recover(void *ctx, const char *name, struct err *e)
{
	struct gateway *g = ctx;
	uint32_t f = 0, l = 0;
	int rc;

	while (f < g->config->feeds_cnt && strcmp(g->config->feeds[f].name, name) != 0)
		f++;
	if (f == g->config->feeds_cnt)
		return err_set(e, -ENOENT, "there is no feed '%.32s'", name);
	while (l < g->lane_cnt && g->lane[l]->arb[f] == NULL)
		l++;
	if (l == g->lane_cnt)
		return err_set(e, -ESRCH, "feed '%s': its lane does not run", name);
	rc = ask(g, l, &(struct command){ .kind = COMMAND_FEED_RECOVER, .arg = { f } });
	switch (rc) {
	case 0:
		return 0;
	case -EALREADY:
		return err_set(e, rc, "feed '%s': recovery is going on already", name);
	case -ENOTCONN:
		return err_set(e, rc, "feed '%s': nothing was heard yet, there is no session",
			       name);
	case -EOPNOTSUPP: // the same number as ENOTSUP, which recover_start means
		if (config_feed_recovers(&g->config->feeds[f]))
			return err_set(e, rc,
				       "feed '%s' has no snapshot server, and more messages went "
				       "by than request_max_hole",
				       name);
		return err_set(e, rc,
			       "feed '%s' has no recovery; name servers or a snapshot in "
			       "feeds.recovery",
			       name);
	default:
		return err_set(e, rc, "feed '%s': its lane did not take the command", name);
	}
}
