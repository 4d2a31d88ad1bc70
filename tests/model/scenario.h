// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "tests/model/clients.h"
#include "tests/model/daemon.h"

namespace belka::model {

// Some slots, backends and clients, and all that happens to them, from a seed.
class Scenario {
 public:
  Scenario(const TableView& tables, const Options& options);

  // Until the packets are sent, or the first violation where rules are taken out.
  void run();

  // After run(): what is left when nothing is sent any more; empty: nothing.
  std::string rest();

  const Figures& figures() const { return world_.figures; }
  const std::optional<Violation>& first_violation() const { return oracle_.first_violation(); }

 private:
  void happen(const Event& event);
  void change_some();
  void change_one(uint32_t slot);
  void backend_dies();
  void reach_limit();
  Time idle_times(uint32_t most);
  Manner manner();

  World world_;
  Planes planes_;
  Oracle oracle_;
  Clients clients_;
  Daemon daemon_;
};

}  // namespace belka::model
