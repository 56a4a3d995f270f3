#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The most messages in any window of a capture, whenever it begins.

    most_in_window.py FILE SECONDS [LETTERS]    FILE: lines of tshark's frame.time_epoch, and of
                                                soupbintcp.message or ouch.packet_type; LETTERS:
                                                only these types
"""
import sys
from decimal import Decimal

window, letters = Decimal(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""
times = []
for line in open(sys.argv[1], encoding="ascii"):
    time, messages = line.rstrip("\n").split("\t")
    times += [Decimal(time) for m in messages.split(",")
              if not letters or (m[1] if m[0] == "'" else chr(int(m[:2], 16))) in letters]
most = first = 0
for last, time in enumerate(times):
    while time - times[first] >= window:
        first += 1
    most = max(most, last - first + 1)
print(most)
