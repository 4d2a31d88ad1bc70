#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turns a file of vectors (YAML) into JSON with hexadecimal frames for the executors.

Usage: compile.py VECTORS.yaml OUT.json

A file has `let` (names for its expressions), `tables` (by name; the first is the default), `each` (what every
vector has that does not say otherwise) and `vectors`, or `groups` of them by name, each with such an `each` of its own.

  tables:  services: [{vip, port (0: all), protocol, hash, slots, ring, tombstones}]
           backends: {number: {address, mac, mode, state, interface, mtu, outer_source, down}}
           ring: backend numbers, repeated over all slots. tombstones: places taken before the service's own.
  vectors: name, packet, verdict; where they matter
           with:     the name of the tables
           flow:     the message that is hashed: five_tuple(…) or source(…); gives `backend` by the ring
           backend:  the number that gets the packet, where the ring does not leave just one
           service:  the position in `services` of the packet's service (0); -1: it has none
           out:      the frame that leaves; `slot`, `backend` and `hash_value` are known in it
           headroom: bytes free before the frame, where they are fewer than any outer header
           plane:    the data plane as XDP finds it: absent (default), fresh, stale, ahead, no-socket, no-beat
           transmit: full: the transmit ring takes no packet
           echo:     empty: as many replies to echo requests were sent as may be
           only:     the executors that can show it, where not all can
           where slots move
           slot:     the state of all slots of the packet's service, instead of its ring: [current, draining], [current,
                     LOOK], [current, HOLD], or one number: settled. `backend` then says where the packet goes
           tick:     the tables' (100)
           down:     backends that are down
           before:   pins that stand in the table
           pins:     those that stand there afterwards, each in its word, and no other; left out: none
           refused:  pins for which the packet found no word (0)
           connection: the message that pins know the connection by, where that is not `flow`

`packet`, `out`, `before`, `pins` and the values of `let` are Python expressions over scapy: lengths and checksums that
are not written out are scapy's. The hash, and a pin's word and bucket, are computed here a second time, the hash from
the paper. pin(STATE, age in ticks, backend) is a pin of the packet's connection in its own word of its bucket, which the
last bits of its tag say; at=, slot= and tag= say otherwise, the last two as what to exclusive-or its own with.
strangers(WORDS) are open pins of other connections; `own` is the own word, `others` are the other seven.
"""
import json
import os
import socket
import sys

import yaml

from siphash import siphash13

os.environ["HOME"] = "/nonexistent"  # scapy reads no one's start-up file
from scapy import all as scapy  # noqa: E402

INTERFACE = 1  # frames come in here
MAC, ROUTER = "02:00:00:00:00:fe", "02:00:00:00:00:01"
KEY = bytes(range(16))  # every service's secret
DEFAULT_BACKEND = {"state": "ready", "interface": INTERFACE, "mtu": 1500, "outer_source": None, "down": False}
DEFAULT_SERVICE = {"hash": "five-tuple", "slots": 16, "ring": [1], "draining": [], "tombstones": 0}
DROPPED_OF_A_SERVICE = {"no_backend", "unresolved", "other_interface", "ttl_expired", "over_mtu", "no_room",
                        "transmit_full"}
DRAINING = {"LOOK": 0xffff, "HOLD": 0xfffe}
PIN_STATES = {"TENTATIVE": 0, "HALF_OPEN": 1, "OPEN": 2, "CLOSING": 3}
PIN_BUCKETS = 1 << 20
ABOUT_PINS = {"slot", "tick", "down", "before", "pins", "refused", "connection"}


def wire(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def five_tuple(source, destination, source_port, destination_port, protocol):
    """What is hashed of it: destination and protocol are the service's own, whose key stands for them."""
    del destination, protocol
    return wire(source) + source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big")


def source_prefix(prefix):
    """The masked source address: '198.51.100.0/24'."""
    address, bits = prefix.split("/")
    data = wire(address)
    mask = (1 << len(data) * 8) - (1 << len(data) * 8 - int(bits))
    return (int.from_bytes(data, "big") & mask).to_bytes(len(data), "big")


def cut(packet, length):
    """The first bytes of a packet, as a router quotes it."""
    return scapy.Raw(bytes(packet)[:length])


def with_checksum(wanted, header):
    """The IPv4 header with the identification that makes its checksum `wanted`."""
    header = header.copy()
    header.id = 0
    now = int.from_bytes(bytes(header)[10:12], "big")
    header.id = (now - wanted) % 0xffff
    assert int.from_bytes(bytes(header)[10:12], "big") % 0xffff == wanted % 0xffff
    return header


def to_frame(value):
    return value if isinstance(value, bytes) else bytes(value)


def is_new_connection(packet):
    if isinstance(packet, bytes) or not packet.haslayer("TCP"):
        return False
    if any(packet.haslayer(layer) for layer in ("ICMP", "ICMPv6DestUnreach", "ICMPv6PacketTooBig")):
        return False
    return packet["TCP"].flags & 0x12 == 0x02


