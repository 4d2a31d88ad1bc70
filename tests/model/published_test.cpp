// SPDX-License-Identifier: Apache-2.0
// The real decision and the real publisher, in random scenarios, against the same oracle.
#include "tests/model/published.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/model/print_figures.h"

namespace belka::model {
namespace {

void tell_published(Options options, const Violation& violation) {
  options.told = true;
  options.told_slot = violation.slot;
  options.told_from = violation.time - 40 * kTick;
  Tables tables = Tables::create_private(1, 1);
  fmt::print("seed {}: slot {}, tuple {}\n", violation.seed, violation.slot, violation.tuple);
  Published(tables, options).run();
}

void run_scenarios(const char* name, bool mishaps) {
  const uint64_t scenarios = std::getenv("BELKA_SOAK") != nullptr ? 500 : 10;
  Figures sum;
  for (uint64_t seed = 1; seed <= scenarios; ++seed) {
    const Options options{.seed = seed, .packets = 100'000, .mishaps = mishaps};
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

}  // namespace
}  // namespace belka::model
