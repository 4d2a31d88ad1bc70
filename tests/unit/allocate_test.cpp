// SPDX-License-Identifier: Apache-2.0
#include "control/allocate.h"

#include <gtest/gtest.h>

#include <random>

#include "split/tables.h"

namespace belka {
namespace {

TEST(FreeNumbers, GivesTheLongestFreeFirst) {
  FreeNumbers numbers;
  for (uint16_t i = 1; i <= 3; ++i) numbers.add(i, 0);
  EXPECT_EQ(numbers.take()->number, 1);
  numbers.add(1, 500);
  EXPECT_EQ(numbers.take()->number, 2);
  EXPECT_EQ(numbers.take()->ready_ns, 0u);
  const auto rested = numbers.take();
  EXPECT_EQ(rested->number, 1);
  EXPECT_EQ(rested->ready_ns, 500 + kGraceNs);
  EXPECT_FALSE(numbers.take());
}

TEST(SlotSpace, TakesTheFirstPlaceAlignedToTheSize) {
  SlotSpace space;
  EXPECT_EQ(space.take(16, 1)->base, 0u);
  EXPECT_EQ(space.take(64, 1)->base, 64u);
  EXPECT_EQ(space.take(32, 1)->base, 32u);
  EXPECT_EQ(space.take(16, 1)->base, 16u);
  EXPECT_EQ(space.take(16, 1)->base, 128u);
}

TEST(SlotSpace, GivesTheWholeTableAndNoMore) {
  SlotSpace space;
  EXPECT_EQ(space.take(SLOTS, 1)->base, 0u);
  EXPECT_FALSE(space.take(16, 1));
}

TEST(SlotSpace, ARangeRestsWhileAnotherWillDo) {
  SlotSpace space;
  const uint32_t half = SLOTS / 2;
  EXPECT_EQ(space.take(half, 1)->base, 0u);
  space.release({0, half}, 100);
  const auto other = space.take(half, 100);
  EXPECT_EQ(other->base, half);
  EXPECT_EQ(other->ready_ns, 0u);
  const auto waiting = space.take(half, 100);
  EXPECT_EQ(waiting->base, 0u);
  EXPECT_EQ(waiting->ready_ns, 100 + kGraceNs);
  space.release({0, half}, 200);
  EXPECT_EQ(space.take(half, 200 + kGraceNs)->ready_ns, 0u);
}

TEST(SlotSpace, RefusesRangesThatAreNoneOrMeetAnother) {
  SlotSpace space;
  EXPECT_TRUE(space.occupy({64, 64}));
  EXPECT_TRUE(space.occupy({64, 64})) << "the same again, by a second entry";
  EXPECT_FALSE(space.occupy({96, 32}));
  EXPECT_FALSE(space.occupy({0, 128}));
  EXPECT_FALSE(space.occupy({8, 16})) << "not aligned";
  EXPECT_FALSE(space.occupy({0, 48})) << "no power of two";
  EXPECT_FALSE(space.occupy({0, 0}));
  EXPECT_FALSE(space.occupy({SLOTS, 16}));
}

TEST(SlotSpace, NeverGivesASlotToTwo) {
  std::mt19937 random(1);
  SlotSpace space;
  std::vector<bool> taken(SLOTS);
  std::vector<SlotRange> held;
  for (uint64_t now_ns = 1; now_ns < 3000; ++now_ns) {
    if (!held.empty() && random() % 3 == 0) {
      std::swap(held[random() % held.size()], held.back());
      for (uint32_t i = 0; i < held.back().slots; ++i) taken[held.back().base + i] = false;
      space.release(held.back(), now_ns);
      held.pop_back();
      continue;
    }
    const SlotRange range{0, 16u << random() % 12};
    const auto got = space.take(range.slots, now_ns);
    if (!got) continue;
    held.push_back({got->base, range.slots});
    for (uint32_t i = 0; i < range.slots; ++i) {
      ASSERT_FALSE(taken[got->base + i]);
      taken[got->base + i] = true;
    }
  }
}

}  // namespace
}  // namespace belka
