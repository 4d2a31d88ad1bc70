// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>

#include "split/hash.h"

namespace belka {

constexpr uint32_t kHashLanes = 32;

/// The five-tuple messages of hash.h, lane beside lane, so that a vector
/// register holds the same 64-bit block of eight of them. What a lane does not
/// use holds whatever was there.
struct alignas(64) HashLanes {
  uint64_t key[2][kHashLanes];
  uint64_t block[3][kHashLanes];  ///< of the message; IPv4 uses the first, its last is the same
                                  ///< for all
  uint64_t hash[kHashLanes];
};

/// Writes hash[] of the first `count` lanes: the same numbers as
/// hash_five_tuple gives, in the widest vectors that the machine has. Lanes of
/// the other family, and some behind `count`, get numbers without a meaning.
void hash_lanes_ipv4(HashLanes& lanes, uint32_t count);
void hash_lanes_ipv6(HashLanes& lanes, uint32_t count);

/// The versions that they choose from, narrowest first, for tests.
struct HashLanesVersion {
  uint32_t vector_bits;
  bool runs_here;
  void (*ipv4)(HashLanes&, uint32_t);
  void (*ipv6)(HashLanes&, uint32_t);
};
std::span<const HashLanesVersion> hash_lanes_versions();

}  // namespace belka
