// SPDX-License-Identifier: Apache-2.0
// The JSON of `stats`. Shares are 0 to 1 and null where nothing was observed.
#include <array>
#include <chrono>
#include <string_view>
#include <thread>

#include "control/stats.h"
#include "control/table_views.h"

namespace belka {
namespace {

using nlohmann::json;

struct VerdictText {
  std::string_view name, action, help;
};

#define VERDICT_TEXT(name, action, help) {#name, #action, help},
constexpr std::array<VerdictText, VERDICT_COUNT> kVerdicts{{VERDICTS(VERDICT_TEXT)}};
#undef VERDICT_TEXT

json count_json(const Count& count) {
  return {{"packets", count.packets}, {"bytes", count.bytes}, {"syns", count.syns}};
}

json plain_share(uint64_t part, uint64_t all) {
  return {{"count", part},
          {"share", all == 0 ? json(nullptr) : json(double(part) / static_cast<double>(all))}};
}

// New connections are draws of their own, so chance has its interval. Packets and bytes are not:
// one long download is not evidence of an uneven split, and they get no interval.
json syn_share(uint64_t part, uint64_t all) {
  json entry = plain_share(part, all);
  const auto observed = observe_share(part, all);
  entry["low"] = observed ? json(observed->low) : json(nullptr);
  entry["high"] = observed ? json(observed->high) : json(nullptr);
  return entry;
}

struct PoolCounts {
  PlaneCount total;  // since the tables were made
  PlaneCount since;  // since the service's last change
};

void add(PlaneCount& to, const PlaneCount& count) {
  to.xdp += count.xdp;
  to.dpdk += count.dpdk;
}

using Backends = std::vector<BackendView>;

std::vector<PoolCounts> count_pools(const struct tables& tables, const ServiceView& service,
                                    const Backends& backends,
                                    const StatsBaseline::Service& baseline) {
  std::vector<PoolCounts> pools(service.pools.size());
  for (const BackendView& backend : backends) {
    if (backend.service != service.number || backend.leaving) continue;
    if (backend.pool >= pools.size()) continue;
    const PlaneCount count = backend_count(tables, backend.number);
    PlaneCount since = count;
    if (const auto before = baseline.backends.find(backend.number);
        before != baseline.backends.end()) {
      since.xdp -= before->second.xdp;
      since.dpdk -= before->second.dpdk;
    }
    add(pools[backend.pool].total, count);
    add(pools[backend.pool].since, since);
  }
  return pools;
}

json pool_json(const PoolView& pool, uint32_t slots, const PoolCounts& counts, const Count& all) {
  const Count since = counts.since.sum();
  return {
      {"name", pool.name},
      {"wanted_ppm", pool.wanted_ppm},
      {"match", pool.match},
      {"slots", pool.slots},
      {"in_force", slots ? double(pool.slots) / slots : 0.0},
      {"observed",
       {{"syns", syn_share(since.syns, all.syns)},
        {"packets", plain_share(since.packets, all.packets)},
        {"bytes", plain_share(since.bytes, all.bytes)}}},
      {"planes", {{"xdp", count_json(counts.since.xdp)}, {"dpdk", count_json(counts.since.dpdk)}}},
      {"total", count_json(counts.total.sum())}};
}

json service_json(const struct tables& tables, const ServiceView& service, const Backends& backends,
                  const StatsBaseline& baseline, int64_t now_ns) {
  StatsBaseline::Service before;
  const auto known = baseline.services.find(service.number);
  if (known != baseline.services.end()) before = known->second;
  const auto counts = count_pools(tables, service, backends, before);
  Count all;
  for (const PoolCounts& pool : counts) all += pool.since.sum();
  json pools = json::array();
  for (size_t i = 0; i < counts.size(); i++)
    pools.push_back(pool_json(service.pools[i], service.slots, counts[i], all));
  json since = nullptr;
  if (before.generation != 0) {
    since = {{"generation", before.generation},
             {"seconds", static_cast<double>(now_ns - before.time_ns) / 1e9}};
  }
  Count dropped = dropped_count(tables, service.number).sum();
  dropped -= before.dropped.sum();
  return {{"name", service.name},
          {"removed", service.removed},
          {"endpoint", vip_text(service)},
          {"slots", service.slots},
          {"since", std::move(since)},
          {"observed", count_json(all)},
          {"dropped", {{"packets", dropped.packets}, {"bytes", dropped.bytes}}},
          {"pools", std::move(pools)}};
}

struct Plane {
  std::array<Count, VERDICT_COUNT> verdicts{};
  Count received;
  uint64_t received_later = 0;  // packets, read after the verdicts
  uint64_t sum = 0;             // packets of all verdicts
  uint64_t pins_refused = 0;
};

Plane read_plane(const struct tables& tables, uint32_t first_row, uint32_t end_row) {
  Plane plane;
  for (uint32_t row = first_row; row < end_row; row++) {
    const struct counters& counters = tables.counters[row];
    plane.received.packets += LOAD_RELAXED(counters.received);
    plane.received.bytes += LOAD_RELAXED(counters.received_bytes);
    plane.pins_refused += LOAD_RELAXED(counters.pins_refused);
  }
  for (uint32_t row = first_row; row < end_row; row++) {
    for (size_t i = 0; i < VERDICT_COUNT; i++) {
      const struct counter& counter = tables.counters[row].verdict[i];
      const uint64_t packets = LOAD_RELAXED(counter.packets);
      plane.verdicts[i] +=
          Count{.packets = packets, .bytes = LOAD_RELAXED(counter.bytes), .syns = 0};
      plane.sum += packets;
    }
  }
  for (uint32_t row = first_row; row < end_row; row++)
    plane.received_later += LOAD_RELAXED(tables.counters[row].received);
  return plane;
}

// Packets that come in while the counters are read are counted as received and not yet as a
// verdict, or the other way round. What lies between the two looks is no contradiction.
std::string_view check_plane(const Plane& plane) {
  if (plane.sum == plane.received.packets) return "equal";
  return plane.received.packets != plane.received_later ? "moving" : "unequal";
}

// Looks again where a plane was in the middle of a burst.
Plane read_plane_at_rest(const struct tables& tables, uint32_t first_row, uint32_t end_row) {
  constexpr int kLooks = 10;
  Plane plane = read_plane(tables, first_row, end_row);
  for (int look = 1; look < kLooks && check_plane(plane) != "equal"; look++) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    plane = read_plane(tables, first_row, end_row);
  }
  return plane;
}

json plane_json(std::string_view name, const Plane& plane) {
  json verdicts = json::array();
  for (size_t i = 0; i < VERDICT_COUNT; i++) {
    verdicts.push_back({{"name", kVerdicts[i].name},
                        {"action", kVerdicts[i].action},
                        {"packets", plane.verdicts[i].packets},
                        {"bytes", plane.verdicts[i].bytes},
                        {"help", kVerdicts[i].help}});
  }
  return {{"name", name},
          {"received", {{"packets", plane.received.packets}, {"bytes", plane.received.bytes}}},
          {"verdicts_sum", plane.sum},
          {"check", check_plane(plane)},
          {"pins_refused", plane.pins_refused},
          {"verdicts", std::move(verdicts)}};
}

}  // namespace

std::string_view verdict_name(enum verdict verdict) { return kVerdicts.at(verdict).name; }
std::string_view verdict_action(enum verdict verdict) { return kVerdicts.at(verdict).action; }
std::string_view verdict_help(enum verdict verdict) { return kVerdicts.at(verdict).help; }

json stats_json(const struct tables& tables, const StatsBaseline& baseline, int64_t now_ns) {
  const Backends backends = view_backends(tables);
  json services = json::array();
  for (const ServiceView& service : view_services(tables))
    services.push_back(service_json(tables, service, backends, baseline, now_ns));
  const uint32_t xdp_rows = tables.node->xdp_rows;
  const uint32_t rows = tables.node->counter_rows;
  return {{"services", std::move(services)},
          {"planes",
           {plane_json("xdp", read_plane_at_rest(tables, 0, xdp_rows)),
            plane_json("dpdk", read_plane_at_rest(tables, xdp_rows, rows))}}};
}

}  // namespace belka
