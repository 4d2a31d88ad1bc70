// SPDX-License-Identifier: Apache-2.0
// The stores of a change, in their order. What makes a thing reachable comes after the thing:
// names, backends, slots, entries. What unlinks it comes before it may be used again: entries,
// backends.
#include <algorithm>

#include "control/publish.h"

namespace belka {
namespace {

using Word = uint64_t __attribute__((may_alias));

Word& word_at(void* record, size_t index) { return static_cast<Word*>(record)[index]; }

constexpr size_t kBackendWords = sizeof(BackendRecord) / sizeof(Word);

static_assert(offsetof(BackendRecord, next_hop) == 0);

}  // namespace

void Publisher::store_change(const PreparedChange& change) {
  let_leave(change);
  // Before any slot: a slot names a backend only while pins may.
  for (const BackendMark& mark : change.marks) this->mark(mark);
  store_infos(change);
  store_backends(change);
  // Pairs with decide's load of the slot: who sees the number sees its backend, and until then the
  // slot's old one is as good.
  for (const SlotStore& slot : change.slots) keeper_.change(slot.index, slot.word);
  if (change.pace == Pace::hard) give_up(change);
  if (change.any_goes_down) keeper_.sweep();
  place_entries(stores_, tables_.services, change.entries);
  if (change.entries.wait_before_removal) hooks_.sleep(kGraceNs);
  remove_entries(stores_, tables_.services, change.entries);
  store_pool_slots(change);
  remove_services(change);
  for (const uint16_t number : change.retired_backends)
    stores_.store(tables_.backends[number].retired, 1);
  // Last: pairs with the load of whoever waits for a change to be whole.
  stores_.store(tables_.node->generation, tables_.node->generation + 1);
}

// Read by the daemon alone, and by the next one: a name is there only while all else is.
void Publisher::store_infos(const PreparedChange& change) {
  for (const auto& [number, from] : change.infos) {
    InfoRecord& to = tables_.service_info[number];
    stores_.update(to.port_protocol_family, from.port_protocol_family);
    stores_.update(to.slot_base, from.slot_base);
    stores_.update(to.vip.low, from.vip.low);
    stores_.update(to.vip.high, from.vip.high);
    stores_.update(to.slots, from.slots);
    stores_.update(to.pools, from.pools);
    stores_.update(to.source_bits, from.source_bits);
    stores_.update(to.idle_ms, from.idle_ms);
    stores_.update(to.drain_limit_ms, from.drain_limit_ms);
    stores_.update(to.draining, from.draining);
    stores_.update(to.mode, from.mode);
    for (size_t i = 0; i < POOLS; ++i) {
      stores_.update_text(to.pool[i].name, from.pool[i].name, sizeof to.pool[i].name);
      stores_.update(to.pool[i].share_ppm, from.pool[i].share_ppm);
      stores_.update(to.pool[i].match, from.pool[i].match);
      stores_.update(to.pool[i].fallback, from.pool[i].fallback);
    }
    stores_.update_text(to.name, from.name, sizeof to.name);
  }
}

// After the slots, since they say what is in force.
void Publisher::store_pool_slots(const PreparedChange& change) {
  for (const auto& [number, from] : change.infos)
    for (size_t i = 0; i < POOLS; ++i)
      stores_.update(tables_.service_info[number].pool[i].slots, from.pool[i].slots);
}

void Publisher::store_backends(const PreparedChange& change) {
  for (const NewBackend& backend : change.new_backends) store_backend(backend);
  for (const BackendEdit& edit : change.backend_edits) {
    stores_.update(tables_.backends[edit.number].pool, edit.pool);
    stores_.update(tables_.backends[edit.number].weight, edit.weight);
    stores_.update(tables_.backends[edit.number].draining, 0);
  }
}

// The number has rested, so no plane looks. It is in use from the last store on.
void Publisher::store_backend(const NewBackend& backend) {
  BackendRecord record = backend.record;
  find_way(backend, record);
  BackendRecord& to = tables_.backends[backend.number];
  stores_.update(to.next_hop.word, 0);
  stores_.update_words(&word_at(&to, 1), &word_at(&record, 1), (kBackendWords - 1) * sizeof(Word));
  // Pairs with forward_check's load of the word.
  stores_.store(to.next_hop.word, record.next_hop.word);
}

// Who cannot wait: the pins of what moved go at once.
void Publisher::give_up(const PreparedChange& change) {
  for (const uint32_t slot : change.given_up) keeper_.give_up(slot);
  keeper_.sweep();
}

// First: who goes on after a kill must not take what slots still name for something left over.
void Publisher::let_leave(const PreparedChange& change) {
  for (const uint16_t number : change.draining_services)
    stores_.update(tables_.service_info[number].draining, 1);
  for (const uint16_t number : change.leaving_backends)
    stores_.update(tables_.backends[number].draining, 1);
}

void Publisher::remove_services(const PreparedChange& change) {
  static const char kNoName[SERVICE_NAME_BYTES] = {};
  for (const uint16_t number : change.removed_services)
    stores_.update_text(tables_.service_info[number].name, kNoName, SERVICE_NAME_BYTES);
}

// What was unlinked is free from now on, and rests.
void Publisher::rest(PreparedChange& change) {
  const uint64_t now_ns = hooks_.now_ns();
  for (const uint16_t number : change.removed_services)
    change.after.free_services.add(number, now_ns);
  for (const uint16_t number : change.retired_backends)
    change.after.free_backends.add(number, now_ns);
  for (const SlotRange& range : change.retired_ranges) change.after.slots.release(range, now_ns);
  if (change.retired_backends.empty() && change.retired_ranges.empty()) return;
  resting_.push_back({change.retired_backends, change.retired_ranges, now_ns});
}

void Publisher::collect() {
  const uint64_t now_ns = hooks_.now_ns();
  const auto rests = [&](const Resting& resting) { return ready_after(resting.freed_ns) > now_ns; };
  const auto rested = std::stable_partition(resting_.begin(), resting_.end(), rests);
  for (auto each = rested; each != resting_.end(); ++each) blank(*each);
  resting_.erase(rested, resting_.end());
}

// What has been given to another meanwhile is not blanked: a backend is then no more retired, a
// range no more free.
void Publisher::blank(const Resting& rested) {
  for (const uint16_t number : rested.backends) {
    BackendRecord& record = tables_.backends[number];
    if (record.retired == 0 && record.next_hop.part.state != BACKEND_FREE) continue;
    for (size_t i = 0; i < kBackendWords; ++i) stores_.update(word_at(&record, i), 0);
  }
  for (const SlotRange& range : rested.ranges) {
    if (!holdings_.slots.is_free(range)) continue;
    for (uint32_t i = 0; i < range.slots; ++i) keeper_.change(range.base + i, 0);
  }
}

}  // namespace belka
