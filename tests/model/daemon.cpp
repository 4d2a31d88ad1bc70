// SPDX-License-Identifier: Apache-2.0
#include "tests/model/daemon.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/slot_change.h"

namespace belka::model {

Daemon::Daemon(World& world, Oracle& oracle, std::function<void()> between_stores)
    : world_(world),
      oracle_(oracle),
      between_stores_(std::move(between_stores)),
      stores_([this] { before_store(); }),
      broken_(world),
      holds_(world.slots) {}

void Daemon::before_store() {
  if (stores_to_live_ != 0 && --stores_to_live_ == 0) throw Killed{};
  between_stores_();
}

// Between two of its acts, between two stores, or after a tick's store and before its sweep.
void Daemon::kill() {
  if (!is_alive()) return;
  switch (world_.random.below(4)) {
    case 0:
      stores_to_live_ = 1 + world_.random.below(6);
      return;
    case 1:
      dies_in_tick_ = true;
      return;
    default:
      die();
  }
}

void Daemon::die() {
  ++world_.figures.kills;
  keeper_.reset();
  stores_to_live_ = 0;
  dies_in_tick_ = false;
  const Time idle = kTick * world_.idle_ticks;
  const Time usual = world_.random.up_to(world_.random.percent(50) ? kTick : 3 * idle);
  const Time dead = world_.brisk ? usual % (kTick / 4) : usual;
  world_.agenda.at(world_.now + dead, What::start);
  if (world_.options.told) world_.tell("the daemon is killed");
}

void Daemon::start() {
  if (is_alive()) return;
  broken_.before_start();
  keeper_.emplace(world_.tables, stores_, KeeperReach{kSlotsInReach, world_.buckets});
  const uint32_t line = world_.first_slot / SLOTS_PER_LINE * SLOTS_PER_LINE;
  keeper_->set_idle_ticks({line, SLOTS_PER_LINE}, world_.idle_ticks);
  if (world_.options.told) world_.tell("the daemon starts");
  ++incarnation_;
  alive([this] { go_on(); });
  if (!is_alive()) return;
  world_.agenda.at(world_.now + kTick, What::tick, 0, incarnation_);
  if (world_.options.without == Without::no_catching_up) alive([this] { catch_up(); });
}

// From what the tables, the configuration and the health checks say.
void Daemon::go_on() {
  const bool anew = world_.options.without != Without::hold_after_restart;
  for (uint16_t backend = 1; backend <= world_.backends; ++backend) {
    const BackendPlan& plan = world_.backend_plans[backend];
    if (!plan.dead) stores_.update(world_.tables.backends[backend].down, 0);
    if (plan.dead && !plan.noticed) bury(backend);
  }
  for (uint32_t slot = world_.first_slot; slot < world_.first_slot + world_.slots; ++slot) {
    if (slot_draining(world_.word(slot)) == SLOT_HOLD)
      begin_hold(slot, anew ? kHold : 1);
    else if (world_.plan(slot).wanted != slot_current(world_.word(slot)))
      want_now(slot, world_.plan(slot).wanted, usual_manner());
  }
}

void Daemon::catch_up() {
  for (Time missed = (world_.now - last_tick_) / kTick; missed > 0; --missed) one_tick();
}

void Daemon::tick(uint32_t incarnation) {
  if (incarnation != incarnation_) return;
  alive([this] {
    if (dies_in_tick_) {
      stores_.store(world_.tables.node->tick, world_.tick() + 1);
      throw Killed{};
    }
    one_tick();
    world_.agenda.at(world_.now + kTick + world_.random.below(4), What::tick, 0, incarnation_);
  });
}

void Daemon::one_tick() {
  last_tick_ = world_.now;
  broken_.before_tick();
  const Sweep done = keeper_->tick();
  world_.figures.flips += done.flipped;
  world_.figures.settles += done.settled;
  ++world_.figures.ticks;
  if (world_.tells(world_.options.told_slot))
    world_.tell(fmt::format("swept: {} pins, slot {} is {}", done.pins, world_.options.told_slot,
                            text_of_word(world_.word(world_.options.told_slot))));
  broken_.after_tick(*keeper_);
}

void Daemon::change(uint32_t slot, uint32_t next, Manner manner) {
  const uint32_t before = world_.word(slot);
  next = broken_.word_instead(before, next);
  if (before == next) return;
  ++world_.figures.changes;
  if (world_.tells(slot))
    world_.tell(
        fmt::format("slot {}: {} becomes {}", slot, text_of_word(before), text_of_word(next)));
  broken_.note_change(slot, before);
  if (slot_begins(before, next)) {
    if (manner == Manner::by_hand) world_.plan(slot).by_hand = world_.now;
    if (world_.options.without == Without::since_before_word && world_.random.once_in(16))
      change_and_lose_since(slot, next);
  }
  keeper_->change(slot, next);
  if (slot_draining(next) == SLOT_HOLD) begin_hold(slot);
}

// As a daemon that stores the word first, and is killed after it.
void Daemon::change_and_lose_since(uint32_t slot, uint32_t next) {
  const uint16_t since = world_.tables.since[slot];
  keeper_->change(slot, next);
  world_.tables.since[slot] = since;
  throw Killed{};
}

void Daemon::begin_hold(uint32_t slot, Time lasts) {
  const uint32_t hold = ++holds_[slot - world_.first_slot];
  world_.agenda.at(world_.now + lasts, What::hold_over, slot, hold);
}

void Daemon::hold_over(uint32_t slot, uint32_t hold) {
  if (hold != holds_[slot - world_.first_slot]) return;
  alive([&] {
    if (slot_draining(world_.word(slot)) != SLOT_HOLD) return;
    SlotPlan& plan = world_.plan(slot);
    if (is_down(plan.wanted)) plan.wanted = heir(slot, plan.wanted);
    change(slot, slot_towards(world_.word(slot), plan.wanted), Manner::gentle);
  });
}

void Daemon::want(uint32_t slot, uint16_t backend, Manner manner) {
  if (is_down(backend)) return;
  alive([&] { want_now(slot, backend, manner); });
}

void Daemon::want_now(uint32_t slot, uint16_t backend, Manner manner) {
  const uint32_t word = world_.word(slot);
  world_.plan(slot).wanted = backend;
  if (manner == Manner::hard) {
    oracle_.given_up(slot, backend);
    change(slot, slot_hard(word, backend), manner);
    keeper_->give_up(slot);
    keeper_->sweep();
    return;
  }
  const bool holds = manner == Manner::gentle && world_.options.without != Without::hold;
  change(slot, holds ? slot_hold(word, backend) : slot_towards(word, backend), manner);
}

Manner Daemon::usual_manner() {
  return world_.random.percent(world_.gentle_percent) ? Manner::gentle : Manner::by_hand;
}

void Daemon::release(const SlotRange& range) {
  alive([&] {
    for (uint32_t slot = range.base; slot < range.base + range.slots; ++slot) {
      if (slot_is_settled(world_.word(slot))) continue;
      ++world_.figures.limits;
      oracle_.given_up(slot, slot_current(world_.word(slot)));
      if (world_.tells(slot)) world_.tell("it reaches the drain limit");
    }
    keeper_->release(range);
    keeper_->sweep();
  });
}

uint16_t Daemon::heir(uint32_t slot, uint16_t but) const {
  for (const uint16_t backend : world_.slot_plans[slot - world_.first_slot].heirs)
    if (backend != but && !is_down(backend)) return backend;
  return 0;
}

void Daemon::notice_death(uint16_t backend) {
  alive([&] { bury(backend); });
}

// Killed anywhere in it, the next daemon does it again.
void Daemon::bury(uint16_t backend) {
  BackendPlan& plan = world_.backend_plans[backend];
  if (!plan.dead || plan.noticed) return;
  if (world_.options.told) world_.tell(fmt::format("backend {} is down", backend));
  const bool marks = world_.options.without != Without::down_mark;
  if (marks) stores_.update(world_.tables.backends[backend].down, 1);
  for (uint32_t slot = world_.first_slot; slot < world_.first_slot + world_.slots; ++slot) {
    const uint32_t next = slot_without(world_.word(slot), backend, heir(slot, backend));
    change(slot, next, Manner::gentle);
    if (world_.plan(slot).wanted == backend) world_.plan(slot).wanted = slot_current(next);
  }
  keeper_->sweep();
  plan.noticed = true;
  plan.noticed_at = world_.now;
  plan.noticed_tick = world_.tick();
  const auto most = static_cast<uint32_t>(6 * kTick * world_.idle_ticks);
  world_.agenda.at(world_.now + kTick + world_.random.below(most), What::recovery, backend);
}

void Daemon::notice_recovery(uint16_t backend) {
  BackendPlan& plan = world_.backend_plans[backend];
  if (!is_alive() || world_.tick() == plan.noticed_tick) {
    world_.agenda.at(world_.now + kTick, What::recovery, backend);
    return;
  }
  plan.dead = plan.noticed = false;
  if (world_.options.told) world_.tell(fmt::format("backend {} is back", backend));
  alive([&] {
    stores_.update(world_.tables.backends[backend].down, 0);
    for (uint32_t slot = world_.first_slot; slot < world_.first_slot + world_.slots; ++slot)
      if (world_.plan(slot).home == backend) want_now(slot, backend, usual_manner());
  });
}

std::string Daemon::come_to_rest() {
  const uint32_t enough = 2 * world_.idle_ticks + 16;
  stores_to_live_ = 0;
  dies_in_tick_ = false;
  start();
  for (uint32_t i = 0; i < enough; ++i) {
    world_.now += 2 * kTick;
    for (uint32_t slot = world_.first_slot; slot < world_.first_slot + world_.slots; ++slot)
      hold_over(slot, holds_[slot - world_.first_slot]);
    one_tick();
  }
  std::string left;
  for (uint32_t slot = world_.first_slot; slot < world_.first_slot + world_.slots; ++slot)
    if (!slot_is_settled(world_.word(slot)))
      left += fmt::format("slot {} is {}; ", slot, text_of_word(world_.word(slot)));
  for (uint32_t bucket = 0; bucket < world_.buckets; ++bucket)
    for (const uint64_t pin : world_.tables.pins[bucket].pin)
      if (pin != 0) left += fmt::format("a pin of slot {} is left; ", pin_slot(pin));
  return left;
}

}  // namespace belka::model
