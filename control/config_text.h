// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "control/config_yaml.h"

namespace belka {

// The checks on the bytes of a configuration, before any YAML: at most kMaxConfigBytes, not
// made of YAML's indicators, UTF-8 (RFC 3629: no overlong
// forms, no surrogates), no byte order mark, no control characters but line feed and tab, no tab in
// the indentation. The first fault, or none.
std::optional<YamlFault> check_text(std::string_view text);

}  // namespace belka
