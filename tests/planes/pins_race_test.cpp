// SPDX-License-Identifier: Apache-2.0
// Threads of the data plane, the XDP program and a sweep at work on the same pins: the kernel's
// exchanges and ours, on the same words. PinsInterleavedTest meets the rare orders on purpose.
#include "tests/support/pins_race.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "control/error.h"
#include "tests/support/executor.h"
#include "tests/support/interruptions.h"

namespace belka {
namespace {

constexpr uint32_t kThreads = 3;  // beside the one that runs the XDP program
constexpr uint32_t kRounds = 15'000;
constexpr uint32_t kConnections = 40'000;  // few enough for the buckets: none gets full
constexpr uint32_t kTimesInSoak = 50;

uint32_t times() { return std::getenv("BELKA_SOAK") ? kTimesInSoak : 1; }

class PinsRaceTest : public testing::Test {
 protected:
  void SetUp() override {
    try {
      xdp_ = make_xdp_executor(kThreads);
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
    TableWriter(tables()).write(race_tables());
    writers_.push_back([this](const RaceConnection& connection, uint8_t tcp_flags) {
      return xdp_decides(connection, tcp_flags);
    });
    for (uint32_t i = 0; i < kThreads; i++) {
      struct counters* row = &tables()->counters[tables()->node->xdp_rows + i];
      writers_.push_back(interrupted(native_race_writer(tables(), row)));
    }
  }

  const struct tables* tables() const { return xdp_->tables(); }

  static RaceWriter interrupted(const RaceWriter& writer) {
    return [writer](const RaceConnection& connection, uint8_t tcp_flags) {
      thread_local const Interruptions interruptions;
      return writer(connection, tcp_flags);
    };
  }

  /// The backend of the frame that leaves.
  uint16_t xdp_decides(const RaceConnection& connection, uint8_t tcp_flags) {
    Bytes frame = connection.frame;
    frame[kRaceFlagsAt] = tcp_flags;
    const Outcome outcome = xdp_->run_one(frame);
    return outcome.verdict == VERDICT_forwarded_l2 ? outcome.frame[5] : 0;
  }

  static void report(const char* race, const RaceResult& result) {
    for (const std::string& fault : result.faults) ADD_FAILURE() << fault;
    fmt::print(
        "figure: pins: {}: {} packets of {} threads and XDP; {} refused, {} pins cleared, "
        "{} ticks, {} changes\n",
        race, result.packets, kThreads, result.refused, result.cleared, result.ticks,
        result.changes);
  }

  std::unique_ptr<Executor> xdp_;
  std::vector<RaceWriter> writers_;
};

TEST_F(PinsRaceTest, NoPinIsLostOrDoubledWhileAllAreAtWork) {
  const RaceResult result = race_while_swept(tables(), writers_, kRounds * times());
  report("while swept", result);
  EXPECT_GT(result.cleared, 0u);
  EXPECT_GT(result.ticks, 64u);  // ages have wrapped
}

TEST_F(PinsRaceTest, AllAgreeOnTheBackendOfAConnection) {
  for (uint32_t i = 0; i < times(); i++) {
    const RaceResult result = race_for_one_answer(tables(), writers_, kConnections);
    report("one answer", result);
    EXPECT_EQ(result.refused, 0u);
    free_pins(tables(), read_pins(tables()));
  }
}

}  // namespace
}  // namespace belka
