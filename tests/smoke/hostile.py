#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Sends every kind of bad frame, a known number of times each, from a raw socket of the venue's
# machine.  Prints 'counter label count' for each counter of the gateway that must have grown, and
# by how much.
#
#     hostile.py md|oe GATEWAY-MAC GATEWAY-IP OUR-IP GROUP UDP-PORT SESSION|TCP-PORT
import socket
import struct
import sys
import time

TIMES = 5
expected = {}


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(text):
    return bytes(int(b, 16) for b in text.split(":"))


def group_mac(ip):
    b = socket.inet_aton(ip)
    return bytes([1, 0, 0x5E, b[1] & 0x7F, b[2], b[3]])


def eth(dst, payload, kind=0x0800, src=None):
    return dst + (src or OUR_MAC) + struct.pack("!H", kind) + payload


def ip(dst, payload, proto=17, src=None, version=4, ihl=5, length=None, flags=0, bad_sum=False, ttl=8):
    length = 20 + len(payload) if length is None else length
    head = struct.pack("!BBHHHBBH4s4s", version << 4 | ihl, 0, length, 1, flags, ttl, proto, 0,
                       socket.inet_aton(src or OUR_IP), socket.inet_aton(dst))
    total = checksum(head) ^ (0x5555 if bad_sum else 0)
    return head[:10] + struct.pack("!H", total) + head[12:] + payload


def pseudo(dst, proto, payload, src=None):
    return (socket.inet_aton(src or OUR_IP) + socket.inet_aton(dst) +
            struct.pack("!BBH", 0, proto, len(payload)) + payload)


def udp(dst, port, payload, length=None, bad_sum=False):
    head = struct.pack("!HHHH", 4000, port, 8 + len(payload) if length is None else length, 0)
    total = checksum(pseudo(dst, 17, head + payload)) or 0xFFFF
    return head[:6] + struct.pack("!H", total ^ (0x5555 if bad_sum else 0)) + payload


def mold(session, seq, blocks, count=None, tail=b""):
    body = b"".join(struct.pack("!H", len(b)) + b for b in blocks)
    return (session.encode().ljust(10) +
            struct.pack("!QH", seq, len(blocks) if count is None else count) + body + tail)


def send(frame, counter, label="", growth=1):
    for _ in range(TIMES):
        raw.send(frame)
        time.sleep(0.001)
    key = (counter, label)
    expected[key] = expected.get(key, 0) + growth * TIMES


