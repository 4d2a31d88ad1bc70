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
                                 const std::vector<bool>& kept, const ChangeTerms& terms,
                                 std::vector<NewBackend>& new_backends)
    : tables_(tables),
      kept_(kept),
      terms_(terms),
      service_(after.number),
      is_checked_(after.config.health.has_value()),
      is_restart_(before != nullptr && !before->whole) {
  // Its own are the last ones.
  for (auto each = new_backends.rbegin();
       each != new_backends.rend() && each->record.service == service_; ++each)
    new_[each->number] = &each->record;
  for (size_t i = 0; i < numbers.size(); ++i) stand_pool(before, after.config.pools[i], numbers[i]);
  if (before != nullptr)
    for (const auto* held : {&before->backends, &before->leaving})
      for (const HeldBackend& backend : *held)
        if (!kept_[backend.number]) stand_leaving(backend);
  std::sort(down_.begin(), down_.end());
}

// Where the last daemon was killed before it acted on a failure, the checks may say it again.
BackendStanding ServiceStanding::standing_of(uint16_t number, uint8_t fallback) const {
  const auto is_new = new_.find(number);
  const BackendRecord& record = is_new == new_.end() ? tables_.backends[number] : *is_new->second;
  const bool is_down = (record.down & BACKEND_DOWN) != 0;
  const bool was_acted_on =
      is_down || !is_restart_ || fallback == POOL_USE_ALL || is_new != new_.end();
  const bool fails = (record.down & BACKEND_UNHEALTHY) != 0 && was_acted_on;
  return {.healthy = !is_checked_ || !fails,
          .admin = record.admin,
          .is_down = is_down,
          .rests = is_down && terms_.rests && terms_.rests(number)};
}

void ServiceStanding::stand_pool(const HeldService* before, const PoolConfig& pool,
                                 const std::vector<uint16_t>& numbers) {
  std::vector<BackendStanding> backends;
  backends.reserve(numbers.size());
  const uint8_t fallback = fallback_before(tables_, before, pool.name);
  for (const uint16_t number : numbers) backends.push_back(standing_of(number, fallback));
  pools_.push_back(stand(pool, backends, fallback));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto is_new = new_.find(numbers[i]);
    if (is_new == new_.end()) mark(numbers[i], pools_.back().marks[i]);
    if (is_new != new_.end()) is_new->second->down = pools_.back().marks[i];
    if (pools_.back().waits[i]) waiting_.push_back(numbers[i]);
  }
}

// It belongs to no pool any more: once down, it stays so. One whose pool used it although its
// checks fail keeps its connections; note_health marks those whose checks fail later.
void ServiceStanding::stand_leaving(const HeldBackend& backend) {
  const BackendRecord& record = tables_.backends[backend.number];
  const bool is_out = record.admin == BACKEND_DISABLED || (record.down & BACKEND_DOWN) != 0;
  mark(backend.number, static_cast<uint8_t>(is_out ? record.down | BACKEND_DOWN : record.down));
}

void ServiceStanding::mark(uint16_t number, uint8_t down) {
  const uint8_t before = tables_.backends[number].down;
  if (down != before) marks_.push_back({number, down});
  if ((down & ~before & BACKEND_DOWN) != 0) any_goes_down_ = true;
  if ((down & BACKEND_DOWN) != 0) down_.push_back(number);
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
