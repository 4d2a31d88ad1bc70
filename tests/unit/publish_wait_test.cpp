// SPDX-License-Identifier: Apache-2.0
// Who waits for connections, and for how long: slots that are held, the drain limit, and what is
// given up by an operator who cannot wait.
#include <gmock/gmock.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "tests/unit/publish_pins.h"

namespace belka {
namespace {

using testing::AnyOf;

constexpr uint32_t kSmall = 125'000, kLarge = 250'000, kLarger = 375'000;

class PublishWait : public PublishPins {
 protected:
  void SetUp() override {
    publish({web(64, kSmall)});
    settle(publisher_, machine_);
    prod_ = number("10.0.1.1");
    canary_ = number("10.0.2.1");
  }

  std::vector<uint32_t> held() const {
    const choice service = find(tables_, web()).value();
    std::vector<uint32_t> slots;
    for (uint32_t i = 0; i <= service.slot_mask; ++i)
      if (slot_draining(word(service.slot_base + i)) == SLOT_HOLD)
        slots.push_back(service.slot_base + i);
    return slots;
  }

  // A slot that `prod_` had and the canary has, which looks; one connection is still on prod.
  uint32_t looking_slot() {
    publish({web(64, kLarge)});
    const uint32_t slot = slot_opening_from(prod_, canary_);
    for (int ticks = 0; slot_draining(word(slot)) != SLOT_LOOK && ticks < 40; ++ticks) {
      on_prod_ = pin(slot, prod_);
      tick();
    }
    EXPECT_EQ(word(slot), slot_of(canary_, SLOT_LOOK));
    EXPECT_NE(*on_prod_, 0u);
    return slot;
  }

  uint32_t slot_opening_from(uint16_t from, uint16_t to) const {
    const choice service = find(tables_, web()).value();
    for (uint32_t i = 0; i <= service.slot_mask; ++i)
      if (word(service.slot_base + i) == slot_of(to, from)) return service.slot_base + i;
    ADD_FAILURE() << "no slot opens from backend " << from << " to " << to;
    return 0;
  }

  size_t pins_of(uint32_t slot) const {
    const auto& pins = tables_.view()->pins[slot].pin;
    return std::size(pins) - static_cast<size_t>(std::count(std::begin(pins), std::end(pins), 0));
  }

