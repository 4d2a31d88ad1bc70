// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace belka {

struct EalOptions {
  std::vector<uint32_t> cores;  ///< lcore n runs on cores[n]; lcore 0 is the calling thread
  uint32_t memory_mb = 64;
  std::string file_prefix;
  bool hugepages = false;
};

/// DPDK's environment: one object a process. It takes no NIC from the kernel, writes no files that
/// another process could share, and says nothing below a warning. Its telemetry socket is in
/// dpdk's runtime directory under file_prefix, until the object goes.
class Eal {
 public:
  /// Throws Error.
  explicit Eal(const EalOptions& options);
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
  ~Eal();
};

}  // namespace belka
