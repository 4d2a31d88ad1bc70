// SPDX-License-Identifier: Apache-2.0
#include "control/next_hops.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <gtest/gtest.h>

namespace belka {
namespace {

constexpr Mac kOwn{2, 0, 0, 0, 0, 1};
constexpr Mac kPeer{2, 0, 0, 0, 0, 2};

Address parsed(std::string_view text) { return Address::parse(text).value(); }

class NextHopsTest : public testing::Test {
 protected:
  NextHopsTest() {
    hops_.set_attached({7});
    hops_.set_link({.ifindex = 7, .name = "eth0", .mac = kOwn, .mtu = 1500, .up = true}, false);
    hops_.set_link({.ifindex = 8, .name = "eth1", .mac = kOwn, .mtu = 1500, .up = true}, false);
    on_link_ = {.type = RTN_UNICAST, .ifindex = 7, .source = parsed("10.0.0.2")};
  }
  std::string why(const RouteAnswer& answer, ForwardMode mode = ForwardMode::ipip) {
    const Resolution found = hops_.resolve(backend_, mode, answer);
    return std::holds_alternative<Route>(found) ? "" : std::get<std::string>(found);
  }
  void tell(uint16_t state, const Mac& mac = {}) { hops_.set_neighbour({7, backend_, state, mac}); }

  NextHops hops_;
  RouteAnswer on_link_;
  const Address backend_ = parsed("10.0.0.9");
};

TEST_F(NextHopsTest, EveryReasonHasItsClause) {
  EXPECT_EQ(why({.error = ENETUNREACH}), "there is no route to 10.0.0.9 (Network is unreachable)");
  EXPECT_EQ(why({.type = RTN_LOCAL, .ifindex = 1}), "10.0.0.9 is an address of this machine");
  RouteAnswer answer = on_link_;
  answer.ifindex = 8;
  EXPECT_EQ(why(answer), "the route to 10.0.0.9 leaves by eth1, where Belka is not attached");
  answer = on_link_;
  answer.source = {};
  EXPECT_EQ(why(answer), "eth0 has no IPv4 address to send to 10.0.0.9 from");
  answer = on_link_;
  answer.gateway = parsed("10.0.0.254");
  EXPECT_EQ(why(answer, ForwardMode::l2),
            "10.0.0.9 is behind the gateway 10.0.0.254, and l2 reaches only what is on the link");
  EXPECT_EQ(why(answer), "10.0.0.254 has not answered on eth0 yet");
  tell(NUD_FAILED);
  EXPECT_EQ(why(on_link_), "10.0.0.9 does not answer on eth0");
  hops_.set_link({.ifindex = 7, .name = "eth0", .mac = kOwn, .mtu = 1500, .up = false}, false);
  EXPECT_EQ(why(on_link_), "eth0, towards 10.0.0.9, is down");
}

TEST_F(NextHopsTest, AMacHoldsFromItsFirstAnswerUntilThereIsNone) {
  for (const uint16_t state : {NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT}) {
    tell(NUD_FAILED);
    EXPECT_NE(why(on_link_), "") << state;
    tell(state, kPeer);
    EXPECT_EQ(why(on_link_), "") << state;
    tell(NUD_NONE);
    EXPECT_EQ(why(on_link_), "") << state << ": the entry went, the kernel is asked again";
    tell(NUD_INCOMPLETE);
    EXPECT_EQ(why(on_link_), "") << state;
  }
}

TEST_F(NextHopsTest, OnlyWhoAnswersIsNotAskedAgain) {
  const NextHop hop = hops_.next_hop(backend_, on_link_);
  EXPECT_TRUE(hops_.wants_use(hop));
  for (const uint16_t state : {NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_FAILED, NUD_INCOMPLETE}) {
    tell(state, kPeer);
    EXPECT_TRUE(hops_.wants_use(hop)) << state;
  }
  for (const uint16_t state : {NUD_REACHABLE, NUD_PERMANENT, NUD_NOARP}) {
    tell(state, kPeer);
    EXPECT_FALSE(hops_.wants_use(hop)) << state;
  }
}

TEST_F(NextHopsTest, ARouteHasTheLesserMtuAndBothMacs) {
  tell(NUD_REACHABLE, kPeer);
  on_link_.mtu = 1400;
  const auto route = std::get<Route>(hops_.resolve(backend_, ForwardMode::ipip, on_link_));
  EXPECT_EQ(route.mtu, 1400);
  EXPECT_EQ(route.next_hop_mac, kPeer);
  EXPECT_EQ(route.source_mac, kOwn);
  EXPECT_EQ(route.ifindex, 7u);
  EXPECT_EQ(route.outer_source, parsed("10.0.0.2"));
  on_link_.mtu = 9000;
  EXPECT_EQ(std::get<Route>(hops_.resolve(backend_, ForwardMode::ipip, on_link_)).mtu, 1500);
}

TEST_F(NextHopsTest, ANeverZeroMacIsAnAnswer) {
  tell(NUD_NOARP, Mac{});
  EXPECT_NE(why(on_link_), "");
}

TEST_F(NextHopsTest, WhoIsForgottenIsUnknown) {
  tell(NUD_REACHABLE, kPeer);
  hops_.forget(hops_.next_hop(backend_, on_link_));
  EXPECT_EQ(why(on_link_), "10.0.0.9 has not answered on eth0 yet");
}

TEST(LinkChanges, WhatWentComesFirstThenWhatIsNewOrDifferent) {
  const Link kept{.ifindex = 2, .name = "eth0", .mac = kOwn, .mtu = 1500, .up = true};
  const Link old{.ifindex = 9, .name = "eth1", .mac = kOwn, .mtu = 1500, .up = true};
  const Link up{.ifindex = 5, .name = "eth2", .mac = kPeer, .mtu = 1500, .up = true};
  Link made_again = old, down = up;
  made_again.ifindex = 3;
  down.up = false;
  const std::map<uint32_t, Link> before = {{2, kept}, {5, up}, {9, old}};
  const std::map<uint32_t, Link> now = {{2, kept}, {3, made_again}, {5, down}};
  const std::vector<std::pair<Link, bool>> expected = {
      {old, true}, {made_again, false}, {down, false}};
  EXPECT_EQ(link_changes(before, now), expected);
  EXPECT_TRUE(link_changes(now, now).empty());
  EXPECT_EQ(link_changes({}, now).size(), now.size());
  EXPECT_EQ(link_changes(now, {}).size(), now.size());
}

TEST_F(NextHopsTest, WhatTheTablesRememberGivesWayToTheKernel) {
  const NextHop hop = hops_.next_hop(backend_, on_link_);
  hops_.remember(hop, kPeer);
  EXPECT_EQ(why(on_link_), "");
  EXPECT_TRUE(hops_.wants_use(hop));
  tell(NUD_FAILED);
  hops_.remember(hop, kPeer);
  EXPECT_NE(why(on_link_), "");
}

}  // namespace
}  // namespace belka
