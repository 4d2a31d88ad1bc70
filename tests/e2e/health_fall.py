#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stops servers, and tells when new connections avoid them.

Usage: health_fall.py ADDRESS PORT BEFORE TO PID=SERVER...    BEFORE was written by newcomers.py. The processes are killed, and
                                                          the source ports that these servers answered connect again and
                                                          again, until all of them are answered by a server of the pool
                                                          TO, or none is (TO is "none").
Prints one line of JSON: seconds from the first kill until the begin of the first round that avoided them, and what a
sleeper beside it overslept until then, with what belkad ($BELKAD_PID) waited for a CPU. Exit 1 after 30 seconds.
"""
import asyncio
import json
import os
import signal
import sys
import threading
import time

import newcomers
from health_compare import pool, read

PATIENCE_S = 30
ANSWER_S = 0.5
LONG_ANSWER_S = 3
NAP_S, LATE_S = 0.02, 0.05


class Sleeper(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.late_s = 0.0

    def run(self):
        while True:
            begin = time.monotonic()
            time.sleep(NAP_S)
            late_s = time.monotonic() - begin - NAP_S
            if late_s > LATE_S:
                self.late_s += late_s


async def answers(address, port, source_ports, answer_s=ANSWER_S):
    async def one(source_port):
        try:
            return await asyncio.wait_for(newcomers.ask(address, port, source_port), answer_s)
        except asyncio.TimeoutError:
            return None
        except OSError:
            return "refused"

    return await asyncio.gather(*(one(source_port) for source_port in source_ports))


def waited_s(pid):
    """How long the process has waited for a CPU since it began."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[1]) / 1e9


async def fall(address, port, before, to, stopped):
    source_ports = [int(each) for each, server in before.items() if server in stopped.values()]
    sleeper = Sleeper()
    sleeper.start()
    belkad = os.environ["BELKAD_PID"]
    waited_before_s = waited_s(belkad)

    def avoided(servers):
        return {pool(server) for server in servers} == {to} and not set(servers) & set(stopped.values())

    begin = now = time.monotonic()
    for pid in stopped:
        os.kill(pid, signal.SIGKILL)
    while now - begin < PATIENCE_S:
        late_s = sleeper.late_s + waited_s(belkad) - waited_before_s
        servers = await answers(address, port, source_ports)
        # No answer may be a late one: then again, with more patience.
        if avoided(servers) and (to != "none" or avoided(await answers(address, port, source_ports, LONG_ANSWER_S))):
            return {"seconds": round(now - begin, 3), "late_s": round(late_s, 3), "ports": len(source_ports)}
        await asyncio.sleep(NAP_S)
        now = time.monotonic()
    sys.exit(f"after {PATIENCE_S} s they answer: {sorted(set(map(str, servers)))}")


def main():
    address, port, before, to = sys.argv[1], int(sys.argv[2]), read(sys.argv[3]), sys.argv[4]
    stopped = {int(pid): server for pid, server in (word.split("=") for word in sys.argv[5:])}
    print(json.dumps(asyncio.run(fall(address, port, before, to, stopped))))


if __name__ == "__main__":
    main()
