// SPDX-License-Identifier: Apache-2.0
#include "control/change_parts.h"

#include <set>
#include <utility>

namespace belka {
namespace {

void remove_services(const Holdings& holdings, PreparedChange& change) {
  change.removed_services = std::exchange(change.after.stray_services, {});
  for (const auto& [name, service] : holdings.services) {
    if (change.after.services.contains(name)) continue;
    change.removed_services.push_back(service.number);
    note_plan(compare_services(&service, nullptr), change.plan);
  }
}

void retire_backends(const Holdings& holdings, const std::vector<bool>& kept,
                     PreparedChange& change) {
  change.retired_backends = std::exchange(change.after.stray_backends, {});
  for (const auto& [name, service] : holdings.services)
    for (const HeldBackend& backend : service.backends)
      if (!kept[backend.number]) change.retired_backends.push_back(backend.number);
}

void retire_ranges(const Holdings& holdings, PreparedChange& change) {
  change.retired_ranges = std::exchange(change.after.stray_ranges, {});
  for (const auto& [name, service] : holdings.services) {
    const auto after = change.after.services.find(name);
    for (const SlotRange& range : service.ranges)
      if (after == change.after.services.end() || range != *after->second.range())
        change.retired_ranges.push_back(range);
  }
}

}  // namespace

void note_plan(PlanService service, Plan& plan) {
  if (service.repair) service.kind = PlanService::Kind::changed;
  if (service.kind == PlanService::Kind::unchanged) {
    ++plan.unchanged;
  } else {
    plan.services.push_back(std::move(service));
  }
}

void unlink_unused(const Holdings& holdings, const std::vector<bool>& kept,
                   PreparedChange& change) {
  remove_services(holdings, change);
  retire_backends(holdings, kept, change);
  retire_ranges(holdings, change);
}

void plan_entries_of(const TableView& tables, const Seed& seed, PreparedChange& change) {
  std::set<Address> vips;
  std::vector<EntryRecord> wanted;
  for (const auto& [name, service] : change.after.services)
    if (vips.insert(service.config.vip).second) wanted.push_back(vip_entry(service.config.vip));
  for (const auto& [name, service] : change.after.services)
    wanted.push_back(
        entry_of(service.config, service_key(seed, name), service.number, service.range()->base));
  change.entries = plan_entries(tables.services, wanted);
  if (!change.entries.fault.empty()) change.plan.faults.push_back(change.entries.fault);
}

}  // namespace belka
