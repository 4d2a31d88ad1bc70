// SPDX-License-Identifier: Apache-2.0
#include "control/publish.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "control/build.h"
#include "control/error.h"
#include "tests/unit/publish_fixture.h"

namespace belka {
namespace {

// The address that each slot answers, by the tables alone.
std::vector<std::string> answers(const Tables& tables, const ServiceConfig& service) {
  std::vector<std::string> answers;
  const auto found = find(tables, service);
  if (!found) return answers;
  for (uint32_t i = 0; i <= found->slot_mask; ++i) {
    const uint32_t word = tables.view()->slots[found->slot_base + i];
    EXPECT_EQ(word, slot_settled(slot_current(word)));
    answers.push_back(address_of(tables.view()->backends[slot_current(word)]).text());
  }
  return answers;
}

using Publish = PublishTest;

TEST_F(Publish, MakesEveryServiceReachableWithTheAnswersOfItsRing) {
  EXPECT_EQ(publisher_.publish(config_with({web(), dns()})), 1u);
  for (const ServiceConfig& service : {web(), dns()})
    EXPECT_EQ(answers(tables_, service), ring_answers(service));
  EXPECT_TRUE(tables_faults(tables_).empty());
  const auto found = find(tables_, dns());
  EXPECT_EQ(found->source_bits, 56);
  EXPECT_EQ(found->hash_key[0], service_key(test_seed(), "dns").k0);
  EXPECT_EQ(found->hash_key[1], service_key(test_seed(), "dns").k1);
}

TEST_F(Publish, PublishingTheSameAgainStoresNothing) {
  publisher_.publish(config_with({web(), dns()}));
  const uint64_t stores = machine_.stores;
  EXPECT_EQ(publisher_.publish(config_with({web(), dns()})), 1u);
  Publisher next(tables_, test_seed(), machine_.hooks());
  EXPECT_EQ(next.publish(config_with({web(), dns()})), 1u);
  EXPECT_EQ(machine_.stores, stores);
}

TEST_F(Publish, AnotherPublisherReadsBackWhatIsInForce) {
  const Config config = config_with({web(), dns()});
  publisher_.publish(config);
  const Publisher next(tables_, test_seed(), machine_.hooks());
  EXPECT_EQ(next.in_force(), config);
  EXPECT_EQ(next.generation(), 1u);
  const auto before = publisher_.backends();
  const auto after = next.backends();
  ASSERT_EQ(after.size(), 7u);
  for (size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].number, before[i].number);
    EXPECT_EQ(after[i].service_name, before[i].service_name);
    EXPECT_EQ(after[i].pool, before[i].pool);
    EXPECT_EQ(after[i].address, before[i].address);
    EXPECT_EQ(after[i].mode, before[i].mode);
    EXPECT_EQ(after[i].weight, before[i].weight);
    EXPECT_EQ(after[i].state, BACKEND_UNRESOLVED);
    EXPECT_EQ(after[i].slots, before[i].slots);
  }
}

