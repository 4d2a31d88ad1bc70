// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace belka {

/// What tshark and a second parser say of one frame: a row of truth/<capture>.pkts.tsv.gz. Text as
/// it stands there, empty where it does not apply; numbers are 0 then.
struct OracleRow {
  uint32_t wire_bytes = 0, captured_bytes = 0;
  std::vector<uint16_t> tags;                     ///< VLAN identifiers, outermost first
  int version = 0;                                ///< of IP
  std::string source, destination, l4, fragment;  ///< fragment: ff, nf, atomic
  uint16_t source_port = 0, destination_port = 0;
  uint32_t extension_headers = 0;
  uint16_t tcp_flags = 0;
  int icmp_type = -1;
  std::string quoted_l4, quoted_source, quoted_destination;  ///< inside an ICMP error
  uint16_t quoted_source_port = 0, quoted_destination_port = 0;
  bool quoted_ports = false;
  bool agree = false;  ///< both give the same outer tuple
};

/// The rows of a capture of the corpus in `directory`, one a frame. Throws Error where there are
/// none.
std::vector<OracleRow> read_oracle(const std::filesystem::path& directory,
                                   const std::string& capture);

}  // namespace belka
