// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/config.h"
#include "split/tables.h"

namespace belka {

// What is known of a backend beside its configuration.
struct BackendStanding {
  bool healthy = true;              // by its checks; true where there are none
  uint8_t admin = BACKEND_ENABLED;  // enum backend_admin
  bool is_down = false;             // is marked so (BACKEND_DOWN)
  bool rests = false;               // so recently that a pin may yet be left that names it
};

// What a pool does with that.
struct PoolStanding {
  uint8_t fallback = POOL_ITSELF;  // enum pool_fallback
  uint32_t backends = 0;           // with a weight above 0
  uint32_t up = 0;                 // of them: healthy, and not taken out by an operator
  uint32_t possible = 0;           // of them: not taken out by an operator
  uint32_t needed = 0;             // so many up, so that the pool serves itself, or does again
  std::vector<bool> serves;        // by backend: new connections may go to it
  std::vector<uint8_t> marks;      // by backend: enum backend_down, or-ed
  std::vector<bool> waits;         // by backend: it would serve, but for its rest
};

// Who of a pool serves. Pure. `fallback_before` is what was in force (enum pool_fallback).
//
// A backend that an operator drained gets no new connections; one that he disabled, and one that
// fails its checks, is down as well: its connections are given up.
//
// A pool falls back when none of its backends is up, or fewer than `min_healthy` (rounded up) of
// those with a weight that no operator took out: to drain or to disable one, or to let it back, is
// no reason, unless it was the last. So those that pass their checks and only rest before they
// come back are not counted there. It serves itself again when one more is up than that, or all
// that no operator took out, those that rest among them. Where one alone is enough, and where the
// fallback is to refuse (which helps nobody), as many as are needed end it.
PoolStanding stand(const PoolConfig& pool, const std::vector<BackendStanding>& backends,
                   uint8_t fallback_before);

}  // namespace belka
