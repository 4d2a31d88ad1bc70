// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "control/address.h"
#include "control/siphash.h"

namespace belka {

using RingKey = SipKey;  // a service's key (control/seed.h)

struct RingBackend {
  Address address;
  uint32_t weight = 1;  // relative within the pool; 0 gets no slots
};

inline constexpr uint16_t kNoBackend = 0xffff;

// The ring of one pool: for each slot the index of its backend, kNoBackend everywhere where no
// backend has a weight. A pure function of the key, the number of slots S and the set of (address,
// weight); whole numbers only, so the same on every machine.
//
// REQUIRES: S a power of two, 16 to 2^22; at most 65,000 backends; no address twice.
//
//  1. A backend's seed is siphash24(derive_key(key, "backend"), address), 4 or 16 bytes in network
//     order. Backends without weight are left out; the others stand in order of (seed, address).
//  2. Quotas. W is the sum of the weights. A backend's quota is floor(S * weight / W); those left
//     over go, one each, to the backends with the largest claim, ties to the first in order:
//     claim = (S * weight mod W) + floor(mix(seed) * W / 2^64). (Largest remainders, with a fixed
//     random bonus, which keeps the same backends rounded up when another one goes.)
//  3. Draws. A backend's n-th draw (n from 1) is the slot
//     mix(seed + n * 0x9e3779b97f4a7c15 modulo 2^64) >> (64 - log2 S). mix is the output function
//     of SplitMix64 (Steele, Lea and Flood, 2014):
//     z ^= z >> 30, z *= 0xbf58476d1ce4e5b9, z ^= z >> 27, z *= 0x94d049bb133111eb, z ^= z >> 31.
//  4. Rounds. Active are the backends whose quota is not yet full. While more than one is active:
//     let q be the largest power of two not above (sum of the active weights) / (number of active).
//     Each active backend in order adds its weight to its credit (at first 0); while its credit is
//     at least q and its quota not full, it pays q and draws: a free slot is its own from now on,
//     a taken one is a draw lost.
//  5. The last active backend gets all slots that are free (as many as its quota lacks).
//
// Why so: it is rendezvous hashing (a slot is its own fastest bidder's, so a backend that leaves
// moves nobody else's slots), cut off where a quota is full; only the cut cascades. Maglev (NSDI
// 2016) instead lets a backend go on to its next free slot, and every such step is one that moves
// later.
//
// Balanced: a backend has its exact quota rounded up or down, so it is less than 1 slot off.
// Consistent, measured at S = 65,536, 2 to 1,000 backends: a removal moves at most 0.7 % of the
// others' slots (weights 1 to 10; tests/unit/pool_ring_test.cpp holds 1.5 %).
// Time: about S * ln(S) draws, 2 to 3 ms at S = 65,536.
std::vector<uint16_t> build_pool_ring(const RingKey& key, uint32_t slots,
                                      const std::vector<RingBackend>& backends);

}  // namespace belka