def attack_md(group, port, session):
    to_group = group_mac(group)

    def data(payload, **kw):
        return eth(to_group, ip(group, udp(group, port, payload), **kw))

    good = mold(session, 1, [b"S" + bytes(11)])
    rx = "rx_"
    send(eth(to_group, b"\x45\0\0"), rx + "frame_short")
    send(eth(to_group, ip(group, b"")[:19]), rx + "frame_short")
    send(eth(to_group, bytes(60), kind=0x88CC), rx + "frame_type")
    send(eth(to_group, bytes(60), kind=0x86DD), rx + "frame_type")
    send(eth(to_group, struct.pack("!HH", 77, 0x0800) + ip(group, udp(group, port, good)), kind=0x8100),
         rx + "frame_vlan")
    send(eth(to_group, struct.pack("!HHHHHH", 77, 0x8100, 78, 0x8100, 79, 0x0800) +
             ip(group, udp(group, port, good)), kind=0x88A8), rx + "frame_vlan")
    send(data(good, version=6), rx + "ip_header")
    send(data(good, ihl=4), rx + "ip_header")
    send(data(good, length=1400), rx + "ip_length")
    send(data(good, length=19), rx + "ip_length")
    send(data(good, bad_sum=True), rx + "ip_checksum")
    # Fragments: the kernel under af_packet keeps them back, to put them together.
    send(data(good, flags=0x2000), rx + "ip_fragment", growth=0)
    send(data(good, flags=0x0010), rx + "ip_fragment", growth=0)
    send(data(good, proto=6), rx + "ip_protocol")
    send(eth(to_group, ip(group, udp(group, port, good, length=900))), rx + "udp_length")
    send(eth(to_group, ip(group, udp(group, port, good, length=7))), rx + "udp_length")
    send(eth(to_group, ip(group, udp(group, port, good, bad_sum=True))), rx + "udp_checksum")
    send(eth(group_mac("239.9.9.9"), ip("239.9.9.9", udp("239.9.9.9", port, good))),
         rx + "multicast_foreign")
    send(eth(to_group, ip(group, udp(group, 9, good))), rx + "multicast_foreign")
    send(eth(GATEWAY_MAC, ip(group, udp(group, port, good))), rx + "multicast_mac")
    send(eth(to_group, ip(group, udp(group, port, bytes(7000)))), rx + "ip_length")  # jumbo, cut
    line = "arb_line_"
    send(data(good[:10]), line + "packet_short", "line=0")
    send(data(mold(session, 1, [bytes(12)], tail=b"\0\x30A")), line + "packet_malformed", "line=0")
    send(data(mold(session, 1, [bytes(12)])[:-5]), line + "packet_malformed", "line=0")
    send(data(mold(session, 1, [bytes(12)], count=9)), line + "packet_malformed", "line=0")
    send(data(mold(session, 0, [bytes(12)])), line + "packet_seq_invalid", "line=0")
    send(data(mold(session, 1 << 60, [bytes(12)])), line + "packet_seq_invalid", "line=0")
    send(data(mold("NOTOURS", 1, [bytes(12)])), "arb_packet_wrong_session")
    send(data(mold("NOTOURS", 1 << 40, [], count=0xFFFF)), "arb_packet_wrong_session")
    send(data(mold(session, 1, [bytes(12)])), line + "message_duplicate", "line=0")  # old and wrong
    # What is not market data.
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
    send(eth(b"\xff" * 6, struct.pack("!HHBBH", 6, 0x0800, 6, 4, 1) + bytes(40), kind=0x0806),
         rx + "arp_malformed")
    send(eth(b"\xff" * 6, arp + b"\x02\0\0\0\0\x99" + socket.inet_aton(GATEWAY_IP) + bytes(6) +
             socket.inet_aton(GATEWAY_IP), kind=0x0806, src=b"\x02\0\0\0\0\x99"),
         "arp_conflict", "port=md")
    send(eth(GATEWAY_MAC, ip(GATEWAY_IP, udp(GATEWAY_IP, 9, b"hello"))), "host_other_received", "port=md")
    send(eth(b"\x02\0\0\0\0\x98", ip(GATEWAY_IP, udp(GATEWAY_IP, 9, b"hello"))),
         "host_drop_not_ours", "port=md")
    query = struct.pack("!BBH4s", 0x11, 10, 0x1234, bytes(4))  # wrong checksum
    send(eth(group_mac("224.0.0.1"), ip("224.0.0.1", query, proto=2, ttl=1)), "igmp_invalid", "port=md")


