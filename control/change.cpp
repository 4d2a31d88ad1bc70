// SPDX-License-Identifier: Apache-2.0
#include "control/change.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "control/build.h"
#include "control/change_parts.h"
#include "control/change_standing.h"
#include "control/slot_change.h"

namespace belka {
namespace {

constexpr const char* kRemedy =
    "apply it in two steps, first without the services, rings or backends that are to go";

// Who had a number before the change.
struct Owner {
  const HeldService* service = nullptr;
  const HeldBackend* backend = nullptr;

  const std::string& pool() const { return service->config.pools[backend->pool].name; }
};

class Preparer {
 public:
  Preparer(const TableView& tables, const Holdings& holdings, const Seed& seed,
           const Config& wanted, const ChangeTerms& terms)
      : tables_(tables),
        holdings_(holdings),
        seed_(seed),
        terms_(terms),
        owner_(BACKENDS),
        kept_(BACKENDS) {
    change_.wanted = wanted;
    change_.pace = terms.pace;
    change_.after = holdings;
    change_.after.services.clear();
    for (const auto& [name, service] : holdings.services)
      for (const HeldBackend& backend : service.backends) note_owner(service, backend);
  }

  PreparedChange prepare() {
    const auto& services = change_.wanted.services;
    const std::vector<SlotRange> ranges = allot_ranges();
    for (size_t i = 0; i < services.size(); ++i)
      if (ranges[i].slots != 0) add_service(services[i], ranges[i]);
    if (change_.plan.faults.empty()) {
      unlink_unused(tables_, holdings_, kept_, terms_, change_);
      plan_entries_of(tables_, seed_, change_);
    }
    return std::move(change_);
  }

 private:
  using Numbers = std::vector<std::vector<uint16_t>>;  // by pool and backend

  void note_owner(const HeldService& service, const HeldBackend& backend) {
    owner_[backend.number] = {&service, &backend};
    if (tables_.backends[backend.number].next_hop.part.state == BACKEND_READY)
      donors_.try_emplace({backend.address, backend.mode}, backend.number);
  }

  const HeldService* held(const std::string& name) const {
    const auto found = holdings_.services.find(name);
    return found == holdings_.services.end() ? nullptr : &found->second;
  }

  void fault(std::string sentence) { change_.plan.faults.push_back(std::move(sentence)); }

  void wait_until(uint64_t ready_ns) { change_.ready_ns = std::max(change_.ready_ns, ready_ns); }

  // A range each, its own where that has the right size; the largest are placed first, so that they
  // leave no holes.
  std::vector<SlotRange> allot_ranges() {
    const auto& services = change_.wanted.services;
    std::vector<SlotRange> ranges(services.size());
    std::vector<size_t> missing;
    for (size_t i = 0; i < services.size(); ++i) {
      const HeldService* before = held(services[i].name);
      if (before != nullptr)
        for (const SlotRange& range : before->ranges)
          if (range.slots == services[i].slots && ranges[i].slots == 0) ranges[i] = range;
      if (ranges[i].slots == 0) missing.push_back(i);
    }
    std::stable_sort(missing.begin(), missing.end(),
                     [&](size_t a, size_t b) { return services[a].slots > services[b].slots; });
    for (const size_t i : missing) {
      const auto taken = change_.after.slots.take(services[i].slots, terms_.now_ns);
      if (!taken) {
        fault(fmt::format(
            "service {}: no {} slots in one piece are free beside those in use, of {} in "
            "all; {}",
            services[i].name, services[i].slots, static_cast<int>(SLOTS), kRemedy));
        continue;
      }
      wait_until(taken->ready_ns);
      ranges[i] = {taken->base, services[i].slots};
    }
    return ranges;
  }

  void add_service(const ServiceConfig& config, const SlotRange& range) {
    const HeldService* before = held(config.name);
    if (before != nullptr && before->whole && !before->draining && before->config == config &&
        !terms_.look_anew.contains(before->number)) {
      for (const HeldBackend& backend : before->backends) kept_[backend.number] = true;
      HeldService& after = change_.after.services.emplace(config.name, *before).first->second;
      after.leaving.clear();  // unlink_unused says which of them stay
      ++change_.plan.unchanged;
      return;
    }
    const size_t stores_before = service_stores();
    HeldService after;
    after.config = config;
    after.ranges = {range};
    after.whole = true;
    if (!number_service(before, after)) return;
    const Numbers numbers = number_backends(before, after);
    if (!change_.plan.faults.empty()) return;
    const ServiceStanding standing(tables_, before, after, numbers, kept_, terms_,
                                   change_.new_backends);
    const ServiceRing ring = build_service_ring(config, seed_, standing.pools());
    std::copy(ring.faults.begin(), ring.faults.end(), std::back_inserter(change_.plan.faults));
    if (!ring.faults.empty()) return;
    standing.note(change_);
    std::vector<uint32_t> slots_of(BACKENDS);
    const size_t words_before = change_.slots.size();
    store_slots(ring, numbers, standing, before, after, slots_of);
    for (HeldBackend& backend : after.backends) backend.slots = slots_of[backend.number];
    store_info(after, ring, standing, before != nullptr);
    PlanService plan = compare_services(before, &after);
    plan.words = static_cast<uint32_t>(change_.slots.size() - words_before);
    count_moved(before, ring, numbers, plan);
    plan.repair = plan.kind == PlanService::Kind::unchanged && service_stores() != stores_before;
    if (before == nullptr) plan.breaks = what_it_takes(config);
    note_plan(std::move(plan), change_.plan);
    change_.after.services.emplace(config.name, std::move(after));
  }

