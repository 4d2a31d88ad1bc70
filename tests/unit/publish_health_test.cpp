// SPDX-License-Identifier: Apache-2.0
// Health is not weight: what goes down is replaced inside its pool, and comes back to the same
// ring.
#include <algorithm>
#include <set>

#include "control/build.h"
#include "split/pins.h"
#include "tests/unit/publish_fixture.h"

namespace belka {
namespace {

// Four in prod, two in the canary, checked.
ServiceConfig checked(Fallback of_canary = Fallback::prod, Fallback of_prod = Fallback::refuse) {
  ServiceConfig service = web(256);
  service.pools[0] = pool("prod", {"10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"});
  service.pools[0].fallback = of_prod;
  service.pools[1] = pool("canary", {"10.0.2.1", "10.0.2.2"}, 125'000);
  service.pools[1].fallback = of_canary;
  service.health = HealthConfig{};
  return service;
}

// The same service as if it never had had these backends.
ServiceConfig lacking(ServiceConfig service, const std::set<std::string>& gone) {
  for (PoolConfig& each : service.pools)
    std::erase_if(each.backends, [&](const BackendConfig& backend) {
      return gone.contains(backend.address.text());
    });
  return service;
}

class PublishHealth : public PublishTest {
 protected:
  uint32_t word(uint32_t slot) const {
    return tables_.view()->slots[find(tables_, checked())->slot_base + slot];
  }

  std::string name(uint16_t backend) const {
    return backend == 0 ? "none" : address_of(tables_.view()->backends[backend]).text();
  }

  // Where new connections go.
  std::vector<std::string> answers() const {
    std::vector<std::string> answers;
    for (uint32_t slot = 0; slot < checked().slots; ++slot)
      answers.push_back(name(slot_current(word(slot))));
    return answers;
  }

  uint16_t number(const std::string& address) const {
    for (const BackendRef& backend : publisher_.backends())
      if (backend.address.text() == address) return backend.number;
    return 0;
  }

  void note(const std::vector<std::string>& addresses, bool healthy) {
    std::vector<HealthNote> notes;
    for (const std::string& each : addresses) notes.push_back({number(each), healthy});
    publisher_.note_health(notes);
    EXPECT_EQ(tables_faults(tables_), std::vector<std::string>());
  }

  void tick() {
    machine_.now_ns += kTickNs;
    publisher_.pass_time();
  }

  void settle() { ::belka::settle(publisher_, machine_); }

  // A slot that the backend answers.
  uint32_t slot_of_backend(const std::string& address) const {
    const auto all = answers();
    return static_cast<uint32_t>(std::find(all.begin(), all.end(), address) - all.begin());
  }

  uint32_t opening_slot() const {
    uint32_t slot = 0;
    while (slot < checked().slots && !slot_is_opening(word(slot))) ++slot;
    return slot;
  }

  // One pin of the slot, as a plane leaves it.
  uint64_t* pin(uint32_t slot, const std::string& address) {
    const uint32_t index = find(tables_, checked())->slot_base + slot;
    uint64_t* place = &tables_.view()->pins[index].pin[0];
    *place = pin_of(pin_identity(index, 7), tables_.view()->node->tick, PIN_OPEN, number(address));
    tables_.view()->counters[0].pinning += 1;
    return place;
  }
};

TEST_F(PublishHealth, WhoGoesDownIsReplacedByTheOthersOfItsPoolAtOnce) {
  publisher_.publish(config_with({checked()}));
  note({"10.0.1.2"}, false);
  const auto expected = ring_answers(lacking(checked(), {"10.0.1.2"}));
  EXPECT_EQ(answers(), expected);
  for (uint32_t slot = 0; slot < checked().slots; ++slot)
    EXPECT_NE(name(slot_default(word(slot))), "10.0.1.2") << "slot " << slot;
  settle();
  EXPECT_EQ(answers(), expected);
  EXPECT_EQ(publisher_.in_force(), config_with({checked()}));  // weights are as they were
}

TEST_F(PublishHealth, OnlyItsOwnSlotsAreSettledAtOnceAndTheOthersThatMoveKeepTheirConnections) {
  publisher_.publish(config_with({checked()}));
  const auto before = answers();
  note({"10.0.1.2"}, false);
  const auto after = answers();
  for (uint32_t slot = 0; slot < checked().slots; ++slot) {
    if (before[slot] == "10.0.1.2" || before[slot] == after[slot]) {
      EXPECT_TRUE(slot_is_settled(word(slot))) << "slot " << slot;
    } else {
      EXPECT_EQ(name(slot_default(word(slot))), before[slot]) << "slot " << slot;
    }
  }
}

TEST_F(PublishHealth, WhoComesBackHasTheSameRingAsBeforeAfterARest) {
  publisher_.publish(config_with({checked()}));
  const auto before = answers();
  note({"10.0.1.2"}, false);
  const auto without = answers();
  note({"10.0.1.2"}, true);
  EXPECT_EQ(answers(), without);
  machine_.now_ns += kTickNs - 1;
  publisher_.pass_time();
  EXPECT_EQ(answers(), without);
  machine_.now_ns += 1;
  publisher_.pass_time();
  EXPECT_EQ(answers(), before);
  EXPECT_EQ(tables_faults(tables_), std::vector<std::string>());
  // Connections begun meanwhile stay where they are.
  const uint32_t slot = slot_of_backend("10.0.1.2");
  EXPECT_EQ(name(slot_default(word(slot))), without[slot]);
  settle();
  EXPECT_EQ(answers(), before);
  EXPECT_EQ(tables_.view()->backends[number("10.0.1.2")].down, 0);
}

TEST_F(PublishHealth, AShortTickIsShortFromTheFirstOneOn) {
  Config config = config_with({checked()});
  config.tick_ms = kMinTickMs;
  publisher_.publish(config);
  machine_.now_ns += uint64_t{kMinTickMs} * 1'000'000 - 1;
  EXPECT_FALSE(publisher_.pass_time());
  machine_.now_ns += 1;
  EXPECT_TRUE(publisher_.pass_time());
}

TEST_F(PublishHealth, PinsOnItAreClearedAtOnceAndThoseOnOthersStay) {
  publisher_.publish(config_with({checked()}));
  publisher_.publish(config_with({lacking(checked(), {"10.0.1.1"})}));  // its slots open
  const uint32_t slot = slot_of_backend("10.0.1.2"), other = slot_of_backend("10.0.1.3");
  const uint64_t* on_it = pin(slot, "10.0.1.2");
  const uint64_t* on_other = pin(other, "10.0.1.1");
  note({"10.0.1.2"}, false);
  EXPECT_EQ(*on_it, 0u);
  EXPECT_NE(*on_other, 0u);
}

TEST_F(PublishHealth, OneThatLeavesAndDiesGetsNothingAnyMore) {
  publisher_.publish(config_with({checked()}));
  const auto before = answers();
  publisher_.publish(config_with({lacking(checked(), {"10.0.1.1"})}));
  note({"10.0.1.1"}, false);
  for (uint32_t slot = 0; slot < checked().slots; ++slot)
    EXPECT_EQ(slot_draining(word(slot)) == SLOT_LOOK, before[slot] == "10.0.1.1");
}

TEST_F(PublishHealth, ACanaryWithoutBackendsFallsBackToProdAndReturns) {
  publisher_.publish(config_with({checked()}));
  const auto before = answers();
  ServiceConfig prod_alone = checked();
  prod_alone.pools = {prod_alone.pools[0]};
  note({"10.0.2.1", "10.0.2.2"}, false);
  const auto prod = ring_answers(prod_alone);
  const auto after = answers();
  for (uint32_t slot = 0; slot < checked().slots; ++slot)
    EXPECT_EQ(after[slot], before[slot].starts_with("10.0.2.") ? prod[slot] : before[slot]);
  const InfoRecord& info = tables_.view()->service_info[0];
  EXPECT_EQ(info.pool[1].fallback, POOL_PROD);
  EXPECT_EQ(info.pool[1].slots, 0u);
  EXPECT_EQ(info.pool[0].slots + info.pool[2].slots, 256u);
  tick();
  note({"10.0.2.1", "10.0.2.2"}, true);
  EXPECT_EQ(answers(), before);
  EXPECT_EQ(info.pool[1].fallback, POOL_ITSELF);
  EXPECT_EQ(info.pool[1].slots, 32u);
}

TEST_F(PublishHealth, ProdWithoutBackendsRefusesAndNobodyEntersTheCanary) {
  publisher_.publish(config_with({checked()}));
  const auto before = answers();
  note({"10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"}, false);
  const auto after = answers();
  for (uint32_t slot = 0; slot < checked().slots; ++slot) {
    EXPECT_EQ(after[slot], before[slot].starts_with("10.0.1.") ? "none" : before[slot]);
    EXPECT_EQ(after[slot] == "none", word(slot) == 0u);
  }
}

TEST_F(PublishHealth, APoolThatUsesAllGoesOnAsIfAllWereUp) {
  const ServiceConfig service = checked(Fallback::use_all, Fallback::use_all);
  publisher_.publish(config_with({service}));
  const auto before = answers();
  note({"10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"}, false);
  EXPECT_EQ(answers(), before);
  for (uint32_t slot = 0; slot < checked().slots; ++slot) EXPECT_TRUE(slot_is_settled(word(slot)));
  EXPECT_EQ(tables_.view()->backends[number("10.0.1.1")].down, BACKEND_UNHEALTHY);
}

TEST_F(PublishHealth, APoolThatUsesAllDoesSoWhenAllHaveRested) {
  publisher_.publish(config_with({checked(Fallback::use_all, Fallback::use_all)}));
  const auto before = answers();
  const std::vector<uint16_t> prod = {number("10.0.1.1"), number("10.0.1.2"), number("10.0.1.3"),
                                      number("10.0.1.4")};
  note({"10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"}, false);
  publisher_.set_admin(prod, BACKEND_DISABLED);
  publisher_.set_admin(prod, BACKEND_ENABLED);
  EXPECT_NE(answers(), before) << "all of them rest";
  tick();
  tick();
  EXPECT_EQ(answers(), before);
}

TEST_F(PublishHealth, APoolThatIsToUseAllDoesSoSoonAfterItRefused) {
  publisher_.publish(config_with({checked(Fallback::prod, Fallback::refuse)}));
  const auto before = answers();
  note({"10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"}, false);
  publisher_.publish(config_with({checked(Fallback::prod, Fallback::use_all)}));
  tick();
  tick();
  EXPECT_EQ(answers(), before);
}

TEST_F(PublishHealth, ANextPublisherKnowsWhoIsDown) {
  publisher_.publish(config_with({checked()}));
  note({"10.0.1.2", "10.0.2.1", "10.0.2.2"}, false);
  const auto before = answers();
  const uint64_t stores = machine_.stores;
  Publisher next(tables_, test_seed(), machine_.hooks());
  next.publish(config_with({checked()}));
  EXPECT_EQ(machine_.stores, stores);
  EXPECT_EQ(answers(), before);
}

TEST_F(PublishHealth, WithoutChecksWhoWasDownComesBack) {
  publisher_.publish(config_with({checked()}));
  const auto before = answers();
  note({"10.0.1.2"}, false);
  ServiceConfig unchecked = checked();
  unchecked.health.reset();
  publisher_.publish(config_with({unchecked}));
  settle();
  EXPECT_EQ(answers(), before);
  note({"10.0.1.2"}, false);  // of a check that ended late
  EXPECT_EQ(answers(), before);
}

TEST_F(PublishHealth, DrainedGetsNoNewConnectionsAndKeepsThoseItHas) {
  publisher_.publish(config_with({checked()}));
  const auto before = answers();
  publisher_.set_admin({number("10.0.1.3")}, BACKEND_DRAINED);
  EXPECT_EQ(answers(), ring_answers(lacking(checked(), {"10.0.1.3"})));
  for (uint32_t slot = 0; slot < checked().slots; ++slot)
    EXPECT_EQ(name(slot_default(word(slot))), before[slot]);
  const uint64_t* kept = pin(opening_slot(), "10.0.1.3");
  tick();
  tick();
  EXPECT_NE(*kept, 0u);
  settle();
  EXPECT_EQ(*kept, 0u);  // by then it is idle
  EXPECT_EQ(answers(), ring_answers(lacking(checked(), {"10.0.1.3"})));
  publisher_.set_admin({number("10.0.1.3")}, BACKEND_ENABLED);
  EXPECT_EQ(answers(), before);
}

TEST_F(PublishHealth, DisabledIsDownWhateverItsChecksSay) {
  publisher_.publish(config_with({checked()}));
  publisher_.set_admin({number("10.0.1.3")}, BACKEND_DISABLED);
  note({"10.0.1.3"}, false);
  note({"10.0.1.3"}, true);
  settle();
  EXPECT_EQ(answers(), ring_answers(lacking(checked(), {"10.0.1.3"})));
  EXPECT_EQ(tables_.view()->backends[number("10.0.1.3")].down, BACKEND_DOWN);
  publisher_.set_admin({number("10.0.1.3")}, BACKEND_ENABLED);
  EXPECT_EQ(answers(), ring_answers(checked()));
}

TEST_F(PublishHealth, AChangeOfTheSplitKeepsWhoIsDownOut) {
  publisher_.publish(config_with({checked()}));
  note({"10.0.1.2", "10.0.2.1"}, false);
  ServiceConfig wider = checked();
  wider.pools[1].share_ppm = 250'000;
  publisher_.publish(config_with({wider}));
  EXPECT_EQ(answers(), ring_answers(lacking(wider, {"10.0.1.2", "10.0.2.1"})));
  EXPECT_EQ(tables_faults(tables_), std::vector<std::string>());
}

TEST_F(PublishHealth, WhatIsHeldStaysHeldAndGoesToWhoIsUpThen) {
  publisher_.publish(config_with({checked()}));
  const auto before = answers();
  ServiceConfig wider = checked();
  wider.pools[1].share_ppm = 250'000;
  publisher_.publish(config_with({wider}), Pace::gentle);
  EXPECT_EQ(answers(), before);
  note({"10.0.2.1"}, false);
  uint32_t held = 0;
  for (uint32_t slot = 0; slot < checked().slots; ++slot)
    held += slot_draining(word(slot)) == SLOT_HOLD ? 1 : 0;
  EXPECT_GT(held, 0u);
  machine_.now_ns += kHoldNs;
  publisher_.pass_time();
  EXPECT_EQ(answers(), ring_answers(lacking(wider, {"10.0.2.1"})));
}

TEST_F(PublishHealth, ADisabledBackendStaysSoInAnotherPoolOrAPoolOfAnotherName) {
  publisher_.publish(config_with({checked()}));
  publisher_.set_admin({number("10.0.1.1")}, BACKEND_DISABLED);
  note({"10.0.1.2"}, false);
  ServiceConfig moved = checked();
  moved.pools[1].backends.push_back(moved.pools[0].backends[0]);
  moved.pools[1].backends.push_back(moved.pools[0].backends[1]);
  moved.pools[0].backends.erase(moved.pools[0].backends.begin(),
                                moved.pools[0].backends.begin() + 2);
  publisher_.publish(config_with({moved}));
  EXPECT_EQ(answers(), ring_answers(lacking(moved, {"10.0.1.1", "10.0.1.2"})));
  moved.pools[1].name = "next";
  moved.pools[2].match = false;
  moved.pools[2].share_ppm = 125'000;
  publisher_.publish(config_with({moved}));
  EXPECT_EQ(answers(), ring_answers(lacking(moved, {"10.0.1.1", "10.0.1.2"})));
  EXPECT_EQ(tables_faults(tables_), std::vector<std::string>());
}

TEST_F(PublishHealth, HardCutsNobodyInSlotsThatDoNotMove) {
  publisher_.publish(config_with({checked()}));
  publisher_.publish(config_with({lacking(checked(), {"10.0.1.1"})}));
  const uint32_t slot = opening_slot();
  const uint32_t opening = word(slot);
  const uint64_t* kept = pin(slot, "10.0.1.1");
  ServiceConfig hard = lacking(checked(), {"10.0.1.1"});
  hard.pools[1].backends.pop_back();  // another pool
  publisher_.publish(config_with({hard}), Pace::hard);
  EXPECT_EQ(word(slot), opening);
  EXPECT_NE(*kept, 0u);
}

TEST_F(PublishHealth, WhatIsHeldStaysSoWhenWhatIsElsewhereIsGivenUp) {
  publisher_.publish(config_with({checked()}));
  ServiceConfig wider = checked();
  wider.pools[1].share_ppm = 250'000;
  publisher_.publish(config_with({wider}), Pace::gentle);
  publisher_.release("web");
  EXPECT_EQ(answers(), ring_answers(checked()));
  machine_.now_ns += kHoldNs;
  publisher_.pass_time();
  EXPECT_EQ(answers(), ring_answers(wider));
}

TEST_F(PublishHealth, WhatWasHeldOfAServiceIsForgottenWithIt) {
  publisher_.publish(config_with({checked()}));
  ServiceConfig wider = checked();
  wider.pools[1].share_ppm = 250'000;
  publisher_.publish(config_with({wider}), Pace::gentle);
  publisher_.publish(config_with({}), Pace::hard);
  machine_.now_ns += kGraceNs + 1;
  publisher_.publish(config_with({checked()}));
  publisher_.publish(config_with({wider}), Pace::gentle);
  machine_.now_ns += kHoldNs - kGraceNs;
  publisher_.pass_time();
  EXPECT_EQ(tables_faults(tables_), std::vector<std::string>());
  EXPECT_EQ(answers(), ring_answers(checked()));
}

TEST_F(PublishHealth, OneThatIsUsedAlthoughItFailsKeepsItsConnectionsWhenItLeaves) {
  const ServiceConfig service = checked(Fallback::use_all, Fallback::use_all);
  publisher_.publish(config_with({service}));
  note({"10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"}, false);
  const auto before = answers();
  publisher_.publish(config_with({lacking(service, {"10.0.1.1"})}));
  for (uint32_t slot = 0; slot < service.slots; ++slot)
    EXPECT_EQ(name(slot_default(word(slot))), before[slot]);
}

TEST_F(PublishHealth, ADisabledBackendOfAServiceThatDrainsIsDownToo) {
  publisher_.publish(config_with({checked()}));
  publisher_.publish(config_with({}));
  const uint16_t backend = number("10.0.1.1");
  ASSERT_NE(backend, 0);
  publisher_.set_admin({backend}, BACKEND_DISABLED);
  for (uint32_t slot = 0; slot < checked().slots; ++slot)
    EXPECT_NE(slot_default(word(slot)), backend);
}

TEST_F(PublishHealth, ADrainLimitIsNoReasonToRepair) {
  publisher_.publish(config_with({checked()}));
  publisher_.set_drain_limit("web", 600'000);
  const uint64_t stores = machine_.stores;
  Publisher next(tables_, test_seed(), machine_.hooks());
  EXPECT_TRUE(next.plan(config_with({checked()})).empty());
  next.publish(config_with({checked()}));
  EXPECT_EQ(machine_.stores, stores);
}

TEST_F(PublishHealth, KilledBeforeAnyStoreTheNextOneFinishesIt) {
  const Config config = config_with({checked()});
  const std::vector<HealthNote> notes = {{2, false}, {5, false}, {6, false}};
  publisher_.publish(config);
  publisher_.note_health(notes);
  settle();
  const std::string expected = tables_digest(tables_);
  bool was_killed = true;
  for (uint64_t store = 0; was_killed; store += kKillStride) {
    SCOPED_TRACE("killed before store " + std::to_string(store));
    Tables tables = Tables::create_private(1, 1);
    TestMachine machine;
    Publisher publisher(tables, test_seed(), machine.hooks());
    publisher.publish(config);
    machine.kill_before = machine.stores + store;
    was_killed = false;
    try {
      publisher.note_health(notes);
    } catch (const TestMachine::Killed&) {
      was_killed = true;
    }
    machine.kill_before = UINT64_MAX;
    Publisher next(tables, test_seed(), machine.hooks());
    next.publish(config);
    next.note_health(notes);  // its checks find the same
    EXPECT_EQ(tables_faults(tables), std::vector<std::string>());
    ::belka::settle(next, machine);
    ASSERT_EQ(tables_digest(tables), expected);
  }
}

}  // namespace
}  // namespace belka
