// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/config.h"
#include "control/ring.h"
#include "control/seed.h"
#include "control/standing.h"

namespace belka {

// A service's ring. Faults, whole sentences, only for a configuration that its own
// checks would have refused; the rest is then meaningless.
struct ServiceRing {
  std::vector<RingPool> pools;  // as the configuration's, with the slots that each owns
  Ring ring;
  std::vector<std::string> faults;

  // By pool: the slots that it answers, or that nobody answers for it.
  std::vector<uint32_t> slots_in_force() const;
};

// Pure: from the configuration, the seed, and how the pools stand (by pool; empty: as configured).
ServiceRing build_service_ring(const ServiceConfig& service, const Seed& seed,
                               const std::vector<PoolStanding>& standings = {});

}  // namespace belka
