// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "control/keeper.h"
#include "tests/model/world.h"

namespace belka::model {

// Takes out rules of the daemon's, around the real one.
class BrokenKeeping {
 public:
  explicit BrokenKeeping(World& world)
      : world_(world), without_(world.options.without), drained_(world.slots) {}

  void before_start();
  void before_tick();
  void after_tick(Keeper& keeper);
  uint32_t word_instead(uint32_t before, uint32_t next) const;
  void note_change(uint32_t slot, uint32_t before);

 private:
  void forget_since();
  void forget_refusals();
  void shorten_lives();
  void restore_pins_of_settled();
  void clear_too_early();
  void settle_too_early(Keeper& keeper);
  uint32_t pins_on(uint32_t slot, uint16_t backend) const;
  uint32_t pins_elsewhere(uint32_t slot) const;
  template <typename Do>
  void each_pin(const Do& act) const;

  World& world_;
  const Without without_;
  std::vector<uint16_t> drained_;  // by slot: the last backend that was draining
  std::vector<uint64_t> pins_before_;
};

}  // namespace belka::model
