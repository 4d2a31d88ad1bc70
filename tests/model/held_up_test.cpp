// SPDX-License-Identifier: Apache-2.0
// A plane that is held up between two steps of one decision, where no whole decision can show it.
#include <gtest/gtest.h>

#include <optional>

#include "control/keeper.h"
#include "control/slot_change.h"
#include "tests/model/shared_tables.h"
#include "tests/model/world.h"

namespace belka::model {
namespace {

constexpr uint32_t kSlot = 16;
constexpr uint32_t kIdle = 8;

struct packet udp_packet() {
  struct packet packet {};
  packet.family = IPV4;
  packet.kind = PACKET_FLOW;
  packet.protocol = PROTOCOL_UDP;
  return packet;
}

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
  const struct packet packet = udp_packet();
  const uint64_t seen = tables.slots[kSlot] | uint64_t{tables.node->tick} << 32;
  EXPECT_EQ(decide_in_bucket(&tables, &tables.pins[7], &packet, &row, kSlot, hash, seen), 1);
}

// An opening slot and a bucket without a free word, up to the tick in which the slot flips.
class Flip {
 public:
  Flip() : world_(tables_, {}, random_shape({})), stores_([this] { before_store(); }) {
    world_.lay_out();
    for (uint64_t& pin : tables_.pins[kBucket].pin)
      pin = pin_of(pin_identity(kSlot + 1, ++strangers_), 0, PIN_OPEN, 3);
    tables_.slots[kSlot + 1] = slot_of(3, 4);
    tables_.slots[kSlot] = slot_settled(1);
    keeper_.emplace(tables_, stores_, KeeperReach{kSlotsInReach, kBucketsInReach});
    keeper_->set_idle_ticks({kSlot, SLOTS_PER_LINE}, kIdle);
    keeper_->tick();
    keeper_->change(kSlot, slot_towards(tables_.slots[kSlot], 2));
    for (uint32_t i = 0; i < kIdle + 2; ++i) tick();
  }

  // The tick in which it is due, with a first packet of a new flow before the store of this number.
  // False: there are not so many stores.
  bool flip_with_packet_before(uint32_t store) {
    EXPECT_TRUE(slot_is_opening(tables_.slots[kSlot]));
    seen_ = seen();
    at_store_ = store;
    tick();
    return first_ != 0;
  }

  // In one that was seen before the tick began, or seen just now.
  void hold_up(bool late) { late_ = late; }
  uint16_t first() const { return first_; }
  uint16_t next() { return decide(seen()); }
  uint32_t word() const { return tables_.slots[kSlot]; }

 private:
  static constexpr uint32_t kBucket = 7;
  static constexpr uint64_t kHash = kSlot | uint64_t{kBucket} << 22 | uint64_t{999} << 42;

  uint64_t seen() const { return tables_.slots[kSlot] | uint64_t{tables_.node->tick} << 32; }

  uint16_t decide(uint64_t seen) {
    const struct packet packet = udp_packet();
    return decide_in_bucket(&tables_, &tables_.pins[kBucket], &packet, &tables_.counters[0], kSlot,
                            kHash, seen);
  }

  // The strangers speak, so that their pins stay.
  void tick() {
    for (uint64_t& pin : tables_.pins[kBucket].pin)
      pin = pin_used(pin, tables_.node->tick, PIN_OPEN);
    stores_left_ = at_store_;
    keeper_->tick();
  }

  void before_store() {
    if (at_store_ == 0 || first_ != 0 || --stores_left_ != 0) return;
    first_ = decide(late_ ? seen_ : seen());
  }

  const TableView& tables_ = shared_tables();
  World world_;
  Stores stores_;
  std::optional<Keeper> keeper_;
  uint64_t strangers_ = 0, seen_ = 0;
  uint32_t at_store_ = 0, stores_left_ = 0;  // 0: never
  uint16_t first_ = 0;
  bool late_ = false;
};

// A flow begins while its slot flips, and there is no place for its pin. Where it went, it stays.
TEST(HeldUp, FlowRefusedWhileItsSlotFlipsStaysWhereItWent) {
  for (const bool late : {false, true}) {
    uint32_t store = 1, on_the_old = 0, on_the_new = 0;
    for (;; ++store) {
      Flip flip;
      flip.hold_up(late);
      if (!flip.flip_with_packet_before(store)) {
        EXPECT_EQ(slot_draining(flip.word()), uint32_t{SLOT_LOOK}) << "it does not flip";
        break;
      }
      EXPECT_EQ(flip.next(), flip.first()) << "late " << late << ", before store " << store;
      ++(flip.first() == 1 ? on_the_old : on_the_new);
    }
    EXPECT_GT(on_the_old, 0u);
    EXPECT_GT(on_the_new, 0u);
  }
}

}  // namespace
}  // namespace belka::model
