#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which event lost which packets: losses.py SENT.json RECEIVED.json EVENTS BEHIND HEARTBEAT_MS [GAPS]

EVENTS has a line "SECONDS OUTSIDE RING NAME" for each event; what is missing between one and the next is its loss.
OUTSIDE and RING count what was dropped until then by interfaces that are not the splitter's, and before the
splitter's full ring. What was dropped outside, or by the receiver's own socket, is told apart and is not the
event's loss; what the ring dropped is told, and is. BEHIND has the number of packets that found the ring behind the
splitter full, which its driver counts: it has 256 places, so it takes a machine that stood still for 25 ms at this
rate, and is told apart too, first of the largest losses. What is missing from the moment before a kill is the kill's: a
data plane that the machine had stopped held it, and would have sent it.

Prints a figure for each name: the median and the worst loss, and the outage, which is the longest row of packets
that were lost, or held for more than 10 ms. Fails where a name's loss is more than it may be, or a packet came
twice. GAPS: a file to write each name's times, loss and outage to, as JSON.
"""

import collections
import dataclasses
import json
import math
import statistics
import sys

# By name: median and worst, as functions of the heartbeat after which XDP takes over, in ms. Where no loss is planned,
# none is allowed; the wide bounds are for a machine that stalls.
def two_heartbeats(heartbeat_ms):
    return 2 * heartbeat_ms


def wide(heartbeat_ms):
    return max(50, 5 * heartbeat_ms)


MOMENT_S = 0.1  # an event does its work in it; a sender that is late then sends nothing into the outage
HELD_S = 0.5  # so long may the machine have stopped a data plane that is killed then
KILLS = ("data plane killed", "hung one killed")
END = "end of the stream"
MOST_LOST = {"data plane killed": (two_heartbeats, wide), "data plane hung": (two_heartbeats, wide),
             "data plane goes on": (two_heartbeats, wide), "hung one killed": (wide, wide),
             "one lcore stopped": (wide, wide)}


@dataclasses.dataclass
class Loss:
    lost: int = 0
    outage: int = 0  # packets, in the longest row
    held: int = 0
    socket: int = 0  # dropped by the receiver's own socket
    outside: int = 0
    ring: int = 0
    behind: int = 0  # dropped at the full ring behind the splitter
    late_ms: float = 0  # the sender, in the moment of the event

    def split(self):
        """Of the splitter."""
        return max(0, self.lost - self.outside - self.socket - self.behind)


def read_json(path):
    with open(path) as file:
        return json.load(file)


def read_events(path):
    with open(path) as file:
        for line in file:
            when, outside, ring, name = line.rstrip("\n").split(" ", 3)
            yield float(when), int(outside), int(ring), name


def all_gaps(sent, received):
    """[Packets, lost of them, when the next one was sent]"""
    yield from received["gaps"]
    tail = sent["sent"] - received["highest"] - 1
    if tail > 0:
        yield tail, tail, math.inf


def by_event(sent, received, events):
    losses = [Loss() for _ in events]

    def place(when):
        return max((i for i, event in enumerate(events) if event[0] <= when), default=0)

    def at(when):
        return losses[place(when)]

    def killed_soon(when):
        return any(event[-1] in KILLS and when < event[0] <= when + HELD_S for event in events)

    for count, lost, when in all_gaps(sent, received):
        loss = at(when + HELD_S if lost and killed_soon(when) else when)
        loss.lost += lost
        loss.held += count - lost
        loss.outage = max(loss.outage, count)
    for count, when in received["socket_drops"]:
        at(when).socket += count
    for when, late_ms in sent["late"]:
        if when - events[place(when)][0] < MOMENT_S:
            at(when).late_ms = max(at(when).late_ms, late_ms)
    for loss, event, following in zip(losses, events, events[1:]):
        loss.outside, loss.ring = following[1] - event[1], following[2] - event[2]
    return losses


def tell_apart(losses, behind):
    """The packets that were dropped behind the splitter; in which events is not known."""
    for loss in sorted(losses, key=Loss.split, reverse=True):
        loss.behind = min(loss.split(), behind)
        behind -= loss.behind


def tell(name, losses, rate):
    """The figure of all events of a name, and its gap in ms."""
    lost = sorted(loss.split() for loss in losses)
    outages_ms = sorted(loss.outage * 1000 / rate for loss in losses)
    gap = {"times": len(losses), "median_lost": statistics.median(lost), "worst_lost": lost[-1],
           "median_ms": statistics.median(outages_ms), "worst_ms": outages_ms[-1]}
    late = statistics.median(loss.late_ms for loss in losses)
    more = f"; the sender was {late:.1f} ms late then" if late >= 0.5 else ""
    more += "".join(f"; {count} {what}" for what, count in (
        ("held for more than 10 ms", sum(loss.held for loss in losses)),
        ("dropped before the splitter's full ring", sum(loss.ring for loss in losses)),
        ("dropped at the full ring behind it", sum(loss.behind for loss in losses)),
        ("dropped outside of the splitter", sum(loss.outside for loss in losses)),
        ("dropped by the receiver's socket", sum(loss.socket for loss in losses))) if count)
    print(f"figure: {name}, {len(lost)} times: median {gap['median_lost']:g} lost, worst {lost[-1]}; takeover/gap "
          f"median {gap['median_ms']:.1f} ms, worst {outages_ms[-1]:.1f} ms{more}")
    return gap


def faults(name, gap, rate, heartbeat_ms):
    median, worst = (bound(heartbeat_ms) * rate // 1000 for bound in MOST_LOST.get(name, (lambda _: 0, lambda _: 0)))
    if gap["median_lost"] > median or gap["worst_lost"] > worst:
        yield (f"{name}: median {gap['median_lost']:g} and worst {gap['worst_lost']} lost, at most {median} and "
               f"{worst} are allowed")


def main():
    sent, received, events = read_json(sys.argv[1]), read_json(sys.argv[2]), list(read_events(sys.argv[3]))
    of_name = collections.defaultdict(list)
    losses = by_event(sent, received, events)
    with open(sys.argv[4], encoding="ascii") as file:
        tell_apart(losses, int(file.read()))
    for event, loss in zip(events, losses):
        of_name[event[-1]].append(loss)
    if not any(loss.lost for loss in of_name[END]):
        del of_name[END]
    gaps = {name: tell(name, losses, sent["rate"]) for name, losses in of_name.items()}
    bad = [fault for name, gap in gaps.items() for fault in faults(name, gap, sent["rate"], int(sys.argv[5]))]
    lost = sent["sent"] - received["received"] + received["duplicates"]
    print(f"figure: {lost} of {sent['sent']} lost, {received['duplicates']} came twice, {received['reordered']} out of "
          f"order, at most {received['deepest']} places; {sent['rate']} a second, the sender at most "
          f"{max((late_ms for _, late_ms in sent['late']), default=0):.1f} ms late")
    if received["duplicates"] or sent["refused"]:
        bad.append(f"{received['duplicates']} came twice, {sent['refused']} could not be sent")
    if len(sys.argv) > 6:
        with open(sys.argv[6], "w") as file:
            json.dump(gaps, file)
    print("\n".join(bad), file=sys.stderr)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
