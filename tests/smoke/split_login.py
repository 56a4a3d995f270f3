#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Copies a capture; where a frame of the venue holds more than its Login Accepted, the rest of it
# becomes a frame of its own.  tshark's SoupBinTCP begins a new conversation at a login, within the
# frame, and then takes what follows a packet that is cut there for a packet's start.
#
#     split_login.py PORT IN.pcap OUT.pcap
import struct
import sys

ETH, PCAP_HEAD, RECORD_HEAD = 14, 24, 16


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def segment(frame, ip_len, tcp_len, offset, payload):
    """The frame with this payload instead, so many bytes further on."""
    ip = bytearray(frame[ETH:ETH + ip_len])
    tcp = bytearray(frame[ETH + ip_len:ETH + ip_len + tcp_len])
    ip[2:4] = struct.pack("!H", ip_len + tcp_len + len(payload))
    ip[10:12] = b"\0\0"
    ip[10:12] = checksum(bytes(ip))
    seq = struct.unpack("!I", tcp[4:8])[0] + offset
    tcp[4:8] = struct.pack("!I", seq & 0xFFFFFFFF)
    tcp[16:18] = b"\0\0"
    pseudo = bytes(ip[12:20]) + struct.pack("!BBH", 0, 6, tcp_len + len(payload))
    tcp[16:18] = checksum(pseudo + bytes(tcp) + payload)
    return frame[:ETH] + bytes(ip) + bytes(tcp) + payload


def split(frame, port):
    if len(frame) < ETH + 40 or frame[12:14] != b"\x08\0" or frame[ETH + 9] != 6:
        return [frame]
    ip_len = (frame[ETH] & 15) * 4
    tcp_at = ETH + ip_len
    tcp_len = (frame[tcp_at + 12] >> 4) * 4
    end = ETH + struct.unpack("!H", frame[ETH + 2:ETH + 4])[0]
    payload = frame[tcp_at + tcp_len:end]
    if struct.unpack("!H", frame[tcp_at:tcp_at + 2])[0] != port or payload[2:3] != b"A":
        return [frame]
    first = 2 + struct.unpack("!H", payload[:2])[0]
    if first != 33 or len(payload) <= first:  # SoupBinTCP 3.00, Login Accepted
        return [frame]
    return [segment(frame, ip_len, tcp_len, 0, payload[:first]),
            segment(frame, ip_len, tcp_len, first, payload[first:])]


port, source, target = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with open(source, "rb") as f:
    data = f.read()
if data[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
    sys.exit(f"{source}: not a pcap file of this byte order")
out, at = [data[:PCAP_HEAD]], PCAP_HEAD
while at < len(data):
    sec, part, kept, _ = struct.unpack("<4I", data[at:at + RECORD_HEAD])
    at += RECORD_HEAD
    for frame in split(data[at:at + kept], port):
        out.append(struct.pack("<4I", sec, part, len(frame), len(frame)) + frame)
    at += kept
with open(target, "wb") as f:
    f.write(b"".join(out))
