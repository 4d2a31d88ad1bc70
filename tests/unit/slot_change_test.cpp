// SPDX-License-Identifier: Apache-2.0
// Each change of a slot's word leaves its default where it is, but where the one that it leaves is
// gone or given up; and never makes a slot look settled while connections may be elsewhere.
#include "control/slot_change.h"

#include <gtest/gtest.h>

#include <vector>

namespace belka {
namespace {

constexpr uint16_t kA = 1, kB = 2, kC = 3;

uint32_t word(uint16_t current, uint16_t draining) { return slot_of(current, draining); }

std::vector<uint32_t> all_words() {
  std::vector<uint32_t> words;
  for (const uint16_t current : {kA, kB, kC})
    for (const uint16_t draining :
         {kA, kB, kC, static_cast<uint16_t>(SLOT_HOLD), static_cast<uint16_t>(SLOT_LOOK)})
      words.push_back(word(current, draining));
  return words;
}

TEST(SlotChange, AChangeOpensASettledSlot) {
  EXPECT_EQ(slot_towards(word(kA, kA), kB), word(kB, kA));
  EXPECT_TRUE(slot_begins(word(kA, kA), word(kB, kA)));
}

TEST(SlotChange, GoingBackIsNoSettling) {
  EXPECT_EQ(slot_towards(word(kB, kA), kA), word(kA, SLOT_LOOK));
  EXPECT_EQ(slot_towards(word(kA, SLOT_HOLD), kA), word(kA, SLOT_LOOK));
}

TEST(SlotChange, AnotherChangeWhileOpeningKeepsTheBeginning) {
  EXPECT_EQ(slot_towards(word(kB, kA), kC), word(kC, kA));
  EXPECT_FALSE(slot_begins(word(kB, kA), word(kC, kA)));
}

TEST(SlotChange, AChangeOfALookingSlotBeginsAnew) {
  EXPECT_EQ(slot_towards(word(kA, SLOT_LOOK), kB), word(kB, kA));
  EXPECT_TRUE(slot_begins(word(kA, SLOT_LOOK), word(kB, kA)));
}

TEST(SlotChange, EveryChangeKeepsTheDefault) {
  for (const uint32_t before : all_words()) {
    for (const uint16_t wanted : {kA, kB, kC}) {
      EXPECT_EQ(slot_default(slot_towards(before, wanted)), slot_default(before))
          << std::hex << before << " to " << wanted;
      EXPECT_EQ(slot_default(slot_hold(before, wanted)), slot_default(before))
          << std::hex << before << " to " << wanted;
      EXPECT_EQ(slot_current(slot_towards(before, wanted)), wanted);
    }
  }
}

TEST(SlotChange, NoChangeSettlesAMovingSlot) {
  for (const uint32_t before : all_words()) {
    if (slot_is_settled(before)) continue;
    for (const uint16_t wanted : {kA, kB, kC}) {
      EXPECT_FALSE(slot_is_settled(slot_towards(before, wanted))) << std::hex << before;
      EXPECT_FALSE(slot_is_settled(slot_hold(before, wanted))) << std::hex << before;
      EXPECT_FALSE(slot_is_settled(slot_without(before, wanted, kC))) << std::hex << before;
    }
    EXPECT_FALSE(slot_is_settled(slot_released(before))) << std::hex << before;
  }
}

TEST(SlotChange, ADeadBackendIsNamedByNoSlot) {
  constexpr uint16_t kHeir = 9;
  for (const uint32_t before : all_words()) {
    const uint32_t after = slot_without(before, kA, kHeir);
    EXPECT_NE(slot_current(after), kA);
    EXPECT_NE(slot_draining(after), kA);
    if (slot_current(before) != kA && slot_draining(before) != kA) {
      EXPECT_EQ(after, before);
    }
  }
  EXPECT_EQ(slot_without(word(kA, kA), kA, kB), word(kB, kB));
  EXPECT_EQ(slot_without(word(kA, SLOT_LOOK), kA, kB), word(kB, SLOT_LOOK));
  EXPECT_EQ(slot_without(word(kA, SLOT_HOLD), kA, kB), word(kB, SLOT_LOOK));
  EXPECT_EQ(slot_without(word(kA, kC), kA, kB), word(kB, kC));
  EXPECT_EQ(slot_without(word(kA, kB), kA, kB), word(kB, SLOT_LOOK));
  EXPECT_EQ(slot_without(word(kB, kA), kA, kC), word(kB, SLOT_LOOK));
}

TEST(SlotChange, ASlotWithoutABackendHasNothingToKeep) {
  EXPECT_EQ(slot_towards(slot_settled(0), kB), slot_settled(kB));
  EXPECT_EQ(slot_hold(slot_settled(0), kB), slot_settled(kB));
  EXPECT_EQ(slot_towards(word(0, SLOT_LOOK), kB), word(kB, SLOT_LOOK));
}

TEST(SlotChange, AHeldSlotWaitsAndThenOpens) {
  EXPECT_EQ(slot_hold(word(kA, kA), kB), word(kA, SLOT_HOLD));
  EXPECT_EQ(slot_towards(word(kA, SLOT_HOLD), kB), word(kB, kA));
}

TEST(SlotChange, AHardChangeFollowsPinsOnly) {
  EXPECT_EQ(slot_hard(word(kA, kA), kB), word(kB, SLOT_LOOK));
  EXPECT_EQ(slot_hard(word(kA, kA), kA), word(kA, kA));
  EXPECT_EQ(slot_released(word(kB, kA)), word(kB, SLOT_LOOK));
}

}  // namespace
}  // namespace belka
