// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>

#include "split/hash.h"

namespace belka {

constexpr uint32_t kHashLanes = 32;
constexpr uint32_t kHashWordsIpv4 = 2;  ///< 64-bit blocks of hash.h's five-tuple message
constexpr uint32_t kHashWordsIpv6 = 5;

/// Messages of one length, lane beside lane, so that a vector register holds the same word of
/// eight of them. Lanes not added to hold whatever was there, and are hashed to nobody's use.
struct alignas(64) HashLanes {
  uint64_t key[2][kHashLanes];
  uint64_t word[kHashWordsIpv6][kHashLanes];
  uint64_t hash[kHashLanes];
  uint8_t packet[kHashLanes];  ///< whose lane it is
  uint32_t count;
};

/// Adds the five-tuple of packet number `number` of a burst. `lanes` holds one family only, and has
/// a lane left.
inline void hash_lanes_add(HashLanes& lanes, const uint64_t key[2], const struct packet& packet,
                           uint32_t words, uint32_t number) {
  const uint32_t lane = lanes.count++;
  lanes.packet[lane] = static_cast<uint8_t>(number);
  lanes.key[0][lane] = key[0];
  lanes.key[1][lane] = key[1];
  for (uint32_t i = 0; i + 1 < words; i++) lanes.word[i][lane] = packet.address[i];
  lanes.word[words - 1][lane] = words == kHashWordsIpv4
                                    ? HASH_LAST_BLOCK(&packet, FIVE_TUPLE_BYTES_IPV4)
                                    : HASH_LAST_BLOCK(&packet, FIVE_TUPLE_BYTES_IPV6);
}

/// Fills hash[] of the lanes added: the same numbers as hash_five_tuple, in the widest vectors that
/// the machine has.
void hash_lanes_ipv4(HashLanes& lanes);
void hash_lanes_ipv6(HashLanes& lanes);

/// The versions that they choose from, narrowest first, for tests.
struct HashLanesVersion {
  uint32_t vector_bits;
  bool runs_here;
  void (*ipv4)(HashLanes&);
  void (*ipv6)(HashLanes&);
};
std::span<const HashLanesVersion> hash_lanes_versions();

}  // namespace belka
