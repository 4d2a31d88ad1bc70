#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP requests at a steady rate, each on a new connection, none tried again: load.py ADDRESS RATE

One line for each request that ended: when it began and ended (CLOCK_MONOTONIC, seconds), then the
answer's text, or `!` and why there was none. On SIGTERM it begins no more and waits for those under way.
"""

import errno
import selectors
import signal
import socket
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n"
TIMEOUT_S = 10
MOST_AT_ONCE = 512
TICK_S = 0.005


class Request:
    def __init__(self, address):
        self.begin = time.monotonic()
        self.received = b""
        self.sent = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.error = self.socket.connect_ex((address, 80))

    def step(self):
        """Does what it can. Gives the result's text when it is over."""
        try:
            if not self.sent:
                error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    return "!" + errno.errorcode[error]
                self.socket.send(REQUEST)
                self.sent = True
                return None
            part = self.socket.recv(65536)
        except BlockingIOError:
            return None
        except OSError as error:
            return "!" + errno.errorcode.get(error.errno, str(error))
        self.received += part
        return None if part else self.answer()

    def answer(self):
        head, _, body = self.received.partition(b"\r\n\r\n")
        return body.decode().strip() if head.startswith(b"HTTP/1.1 200 ") and body else "!cut off"


class Load:
    def __init__(self, address, rate):
        self.address, self.rate = address, rate
        self.selector = selectors.EpollSelector()
        self.under_way = set()
        self.stopped = False

    def start(self):
        request = Request(self.address)
        if request.error not in (0, errno.EINPROGRESS):
            self.end(request, "!" + errno.errorcode[request.error])
            return
        self.under_way.add(request)
        self.selector.register(request.socket, selectors.EVENT_WRITE, request)

    def end(self, request, result):
        if request in self.under_way:
            self.selector.unregister(request.socket)
            self.under_way.remove(request)
        request.socket.close()
        print(f"{request.begin:.6f} {time.monotonic():.6f} {result}")

    def handle_events(self):
        for key, _ in self.selector.select(TICK_S):
            request = key.data
            was_sent = request.sent
            result = request.step()
            if result is not None:
                self.end(request, result)
            elif request.sent and not was_sent:
                self.selector.modify(request.socket, selectors.EVENT_READ, request)

    def give_up_on_old(self):
        oldest = time.monotonic() - TIMEOUT_S
        for request in [each for each in self.under_way if each.begin < oldest]:
            self.end(request, f"!no answer in {TIMEOUT_S} s")

    def run(self):
        due = time.monotonic()
        while not self.stopped or self.under_way:
            now = time.monotonic()
            due = max(due, now - 0.1)  # what a busy machine held up is not made good for at once
            while not self.stopped and due <= now and len(self.under_way) < MOST_AT_ONCE:
                self.start()
                due += 1 / self.rate
            self.handle_events()
            self.give_up_on_old()
            sys.stdout.flush()


def main():
    load = Load(sys.argv[1], float(sys.argv[2]))

    def stop(_number, _frame):
        load.stopped = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load.run()


if __name__ == "__main__":
    main()
