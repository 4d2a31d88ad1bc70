// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "control/config.h"
#include "control/config_reader.h"

namespace belka {

// The parts of parse_config, one file each. What could not be read is an error and left at a value
// by which the later checks say nothing more about it: an address of family 0, an empty name, no
// pools, slots 0.

// A service as read, and where.
struct ServiceAt {
  ServiceConfig config;
  Place place;
  bool has_port = false;
  bool has_protocol = false;
};

// tick_ms 0: not known.
ServiceAt read_service(const Place& place, uint32_t tick_ms,
                       ConfigErrors& errors);                                // config_service.cpp
void read_pools(const Place& place, ServiceConfig& service, ConfigErrors&);  // config_pools.cpp
void read_split(const Place& place, ServiceConfig& service, ConfigErrors&);  // config_split.cpp

// The whole service's place: `idle` may be missing where the default would not do. config_idle.cpp
void read_idle(const Place& place, uint32_t tick_ms, ServiceAt& service, ConfigErrors& errors);
// Knows the service's port already. config_health.cpp
void read_health(const Place& place, ServiceAt& service, ConfigErrors& errors);

// What no service can see alone: names and VIPs that stand twice, the sums. config_services.cpp
void check_services(const Place& list, const std::vector<ServiceAt>& services,
                    ConfigErrors& errors);

}  // namespace belka
