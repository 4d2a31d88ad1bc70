// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/config.h"
#include "control/holdings.h"
#include "control/seed.h"

namespace belka {

// What a change would do to one pool. A pool that is new has 0 slots before, one that goes has 0
// after.
struct PlanPool {
  struct Weight {
    Address address;
    uint32_t before, after;
    bool operator==(const Weight&) const = default;
  };

  std::string name;
  uint64_t wanted_ppm_before = 0, wanted_ppm_after = 0;  // match and prod's rest resolved
  bool match = false;                                    // after
  uint32_t slots_before = 0, slots_after = 0;
  std::vector<BackendConfig> added, removed;
  std::vector<Weight> weights;
};

// What a change would do to one service.
struct PlanService {
  enum class Kind : uint8_t { unchanged, added, removed, changed };
  // Why all slots count as moved, whatever each of them answers; where there are several reasons,
  // the last of these.
  enum class AllMove : uint8_t {
    no,       // they do not: each is compared
    forward,  // connections keep their slot and its backend, but not the way there
    hash,     // connections may fall into another slot: another hash, ring size or seed
    vip,      // packets do not find the service where they did
  };

  std::string name;
  Kind kind = Kind::unchanged;
  std::vector<std::string> settings;  // `slots 65536 -> 131072`
  std::vector<PlanPool> pools;        // all, in the new order; those that go come last
  uint32_t slots_before = 0, slots_after = 0;

  // Slots that answered one address before and answer another after, or all (all_move); and those
  // of them, or of the others, that change pool: where connections fall into other slots, all that
  // there are, unless one pool has them all. Where the ring changes its size, counted in slots of
  // the larger one. A service that comes or goes moves nothing.
  uint32_t slots_moved = 0, slots_to_other_pool = 0;
  AllMove all_move = AllMove::no;

  // Slot words that are stored: as many as slots_moved, but for a new or resized ring, a new
  // forwarding mode (new backend numbers), and the repair of a publish that was cut off.
  uint32_t words = 0;
  // Why connections are cut whatever is done: a clause such as `slots 64 -> 128`; empty: none are.
  std::string breaks;
  bool repair = false;  // the same configuration, but the tables do not hold all of it

  // Sets the numbers of slots that move, from those whose answers differ.
  void note_moved(uint32_t slots, uint32_t to_other_pool);
};

struct Plan {
  std::vector<PlanService> services;  // that change; in the wanted order, those that go come last
  uint32_t unchanged = 0;             // the number of the others
  std::vector<std::string> faults;    // whole sentences: why it cannot be published
  bool hard = false;                  // for text(): what goes is cut, nothing drains
  bool broken = false;                // for text(): what breaks connections is done all the same
  bool other_seed = false;            // rings that are in force were made with another seed

  bool empty() const { return services.empty(); }

  // A sentence for each service whose connections it cuts, with how many slots move at once; one,
  // the first, for all of which nothing but the seed is another.
  std::vector<std::string> breaks() const;
  uint32_t slots_moved() const;

  // For people, lines with an end each.
  std::string text() const;
  std::string line() const;  // the same in one, for a log

  // {"unchanged", "slots_moved", "faults", "services": [{"name", "change", "settings",
  //  "slots": {"before", "after"}, "slots_moved", "slots_to_other_pool", "words", "repair",
  //  "breaks", "pools":
  //  [{"name", "wanted_ppm": {"before", "after"}, "match", "slots": {"before", "after"}, "added":
  //  [{"address", "weight"}], "removed": [...], "weights": [{"address", "before", "after"}]}]}]}
  nlohmann::json to_json() const;

 private:
  std::string seed_break() const;
};

// Everything but note_moved and the number of words. Either may be null, not both.
PlanService compare_services(const HeldService* before, const HeldService* after);

// A service whose key in the tables is of another seed, also one that drains: all of its slots
// move, and it breaks connections.
void note_other_seed(const TableView& tables, const Holdings& holdings, const Seed& seed,
                     Plan& plan);

}  // namespace belka
