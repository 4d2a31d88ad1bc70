// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/api.h"
#include "control/controller.h"
#include "control/descriptor.h"
#include "control/health_watch.h"
#include "control/lock.h"
#include "control/maps.h"
#include "control/neighbours.h"
#include "control/publish.h"
#include "control/state.h"
#include "control/xdp.h"

namespace belka {

struct DaemonOptions {
  std::string config;  // empty: none
  std::vector<std::string> interfaces;
  std::string pins;
  std::string socket;
  std::string state;
  bool require_native = false;
  uint32_t heartbeat_ms = 1;       // a data plane's heartbeat that is as old is stale
  bool break_connections = false;  // also a changed configuration that cuts connections
};

// A running belkad. Constructed, it has published its tables, attached its programs and serves its
// API; destroyed, it leaves tables and programs as they are, and the planes go on.
//
// Once the Controller is there, whatever changes in here changes under its lock.
class Daemon : public StatusSource {
 public:
  // Throws Error; then it has taken back what it had made. Faults of the configuration file are all
  // in the one text, a line each.
  explicit Daemon(DaemonOptions options);
  ~Daemon() override;

  // Follows the kernel until `signal_fd` (a signalfd) is readable.
  void run(int signal_fd);

  std::string instance() const override { return options_.pins; }
  std::string seed_file() const override { return seed_file_; }
  uint32_t heartbeat_ms() const override { return options_.heartbeat_ms; }
  std::vector<Interface> interfaces() const override;
  std::optional<Applied> applied() const override { return applied_; }
  std::string unresolved_reason(uint16_t backend) const override;
  std::string down_reason(uint16_t backend) const override { return health_->reason(backend); }
  Checks checks() const override;

 private:
  struct Start;  // what to begin with, and why

  void set_up();
  Start choose_start(const std::optional<Config>& file, const std::string& digest);
  PreparedChange prepare(const Start& start);
  void begin(const Start& start, PreparedChange& change);
  void persist(const Config& config, const Seed& seed);
  void persist_at_start(const Start& start);
  void require_same_seed() const;
  void require_unbroken(const Start& start, const Plan& plan) const;
  void follow_kernel(Publisher& publisher);
  void follow_health(Publisher& publisher, bool published);
  void pass_time(Publisher& publisher);

  const DaemonOptions options_;
  std::string seed_file_;
  std::string loaded_digest_;
  std::optional<Applied> applied_;
  std::unique_ptr<InstanceLock> lock_;  // of the pins
  std::unique_ptr<State> state_;
  std::unique_ptr<PinnedMaps> maps_;
  std::unique_ptr<Neighbours> neighbours_;
  std::unique_ptr<Xdp> xdp_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<HealthWatch> health_;
  bool published_ = false;  // since the last look at the backends
  Descriptor wake_;         // an eventfd: something was published
  Neighbours::Clock::time_point next_tick_, next_pass_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<Api> api_;
};

// Detaches the programs of this instance and takes its pins away. Throws Error: nothing there, a
// daemon runs.
void uninstall(const std::string& pins);

}  // namespace belka
