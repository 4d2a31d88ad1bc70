// SPDX-License-Identifier: Apache-2.0
#include "control/health_state.h"

#include "control/multiply_high.h"

namespace belka {
bool HealthState::note(bool passed, const HealthConfig& config) {
  failed_in_row = passed ? 0 : failed_in_row + 1;
  passed_in_row = passed ? passed_in_row + 1 : 0;
  const bool changes = up ? failed_in_row >= config.fall : passed_in_row >= config.rise;
  if (changes) up = !up;
  return changes;
}

uint64_t next_check_ns(uint64_t planned_ns, uint32_t every_ms, uint64_t now_ns) {
  const uint64_t every_ns = every_ms * kNsPerMs;
  const uint64_t next_ns = planned_ns + every_ns;
  if (next_ns + every_ns > now_ns) return next_ns;
  return now_ns + every_ns - (now_ns - planned_ns) % every_ns;
}

uint64_t first_check_ns(uint32_t id, uint32_t every_ms, uint64_t now_ns) {
  return now_ns + multiply_high(id * kGoldenRatio, every_ms * kNsPerMs);
}

}  // namespace belka
