// SPDX-License-Identifier: Apache-2.0
// When the XDP program hands packets over, and how soon it stops when the data plane does.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>

#include "tests/planes/executors.h"
#include "tests/support/table_writer.h"
#include "tests/support/vectors.h"

namespace belka {
namespace {

constexpr int kTrustedPackets = 3;  // what README promises
constexpr int kHandedOver = 50;

uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

/// An XDP program with a socket, and a packet that it hands over while the heartbeat is fresh.
class HandoverTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    executor_ = executor("xdp", &reason);
    if (!executor_) GTEST_SKIP() << reason;
    const std::vector<Vector> vectors = load_vectors();
    const auto found = std::ranges::find(vectors, "takeover_fresh", &Vector::name);
    ASSERT_NE(found, vectors.end());
    vector_ = *found;
    TableWriter(executor_->tables()).write(vector_.tables);
    // Through another state, so that the program is as newly loaded.
    executor_->run_one(vector_.packet, {.data_plane = DataPlane::absent});
    ASSERT_EQ(run(), VERDICT_redirected);
  }

  // The executor is every test's: the next one is to find it as it was made.
  void TearDown() override {
    if (executor_) executor_->run_one(vector_.packet, {.data_plane = DataPlane::absent});
  }

  enum verdict run() { return executor_->run_one(vector_.packet, vector_.conditions).verdict; }

  void beat(uint64_t beat_ns) {
    __atomic_store_n(&executor_->tables()->heartbeats[0].beat_ns, beat_ns, __ATOMIC_RELAXED);
  }

  Executor* executor_ = nullptr;
  Vector vector_;
};

TEST_F(HandoverTest, AHungDataPlaneTakesNoMoreThanThreePacketsWithIt) {
  beat(now_ns() - 2 * kTestHeartbeatNs);
  int taken = 0;
  while (taken < kHandedOver && run() == VERDICT_redirected) taken++;
  EXPECT_LE(taken, kTrustedPackets);
  for (int i = 0; i < kHandedOver; i++) ASSERT_EQ(run(), VERDICT_forwarded_l2) << i;
}

// What is trusted without the clock is trusted for the time of one kernel's tick (10 ms at most).
TEST_F(HandoverTest, AfterAPauseTheClockIsAskedAtOnce) {
  beat(now_ns() - 2 * kTestHeartbeatNs);
  timespec pause{.tv_sec = 0, .tv_nsec = 20'000'000};
  while (nanosleep(&pause, &pause) != 0) continue;
  EXPECT_EQ(run(), VERDICT_forwarded_l2);
}

TEST_F(HandoverTest, TheFirstBeatAfterAHangIsSeenAtOnce) {
  beat(now_ns() - 2 * kTestHeartbeatNs);
  for (int i = 0; i < kHandedOver; i++) run();
  ASSERT_EQ(run(), VERDICT_forwarded_l2);
  beat(now_ns());
  EXPECT_EQ(run(), VERDICT_redirected);
}

// It may be ahead by no more than it may be old.
TEST_F(HandoverTest, AHeartbeatFromTheFutureIsNotFreshForEver) {
  beat(now_ns() + kTestHeartbeatNs / 2);
  EXPECT_EQ(run(), VERDICT_redirected);
  beat(now_ns() + 2 * kTestHeartbeatNs);
  for (int i = 0; i < kTrustedPackets; i++) run();
  for (int i = 0; i < kHandedOver; i++) ASSERT_EQ(run(), VERDICT_forwarded_l2) << i;
}

TEST_F(HandoverTest, ADataPlaneThatHandsBackGetsNothingMore) {
  beat(0);
  EXPECT_EQ(run(), VERDICT_forwarded_l2);
}

}  // namespace
}  // namespace belka
