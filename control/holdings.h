// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/allocate.h"
#include "control/config.h"
#include "control/table_values.h"

namespace belka {

struct HeldBackend {
  uint16_t number;
  uint8_t pool;  // index in the service's pools
  ForwardMode mode;
  Address address;
  uint32_t weight;
  uint32_t slots;  // of the service's ring that name it
};

struct HeldService {
  uint16_t number = 0;
  ServiceConfig config;
  // The first is the one that packets use. More than one only where a publish was cut off; none
  // where that happened before the service could be reached.
  std::vector<SlotRange> ranges;
  std::vector<HeldBackend> backends;
  // Not in the configuration any more, but slots or pins still name them. Their pool is a number
  // of the past.
  std::vector<HeldBackend> leaving;
  // The service itself is not in the configuration any more; it stays while connections are kept.
  bool draining = false;
  // True where this process has published all of it. What an earlier one left is looked at again.
  bool whole = false;

  const SlotRange* range() const { return ranges.empty() ? nullptr : &ranges.front(); }
  uint32_t pool_slots(size_t pool) const;
};

// Unlinked, and still in the tables until the grace is over.
struct Resting {
  std::vector<uint16_t> backends;
  std::vector<SlotRange> ranges;
  uint64_t freed_ns = 0;
};

// What the tables hold, and what is free in them.
struct Holdings {
  std::map<std::string, HeldService, std::less<>> services;  // by name
  FreeNumbers free_services;
  FreeNumbers free_backends;
  SlotSpace slots;

  // Without an owner, after a publish that was cut off; the next one removes them.
  std::vector<uint16_t> stray_services;
  std::vector<uint16_t> stray_backends;
  std::vector<SlotRange> stray_ranges;
};

// Everything from the tables alone, after any cut. Nothing is stored. What is free but not blank
// was in use not long ago: it rests from now, and goes to `resting`.
Holdings read_holdings(const TableView& tables, uint64_t now_ns, Resting& resting);

// The configuration that they amount to, without what is leaving. The tables do not keep:
// seed_file, the order of services (here by number) and of the backends of a pool (by number), the
// prefix of the other family, health, and what a pool with too few healthy backends does.
Config config_of(const Holdings& holdings);

}  // namespace belka
