// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "control/keeper.h"
#include "control/stores.h"
#include "tests/model/broken_keeping.h"
#include "tests/model/oracle.h"
#include "tests/model/world.h"

namespace belka::model {

enum class Manner : uint8_t { by_hand, gentle, hard };

// The daemon, as far as slots and pins go: the real keeper, given its ticks and changes as the
// publisher gives them, killed now and then and made anew. What it is told when it is dead it does
// not hear.
class Daemon {
 public:
  // `between_stores` is what planes do before each store of the daemon's.
  Daemon(World& world, Oracle& oracle, std::function<void()> between_stores);

  bool is_alive() const { return keeper_.has_value(); }

  void start();
  void kill();
  void tick(uint32_t incarnation);

  // The configuration says so from now on.
  void want(uint32_t slot, uint16_t backend, Manner manner);
  void hold_over(uint32_t slot, uint32_t hold);

  // The drain limit of these slots.
  void release(const SlotRange& range);

  // The health checks say that a backend, which died some time ago, is dead.
  void notice_death(uint16_t backend);
  void notice_recovery(uint16_t backend);

  // Nothing is sent any more: ticks until every slot should have settled and every pin gone. What
  // is left is told; empty: nothing.
  std::string come_to_rest();

 private:
  struct Killed {};

  // Does what may end in a kill.
  template <typename Do>
  void alive(const Do& act) {
    if (!is_alive()) return;
    try {
      act();
    } catch (const Killed&) {
      ++world_.figures.kills_in_a_store;
      die();
    }
  }

  void before_store();
  void die();
  void go_on();
  void catch_up();
  void one_tick();
  void change(uint32_t slot, uint32_t next, Manner manner);
  void change_and_lose_since(uint32_t slot, uint32_t next);
  void begin_hold(uint32_t slot, Time lasts = kHold);
  void bury(uint16_t backend);
  void want_now(uint32_t slot, uint16_t backend, Manner manner);
  uint16_t heir(uint32_t slot, uint16_t but) const;
  bool is_down(uint16_t backend) const {
    return world_.backend_plans[backend].dead && world_.backend_plans[backend].noticed;
  }
  Manner usual_manner();

  World& world_;
  Oracle& oracle_;
  const std::function<void()> between_stores_;
  Stores stores_;
  std::optional<Keeper> keeper_;
  BrokenKeeping broken_;
  std::vector<uint32_t> holds_;  // by slot: how many there were
  uint32_t incarnation_ = 0;
  uint32_t stores_to_live_ = 0;  // 0: it lives on
  bool dies_in_tick_ = false;
  Time last_tick_ = 0;
};

}  // namespace belka::model
