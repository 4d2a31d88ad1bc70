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

std::vector<Bytes> frames_of(const std::filesystem::path& path) {
  std::vector<Bytes> frames;
  for (CapturedFrame& frame : read_capture(path).frames) frames.push_back(std::move(frame.bytes));
  return frames;
}

void replay(const std::filesystem::path& path, const std::vector<Bytes>& frames,
            const TableSpec& tables, Replayed& replayed) {
  std::string reason;
  Executor& native = *executor("native", &reason);
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
  Replayed replayed;
  replay(path, frames_of(path), services_of_make(), replayed);
  EXPECT_EQ(replayed.verdicts, GetParam().verdicts);
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

TEST(CaptureTest, LargeCorpusIsSplitTheSameEverywhere) {
  const auto captures = captures_in(corpus_directory());
  if (captures.empty()) GTEST_SKIP() << "no captures in " << corpus_directory();
  Replayed replayed;
  for (const auto& path : captures) {
    const std::vector<Bytes> frames = frames_of(path);
    replay(path, frames, own_servers(frames), replayed);
  }
  print("corpus", replayed);
  EXPECT_EQ(replayed.captures, 186u);
  const std::map<std::string, size_t> excluded = {{"shorter than an Ethernet header", 7},
                                                  {"longer than one buffer", 70}};
  EXPECT_EQ(replayed.excluded, excluded);
  if (const std::string reason = missing_plane(); !reason.empty()) GTEST_SKIP() << reason;
}

}  // namespace
}  // namespace belka
