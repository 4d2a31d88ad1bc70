// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "control/config.h"
#include "control/shares.h"

namespace belka {

// The share that the pool really asks for: its own, or the canary's where it matches. Of prod: the
// rest. 64 bits, since the sum over a faulty service's pools may be anything.
uint64_t wanted_ppm(const ServiceConfig& service, const PoolConfig& pool);

// True where no backend of the pool has a weight above 0.
bool is_empty(const PoolConfig& pool);

// Every fault of the service's split, given its pools: those of share_slots (control/shares.h), and
// a share for a pool without backends. While slots is 0 (not known) none that depends on it.
std::vector<ShareFault> check_split(const ServiceConfig& service);

}  // namespace belka
