#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients, servers, a router's hand and captures of path_mtu_test.sh, in one process with sockets in many namespaces.

Usage: path_errors.py PREFIX CLIENT ROUTER BACKEND...   then a command a line on standard input, an answer a line:

  connect COUNT [VIP]  that many connections more to each service, or to that one
  check PLANE STATE [VIP]
                       each connection: a long answer is fetched, so that the router on the way returns errors with
                       fragmentation-needed and packet-too-big, as the kernel writes them; then one with a quote of 8 bytes
                       behind the IP header is sent in the router's name. Every one of them must reach the backend that owns
                       the connection, as it said itself, and no other. At least two are to be in a slot of that STATE,
                       and the PLANE must have forwarded as many packets as there were errors.

Answers: "done {JSON}", "late WHY" where all errors came right, and yet too few slots were in that STATE any more or the
machine kept the PLANE from its packets, or "bad WHY", which is the end. Between commands the connections say something
every two seconds.
"""
import collections
import ctypes
import ipaddress
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time

PORT = 7
LONG_BYTES = 20000
CRAFTED_MTU = 1290  # the router's own link has another
QUOTED_BYTES = 8
PATIENCE_S = 20
VIPS = ["192.0.2.10", "192.0.2.20", "2001:db8:77::10", "2001:db8:77::20"]
# What a server learns of a path holds for the client's address: each connection has its own.
CLIENTS = {4: ipaddress.ip_address("198.51.100.10"), 6: ipaddress.ip_address("2001:db8:c::10")}
CLIENTS_MOST = 240
ETH_P_ALL, IN_FAMILY = 3, {4: socket.AF_INET, 6: socket.AF_INET6}
FEWEST = 2  # connections in the state that is asked for, of each service


class Late(Exception):
    """Nothing is wrong, and the check shows nothing: it can be made again."""


libc = ctypes.CDLL(None, use_errno=True)


class Inside:
    """What this thread opens belongs to that namespace."""

    def __init__(self, name):
        self.path = f"/run/netns/{name}"

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        with open(self.path, "rb") as there:
            if libc.setns(there.fileno(), 0) != 0:
                raise OSError(ctypes.get_errno(), self.path)

    def __exit__(self, *_):
        libc.setns(self.home, 0)
        os.close(self.home)


def belkactl(*words):
    command = [f"{os.environ['BELKA_BUILD']}/belkactl", f"--socket={os.environ['SOCKET']}", "-o", "json", *words]
    answer = subprocess.run(command, capture_output=True, timeout=PATIENCE_S)
    if answer.returncode != 0:
        raise ValueError(answer.stderr.decode())
    return json.loads(answer.stdout)


def forwarded(plane):
    verdicts = {each["name"]: each["verdicts"] for each in belkactl("stats")["planes"]}[plane]
    return sum(each["packets"] for each in verdicts if each["name"].startswith("forwarded"))


def family_of(address):
    return ipaddress.ip_address(address).version


def in_thread(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


def serve(name, connection):
    with connection, connection.makefile("rb") as lines:
        for line in lines:
            word, number = line.split()
            body = b"x" * LONG_BYTES if word == b"long" else b""
            connection.sendall(name.encode() + b" " + number + b" " + body + b"\n")


def listen(namespace, name):
    with Inside(namespace):
        for vip in VIPS:
            listener = socket.create_server((vip, PORT), family=IN_FAMILY[family_of(vip)], backlog=1000)
            in_thread(accept, name, listener)


def accept(name, listener):
    while True:
        in_thread(serve, name, listener.accept()[0])


# What a backend's network card gets: (backend, quoted addresses and ports, MTU, bytes quoted behind the IP header).
Seen = collections.namedtuple("Seen", "backend server client port mtu quoted")


def parse_error(backend, packet):
    """An ICMP error of a packet that is too long, or None."""
    if packet[0] >> 4 == 4:
        start = (packet[0] & 15) * 4
        packet = packet[:struct.unpack_from("!H", packet, 2)[0]]
        if packet[9] != 1 or packet[start:start + 2] != b"\3\4":
            return None
        quote, mtu = packet[start + 8:], struct.unpack_from("!H", packet, start + 6)[0]
        at = (quote[0] & 15) * 4
        server, client = socket.inet_ntoa(quote[12:16]), socket.inet_ntoa(quote[16:20])
    else:
        packet = packet[:40 + struct.unpack_from("!H", packet, 4)[0]]
        if packet[6] != 58 or packet[40:42] != b"\2\0":
            return None
        quote, mtu, at = packet[48:], struct.unpack_from("!I", packet, 44)[0], 40
        server, client = (str(ipaddress.ip_address(quote[i:i + 16])) for i in (8, 24))
    return Seen(backend, server, client, struct.unpack_from("!H", quote, at + 2)[0], mtu, len(quote) - at)


class Capture:
    def __init__(self):
        self.seen, self.lock = [], threading.Lock()

    def begin(self, namespace, name):
        with Inside(namespace):
            card = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            card.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
            card.bind(("eth0", ETH_P_ALL))
        in_thread(self.read, card, name)

    def read(self, card, name):
        while True:
            packet, (_, protocol, kind, *_) = card.recvfrom(2048)
            if kind != socket.PACKET_HOST or protocol not in (0x0800, 0x86dd):
                continue
            error = parse_error(name, packet)
            if error:
                with self.lock:
                    self.seen.append(error)

    def of(self, connection, since):
        with self.lock:
            return [each for each in self.seen[since:]
                    if (each.server, each.client, each.port) == (connection.vip, connection.client, connection.port)]

    def count(self):
        with self.lock:
            return len(self.seen)


class Connection:
    def __init__(self, namespace, vip, number):
        self.vip, self.client = vip, str(CLIENTS[family_of(vip)] + number)
        with Inside(namespace):
            self.socket = socket.create_connection((vip, PORT), PATIENCE_S, (self.client, 0))
        self.port = self.socket.getsockname()[1]
        self.lines, self.number = self.socket.makefile("rb"), 0
        self.owner = self.ask("short")

    def ask(self, word):
        self.number += 1
        self.socket.sendall(f"{word} {self.number}\n".encode())
        name, number, *body = self.lines.readline().split()
        if int(number) != self.number or len(body) != (word == "long") or (body and len(body[0]) != LONG_BYTES):
            raise ValueError(f"another answer to {word}")
        return name.decode()

    def say(self):
        if self.ask("short") != self.owner:
            raise ValueError(f"{self.flow()} was moved from {self.owner}")

    def flow(self):
        text = "{}:{} > {}:{}/tcp" if family_of(self.vip) == 4 else "[{}]:{} > [{}]:{}/tcp"
        return text.format(self.client, self.port, self.vip, PORT)

    def slot_state(self):
        return belkactl("explain", self.flow())["slot"].get("state", "settled").split()[0].rstrip(",:")

    def quote(self):
        """The start of a packet of the backend: IP header and 8 bytes of TCP."""
        ports = struct.pack("!HHI", PORT, self.port, 4711)
        if family_of(self.vip) == 4:
            addresses = socket.inet_aton(self.vip) + socket.inet_aton(self.client)
            header = struct.pack("!BBHHHBBH", 0x45, 0, 1500, 1, 0x4000, 63, 6, 0) + addresses
            return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + ports
        addresses = socket.inet_pton(socket.AF_INET6, self.vip) + socket.inet_pton(socket.AF_INET6, self.client)
        return struct.pack("!IHBB", 6 << 28, 1460, 6, 63) + addresses + ports


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff - total


class Router:
    def __init__(self, namespace):
        with Inside(namespace):
            self.sockets = {4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
                            6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)}

    def send_error(self, connection):
        family = family_of(connection.vip)
        if family == 4:
            message = struct.pack("!BBHHH", 3, 4, 0, 0, CRAFTED_MTU) + connection.quote()
            message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        else:  # the kernel writes the checksum
            message = struct.pack("!BBHI", 2, 0, 0, CRAFTED_MTU) + connection.quote()
        self.sockets[family].sendto(message, (connection.vip, 0))


class Driver:
    def __init__(self, prefix, client, router, backends):
        self.prefix, self.client, self.backends = prefix, client, backends
        self.capture, self.router = Capture(), Router(prefix + router)
        for name in backends:
            listen(prefix + name, name)
            self.capture.begin(prefix + name, name)
        self.connections = []
        batch = "".join(f"address add {CLIENTS[family] + i}/{bits} dev eth0\n" for family, bits in ((4, 32), (6, 128))
                        for i in range(CLIENTS_MOST))
        subprocess.run(["ip", "-n", prefix + client, "-batch", "-"], input=batch.encode(), check=True)

    def connect(self, count, *vips):
        for vip in vips or VIPS:
            for _ in range(int(count)):
                number = sum(family_of(each.vip) == family_of(vip) for each in self.connections)
                self.connections.append(Connection(self.prefix + self.client, vip, number))
        return {"connections": len(self.connections)}

    def forget_paths(self):
        """The servers are to believe in long packets again."""
        for name in self.backends:
            for family in ("-4", "-6"):
                subprocess.run(["ip", "-n", self.prefix + name, family, "route", "flush", "cache"], check=True)

    def provoke(self, connection):
        """(errors of the router's kernel, whether the crafted one came), all at the owner alone."""
        since, deadline = self.capture.count(), time.monotonic() + PATIENCE_S
        if connection.ask("long") != connection.owner:
            raise ValueError(f"{connection.flow()} was moved from {connection.owner}")
        self.router.send_error(connection)
        while True:
            seen = self.capture.of(connection, since)
            crafted = [each for each in seen if each.mtu == CRAFTED_MTU]
            real = [each for each in seen if each.mtu != CRAFTED_MTU]
            if (crafted and real) or time.monotonic() > deadline:
                break
            time.sleep(0.01)
        strangers = [each for each in seen if each.backend != connection.owner]
        if strangers:
            raise ValueError(f"{connection.flow()} is {connection.owner}'s, and {strangers[0]} got its error")
        if len(crafted) != 1 or crafted[0].quoted != QUOTED_BYTES or not real:
            raise ValueError(f"{connection.flow()} of {connection.owner}: {len(real)} errors of the router came, and "
                             f"{len(crafted)} with a quote of 8 bytes")
        return len(real)

    def check(self, plane, state, *vips):
        other = {"xdp": "dpdk", "dpdk": "xdp"}[plane]
        states, errors, before, by_other = collections.Counter(), 0, forwarded(plane), forwarded(other)
        self.forget_paths()
        self.say()  # a server's connection looks for the way anew when it next sends
        for vip in vips or VIPS:
            mine = [each for each in self.connections if each.vip == vip]
            for connection in mine:
                states[vip, connection.slot_state()] += 1
                errors += self.provoke(connection)
            self.say()
        checked = [each for each in self.connections if each.vip in (vips or VIPS)]
        for vip in vips or VIPS:
            if states[vip, state] < FEWEST:
                raise Late(f"only {states[vip, state]} connections to {vip} are in a slot that is {state}")
        if forwarded(plane) - before < errors + len(checked):
            raise Late(f"{plane} forwarded {forwarded(plane) - before} packets, of {errors + len(checked)} errors alone")
        by_other = forwarded(other) - by_other
        if by_other >= errors + len(checked):
            raise Late(f"{other} forwarded {by_other} packets, so perhaps the {errors + len(checked)} errors")
        owners = collections.Counter(each.owner for each in checked)
        of_state = collections.Counter()
        for (_, each), count in states.items():
            of_state[each] += count
        return {"plane": plane, "slots": of_state, "crafted": len(checked), "by_the_kernel": errors,
                "owners": owners}

    def say(self):
        for connection in self.connections:
            connection.say()

    def run(self):
        while True:
            if not select.select([sys.stdin], [], [], 2)[0]:
                self.say()
                continue
            line = sys.stdin.readline()
            if not line:
                return
            verb, *words = line.split()
            try:
                print("done", json.dumps({"connect": self.connect, "check": self.check}[verb](*words)), flush=True)
            except Late as why:
                print("late", why, flush=True)


if __name__ == "__main__":
    try:
        Driver(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]).run()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print("bad", type(error).__name__, str(error).replace("\n", " "), flush=True)
        sys.exit(1)
