#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `sluice-book --queues FILE` must print, found in the slowest way: one list of all orders, in
the order in which they came.  Shares no code with the program."""
import struct
import sys

alive = {}  # reference -> [locate, side, px4, qty]; a dict keeps the order of arrival
symbol = {}


def leave(ref, qty):
    alive[ref][3] -= qty
    if alive[ref][3] <= 0:
        del alive[ref]


def take(m):
    kind = chr(m[0])
    locate = struct.unpack_from(">H", m, 1)[0]
    if kind in "AF":
        ref, side, qty, name, px4 = struct.unpack_from(">QcI8sI", m, 11)
        alive[ref] = [locate, side.decode(), px4, qty]
        symbol[locate] = name.decode().strip()
    elif kind in "ECX":
        leave(*struct.unpack_from(">QI", m, 11))
    elif kind == "D":
        del alive[struct.unpack_from(">Q", m, 11)[0]]
    elif kind == "U":
        old, new, qty, px4 = struct.unpack_from(">QQII", m, 11)
        was = alive.pop(old)
        alive[new] = [locate, was[1], px4, qty]


with open(sys.argv[1], "rb") as f:
    data = f.read()
at = 0
while at < len(data):
    size = struct.unpack_from(">H", data, at)[0]
    take(data[at + 2 : at + 2 + size])
    at += 2 + size

queues = {}
for ref, (locate, side, px4, qty) in alive.items():
    queues.setdefault((locate, side, px4), []).append((ref, qty))
print("symbol,side,px4,place,reference,quantity")
for locate, side, px4 in sorted(queues, key=lambda k: (k[0], k[1], -k[2] if k[1] == "B" else k[2])):
    for place, (ref, qty) in enumerate(queues[locate, side, px4], 1):
        print(f"{symbol[locate]},{side},{px4},{place},{ref},{qty}")
