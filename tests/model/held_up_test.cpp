// SPDX-License-Identifier: Apache-2.0
// A plane that is held up between two steps of one decision, where no whole decision can show it.
#include <gtest/gtest.h>

#include "control/keeper.h"
#include "control/slot_change.h"
#include "tests/model/shared_tables.h"
#include "tests/model/world.h"

namespace belka::model {
namespace {

constexpr uint32_t kSlot = 16;
constexpr uint32_t kIdle = 8;

// A new UDP flow of an opening slot is counted, the sweep reads the counts and finds no pin, and
// only then is the pin put in. Nobody else needs one, so the counts stand still from then on. The
// flow is on the old backend, and must be found there when the slot would settle.
TEST(HeldUp, PinPutInJustBehindTheSweepIsFoundByTheNextOne) {
  const TableView& tables = shared_tables();
  World world(tables, {}, random_shape({}));
  world.lay_out();
  tables.slots[kSlot] = slot_settled(1);
  Stores stores;
  Keeper keeper(tables, stores, {kSlotsInReach, kBucketsInReach});
  keeper.set_idle_ticks({kSlot, SLOTS_PER_LINE}, kIdle);
  keeper.tick();
  keeper.tick();
  keeper.change(kSlot, slot_towards(tables.slots[kSlot], 2));
  for (uint32_t i = 0; i < kIdle + 1; ++i) keeper.tick();

  const uint64_t hash = kSlot | uint64_t{7} << 22 | uint64_t{9} << 42;
  const uint64_t identity = pin_identity(kSlot, hash);
  const uint32_t tick = tables.node->tick;
  struct counters& row = tables.counters[0];
  row.pinning = row.pinning + 1;
  keeper.sweep();  // one in between, as after a death
  keeper.tick();
  ASSERT_EQ(keeper.last().pins, 0u);
  ASSERT_TRUE(slot_is_opening(tables.slots[kSlot]));
  ASSERT_EQ(pin_insert(&tables.pins[7], pin_of(identity, tick, PIN_OPEN, 1), 1),
            static_cast<uint32_t>(PIN_INSERTED));

  // Three quarters of the idle time later it speaks again.
  for (uint32_t i = 0; i < kIdle * 3 / 4; ++i) keeper.tick();
  struct packet packet {};
  packet.family = IPV4;
  packet.kind = PACKET_FLOW;
  packet.protocol = PROTOCOL_UDP;
  const uint64_t seen = tables.slots[kSlot] | uint64_t{tables.node->tick} << 32;
  EXPECT_EQ(decide_in_bucket(&tables, &tables.pins[7], &packet, &row, kSlot, hash, seen), 1);
}

}  // namespace
}  // namespace belka::model
