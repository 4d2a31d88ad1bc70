#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints a digest of the bytes of each pinned table: table_digests.py [--hex] PINS [TABLE...]

With --hex the bytes themselves instead."""

import ctypes
import hashlib
import mmap
import os
import re
import struct
import sys

SYS_BPF = 321
BPF_OBJ_GET = 7
TABLES = ("services", "slots", "backends", "service_info", "interfaces", "node")


def open_pin(path):
    name = ctypes.create_string_buffer(path.encode())
    attribute = ctypes.create_string_buffer(struct.pack("=QII", ctypes.addressof(name), 0, 0), 128)
    fd = ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF, BPF_OBJ_GET, attribute, 128)
    if fd < 0:
        sys.exit(f"{path}: {os.strerror(ctypes.get_errno())}")
    return fd


def contents(fd):
    with open(f"/proc/self/fdinfo/{fd}") as file:
        info = dict(re.findall(r"(\w+):\s+(\d+)", file.read()))
    size = int(info["max_entries"]) * ((int(info["value_size"]) + 7) // 8 * 8)
    with mmap.mmap(fd, (size + 4095) // 4096 * 4096, mmap.MAP_SHARED, mmap.PROT_READ) as table:
        return table[:size]


words = [word for word in sys.argv[1:] if word != "--hex"]
for table in words[1:] or TABLES:
    descriptor = open_pin(f"{words[0]}/{table}")
    found = contents(descriptor)
    print(table, found.hex() if "--hex" in sys.argv else hashlib.sha256(found).hexdigest())
    os.close(descriptor)
