/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config/config.h"

enum {
	WORKING_DAYS = 0x1f, // Monday to Friday
};

/* The words of an order style as the venue's letters. */
void
config_style_of(const struct config *c, uint32_t idx, struct encode_style *out)
{
	static const char DISPLAY[] = { 'Y', 'A', 'N' };
	static const char CROSS[] = { 'N', 'O', 'C', 'H', 'S', 'R', 'E', 'A' };
	static const char CUSTOMER[] = { 0, 'R', 'N' };
	static const char PEG[] = { 0, 'P', 'M', 'R', 'Q', 'm' };
	const struct config_style *s = &c->order_styles[idx];

	*out = (struct encode_style){ 0 };
	if (idx == 0)
		return;
	*out = (struct encode_style){
		.display = DISPLAY[s->display],
		.cross = CROSS[s->cross],
		.customer = CUSTOMER[s->customer],
		.price_type = PEG[s->peg],
		.discretion_type = PEG[s->discretion_peg],
		.handle_inst = s->handle_inst[0],
		.aiq_strategy = s->aiq_strategy[0],
		.sweep = s->sweep,
		.after_hours = s->after_hours,
		.trade_now = s->trade_now,
		.shares_located = s->shares_located,
		.group_id = (uint16_t)s->group_id,
		.min_qty = s->min_qty,
		.max_floor_qty = s->max_floor_qty,
		.random_reserve_qty = s->random_reserve_qty,
		.expire_s = s->expire_s,
		.peg_offset_px4 = (int32_t)(s->peg_up_usd.usd4 - s->peg_down_usd.usd4),
		.discretion_peg_offset_px4 =
			(int32_t)(s->discretion_up_usd.usd4 - s->discretion_down_usd.usd4),
		.discretion_px4 = (uint32_t)s->discretion_usd.usd4,
	};
	snprintf(out->locate_broker, sizeof(out->locate_broker), "%s", s->locate_broker);
	snprintf(out->aiq_group, sizeof(out->aiq_group), "%s", s->aiq_group);
}

/* "HH:MM" or "HH:MM:SS" as seconds. */
static bool
time_of_text(const char *text, uint32_t *s)
{
	const size_t len = strlen(text);
	unsigned hour, minute, second = 0;
	int used = 0;

	if (len == 5 ? sscanf(text, "%2u:%2u%n", &hour, &minute, &used) != 2
		     : len != 8 ||
			       sscanf(text, "%2u:%2u:%2u%n", &hour, &minute, &second, &used) != 3)
		return false;
	if ((size_t)used != len || hour > 23 || minute > 59 || second > 59)
		return false;
	*s = hour * 3600 + minute * 60 + second;
	return true;
}

bool
config_schedule_of(const struct config_session *s, struct session_schedule *out)
{
	const char *offset = s->schedule.utc_offset;
	const time_t now = time(NULL);
	uint32_t offset_s;
	struct tm tm;

	*out = (struct session_schedule){ .days = s->schedule.days == 0
							  ? WORKING_DAYS
							  : (uint8_t)s->schedule.days };
	if (!s->schedule.connect[0] && !s->schedule.disconnect[0])
		return true;
	out->on = true;
	if (!time_of_text(s->schedule.connect, &out->connect_s) ||
	    !time_of_text(s->schedule.disconnect, &out->disconnect_s) ||
	    out->connect_s == out->disconnect_s)
		return false;
	if (strcmp(offset, "local") == 0) {
		out->utc_offset_s = localtime_r(&now, &tm) == NULL ? 0 : (int32_t)tm.tm_gmtoff;
		return true;
	}
	if ((offset[0] != '+' && offset[0] != '-') || strlen(offset) != 6 ||
	    !time_of_text(offset + 1, &offset_s) || offset_s > 14 * 3600)
		return false;
	out->utc_offset_s = offset[0] == '-' ? -(int32_t)offset_s : (int32_t)offset_s;
	return true;
}
