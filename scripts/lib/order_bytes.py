# SPDX-License-Identifier: Apache-2.0
"""The order messages of a replay as bytes, and the first byte in which two replays differ, in words.

order_bytes.py extract PCAP            a line per message: its bytes in hex (sluice replay --out)
order_bytes.py compare STORED NOW      both as extract wrote them; exit status 1 when they differ
"""
import struct
import sys

SOUP_HEAD = 3  # length and packet type
# OUCH 5.0: the fields of each request, as dataplane/wire/ouch50.h has them.
FIELDS = {
    "O": [("type", 1), ("UserRefNum", 4), ("side", 1), ("quantity", 4), ("symbol", 8), ("price", 8),
          ("time in force", 1), ("display", 1), ("capacity", 1), ("inter-market sweep", 1), ("cross type", 1),
          ("ClOrdID", 14), ("appendage length", 2)],
    "U": [("type", 1), ("original UserRefNum", 4), ("UserRefNum", 4), ("quantity", 4), ("price", 8),
          ("time in force", 1), ("display", 1), ("inter-market sweep", 1), ("ClOrdID", 14),
          ("appendage length", 2)],
    "X": [("type", 1), ("UserRefNum", 4), ("quantity", 4), ("appendage length", 2)],
    "Q": [("type", 1), ("appendage length", 2)],
}
NAMES = {"O": "enter order", "U": "replace order", "X": "cancel order", "Q": "account query"}


def payloads(path):
    """The TCP payload of each frame of a capture with microseconds or nanoseconds."""
    with open(path, "rb") as f:
        data = f.read()
    order = "<" if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xd4\xc3\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + length]
        at += 16 + length
        ip = 18 if frame[12:14] == b"\x81\x00" else 14
        tcp = ip + (frame[ip] & 15) * 4
        total = struct.unpack_from(">H", frame, ip + 2)[0]
        yield frame[tcp + (frame[tcp + 12] >> 4) * 4:ip + total]


def read(path):
    with open(path) as f:
        return [bytes.fromhex(line) for line in f if not line.startswith("#")]


def field_of(message, at):
    """Name and bounds of the field that byte lies in."""
    if at < SOUP_HEAD:
        return ("SoupBinTCP length", 0, 2) if at < 2 else ("SoupBinTCP packet type", 2, 3)
    start = SOUP_HEAD
    for name, size in FIELDS.get(chr(message[SOUP_HEAD]) if len(message) > SOUP_HEAD else "", []):
        if at < start + size:
            return name, start, start + size
        start += size
    return "appendage", start, max(len(message), at + 1)


def value(raw):
    """A field's bytes, for people."""
    if raw and all(32 <= b < 127 for b in raw):
        return f"'{raw.decode().rstrip()}'"
    return f"{int.from_bytes(raw, 'big'):,}" if len(raw) in (2, 4, 8) else raw.hex() or "nothing"


def what(message):
    kind = chr(message[SOUP_HEAD]) if len(message) > SOUP_HEAD else "?"
    name = NAMES.get(kind, f"message '{kind}'")
    ref = 8 if kind == "U" else 4
    if kind in "OUX" and len(message) >= ref + 4:
        return f"{name} #{int.from_bytes(message[ref:ref + 4], 'big')}"
    return name


def compare(stored, now):
    for nr, (a, b) in enumerate(zip(stored, now), 1):
        if a == b:
            continue
        at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        name, start, end = field_of(a, at)
        print(f"the first byte that differs is byte {at} of message {nr}, {what(a)}, in its {name}:")
        print(f"  stored: {value(a[start:end])}  (byte {a[at:at + 1].hex() or 'none'})")
        print(f"  now:    {value(b[start:end])}  (byte {b[at:at + 1].hex() or 'none'})")
        print(f"  stored: {a.hex()}\n  now:    {b.hex()}")
        return 1
    if len(stored) != len(now):
        more, words = (stored, "stored") if len(stored) > len(now) else (now, "now")
        nr = min(len(stored), len(now))
        print(f"{nr} messages are the same; then only what is {words} goes on, with {what(more[nr])}")
        return 1
    return 0


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "extract":
        for payload in payloads(sys.argv[2]):
            print(payload.hex())
        return 0
    if len(sys.argv) == 4 and sys.argv[1] == "compare":
        return compare(read(sys.argv[2]), read(sys.argv[3]))
    print(__doc__.strip(), file=sys.stderr)
    return 2


sys.exit(main())
