// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "dataplane/worker.h"

namespace belka {

/// While it lives, DPDK's telemetry socket answers /belka/workers: for each lcore its queues,
/// rounds, share of busy cycles, packets received, and packets by verdict. One object a process.
class Telemetry {
 public:
  explicit Telemetry(const std::vector<Worker>& workers);
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;
  ~Telemetry();
};

}  // namespace belka
