// SPDX-License-Identifier: Apache-2.0
// What a change must leave alone: connections, services and backends that are none of its own.
#include <gmock/gmock.h>

#include "tests/unit/publish_pins.h"

namespace belka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using PublishKeep = PublishPins;

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
