// SPDX-License-Identifier: Apache-2.0
#include "control/change_standing.h"

#include <algorithm>

#include "control/slot_change.h"

namespace belka {
namespace {

uint8_t fallback_before(const TableView& tables, const HeldService* before,
                        const std::string& pool) {
  if (before == nullptr) return POOL_ITSELF;
  const std::vector<PoolConfig>& pools = before->config.pools;
  for (size_t i = 0; i < pools.size(); ++i)
    if (pools[i].name == pool)
      return static_cast<uint8_t>(tables.service_info[before->number].pool[i].fallback);
  return POOL_ITSELF;
}

}  // namespace

ServiceStanding::ServiceStanding(const TableView& tables, const HeldService* before,
                                 const HeldService& after,
                                 const std::vector<std::vector<uint16_t>>& numbers,
                                 const std::vector<bool>& kept, const ChangeTerms& terms)
    : tables_(tables),
      kept_(kept),
      terms_(terms),
      service_(after.number),
      is_checked_(after.config.health.has_value()) {
  for (size_t i = 0; i < numbers.size(); ++i) stand_pool(before, after.config.pools[i], numbers[i]);
  if (before == nullptr) return;
  for (const auto* held : {&before->backends, &before->leaving})
    for (const HeldBackend& backend : *held)
      if (!kept_[backend.number]) stand_leaving(backend);
}

BackendStanding ServiceStanding::standing_of(uint16_t number) const {
  if (!kept_[number]) return {};
  const BackendRecord& record = tables_.backends[number];
  return {.healthy = !is_checked_ || (record.down & BACKEND_UNHEALTHY) == 0,
          .admin = record.admin,
          .is_down = (record.down & BACKEND_DOWN) != 0,
          .rests = terms_.rests && terms_.rests(number)};
}

void ServiceStanding::stand_pool(const HeldService* before, const PoolConfig& pool,
                                 const std::vector<uint16_t>& numbers) {
  std::vector<BackendStanding> backends;
  backends.reserve(numbers.size());
  for (const uint16_t number : numbers) backends.push_back(standing_of(number));
  pools_.push_back(stand(pool, backends, fallback_before(tables_, before, pool.name)));
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (kept_[numbers[i]]) mark(numbers[i], pools_.back().marks[i]);
    if (pools_.back().waits[i]) waiting_.push_back(numbers[i]);
  }
}

// It belongs to no pool any more: once down, it stays so.
void ServiceStanding::stand_leaving(const HeldBackend& backend) {
  const BackendRecord& record = tables_.backends[backend.number];
  const bool fails = is_checked_ && (record.down & BACKEND_UNHEALTHY) != 0;
  const bool is_out =
      fails || record.admin == BACKEND_DISABLED || (record.down & BACKEND_DOWN) != 0;
  mark(backend.number, static_cast<uint8_t>(is_out ? record.down | BACKEND_DOWN : record.down));
}

void ServiceStanding::mark(uint16_t number, uint8_t down) {
  const uint8_t before = tables_.backends[number].down;
  if (down != before) marks_.push_back({number, down});
  if ((down & ~before & BACKEND_DOWN) != 0) any_goes_down_ = true;
  if ((down & BACKEND_DOWN) != 0)
    down_.insert(std::upper_bound(down_.begin(), down_.end(), number), number);
}

bool ServiceStanding::is_down(uint16_t number) const {
  return std::binary_search(down_.begin(), down_.end(), number);
}

void ServiceStanding::note(PreparedChange& change) const {
  change.marks.insert(change.marks.end(), marks_.begin(), marks_.end());
  change.any_goes_down |= any_goes_down_;
  change.waiting[service_] = waiting_;
}

uint32_t ServiceStanding::without_down(uint32_t word, uint16_t heir) const {
  if (down_.empty()) return word;
  for (const uint16_t half : {slot_current(word), slot_draining(word)})
    if (is_down(half)) word = slot_without(word, half, heir);
  return word;
}

}  // namespace belka
