/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/check.h"

/* The tree of limits: the firm, accounts, strategies. */

static bool
is_firm(const char *name)
{
	return name[0] == '\0' || strcmp(name, "firm") == 0;
}

/* The account of that name; 0: there is none, and *e says so. */
static uint32_t
account_find(const struct config *c, const char *name, const char *what, const char *who,
	     struct err *e)
{
	char list[512] = "";
	size_t used = 0;

	for (uint32_t i = 1; i < c->accounts_cnt; i++) {
		if (strcmp(c->accounts[i].name, name) == 0)
			return i;
		if (used + 20 < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, " %s",
						 c->accounts[i].name);
	}
	err_add(e, -EINVAL, "%s: %s '%s' names the account '%s', which is not there; there is:%s",
		AT(c, *name), what, who, name, used ? list : " none");
	return 0;
}

/* How many accounts lie above one another, from this one up; 0: the way up never ends. */
static uint32_t
depth_of(const struct config *c, uint32_t account)
{
	uint32_t depth = 1;

	for (uint32_t i = c->accounts[account].parent_idx; i != RISK_NODE_FIRM; depth++) {
		if (depth > c->accounts_cnt)
			return 0;
		i = c->accounts[i].parent_idx;
	}
	return depth;
}

static void
restricted_check(const struct config *c, const struct config_account *a, struct err *e)
{
	for (uint32_t i = 0; i < a->restricted_cnt; i++) {
		uint32_t k = 1;

		while (k < c->instruments_cnt &&
		       strcmp(c->instruments[k].symbol, a->restricted[i]) != 0)
			k++;
		if (k == c->instruments_cnt)
			err_add(e, -EINVAL,
				"%s: account '%s' restricts '%s', which is not in instruments; "
				"correct it, or add it there with trade: false",
				AT(c, a->restricted[i]), a->name, a->restricted[i]);
	}
}

static void
accounts_check(struct config *c, struct err *e)
{
	for (uint32_t i = 1; i < c->accounts_cnt; i++) {
		struct config_account *a = &c->accounts[i];

		if (strcmp(a->name, "firm") == 0)
			err_add(e, -EINVAL,
				"%s: account 'firm': the firm is the root of the tree and has its "
				"limits in risk; take another name",
				AT(c, a->name));
		if (is_firm(a->parent))
			a->parent_idx = RISK_NODE_FIRM;
		else
			a->parent_idx = account_find(c, a->parent, "account", a->name, e);
		restricted_check(c, a, e);
	}
	for (uint32_t i = 1; i < c->accounts_cnt; i++) {
		const struct config_account *a = &c->accounts[i];
		const uint32_t depth = depth_of(c, i);

		if (depth == 0)
			err_add(e, -EINVAL,
				"%s: account '%s': the way up by parent '%s' comes back and never "
				"reaches the firm; give one of them another parent",
				AT(c, a->parent), a->name, a->parent);
		else if (depth > ACCOUNT_DEPTH_MAX)
			err_add(e, -EINVAL,
				"%s: account '%s' is %u levels below the firm; allowed 1..%u",
				AT(c, a->parent), a->name, depth, ACCOUNT_DEPTH_MAX);
	}
}

static void
default_account(struct config *c)
{
	if (c->accounts_cnt > 1)
		return;
	c->accounts[1] = (struct config_account){ .name = "default" };
	c->accounts_cnt = 2;
}

/* Two names in one tree would leave `limits set KEY VALUE account NAME` unclear to people. */
static void
strategies_check(struct config *c, struct err *e)
{
	for (uint32_t i = 0; i < c->strategies_cnt; i++) {
		struct config_strategy *s = &c->strategies[i];

		if (s->account[0] != '\0')
			s->account_idx = account_find(c, s->account, "strategy", s->name, e);
		else if (c->accounts_cnt == 2)
			s->account_idx = 1;
		else
			err_add(e, -EINVAL,
				"%s: strategy '%s' names no account, and there are %u; say which "
				"one with account",
				AT(c, s->name), s->name, c->accounts_cnt - 1);
	}
}

void
config_tree_check(struct config *c, struct err *e)
{
	default_account(c);
	accounts_check(c, e);
	strategies_check(c, e);
}
