// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/bytes.h"

namespace belka {

struct CapturedFrame {
  Bytes bytes;              ///< an Ethernet frame
  uint32_t wire_bytes = 0;  ///< length before the capture cut it off
};

/// One pcap or pcapng file.
struct Capture {
  std::string name;
  bool ethernet = true;  ///< else each frame has a made-up Ethernet header before its IP packet
  std::vector<CapturedFrame> frames;
  std::string error;  ///< why reading ended before the file did; empty where it did not
};

/// Reads a whole file. Throws Error where it cannot be opened, or its link type has no IP packets.
Capture read_capture(const std::filesystem::path& path);

/// All captures of a directory, by name.
std::vector<std::filesystem::path> captures_in(const std::filesystem::path& directory);

/// The large corpus: $BELKA_CAPTURES, or ../shared/captures beside the clone. Need not exist.
std::filesystem::path corpus_directory();

}  // namespace belka
