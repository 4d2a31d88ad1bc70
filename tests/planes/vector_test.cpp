// SPDX-License-Identifier: Apache-2.0
// Every golden vector on every executor: the verdict, the bytes that leave, what was counted, and
// what pins stand there afterwards.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/planes/executors.h"
#include "tests/support/counts.h"
#include "tests/support/vectors.h"

namespace belka {
namespace {

struct Case {
  std::string executor;
  Vector vector;
};

void PrintTo(const Case& test, std::ostream* out) {  // NOLINT: the name is googletest's
  *out << test.executor << " " << test.vector.name;
}

/// None where the vectors cannot be read: EveryVerdictHasOne says why.
std::vector<Vector> vectors_or_none() try { return load_vectors(); } catch (const std::exception&) {
  return {};
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  const std::vector<Vector> vectors = vectors_or_none();
  for (const std::string& name : executor_names()) {
    for (const Vector& vector : vectors) {
      if (vector.is_for(name)) cases.push_back({name, vector});
    }
  }
  return cases;
}

/// The counters after this packet alone.
Counts expected_counts(const Vector& vector) {
  const VerdictCount once = {1, vector.packet.size(), 0};
  Counts counts;
  counts.received = 1;
  counts.received_bytes = vector.packet.size();
  counts.verdict[name_of_verdict(vector.verdict)] = once;
  if (vector.backend != 0) {
    counts.backend[vector.backend] = {1, vector.packet.size(), vector.new_connection};
  }
  counts.pins_refused = vector.pins_refused;
  counts.pins_refused_tick = vector.pins_refused ? uint64_t{vector.tables.tick} + 1 : 0;
  if (vector.dropped_of >= 0) counts.dropped[static_cast<uint32_t>(vector.dropped_of)] = once;
  return counts;
}

Bytes expected_frame(const Vector& vector) {
  return action_of(vector.verdict) == ACTION_PASS ? vector.packet : vector.out;
}

class VectorTest : public testing::TestWithParam<Case> {
 protected:
  /// No packet of any vector has left a pin in another bucket than its own.
  static void TearDownTestSuite() {
    std::string reason;
    for (const std::string& name : executor_names()) {
      const Executor* executor = belka::executor(name, &reason);
      if (!executor) continue;
      EXPECT_EQ(pins_text(read_pins(executor->tables())), "") << name;
    }
  }
};

TEST_P(VectorTest, Holds) {
  const Vector& vector = GetParam().vector;
  std::string reason;
  Executor* executor = belka::executor(GetParam().executor, &reason);
  if (!executor) GTEST_SKIP() << reason;
  TableWriter(executor->tables()).write(vector.tables);
  reset_counts(executor->tables());
  const Outcome outcome = executor->run_one(vector.packet, vector.conditions);
  EXPECT_EQ(name_of_verdict(outcome.verdict), name_of_verdict(vector.verdict));
  EXPECT_EQ(to_hex(outcome.frame), to_hex(expected_frame(vector)));
  const Counts counts = read_counts(executor->tables());
  EXPECT_EQ(counts.text(), expected_counts(vector).text());
  EXPECT_EQ(counts.received, counts.verdicts());
  if (!vector.pin_bucket) return;
  const std::vector<PlacedPin> pins = read_pins(executor->tables(), *vector.pin_bucket);
  free_pins(executor->tables(), pins);
  EXPECT_EQ(pins_text(pins), pins_text(vector.pins));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(VectorTest);
INSTANTIATE_TEST_SUITE_P(All, VectorTest, testing::ValuesIn(all_cases()), [](const auto& test) {
  return test.param.executor + "_" + test.param.vector.name;
});

TEST(VectorsTest, EveryVerdictHasOne) {
  const std::vector<Vector> vectors = load_vectors();
  for (int verdict = 0; verdict < VERDICT_COUNT; verdict++) {
    EXPECT_TRUE(std::ranges::any_of(vectors, [&](const Vector& v) { return v.verdict == verdict; }))
        << name_of_verdict(static_cast<enum verdict>(verdict));
  }
}

}  // namespace
}  // namespace belka
