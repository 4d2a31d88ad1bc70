#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Swaps the two XDP programs of a pinned link in place, as belkad does when it is another version.

Usage: swap_programs.py LINK TIMES GO
Holds the program that is attached, says so, and waits until the file GO is there, and another program in its place;
then it swaps the two so many times, and says how many times it did. Loading a program takes seconds; the swap alone takes none of them.
"""
import ctypes
import os
import platform
import struct
import sys
import time

BPF_OBJ_GET, BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD, BPF_LINK_UPDATE = 7, 13, 15, 29
NUMBER = {"x86_64": 321, "aarch64": 280}[platform.machine()]
PATIENCE_S, PAUSE_S = 60, 0.02


def bpf(command, attributes):
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    result = libc.syscall(NUMBER, command, buffer, len(buffer))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def program_of(link):
    """<linux/bpf.h>, struct bpf_link_info: type, id, prog_id."""
    info = ctypes.create_string_buffer(64)
    bpf(BPF_OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", link, len(info), ctypes.addressof(info)))
    return struct.unpack_from("=III", info.raw)[2]


def main():
    path, times = ctypes.create_string_buffer(sys.argv[1].encode()), int(sys.argv[2])
    link = bpf(BPF_OBJ_GET, struct.pack("=QII", ctypes.addressof(path), 0, 0))
    first = program_of(link)
    held = [bpf(BPF_PROG_GET_FD_BY_ID, struct.pack("=III", first, 0, 0))]
    print("holds the first", flush=True)
    deadline = time.monotonic() + PATIENCE_S
    while not os.path.exists(sys.argv[3]) or (second := program_of(link)) == first:
        if time.monotonic() > deadline:
            sys.exit("no other program came")
        time.sleep(PAUSE_S)
    held.append(bpf(BPF_PROG_GET_FD_BY_ID, struct.pack("=III", second, 0, 0)))
    for turn in range(times):
        bpf(BPF_LINK_UPDATE, struct.pack("=IIII", link, held[turn % 2], 0, 0))
        if program_of(link) != (first, second)[turn % 2]:
            sys.exit("the program is not the one that was put in")
        time.sleep(PAUSE_S)
    print(f"swapped {times} times", flush=True)
    for each in held:
        os.close(each)


if __name__ == "__main__":
    main()
