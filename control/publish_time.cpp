// SPDX-License-Identifier: Apache-2.0
// What passes with the time: held slots, the tick, and what has drained.
#include <algorithm>

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

// A change that works a service out has all of its slots that are held, so these take the place of
// the last ones.
void Publisher::hold(PreparedChange& change) {
  for (const auto& [service, waiting] : change.waiting)
    if (!change.holds.contains(service)) holds_.erase(service);
  for (const uint16_t service : change.removed_services) holds_.erase(service);
  for (const uint16_t service : change.draining_services) holds_.erase(service);
  for (auto& [service, slots] : change.holds) {
    Hold& hold = holds_[service];
    if (!change.keeps_hold_time || hold.due_ns == 0) hold.due_ns = hooks_.now_ns() + kHoldNs;
    hold.slots = std::move(slots);
  }
}

void Publisher::end_holds(uint64_t now_ns) {
  for (auto hold = holds_.begin(); hold != holds_.end();) {
    if (hold->second.due_ns > now_ns) {
      ++hold;
      continue;
    }
    for (const auto& [slot, wanted] : hold->second.slots) {
      const uint32_t word = tables_.slots[slot];
      if (slot_draining(word) == SLOT_HOLD) keeper_.change(slot, slot_towards(word, wanted));
    }
    hold = holds_.erase(hold);
  }
}

// What a publisher before held, and was to become, only its configuration knows. Where none is
// published, the slots stay as they are when the hold time is over.
void Publisher::note_held() {
  for (const auto& [name, service] : holdings_.services) {
    if (service.range() == nullptr) continue;
    const SlotRange& range = *service.range();
    for (uint32_t slot = range.base; slot < range.base + range.slots; ++slot) {
      const uint32_t word = tables_.slots[slot];
      if (slot_draining(word) != SLOT_HOLD) continue;
      Hold& hold = holds_[service.number];
      hold.due_ns = hooks_.now_ns() + kHoldNs;
      hold.slots.push_back({slot, slot_current(word)});
    }
  }
}

size_t Publisher::held_slots() const {
  size_t slots = 0;
  for (const auto& [service, hold] : holds_) slots += hold.slots.size();
  return slots;
}

bool Publisher::pass_time() {
  const uint64_t now_ns = hooks_.now_ns();
  end_holds(now_ns);
  collect();
  if (now_ns < next_tick_ns_) return false;
  keeper_.tick();
  // From now, not from when it was due: ticks are never closer than their length. What throws below
  // does not bring the next one nearer.
  next_tick_ns_ = hooks_.now_ns() + tick_ns();
  let_return();
  end_long_drains();
  if (has_drained()) remove_drained();
  return true;
}

bool Publisher::set_drain_limit(std::string_view name, uint32_t limit_ms) {
  const auto service = holdings_.services.find(name);
  if (service == holdings_.services.end()) return false;
  stores_.update(tables_.service_info[service->second.number].drain_limit_ms, limit_ms);
  return true;
}

void Publisher::end_long_drains() {
  bool any = false;
  for (const auto& [name, service] : holdings_.services) {
    const uint32_t limit_ms = tables_.service_info[service.number].drain_limit_ms;
    if (limit_ms == 0 || service.range() == nullptr) continue;
    any |= keeper_.release_older(*service.range(), limit_ms / tick_ms());
  }
  if (any) keeper_.sweep();
}

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
    if (slot_draining(word) != SLOT_HOLD)
      moving.oldest_ticks = std::max(moving.oldest_ticks, keeper_.age_ticks(range.base + i));
  }
  moving.pins = keeper_.pins_elsewhere(range);
  return moving;
}

bool Publisher::has_drained() const {
  return std::any_of(holdings_.services.begin(), holdings_.services.end(), [&](const auto& each) {
    const HeldService& service = each.second;
    return (service.draining && service.range() != nullptr && !keeper_.moves(*service.range())) ||
           std::any_of(service.leaving.begin(), service.leaving.end(),
                       [&](const HeldBackend& left) { return !keeper_.in_use(left.number); });
  });
}

// A change to the configuration that is in force: prepare_change removes what has left.
void Publisher::remove_drained() {
  PreparedChange change = prepare(in_force_);
  commit(change);
}

bool Publisher::release(std::string_view name) {
  const auto service = holdings_.services.find(name);
  if (service == holdings_.services.end()) return false;
  // What is held changes first, or it would not any more.
  if (const auto hold = holds_.find(service->second.number); hold != holds_.end())
    hold->second.due_ns = 0;
  end_holds(hooks_.now_ns());
  for (const SlotRange& range : service->second.ranges) keeper_.release(range);
  keeper_.sweep();
  return true;
}

}  // namespace belka
