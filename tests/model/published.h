// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "control/publish.h"
#include "tests/model/clients.h"
#include "tests/model/mishaps.h"

namespace belka::model {

// The same clients, planes and oracle; the slots are those of two services, and all that is stored
// is stored by the real publisher: changes of the configuration at every pace, ticks, holds,
// backends that drain, drain limits. It is killed before any of its stores, and made anew.
class Published {
 public:
  Published(Tables& tables, const Options& options);

  void run();

  // After run(): what is left when nothing is sent any more; empty: nothing.
  std::string rest();

  const Figures& figures() const { return world_.figures; }
  const std::optional<Violation>& first_violation() const { return oracle_.first_violation(); }

 private:
  struct Killed {};

  PublishHooks hooks();
  void before_store();
  uint64_t now_ns() const;
  void sleep(uint64_t ns);
  void happen(const Event& event);
  void start();
  void die();
  void pass_time();
  std::vector<uint32_t> words() const;
  void change();
  void edit(ServiceConfig& service);
  void edit_backends(const ServiceConfig& service, PoolConfig& pool);
  bool is_needed(const ServiceConfig& service, const Address& chosen);
  void publish(Pace pace);
  void foresee(const PreparedChange& change);
  void release();
  void mishap(const Event& event);
  bool tell(const Mishaps::Act& act);
  std::string not_as_wanted();
  Time ticks(uint32_t most) { return world_.now + world_.random.below(most * kTick); }

  template <typename Do>
  void alive(const Do& act) {
    if (!publisher_) return;
    try {
      act();
    } catch (const Killed&) {
      ++world_.figures.kills_in_a_store;
      die();
    }
  }

  Tables& tables_;
  World world_;
  Planes planes_;
  Oracle oracle_;
  Clients clients_;
  Mishaps mishaps_;
  Config wanted_;
  std::optional<Publisher> publisher_;
  uint64_t stores_to_live_ = 0;  // 0: it lives on
};

}  // namespace belka::model
