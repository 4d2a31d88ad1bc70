// SPDX-License-Identifier: Apache-2.0
#include "control/address.h"

#include <arpa/inet.h>

namespace belka {

std::optional<Address> Address::parse(std::string_view text) {
  // inet_pton reads up to a NUL, and what follows one would be ignored.
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  const std::string terminated(text);
  Address address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) {
    address.family = 4;
  } else if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
    address.family = 6;
  } else {
    return std::nullopt;
  }
  return address;
}

std::string Address::text() const {
  if (family != 4 && family != 6) return "";
  char text[INET6_ADDRSTRLEN];
  inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

}  // namespace belka