class Pins:
    """The names by which a vector speaks of pins: pin word = slot 22, tag 18, age 6, state 2, backend 16."""

    def __init__(self, slot, connection_hash):
        self.slot, self.hash = slot, connection_hash
        self.bucket = (connection_hash >> 22) % PIN_BUCKETS
        self.own = connection_hash >> 42 & 7

    def pin(self, state, age, backend, at=None, slot=0, tag=0):
        """(bucket, word of the bucket, pin); bucket and tag are of other bits of the hash than the slot."""
        own_tag = self.hash >> 42 & (1 << 18) - 1
        pin = (self.slot ^ slot) << 42 | (own_tag ^ tag) << 24 | age % 64 << 18 | state << 16 | backend
        word = self.own if at is None else at
        if word not in range(8):
            raise ValueError(f"at={word}: a bucket has words 0 to 7: give one of them")
        return [(self.bucket, word, pin)]

    def strangers(self, *words):
        return [self.pin(PIN_STATES["OPEN"], 100, 2, at=word, tag=word + 1)[0] for word in words]

    def names(self):
        others = [word for word in range(8) if word != self.own]
        return PIN_STATES | {"pin": self.pin, "strangers": self.strangers, "own": self.own, "others": others}


class File:
    def __init__(self, path):
        with open(path) as file:
            self.content = yaml.safe_load(file)
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.tables = {name: self.fill_in(tables) for name, tables in self.content["tables"].items()}
        self.scope = dict(vars(scapy), MAC=MAC, ROUTER=ROUTER, five_tuple=five_tuple, source_prefix=source_prefix,
                          cut=cut, with_checksum=with_checksum, raw=bytes.fromhex,
                          here=scapy.Ether(dst=MAC, src=ROUTER), back=scapy.Ether(dst=ROUTER, src=MAC))
        for name, expression in (self.content.get("let") or {}).items():
            self.scope[name] = self.evaluate(expression)

    @staticmethod
    def fill_in(tables):
        backends = tables.get("backends", {})
        return {"services": [DEFAULT_SERVICE | service for service in tables["services"]],
                "backends": {number: DEFAULT_BACKEND | backend for number, backend in backends.items()},
                "tick": 0, "pins": []}

    def evaluate(self, expression, **names):
        return eval(expression, self.scope | names)  # the project's own files

    def given(self):
        """All vectors as they are written, with what `each` adds."""
        groups = self.content.get("groups", {"": self.content})
        for group, content in groups.items():
            for vector in content["vectors"]:
                every = self.content.get("each", {}) | content.get("each", {})
                yield every | vector | {"name": "_".join(filter(None, (group, vector["name"])))}

    def vector(self, given):
        unknown = set(given) - {"name", "why", "with", "packet", "verdict", "flow", "backend", "service", "out",
                                "headroom", "plane", "transmit", "echo", "only"} - ABOUT_PINS
        assert not unknown, f"{given['name']}: unknown keys {unknown}"
        tables = self.tables[given.get("with", next(iter(self.tables)))]
        service = given.get("service", 0)
        packet = self.evaluate(given["packet"])
        names, backend = {}, given.get("backend", 0)
        if "flow" in given:
            names, landed = self.land(given["flow"], tables["services"][service])
            backend = given.get("backend", 0 if "slot" in given else landed)
        elif "out" in given and not backend and given["verdict"] != "echo_replied":
            (backend,) = set(tables["services"][service]["ring"])
        pins, bucket = [], None
        if ABOUT_PINS & set(given):
            tables, pins, bucket = self.moving(given, tables, service, names)
        names["to"] = lambda: scapy.Ether(dst=tables["backends"][backend]["mac"], src=MAC)
        out = to_frame(self.evaluate(given["out"], **names)).hex() if "out" in given else None
        verdict = given["verdict"]
        is_sent = verdict.startswith("forwarded") or verdict == "echo_replied"
        assert (out is not None) == is_sent, f"{given['name']}: `out` belongs to what is sent"
        return {"name": f"{self.name}_{given['name']}", "tables": tables, "packet": to_frame(packet).hex(),
                "verdict": verdict, "out": out, "backend": backend if out else 0,
                "new_connection": bool(out and is_new_connection(packet)),
                "dropped_of": service if verdict in DROPPED_OF_A_SERVICE else -1,
                "headroom": given.get("headroom", 128), "plane": given.get("plane", "absent"),
                "transmit": given.get("transmit", "free"), "echo": given.get("echo", "full"),
                "pins": pins, "bucket": bucket, "refused": given.get("refused", 0),
                "only": given.get("only", [])}

    def land(self, flow, service):
        hash_value = siphash13(KEY, self.evaluate(flow))
        slot = hash_value & service["slots"] - 1
        backend = service["ring"][slot % len(service["ring"])]
        return {"slot": slot, "hash_value": hash_value, "backend": backend}, backend

    def moving(self, given, tables, number, names):
        """The tables with what the vector says of slots, tick and pins; the pins afterwards; and their bucket."""
        services = tables["services"]
        base = sum(service["slots"] for service in services[:number])
        connection = self.evaluate(given.get("connection", given["flow"]))
        pins = Pins(base + names["slot"], siphash13(KEY, connection))
        state = given["slot"]
        current, draining = state if isinstance(state, list) else (state, state)
        service = services[number] | {"ring": [current], "draining": [DRAINING.get(draining, draining)]}
        backends = {number: backend | {"down": number in given.get("down", [])}
                    for number, backend in tables["backends"].items()}
        return ({"services": services[:number] + [service] + services[number + 1:], "backends": backends,
                 "tick": given.get("tick", 100), "pins": self.evaluate(given.get("before", "[]"), **pins.names())},
                sorted(self.evaluate(given.get("pins", "[]"), **pins.names())), pins.bucket)


def main():
    file = File(sys.argv[1])
    vectors = []
    for given in file.given():
        try:
            vectors.append(file.vector(given))
        except Exception as error:
            sys.exit(f"{sys.argv[1]}: {given.get('name')}: {type(error).__name__}: {error}")
    with open(sys.argv[2], "w") as out:
        json.dump(vectors, out, indent=1)


if __name__ == "__main__":
    main()
