// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "control/config.h"

namespace belka {

// Values as the canonical text has them.

// In single quotes, so that no YAML reader takes a name for a number, a null or a truth, or a colon
// of an address for a map. Texts of a valid configuration have no control characters.
std::string yaml_quoted(std::string_view text);

std::string_view fallback_text(Fallback fallback);

// `{http: '/healthz', every: 2s, timeout: 1s, fall: 3, rise: 2}`
std::string health_text(const HealthConfig& health);

}  // namespace belka
