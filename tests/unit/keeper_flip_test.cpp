// SPDX-License-Identifier: Apache-2.0
// When a slot that opens goes over to looking, by counting ticks.
#include <gtest/gtest.h>

#include "control/keeper.h"
#include "control/slot_change.h"
#include "dataplane/tables.h"

namespace belka {
namespace {

constexpr uint32_t kSlot = 16;
constexpr uint32_t kIdleTicks = 8;
// One for rounding, one for planes that still hold the word before, and more than that.
constexpr uint32_t kOpenFor = kIdleTicks + 3;

class KeeperFlipTest : public ::testing::Test {
 protected:
  KeeperFlipTest() {
    view().node->tick = 100;
    view().slots[kSlot] = slot_settled(1);
    keeper_.set_idle_ticks(kRange, kIdleTicks);
    keeper_.tick();
    keeper_.change(kSlot, slot_towards(slot_settled(1), 2));
  }

  const TableView& view() const { return *tables_.view(); }
  bool is_open() const { return slot_is_opening(view().slots[kSlot]); }

  // A plane finds no place for a pin, as it counts that (decide.h).
  void refuse(uint32_t row) {
    struct counters& counters = view().counters[row];
    counters.pins_refused_tick = uint64_t{view().node->tick} + 1;
    counters.pins_refused = counters.pins_refused + 1;
  }

  void pass(uint32_t ticks) {
    for (uint32_t i = 0; i < ticks; ++i) {
      keeper_.tick();
      ASSERT_TRUE(is_open()) << "after " << i + 1 << " of " << ticks << " ticks";
    }
  }

  // So many ticks later the slot looks, and not before.
  void expect_flip_after(uint32_t ticks) {
    pass(ticks - 1);
    EXPECT_EQ(keeper_.tick().flipped, 1u);
    EXPECT_EQ(view().slots[kSlot], slot_of(2, SLOT_LOOK));
  }

  static constexpr SlotRange kRange{.base = kSlot, .slots = SLOTS_PER_LINE};

  Tables tables_ = Tables::create_private(1, 2);
  Stores stores_;
  Keeper keeper_{view(), stores_, {.slots = 4 * SLOTS_PER_LINE, .pin_buckets = 16}};
};

TEST_F(KeeperFlipTest, IsTheIdleTimeAndTwoTicksAfterTheChange) { expect_flip_after(kOpenFor); }

TEST_F(KeeperFlipTest, IsTheIdleTimeAndTwoTicksAfterARefusal) {
  pass(5);
  refuse(1);
  expect_flip_after(kOpenFor);
}

TEST_F(KeeperFlipTest, IsCountedFromTheLastRefusalOfAllPlanes) {
  pass(2);
  refuse(0);
  pass(3);
  refuse(2);
  pass(kOpenFor - 1);
  refuse(1);
  expect_flip_after(kOpenFor);
}

TEST_F(KeeperFlipTest, IsNotDelayedByARefusalInTheTickOfTheChange) {
  refuse(0);
  expect_flip_after(kOpenFor);
}

TEST_F(KeeperFlipTest, IsNotDelayedByAChangeInTheMiddle) {
  pass(kIdleTicks);
  keeper_.change(kSlot, slot_towards(view().slots[kSlot], 3));
  pass(kOpenFor - kIdleTicks - 1);
  EXPECT_EQ(keeper_.tick().flipped, 1u);
  EXPECT_EQ(view().slots[kSlot], slot_of(3, SLOT_LOOK));
}

}  // namespace
}  // namespace belka
