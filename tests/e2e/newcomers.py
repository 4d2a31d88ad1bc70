#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""New TCP connections from fixed source ports: which server answers each of them, now.

Usage: newcomers.py ADDRESS PORT FIRST COUNT    prints one line of JSON: {"20000": "prod-1", ...}; null: none answered
                                                within six seconds, and stderr
                                                says how many and why. Connections are reset, so that the next run can
                                                have the same ports.
"""
import asyncio
import collections
import json
import socket
import struct
import sys

ANSWER_S = 6.0  # TCP sends a lost SYN again after 1 s, then after 2 s more
AT_ONCE = 500


async def ask(address, port, source_port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.bind(("", source_port))
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, (address, port))
        await loop.sock_sendall(connection, b"0\n")
        answer = b""
        while not answer.endswith(b"\n"):
            part = await loop.sock_recv(connection, 100)
            if not part:
                return None
            answer += part
        return answer.split()[0].decode()


async def ask_all(address, port, first, count):
    gate = asyncio.Semaphore(AT_ONCE)
    why = collections.Counter()

    async def one(source_port):
        async with gate:
            try:
                return await asyncio.wait_for(ask(address, port, source_port), ANSWER_S)
            except (OSError, asyncio.TimeoutError) as error:
                why[repr(error)] += 1
                return None

    ports = range(first, first + count)
    answers = await asyncio.gather(*(one(source_port) for source_port in ports))
    if why:
        print(dict(why), file=sys.stderr)
    return dict(zip(ports, answers))


def main():
    address, port, first, count = sys.argv[1], *(int(word) for word in sys.argv[2:5])
    print(json.dumps(asyncio.run(ask_all(address, port, first, count))))


if __name__ == "__main__":
    main()
