// SPDX-License-Identifier: Apache-2.0
#include "tests/planes/eal.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "control/error.h"

namespace belka {

void start_eal() {
  static const int result = [] {
    std::vector<std::string> words = {
        "plane_tests", "--no-huge",         "-m",
        "128",         "--no-pci",          "--no-telemetry",
        "--no-shconf", "--log-level=error", fmt::format("--file-prefix=belka-test-{}", getpid())};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    const int started = rte_eal_init(static_cast<int>(arguments.size()), arguments.data());
    // The directory that DPDK makes, empty by then.
    if (started >= 0) std::atexit([] { (void)rmdir(rte_eal_get_runtime_dir()); });
    return started < 0 && rte_errno == EALREADY ? 0 : started;
  }();
  if (result < 0) throw Error(fmt::format("DPDK does not start: {}", rte_strerror(rte_errno)));
}

}  // namespace belka
