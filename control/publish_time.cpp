// SPDX-License-Identifier: Apache-2.0
// What passes with the time: held slots, the tick, and what has drained.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "control/publish.h"
#include "control/slot_change.h"

namespace belka {
uint32_t Publisher::tick_ms() const {
  return tables_.node->tick_ms != 0 ? tables_.node->tick_ms : kMaxTickMs;
}

uint64_t Publisher::tick_ns() const { return uint64_t{1'000'000} * tick_ms(); }

void Publisher::note_idle_times() {
  for (const auto& [name, service] : holdings_.services)
    for (const SlotRange& range : service.ranges)
      keeper_.set_idle_ticks(range, ticks_of(service.config.idle_ms, tick_ms()));
}

// Ages were counted in ticks of another length: everything counts as just used, and just begun.
void Publisher::set_tick(uint32_t tick_ms) {
  if (tables_.node->tick_ms == tick_ms) return;
  if (tables_.node->tick_ms != 0) keeper_.restart_ages();
  stores_.store(tables_.node->tick_ms, tick_ms);
  next_tick_ns_ = hooks_.now_ns() + tick_ns();  // not the old length after the start
}

// A change that works a service out has all of its slots that are held. One that was held before,
// and is not stored anew, waits no longer for that.
void Publisher::hold(PreparedChange& change) {
  if (holds_.empty() && change.holds.empty()) return;
  std::unordered_set<uint32_t> stored;
  for (const SlotStore& slot : change.slots) stored.insert(slot.index);
  std::map<uint32_t, Hold> holds;
  for (const auto& [service, slots] : change.holds) {
    for (const HeldSlot& slot : slots) {
      const auto before = holds_.find(slot.index);
      const bool goes_on = before != holds_.end() && !stored.contains(slot.index);
      const uint64_t due_ns = goes_on ? before->second.due_ns : hooks_.now_ns() + kHoldNs;
      holds[slot.index] = {service, slot.wanted, due_ns};
    }
  }
  std::set<uint16_t> looked_at;
  for (const auto& [service, waiting] : change.waiting) looked_at.insert(service);
  looked_at.insert(change.removed_services.begin(), change.removed_services.end());
  looked_at.insert(change.draining_services.begin(), change.draining_services.end());
  for (const auto& [slot, hold] : holds_)
    if (!looked_at.contains(hold.service)) holds[slot] = hold;
  holds_ = std::move(holds);
}

void Publisher::end_holds(uint64_t now_ns) {
  for (auto hold = holds_.begin(); hold != holds_.end();) {
    const auto& [slot, held] = *hold;
    if (held.due_ns > now_ns) {
      ++hold;
      continue;
    }
    const uint32_t word = tables_.slots[slot];
    if (slot_draining(word) == SLOT_HOLD) keeper_.change(slot, slot_towards(word, held.wanted));
    hold = holds_.erase(hold);
  }
}

std::optional<uint16_t> Publisher::held_for(uint32_t slot) const {
  const auto found = holds_.find(slot);
  return found == holds_.end() ? std::nullopt : std::optional(found->second.wanted);
}

// What a publisher before held, and was to become, only its configuration knows. Where none is
// published, the slots stay as they are when the hold time is over.
void Publisher::note_held() {
  const uint64_t due_ns = hooks_.now_ns() + kHoldNs;
  for (const auto& [name, service] : holdings_.services) {
    if (service.range() == nullptr) continue;
    const SlotRange& range = *service.range();
    for (uint32_t slot = range.base; slot < range.base + range.slots; ++slot) {
      const uint32_t word = tables_.slots[slot];
      if (slot_draining(word) == SLOT_HOLD)
        holds_[slot] = {service.number, slot_current(word), due_ns};
    }
  }
}

size_t Publisher::held_slots(std::string_view name) const {
  if (name.empty()) return holds_.size();
  const auto wanted = holdings_.services.find(name);
  if (wanted == holdings_.services.end()) return 0;
  return static_cast<size_t>(std::count_if(holds_.begin(), holds_.end(), [&](const auto& hold) {
    return hold.second.service == wanted->second.number;
  }));
}

uint32_t Publisher::keeper_time() const {
  return static_cast<uint32_t>(hooks_.now_ns() / (uint64_t{1'000'000} * kKeeperUnitMs));
}

bool Publisher::pass_time() {
  const uint64_t now_ns = hooks_.now_ns();
  keeper_.set_time(keeper_time());
  end_holds(now_ns);
  end_long_drains();
  collect();
  // What could not be had waits for the tick.
  if (owed_.empty()) let_return();
  if (now_ns < next_tick_ns_) return false;
  keeper_.tick();
  // From now, not from when it was due: ticks are never closer than their length. What throws below
  // does not bring the next one nearer.
  next_tick_ns_ = hooks_.now_ns() + tick_ns();
  if (has_drained()) remove_drained();
  let_return();
  return true;
}

bool Publisher::set_drain_limit(std::string_view name, uint32_t limit_ms) {
  const auto service = holdings_.services.find(name);
  if (service == holdings_.services.end()) return false;
  stores_.update(tables_.service_info[service->second.number].drain_limit_ms, limit_ms);
  return true;
}

void Publisher::end_long_drains() {
  std::map<std::string_view, SlotRange> due;
  for (const auto& [name, service] : holdings_.services) {
    const uint32_t limit_ms = tables_.service_info[service.number].drain_limit_ms;
    if (limit_ms == 0 || service.range() == nullptr) continue;
    if (keeper_.release_older(*service.range(), limit_ms / kKeeperUnitMs))
      due[name] = *service.range();
  }
  if (due.empty()) return;
  keeper_.sweep();
  for (const auto& [name, range] : due) {
    const uint32_t connections = keeper_.given_up(range);
    if (connections != 0) cut_.push_back({std::string(name), connections});
  }
}

std::string given_up_text(std::string_view service, uint32_t connections, std::string_view kept) {
  return fmt::format("service {}: gave up {} connection{}, kept elsewhere {}", service, connections,
                     connections == 1 ? "" : "s", kept);
}

std::vector<CutByLimit> Publisher::take_cut() { return std::exchange(cut_, {}); }

Publisher::Moving Publisher::moving(const HeldService& service) const {
  Moving moving;
  if (service.range() == nullptr) return moving;
  const SlotRange& range = *service.range();
  for (uint32_t i = 0; i < range.slots; ++i) {
    const uint32_t word = tables_.slots[range.base + i];
    if (slot_is_settled(word)) continue;
    moving.held += slot_draining(word) == SLOT_HOLD ? 1 : 0;
    moving.looking += slot_draining(word) == SLOT_LOOK ? 1 : 0;
    moving.opening += slot_is_opening(word) ? 1 : 0;
    const uint64_t age_ms = uint64_t{keeper_.age(range.base + i)} * kKeeperUnitMs;
    moving.oldest_ms = std::max(moving.oldest_ms, age_ms);
  }
  moving.pins = keeper_.pins_elsewhere(range);
  return moving;
}

bool Publisher::has_drained() const {
  return std::any_of(holdings_.services.begin(), holdings_.services.end(), [&](const auto& each) {
    const HeldService& service = each.second;
    return (service.draining && service.range() != nullptr && !keeper_.serves(*service.range())) ||
           std::any_of(service.leaving.begin(), service.leaving.end(),
                       [&](const HeldBackend& left) { return !keeper_.in_use(left.number); });
  });
}

// A change to the configuration that is in force: prepare_change removes what has left.
void Publisher::remove_drained() {
  PreparedChange change = prepare(in_force_);
  commit(change);
}

std::optional<uint32_t> Publisher::release(std::string_view name) {
  const auto service = holdings_.services.find(name);
  if (service == holdings_.services.end()) return std::nullopt;
  keeper_.set_time(keeper_time());
  const std::vector<SlotRange>& ranges = service->second.ranges;
  for (const SlotRange& range : ranges) keeper_.release(range);
  keeper_.sweep();
  uint32_t connections = 0;
  for (const SlotRange& range : ranges) connections += keeper_.given_up(range);
  return connections;
}

}  // namespace belka
