# SPDX-License-Identifier: Apache-2.0
"""Sums a testlog.json of Meson: prints failures with the end of their output, then 'P F S'."""
import json
import sys

TAIL_LINES = 25
# How a test says why it failed; logs that follow may be longer than the tail shown here.
REASONS = ("FAILED: ", "[  ERROR   ]", "not ok", "# FAILED")
REASON_LINES = 5
counts = {"passed": 0, "failed": 0, "skipped": 0}
try:
    with open(sys.argv[1], encoding="utf-8") as log:
        tests = [json.loads(line) for line in log if line.strip()]
except FileNotFoundError:
    tests = []
for t in tests:
    result = t["result"]
    if result in ("OK", "EXPECTEDFAIL"):
        counts["passed"] += 1
    elif result == "SKIP":
        counts["skipped"] += 1
        why = [s for s in t.get("stdout", "").splitlines() if "skip" in s.lower()]
        print(f"         skipped {t['name']}: {why[-1].strip() if why else 'no reason given'}",
              file=sys.stderr)
    else:
        counts["failed"] += 1
        print(f"         FAILED {t['name']} ({result} after {t['duration']:.1f} s)", file=sys.stderr)
        output = (t.get("stdout", "") + t.get("stderr", "")).splitlines()
        output = [s for s in output if not s.startswith("ok ")]
        reasons = [s for s in output[:-TAIL_LINES] if s.lstrip().startswith(REASONS)]
        for line in reasons[:REASON_LINES] + output[-TAIL_LINES:]:
            print(f"           | {line}", file=sys.stderr)
print(counts["passed"], counts["failed"], counts["skipped"])
