// SPDX-License-Identifier: Apache-2.0
#include "control/ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "control/seed.h"
#include "control/shares.h"
#include "tests/unit/ring_maker.h"

namespace belka {
namespace {

using ring_maker::difference;
using ring_maker::moved;
using ring_maker::Random;
using ring_maker::with_slots;
using Names = std::vector<std::string>;

const Names kThree{"prod", "canary", "baseline"};

std::vector<uint32_t> owned(const Ring& ring, size_t pools) {
  std::vector<uint32_t> counts(pools);
  for (const uint8_t pool : ring.pool_of_slot) ++counts.at(pool);
  return counts;
}

// Counts for all pools but prod, at random, together at most the ring.
std::vector<uint32_t> random_counts(Random& random, uint32_t slots, size_t pools) {
  std::vector<uint32_t> counts;
  uint32_t left = slots;
  for (size_t i = 1; i < pools; ++i) {
    counts.push_back(ring_maker::between(random, 0, random() % 4 == 0 ? 0 : left));
    left -= counts.back();
  }
  std::shuffle(counts.begin(), counts.end(), random);
  return counts;
}

TEST(Ring, ExactAndCompleteInHundredsOfRandomServices) {
  Random random(1);
  const Names names{"prod", "baseline", "blue", "canary", "green", "red", "white", "x", "y", "z"};
  for (int round = 0; round < 400; ++round) {
    const uint32_t slots = ring_maker::random_slots(random, 4, 11);
    const size_t count = ring_maker::between(random, 1, static_cast<uint32_t>(names.size()));
    const auto pools =
        with_slots(ring_maker::pools(random, slots, Names(names.begin(), names.begin() + count)),
                   slots, random_counts(random, slots, count));
    const Ring ring = build_ring(ring_maker::key(random), slots, pools);
    const auto counts = owned(ring, count);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(counts[i], pools[i].slots) << pools[i].name;
    std::vector<bool> seen(slots);
    for (uint32_t slot = 0; slot < slots; ++slot) {
      ASSERT_LT(ring.backend_of_slot[slot], pools[ring.pool_of_slot[slot]].backends.size());
      seen.at(ring.rank_of_slot[slot]) = true;
    }
    ASSERT_EQ(std::count(seen.begin(), seen.end(), true), slots) << "ranks are a permutation";
  }
}

TEST(Ring, MinimalInHundredsOfRandomChangesOfCanaryAndBaseline) {
  Random random(2);
  for (int round = 0; round < 400; ++round) {
    const uint32_t slots = ring_maker::random_slots(random, 4, 12);
    const auto pools = ring_maker::pools(random, slots, kThree);
    const RingKey key = ring_maker::key(random);
    uint32_t counts[4];
    for (uint32_t& count : counts) count = ring_maker::between(random, 0, slots / 2);
    const Ring before = build_ring(key, slots, with_slots(pools, slots, {counts[0], counts[1]}));
    const Ring after = build_ring(key, slots, with_slots(pools, slots, {counts[2], counts[3]}));
    ASSERT_EQ(moved(before, after),
              difference(counts[0], counts[2]) + difference(counts[1], counts[3]));
  }
}

// A further pool at 1/2 (and one at 1/4) that nobody reaches.
TEST(Ring, MinimalAndMonotoneForFurtherPoolsThatNobodyReaches) {
  Random random(3);
  const Names names{"prod", "canary", "half", "baseline", "quarter"};
  for (int round = 0; round < 200; ++round) {
    const uint32_t slots = ring_maker::random_slots(random, 4, 11);
    const auto pools = ring_maker::pools(random, slots, names);
    const RingKey key = ring_maker::key(random);
    std::vector<uint32_t> now(4), then(4);
    for (auto* counts : {&now, &then})
      for (uint32_t& count : *counts) count = ring_maker::between(random, 0, slots / 4);
    const Ring before = build_ring(key, slots, with_slots(pools, slots, now));
    const Ring after = build_ring(key, slots, with_slots(pools, slots, then));
    uint32_t wanted = 0;
    for (size_t i = 0; i < 4; ++i) wanted += difference(now[i], then[i]);
    ASSERT_EQ(moved(before, after), wanted);
    for (uint32_t slot = 0; slot < slots; ++slot) {
      const uint8_t pool = before.pool_of_slot[slot];
      if (pool != 0 && then[pool - 1] >= now[pool - 1]) {
        ASSERT_EQ(after.pool_of_slot[slot], pool);
      }
    }
  }
}

// Up to any size: what the canary has, it keeps while it grows, wherever the baseline is, and
// likewise.
TEST(Ring, MonotoneWhileCanaryOrBaselineGrow) {
  Random random(4);
  for (int round = 0; round < 300; ++round) {
    const uint32_t slots = ring_maker::random_slots(random, 4, 11);
    const auto pools = ring_maker::pools(random, slots, kThree);
    const RingKey key = ring_maker::key(random);
    const uint8_t growing = round % 2 ? 1 : 2;
    std::vector<uint32_t> counts{0, 0};
    Ring before = build_ring(key, slots, with_slots(pools, slots, counts));
    for (int step = 0; step < 4; ++step) {
      uint32_t& count = counts[growing - 1];
      count = ring_maker::between(random, count, slots);
      counts[2 - growing] = ring_maker::between(random, 0, slots - count);
      const Ring after = build_ring(key, slots, with_slots(pools, slots, counts));
      for (uint32_t slot = 0; slot < slots; ++slot)
        if (before.pool_of_slot[slot] == growing) {
          ASSERT_EQ(after.pool_of_slot[slot], growing);
        }
      before = after;
    }
  }
}

TEST(Ring, SeparateTheSplitMovesNobodyInsideAPool) {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    const uint32_t slots = ring_maker::random_slots(random, 4, 11);
    const auto pools = ring_maker::pools(random, slots, {"prod", "canary", "baseline", "a", "b"});
    const RingKey key = ring_maker::key(random);
    const Ring one =
        build_ring(key, slots, with_slots(pools, slots, random_counts(random, slots, 5)));
    const Ring two =
        build_ring(key, slots, with_slots(pools, slots, random_counts(random, slots, 5)));
    EXPECT_EQ(one.rank_of_slot, two.rank_of_slot);
    for (uint32_t slot = 0; slot < slots; ++slot)
      if (one.pool_of_slot[slot] == two.pool_of_slot[slot]) {
        ASSERT_EQ(one.backend_of_slot[slot], two.backend_of_slot[slot]);
      }
  }
}

TEST(Ring, SeparateADeadProdServerMovesNobodyOfAnotherPool) {
  Random random(6);
  for (int round = 0; round < 200; ++round) {
    const uint32_t slots = ring_maker::random_slots(random, 4, 11);
    auto pools = with_slots(ring_maker::pools(random, slots, kThree), slots,
                            random_counts(random, slots, 3));
    const RingKey key = ring_maker::key(random);
    const Ring before = build_ring(key, slots, pools);
    pools[0].backends[random() % pools[0].backends.size()].weight = 0;  // perhaps the only one
    const Ring after = build_ring(key, slots, pools);
    EXPECT_EQ(before.pool_of_slot, after.pool_of_slot);
    for (uint32_t slot = 0; slot < slots; ++slot)
      if (before.pool_of_slot[slot] != 0) {
        ASSERT_EQ(before.backend_of_slot[slot], after.backend_of_slot[slot]);
      }
  }
}

TEST(Ring, SeparateRampingUpAndDownReturnsToTheSameBytes) {
  Random random(7);
  const auto pools = ring_maker::pools(random, 4096, {"prod", "canary", "baseline", "blue"});
  const RingKey key = ring_maker::key(random);
  const auto at = [&](uint32_t percent) {
    const uint32_t count = 4096 * percent / 100;
    return build_ring(key, 4096, with_slots(pools, 4096, {count, count, 100}));
  };
  const std::vector<uint32_t> ramp{0, 1, 5, 25, 45, 25, 5, 1, 0};
  for (size_t step = 0; step < ramp.size(); ++step)
    EXPECT_EQ(at(ramp[step]), at(ramp[ramp.size() - 1 - step]));
}

TEST(Ring, FurtherPoolsStartAtTheirAnchorsAndMoveOnOnlyWhereAnotherReachesThem) {
  const auto owners = [](std::vector<std::pair<std::string, uint32_t>> counts) {
    std::vector<RingPool> pools{{"prod", {}, 16}};
    for (const auto& [name, count] : counts) {
      pools.push_back({name, {}, count});
      pools[0].slots -= count;
    }
    std::string text;
    for (const uint8_t pool : divide_ranks(16, pools))
      text += pool == 0 ? '.' : pools[pool].name[0];
    return text;
  };
  EXPECT_EQ(owners({{"canary", 2}, {"baseline", 3}}), "cc...........bbb");
  EXPECT_EQ(owners({{"x", 1}, {"y", 1}, {"z", 1}, {"u", 1}, {"v", 1}}), "..u.y.v.x...z...");
  EXPECT_EQ(owners({{"x", 2}, {"y", 6}, {"canary", 1}}), "c...yyyyxxyy....");
  EXPECT_EQ(owners({{"canary", 9}, {"x", 2}, {"y", 1}}), "cccccccccxxy....");
  EXPECT_EQ(owners({{"x", 6}, {"baseline", 4}}), "xx......xxxxbbbb");
  EXPECT_EQ(owners({{"x", 16}}), "xxxxxxxxxxxxxxxx");
}

TEST(Ring, SixteenPoolsInTheSmallestRing) {
  Random random(8);
  Names names{"prod", "canary", "baseline"};
  for (char name = 'a'; names.size() < 16; ++name) names.emplace_back(1, name);
  const auto pools =
      with_slots(ring_maker::pools(random, 16, names), 16, std::vector<uint32_t>(15, 1));
  EXPECT_EQ(owned(build_ring({1, 2}, 16, pools), 16), std::vector<uint32_t>(16, 1));
}

TEST(Ring, SlotsThatDoNotAddUpAreRefused) {
  EXPECT_THROW(divide_ranks(16, {{"prod", {}, 15}}), std::invalid_argument);
  EXPECT_THROW(build_ring({}, 16, {{"prod", {}, 16}, {"canary", {}, 1}}), std::invalid_argument);
  EXPECT_THROW(build_ring({}, 16, {}), std::invalid_argument);
}

TEST(Ring, APoolWithoutBackendsHasItsSlotsAndNoAnswer) {
  Random random(9);
  auto pools = with_slots(ring_maker::pools(random, 64, kThree), 64, {8, 0});
  pools[1].backends.clear();
  const Ring ring = build_ring({1, 2}, 64, pools);
  for (uint32_t slot = 0; slot < 64; ++slot)
    EXPECT_EQ(ring.backend_of_slot[slot] == kNoBackend, ring.pool_of_slot[slot] == 1);
}

TEST(Ring, AMillionthOfTheRingOfAMillionSlots) {
  Random random(10);
  constexpr uint32_t kSlots = 1u << 20;
  auto pools = ring_maker::pools(random, kSlots, kThree);
  const ShareSlots shares =
      share_slots(kSlots, {{"prod", 0, false}, {"canary", 1, false}, {"baseline", 0, true}});
  ASSERT_TRUE(shares.faults.empty());
  for (size_t i = 0; i < 3; ++i) pools[i].slots = shares.slots[i];
  const RingKey key = ring_maker::key(random);
  EXPECT_EQ(owned(build_ring(key, kSlots, pools), 3), (std::vector<uint32_t>{kSlots - 2, 1, 1}));
}

TEST(Ring, AllOfItAndNothingOfIt) {
  Random random(11);
  const auto pools = ring_maker::pools(random, 1024, kThree);
  const Ring all = build_ring({1, 2}, 1024, with_slots(pools, 1024, {1024, 0}));
  EXPECT_EQ(all.pool_of_slot, std::vector<uint8_t>(1024, 1));
  const Ring none = build_ring({1, 2}, 1024, with_slots(pools, 1024, {0, 0}));
  EXPECT_EQ(none.pool_of_slot, std::vector<uint8_t>(1024, 0));
}

// Where one slot stands under many keys, in 16 classes: chi-square of 15 degrees is over 44.3 once
// in 10,000.
TEST(Ring, KeyedRanksAreEven) {
  Random random(12);
  std::vector<int> classes(16);
  constexpr int kKeys = 4096;
  for (int round = 0; round < kKeys; ++round)
    ++classes[rank_slots(ring_maker::key(random), 64)[5] / 4];
  double chi_square = 0;
  for (const int seen : classes)
    chi_square += (seen - kKeys / 16.0) * (seen - kKeys / 16.0) / (kKeys / 16.0);
  EXPECT_LT(chi_square, 44.3);
}

TEST(Ring, KeyedServicesDoNotShareTheirGuineaPigs) {
  Random random(13);
  constexpr uint32_t kSlots = 65'536;
  const auto pools =
      with_slots(ring_maker::pools(random, kSlots, {"prod", "canary"}), kSlots, {kSlots / 20});
  const Seed seed;
  const Ring web = build_ring(service_key(seed, "web"), kSlots, pools);
  const Ring api = build_ring(service_key(seed, "api"), kSlots, pools);
  EXPECT_NE(ring_digest(web, pools), ring_digest(api, pools));
  uint32_t both = 0;
  for (uint32_t slot = 0; slot < kSlots; ++slot)
    both += web.pool_of_slot[slot] == 1 && api.pool_of_slot[slot] == 1;
  EXPECT_NEAR(both, kSlots / 400.0, 60);  // chance; sigma is 12
}

TEST(RingDigest, TheOrderOfBackendsDoesNotMatterButEveryAddressDoes) {
  Random random(14);
  auto pools = with_slots(ring_maker::pools(random, 1024, kThree), 1024, {100, 100});
  const auto digest = [&] { return ring_digest(build_ring({1, 2}, 1024, pools), pools); };
  const std::string before = digest();
  for (RingPool& pool : pools) std::shuffle(pool.backends.begin(), pool.backends.end(), random);
  EXPECT_EQ(digest(), before);
  pools[2].backends[0].address = ring_maker::address_of(7, 7);
  EXPECT_NE(digest(), before);
}

// A change of any of these moves somebody's users at their next update. If that is meant, say so to
// them.
TEST(RingDigest, Golden) {
  Seed seed;
  std::iota(seed.bytes.begin(), seed.bytes.end(), 0);
  Random random(15);
  auto pools = ring_maker::pools(random, 65'536, {"prod", "canary", "baseline", "blue"}, 1);
  for (uint32_t i = 0; i < pools.size(); ++i)
    for (uint32_t n = 0; n < 7; ++n) {
      if (n == 0) pools[i].backends.clear();
      pools[i].backends.push_back({ring_maker::address_of(i, n), n});
    }
  pools = with_slots(pools, 65'536, {3277, 3277, 655});
  const Ring ring = build_ring(service_key(seed, "web"), 65'536, pools);
  EXPECT_EQ(ring_digest(ring, pools), "753cc70d5eb7cc91");
  const Ring small = build_ring(service_key(seed, "dns"), 16, with_slots(pools, 16, {1, 1, 2}));
  EXPECT_EQ(ring_digest(small, pools), "5a7017b128b17c0d");
  EXPECT_EQ(rank_slots(service_key(seed, "dns"), 16),
            (std::vector<uint32_t>{10, 13, 4, 9, 12, 0, 1, 5, 2, 7, 11, 3, 8, 15, 14, 6}));
}

}  // namespace
}  // namespace belka
