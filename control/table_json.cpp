// SPDX-License-Identifier: Apache-2.0
// The JSON of `get`: the contract with whoever reads it by program. Shares are 0 to 1, bytes and
// slots are counts, addresses are text; what is not known is null.
#include <fmt/format.h>

#include <algorithm>

#include "control/stats.h"
#include "control/table_views.h"

namespace belka {
namespace {

using nlohmann::json;

std::string hash_text(uint8_t source_bits) {
  return source_bits == 0 ? "five-tuple" : fmt::format("source/{}", source_bits);
}

json split_json(const ServiceView& service) {
  json pools = json::array();
  for (const PoolView& pool : service.pools) {
    pools.push_back({{"name", pool.name},
                     {"wanted_ppm", pool.wanted_ppm},
                     {"match", pool.match},
                     {"slots", pool.slots},
                     {"fallback", fallback_name(pool.fallback)},
                     {"in_force", service.slots ? double(pool.slots) / service.slots : 0.0}});
  }
  return pools;
}

json service_json(const ServiceView& service) {
  return {{"number", service.number},
          {"name", service.name},
          {"removed", service.removed},
          {"vip", service.vip.text()},
          {"port", service.port},
          {"protocol", protocol_name(service.protocol)},
          {"forward", mode_name(service.mode)},
          {"hash", hash_text(service.source_bits)},
          {"slots", service.slots},
          {"slot_base", service.slot_base},
          {"endpoint", vip_text(service)},
          {"pools", split_json(service)}};
}

// The names of a backend's service and pool; empty where its service is gone.
struct BackendNames {
  std::string service, pool;
  bool service_removed = false;
};

BackendNames names_of(const struct tables& tables, const BackendView& backend) {
  const auto service = view_service(tables, backend.service);
  if (!service) return {};
  const bool known = !backend.leaving && backend.pool < service->pools.size();
  return {service->name, known ? service->pools[backend.pool].name : "", service->removed};
}

json count_json(const PlaneCount& count) {
  const Count sum = count.sum();
  return {{"packets", sum.packets},
          {"bytes", sum.bytes},
          {"syns", sum.syns},
          {"xdp_packets", count.xdp.packets},
          {"dpdk_packets", count.dpdk.packets}};
}

json backend_json(const struct tables& tables, const BackendView& backend) {
  const BackendNames names = names_of(tables, backend);
  json entry = {{"number", backend.number},
                {"service", names.service},
                {"service_removed", names.service_removed},
                {"pool", names.pool},
                {"address", backend.address.text()},
                {"weight", backend.weight},
                {"slots", backend.slots},
                {"state", state_name(backend.state)},
                {"standing", standing_text(backend)},
                {"forward", mode_name(backend.mode)},
                {"next_hop", nullptr},
                {"interface", nullptr},
                {"mtu_bytes", nullptr},
                {"total", count_json(backend_count(tables, backend.number))}};
  if (backend.state == BACKEND_READY) {
    entry["next_hop"] = backend.next_hop_mac;
    entry["interface"] = interface_name(tables, backend.ifindex);
    entry["mtu_bytes"] = backend.mtu_bytes;
  }
  return entry;
}

}  // namespace

json services_json(const struct tables& tables) {
  json services = json::array();
  for (const ServiceView& service : view_services(tables))
    services.push_back(service_json(service));
  return {{"services", std::move(services)}};
}

json pools_json(const struct tables& tables) {
  const std::vector<BackendView> backends = view_backends(tables);
  json pools = json::array();
  for (const ServiceView& service : view_services(tables)) {
    size_t index = 0;
    for (json& pool : split_json(service)) {
      const auto in_pool = [&](const BackendView& backend) {
        return backend.service == service.number && backend.pool == index && !backend.leaving;
      };
      pool["service"] = service.name;
      pool["service_removed"] = service.removed;
      pool["backends"] = std::count_if(backends.begin(), backends.end(), in_pool);
      pool["ready"] = std::count_if(backends.begin(), backends.end(), [&](const BackendView& b) {
        return in_pool(b) && b.state == BACKEND_READY;
      });
      pool["up"] = std::count_if(backends.begin(), backends.end(),
                                 [&](const BackendView& b) { return in_pool(b) && is_up(b); });
      pools.push_back(std::move(pool));
      index++;
    }
  }
  return {{"pools", std::move(pools)}};
}

json backends_json(const struct tables& tables) {
  json backends = json::array();
  for (const BackendView& backend : view_backends(tables))
    backends.push_back(backend_json(tables, backend));
  return {{"backends", std::move(backends)}};
}

}  // namespace belka
