// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <tuple>

#include "control/config_parts.h"

namespace belka {
namespace {

std::string endpoint_text(const ServiceConfig& service) {
  return fmt::format("{}, port {}, {}", service.vip.text(),
                     service.port == 0 ? "all" : fmt::format("{}", service.port),
                     service.protocol == 6 ? "tcp" : "udp");
}

void check_names(const std::vector<ServiceAt>& services, ConfigErrors& errors) {
  std::map<std::string_view, const ServiceAt*> seen;
  for (const ServiceAt& service : services) {
    if (service.config.name.empty()) continue;
    const auto [first, is_new] = seen.emplace(service.config.name, &service);
    if (is_new) continue;
    errors.add(*find_value(service.place, "name"),
               fmt::format("found {}, which {} has already, give each service a name of its own",
                           service.config.name, first->second->place.path));
  }
}

void check_endpoints(const std::vector<ServiceAt>& services, ConfigErrors& errors) {
  std::map<std::tuple<Address, uint16_t, uint8_t>, const ServiceAt*> seen;
  for (const ServiceAt& service : services) {
    const ServiceConfig& config = service.config;
    if (config.vip.family == 0 || !service.has_port || !service.has_protocol) continue;
    const auto [first, is_new] =
        seen.emplace(std::tuple(config.vip, config.port, config.protocol), &service);
    if (is_new) continue;
    errors.add(
        *find_value(service.place, "vip"),
        fmt::format("found {}, which {} has already, allowed is one service for each VIP, port "
                    "and protocol",
                    endpoint_text(config), first->second->place.path));
  }
}

void check_limit(const Place& list, uint64_t found, uint64_t most, std::string_view of,
                 ConfigErrors& errors) {
  if (found > most)
    errors.add(list, fmt::format("found {} {}, allowed are at most {}", found, of, most));
}

}  // namespace

void check_services(const Place& list, const std::vector<ServiceAt>& services,
                    ConfigErrors& errors) {
  check_names(services, errors);
  check_endpoints(services, errors);
  uint64_t backends = 0;
  uint64_t slots = 0;
  for (const ServiceAt& service : services) {
    slots += service.config.slots;
    for (const PoolConfig& pool : service.config.pools) backends += pool.backends.size();
  }
  check_limit(list, services.size(), kMaxServices, "services", errors);
  check_limit(list, backends, kMaxBackends, "backends over all services", errors);
  check_limit(list, slots, kMaxSlots, "slots over all services", errors);
}

}  // namespace belka
