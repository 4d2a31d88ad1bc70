// SPDX-License-Identifier: Apache-2.0
#include "tests/support/capture.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "control/error.h"

namespace belka {
namespace {

struct ClosePcap {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};

/// Bytes before the IP packet where there is no Ethernet header; -1: an unknown link type.
int link_header_bytes(int link_type) {
  if (link_type == DLT_NULL || link_type == DLT_LOOP) return 4;
  if (link_type == DLT_LINUX_SLL) return 16;
  return link_type == DLT_RAW ? 0 : -1;
}

/// The packet behind a made-up Ethernet header.
CapturedFrame with_ethernet(const CapturedFrame& frame, size_t link_bytes) {
  link_bytes = std::min(link_bytes, frame.bytes.size());
  const bool ipv6 = frame.bytes.size() > link_bytes && frame.bytes[link_bytes] >> 4 == 6;
  Bytes bytes = {2, 0, 0, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1, 8, 0};
  if (ipv6) bytes[12] = 0x86, bytes[13] = 0xdd;
  bytes.insert(bytes.end(), frame.bytes.begin() + static_cast<ptrdiff_t>(link_bytes),
               frame.bytes.end());
  return {bytes, frame.wire_bytes + 14 - static_cast<uint32_t>(link_bytes)};
}

}  // namespace

Capture read_capture(const std::filesystem::path& path) {
  char error[PCAP_ERRBUF_SIZE] = {};
  const std::unique_ptr<pcap_t, ClosePcap> pcap(pcap_open_offline(path.c_str(), error));
  if (!pcap) throw Error(fmt::format("cannot read {}: {}", path.string(), error));
  Capture capture;
  capture.name = path.filename();
  const int link_type = pcap_datalink(pcap.get());
  capture.ethernet = link_type == DLT_EN10MB;
  const int link_bytes = link_header_bytes(link_type);
  if (!capture.ethernet && link_bytes < 0) {
    throw Error(fmt::format("{} has frames of link type {}", path.string(), link_type));
  }
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  int result;
  while ((result = pcap_next_ex(pcap.get(), &header, &data)) == 1) {
    CapturedFrame frame = {Bytes(data, data + header->caplen), header->len};
    if (!capture.ethernet) frame = with_ethernet(frame, static_cast<size_t>(link_bytes));
    capture.frames.push_back(std::move(frame));
  }
  if (result == PCAP_ERROR) capture.error = pcap_geterr(pcap.get());
  return capture;
}

std::vector<std::filesystem::path> captures_in(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> paths;
  if (!std::filesystem::is_directory(directory)) return paths;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    const std::string extension = file.path().extension();
    if (extension == ".pcap" || extension == ".pcapng" || extension == ".cap") {
      paths.push_back(file.path());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

std::filesystem::path corpus_directory() {
  const char* given = std::getenv("BELKA_CAPTURES");
  return given ? given : "../shared/captures";
}

}  // namespace belka
