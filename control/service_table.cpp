// SPDX-License-Identifier: Apache-2.0
#include "control/service_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace belka {
namespace {

constexpr uint32_t kMask = SERVICE_TABLE - 1;
constexpr uint32_t kTombstoneWord = uint32_t{PLACE_TOMBSTONE} << 24;

bool same_fields(const EntryRecord& a, const EntryRecord& b) {
  return same_key(key_of(a), key_of(b)) && a.hash_key[0] == b.hash_key[0] &&
         a.hash_key[1] == b.hash_key[1] && a.slot_base == b.slot_base &&
         a.slot_mask == b.slot_mask && a.service == b.service && a.source_bits == b.source_bits;
}

class Planner {
 public:
  explicit Planner(const EntryRecord* table) : table_(table), state_(SERVICE_TABLE) {
    for (uint32_t place = 0; place < SERVICE_TABLE; ++place) state_[place] = state_of(place);
  }

  EntryChange plan(const std::vector<EntryRecord>& wanted) {
    std::vector<const EntryRecord*> missing;
    for (const EntryRecord& entry : wanted)
      if (!keep(entry)) missing.push_back(&entry);
    for (const EntryRecord* entry : missing)
      if (!place(*entry)) return std::move(change_);
    bury();
    empty_tombstones();
    return std::move(change_);
  }

 private:
  enum class State : uint8_t { empty, tombstone, taken, kept };

  State state_of(uint32_t place) const {
    const uint32_t word = table_[place].port_protocol_family;
    if (word >> 24 == PLACE_EMPTY) return State::empty;
    return word >> 24 == PLACE_TOMBSTONE ? State::tombstone : State::taken;
  }

  // The places that a reader looks at for the key, up to the first empty one.
  template <typename Visit>
  void probe(const TableKey& key, Visit visit) const {
    const uint32_t home = service_home(&key);
    for (uint32_t step = 0; step < SERVICE_PROBES; ++step) {
      const uint32_t place = (home + step) & kMask;
      if (!visit(step, place)) return;
    }
  }

  bool keep(const EntryRecord& entry) {
    std::optional<uint32_t> found;
    probe(key_of(entry), [&](uint32_t, uint32_t place) {
      if (state_[place] == State::taken && same_fields(table_[place], entry)) found = place;
      return !found && state_[place] != State::empty;
    });
    if (found) state_[*found] = State::kept;
    return found.has_value();
  }

  // Behind the last entry that has the key now; else, at worst, before it.
  bool place(const EntryRecord& entry) {
    const TableKey key = key_of(entry);
    std::optional<uint32_t> before;
    std::optional<uint32_t> behind;
    bool is_there = false;
    probe(key, [&](uint32_t, uint32_t place) {
      const bool is_free = state_[place] == State::empty || state_[place] == State::tombstone;
      if (is_free && !behind) behind = place;
      if (!is_free && same_key(key_of(table_[place]), key)) {
        if (!before) before = behind;
        behind.reset();
        is_there = true;
      }
      return true;
    });
    const auto chosen = behind ? behind : before;
    if (!chosen) {
      change_.fault = fmt::format(
          "the {} places for a VIP entry from {} on are taken, allowed are {} probes; apply it in "
          "two steps, first without the services that are to go, or choose another port or VIP for "
          "one of those there",
          static_cast<int>(SERVICE_PROBES), service_home(&key), static_cast<int>(SERVICE_PROBES));
      return false;
    }
    change_.wait_before_removal |= is_there && !behind;
    state_[*chosen] = State::kept;
    change_.placed.emplace_back(*chosen, entry);
    return true;
  }

  // Services first, then the entries that say that an address is a VIP.
  void bury() {
    for (uint32_t place = 0; place < SERVICE_TABLE; ++place) {
      if (state_[place] != State::taken) continue;
      change_.tombstones.push_back(place);
      state_[place] = State::tombstone;
    }
    std::stable_partition(
        change_.tombstones.begin(), change_.tombstones.end(),
        [&](uint32_t place) { return !is_vip_key(table_[place].port_protocol_family); });
  }

  void empty_tombstones() {
    for (int round = 0; round < 2; ++round) {  // the second for a run across the table's end
      for (uint32_t place = SERVICE_TABLE; place-- > 0;) {
        if (state_[place] != State::tombstone) continue;
        if (state_[(place + 1) & kMask] != State::empty) continue;
        change_.emptied.push_back(place);
        state_[place] = State::empty;
      }
    }
  }

  const EntryRecord* table_;
  std::vector<State> state_;
  EntryChange change_;
};

// A generation that neither a whole nor a torn entry in this place has had last.
uint32_t next_generation(const EntryRecord& entry) {
  return std::max(entry.generation_before, entry.generation_after) + 1;
}

}  // namespace

EntryChange plan_entries(const EntryRecord* table, const std::vector<EntryRecord>& wanted) {
  return Planner(table).plan(wanted);
}

void place_entries(Stores& stores, EntryRecord* table, const EntryChange& change) {
  for (const auto& [place, fields] : change.placed) {
    EntryRecord& entry = table[place];
    const uint32_t generation = next_generation(entry);
    // A reader who still copies the entry that was here loads generation_before last, after a read
    // barrier: if he saw any of the fields below, he sees this.
    stores.store(entry.generation_before, generation);
    stores.update(entry.vip.low, fields.vip.low);
    stores.update(entry.vip.high, fields.vip.high);
    stores.update(entry.hash_key[0], fields.hash_key[0]);
    stores.update(entry.hash_key[1], fields.hash_key[1]);
    stores.update(entry.slot_base, fields.slot_base);
    stores.update(entry.slot_mask, fields.slot_mask);
    stores.update(entry.service, fields.service);
    stores.update(entry.source_bits, fields.source_bits);
    // Pairs with service_copy's first load: who sees this generation sees all fields.
    stores.store(entry.generation_after, generation);
    // Pairs with the loads of the key in service_find and service_copy: from here on it is found.
    stores.store(entry.port_protocol_family, fields.port_protocol_family);
  }
}

void remove_entries(Stores& stores, EntryRecord* table, const EntryChange& change) {
  for (const uint32_t place : change.tombstones)
    stores.store(table[place].port_protocol_family, kTombstoneWord);
  for (const uint32_t place : change.emptied)
    stores.store(table[place].port_protocol_family, uint32_t{PLACE_EMPTY});
}

}  // namespace belka
