// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/health.h"
#include "control/publish.h"

namespace belka {

// Has the backends of all services with `health` checked, tells the Publisher, and logs what comes
// of it. For one thread at a time.
class HealthWatch {
 public:
  // Throws Error where the system lets us have no epoll.
  HealthWatch() = default;

  // To be called after every publish: who is to be checked from now on. One that the tables have as
  // failing goes on so until its checks say otherwise; of one that is checked already the checks
  // know better than the tables, whose number may have been given anew.
  void follow(Publisher& publisher);

  int fd() const { return checker_.fd(); }  // readable when handle_events has something to do

  // Never blocks, but for the Publisher's work where a backend went up or down: at most a third of
  // the time, and otherwise at the next call. To be called ten times a second, events or not.
  void handle_events(Publisher& publisher);

  // Logs pools that fell back, and those that serve themselves again, since the last call.
  void report(const Publisher& publisher);

  // Why a backend is down, or up without being checked, a clause; empty where it passes its checks,
  // or has not been checked yet.
  std::string reason(uint16_t backend) const;

  size_t backends() const { return backends_; }  // that are checked
  const HealthChecker::Counts& counts() const { return checker_.counts(); }
  const std::string& lack() const { return checker_.lack(); }  // as HealthChecker's

 private:
  using Clock = std::chrono::steady_clock;

  void log(const HealthChange& change, const Publisher& publisher) const;
  void log_lack();

  HealthChecker checker_;
  std::vector<HealthNote> notes_;  // that the publisher was not told yet, in order
  Clock::time_point next_work_;
  bool lack_logged_ = false;  // of the lack that there is
  Clock::time_point next_lack_log_;
  std::map<std::pair<std::string, std::string>, uint8_t> fallback_;  // as logged, by service, pool
  uint64_t generation_ = 0;                                          // that was looked at
  size_t backends_ = 0;
};

}  // namespace belka
