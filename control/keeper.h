// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "control/allocate.h"
#include "control/stores.h"
#include "control/table_values.h"

namespace belka {

// What a sweep found and did. Pins are counted as it left them.
struct Sweep {
  uint64_t pins = 0;
  uint64_t cleared = 0;
  uint32_t flipped = 0;  // slots from opening to looking
  uint32_t settled = 0;
  uint32_t opening = 0, looking = 0, held = 0;  // after it
};

// How far the tables are in use: all that lies beyond is empty, and stays so.
struct KeeperReach {
  uint32_t slots = SLOTS;  // a multiple of SLOTS_PER_LINE
  uint32_t pin_buckets = PIN_BUCKETS;
};

// The daemon's half of slots and pins: it changes slot words, ticks, sweeps pins that nobody needs
// any more, and settles slots. If it dies the clock stands, nothing expires, and every answer stays
// right; a new one goes on from the tables.
//
// All ages are in ticks, of which the sweep and the planes see the same. A word is "old" when it
// has stood for more than a whole tick: no plane works with the one before it any more.
//
// Threads: none; the caller locks. Planes work beside it.
class Keeper {
 public:
  // Reads which slots move. REQUIRES: `tables` and `stores` outlive it.
  Keeper(const TableView& tables, Stores& stores, const KeeperReach& reach = {});

  // The caller's clock, in units of its own, by which slots begin to keep connections elsewhere.
  // Those that move already began as many ticks ago as the tables say.
  void begin_time(uint32_t time, uint32_t units_per_tick);
  void set_time(uint32_t time) { time_ = time; }

  // Stores a slot's word, after the tick at which it began to open, if it does.
  void change(uint32_t slot, uint32_t word);

  // A connection of these slots may be silent for so many ticks (2 to 32).
  void set_idle_ticks(const SlotRange& range, uint32_t ticks);

  // One tick: the clock goes on, then a whole sweep, then flips and settles what is due. Not to be
  // called sooner than a tick's length after the last time, or after the start, however late.
  Sweep tick();

  // The sweep alone, which lets nothing age: after a backend went down, and for released slots.
  Sweep sweep();

  // Every pin counts as used just now, and every slot that opens as just changed.
  void restart_ages();

  // The slot's connections elsewhere are given up. sweep() must follow.
  void give_up(uint32_t slot) { released_[slot] = !slot_is_settled(word_of(slot)); }

  // All slots of the range that still move: their connections elsewhere are given up. What is held
  // stays held. sweep() must follow.
  void release(const SlotRange& range);

  // Those of them that have kept connections elsewhere for so many units of time. True where there
  // are any.
  bool release_older(const SlotRange& range, uint32_t units);

  // Whether a slot names the backend, or one did since the last sweep began, or a pin did when it
  // ended. Until the first sweep everything is in use.
  bool in_use(uint16_t backend) const {
    return !swept_ || named_[backend] != 0 || pinned_[backend];
  }

  // Pins of the slots of the range, on backends other than the slots' current ones, as the last
  // sweep left them.
  uint32_t pins_elsewhere(const SlotRange& range) const;

  // Pins of the slots of the range that the last sweep cleared because their slots were given up or
  // released.
  uint32_t given_up(const SlotRange& range) const;

  uint64_t refusals() const;                 // pins that found no place, of all planes
  bool moves(const SlotRange& range) const;  // any of its slots
  bool anything_moves() const { return !moving_.empty(); }
  const Sweep& last() const { return last_; }

  // Whether any slot of the range names a backend, or did and is still on its way.
  bool serves(const SlotRange& range) const;

  // Units of time since a slot began to keep connections elsewhere; 0 where it does not yet.
  uint32_t age(uint32_t slot) const;

 private:
  enum class Fate : uint8_t { keep, clear, give_up };

  uint32_t word_of(uint32_t slot) const { return tables_.slots[slot & (SLOTS - 1)]; }
  bool is_old(uint32_t slot) const;
  Fate judge(uint64_t pin) const;
  void sweep_pins();
  void sweep_pin(uint64_t& place);
  void note_kept(uint64_t pin);
  void count_named(uint32_t word, bool more);
  uint64_t pinning() const;
  void flip_and_settle();
  bool flip(uint32_t slot);
  bool settle(uint32_t slot);
  void note_moving(uint32_t slot);
  void release_slot(uint32_t slot);
  uint32_t age_ticks(uint32_t slot) const;
  bool is_due(uint32_t slot, uint32_t last_refusal_ago) const;
  uint32_t last_refusal_ago() const;

  const TableView& tables_;
  Stores& stores_;
  const KeeperReach reach_;
  std::vector<uint8_t> idle_ticks_;  // by line of slots
  std::vector<uint16_t> stored_;     // by slot: the tick when its word was stored, modulo 65,536
  std::vector<uint32_t> left_;       // by slot: when it was settled last, or kNotYet
  uint32_t time_ = 0;
  std::vector<bool> in_moving_;      // by slot
  std::vector<uint32_t> moving_;     // slots that are not settled, or were not at the last tick
  std::vector<uint16_t> elsewhere_;  // by slot: pins on other backends at the last sweep, to 65,535
  std::vector<uint32_t> touched_;    // slots with a count in elsewhere_
  std::vector<bool> released_;       // by slot: pins elsewhere are to go
  std::vector<uint32_t> given_up_;   // the slots of those that went at the last sweep, pin by pin
  std::vector<uint32_t> named_;      // by backend: halves of slots' words
  std::vector<bool> pinned_;         // by backend: at the last sweep
  uint64_t pinning_ = 0;             // the planes' counts when the last sweep began
  uint32_t grown_tick_ = 0;          // when they last had grown
  bool swept_ = false;
  Sweep last_;
};

}  // namespace belka
