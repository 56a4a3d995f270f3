#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of a page, in their order: each block fenced as sh becomes a file that bash can read.

    doc_commands.py PAGE OUT-FOLDER

OUT-FOLDER/NN-C.sh is the NN-th block, in chapter C ("## C. ...").  A block whose paragraph begins with
"*yours:*" sets what only the reader knows: its file ends in .yours.
"""
import os
import re
import sys

page, out = sys.argv[1:3]
os.makedirs(out, exist_ok=True)
chapter, block, yours, start, count = "0", None, False, 0, 0
for number, line in enumerate(open(page, encoding="utf-8"), 1):
    heading = re.match(r"## (\d+)\. ", line)
    if block is not None and line.startswith("```"):
        count += 1
        name = f"{count:02d}-{chapter}.{'yours' if yours else 'sh'}"
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            f.write(f"# {os.path.basename(page)}, line {start}\n" + "".join(block))
        block, yours = None, False
    elif block is not None:
        block.append(line)
    elif line.startswith("```sh"):
        block, start = [], number + 1
    elif line.startswith("```"):
        sys.exit(f"{page}:{number}: a block of another language; commands are fenced as sh")
    elif heading:
        chapter = heading.group(1)
    elif line.startswith("*yours:*"):
        yours = True
if block is not None:
    sys.exit(f"{page}: the last block has no end")
if count == 0:
    sys.exit(f"{page}: there are no commands")
print(f"{count} blocks")
