// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/config.h"
#include "control/config_yaml.h"

namespace belka {

// A value of the file and its path, such as services[0].pools.canary. Points into the tree, which
// outlives it.
struct Place {
  const YamlNode* node = nullptr;
  std::string path;
};

Place item_of(const Place& list, size_t index);
Place value_of(const Place& map, size_t index);
Place key_of(const Place& map, size_t index);  // the same path, at the line of the key

// What is there, for an error: `nothing`, `a list`, `a map`, or the text, quoted.
std::string found(const YamlNode& node);

// Collects the errors of one file, at most 1,000 of them; the rest are counted.
class ConfigErrors {
 public:
  explicit ConfigErrors(std::string_view file) : file_(file) {}

  void add(const Place& place, std::string sentence) {
    add(place.node->line, place.path, std::move(sentence));
  }
  void add(int line, std::string key, std::string sentence);
  // `found X, allowed is ALLOWED`
  void add_found(const Place& place, std::string_view allowed);

  bool empty() const { return errors_.empty(); }
  std::vector<ConfigError> take();  // by line; those of one line in the order they were added

 private:
  std::string file_;
  std::vector<ConfigError> errors_;
  size_t left_off_ = 0;
};

// True where the value is a map, whatever its keys; keys that are none of `allowed` or stand twice
// are errors. An empty `allowed` lets every key pass.
bool check_map(const Place& place, std::span<const std::string_view> allowed, ConfigErrors& errors);

// True where the value is a list.
bool check_list(const Place& place, std::string_view allowed, ConfigErrors& errors);

// The indices of a map's keys, of those that stand twice only the first.
std::vector<size_t> distinct_keys(const YamlNode& map);

// The value of a key (the first, where it stands twice), or none.
std::optional<Place> find_value(const Place& map, std::string_view key);

// The same; a missing key is an error that says what is allowed.
std::optional<Place> require_value(const Place& map, std::string_view key, std::string_view allowed,
                                   ConfigErrors& errors);

// The text of a scalar; anything else is an error.
std::optional<std::string_view> read_text(const Place& place, std::string_view allowed,
                                          ConfigErrors& errors);

// A plain decimal number in [low, high] with no sign and no leading zero, or none.
std::optional<uint32_t> parse_number(std::string_view text, uint32_t low, uint32_t high);

// 1 to `longest` characters of [a-z0-9._-], the first a letter or digit.
bool is_name(std::string_view text, size_t longest);

}  // namespace belka
