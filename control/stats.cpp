// SPDX-License-Identifier: Apache-2.0
#include "control/stats.h"

#include <cmath>

#include "control/table_views.h"

namespace belka {
namespace {

// The 97.5 % quantile of the normal distribution: two-sided 95 %.
constexpr double kQuantile95 = 1.959963984540054;

Count read_counter(const struct counter& counter) {
  return {.packets = LOAD_RELAXED(counter.packets),
          .bytes = LOAD_RELAXED(counter.bytes),
          .syns = LOAD_RELAXED(counter.syns)};
}

template <typename Pick>
PlaneCount sum_rows(const struct tables& tables, const Pick& pick) {
  PlaneCount sums;
  for (uint32_t row = 0; row < tables.node->counter_rows; row++) {
    Count& plane = row < tables.node->xdp_rows ? sums.xdp : sums.dpdk;
    plane += read_counter(pick(tables.counters[row]));
  }
  return sums;
}

}  // namespace

Count& Count::operator+=(const Count& other) {
  packets += other.packets;
  bytes += other.bytes;
  syns += other.syns;
  return *this;
}

Count& Count::operator-=(const Count& other) {
  packets -= other.packets;
  bytes -= other.bytes;
  syns -= other.syns;
  return *this;
}

Count PlaneCount::sum() const {
  Count sum = xdp;
  sum += dpdk;
  return sum;
}

PlaneCount backend_count(const struct tables& tables, uint16_t backend) {
  return sum_rows(
      tables, [backend](const struct counters& row) -> const struct counter& {
        return row.backend[backend];
      });
}

PlaneCount dropped_count(const struct tables& tables, uint16_t service) {
  return sum_rows(
      tables, [service](const struct counters& row) -> const struct counter& {
        return row.dropped[service % SERVICES];
      });
}

std::optional<ObservedShare> observe_share(uint64_t k, uint64_t n) {
  if (n == 0) return std::nullopt;
  const double count = static_cast<double>(n);
  const double share = static_cast<double>(k) / count;
  const double square = kQuantile95 * kQuantile95;
  const double scale = 1 + square / count;
  const double middle = (share + square / (2 * count)) / scale;
  const double half =
      kQuantile95 * std::sqrt(share * (1 - share) / count + square / (4 * count * count)) / scale;
  return ObservedShare{
      .share = share, .low = std::max(0.0, middle - half), .high = std::min(1.0, middle + half)};
}

StatsBaseline::Service take_baseline(const struct tables& tables, uint16_t service,
                                     int64_t now_ns) {
  StatsBaseline::Service baseline{
      .generation = tables.node->generation, .time_ns = now_ns, .dropped = {}, .backends = {}};
  baseline.dropped = dropped_count(tables, service);
  for (uint32_t number = 1; number < SLOT_HOLD; number++) {
    const struct backend& backend = tables.backends[number];
    if (backend.next_hop.part.state == BACKEND_FREE || backend.retired != 0) continue;
    if (backend.service != service) continue;
    baseline.backends[static_cast<uint16_t>(number)] =
        backend_count(tables, static_cast<uint16_t>(number));
  }
  return baseline;
}

}  // namespace belka
