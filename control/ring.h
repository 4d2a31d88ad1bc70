// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/pool_ring.h"

namespace belka {

inline constexpr uint8_t kOwnRing = 0xff;
inline constexpr uint8_t kNobody = 0xfe;

struct RingPool {
  std::string name;
  std::vector<RingBackend> backends;
  uint32_t slots = 0;  // how many this pool owns (control/shares.h)
  // Whose ring answers them: a pool's index, kOwnRing or kNobody.
  uint8_t answered_by = kOwnRing;
};

// A service's ring: per slot the pool that answers it, and the answer of that pool's own ring. That
// pool is the slot's owner, but for pools that are answered by another one.
struct Ring {
  std::vector<uint8_t> pool_of_slot;      // index of the pool that answers it
  std::vector<uint16_t> backend_of_slot;  // index into its pool's backends; kNoBackend: it has none
  std::vector<uint32_t> rank_of_slot;
  bool operator==(const Ring&) const = default;
};

// Which slot has which rank: a permutation p[rank] = slot of 0 to slots - 1. Fisher and Yates
// (Knuth, TAOCP volume 2, algorithm P): p[i] = i; for i from slots - 1 down to 1: p[i] and p[j]
// change places, j = floor(r * (i + 1) / 2^64), r = siphash24(derive_key(key, "rank"), i). It
// depends on nothing else, so a slot keeps its rank whatever the split is.
std::vector<uint32_t> rank_slots(const RingKey& key, uint32_t slots);

// Which pool owns which rank. Prod is pools[0]; two others are known by their names.
//
//  1. `canary` has the lowest ranks, `baseline` the highest: who is in one stays while it grows.
//  2. Each further pool, in the order of the configuration, has an anchor, slots times 1/2, 1/4,
//     3/4, 1/8, 3/8, 5/8, 7/8, 1/16 ..., and takes the first ranks from there upward that nobody
//     has yet, past the end from 0. So it moves on only where another reaches it.
//  3. Prod has the rest.
//
// A change of shares moves exactly as many slots as the pools other than prod differ by, and no
// slot leaves a pool that grows, while no further pool is reached by another one and slots pass
// between prod and the others only (one that goes from the baseline to the canary moves once).
// Throws std::invalid_argument where the pools' slots do not add up to slots.
std::vector<uint8_t> divide_ranks(uint32_t slots, const std::vector<RingPool>& pools);

// The whole ring: a pure function of its arguments, for the same backends' addresses in any order
// the same answers. Each pool has its own ring over all slots (control/pool_ring.h), of which the
// split shows only the owned ones: a change of the split or in another pool changes none of its
// answers.
// REQUIRES as build_pool_ring, and at most 255 pools. Throws std::invalid_argument as divide_ranks.
Ring build_ring(const RingKey& key, uint32_t slots, const std::vector<RingPool>& pools);

// 16 hexadecimal digits over the addresses that the slots answer, in the order of the slots: equal
// on every balancer that has the same configuration and seed. SipHash-2-4 under the key 0, 0 over
// one little-endian word a slot: 0 for none, else SipHash-2-4 under 0, 0 over the address's family
// (one byte) and its 4 or 16 bytes.
std::string ring_digest(const Ring& ring, const std::vector<RingPool>& pools);

}  // namespace belka
