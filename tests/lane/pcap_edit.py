#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rewrites captures and ITCH files for replay_test.sh and maps_test.sh.

    pcap_edit.py COMMAND IN OUT [ARGUMENT]

write LE|BE ns|us   the same capture in that byte order and precision
link N              with that link type
cut N               without its last N bytes
time I SECONDS      frame I (from 0) has its time moved
flip I OFFSET       one bit of a byte of frame I is changed
order-price N       the N-th new order (OUCH 5.0) has another price: one byte is changed
itch-price I TICKS  the I-th Add Order of AAPL has its price moved by 1/100 dollars
"""
import struct
import sys


def read(path):
    data = open(path, "rb").read()
    assert data[:4] == struct.pack("<I", 0xA1B23C4D), "a nanosecond capture of this machine is wanted"
    frames, at = [], 24
    while at < len(data):
        s, ns, kept, wire = struct.unpack_from("<IIII", data, at)
        frames.append([s * 10**9 + ns, bytearray(data[at + 16:at + 16 + kept]), wire])
        at += 16 + kept
    return frames


def write(path, frames, order="<", nano=True, link=1):
    with open(path, "wb") as f:
        magic = 0xA1B23C4D if nano else 0xA1B2C3D4
        f.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link))
        for ns, data, wire in frames:
            part = ns % 10**9 if nano else ns % 10**9 // 1000
            f.write(struct.pack(order + "IIII", ns // 10**9, part, len(data), wire) + data)


def order_price(frames, wanted):
    for _, data, _ in frames:
        if data[12:14] != b"\x08\x00" or data[23] != 6:
            continue
        tcp = 14 + (data[14] & 15) * 4
        soup = tcp + (data[tcp + 12] >> 4) * 4
        if data[soup + 2:soup + 4] == b"UO":
            wanted -= 1
            if wanted == 0:
                data[soup + 3 + 25] ^= 1  # the last of eight bytes behind type, number, side, quantity, symbol
                return
    sys.exit("there are not so many new orders")


def itch_price(source, target, index, ticks):
    data = bytearray(open(source, "rb").read())
    at = seen = 0
    while at + 2 <= len(data):
        size = struct.unpack_from(">H", data, at)[0]
        m = at + 2
        if data[m:m + 1] == b"A" and data[m + 24:m + 32] == b"AAPL    ":
            if seen == index:
                price = struct.unpack_from(">I", data, m + 32)[0]
                struct.pack_into(">I", data, m + 32, price + 100 * ticks)
                open(target, "wb").write(data)
                return
            seen += 1
        at = m + size
    sys.exit(f"there are only {seen} such messages")


def main():
    command, source, target, *args = sys.argv[1:]
    if command == "cut":
        open(target, "wb").write(open(source, "rb").read()[:-int(args[0])])
        return
    if command == "itch-price":
        itch_price(source, target, int(args[0]), int(args[1]))
        return
    frames = read(source)
    if command == "write":
        write(target, frames, "<" if args[0] == "LE" else ">", args[1] == "ns")
    elif command == "link":
        write(target, frames, link=int(args[0]))
    elif command == "time":
        frames[int(args[0])][0] += int(float(args[1]) * 10**9)
        write(target, frames)
    elif command == "order-price":
        order_price(frames, int(args[0]))
        write(target, frames)
    elif command == "flip":
        frames[int(args[0])][1][int(args[1])] ^= 1
        write(target, frames)
    else:
        sys.exit(f"there is no command {command}")


main()
