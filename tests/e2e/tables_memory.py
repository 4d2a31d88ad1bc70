#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What processes hold of memory: tables_memory.py PID...   prints KiB of BPF maps and of resident memory, of all of them.

The maps are those of the processes' descriptors, each counted once, by what the kernel says that it takes."""
import glob
import re
import sys

maps, resident_kib = {}, 0
for pid in sys.argv[1:]:
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        with open(path, encoding="ascii") as file:
            fields = dict(re.findall(r"(\w+):\s+(\d+)", file.read()))
        if "map_id" in fields:
            maps[fields["map_id"]] = int(fields["memlock"])
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        resident_kib += int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1])
print(sum(maps.values()) // 1024, resident_kib)
