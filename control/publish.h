// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/change.h"
#include "control/config.h"
#include "control/keeper.h"
#include "control/plan.h"
#include "control/seed.h"
#include "control/stores.h"
#include "dataplane/tables.h"

namespace belka {

// The way to a backend, as the kernel's routes and neighbours say.
struct Route {
  std::array<uint8_t, 6> next_hop_mac{};
  std::array<uint8_t, 6> source_mac{};
  uint32_t ifindex = 0;
  uint16_t mtu = 0;  // bytes of IP packet
  Address outer_source;
};

struct BackendRef {
  uint16_t number = 0;
  uint16_t service = 0;
  std::string service_name;
  std::string pool;
  Address address;
  ForwardMode mode = ForwardMode::l2;
  uint32_t weight = 0;
  uint8_t state = 0;     // enum backend_state
  uint32_t slots = 0;    // that send it new connections
  uint8_t down = 0;      // enum backend_down, or-ed
  uint8_t admin = 0;     // enum backend_admin
  bool leaving = false;  // not in the configuration any more: it keeps the connections that it has
};

// What a backend's checks say of it, by its number in the tables.
struct HealthNote {
  uint16_t backend;
  bool healthy;
};

// Connections that were elsewhere for longer than their service's drain limit.
struct CutByLimit {
  std::string service;
  uint32_t connections;
};

// For the log; `kept` says since when, or for how long, they were elsewhere.
std::string given_up_text(std::string_view service, uint32_t connections, std::string_view kept);

// The machine, as far as publishing needs it; tests have one of their own.
struct PublishHooks {
  std::function<uint64_t()> now_ns;        // never 0, never backwards
  std::function<void(uint64_t ns)> sleep;  // at least so long
  std::function<void()>
      before_each_store;  // may throw: then that is where the publisher was killed
  // The way to a new backend, so that the first packet finds it; none, or not set: it begins
  // unresolved. Called at a commit, while the backend is not in use yet.
  std::function<std::optional<Route>(const Address&, ForwardMode)> route_to;
};
PublishHooks machine_hooks();

// How long a held slot waits: longer than a SYN is usually sent again after (1 s, then 2 s; RFC
// 6298) and a plane may be held up.
inline constexpr uint64_t kHoldNs = 4'000'000'000;

// How long a backend that went down stays out at least: longer than a plane may be held up.
inline constexpr uint64_t kRestNs = kHoldNs;

// How exactly the keeper knows since when a slot keeps connections elsewhere.
inline constexpr uint32_t kKeeperUnitMs = 100;

// Writes the shared tables: the one writer of all but counters, heartbeats and interfaces; pins are
// cleared by it and written by the planes. What it
// knows it has from the tables themselves, so a new one on the same tables goes on where the last
// was stopped, after whichever store that was; publishing once repairs what it left half done.
//
// Each change is a sequence of single stores, in an order in which a plane that reads at any moment
// finds each service whole (control/commit.cpp). What is unlinked keeps its bytes for kGraceNs
// (control/allocate.h).
//
// Threads: none. The caller locks. No call blocks, but commit and publish where everything that is
// free still rests, or where services were taken away just before: for kGraceNs at most, twice.
class Publisher {
 public:
  // `reach`: how far the tables are in use.
  Publisher(Tables& tables, const Seed& seed, PublishHooks hooks = machine_hooks(),
            const KeeperReach& reach = {});

  // What publish would do, word by word; why it cannot is in its faults. Stores nothing, throws
  // nothing but std::bad_alloc. With another seed every service is worked out anew, and breaks.
  Plan plan(const Config& wanted, Pace pace = Pace::now, const Seed* seed = nullptr) const;

  // publish in two steps: all the computing, then nothing but stores. Throws Error where the change
  // cannot be had (plan().faults), before any store. A prepared change is good for one commit,
  // until the next; another is a std::logic_error.
  PreparedChange prepare(const Config& wanted, Pace pace = Pace::now) const;
  uint64_t commit(PreparedChange& change);

  // Returns the generation, which grows by one if anything was stored. A seed takes the place of
  // the one before.
  uint64_t publish(const Config& wanted, Pace pace = Pace::now, const Seed* seed = nullptr);

  const Seed& seed() const { return seed_; }

  // Time goes on: held slots change when they have waited, and once a tick's length has passed
  // since the last tick (or since this Publisher was made) the clock ticks and all pins are swept.
  // What has drained is removed. To be called now and then. True where it ticked.
  bool pass_time();

  // Gives up the connections of a service that are not where its slots send new ones, and says how
  // many. Nothing where there is no such service.
  std::optional<uint32_t> release(std::string_view service);

