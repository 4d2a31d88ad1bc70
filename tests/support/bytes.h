// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belka {

using Bytes = std::vector<uint8_t>;

/// Pairs of hexadecimal digits; throws std::invalid_argument where it is anything else.
Bytes from_hex(std::string_view text);

std::string to_hex(const Bytes& bytes);

}  // namespace belka
