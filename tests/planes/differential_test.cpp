// SPDX-License-Identifier: Apache-2.0
// Damaged packets through all executors: the same verdict, the same bytes, the same counters, the
// same pins. The seeds are the vectors, each with its own tables, and the project's own captures;
// and all of them once more with slots in every state, while ticks pass and backends go and come.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "tests/planes/executors.h"
#include "tests/support/capture.h"
#include "tests/support/counts.h"
#include "tests/support/moving_slots.h"
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

/// With the frames of a seed that has the same tables, where there is one.
void add_seed(std::vector<Seed>& seeds, const Seed& seed) {
  const auto same = std::ranges::find(seeds, seed.tables, &Seed::tables);
  if (same == seeds.end()) return seeds.push_back(seed);
  same->frames.insert(same->frames.end(), seed.frames.begin(), seed.frames.end());
}

/// With slots that move in place of what a vector says of slots; else without those vectors.
std::vector<Seed> seeds(bool moving) {
  std::vector<Seed> seeds;
  for (const Vector& vector : load_vectors()) {
    if (vector.packet.size() < kXdpLeastBytes || (vector.pin_bucket && !moving)) continue;
    Seed seed = {vector.name, vector.tables, {vector.packet}};
    for (BackendSpec& backend : seed.tables.backends) backend.down = false;
    seed.tables.tick = 0;
    if (moving) seed.tables = with_moving_slots(seed.tables);
    add_seed(seeds, seed);
  }
  for (const auto& path : captures_in("tests/captures")) {
    Seed seed = {path.filename(), {}, {}};
    for (CapturedFrame& frame : read_capture(path).frames) seed.frames.push_back(frame.bytes);
    seed.tables = own_servers(seed.frames);
    if (moving) seed.tables = with_moving_slots(seed.tables);
    add_seed(seeds, seed);
  }
  return seeds;
}

/// Runs them on both; false at the first difference, which is reported.
bool agree(Executor& native, Executor& other, const std::string& name,
           const std::vector<Bytes>& packets, std::map<std::string, size_t>& verdicts) {
  const std::vector<Outcome> wanted = native.run(packets, {}), found = other.run(packets, {});
  for (size_t i = 0; i < packets.size(); i++) {
    verdicts[name_of_verdict(wanted[i].verdict)]++;
    if (found[i] == wanted[i]) continue;
    ADD_FAILURE() << name << ": packet " << to_hex(packets[i])
                  << "\nnative: " << name_of_verdict(wanted[i].verdict) << " "
                  << to_hex(wanted[i].frame) << "\nother:  " << name_of_verdict(found[i].verdict)
                  << " " << to_hex(found[i].frame);
    return false;
  }
  return true;
}

struct Run {
  std::string executor;
  bool moving;  ///< slots in all states; else all are settled
};

void PrintTo(const Run& run, std::ostream* out) {  // NOLINT: the name is googletest's
  *out << run.executor << (run.moving ? ", slots move" : "");
}

class DifferentialTest : public testing::TestWithParam<Run> {
 protected:
  void SetUp() override {
    std::string reason;
    native_ = executor("native", &reason);
    other_ = executor(GetParam().executor, &reason);
    if (!other_) GTEST_SKIP() << reason;
    seeds_ = seeds(GetParam().moving);
    const size_t wanted = std::getenv("BELKA_SOAK") ? kPacketsOfSoak : kPackets;
    of_each_ = (wanted + seeds_.size() - 1) / seeds_.size();
  }

  /// Batch after batch; at the first difference it ends as failed.
  void run_seed(const Seed& seed) {
    for (Executor* each : {native_, other_}) {
      TableWriter(each->tables()).write(seed.tables);
      reset_counts(each->tables());
    }
    for (size_t packet = 0; packet < of_each_;) {
      std::vector<Bytes> batch;
      for (; packet < of_each_ && batch.size() < kBatch; packet++) {
        batch.push_back(mutator_.mutate(seed.frames[packet % seed.frames.size()]));
      }
      step_++;
      for (Executor* each : {native_, other_}) {
        if (GetParam().moving) move_on(each->tables(), seed.tables, step_);
      }
      ASSERT_TRUE(agree(*native_, *other_, seed.name, batch, verdicts_));
      done_ += batch.size();
    }
    ASSERT_EQ(read_counts(other_->tables()).text(), read_counts(native_->tables()).text());
  }

  Executor *native_ = nullptr, *other_ = nullptr;
  std::vector<Seed> seeds_;
  size_t of_each_ = 0, done_ = 0;
  uint32_t step_ = 0;
  std::map<std::string, size_t> verdicts_;
  Mutator mutator_{1};
};

// The pins of one seed stay for the next, whose slots and tags may be the same by chance.
TEST_P(DifferentialTest, DamagedPacketsEndTheSame) {
  for (const Seed& seed : seeds_) {
    run_seed(seed);
    if (HasFatalFailure()) break;
  }
  const auto wanted = read_pins(native_->tables()), found = read_pins(other_->tables());
  free_pins(native_->tables(), wanted);
  free_pins(other_->tables(), found);
  EXPECT_TRUE(found == wanted) << wanted.size() << " pins natively, " << found.size();
  EXPECT_EQ(!wanted.empty(), GetParam().moving);
  fmt::print("figure: differential: {} damaged packets in {}{} as native, with {} pins\n", done_,
             GetParam().executor, GetParam().moving ? " with moving slots" : "", wanted.size());
  for (const auto& [verdict, packets] : verdicts_) fmt::print("  {}: {}\n", verdict, packets);
}

INSTANTIATE_TEST_SUITE_P(All, DifferentialTest,
                         testing::Values(Run{"burst", false}, Run{"burst", true}, Run{"xdp", false},
                                         Run{"xdp", true}),
                         [](const auto& test) {
                           return test.param.executor + (test.param.moving ? "_moving" : "");
                         });

}  // namespace
}  // namespace belka
