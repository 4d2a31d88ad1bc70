// SPDX-License-Identifier: Apache-2.0
// The real decision and the real keeper, in random scenarios, against an oracle that remembers
// every connection.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/model/print_figures.h"
#include "tests/model/scenario.h"
#include "tests/model/shared_tables.h"

namespace belka::model {
namespace {

// The same run again, and what happened to the slot before the violation.
void tell(Options options, const Violation& violation) {
  options.told = true;
  options.told_slot = violation.slot;
  options.told_from = violation.time - 40 * kTick;
  fmt::print("seed {}: slot {}, tuple {}\n", violation.seed, violation.slot, violation.tuple);
  Scenario again(shared_tables(), options);
  again.run();
}

void expect_no_violation(uint64_t packets_in_all, bool dense, const char* what) {
  constexpr uint64_t kPackets = 100'000;
  Figures sum;
  for (uint64_t seed = 1; sum.packets < packets_in_all; ++seed) {
    const Options options{.seed = seed, .packets = kPackets, .dense = dense};
    Scenario scenario(shared_tables(), options);
    scenario.run();
    sum.add(scenario.figures());
    if (const auto violation = scenario.first_violation()) tell(options, *violation);
    ASSERT_EQ(sum.violations, 0u) << "seed " << seed;
    ASSERT_EQ(scenario.rest(), "") << "seed " << seed;
  }
  print_figures(what, sum);
}

uint64_t millions(uint64_t usual, uint64_t soak) {
  return 1'000'000 * (std::getenv("BELKA_SOAK") != nullptr ? soak : usual);
}

TEST(Model, NoConnectionIsLost) { expect_no_violation(millions(10, 400), false, "model"); }

TEST(Model, NoConnectionIsLostWherePlanesAreLateAndIdleTimesShort) {
  expect_no_violation(millions(5, 100), true, "model, dense");
}

}  // namespace
}  // namespace belka::model
