#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Books of an ITCH file, built here by somebody who shares no code with the gateway.
#
#     judge_books.py cut IN OUT              what of IN comes before the end of market hours
#     judge_books.py symbols FILE            the symbols of FILE
#     judge_books.py judge FILE SOCKET [live|dead SECONDS]
#                                            asks the gateway at its control socket for the book of each
#                                            symbol; prints how many are live_right live_wrong
#                                            other_right other_wrong, then the symbols that are live
#                                            and wrong; waits until all are live and right (live), or
#                                            none is live (dead), and fails after that time
import json
import socket
import struct
import sys
import time

DEPTH = 50  # the most that the gateway shows


def messages(path):
    data = open(path, "rb").read()
    at = 0
    while at + 2 <= len(data):
        size = struct.unpack_from("!H", data, at)[0]
        yield data[at + 2:at + 2 + size], at
        at += 2 + size


def books_of(path):
    name, order, book = {}, {}, {}
    for m, _ in messages(path):
        kind = m[:1]
        if kind == b"R":
            locate = struct.unpack_from("!H", m, 1)[0]
            name[locate] = m[11:19].decode().rstrip()
            book[locate] = {b"B": {}, b"S": {}}

        def leave(ref, shares=None):
            where, side, px, left = order.pop(ref)
            shares = left if shares is None else shares
            level = book[where][side][px]
            level[0] -= shares
            if left > shares:
                order[ref] = (where, side, px, left - shares)
            else:
                level[1] -= 1
                if level[1] == 0:
                    del book[where][side][px]
            return where, side

        def join(where, ref, side, shares, px):
            order[ref] = (where, side, px, shares)
            level = book[where][side].setdefault(px, [0, 0])
            level[0] += shares
            level[1] += 1

        if kind in (b"A", b"F"):
            ref, side, shares = struct.unpack_from("!QcI", m, 11)
            join(struct.unpack_from("!H", m, 1)[0], ref, side, shares, struct.unpack_from("!I", m, 32)[0])
        elif kind in (b"E", b"C", b"X"):
            leave(*struct.unpack_from("!QI", m, 11))
        elif kind == b"D":
            leave(struct.unpack_from("!Q", m, 11)[0])
        elif kind == b"U":
            old, new, shares, px = struct.unpack_from("!QQII", m, 11)
            where, side = leave(old)
            join(where, new, side, shares, px)
    return {name[k]: b for k, b in book.items()}


def rows(levels, best_first):
    return [[px, *levels[px]] for px in sorted(levels, reverse=best_first)]


def ask(to, symbol):
    request = json.dumps({"command": "books", "args": {"symbol": symbol, "depth": DEPTH}}).encode()
    to.sendall(struct.pack("!I", len(request)) + request)
    size = struct.unpack("!I", to.recv(4, socket.MSG_WAITALL))[0]
    answer = json.loads(to.recv(size, socket.MSG_WAITALL))
    if not answer["ok"] and answer["error"]["code"] == "ENOENT":
        return None  # a gateway that just came has not heard of it yet
    if not answer["ok"]:
        sys.exit("%s: %s" % (symbol, answer))
    return answer["result"]


def judge_once(want, to):
    count = {"live_right": 0, "live_wrong": 0, "other_right": 0, "other_wrong": 0}
    wrong = []
    for symbol, (bid, offer) in want.items():
        got = ask(to, symbol)
        if got is None:
            count["other_wrong"] += 1
            continue
        right = (got["bid_level_cnt"] == len(bid) and got["ask_level_cnt"] == len(offer) and
                 [[x["px4"], x["qty"], x["order_cnt"]] for x in got["bid"]] == bid[:DEPTH] and
                 [[x["px4"], x["qty"], x["order_cnt"]] for x in got["ask"]] == offer[:DEPTH])
        live = got["confidence"] == "live"
        count[("live_" if live else "other_") + ("right" if right else "wrong")] += 1
        if live and not right:
            wrong.append(symbol)
    return count, wrong


def judge(path, path_of_socket, wish="", seconds=0):
    want = {s: (rows(b[b"B"], True), rows(b[b"S"], False)) for s, b in books_of(path).items()}
    to = socket.socket(socket.AF_UNIX)
    to.connect(path_of_socket)
    until = time.monotonic() + float(seconds)
    while True:
        count, wrong = judge_once(want, to)
        met = {"live": count["live_right"] == len(want),
               "dead": count["live_right"] + count["live_wrong"] == 0}.get(wish, True)
        if met or time.monotonic() > until:
            break
        time.sleep(0.02)
    print(*count.values(), *wrong)
    return 0 if met else 1


what, path = sys.argv[1:3]
if what == "judge":
    sys.exit(judge(path, *sys.argv[3:]))
elif what == "symbols":
    print(*[m[11:19].decode().rstrip() for m, _ in messages(path) if m[:1] == b"R"])
else:
    end = next(at for m, at in messages(path) if m[:1] == b"S" and m[11:12] == b"M")
    open(sys.argv[3], "wb").write(open(path, "rb").read()[:end])
