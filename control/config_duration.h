// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/config_reader.h"

namespace belka {

// `500ms`, `2s`, `15m`: a whole number without sign or leading zero, and its unit; at most
// 4,294,967,295 ms. Nothing else is a duration. In milliseconds.
std::optional<uint32_t> parse_duration(std::string_view text);

// Exact, in seconds where they are whole ones: `900s`, `28125ms`.
std::string format_duration(uint32_t ms);

// A duration in [low_ms, high_ms]; anything else is an error.
std::optional<uint32_t> read_duration(const Place& place, uint32_t low_ms, uint32_t high_ms,
                                      ConfigErrors& errors);

// `a whole number with its unit (ms, s or m) RANGE`
std::string duration_allowed(std::string_view range);

}  // namespace belka
