// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace belka {

/// A capture instead of an interface: read once from start to end, what is sent is written.
struct CaptureFiles {
  std::string receive, transmit;
  uint32_t ifindex = 1;  ///< the interface that packets are taken to come in by
};

/// The command line, checked as far as it can be without looking at the machine.
struct Options {
  std::vector<std::string> interfaces;
  std::vector<uint32_t> queues;  ///< empty: all of each interface
  std::vector<uint32_t> cores;   ///< one lcore each; a CPU may stand there twice
  std::optional<CaptureFiles> capture;
  std::string pins;
  std::string tables;       ///< a file; empty: the pinned ones
  uint32_t memory_mb = 0;   ///< 0: what the ports need
  std::string file_prefix;  ///< empty: one of its own
  bool hugepages = false;
};

/// Reads the flags; prints and exits where they ask for help or the version. Throws Error.
Options read_flags(int argc, char** argv);

/// "0,2,4-7" as numbers, in their order. Throws Error, which names `flag` and the greatest number
/// allowed.
std::vector<uint32_t> parse_numbers(const std::string& flag, const std::string& text,
                                    uint32_t greatest);

/// "RX.pcap,TX.pcap" or "RX.pcap,TX.pcap,IFINDEX". Throws Error.
CaptureFiles parse_capture(const std::string& text);

}  // namespace belka
