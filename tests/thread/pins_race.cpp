// SPDX-License-Identifier: Apache-2.0
// The races of tests/planes/pins_race_test.cpp without the XDP program, for the thread sanitizer,
// which ends the program with a report. A program of its own, of as few files as will do: the rest
// of the tests have no threads that share anything.
#include "tests/support/pins_race.h"

#include <fmt/format.h>

#include <cstdlib>

#include "dataplane/tables.h"
#include "tests/planes/burst_writer.h"

namespace {

constexpr uint32_t kLcores = 4;
constexpr uint32_t kRounds = 4'000;
constexpr uint32_t kBatches = 500;
constexpr uint32_t kTimesInSoak = 50;

bool report(const char* race, const belka::RaceResult& result) {
  fmt::print("{}", race_text(race, kLcores, result));
  return result.fault_count == 0;
}

}  // namespace

int main() {
  const uint32_t times = std::getenv("BELKA_SOAK") ? kTimesInSoak : 1;
  const belka::Tables tables = belka::Tables::create_private(0, kLcores);
  belka::TableWriter(tables.view()).write(belka::race_tables());
  std::vector<belka::RaceWriter> lcores;
  for (uint32_t i = 0; i < kLcores; i++) {
    lcores.push_back(belka::burst_race_writer(tables.view(), &tables.view()->counters[i]));
  }
  const auto one = race_for_one_answer(tables.view(), lcores, kBatches * times);
  const auto swept = race_while_swept(tables.view(), lcores, kRounds * times);
  const bool same = report("one answer", one);
  return report("while swept", swept) && same ? 0 : 1;
}
