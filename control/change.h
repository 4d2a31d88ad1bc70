// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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

// Of a backend that stays: what only the daemon reads.
struct BackendEdit {
  uint16_t number;
  uint8_t pool;
  uint32_t weight;
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
  std::vector<SlotStore> slots;
  EntryChange entries;
  std::vector<uint16_t> removed_services;
  std::vector<uint16_t> retired_backends;
  std::vector<SlotRange> retired_ranges;

  uint64_t ready_ns = 0;  // not to be committed before: what it takes rests until then
  uint64_t commits = 0;   // made after so many
  Holdings after;

  bool empty() const;  // no store at all
};

// From what the tables hold to `wanted`, whatever a publish that was cut off has left there. Pure:
// reads the tables, stores nothing. Why it cannot be had is in plan.faults; then it must not be
// committed.
PreparedChange prepare_change(const TableView& tables, const Holdings& holdings, const Seed& seed,
                              const Config& wanted, uint64_t now_ns);

}  // namespace belka
