# SPDX-License-Identifier: Apache-2.0
"""What the checkers share: which files are tracked, and a C file without comments and strings."""
import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tracked(*patterns):
    """Tracked files that exist, as paths from the top of the source tree."""
    out = subprocess.run(["git", "-C", TOP, "ls-files", "-z", "--", *patterns],
                         check=True, capture_output=True, text=True).stdout
    return [p for p in out.split("\0") if p and os.path.exists(os.path.join(TOP, p))]


def text_of(path):
    with open(os.path.join(TOP, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def code_of(path):
    """The lines of a C file, comments and the insides of strings blanked out."""
    out = []
    state = "code"
    text = text_of(path)
    i = 0
    while i < len(text):
        c, two = text[i], text[i:i + 2]
        if state == "code":
            if two in ("/*", "//"):
                state = two
                i += 2
                continue
            if c in "\"'":
                state = c
            out.append(c)
        elif state in ("\"", "'"):
            if c == "\\":
                i += 2
                continue
            if c == state or c == "\n":
                state = "code"
                out.append(c)
        elif state == "/*":
            if two == "*/":
                state = "code"
                out.append(" ")
                i += 2
                continue
            if c == "\n":
                out.append(c)
        elif c == "\n":
            state = "code"
            out.append(c)
        i += 1
    return "".join(out).split("\n")
