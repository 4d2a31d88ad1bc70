// SPDX-License-Identifier: Apache-2.0
#include "control/build.h"

#include <fmt/format.h>

#include "control/shares.h"

namespace belka {
namespace {

std::vector<PoolShare> shares_of(const ServiceConfig& service) {
  std::vector<PoolShare> shares;
  for (const PoolConfig& pool : service.pools)
    shares.push_back({pool.name, pool.share_ppm, pool.match});
  return shares;
}

RingPool ring_pool(const PoolConfig& pool, uint32_t slots) {
  RingPool ring_pool{.name = pool.name, .backends = {}, .slots = slots};
  for (const BackendConfig& backend : pool.backends)
    ring_pool.backends.push_back({backend.address, backend.weight});
  return ring_pool;
}

uint8_t answered_by(uint8_t fallback) {
  constexpr uint8_t kProdPool = 0;
  if (fallback == POOL_PROD) return kProdPool;
  return fallback == POOL_REFUSE ? kNobody : kOwnRing;
}

void stand_in(const PoolStanding& standing, RingPool& pool) {
  pool.answered_by = answered_by(standing.fallback);
  for (size_t i = 0; i < pool.backends.size(); ++i)
    if (!standing.serves[i]) pool.backends[i].weight = 0;
}

bool is_empty_pool(const PoolConfig& pool) {
  for (const BackendConfig& backend : pool.backends)
    if (backend.weight != 0) return false;
  return true;
}

}  // namespace

std::vector<uint32_t> ServiceRing::slots_in_force() const {
  std::vector<uint32_t> slots(pools.size());
  for (const uint8_t pool : ring.pool_of_slot) ++slots[pool];
  return slots;
}

ServiceRing build_service_ring(const ServiceConfig& service, const Seed& seed,
                               const std::vector<PoolStanding>& standings) {
  ServiceRing built;
  const ShareSlots shares = share_slots(service.slots, shares_of(service));
  for (const ShareFault& fault : shares.faults)
    built.faults.push_back(fmt::format("service {}, {}: {}", service.name,
                                       fault.pool.empty() ? "split" : "pool " + fault.pool,
                                       fault.sentence));
  if (!built.faults.empty()) return built;
  for (size_t i = 0; i < service.pools.size(); ++i) {
    if (shares.slots[i] != 0 && is_empty_pool(service.pools[i]))
      built.faults.push_back(
          fmt::format("service {}, pool {}: found {} slots but no backend of a weight above 0, add "
                      "one or set its "
                      "share to 0",
                      service.name, service.pools[i].name, shares.slots[i]));
    built.pools.push_back(ring_pool(service.pools[i], shares.slots[i]));
  }
  if (!built.faults.empty()) return built;
  for (size_t i = 0; i < standings.size(); ++i) stand_in(standings[i], built.pools[i]);
  built.ring = build_ring(service_key(seed, service.name), service.slots, built.pools);
  return built;
}

}  // namespace belka
