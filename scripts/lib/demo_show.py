# SPDX-License-Identifier: Apache-2.0
"""What scripts/demo prints: progress lines while the day runs, and the report at its end.

demo_show.py progress SLUICECTL SOCKET SYMBOL SECONDS   a line each second, until the feed has ended
demo_show.py collect SLUICECTL SOCKET FOLDER            the gateway's answers as files in FOLDER
demo_show.py report FOLDER VENUE-JSON                   tables of what was collected
demo_show.py compare FOLDER FOLDER                      latencies of two runs beside each other
demo_show.py pace FILE SECONDS                          the venue's arguments to make it last so long
"""
import collections
import json
import os
import subprocess
import sys
import time


# What is kept of the gateway at the end: file name, then the words for sluicectl.
ANSWERS = {
    "status": ["status"], "feeds": ["feeds"], "orders": ["orders", "--all"], "positions": ["positions"],
    "latency": ["latency", "--stages"], "sessions": ["sessions"], "lanes": ["lanes"], "ports": ["ports"],
}
OPEN_NS = int(9.5 * 3600 * 1e9)


def stamps_of(path):
    """The time of each length-prefixed message, in ns since midnight."""
    with open(path, "rb") as f:
        data = f.read()
    at, stamps = 0, []
    while at + 13 <= len(data):
        length = int.from_bytes(data[at:at + 2], "big")
        stamps.append(int.from_bytes(data[at + 7:at + 13], "big"))
        at += 2 + length
    return stamps


def pace(path, seconds):
    """What is older than the open is not paced."""
    stamps = stamps_of(path)
    day = [s for s in stamps if s >= OPEN_NS]
    skip = "--skip-to 09:30:00 " if len(day) >= 2 else ""
    day = day if skip else stamps
    if len(day) < 2:
        return 1
    span_s = (day[-1] - day[0]) / 1e9
    # Stamps that do not advance: a fixed rate.
    print(f"{skip}--speed {span_s / seconds:.3f}" if span_s > 1 else f"--rate {max(len(stamps) // seconds, 1)}")
    return 0


def ask(ctl, socket, *command):
    """The gateway's answer, or None when it does not answer."""
    run = subprocess.run([ctl, "--socket", socket, "--json", *command], capture_output=True, text=True)
    if run.returncode != 0:
        return None
    return json.loads(run.stdout)


def dollars(px4):
    return "-" if not px4 else f"{px4 / 10000:.2f}"


def duration(ns):
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= scale:
            return f"{ns / scale:.3g} {unit}"
    return f"{ns} ns"


def tick_to_trade(latency):
    """The row that counts: the end points of an order that a packet caused."""
    rows = [r for r in latency or [] if r["end_point"] and r["count"] > 0]
    return rows[0] if rows else None


def top_of_book(ctl, socket, symbol):
    book = ask(ctl, socket, "books", symbol)
    if not book or not book["bid"] or not book["ask"]:
        return "-"
    bid, ask_ = book["bid"][0], book["ask"][0]
    return f"{bid['qty']} x {dollars(bid['px4'])} / {dollars(ask_['px4'])} x {ask_['qty']}"


def progress(ctl, socket, symbol, seconds):
    head = (f"{'time':>6} {'messages/s':>11} {'messages':>10} {'lost':>6}  {symbol + ' best bid / ask':<30}"
            f"{'orders':>8} {'open':>6} {'executed':>9} {'refused':>8}  tick to trade p50, p99")
    start = time.monotonic()
    last, last_at = None, start
    idle = 0
    for line in range(seconds):
        if line % 20 == 0:
            print(head, flush=True)
        time.sleep(1)
        status = ask(ctl, socket, "status")
        if status is None:
            print("the gateway does not answer any more")
            return 1
        now = time.monotonic()
        rate = 0 if last is None else (status["md_cnt"] - last) / (now - last_at)
        row = tick_to_trade(ask(ctl, socket, "latency"))
        times = "-" if row is None else f"{duration(row['p50_ns'])}, {duration(row['p99_ns'])}"
        print(f"{now - start:5.0f}s {rate:11,.0f} {status['md_cnt']:10,} {status['md_lost_cnt']:6,}  "
              f"{top_of_book(ctl, socket, symbol):<30}{status['order_sent_cnt']:8,} "
              f"{status['order_open_cnt']:6,} {status['executed_cnt']:9,} {status['rejected_cnt']:8,}  {times}",
              flush=True)
        feeds = ask(ctl, socket, "feeds") or []
        if feeds and all(f["ended"] for f in feeds if "ended" in f) and any("ended" in f for f in feeds):
            return 0
        # A feed that says no end: three seconds without a message after the first are one.
        idle = idle + 1 if last is not None and status["md_cnt"] == last and last > 0 else 0
        if idle == 3:
            return 0
        last, last_at = status["md_cnt"], now
    return 0


