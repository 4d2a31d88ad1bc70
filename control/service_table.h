// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "control/stores.h"
#include "control/table_values.h"

namespace belka {

// What to do to the open-addressed VIP table. At every moment in between, each key that stands in
// both the old and the new state is found, and found whole:
//
//  - A reader goes from the key's home (service_find in bpf/split/classify.h) and takes the first
//  entry
//    with the key. A new entry for a key goes *behind* the old one: it is found from the one store
//    on that makes the old one a tombstone, by every reader, wherever he stands.
//  - Only where there is no free place behind, it goes before the old one, and the old one stays
//  for a
//    grace period: a reader who had passed the new place while it was free finds the old.
//  - Tombstones become empty where the next place is empty, from the end backwards: no probe that
//    goes through them could find anything.
struct EntryChange {
  std::vector<std::pair<uint32_t, EntryRecord>> placed;  // place, fields
  bool wait_before_removal = false;                      // for one grace period
  std::vector<uint32_t> tombstones;                      // places, in order
  std::vector<uint32_t> emptied;                         // places, in order
  std::string fault;  // a sentence where an entry finds no place; then nothing else is meaningful

  bool empty() const { return placed.empty() && tombstones.empty() && emptied.empty(); }
};

// From what stands in the table to exactly `wanted` (no key twice; VIP entries before those of
// their services). An entry that is there already, the first with its key or a later one, is kept.
EntryChange plan_entries(const EntryRecord* table, const std::vector<EntryRecord>& wanted);

// The stores of it. Pair with the loads in service_copy and service_find.
void place_entries(Stores& stores, EntryRecord* table, const EntryChange& change);
void remove_entries(Stores& stores, EntryRecord* table, const EntryChange& change);

}  // namespace belka
