// SPDX-License-Identifier: Apache-2.0
#include "control/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "control/siphash.h"
#include "control/table_values.h"

namespace belka {
namespace {

struct Found {
  uint16_t number;
  ServiceConfig config;
  std::optional<choice> entry;  // what a packet for it finds
};

std::map<std::string, Found> find_services(const TableView& tables) {
  std::map<std::string, Found> services;
  for (uint16_t number = 0; number < SERVICES; ++number) {
    const InfoRecord& info = tables.service_info[number];
    if (info.name[0] == 0) continue;
    Found found{number, config_of(info), std::nullopt};
    const TableKey key = key_of(found.config);
    choice entry{};
    if (service_find(&tables, &key, &entry)) found.entry = entry;
    services.emplace(found.config.name, found);
  }
  return services;
}

bool in_use(const BackendRecord& record) {
  return record.next_hop.part.state != BACKEND_FREE && record.retired == 0;
}

// One that drains, and a pool that refuses, send new connections nowhere.
bool may_refuse(const InfoRecord& info) {
  return info.draining != 0 ||
         std::any_of(std::begin(info.pool), std::end(info.pool),
                     [](const PoolRecord& pool) { return pool.fallback == POOL_REFUSE; });
}

bool names_own(const TableView& tables, const Found& service, uint16_t number) {
  if (number == 0 && may_refuse(tables.service_info[service.number])) return true;
  const BackendRecord& record = tables.backends[number];
  return in_use(record) && record.service == service.number && (record.down & BACKEND_DOWN) == 0;
}

std::string pool_name(const Found& service, const BackendRecord& record) {
  return record.pool < service.config.pools.size() ? service.config.pools[record.pool].name
                                                   : "none";
}

std::string slot_text(const TableView& tables, const Found& service, uint32_t slot) {
  const BackendRecord& record = tables.backends[slot_current(slot)];
  if (slot != slot_settled(slot_current(slot))) return fmt::format("unsettled {:08x}", slot);
  if (!in_use(record)) return "none";
  return fmt::format("{} {}", pool_name(service, record), address_of(record).text());
}

void write_entry(const TableView& tables, const Found& service, std::string& out) {
  if (!service.entry) {
    out += " not reachable\n";
    return;
  }
  const choice& entry = *service.entry;
  out += fmt::format(" own {} key {:016x}{:016x} source {} slots {}\n",
                     entry.service == service.number, entry.hash_key[0], entry.hash_key[1],
                     entry.source_bits, entry.slot_mask + 1);
  std::map<uint32_t, std::string> texts;
  for (uint32_t i = 0; i <= entry.slot_mask; ++i) {
    const uint32_t slot = LOAD_RELAXED(*slot_at(&tables, entry.slot_base + i));
    std::string& text = texts[slot];
    if (text.empty()) text = slot_text(tables, service, slot);
    out += text + "\n";
  }
}

// In use, by service; in no order.
std::map<uint16_t, std::vector<const BackendRecord*>> find_backends(const TableView& tables) {
  std::map<uint16_t, std::vector<const BackendRecord*>> backends;
  for (uint32_t number = 1; number <= BACKENDS_MAX; ++number)
    if (in_use(tables.backends[number]))
      backends[tables.backends[number].service].push_back(&tables.backends[number]);
  return backends;
}

// Nothing of what is as the configuration says.
std::string standing_text(const BackendRecord& record) {
  if (record.down == 0 && record.admin == BACKEND_ENABLED) return "";
  return fmt::format(" down {} admin {}", record.down, record.admin);
}

std::string fallback_text(const PoolRecord& pool) {
  return pool.fallback == POOL_ITSELF ? "" : fmt::format(" fallback {}", pool.fallback);
}

void write_backends(const Found& service, const std::vector<const BackendRecord*>& backends,
                    std::string& out) {
  std::vector<std::string> lines;
  lines.reserve(backends.size());
  for (const BackendRecord* record : backends)
    lines.push_back(fmt::format("{} {} weight {} mode {}{}\n", pool_name(service, *record),
                                address_of(*record).text(), record->weight,
                                record->next_hop.part.mode, standing_text(*record)));
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) out += line;
}

void write_vips(const TableView& tables, std::string& out) {
  std::vector<std::string> lines;
  for (uint32_t place = 0; place < SERVICE_TABLE; ++place) {
    const EntryRecord& entry = tables.services[place];
    const auto family = static_cast<uint8_t>(entry.port_protocol_family >> 24);
    if (family != 4 && family != 6) continue;
    lines.push_back(fmt::format("{} {:06x}\n", from_wire(entry.vip, family).text(),
                                entry.port_protocol_family & 0xffffff));
  }
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) out += line;
}

}  // namespace

std::string tables_digest(const Tables& tables) {
  const TableView& view = *tables.view();
  std::string out;
  write_vips(view, out);
  auto backends = find_backends(view);
  for (const auto& [name, service] : find_services(view)) {
    const InfoRecord& info = view.service_info[service.number];
    out += fmt::format("service {} mode {}\n", name, info.mode);
    for (size_t i = 0; i < service.config.pools.size(); ++i)
      out += fmt::format("pool {} share {} match {} slots {}{}\n", service.config.pools[i].name,
                         info.pool[i].share_ppm, info.pool[i].match, info.pool[i].slots,
                         fallback_text(info.pool[i]));
    write_backends(service, backends[service.number], out);
    write_entry(view, service, out);
  }
  return fmt::format("{:016x}", siphash24({}, out));
}

std::vector<std::string> tables_faults(const Tables& tables) {
  const TableView& view = *tables.view();
  std::vector<std::string> faults;
  for (const auto& [name, service] : find_services(view)) {
    if (!service.entry || service.entry->service != service.number) {
      faults.push_back(fmt::format("service {}: its VIP and port do not lead to it", name));
      continue;
    }
    uint32_t bad = 0;
    for (uint32_t i = 0; i <= service.entry->slot_mask; ++i) {
      const uint32_t slot = LOAD_RELAXED(*slot_at(&view, service.entry->slot_base + i));
      bad += !names_own(view, service, slot_current(slot));
      if (slot_is_opening(slot)) bad += !names_own(view, service, slot_draining(slot));
    }
    if (bad != 0)
      faults.push_back(fmt::format("service {}: {} slots name no backend of it", name, bad));
  }
  return faults;
}

}  // namespace belka
