// SPDX-License-Identifier: Apache-2.0
#include "control/plan.h"

#include <tuple>

#include "tests/unit/publish_fixture.h"

namespace belka {
namespace {

using PlanTest = PublishTest;

TEST_F(PlanTest, OfTheSameConfigurationIsEmpty) {
  publisher_.publish(config_with({web(), dns()}));
  const Plan plan = publisher_.plan(config_with({web(), dns()}));
  EXPECT_TRUE(plan.empty());
  EXPECT_EQ(plan.unchanged, 2u);
  EXPECT_EQ(plan.text(), "nothing changes\n2 services stay unchanged\n");
}

TEST_F(PlanTest, StoresNothing) {
  publisher_.plan(config_with({web(), dns()}));
  EXPECT_EQ(machine_.stores, 0u);
  EXPECT_TRUE(publisher_.in_force().services.empty());
}

TEST_F(PlanTest, ShowsASplitInSharesAndSlots) {
  publisher_.publish(config_with({web(64, 0)}));
  const Plan plan = publisher_.plan(config_with({web(64, 125'000)}));
  EXPECT_EQ(plan.text(),
            "service web: changed\n"
            "  prod      100% -> 75%, 64 -> 48 slots\n"
            "  canary    0% -> 12.5%, 0 -> 8 slots\n"
            "  baseline  0% -> 12.5% (match), 0 -> 8 slots\n"
            "  16 of 64 slots move, 16 of them to another pool\n");
  EXPECT_EQ(plan.slots_moved(), 16u);
}

TEST_F(PlanTest, ShowsBackendsAndSettings) {
  publisher_.publish(config_with({web(64, 0)}));
  ServiceConfig wanted = web(128, 0);
  wanted.hash = HashMode::source;
  wanted.prefix_bits_v4 = 24;
  wanted.pools[0].backends[0].weight = 3;
  wanted.pools[0].backends[1].address = address("10.0.1.9");
  const Plan plan = publisher_.plan(config_with({wanted, dns()}));
  const std::string text = plan.text();
  for (const char* line :
       {"  hash five-tuple -> source/24\n", "  slots 64 -> 128\n", "    + 10.0.1.9 weight 1\n",
        "    - 10.0.1.2 weight 1\n", "    ~ 10.0.1.1 weight 1 -> 3\n", "service dns: added\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "is not in\n" << text;
  const auto json = plan.to_json();
  EXPECT_EQ(json["services"][0]["change"], "changed");
  EXPECT_EQ(json["services"][0]["slots"]["after"], 128);
  EXPECT_EQ(json["services"][0]["words"], 128);
  EXPECT_EQ(json["services"][0]["pools"][0]["added"][0]["address"], "10.0.1.9");
  EXPECT_EQ(json["services"][1]["change"], "added");
  EXPECT_EQ(json["services"][1]["slots_moved"], 0);
}

TEST_F(PlanTest, ShowsIdleHealthAndWhatAPoolWithTooFewHealthyBackendsDoes) {
  publisher_.publish(config_with({web(64, 0)}));
  ServiceConfig wanted = web(64, 0);
  wanted.idle_ms = 60'000;
  wanted.health = HealthConfig{.kind = HealthConfig::Kind::http, .path = "/healthz"};
  wanted.pools[0].fallback = Fallback::use_all;
  wanted.pools[1].min_healthy_percent = 50;
  const Plan plan = publisher_.plan(config_with({wanted}));
  ASSERT_EQ(plan.services.size(), 1u);
  EXPECT_EQ(plan.services[0].kind, PlanService::Kind::changed);
  EXPECT_EQ(plan.services[0].settings,
            (std::vector<std::string>{"idle 900s -> 60s",
                                      "health none -> {http: '/healthz', every: 2s, timeout: 1s, "
                                      "fall: 3, rise: 2}",
                                      "prod fallback refuse -> use-all",
                                      "canary min_healthy 0% -> 50%"}));
  EXPECT_EQ(plan.slots_moved(), 0u);
}

// The tables do not keep them, so nothing is said of a service that another process published.
TEST_F(PlanTest, SaysNothingOfWhatTheTablesDoNotKeep) {
  ServiceConfig wanted = web(64, 0);
  wanted.idle_ms = 60'000;
  wanted.health = HealthConfig{};
  publisher_.publish(config_with({wanted}));
  Publisher next(tables_, test_seed(), machine_.hooks());
  EXPECT_EQ(next.plan(config_with({wanted})).text(),
            "nothing changes\n1 service stays unchanged\n");
}

TEST_F(PlanTest, ANewForwardingModeConcernsEverySlot) {
  publisher_.publish(config_with({web()}));
  ServiceConfig wanted = web();
  wanted.forward = ForwardMode::ipip;
  const Plan plan = publisher_.plan(config_with({wanted}));
  EXPECT_EQ(plan.services.at(0).words, 64u);
  EXPECT_EQ(plan.services.at(0).slots_moved, 64u);
  EXPECT_EQ(plan.services.at(0).slots_to_other_pool, 0u);
  EXPECT_NE(plan.text().find("  all 64 slots: each connection is forwarded in another way\n"),
            std::string::npos)
      << plan.text();
}

// The slots answer as before, but a connection does not find the one that it had.
TEST_F(PlanTest, AnotherHashAddressOrNumberOfSlotsMovesAllSlots) {
  publisher_.publish(config_with({web()}));
  ServiceConfig hash = web(), vip = web(), alone = web(64, 0);
  hash.hash = HashMode::source;
  vip.vip = address("203.0.113.11");
  for (const auto& [wanted, slots, others, line] :
       std::vector<std::tuple<ServiceConfig, uint32_t, uint32_t, std::string>>{
           {hash, 64, 64, "  all 64 slots: each connection may fall into another\n"},
           {web(128), 128, 128, "  all 128 slots: each connection may fall into another\n"},
           {vip, 64, 0, "  all 64 slots: no connection finds the service where it was\n"}}) {
    const Plan plan = publisher_.plan(config_with({wanted}));
    EXPECT_EQ(plan.slots_moved(), slots) << line;
    EXPECT_EQ(plan.services.at(0).slots_to_other_pool, others) << line;
    EXPECT_NE(plan.text().find(line), std::string::npos) << plan.text();
    ASSERT_EQ(plan.breaks().size(), 1u);
    EXPECT_NE(plan.breaks()[0].find("all " + std::to_string(slots) + " slots move, and nothing"),
              std::string::npos)
        << plan.breaks()[0];
  }
  publisher_.publish(config_with({alone}));
  alone.hash = HashMode::source;
  EXPECT_EQ(publisher_.plan(config_with({alone})).services.at(0).slots_to_other_pool, 0u)
      << "prod has all slots";
}

TEST_F(PlanTest, ABackendThatChangesPoolChangesThePoolOfItsSlotsAlone) {
  ServiceConfig before = web();
  before.pools[2] = pool("spare", {});
  ServiceConfig after = before;
  std::swap(after.pools[1].backends, after.pools[2].backends);
  std::swap(after.pools[1].share_ppm, after.pools[2].share_ppm);
  publisher_.publish(config_with({before}));
  const Plan plan = publisher_.plan(config_with({after}));
  EXPECT_GE(plan.services.at(0).slots_to_other_pool, plan.services.at(0).slots_moved);
  EXPECT_EQ(plan.services.at(0).pools.at(1).removed.size(), 1u);
  EXPECT_EQ(plan.services.at(0).pools.at(2).added.size(), 1u);
}

TEST_F(PlanTest, AnotherSeedMovesAllSlotsOfAllServices) {
  ServiceConfig single = web(64, 0);  // whichever seed, one backend answers all of its slots
  single.name = "single";
  single.port = 80;
  single.pools = {pool("prod", {"10.0.1.1"})};
  publisher_.publish(config_with({web(), dns(), single}));
  publisher_.publish(config_with({web(), single}));
  const Seed other{};
  const Plan plan = publisher_.plan(config_with({web(), single}), Pace::now, &other);
  EXPECT_TRUE(plan.other_seed);
  EXPECT_EQ(plan.unchanged, 0u);
  EXPECT_EQ(plan.slots_moved(), 64u + 64u + 32u) << "dns drains";
  ASSERT_EQ(plan.breaks().size(), 1u);
  EXPECT_EQ(plan.breaks()[0],
            "another seed breaks connections: all 160 slots of 3 services move, and nothing is "
            "kept; pass --break-connections to do it all the same");
  EXPECT_NE(plan.text().find("service single: changed\n"
                             "  another seed\n"
                             "  prod  100%, 64 slots\n"
                             "  all 64 slots: each connection may fall into another\n"
                             "  breaks connections (another seed): wants --break-connections\n"),
            std::string::npos)
      << plan.text();
  const Seed same = test_seed();
  EXPECT_TRUE(publisher_.plan(config_with({web(), single}), Pace::now, &same).empty());
  const Publisher next(tables_, other, machine_.hooks());
  EXPECT_TRUE(next.plan(config_with({web(), single})).other_seed) << "a daemon started anew";
}

TEST_F(PlanTest, ShowsWhatGoes) {
  publisher_.publish(config_with({web(), dns()}));
  const Plan plan = publisher_.plan(config_with({dns()}));
  ASSERT_EQ(plan.services.size(), 1u);
  EXPECT_EQ(plan.services[0].kind, PlanService::Kind::removed);
  EXPECT_EQ(plan.unchanged, 1u);
  EXPECT_NE(plan.text().find("  64 slots drain\n"), std::string::npos) << plan.text();
  Plan hard = publisher_.plan(config_with({dns()}), Pace::hard);
  hard.hard = true;
  EXPECT_NE(hard.text().find("  64 slots go at once: no connection is kept\n"), std::string::npos)
      << hard.text();
  ServiceConfig heir = web();
  heir.name = "heir";
  EXPECT_NE(publisher_.plan(config_with({heir, dns()})).text().find("  64 slots go at once"),
            std::string::npos);
}

TEST_F(PlanTest, SaysWhyAChangeCannotBeHad) {
  ServiceConfig wanted = web(64, 1);  // a millionth of 64 slots
  const Plan plan = publisher_.plan(config_with({wanted}));
  ASSERT_EQ(plan.faults.size(), 1u);
  EXPECT_NE(plan.text().find("cannot be published: service web, pool canary"), std::string::npos)
      << plan.text();
}

}  // namespace
}  // namespace belka
