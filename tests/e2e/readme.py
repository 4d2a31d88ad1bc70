#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""README's commands, run: compares what they print with what README shows, or writes it there.

Usage: readme.py config OUT          writes README's first YAML block to OUT
       readme.py check  DIRECTORY    runs the console blocks in DIRECTORY; exit 1 where README differs
       readme.py write  DIRECTORY    runs them and puts what they print into README
A console block has lines `$ command`, each followed by what it prints. PATH must have the programs.
"""

import os
import re
import subprocess
import sys

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.M | re.S)
# What differs from run to run, and is no claim of README's.
VARYING = ((re.compile(r"counted for [0-9.]+ s"), "counted for 2.0 s"),)


def steady(text):
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def run_block(block, directory):
    """The block as it should stand: each command with what it printed just now."""
    lines = []
    for command in re.findall(r"^\$ (.*)$", block, re.M):
        done = subprocess.run(["bash", "-c", command], cwd=directory, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        lines.append(f"$ {command}\n{steady(done.stdout)}")
    return "".join(lines)


def main():
    verb, place = sys.argv[1:3]
    with open(README, encoding="utf-8") as file:
        text = file.read()
    if verb == "config":
        with open(place, "a", encoding="utf-8") as file:
            file.write(YAML.search(text).group(1))
        return 0
    differ = 0
    for block in CONSOLE.findall(text):
        now = run_block(block, place)
        if verb == "write":
            text = text.replace(block, now)
        elif block != now:
            print(f"README shows:\n{block}\nbut the commands print:\n{now}")
            differ += 1
        else:
            print(f"ok: {block.count('$ ')} commands print what README shows")
    if verb == "write":
        with open(README, "w", encoding="utf-8") as file:
            file.write(text)
    return 1 if differ else 0


sys.exit(main())
