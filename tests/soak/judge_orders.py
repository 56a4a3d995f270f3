# SPDX-License-Identifier: Apache-2.0
"""judge_orders.py CAPTURE ACTS PORT: no order was seen while none could be allowed.

ACTS: lines "called_ns returned_ns name"; from the return of a 'stop' until the call of the next
'go', and of a 'small' until the next 'large', no order (none above 200 shares) may appear on the wire.  CAPTURE: a
nanosecond pcap of the order connection (SoupBinTCP, OUCH 5.0).
"""
import struct
import sys


def orders(path, port):
    """Time and quantity of every Enter Order and Replace that the client sent, each once.

    A Replace names the shares of its whole chain, executed ones included: 0 here."""
    with open(path, "rb") as f:
        data = f.read()
    if struct.unpack("<I", data[:4])[0] != 0xA1B23C4D:
        sys.exit("not a nanosecond capture")
    at, seen = 24, set()
    while at + 16 <= len(data):
        second, ns, kept, _ = struct.unpack("<IIII", data[at:at + 16])
        frame = data[at + 16:at + 16 + kept]
        at += 16 + kept
        ip = frame[14:]
        if frame[12:14] != b"\x08\x00" or ip[9] != 6:
            continue
        tcp = ip[(ip[0] & 15) * 4:struct.unpack(">H", ip[2:4])[0]]
        client, dst, seq = struct.unpack(">HHI", tcp[:8])
        payload = tcp[(tcp[12] >> 4) * 4:]
        if dst != port or not payload or (client, seq) in seen:
            continue
        seen.add((client, seq))
        while len(payload) >= 3:  # our client never splits a packet over segments
            length = struct.unpack(">H", payload[:2])[0]
            packet, payload = payload[2:2 + length], payload[2 + length:]
            if packet[:2] == b"UO":  # type, UserRefNum, side, quantity
                yield second * 10**9 + ns, struct.unpack(">I", packet[7:11])[0]
            elif packet[:2] == b"UU":
                yield second * 10**9 + ns, 0


def main(capture, acts, port):
    shut, opens = [], {"stop": "go", "small": "large"}
    since = {}
    for line in open(acts, encoding="ascii"):
        called, returned, name = line.split()
        if name in opens:
            since[name] = int(returned)
        for stop, go in opens.items():
            if name == go and stop in since:
                shut.append((since.pop(stop), int(called), stop))
    shut += [(t, 1 << 63, name) for name, t in since.items()]
    cnt = bad = 0
    for when, shares in orders(capture, int(port)):
        cnt += 1
        if shares > 500:
            print(f"an order of {shares} shares: larger than any limit that ever was")
            bad += 1
        for start, end, name in shut:
            if start < when < end and (name == "stop" or shares > 200):
                print(f"an order of {shares} shares {(when - start) / 1e3:.1f} us after '{name}' had returned, "
                      f"{(end - when) / 1e3:.1f} us before permission")
                bad += 1
    if bad:
        print(f"{bad} of {cnt} orders were not allowed")
        return 1
    if cnt == 0:
        print("no order was seen: nothing was tried")
        return 1
    print(f"{cnt} orders, none in {len(shut)} closed intervals")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]) if len(sys.argv) == 4 else __doc__)
