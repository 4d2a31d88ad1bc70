// SPDX-License-Identifier: Apache-2.0
#include "control/config_duration.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace belka {
namespace {

constexpr std::array<std::pair<std::string_view, uint32_t>, 3> kUnits = {
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}}};

}  // namespace

std::optional<uint32_t> parse_duration(std::string_view text) {
  for (const auto& [unit, ms] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto number = parse_number(text.substr(0, text.size() - unit.size()), 0, UINT32_MAX / ms);
    if (number) return *number * ms;
  }
  return std::nullopt;
}

std::string format_duration(uint32_t ms) {
  return ms % 1'000 == 0 ? fmt::format("{}s", ms / 1'000) : fmt::format("{}ms", ms);
}

std::string duration_allowed(std::string_view range) {
  return fmt::format("a whole number with its unit (ms, s or m) {}", range);
}

std::optional<uint32_t> read_duration(const Place& place, uint32_t low_ms, uint32_t high_ms,
                                      ConfigErrors& errors) {
  const std::string allowed = duration_allowed(
      fmt::format("from {} to {}", format_duration(low_ms), format_duration(high_ms)));
  const auto text = read_text(place, allowed, errors);
  if (!text) return std::nullopt;
  const auto ms = parse_duration(*text);
  if (ms && *ms >= low_ms && *ms <= high_ms) return ms;
  errors.add_found(place, allowed);
  return std::nullopt;
}

}  // namespace belka
