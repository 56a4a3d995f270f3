/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "limits/limits.h"
#include "../unit/limits_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The limits of a journal, any bytes.  Either they are refused, and then nothing has changed and
 * there are words; or they are in force as the next version, and what is in force then gives a text
 * that, taken, gives the same again.
 */
static struct config config;
static struct limits limits;
static struct turn_count lane;

static void
open_once(void)
{
	struct err e;

	err_init(&e);
	limits_config_small(&config);
	config.accounts_cnt = 2;
	strcpy(config.accounts[1].name, "desk");
	config.strategies_cnt = 1;
	strcpy(config.strategies[0].name, "taker");
	config.strategies[0].account_idx = 1;
	if (limits_open(&limits, &config, &e) != 0 || limits_add_lane(&limits, &lane) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct limits_set before;
	const bool armed = limits.armed, halted = limits.halted;
	uint32_t version;
	struct err e;
	char *text, *again;
	size_t len, again_len;

	if (limits.current == NULL)
		open_once();
	err_init(&e);
	before = limits.set;
	version = limits.current->version;
	if (limits_text_take(&limits, (const char *)data, size, &e) != 0) {
		if (memcmp(&before, &limits.set, sizeof(before)) != 0 ||
		    limits.current->version != version || limits.armed != armed ||
		    limits.halted != halted || e.text[0] == '\0')
			abort();
		err_end(&e);
		return 0;
	}
	if (limits.current->version != version + 1)
		abort();
	text = limits_text(&limits, &len);
	if (text == NULL || limits_text_take(&limits, text, len, &e) != 0)
		abort();
	again = limits_text(&limits, &again_len);
	if (again == NULL || len != again_len || memcmp(text, again, len) != 0)
		abort();
	free(text);
	free(again);
	err_end(&e);
	return 0;
}
