// SPDX-License-Identifier: Apache-2.0
#include "control/shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <optional>

#include "control/config.h"
#include "control/split_spec.h"

namespace belka {
namespace {

uint64_t rounded_slots(uint64_t ppm, uint32_t slots) {
  return (ppm * slots + kWholePpm / 2) / kWholePpm;
}

// The smallest ring in which ppm, above 0, is a whole slot.
uint32_t ring_for(uint64_t ppm) {
  return std::max(kMinSlots, static_cast<uint32_t>(std::bit_ceil((kWholePpm + ppm - 1) / ppm)));
}

// The smallest share that is a slot: the least ppm with ppm * slots >= 500,000.
uint32_t smallest_ppm(uint32_t slots) { return (kWholePpm / 2 + slots - 1) / slots; }

// The largest share that is not all slots: the greatest ppm with
// ppm * slots + 500,000 < slots * 1,000,000.
uint32_t largest_ppm(uint32_t slots) {
  return static_cast<uint32_t>((uint64_t{slots} * kWholePpm - kWholePpm / 2 - 1) / slots);
}

std::optional<std::string> rounding_fault(uint32_t ppm, uint32_t slots) {
  const uint64_t count = rounded_slots(ppm, slots);
  if (ppm > 0 && count == 0)
    return fmt::format(
        "found {}, which is no slot of {}, allowed is 0 or at least {}, or have slots: {}",
        format_percent(ppm), slots, format_percent(smallest_ppm(slots)), ring_for(ppm));
  if (ppm < kWholePpm && count == slots)
    return fmt::format(
        "found {}, which is all of {} slots, allowed is 100% or at most {}, or have slots: {}",
        format_percent(ppm), slots, format_percent(largest_ppm(slots)), ring_for(kWholePpm - ppm));
  return std::nullopt;
}

// Every pool's share with match resolved; faults of single pools.
std::vector<uint64_t> wanted_shares(uint32_t slots, const std::vector<PoolShare>& pools,
                                    std::vector<ShareFault>& faults) {
  const auto canary = std::find_if(pools.begin(), pools.end(),
                                   [](const PoolShare& p) { return p.name == kCanary; });
  std::vector<uint64_t> wanted(pools.size());
  for (size_t i = 1; i < pools.size(); ++i) {
    const PoolShare& pool = pools[i];
    if (pool.match && canary == pools.end()) {
      faults.push_back({pool.name,
                        "found match, but there is no pool canary to match, add one or give a "
                        "percentage"});
    } else if (pool.match && pool.name == kCanary) {
      faults.push_back(
          {pool.name, "found match, the canary cannot match itself, give it a percentage"});
    } else if (pool.match) {
      wanted[i] = canary->match ? 0 : canary->share_ppm;
    } else {
      wanted[i] = pool.share_ppm;
      if (const auto sentence = rounding_fault(pool.share_ppm, slots))
        faults.push_back({pool.name, *sentence});
    }
  }
  return wanted;
}

uint64_t sum_of_slots(const std::vector<uint64_t>& wanted, uint32_t slots) {
  uint64_t sum = 0;
  for (const uint64_t ppm : wanted) sum += rounded_slots(ppm, slots);
  return sum;
}

// True where the shares, at most 100 %, fit into the ring and leave prod a slot if it is to have a
// share.
bool fits(const std::vector<uint64_t>& wanted, uint64_t sum_ppm, uint32_t slots) {
  return sum_of_slots(wanted, slots) + (sum_ppm < kWholePpm ? 1 : 0) <= slots;
}

std::string remedy(const std::vector<uint64_t>& wanted, uint64_t sum_ppm, uint32_t slots) {
  for (uint64_t larger = uint64_t{slots} * 2; larger <= kMaxSlots; larger *= 2)
    if (fits(wanted, sum_ppm, static_cast<uint32_t>(larger)))
      return fmt::format("lower one of them, or have slots: {}", larger);
  return "lower one of them";
}

std::optional<std::string> sum_fault(uint64_t sum_ppm) {
  if (sum_ppm <= kWholePpm) return std::nullopt;
  return fmt::format(
      "found {} over all pools beside prod (match counts as the canary's share), allowed is at "
      "most 100%, lower some of them",
      format_percent(static_cast<uint32_t>(std::min<uint64_t>(sum_ppm, UINT32_MAX))));
}

// Of shares that are right each for itself.
std::optional<std::string> overrun_fault(const std::vector<uint64_t>& wanted, uint64_t sum_ppm,
                                         uint32_t slots) {
  if (fits(wanted, sum_ppm, slots)) return std::nullopt;
  const uint64_t sum = sum_of_slots(wanted, slots);
  const std::string why = sum > slots ? fmt::format("rounds to {} slots of {}", sum, slots)
                                      : fmt::format("leaves prod no slot of {}", slots);
  return fmt::format("found {} over all pools beside prod, which {}, {}",
                     format_percent(static_cast<uint32_t>(sum_ppm)), why,
                     remedy(wanted, sum_ppm, slots));
}

}  // namespace

ShareSlots share_slots(uint32_t slots, const std::vector<PoolShare>& pools) {
  ShareSlots result;
  const std::vector<uint64_t> wanted = wanted_shares(slots, pools, result.faults);
  const uint64_t sum_ppm = std::accumulate(wanted.begin(), wanted.end(), uint64_t{0});
  if (const auto sentence = sum_fault(sum_ppm)) result.faults.push_back({"", *sentence});
  if (!result.faults.empty()) return result;
  if (const auto sentence = overrun_fault(wanted, sum_ppm, slots)) {
    result.faults.push_back({"", *sentence});
    return result;
  }
  for (const uint64_t ppm : wanted)
    result.slots.push_back(static_cast<uint32_t>(rounded_slots(ppm, slots)));
  result.slots[0] = static_cast<uint32_t>(slots - sum_of_slots(wanted, slots));
  return result;
}

}  // namespace belka
