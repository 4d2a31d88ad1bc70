// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "split/tables.h"

namespace belka {

// Sums of the counters' rows. Rows below node->xdp_rows are the XDP program's, the others the data
// plane's. A packet that XDP hands over is `redirected` there and counted once more by the data
// plane; a backend's counters grow only in the plane that sends the packet, so their sums count
// every packet once.
struct Count {
  uint64_t packets = 0;
  uint64_t bytes = 0;  // of frames as received
  uint64_t syns = 0;   // TCP SYN without ACK
  Count& operator+=(const Count& other);
  Count& operator-=(const Count& other);
  bool operator==(const Count&) const = default;
};

struct PlaneCount {
  Count xdp, dpdk;
  Count sum() const;
};

PlaneCount backend_count(const struct tables& tables, uint16_t backend);
PlaneCount dropped_count(const struct tables& tables, uint16_t service);

// A share k of n with its 95 % interval (Wilson, "Probable inference, the law of succession, and
// statistical inference", 1927): by chance alone the true share is outside it once in twenty times.
struct ObservedShare {
  double share, low, high;  // 0 to 1
};
// None where n is 0: nothing was observed, which is not a share of 0.
std::optional<ObservedShare> observe_share(uint64_t k, uint64_t n);

// Where counting began: shares are observed since the last change of a service, because what was
// counted under another split says nothing about the one in force.
struct StatsBaseline {
  struct Service {
    uint64_t generation = 0;  // of the change; 0: since the tables were made
    int64_t time_ns = 0;      // CLOCK_MONOTONIC
    PlaneCount dropped;
    std::map<uint16_t, PlaneCount> backends;
  };
  std::map<uint16_t, Service> services;  // by service number
};

// The counters of a service's backends as they stand now.
StatsBaseline::Service take_baseline(const struct tables& tables, uint16_t service, int64_t now_ns);

// Of a verdict in the list, not VERDICT_none.
std::string_view verdict_name(enum verdict verdict);
std::string_view verdict_action(enum verdict verdict);
std::string_view verdict_help(enum verdict verdict);

// What `stats` shows: {"services": [...], "planes": [...]}; the fields stand in stats_json.cpp.
nlohmann::json stats_json(const struct tables& tables, const StatsBaseline& baseline,
                          int64_t now_ns);

}  // namespace belka
