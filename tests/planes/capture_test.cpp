// SPDX-License-Identifier: Apache-2.0
// Real traffic through all executors, each capture with its own servers as services: the same
// verdict, the same bytes, the same counters; once more with slots in every state, and then the
// same pins.
#include "tests/support/capture.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "tests/planes/executors.h"
#include "tests/planes/mbuf_executor.h"
#include "tests/support/counts.h"
#include "tests/support/moving_slots.h"
#include "tests/support/own_servers.h"

namespace belka {
namespace {

/// What was replayed, over all captures.
struct Replayed {
  size_t captures = 0, frames = 0;
  std::map<std::string, size_t> compared;  ///< frames that this executor took
  std::map<std::string, size_t> excluded;  ///< by reason: frames that XDP cannot take
  std::map<std::string, size_t> verdicts;
};

bool fits(const std::string& executor, size_t frame_bytes) {
  if (executor == "xdp") return frame_bytes >= kXdpLeastBytes && frame_bytes <= kXdpMostBytes;
  return executor != "burst" || frame_bytes <= kBurstMostBytes;
}

std::vector<Bytes> frames_of(const std::filesystem::path& path) {
  std::vector<Bytes> frames;
  for (CapturedFrame& frame : read_capture(path).frames) frames.push_back(std::move(frame.bytes));
  return frames;
}

/// An executor, and beside it a native one that sees the frames that it takes, and no others: so
/// they must have the same pins as well.
struct Pair {
  std::string name;
  Executor* executor;
  std::unique_ptr<Executor> native = make_native_executor();
};

void compare(const Pair& pair, const std::string& capture, const std::vector<Bytes>& frames,
             Replayed& replayed) {
  std::vector<Bytes> taken;
  std::ranges::copy_if(frames, std::back_inserter(taken),
                       [&](const Bytes& frame) { return fits(pair.name, frame.size()); });
  reset_counts(pair.executor->tables());
  reset_counts(pair.native->tables());
  const std::vector<Outcome> found = pair.executor->run(taken, {});
  const std::vector<Outcome> wanted = pair.native->run(taken, {});
  for (size_t i = 0; i < taken.size(); i++) {
    EXPECT_EQ(name_of_verdict(found[i].verdict), name_of_verdict(wanted[i].verdict))
        << pair.name << ", " << capture << " frame " << i + 1 << " of those that it takes";
    EXPECT_EQ(found[i].frame, wanted[i].frame)
        << pair.name << ", " << capture << " frame " << i + 1 << " of those that it takes";
  }
  const Counts counts = read_counts(pair.executor->tables());
  EXPECT_EQ(counts.text(), read_counts(pair.native->tables()).text())
      << pair.name << ", " << capture;
  EXPECT_EQ(counts.received, taken.size());
  EXPECT_EQ(counts.received, counts.verdicts());
  replayed.compared[pair.name] += taken.size();
}

constexpr size_t kKernelMostBytes = 65'000;  // the kernel runs no test with a longer frame

/// A frame in several buffers shows XDP only its start: it may know less, but nothing else.
void check_long(const std::vector<Bytes>& frames, const std::vector<Outcome>& wanted,
                Executor& xdp) {
  for (size_t i = 0; i < frames.size(); i++) {
    if (frames[i].size() <= kXdpMostBytes || frames[i].size() > kKernelMostBytes) continue;
    const Outcome outcome = xdp.run_one(frames[i]);
    EXPECT_TRUE(outcome == wanted[i] || outcome.verdict == VERDICT_truncated)
        << frames[i].size() << " bytes: " << name_of_verdict(outcome.verdict) << ", not "
        << name_of_verdict(wanted[i].verdict);
  }
}

/// Captures through all executors that run here; the pins that they leave stay until it ends.
class Replay {
 public:
  Replay() {
    std::string reason;
    for (const std::string& name : executor_names()) {
      Executor* other = name == "native" ? nullptr : executor(name, &reason);
      if (other) pairs_.push_back({name, other});
    }
  }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay() {
    for (const Pair& pair : pairs_) {
      free_pins(pair.executor->tables(), read_pins(pair.executor->tables()));
    }
  }

