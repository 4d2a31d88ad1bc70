#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Floods an interface with SYNs of spoofed tuples, each one new, as live frames of the kernel (syn_flood.bpf.c).

Usage: syn_flood.py flood PINS IFINDEX TO-MAC FROM-MAC VIP PORT BURST   until SIGTERM; prints how many were sent. After
                                                   a burst, at full speed, the kernel makes a pause of some 25 ms
       syn_flood.py expect PINS MAC...            the sink counts what arrives for these
       syn_flood.py arrived PINS                  one line of JSON: {MAC: count}
"""
import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import sys
import time

import table_reader

BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_PROG_TEST_RUN = 1, 2, 10
LIVE_FRAMES = 2
FRAME_BYTES = 54
AIM = struct.Struct("=12s4s2s2xIQ")

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attribute):
    buffer = ctypes.create_string_buffer(attribute, 128)
    if libc.syscall(table_reader.SYS_BPF, command, buffer, 128) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def map_call(command, fd, key, value):
    key, value = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(value, len(value))
    bpf(command, struct.pack("=I4xQQQ", fd, ctypes.addressof(key), ctypes.addressof(value), 0))
    return value.raw


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def flood(pins, ifindex, to_mac, from_mac, vip, port, burst):
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    aim_fd, program = table_reader.open_pin(f"{pins}/aim"), table_reader.open_pin(f"{pins}/flood")
    sent = AIM.unpack(map_call(BPF_MAP_LOOKUP_ELEM, aim_fd, bytes(4), bytes(AIM.size)))[-1]  # none comes again
    aim = AIM.pack(mac_bytes(to_mac) + mac_bytes(from_mac), socket.inet_aton(vip), struct.pack("!H", int(port)),
                   int(ifindex), sent)
    map_call(BPF_MAP_UPDATE_ELEM, aim_fd, bytes(4), aim)
    frame = ctypes.create_string_buffer(FRAME_BYTES)
    test = struct.pack("=IIIIQQIIIIQQIII", program, 0, FRAME_BYTES, 0, ctypes.addressof(frame), 0, int(burst), 0,
                       0, 0, 0, 0, LIVE_FRAMES, 0, 0)
    begin = time.monotonic()
    while not stopped:
        with contextlib.suppress(InterruptedError):
            bpf(BPF_PROG_TEST_RUN, test)
    sent = AIM.unpack(map_call(BPF_MAP_LOOKUP_ELEM, aim_fd, bytes(4), bytes(AIM.size)))[-1] - sent
    print(json.dumps({"sent": sent, "seconds": round(time.monotonic() - begin, 2)}))


def expect(pins, *macs):
    fd = table_reader.open_pin(f"{pins}/arrived")
    for mac in macs:
        map_call(BPF_MAP_UPDATE_ELEM, fd, mac_bytes(mac) + bytes(2), bytes(8))
    with open(f"{os.environ['WORK']}/sink-macs", "w", encoding="ascii") as file:
        file.write(" ".join(macs))


def arrived(pins):
    fd = table_reader.open_pin(f"{pins}/arrived")
    with open(f"{os.environ['WORK']}/sink-macs", encoding="ascii") as file:
        macs = file.read().split()
    print(json.dumps({mac: struct.unpack("=Q", map_call(BPF_MAP_LOOKUP_ELEM, fd, mac_bytes(mac) + bytes(2), bytes(8)))[0]
                      for mac in macs}))


if __name__ == "__main__":
    {"flood": flood, "expect": expect, "arrived": arrived}[sys.argv[1]](*sys.argv[2:])
