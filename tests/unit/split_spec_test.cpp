// SPDX-License-Identifier: Apache-2.0
#include "control/split_spec.h"

#include <gtest/gtest.h>

#include "control/split_check.h"
#include "tests/unit/config_test_text.h"

namespace belka {
namespace {

using Texts = std::vector<std::string>;

TEST(SplitSpec, SharesAreExact) {
  struct Case {
    const char* text;
    uint32_t ppm;
  };
  for (const Case& c :
       {Case{"0", 0}, Case{"0%", 0}, Case{"0.0%", 0}, Case{"0.0001%", 1}, Case{"0.001%", 10},
        Case{"0.5%", 5'000}, Case{"0.5000%", 5'000}, Case{"1%", 10'000}, Case{"01%", 10'000},
        Case{"33.3333%", 333'333}, Case{"99.9999%", 999'999}, Case{"100%", 1'000'000},
        Case{"100.0%", 1'000'000}})
    EXPECT_EQ(parse_share(c.text), (Share{.ppm = c.ppm, .match = false})) << c.text;
  EXPECT_EQ(parse_share("match"), (Share{.ppm = 0, .match = true}));
}

TEST(SplitSpec, WhatIsNoShareIsNone) {
  for (const char* text : {"",
                           "%",
                           "1",
                           "5",
                           "100",
                           "0.5",
                           "0.0",
                           "00",
                           "-1%",
                           "+1%",
                           " 1%",
                           "1 %",
                           "1%%",
                           "1%x",
                           ".5%",
                           "1.%",
                           "1..5%",
                           "1.5.5%",
                           "1,5%",
                           "1e1%",
                           "0x1%",
                           "0.00001%",
                           "0.00010%",
                           "100.0001%",
                           "101%",
                           "999%",
                           "1000%",
                           "4294967296%",
                           "18446744073709551617%",
                           "nan%",
                           "inf%",
                           "Match",
                           "match%"})
    EXPECT_FALSE(parse_share(text).has_value()) << text;
}

TEST(SplitSpec, PercentIsTheShortestExactText) {
  EXPECT_EQ(format_percent(0), "0%");
  EXPECT_EQ(format_percent(1), "0.0001%");
  EXPECT_EQ(format_percent(5'000), "0.5%");
  EXPECT_EQ(format_percent(10'000), "1%");
  EXPECT_EQ(format_percent(100'100), "10.01%");
  EXPECT_EQ(format_percent(1'000'000), "100%");
}

TEST(SplitSpec, EveryMillionthRoundTrips) {
  for (uint32_t ppm = 0; ppm <= kWholePpm; ++ppm)
    ASSERT_EQ(parse_share(format_percent(ppm)), (Share{.ppm = ppm, .match = false})) << ppm;
}

TEST(SplitSpec, WordsOfACommand) {
  const SplitWords words = parse_split_words({"canary=5%", "baseline=match", "x=0"});
  EXPECT_EQ(words.errors, Texts{});
  ASSERT_EQ(words.words.size(), 3u);
  EXPECT_EQ(words.words[0].pool, "canary");
  EXPECT_EQ(words.words[0].share, (Share{.ppm = 50'000, .match = false}));
  EXPECT_EQ(words.words[1].share, (Share{.ppm = 0, .match = true}));
  EXPECT_EQ(words.words[2].share, Share{});
}

TEST(SplitSpec, AllFaultyWordsAtOnce) {
  EXPECT_EQ(
      parse_split_words({"canary", "=5%", "canary=5", "canary=1%", "a\nb="}).errors,
      (Texts{"found canary, allowed is POOL=SHARE, such as canary=5% or baseline=match",
             "found '=5%', allowed is POOL=SHARE, such as canary=5% or baseline=match",
             "canary: found 5, allowed is a percentage with its sign and at most 4 decimals from "
             "0% to 100% (such as 0.5%), 0, or match",
             "canary: found twice, name each pool once",
             "'a\\x0ab': found '', allowed is a percentage with its sign and at most 4 decimals "
             "from 0% to 100% (such as 0.5%), 0, or match"}));
  EXPECT_EQ(parse_split_words({}).errors,
            Texts{"found no share, write at least one as POOL=SHARE, such as canary=5% or "
                  "baseline=match"});
}

class ApplySplit : public testing::Test {
 protected:
  Texts apply(const Texts& texts) {
    const SplitWords words = parse_split_words(texts);
    EXPECT_EQ(words.errors, Texts{});
    return apply_split(words.words, service_);
  }
  ServiceConfig service_ = parse_config(kGoodConfig, "web.yaml").config->services[0];
};

TEST_F(ApplySplit, NamedPoolsChangeOthersKeepTheirs) {
  EXPECT_EQ(apply({"canary=5%"}), Texts{});
  EXPECT_EQ(service_.pools[1].share_ppm, 50'000u);
  EXPECT_TRUE(service_.pools[2].match);
  EXPECT_EQ(wanted_ppm(service_, service_.pools[0]), 900'000u);
  EXPECT_EQ(wanted_ppm(service_, service_.pools[2]), 50'000u);
  EXPECT_EQ(apply({"baseline=0", "canary=0"}), Texts{});
  EXPECT_FALSE(service_.pools[2].match);
  EXPECT_EQ(wanted_ppm(service_, service_.pools[0]), 1'000'000u);
  EXPECT_EQ(format_share(service_.pools[2]), "0%");
}

TEST_F(ApplySplit, AFaultChangesNothing) {
  const ServiceConfig before = service_;
  EXPECT_EQ(apply({"canary=5%", "blue=1%", "prod=90%"}),
            (Texts{"blue: no such pool of service web, allowed are canary, baseline",
                   "prod: found a share, prod takes what the other pools leave, name only those"}));
  EXPECT_EQ(service_, before);
  EXPECT_EQ(
      apply({"canary=51%"}),
      Texts{"found 102% over all pools beside prod (match counts as the canary's share), allowed "
            "is at most 100%, lower some of them"});
  EXPECT_EQ(apply({"canary=match"}),
            Texts{"canary: found match, the canary cannot match itself, give it a percentage"});
  EXPECT_EQ(service_, before);
}

}  // namespace
}  // namespace belka
