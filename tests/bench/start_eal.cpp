// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/start_eal.h"

#include <rte_eal.h>

#include <vector>

#include "control/error.h"

namespace belka::bench {

void start_eal() {
  static bool started = false;
  if (started) return;
  const char* words[] = {"bench",       "--no-huge",  "-m",
                         "64",          "--no-pci",   "--no-telemetry",
                         "--no-shconf", "--lcores=0", "--log-level=error"};
  std::vector<char*> arguments;
  for (const char* word : words) arguments.push_back(const_cast<char*>(word));
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    throw Error("DPDK's EAL does not start");
  }
  started = true;
}

}  // namespace belka::bench
