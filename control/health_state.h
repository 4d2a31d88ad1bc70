// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "control/config.h"

namespace belka {

inline constexpr uint64_t kNsPerMs = 1'000'000;

// What a backend counts as, by its checks so far. Pure.
struct HealthState {
  bool up = true;
  uint32_t failed_in_row = 0;
  uint32_t passed_in_row = 0;

  // Down after `fall` failed checks in a row, up after `rise` passed ones. True where that changed.
  bool note(bool passed, const HealthConfig& config);

  bool operator==(const HealthState&) const = default;
};

// When the check after the one planned for planned_ns is to start: one `every` later. A checker
// that was kept from its work for so long that this one is past too leaves out what it missed, so
// that it does not start all targets at once.
uint64_t next_check_ns(uint64_t planned_ns, uint32_t every_ms, uint64_t now_ns);

// When the first check of a target starts: within `every`, at a place of its own, so that any
// targets, by consecutive numbers too, are spread evenly.
uint64_t first_check_ns(uint32_t id, uint32_t every_ms, uint64_t now_ns);

}  // namespace belka
