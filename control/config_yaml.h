// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace belka {

// One value of a YAML text with the line where it stands. A tree of our own, built from yaml-cpp's
// events, since YAML::Node drops all but one of two equal keys and follows aliases without a bound.
struct YamlNode {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  int line = 0;                 // from 1; of a null: its key's
  std::string text;             // of a scalar, without its quotes
  std::vector<YamlNode> items;  // of a list; of a map its values, in order
  std::vector<YamlNode> keys;   // of a map: the key of each item, all scalars or null
};

// Why a text cannot be read at all.
struct YamlFault {
  int line = 0;
  std::string sentence;
};

inline constexpr size_t kMaxYamlDepth = 16;         // a configuration needs 8
inline constexpr size_t kMaxYamlNodes = 1'000'000;  // 65,000 backends with all keys need 400,000

// Reads exactly one document of UTF-8 YAML without anchors, aliases, tags, tabs in the indentation,
// carriage returns or a byte order mark. An empty text is a null. Memory and time are bounded.
std::variant<YamlNode, YamlFault> read_yaml(std::string_view text);

}  // namespace belka
