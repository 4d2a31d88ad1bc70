#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Long-lived TCP connections: each sends a numbered line every 100 ms and wants it back from who had the first.

Usage: echo_many.py serve NAME PORT                    answers "NAME LINE" to each line, on every address
       echo_many.py hold ADDRESS PORT COUNT READY [S]  holds COUNT connections until SIGTERM, then prints one line of
                                                       JSON: begun, lost, moved, lines, servers, lost_at. Makes the file READY
                                                       when all of them have had an answer. Exit 1 where one was lost.
                                                       They speak every S seconds instead.
"""
import asyncio
import collections
import contextlib
import json
import signal
import sys

EVERY_S = 0.1
ANSWER_S = 20.0  # TCP repairs a packet that was lost in a kill; a connection that is silent for so long is lost


async def serve(name, port):
    async def answer(reader, writer):
        try:
            while line := await reader.readline():
                writer.write(name.encode() + b" " + line)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, None, port, backlog=4096)
    async with server:
        await server.serve_forever()


class Holder:
    def __init__(self, address, port, every_s):
        self.address, self.port, self.every_s = address, port, every_s
        self.ended = asyncio.Event()
        self.lines = self.lost = self.moved = self.begun = 0
        self.why = collections.Counter()
        self.servers = collections.Counter()
        self.lost_at = collections.Counter()  # by the server that they were on; None: on none yet

    async def ask(self, reader, writer, number):
        writer.write(b"%d\n" % number)
        line = await asyncio.wait_for(reader.readline(), ANSWER_S)
        name, answered = line.split()
        if int(answered) != number:
            raise ValueError("another line came back")
        self.lines += 1
        return name.decode()

    async def hold(self):
        home = None
        reader, writer = await asyncio.open_connection(self.address, self.port)
        try:
            home = await self.ask(reader, writer, 0)
            self.begun += 1
            self.servers[home] += 1
            number = 0
            while not self.ended.is_set():
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self.ended.wait(), self.every_s)
                number += 1
                self.moved += await self.ask(reader, writer, number) != home
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            self.lost += 1
            self.lost_at[str(home)] += 1
            self.why[type(error).__name__] += 1
        finally:
            writer.transport.abort()

    async def run(self, count, ready):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.ended.set)
        tasks = [asyncio.create_task(self.hold()) for _ in range(count)]
        while self.begun + self.lost < count and not self.ended.is_set():
            await asyncio.sleep(0.05)
        with open(ready, "w", encoding="ascii") as file:
            file.write("ready\n")
        await asyncio.gather(*tasks)
        print(json.dumps({"begun": self.begun, "lost": self.lost, "moved": self.moved, "lines": self.lines,
                          "servers": self.servers, "lost_at": self.lost_at,
                          "why": self.why}), flush=True)
        return 1 if self.lost or self.moved or self.begun != count else 0


def main():
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2], int(sys.argv[3])))
        return 0

    async def hold():
        every_s = float(sys.argv[6]) if len(sys.argv) > 6 else EVERY_S
        return await Holder(sys.argv[2], int(sys.argv[3]), every_s).run(int(sys.argv[4]), sys.argv[5])

    return asyncio.run(hold())


if __name__ == "__main__":
    sys.exit(main())
