// SPDX-License-Identifier: Apache-2.0
#include "control/rights.h"

#include <linux/capability.h>

#include <fmt/format.h>
#include <sys/resource.h>

#include <fstream>

#include "control/error.h"

namespace belka {
namespace {

uint64_t effective_capabilities() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("CapEff:")) return std::stoull(line.substr(7), nullptr, 16);
  }
  return 0;
}

}  // namespace

std::vector<std::string> missing_rights(uint64_t effective) {
  const auto has = [effective](int capability) { return (effective >> capability & 1) != 0; };
  std::vector<std::string> missing;
  if (!has(CAP_NET_ADMIN)) missing.emplace_back("NET_ADMIN");
  // CAP_SYS_ADMIN stands for both of these, as it did before kernel 5.8.
  if (!has(CAP_BPF) && !has(CAP_SYS_ADMIN)) missing.emplace_back("BPF");
  if (!has(CAP_PERFMON) && !has(CAP_SYS_ADMIN)) missing.emplace_back("PERFMON");
  return missing;
}

void require_rights() {
  const auto missing = missing_rights(effective_capabilities());
  if (missing.empty()) return;
  throw Error(fmt::format(
      "this process lacks the capabilities {}, without which it can neither load nor attach the "
      "XDP program: start belkad as root",
      fmt::join(missing, ", ")));
}

void raise_memory_limit() {
  const rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &all) == 0) return;
  rlimit now{};  // kernels from 5.11 count BPF memory by cgroup: without the right this still works
  if (getrlimit(RLIMIT_MEMLOCK, &now) != 0) return;
  now.rlim_cur = now.rlim_max;
  (void)setrlimit(RLIMIT_MEMLOCK, &now);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace belka
