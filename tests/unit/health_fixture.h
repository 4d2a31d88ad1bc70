// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "control/health.h"
#include "tests/unit/health_servers.h"

namespace belka {

// Where a check is not to time out, it has twenty seconds.
inline constexpr uint32_t kPatienceMs = 20'000;

inline HealthConfig tcp_check(uint32_t timeout_ms = kPatienceMs) {
  return {.every_ms = 100, .timeout_ms = timeout_ms};
}

inline HealthConfig http_check(uint16_t status = 0, const std::string& body = "",
                               uint32_t timeout_ms = kPatienceMs) {
  HealthConfig config = tcp_check(timeout_ms);
  config.kind = HealthConfig::Kind::http;
  config.path = "/healthz";
  config.status = status;
  config.body = body;
  return config;
}

inline HealthTarget target(uint32_t id, const LoopbackPort& port, const HealthConfig& config,
                           const std::string& address = "127.0.0.1") {
  return {.id = id, .address = *Address::parse(address), .config = config, .port = port.number()};
}

class HealthCheckerTest : public ::testing::Test {
 protected:
  // Runs the loop until `done`, at most two minutes.
  testing::AssertionResult run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end)
        return testing::AssertionFailure() << "not within two minutes";
      pollfd event{checker_.fd(), POLLIN, 0};
      poll(&event, 1, 1000);
      ++calls_;
      for (HealthChange& change : checker_.handle_events()) changes_.push_back(std::move(change));
    }
    return testing::AssertionSuccess();
  }

  testing::AssertionResult run_until_change() {
    return run_until([this] { return !changes_.empty(); });
  }

  uint64_t checks() const { return checker_.counts().passed + checker_.counts().failed; }

  // Why the first target goes down.
  std::string reason_of(const HealthTarget& wanted) {
    checker_.set_targets({wanted});
    EXPECT_TRUE(run_until_change());
    if (changes_.size() != 1 || changes_[0].id != wanted.id || changes_[0].up) return "no fall";
    EXPECT_EQ(checker_.counts().passed, 0u);
    EXPECT_EQ(checker_.counts().failed, wanted.config.fall);
    const auto view = checker_.view(wanted.id);
    EXPECT_FALSE(view->up);
    EXPECT_EQ(view->failed_in_row, wanted.config.fall);
    EXPECT_EQ(view->last_reason, changes_[0].reason);
    return changes_[0].reason;
  }

  // Passes some checks and stays up.
  void expect_up(const HealthTarget& wanted) {
    checker_.set_targets({wanted});
    EXPECT_TRUE(run_until([this] { return checks() >= 5; }));
    EXPECT_EQ(checker_.counts().failed, 0u) << checker_.view(wanted.id)->last_reason;
    EXPECT_TRUE(changes_.empty());
    EXPECT_TRUE(checker_.view(wanted.id)->up);
    EXPECT_GE(checker_.view(wanted.id)->passed_in_row, 5u);
    EXPECT_EQ(checker_.view(wanted.id)->last_reason, "");
    EXPECT_GT(checker_.view(wanted.id)->last_ns, 0u);
  }

  // Nothing is checked more often than it should be, whatever was left of targets that are gone.
  void expect_checks_at_their_time(uint32_t targets, uint32_t each) {
    using Clock = std::chrono::steady_clock;
    const uint64_t before = checks();
    const auto begin = Clock::now();
    ASSERT_TRUE(run_until([&] { return checks() >= before + uint64_t{targets} * each; }));
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
    EXPECT_LE(checks() - before, targets * (static_cast<uint64_t>(ms.count()) / 100 + 2));
  }

  HealthChecker checker_;
  std::vector<HealthChange> changes_;
  uint64_t calls_ = 0;  // of handle_events
};

}  // namespace belka
