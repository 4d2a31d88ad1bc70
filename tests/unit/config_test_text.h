// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "control/config.h"

namespace belka {

// A good configuration of 13 lines, from which the tests change one at a time.
inline constexpr std::string_view kGoodConfig =
    "services:\n"
    "  - name: web\n"
    "    vip: 203.0.113.10\n"
    "    port: 443\n"
    "    protocol: tcp\n"
    "    hash: five-tuple\n"
    "    slots: 65536\n"
    "    forward: ipip\n"
    "    pools:\n"
    "      prod: {backends: [10.0.1.1, {address: 10.0.1.2, weight: 2}]}\n"
    "      canary: {backends: [10.0.2.1]}\n"
    "      baseline: {backends: [10.0.3.1]}\n"
    "    split: {canary: 1%, baseline: match}\n";

// The good configuration with line `line` (from 1) replaced; an empty `text` removes it.
inline std::string with_line(int line, std::string_view text) {
  std::istringstream good{std::string(kGoodConfig)};
  std::string changed;
  std::string old;
  for (int at = 1; std::getline(good, old); ++at) {
    if (at == line && text.empty()) continue;
    changed += at == line ? std::string(text) : old;
    changed += '\n';
  }
  return changed;
}

// All errors of a text as the operator sees them, one a line.
inline std::string errors_of(std::string_view yaml_text) {
  std::string lines;
  for (const ConfigError& error : parse_config(yaml_text, "web.yaml").errors)
    lines += error.text() + "\n";
  return lines;
}

}  // namespace belka
