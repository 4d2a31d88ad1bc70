// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "control/address.h"
#include "control/config_reader.h"

namespace belka {

// Why packets cannot be sent to this address from another host: `multicast`, `loopback`,
// `link-local`, `unspecified`, `broadcast`, `an IPv4-mapped IPv6 address`; empty where they can.
// Sources: RFC 1122 (3.2.1.3), RFC 3927, RFC 4291 (2.5).
std::string_view why_not_unicast(const Address& address);

// An address that a VIP or a backend can have; all else is an error at the place.
std::optional<Address> read_unicast(const Place& place, ConfigErrors& errors);

}  // namespace belka
