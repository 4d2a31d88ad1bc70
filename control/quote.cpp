// SPDX-License-Identifier: Apache-2.0
#include "control/quote.h"

#include <fmt/format.h>

#include <algorithm>

namespace belka {
namespace {

constexpr size_t kLongestQuote = 60;

bool is_word_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("._-/:%+").find(c) != std::string_view::npos;
}

}  // namespace

std::string quote(std::string_view text) {
  const std::string_view shown = text.substr(0, kLongestQuote);
  const std::string_view rest = shown.size() < text.size() ? "..." : "";
  if (!shown.empty() && std::all_of(shown.begin(), shown.end(), is_word_character))
    return fmt::format("{}{}", shown, rest);
  std::string escaped;
  for (const char c : shown) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e) {
      escaped += fmt::format("\\x{:02x}", byte);
    } else {
      escaped += c;
    }
  }
  return fmt::format("'{}{}'", escaped, rest);
}

}  // namespace belka
