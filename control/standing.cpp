// SPDX-License-Identifier: Apache-2.0
#include "control/standing.h"

#include <algorithm>

namespace belka {
namespace {

constexpr uint32_t kAllPercent = 100;

// It may serve as soon as somebody lets it.
bool is_free(const BackendStanding& backend) {
  return backend.admin == BACKEND_ENABLED && !(backend.is_down && backend.rests);
}

bool has_too_few(const PoolStanding& pool, uint8_t fallback_before) {
  if (pool.backends == 0) return false;
  const bool wants_more = fallback_before == POOL_PROD || fallback_before == POOL_USE_ALL;
  if (!wants_more || pool.needed == 1) return pool.up < pool.needed;
  return pool.up < std::max(pool.needed, std::min(pool.needed + 1, pool.possible));
}

enum pool_fallback fallback_of(const PoolConfig& pool, bool any_is_free) {
  const enum pool_fallback otherwise = pool.name == kProd ? POOL_REFUSE : POOL_PROD;
  switch (pool.fallback) {
    case Fallback::prod:
      return POOL_PROD;
    case Fallback::refuse:
      return POOL_REFUSE;
    case Fallback::use_all:
      break;
  }
  return any_is_free ? POOL_USE_ALL : otherwise;
}

uint8_t mark_of(const BackendStanding& backend, bool uses_all) {
  const bool is_out = backend.admin == BACKEND_DISABLED || (!backend.healthy && !uses_all) ||
                      (backend.is_down && backend.rests);
  const int mark = is_out ? BACKEND_DOWN : 0;
  return static_cast<uint8_t>(backend.healthy ? mark : mark | BACKEND_UNHEALTHY);
}

}  // namespace

PoolStanding stand(const PoolConfig& pool, const std::vector<BackendStanding>& backends,
                   uint8_t fallback_before) {
  PoolStanding standing;
  bool any_is_free = false;
  for (size_t i = 0; i < backends.size(); ++i) {
    if (pool.backends[i].weight == 0) continue;
    ++standing.backends;
    any_is_free |= is_free(backends[i]);
    standing.possible += backends[i].admin == BACKEND_ENABLED ? 1 : 0;
    standing.up += is_free(backends[i]) && backends[i].healthy ? 1 : 0;
  }
  const uint32_t share = standing.backends * pool.min_healthy_percent + kAllPercent - 1;
  standing.needed = std::max(1u, share / kAllPercent);
  if (has_too_few(standing, fallback_before)) standing.fallback = fallback_of(pool, any_is_free);
  const bool uses_all = standing.fallback == POOL_USE_ALL;
  for (const BackendStanding& backend : backends) {
    standing.serves.push_back(is_free(backend) && (backend.healthy || uses_all));
    standing.marks.push_back(mark_of(backend, uses_all));
    standing.waits.push_back(backend.is_down && backend.rests &&
                             backend.admin != BACKEND_DISABLED && (backend.healthy || uses_all));
  }
  return standing;
}

}  // namespace belka
