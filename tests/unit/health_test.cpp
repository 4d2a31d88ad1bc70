// SPDX-License-Identifier: Apache-2.0
// Checks of real servers on loopback. No time is asserted.
#include "control/health.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/unit/health_fixture.h"

namespace belka {
namespace {

TEST_F(HealthCheckerTest, APortThatRefusesFalls) {
  const LoopbackPort port;
  EXPECT_EQ(reason_of(target(7, port, tcp_check())), "connection refused");
}

TEST_F(HealthCheckerTest, APortThatAcceptsStaysUp) {
  LoopbackPort port;
  const LoopbackServer server(port, {});
  expect_up(target(7, port, tcp_check()));
}

TEST_F(HealthCheckerTest, OneThatComesBackRises) {
  LoopbackPort port;
  checker_.set_targets({target(7, port, tcp_check())});
  ASSERT_TRUE(run_until_change());
  const LoopbackServer server(port, {});
  ASSERT_TRUE(run_until([this] { return changes_.size() == 2; }));
  EXPECT_TRUE(changes_[1].up);
  EXPECT_EQ(changes_[1].reason, "passed 2 in a row");
  EXPECT_TRUE(checker_.view(7)->up);
}

TEST_F(HealthCheckerTest, APortThatLetsNobodyInTimesOut) {
  LoopbackPort port;
  port.begin_to_listen(0);
  // One connection fills the queue; the SYNs of all others are dropped.
  Descriptor first(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port.number());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(first.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  EXPECT_EQ(reason_of(target(7, port, tcp_check(100))), "timed out after 100 ms");
}

TEST_F(HealthCheckerTest, HttpThatAnswersStaysUp) {
  LoopbackPort port;
  LoopbackServer server(port, {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"});
  expect_up(target(7, port, http_check(0, "ok")));
  EXPECT_EQ(server.last_request(),
            fmt::format("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUser-Agent: "
                        "belkad-health\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                        port.number()));
}

// A verdict does not wait for the server to close.
TEST_F(HealthCheckerTest, HttpThatKeepsTheConnectionStaysUp) {
  LoopbackPort port;
  const LoopbackServer server(port, {.answer = "HTTP/1.1 204 No Content\r\n", .closes = false});
  expect_up(target(7, port, http_check(204)));
}

TEST_F(HealthCheckerTest, HttpWithAWrongStatusFalls) {
  LoopbackPort port;
  const LoopbackServer server(port, {.answer = "HTTP/1.1 503 Service Unavailable\r\n\r\n"});
  EXPECT_EQ(reason_of(target(7, port, http_check())), "status 503");
}

TEST_F(HealthCheckerTest, HttpWithoutTheWantedTextFalls) {
  LoopbackPort port;
  const LoopbackServer server(port, {.answer = "HTTP/1.1 200 OK\r\nX: ok\r\n\r\nbad"});
  EXPECT_EQ(reason_of(target(7, port, http_check(200, "ok"))), "body lacks \"ok\"");
}

TEST_F(HealthCheckerTest, HttpThatClosesWithoutAnAnswerFalls) {
  LoopbackPort port;
  const LoopbackServer server(port, {.answer = ""});
  EXPECT_EQ(reason_of(target(7, port, http_check())), "closed without an answer");
}

TEST_F(HealthCheckerTest, HttpOfAPortThatAcceptsAndIsSilentTimesOut) {
  LoopbackPort port;
  const LoopbackServer server(port, {.answer = std::nullopt});
  EXPECT_EQ(reason_of(target(7, port, http_check(0, "", 100))), "timed out after 100 ms");
  EXPECT_LT(calls_, 100u);  // it is not busy waiting
}

TEST_F(HealthCheckerTest, ADrippingServerIsBoundedByTheTimeout) {
  LoopbackPort port;
  const LoopbackServer server(port,
                              {.answer = "HTTP/1.1 200 OK\r\nX: ", .closes = false, .drips = true});
  EXPECT_EQ(reason_of(target(7, port, http_check(0, "ok", 200))), "timed out after 200 ms");
}

TEST_F(HealthCheckerTest, ChecksIpv6Too) {
  std::ifstream addresses("/proc/net/if_inet6");
  const std::string text{std::istreambuf_iterator<char>(addresses), {}};
  if (text.find("00000000000000000000000000000001") == std::string::npos)
    GTEST_SKIP() << "loopback has no IPv6 address";
  LoopbackPort refusing(AF_INET6);
  LoopbackPort port(AF_INET6);
  LoopbackServer server(port, {.answer = "HTTP/1.1 200 OK\r\n\r\n"});
  checker_.set_targets(
      {target(1, refusing, tcp_check(), "::1"), target(2, port, http_check(), "::1")});
  ASSERT_TRUE(
      run_until([this] { return !changes_.empty() && checker_.view(2)->passed_in_row >= 3; }));
  ASSERT_EQ(changes_.size(), 1u);
  EXPECT_EQ(changes_[0].id, 1u);
  EXPECT_EQ(changes_[0].reason, "connection refused");
  EXPECT_NE(server.last_request().find(fmt::format("Host: [::1]:{}\r\n", port.number())),
            std::string::npos);
}

TEST_F(HealthCheckerTest, NoTimeWaitIsLeft) {
  LoopbackPort port;
  const LoopbackServer server(port, {});
  expect_up(target(7, port, tcp_check()));
  std::ifstream sockets("/proc/net/tcp");
  const std::string to_port = fmt::format(":{:04X} 06", port.number());  // the peer's, TIME_WAIT
  for (std::string line; std::getline(sockets, line);)
    EXPECT_EQ(line.find(to_port), std::string::npos) << line;
}

TEST_F(HealthCheckerTest, WhatStaysGoesOnAndWhatGoesIsForgotten) {
  const LoopbackPort port;
  const HealthTarget one = target(1, port, tcp_check());
  const HealthTarget two = target(2, port, tcp_check());
  checker_.set_targets({one, two});
  ASSERT_TRUE(run_until([this] { return changes_.size() == 2; }));
  const auto before = checker_.view(1);
  checker_.set_targets({one});
  const auto after = checker_.view(1);
  EXPECT_EQ(after->failed_in_row, before->failed_in_row);
  EXPECT_EQ(after->last_ns, before->last_ns);
  EXPECT_EQ(after->last_reason, "connection refused");
  EXPECT_FALSE(checker_.view(2).has_value());
  checker_.set_targets({});
  EXPECT_FALSE(checker_.view(1).has_value());
  const uint64_t before_none = checks();
  usleep(300'000);
  EXPECT_TRUE(checker_.handle_events().empty());
  EXPECT_EQ(checks(), before_none);
  checker_.set_targets({one, two});
  EXPECT_TRUE(checker_.view(2)->up);
  EXPECT_EQ(checker_.view(2)->last_ns, 0u);
  expect_checks_at_their_time(2, 5);
}

TEST_F(HealthCheckerTest, OfAnIdThatStandsTwiceTheLastCounts) {
  LoopbackPort refusing;
  LoopbackPort port;
  const LoopbackServer server(port, {});
  checker_.set_targets({target(1, refusing, tcp_check()), target(1, port, tcp_check())});
  expect_checks_at_their_time(1, 5);
  EXPECT_EQ(checker_.counts().failed, 0u);
}

TEST_F(HealthCheckerTest, AnotherCheckOfTheSameBackendKeepsWhatItCountsAs) {
  const LoopbackPort port;
  HealthTarget wanted = target(1, port, tcp_check());
  checker_.set_targets({wanted});
  ASSERT_TRUE(run_until_change());
  wanted.config.fall = 9;
  checker_.set_targets({wanted});
  EXPECT_FALSE(checker_.view(1)->up);
  EXPECT_EQ(checker_.view(1)->failed_in_row, 0u);
  wanted.address = *Address::parse("127.0.0.2");
  checker_.set_targets({wanted});
  EXPECT_TRUE(checker_.view(1)->up);
  expect_checks_at_their_time(1, 5);
}

TEST_F(HealthCheckerTest, WhatStartsDownRises) {
  LoopbackPort port;
  const LoopbackServer server(port, {});
  HealthTarget wanted = target(1, port, tcp_check());
  wanted.starts_up = false;
  checker_.set_targets({wanted});
  EXPECT_FALSE(checker_.view(1)->up);
  ASSERT_TRUE(run_until_change());
  EXPECT_TRUE(changes_[0].up);
  EXPECT_EQ(checker_.counts().passed, 2u);
}

// In the middle of a check too, when it has a descriptor of its own.
TEST_F(HealthCheckerTest, TargetsMayGoAtAnyTime) {
  LoopbackPort port;
  const LoopbackServer server(port, {.answer = std::nullopt});
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = descriptors();
  for (int round = 0; round < 20; ++round) {
    std::vector<HealthTarget> targets;
    for (uint32_t id = 0; id < 10; ++id) targets.push_back(target(id, port, http_check()));
    checker_.set_targets(targets);
    for (int i = 0; i < round; ++i) {
      pollfd event{checker_.fd(), POLLIN, 0};
      poll(&event, 1, 20);
      checker_.handle_events();
    }
    checker_.set_targets({targets[3], targets[3]});
    checker_.set_targets({});
  }
  EXPECT_TRUE(run_until([&] { return descriptors() == before; }));  // the server closes its own
  EXPECT_EQ(checks(), 0u);
}

// A daemon that was stopped or busy for longer than the timeout finds its checks too old.
TEST_F(HealthCheckerTest, ItsOwnLatenessSaysNothingOfTheBackend) {
  LoopbackPort port;
  const LoopbackServer server(port, {.answer = "HTTP/1.1 200 OK\r\n\r\n", .silent_first = 1});
  HealthConfig config = http_check(0, "", 3'000);
  config.fall = 1;
  checker_.set_targets({target(1, port, config)});
  usleep(200'000);
  checker_.handle_events();  // begins the check
  usleep(4'000'000);
  ASSERT_TRUE(run_until([this] { return checks() >= 1; }));
  EXPECT_EQ(checker_.counts().postponed, 1u);
  EXPECT_EQ(checker_.counts().passed, 1u);
  EXPECT_TRUE(changes_.empty());
}

TEST_F(HealthCheckerTest, AnAnswerThatIsThereCountsHoweverLateItIsRead) {
  constexpr uint32_t kTargets = 500;  // more than one call looks at
  LoopbackPort port;
  port.begin_to_listen();
  std::vector<HealthTarget> targets;
  for (uint32_t id = 0; id < kTargets; ++id) {
    targets.push_back(target(id, port, http_check(0, "", 3'000)));
    targets.back().config.fall = 1;
  }
  checker_.set_targets(targets);
  usleep(200'000);                                                 // all are due
  for (int call = 0; call < 20; ++call) checker_.handle_events();  // all have asked
  const LoopbackServer server(port, {.answer = "HTTP/1.1 200 OK\r\n\r\n", .closes = false});
  usleep(4'000'000);
  ASSERT_TRUE(run_until([&] { return checks() >= kTargets; }));
  EXPECT_EQ(checker_.counts().postponed, 0u);
  EXPECT_TRUE(changes_.empty());
}

TEST_F(HealthCheckerTest, ThreeThousandTargetsInOneThread) {
  constexpr uint32_t kTargets = 3'000;
  constexpr uint32_t kEveryMs = 2'000;
  const LoopbackPort refusing;
  LoopbackPort port;
  const LoopbackServer server(port, {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"});
  HealthConfig config = http_check(200, "ok");
  config.every_ms = kEveryMs;
  std::vector<HealthTarget> targets;
  for (uint32_t id = 0; id < kTargets; ++id)
    targets.push_back(target(id, id % 10 == 0 ? refusing : port, config,
                             fmt::format("127.1.{}.{}", id / 250, id % 250 + 1)));
  rusage before{};
  getrusage(RUSAGE_THREAD, &before);
  const auto begin = std::chrono::steady_clock::now();
  checker_.set_targets(targets);
  const auto is_checked_twice = [&](const HealthTarget& one) {
    const auto view = checker_.view(one.id);
    return view->passed_in_row + view->failed_in_row >= 2;
  };
  ASSERT_TRUE(run_until([&] {
    return changes_.size() >= kTargets / 10 &&
           std::all_of(targets.begin(), targets.end(), is_checked_twice);
  }));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  rusage after{};
  getrusage(RUSAGE_THREAD, &after);
  const auto spent_us = [&](const timeval& a, const timeval& b) {
    return (b.tv_sec - a.tv_sec) * 1'000'000 + b.tv_usec - a.tv_usec;
  };
  const long cpu_us =
      spent_us(before.ru_utime, after.ru_utime) + spent_us(before.ru_stime, after.ru_stime);
  for (const HealthChange& change : changes_) {
    EXPECT_EQ(change.id % 10, 0u);
    EXPECT_FALSE(change.up);
    EXPECT_EQ(change.reason, "connection refused");
  }
  const auto most = static_cast<uint64_t>(took.count()) / kEveryMs + 1;
  for (uint32_t id = 0; id < kTargets; ++id) {
    const auto view = checker_.view(id);
    EXPECT_EQ(view->up, id % 10 != 0);
    EXPECT_LE(view->passed_in_row + view->failed_in_row, most) << id;
  }
  fmt::print(
      "figure: health: {} targets, a tenth of them dead: {} checks in {} ms, the dead down "
      "after {:.2f} periods, {:.0f} us of CPU each\n",
      kTargets, checks(), took.count(), static_cast<double>(took.count()) / kEveryMs,
      static_cast<double>(cpu_us) / static_cast<double>(checks()));
}

}  // namespace
}  // namespace belka
