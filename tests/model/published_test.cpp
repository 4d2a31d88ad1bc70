// SPDX-License-Identifier: Apache-2.0
// The real decision and the real publisher, in random scenarios, against the same oracle.
#include "tests/model/published.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/model/print_figures.h"

namespace belka::model {
namespace {

constexpr uint64_t kPacketsOfScenario = 100'000;

void tell_published(Options options, const Violation& violation) {
  options.told = true;
  options.told_slot = violation.slot;
  options.told_from = violation.time - 40 * kTick;
  Tables tables = Tables::create_private(1, 1);
  fmt::print("seed {}: slot {}, tuple {}\n", violation.seed, violation.slot, violation.tuple);
  Published(tables, options).run();
}

// In a scenario within reach a sweep costs what its pins cost; in the first ones it goes through
// the whole table, as the daemon's does.
void run_scenarios(const char* name, bool mishaps) {
  const bool soak = std::getenv("BELKA_SOAK") != nullptr;
  const uint64_t packets = soak ? 400'000'000 : 10'000'000;
  const uint64_t with_whole_tables = soak ? 100 : 10;
  Figures sum;
  for (uint64_t seed = 1; sum.packets < packets; ++seed) {
    const Options options{.seed = seed,
                          .packets = kPacketsOfScenario,
                          .mishaps = mishaps,
                          .whole_tables = seed <= with_whole_tables};
    Tables tables = Tables::create_private(1, 1);
    Published scenario(tables, options);
    scenario.run();
    sum.add(scenario.figures());
    if (const auto violation = scenario.first_violation()) tell_published(options, *violation);
    ASSERT_EQ(sum.violations, 0u) << "seed " << seed;
    ASSERT_EQ(scenario.rest(), "") << "seed " << seed;
  }
  print_figures(name, sum);
}

TEST(Published, NoConnectionIsLost) { run_scenarios("model, published", false); }

// But for those of the backend, which die with it; and afterwards the ring is as configured.
TEST(Published, NoConnectionIsLostWhereBackendsDieReturnAndAreTakenOut) {
  run_scenarios("model, published with mishaps", true);
}

Figures figures_of(const Options& options) {
  Tables tables = Tables::create_private(1, 1);
  Published scenario(tables, options);
  scenario.run();
  return scenario.figures();
}

// So what is found out within reach holds for the daemon's sweeps too.
TEST(Published, SweepsWithinReachAndOfTheWholeTableAreTheSame) {
  Options options{.seed = 20'000, .packets = kPacketsOfScenario, .mishaps = true};
  const Figures within_reach = figures_of(options);
  options.whole_tables = true;
  EXPECT_EQ(figures_of(options), within_reach);
}

// Each rule of the planes is needed here too. (What goes wrong without the last two is seen once in
// some tens of millions of packets: rules_test.cpp looks for it where planes are late.)
class PublishedWithoutRule : public ::testing::TestWithParam<int> {};

TEST_P(PublishedWithoutRule, ConnectionsAreLost) {
  constexpr uint64_t kMostScenarios = 1000;
  const auto rule = static_cast<Without>(GetParam());
  Figures sum;
  uint64_t scenarios = 0;
  while (sum.violations == 0 && scenarios < kMostScenarios) {
    sum.add(figures_of({.seed = ++scenarios, .packets = kPacketsOfScenario, .without = rule}));
  }
  fmt::print("figure: model, published, without {}: {} violations in {} packets\n", name_of(rule),
             sum.violations, sum.packets);
  EXPECT_GT(sum.violations, 0u);
}

INSTANTIATE_TEST_SUITE_P(Each, PublishedWithoutRule,
                         ::testing::Range(static_cast<int>(Without::looking),
                                          static_cast<int>(Without::second_look)),
                         [](const auto& each) {
                           return std::string(name_of(static_cast<Without>(each.param)));
                         });

}  // namespace
}  // namespace belka::model