  // A service of one port goes before that of all ports at its VIP, whose connections to this port
  // are then answered by another ring.
  std::string what_it_takes(const ServiceConfig& config) const {
    if (terms_.pace == Pace::hard || config.port == 0) return "";
    for (const auto& [name, held] : holdings_.services) {
      const ServiceConfig& other = held.config;
      if (other.port == 0 && other.vip == config.vip && other.protocol == config.protocol)
        return fmt::format("taking its port from service {}", name);
    }
    return "";
  }

  size_t service_stores() const {
    return change_.infos.size() + change_.new_backends.size() + change_.backend_edits.size() +
           change_.slots.size() + change_.marks.size();
  }

  bool number_service(const HeldService* before, HeldService& after) {
    if (before != nullptr) {
      after.number = before->number;
      return true;
    }
    const auto taken = change_.after.free_services.take();
    if (!taken) {
      fault(fmt::format("service {}: all {} service numbers are in use; {}", after.config.name,
                        static_cast<int>(SERVICES), kRemedy));
      return false;
    }
    wait_until(taken->ready_ns);
    after.number = taken->number;
    return true;
  }

  Numbers number_backends(const HeldService* before, HeldService& after) {
    std::map<std::tuple<std::string, Address, ForwardMode>, const HeldBackend*> had;
    std::multimap<std::pair<Address, ForwardMode>, const HeldBackend*> leaving;
    if (before != nullptr) {
      for (const HeldBackend& backend : before->backends)
        had.try_emplace({before->config.pools[backend.pool].name, backend.address, backend.mode},
                        &backend);
      for (const HeldBackend& backend : before->leaving)
        leaving.emplace(std::pair(backend.address, backend.mode), &backend);
    }
    const KnownOf known = known_of(before);
    const ServiceConfig& config = after.config;
    Numbers numbers(config.pools.size());
    for (size_t pool = 0; pool < config.pools.size(); ++pool) {
      for (const BackendConfig& backend : config.pools[pool].backends) {
        HeldBackend next{
            0, static_cast<uint8_t>(pool), config.forward, backend.address, backend.weight, 0};
        const auto found = had.find({config.pools[pool].name, backend.address, config.forward});
        const auto back = leaving.find({backend.address, config.forward});
        if (found != had.end()) {
          keep_backend(*found->second, next, false);
        } else if (back != leaving.end()) {
          keep_backend(*back->second, next, true);
          leaving.erase(back);
        } else if (!new_backend(backend, known, after, next)) {
          return numbers;
        }
        numbers[pool].push_back(next.number);
        after.backends.push_back(next);
      }
    }
    return numbers;
  }

  void keep_backend(const HeldBackend& before, HeldBackend& next, bool was_leaving) {
    next.number = before.number;
    kept_[next.number] = true;
    if (was_leaving || before.pool != next.pool || before.weight != next.weight)
      change_.backend_edits.push_back({next.number, next.pool, next.weight});
  }

  struct Known {
    uint8_t admin = BACKEND_ENABLED, down = 0;
  };
  using KnownOf = std::map<Address, Known>;

  // What is known of addresses, in whichever pool or mode the service had them.
  KnownOf known_of(const HeldService* before) const {
    KnownOf known;
    if (before == nullptr) return known;
    for (const auto* held : {&before->backends, &before->leaving}) {
      for (const HeldBackend& backend : *held) {
        const BackendRecord& record = tables_.backends[backend.number];
        if (record.admin == BACKEND_ENABLED && record.down == 0) continue;
        Known& each = known[backend.address];
        each.admin = std::max(each.admin, record.admin);
        each.down |= record.down & BACKEND_UNHEALTHY;
      }
    }
    return known;
  }

  bool new_backend(const BackendConfig& backend, const KnownOf& known, const HeldService& service,
                   HeldBackend& next) {
    const auto taken = change_.after.free_backends.take();
    if (!taken) {
      fault(fmt::format("service {}: no number is free for the backend {} beside the {} in use; {}",
                        service.config.name, backend.address.text(), static_cast<int>(BACKENDS_MAX),
                        kRemedy));
      return false;
    }
    wait_until(taken->ready_ns);
    next.number = taken->number;
    const auto donor = donors_.find({backend.address, next.mode});
    change_.new_backends.push_back({next.number,
                                    donor == donors_.end() ? uint16_t{0} : donor->second,
                                    backend_of(backend, service.number, next.pool, next.mode)});
    if (const auto found = known.find(backend.address); found != known.end()) {
      change_.new_backends.back().record.admin = found->second.admin;
      change_.new_backends.back().record.down = found->second.down;
    }
    return true;
  }