  void run(const std::filesystem::path& path, const std::vector<Bytes>& frames,
           const TableSpec& tables) {
    for (const Pair& pair : pairs_) {
      TableWriter(pair.executor->tables()).write(tables);
      TableWriter(pair.native->tables()).write(tables);
      compare(pair, path.filename(), frames, replayed_);
    }
    replayed_.captures++;
    replayed_.frames += frames.size();
    for (const Bytes& frame : frames) {
      if (frame.size() < kXdpLeastBytes) replayed_.excluded["shorter than an Ethernet header"]++;
      if (frame.size() > kXdpMostBytes) replayed_.excluded["longer than one buffer"]++;
    }
  }

  /// All frames natively, and those that are too long for XDP there as well. Where slots move it is
  /// not for comparison, because it leaves pins.
  void run_all_natively(const std::vector<Bytes>& frames, const TableSpec& tables) {
    TableWriter(native_->tables()).write(tables);
    const std::vector<Outcome> outcomes = native_->run(frames, {});
    for (const Outcome& outcome : outcomes) replayed_.verdicts[name_of_verdict(outcome.verdict)]++;
    for (const Pair& pair : pairs_) {
      if (pair.name == "xdp") check_long(frames, outcomes, *pair.executor);
    }
  }

  /// How many pins are left; each executor has the same as its native companion.
  std::map<std::string, size_t> compare_pins() const {
    std::map<std::string, size_t> pins;
    for (const Pair& pair : pairs_) {
      const std::vector<PlacedPin> found = read_pins(pair.executor->tables());
      EXPECT_TRUE(found == read_pins(pair.native->tables())) << pair.name;
      pins[pair.name] = found.size();
    }
    return pins;
  }

  const Replayed& replayed() const { return replayed_; }