  // A service's slots keep connections elsewhere for no longer than this (and the time between two
  // calls of pass_time), however often they change meanwhile; 0: for as long as these live. Kept in
  // the tables. False where there is no such service.
  bool set_drain_limit(std::string_view service, uint32_t limit_ms);

  // What drain limits have cut since this was last asked.
  std::vector<CutByLimit> take_cut();

  // What the checks say. Who is down loses its slots to the others of its pool, and its connections
  // at once; who is up again gets the same slots back, but not before a tick with its sweep,
  // nor before kRestNs (pass_time). A pool that has too few left falls back (control/standing.h).
  // Numbers that nobody holds, and backends of services without checks, change nothing.
  void note_health(const std::vector<HealthNote>& notes);

  // What an operator says (enum backend_admin): drained gets no new connections, disabled is down.
  // Kept in the tables.
  void set_admin(const std::vector<uint16_t>& backends, uint8_t admin, Pace pace = Pace::now);

  // The slots of a service's ring that are held, that open, that look.
  struct Moving {
    uint32_t held = 0, opening = 0, looking = 0;
    uint64_t oldest_ms = 0;  // since the first of them began to keep connections elsewhere
    uint32_t pins = 0;       // connections elsewhere, at the last sweep
  };
  Moving moving(const HeldService& service) const;
  uint32_t tick_ms() const;

  const TableView& tables() const { return tables_; }
  const Keeper& keeper() const { return keeper_; }
  const Holdings& holdings() const { return holdings_; }

  const Config& in_force() const { return in_force_; }
  uint64_t generation() const;

  // All that serve anybody, by number. The pool of one that is leaving may have gone: then it is
  // empty.
  std::vector<BackendRef> backends() const;

  // The way to a backend, or nullopt where there is none now. False, and nothing is stored, where
  // no backend in force has this number. A backend keeps its way over publishes; a new one takes
  // over that of another with the same address and mode, or has what the hook says.
  bool set_route(uint16_t backend, const std::optional<Route>& route);

  // Slots that wait for their hold time, and change then: of one service, or of all.
  size_t held_slots(std::string_view service = {}) const;

  // Blanks what was unlinked and has rested. commit does it at its end; to be called now and then.
  void collect();

 private:
  ChangeTerms terms(Pace pace) const;
  ChangeTerms terms(Pace pace, const Seed& seed) const;
  PreparedChange prepare(const Config& wanted, const ChangeTerms& terms) const {
    return prepare(wanted, terms, seed_);
  }
  PreparedChange prepare(const Config& wanted, const ChangeTerms& terms, const Seed& seed) const;
  bool is_held(uint16_t backend) const;
  bool rests(uint16_t backend) const;
  void mark(const BackendMark& mark);
  void look_anew(std::set<uint16_t> services, Pace pace);
  void let_return();
  void note_waiting(const PreparedChange& change);
  void store_change(const PreparedChange& change);
  void let_leave(const PreparedChange& change);
  void give_up(const PreparedChange& change);
  void hold(PreparedChange& change);
  void note_held();
  void end_holds(uint64_t now_ns);
  std::optional<uint16_t> held_for(uint32_t slot) const;
  uint64_t tick_ns() const;
  uint32_t keeper_time() const;
  void end_long_drains();
  void note_idle_times();
  void set_tick(uint32_t tick_ms);
  void remove_drained();
  bool has_drained() const;
  void store_infos(const PreparedChange& change);
  void store_pool_slots(const PreparedChange& change);
  void store_backends(const PreparedChange& change);
  void store_backend(const NewBackend& backend);
  void find_way(const NewBackend& backend, BackendRecord& record) const;
  void remove_services(const PreparedChange& change);
  void rest(PreparedChange& change);
  void blank(const Resting& rested);

  const TableView& tables_;
  Seed seed_;
  const PublishHooks hooks_;
  Stores stores_;
  std::vector<Resting> resting_;  // before holdings_, which fills it
  Holdings holdings_;
  Keeper keeper_;
  struct Hold {
    uint16_t service, wanted;
    uint64_t due_ns;
  };
  std::map<uint32_t, Hold> holds_;  // by slot
  std::vector<CutByLimit> cut_;
  uint64_t next_tick_ns_;
  struct Moment {
    uint32_t tick;
    uint64_t time_ns;
  };
  const Moment born_;
  std::map<uint16_t, Moment> down_since_;              // of others, since born_
  std::map<uint16_t, std::vector<uint16_t>> waiting_;  // by service: backends that only rest
  Config in_force_;
  uint64_t commits_ = 0;
  std::set<uint16_t> owed_;  // services that are still to be looked at anew
  uint64_t buried_ns_ = 0;   // when entries of services were last taken away; 0: never
};

}  // namespace belka
