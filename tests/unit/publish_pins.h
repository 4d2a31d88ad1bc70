// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "control/slot_change.h"
#include "split/pins.h"
#include "tests/unit/publish_fixture.h"

namespace belka {

// A publisher, and connections as the planes leave them.
class PublishPins : public PublishTest {
 protected:
  void publish(const std::vector<ServiceConfig>& services, Pace pace = Pace::now) {
    publisher_.publish(config_with(services), pace);
    EXPECT_EQ(tables_faults(tables_), std::vector<std::string>());
  }

  void tick() {
    machine_.now_ns += kTickNs;
    publisher_.pass_time();
  }

  // As the daemon does, a pass each quarter of a second.
  void pass_seconds(uint32_t seconds) { pass_seconds(seconds, publisher_); }

  void pass_seconds(uint32_t seconds, Publisher& publisher) {
    for (uint32_t i = 0; i < 4 * seconds; ++i) {
      machine_.now_ns += 250'000'000;
      publisher.pass_time();
    }
  }

  uint32_t word(uint32_t slot) const { return tables_.view()->slots[slot]; }

  uint16_t number(const std::string& address) const {
    for (const BackendRef& backend : publisher_.backends())
      if (backend.address.text() == address) return backend.number;
    return 0;
  }

  // A slot of `web` that opens towards the backend.
  uint32_t slot_opening_to(uint16_t backend) const {
    const choice service = find(tables_, web()).value();
    for (uint32_t slot = service.slot_base; slot <= service.slot_base + service.slot_mask; ++slot) {
      const uint32_t word = tables_.view()->slots[slot];
      if (slot_is_opening(word) && slot_current(word) == backend) return slot;
    }
    ADD_FAILURE() << "no slot opens to backend " << backend;
    return 0;
  }

  // A connection of the slot, as a plane leaves it that just used it.
  uint64_t* pin(uint32_t slot, uint16_t backend, size_t place_in_bucket = 0) {
    uint64_t* place = &tables_.view()->pins[slot].pin[place_in_bucket];
    *place = pin_of(pin_identity(slot, 7), tables_.view()->node->tick, PIN_OPEN, backend);
    tables_.view()->counters[0].pinning += 1;
    return place;
  }
};

}  // namespace belka
