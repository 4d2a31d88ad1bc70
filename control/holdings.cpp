// SPDX-License-Identifier: Apache-2.0
#include "control/holdings.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace belka {
namespace {

bool is_blank(const void* bytes, size_t size) {
  const auto* words = static_cast<const uint64_t*>(bytes);
  uint64_t any = 0;
  for (size_t i = 0; i < size / sizeof *words; ++i) any |= words[i];
  return any == 0;
}

class Reader {
 public:
  Reader(const TableView& tables, uint64_t now_ns, Resting& resting)
      : tables_(tables), now_ns_(now_ns), resting_(resting), owner_(SERVICES) {
    resting_.freed_ns = now_ns;
  }

  Holdings read() {
    read_services();
    read_backends();
    read_entries();
    read_free_slots();
    for (auto& [name, service] : holdings_.services) {
      put_reachable_range_first(service);
      count_slots(service);
    }
    return std::move(holdings_);
  }

 private:
  void read_services() {
    std::vector<uint16_t> used_before;
    for (uint16_t number = 0; number < SERVICES; ++number) {
      const InfoRecord& info = tables_.service_info[number];
      if (info.name[0] == 0) {
        if (info.pools == 0) holdings_.free_services.add(number, 0);
        if (info.pools != 0) used_before.push_back(number);
        continue;
      }
      HeldService service;
      service.number = number;
      service.config = config_of(info);
      service.draining = info.draining != 0;
      const auto [place, is_new] =
          holdings_.services.try_emplace(service.config.name, std::move(service));
      if (is_new) owner_[number] = &place->second;
      if (!is_new) holdings_.stray_services.push_back(number);
    }
    for (const uint16_t number : used_before) holdings_.free_services.add(number, now_ns_);
  }

  void read_backends() {
    for (uint16_t number = 1; number <= BACKENDS_MAX; ++number) {
      const BackendRecord& record = tables_.backends[number];
      if (record.next_hop.part.state != BACKEND_FREE && record.retired == 0) {
        read_backend(number, record);
      } else if (is_blank(&record, sizeof record)) {
        holdings_.free_backends.add(number, 0);
      } else {
        resting_.backends.push_back(number);
      }
    }
    for (const uint16_t number : resting_.backends) holdings_.free_backends.add(number, now_ns_);
  }

  void read_backend(uint16_t number, const BackendRecord& record) {
    HeldService* owner = record.service < SERVICES ? owner_[record.service] : nullptr;
    const auto mode =
        record.next_hop.part.mode == FORWARD_IPIP ? ForwardMode::ipip : ForwardMode::l2;
    if (!owner) {
      holdings_.stray_backends.push_back(number);
      return;
    }
    // A pool that there is not: the publisher was killed before it gave the backend its new one.
    if (record.draining != 0 || record.pool >= owner->config.pools.size() ||
        owner->config.pools[record.pool].name.empty()) {
      owner->leaving.push_back({number, record.pool, mode, address_of(record), record.weight, 0});
      return;
    }
    const Address address = address_of(record);
    owner->backends.push_back({number, record.pool, mode, address, record.weight, 0});
    if (mode != owner->config.forward) return;
    if (!seen_.emplace(owner->number, record.pool, address).second) return;
    owner->config.pools[record.pool].backends.push_back({address, record.weight});
  }

  void read_entries() {
    for (uint32_t place = 0; place < SERVICE_TABLE; ++place) {
      const EntryRecord& entry = tables_.services[place];
      const uint8_t family = static_cast<uint8_t>(entry.port_protocol_family >> 24);
      if (family == PLACE_EMPTY || family == PLACE_TOMBSTONE) continue;
      if (is_vip_key(entry.port_protocol_family)) continue;
      const SlotRange range{entry.slot_base, entry.slot_mask + 1};
      if (!holdings_.slots.occupy(range)) continue;
      HeldService* owner = entry.service < SERVICES ? owner_[entry.service] : nullptr;
      auto& ranges = owner ? owner->ranges : holdings_.stray_ranges;
      if (std::find(ranges.begin(), ranges.end(), range) == ranges.end()) ranges.push_back(range);
    }
  }

  // Lines of slots that nobody owns, and that are not blank.
  void read_free_slots() {
    for (const SlotRange& gap : holdings_.slots.gaps()) {
      SlotRange run{gap.base, 0};
      const uint32_t end = gap.base + gap.slots;
      for (uint32_t base = gap.base; base < end; base += SLOTS_PER_LINE) {
        const bool blank = is_blank(tables_.slots + base, SLOTS_PER_LINE * sizeof(uint32_t));
        if (!blank && run.slots == 0) run.base = base;
        if (!blank) run.slots += SLOTS_PER_LINE;
        if (blank) end_run(run);
      }
      end_run(run);
    }
  }

  void end_run(SlotRange& run) {
    if (run.slots != 0) {
      resting_.ranges.push_back(run);
      holdings_.slots.release(run, now_ns_);
    }
    run.slots = 0;
  }

  void put_reachable_range_first(HeldService& service) {
    const TableKey key = key_of(service.config);
    choice found{};
    if (!service_find(&tables_, &key, &found) || found.service != service.number) return;
    const SlotRange range{found.slot_base, found.slot_mask + 1};
    const auto place = std::find(service.ranges.begin(), service.ranges.end(), range);
    if (place != service.ranges.end()) std::iter_swap(place, service.ranges.begin());
  }

  void count_slots(HeldService& service) {
    if (service.ranges.empty()) return;
    const SlotRange range = service.ranges.front();
    std::vector<uint32_t> counts(BACKENDS);
    for (uint32_t i = 0; i < range.slots; ++i)
      ++counts[slot_current(tables_.slots[range.base + i])];
    for (HeldBackend& backend : service.backends) backend.slots = counts[backend.number];
  }

  const TableView& tables_;
  const uint64_t now_ns_;
  Resting& resting_;
  std::vector<HeldService*> owner_;  // by number
  std::set<std::tuple<uint16_t, uint8_t, Address>> seen_;
  Holdings holdings_;
};

}  // namespace

uint32_t HeldService::pool_slots(size_t pool) const {
  uint32_t slots = 0;
  for (const HeldBackend& backend : backends)
    if (backend.pool == pool) slots += backend.slots;
  return slots;
}

Holdings read_holdings(const TableView& tables, uint64_t now_ns, Resting& resting) {
  return Reader(tables, now_ns, resting).read();
}

Config config_of(const Holdings& holdings) {
  std::map<uint16_t, const ServiceConfig*> by_number;
  for (const auto& [name, service] : holdings.services)
    if (!service.draining) by_number.emplace(service.number, &service.config);
  Config config;
  for (const auto& [number, service] : by_number) config.services.push_back(*service);
  return config;
}

}  // namespace belka
