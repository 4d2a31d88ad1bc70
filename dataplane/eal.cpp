// SPDX-License-Identifier: Apache-2.0
#include "dataplane/eal.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>

#include "control/error.h"

namespace belka {
namespace {

std::string lcore_list(const std::vector<uint32_t>& cores) {
  std::string list;
  for (size_t lcore = 0; lcore < cores.size(); lcore++) {
    list += fmt::format("{}{}@{}", lcore == 0 ? "" : ",", lcore, cores[lcore]);
  }
  return list;
}

std::vector<std::string> command_line(const EalOptions& options) {
  return {
      "belka-dataplane",
      "--lcores=" + lcore_list(options.cores),
      fmt::format("-m{}", options.memory_mb),
      options.hugepages ? "--in-memory" : "--no-huge",  // the two exclude each other
      "--no-shconf",
      "--no-pci",
      "--file-prefix=" + options.file_prefix,
      "--log-level=warning",
      // What these say at an error is in ours; at other times, that nobody uses an old interface.
      "--log-level=lib.eal:critical",
      "--log-level=lib.telemetry:error",
  };
}

void check_cores(const std::vector<uint32_t>& cores) {
  const long online = sysconf(_SC_NPROCESSORS_CONF);
  for (const uint32_t core : cores) {
    if (core < online) continue;
    throw Error(
        fmt::format("--cores names CPU {}: this machine has CPUs 0 to {}", core, online - 1));
  }
  if (cores.size() <= RTE_MAX_LCORE) return;
  throw Error(fmt::format("--cores names {} CPUs: DPDK takes at most {}", cores.size(),
                          static_cast<uint32_t>(RTE_MAX_LCORE)));
}

/// In MB, of the default size. DPDK itself says more, but not in one sentence.
uint64_t free_hugepages_mb() {
  std::ifstream meminfo("/proc/meminfo");
  uint64_t pages = 0, page_kb = 0;
  for (std::string line; std::getline(meminfo, line);) {
    std::sscanf(line.c_str(), "HugePages_Free: %" SCNu64, &pages);
    std::sscanf(line.c_str(), "Hugepagesize: %" SCNu64, &page_kb);
  }
  return pages * page_kb / 1024;
}

void check_hugepages(const EalOptions& options) {
  if (!options.hugepages || free_hugepages_mb() >= options.memory_mb) return;
  throw Error(
      fmt::format("--hugepages needs {} MB of free hugepages, there are {}: reserve them "
                  "(sysctl vm.nr_hugepages), or leave it out",
                  options.memory_mb, free_hugepages_mb()));
}

}  // namespace

Eal::Eal(const EalOptions& options) {
  check_cores(options.cores);
  check_hugepages(options);
  std::vector<std::string> words = command_line(options);
  std::vector<char*> arguments;
  arguments.reserve(words.size());
  for (std::string& word : words) arguments.push_back(word.data());
  optind = 1;  // gflags or a test may have moved it
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0) return;
  throw Error(fmt::format("DPDK does not start with {} MB of memory: {}; try another --memory_mb",
                          options.memory_mb, rte_strerror(rte_errno)));
}

Eal::~Eal() {
  const std::string directory = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  // Only what is ours and empty goes: the telemetry socket goes first, at exit.
  std::remove((directory + "/dpdk_telemetry.v2").c_str());
  rmdir(directory.c_str());
}

}  // namespace belka
