// SPDX-License-Identifier: Apache-2.0
#include "tests/model/mishaps.h"

#include <algorithm>

namespace belka::model {

// What the oracle knows of it.
void Mishaps::note(uint16_t backend) {
  Fate& fate = fates_[backend];
  fate.sick_is_known &= fate.is_sick;
  fate.disabled_is_known &= fate.is_disabled;
  BackendPlan& plan = world_.backend_plans[backend];
  const bool is_dead = fate.is_sick || fate.is_disabled;
  const bool is_known = fate.sick_is_known || fate.disabled_is_known;
  if (is_dead && !plan.dead) {
    oracle_.backend_died(backend);
    ++world_.figures.deaths;
  }
  if (is_known && !plan.noticed) plan.noticed_at = world_.now;
  plan.dead = is_dead;
  plan.noticed = is_known;
}

// Slots change now: a SYN that is sent again across that is not promised its answer.
void Mishaps::by_hand() {
  for (uint32_t slot = 0; slot < world_.slots; ++slot)
    world_.plan(world_.first_slot + slot).by_hand = world_.now;
}

// Where nobody of prod is left new connections are refused, which is no business of the oracle.
bool Mishaps::is_last_of_prod(const std::vector<BackendRef>& backends, const BackendRef& chosen) {
  if (chosen.pool != kProd) return false;
  return std::none_of(backends.begin(), backends.end(), [&](const BackendRef& other) {
    return other.number != chosen.number && other.service == chosen.service && !other.leaving &&
           other.pool == kProd && other.down == 0 && fates_[other.number].is_well();
  });
}

void Mishaps::strike(const std::vector<BackendRef>& backends) {
  const BackendRef& chosen = backends[world_.random.below(static_cast<uint32_t>(backends.size()))];
  Fate& fate = fates_[chosen.number];
  if (is_last_of_prod(backends, chosen)) return;
  if (world_.random.percent(60)) {
    if (!fate.is_sick) fall_sick(chosen.number);
  } else if (!fate.is_disabled || fate.disabled_is_known) {
    say(chosen.number, static_cast<uint8_t>(world_.random.below(BACKEND_DISABLED + 1)));
  }
}

void Mishaps::fall_sick(uint16_t backend) {
  fates_[backend].is_sick = true;
  note(backend);
  world_.agenda.at(ticks(2), What::noticed, backend);
  world_.agenda.at(world_.now + 2 * kTick +
                       world_.random.below(world_.random.percent(50) ? 4 * kTick : 48 * kTick),
                   What::recovery, backend);
}

void Mishaps::notice(uint16_t backend) {
  const bool is_sick = fates_[backend].is_sick;
  by_hand();
  if (!tell_([&](Publisher& publisher) { publisher.note_health({{backend, !is_sick}}); }))
    return world_.agenda.at(world_.now + kTick, What::noticed, backend);
  Fate& fate = fates_[backend];
  fate.sick_is_known = is_sick && fate.is_sick;
  note(backend);
}

// Nobody recovers before it is known that he was ill: checks need some time for either.
void Mishaps::recover(uint16_t backend) {
  Fate& fate = fates_[backend];
  if (fate.is_sick && !fate.sick_is_known)
    return world_.agenda.at(world_.now + kTick, What::recovery, backend);
  fate.is_sick = false;
  note(backend);
  notice(backend);
}

// It stops working as soon as the operator says so, and works again before he says that.
void Mishaps::say(uint16_t backend, uint8_t admin) {
  Fate& fate = fates_[backend];
  fate.admin = admin;
  fate.is_disabled = admin == BACKEND_DISABLED;
  note(backend);
  order(backend);
}

void Mishaps::order(uint16_t backend) {
  const uint8_t admin = fates_[backend].admin;
  const Pace pace = world_.random.percent(30) ? Pace::gentle : Pace::now;
  by_hand();
  if (!tell_([&](Publisher& publisher) { publisher.set_admin({backend}, admin, pace); }))
    return world_.agenda.at(world_.now + kTick, What::hold_over, backend);
  Fate& fate = fates_[backend];
  fate.disabled_is_known = fate.is_disabled;
  note(backend);
}

void Mishaps::begin(uint16_t backend) {
  fates_[backend] = {};
  note(backend);
}

void Mishaps::end(const std::vector<BackendRef>& backends) {
  for (const BackendRef& each : backends) {
    fates_[each.number] = {};
    note(each.number);
    notice(each.number);
    order(each.number);
  }
}

}  // namespace belka::model
