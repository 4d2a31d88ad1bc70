// SPDX-License-Identifier: Apache-2.0
#include "control/status_json.h"

#include <algorithm>

#include "control/health_state.h"
#include "control/table_views.h"
#include "control/version.h"

namespace belka {
namespace {

using nlohmann::json;

json queue_json(const struct tables& tables, const StatusSource::Interface& interface,
                uint32_t queue, uint64_t heartbeat_ns, int64_t now_ns) {
  const struct heartbeat& heartbeat =
      tables.heartbeats[(interface.place % INTERFACES) * QUEUES + queue];
  const uint64_t beat_ns = LOAD_RELAXED(heartbeat.beat_ns);
  const auto now = static_cast<uint64_t>(now_ns);
  const bool fresh = beat_ns != 0 && heartbeat_is_fresh(beat_ns, now, heartbeat_ns);
  // Below 0 it is ahead; one that beat since now_ns was read is 0 old.
  const auto since_ns = static_cast<int64_t>(now - beat_ns);
  const int64_t age_ns = fresh ? std::max<int64_t>(0, since_ns) : since_ns;
  const char* plane = fresh ? "dpdk" : "xdp";
  return {{"queue", queue},
          {"heartbeat", beat_ns == 0 ? "none"
                        : fresh      ? "fresh"
                                     : "stale"},
          {"age_us", beat_ns == 0 ? json(nullptr) : json(age_ns / 1000)},
          {"plane", interface.attached ? plane : "none"}};
}

json interface_json(const struct tables& tables, const StatusSource::Interface& interface,
                    uint64_t heartbeat_ns, int64_t now_ns) {
  json queues = json::array();
  for (uint32_t queue = 0; queue < std::min<uint32_t>(interface.queues, QUEUES); queue++)
    queues.push_back(queue_json(tables, interface, queue, heartbeat_ns, now_ns));
  return {{"name", interface.name},
          {"ifindex", interface.ifindex},
          {"mode", interface.native ? "native" : "generic"},
          {"attached", interface.attached},
          {"note", interface.note},
          {"queues", std::move(queues)}};
}

json unresolved_json(const json& backends, const StatusSource& source) {
  json unresolved = json::array();
  for (const json& backend : backends) {
    if (backend.at("state") != state_name(BACKEND_UNRESOLVED)) continue;
    const std::string reason = source.unresolved_reason(backend.at("number").get<uint16_t>());
    unresolved.push_back({{"number", backend.at("number")},
                          {"service", backend.at("service")},
                          {"pool", backend.at("pool")},
                          {"address", backend.at("address")},
                          {"reason", reason.empty() ? "not looked for yet" : reason}});
  }
  return unresolved;
}

// Who of the configuration gets no new connections, and why.
json down_json(const json& backends, const StatusSource& source) {
  json down = json::array();
  for (const json& backend : backends) {
    if (backend.at("standing") == "up") continue;
    down.push_back({{"number", backend.at("number")},
                    {"service", backend.at("service")},
                    {"pool", backend.at("pool")},
                    {"address", backend.at("address")},
                    {"standing", backend.at("standing")},
                    {"reason", source.down_reason(backend.at("number").get<uint16_t>())}});
  }
  return down;
}

// Who is up without being checked, and why.
json unchecked_json(const json& backends, const StatusSource& source) {
  json unchecked = json::array();
  for (const json& backend : backends) {
    const std::string reason = source.down_reason(backend.at("number").get<uint16_t>());
    if (backend.at("standing") != "up" || reason.empty()) continue;
    unchecked.push_back({{"number", backend.at("number")},
                         {"service", backend.at("service")},
                         {"pool", backend.at("pool")},
                         {"address", backend.at("address")},
                         {"reason", reason}});
  }
  return unchecked;
}

json fallbacks_json(const struct tables& tables) {
  json fallbacks = json::array();
  const json all = pools_json(tables);
  for (const json& pool : all.at("pools")) {
    if (pool.at("fallback") == fallback_name(POOL_ITSELF)) continue;
    fallbacks.push_back({{"service", pool.at("service")},
                         {"pool", pool.at("name")},
                         {"fallback", pool.at("fallback")},
                         {"up", pool.at("up")},
                         {"backends", pool.at("backends")}});
  }
  return fallbacks;
}

json checks_json(const StatusSource::Checks& checks) {
  return {{"backends", checks.backends},
          {"passed", checks.passed},
          {"failed", checks.failed},
          {"postponed", checks.postponed},
          {"lack", checks.lack}};
}

json applied_json(const StatusSource& source) {
  const auto applied = source.applied();
  if (!applied) return nullptr;
  return {{"file", applied->file}, {"digest", applied->digest}, {"time_s", applied->time_s}};
}

}  // namespace

json status_json(const struct tables& tables, const StatusSource& source, int64_t now_ns) {
  json interfaces = json::array();
  const uint64_t heartbeat_ns = source.heartbeat_ms() * kNsPerMs;
  for (const StatusSource::Interface& interface : source.interfaces())
    interfaces.push_back(interface_json(tables, interface, heartbeat_ns, now_ns));
  const json all = backends_json(tables);
  const json& backends = all.at("backends");
  return {{"version", kVersion},
          {"layout", tables.node->layout_version},
          {"generation", tables.node->generation},
          {"instance", source.instance()},
          {"heartbeat_ms", source.heartbeat_ms()},
          {"applied", applied_json(source)},
          {"interfaces", std::move(interfaces)},
          {"services", services_json(tables).at("services")},
          {"unresolved", unresolved_json(backends, source)},
          {"checks", checks_json(source.checks())},
          {"down", down_json(backends, source)},
          {"unchecked", unchecked_json(backends, source)},
          {"fallbacks", fallbacks_json(tables)}};
}

}  // namespace belka
