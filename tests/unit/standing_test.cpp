// SPDX-License-Identifier: Apache-2.0
// Who of a pool serves, by hand.
#include "control/standing.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace belka {
namespace {

constexpr BackendStanding kUp{};
constexpr BackendStanding kFails{.healthy = false};
constexpr BackendStanding kDrained{.admin = BACKEND_DRAINED};
constexpr BackendStanding kDisabled{.admin = BACKEND_DISABLED};
constexpr BackendStanding kBackTooSoon{.is_down = true, .rests = true};
constexpr BackendStanding kBack{.is_down = true, .rests = false};

PoolConfig pool_of(size_t backends, Fallback fallback = Fallback::prod, uint32_t min_healthy = 0,
                   const std::string& name = "canary") {
  PoolConfig pool{.name = name, .backends = {}, .fallback = fallback};
  pool.min_healthy_percent = min_healthy;
  for (size_t i = 0; i < backends; ++i)
    pool.backends.push_back({Address::parse("10.0.0." + std::to_string(i + 1)).value(), 1});
  return pool;
}

std::vector<BackendStanding> up_of_four(size_t up) {
  std::vector<BackendStanding> backends(4, kFails);
  for (size_t i = 0; i < up; ++i) backends[i] = kUp;
  return backends;
}

TEST(Standing, AllAreUpUntilSomethingIsKnown) {
  const PoolStanding pool = stand(pool_of(2), {kUp, kUp}, POOL_ITSELF);
  EXPECT_EQ(pool.fallback, POOL_ITSELF);
  EXPECT_EQ(pool.serves, (std::vector<bool>{true, true}));
  EXPECT_EQ(pool.marks, (std::vector<uint8_t>{0, 0}));
  EXPECT_EQ(pool.up, 2u);
}

TEST(Standing, WhoFailsIsDownAndWhoIsDrainedIsNot) {
  const PoolStanding pool = stand(pool_of(4), {kUp, kFails, kDrained, kDisabled}, POOL_ITSELF);
  EXPECT_EQ(pool.serves, (std::vector<bool>{true, false, false, false}));
  EXPECT_EQ(pool.marks,
            (std::vector<uint8_t>{0, BACKEND_DOWN | BACKEND_UNHEALTHY, 0, BACKEND_DOWN}));
  EXPECT_EQ(pool.up, 1u);
  EXPECT_EQ(pool.backends, 4u);
}

TEST(Standing, WhoWentDownRestsBeforeItComesBack) {
  const PoolStanding soon = stand(pool_of(2), {kUp, kBackTooSoon}, POOL_ITSELF);
  EXPECT_EQ(soon.serves, (std::vector<bool>{true, false}));
  EXPECT_EQ(soon.marks, (std::vector<uint8_t>{0, BACKEND_DOWN}));
  EXPECT_EQ(soon.waits, (std::vector<bool>{false, true}));
  const PoolStanding later = stand(pool_of(2), {kUp, kBack}, POOL_ITSELF);
  EXPECT_EQ(later.serves, (std::vector<bool>{true, true}));
  EXPECT_EQ(later.marks, (std::vector<uint8_t>{0, 0}));
}

TEST(Standing, APoolThatWouldUseAllWaitsForThoseThatRestAlthoughTheyFail) {
  BackendStanding fails_and_rests = kBackTooSoon;
  fails_and_rests.healthy = false;
  PoolConfig pool = pool_of(2);
  for (const Fallback fallback : {Fallback::use_all, Fallback::refuse}) {
    pool.fallback = fallback;
    const PoolStanding soon = stand(pool, {fails_and_rests, fails_and_rests}, POOL_ITSELF);
    EXPECT_NE(soon.fallback, POOL_USE_ALL);
    EXPECT_EQ(soon.waits, std::vector<bool>(2, fallback == Fallback::use_all));
  }
}

TEST(Standing, WithoutAMinimumAPoolFallsBackWithItsLastBackendAndReturnsWithTheFirst) {
  EXPECT_EQ(stand(pool_of(4), up_of_four(1), POOL_ITSELF).fallback, POOL_ITSELF);
  EXPECT_EQ(stand(pool_of(4), up_of_four(0), POOL_ITSELF).fallback, POOL_PROD);
  EXPECT_EQ(stand(pool_of(4), up_of_four(1), POOL_PROD).fallback, POOL_ITSELF);
}

TEST(Standing, WithAMinimumOneMoreThanThatEndsTheFallback) {
  const PoolConfig half = pool_of(4, Fallback::prod, 50);
  EXPECT_EQ(stand(half, up_of_four(2), POOL_ITSELF).fallback, POOL_ITSELF);
  EXPECT_EQ(stand(half, up_of_four(1), POOL_ITSELF).fallback, POOL_PROD);
  EXPECT_EQ(stand(half, up_of_four(2), POOL_PROD).fallback, POOL_PROD);
  EXPECT_EQ(stand(half, up_of_four(3), POOL_PROD).fallback, POOL_ITSELF);
}

TEST(Standing, WhereTheFallbackIsToRefuseAsManyAsAreNeededEndIt) {
  const PoolConfig half = pool_of(4, Fallback::refuse, 50, "prod");
  EXPECT_EQ(stand(half, up_of_four(1), POOL_ITSELF).fallback, POOL_REFUSE);
  EXPECT_EQ(stand(half, up_of_four(2), POOL_REFUSE).fallback, POOL_ITSELF);
}

TEST(Standing, WhomAnOperatorTookOutIsNotWaitedFor) {
  const PoolConfig half = pool_of(4, Fallback::prod, 50);
  EXPECT_EQ(stand(half, {kUp, kUp, kDrained, kDisabled}, POOL_PROD).fallback, POOL_ITSELF);
  EXPECT_EQ(stand(half, {kUp, kUp, kFails, kDrained}, POOL_PROD).fallback, POOL_PROD);
  EXPECT_EQ(stand(pool_of(2, Fallback::prod, 50), {kUp, kFails}, POOL_PROD).fallback, POOL_ITSELF);
}

TEST(Standing, AllOfThemAlwaysEndTheFallback) {
  const PoolConfig all = pool_of(4, Fallback::prod, 100);
  EXPECT_EQ(stand(all, up_of_four(3), POOL_ITSELF).fallback, POOL_PROD);
  EXPECT_EQ(stand(all, up_of_four(4), POOL_PROD).fallback, POOL_ITSELF);
}

TEST(Standing, AShareOfBackendsIsRoundedUp) {
  EXPECT_EQ(stand(pool_of(3, Fallback::prod, 34), {kUp, kUp, kFails}, POOL_ITSELF).needed, 2u);
  EXPECT_EQ(stand(pool_of(3, Fallback::prod, 33), {kUp, kUp, kFails}, POOL_ITSELF).needed, 1u);
}

TEST(Standing, WhatIsNeededIsWhatEndsTheFallbackWhereThereIsOne) {
  const PoolConfig half = pool_of(4, Fallback::prod, 50);
  EXPECT_EQ(stand(half, up_of_four(2), POOL_ITSELF).needed, 2u);
  EXPECT_EQ(stand(half, up_of_four(1), POOL_ITSELF).needed, 3u);
  EXPECT_EQ(stand(half, up_of_four(2), POOL_PROD).needed, 3u);
  EXPECT_EQ(stand(half, up_of_four(3), POOL_PROD).needed, 2u);
  EXPECT_EQ(stand(pool_of(4, Fallback::refuse, 50), up_of_four(1), POOL_ITSELF).needed, 2u);
}

TEST(Standing, WhatIsNeededIsAShareOfThoseThatNoOperatorTookOut) {
  const PoolConfig pool = pool_of(2, Fallback::refuse, 60, "prod");
  for (const BackendStanding& out : {kDrained, kDisabled}) {
    const PoolStanding standing = stand(pool, {kUp, out}, POOL_ITSELF);
    EXPECT_EQ(standing.fallback, POOL_ITSELF);
    EXPECT_EQ(standing.needed, 1u);
    EXPECT_EQ(standing.serves, (std::vector<bool>{true, false}));
  }
  EXPECT_EQ(stand(pool, {kUp, kFails}, POOL_ITSELF).fallback, POOL_REFUSE);
  EXPECT_EQ(stand(pool, {kFails, kDrained}, POOL_ITSELF).fallback, POOL_REFUSE);
  // 1 of 3, of which 2 are needed.
  EXPECT_EQ(
      stand(pool_of(4, Fallback::prod, 50), {kUp, kFails, kFails, kDrained}, POOL_ITSELF).fallback,
      POOL_PROD);
}

// One that was disabled rests before it serves again.
TEST(Standing, LettingOneBackDoesNotMakeThePoolFallBackWhileItRests) {
  const PoolConfig pool = pool_of(2, Fallback::refuse, 60, "prod");
  EXPECT_EQ(stand(pool, {kUp, kBackTooSoon}, POOL_ITSELF).fallback, POOL_ITSELF);
  EXPECT_EQ(stand(pool, {kUp, kBack}, POOL_ITSELF).fallback, POOL_ITSELF);
  EXPECT_EQ(stand(pool, {kBackTooSoon, kBackTooSoon}, POOL_ITSELF).fallback, POOL_REFUSE);
}

TEST(Standing, OneThatRestsIsWaitedForBeforeTheFallbackEnds) {
  const PoolConfig pool = pool_of(2, Fallback::refuse, 60, "prod");
  EXPECT_EQ(stand(pool, {kUp, kBackTooSoon}, POOL_REFUSE).fallback, POOL_REFUSE);
  EXPECT_EQ(stand(pool, {kUp, kBack}, POOL_REFUSE).fallback, POOL_ITSELF);
}

/// All that four backends can be, of these kinds, with each share.
void for_each_four(const std::vector<BackendStanding>& kinds,
                   const std::function<void(const std::vector<BackendStanding>&, uint32_t)>& see) {
  const size_t all = kinds.size() * kinds.size() * kinds.size() * kinds.size();
  for (size_t number = 0; number < all; ++number) {
    std::vector<BackendStanding> four;
    for (size_t rest = number; four.size() < 4; rest /= kinds.size())
      four.push_back(kinds[rest % kinds.size()]);
    for (const uint32_t percent : {0u, 1u, 25u, 50u, 60u, 75u, 100u}) see(four, percent);
  }
}

TEST(Standing, WhereNobodyFailsNoPoolFallsBackThatHasOneUp) {
  uint32_t seen = 0;
  const auto see = [&](const std::vector<BackendStanding>& four, uint32_t percent) {
    const PoolStanding pool = stand(pool_of(4, Fallback::prod, percent), four, POOL_ITSELF);
    EXPECT_EQ(pool.fallback == POOL_ITSELF, pool.up != 0) << percent;
    ++seen;
  };
  for_each_four({kUp, kDrained, kDisabled, kBackTooSoon}, see);
  EXPECT_EQ(seen, 256u * 7);
}

TEST(Standing, WhatWasDecidedStaysAsLongAsNothingChanges) {
  const auto see = [](const std::vector<BackendStanding>& four, uint32_t percent) {
    for (const Fallback way : {Fallback::prod, Fallback::refuse, Fallback::use_all}) {
      const PoolConfig config = pool_of(4, way, percent);
      for (const uint8_t before : {POOL_ITSELF, POOL_PROD, POOL_REFUSE, POOL_USE_ALL}) {
        const PoolStanding once = stand(config, four, before);
        const PoolStanding twice = stand(config, four, once.fallback);
        EXPECT_EQ(twice.fallback, once.fallback) << percent;
        EXPECT_EQ(twice.needed, once.needed) << percent;
        EXPECT_EQ(once.up < once.needed, once.fallback != POOL_ITSELF) << percent;
      }
    }
  };
  for_each_four({kUp, kFails, kDrained, kBackTooSoon}, see);
}

TEST(Standing, BackendsWithoutAWeightDoNotCount) {
  PoolConfig pool = pool_of(2);
  pool.backends[1].weight = 0;
  const PoolStanding standing = stand(pool, {kFails, kUp}, POOL_ITSELF);
  EXPECT_EQ(standing.backends, 1u);
  EXPECT_EQ(standing.fallback, POOL_PROD);
}

TEST(Standing, APoolThatUsesAllMarksNobodyDownButWhomAnOperatorDisabled) {
  const PoolConfig pool = pool_of(4, Fallback::use_all);
  const PoolStanding standing = stand(pool, {kFails, kFails, kDisabled, kDrained}, POOL_ITSELF);
  EXPECT_EQ(standing.fallback, POOL_USE_ALL);
  EXPECT_EQ(standing.serves, (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ(standing.marks,
            (std::vector<uint8_t>{BACKEND_UNHEALTHY, BACKEND_UNHEALTHY, BACKEND_DOWN, 0}));
}

TEST(Standing, WhereAnOperatorTookAllOutThereIsNobodyToUse) {
  EXPECT_EQ(stand(pool_of(1, Fallback::use_all), {kDrained}, POOL_ITSELF).fallback, POOL_PROD);
  EXPECT_EQ(stand(pool_of(1, Fallback::use_all, 0, "prod"), {kDrained}, POOL_ITSELF).fallback,
            POOL_REFUSE);
}

TEST(Standing, ProdRefusesRatherThanToSpillIntoTheCanary) {
  EXPECT_EQ(stand(pool_of(4, Fallback::refuse, 0, "prod"), up_of_four(0), POOL_ITSELF).fallback,
            POOL_REFUSE);
}

TEST(Standing, APoolWithoutBackendsHasNothingToFallBackFrom) {
  EXPECT_EQ(stand(pool_of(0), {}, POOL_ITSELF).fallback, POOL_ITSELF);
}

}  // namespace
}  // namespace belka
