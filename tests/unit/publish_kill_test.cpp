// SPDX-License-Identifier: Apache-2.0
// A publisher is killed before each store of each kind of change. At that moment packets must find
// every service whole; a new publisher must be able to finish the change, or to go back, and leave
// exactly what a publish that nobody disturbed leaves.
#include <algorithm>
#include <functional>
#include <random>

#include "tests/unit/publish_fixture.h"

namespace belka {
namespace {

struct Scenario {
  std::string name;
  Config before, after;
};

ServiceConfig with(ServiceConfig service, const std::function<void(ServiceConfig&)>& change) {
  change(service);
  return service;
}

ServiceConfig plain() {
  return with(web(16), [](ServiceConfig& service) {
    service.name = "plain";
    service.port = 80;
    service.pools = {pool("prod", {"10.0.9.1"})};
  });
}

std::vector<Scenario> scenarios() {
  const ServiceConfig old = web(16);
  const auto change = [&](const std::function<void(ServiceConfig&)>& edit) {
    return config_with({with(old, edit)});
  };
  const Config one = config_with({old});
  return {
      {"FirstPublish", config_with({}), config_with({old, dns(16)})},
      {"Split", one, change([](auto& s) { s.pools[1].share_ppm = 375'000; })},
      {"Backends", one, change([](auto& s) {
         s.pools[0].backends[0].address = address("10.0.1.3");
         s.pools[0].backends[1].weight = 5;
       })},
      {"PoolOfBackends", one,
       change([](auto& s) { std::swap(s.pools[1].backends, s.pools[2].backends); })},
      {"OrderOfPools", one, change([](auto& s) { std::swap(s.pools[1], s.pools[2]); })},
      {"PoolGoes", one, change([](auto& s) {
         s.pools[2].match = false;
         s.pools.erase(s.pools.begin() + 1);
         s.pools[1].share_ppm = 250'000;
       })},
      {"LargerRing", one, change([](auto& s) { s.slots = 32; })},
      {"Hash", one, change([](auto& s) { s.hash = HashMode::source; })},
      {"ForwardMode", one, change([](auto& s) { s.forward = ForwardMode::ipip; })},
      {"Vip", one, change([](auto& s) { s.vip = address("203.0.113.11"); })},
      {"PortsExchanged", config_with({old, plain()}),
       config_with({with(old, [](auto& s) { s.port = 80; }),
                    with(plain(), [](auto& s) { s.port = 443; })})},
      {"AnotherServiceOnTheSameKey", one,
       config_with({with(plain(), [](auto& s) { s.port = 443; })})},
      {"Removal", config_with({old, plain(), dns(16)}), config_with({plain()})},
  };
}

bool has_key(const Config& config, const ServiceConfig& service) {
  return std::any_of(config.services.begin(), config.services.end(),
                     [&](const auto& each) { return same_key(key_of(each), key_of(service)); });
}

// What a packet to `service` finds must be whole, whichever service that is.
void expect_whole(const Tables& tables, const ServiceConfig& service, bool must_be_there) {
  const auto found = find(tables, service);
  if (!found) {
    ASSERT_FALSE(must_be_there) << service.name << " is not reachable";
    return;
  }
  for (uint32_t i = 0; i <= found->slot_mask; ++i) {
    const uint32_t word = tables.view()->slots[found->slot_base + i];
    // Of a service that is to go, new connections end nowhere; those that it has do not.
    for (const uint16_t number : {slot_current(word), slot_default(word)}) {
      if (number == 0 && !must_be_there) continue;
      const BackendRecord& record = tables.view()->backends[number];
      ASSERT_NE(record.next_hop.part.state, BACKEND_FREE) << service.name << " slot " << i;
      ASSERT_EQ(record.service, found->service) << service.name << " slot " << i;
      ASSERT_EQ(record.retired, 0u) << service.name << " slot " << i;
    }
  }
}

void expect_packets_see_whole_services(const Tables& tables, const Scenario& scenario) {
  for (const Config* config : {&scenario.before, &scenario.after})
    for (const ServiceConfig& service : config->services)
      expect_whole(tables, service,
                   has_key(scenario.before, service) && has_key(scenario.after, service));
}

std::string tables_digest_of(const Config& config) {
  Tables tables = Tables::create_private(1, 1);
  Publisher(tables, test_seed()).publish(config);
  return tables_digest(tables);
}

// Nothing is left over once everything that was unlinked has rested.
void expect_no_leak(const Tables& tables, const Config& config) {
  uint32_t slots = 0, backends = 0, wanted_slots = 0, wanted_backends = 0;
  for (uint32_t i = 0; i < 4096; ++i) slots += tables.view()->slots[i] != 0;
  for (uint32_t i = 0; i < 1024; ++i) backends += tables.view()->backends[i].next_hop.word != 0;
  for (const ServiceConfig& service : config.services) {
    wanted_slots += service.slots;
    for (const PoolConfig& each : service.pools) wanted_backends += each.backends.size();
  }
  EXPECT_EQ(slots, wanted_slots);
  EXPECT_EQ(backends, wanted_backends);
}

// Of services that were whole before, and are to go, the connections have their backends.
void expect_removed_ones_serve(const Tables& tables, const Config& before, const Config& wanted) {
  for (const ServiceConfig& service : before.services) {
    const bool stays = std::any_of(wanted.services.begin(), wanted.services.end(),
                                   [&](const auto& each) { return each.name == service.name; });
    if (stays || has_key(wanted, service)) continue;
    const auto found = find(tables, service);
    ASSERT_TRUE(found.has_value()) << service.name << " was removed with its connections";
    for (uint32_t i = 0; i <= found->slot_mask; ++i)
      ASSERT_NE(slot_default(tables.view()->slots[found->slot_base + i]), 0) << service.name;
  }
}

void finish(Tables& tables, TestMachine& machine, const Config& before, const Config& wanted,
            const std::string& digest) {
  machine.kill_before = UINT64_MAX;
  Publisher publisher(tables, test_seed(), machine.hooks());
  const Plan plan = publisher.plan(wanted);
  const std::vector<uint32_t> words(tables.view()->slots, tables.view()->slots + 4096);
  publisher.publish(wanted);
  expect_removed_ones_serve(tables, before, wanted);
  uint32_t differing = 0, planned = 0;
  for (size_t i = 0; i < words.size(); ++i) differing += words[i] != tables.view()->slots[i];
  for (const PlanService& service : plan.services) planned += service.words;
  EXPECT_EQ(differing, planned);
  EXPECT_EQ(tables_faults(tables), std::vector<std::string>());
  EXPECT_TRUE(publisher.plan(wanted).empty());
  settle(publisher, machine);
  EXPECT_EQ(tables_digest(tables), digest);
  EXPECT_EQ(tables_faults(tables), std::vector<std::string>());
  EXPECT_TRUE(publisher.plan(wanted).empty());
  expect_no_leak(tables, wanted);
}

// False where the change has fewer stores.
bool publish_until(Tables& tables, TestMachine& machine, const Config& wanted,
                   uint64_t kill_after) {
  Publisher publisher(tables, test_seed(), machine.hooks());
  machine.kill_before = machine.stores + kill_after;
  try {
    publisher.publish(wanted);
  } catch (const TestMachine::Killed&) {
    return true;
  }
  return false;
}

class PublishKill : public ::testing::TestWithParam<Scenario> {};

TEST_P(PublishKill, AtEveryStoreThenGoesOnOrBack) {
  const Scenario& scenario = GetParam();
  const std::string before = tables_digest_of(scenario.before);
  const std::string after = tables_digest_of(scenario.after);
  std::mt19937 random(1);
  bool killed = true;
  for (uint64_t store = 0; killed; store += kKillStride) {
    SCOPED_TRACE("killed before store " + std::to_string(store));
    Tables tables = Tables::create_private(1, 1);
    TestMachine machine;
    Publisher(tables, test_seed(), machine.hooks()).publish(scenario.before);
    killed = publish_until(tables, machine, scenario.after, store);
    expect_packets_see_whole_services(tables, scenario);
    switch (store % 3) {  // go on, go back, or be killed again on the way back and then go on
      case 0:
        finish(tables, machine, scenario.before, scenario.after, after);
        break;
      case 1:
        finish(tables, machine, scenario.before, scenario.before, before);
        break;
      default:
        publish_until(tables, machine, scenario.before, random() % 40);
        expect_packets_see_whole_services(tables, scenario);
        finish(tables, machine, scenario.before, scenario.after, after);
    }
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, PublishKill, ::testing::ValuesIn(scenarios()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace belka
