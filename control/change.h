// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "control/config.h"
#include "control/holdings.h"
#include "control/plan.h"
#include "control/seed.h"
#include "control/service_table.h"

namespace belka {

struct SlotStore {
  uint32_t index;
  uint32_t word;
};

struct NewBackend {
  uint16_t number;
  uint16_t donor;  // one with the same address and mode, whose route it takes over; 0: none
  BackendRecord record;
};

// Of a backend that stays, or comes back: what only the daemon reads.
struct BackendEdit {
  uint16_t number;
  uint8_t pool;
  uint32_t weight;
};

// A slot that is held (SLOT_HOLD), and what it changes to when the hold time is over.
struct HeldSlot {
  uint32_t index;
  uint16_t wanted;
};

// What becomes of the connections in the slots that a change moves.
enum class Pace : uint8_t {
  now,     // kept; a SYN that is sent again across the change may be answered twice
  gentle,  // kept, that one too: the change waits for the hold time
  hard,    // given up, but for those whose slot does not move
};

// What a change is made with beside the configuration.
struct ChangeTerms {
  uint64_t now_ns = 0;
  Pace pace = Pace::now;
  // Whether any slot or pin still names a backend that is leaving; whether any slot of a range
  // names a backend, or did and is still on its way. Not set: nothing does.
  std::function<bool(uint16_t backend)> in_use;
  std::function<bool(const SlotRange& range)> serves;
  // Whether a backend went down so recently that it must not come back yet. Not set: none has.
  std::function<bool(uint16_t backend)> rests;
  // Services, by number, to be worked out although their configuration stays: what is known of
  // their backends has changed. What is held of their slots stays held.
  std::set<uint16_t> look_anew;
  // What a held slot is held for. Not set: for nothing.
  std::function<std::optional<uint16_t>(uint32_t slot)> held_for;
};

// Of a backend that is held: what is to stand in backend.down.
struct BackendMark {
  uint16_t number;
  uint8_t down;
};

struct InfoStore {
  uint16_t number;
  InfoRecord record;
};

// A change, worked out to the last word; only the stores are missing. Valid until the next commit.
struct PreparedChange {
  Plan plan;
  Config wanted;

  std::vector<InfoStore> infos;
  std::vector<NewBackend> new_backends;
  std::vector<BackendEdit> backend_edits;
  std::vector<BackendMark> marks;
  bool any_goes_down = false;
  // By service, of all that were worked out: backends that would be up, but for their rest.
  std::map<uint16_t, std::vector<uint16_t>> waiting;
  std::vector<SlotStore> slots;
  std::vector<uint32_t> given_up;                   // slots whose connections elsewhere are
  std::map<uint16_t, std::vector<HeldSlot>> holds;  // by service: all of it that is held
  EntryChange entries;
  std::vector<uint16_t> leaving_backends;
  std::vector<uint16_t> draining_services;
  std::vector<uint16_t> removed_services;
  std::vector<uint16_t> retired_backends;
  std::vector<SlotRange> retired_ranges;

  Pace pace = Pace::now;
  uint64_t ready_ns = 0;  // not to be committed before: what it takes rests until then
  uint64_t commits = 0;   // made after so many
  Holdings after;

  bool empty() const;  // no store at all
};

// From what the tables hold to `wanted`, whatever a publish that was cut off has left there. Pure:
// reads the tables, stores nothing. Why it cannot be had is in plan.faults; then it must not be
// committed.
PreparedChange prepare_change(const TableView& tables, const Holdings& holdings, const Seed& seed,
                              const Config& wanted, const ChangeTerms& terms);

}  // namespace belka
