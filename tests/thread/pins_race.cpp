// SPDX-License-Identifier: Apache-2.0
// The races of tests/planes/pins_race_test.cpp without the XDP program, for the thread sanitizer,
// which ends the program with a report. A small program of its own: the sanitizer does not go
// together with DPDK.
#include "tests/support/pins_race.h"

#include <fmt/format.h>

#include <cstdio>

#include "dataplane/tables.h"

namespace {

constexpr uint32_t kThreads = 4;
constexpr uint32_t kRounds = 8'000;
constexpr uint32_t kConnections = 10'000;

bool report(const char* race, const belka::RaceResult& result) {
  for (const std::string& fault : result.faults) fmt::print("{}: {}\n", race, fault);
  fmt::print("figure: pins: {}: {} packets of {} threads; {} refused, {} pins cleared, {} ticks\n",
             race, result.packets, kThreads, result.refused, result.cleared, result.ticks);
  return result.faults.empty();
}

}  // namespace

int main() {
  const belka::Tables tables = belka::Tables::create_private(0, kThreads);
  belka::TableWriter(tables.view()).write(belka::race_tables());
  std::vector<belka::RaceWriter> writers;
  for (uint32_t i = 0; i < kThreads; i++) {
    writers.push_back(belka::native_race_writer(tables.view(), &tables.view()->counters[i]));
  }
  const bool swept = report("while swept", race_while_swept(tables.view(), writers, kRounds));
  const bool one = report("one answer", race_for_one_answer(tables.view(), writers, kConnections));
  return swept && one ? 0 : 1;
}
