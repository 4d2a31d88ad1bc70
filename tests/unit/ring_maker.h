// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "control/ring.h"

// Rings to test with. Everything random comes from a generator that the test seeds.
namespace belka::ring_maker {

using Random = std::mt19937_64;

inline uint32_t between(Random& random, uint32_t low, uint32_t high) {
  return low + static_cast<uint32_t>(random() % (uint64_t{high} - low + 1));
}

// The n-th address of a pool: 10.pool.x.y, or 2001:db8::pool:n for odd pools.
inline Address address_of(uint32_t pool, uint32_t n) {
  if (pool % 2 == 0)
    return {{10, static_cast<uint8_t>(pool), static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)},
            4};
  Address address{{0x20, 0x01, 0x0d, 0xb8}, 6};
  address.bytes[13] = static_cast<uint8_t>(pool);
  address.bytes[14] = static_cast<uint8_t>(n >> 8);
  address.bytes[15] = static_cast<uint8_t>(n);
  return address;
}

// Backends of one pool, with weights from low to high.
inline std::vector<RingBackend> backends(Random& random, uint32_t pool, uint32_t count,
                                         uint32_t low, uint32_t high) {
  std::vector<RingBackend> result;
  for (uint32_t n = 0; n < count; ++n)
    result.push_back({address_of(pool, n), between(random, low, high)});
  return result;
}

inline RingKey key(Random& random) { return {random(), random()}; }

// Pools of the given names, each with 1 to most backends; prod has all slots.
inline std::vector<RingPool> pools(Random& random, uint32_t slots,
                                   const std::vector<std::string>& names, uint32_t most = 8) {
  std::vector<RingPool> result;
  for (uint32_t i = 0; i < names.size(); ++i)
    result.push_back({names[i], backends(random, i, between(random, 1, most), 1, 10), 0});
  result[0].slots = slots;
  return result;
}

// Gives pools[i + 1] counts[i] slots, and prod the rest.
inline std::vector<RingPool> with_slots(std::vector<RingPool> pools, uint32_t slots,
                                        const std::vector<uint32_t>& counts) {
  pools[0].slots = slots;
  for (size_t i = 0; i < counts.size(); ++i) {
    pools[i + 1].slots = counts[i];
    pools[0].slots -= counts[i];
  }
  return pools;
}

inline size_t moved(const Ring& before, const Ring& after) {
  size_t count = 0;
  for (size_t slot = 0; slot < before.pool_of_slot.size(); ++slot)
    count += before.pool_of_slot[slot] != after.pool_of_slot[slot] ||
             before.backend_of_slot[slot] != after.backend_of_slot[slot];
  return count;
}

inline uint32_t difference(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }

// A power of two.
inline uint32_t random_slots(Random& random, uint32_t log_low, uint32_t log_high) {
  return 1u << between(random, log_low, log_high);
}

}  // namespace belka::ring_maker
