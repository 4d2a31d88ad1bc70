#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks for echoes: echo_ask.py ADDRESS COUNT [together]

Sends COUNT requests, each after the answer to the one before, or all together, and prints how many were
answered. A reply counts if it comes from ADDRESS with TTL 64, brings back identifier, number and data, and
its checksum is right; any other reply of this identifier is a fault. Exit code 1: a fault, or, where they
were sent one by one, a request without an answer.
"""

import os
import select
import socket
import struct
import sys
import time

PATIENCE_S = 5
QUIET_S = 2  # after the last reply to requests that were sent together
TTL = 64


def checksum(message):
    """RFC 1071, over an even number of bytes."""
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff - total


class Asker:
    def __init__(self, address):
        self.address = address
        self.ipv6 = ":" in address
        self.identifier = os.getpid() & 0xffff
        if self.ipv6:  # the kernel computes the checksum, and drops replies where it is wrong
            self.socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        else:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)

    def data(self, number):
        return struct.pack("!H", number) + bytes(range(54))

    def send(self, number):
        kind = 128 if self.ipv6 else 8
        message = struct.pack("!BBHHH", kind, 0, 0, self.identifier, number) + self.data(number)
        if not self.ipv6:
            message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        self.socket.sendto(message, (self.address, 0))

    def receive(self, seconds):
        """The next ICMP message as (source, TTL, message); None where none comes in time."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return None
        message, ancillary, _, source = self.socket.recvmsg(4096, 256)
        if self.ipv6:
            return source[0], struct.unpack("i", ancillary[0][2])[0], message
        return source[0], message[8], message[(message[0] & 15) * 4:]

    def replies(self, seconds):
        """The numbers of the replies that are here or come until so many seconds pass without any."""
        deadline = time.monotonic() + seconds
        while got := self.receive(max(0, deadline - time.monotonic())):
            source, ttl, message = got
            kind, code, _, identifier, number = struct.unpack("!BBHHH", message[:8])
            if kind != (129 if self.ipv6 else 0) or identifier != self.identifier:
                continue  # neighbour discovery, or somebody else's
            right = self.ipv6 or checksum(message) == 0
            if (source, ttl, code, message[8:], right) != (self.address, TTL, 0, self.data(number), True):
                sys.exit(f"a reply from {source}, TTL {ttl}, checksum right: {right}: {message.hex()}")
            deadline = time.monotonic() + seconds
            yield number


def one_by_one(asker, count):
    answered = 0
    for number in range(count):
        asker.send(number)
        answered += any(reply == number for reply in asker.replies(PATIENCE_S))
    return answered


def together(asker, count):
    numbers = []
    for number in range(count):
        asker.send(number)
        numbers += asker.replies(0)  # so that none is lost to a full socket
    numbers += asker.replies(QUIET_S)
    if len(numbers) != len(set(numbers)):
        sys.exit("a request was answered twice")
    return len(numbers)


def main():
    asker, count = Asker(sys.argv[1]), int(sys.argv[2])
    if sys.argv[3:] == ["together"]:
        print(together(asker, count))
        return 0
    answered = one_by_one(asker, count)
    print(answered)
    return 0 if answered == count else 1


if __name__ == "__main__":
    sys.exit(main())
