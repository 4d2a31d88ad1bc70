// SPDX-License-Identifier: Apache-2.0
// What is known of backends beside the configuration: their checks, and what operators said.
#include <utility>

#include "control/publish.h"

namespace belka {
bool Publisher::is_held(uint16_t backend) const {
  const BackendRecord& record = tables_.backends[backend];
  return backend != 0 && backend <= BACKENDS_MAX && record.retired == 0 &&
         record.next_hop.part.state != BACKEND_FREE;
}

// Until then a plane may put in a pin that names it, for a packet that it had in hand; then there
// has been a tick, and its sweep.
bool Publisher::rests(uint16_t backend) const {
  const auto found = down_since_.find(backend);
  const Moment& since = found == down_since_.end() ? born_ : found->second;
  return tables_.node->tick == since.tick || hooks_.now_ns() - since.time_ns < kRestNs;
}

void Publisher::mark(const BackendMark& mark) {
  BackendRecord& record = tables_.backends[mark.number];
  const bool was_down = (record.down & BACKEND_DOWN) != 0;
  const bool is_down = (mark.down & BACKEND_DOWN) != 0;
  if (is_down && !was_down) down_since_[mark.number] = {tables_.node->tick, hooks_.now_ns()};
  // Pairs with decide's load of it.
  stores_.update(record.down, mark.down);
  if (!is_down) down_since_.erase(mark.number);
}

void Publisher::look_anew(std::set<uint16_t> services, Pace pace) {
  owed_.merge(services);
  if (owed_.empty()) return;
  ChangeTerms terms = this->terms(pace);
  terms.look_anew = owed_;
  PreparedChange change = prepare(in_force_, terms);
  owed_.clear();
  commit(change);
}

void Publisher::note_health(const std::vector<HealthNote>& notes) {
  std::set<uint16_t> services;
  bool any_leaving = false;
  for (const auto& [number, healthy] : notes) {
    if (!is_held(number)) continue;
    const BackendRecord& record = tables_.backends[number];
    auto down = static_cast<uint8_t>(record.down & ~BACKEND_UNHEALTHY);
    if (!healthy) down |= BACKEND_UNHEALTHY;
    if (down == record.down) continue;
    // One that leaves has no pool to say what becomes of it.
    const bool leaves = !healthy && record.draining != 0;
    if (leaves) down |= BACKEND_DOWN;
    any_leaving |= leaves;
    mark({number, down});
    services.insert(record.service);
  }
  if (any_leaving) keeper_.sweep();
  look_anew(std::move(services), Pace::now);
}

void Publisher::set_admin(const std::vector<uint16_t>& backends, uint8_t admin, Pace pace) {
  std::set<uint16_t> services;
  for (const uint16_t number : backends) {
    if (!is_held(number)) continue;
    stores_.update(tables_.backends[number].admin, admin);
    services.insert(tables_.backends[number].service);
  }
  look_anew(std::move(services), pace);
}

void Publisher::note_waiting(const PreparedChange& change) {
  for (const auto& [service, backends] : change.waiting) waiting_[service] = backends;
  for (const uint16_t service : change.removed_services) waiting_.erase(service);
  for (const uint16_t service : change.draining_services) waiting_.erase(service);
  std::erase_if(waiting_, [](const auto& each) { return each.second.empty(); });
}

// Of those whose rest is over; and what could not be had when it was to be.
void Publisher::let_return() {
  std::set<uint16_t> services;
  for (const auto& [service, backends] : waiting_)
    for (const uint16_t backend : backends)
      if (!rests(backend)) services.insert(service);
  look_anew(std::move(services), Pace::now);
}

}  // namespace belka
