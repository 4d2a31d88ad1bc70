#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds that no packet is missing from the counters: balance.py SOCKET DPDK_DIRECTORY [LOST]

In each plane received = sum of verdicts. XDP's `redirected` = what the data plane received + what its
sockets dropped (DPDK's imissed and rx_nombuf, asked for over its telemetry) + at most LOST packets that
were in a socket when its process was killed. Packets may be under way: it looks again for two seconds.
"""

import json
import os
import socket
import subprocess
import sys
import time

PATIENCE_S = 2


def telemetry(directory, commands):
    """DPDK's answers, or none where no data plane runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(5)
        try:
            connection.connect(os.path.join(directory, "dpdk_telemetry.v2"))
        except OSError:
            return
        connection.recv(1 << 16)  # who it is
        for command in commands:
            connection.send(command.encode())
            yield from json.loads(connection.recv(1 << 16)).values()


def socket_drops(directory):
    ports = next(telemetry(directory, ["/ethdev/list"]), [])
    stats = telemetry(directory, [f"/ethdev/stats,{port}" for port in ports])
    return sum(each["imissed"] + each["rx_nombuf"] for each in stats)


def planes(belkactl, belkad_socket):
    command = [belkactl, f"--socket={belkad_socket}", "stats", "-o", "json"]
    answer = subprocess.run(command, check=True, capture_output=True, timeout=10).stdout
    return {plane["name"]: plane for plane in json.loads(answer)["planes"]}


def faults(stats, drops, lost):
    for name, plane in stats.items():
        if plane["received"]["packets"] != plane["verdicts_sum"]:
            yield f"{name}: {plane['received']['packets']} received, {plane['verdicts_sum']} in verdicts"
    redirected = next(v["packets"] for v in stats["xdp"]["verdicts"] if v["name"] == "redirected")
    missing = redirected - stats["dpdk"]["received"]["packets"] - drops
    if not 0 <= missing <= lost:
        yield f"{redirected} redirected; the data plane received {redirected - missing - drops}, dropped {drops}"


def main():
    belkad_socket, directory = sys.argv[1:3]
    lost = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    belkactl = os.path.join(os.environ["BELKA_BUILD"], "belkactl")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = list(faults(planes(belkactl, belkad_socket), socket_drops(directory), lost))
        if not found or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
