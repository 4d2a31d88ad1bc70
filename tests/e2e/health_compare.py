#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares two runs of newcomers.py: which server answered each source port before, and which does after.

Usage: health_compare.py BEFORE AFTER same               all as before
       health_compare.py BEFORE AFTER without SERVER     who was on SERVER is on another one of its pool (prod-2 is of
                                                         prod); nobody else changed pool; all are answered
       health_compare.py BEFORE AFTER falls POOL TO      who was in POOL is in TO (none: unanswered), the others as before
Prints what it found; exit 1 where that is not so.
"""
import collections
import json
import sys


def pool(server):
    return "none" if server is None else server.rsplit("-", 1)[0]


def read(path):
    with open(path, encoding="ascii") as file:
        return json.load(file)


def wrong(before, after, words):
    """Why one port's answer is wrong, or None."""
    if words[0] == "same":
        return None if before == after else "is elsewhere"
    if words[0] == "without":
        if after == words[1]:
            return "is on the one that is down"
        return None if pool(before) == pool(after) else "changed pool"
    if pool(before) == words[1]:
        return None if pool(after) == words[2] else "is elsewhere"
    return None if before == after else "moved although its pool is up"


def main():
    before, after = read(sys.argv[1]), read(sys.argv[2])
    faults = collections.Counter()
    for port, server in before.items():
        why = wrong(server, after[port], sys.argv[3:])
        if why:
            faults[f"{server} -> {after[port]} {why}"] += 1
    moved = sum(before[port] != after[port] for port in before)
    pools = collections.Counter(pool(server) for server in after.values())
    print(f"{len(after)} new connections: {dict(sorted(pools.items()))}, {moved} on another server than before"
          + (f"; WRONG: {dict(faults)}" if faults else ""))
    return 1 if faults or None in before.values() else 0


if __name__ == "__main__":
    sys.exit(main())
