// SPDX-License-Identifier: Apache-2.0
#include "tests/support/bytes.h"

#include <charconv>
#include <stdexcept>

namespace belka {

Bytes from_hex(std::string_view text) {
  Bytes bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); i++) {
    const char* digits = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, bytes[i], 16);
    if (error != std::errc() || end != digits + 2) throw std::invalid_argument("not hexadecimal");
  }
  return bytes;
}

std::string to_hex(const Bytes& bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace belka
