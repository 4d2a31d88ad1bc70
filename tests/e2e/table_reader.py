# SPDX-License-Identifier: Apache-2.0
"""The pinned tables as tests read them: bytes of mapped BPF arrays, and the fields of bpf/split/tables.h."""

import ctypes
import ipaddress
import mmap
import os
import re
import struct
import sys

SYS_BPF = 321
BPF_OBJ_GET = 7
HOLD, LOOK = 0xfffe, 0xffff


def open_pin(path):
    name = ctypes.create_string_buffer(path.encode())
    attribute = ctypes.create_string_buffer(struct.pack("=QII", ctypes.addressof(name), 0, 0), 128)
    fd = ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF, BPF_OBJ_GET, attribute, 128)
    if fd < 0:
        sys.exit(f"{path}: {os.strerror(ctypes.get_errno())}")
    return fd


def map_pin(path):
    """The table at this pin, mapped for reading, and how many bytes of it are its."""
    fd = open_pin(path)
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
        info = dict(re.findall(r"(\w+):\s+(\d+)", file.read()))
    size = int(info["max_entries"]) * ((int(info["value_size"]) + 7) // 8 * 8)
    table = mmap.mmap(fd, (size + 4095) // 4096 * 4096, mmap.MAP_SHARED, mmap.PROT_READ)
    os.close(fd)
    return table, size


def contents(path):
    table, size = map_pin(path)
    with table:
        return table[:size]


def text_of(field):
    return field.split(b"\0", 1)[0].decode()


class Service:
    def __init__(self, record):
        self.name = text_of(record[:64])
        self.key, self.base = struct.unpack_from("=II", record, 64)
        self.vip = bytes(record[72:88])
        self.slots, self.pools = struct.unpack_from("=II", record, 88)
        self.draining = record[98]
        self.shares = {}  # by pool: wanted in millionths, slots in force
        for at in range(128, 128 + 48 * self.pools, 48):
            self.shares[text_of(record[at:at + 32])] = struct.unpack_from("=II", record, at + 32)


class Tables:
    """All that says who serves what, as it is now. The clock may tick meanwhile: from first_tick to last_tick."""

    def __init__(self, pins):
        self.first_tick = struct.unpack_from("=I", node := contents(f"{pins}/node"), 12)[0]
        self.generation = struct.unpack_from("=Q", node, 16)[0]
        infos = contents(f"{pins}/service_info")
        size = len(infos) // 1024
        services = (Service(infos[at:at + size]) for at in range(0, len(infos), size) if infos[at])
        self.services = {each.name: each for each in services}
        self.addresses, self.leaving = self._backends(contents(f"{pins}/backends"))
        self.entries = self._entries(contents(f"{pins}/services"))
        slots, size = map_pin(f"{pins}/slots")
        since, _ = map_pin(f"{pins}/since")
        with slots, since:
            self.words = {s.name: self._words(slots, s) for s in self.services.values()}
            self.since = {s.name: struct.unpack_from(f"={s.slots}H", since, 2 * s.base) for s in self.services.values()}
        self.last_tick = struct.unpack_from("=I", contents(f"{pins}/node"), 12)[0]

    @staticmethod
    def _backends(table):
        addresses, leaving = {}, set()
        for number in range(len(table) // 64):
            record = table[64 * number:64 * number + 64]
            if record[6] == 0:  # free
                continue
            addresses[number] = str(ipaddress.ip_address(record[16:32] if record[55] == 6 else record[16:20]))
            if record[61] or record[62]:  # retired, draining
                leaving.add(number)
        return addresses, leaving

    @staticmethod
    def _entries(table):
        """{(VIP, port, protocol and family): (base, mask)} of the entries that lookups find."""
        entries = {}
        for at in range(0, len(table), 64):
            key = struct.unpack_from("=I", table, at + 4)[0]
            if key != 0 and key >> 24 in (4, 6) and key & 0xffffff:
                entries[table[at + 8:at + 24], key] = struct.unpack_from("=II", table, at + 40)
        return entries

    def _words(self, slots, service):
        """Of each slot (current, draining), as addresses, HOLD or LOOK; None is no backend."""
        name = {**self.addresses, 0: None, HOLD: HOLD, LOOK: LOOK}
        words = struct.unpack_from(f"={service.slots}I", slots, 4 * service.base)
        return [(name.get(word & 0xffff, "free"), name.get(word >> 16, "free")) for word in words]


def count_pins(pins):
    table = contents(f"{pins}/pins")
    if table.count(0) == len(table):
        return 0
    return sum(1 for (word,) in struct.iter_unpack("=Q", table) if word)
