#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the tail of tick-to-trade shows the journal's disk: sluice-journal json --kind sent on stdin.

usage: judge_disk.py PHASES MHZ [FIGURES]

PHASES has a line per phase: its turn, its kind (well, again, stalled, full), when it began and ended
in ns.  FIGURES gets the ratios, as perf/run --json has figures.  Exit status: 0, 1 it shows.
"""
import json
import statistics
import sys

SHARES = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)]
KINDS = {"well": "well", "again": "well again (control)", "stalled": "standing still", "full": "full"}
ORDERS_MIN = 200  # of a kind in a turn: else its p99 is an order or two
TURNS_MIN = 3     # that have as many: the flow of a day is uneven


def percentile(times, share):
    return times[min(len(times) - 1, int(len(times) * share))]


def read(phases_path, mhz):
    """Sorted tick-to-trade in us, by (turn, kind)."""
    with open(phases_path) as f:
        phases = [(int(turn), kind, int(a), int(b)) for turn, kind, a, b in map(str.split, f)]
    times = {(turn, kind): [] for turn, kind, _, _ in phases}
    for row in map(json.loads, sys.stdin):
        for turn, kind, begin, end in phases:
            if "tick_cycles" in row and begin <= row["ns"] < end:
                times[turn, kind].append(row["tick_cycles"] / mhz)
    for t in times.values():
        t.sort()
    return times


def turns_of(times):
    """The turns whose four phases all have enough orders."""
    turns = sorted({turn for turn, _ in times})
    kept = [t for t in turns if all(len(times[t, kind]) >= ORDERS_MIN for kind in KINDS)]
    if len(kept) < len(turns):
        print(f"# {len(turns) - len(kept)} of {len(turns)} turns left out: fewer than {ORDERS_MIN} orders in a phase")
    if len(kept) < min(TURNS_MIN, len(turns)):
        sys.exit(f"only {len(kept)} turns have {ORDERS_MIN} orders in each phase")
    return kept


def figure(name, value, unit, floor=None, target=None):
    ratio = None if floor is None else round(value / floor, 3)
    return {"name": name, "value": round(value, 3), "unit": unit, "floor": floor, "ratio": ratio, "target": target,
            "target_of": "ratio" if target else None, "pass": None if target is None else ratio <= target}


def main():
    times = read(sys.argv[1], float(sys.argv[2]))
    turns = turns_of(times)
    ratio, worse, figures = {}, [], []
    for kind, words in KINDS.items():
        every = sorted(x for turn in turns for x in times[turn, kind])
        ratio[kind] = {name: [percentile(times[t, kind], share) / percentile(times[t, "well"], share) for t in turns]
                       for name, share in SHARES}
        print(f"# {words}: {len(every)} orders, " + ", ".join(f"{n} {percentile(every, s):.1f}" for n, s in SHARES) +
              f", max {every[-1]:.1f} us; against well, median of {len(turns)} turns (least to most): " +
              ", ".join(f"{n} {statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for n, r in ratio[kind].items()))
    # What nothing changed differs by, either way round: which of the two came first is chance.
    allowed = max(max(r, 1 / r) for r in ratio["again"]["p99"])
    for kind in ("stalled", "full"):
        median = statistics.median(ratio[kind]["p99"])
        figures.append(figure(f"disk.tail/{kind} p99", median, "x well", 1.0, round(allowed, 3)))
        if median > allowed:
            worse.append(f"{KINDS[kind]} ({median:.2f} x)")
    figures.append(figure("disk.tail/control p99, widest turn", allowed, "x well"))
    for name, share in SHARES:
        every = sorted(x for turn in turns for x in times[turn, "well"])
        figures.append(figure(f"disk.tail/well {name}", percentile(every, share) * 1000, "ns"))
    print(f"# round: p99 against a disk that is well, median of {len(turns)} turns: " + ", ".join(
        f"{KINDS[k]} {statistics.median(ratio[k]['p99']):.2f}" for k in ("again", "stalled", "full")) +
        f"; the control's widest turn {allowed:.2f}")
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w") as f:
            json.dump({"figures": figures}, f, indent=1)
    return f"p99 lies above the control's widest turn ({allowed:.2f} x): {', '.join(worse)}" if worse else 0


sys.exit(main())
