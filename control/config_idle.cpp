// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <netinet/in.h>

#include <array>

#include "control/config_duration.h"
#include "control/config_parts.h"

namespace belka {
namespace {

constexpr std::array<std::string_view, 2> kIdleKeys = {"tcp", "udp"};

// Ticks are counted up, so one millisecond above a tick are two of them.
bool is_allowed(uint32_t idle_ms, uint32_t tick_ms) {
  const uint32_t ticks = ticks_of(idle_ms, tick_ms);
  return ticks >= kMinIdleTicks && ticks <= kMaxIdleTicks;
}

std::string range_of(uint32_t tick_ms) {
  return fmt::format("above {} and up to {}, which are {} to {} ticks of {}",
                     format_duration((kMinIdleTicks - 1) * tick_ms),
                     format_duration(kMaxIdleTicks * tick_ms), kMinIdleTicks, kMaxIdleTicks,
                     format_duration(tick_ms));
}

std::optional<uint32_t> read_protocols_idle(const Place& place, uint32_t tick_ms,
                                            ConfigErrors& errors) {
  const std::string allowed = duration_allowed(tick_ms == 0 ? "" : range_of(tick_ms));
  const auto text = read_text(place, allowed, errors);
  if (!text) return std::nullopt;
  const auto idle_ms = parse_duration(*text);
  if (idle_ms && (tick_ms == 0 || is_allowed(*idle_ms, tick_ms))) return idle_ms;
  errors.add_found(place, allowed);
  return std::nullopt;
}

}  // namespace

void read_idle(const Place& place, uint32_t tick_ms, ServiceAt& service, ConfigErrors& errors) {
  const std::string_view own = service.config.protocol == IPPROTO_UDP ? "udp" : "tcp";
  service.config.idle_ms = default_idle_ms(service.config.protocol);
  const auto idle = find_value(place, "idle");
  bool has_own = false;
  if (idle) {
    if (!check_map(*idle, kIdleKeys, errors)) return;
    for (const std::string_view protocol : kIdleKeys) {
      const auto value = find_value(*idle, protocol);
      if (!value) continue;
      const auto idle_ms = read_protocols_idle(*value, tick_ms, errors);
      if (protocol != own) continue;
      has_own = true;
      service.config.idle_ms = idle_ms.value_or(service.config.idle_ms);
    }
  }
  if (has_own || !service.has_protocol || tick_ms == 0) return;
  if (is_allowed(service.config.idle_ms, tick_ms)) return;
  const Place at = idle.value_or(place);
  errors.add(
      at.node->line, place.path + ".idle." + std::string(own),
      fmt::format("found nothing, which is {}, allowed is {}, write one",
                  format_duration(service.config.idle_ms), duration_allowed(range_of(tick_ms))));
}

}  // namespace belka
