// SPDX-License-Identifier: Apache-2.0
// Damaged packets through all executors: the same verdict, the same bytes, the same counters. The
// seeds are the vectors, each with its own tables, and the project's own captures.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "tests/planes/executors.h"
#include "tests/support/capture.h"
#include "tests/support/counts.h"
#include "tests/support/mutator.h"
#include "tests/support/own_servers.h"
#include "tests/support/vectors.h"

namespace belka {
namespace {

constexpr size_t kPackets = 200'000;
constexpr size_t kPacketsOfSoak = 50'000'000;
constexpr size_t kBatch = 128;

struct Seed {
  std::string name;
  TableSpec tables;
  std::vector<Bytes> frames;
};

std::vector<Seed> seeds() {
  std::vector<Seed> seeds;
  for (const Vector& vector : load_vectors()) {
    if (vector.packet.size() < kXdpLeastBytes) continue;
    seeds.push_back({vector.name, vector.tables, {vector.packet}});
  }
  for (const auto& path : captures_in("tests/captures")) {
    Seed seed = {path.filename(), {}, {}};
    for (CapturedFrame& frame : read_capture(path).frames) seed.frames.push_back(frame.bytes);
    seed.tables = own_servers(seed.frames);
    seeds.push_back(seed);
  }
  return seeds;
}

/// Runs them on both; false at the first difference, which is reported.
bool agree(Executor& native, Executor& other, const std::string& name,
           const std::vector<Bytes>& packets, std::map<std::string, size_t>& verdicts) {
  const std::vector<Outcome> wanted = native.run(packets, {}), found = other.run(packets, {});
  for (size_t i = 0; i < packets.size(); i++) {
    verdicts[verdict_name(wanted[i].verdict)]++;
    if (found[i] == wanted[i]) continue;
    ADD_FAILURE() << name << ": packet " << to_hex(packets[i])
                  << "\nnative: " << verdict_name(wanted[i].verdict) << " "
                  << to_hex(wanted[i].frame) << "\nother:  " << verdict_name(found[i].verdict)
                  << " " << to_hex(found[i].frame);
    return false;
  }
  return true;
}

class DifferentialTest : public testing::TestWithParam<std::string> {};

TEST_P(DifferentialTest, DamagedPacketsEndTheSame) {
  std::string reason;
  Executor& native = *executor("native", &reason);
  Executor* other = executor(GetParam(), &reason);
  if (!other) GTEST_SKIP() << reason;
  const std::vector<Seed> all = seeds();
  const size_t wanted = std::getenv("BELKA_SOAK") ? kPacketsOfSoak : kPackets;
  const size_t of_each = (wanted + all.size() - 1) / all.size();
  std::map<std::string, size_t> verdicts;
  Mutator mutator(1);
  size_t done = 0;
  for (const Seed& seed : all) {
    for (Executor* each : {&native, other}) {
      TableWriter(each->tables()).write(seed.tables);
      reset_counts(each->tables());
    }
    for (size_t packet = 0; packet < of_each;) {
      std::vector<Bytes> batch;
      for (; packet < of_each && batch.size() < kBatch; packet++) {
        batch.push_back(mutator.mutate(seed.frames[packet % seed.frames.size()]));
      }
      ASSERT_TRUE(agree(native, *other, seed.name, batch, verdicts));
      done += batch.size();
    }
    ASSERT_EQ(read_counts(other->tables()).text(), read_counts(native.tables()).text());
  }
  fmt::print("figure: differential: {} damaged packets in {} as native\n", done, GetParam());
  for (const auto& [verdict, packets] : verdicts) fmt::print("  {}: {}\n", verdict, packets);
}

INSTANTIATE_TEST_SUITE_P(All, DifferentialTest, testing::Values("burst", "xdp"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace belka
