// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "split/tables.h"

namespace belka {

struct VerdictCount {
  uint64_t packets = 0, bytes = 0, syns = 0;
  auto operator<=>(const VerdictCount&) const = default;
};

/// What rows of counters say, summed; only what is not 0.
struct Counts {
  uint64_t received = 0, received_bytes = 0;
  uint64_t pins_refused = 0;
  uint64_t pins_refused_tick = 0;               ///< the latest of all rows
  std::map<std::string, VerdictCount> verdict;  ///< by name
  std::map<uint32_t, VerdictCount> backend;     ///< by number
  std::map<uint32_t, VerdictCount> dropped;     ///< by service number
  bool operator==(const Counts&) const = default;

  uint64_t verdicts() const;  ///< their sum, which must be `received`
  std::string text() const;
};

/// The name of a verdict in the one list.
std::string name_of_verdict(enum verdict verdict);

/// The reverse; throws std::invalid_argument.
enum verdict verdict_of(const std::string& name);

Counts read_counts(const struct tables* tables);
void reset_counts(const struct tables* tables);

}  // namespace belka
