// SPDX-License-Identifier: Apache-2.0
#include "control/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "control/quote.h"

namespace belka {
namespace {

constexpr size_t kMaxErrors = 1000;

std::string join(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

std::string path_of(const Place& map, std::string_view key) {
  return map.path.empty() ? quote(key) : map.path + "." + quote(key);
}

}  // namespace

Place item_of(const Place& list, size_t index) {
  return {&list.node->items[index], fmt::format("{}[{}]", list.path, index)};
}

Place value_of(const Place& map, size_t index) {
  return {&map.node->items[index], path_of(map, map.node->keys[index].text)};
}

Place key_of(const Place& map, size_t index) {
  return {&map.node->keys[index], path_of(map, map.node->keys[index].text)};
}

std::string found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
    case YamlNode::Kind::scalar:
      break;
  }
  return quote(node.text);
}

void ConfigErrors::add(int line, std::string key, std::string sentence) {
  if (errors_.size() < kMaxErrors) {
    errors_.push_back({file_, line, std::move(key), std::move(sentence)});
  } else {
    ++left_off_;
  }
}

void ConfigErrors::add_found(const Place& place, std::string_view allowed) {
  add(place, fmt::format("found {}, allowed is {}", found(*place.node), allowed));
}

std::vector<ConfigError> ConfigErrors::take() {
  std::stable_sort(errors_.begin(), errors_.end(),
                   [](const ConfigError& a, const ConfigError& b) { return a.line < b.line; });
  if (left_off_ > 0)
    errors_.push_back({file_, 0, "", fmt::format("{} more errors are not shown", left_off_)});
  return std::move(errors_);
}

bool check_map(const Place& place, std::span<const std::string_view> allowed,
               ConfigErrors& errors) {
  if (place.node->kind != YamlNode::Kind::map) {
    const std::string keys = allowed.empty() ? "" : " of " + join(allowed);
    errors.add_found(place, "a map" + keys);
    return false;
  }
  std::map<std::string_view, int> lines;  // of the keys so far
  for (size_t i = 0; i < place.node->keys.size(); ++i) {
    const std::string_view key = place.node->keys[i].text;
    const auto [first, is_new] = lines.emplace(key, place.node->keys[i].line);
    if (!is_new)
      errors.add(key_of(place, i), fmt::format("found this key twice, first in line {}, allowed is "
                                               "once, remove one",
                                               first->second));
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), key) == allowed.end())
      errors.add(key_of(place, i), "found an unknown key, allowed are " + join(allowed));
  }
  return true;
}

bool check_list(const Place& place, std::string_view allowed, ConfigErrors& errors) {
  if (place.node->kind == YamlNode::Kind::list) return true;
  errors.add_found(place, allowed);
  return false;
}

std::vector<size_t> distinct_keys(const YamlNode& map) {
  std::set<std::string_view> seen;
  std::vector<size_t> indices;
  for (size_t i = 0; i < map.keys.size(); ++i)
    if (seen.insert(map.keys[i].text).second) indices.push_back(i);
  return indices;
}

std::optional<Place> find_value(const Place& map, std::string_view key) {
  for (size_t i = 0; i < map.node->keys.size(); ++i)
    if (map.node->keys[i].text == key) return value_of(map, i);
  return std::nullopt;
}

std::optional<Place> require_value(const Place& map, std::string_view key, std::string_view allowed,
                                   ConfigErrors& errors) {
  auto value = find_value(map, key);
  if (!value)
    errors.add(map.node->line, path_of(map, key),
               fmt::format("found nothing, this key is required, allowed is {}", allowed));
  return value;
}

std::optional<std::string_view> read_text(const Place& place, std::string_view allowed,
                                          ConfigErrors& errors) {
  if (place.node->kind == YamlNode::Kind::scalar) return place.node->text;
  errors.add_found(place, allowed);
  return std::nullopt;
}

std::optional<uint32_t> parse_number(std::string_view text, uint32_t low, uint32_t high) {
  uint32_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  if (value < low || value > high) return std::nullopt;
  return value;
}

bool is_name(std::string_view text, size_t longest) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  if (text.empty() || text.size() > longest || !is_alphanumeric(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace belka
