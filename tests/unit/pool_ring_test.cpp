// SPDX-License-Identifier: Apache-2.0
#include "control/pool_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/ring_maker.h"

namespace belka {
namespace {

using ring_maker::Random;

constexpr uint32_t kRingSlots = 65'536;

std::vector<uint32_t> counts_of(const std::vector<uint16_t>& ring, size_t backends) {
  std::vector<uint32_t> counts(backends);
  for (const uint16_t backend : ring) ++counts.at(backend);
  return counts;
}

// Stricter than 2 % or 2 slots: everyone has the exact number, rounded up or down.
void expect_balanced(const std::vector<uint16_t>& ring, const std::vector<RingBackend>& backends) {
  uint64_t weights = 0;
  for (const RingBackend& backend : backends) weights += backend.weight;
  const std::vector<uint32_t> counts = counts_of(ring, backends.size());
  for (size_t i = 0; i < backends.size(); ++i) {
    const uint64_t floor = ring.size() * backends[i].weight / weights;
    const bool whole = ring.size() * backends[i].weight % weights == 0;
    EXPECT_GE(counts[i], floor) << "backend " << i << " of " << backends.size();
    EXPECT_LE(counts[i], floor + !whole) << "backend " << i << " of " << backends.size();
  }
}

std::vector<RingBackend> without(std::vector<RingBackend> backends, size_t removed) {
  backends.erase(backends.begin() + static_cast<ptrdiff_t>(removed));
  return backends;
}

// Of the slots of the others, the millionths that move when one backend goes.
uint64_t moved_ppm(const std::vector<uint16_t>& before, const std::vector<uint16_t>& after,
                   uint16_t removed) {
  uint64_t others = 0;
  uint64_t moved = 0;
  for (size_t slot = 0; slot < before.size(); ++slot) {
    if (before[slot] == removed) continue;
    const uint16_t now = after[slot] + (after[slot] >= removed);
    ++others;
    moved += now != before[slot];
  }
  return others == 0 ? 0 : moved * 1'000'000 / others;
}

TEST(PoolRing, BalancedInHundredsOfRandomPools) {
  Random random(1);
  for (int round = 0; round < 400; ++round) {
    const uint32_t slots = ring_maker::random_slots(random, 4, 13);
    const uint32_t most = round % 2 ? 10 : 1000;
    const auto backends =
        ring_maker::backends(random, 0, ring_maker::between(random, 1, 200), 1, most);
    expect_balanced(build_pool_ring(ring_maker::key(random), slots, backends), backends);
  }
}

struct Size {
  uint32_t backends;
  uint32_t most;  // weights are from 1 to this
};
class PoolRingOfSize : public testing::TestWithParam<Size> {};

TEST_P(PoolRingOfSize, BalancedAndConsistentWhenABackendGoes) {
  Random random(GetParam().backends * 100 + GetParam().most);
  uint64_t worst_ppm = 0;
  for (int round = 0; round < 3; ++round) {
    const RingKey key = ring_maker::key(random);
    const auto backends = ring_maker::backends(random, 0, GetParam().backends, 1, GetParam().most);
    const auto ring = build_pool_ring(key, kRingSlots, backends);
    expect_balanced(ring, backends);
    for (int removal = 0; removal < 5; ++removal) {
      const auto removed = static_cast<uint16_t>(random() % backends.size());
      const auto fewer = without(backends, removed);
      const auto after = build_pool_ring(key, kRingSlots, fewer);
      expect_balanced(after, fewer);
      worst_ppm = std::max(worst_ppm, moved_ppm(ring, after, removed));
    }
  }
  EXPECT_LE(worst_ppm, 15'000u);
  RecordProperty("worst_moved_ppm", std::to_string(worst_ppm));
}

INSTANTIATE_TEST_SUITE_P(Sizes, PoolRingOfSize,
                         testing::Values(Size{2, 1}, Size{3, 1}, Size{5, 1}, Size{10, 1},
                                         Size{30, 1}, Size{100, 1}, Size{300, 1}, Size{1000, 1},
                                         Size{2, 10}, Size{3, 10}, Size{5, 10}, Size{10, 10},
                                         Size{30, 10}, Size{100, 10}, Size{300, 10},
                                         Size{1000, 10}),
                         [](const auto& size) {
                           return std::to_string(size.param.backends) + "BackendsOfWeightsTo" +
                                  std::to_string(size.param.most);
                         });

TEST(PoolRing, TheHeaviestMayGoToo) {
  Random random(2);
  for (const uint32_t count : {3, 4, 5, 10, 30}) {
    auto backends = ring_maker::backends(random, 0, count, 1, 1);
    backends[0].weight = 10;
    const RingKey key = ring_maker::key(random);
    const auto before = build_pool_ring(key, kRingSlots, backends);
    EXPECT_LE(moved_ppm(before, build_pool_ring(key, kRingSlots, without(backends, 0)), 0),
              15'000u);
  }
}

TEST(PoolRing, TheOrderOfTheConfigurationDoesNotMatter) {
  Random random(3);
  for (int round = 0; round < 100; ++round) {
    const auto backends =
        ring_maker::backends(random, 1, ring_maker::between(random, 1, 60), 0, 10);
    auto shuffled = backends;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    const RingKey key = ring_maker::key(random);
    const auto ring = build_pool_ring(key, 1024, backends);
    const auto other = build_pool_ring(key, 1024, shuffled);
    for (size_t slot = 0; slot < ring.size(); ++slot) {
      ASSERT_EQ(ring[slot] == kNoBackend, other[slot] == kNoBackend);
      if (ring[slot] == kNoBackend) continue;
      ASSERT_EQ(backends[ring[slot]].address, shuffled[other[slot]].address);
    }
  }
}

TEST(PoolRing, ABackendThatComesBackElsewhereInTheListRestoresTheRing) {
  Random random(4);
  auto backends = ring_maker::backends(random, 0, 20, 1, 10);
  const RingKey key = ring_maker::key(random);
  const auto before = build_pool_ring(key, 4096, backends);
  std::rotate(backends.begin(), backends.begin() + 1, backends.end());  // 0 is now the last
  const auto after = build_pool_ring(key, 4096, backends);
  for (size_t slot = 0; slot < before.size(); ++slot)
    ASSERT_EQ(before[slot], (after[slot] + 1) % 20);
}

TEST(PoolRing, ABackendWithoutWeightIsAsIfItWereNotThere) {
  Random random(5);
  const RingKey key = ring_maker::key(random);
  auto backends = ring_maker::backends(random, 0, 12, 1, 10);
  const auto without_it = build_pool_ring(key, 4096, backends);
  backends.push_back({ring_maker::address_of(0, 99), 0});
  EXPECT_EQ(build_pool_ring(key, 4096, backends), without_it);
}

TEST(PoolRing, NobodyAnswersWhereNoBackendHasAWeight) {
  const std::vector<uint16_t> nobody(16, kNoBackend);
  EXPECT_EQ(build_pool_ring({1, 2}, 16, {}), nobody);
  EXPECT_EQ(build_pool_ring({1, 2}, 16, {{ring_maker::address_of(0, 1), 0}}), nobody);
}

TEST(PoolRing, OneBackendHasAllSlots) {
  for (const uint32_t slots : {16u, 64u, 65'536u, 4'194'304u})
    EXPECT_EQ(build_pool_ring({1, 2}, slots, {{ring_maker::address_of(0, 1), 1}}),
              std::vector<uint16_t>(slots, 0));
}

TEST(PoolRing, MoreBackendsThanSlotsHaveOneOrNone) {
  Random random(6);
  const auto backends = ring_maker::backends(random, 0, 1000, 1, 1);
  const auto ring = build_pool_ring({1, 2}, 16, backends);
  EXPECT_EQ(std::set<uint16_t>(ring.begin(), ring.end()).size(), 16u);
}

TEST(PoolRing, TheMostBackendsInTheLargestRingAreBalanced) {
  Random random(7);
  const auto backends = ring_maker::backends(random, 0, 65'000, 1, 1000);
  expect_balanced(build_pool_ring({1, 2}, 4'194'304, backends), backends);
}

TEST(PoolRing, VeryUnequalWeightsAreBalanced) {
  Random random(8);
  auto backends = ring_maker::backends(random, 0, 1000, 1, 1);
  backends[500].weight = 1000;
  expect_balanced(build_pool_ring({1, 2}, kRingSlots, backends), backends);
  for (size_t i = 0; i < 500; ++i) backends[i].weight = 1000;
  expect_balanced(build_pool_ring({1, 2}, kRingSlots, backends), backends);
}

// Two keys agree on a slot by chance alone: of 10 equal backends on a tenth.
TEST(PoolRing, AnotherKeyIsAnotherRing) {
  Random random(9);
  const auto backends = ring_maker::backends(random, 0, 10, 1, 1);
  const auto one = build_pool_ring(ring_maker::key(random), kRingSlots, backends);
  const auto two = build_pool_ring(ring_maker::key(random), kRingSlots, backends);
  size_t same = 0;
  for (size_t slot = 0; slot < kRingSlots; ++slot) same += one[slot] == two[slot];
  EXPECT_NEAR(static_cast<double>(same), kRingSlots * 0.1, 400);  // sigma is 77
}

}  // namespace
}  // namespace belka
