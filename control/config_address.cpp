// SPDX-License-Identifier: Apache-2.0
#include "control/config_address.h"

#include <fmt/format.h>

#include <algorithm>

namespace belka {
namespace {

std::string_view why_not_unicast_v4(const Address& address) {
  const auto& bytes = address.bytes;
  if (bytes[0] == 0) return "unspecified";
  if (bytes[0] == 127) return "loopback";
  if (bytes[0] == 169 && bytes[1] == 254) return "link-local";
  if (bytes[0] >= 224 && bytes[0] <= 239) return "multicast";
  if (std::all_of(bytes.begin(), bytes.begin() + 4, [](uint8_t b) { return b == 255; }))
    return "broadcast";
  return "";
}

std::string_view why_not_unicast_v6(const Address& address) {
  const auto& bytes = address.bytes;
  const auto zeros = std::find_if(bytes.begin(), bytes.end(), [](uint8_t b) { return b != 0; });
  if (zeros == bytes.end()) return "unspecified";
  if (zeros == bytes.end() - 1 && bytes[15] == 1) return "loopback";
  if (zeros == bytes.begin() + 10 && bytes[10] == 0xff && bytes[11] == 0xff)
    return "an IPv4-mapped IPv6 address";
  if (bytes[0] == 0xff) return "multicast";
  if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) return "link-local";
  return "";
}

}  // namespace

std::string_view why_not_unicast(const Address& address) {
  return address.family == 4 ? why_not_unicast_v4(address) : why_not_unicast_v6(address);
}

std::optional<Address> read_unicast(const Place& place, ConfigErrors& errors) {
  constexpr std::string_view kAllowed = "an IPv4 or IPv6 address";
  const auto text = read_text(place, kAllowed, errors);
  if (!text) return std::nullopt;
  const auto address = Address::parse(*text);
  if (!address) {
    errors.add_found(place, kAllowed);
    return std::nullopt;
  }
  if (const auto why = why_not_unicast(*address); !why.empty()) {
    errors.add(place, fmt::format("found {}, which is {}, allowed is a unicast address",
                                  found(*place.node), why));
    return std::nullopt;
  }
  return address;
}

}  // namespace belka
