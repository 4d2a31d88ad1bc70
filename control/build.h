// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/config.h"
#include "control/ring.h"
#include "control/seed.h"

namespace belka {

// A service's ring as configured. Faults, whole sentences, only for a configuration that its own
// checks would have refused; the rest is then meaningless.
struct ServiceRing {
  std::vector<RingPool> pools;  // as the configuration's, with the slots of each
  Ring ring;
  std::vector<std::string> faults;
};

// Pure: from the configuration and the seed alone.
ServiceRing build_service_ring(const ServiceConfig& service, const Seed& seed);

}  // namespace belka
