// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace belka {

// What has been unlinked rests so long before it is given to another: a plane may still hold its
// number, for the length of one packet or burst (microseconds, or as long as its thread is
// preempted).
inline constexpr uint64_t kGraceNs = 1'000'000'000;

// Times are ns of one monotonic clock; 0 means that a thing was never in use, so that it needs no
// rest.
inline uint64_t ready_after(uint64_t freed_ns) { return freed_ns == 0 ? 0 : freed_ns + kGraceNs; }

// Free numbers (of backends, of services); the longest free is given first.
class FreeNumbers {
 public:
  struct Taken {
    uint16_t number;
    uint64_t ready_ns;  // not to be used before
  };

  // REQUIRES: freed_ns not before that of the number added last.
  void add(uint16_t number, uint64_t freed_ns);
  std::optional<Taken> take();
  size_t size() const { return free_.size() - first_; }

 private:
  struct Free {
    uint16_t number;
    uint64_t freed_ns;
  };
  std::vector<Free> free_;
  size_t first_ = 0;  // those before are taken
};

struct SlotRange {
  uint32_t base = 0;
  uint32_t slots = 0;  // a power of two from 16; 0: no range
  bool operator==(const SlotRange&) const = default;
};

// Which slots of the shared table belong to whom. A range is aligned to its own size, and goes to
// the first place where it fits; only where it fits nowhere is one taken that still rests.
class SlotSpace {
 public:
  struct Taken {
    uint32_t base;
    uint64_t ready_ns;  // not to be used before
  };

  std::optional<Taken> take(uint32_t slots, uint64_t now_ns);

  // A range that is found in use. False where it is no range, or another one has part of it.
  bool occupy(const SlotRange& range);

  // Ends its use, if it is in use, and lets it rest.
  void release(const SlotRange& range, uint64_t freed_ns);

  bool is_free(const SlotRange& range) const;

  // The parts of the table that are in no use, in order.
  std::vector<SlotRange> gaps() const;

 private:
  std::optional<uint32_t> first_fit(uint32_t slots,
                                    const std::map<uint32_t, uint32_t>& blocked) const;

  struct Resting {
    SlotRange range;
    uint64_t ready_ns;
  };
  std::map<uint32_t, uint32_t> used_;  // base to slots
  std::vector<Resting> resting_;
};

}  // namespace belka
