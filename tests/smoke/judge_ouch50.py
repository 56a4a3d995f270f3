#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Reads OUCH 5.0 requests and objects to whatever the protocol does not allow.  Debian's tshark knows
OUCH 4 only, so this is the judge of the options; written from the document, not from our encoder.

    judge_ouch50.py [FILE]      a request per line in hex (tshark's soupbintcp.message: several,
                                separated by commas); prints each as words, its options by tag

Ends with status 1 and the reason at the first request that a venue would not take.
"""
import struct
import sys

NAME = {2: "firm", 3: "min_qty", 4: "customer", 5: "max_floor", 6: "price_type", 7: "peg_offset",
        9: "discretion_px4", 10: "discretion_type", 11: "discretion_offset", 12: "post_only",
        13: "random_reserve", 15: "expire_s", 16: "trade_now", 17: "handle_inst", 24: "group",
        25: "shares_located", 26: "locate_broker", 27: "side", 28: "channel", 29: "aiq_strategy",
        30: "aiq_group"}
BYTES = {2: 4, 3: 4, 4: 1, 5: 4, 6: 1, 7: 4, 9: 8, 10: 1, 11: 4, 12: 1, 13: 4, 15: 4, 16: 1, 17: 1,
         24: 2, 25: 1, 26: 4, 27: 1, 28: 1, 29: 1, 30: 2}
LETTERS = {4: "RN", 6: "LPMRQm", 10: "LPMR", 12: "PN", 16: "YN", 17: "IOTQBDR", 25: "YN", 27: "BSTE",
           29: "N*YDOWRydowrZEPXS01245"}
SIGNED = {7, 11}
TEXT = {2, 26, 30}
ORDER_TAGS = {3, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16, 17, 25, 26, 28, 29, 30}
TAGS = {"O": ORDER_TAGS | {2, 4, 24}, "U": ORDER_TAGS | {27}, "X": {28}, "M": {25, 26, 28},
        "C": {24, 27, 28}, "D": {28}, "E": {28}, "Q": {28}}
FIXED = {"O": 45, "U": 38, "X": 9, "M": 10, "C": 17, "D": 9, "E": 9, "Q": 1}
OPTIONAL = "XMQ"  # nothing at all may stand for an empty appendage
HANDLED_IN = {"I": "OC", "O": "R", "T": "R", "Q": "R", "B": "E", "D": "H", "R": "R"}  # which cross
PX4_MAX, QTY_MAX = 1999999900, 999999

used = {}    # channel: its highest number
orders = {}  # (channel, number): how the order was entered


def want(good, why):
    if not good:
        raise ValueError(why)


def alpha(field, what):
    text = field.decode("ascii")
    want(all(" " <= c <= "~" for c in text), f"{what} is no text")
    want(text == text.rstrip().ljust(len(text)), f"{what} is not padded on the right")
    return text.rstrip()


def letter(field, allowed, what):
    want(chr(field) in allowed, f"{what} is {field:#04x}, none of {allowed}")
    return chr(field)


def options(rest, kind):
    found = {}
    if not rest:
        want(kind in OPTIONAL, "has no appendage length")
        return found
    want(len(rest) >= 2 and struct.unpack(">H", rest[:2])[0] == len(rest) - 2,
         "the appendage length is not the appendage's")
    rest = rest[2:]
    while rest:
        want(len(rest) >= 2, "an option is cut short")
        size, tag = rest[0], rest[1]
        want(tag in TAGS[kind], f"option {tag} has no place here")
        want(tag not in found, f"option {tag} stands there twice")
        want(size == BYTES[tag] + 1 and len(rest) > size, f"option {tag} has a wrong length")
        value = rest[2:size + 1]
        if tag in LETTERS:
            found[tag] = letter(value[0], LETTERS[tag], f"option {tag}")
        elif tag in TEXT:
            found[tag] = alpha(value, f"option {tag}")
            want(found[tag], f"option {tag} says nothing")
        else:
            found[tag] = int.from_bytes(value, "big", signed=tag in SIGNED)
        rest = rest[size + 1:]
    return found


def terms(o, qty, px4, tif, display, cross):
    """What holds for an order, new or replaced."""
    want(1 <= qty <= QTY_MAX, f"quantity {qty}")
    want(1 <= px4 <= PX4_MAX, f"price {px4}")
    want((15 in o) == (tif == "6"), "a time to live, or TIF 6, without the other")
    want(0 < o.get(15, 1) < 86400, "a time to live of a day or more")
    want(o.get(3, 1) <= qty, "a least quantity above the order's")
    want(5 not in o or display != "N", "a reserve of an order that nobody sees")
    want(13 not in o or 5 in o, "a reserve varied without a reserve")
    want(7 not in o or o.get(6, "L") != "L", "a peg's offset without a peg")
    want(11 not in o or o.get(10, "L") != "L", "an offset of a discretion that is not pegged")
    want(10 not in o or 9 in o, "a kind of discretion without its price")
    want(1 <= o.get(9, 1) <= PX4_MAX, "a discretion price that is none")
    if 17 in o and cross:
        want(cross in HANDLED_IN[o[17]], f"handling {o[17]} in cross {cross}")


def new_number(number, channel):
    want(number > used.get(channel, 0), f"number {number} after {used.get(channel, 0)}")
    used[channel] = number


def request(m):
    kind = chr(m[0]) if m else ""
    want(kind in FIXED, "a type nobody defined")
    want(len(m) >= FIXED[kind], "is cut short")
    o = options(m[FIXED[kind]:], kind)
    channel = o.get(28, 0)
    number = struct.unpack(">I", m[1:5])[0] if kind != "Q" else 0
    says = {"ref": number}
    if kind in "OU":
        if kind == "U":
            number = struct.unpack(">I", m[5:9])[0]
            orig = struct.unpack(">I", m[1:5])[0]
            want((channel, orig) in orders, f"replaces {orig}, which was never entered")
            first = orders[channel, orig]
            says = {"ref": number, "orig": orig}
            qty, px4, tif, display, sweep = struct.unpack(">IQccc", m[9:24])
            first_side, cross = first
            side = o.get(27, first_side)
            want((side == "B") == (first_side == "B"), "a replace from one side to the other")
            letter(tif[0], "0356", "time in force")
        else:
            side, qty = letter(m[5], "BSTE", "side"), struct.unpack(">I", m[6:10])[0]
            says |= {"side": side, "symbol": alpha(m[10:18], "symbol")}
            want(says["symbol"], "symbol is empty")
            px4, tif, display, capacity, sweep, crossing = struct.unpack(">Qccccc", m[18:31])
            letter(tif[0], "0356E", "time in force")
            says["capacity"] = letter(capacity[0], "APRO", "capacity")
            says["cross"] = cross = letter(crossing[0], "NOCHSREA", "cross")
        says |= {"qty": qty, "px4": px4, "tif": tif.decode(),
                 "display": letter(display[0], "YNA", "display"),
                 "sweep": letter(sweep[0], "YN", "sweep"),
                 "clordid": alpha(m[FIXED[kind] - 14:FIXED[kind]], "ClOrdID")}
        terms(o, qty, px4, says["tif"], says["display"], cross)
        new_number(number, channel)
        orders[channel, number] = (side, cross)
    elif kind in "XM":
        want((channel, number) in orders, f"number {number} was never entered")
        says["qty"] = struct.unpack(">I", m[FIXED[kind] - 4:FIXED[kind]])[0]
        want(says["qty"] <= QTY_MAX, f"quantity {says['qty']}")
        if kind == "M":
            says["side"] = side = letter(m[5], "BSTE", "side")
            was, cross = orders[channel, number]
            want(side == was or was + side in ("SE", "ST", "ET"), f"a modify from {was} to {side}")
            orders[channel, number] = (side, cross)
    elif kind != "Q":
        says["firm"] = alpha(m[5:9], "firm")
        if kind == "C":
            says["symbol"] = alpha(m[9:17], "symbol")
        new_number(number, channel)
    return " ".join([kind] + [f"{k}={v}" for k, v in says.items()] +
                    [f"{tag}:{NAME[tag]}={v}" for tag, v in o.items()])


def main():
    source = open(sys.argv[1], encoding="ascii") if len(sys.argv) > 1 else sys.stdin
    cnt = 0
    for line in source:
        for text in line.strip().split(","):
            if not text:
                continue
            cnt += 1
            try:
                print(request(bytes.fromhex(text.replace(":", ""))), flush=True)
            except (ValueError, struct.error) as why:
                print(f"request {cnt}: {why}: {text}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