TEST_F(Publish, SplitStoresTheMovedSlotsAndNothingElseOfTheRing) {
  publisher_.publish(config_with({web(1024, 50'000)}));
  const std::vector<uint32_t> before(tables_.view()->slots, tables_.view()->slots + 1024);
  const Config wanted = config_with({web(1024, 60'000)});
  const Plan plan = publisher_.plan(wanted);
  const uint64_t stores = machine_.stores;
  EXPECT_EQ(publisher_.publish(wanted), 2u);
  uint32_t differing = 0;
  for (size_t i = 0; i < before.size(); ++i) differing += before[i] != tables_.view()->slots[i];
  ASSERT_EQ(plan.services.size(), 1u);
  EXPECT_EQ(plan.services[0].slots_moved, differing);
  EXPECT_EQ(plan.services[0].slots_to_other_pool, differing);
  EXPECT_EQ(plan.services[0].words, differing);
  EXPECT_EQ(differing, 2 * (61u - 51u));  // canary and baseline, each 5 % -> 6 % of 1,024
  // Beside the words: two shares' and three pools' numbers of slots, and the generation.
  EXPECT_EQ(machine_.stores - stores, differing + 1 + 3 + 1);
}

TEST_F(Publish, UpAndBackGivesTheSameDigest) {
  publisher_.publish(config_with({web(), dns()}));
  const std::string before = tables_digest(tables_);
  publisher_.publish(config_with({web(64, 500'000), dns()}));
  EXPECT_NE(tables_digest(tables_), before);
  publisher_.publish(config_with({web(), dns()}));
  settle(publisher_, machine_);
  EXPECT_EQ(tables_digest(tables_), before);
}

TEST_F(Publish, AnotherSeedGivesTheTablesOfThatSeed) {
  const Config config = config_with({web(), dns()});
  const Seed other{};
  publisher_.publish(config);
  publisher_.publish(config, Pace::now, &other);
  EXPECT_EQ(tables_faults(tables_), std::vector<std::string>());
  settle(publisher_, machine_);
  Tables fresh = Tables::create_private(1, 1);
  Publisher of_other(fresh, other, machine_.hooks());
  of_other.publish(config);
  EXPECT_EQ(tables_digest(tables_), tables_digest(fresh));
  for (const ServiceConfig& service : config.services) {
    EXPECT_EQ(find(tables_, service)->hash_key[0], find(fresh, service)->hash_key[0]);
    EXPECT_EQ(find(tables_, service)->hash_key[1], find(fresh, service)->hash_key[1]);
  }
  EXPECT_FALSE(publisher_.plan(config).other_seed) << "it is the one in use now";
}

TEST_F(Publish, RemovesAServiceAndItsVipMarker) {
  ServiceConfig other = web();
  other.name = "web-plain";
  other.port = 80;
  publisher_.publish(config_with({web(), other}));
  ServiceConfig marker = web();
  marker.port = 0;
  marker.protocol = 0;
  EXPECT_TRUE(find(tables_, marker));
  publisher_.publish(config_with({other}));
  EXPECT_TRUE(find(tables_, web())) << "its connections are kept";
  settle(publisher_, machine_);
  EXPECT_FALSE(find(tables_, web()));
  EXPECT_TRUE(find(tables_, marker));
  publisher_.publish(config_with({}));
  settle(publisher_, machine_);
  EXPECT_FALSE(find(tables_, other));
  EXPECT_FALSE(find(tables_, marker));
  EXPECT_TRUE(publisher_.backends().empty());
  for (uint32_t place = 0; place < SERVICE_TABLE; ++place)
    ASSERT_EQ(tables_.view()->services[place].port_protocol_family, 0u) << place;
}

TEST_F(Publish, WhatIsUnlinkedKeepsItsBytesForTheGraceAndIsBlankAfterIt) {
  publisher_.publish(config_with({web()}));
  const uint16_t number = publisher_.backends().front().number;
  const uint32_t base = find(tables_, web())->slot_base;
  publisher_.publish(config_with({}), Pace::hard);
  machine_.now_ns += kGraceNs - 1;
  publisher_.collect();
  EXPECT_NE(tables_.view()->slots[base], 0u);
  EXPECT_EQ(tables_.view()->backends[number].next_hop.part.state, BACKEND_UNRESOLVED);
  machine_.now_ns += 1;
  publisher_.collect();
  for (uint32_t i = 0; i < 64; ++i) EXPECT_EQ(tables_.view()->slots[base + i], 0u);
  EXPECT_EQ(tables_.view()->backends[number].next_hop.word, 0u);
}

// As many services as there can be, from `first` on.
Config full_house(int first) {
  Config config;
  for (int i = first; i < first + static_cast<int>(kMaxServices); ++i) {
    ServiceConfig service = web(16, 0);
    service.name = "web-" + std::to_string(i);
    service.port = static_cast<uint16_t>(1 + i);
    service.pools = {pool("prod", {"10.0.1.1"})};
    config.services.push_back(service);
  }
  return config;
}

TEST_F(Publish, WaitsForTheGraceOnlyWhereNothingElseIsFree) {
  Config config = full_house(0);
  publisher_.publish(config);
  EXPECT_TRUE(tables_faults(tables_).empty());
  config.services.pop_back();
  publisher_.publish(config, Pace::hard);
  EXPECT_EQ(machine_.slept_ns, 0u);
  ServiceConfig late = web(16);
  late.port = 8443;
  config.services.push_back(late);
  publisher_.publish(config);
  EXPECT_EQ(machine_.slept_ns, kGraceNs);
  EXPECT_TRUE(find(tables_, late));
  EXPECT_TRUE(tables_faults(tables_).empty());
}

TEST_F(Publish, RefusesWhatCannotStandBesideTheOldBeforeAnyStore) {
  publisher_.publish(full_house(0));
  const uint64_t stores = machine_.stores;
  EXPECT_EQ(publisher_.plan(full_house(1)).faults.size(), 1u);
  EXPECT_THROW(publisher_.publish(full_house(1)), Error);
  EXPECT_EQ(machine_.stores, stores);
  EXPECT_EQ(publisher_.in_force(), full_house(0));
}

TEST_F(Publish, APreparedChangeIsGoodForOneCommitOnly) {
  PreparedChange first = publisher_.prepare(config_with({web()}));
  PreparedChange second = publisher_.prepare(config_with({dns()}));
  publisher_.commit(first);
  EXPECT_THROW(publisher_.commit(second), std::logic_error);
  EXPECT_THROW(publisher_.commit(first), std::logic_error);
}

TEST_F(Publish, RoutesOutliveAPublishAndFollowAnAddressToAnotherPool) {
  publisher_.publish(config_with({web()}));
  Route route;
  route.next_hop_mac = {2, 0, 0, 0, 0, 1};
  route.source_mac = {2, 0, 0, 0, 0, 2};
  route.ifindex = 7;
  route.mtu = 1500;
  route.outer_source = address("10.0.0.1");
  const auto refs = publisher_.backends();
  const auto canary = std::find_if(refs.begin(), refs.end(),
                                   [](const BackendRef& ref) { return ref.pool == "canary"; });
  ASSERT_TRUE(publisher_.set_route(canary->number, route));
  ServiceConfig moved = web();
  std::swap(moved.pools[1].backends, moved.pools[2].backends);
  publisher_.publish(config_with({moved}));
  for (const BackendRef& ref : publisher_.backends()) {
    if (ref.leaving) continue;
    const BackendRecord& record = tables_.view()->backends[ref.number];
    const bool is_resolved = ref.address == address("10.0.2.1");
    EXPECT_EQ(ref.state, is_resolved ? BACKEND_READY : BACKEND_UNRESOLVED);
    if (!is_resolved) continue;
    EXPECT_EQ(ref.pool, "baseline");
    EXPECT_NE(ref.number, canary->number);
    EXPECT_EQ(record.next_hop.part.mac[5], 1);
    EXPECT_EQ(record.source_mac[5], 2);
    EXPECT_EQ(record.ifindex, 7u);
    EXPECT_EQ(record.mtu, 1500);
    EXPECT_EQ(record.outer_source[3], 1);
  }
  EXPECT_TRUE(publisher_.set_route(canary->number, route)) << "it keeps its connections";
  settle(publisher_, machine_);
  EXPECT_FALSE(publisher_.set_route(canary->number, std::nullopt)) << "it is retired";
  EXPECT_FALSE(publisher_.set_route(0, route));
}

// Were it stored after the publish, the slots would name a backend that nobody can be sent to.
TEST_F(Publish, ANewBackendIsReadyBeforeTheFirstSlotNamesIt) {
  Route route;
  route.next_hop_mac = {2, 0, 0, 0, 0, 1};
  route.source_mac = {2, 0, 0, 0, 0, 2};
  route.ifindex = 7;
  route.mtu = 1500;
  route.outer_source = address("10.0.0.1");
  uint32_t unready = 0;
  PublishHooks hooks = machine_.hooks();
  hooks.route_to = [&](const Address& to, ForwardMode mode) {
    EXPECT_EQ(mode, ForwardMode::l2);
    return to == address("10.0.1.2") ? std::nullopt : std::optional(route);
  };
  hooks.before_each_store = [&] {
    for (uint32_t slot = 0; slot < 64; ++slot) {
      const BackendRecord& record =
          tables_.view()->backends[slot_current(tables_.view()->slots[slot])];
      unready += record.next_hop.part.state == BACKEND_UNRESOLVED &&
                 address_of(record) != address("10.0.1.2");
    }
  };
  Publisher publisher(tables_, test_seed(), hooks);
  publisher.publish(config_with({web()}));
  EXPECT_EQ(unready, 0u);
  const auto refs = publisher.backends();
  ASSERT_EQ(refs.size(), 4u);
  for (const BackendRef& ref : refs) {
    const BackendRecord& record = tables_.view()->backends[ref.number];
    const bool is_known = ref.address != address("10.0.1.2");
    EXPECT_EQ(ref.state, is_known ? BACKEND_READY : BACKEND_UNRESOLVED);
    EXPECT_EQ(record.next_hop.part.mac[5], is_known ? 1 : 0);
    EXPECT_EQ(record.source_mac[5], is_known ? 2 : 0);
    EXPECT_EQ(record.ifindex, is_known ? 7u : 0u);
    EXPECT_EQ(record.mtu, is_known ? 1500 : 0);
    EXPECT_EQ(record.outer_source[3], is_known ? 1 : 0);
  }
}

TEST_F(Publish, ARouteIsReadyOnlyWithAllItsFields) {
  publisher_.publish(config_with({web()}));
  const uint16_t number = publisher_.backends().front().number;
  Route route{.next_hop_mac = {2, 0, 0, 0, 0, 1},
              .source_mac = {2},
              .ifindex = 1,
              .mtu = 1500,
              .outer_source = address("10.0.0.1")};
  publisher_.set_route(number, route);
  route.mtu = 1400;
  route.outer_source = address("10.0.0.2");
  machine_.kill_before = machine_.stores + 2;  // not ready, MTU, and no more
  EXPECT_THROW(publisher_.set_route(number, route), TestMachine::Killed);
  EXPECT_EQ(tables_.view()->backends[number].next_hop.part.state, BACKEND_UNRESOLVED);
  machine_.kill_before = UINT64_MAX;
  publisher_.set_route(number, route);
  EXPECT_EQ(tables_.view()->backends[number].next_hop.part.state, BACKEND_READY);
  EXPECT_EQ(tables_.view()->backends[number].mtu, 1400);
  const uint64_t stores = machine_.stores;
  publisher_.set_route(number, route);
  EXPECT_EQ(machine_.stores, stores);
}

// Whoever changes this digest moves the users of everybody who upgrades.
TEST_F(Publish, TheTablesOfAFixedSeedAreTheseForEver) {
  publisher_.publish(config_with({web(65'536, 50'000), dns(1024)}));
  EXPECT_EQ(tables_digest(tables_), "6b58ada846b8bdb6");
}

}  // namespace
}  // namespace belka
