#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Echo requests among TCP, as a capture, and what a data plane makes of it.

Usage: echo_capture.py write COUNT IN.pcap          COUNT requests for each family, after each two SYN
       echo_capture.py flood COUNT IN.pcap          COUNT times the same request
       echo_capture.py check COUNT OUT.pcap         exit code 1 unless OUT has the reply to each, byte for
                                                    byte as scapy writes it, and the TCP packets
"""
import os
import struct
import sys

os.environ["HOME"] = "/nonexistent"  # scapy reads no one's start-up file
from scapy.all import (ICMP, IP, TCP, Ether, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, Raw, rdpcap,  # noqa: E402
                       wrpcap)

VIPS = ("192.0.2.10", "2001:db8:77::10")
CLIENTS = ("198.51.100.7", "2001:db8:c::7")
ROUTER, MAC = "02:00:00:00:00:11", "02:00:00:00:00:12"
DATA = bytes(range(48))


def request(family, number):
    there = Ether(src=ROUTER, dst=MAC)
    if family == 0:
        return there / IP(src=CLIENTS[0], dst=VIPS[0], ttl=57) / ICMP(type=8, id=7, seq=number) / Raw(DATA)
    return there / IPv6(src=CLIENTS[1], dst=VIPS[1], hlim=57) / ICMPv6EchoRequest(id=7, seq=number, data=DATA)


def reply(family, number):
    back = Ether(src=MAC, dst=ROUTER)
    if family == 0:
        return back / IP(src=VIPS[0], dst=CLIENTS[0], ttl=64) / ICMP(type=0, id=7, seq=number) / Raw(DATA)
    return back / IPv6(src=VIPS[1], dst=CLIENTS[1], hlim=64) / ICMPv6EchoReply(id=7, seq=number, data=DATA)


def syn(family, port):
    ip = IP(src=CLIENTS[0], dst=VIPS[0]) if family == 0 else IPv6(src=CLIENTS[1], dst=VIPS[1])
    return Ether(src=ROUTER, dst=MAC) / ip / TCP(sport=port, dport=80, flags="S")


def write(count, path):
    frames = []
    for number in range(count):
        for family in (0, 1):
            frames += [syn(family, 10000 + 2 * number + i) for i in (0, 1)] + [request(family, number)]
    wrpcap(path, frames)


def flood(count, path):
    frame = bytes(request(0, 0))
    with open(path, "wb") as file:  # one write: scapy takes a minute
        file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        file.write((struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame) * count)


def check(count, path):
    out = [bytes(frame) for frame in rdpcap(path)]
    replies = [bytes(reply(family, number)) for number in range(count) for family in (0, 1)]
    found = [frame for frame in out if frame in replies]
    if found != replies:
        sys.exit(f"{len(found)} of {len(replies)} replies, or not in order of arrival")
    if len(out) != len(replies) + 4 * count:
        sys.exit(f"{len(out) - len(found)} other packets instead of {4 * count}")


def main():
    verb, count, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    {"write": write, "flood": flood, "check": check}[verb](count, path)


if __name__ == "__main__":
    main()
