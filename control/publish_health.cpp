// SPDX-License-Identifier: Apache-2.0
// What is known of backends beside the configuration: their checks, and what operators said.
#include <utility>

#include "control/publish.h"

namespace belka {
namespace {

constexpr uint32_t kRestTicks =
    2;  // a whole one, whenever in a tick it began; then there is a sweep

}  // namespace

bool Publisher::is_held(uint16_t backend) const {
  const BackendRecord& record = tables_.backends[backend];
  return backend != 0 && backend <= BACKENDS_MAX && record.retired == 0 &&
         record.next_hop.part.state != BACKEND_FREE;
}

// Until then a plane may put in a pin that names it, for a packet that it had in hand.
bool Publisher::rests(uint16_t backend) const {
  const auto since = down_since_.find(backend);
  const uint32_t tick = since == down_since_.end() ? born_tick_ : since->second;
  return tables_.node->tick - tick < kRestTicks;
}

void Publisher::mark(const BackendMark& mark) {
  BackendRecord& record = tables_.backends[mark.number];
  const bool was_down = (record.down & BACKEND_DOWN) != 0;
  const bool is_down = (mark.down & BACKEND_DOWN) != 0;
  if (is_down && !was_down) down_since_[mark.number] = tables_.node->tick;
  // Pairs with decide's load of it.
  stores_.update(record.down, mark.down);
  if (!is_down) down_since_.erase(mark.number);
}

void Publisher::look_anew(std::set<uint16_t> services, Pace pace) {
  owed_.merge(services);
  if (owed_.empty()) return;
  const Config wanted = in_force_;
  ChangeTerms terms = this->terms(pace);
  terms.look_anew = owed_;
  PreparedChange change = prepare(wanted, terms);
  owed_.clear();
  commit(change);
}

void Publisher::note_health(const std::vector<HealthNote>& notes) {
  std::set<uint16_t> services;
  for (const auto& [number, healthy] : notes) {
    if (!is_held(number)) continue;
    BackendRecord& record = tables_.backends[number];
    const auto down = static_cast<uint8_t>(healthy ? record.down & ~BACKEND_UNHEALTHY
                                                   : record.down | BACKEND_UNHEALTHY);
    if (down == record.down) continue;
    stores_.store(record.down, down);
    services.insert(record.service);
  }
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
