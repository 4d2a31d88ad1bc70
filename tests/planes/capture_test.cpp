// SPDX-License-Identifier: Apache-2.0
// Real traffic through all executors, each capture with its own servers as services: the same
// verdict, the same bytes, the same counters.
#include "tests/support/capture.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/planes/executors.h"
#include "tests/planes/mbuf_executor.h"
#include "tests/support/counts.h"
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

/// Runs those frames that the executor takes; by position in `frames`.
std::map<size_t, Outcome> run(Executor& executor, const std::string& name,
                              const std::vector<Bytes>& frames) {
  std::vector<Bytes> taken;
  std::vector<size_t> positions;
  for (size_t i = 0; i < frames.size(); i++) {
    if (!fits(name, frames[i].size())) continue;
    taken.push_back(frames[i]);
    positions.push_back(i);
  }
  const std::vector<Outcome> outcomes = executor.run(taken, {});
  std::map<size_t, Outcome> by_position;
  for (size_t i = 0; i < positions.size(); i++) by_position[positions[i]] = outcomes[i];
  return by_position;
}

/// What the executor must have counted for these frames.
Counts counted(Executor& native, const std::string& name, const std::vector<Bytes>& frames) {
  reset_counts(native.tables());
  run(native, name, frames);
  return read_counts(native.tables());
}

void compare(const std::string& capture, const std::vector<Bytes>& frames, const std::string& name,
             Executor& executor, Executor& native, const std::vector<Outcome>& wanted,
             Replayed& replayed) {
  reset_counts(executor.tables());
  const std::map<size_t, Outcome> outcomes = run(executor, name, frames);
  for (const auto& [i, outcome] : outcomes) {
    EXPECT_EQ(verdict_name(outcome.verdict), verdict_name(wanted[i].verdict))
        << name << ", " << capture << " frame " << i + 1;
    EXPECT_EQ(outcome.frame, wanted[i].frame) << name << ", " << capture << " frame " << i + 1;
  }
  const Counts counts = read_counts(executor.tables());
  EXPECT_EQ(counts.text(), counted(native, name, frames).text()) << name << ", " << capture;
  EXPECT_EQ(counts.received, outcomes.size());
  EXPECT_EQ(counts.received, counts.verdicts());
  replayed.compared[name] += outcomes.size();
}

constexpr size_t kKernelMostBytes = 65'000;  // the kernel runs no test with a longer frame

/// A frame in several buffers shows XDP only its start: it may know less, but nothing else.
void check_long(const std::vector<Bytes>& frames, const std::vector<Outcome>& wanted,
                Executor& xdp) {
  for (size_t i = 0; i < frames.size(); i++) {
    if (frames[i].size() <= kXdpMostBytes || frames[i].size() > kKernelMostBytes) continue;
    const Outcome outcome = xdp.run_one(frames[i]);
    EXPECT_TRUE(outcome == wanted[i] || outcome.verdict == VERDICT_truncated)
        << frames[i].size() << " bytes: " << verdict_name(outcome.verdict) << ", not "
        << verdict_name(wanted[i].verdict);
  }
}

void replay(const std::filesystem::path& path, Replayed& replayed) {
  std::vector<Bytes> frames;
  for (CapturedFrame& frame : read_capture(path).frames) frames.push_back(std::move(frame.bytes));
  std::string reason;
  Executor& native = *executor("native", &reason);
  const TableSpec tables = own_servers(frames);
  TableWriter(native.tables()).write(tables);
  const std::vector<Outcome> wanted = native.run(frames, {});
  for (const std::string& name : executor_names()) {
    Executor* other = name == "native" ? nullptr : executor(name, &reason);
    if (!other) continue;
    TableWriter(other->tables()).write(tables);
    compare(path.filename(), frames, name, *other, native, wanted, replayed);
    if (name == "xdp") check_long(frames, wanted, *other);
  }
  replayed.captures++;
  replayed.frames += frames.size();
  for (const Outcome& outcome : wanted) replayed.verdicts[verdict_name(outcome.verdict)]++;
  for (const Bytes& frame : frames) {
    if (frame.size() < kXdpLeastBytes) replayed.excluded["shorter than an Ethernet header"]++;
    if (frame.size() > kXdpMostBytes) replayed.excluded["longer than one buffer"]++;
  }
}

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

TEST(CaptureTest, LargeCorpusIsSplitTheSameEverywhere) {
  const auto captures = captures_in(corpus_directory());
  if (captures.empty()) GTEST_SKIP() << "no captures in " << corpus_directory();
  Replayed replayed;
  for (const auto& path : captures) replay(path, replayed);
  print("corpus", replayed);
  EXPECT_EQ(replayed.captures, 186u);
  const std::map<std::string, size_t> excluded = {{"shorter than an Ethernet header", 7},
                                                  {"longer than one buffer", 70}};
  EXPECT_EQ(replayed.excluded, excluded);
  if (const std::string reason = missing_plane(); !reason.empty()) GTEST_SKIP() << reason;
}

}  // namespace
}  // namespace belka
