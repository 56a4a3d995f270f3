/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_CONFIG_TEXT_H
#define SLUICE_TESTS_CONFIG_TEXT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// clang-format off
/* A whole configuration without fault; tests change one thing of it. */
#define CONFIG_HEAD "environment: simulation\n" /* line 1 */
#define CONFIG_MAP                                                           \
	"core_map:\n"                                                        \
	"  control: 0\n"                                                     \
	"  lanes:\n"                                                         \
	"    - { name: receive, core: 2, stages: [rx, arb] }\n"              \
	"    - { name: parser, core: 3, stages: [parse, book, strategy] }\n" \
	"    - { name: risk, core: 4, stages: [risk] }\n"                    \
	"    - { name: encoder, core: 5, stages: [orders, encode, tcp, report] }\n"
#define CONFIG_REST /* begins on line 9 */                                                         \
	"ports:\n"                                                                                 \
	"  - { name: md, device: \"net_af_packet0,iface=veth1\", profile: af_packet, address: "    \
	"10.1.1.2/24 }\n"                                                                          \
	"  - { name: oe, device: 0000:3b:00.0, profile: ice, address: 10.1.2.2/24, vlan: 7 }\n"    \
	"venues:\n"                                                                                \
	"  - { name: sim, environment: simulation }\n"                                             \
	"feeds:\n"                                                                                 \
	"  - name: itch\n"                                                                         \
	"    venue: sim\n"                                                                         \
	"    lines:\n"                                                                             \
	"      - { port: md, group: 239.1.1.1, udp_port: 26400 }\n"                                \
	"      - { port: md, group: 239.1.1.2, udp_port: 26401 }\n"                                \
	"sessions:\n"                                                                              \
	"  - name: oe\n"                                                                           \
	"    venue: sim\n"                                                                         \
	"    protocol: ouch50\n"                                                                   \
	"    port: oe\n"                                                                           \
	"    peer: 10.1.2.1:26488\n"                                                               \
	"    username: TEST01\n"                                                                   \
	"    password_file: oe.password\n"                                                         \
	"    capacity: principal\n"                                                                \
	"instruments:\n"                                                                           \
	"  - { symbol: AAPL, feed: itch, session: oe, trade: true }\n"                             \
	"  - { symbol: MSFT, feed: itch }\n"                                                       \
	"strategies:\n"                                                                            \
	"  - { name: taker, kind: take, instruments: [AAPL], qty: 100, position_max_qty: 1000 }\n" \
	"risk:\n"                                                                                  \
	"  order_max_qty: 500\n"                                                                   \
	"  order_max_usd: 100000.25\n"                                                             \
	"  collar_bp: 500\n"                                                                       \
	"  open_max_qty: 5000\n"                                                                   \
	"  position_max_qty: 10000\n"                                                              \
	"  gross_max_usd: 1000000\n"                                                               \
	"  order_rate_max: 100\n"                                                                  \
	"  instruments: [ { symbol: AAPL, order_max_qty: 200 } ]\n"
#define CONFIG_GOOD CONFIG_HEAD CONFIG_MAP CONFIG_REST
// clang-format on

/* The text with the first `from` replaced by `to`; false when there is none. */
static inline bool
text_change(char *out, size_t out_bytes, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (!at)
		return false;
	return (size_t)snprintf(out, out_bytes, "%.*s%s%s", (int)(at - text), text, to,
				at + strlen(from)) < out_bytes;
}

#endif
