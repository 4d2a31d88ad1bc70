// SPDX-License-Identifier: Apache-2.0
#include "control/pool_ring.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <span>
#include <tuple>
#include <utility>

#include "control/multiply_high.h"

namespace belka {
namespace {

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

struct Bidder {
  uint64_t state;  // the seed, then one golden step further with each draw
  uint64_t credit;
  uint32_t weight;
  uint32_t missing;  // slots to the quota
  uint16_t backend;
};

std::vector<Bidder> bidders_in_order(const RingKey& key, const std::vector<RingBackend>& backends) {
  const SipKey backend_key = derive_key(key, "backend");
  std::vector<Bidder> bidders;
  for (size_t i = 0; i < backends.size(); ++i) {
    const auto& [address, weight] = backends[i];
    if (weight == 0) continue;
    const uint64_t seed = siphash24(backend_key, std::span(address.bytes).first(address.size()));
    bidders.push_back({seed, 0, weight, 0, static_cast<uint16_t>(i)});
  }
  std::sort(bidders.begin(), bidders.end(), [&](const Bidder& a, const Bidder& b) {
    return std::tie(a.state, backends[a.backend].address) <
           std::tie(b.state, backends[b.backend].address);
  });
  return bidders;
}

uint64_t sum_of_weights(const std::vector<Bidder>& bidders) {
  return std::accumulate(bidders.begin(), bidders.end(), uint64_t{0},
                         [](uint64_t sum, const Bidder& bidder) { return sum + bidder.weight; });
}

// Step 2 of the header.
void set_quotas(uint32_t slots, std::vector<Bidder>& bidders) {
  const uint64_t weights = sum_of_weights(bidders);
  std::vector<uint64_t> claim;
  uint64_t left_over = slots;
  for (Bidder& bidder : bidders) {
    const uint64_t wanted = uint64_t{slots} * bidder.weight;
    bidder.missing = static_cast<uint32_t>(wanted / weights);
    left_over -= bidder.missing;
    claim.push_back(wanted % weights + multiply_high(mix(bidder.state), weights));
  }
  std::vector<uint32_t> order(bidders.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return claim[a] > claim[b]; });
  for (uint64_t i = 0; i < left_over; ++i) ++bidders[order[i]].missing;
}

// Whose each slot is, and one bit for each that is free.
class Slots {
 public:
  explicit Slots(uint32_t count)
      : shift_(64 - std::countr_zero(count)),
        count_(count),
        free_(std::max(count / 64, 1u), ~uint64_t{0}),
        owner_(count + 1, kNoBackend) {
    if (count < 64) free_[0] = (uint64_t{1} << count) - 1;
  }

  // 1 where the drawn slot was free, else 0. Without a branch, since which it is cannot be
  // predicted: a draw lost is written to a place past the end.
  uint64_t draw(uint64_t random, uint16_t backend) {
    const uint32_t slot = static_cast<uint32_t>(random >> shift_);
    uint64_t& word = free_[slot / 64];
    const uint64_t won = word >> (slot % 64) & 1;
    word ^= won << (slot % 64);
    owner_[won ? slot : count_] = backend;
    return won;
  }

  std::vector<uint16_t> finish(uint16_t rest) && {
    owner_.pop_back();
    std::replace(owner_.begin(), owner_.end(), kNoBackend, rest);
    return std::move(owner_);
  }

 private:
  int shift_;
  uint32_t count_;
  std::vector<uint64_t> free_;
  std::vector<uint16_t> owner_;
};

// One backend's turn in a round of quantum q (step 4 of the header); true if its quota is full
// after it.
bool bid(Bidder& bidder, uint64_t q, Slots& slots) {
  Bidder now = bidder;
  now.credit += now.weight;
  while (now.credit >= q && now.missing > 0) {
    now.credit -= q;
    now.state += kGoldenRatio;
    now.missing -= static_cast<uint32_t>(slots.draw(mix(now.state), now.backend));
  }
  bidder = now;
  return now.missing == 0;
}

}  // namespace

std::vector<uint16_t> build_pool_ring(const RingKey& key, uint32_t slots,
                                      const std::vector<RingBackend>& backends) {
  std::vector<Bidder> active = bidders_in_order(key, backends);
  if (active.empty()) return std::vector<uint16_t>(slots, kNoBackend);
  set_quotas(slots, active);
  const auto is_full = [](const Bidder& bidder) { return bidder.missing == 0; };
  std::erase_if(active, is_full);
  uint64_t weights = sum_of_weights(active);
  Slots owners(slots);
  uint16_t last = active.front().backend;
  while (active.size() > 1) {
    const uint64_t q = std::bit_floor(weights / active.size());
    bool any_full = false;
    for (Bidder& bidder : active) any_full |= bid(bidder, q, owners);
    if (!any_full) continue;
    std::erase_if(active, is_full);
    weights = sum_of_weights(active);
    if (!active.empty()) last = active.front().backend;
  }
  return std::move(owners).finish(last);
}

}  // namespace belka
