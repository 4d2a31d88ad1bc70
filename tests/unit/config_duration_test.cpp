// SPDX-License-Identifier: Apache-2.0
#include "control/config_duration.h"

#include <gtest/gtest.h>

namespace belka {
namespace {

TEST(ConfigDuration, IsAWholeNumberWithItsUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500u);
  EXPECT_EQ(parse_duration("2s"), 2'000u);
  EXPECT_EQ(parse_duration("15m"), 900'000u);
  EXPECT_EQ(parse_duration("0ms"), 0u);
  EXPECT_EQ(parse_duration("4294967295ms"), 4'294'967'295u);
  EXPECT_EQ(parse_duration("4294967s"), 4'294'967'000u);
  EXPECT_EQ(parse_duration("71582m"), 4'294'920'000u);
}

TEST(ConfigDuration, NothingElseIsOne) {
  for (const char* text :
       {"",    "2",    "s",  "ms", "m",   "2 s",   " 2s",  "2s ",          "+2s",      "-2s",
        "02s", "2.5s", "2S", "2h", "2us", "1m30s", "0x2s", "4294967296ms", "4294968s", "71583m"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(ConfigDuration, IsWrittenInSecondsWhereTheyAreWhole) {
  EXPECT_EQ(format_duration(900'000), "900s");
  EXPECT_EQ(format_duration(28'125), "28125ms");
  EXPECT_EQ(format_duration(0), "0s");
  for (const uint32_t ms : {1u, 999u, 1'000u, 60'000u, 3'600'000u, 4'294'967'295u})
    EXPECT_EQ(parse_duration(format_duration(ms)), ms);
}

}  // namespace
}  // namespace belka
