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

bool is_possible(const BackendStanding& backend) { return backend.admin == BACKEND_ENABLED; }

// It is about to serve, and fails nothing.
bool returns(const BackendStanding& backend) {
  return is_possible(backend) && backend.healthy && backend.is_down && backend.rests;
}

uint32_t needed_of(const PoolConfig& pool, uint32_t possible, uint32_t returning,
                   uint8_t fallback) {
  const uint32_t counted = fallback == POOL_ITSELF ? possible - returning : possible;
  const uint32_t share = counted * pool.min_healthy_percent + kAllPercent - 1;
  const uint32_t needed = std::max(1u, share / kAllPercent);
  const bool wants_more = fallback == POOL_PROD || fallback == POOL_USE_ALL;
  if (!wants_more || needed == 1) return needed;
  return std::max(needed, std::min(needed + 1, possible));
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
  uint32_t returning = 0;
  for (size_t i = 0; i < backends.size(); ++i) {
    if (pool.backends[i].weight == 0) continue;
    ++standing.backends;
    any_is_free |= is_free(backends[i]);
    standing.possible += is_possible(backends[i]) ? 1 : 0;
    returning += returns(backends[i]) ? 1 : 0;
    standing.up += is_free(backends[i]) && backends[i].healthy ? 1 : 0;
  }
  const enum pool_fallback way = fallback_of(pool, any_is_free);  // where it falls back
  const uint32_t needed = needed_of(pool, standing.possible, returning,
                                    fallback_before == POOL_ITSELF ? POOL_ITSELF : way);
  if (standing.backends != 0 && standing.up < needed) standing.fallback = way;
  standing.needed = needed_of(pool, standing.possible, returning, standing.fallback);
  const bool uses_all = standing.fallback == POOL_USE_ALL;
  // Also where it cannot yet, since all rest.
  const bool wants_all = standing.fallback != POOL_ITSELF && pool.fallback == Fallback::use_all;
  for (const BackendStanding& backend : backends) {
    standing.serves.push_back(is_free(backend) && (backend.healthy || uses_all));
    standing.marks.push_back(mark_of(backend, uses_all));
    standing.waits.push_back(backend.is_down && backend.rests &&
                             backend.admin != BACKEND_DISABLED && (backend.healthy || wants_all));
  }
  return standing;
}

}  // namespace belka
