// SPDX-License-Identifier: Apache-2.0
#include "tests/support/moving_slots.h"

#include <iterator>

namespace belka {
namespace {

constexpr size_t kStates = 6;
constexpr uint32_t kDownEvery = 7;

uint16_t another_backend(const TableSpec& spec, size_t index) {
  return spec.backends.empty() ? uint16_t{1} : spec.backends[index % spec.backends.size()].number;
}

uint16_t draining(const TableSpec& spec, uint16_t current, size_t state, size_t index) {
  const uint16_t states[kStates] = {another_backend(spec, index),     SLOT_LOOK, current, SLOT_HOLD,
                                    another_backend(spec, index + 1), 0};
  return states[state];
}

}  // namespace

TableSpec with_moving_slots(TableSpec spec) {
  spec.pins.clear();
  for (ServiceSpec& service : spec.services) {
    const size_t ring = service.ring.size();
    service.draining.clear();
    for (size_t slot = 0; slot < kStates * ring; slot++) {
      service.draining.push_back(
          draining(spec, service.ring[slot % ring], (slot + slot / ring) % kStates, slot));
    }
  }
  return spec;
}

void move_on(const struct tables* tables, const TableSpec& spec, uint32_t step) {
  tables->node->tick = step;
  for (const BackendSpec& backend : spec.backends) {
    tables->backends[backend.number].down = (backend.number + step) % kDownEvery == 0;
  }
}

}  // namespace belka