def collect(ctl, socket, folder):
    for name, words in ANSWERS.items():
        got = ask(ctl, socket, *words)
        if got is None:
            print(f"the gateway did not answer '{' '.join(words)}'")
            return 1
        with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as f:
            json.dump(got, f, indent=1)
            f.write("\n")
    return 0


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def report(folder, venue_file):
    got = {name: load(os.path.join(folder, f"{name}.json")) for name in ANSWERS}
    status = got["status"]
    print("\nMarket data")
    print(f"  messages {status['md_cnt']:,}, lost in gaps {status['md_lost_cnt']:,}")
    if status["md_lost_cnt"]:
        print("  the books were suspect from the first lost message on, so trading stopped there: this "
              "machine was too busy to receive in time; run the demo alone")
    for feed in got["feeds"]:
        for line in feed["lines"]:
            print(f"  line {line['group']}: {line['packet_cnt']:,} packets, {line['first_cnt']:,} came first")
    print("\nOrders")
    outcome = collections.Counter(o["state"] for o in got["orders"]["orders"])
    print(f"  {status['intent_cnt']:,} intents judged, {status['rejected_cnt']:,} refused by risk, "
          f"{status['order_sent_cnt']:,} orders sent, {status['executed_cnt']:,} executions")
    for state, cnt in sorted(outcome.items(), key=lambda x: -x[1]):
        print(f"  {state:<12} {cnt:,}")
    ok = show_positions(got["positions"], venue_file)
    print("\nLatency, in ns unless said otherwise")
    print(f"  {'':<22}{'count':>10}{'p50':>10}{'p90':>10}{'p99':>10}{'p99.9':>10}{'p99.99':>10}{'max':>10}  from - to")
    for r in got["latency"]:
        if r["count"] == 0:
            continue
        values = "".join(f"{duration(r[k]):>10}" for k in
                         ("p50_ns", "p90_ns", "p99_ns", "p99.9_ns", "p99.99_ns", "max_ns"))
        print(f"  {r['name']:<22}{r['count']:>10,}{values}  {r['from']} - {r['to']}")
    traded = status["order_sent_cnt"] > 0 and status["executed_cnt"] > 0
    if not traded:
        print("\nno order was accepted and executed: that is a failure of this demo")
    return 0 if ok and traded else 1


def show_positions(rows, venue_file):
    """The gateway's positions beside the venue's.  False when they differ."""
    venue = None
    if os.path.exists(venue_file):
        venue = {p["symbol"]: p["net_qty"] for a in load(venue_file)["accounts"] for p in a["positions"]}
    print("\nPositions")
    print(f"  {'symbol':<10}{'gateway':>10}{'venue':>10}{'bought':>10}{'sold':>10}")
    same = True
    for r in rows:
        theirs = "?" if venue is None else venue.get(r["symbol"], 0)
        same = same and (venue is None or theirs == r["position_qty"])
        print(f"  {r['symbol']:<10}{r['position_qty']:>10,}{theirs:>10}{r['bought_qty']:>10,}{r['sold_qty']:>10,}")
    if venue is None:
        print("  the venue left no positions to compare with")
        return False
    print("  equal" if same else "  DIFFERENT: the gateway and the venue disagree")
    return same


def compare(first, second):
    """The figures that both runs have, from the same end points."""
    runs = [{r["name"]: r for r in load(os.path.join(f, "latency.json")) if r["count"] > 0} for f in (first, second)]
    names = [os.path.basename(os.path.normpath(f)).removeprefix("demo-report-") for f in (first, second)]
    print(f"\nThe difference a port makes: {names[0]} beside {names[1]}")
    print(f"  {'':<22}" + "".join(f"{n + ' p50':>16}{'p99':>10}" for n in names) + "  from - to")
    for name, a in runs[0].items():
        b = runs[1].get(name)
        if b is not None:
            print(f"  {name:<22}" + "".join(f"{duration(r['p50_ns']):>16}{duration(r['p99_ns']):>10}" for r in (a, b)) +
                  f"  {a['from']} - {a['to']}")
    return 0


if __name__ == "__main__":
    what, args = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if what == "progress" and len(args) == 4:
        sys.exit(progress(*args[:3], int(args[3])))
    if what == "collect" and len(args) == 3:
        sys.exit(collect(*args))
    if what == "report" and len(args) == 2:
        sys.exit(report(*args))
    if what == "compare" and len(args) == 2:
        sys.exit(compare(*args))
    if what == "pace" and len(args) == 2:
        sys.exit(pace(args[0], int(args[1])))
    sys.exit(__doc__)
