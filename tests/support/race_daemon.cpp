// SPDX-License-Identifier: Apache-2.0
#include "tests/support/race_daemon.h"

#include <utility>

#include "control/slot_change.h"

namespace belka {
namespace {

constexpr uint16_t kHeir = 1;

}  // namespace

RaceDaemon::RaceDaemon(const struct tables* tables, uint32_t buckets, std::vector<bool> kept)
    : tables_(tables), keeper_(*tables, stores_, {kRaceSlots, buckets}), kept_(std::move(kept)) {
  keeper_.set_idle_ticks({0, kRaceSlots}, kIdleTicks);
}

void RaceDaemon::change() {
  const auto slot = static_cast<uint32_t>(random_() % kRaceSlots);
  const bool may_fail = !kept_[slot] && returns_at_ == 0;
  const auto wanted = static_cast<uint16_t>(1 + random_() % (may_fail ? kFails : kFails - 1));
  done_.changes++;
  if (kept_[slot] || random_() % 4 != 0) {
    keeper_.change(slot, slot_towards(word(slot), wanted));
    return;
  }
  keeper_.change(slot, slot_hard(word(slot), wanted));
  keeper_.give_up(slot);
  sweep();
  if (may_fail && random_() % 4 == 0) fail();
}

void RaceDaemon::fail() {
  done_.failures++;
  returns_at_ = done_.ticks + 2;
  stores_.store(tables_->backends[kFails].down, 1);
  for (uint32_t slot = 0; slot < kRaceSlots; slot++) {
    keeper_.change(slot, slot_without(word(slot), kFails, kHeir));
  }
  sweep();
}

void RaceDaemon::tick() {
  const Sweep sweep = keeper_.tick();
  note(sweep);
  done_.ticks++;
  done_.flipped += sweep.flipped;
  done_.settled += sweep.settled;
  done_.opening += sweep.opening;
  done_.looking += sweep.looking;
  if (returns_at_ == 0 || done_.ticks < returns_at_) return;
  stores_.store(tables_->backends[kFails].down, 0);
  returns_at_ = 0;
}

void RaceDaemon::note(const Sweep& sweep) { done_.cleared += sweep.cleared; }

}  // namespace belka