  static uint16_t answer(const ServiceRing& ring, const Numbers& numbers, uint32_t slot) {
    const uint16_t backend = ring.ring.backend_of_slot[slot];
    return backend == kNoBackend ? 0 : numbers[ring.ring.pool_of_slot[slot]][backend];
  }

  // The slot's next word on its way to `number`.
  uint32_t next_word(uint32_t slot, uint32_t word, uint16_t number, bool goes_on) {
    // What is only under way already has its own connections.
    if (terms_.pace == Pace::hard && slot_current(word) != number) {
      change_.given_up.push_back(slot);
      return slot_hard(word, number);
    }
    // What is held stays so: by the last daemon, while it is only looked at anew, and where this
    // change is not about it.
    const bool is_held = slot_draining(word) == SLOT_HOLD &&
                         (goes_on || (terms_.held_for && terms_.held_for(slot) == number));
    return terms_.pace == Pace::gentle || is_held ? slot_hold(word, number)
                                                  : slot_towards(word, number);
  }

  void store_slots(const ServiceRing& ring, const Numbers& numbers, const ServiceStanding& standing,
                   const HeldService* before, const HeldService& after,
                   std::vector<uint32_t>& slots_of) {
    const SlotRange& range = *after.range();
    const bool has_past =
        before != nullptr &&
        std::find(before->ranges.begin(), before->ranges.end(), range) != before->ranges.end();
    const bool goes_on =
        before != nullptr && (!before->whole || terms_.look_anew.contains(after.number));
    std::vector<HeldSlot> holds;
    for (uint32_t slot = 0; slot < range.slots; ++slot) {
      const uint16_t number = answer(ring, numbers, slot);
      ++slots_of[number];
      const uint32_t index = range.base + slot;
      const uint32_t word = tables_.slots[index];
      // A range that no packet reaches yet has no past.
      const uint32_t next =
          has_past ? next_word(index, standing.without_down(word, number), number, goes_on)
                   : slot_settled(number);
      if (word != next) change_.slots.push_back({index, next});
      if (slot_draining(next) == SLOT_HOLD) holds.push_back({index, number});
    }
    if (!holds.empty()) change_.holds.emplace(after.number, std::move(holds));
  }

  void store_info(const HeldService& after, const ServiceRing& ring,
                  const ServiceStanding& standing, bool has_number) {
    const std::vector<uint32_t> slots = ring.slots_in_force();
    std::vector<PoolInForce> pools;
    for (size_t i = 0; i < slots.size(); ++i)
      pools.push_back({slots[i], standing.pools()[i].fallback});
    InfoRecord info = info_of(after.config, after.range()->base, pools);
    if (has_number) info.drain_limit_ms = tables_.service_info[after.number].drain_limit_ms;
    if (std::memcmp(&info, &tables_.service_info[after.number], sizeof info) != 0)
      change_.infos.push_back({after.number, info});
  }

  // Over the larger of both rings: a connection's slot is its hash, cut to the ring.
  void count_moved(const HeldService* before, const ServiceRing& ring, const Numbers& numbers,
                   PlanService& plan) const {
    if (before == nullptr || before->range() == nullptr) return;
    const SlotRange old_range = *before->range();
    const auto slots = static_cast<uint32_t>(ring.ring.pool_of_slot.size());
    uint32_t moved = 0, to_other_pool = 0;
    for (uint32_t i = 0; i < std::max(old_range.slots, slots); ++i) {
      const uint32_t slot = i & (slots - 1);
      const uint16_t number = answer(ring, numbers, slot);
      const uint16_t old_number =
          slot_current(tables_.slots[old_range.base + (i & (old_range.slots - 1))]);
      const Owner& owner = owner_[old_number];
      if (number == old_number || number == 0 || owner.backend == nullptr) continue;
      const RingPool& pool = ring.pools[ring.ring.pool_of_slot[slot]];
      const Address& address = pool.backends[ring.ring.backend_of_slot[slot]].address;
      moved += address != owner.backend->address;
      to_other_pool += pool.name != owner.pool();
    }
    plan.note_moved(moved, to_other_pool);
  }

  const TableView& tables_;
  const Holdings& holdings_;
  const Seed& seed_;
  const ChangeTerms& terms_;
  std::vector<Owner> owner_;  // by number
  std::vector<bool> kept_;    // by number: stays in use
  std::map<std::pair<Address, ForwardMode>, uint16_t> donors_;
  PreparedChange change_;
};

}  // namespace

bool PreparedChange::empty() const {
  return infos.empty() && marks.empty() && new_backends.empty() && backend_edits.empty() &&
         slots.empty() && entries.empty() && leaving_backends.empty() &&
         draining_services.empty() && removed_services.empty() && retired_backends.empty() &&
         holds.empty();
}

PreparedChange prepare_change(const TableView& tables, const Holdings& holdings, const Seed& seed,
                              const Config& wanted, const ChangeTerms& terms) {
  return Preparer(tables, holdings, seed, wanted, terms).prepare();
}

}  // namespace belka
