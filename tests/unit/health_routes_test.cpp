// SPDX-License-Identifier: Apache-2.0
// Health checks of targets that cannot be connected to from here, in a network of the test's own.
#include <sched.h>

#include <cstdlib>
#include <cstring>
#include <ranges>

#include "tests/unit/health_fixture.h"

namespace belka {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr uint32_t kBad = 100;
constexpr uint32_t kDead = 1'000;
constexpr uint32_t kEveryMs = 500;
// Were each of the others to delay it by 100 ms, it would be 30 s.
constexpr milliseconds kSoon{3 * kEveryMs + 10'000};

class HealthRoutesTest : public HealthCheckerTest {
 protected:
  // In a thread that alone is in a new network namespace.
  void in_network(const std::function<void()>& test) {
    std::string lacks;
    std::thread thread([&] {
      if (unshare(CLONE_NEWNET) != 0) {
        lacks = std::string("no network namespace: ") + std::strerror(errno);
        return;
      }
      run("ip link set lo up");
      test();
    });
    thread.join();
    if (!lacks.empty()) GTEST_SKIP() << lacks;
  }

  static void run(const std::string& command) {
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }

  static HealthTarget target_at(uint32_t id, const std::string& address, uint16_t port = 80) {
    HealthConfig config = tcp_check();
    config.every_ms = kEveryMs;
    return {.id = id, .address = *Address::parse(address), .config = config, .port = port};
  }

  static std::vector<HealthTarget> bad_targets(const std::string& network) {
    std::vector<HealthTarget> targets;
    for (uint32_t id = 0; id < kBad; ++id)
      targets.push_back(target_at(id, network + std::to_string(id + 1)));
    return targets;
  }

  // Ends when the target has changed, or long after it should have.
  std::optional<HealthChange> change_of(uint32_t id) {
    std::optional<HealthChange> found;
    (void)run_until([&] {
      const auto at = std::ranges::find(changes_, id, &HealthChange::id);
      if (at != changes_.end()) found = *at;
      return found.has_value();
    });
    return found;
  }

  // While the bad ones are checked too.
  void expect_dead_one_down_soon(std::vector<HealthTarget> targets, const LoopbackPort& refusing) {
    targets.push_back(target_at(kDead, "127.0.0.1", refusing.number()));
    const auto begin = Clock::now();
    checker_.set_targets(targets);
    const auto change = change_of(kDead);
    const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
    ASSERT_TRUE(change.has_value());
    EXPECT_FALSE(change->up);
    EXPECT_EQ(change->reason, "connection refused");
    EXPECT_LE(took.count(), kSoon.count());
  }
};

TEST_F(HealthRoutesTest, ATargetWhoseRouteProhibitsItFallsAndDelaysNobody) {
  in_network([this] {
    run("ip route add prohibit 10.9.0.0/16");
    expect_dead_one_down_soon(bad_targets("10.9.0."), LoopbackPort());
    EXPECT_TRUE(run_until([this] { return changes_.size() == kBad + 1; }));
    for (const HealthChange& change : changes_) {
      EXPECT_FALSE(change.up);
      if (change.id == kDead) continue;
      EXPECT_EQ(change.reason, "permission denied");
    }
    EXPECT_EQ(checker_.counts().postponed, 0u);
  });
}

TEST_F(HealthRoutesTest, ATargetWithoutARouteFalls) {
  in_network([this] {
    EXPECT_EQ(reason_of(target_at(1, "10.9.0.1")), "network is unreachable");
    EXPECT_EQ(checker_.counts().postponed, 0u);
  });
}

// Their only local port is taken towards them, by a connection to a port that the checks ask.
TEST_F(HealthRoutesTest, ATargetWithoutALocalPortLeftIsLeftAsItIsAndDelaysNobody) {
  in_network([this] {
    const LoopbackPort refusing;
    LoopbackPort port;
    port.begin_to_listen();
    run("echo 20000 20000 > /proc/sys/net/ipv4/ip_local_port_range");
    Descriptor taken(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const linger no_time_wait{.l_onoff = 1, .l_linger = 0};
    ASSERT_EQ(setsockopt(taken.get(), SOL_SOCKET, SO_LINGER, &no_time_wait, sizeof no_time_wait),
              0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port.number());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(connect(taken.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    std::vector<HealthTarget> targets;
    for (uint32_t id = 0; id < kBad; ++id)
      targets.push_back(target_at(id, "127.0.0.1", port.number()));
    expect_dead_one_down_soon(targets, refusing);

    // Each is told once.
    EXPECT_TRUE(run_until([this] { return checker_.counts().postponed >= 5 * kBad; }));
    EXPECT_EQ(changes_.size(), kBad + 1);
    for (const HealthChange& change : changes_) {
      if (change.id == kDead) continue;
      EXPECT_TRUE(change.up);
      EXPECT_FALSE(change.is_checked);
      EXPECT_EQ(change.reason, "cannot assign requested address");
    }
    EXPECT_EQ(checker_.view(0)->not_made, "cannot assign requested address");
    EXPECT_EQ(checker_.view(0)->failed_in_row, 0u);
    EXPECT_EQ(checker_.lack(), "");

    // Nothing is kept of it once they can be checked.
    taken = Descriptor();
    checker_.set_targets({targets[0]});
    EXPECT_TRUE(run_until([this] { return checker_.view(0)->passed_in_row > 0; }));
    EXPECT_EQ(checker_.view(0)->not_made, "");
  });
}

}  // namespace
}  // namespace belka
