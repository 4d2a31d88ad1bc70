// SPDX-License-Identifier: Apache-2.0
// A worker whose interfaces go away, one after the other.
#include "dataplane/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "control/error.h"
#include "dataplane/loss_report.h"
#include "dataplane/tables.h"
#include "tests/planes/eal.h"

namespace belka {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kFirstIfindex = 7;

/// Two ports of DPDK's driver that receives nothing, each of an interface in the tables.
class WorkerTest : public testing::Test {
 protected:
  void SetUp() override {
    start_eal();
    ports_.reserve(2);
    for (uint32_t place = 0; place < 2; place++) {
      PortPlan plan;
      plan.name = "eth" + std::to_string(place) + ":0";
      plan.driver = "net_null_worker" + std::to_string(place);
      plan.arguments = "no-rx=1";
      plan.ifindex = kFirstIfindex + place;
      plan.heartbeat = heartbeat(place);
      plan.interface = &tables_.view()->interfaces[place];
      set_ifindex(place, plan.ifindex);
      ports_.emplace_back(plan);
    }
    workers_.emplace_back(tables_.view(), &tables_.view()->counters[1],
                          std::vector<const Port*>{&ports_[0], &ports_[1]});
  }

  struct heartbeat* heartbeat(uint32_t place) {
    return &tables_.view()->heartbeats[place * QUEUES];
  }
  uint64_t beat_ns(uint32_t place) {
    return __atomic_load_n(&heartbeat(place)->beat_ns, __ATOMIC_RELAXED);
  }
  void set_ifindex(uint32_t place, uint32_t ifindex) {
    __atomic_store_n(&tables_.view()->interfaces[place].ifindex, ifindex, __ATOMIC_RELAXED);
  }

  /// What must become true; a minute is for ever here.
  template <typename Condition>
  static bool becomes(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
  bool beats(uint32_t place) {
    const uint64_t before = beat_ns(place);
    return becomes([&] { return beat_ns(place) > before; });
  }

  Tables tables_ = Tables::create_private(1, 1);
  std::vector<Port> ports_;
  std::vector<Worker> workers_;
  std::atomic<bool> stop_{false};
};

TEST_F(WorkerTest, OneThatIsLostIsLeftAndTheOthersGoOnToTheLast) {
  Worker& worker = workers_.front();
  LossReport report(workers_);
  std::thread lcore([&] { worker.run(stop_); });
  EXPECT_TRUE(beats(0) && beats(1));
  EXPECT_FALSE(worker.lost(0) || worker.lost(1));

  testing::internal::CaptureStderr();
  set_ifindex(0, 0);
  EXPECT_TRUE(becomes([&] { return worker.lost(0); }));
  EXPECT_TRUE(beats(1) && beats(1));
  EXPECT_EQ(beat_ns(0), 0u);
  EXPECT_FALSE(worker.lost(1));

  set_ifindex(0, kFirstIfindex);  // the sockets of the port are dead all the same
  EXPECT_TRUE(beats(1) && beats(1));
  EXPECT_EQ(beat_ns(0), 0u);

  set_ifindex(1, kFirstIfindex + 9);  // made again under its name
  lcore.join();
  EXPECT_TRUE(worker.lost(1));
  EXPECT_EQ(beat_ns(1), 0u);
  EXPECT_THROW(report.end(), Error);
  const std::string said = testing::internal::GetCapturedStderr();
  for (const char* name : {"eth0:0", "eth1:0"}) {
    EXPECT_NE(said.find(name), std::string::npos) << said;
    EXPECT_EQ(said.find(name), said.rfind(name)) << said;
  }
}

TEST_F(WorkerTest, WhoIsStoppedWithOneLostEndsWell) {
  set_ifindex(0, 0);
  LossReport report(workers_);
  testing::internal::CaptureStderr();
  std::thread lcore([&] { workers_.front().run(stop_); });
  EXPECT_TRUE(becomes([&] { return workers_.front().lost(0); }));
  EXPECT_TRUE(beats(1));
  stop_ = true;
  lcore.join();
  EXPECT_EQ(beat_ns(1), 0u);
  EXPECT_NO_THROW(report.end());
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("the interface of eth0:0 was removed, or belkad"));
}

}  // namespace
}  // namespace belka
