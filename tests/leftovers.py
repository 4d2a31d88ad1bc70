# SPDX-License-Identifier: Apache-2.0
"""What a test could leave behind on the machine: take a snapshot before it, and ask for the rest after it."""

import contextlib
import glob
import os
import subprocess
import time

# Values that the kernel changes by itself, or that cannot be read.
VOLATILE = ("nf_conntrack_count", "flush", "tcp_fastopen_key")
NETNS = "/run/netns"
SYSCTLS = ("/proc/sys/net/**", "/proc/sys/vm/*hugepages*", "/proc/sys/kernel/bpf_stats_enabled")


def listing(directory):
    try:
        return set(os.listdir(directory))
    except OSError:
        return set()


def bpffs_entries():
    return {os.path.join(top, name) for top, dirs, files in os.walk("/sys/fs/bpf") for name in dirs + files}


def runtime_files():
    """Of Belka and of DPDK: sockets, locks, directories."""
    return {path for top in ("/run/belka", "/run/dpdk") for path in glob.glob(f"{top}/*")}


def belka_processes():
    found = set()
    for comm in glob.glob("/proc/[0-9]*/comm"):
        pid = comm.split("/")[2]
        try:
            with open(comm) as file, open(f"/proc/{pid}/cmdline") as cmdline:
                if file.read().startswith("belka"):
                    found.add(f"{pid} ({cmdline.read().replace(chr(0), ' ').strip() or 'zombie'})")
        except OSError:
            continue  # it ended meanwhile
    return found


def mounts():
    with open("/proc/self/mounts") as file:
        return {line.split()[1] for line in file}


def sysctls():
    values = {}
    for pattern in SYSCTLS:
        for path in glob.glob(pattern, recursive=True):
            if not os.path.isfile(path) or os.path.basename(path) in VOLATILE:
                continue
            try:
                with open(path) as file:
                    values[path] = file.read().strip()
            except OSError:
                continue  # write-only, or of an interface that has gone
    return values


def snapshot():
    return {
        "network namespace": listing(NETNS),
        "interface": listing("/sys/class/net"),
        "bpffs entry": bpffs_entries(),
        "runtime file": runtime_files(),
        "process": belka_processes(),
        "mount": mounts() - {NETNS},
        "sysctl": sysctls(),
    }


def since(before):
    """One line for each thing that is there now and was not before."""
    now = snapshot()
    values_then, values_now = before["sysctl"], now["sysctl"]
    lines = [
        f"sysctl {path}: was {values_then[path]!r}, is {values_now[path]!r}"
        for path in sorted(values_then.keys() & values_now.keys())
        if values_then[path] != values_now[path]
    ]
    for kind in before.keys() - {"sysctl"}:
        lines += [f"{kind} {name}" for name in sorted(now[kind] - before[kind])]
    return lines


def after_grace(before, seconds=3):
    """As since(), but the kernel may take a moment to tear things down."""
    deadline = time.monotonic() + seconds
    while (left := since(before)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


@contextlib.contextmanager
def netns_mount_as_found():
    """The first `ip netns add` mounts /run/netns upon itself for good: undone here if that was us."""
    found = NETNS in mounts()
    try:
        yield
    finally:
        if not found and NETNS in mounts() and not os.listdir(NETNS):
            subprocess.run(["umount", NETNS], check=False)
