#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Numbered UDP flows, and which backend got which number.

Usage: udp_flows.py send ADDRESS PORT FLOWS SENT     until SIGTERM; then writes SENT: by flow when each number was sent
       udp_flows.py receive ADDRESS PORT RECEIVED    until SIGTERM; then writes RECEIVED: [[flow, number]] in order
       udp_flows.py judge IDLE_S SENT NAME=RECEIVED...   exit code 1 where a flow moved that was never idle so long

Of ten flows seven speak about once a second, two are silent for 4 to 14 seconds each time, and one for 17 to 30: longer than
the idle time of 16, so Belka may take it for a new one. What counts is what the sender's clock says of its own packets.
"""
import collections
import heapq
import json
import random
import select
import signal
import socket
import struct
import sys
import time

PAYLOAD = struct.Struct("!II")  # flow, number
SOCKET_BYTES = 8 << 20
SO_RCVBUFFORCE = 33


def silence_s(flow, chance):
    if flow % 10 < 7:
        return chance.uniform(0.5, 1.5)
    return chance.uniform(4, 14) if flow % 10 < 9 else chance.uniform(17, 30)


def until_told():
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    return stopped


def send(address, port, flows, path):
    stopped, chance = until_told(), random.Random(4711)
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(int(flows))]
    for each in sockets:
        each.connect((address, int(port)))
    begin = time.monotonic()
    due = [(begin + chance.uniform(0, 1), flow) for flow in range(len(sockets))]
    heapq.heapify(due)
    sent = [[] for _ in sockets]
    while not stopped:
        when, flow = due[0]
        time.sleep(max(0, min(0.1, when - time.monotonic())))
        if time.monotonic() < when:
            continue
        sent[flow].append(time.monotonic() - begin)
        sockets[flow].send(PAYLOAD.pack(flow, len(sent[flow]) - 1))
        heapq.heapreplace(due, (time.monotonic() + silence_s(flow, chance), flow))
    with open(path, "w", encoding="ascii") as file:
        json.dump(sent, file)


def receive(address, port, path):
    stopped, received = until_told(), []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as at:
        at.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BYTES)
        at.bind((address, int(port)))
        while not stopped:
            if select.select([at], [], [], 0.1)[0]:
                received.append(PAYLOAD.unpack(at.recv(100)))
    with open(path, "w", encoding="ascii") as file:
        json.dump(received, file)


def homes(files):
    """By flow and number the names of those who got it."""
    got = collections.defaultdict(list)
    for name, path in (word.split("=", 1) for word in files):
        with open(path, encoding="ascii") as file:
            for flow, number in json.load(file):
                got[flow, number].append(name)
    return got


def judge(idle_s, path, *files):
    with open(path, encoding="ascii") as file:
        sent = json.load(file)
    got, tally, faults = homes(files), collections.Counter(), []
    for flow, times in enumerate(sent):
        idle = any(later - earlier > float(idle_s) for earlier, later in zip(times, times[1:]))
        visited = [got[flow, number][0] for number in range(len(times)) if (flow, number) in got]
        moves = sum(one != other for one, other in zip(visited, visited[1:]))
        tally["idle" if idle else "busy"] += 1
        tally["moved" if idle else "busy moved"] += moves > 0
        tally["sent"] += len(times)
        tally["lost"] += len(times) - len(visited)
        if len(visited) < 0.9 * len(times):
            faults.append(f"flow {flow} lost {len(times) - len(visited)} of its {len(times)} packets")
        # Where it went after a silence that was long enough is its home from then on.
        for number, (earlier, later) in enumerate(zip(times, times[1:])):
            if later - earlier <= float(idle_s) and (flow, number) in got and (flow, number + 1) in got and \
                    got[flow, number] != got[flow, number + 1]:
                faults.append(f"flow {flow} went from {got[flow, number]} to {got[flow, number + 1]} after "
                              f"{later - earlier:.1f} s at number {number}")
    tally["twice"] = sum(len(names) > 1 for names in got.values())
    print(f"figure: {tally['busy']} flows never idle longer than {idle_s} s: {tally['busy moved']} left their backend; "
          f"{tally['idle']} were idle longer: {tally['moved']} of them changed it; {tally['sent']} packets, "
          f"{tally['lost']} lost, {tally['twice']} came twice")
    if faults or tally["busy moved"] or tally["twice"] or not tally["busy"]:
        sys.exit("\n".join(faults[:10]) or "flows moved, or packets came twice")


if __name__ == "__main__":
    {"send": send, "receive": receive, "judge": judge}[sys.argv[1]](*sys.argv[2:])
