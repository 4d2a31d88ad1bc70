// SPDX-License-Identifier: Apache-2.0
#include "control/config_values.h"

#include <fmt/format.h>

#include <iterator>

#include "control/config_duration.h"

namespace belka {

std::string yaml_quoted(std::string_view text) {
  std::string yaml = "'";
  for (const char c : text) {
    if (c == '\'') yaml += '\'';
    yaml += c;
  }
  return yaml + "'";
}

std::string_view fallback_text(Fallback fallback) {
  switch (fallback) {
    case Fallback::refuse:
      return "refuse";
    case Fallback::use_all:
      return "use-all";
    default:
      return "prod";
  }
}

std::string health_text(const HealthConfig& health) {
  const bool is_http = health.kind == HealthConfig::Kind::http;
  std::string text = is_http ? "{http: " + yaml_quoted(health.path) : "{tcp: true";
  const auto out = std::back_inserter(text);
  fmt::format_to(out, ", every: {}, timeout: {}, fall: {}, rise: {}",
                 format_duration(health.every_ms), format_duration(health.timeout_ms), health.fall,
                 health.rise);
  if (health.port != 0) fmt::format_to(out, ", port: {}", health.port);
  if (!health.host.empty()) fmt::format_to(out, ", host: {}", yaml_quoted(health.host));
  if (health.status != 0) fmt::format_to(out, ", status: {}", health.status);
  if (!health.body.empty()) fmt::format_to(out, ", body: {}", yaml_quoted(health.body));
  return text + "}";
}

}  // namespace belka
