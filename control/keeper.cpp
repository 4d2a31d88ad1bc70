// SPDX-License-Identifier: Apache-2.0
#include "control/keeper.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "control/slot_change.h"
#include "split/pins.h"

namespace belka {
namespace {

// Limits of a pin's age, in ticks, beside the idle time for open ones.
constexpr uint32_t kShortTicks = 3;      // half-open and closing: two, and one for rounding
constexpr uint32_t kTentativeTicks = 1;  // of a writer that was killed
// An opening slot stays so for the idle time, a tick for rounding, and one for planes that still
// hold the word before.
constexpr uint32_t kOpenTicks = 2;
constexpr uint32_t kLateTicks = 2;
constexpr uint16_t kManyPins = 65'535;
constexpr uint32_t kNotYet = UINT32_MAX;  // held since it was settled
// Beyond what a plane may be held up that is served: a pin that came later still is looked for too.
constexpr uint32_t kSweepAnywayTicks = 16;

uint64_t load(const uint64_t& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }

bool contains(const SlotRange& range, uint32_t slot) {
  return slot >= range.base && slot - range.base < range.slots;
}

}  // namespace

Keeper::Keeper(const TableView& tables, Stores& stores, const KeeperReach& reach)
    : tables_(tables),
      stores_(stores),
      reach_(reach),
      idle_ticks_(reach.slots / SLOTS_PER_LINE, kMaxIdleTicks),
      stored_(reach.slots, static_cast<uint16_t>(tables.node->tick)),
      left_(reach.slots),
      in_moving_(reach.slots),
      elsewhere_(reach.slots),
      released_(reach.slots),
      named_(BACKENDS),
      pinned_(BACKENDS) {
  for (uint32_t slot = 0; slot < reach_.slots; ++slot) {
    if (word_of(slot) == 0) continue;
    count_named(word_of(slot), true);
    if (!slot_is_settled(word_of(slot))) note_moving(slot);
  }
}

// It may stand in the list still, settled since the last tick.
void Keeper::note_moving(uint32_t slot) {
  if (!in_moving_[slot]) moving_.push_back(slot);
  in_moving_[slot] = true;
}

void Keeper::begin_time(uint32_t time, uint32_t units_per_tick) {
  time_ = time;
  for (const uint32_t slot : moving_) {
    const uint64_t age = uint64_t{age_ticks(slot)} * units_per_tick;
    const bool is_held = slot_draining(word_of(slot)) == SLOT_HOLD;
    left_[slot] = is_held ? kNotYet : age < time ? static_cast<uint32_t>(time - age) : 0;
  }
}

void Keeper::change(uint32_t slot, uint32_t word) {
  const uint32_t before = word_of(slot);
  if (before == word) return;
  const auto tick = static_cast<uint16_t>(tables_.node->tick);
  // Where it does not begin to open: for the age of one that is held, then looks (begin_time).
  const bool leaves_rest = slot_is_settled(before) && !slot_is_settled(word);
  if (slot_begins(before, word) || leaves_rest) stores_.update(tables_.since[slot], tick);
  if (leaves_rest) note_moving(slot);
  if (slot_is_settled(before) || left_[slot] == kNotYet)
    left_[slot] = slot_draining(word) == SLOT_HOLD ? kNotYet : time_;
  stored_[slot] = tick;
  count_named(before, false);
  count_named(word, true);
  // Pairs with the planes' loads of the word: who sees it sees the backends that it names.
  stores_.store(tables_.slots[slot], word);
}

void Keeper::set_idle_ticks(const SlotRange& range, uint32_t ticks) {
  const auto first = idle_ticks_.begin() + range.base / SLOTS_PER_LINE;
  const auto limit = static_cast<uint8_t>(std::clamp(ticks, kMinIdleTicks, kMaxIdleTicks));
  std::fill_n(first, range.slots / SLOTS_PER_LINE, limit);
}

bool Keeper::is_old(uint32_t slot) const {
  return static_cast<uint16_t>(tables_.node->tick - stored_[slot]) >= 2;
}

Keeper::Fate Keeper::judge(uint64_t pin) const {
  const uint32_t slot = pin_slot(pin);
  const uint32_t idle = pin_idle_ticks(pin, tables_.node->tick);
  const uint32_t word = word_of(slot);
  const uint32_t state = pin_state(pin);
  const uint32_t limit = state == PIN_TENTATIVE ? kTentativeTicks
                         : state == PIN_OPEN    ? idle_ticks_[slot / SLOTS_PER_LINE] + 1u
                                                : kShortTicks;
  if (idle > limit) return Fate::clear;
  if (state == PIN_TENTATIVE) return Fate::keep;
  const uint16_t backend = pin_backend(pin);
  const BackendRecord& record = tables_.backends[backend];
  if ((record.down & BACKEND_DOWN) != 0 || record.next_hop.part.state == BACKEND_FREE)
    return Fate::clear;
  if (slot_is_settled(word)) return is_old(slot) ? Fate::clear : Fate::keep;
  if (released_[slot] && backend != slot_current(word)) return Fate::give_up;
  const bool looks = slot_draining(word) == SLOT_LOOK;
  return looks && backend == slot_current(word) && is_old(slot) ? Fate::clear : Fate::keep;
}

void Keeper::note_kept(uint64_t pin) {
  ++last_.pins;
  if (pin_state(pin) == PIN_TENTATIVE) return;  // names its writer
  pinned_[pin_backend(pin)] = true;
  const uint32_t slot = pin_slot(pin);
  if (pin_backend(pin) == slot_current(word_of(slot))) return;
  if (elsewhere_[slot] == 0) touched_.push_back(slot);
  if (elsewhere_[slot] < kManyPins) ++elsewhere_[slot];
}

// A plane may change the pin at any moment: then it is judged anew.
void Keeper::sweep_pin(uint64_t& place) {
  for (uint64_t pin = load(place); pin != 0; pin = load(place)) {
    const Fate fate = judge(pin);
    if (fate == Fate::keep) {
      note_kept(pin);
      return;
    }
    if (pin_swap(&place, pin, 0) != 0) {
      ++last_.cleared;
      if (fate == Fate::give_up) given_up_.push_back(pin_slot(pin));
      return;
    }
  }
}

void Keeper::sweep_pins() {
  for (size_t bucket = 0; bucket < reach_.pin_buckets; ++bucket)
    for (uint64_t& place : tables_.pins[bucket].pin)
      if (load(place) != 0) sweep_pin(place);
}

// Number 0, no backend, is not counted. What a slot named until now may have pins that the last
// sweep did not see.
void Keeper::count_named(uint32_t word, bool more) {
  for (const uint16_t number : {slot_current(word), slot_draining(word)}) {
    if (number == 0) continue;
    named_[number] += more ? 1u : ~0u;
    if (!more) pinned_[number] = true;
  }
}

uint64_t Keeper::pinning() const {
  uint64_t packets = 0;
  for (uint32_t row = 0; row < tables_.node->counter_rows; ++row)
    packets += load(tables_.counters[row].pinning);
  return packets;
}

// Planes count before they put a pin in, so where the counts stand still there are no new ones; but
// one that was counted may be put in just behind a sweep, up to a tick later, so sweeps look for
// two ticks more. (What comes later still, its plane takes out again, if it lives.)
Sweep Keeper::sweep() {
  // What was stored before, a tick or a word, is seen by whoever puts in a pin that this misses.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const uint64_t pinning_before = std::exchange(pinning_, pinning());
  if (pinning_ != pinning_before) grown_tick_ = tables_.node->tick;
  const bool may_be_made = tables_.node->tick - grown_tick_ <= kLateTicks;
  const bool has_pins =
      !swept_ || last_.pins != 0 || may_be_made || tables_.node->tick % kSweepAnywayTicks == 0;
  last_ = {};
  for (const uint32_t slot : touched_) elsewhere_[slot] = 0;
  touched_.clear();
  given_up_.clear();
  std::fill(pinned_.begin(), pinned_.end(), false);
  if (has_pins) sweep_pins();
  for (const uint32_t slot : moving_) {
    released_[slot] = false;
    if (slot_is_settled(word_of(slot))) continue;
    const uint16_t draining = slot_draining(word_of(slot));
    last_.opening += draining < SLOT_HOLD ? 1 : 0;
    last_.looking += draining == SLOT_LOOK ? 1 : 0;
    last_.held += draining == SLOT_HOLD ? 1 : 0;
  }
  swept_ = true;
  return last_;
}

// Since any plane last had no place for a pin: a connection without one may have spoken then.
uint32_t Keeper::last_refusal_ago() const {
  uint64_t last = 0;
  for (uint32_t row = 0; row < tables_.node->counter_rows; ++row)
    last = std::max(last, load(tables_.counters[row].pins_refused_tick));
  return last == 0 ? UINT32_MAX : tables_.node->tick - static_cast<uint32_t>(last - 1);
}

bool Keeper::is_due(uint32_t slot, uint32_t refusal_ago) const {
  const uint32_t limit = idle_ticks_[slot / SLOTS_PER_LINE] + kOpenTicks;
  return age_ticks(slot) > limit && refusal_ago > limit;
}

uint32_t Keeper::age_ticks(uint32_t slot) const {
  return static_cast<uint16_t>(tables_.node->tick - tables_.since[slot]);
}

uint32_t Keeper::age(uint32_t slot) const {
  return slot_is_settled(word_of(slot)) || left_[slot] == kNotYet ? 0 : time_ - left_[slot];
}

uint64_t Keeper::refusals() const {
  uint64_t refused = 0;
  for (uint32_t row = 0; row < tables_.node->counter_rows; ++row)
    refused += load(tables_.counters[row].pins_refused);
  return refused;
}

// A connection may begin just now, find no place for its pin, and go to the old default: no later
// word would know of it. So the slot is first held, which pins to the new default all that come,
// and whoever was refused before he could see it has counted by then (count_refusal). Then the slot
// goes on as before. One slot at a time: who is refused while it is held, and counts before it is
// asked, went to the new default, and goes to the old one again.
bool Keeper::flip(uint32_t slot) {
  const uint32_t word = word_of(slot);
  const uint64_t refusals_before = refusals();
  if (!is_due(slot, last_refusal_ago())) return false;
  const uint16_t since = tables_.since[slot];
  change(slot, slot_of(slot_current(word), SLOT_HOLD));
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with ADD_ORDERED
  const bool stays_due = refusals() == refusals_before;
  change(slot, stays_due ? slot_of(slot_current(word), SLOT_LOOK) : word);
  stores_.update(tables_.since[slot], since);
  return stays_due;
}

bool Keeper::settle(uint32_t slot) {
  const uint32_t word = word_of(slot);
  if (slot_draining(word) != SLOT_LOOK || elsewhere_[slot] != 0 || !is_old(slot)) return false;
  change(slot, slot_settled(slot_current(word)));
  return true;
}

void Keeper::flip_and_settle() {
  // The planes' counters are read anew for those alone that may be due.
  const uint32_t refusal_ago = last_refusal_ago();
  for (const uint32_t slot : moving_) {
    if (!slot_is_opening(word_of(slot))) {
      last_.settled += settle(slot) ? 1 : 0;
    } else if (is_due(slot, refusal_ago)) {
      last_.flipped += flip(slot) ? 1 : 0;
    }
  }
  std::erase_if(moving_, [&](uint32_t slot) {
    in_moving_[slot] = !slot_is_settled(word_of(slot));
    return !in_moving_[slot];
  });
}

Sweep Keeper::tick() {
  // The last daemon may have been killed between its tick and its sweep.
  if (!swept_) sweep();
  // Pairs with the planes' loads of the tick.
  stores_.store(tables_.node->tick, tables_.node->tick + 1);
  sweep();
  flip_and_settle();
  last_.opening -= last_.flipped;
  last_.looking += last_.flipped;
  last_.looking -= last_.settled;
  return last_;
}

void Keeper::restart_ages() {
  const uint32_t tick = tables_.node->tick;
  for (size_t bucket = 0; bucket < reach_.pin_buckets; ++bucket) {
    for (uint64_t& place : tables_.pins[bucket].pin) {
      uint64_t pin = load(place);
      while (pin != 0 && pin_swap(&place, pin, pin_used(pin, tick, pin_state(pin))) == 0)
        pin = load(place);
    }
  }
  for (const uint32_t slot : moving_)
    stores_.update(tables_.since[slot], static_cast<uint16_t>(tick));
}

void Keeper::release(const SlotRange& range) {
  for (const uint32_t slot : moving_)
    if (contains(range, slot)) release_slot(slot);
}

// Pins of a held slot's own backend are the new ones, which it is held for.
void Keeper::release_slot(uint32_t slot) {
  const uint32_t word = word_of(slot);
  const bool is_held = slot_draining(word) == SLOT_HOLD;
  if (!is_held) change(slot, slot_released(word));
  left_[slot] = is_held ? kNotYet : time_;
  released_[slot] = true;
}

bool Keeper::release_older(const SlotRange& range, uint32_t units) {
  bool any = false;
  for (const uint32_t slot : moving_) {
    const bool has_any = slot_is_opening(word_of(slot)) || elsewhere_[slot] != 0;
    if (!contains(range, slot) || !has_any || age(slot) < units) continue;
    release_slot(slot);
    any = true;
  }
  return any;
}

uint32_t Keeper::pins_elsewhere(const SlotRange& range) const {
  uint32_t pins = 0;
  for (const uint32_t slot : touched_)
    if (contains(range, slot)) pins += elsewhere_[slot];
  return pins;
}

uint32_t Keeper::given_up(const SlotRange& range) const {
  return static_cast<uint32_t>(std::count_if(given_up_.begin(), given_up_.end(),
                                             [&](uint32_t slot) { return contains(range, slot); }));
}

bool Keeper::moves(const SlotRange& range) const {
  return std::any_of(moving_.begin(), moving_.end(),
                     [&](uint32_t slot) { return contains(range, slot); });
}

bool Keeper::serves(const SlotRange& range) const {
  const uint32_t* first = tables_.slots + range.base;
  return std::any_of(first, first + range.slots, [](uint32_t word) { return word != 0; });
}

}  // namespace belka
