/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/units.h"
#include "limits/day_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Positions and locates of the day, any bytes.  Each is either taken, and then every row is of a
 * configured instrument and account, within its range, and there once; or refused, and then the
 * words name the file.
 */
static struct config config;

static void
check_positions(const struct day_position *p, int cnt)
{
	for (int i = 0; i < cnt; i++) {
		if (p[i].node_idx == 0 || p[i].node_idx >= config.accounts_cnt ||
		    p[i].instr_idx == 0 || p[i].instr_idx >= config.instruments_cnt)
			abort();
		if (p[i].qty == 0 || p[i].qty > INT32_MAX || p[i].qty < -INT32_MAX ||
		    p[i].px4 <= 0 || p[i].px4 > PX4_MAX)
			abort();
		for (int k = 0; k < i; k++)
			if (p[k].node_idx == p[i].node_idx && p[k].instr_idx == p[i].instr_idx)
				abort();
	}
}

static void
check_locates(const struct risk_locate *x, uint32_t cnt)
{
	if (cnt > RISK_LOCATE_MAX)
		abort();
	for (uint32_t i = 0; i < cnt; i++) {
		if (x[i].node_idx == 0 || x[i].node_idx >= config.accounts_cnt ||
		    x[i].instr_idx == 0 || x[i].instr_idx >= config.instruments_cnt ||
		    x[i].qty == 0)
			abort();
		for (uint32_t k = 0; k < i; k++)
			if (x[k].node_idx == x[i].node_idx && x[k].instr_idx == x[i].instr_idx)
				abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct risk_locate locate[RISK_LOCATE_MAX];
	struct day_position *position = NULL;
	uint32_t locate_cnt = 0;
	const int fd = memfd_create("day", MFD_CLOEXEC);
	struct err e;
	int cnt;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (config.instruments_cnt == 0) {
		config.instruments_cnt = 3;
		strcpy(config.instruments[1].symbol, "AAPL");
		strcpy(config.instruments[2].symbol, "MSFT");
		config.accounts_cnt = 3;
		strcpy(config.accounts[1].name, "desk");
		strcpy(config.accounts[2].name, "book");
	}
	snprintf(config.risk.positions_file, sizeof(config.risk.positions_file), "/proc/self/fd/%d",
		 fd);
	memcpy(config.risk.locates_file, config.risk.positions_file,
	       sizeof(config.risk.locates_file));
	err_init(&e);
	cnt = day_positions_load(&config, &position, &e);
	err_end(&e);
	if (cnt >= 0)
		check_positions(position, cnt);
	else if (position != NULL || strstr(e.text, config.risk.positions_file) == NULL)
		abort();
	free(position);
	err_init(&e);
	cnt = day_locates_load(&config, locate, &locate_cnt, &e);
	err_end(&e);
	if (cnt >= 0)
		check_locates(locate, locate_cnt);
	else if (strstr(e.text, config.risk.locates_file) == NULL)
		abort();
	close(fd);
	return 0;
}
