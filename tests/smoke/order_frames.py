#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a gateway told the venue, frame by frame, out of a capture with nanoseconds.

    order_frames.py CAPTURE PORT WINDOWS

WINDOWS has a line per trigger of the kill switch: NAME FIRED_NS RELEASED_NS BOUND_MS.  Prints for
each how long after it the last new order or replace was on the wire, and fails when that is longer
than the bound, or when there was none before it to compare with.  Bytes that TCP sent again count
once, at their first time.
"""
import struct
import sys

NEW = {b"O": "new order", b"U": "replace"}  # OUCH 4.2 and 5.0


def frames(path):
    """Time in ns and bytes of each frame."""
    with open(path, "rb") as f:
        data = f.read()
    order = {b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\x3c\x4d": ">"}.get(data[:4])
    if order is None:
        sys.exit("order_frames: no capture with nanoseconds")
    at = 24
    while at + 16 <= len(data):
        sec, nsec, kept, _ = struct.unpack(order + "IIII", data[at:at + 16])
        yield sec * 10**9 + nsec, data[at + 16:at + 16 + kept]
        at += 16 + kept


def payloads(path, port):
    """Time, connection, sequence number and bytes of what goes to the venue."""
    for ns, frame in frames(path):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        ip = 14 + (frame[14] & 15) * 4
        total = struct.unpack(">H", frame[16:18])[0]
        source, dest, seq = struct.unpack(">HHI", frame[ip - 0:ip + 8])
        data = frame[ip + (frame[ip + 12] >> 4) * 4:14 + total]
        if dest == port and data:
            yield ns, source, seq, data


def messages(path, port):
    """Time and type of each message of the order protocol, read as one stream per connection."""
    streams = {}
    for ns, source, seq, data in payloads(path, port):
        s = streams.setdefault(source, {"next": seq, "left": b""})
        ahead = (seq - s["next"]) & 0xFFFFFFFF
        if ahead >= 1 << 31:  # sent again
            again = (s["next"] - seq) & 0xFFFFFFFF
            if again >= len(data):
                continue
            data = data[again:]
        elif ahead != 0:
            sys.exit("order_frames: the capture misses bytes of a connection")
        s["next"] = (s["next"] + len(data)) & 0xFFFFFFFF
        s["left"] += data
        while len(s["left"]) >= 3:
            length = struct.unpack(">H", s["left"][:2])[0]
            if len(s["left"]) < 2 + length:
                break
            if s["left"][2:3] == b"U":
                yield ns, s["left"][3:4]
            s["left"] = s["left"][2 + length:]


def main():
    capture, port, windows = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    orders = [ns for ns, kind in messages(capture, port) if kind in NEW]
    bad = 0
    begin = 0
    for line in open(windows, encoding="ascii"):
        name, fired, released, bound_ms = line.split()
        fired, released, bound_ms = int(fired), int(released), int(bound_ms)
        before = sum(begin <= ns <= fired for ns in orders)
        after = [ns for ns in orders if fired < ns < released]
        last_ms = (max(after) - fired) / 1e6 if after else 0.0
        print(f"# {name}: {before} new orders and replaces before; the last one {last_ms:.3f} ms "
              f"after the trigger, {bound_ms} ms are allowed; silence for "
              f"{(released - fired) / 1e6 - last_ms:.0f} ms")
        if before == 0 or last_ms > bound_ms:
            bad = 1
        begin = released
    sys.exit(bad)


if __name__ == "__main__":
    main()
