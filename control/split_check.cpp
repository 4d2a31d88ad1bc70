// SPDX-License-Identifier: Apache-2.0
#include "control/split_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/split_spec.h"

namespace belka {
namespace {

const PoolConfig* find_canary(const ServiceConfig& service) {
  for (const PoolConfig& pool : service.pools)
    if (pool.name == kCanary) return &pool;
  return nullptr;
}

uint64_t sum_beside_prod(const ServiceConfig& service) {
  uint64_t sum = 0;
  for (const PoolConfig& pool : service.pools)
    if (pool.name != kProd) sum += wanted_ppm(service, pool);
  return sum;
}

void check_backends(const ServiceConfig& service, std::vector<ShareFault>& faults) {
  for (const PoolConfig& pool : service.pools) {
    const uint64_t ppm = wanted_ppm(service, pool);
    if (pool.name == kProd || ppm == 0 || !is_empty(pool)) continue;
    const char* matching = pool.match ? "match, which is " : "";
    faults.push_back(
        {pool.name, fmt::format("found {}{}, but the pool has no backend of a weight above 0, add "
                                "one or set its share to 0",
                                matching, format_percent(static_cast<uint32_t>(ppm)))});
  }
}

}  // namespace

uint64_t wanted_ppm(const ServiceConfig& service, const PoolConfig& pool) {
  if (pool.name == kProd) {
    const uint64_t others = sum_beside_prod(service);
    return others < kWholePpm ? kWholePpm - others : 0;
  }
  if (!pool.match) return pool.share_ppm;
  const PoolConfig* canary = find_canary(service);
  return canary == nullptr || canary->match ? 0 : canary->share_ppm;
}

bool is_empty(const PoolConfig& pool) {
  return std::none_of(pool.backends.begin(), pool.backends.end(),
                      [](const BackendConfig& backend) { return backend.weight > 0; });
}

std::vector<ShareFault> check_split(const ServiceConfig& service) {
  std::vector<PoolShare> shares = {{.name = std::string(kProd)}};
  for (const PoolConfig& pool : service.pools)
    if (pool.name != kProd) shares.push_back({pool.name, pool.share_ppm, pool.match});
  // In the largest ring every share is a slot, so that nothing is said about an unknown one.
  const uint32_t slots = service.slots == 0 ? kMaxSlots : service.slots;
  std::vector<ShareFault> faults = share_slots(slots, shares).faults;
  check_backends(service, faults);
  return faults;
}

}  // namespace belka
