// SPDX-License-Identifier: Apache-2.0
// What a change must leave alone: connections, services and backends that are none of its own.
#include <gmock/gmock.h>

#include "control/slot_change.h"
#include "split/pins.h"
#include "tests/unit/publish_fixture.h"

namespace belka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PublishKeep : public PublishTest {
 protected:
  void publish(const std::vector<ServiceConfig>& services, Pace pace = Pace::now) {
    publisher_.publish(config_with(services), pace);
    EXPECT_EQ(tables_faults(tables_), std::vector<std::string>());
  }

  void tick() {
    machine_.now_ns += kTickNs;
    publisher_.pass_time();
  }

  uint16_t number(const std::string& address) const {
    for (const BackendRef& backend : publisher_.backends())
      if (backend.address.text() == address) return backend.number;
    return 0;
  }

  // A slot of `web` that opens towards the backend.
  uint32_t slot_opening_to(uint16_t backend) const {
    const choice service = find(tables_, web()).value();
    for (uint32_t slot = service.slot_base; slot <= service.slot_base + service.slot_mask; ++slot) {
      const uint32_t word = tables_.view()->slots[slot];
      if (slot_is_opening(word) && slot_current(word) == backend) return slot;
    }
    ADD_FAILURE() << "no slot opens to backend " << backend;
    return 0;
  }

  // A connection of the slot, as a plane leaves it.
  uint64_t* pin(uint32_t slot, uint16_t backend) {
    uint64_t* place = &tables_.view()->pins[slot].pin[0];
    *place = pin_of(pin_identity(slot, 7), tables_.view()->node->tick, PIN_OPEN, backend);
    tables_.view()->counters[0].pinning += 1;
    return place;
  }
};

TEST_F(PublishKeep, AHardChangeElsewhereLeavesAServiceThatDrains) {
  publish({web(), dns()});
  publish({web()});
  publish({web(64, 250'000)}, Pace::hard);
  EXPECT_TRUE(find(tables_, dns()).has_value());
  EXPECT_TRUE(publisher_.holdings().services.contains("dns"));
}

TEST_F(PublishKeep, ABackendTakenOutInItsFirstTickStaysWhilePinsNameIt) {
  publish({web()});
  settle(publisher_, machine_);
  ServiceConfig more = web();
  more.pools[0].backends.push_back({address("10.0.1.3"), 1});
  publish({more});
  const uint16_t added = number("10.0.1.3");
  pin(slot_opening_to(added), added);
  publish({web()});
  publish({web(64, 250'000)});
  machine_.now_ns += kGraceNs;
  publisher_.collect();
  EXPECT_EQ(address_of(tables_.view()->backends[added]).text(), "10.0.1.3");
  settle(publisher_, machine_);
  EXPECT_EQ(tables_.view()->backends[added].next_hop.part.state, BACKEND_FREE);
}

TEST_F(PublishKeep, AVipThatStillDrainsIsGivenAwayByPermissionOnly) {
  publish({web(), dns()});
  publish({dns()});
  ServiceConfig other = web();
  other.name = "other";
  EXPECT_THAT(
      publisher_.plan(config_with({other, dns()})).breaks(),
      ElementsAre(HasSubstr("service web: giving its VIP and port to another service breaks")));
  settle(publisher_, machine_);
  EXPECT_THAT(publisher_.plan(config_with({other, dns()})).breaks(), IsEmpty());
}

TEST_F(PublishKeep, APortOfAServiceOfAllPortsIsTakenByPermissionOnly) {
  ServiceConfig all = web();
  all.name = "all";
  all.port = 0;
  publish({all});
  EXPECT_THAT(publisher_.plan(config_with({all, web()})).breaks(),
              ElementsAre(HasSubstr("service web: taking its port from service all")));
  ServiceConfig udp = web();
  udp.protocol = 17;
  EXPECT_THAT(publisher_.plan(config_with({all, udp})).breaks(), IsEmpty());
}

TEST_F(PublishKeep, WhatAHardChangeSettledAtOnceIsNotGivenUpLater) {
  publish({});
  publish({web()}, Pace::hard);
  publish({web(64, 500'000)});
  const uint16_t canary = number("10.0.2.1");
  const uint64_t* kept = pin(slot_opening_to(canary), canary);
  publish({web()});
  tick();
  EXPECT_NE(*kept, 0u);
}

TEST_F(PublishKeep, WhatWasHeldDoesNotStayHeldUnderAPublisherWithoutAConfiguration) {
  publish({web()});
  settle(publisher_, machine_);
  publisher_.publish(config_with({web(64, 500'000)}), Pace::gentle);
  ASSERT_GT(publisher_.held_slots(), 0u);
  Publisher next(tables_, test_seed(), machine_.hooks());
  EXPECT_EQ(next.held_slots(), publisher_.held_slots());
  settle(next, machine_);
  EXPECT_EQ(next.held_slots(), 0u);
  EXPECT_FALSE(next.keeper().anything_moves());
}

}  // namespace
}  // namespace belka
