// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/table_values.h"
#include "dataplane/tables.h"
#include "split/decide.h"
#include "tests/model/agenda.h"
#include "tests/model/figures.h"
#include "tests/model/random.h"
#include "tests/model/without.h"

namespace belka::model {

// What is asked of one run; the same options give the same run.
struct Options {
  uint64_t seed = 1;
  uint64_t packets = 100'000;
  Without without = Without::nothing;
  // Half of the packets are delayed, many are ICMP errors, idle times are short, buckets crowded:
  // for what is seldom seen.
  bool dense = false;
  // Of the real publisher: backends die and return, operators disable and drain them.
  bool mishaps = false;
  // Of the real publisher: its sweeps go through all pins there may be, not only through those
  // within reach.
  bool whole_tables = false;
  // To be told what happened to one slot, from a time on.
  bool told = false;
  uint32_t told_slot = 0;
  Time told_from = 0;
};

// Of a slot: what outlives the daemon beside the tables, namely the configuration, and what the
// oracle wants to know.
struct SlotPlan {
  uint16_t home;
  uint16_t wanted;
  std::vector<uint16_t> heirs;   // all backends, in the order in which they answer for it
  std::vector<uint16_t> before;  // the last ones, for changes back
  Time by_hand = kLongAgo;       // when it last began to open without having been held
  Time given_up = kLongAgo;      // when connections were that were not on
  uint16_t kept = 0;             // this backend
};

struct BackendPlan {
  bool dead = false;     // it answers nobody
  bool noticed = false;  // and the daemon has seen to it
  Time noticed_at = kLongAgo;
  uint32_t noticed_tick = 0;
};

// How large a world is, and how it goes there.
struct Shape {
  uint32_t first_slot, slots, udp_slots;  // one after the other, those of UDP last
  uint32_t backends;                      // numbers, from 1
  uint32_t tuples, buckets;
  uint32_t idle_ticks;
  uint32_t delayed_percent;  // of the packets
  uint32_t error_percent;    // ICMP errors for each other packet
  uint32_t gentle_percent;   // of the changes
  bool brisk;                // the daemon is killed often, and starts again at once
  bool floods;
};

Shape random_shape(const Options& options);

// The tables and all that stands around them.
class World : public Shape {
 public:
  World(const TableView& shared, const Options& options, const Shape& shape);

  // Empty tables, but for the slots' words; all slots settled.
  void lay_out();

  uint32_t word(uint32_t slot) const { return slot_word(&tables, slot); }
  uint32_t tick() const { return tick_now(&tables); }
  uint64_t seen(uint32_t slot) const { return word(slot) | uint64_t{tick()} << 32; }

  uint32_t slot_of_tuple(uint32_t tuple) const { return first_slot + tuple % slots; }
  bool is_udp(uint32_t slot) const { return slot - first_slot >= slots - udp_slots; }

  // Of a tuple's connection: slot in the low bits, then bucket, then tag.
  uint64_t hash_of(uint32_t tuple, uint32_t bucket) const;

  SlotPlan& plan(uint32_t slot) { return slot_plans[slot - first_slot]; }

  // Both give "it may be anything", never 0.
  uint16_t any_backend() { return static_cast<uint16_t>(1 + random.below(backends)); }
  uint32_t any_slot() { return first_slot + random.below(slots); }

  bool tells(uint32_t slot) const {
    return options.told && slot == options.told_slot && now >= options.told_from;
  }
  void tell(const std::string& text) const;

  const Options options;
  Random random;
  const TableView& tables;
  Figures figures;
  Agenda agenda;
  Time now = 0;

  std::vector<SlotPlan> slot_plans;
  std::vector<BackendPlan> backend_plans;  // by number
};

std::string text_of_word(uint32_t word);

// All that a world can use of the tables.
inline constexpr uint32_t kSlotsInReach = 64;
inline constexpr uint32_t kBucketsInReach = 512;
inline constexpr uint32_t kPlanes = 2;  // rows of counters

}  // namespace belka::model
