/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"

#include "config/config.h"
#include "config/profile.h"
#include "decision/risk_limits.h"

#define FIELD(owner, key) (((struct owner *)0)->key)

/* Each key's type must be the type of its field: a wrong one is a build error here. */
#define KEY_TYPE_BOOL     bool
#define KEY_TYPE_U32      uint32_t
#define KEY_TYPE_U64      uint64_t
#define KEY_TYPE_STR      char *
#define KEY_TYPE_USD      struct usd
#define KEY_TYPE_IP4      uint32_t
#define KEY_TYPE_NET4     struct ip4_net
#define KEY_TYPE_ENDPOINT struct ip4_endpoint
#define KEY_TYPE_MAC      struct mac
#define KEY_TYPE_ENUM     unsigned int
#define KEY_TYPE_SET      uint32_t
#define IS_TYPE(owner, type, key)                                                     \
	_Static_assert(_Generic(FIELD(owner, key), KEY_TYPE_##type : 1, default : 0), \
		       #owner "." #key ": type in the .def file differs from the struct");
#define KEY(owner, type, key, ...)   IS_TYPE(owner, type, key)
#define WORDS(owner, type, key, ...) IS_TYPE(owner, type, key)
#define LIST(owner, type, key, ...)  IS_TYPE(owner, type, key[0])
#define BLOCKS(owner, key, element, ...)                                                \
	_Static_assert(_Generic(FIELD(owner, key[0]), struct element : 1, default : 0), \
		       #owner "." #key ": element in the .def file differs from the struct");
#define REFUSE(owner, key, why)
#include "config/schema.def"
#undef KEY
#undef WORDS
#undef LIST
#undef BLOCKS
#undef REFUSE

static const char STAGE_WORDS[] =
#define STAGE(id, word, most) #word " "
#include "lane/stages.def"
#undef STAGE
	;
static const char BREAKER_WORDS[] =
#define BREAKER(NAME, word, subject, kind, unit, text) #word " "
#include "limits/breakers.def"
#undef BREAKER
	;
static const char STRATEGY_WORDS[] =
#define STRATEGY(NAME, name, text) #name " "
#include "decision/strategies.def"
#undef STRATEGY
	;

// clang-format off
#define KEY(own, typ, key, def, lo, hi, effect, un, text)                                  \
	{ .owner = #own, .name = #key, .type = KEY_##typ, .dflt = def, .min = lo, .max = hi, \
	  .offset = offsetof(struct own, key), .size = sizeof(FIELD(own, key)),            \
	  .takes_effect = effect, .unit = un, .meaning = text },
#define WORDS(own, typ, key, list, def, effect, text)                                      \
	{ .owner = #own, .name = #key, .type = KEY_##typ, .dflt = def, .words = list,      \
	  .offset = offsetof(struct own, key), .size = sizeof(FIELD(own, key)),            \
	  .takes_effect = effect, .unit = "", .meaning = text },
#define LIST_ROW(own, key, effect, text)                                                   \
	.owner = #own, .name = #key, .dflt = "", .unit = "",                               \
	.offset = offsetof(struct own, key), .size = sizeof(FIELD(own, key[0])),           \
	.cnt_offset = offsetof(struct own, key##_cnt),                                     \
	.takes_effect = effect, .meaning = text
#define LIST(own, typ, key, least, effect, text)                                           \
	{ LIST_ROW(own, key, effect, text), .type = KEY_LIST_##typ,                        \
	  .least_cnt = least, .most_cnt = ARRAY_CNT(FIELD(own, key)), .max = UINT32_MAX },
#define BLOCKS(own, key, elem, first, least, effect, text)                                 \
	{ LIST_ROW(own, key, effect, text), .type = KEY_LIST_BLOCK, .element = #elem,      \
	  .least_cnt = least, .most_cnt = ARRAY_CNT(FIELD(own, key)) - first,              \
	  .first_idx = first },
#define REFUSE(own, key, text)                                                             \
	{ .owner = #own, .name = #key, .type = KEY_REFUSED, .dflt = "", .unit = "", .meaning = text },
static const struct key CONFIG_KEY[] = {
#include "config/schema.def"
};
#undef KEY
#undef WORDS
#undef REFUSE

/* A key of a profile is two: the value and why. */
#define WHY(key)                                                                           \
	{ .owner = "profile", .name = #key ".why", .type = KEY_STR, .dflt = REQUIRED,      \
	  .min = 10, .offset = offsetof(struct profile, key.why),                          \
	  .size = sizeof(FIELD(profile, key.why)), .unit = "", .meaning = "The reason for the value" },
#define VALUE(typ, key)                                                                    \
	.owner = "profile", .name = #key ".value", .type = KEY_##typ, .dflt = REQUIRED,    \
	.offset = offsetof(struct profile, key.value), .size = sizeof(FIELD(profile, key.value))
#define PROFILE_TEXT(key, least, text)                                                     \
	{ .owner = "profile", .name = #key, .type = KEY_STR, .dflt = REQUIRED, .min = least, \
	  .offset = offsetof(struct profile, key), .size = sizeof(FIELD(profile, key)),    \
	  .unit = "", .meaning = text },
#define PROFILE(typ, key, lo, hi, un, text)                                                \
	{ VALUE(typ, key), .min = lo, .max = hi, .unit = un, .meaning = text }, WHY(key)
#define PROFILE_WORDS(typ, key, list, text)                                                \
	{ VALUE(typ, key), .words = list, .unit = "", .meaning = text }, WHY(key)
static const struct key PROFILE_KEY[] = {
#include "profile.def"
};
// clang-format on

const struct schema CONFIG_SCHEMA = { CONFIG_KEY, ARRAY_CNT(CONFIG_KEY), "config" };
const struct schema PROFILE_SCHEMA = { PROFILE_KEY, ARRAY_CNT(PROFILE_KEY), "profile" };

static_assert(ARRAY_CNT(CONFIG_KEY) <= SCHEMA_KEY_MAX, "a set of keys seen fits");
static_assert(ARRAY_CNT(PROFILE_KEY) <= SCHEMA_KEY_MAX, "a set of keys seen fits");
