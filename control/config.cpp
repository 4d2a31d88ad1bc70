// SPDX-License-Identifier: Apache-2.0
#include "control/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "control/config_duration.h"
#include "control/config_parts.h"
#include "control/config_reader.h"
#include "control/config_yaml.h"

namespace belka {
namespace {

constexpr std::array<std::string_view, 3> kTopKeys = {"seed_file", "tick", "services"};
constexpr std::string_view kServicesAllowed = "a list of services";
constexpr size_t kMaxPath = 4095;  // bytes, PATH_MAX without its NUL

// Absolute, since the daemon and belkactl are started in different directories. Without a space at
// its end, which yaml-cpp makes of the last line's end where a closing quote is missing.
bool is_path(std::string_view text) {
  return text.starts_with('/') && text.size() <= kMaxPath && !text.ends_with('/') &&
         !text.ends_with(' ') && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

void read_seed_file(const Place& place, Config& config, ConfigErrors& errors) {
  constexpr std::string_view kAllowed = "the absolute path of a file";
  const auto text = read_text(place, kAllowed, errors);
  if (!text) return;
  if (is_path(*text)) {
    config.seed_file = *text;
  } else {
    errors.add_found(place, kAllowed);
  }
}

// 0 where it is at fault.
uint32_t read_tick(const Place& top, ConfigErrors& errors) {
  const auto place = find_value(top, "tick");
  if (!place) return Config{}.tick_ms;
  return read_duration(*place, kMinTickMs, kMaxTickMs, errors).value_or(0);
}

void read_services(const Place& place, Config& config, ConfigErrors& errors) {
  if (!check_list(place, kServicesAllowed, errors)) return;
  std::vector<ServiceAt> services;
  for (size_t i = 0; i < place.node->items.size(); ++i)
    services.push_back(read_service(item_of(place, i), config.tick_ms, errors));
  check_services(place, services, errors);
  for (ServiceAt& service : services) config.services.push_back(std::move(service.config));
}

void read_top(const Place& top, Config& config, ConfigErrors& errors) {
  if (top.node->kind != YamlNode::Kind::map) {
    errors.add_found(top, "a map of seed_file, tick, services");
    return;
  }
  check_map(top, kTopKeys, errors);
  if (const auto seed_file = find_value(top, "seed_file"))
    read_seed_file(*seed_file, config, errors);
  config.tick_ms = read_tick(top, errors);
  if (const auto services = require_value(top, "services", kServicesAllowed, errors))
    read_services(*services, config, errors);
}

}  // namespace

std::string ConfigError::text() const {
  std::string where = file;
  if (line > 0) where += fmt::format(":{}", line);
  if (!key.empty()) where += ": " + key;
  return where + ": " + sentence;
}

ConfigResult parse_config(std::string_view yaml_text, std::string_view file_name) {
  ConfigErrors errors(file_name);
  const auto tree = read_yaml(yaml_text);
  Config config;
  if (const auto* fault = std::get_if<YamlFault>(&tree)) {
    errors.add(fault->line, "", fault->sentence);
  } else {
    read_top({&std::get<YamlNode>(tree), ""}, config, errors);
  }
  if (!errors.empty()) return {std::nullopt, errors.take()};
  return {std::move(config), {}};
}

}  // namespace belka
