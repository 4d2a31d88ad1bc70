// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tests/support/counts.h"
#include "tests/support/executor.h"
#include "tests/support/table_writer.h"

namespace belka {

/// One golden case of tests/vectors, as compile.py wrote it.
struct Vector {
  std::string name;
  TableSpec tables;
  Bytes packet;
  enum verdict verdict = VERDICT_none;
  Bytes out;                    ///< the frame that leaves; empty where none does
  uint16_t backend = 0;         ///< that it leaves for
  bool new_connection = false;  ///< counted as a SYN
  int dropped_of = -1;          ///< number of the service that it is counted as lost for
  Conditions conditions;
  std::optional<uint32_t> pin_bucket;  ///< of the connection; none where slots are settled
  std::vector<PlacedPin> pins;         ///< that stand there afterwards
  uint64_t pins_refused = 0;
  std::vector<std::string> only;  ///< executors that can show it; empty: all

  bool is_for(const std::string& executor) const;
};

/// All of $BELKA_VECTORS (build/vectors where it is not set), by file and name. Throws
/// std::runtime_error where there are none.
std::vector<Vector> load_vectors();

}  // namespace belka
