// SPDX-License-Identifier: Apache-2.0
#include "control/ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>

#include "control/multiply_high.h"

namespace belka {
namespace {

constexpr uint8_t kProdPool = 0;

// The n-th further pool's anchor, n from 0: 1/2, 1/4, 3/4, 1/8, 3/8 ... of the slots.
uint32_t anchor(uint32_t slots, uint32_t n) {
  const uint32_t level = static_cast<uint32_t>(std::bit_width(n + 1));  // denominator 2^level
  const uint32_t odd = 2 * (n + 1 - (1u << (level - 1))) + 1;
  return static_cast<uint32_t>((uint64_t{slots} * odd) >> level);
}

void take_upward(uint8_t pool, uint32_t count, uint32_t from, std::vector<uint8_t>& owner) {
  const uint32_t mask = static_cast<uint32_t>(owner.size()) - 1;
  for (uint32_t rank = from & mask; count > 0; rank = (rank + 1) & mask) {
    if (owner[rank] != kProdPool) continue;
    owner[rank] = pool;
    --count;
  }
}

uint64_t address_word(const Address& address) {
  std::array<uint8_t, 17> message{address.family};
  std::copy(address.bytes.begin(), address.bytes.end(), message.begin() + 1);
  return siphash24({}, std::span(message).first(1 + address.size()));
}

// One step: a pool whose slots another one answers is not asked by a third. Where nobody answers,
// the pool itself has no backend for them.
uint8_t answering(const std::vector<RingPool>& pools, uint8_t owner) {
  const uint8_t by = pools[owner].answered_by;
  return by < pools.size() ? by : owner;
}

}  // namespace

std::vector<uint32_t> rank_slots(const RingKey& key, uint32_t slots) {
  const SipKey rank_key = derive_key(key, "rank");
  std::vector<uint32_t> slot_of_rank(slots);
  std::iota(slot_of_rank.begin(), slot_of_rank.end(), 0);
  for (uint32_t i = slots - 1; i > 0; --i) {
    const uint64_t j = multiply_high(siphash24(rank_key, i), uint64_t{i} + 1);
    std::swap(slot_of_rank[i], slot_of_rank[j]);
  }
  return slot_of_rank;
}

std::vector<uint8_t> divide_ranks(uint32_t slots, const std::vector<RingPool>& pools) {
  uint64_t sum = 0;
  for (const RingPool& pool : pools) sum += pool.slots;
  if (sum != slots)
    throw std::invalid_argument(
        fmt::format("the pools of a ring of {} slots own {} slots, they must own all", slots, sum));
  std::vector<uint8_t> owner(slots, kProdPool);
  for (size_t i = 1; i < pools.size(); ++i) {
    const uint32_t count = pools[i].slots;
    if (pools[i].name == "canary") take_upward(i, count, 0, owner);
    if (pools[i].name == "baseline") take_upward(i, count, slots - count, owner);
  }
  uint32_t further = 0;
  for (size_t i = 1; i < pools.size(); ++i) {
    if (pools[i].name == "canary" || pools[i].name == "baseline") continue;
    take_upward(i, pools[i].slots, anchor(slots, further++), owner);
  }
  return owner;
}

Ring build_ring(const RingKey& key, uint32_t slots, const std::vector<RingPool>& pools) {
  const std::vector<uint8_t> pool_of_rank = divide_ranks(slots, pools);
  const std::vector<uint32_t> slot_of_rank = rank_slots(key, slots);
  Ring ring{std::vector<uint8_t>(slots), std::vector<uint16_t>(slots, kNoBackend),
            std::vector<uint32_t>(slots)};
  for (uint32_t rank = 0; rank < slots; ++rank) {
    ring.pool_of_slot[slot_of_rank[rank]] = answering(pools, pool_of_rank[rank]);
    ring.rank_of_slot[slot_of_rank[rank]] = rank;
  }
  std::vector<bool> answers(kOwnRing + 1);
  for (const uint8_t pool : ring.pool_of_slot) answers[pool] = true;
  for (size_t i = 0; i < pools.size(); ++i) {
    if (!answers[i] || pools[i].answered_by != kOwnRing) continue;
    const std::vector<uint16_t> own = build_pool_ring(key, slots, pools[i].backends);
    for (uint32_t slot = 0; slot < slots; ++slot)
      if (ring.pool_of_slot[slot] == i) ring.backend_of_slot[slot] = own[slot];
  }
  return ring;
}

std::string ring_digest(const Ring& ring, const std::vector<RingPool>& pools) {
  std::vector<std::vector<uint64_t>> words(pools.size());
  for (size_t i = 0; i < pools.size(); ++i)
    for (const RingBackend& backend : pools[i].backends)
      words[i].push_back(address_word(backend.address));
  std::vector<uint8_t> message;
  message.reserve(8 * ring.backend_of_slot.size());
  for (size_t slot = 0; slot < ring.backend_of_slot.size(); ++slot) {
    const uint16_t backend = ring.backend_of_slot[slot];
    const uint64_t word = backend == kNoBackend ? 0 : words[ring.pool_of_slot[slot]][backend];
    for (int shift = 0; shift < 64; shift += 8)
      message.push_back(static_cast<uint8_t>(word >> shift));
  }
  return fmt::format("{:016x}", siphash24({}, message));
}

}  // namespace belka
