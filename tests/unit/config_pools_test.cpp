// SPDX-License-Identifier: Apache-2.0
// Every fault of pools, backends and splits is told with its line and key path.
#include <gtest/gtest.h>

#include "tests/unit/config_test_text.h"

namespace belka {
namespace {

struct BadLine {
  int line;
  const char* text;
  const char* error;  // complete, but for the last line's end
};

class ConfigPools : public testing::TestWithParam<BadLine> {};

TEST_P(ConfigPools, NamesTheFault) {
  const BadLine& bad = GetParam();
  EXPECT_EQ(errors_of(with_line(bad.line, bad.text)), std::string(bad.error) + "\n");
}

constexpr BadLine kBadBackends[] = {
    {11, "      canary: {backends: [10.0.2.1, 10.0.2]}",
     "web.yaml:11: services[0].pools.canary.backends[1]: found 10.0.2, allowed is an IPv4 or IPv6 "
     "address"},
    {11, "      canary: {backends: [{address: 239.1.1.1}]}",
     "web.yaml:11: services[0].pools.canary.backends[0].address: found 239.1.1.1, which is "
     "multicast, "
     "allowed is a unicast address"},
    {11, "      canary: {backends: [2001:db8::1]}",
     "web.yaml:11: services[0].pools.canary.backends[0]: found 2001:db8::1, allowed is an IPv4 "
     "address "
     "like the VIP 203.0.113.10"},
    {11, "      canary: {backends: [203.0.113.10]}",
     "web.yaml:11: services[0].pools.canary.backends[0]: found 203.0.113.10, which is the VIP, "
     "allowed "
     "is the backend's own address"},
    {11, "      canary: {backends: [10.0.2.1, 10.0.2.1]}",
     "web.yaml:11: services[0].pools.canary.backends[1]: found 10.0.2.1 again, first at "
     "services[0].pools.canary.backends[0], allowed is once in a service, remove one"},
    {11, "      canary: {backends: [10.0.1.2]}",
     "web.yaml:11: services[0].pools.canary.backends[0]: found 10.0.1.2 again, first at "
     "services[0].pools.prod.backends[1].address, allowed is once in a service, remove one"},
    {11, "      canary: {backends: [{address: 10.0.2.1, weight: 1001}]}",
     "web.yaml:11: services[0].pools.canary.backends[0].weight: found 1001, allowed is a number "
     "from 0 "
     "to 1000"},
    {11, "      canary: {backends: [{address: 10.0.2.1, weight: 0.5}]}",
     "web.yaml:11: services[0].pools.canary.backends[0].weight: found 0.5, allowed is a number "
     "from 0 "
     "to 1000"},
    {11, "      canary: {backends: [{address: 10.0.2.1, weight: }]}",
     "web.yaml:11: services[0].pools.canary.backends[0].weight: found nothing, allowed is a number "
     "from 0 to 1000"},
    {11, "      canary: {backends: [{weight: 1}]}",
     "web.yaml:11: services[0].pools.canary.backends[0].address: found nothing, this key is "
     "required, "
     "allowed is an IPv4 or IPv6 address (in quotes where it ends in ::)"},
    {11, "      canary: {backends: [{address: 10.0.2.1, wieght: 3}]}",
     "web.yaml:11: services[0].pools.canary.backends[0].wieght: found an unknown key, allowed are "
     "address, weight"},
    {11, "      canary: {backends: [[10.0.2.1]]}",
     "web.yaml:11: services[0].pools.canary.backends[0]: found a list, allowed is an IPv4 or IPv6 "
     "address"},
    {11, "      canary: {backends: 10.0.2.1}",
     "web.yaml:11: services[0].pools.canary.backends: found 10.0.2.1, allowed is a list of "
     "addresses "
     "or of maps of address, weight"},
};
INSTANTIATE_TEST_SUITE_P(Backends, ConfigPools, testing::ValuesIn(kBadBackends));

constexpr BadLine kBadPools[] = {
    {11, "      canary: [10.0.2.1]",
     "web.yaml:11: services[0].pools.canary: found a list, allowed is a map of backends, "
     "fallback, min_healthy"},
    {11, "      canary:",
     "web.yaml:11: services[0].pools.canary: found nothing, allowed is a map of backends, "
     "fallback, min_healthy"},
    {11, "      canary: {}",
     "web.yaml:11: services[0].pools.canary.backends: found nothing, this key is required, allowed "
     "is a "
     "list of addresses or of maps of address, weight"},
    {11, "      canary: {backends: [10.0.2.1], share: 1%}",
     "web.yaml:11: services[0].pools.canary.share: found an unknown key, allowed are backends, "
     "fallback, min_healthy"},
    {11, "      canary: {backends: [10.0.2.1]}\n      canary: {backends: [10.0.2.2]}",
     "web.yaml:12: services[0].pools.canary: found this key twice, first in line 11, allowed is "
     "once, "
     "remove one"},
    {11, "      canary: {backends: [10.0.2.1]}\n      Blue: {backends: []}",
     "web.yaml:12: services[0].pools.Blue: found Blue, allowed is a pool name of 1 to 31 "
     "characters of "
     "a-z 0-9 . _ -, the first a letter or digit"},
    {11, "      canary: {backends: []}",
     "web.yaml:13: services[0].split.canary: found 1%, but the pool has no backend of a weight "
     "above "
     "0, add one or set its share to 0"},
    {12, "      baseline: {backends: [{address: 10.0.3.1, weight: 0}]}",
     "web.yaml:13: services[0].split.baseline: found match, which is 1%, but the pool has no "
     "backend "
     "of a weight above 0, add one or set its share to 0"},
    {10, "",
     "web.yaml:10: services[0].pools: found no pool prod, which takes what the others leave, add "
     "it"},
    {10, "      prod: {backends: []}",
     "web.yaml:10: services[0].pools.prod.backends: found no backend of a weight above 0, prod "
     "needs at "
     "least one, add one"},
    {10, "      prod: {backends: [{address: 10.0.1.1, weight: 0}]}",
     "web.yaml:10: services[0].pools.prod.backends: found no backend of a weight above 0, prod "
     "needs at "
     "least one, add one"},
};
INSTANTIATE_TEST_SUITE_P(Pools, ConfigPools, testing::ValuesIn(kBadPools));

#define SHARE_ALLOWED                                                                        \
  ", allowed is a percentage with its sign and at most 4 decimals from 0% to 100% (such as " \
  "0.5%), "                                                                                  \
  "0, or match"

constexpr BadLine kBadShares[] = {
    {13, "    split: {canary: 5}", "web.yaml:13: services[0].split.canary: found 5" SHARE_ALLOWED},
    {13, "    split: {canary: 0.00001%}",
     "web.yaml:13: services[0].split.canary: found 0.00001%" SHARE_ALLOWED},
    {13, "    split: {canary: 101%}",
     "web.yaml:13: services[0].split.canary: found 101%" SHARE_ALLOWED},
    {13, "    split: {canary: }",
     "web.yaml:13: services[0].split.canary: found nothing" SHARE_ALLOWED},
    {13, "    split: {canary: [1%]}",
     "web.yaml:13: services[0].split.canary: found a list" SHARE_ALLOWED},
    {13, "    split: {blue: 5}",
     "web.yaml:13: services[0].split.blue: found 5" SHARE_ALLOWED
     "\nweb.yaml:13: services[0].split.blue: found no pool of this name, allowed are canary, "
     "baseline"},
    {13, "    split: {prod: 99%, canary: 1%}",
     "web.yaml:13: services[0].split.prod: found 99%, prod takes what the other pools leave, "
     "remove "
     "this key"},
    {13, "    split: {prod: match}",
     "web.yaml:13: services[0].split.prod: found match, prod takes what the other pools leave, "
     "remove "
     "this key"},
    {13, "    split: {canary: match}",
     "web.yaml:13: services[0].split.canary: found match, the canary cannot match itself, give it "
     "a "
     "percentage"},
    {13, "    split: {canary: 60%, baseline: match}",
     "web.yaml:13: services[0].split: found 120% over all pools beside prod (match counts as the "
     "canary's share), allowed is at most 100%, lower some of them"},
    {13, "    split: {canary: 60%, baseline: 40.0001%}",
     "web.yaml:13: services[0].split: found 100.0001% over all pools beside prod (match counts as "
     "the "
     "canary's share), allowed is at most 100%, lower some of them"},
    {13, "    split: {canary: 1%, canary: 1%}",
     "web.yaml:13: services[0].split.canary: found this key twice, first in line 13, allowed is "
     "once, "
     "remove one"},
    {13, "    split: canary=1%",
     "web.yaml:13: services[0].split: found 'canary=1%', allowed is a map of pools and their "
     "shares, "
     "such as {canary: 1%, baseline: match}"},
};
INSTANTIATE_TEST_SUITE_P(Shares, ConfigPools, testing::ValuesIn(kBadShares));

TEST(ConfigSplit, ShareThatIsNoSlotNamesWhatWouldDo) {
  const std::string text = with_line(13, "    split: {canary: 0.0001%}");
  EXPECT_EQ(
      errors_of(text),
      "web.yaml:13: services[0].split.canary: found 0.0001%, which is no slot of 65536, allowed "
      "is 0 or at least 0.0008%, or have slots: 1048576\n");
}

TEST(ConfigSplit, MatchWantsACanary) {
  std::string text = with_line(11, "");
  text.replace(text.find("{canary: 1%, baseline"), 21, "{baseline");
  EXPECT_EQ(errors_of(text),
            "web.yaml:12: services[0].split.baseline: found match, but there is no pool canary to "
            "match, add one or give a percentage\n");
}

TEST(ConfigPoolsLimit, SixteenPoolsAndNotOneMore) {
  std::string pools = "      canary: {backends: [10.0.2.1]}";
  for (int i = 0; i < 13; ++i) pools += "\n      p" + std::to_string(i) + ": {backends: []}";
  EXPECT_EQ(errors_of(with_line(11, pools)), "");
  pools += "\n      more: {backends: []}";
  EXPECT_EQ(
      errors_of(with_line(11, pools)),
      "web.yaml:10: services[0].pools: found 17 pools, allowed are at most 16, remove some\n");
}

}  // namespace
}  // namespace belka
