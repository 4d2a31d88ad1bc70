// SPDX-License-Identifier: Apache-2.0
#include "control/publish.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>

#include "control/error.h"

namespace belka {
namespace {

using RouteWord = uint64_t __attribute__((may_alias));

static_assert(offsetof(BackendRecord, mtu) == offsetof(BackendRecord, source_mac) + 6);

// The source MAC and the MTU stand side by side, and are stored as one word.
uint64_t source_word(const Route& route) {
  uint64_t word = uint64_t{route.mtu} << 48;
  std::memcpy(&word, route.source_mac.data(), route.source_mac.size());
  return word;
}

next_hop hop_of(const std::optional<Route>& route, uint8_t mode) {
  next_hop hop{};
  hop.part.mode = mode;
  hop.part.state = route ? BACKEND_READY : BACKEND_UNRESOLVED;
  if (route) std::copy(route->next_hop_mac.begin(), route->next_hop_mac.end(), hop.part.mac);
  return hop;
}

bool same_way(const BackendRecord& record, const Route& route) {
  return *reinterpret_cast<const RouteWord*>(record.source_mac) == source_word(route) &&
         std::memcmp(record.outer_source, route.outer_source.bytes.data(), 16) == 0 &&
         record.ifindex == route.ifindex;
}

void write_way(const Route& route, BackendRecord& record) {
  record.next_hop = hop_of(route, record.next_hop.part.mode);
  std::copy(route.source_mac.begin(), route.source_mac.end(), record.source_mac);
  copy_address(route.outer_source, record.outer_source);
  record.ifindex = route.ifindex;
  record.mtu = route.mtu;
}

}  // namespace

PublishHooks machine_hooks() {
  return {
      .now_ns =
          [] {
            const auto since = std::chrono::steady_clock::now().time_since_epoch();
            return static_cast<uint64_t>(
                std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
          },
      .sleep = [](uint64_t ns) { std::this_thread::sleep_for(std::chrono::nanoseconds(ns)); },
      .before_each_store = {},
      .route_to = {},
  };
}

Publisher::Publisher(Tables& tables, const Seed& seed, PublishHooks hooks, const KeeperReach& reach)
    : tables_(*tables.view()),
      seed_(seed),
      hooks_(std::move(hooks)),
      stores_(hooks_.before_each_store),
      resting_(1),
      holdings_(read_holdings(tables_, hooks_.now_ns(), resting_.front())),
      keeper_(tables_, stores_, reach),
      next_tick_ns_(hooks_.now_ns() + tick_ns()),
      born_({tables_.node->tick, hooks_.now_ns()}),
      in_force_(config_of(holdings_)) {
  in_force_.tick_ms = tick_ms();
  keeper_.begin_time(keeper_time(), tick_ms() / kKeeperUnitMs);
  note_idle_times();
  note_held();
}

ChangeTerms Publisher::terms(Pace pace) const {
  return {.now_ns = hooks_.now_ns(),
          .pace = pace,
          .in_use = [this](uint16_t backend) { return keeper_.in_use(backend); },
          .serves = [this](const SlotRange& range) { return keeper_.serves(range); },
          .rests = [this](uint16_t backend) { return rests(backend); },
          .look_anew = {},
          .held_for = [this](uint32_t slot) { return held_for(slot); }};
}

// Services whose configuration stays have another ring.
ChangeTerms Publisher::terms(Pace pace, const Seed& seed) const {
  ChangeTerms terms = this->terms(pace);
  if (seed != seed_)
    for (const auto& [name, service] : holdings_.services) terms.look_anew.insert(service.number);
  return terms;
}

Plan Publisher::plan(const Config& wanted, Pace pace, const Seed* seed) const {
  const Seed& with = seed == nullptr ? seed_ : *seed;
  Plan plan = prepare_change(tables_, holdings_, with, wanted, terms(pace, with)).plan;
  note_other_seed(tables_, holdings_, with, plan);
  return plan;
}

PreparedChange Publisher::prepare(const Config& wanted, Pace pace) const {
  return prepare(wanted, terms(pace));
}

PreparedChange Publisher::prepare(const Config& wanted, const ChangeTerms& terms,
                                  const Seed& seed) const {
  PreparedChange change = prepare_change(tables_, holdings_, seed, wanted, terms);
  if (!change.plan.faults.empty()) throw Error(change.plan.faults.front());
  note_other_seed(tables_, holdings_, seed, change.plan);
  change.commits = commits_;
  return change;
}

uint64_t Publisher::commit(PreparedChange& change) {
  if (change.commits != commits_)
    throw std::logic_error("a prepared change is good for one commit, until the next");
  ++commits_;
  keeper_.set_time(keeper_time());
  set_tick(change.wanted.tick_ms);
  if (!change.empty()) {
    // A reader that was held up in an entry which the last change took away may not find that this
    // one has put its key in front of where he stands.
    const uint64_t entries_ns = change.entries.empty() ? 0 : ready_after(buried_ns_);
    const uint64_t ready_ns = std::max(change.ready_ns, entries_ns);
    const uint64_t now_ns = hooks_.now_ns();
    if (now_ns < ready_ns) hooks_.sleep(ready_ns - now_ns);
    store_change(change);
    if (!change.entries.tombstones.empty()) buried_ns_ = hooks_.now_ns();
    hold(change);
    rest(change);
  }
  // Exchanged, so that the old ones are taken apart with the change and not here.
  std::swap(holdings_, change.after);
  std::swap(in_force_, change.wanted);
  note_waiting(change);
  note_idle_times();
  collect();
  return generation();
}

uint64_t Publisher::publish(const Config& wanted, Pace pace, const Seed* seed) {
  const Seed with = seed == nullptr ? seed_ : *seed;
  PreparedChange change = prepare(wanted, terms(pace, with), with);
  seed_ = with;
  return commit(change);
}

uint64_t Publisher::generation() const { return LOAD_RELAXED(tables_.node->generation); }

std::vector<BackendRef> Publisher::backends() const {
  std::vector<BackendRef> refs;
  for (const auto& [name, service] : holdings_.services) {
    for (const auto* held : {&service.backends, &service.leaving}) {
      for (const HeldBackend& backend : *held) {
        const BackendRecord& record = tables_.backends[backend.number];
        const next_hop hop{.word = LOAD_RELAXED(record.next_hop.word)};
        const bool leaving = held == &service.leaving;
        const bool has_pool = !leaving && backend.pool < service.config.pools.size();
        refs.push_back({backend.number, service.number, name,
                        has_pool ? service.config.pools[backend.pool].name : "", backend.address,
                        backend.mode, backend.weight, hop.part.state, backend.slots, record.down,
                        record.admin, leaving});
      }
    }
  }
  std::sort(refs.begin(), refs.end(),
            [](const BackendRef& a, const BackendRef& b) { return a.number < b.number; });
  return refs;
}

// Of a backend that is not in use yet.
void Publisher::find_way(const NewBackend& backend, BackendRecord& record) const {
  if (backend.donor != 0) {
    const BackendRecord& donor = tables_.backends[backend.donor];
    record.next_hop.word = donor.next_hop.word;
    record.mtu = donor.mtu;
    record.ifindex = donor.ifindex;
    std::copy_n(donor.source_mac, sizeof donor.source_mac, record.source_mac);
    std::copy_n(donor.outer_source, sizeof donor.outer_source, record.outer_source);
  } else if (hooks_.route_to) {
    const auto mode = static_cast<ForwardMode>(record.next_hop.part.mode);
    if (const auto route = hooks_.route_to(address_of(record), mode)) write_way(*route, record);
  }
}

bool Publisher::set_route(uint16_t backend, const std::optional<Route>& route) {
  BackendRecord& record = tables_.backends[backend];
  if (!is_held(backend)) return false;
  const uint8_t mode = record.next_hop.part.mode;
  if (route && !same_way(record, *route)) {
    // Not ready while the fields change: forward_check loads the word first.
    stores_.update(record.next_hop.word, hop_of(std::nullopt, mode).word);
    stores_.update(*reinterpret_cast<RouteWord*>(record.source_mac), source_word(*route));
    stores_.update_words(record.outer_source, route->outer_source.bytes.data(), 16);
    stores_.update(record.ifindex, route->ifindex);
  }
  // Pairs with forward_check's load of the word: MAC, state and mode together.
  stores_.update(record.next_hop.word, hop_of(route, mode).word);
  return true;
}

}  // namespace belka
