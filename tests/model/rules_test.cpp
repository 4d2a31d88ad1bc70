// SPDX-License-Identifier: Apache-2.0
// Each rule is needed: with it taken out connections are lost, and the oracle sees it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/model/scenario.h"
#include "tests/model/shared_tables.h"

namespace belka::model {
namespace {

constexpr uint64_t kPackets = 50'000;  // of one scenario
constexpr uint64_t kScenarios = 8;     // at least, for the count
constexpr uint64_t kMostScenarios = 1000;

// What only a delayed plane can do wrong, and then seldom, is looked for where there are many.
bool wants_dense(Without rule) {
  static constexpr Without kSeldom[] = {Without::second_look, Without::ages_ahead,
                                        Without::settled_pins, Without::old_words};
  return std::find(std::begin(kSeldom), std::end(kSeldom), rule) != std::end(kSeldom);
}

class WithoutRule : public ::testing::TestWithParam<int> {};

TEST_P(WithoutRule, ConnectionsAreLost) {
  const auto rule = static_cast<Without>(GetParam());
  Figures sum;
  uint64_t scenarios = 0;
  while (scenarios < kScenarios || (sum.violations == 0 && scenarios < kMostScenarios)) {
    Scenario scenario(
        shared_tables(),
        {.seed = ++scenarios, .packets = kPackets, .without = rule, .dense = wants_dense(rule)});
    scenario.run();
    sum.add(scenario.figures());
  }
  fmt::print("figure: model without {}: {} violations in {} packets\n", name_of(rule),
             sum.violations, sum.packets);
  EXPECT_GT(sum.violations, 0u);
}

INSTANTIATE_TEST_SUITE_P(Each, WithoutRule, ::testing::Range(1, static_cast<int>(Without::count_)),
                         [](const auto& each) {
                           return std::string(name_of(static_cast<Without>(each.param)));
                         });

}  // namespace
}  // namespace belka::model
