#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""New connections, one after another begun: echo_once.py ADDRESS PORT COUNT A_SECOND

Each connects, sends a line, wants it back (echo_many.py serves), and closes. Prints one line of JSON: made, succeeded,
those of them whose packets had to be sent again, the slowest in ms, servers, why others failed. Exit code 1 where one
failed. A connection has 30 seconds, in which TCP repairs what a full queue lost.
"""
import asyncio
import collections
import json
import socket
import struct
import sys
import time

PATIENCE_S = 30
TOTAL_RETRANS = 100  # its offset in struct tcp_info


class Tally:
    def __init__(self):
        self.made = self.succeeded = self.sent_again = 0
        self.slowest_ms = 0.0
        self.servers, self.why = collections.Counter(), collections.Counter()


async def talk(address, port, number, tally):
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(b"%d\n" % number)
        name, answered = (await reader.readline()).split()
        if int(answered) != number:
            raise ValueError("another line came back")
        info = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        tally.sent_again += struct.unpack_from("=I", info, TOTAL_RETRANS)[0] > 0
        tally.servers[name.decode()] += 1
    finally:
        writer.close()
    await writer.wait_closed()


async def one(address, port, number, tally):
    begin = time.monotonic()
    tally.made += 1
    try:
        await asyncio.wait_for(talk(address, port, number, tally), PATIENCE_S)
        tally.succeeded += 1
    except (OSError, ValueError, asyncio.TimeoutError) as error:
        tally.why[f"{type(error).__name__} {error}".strip()] += 1
    tally.slowest_ms = max(tally.slowest_ms, round((time.monotonic() - begin) * 1000, 1))


async def run(address, port, count, rate):
    tally, begin = Tally(), time.monotonic()
    tasks = []
    for number in range(count):
        await asyncio.sleep(max(0, begin + number / rate - time.monotonic()))
        tasks.append(asyncio.create_task(one(address, port, number, tally)))
    await asyncio.gather(*tasks)
    print(json.dumps(vars(tally)), flush=True)
    return 0 if tally.succeeded == count else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))
