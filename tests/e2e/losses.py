#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which event lost which packets: losses.py SENT.json RECEIVED.json EVENTS

EVENTS has a line "SECONDS NAME" for each event; what is missing between one and the next is its loss.
Prints a figure for each name: the median and the worst loss, and the longest outage, which is the longest
row of missing packets. Fails where a name's median is more than it may be, or a packet came twice.
"""

import collections
import json
import math
import statistics
import sys

# A queue that nobody serves loses thousands; the wide bounds are for a machine that stalls.
MOST_LOST = {"before any data plane": 0, "daemon killed": 0, "daemon started": 0, "data plane killed": 20,
             "data plane started": 20, "data plane stopped cleanly": 20, "data plane hung": 500,
             "data plane goes on": 500, "hung one killed": 500, "one lcore stopped": 500}


def read_json(path):
    with open(path) as file:
        return json.load(file)


def read_events(path):
    with open(path) as file:
        return [(float(when), name) for when, name in (line.rstrip("\n").split(" ", 1) for line in file)]


def all_gaps(sent, received):
    """[Packets, when the next one was sent]"""
    yield from ((count, when) for _, count, when in received["gaps"])
    tail = sent["sent"] - received["highest"] - 1
    if tail > 0:
        yield tail, math.inf


def by_event(sent, received, events):
    """For each event [packets lost, longest row of them]."""
    losses = [[0, 0] for _ in events]
    for count, when in all_gaps(sent, received):
        place = max((i for i, event in enumerate(events) if event[0] <= when), default=0)
        losses[place][0] += count
        losses[place][1] = max(losses[place][1], count)
    return losses


def main():
    sent, received, events = read_json(sys.argv[1]), read_json(sys.argv[2]), read_events(sys.argv[3])
    of_name = collections.defaultdict(list)
    for (_, name), loss in zip(events, by_event(sent, received, events)):
        of_name[name].append(loss)
    bad = []
    for name, losses in of_name.items():
        lost = sorted(count for count, _ in losses)
        median, outage_ms = statistics.median(lost), max(row for _, row in losses) * 1000 / sent["rate"]
        times = f" {len(lost)} times" if len(lost) > 1 else ""
        print(f"figure: {name}{times}: median {median:g} lost, worst {lost[-1]}, longest outage {outage_ms:.1f} ms")
        if median > MOST_LOST.get(name, sent["sent"]):
            bad.append(f"{name}: median {median:g} lost, at most {MOST_LOST[name]} is allowed")
    lost = sent["sent"] - received["received"] + received["duplicates"]
    print(f"figure: {lost} of {sent['sent']} lost, {received['reordered']} out of order; {sent['rate']} a second, "
          f"the sender at most {sent['latest_ms']:.1f} ms late")
    if received["duplicates"] or sent["refused"]:
        bad.append(f"{received['duplicates']} came twice, {sent['refused']} could not be sent")
    print("\n".join(bad), file=sys.stderr)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
