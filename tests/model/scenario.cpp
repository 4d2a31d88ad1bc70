// SPDX-License-Identifier: Apache-2.0
#include "tests/model/scenario.h"

#include <algorithm>

namespace belka::model {

Scenario::Scenario(const TableView& tables, const Options& options)
    : world_(tables, options, random_shape(options)),
      planes_(world_),
      oracle_(world_),
      clients_(world_, planes_, oracle_),
      daemon_(world_, oracle_, [this] { clients_.deliver_some(); }) {
  world_.lay_out();
  daemon_.start();
  world_.agenda.at(idle_times(4), What::changes);
  world_.agenda.at(idle_times(20), What::death);
  world_.agenda.at(idle_times(world_.brisk ? 1 : 30), What::kill);
  world_.agenda.at(idle_times(50), What::limit);
  if (world_.floods) world_.agenda.at(idle_times(20), What::flood);
}

// A moment within so many idle times from now.
Time Scenario::idle_times(uint32_t most) {
  const uint32_t usual = std::min(world_.idle_ticks, 8u);
  return world_.now + world_.random.below(most * usual * kTick);
}

void Scenario::run() {
  while (world_.figures.packets < world_.options.packets) {
    const Event event = world_.agenda.next();
    world_.now = std::max(world_.now, event.time);
    happen(event);
    if (world_.options.told && first_violation()) return;
  }
}

std::string Scenario::rest() {
  daemon_.start();
  for (uint16_t backend = 1; backend <= world_.backends; ++backend) daemon_.notice_death(backend);
  clients_.deliver_all();
  return daemon_.come_to_rest();
}

void Scenario::happen(const Event& event) {
  Random& random = world_.random;
  switch (event.what) {
    case What::client:
      return clients_.turn(event.index);
    case What::delivery:
      return clients_.deliver(event.index);
    case What::tick:
      return daemon_.tick(event.stamp);
    case What::hold_over:
      return daemon_.hold_over(event.index, event.stamp);
    case What::changes:
      change_some();
      return world_.agenda.at(random.percent(30) ? world_.now + random.up_to(kTick)
                                                 : idle_times(random.percent(50) ? 2 : 6),
                              What::changes);
    case What::death:
      backend_dies();
      return world_.agenda.at(idle_times(20), What::death);
    case What::noticed:
      return daemon_.notice_death(static_cast<uint16_t>(event.index));
    case What::recovery:
      return daemon_.notice_recovery(static_cast<uint16_t>(event.index));
    case What::kill:
      daemon_.kill();
      return world_.agenda.at(idle_times(world_.brisk ? 1 : 30), What::kill);
    case What::start:
      return daemon_.start();
    case What::limit:
      reach_limit();
      return world_.agenda.at(idle_times(60), What::limit);
    case What::flood:
      clients_.flood();
      return world_.agenda.at(
          random.percent(90) ? world_.now + random.up_to(kTick / 8) : idle_times(30), What::flood);
  }
}

Manner Scenario::manner() {
  if (world_.random.once_in(100)) return Manner::hard;
  return world_.random.percent(world_.gentle_percent) ? Manner::gentle : Manner::by_hand;
}

void Scenario::change_some() {
  if (world_.random.percent(30)) {
    for (uint32_t i = 0; i < world_.slots; ++i) change_one(world_.first_slot + i);
  } else {
    for (int64_t left = world_.random.up_to(3); left > 0; --left) change_one(world_.any_slot());
  }
}

// To anything, back to what it was, home; there and back, or back by a way round, in an instant.
void Scenario::change_one(uint32_t slot) {
  if (!daemon_.is_alive()) return;
  const Manner how = manner();
  const uint32_t word = world_.word(slot);
  const uint16_t current = slot_current(word);
  SlotPlan& plan = world_.plan(slot);
  uint16_t wanted = world_.any_backend();
  switch (world_.random.below(7)) {
    case 0:
    case 1:
      break;
    case 2:
      if (!plan.before.empty()) wanted = plan.before.back();
      break;
    case 3:
      wanted = plan.home;
      break;
    case 4:
      daemon_.want(slot, static_cast<uint16_t>(1 + current % world_.backends), how);
      wanted = plan.home;
      break;
    case 5:
      if (slot_is_opening(word)) wanted = slot_draining(word);
      break;
    default:
      daemon_.want(slot, world_.any_backend(), how);
      daemon_.want(slot, world_.any_backend(), how);
      wanted = current;
  }
  plan.before.push_back(current);
  if (plan.before.size() > 4) plan.before.erase(plan.before.begin());
  daemon_.want(slot, wanted, how);
}

// The daemon sees it within a tick; if it is dead then, when it starts.
void Scenario::backend_dies() {
  const auto alive = std::count_if(world_.backend_plans.begin() + 1, world_.backend_plans.end(),
                                   [](const BackendPlan& plan) { return !plan.dead; });
  const uint16_t backend = world_.any_backend();
  BackendPlan& plan = world_.backend_plans[backend];
  if (alive <= 2 || plan.dead) return;
  ++world_.figures.deaths;
  plan.dead = true;
  plan.noticed = false;
  oracle_.backend_died(backend);
  world_.agenda.at(world_.now + world_.random.below(kTick), What::noticed, backend);
}

void Scenario::reach_limit() {
  if (world_.random.once_in(8)) return daemon_.release({world_.first_slot, world_.slots});
  daemon_.release({world_.any_slot(), 1});
}

}  // namespace belka::model
