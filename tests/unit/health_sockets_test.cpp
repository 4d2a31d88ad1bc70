// SPDX-License-Identifier: Apache-2.0
// Health checks and the descriptors that they take.
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "tests/unit/health_fixture.h"

namespace belka {
namespace {

class HealthSockets : public ::testing::Test {
 protected:
  static long descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  }
};

TEST_F(HealthSockets, AreNoMoreThanTheirLimit) {
  LoopbackPort port;
  port.begin_to_listen();  // the kernel accepts, nobody answers
  HealthChecker checker(8);
  std::vector<HealthTarget> targets;
  for (uint32_t id = 0; id < 50; ++id) targets.push_back(target(id, port, http_check(0, "", 50)));
  const long before = descriptors();
  checker.set_targets(targets);
  long most = 0;
  for (int i = 0; i < 20'000 && checker.counts().failed < 200; ++i) {
    pollfd event{checker.fd(), POLLIN, 0};
    poll(&event, 1, 100);
    checker.handle_events();
    most = std::max(most, descriptors() - before);
  }
  EXPECT_GE(checker.counts().failed, 200u);
  EXPECT_EQ(most, 8);
  for (uint32_t id = 0; id < 50; ++id) EXPECT_GT(checker.view(id)->last_ns, 0u) << id;
}

TEST_F(HealthSockets, ThatCannotBeHadSayNothingOfTheBackend) {
  LoopbackPort port;
  port.begin_to_listen();
  HealthChecker checker;
  HealthConfig config = tcp_check();
  config.fall = 1;
  checker.set_targets({target(1, port, config), target(2, port, config)});
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  size_t changes = 0;
  for (int i = 0; i < 1'000 && checker.counts().postponed < 5; ++i) {
    usleep(10'000);
    changes += checker.handle_events().size();
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_GE(checker.counts().postponed, 5u);
  EXPECT_EQ(checker.counts().failed + checker.counts().passed, 0u);
  EXPECT_EQ(checker.lack(), "too many open files");
  for (int i = 0; i < 1'000 && checker.counts().passed < 4; ++i) {
    usleep(10'000);
    changes += checker.handle_events().size();
  }
  EXPECT_GE(checker.counts().passed, 4u);
  EXPECT_EQ(checker.lack(), "");
  EXPECT_EQ(changes, 0u);
}

TEST_F(HealthSockets, AreOpenedInBoundedSteps) {
  LoopbackPort port;
  port.begin_to_listen();
  HealthChecker checker;
  std::vector<HealthTarget> targets;
  for (uint32_t id = 0; id < 1'000; ++id) targets.push_back(target(id, port, http_check()));
  checker.set_targets(targets);
  usleep(200'000);  // all are due
  const long before = descriptors();
  for (int call = 1; call <= 3; ++call) {
    pollfd event{checker.fd(), POLLIN, 0};
    ASSERT_EQ(poll(&event, 1, 10'000), 1);
    checker.handle_events();
    EXPECT_EQ(descriptors() - before, call * 128);
  }
}

}  // namespace
}  // namespace belka
