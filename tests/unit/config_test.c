/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/config_doc.h"
#include "config/schema.h"
#include "config_text.h"

static struct config config;
static struct err err;

static int
load(const char *text)
{
	return config_load_text(&config, "c.yaml", text, strlen(text), &err);
}

static void
a_whole_file_is_read_as_it_stands(void **state)
{
	char where[300];

	if (load(CONFIG_GOOD) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(config.environment, ENVIRONMENT_SIMULATION);
	assert_int_equal(config.core_map.lanes_cnt, 4);
	assert_int_equal(config.core_map.lanes[0].stages, 0x3);
	assert_int_equal(config.core_map.lanes[3].stages, 0x3c0);
	assert_int_equal(config.ports[0].address.ip, 0x0a010102);
	assert_int_equal(config.ports[0].address.prefix_len, 24);
	assert_int_equal(config.ports[1].vlan, 7);
	assert_string_equal(config.ports[1].device, "0000:3b:00.0");
	assert_int_equal(config.feeds[0].lines[1].group, 0xef010102);
	assert_int_equal(config.feeds[0].lines[1].udp_port, 26401);
	assert_int_equal(config.sessions[0].peer.ip, 0x0a010201);
	assert_int_equal(config.sessions[0].peer.port, 26488);
	assert_int_equal(config.sessions[0].port_idx, 1);
	assert_string_equal(config.sessions[0].username, "TEST01");
	// The first instrument has index 1; the count includes index 0.
	assert_int_equal(config.instruments_cnt, 3);
	assert_string_equal(config.instruments[1].symbol, "AAPL");
	assert_int_equal(config.instruments[2].session_idx, SESSION_MAX);
	assert_int_equal(config.strategies[0].instr_idx[0], 1);
	assert_int_equal(config.risk.order_max_usd.usd4, 1000002500);
	// An instrument's limits are its own where it has them, and the global ones elsewhere.
	assert_int_equal(config.risk.instruments[0].instr_idx, 1);
	assert_int_equal(config.risk.instruments[0].order_max_qty, 200);
	assert_int_equal(config.risk.instruments[0].order_max_usd.usd4, 1000002500);
	assert_int_equal(config.risk.instruments[0].collar_bp, 500);
	// Defaults.
	assert_false(config.arm_at_start);
	assert_int_equal(config.feeds[0].gap_wait_us, 500);
	assert_int_equal(config.sessions[0].tcp.mss_bytes, 1460);
	assert_true(config.sessions[0].tcp.sack);
	assert_false(config_is_set(&config, &config.arm_at_start));
	assert_true(config_is_set(&config, &config.risk.collar_bp));
	config_where(&config, &config.risk.collar_bp, where, sizeof(where));
	assert_string_equal(where, "c.yaml:37:14");
	// A default stands where the block around it begins.
	config_where(&config, &config.feeds[0].gap_wait_us, where, sizeof(where));
	assert_string_equal(where, "c.yaml:15:5");
	config_free(&config);
}

/* One change to the good file, and all that is said about it. */
static const struct {
	const char *what;
	const char *from;
	const char *to;
	const char *want;
} FAULTS[] = {
	// clang-format off
	{ "an unknown key with a neighbour", "collar_bp: 500", "colar_bp: 500",
	  "c.yaml:37:3: risk.colar_bp: unknown key; did you mean 'collar_bp'?\n"
	  "c.yaml:35:3: risk.collar_bp: is missing; it has no default (Largest distance of a price from the reference price)" },
	{ "an unknown key far from all", "- { name: sim, ", "- { name: sim, zzzzzzzzzz: 1, ",
	  "c.yaml:13:18: venues[0].zzzzzzzzzz: unknown key; allowed here: name environment" },
	{ "a key with a dot does not reach into a block", CONFIG_HEAD, CONFIG_HEAD "hugepages.memory_mb: 1024\n",
	  "c.yaml:2:1: hugepages.memory_mb: unknown key; allowed here: environment arm_at_start hugepages eal control journal latency pmd_config_dir core_map_file core_map ports venues feeds sessions instruments order_styles accounts strategies risk kill_switch manifest breakers" },
	{ "a key twice", "collar_bp: 500", "collar_bp: 500\n  collar_bp: 400",
	  "c.yaml:38:3: risk.collar_bp: stands there twice, first at c.yaml:37:3; keep one of them" },
	{ "a block twice", "venues:", "risk: {}\nvenues:",
	  "c.yaml:35:1: risk: stands there twice, first at c.yaml:12:1; keep one of them\n"
	  "c.yaml:12:7: risk.order_max_qty: is missing; it has no default (Largest quantity of one order (OUCH carries at most 999,999))\n"
	  "c.yaml:12:7: risk.order_max_usd: is missing; it has no default (Largest price times quantity of one order)\n"
	  "c.yaml:12:7: risk.collar_bp: is missing; it has no default (Largest distance of a price from the reference price)\n"
	  "c.yaml:12:7: risk.open_max_qty: is missing; it has no default (Largest open quantity per instrument)\n"
	  "c.yaml:12:7: risk.position_max_qty: is missing; it has no default (Largest position per instrument, long or short, open orders included)\n"
	  "c.yaml:12:7: risk.gross_max_usd: is missing; it has no default (Largest sum of open orders and positions of all instruments)\n"
	  "c.yaml:12:7: risk.order_rate_max: is missing; it has no default (Most new orders and replaces within order_rate_window_ms)" },
	{ "a number that is none", "collar_bp: 500", "collar_bp: five",
	  "c.yaml:37:14: risk.collar_bp: 'five' is no whole number; allowed 1..5000 1/100 percent (Largest distance of a price from the reference price)" },
	{ "a number in another base", "collar_bp: 500", "collar_bp: 0x10",
	  "c.yaml:37:14: risk.collar_bp: '0x10' is no whole number; allowed 1..5000 1/100 percent (Largest distance of a price from the reference price)" },
	{ "a number with a leading zero", "collar_bp: 500", "collar_bp: 0500",
	  "c.yaml:37:14: risk.collar_bp: '0500' is no whole number; allowed 1..5000 1/100 percent (Largest distance of a price from the reference price)" },
	{ "a number in quotes", "collar_bp: 500", "collar_bp: \"500\"",
	  "c.yaml:37:14: risk.collar_bp: \"500\" is a text; write the number without quotes (Largest distance of a price from the reference price)" },
	{ "a number below the least", "collar_bp: 500", "collar_bp: 0",
	  "c.yaml:37:14: risk.collar_bp: 0 is outside 1..5000 1/100 percent (Largest distance of a price from the reference price)" },
	{ "a number above the most", "order_max_qty: 500", "order_max_qty: 1000000",
	  "c.yaml:35:18: risk.order_max_qty: 1000000 is outside 1..999999 shares (Largest quantity of one order (OUCH carries at most 999,999))" },
	{ "a number beyond 64 bits", "collar_bp: 500", "collar_bp: 18446744073709551617",
	  "c.yaml:37:14: risk.collar_bp: 18446744073709551617 is outside 1..5000 1/100 percent (Largest distance of a price from the reference price)" },
	{ "a negative number", "collar_bp: 500", "collar_bp: -1",
	  "c.yaml:37:14: risk.collar_bp: '-1' is no whole number; allowed 1..5000 1/100 percent (Largest distance of a price from the reference price)" },
	{ "nothing behind a key", "collar_bp: 500", "collar_bp:",
	  "c.yaml:37:13: risk.collar_bp: found nothing behind the key; write a value (Largest distance of a price from the reference price)" },
	{ "a list where one value belongs", "collar_bp: 500", "collar_bp: [500]",
	  "c.yaml:37:14: risk.collar_bp: found a list, allowed one value (Largest distance of a price from the reference price)" },
	{ "one value where a list belongs", "instruments: [AAPL]", "instruments: AAPL",
	  "c.yaml:33:45: strategies[0].instruments: found a single value, allowed a list (Symbols it acts on)" },
	{ "one value where a block belongs", CONFIG_HEAD, CONFIG_HEAD "control: 7\n",
	  "c.yaml:2:10: control: found a single value, allowed a block of keys (key: value)" },
	{ "an amount that is none", "order_max_usd: 100000.25", "order_max_usd: 1e6",
	  "c.yaml:36:18: risk.order_max_usd: '1e6' is no amount in dollars, such as 12.50 (Largest price times quantity of one order)" },
	{ "an amount with a fifth decimal", "order_max_usd: 100000.25", "order_max_usd: 1.00001",
	  "c.yaml:36:18: risk.order_max_usd: '1.00001' has more than four decimals (Largest price times quantity of one order)" },
	{ "an amount of nothing", "order_max_usd: 100000.25", "order_max_usd: 0.0000",
	  "c.yaml:36:18: risk.order_max_usd: 0.0000 is outside 0.0001..100000000000.0000 dollars (Largest price times quantity of one order)" },
	{ "yes for true", "trade: true", "trade: yes",
	  "c.yaml:30:53: instruments[0].trade: 'yes' is neither true nor false (true allows orders; otherwise it is only observed)" },
	{ "a word that is not offered", "protocol: ouch50", "protocol: ouch51",
	  "c.yaml:23:15: sessions[0].protocol: 'ouch51' is not one of: ouch50 ouch42 (Language of its orders)" },
	{ "a stage twice in a lane", "[rx, arb]", "[rx, arb, rx]",
	  "c.yaml:5:51: core_map.lanes[0].stages: 'rx' stands there twice (The stages it runs: neighbours, and rx with arb, parse with book, orders with encode, tcp and report)" },
	{ "a text too long for its field", "username: TEST01", "username: TEST0123",
	  "c.yaml:26:15: sessions[0].username: 'TEST0123' has 8 bytes; at most 6 are allowed (Login name, at most 6 letters and digits)" },
	{ "an address that is none", "group: 239.1.1.1", "group: 239.1.1",
	  "c.yaml:18:28: feeds[0].lines[0].group: '239.1.1' is no IPv4 address, such as 10.1.2.3 (Multicast group)" },
	{ "a network without its length", "address: 10.1.2.2/24", "address: 10.1.2.2",
	  "c.yaml:11:62: ports[1].address: '10.1.2.2' is no IPv4 address with a prefix length, such as 10.1.2.3/24 (Our own address on this port and its network's prefix length)" },
	{ "a peer without a port", "peer: 10.1.2.1:26488", "peer: 10.1.2.1",
	  "c.yaml:25:11: sessions[0].peer: '10.1.2.1' is no IPv4 address with a port, such as 10.1.2.3:26400 (Address and TCP port of the venue)" },
	{ "a hardware address that is none", "vlan: 7", "mac: 02:00:00:00:00",
	  "c.yaml:11:80: ports[1].mac: '02:00:00:00:00' is no hardware address, such as 02:00:00:0a:0b:0c (Our own hardware address; empty: the device's)" },
	{ "more lines than there is room for", "lines:\n", "lines:\n      - {}\n      - {}\n      - {}\n",
	  "c.yaml:18:7: feeds[0].lines: found 5 elements, allowed 1..4 (The multicast lines A, B, ... that carry the same packets)" },
	{ "a list that must not be empty", "instruments: [AAPL]", "instruments: []",
	  "c.yaml:33:45: strategies[0].instruments: found 0 elements, allowed 1..8256 (Symbols it acts on)" },
	{ "a password in the file", "password_file: oe.password", "password: hunter2",
	  "c.yaml:27:5: sessions[0].password: a password does not belong here: put it into a file of mode 0600 and name that in password_file, or use credential" },
	{ "an anchor", "collar_bp: 500", "collar_bp: &x 500",
	  "c.yaml:37:14: an anchor (&name) is not allowed here; write the value out each time. A text that begins with & needs quotes" },
	{ "an alias", "collar_bp: 500", "collar_bp: *x",
	  "c.yaml:37:14: an alias (*name) is not allowed here; write the value out. A text that begins with * needs quotes" },
	{ "a tag", "collar_bp: 500", "collar_bp: !!int 500",
	  "c.yaml:37:14: a tag (!name) is not allowed here; leave it out. A text that begins with ! needs quotes" },
	{ "a second document", "venues:", "---\nvenues:",
	  "c.yaml:12:1: a second document (---) begins; a file has only one" },
	{ "a bracket left open", "stages: [risk]", "stages: [risk",
	  "c.yaml:7:44: not YAML: while parsing a flow sequence, did not find expected ',' or ']'" },
	{ "a tab as indentation", "  collar_bp: 500", "\tcollar_bp: 500",
	  "c.yaml:37:1: not YAML: while scanning a plain scalar, found a tab character that violates indentation" },
	{ "bytes that are no text", "collar_bp: 500", "collar_bp: \xfe",
	  "c.yaml:37:14: the byte 0xfe is no text in UTF-8; save the file as UTF-8" },
	{ "a character written too long", "collar_bp: 500", "collar_bp: \xc0\xaf",
	  "c.yaml:37:14: the byte 0xc0 is no text in UTF-8; save the file as UTF-8" },
	{ "blocks too deep", "collar_bp: 500", "collar_bp: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
	  "c.yaml:37:28: lists and blocks stand deeper in each other than 16 levels" },
	// Rules that join keys: both places are named.
	{ "a venue of another environment", "environment: simulation }", "environment: live }",
	  "c.yaml:16:12: feed 'itch' uses the venue 'sim', which is for live (c.yaml:13:31), while environment is simulation at c.yaml:1:14; they must be equal\n"
	  "c.yaml:22:12: session 'oe' uses the venue 'sim', which is for live (c.yaml:13:31), while environment is simulation at c.yaml:1:14; they must be equal" },
	{ "a port that is not there", "    port: oe", "    port: eo",
	  "c.yaml:24:11: session 'oe' names the port 'eo', which is not there; there is: md oe" },
	{ "two ports of one name", "name: oe, device", "name: md, device",
	  "c.yaml:11:13: port 'md' stands there twice, first at c.yaml:10:13; give each its own name\n"
	  "c.yaml:24:11: session 'oe' names the port 'oe', which is not there; there is: md md" },
	{ "a name with a space", "- name: itch", "- name: it ch",
	  "c.yaml:15:11: feed 'it ch': a name consists of letters, digits, _ and -\n"
	  "c.yaml:30:27: instrument 'AAPL' names the feed 'itch', which is not there; there is: it ch\n"
	  "c.yaml:31:27: instrument 'MSFT' names the feed 'itch', which is not there; there is: it ch" },
	{ "an instrument the feed does not subscribe to", "    venue: sim\n    lines:", "    venue: sim\n    symbols: [\"A*\", \"?X\"]\n    lines:",
	  "c.yaml:32:15: instrument 'MSFT' is none of the symbols at c.yaml:17:15, which are all that feed 'itch' takes; add it there" },
	{ "a group that is a host", "group: 239.1.1.2", "group: 10.1.1.2",
	  "c.yaml:19:28: feed 'itch' line 1: the group is no multicast address (224.0.0.0 to 239.255.255.255)" },
	{ "a line twice", "group: 239.1.1.2, udp_port: 26401", "group: 239.1.1.1, udp_port: 26400",
	  "c.yaml:19:28: feed 'itch' line 1 has the port, group and udp_port of feed 'itch' line 0 at c.yaml:18:28; a line belongs to one feed, once" },
	{ "a source with IGMPv2", "lines:\n      - { port: md,", "igmp_version: 2\n    lines:\n      - { source: 10.9.9.9, port: md,",
	  "c.yaml:19:19: feed 'itch' line 0 names a source, while igmp_version is 2 at c.yaml:17:19; only version 3 can ask for one" },
	{ "a source that is the broadcast address", "group: 239.1.1.2,", "source: 10.1.1.255, group: 239.1.1.2,",
	  "c.yaml:19:29: feed 'itch' line 1: the source is 10.1.1.255, the broadcast address of the network 10.1.1.0/24 of port 'md'; hosts there have 10.1.1.1 to 10.1.1.254: give one of these, or correct the prefix length at c.yaml:10:84" },
	{ "a group with and without a source", "group: 239.1.1.2,", "source: 10.9.9.9, group: 239.1.1.1,",
	  "c.yaml:19:46: feed 'itch' line 1 names a source for its group, while feed 'itch' line 0 at c.yaml:18:28 does not agree; a port joins a group from any sender or from named ones, not both" },
	{ "an address that is the network's number", "10.1.2.2/24", "10.1.2.0/24",
	  "c.yaml:11:62: port 'oe': its address is 10.1.2.0, the number of the network 10.1.2.0/24 of port 'oe'; hosts there have 10.1.2.1 to 10.1.2.254: give one of these, or correct the prefix length at c.yaml:11:62" },
	{ "an address that is the broadcast address", "10.1.2.2/24", "10.1.2.3/30",
	  "c.yaml:11:62: port 'oe': its address is 10.1.2.3, the broadcast address of the network 10.1.2.0/30 of port 'oe'; hosts there have 10.1.2.1 to 10.1.2.2: give one of these, or correct the prefix length at c.yaml:11:62" },
	{ "an address that no host has", "10.1.2.2/24", "239.1.2.2/24",
	  "c.yaml:11:62: port 'oe': its address is 239.1.2.2, which no host can have; allowed 1.0.0.0 to 223.255.255.255 without 127.x.x.x\n"
	  "c.yaml:25:11: session 'oe': the peer is outside the network of port 'oe' (c.yaml:11:62), and the port has no gateway; give it a gateway, or the session a neighbour_mac" },
	{ "a gateway that is the broadcast address", "10.1.2.2/24", "10.1.2.2/24, gateway: 10.1.2.255",
	  "c.yaml:11:84: port 'oe': the gateway is 10.1.2.255, the broadcast address of the network 10.1.2.0/24 of port 'oe'; hosts there have 10.1.2.1 to 10.1.2.254: give one of these, or correct the prefix length at c.yaml:11:62" },
	{ "a gateway that is the network's number", "10.1.2.2/24", "10.1.2.2/24, gateway: 10.1.2.0",
	  "c.yaml:11:84: port 'oe': the gateway is 10.1.2.0, the number of the network 10.1.2.0/24 of port 'oe'; hosts there have 10.1.2.1 to 10.1.2.254: give one of these, or correct the prefix length at c.yaml:11:62" },
	{ "a gateway of another network", "10.1.2.2/24", "10.1.2.2/24, gateway: 10.1.3.1",
	  "c.yaml:11:84: port 'oe': the gateway is 10.1.3.1, outside the port's network 10.1.2.0/24, given at c.yaml:11:62; a router must be in it" },
	{ "a gateway that is ourselves", "10.1.2.2/24", "10.1.2.2/24, gateway: 10.1.2.2",
	  "c.yaml:11:84: port 'oe': the gateway is 10.1.2.2, the port's own address, given at c.yaml:11:62; give the router's" },
	{ "a gateway that no host has", "10.1.2.2/24", "10.1.2.2/24, gateway: 127.0.0.1",
	  "c.yaml:11:84: port 'oe': the gateway is 127.0.0.1, which no host can have; allowed 1.0.0.0 to 223.255.255.255 without 127.x.x.x" },
	{ "a network without any prefix", "10.1.2.2/24", "10.1.2.2/0",
	  "c.yaml:11:62: ports[1].address: '10.1.2.2/0' is no IPv4 address with a prefix length, such as 10.1.2.3/24 (Our own address on this port and its network's prefix length)" },
	{ "a peer that is the broadcast address", "peer: 10.1.2.1:", "peer: 10.1.2.255:",
	  "c.yaml:25:11: session 'oe': the peer is 10.1.2.255, the broadcast address of the network 10.1.2.0/24 of port 'oe'; hosts there have 10.1.2.1 to 10.1.2.254: give one of these, or correct the prefix length at c.yaml:11:62" },
	{ "a peer that cannot be reached", "peer: 10.1.2.1:", "peer: 10.1.3.1:",
	  "c.yaml:25:11: session 'oe': the peer is outside the network of port 'oe' (c.yaml:11:62), and the port has no gateway; give it a gateway, or the session a neighbour_mac" },
	{ "no password at all", "    password_file: oe.password\n", "",
	  "c.yaml:21:11: session 'oe' has no password; give exactly one of password_file and credential" },
	{ "a heartbeat rarer than the silence", "capacity: principal", "capacity: principal\n    heartbeat_ms: 2000\n    silence_ms: 2000",
	  "c.yaml:29:19: session 'oe': heartbeat_ms is 2000, which is more than silence_ms allows: 2000 at c.yaml:30:17" },
	{ "an account below none", "strategies:", "accounts: [{ name: desk, parent: floor }]\nstrategies:",
	  "c.yaml:32:34: account 'desk' names the account 'floor', which is not there; there is: desk" },
	{ "accounts in a circle", "strategies:", "accounts: [{ name: a, parent: b }, { name: b, parent: c }, { name: c, parent: a }]\nstrategies:",
	  "c.yaml:32:31: account 'a': the way up by parent 'b' comes back and never reaches the firm; give one of them another parent\n"
	  "c.yaml:32:55: account 'b': the way up by parent 'c' comes back and never reaches the firm; give one of them another parent\n"
	  "c.yaml:32:79: account 'c': the way up by parent 'a' comes back and never reaches the firm; give one of them another parent\n"
	  "c.yaml:34:13: strategy 'taker' names no account, and there are 3; say which one with account" },
	{ "an account above itself", "strategies:", "accounts: [{ name: a, parent: a }]\nstrategies:",
	  "c.yaml:32:31: account 'a': the way up by parent 'a' comes back and never reaches the firm; give one of them another parent" },
	{ "an account twice", "strategies:", "accounts: [{ name: a }, { name: b, parent: a }, { name: a }]\nstrategies:",
	  "c.yaml:32:57: account 'a' stands there twice, first at c.yaml:32:20; give each its own name\n"
	  "c.yaml:34:13: strategy 'taker' names no account, and there are 3; say which one with account" },
	{ "an account called firm", "strategies:", "accounts: [{ name: firm }]\nstrategies:",
	  "c.yaml:32:20: account 'firm': the firm is the root of the tree and has its limits in risk; take another name" },
	{ "five accounts in a row", "strategies:", "accounts: [{ name: a }, { name: b, parent: a }, { name: c, parent: b }, { name: d, parent: c }, { name: e, parent: d }]\nstrategies:",
	  "c.yaml:32:116: account 'e' is 5 levels below the firm; allowed 1..4\n"
	  "c.yaml:34:13: strategy 'taker' names no account, and there are 5; say which one with account" },
	{ "an account that restricts what is not there", "strategies:", "accounts: [{ name: a, restricted: [AAPL, IBM] }]\nstrategies:",
	  "c.yaml:32:42: account 'a' restricts 'IBM', which is not in instruments; correct it, or add it there with trade: false" },
	{ "a strategy of an account that is not there", "kind: take,", "kind: take, account: desk,",
	  "c.yaml:33:41: strategy 'taker' names the account 'desk', which is not there; there is: default" },
	{ "a strategy that does not choose among accounts", "strategies:", "accounts: [{ name: a }, { name: b }]\nstrategies:",
	  "c.yaml:34:13: strategy 'taker' names no account, and there are 2; say which one with account" },
	{ "an account's limit below 0", "strategies:", "accounts: [{ name: a, limits: { order_rate_max: -1 } }]\nstrategies:",
	  "c.yaml:32:49: accounts[0].limits.order_rate_max: '-1' is no whole number; allowed 0..4096 orders (As risk.order_rate_max, of the account)" },
	{ "an account's mode", "strategies:", "accounts: [{ name: a, limits: { mode: slow } }]\nstrategies:",
	  "c.yaml:32:39: accounts[0].limits.mode: 'slow' is not one of: normal reduce_only cancel_only halted (As risk.mode, of the account)" },
	{ "a segment larger than the port's packets", "vlan: 7", "mtu_bytes: 1000",
	  "c.yaml:21:5: session 'oe': tcp.mss_bytes is 1460, while port 'oe' has mtu_bytes 1000 at c.yaml:11:86; at most 960 fit, 40 bytes are headers" },
	{ "a buffer that is no power of two", "capacity: principal", "capacity: principal\n    tcp: { send_buffer_bytes: 5000 }",
	  "c.yaml:29:31: session 'oe': tcp.send_buffer_bytes is 5000, which is no power of two; the nearest are 4096 and 8192" },
	{ "a reserve that leaves nothing for orders", "capacity: principal", "capacity: principal\n    throttle: { max_messages: 10, cancel_reserve: 10 }",
	  "c.yaml:29:51: session 'oe': throttle.cancel_reserve is 10, which is more than throttle.max_messages allows: 10 at c.yaml:29:31" },
	{ "a schedule without the hour's first digit", "capacity: principal", "capacity: principal\n    schedule: { connect: \"7:00\", disconnect: \"20:00\" }",
	  "c.yaml:29:26: session 'oe': schedule has connect '7:00', disconnect '20:00', utc_offset 'local'; give two different times HH:MM or HH:MM:SS, and local, +HH:MM or -HH:MM" },
	{ "a reserve varied without a reserve", CONFIG_HEAD, CONFIG_HEAD "order_styles: [{ name: iceberg, random_reserve_qty: 50 }]\n",
	  "c.yaml:2:24: order style 'iceberg': random_reserve_qty without max_floor_qty" },
	{ "an order style nobody made", "instruments: [AAPL]", "order_style: iceberg, instruments: [AAPL]",
	  "c.yaml:33:45: strategy 'taker' names the order style 'iceberg', which is not there; there is: none" },
	{ "a backup that cannot be reached", "capacity: principal", "capacity: principal\n    backup: [10.1.2.9:1, 10.9.9.9:26488]",
	  "c.yaml:29:26: session 'oe': the peer is outside the network of port 'oe' (c.yaml:11:62), and the port has no gateway; give it a gateway, or the session a neighbour_mac" },
	{ "a recovery port without anybody to ask", "venue: sim\n    lines:", "venue: sim\n    recovery: { port: oe }\n    lines:",
	  "c.yaml:17:23: feed 'itch': recovery has a port and neither servers nor a snapshot; name one, or leave recovery out" },
	{ "a server that cannot be reached", "venue: sim\n    lines:", "venue: sim\n    recovery: { servers: [10.1.2.9:26400] }\n    lines:",
	  "c.yaml:17:27: feed 'itch': the server is outside the network of port 'md' (c.yaml:10:84), and the port has no gateway; give it a gateway, or recovery a neighbour_mac" },
	{ "a server given twice", "venue: sim\n    lines:", "venue: sim\n    recovery: { servers: [10.1.1.9:26400, 10.1.1.9:26401, 10.1.1.9:26400] }\n    lines:",
	  "c.yaml:17:59: feed 'itch' recovery: a request server stands there twice, first at c.yaml:17:27" },
	{ "a snapshot without a login", "venue: sim\n    lines:", "venue: sim\n    recovery: { snapshot: 10.1.1.9:26489 }\n    lines:",
	  "c.yaml:15:5: feed 'itch' recovery: snapshot_username is ''; a snapshot needs one of 1 to 6 letters and digits\n"
	  "c.yaml:17:27: feed 'itch' recovery has no password; give exactly one of snapshot_password_file and snapshot_credential" },
	{ "a snapshot's password in the file", "venue: sim\n    lines:", "venue: sim\n    recovery: { snapshot: 10.1.1.9:26489, snapshot_password: x }\n    lines:",
	  "c.yaml:17:43: feeds[0].recovery.snapshot_password: a password does not belong here: put it into a file of mode 0600 and name that in snapshot_password_file, or use snapshot_credential" },
	{ "orders without a session", "session: oe, trade", "trade",
	  "c.yaml:30:40: instrument 'AAPL' has trade: true and no session for its orders; name one" },
	{ "a strategy on an unknown symbol", "instruments: [AAPL]", "instruments: [AAPL, IBM]",
	  "c.yaml:33:52: strategy 'taker' acts on 'IBM', which is not in instruments; add it there" },
	{ "a strategy that risk would always refuse", "qty: 100,", "qty: 501,",
	  "c.yaml:33:58: strategy 'taker': qty is 501, while risk.order_max_qty is 500 at c.yaml:35:18; risk would refuse each order" },
	{ "a limit that an instrument loosens", "order_max_qty: 200", "order_max_qty: 501",
	  "c.yaml:42:49: risk for 'AAPL': order_max_qty is 501, while risk.order_max_qty is 500 at c.yaml:35:18; an instrument's limit can only be tighter" },
	{ "an order that could never be open", "open_max_qty: 5000", "open_max_qty: 499",
	  "c.yaml:35:18: risk.order_max_qty is 500, while risk.open_max_qty is 499 at c.yaml:38:17; the largest order could never be open" },
	{ "more memory than is set aside", CONFIG_HEAD, CONFIG_HEAD "hugepages: { memory_mb: 64 }\n",
	  "c.yaml:2:25: hugepages.memory_mb is 64, while packet buffers, books and rings need 414; raise it, or lower feeds' orders_max, levels_max and reorder_packets, sessions' orders_max, or core_map.ring_slots" },
	{ "queues of orders beside levels that would fit alone", "venue: sim\n    lines:", "venue: sim\n    depth: orders\n    orders_max: 4000000\n    lines:",
	  "c.yaml:1:1: hugepages.memory_mb is 512, while packet buffers, books and rings need 1046; raise it, or lower feeds' orders_max, levels_max and reorder_packets, sessions' orders_max, or core_map.ring_slots" },
	{ "a depth of neither kind", "venue: sim\n    lines:", "venue: sim\n    depth: order\n    lines:",
	  "c.yaml:17:12: feeds[0].depth: 'order' is not one of: levels orders (What its books keep: price levels, or each level's queue of orders too, for at most 100 bytes more per order of orders_max and 43 per level of levels_max)" },
	{ "a core map's file and a core map", CONFIG_HEAD, CONFIG_HEAD "core_map_file: x.yaml\n",
	  "c.yaml:2:16: core_map_file: names a file, while core_map stands at c.yaml:3:1; keep one of them" },
	// clang-format on
};

static void
each_fault_is_told_with_its_place(void **state)
{
	char text[16384];

	for (size_t i = 0; i < ARRAY_CNT(FAULTS); i++) {
		if (!text_change(text, sizeof(text), CONFIG_GOOD, FAULTS[i].from, FAULTS[i].to))
			fail_msg("%s: the good file has no '%s'", FAULTS[i].what, FAULTS[i].from);
		if (load(text) == 0)
			fail_msg("%s: was accepted", FAULTS[i].what);
		if (strcmp(err.text, FAULTS[i].want) != 0)
			fail_msg("%s:\nsaid:\n%s\nwant:\n%s", FAULTS[i].what, err.text,
				 FAULTS[i].want);
		assert_null(config.marks);
	}
}

/* A live gateway refuses what is there for tests. */
static void
live_allows_no_shortcut(void **state)
{
	static const struct {
		const char *key;
		const char *want;
	} SHORTCUTS[] = {
		{ "core_map:\n  shared_cores: true\n",
		  "c.yaml:4:17: core_map.shared_cores is true while environment is live at "
		  "c.yaml:1:14; shared cores are for tests: give each lane a core of its own" },
		{ "hugepages: { degraded_ok: true }\ncore_map:\n",
		  "c.yaml:3:27: hugepages.degraded_ok is true while environment is live at "
		  "c.yaml:1:14; set up huge pages instead" },
	};
	char live[16384], venue[16384], text[16384];

	assert_true(text_change(live, sizeof(live), CONFIG_GOOD, "simulation", "live"));
	assert_true(text_change(text, sizeof(text), live, "environment: simulation }",
				"environment: live }"));
	assert_true(text_change(venue, sizeof(venue), text, "core_map:\n",
				"kill_switch: { latch_file: /var/lib/sluice/kill }\ncore_map:\n"));
	assert_int_equal(load(venue), 0);
	config_free(&config);
	for (size_t i = 0; i < ARRAY_CNT(SHORTCUTS); i++) {
		assert_true(
			text_change(text, sizeof(text), venue, "core_map:\n", SHORTCUTS[i].key));
		assert_int_equal(load(text), -EINVAL);
		assert_string_equal(err.text, SHORTCUTS[i].want);
	}
}

static void
twenty_faults_are_told_and_the_rest_counted(void **state)
{
	char text[4096] = "";

	for (unsigned i = 0; i < 30; i++)
		sprintf(text + strlen(text), "x%u: 1\n", i);
	assert_int_equal(load(text), -EINVAL);
	assert_non_null(strstr(err.text, "c.yaml:20:1: x19: unknown key"));
	assert_null(strstr(err.text, "c.yaml:21:1"));
	assert_non_null(strstr(err.text, "\nand "));
}

static void
a_huge_file_is_refused_by_its_size(void **state)
{
	const size_t bytes = (1 << 20) + 1;
	char *text = malloc(bytes);

	assert_non_null(text);
	memset(text, ' ', bytes);
	assert_int_equal(config_load_text(&config, "c.yaml", text, bytes, &err), -EFBIG);
	assert_string_equal(err.text, "c.yaml: 1048577 bytes; at most 1048576 are allowed");
	free(text);
}

static void
a_file_that_cannot_be_read_is_named(void **state)
{
	assert_int_equal(config_load(&config, "/nonexistent/c.yaml", &err), -ENOENT);
	assert_string_equal(err.text,
			    "/nonexistent/c.yaml: cannot be opened: No such file or directory");
	assert_int_equal(config_load(&config, "/", &err), -EINVAL);
	assert_string_equal(err.text, "/: is no regular file");
}

static void
the_sample_file_has_no_fault(void **state)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);

	assert_non_null(f);
	assert_int_equal(config_doc_sample(f), 0);
	fclose(f);
	if (load(text) != 0)
		fail_msg("%s", err.text);
	config_free(&config);
	free(text);
}

