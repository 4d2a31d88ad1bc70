// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <random>
#include <vector>

#include "control/stores.h"
#include "tests/support/race_connections.h"
#include "tests/support/stumbling_keeper.h"

namespace belka {

/// The daemon's half of a race for pins: its Keeper on the race's tables, told to change slots as
/// an operator and health checks would. One thread's.
class RaceDaemon {
 public:
  static constexpr uint32_t kIdleTicks = 4;
  static constexpr uint16_t kFails = kRaceBackends;  ///< serves no slot that is kept

  /// Sweeps the first `buckets` buckets. Connections of slots in `kept` are never given up, and
  /// none of their backends fails.
  RaceDaemon(const struct tables* tables, uint32_t buckets, std::vector<bool> kept);

  /// A slot gets another backend; of those not kept some at once, and now and then one of their
  /// backends is down.
  void change();

  /// kFails, which no slot names, is down from now on.
  void fail_for_good() { stores_.store(tables_->backends[kFails].down, 1); }

  void sweep() { note(keeper_.sweep()); }
  void tick();

  struct Done {
    uint64_t ticks = 0, changes = 0, cleared = 0, flipped = 0, settled = 0, failures = 0;
    uint64_t opening = 0, looking = 0;  ///< slots, summed over ticks
  };
  const Done& done() const { return done_; }

 private:
  void note(const Sweep& sweep);
  void fail();
  uint32_t word(uint32_t slot) const { return tables_->slots[slot]; }

  const struct tables* tables_;
  Stores stores_;
  StumblingKeeper keeper_;
  std::vector<bool> kept_;
  std::minstd_rand random_{99};
  uint64_t returns_at_ = 0;  ///< ticks; 0: the backend that fails is up
  Done done_;
};

}  // namespace belka
