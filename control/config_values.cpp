// SPDX-License-Identifier: Apache-2.0
#include "control/config_values.h"

#include <fmt/format.h>

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
  std::string out = is_http ? "{http: " + yaml_quoted(health.path) : "{tcp: true";
  out +=
      fmt::format(", every: {}, timeout: {}, fall: {}, rise: {}", format_duration(health.every_ms),
                  format_duration(health.timeout_ms), health.fall, health.rise);
  if (health.port != 0) out += fmt::format(", port: {}", health.port);
  if (!health.host.empty()) out += fmt::format(", host: {}", yaml_quoted(health.host));
  if (health.status != 0) out += fmt::format(", status: {}", health.status);
  if (!health.body.empty()) out += fmt::format(", body: {}", yaml_quoted(health.body));
  return out + "}";
}

}  // namespace belka