/* Each default obeys its own type and range; a risk limit has none. */
static void
the_table_of_keys_obeys_itself(void **state)
{
	for (size_t i = 0; i < CONFIG_SCHEMA.key_cnt; i++) {
		const struct key *k = &CONFIG_SCHEMA.key[i];
		_Alignas(8) char field[1024];
		char why[512];

		assert_true(k->size < sizeof(field) || k->type == KEY_LIST_BLOCK);
		assert_true(strlen(k->meaning) > 4);
		if (k->dflt && k->dflt[0] &&
		    !value_of_text(k, k->dflt, strlen(k->dflt), true, field, why, sizeof(why)))
			fail_msg("%s.%s: default: %s", k->owner, k->name, why);
		if (strncmp(k->name, "risk.", 5) == 0 && strstr(k->name, "_max_") == NULL)
			continue;
		// 0 is no limit: a number that nobody chose must not let orders pass, or keep them
		if (strncmp(k->name, "risk.", 5) == 0 && k->dflt && strcmp(k->dflt, "0") != 0)
			fail_msg("%s: a limit has a default", k->name);
	}
}

static char dir[64];

static void
write_file(const char *name, const char *text, mode_t mode, char path[128])
{
	FILE *f;

	snprintf(path, 128, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void
a_core_map_may_stand_in_its_own_file(void **state)
{
	char map[128], file[128], where[300];

	write_file("map.yaml", CONFIG_MAP, 0644, map);
	write_file("c.yaml", CONFIG_HEAD "core_map_file: map.yaml\n" CONFIG_REST, 0644, file);
	if (config_load(&config, file, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(config.core_map.lanes_cnt, 4);
	config_where(&config, &config.core_map.lanes[1].core, where, sizeof(where));
	assert_string_equal(where + strlen(dir), "/map.yaml:5:29");
	// Paths are relative to the file that names them.
	assert_string_equal(config.sessions[0].password_file + strlen(dir), "/oe.password");
	config_free(&config);
	write_file("map.yaml", CONFIG_MAP "ports: []\n", 0644, map);
	assert_int_equal(config_load(&config, file, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/map.yaml:1:1: found other keys, allowed in a core "
					 "map's file is core_map alone"));
	unlink(map);
	assert_int_equal(config_load(&config, file, &err), -ENOENT);
	assert_non_null(strstr(err.text, "c.yaml:2:16: core_map_file: "));
	unlink(file);
}

static void
a_password_that_others_can_read_is_refused(void **state)
{
	static const struct {
		const char *what;
		const char *text;
		mode_t mode;
		int want;
	} CASES[] = {
		{ "ours alone", "secret1\n", 0600, 7 },
		{ "read-only", "secret1", 0400, 7 },
		{ "as long as allowed", "0123456789\n", 0600, 10 },
		{ "too long", "0123456789a\n", 0600, -EINVAL },
		{ "empty", "\n", 0600, -EINVAL },
		{ "two lines", "one\ntwo\n", 0600, -EINVAL },
		{ "readable by a group", "secret1\n", 0640, -EPERM },
		{ "readable by all", "secret1\n", 0604, -EPERM },
	};
	struct config_session s = { .name = "oe" };
	char out[SECRET_MAX], path[128];

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		int got;

		write_file("pw", CASES[i].text, CASES[i].mode, path);
		snprintf(s.password_file, sizeof(s.password_file), "%s", path);
		got = secret_load(&s, out, &err);
		if (got != CASES[i].want)
			fail_msg("%s: got %d: %s", CASES[i].what, got, err.text);
		if (got < 0) {
			assert_null(strstr(err.text, "secret"));
			assert_null(strstr(err.text, "0123"));
			assert_int_equal(out[0], 0);
		} else {
			assert_memory_equal(out, CASES[i].text, (size_t)got);
			assert_int_equal(out[got], 0);
		}
		unlink(path);
	}
	snprintf(s.password_file, sizeof(s.password_file), "%s", dir);
	assert_int_equal(secret_load(&s, out, &err), -EINVAL);
	s.password_file[0] = '\0';
	snprintf(s.credential, sizeof(s.credential), "pw");
	write_file("pw", "abc\n", 0644, path);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(secret_load(&s, out, &err), -ENOENT);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	assert_int_equal(secret_load(&s, out, &err), 3);
	unlink(path);
}

static int
make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/sluice-config-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
drop_dir(void **state)
{
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_file_is_read_as_it_stands),
		cmocka_unit_test(each_fault_is_told_with_its_place),
		cmocka_unit_test(live_allows_no_shortcut),
		cmocka_unit_test(twenty_faults_are_told_and_the_rest_counted),
		cmocka_unit_test(a_huge_file_is_refused_by_its_size),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(the_sample_file_has_no_fault),
		cmocka_unit_test(the_table_of_keys_obeys_itself),
		cmocka_unit_test(a_core_map_may_stand_in_its_own_file),
		cmocka_unit_test(a_password_that_others_can_read_is_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