 private:
  std::vector<Pair> pairs_;
  std::unique_ptr<Executor> native_ = make_native_executor();
  Replayed replayed_;
};

void print(const char* what, const Replayed& replayed) {
  fmt::print("figure: {}: {} captures, {} frames\n", what, replayed.captures, replayed.frames);
  for (const auto& [name, frames] : replayed.compared) {
    fmt::print("figure: {}: {} frames in {} as native\n", what, frames, name);
  }
  for (const auto& [reason, frames] : replayed.excluded) {
    fmt::print("figure: {}: {} frames not compared in xdp, {}\n", what, frames, reason);
  }
  for (const auto& [verdict, frames] : replayed.verdicts) {
    fmt::print("figure: {}: verdict {}: {} frames\n", what, verdict, frames);
  }
}

/// Why a plane cannot run here; empty where both can.
std::string missing_plane() {
  std::string reason;
  for (const std::string& name : executor_names()) {
    if (!executor(name, &reason)) return name + ": " + reason;
  }
  return "";
}

/// The services of tests/captures/make.sh: HTTP and DNS of two addresses, each of the four in
/// another mode.
TableSpec services_of_make() {
  BackendSpec l2, ipip;
  l2.number = 1, l2.address = "10.0.0.1", l2.mac = {2, 0, 0, 0, 1, 1};
  ipip.number = 2, ipip.address = "10.0.0.2", ipip.mac = {2, 0, 0, 0, 1, 2};
  ipip.mode = FORWARD_IPIP, ipip.outer_source = "192.0.2.1";
  BackendSpec ipip6 = ipip;
  ipip6.number = 3, ipip6.address = "2001:db8:b::3", ipip6.outer_source = "2001:db8:a::1";
  return {{{"203.0.113.10", 80, 6, 0, 256, {1}},
           {"203.0.113.10", 53, 17, 0, 256, {2}},
           {"2001:db8::10", 80, 6, 0, 256, {3}},
           {"2001:db8::10", 53, 17, 24, 256, {1}}},
          {l2, ipip, ipip6}};
}

struct KnownVerdicts {
  std::string capture;
  std::map<std::string, size_t> verdicts;  ///< as tcpdump's filters count these frames
};

void PrintTo(const KnownVerdicts& known, std::ostream* out) { *out << known.capture; }  // NOLINT

class OwnCaptureTest : public testing::TestWithParam<KnownVerdicts> {};

TEST_P(OwnCaptureTest, IsSplitTheSameEverywhere) {
  const std::filesystem::path path = "tests/captures/" + GetParam().capture + ".pcap";
  const std::vector<Bytes> frames = frames_of(path);
  Replay settled, moving;
  settled.run(path, frames, services_of_make());
  settled.run_all_natively(frames, services_of_make());
  EXPECT_EQ(settled.replayed().verdicts, GetParam().verdicts);
  for (const auto& [name, pins] : settled.compare_pins()) EXPECT_EQ(pins, 0u) << name;
  moving.run(path, frames, with_moving_slots(services_of_make()));
  moving.compare_pins();
  if (const std::string reason = missing_plane(); !reason.empty()) GTEST_SKIP() << reason;
}

INSTANTIATE_TEST_SUITE_P(
    All, OwnCaptureTest,
    testing::Values(
        KnownVerdicts{"http", {{"forwarded_l2", 42}, {"not_vip", 34}}},
        KnownVerdicts{"http6", {{"forwarded_ipip", 42}, {"not_vip", 33}, {"vip_no_service", 1}}},
        KnownVerdicts{"udp",
                      {{"forwarded_ipip", 11},
                       {"forwarded_l2", 12},
                       {"fragment", 4},
                       {"not_vip", 25},
                       {"over_mtu", 1}}},
        KnownVerdicts{"icmp", {{"forwarded_ipip", 14}, {"forwarded_l2", 14}, {"not_vip", 26}}}),
    [](const auto& test) { return test.param.capture; });

/// Every capture of the corpus, at another tick each.
void replay_corpus(Replay& replay, bool moving) {
  uint32_t tick = 0;
  for (const auto& path : captures_in(corpus_directory())) {
    const std::vector<Bytes> frames = frames_of(path);
    TableSpec tables = own_servers(frames);
    if (moving) tables = with_moving_slots(tables);
    tables.tick = tick++;
    replay.run(path, frames, tables);
    if (!moving) replay.run_all_natively(frames, tables);
  }
}

TEST(CaptureTest, LargeCorpusIsSplitTheSameEverywhere) {
  if (captures_in(corpus_directory()).empty()) {
    GTEST_SKIP() << "no captures in " << corpus_directory();
  }
  Replay settled;
  replay_corpus(settled, false);
  print("corpus", settled.replayed());
  EXPECT_EQ(settled.replayed().captures, 186u);
  const std::map<std::string, size_t> excluded = {{"shorter than an Ethernet header", 7},
                                                  {"longer than one buffer", 70}};
  EXPECT_EQ(settled.replayed().excluded, excluded);
  for (const auto& [name, pins] : settled.compare_pins()) EXPECT_EQ(pins, 0u) << name;
  if (const std::string reason = missing_plane(); !reason.empty()) GTEST_SKIP() << reason;
}

TEST(CaptureTest, LargeCorpusIsSplitTheSameEverywhereWhileSlotsMove) {
  if (captures_in(corpus_directory()).empty()) {
    GTEST_SKIP() << "no captures in " << corpus_directory();
  }
  Replay moving;
  replay_corpus(moving, true);
  for (const auto& [name, pins] : moving.compare_pins()) {
    EXPECT_GT(pins, 1000u) << name;
    fmt::print("figure: corpus with moving slots: {} frames in {} as native, with {} pins\n",
               moving.replayed().compared.at(name), name, pins);
  }
  if (const std::string reason = missing_plane(); !reason.empty()) GTEST_SKIP() << reason;
}

}  // namespace
}  // namespace belka
