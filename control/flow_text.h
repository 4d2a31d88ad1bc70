// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/address.h"

namespace belka {

// A connection as its client sends it.
struct Flow {
  Address source, destination;  // of the same family
  uint16_t source_port = 0;     // host order
  uint16_t destination_port = 0;
  uint8_t protocol = 6;  // IPPROTO_TCP or IPPROTO_UDP
};

// `198.51.100.7:40000 > 203.0.113.10:443/tcp`; IPv6 in brackets. Spaces around > may be left out.
// Ports are 1 to 65535 in decimals, the protocol is tcp or udp. The string is one sentence that
// says what was found and what is allowed.
std::variant<Flow, std::string> parse_flow(std::string_view text);

// The canonical form, which parse_flow reads back.
std::string flow_text(const Flow& flow);

// The shortest frame that this connection's client could open with, as the planes would receive it:
// Ethernet (with locally administered addresses), IP with a TTL of 64, a TCP SYN or an empty UDP
// datagram.
std::vector<uint8_t> first_frame(const Flow& flow);

}  // namespace belka