def attack_oe(server_port):
    # The connection as it is now, from a segment of the gateway's.
    while True:
        f = raw.recv(2000)
        if (f[12:14] == b"\x08\0" and f[23] == 6 and f[26:30] == socket.inet_aton(GATEWAY_IP) and
                struct.unpack("!H", f[36:38])[0] == server_port and not f[47] & 6):
            break
    gw_port, _, seq, ack = struct.unpack("!HHII", f[34:46])

    def tcp(flags, at, ack_no=None, port=None, payload=b"", bad_sum=False, offset=5):
        head = struct.pack("!HHIIBBHHH", server_port, gw_port if port is None else port,
                           at & 0xFFFFFFFF, (seq if ack_no is None else ack_no) & 0xFFFFFFFF,
                           offset << 4, flags, 1000, 0, 0)
        total = checksum(pseudo(GATEWAY_IP, 6, head + payload)) ^ (0x5555 if bad_sum else 0)
        return eth(GATEWAY_MAC, ip(GATEWAY_IP, head[:16] + struct.pack("!H", total) + head[18:] + payload,
                                   proto=6))

    fin, syn, rst, psh_ack = 1, 2, 4, 0x18
    far, near = ack + (1 << 30), ack + 20000
    send(tcp(rst, far), "tcp_dropped_rst")
    send(tcp(rst, near), "tcp_dropped_rst")  # in the window, but not exact
    send(tcp(syn, near), "tcp_dropped_syn")
    send(tcp(fin | 0x10, far), "tcp_dropped_out_of_window")
    send(tcp(psh_ack, far, payload=b"\0\1H"), "tcp_dropped_out_of_window")
    send(tcp(psh_ack, near, ack_no=seq + (1 << 30), payload=b"\0\1H"), "tcp_dropped_bad_ack")
    send(tcp(psh_ack, near, payload=b"\0\1H", bad_sum=True), "tcp_dropped_bad_sum")
    send(tcp(psh_ack, near, offset=3), "tcp_dropped_bad_header")
    send(tcp(syn, 1, port=gw_port ^ 1), "lane_loop_segment_foreign")
    send(tcp(syn, 1, port=80), "lane_loop_segment_foreign")
    send(tcp(rst, ack, port=gw_port ^ 1), "lane_loop_segment_foreign")

    def icmp(kind, code, quoted, bad_sum=False):
        head = struct.pack("!BBHI", kind, code, 0, 0)
        total = checksum(head + quoted) ^ (0x5555 if bad_sum else 0)
        return eth(GATEWAY_MAC, ip(GATEWAY_IP, head[:2] + struct.pack("!H", total) + head[4:] + quoted,
                                   proto=1))

    def quote(port, at):
        return ip(OUR_IP, struct.pack("!HHI", port, server_port, at & 0xFFFFFFFF), proto=6, src=GATEWAY_IP)

    send(icmp(3, 3, quote(gw_port, seq - 100000)), "tcp_icmp_ignored")  # nothing there is in flight
    send(icmp(3, 1, quote(gw_port ^ 1, seq)), "tcp_icmp_ignored")
    send(icmp(3, 3, ip("10.9.9.9", bytes(8), src=GATEWAY_IP)), "icmp_error_foreign", "port=oe")
    send(icmp(3, 3, b"", bad_sum=True), "icmp_invalid", "port=oe")
    send(icmp(13, 0, bytes(12)), "icmp_type_ignored", "port=oe")
    expected[("icmp_error_received", "port=oe")] = 2 * TIMES  # both of a connection
    send(icmp(8, 0, b"anybody there?"), "icmp_echo_received", "port=oe")
    # Somebody says that the venue's address, and then ours, is his.
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2)
    send(eth(GATEWAY_MAC, arp + b"\x02\0\0\0\0\x99" + socket.inet_aton(GATEWAY_IP) + GATEWAY_MAC +
             socket.inet_aton(GATEWAY_IP), kind=0x0806, src=b"\x02\0\0\0\0\x99"),
         "arp_conflict", "port=oe")
    raw.send(eth(GATEWAY_MAC, arp + b"\x02\0\0\0\0\x99" + socket.inet_aton(OUR_IP) + GATEWAY_MAC +
                 socket.inet_aton(GATEWAY_IP), kind=0x0806, src=b"\x02\0\0\0\0\x99"))
    expected[("arp_neighbour_claimed", "port=oe")] = 1
    expected[("arp_neighbour_changed", "port=oe")] = 0
    send(eth(GATEWAY_MAC, ip(GATEWAY_IP, bytes(20), proto=6, flags=0x2000)), "host_drop_fragment",
         "port=oe", growth=0)
    send(eth(GATEWAY_MAC, ip(GATEWAY_IP, bytes(20), proto=6, bad_sum=True)), "host_drop_sum", "port=oe")
    send(eth(GATEWAY_MAC, ip("10.10.2.77", bytes(20), proto=6)), "host_drop_ip_not_ours", "port=oe")
    send(eth(b"\xff" * 6, ip(GATEWAY_IP, bytes(20), proto=6)), "host_drop_ip_martian", "port=oe")
    send(eth(GATEWAY_MAC, ip(GATEWAY_IP, bytes(20), proto=6, src="224.1.1.1")), "host_drop_source", "port=oe")
    send(eth(GATEWAY_MAC, ip(GATEWAY_IP, bytes(8), proto=17)[:24]), "host_drop_malformed", "port=oe")
    send(eth(GATEWAY_MAC, bytes(60), kind=0x88CC), "host_drop_type", "port=oe")


kind, gateway_mac, GATEWAY_IP, OUR_IP = sys.argv[1:5]
GATEWAY_MAC = mac(gateway_mac)
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800 if kind == "oe" else 0))
raw.bind((kind, 0x0800 if kind == "oe" else 0))
OUR_MAC = raw.getsockname()[4]
if kind == "md":
    attack_md(sys.argv[5], int(sys.argv[6]), sys.argv[7])
else:
    attack_oe(int(sys.argv[5]))
for (counter, label), count in expected.items():
    print(counter, label or "-", count)
