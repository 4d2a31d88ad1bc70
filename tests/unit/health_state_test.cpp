// SPDX-License-Identifier: Apache-2.0
#include "control/health_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace belka {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

// The changes that a sequence of checks makes, `.` for a passed one: `d` and `u` where it goes down
// and up, a space where nothing changes.
std::string changes_of(std::string_view checks, uint32_t fall, uint32_t rise,
                       bool starts_up = true) {
  const HealthConfig config{.fall = fall, .rise = rise};
  HealthState state{.up = starts_up};
  std::string changes;
  for (const char check : checks) {
    const bool changed = state.note(check == '.', config);
    changes += !changed ? ' ' : state.up ? 'u' : 'd';
  }
  return changes;
}

TEST(HealthState, FallsAndRisesAfterSoManyInARow) {
  EXPECT_EQ(changes_of("xxx..", 3, 2), "  d u");
  EXPECT_EQ(changes_of("xx.xx.xx.", 3, 2), "         ");
  EXPECT_EQ(changes_of("xxxx.x.x..", 3, 2), "  d      u");
  EXPECT_EQ(changes_of("x.x.", 1, 1), "dudu");
  EXPECT_EQ(changes_of("....", 1, 1), "    ");
}

TEST(HealthState, WhatStartsDownRises) {
  EXPECT_EQ(changes_of("xxx..", 3, 2, false), "    u");
  EXPECT_EQ(changes_of("..xxx", 3, 2, false), " u  d");
}

TEST(HealthState, CountsWhatIsInARow) {
  const HealthConfig config;
  HealthState state;
  state.note(false, config);
  state.note(false, config);
  EXPECT_EQ(state, (HealthState{.up = true, .failed_in_row = 2, .passed_in_row = 0}));
  state.note(true, config);
  EXPECT_EQ(state, (HealthState{.up = true, .failed_in_row = 0, .passed_in_row = 1}));
}

TEST(HealthSchedule, ChecksKeepTheirPlace) {
  EXPECT_EQ(next_check_ns(10 * kSecondNs, 2'000, 10 * kSecondNs + 5), 12 * kSecondNs);
  // One that takes as long as it may (timeout = every) does not lose its next turn.
  EXPECT_EQ(next_check_ns(10 * kSecondNs, 2'000, 12 * kSecondNs + 5), 12 * kSecondNs);
}

TEST(HealthSchedule, WhatWasMissedIsLeftOut) {
  EXPECT_EQ(next_check_ns(10 * kSecondNs, 2'000, 14 * kSecondNs), 16 * kSecondNs);
  EXPECT_EQ(next_check_ns(10 * kSecondNs, 2'000, 31 * kSecondNs), 32 * kSecondNs);
}

// Any tenth of the period begins a tenth of the checks, to within one in a hundred of all.
TEST(HealthSchedule, TargetsAreSpreadEvenlyOverThePeriod) {
  constexpr uint32_t kTargets = 3'000;
  for (const uint32_t first : {0u, 1u, 1'000'000u})
    for (const uint32_t step : {1u, 2u, 3u, 16u, 1'000u}) {
      std::vector<uint32_t> begun(10);
      for (uint32_t i = 0; i < kTargets; ++i) {
        const uint64_t at = first_check_ns(first + i * step, 2'000, kSecondNs);
        ASSERT_GE(at, kSecondNs);
        ASSERT_LT(at, 3 * kSecondNs);
        ++begun[(at - kSecondNs) / (kSecondNs / 5)];
      }
      const auto [least, most] = std::minmax_element(begun.begin(), begun.end());
      EXPECT_GE(*least, kTargets / 10 - kTargets / 100) << first << " " << step;
      EXPECT_LE(*most, kTargets / 10 + kTargets / 100) << first << " " << step;
    }
}

}  // namespace
}  // namespace belka
