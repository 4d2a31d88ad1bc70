// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <unordered_map>

#include "control/publish.h"
#include "tests/model/oracle.h"
#include "tests/model/world.h"

namespace belka::model {

// What happens to the backends of the real publisher. They die, and their checks notice it some
// time later; they come back; an operator drains, disables and enables them. What the publisher was
// told of a backend that is dead is what the oracle holds it to.
class Mishaps {
 public:
  using Act = std::function<void(Publisher&)>;

  // `tell` acts on the publisher that lives; false where none does, or it was killed at it.
  Mishaps(World& world, Oracle& oracle, std::function<bool(const Act&)> tell)
      : world_(world), oracle_(oracle), tell_(std::move(tell)) {}

  // Something befalls one of them, as long as another one of prod is well.
  void strike(const std::vector<BackendRef>& backends);

  void notice(uint16_t backend);   // What::noticed
  void recover(uint16_t backend);  // What::recovery
  void order(uint16_t backend);    // What::hold_over: what the operator said last
  void begin(uint16_t backend);    // it is new
  // Whether nobody of prod would serve new connections without it.
  bool is_last_of_prod(const std::vector<BackendRef>& backends, const BackendRef& chosen);
  void end(const std::vector<BackendRef>& backends);  // all is well again

 private:
  struct Fate {
    bool is_sick = false, is_disabled = false;  // in truth
    bool sick_is_known = false, disabled_is_known = false;
    uint8_t admin = BACKEND_ENABLED;
    bool is_well() const { return !is_sick && admin == BACKEND_ENABLED; }
  };

  void fall_sick(uint16_t backend);
  void say(uint16_t backend, uint8_t admin);
  void note(uint16_t backend);
  void by_hand();
  Time ticks(uint32_t most) { return world_.now + world_.random.below(most * kTick); }

  World& world_;
  Oracle& oracle_;
  std::function<bool(const Act&)> tell_;
  std::unordered_map<uint16_t, Fate> fates_;
};

}  // namespace belka::model
