// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace belka {

// An IPv4 or IPv6 address in network byte order. IPv4 is in bytes[0..3], the other bytes are 0, so
// that equal addresses are equal values. An IPv4-mapped IPv6 address is an IPv6 address of its own.
struct Address {
  std::array<uint8_t, 16> bytes{};
  uint8_t family = 0;  // 4 or 6; 0: none

  // The forms of inet_pton (RFC 4291, section 2.2; IPv4 in four decimal parts without leading
  // zeros). Anything else, a zone or a prefix length too, is no address.
  static std::optional<Address> parse(std::string_view text);

  // The canonical form (RFC 5952); empty where family is 0.
  std::string text() const;

  size_t size() const { return family == 4 ? 4 : 16; }  // bytes in use

  auto operator<=>(const Address&) const = default;
};

}  // namespace belka
