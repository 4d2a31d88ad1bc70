// SPDX-License-Identifier: Apache-2.0
#include "control/config_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "control/config.h"

namespace belka {
namespace {

uint8_t byte_at(std::string_view text, size_t at) {
  return at < text.size() ? static_cast<uint8_t>(text[at]) : 0;
}

bool in_range(uint8_t byte, uint8_t low, uint8_t high) { return byte >= low && byte <= high; }

// Bytes of the UTF-8 character at `at`, 0 where there is none (RFC 3629, section 4).
size_t utf8_length(std::string_view text, size_t at) {
  const uint8_t first = byte_at(text, at);
  const uint8_t second = byte_at(text, at + 1);
  if (first < 0x80) return 1;
  size_t length = 0;
  if (in_range(first, 0xc2, 0xdf)) {
    length = in_range(second, 0x80, 0xbf) ? 2 : 0;
  } else if (in_range(first, 0xe0, 0xef)) {
    const uint8_t low = first == 0xe0 ? 0xa0 : 0x80;
    const uint8_t high = first == 0xed ? 0x9f : 0xbf;
    length = in_range(second, low, high) ? 3 : 0;
  } else if (in_range(first, 0xf0, 0xf4)) {
    const uint8_t low = first == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = first == 0xf4 ? 0x8f : 0xbf;
    length = in_range(second, low, high) ? 4 : 0;
  }
  for (size_t i = 2; i < length; ++i)
    if (!in_range(byte_at(text, at + i), 0x80, 0xbf)) return 0;
  return length;
}

bool has_byte_order_mark(std::string_view text) {
  return text.starts_with("\xef\xbb\xbf") || text.starts_with("\xfe\xff") ||
         text.starts_with("\xff\xfe");
}

std::optional<std::string> character_fault(std::string_view text, size_t at, bool indentation) {
  const uint8_t byte = byte_at(text, at);
  if (byte == '\r')
    return "found a carriage return, allowed are line feeds alone, save the file with Unix line "
           "ends";
  if (byte == '\t' && indentation)
    return "found a tab in the indentation, allowed are spaces, write spaces";
  if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f)
    return fmt::format("found the control character 0x{:02x}, allowed is text, remove it", byte);
  if (utf8_length(text, at) == 0)
    return fmt::format("found the byte 0x{:02x}, which is not UTF-8, save the file as UTF-8", byte);
  return std::nullopt;
}

// yaml-cpp holds all tokens of a list or map in brackets in memory at once (about 250 bytes each),
// and these are the characters that tokens begin with. 65,000 IPv6 backends written as JSON
// have 1.3 million.
constexpr size_t kMaxIndicators = 1'500'000;
constexpr std::string_view kIndicators = "[]{},:?&*!\"'";

bool has_too_many_indicators(std::string_view text) {
  const auto count = std::count_if(text.begin(), text.end(), [](char c) {
    return kIndicators.find(c) != std::string_view::npos;
  });
  return static_cast<size_t>(count) > kMaxIndicators;
}

}  // namespace

std::optional<YamlFault> check_text(std::string_view text) {
  if (text.size() > kMaxConfigBytes)
    return YamlFault{0, fmt::format("found {} bytes, allowed are at most {} for a configuration",
                                    text.size(), kMaxConfigBytes)};
  if (has_too_many_indicators(text))
    return YamlFault{0, fmt::format("found more than {} of the characters {}, which is more than a "
                                    "configuration can have",
                                    kMaxIndicators, kIndicators)};
  if (has_byte_order_mark(text))
    return YamlFault{1, "found a byte order mark, allowed is UTF-8 without one, save the file so"};
  int line = 1;
  bool indentation = true;
  for (size_t at = 0; at < text.size(); at += utf8_length(text, at)) {
    if (auto fault = character_fault(text, at, indentation)) return YamlFault{line, *fault};
    if (text[at] == '\n') ++line;
    indentation = text[at] == '\n' || (indentation && text[at] == ' ');
  }
  return std::nullopt;
}

}  // namespace belka
