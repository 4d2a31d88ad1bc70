// SPDX-License-Identifier: Apache-2.0
#include "control/allocate.h"

#include <algorithm>
#include <bit>

#include "split/tables.h"

namespace belka {
namespace {

bool overlap(const SlotRange& a, const SlotRange& b) {
  return a.base < b.base + b.slots && b.base < a.base + a.slots;
}

bool is_range(const SlotRange& range) {
  return range.slots >= SLOTS_PER_LINE && range.slots <= SLOTS &&
         std::has_single_bit(range.slots) && range.base % range.slots == 0 &&
         range.base <= SLOTS - range.slots;
}

}  // namespace

void FreeNumbers::add(uint16_t number, uint64_t freed_ns) {
  if (first_ > free_.size() / 2) {
    free_.erase(free_.begin(), free_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
  free_.push_back({number, freed_ns});
}

std::optional<FreeNumbers::Taken> FreeNumbers::take() {
  if (first_ == free_.size()) return std::nullopt;
  const Free& oldest = free_[first_++];
  return Taken{oldest.number, ready_after(oldest.freed_ns)};
}

std::optional<uint32_t> SlotSpace::first_fit(uint32_t slots,
                                             const std::map<uint32_t, uint32_t>& blocked) const {
  uint64_t candidate = 0;
  for (const auto& [base, taken] : blocked) {
    if (candidate + slots <= base) break;
    const uint64_t end = std::max<uint64_t>(candidate, uint64_t{base} + taken);
    candidate = (end + slots - 1) / slots * slots;
  }
  if (candidate + slots > SLOTS) return std::nullopt;
  return static_cast<uint32_t>(candidate);
}

std::optional<SlotSpace::Taken> SlotSpace::take(uint32_t slots, uint64_t now_ns) {
  std::erase_if(resting_, [&](const Resting& resting) { return resting.ready_ns <= now_ns; });
  std::map<uint32_t, uint32_t> blocked = used_;
  for (const Resting& resting : resting_) {
    uint32_t& end = blocked[resting.range.base];
    end = std::max(end, resting.range.slots);
  }
  auto base = first_fit(slots, blocked);
  if (!base) base = first_fit(slots, used_);
  if (!base) return std::nullopt;
  Taken taken{*base, 0};
  for (const Resting& resting : resting_)
    if (overlap(resting.range, {*base, slots}))
      taken.ready_ns = std::max(taken.ready_ns, resting.ready_ns);
  used_[*base] = slots;
  return taken;
}

bool SlotSpace::occupy(const SlotRange& range) {
  if (!is_range(range)) return false;
  const auto same = used_.find(range.base);
  if (same != used_.end() && same->second == range.slots) return true;
  if (!is_free(range)) return false;
  used_[range.base] = range.slots;
  return true;
}

void SlotSpace::release(const SlotRange& range, uint64_t freed_ns) {
  const auto found = used_.find(range.base);
  if (found != used_.end() && found->second == range.slots) used_.erase(found);
  resting_.push_back({range, ready_after(freed_ns)});
}

bool SlotSpace::is_free(const SlotRange& range) const {
  return std::none_of(used_.begin(), used_.end(), [&](const auto& used) {
    return overlap(range, {used.first, used.second});
  });
}

std::vector<SlotRange> SlotSpace::gaps() const {
  std::vector<SlotRange> gaps;
  uint32_t end = 0;
  for (const auto& [base, slots] : used_) {
    if (base > end) gaps.push_back({end, base - end});
    end = base + slots;
  }
  if (end < SLOTS) gaps.push_back({end, SLOTS - end});
  return gaps;
}

}  // namespace belka
