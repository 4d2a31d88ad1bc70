// SPDX-License-Identifier: Apache-2.0
#include "control/change_parts.h"

#include <algorithm>
#include <set>
#include <utility>

#include "control/change_standing.h"
#include "control/slot_change.h"

namespace belka {
namespace {

class Unlinker {
 public:
  Unlinker(const TableView& tables, const Holdings& holdings, const std::vector<bool>& kept,
           const ChangeTerms& terms, PreparedChange& change)
      : tables_(tables), holdings_(holdings), kept_(kept), terms_(terms), change_(change) {}

  void unlink() {
    for (const auto& [name, service] : change_.after.services)
      wanted_keys_.push_back(key_of(service.config));
    change_.removed_services = std::exchange(change_.after.stray_services, {});
    change_.retired_backends = std::exchange(change_.after.stray_backends, {});
    change_.retired_ranges = std::exchange(change_.after.stray_ranges, {});
    for (const auto& [name, service] : holdings_.services) {
      const auto after = change_.after.services.find(name);
      if (after == change_.after.services.end()) {
        unlink_service(service);
      } else {
        unlink_parts(service, after->second);
      }
    }
  }

 private:
  bool in_use(uint16_t backend) const { return terms_.in_use && terms_.in_use(backend); }

  // Of a service that stays.
  void unlink_parts(const HeldService& before, HeldService& after) {
    for (const SlotRange& range : before.ranges)
      if (range != *after.range()) change_.retired_ranges.push_back(range);
    for (const auto* held : {&before.backends, &before.leaving})
      for (const HeldBackend& backend : *held)
        if (!kept_[backend.number]) let_leave(backend, held == &before.leaving, after);
  }

  // One that leaves with this change is still named by the slots that it had.
  void let_leave(const HeldBackend& backend, bool leaves_already, HeldService& after) {
    if (leaves_already && !in_use(backend.number)) {
      change_.retired_backends.push_back(backend.number);
      return;
    }
    if (tables_.backends[backend.number].draining == 0)
      change_.leaving_backends.push_back(backend.number);
    after.leaving.push_back(backend);
    after.leaving.back().slots = 0;
  }

  void unlink_service(const HeldService& service) {
    const size_t words_before = change_.slots.size();
    if (must_go(service)) {
      remove(service);
    } else {
      drain(service);
    }
    const size_t words = change_.slots.size() - words_before;
    const bool breaks = terms_.pace != Pace::hard && is_replaced(service);
    if (service.draining && words == 0 && !breaks) return;
    PlanService plan = compare_services(&service, nullptr);
    plan.words = static_cast<uint32_t>(words);
    plan.repair = service.draining && !breaks;  // the publisher was killed before it was done
    if (breaks) plan.breaks = "giving its VIP and port to another service";
    note_plan(std::move(plan), change_.plan);
  }

  bool is_replaced(const HeldService& service) const {
    return std::any_of(wanted_keys_.begin(), wanted_keys_.end(),
                       [&](const TableKey& key) { return same_key(key, key_of(service.config)); });
  }

  // Another service's change in haste is none of those that drain already.
  bool must_go(const HeldService& service) const {
    const bool in_haste = terms_.pace == Pace::hard && !service.draining;
    if (in_haste || service.range() == nullptr || service.ranges.size() > 1 ||
        is_replaced(service)) {
      return true;
    }
    // Marked, it may still have its slots: the mark is the first store of a removal.
    return service.draining && !(terms_.serves && terms_.serves(*service.range()));
  }

  void remove(const HeldService& service) {
    change_.removed_services.push_back(service.number);
    for (const SlotRange& range : service.ranges) change_.retired_ranges.push_back(range);
    for (const auto* held : {&service.backends, &service.leaving})
      for (const HeldBackend& backend : *held) change_.retired_backends.push_back(backend.number);
  }

  // No backend for those that come, the old ones for those that are there.
  void drain(const HeldService& service) {
    HeldService after = service;
    after.backends.clear();
    after.leaving.clear();
    after.draining = true;
    if (!service.draining) change_.draining_services.push_back(service.number);
    for (const auto* held : {&service.backends, &service.leaving})
      for (const HeldBackend& backend : *held) let_leave(backend, held == &service.leaving, after);
    const ServiceStanding standing(tables_, &service, after, {}, kept_, terms_,
                                   change_.new_backends);
    standing.note(change_);
    const SlotRange& range = *service.range();
    for (uint32_t i = 0; i < range.slots; ++i) {
      const uint32_t before = tables_.slots[range.base + i];
      const uint32_t word = slot_towards(standing.without_down(before, 0), 0);
      if (word != before) change_.slots.push_back({range.base + i, word});
    }
    change_.after.services.emplace(service.config.name, std::move(after));
  }

  const TableView& tables_;
  const Holdings& holdings_;
  const std::vector<bool>& kept_;
  const ChangeTerms& terms_;
  PreparedChange& change_;
  std::vector<TableKey> wanted_keys_;
};

}  // namespace

void note_plan(PlanService service, Plan& plan) {
  if (service.repair) service.kind = PlanService::Kind::changed;
  if (service.kind == PlanService::Kind::unchanged) {
    ++plan.unchanged;
  } else {
    plan.services.push_back(std::move(service));
  }
}

void unlink_unused(const TableView& tables, const Holdings& holdings, const std::vector<bool>& kept,
                   const ChangeTerms& terms, PreparedChange& change) {
  Unlinker(tables, holdings, kept, terms, change).unlink();
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
