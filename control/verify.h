// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "dataplane/tables.h"

namespace belka {

// 16 hexadecimal digits over all that the tables mean: the VIPs; the services by name, each with
// what packets find for its key (hash key and mode), its pools, its backends, and the backend's
// address and pool of every slot. Not over numbers, bases and places, which depend on the past, nor
// over routes. So it is equal on every balancer with the same configuration and seed, and after a
// repair.
std::string tables_digest(const Tables& tables);

// What must hold between any two stores of a publish: every service's key finds one entry, the
// service's own, and every slot of its ring names a backend of that service that is in use. One
// sentence for each that does not.
std::vector<std::string> tables_faults(const Tables& tables);

}  // namespace belka
