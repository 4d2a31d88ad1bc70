// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/siphash.h"

namespace belka {

// The secret of a fleet: who has it can choose his pool. It makes every ring; balancers with the
// same file and the same configuration have the same rings.
struct Seed {
  std::array<uint8_t, 32> bytes{};
  bool operator==(const Seed&) const = default;
};

// All throw belka::Error (one sentence with path and remedy) where the file cannot be read, is not
// a plain file of exactly 32 bytes, or is open to others than its owner (mode & 077). Where it does
// not exist the first finds none, the second throws, and the third makes it: 32 bytes of
// getrandom(2), mode 0600, with its directories (0755). It appears complete or not at all, and of
// two that make it at the same time both read the same one.
std::optional<Seed> find_seed(const std::string& path);
Seed read_seed(const std::string& path);
Seed read_or_create_seed(const std::string& path);

// A service's key: k0 = SipHash-2-4(seed[0..15], name), k1 = SipHash-2-4(seed[16..31], name), each
// key half being two little-endian numbers.
SipKey service_key(const Seed& seed, std::string_view service_name);

}  // namespace belka
