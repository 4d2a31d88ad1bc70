// SPDX-License-Identifier: Apache-2.0
// Lcores of the data plane, the XDP program and the daemon's Keeper at work on the same pins: the
// kernel's exchanges and ours, on the same words. PinsInterleavedTest meets the rare orders on
// purpose.
#include "tests/support/pins_race.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "control/error.h"
#include "tests/planes/burst_writer.h"
#include "tests/support/executor.h"

namespace belka {
namespace {

constexpr uint32_t kLcores = 3;  // beside the thread that runs the XDP program
constexpr uint32_t kRounds = 15'000;
constexpr uint32_t kBatches = 2'000;
constexpr uint32_t kTimesInSoak = 50;

uint32_t times() { return std::getenv("BELKA_SOAK") ? kTimesInSoak : 1; }

class PinsRaceTest : public testing::Test {
 protected:
  void SetUp() override {
    try {
      xdp_ = make_xdp_executor(kLcores);
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
    TableWriter(tables()).write(race_tables());
    writers_.push_back([this](std::span<RacePacket> packets) {
      for (RacePacket& packet : packets) packet.backend = xdp_decides(packet);
    });
    for (uint32_t i = 0; i < kLcores; i++) {
      struct counters* row = &tables()->counters[tables()->node->xdp_rows + i];
      writers_.push_back(burst_race_writer(tables(), row));
    }
  }

  const struct tables* tables() const { return xdp_->tables(); }

  /// The backend of the frame that leaves.
  uint16_t xdp_decides(const RacePacket& packet) {
    Bytes frame = packet.connection->frame;
    frame[kRaceFlagsAt] = packet.tcp_flags;
    const Outcome outcome = xdp_->run_one(frame);
    return outcome.verdict == VERDICT_forwarded_l2 ? outcome.frame[kRaceAnswerAt] : 0;
  }

  void report(const char* race, const RaceResult& result) const {
    const std::string text = race_text(race, writers_.size(), result);
    fmt::print("{}", text);
    EXPECT_EQ(result.fault_count, 0u) << text;
    EXPECT_GT(result.daemon.cleared, 0u);
  }

  std::unique_ptr<Executor> xdp_;
  std::vector<RaceWriter> writers_;
};

TEST_F(PinsRaceTest, NoPinIsLostOrDoubledWhileAllAreAtWork) {
  const RaceResult result = race_while_swept(tables(), writers_, kRounds * times());
  report("while swept", result);
  EXPECT_GT(result.daemon.ticks, 64u);  // ages have wrapped
  EXPECT_GT(result.daemon.flipped, 0u);
  EXPECT_GT(result.daemon.settled, 0u);
  EXPECT_GT(result.daemon.failures, 0u);
}

TEST_F(PinsRaceTest, AllAgreeOnTheBackendOfAConnection) {
  const RaceResult result = race_for_one_answer(tables(), writers_, kBatches * times());
  report("one answer", result);
  EXPECT_EQ(result.refused, 0u);
}

}  // namespace
}  // namespace belka
