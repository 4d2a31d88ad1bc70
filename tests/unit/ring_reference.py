#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ring a second time, from the words of control/{ring,pool_ring,shares,seed}.h alone.

Reads a JSON list of services on standard input. Prints for each a line with its name, then one line a slot:
rank, pool and address ("-": none). ring_reference_test.cpp compares them with the daemon's.
"""
import ipaddress, json, sys

M64 = 2**64 - 1

def siphash24(key, message):
    v = [key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
         key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573]
    rotate = lambda x, bits: (x << bits | x >> (64 - bits)) & M64
    def rounds(count):
        a, b, c, d = v
        for _ in range(count):
            a = (a + b) & M64; c = (c + d) & M64; b = rotate(b, 13) ^ a; d = rotate(d, 16) ^ c
            a = rotate(a, 32); c = (c + b) & M64; a = (a + d) & M64; b = rotate(b, 17) ^ c
            d = rotate(d, 21) ^ a; c = rotate(c, 32)
        v[:] = a, b, c, d
    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) % 256])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at:at + 8], "little")
        v[3] ^= word; rounds(2); v[0] ^= word
    v[2] ^= 0xff; rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]

def derive(key, purpose):
    return [siphash24(key, (purpose + end).encode()) for end in (".0", ".1")]

def mix(z):
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9 & M64
    z = (z ^ z >> 27) * 0x94d049bb133111eb & M64
    return z ^ z >> 31

def pool_ring(key, slots, backends):
    backend_key = derive(key, "backend")
    order = sorted((siphash24(backend_key, ipaddress.ip_address(a).packed), a, w) for a, w in backends if w)
    if not order: return ["-"] * slots
    total = sum(w for _, _, w in order)
    quota = [slots * w // total for _, _, w in order]
    claim = [slots * w % total + (mix(seed) * total >> 64) for seed, _, w in order]
    for i in sorted(range(len(order)), key=lambda i: (-claim[i], i))[:slots - sum(quota)]: quota[i] += 1
    ring, credit, drawn = [None] * slots, [0] * len(order), [0] * len(order)
    while len(active := [i for i in range(len(order)) if quota[i]]) > 1:
        q = 1 << (sum(order[i][2] for i in active) // len(active)).bit_length() - 1
        for i in active:
            credit[i] += order[i][2]
            while credit[i] >= q and quota[i]:
                credit[i] -= q; drawn[i] += 1
                slot = mix((order[i][0] + drawn[i] * 0x9e3779b97f4a7c15) & M64) * slots >> 64
                if ring[slot] is None: ring[slot] = order[i][1]; quota[i] -= 1
    return [order[active[0]][1] if a is None else a for a in ring] if active else ring

def slot_counts(slots, pools):
    round_half_up = lambda ppm: (2 * ppm * slots + 1000000) // 2000000
    share = {p["name"]: p["share_ppm"] for p in pools}
    counts = [round_half_up(share["canary"] if p["match"] else p["share_ppm"]) for p in pools]
    return [slots - sum(counts[1:])] + counts[1:]

def service_ring(seed, name, slots, pools):
    halves = [int.from_bytes(seed[at:at + 8], "little") for at in (0, 8, 16, 24)]
    key = [siphash24(halves[:2], name.encode()), siphash24(halves[2:], name.encode())]
    slot_of_rank, rank_key = list(range(slots)), derive(key, "rank")
    for i in range(slots - 1, 0, -1):
        j = siphash24(rank_key, i.to_bytes(8, "little")) * (i + 1) >> 64
        slot_of_rank[i], slot_of_rank[j] = slot_of_rank[j], slot_of_rank[i]
    counts, owner = slot_counts(slots, pools), [0] * slots
    anchors = (slots * odd >> level for level in range(1, 9) for odd in range(1, 1 << level, 2))
    start = {"canary": lambda n: 0, "baseline": lambda n: slots - n}
    named = lambda i: pools[i]["name"] in start
    for i in sorted(range(1, len(pools)), key=lambda i: (not named(i), i)):
        at = start[pools[i]["name"]](counts[i]) if named(i) else next(anchors)
        for rank in [r % slots for r in range(at, at + slots) if not owner[r % slots]][:counts[i]]: owner[rank] = i
    rings = [pool_ring(key, slots, p["backends"]) for p in pools]
    lines = [None] * slots
    for rank, slot in enumerate(slot_of_rank):
        lines[slot] = f"{rank} {pools[owner[rank]]['name']} {rings[owner[rank]][slot]}"
    return lines

for s in json.load(sys.stdin):
    print(s["name"], *service_ring(bytes.fromhex(s["seed"]), s["name"], s["slots"], s["pools"]), sep="\n")