  uint16_t prod_ = 0, canary_ = 0;
  uint64_t* on_prod_ = nullptr;
};

TEST_F(PublishWait, AGentleChangeThatIsRepeatedWaitsNoLonger) {
  publish({web(64, kLarge)}, Pace::gentle);
  const std::vector<uint32_t> first = held();
  ASSERT_FALSE(first.empty());
  pass_seconds(3);
  publish({web(64, kLarger)}, Pace::gentle);
  const size_t all = held().size();
  ASSERT_GT(all, first.size());
  pass_seconds(1);
  EXPECT_EQ(held().size(), all - first.size());
  for (const uint32_t slot : first) EXPECT_TRUE(slot_is_opening(word(slot)));
  pass_seconds(3);
  EXPECT_TRUE(held().empty());
}

TEST_F(PublishWait, AnEditOfSomethingElseLeavesWhatIsHeld) {
  publish({web(64, kLarge)}, Pace::gentle);
  const std::vector<uint32_t> first = held();
  pass_seconds(1);
  ServiceConfig edited = web(64, kLarge);
  edited.pools[0].min_healthy_percent = 50;
  publish({edited});
  EXPECT_EQ(held(), first);
  pass_seconds(3);
  EXPECT_TRUE(held().empty());
}

TEST_F(PublishWait, AHeldSlotThatIsToGoElsewhereGoesAtOnce) {
  publish({web(64, kLarge)}, Pace::gentle);
  std::map<uint32_t, uint16_t> first;
  for (const uint32_t slot : held()) first[slot] = slot_current(word(slot));
  ASSERT_FALSE(first.empty());
  ServiceConfig third = web(64, kLarge);
  third.pools[1].backends[0].address = address("10.0.2.9");
  third.pools[2].backends[0].address = address("10.0.3.9");
  publish({third});
  EXPECT_TRUE(held().empty());
  for (const auto& [slot, before] : first) {
    EXPECT_THAT(slot_current(word(slot)), AnyOf(number("10.0.2.9"), number("10.0.3.9")));
    EXPECT_EQ(slot_draining(word(slot)), before);
  }
}

TEST_F(PublishWait, AHeldSlotThatIsToStayLooksForWhoeverBeganInTheHold) {
  publish({web(64, kLarge)}, Pace::gentle);
  std::map<uint32_t, uint16_t> first;
  for (const uint32_t slot : held()) first[slot] = slot_current(word(slot));
  ASSERT_FALSE(first.empty());
  publish({web(64, kSmall)});
  for (const auto& [slot, before] : first) EXPECT_EQ(word(slot), slot_of(before, SLOT_LOOK));
}

TEST_F(PublishWait, WhatIsElsewhereIsReleasedAndWhatIsHeldStaysHeld) {
  const uint32_t slot = looking_slot();
  publish({web(64, kSmall)}, Pace::gentle);
  ASSERT_EQ(word(slot), slot_of(canary_, SLOT_HOLD));
  const uint64_t* on_canary = pin(slot, canary_, 1);
  ASSERT_EQ(publisher_.release("web"), 1u);
  EXPECT_EQ(*on_prod_, 0u);
  EXPECT_NE(*on_canary, 0u);
  EXPECT_EQ(word(slot), slot_of(canary_, SLOT_HOLD));
  pass_seconds(4);
  EXPECT_EQ(word(slot), slot_of(prod_, canary_));
  EXPECT_NE(*on_canary, 0u);
}

TEST_F(PublishWait, ReleasedSlotsSettle) {
  const uint32_t slot = looking_slot();
  ASSERT_EQ(publisher_.release("web"), 1u);
  EXPECT_EQ(*on_prod_, 0u);
  for (int i = 0; i < 3; ++i) tick();
  EXPECT_EQ(word(slot), slot_settled(canary_));
}

TEST_F(PublishWait, AHardChangeCutsTheConnectionsOfTheSlotsThatItMoves) {
  publish({web(64, kLarge)});
  const uint32_t slot = slot_opening_from(prod_, canary_);
  const uint64_t* on_canary = pin(slot, canary_);
  publish({web(64, kSmall)}, Pace::hard);
  EXPECT_EQ(*on_canary, 0u);
  EXPECT_EQ(word(slot), slot_of(prod_, SLOT_LOOK));
}

TEST_F(PublishWait, AHardChangeKeepsWhatAnEarlierOneLeftInASlotThatOnlyWasHeld) {
  const uint32_t slot = looking_slot();
  publish({web(64, kSmall)}, Pace::gentle);
  publish({web(64, kLarge)}, Pace::hard);
  EXPECT_EQ(word(slot), slot_of(canary_, SLOT_LOOK));
  EXPECT_NE(*on_prod_, 0u);
}

// A tick has 28.125 s.
TEST_F(PublishWait, ADrainLimitEndsWhenItSays) {
  for (const uint32_t limit_s : {10u, 30u, 60u}) {
    ASSERT_TRUE(publisher_.set_drain_limit("web", limit_s * 1000));
    publish({web(64, kLarge)});
    const uint64_t* kept = pin(slot_opening_from(prod_, canary_), prod_);
    pass_seconds(limit_s - 1);
    EXPECT_NE(*kept, 0u) << limit_s;
    EXPECT_TRUE(publisher_.take_cut().empty());
    pass_seconds(1);
    EXPECT_EQ(*kept, 0u) << limit_s;
    const std::vector<CutByLimit> cut = publisher_.take_cut();
    ASSERT_EQ(cut.size(), 1u);
    EXPECT_EQ(cut[0].service, "web");
    EXPECT_EQ(cut[0].connections, 1u);
    EXPECT_TRUE(publisher_.take_cut().empty());
    publish({web(64, kSmall)});
    settle(publisher_, machine_);
  }
}

// A slot that looks opens anew with each change, for others; this connection is elsewhere all
// along.
TEST_F(PublishWait, ADrainLimitCountsFromTheFirstOfManyChanges) {
  Config config = config_with({web(64, kSmall)});
  config.tick_ms = kMinTickMs;
  ServiceConfig& service = config.services[0];
  service.idle_ms = kMinIdleTicks * kMinTickMs;
  publisher_.publish(config);
  ASSERT_TRUE(publisher_.set_drain_limit("web", 40'000));
  service.pools[1].share_ppm = kLarge;
  publisher_.publish(config);
  const uint32_t slot = slot_opening_from(prod_, canary_);
  for (uint32_t second = 0; second < 39; ++second) {
    if (second % 12 == 11) {
      EXPECT_EQ(slot_draining(word(slot)), SLOT_LOOK) << second;
      service.pools[1].backends[0].address = address("10.0.2." + std::to_string(second));
      publisher_.publish(config);
    }
    pin(slot, prod_);
    pass_seconds(1);
    ASSERT_EQ(pins_of(slot), 1u) << second;
  }
  pass_seconds(1);
  EXPECT_EQ(pins_of(slot), 0u);
}

TEST_F(PublishWait, ADrainLimitCountsFromTheEndOfAHold) {
  ASSERT_TRUE(publisher_.set_drain_limit("web", 10'000));
  publish({web(64, kLarge)}, Pace::gentle);
  const uint32_t slot = held().front();
  pass_seconds(4);
  const uint64_t* kept = pin(slot, slot_default(word(slot)));
  pass_seconds(9);
  EXPECT_NE(*kept, 0u);
  pass_seconds(1);
  EXPECT_EQ(*kept, 0u);
}

TEST_F(PublishWait, ADrainLimitCountsFromTheEndOfAHoldThatANewPublisherBeganAnew) {
  ASSERT_TRUE(publisher_.set_drain_limit("web", 10'000));
  publish({web(64, kLarge)}, Pace::gentle);
  const uint32_t slot = held().front();
  Publisher next(tables_, test_seed(), machine_.hooks());
  next.publish(config_with({web(64, kLarge)}));
  pass_seconds(3, next);
  ASSERT_EQ(slot_draining(word(slot)), SLOT_HOLD);
  pass_seconds(1, next);
  ASSERT_TRUE(slot_is_opening(word(slot)));
  const uint64_t* kept = pin(slot, slot_default(word(slot)));
  pass_seconds(9, next);
  EXPECT_NE(*kept, 0u);
  pass_seconds(1, next);
  EXPECT_EQ(*kept, 0u);
}

// Held, and taken back, so that it looks: its age is not that of the tables.
TEST_F(PublishWait, ANewPublisherKnowsSinceWhenASlotLooksThatOnlyWasHeld) {
  ASSERT_TRUE(publisher_.set_drain_limit("web", 60'000));
  publish({web(64, kLarge)}, Pace::gentle);
  const uint32_t slot = held().front();
  publish({web(64, kSmall)});
  ASSERT_EQ(slot_draining(word(slot)), SLOT_LOOK);
  Publisher next(tables_, test_seed(), machine_.hooks());
  next.publish(config_with({web(64, kLarge)}));
  const uint64_t* kept = pin(slot, slot_default(word(slot)));
  pass_seconds(20, next);
  EXPECT_NE(*kept, 0u);
}

TEST_F(PublishWait, ASlotThatIsFreedAndTakenAgainWithinATickCountsOnce) {
  publish({web(64, kLarge)});
  publish({}, Pace::hard);
  pass_seconds(2);
  publish({web(64, kSmall)});
  publish({web(64, kLarge)});
  tick();
  const Publisher::Moving moving = publisher_.moving(publisher_.holdings().services.at("web"));
  EXPECT_EQ(publisher_.keeper().last().opening, moving.opening);
  EXPECT_EQ(publisher_.keeper().last().looking, moving.looking);
  EXPECT_GT(moving.opening, 0u);
}

TEST_F(PublishWait, WithoutALimitConnectionsAreKept) {
  publish({web(64, kLarge)});
  const uint64_t* kept = pin(slot_opening_from(prod_, canary_), prod_);
  pass_seconds(600);
  EXPECT_NE(*kept, 0u);
}

}  // namespace
}  // namespace belka
