// SPDX-License-Identifier: Apache-2.0
#include "tests/model/broken_keeping.h"

#include <algorithm>

namespace belka::model {

template <typename Do>
void BrokenKeeping::each_pin(const Do& act) const {
  for (uint32_t bucket = 0; bucket < world_.buckets; ++bucket)
    for (uint64_t& pin : world_.tables.pins[bucket].pin)
      if (pin != 0) act(pin);
}

// As if all slots had begun to open long ago.
void BrokenKeeping::forget_since() {
  for (uint32_t slot = world_.first_slot; slot < world_.first_slot + world_.slots; ++slot)
    world_.tables.since[slot] = static_cast<uint16_t>(world_.tick() - 1000);
}

void BrokenKeeping::forget_refusals() {
  for (uint32_t row = 0; row < kPlanes; ++row) world_.tables.counters[row].pins_refused_tick = 0;
}

void BrokenKeeping::before_start() {
  if (without_ == Without::since_after_restart) forget_since();
  if (without_ == Without::refusals_after_restart) forget_refusals();
}

void BrokenKeeping::before_tick() {
  if (without_ == Without::least_drain) forget_since();
  if (without_ == Without::drain_after_refusal) forget_refusals();
  if (without_ != Without::settled_pins) return;
  const uint64_t* pins = world_.tables.pins[0].pin;
  pins_before_.assign(pins, pins + size_t{world_.buckets} * PINS_PER_BUCKET);
}

void BrokenKeeping::after_tick(Keeper& keeper) {
  shorten_lives();
  if (without_ == Without::settled_pins) restore_pins_of_settled();
  if (without_ == Without::old_words) clear_too_early();
  settle_too_early(keeper);
}

uint32_t BrokenKeeping::word_instead(uint32_t before, uint32_t next) const {
  const uint32_t settled = slot_settled(slot_current(next));
  if (slot_draining(next) != SLOT_LOOK) return next;
  if (without_ == Without::look_after_undo && slot_is_opening(before)) return settled;
  if (without_ == Without::look_after_hold && slot_draining(before) == SLOT_HOLD) return settled;
  const uint16_t current = slot_current(before);
  const bool died = world_.backend_plans[current].dead ||
                    (slot_is_opening(before) && world_.backend_plans[slot_draining(before)].dead);
  return without_ == Without::look_after_death && died ? settled : next;
}

void BrokenKeeping::note_change(uint32_t slot, uint32_t before) {
  if (slot_is_opening(before)) drained_[slot - world_.first_slot] = slot_draining(before);
}

void BrokenKeeping::shorten_lives() {
  const uint32_t idle = world_.idle_ticks;
  each_pin([&](uint64_t& pin) {
    const uint32_t age = pin_idle_ticks(pin, world_.tick());
    const uint32_t state = pin_state(pin);
    if ((without_ == Without::open_life && state == PIN_OPEN && age >= idle - 1) ||
        (without_ == Without::half_open_life && state == PIN_HALF_OPEN && age >= 1) ||
        (without_ == Without::closing_life && state == PIN_CLOSING && age >= 1))
      pin = 0;
  });
}

void BrokenKeeping::restore_pins_of_settled() {
  uint64_t* pins = world_.tables.pins[0].pin;
  for (size_t i = 0; i < pins_before_.size(); ++i)
    if (pins[i] == 0 && pins_before_[i] != 0 &&
        slot_is_settled(world_.word(pin_slot(pins_before_[i]))))
      pins[i] = pins_before_[i];
}

void BrokenKeeping::clear_too_early() {
  each_pin([&](uint64_t& pin) {
    const uint32_t word = world_.word(pin_slot(pin));
    const bool looks = slot_draining(word) == SLOT_LOOK && pin_backend(pin) == slot_current(word);
    if (slot_is_settled(word) || looks) pin = 0;
  });
}

uint32_t BrokenKeeping::pins_on(uint32_t slot, uint16_t backend) const {
  uint32_t pins = 0;
  each_pin([&](uint64_t pin) { pins += pin_slot(pin) == slot && pin_backend(pin) == backend; });
  return pins;
}

uint32_t BrokenKeeping::pins_elsewhere(uint32_t slot) const {
  uint32_t pins = 0;
  each_pin([&](uint64_t pin) {
    pins += pin_slot(pin) == slot && pin_backend(pin) != slot_current(world_.word(slot));
  });
  return pins;
}

void BrokenKeeping::settle_too_early(Keeper& keeper) {
  if (without_ != Without::all_pins && without_ != Without::any_pins &&
      without_ != Without::old_words)
    return;
  for (uint32_t slot = world_.first_slot; slot < world_.first_slot + world_.slots; ++slot) {
    const uint32_t word = world_.word(slot);
    if (slot_is_opening(word)) drained_[slot - world_.first_slot] = slot_draining(word);
    if (slot_draining(word) != SLOT_LOOK) continue;
    const uint32_t pins = without_ == Without::any_pins ? 0
                          : without_ == Without::all_pins
                              ? pins_on(slot, drained_[slot - world_.first_slot])
                              : pins_elsewhere(slot);
    if (pins == 0) keeper.change(slot, slot_settled(slot_current(word)));
  }
}

}  // namespace belka::model
