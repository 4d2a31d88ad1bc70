// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/descriptor.h"
#include "control/health_probe.h"
#include "control/health_state.h"

namespace belka {

struct HealthChange {
  uint32_t id = 0;
  bool up = false;
  std::string reason;  // a clause: `connection refused`, `passed 2 in a row`
  // False: nothing changed, but `fall` checks in a row could not be made, for this reason. (Said
  // again only after one was made.)
  bool is_checked = true;
};

// Checks thousands of backends without a thread of its own: a loop polls fd() and calls
// handle_events(). Each target is checked at a place of its own within its `every`, at most one
// check at a time.
//
// A check that this machine could not make counts as neither passed nor failed, but as postponed.
// Where any check lacks what it takes (descriptors, memory), all of them wait a little, and it is
// made then; where only this one does (no local port towards its target), it is made one `every`
// later and no other waits. One that timed out because handle_events() was called late is made
// again too.
//
// For one thread at a time; fd() alone may be polled by another. Throws Error only where epoll
// itself cannot be had.
class HealthChecker {
 public:
  static constexpr size_t kMaxSockets = 16'384;

  // At most so many checks at once, and no more than half of the descriptors that the process may
  // have (RLIMIT_NOFILE): the rest of them wait for their turn.
  explicit HealthChecker(size_t max_sockets = kMaxSockets);

  // All that is to be checked from now on. What stays in all but starts_up goes on as if nothing
  // had happened. What has only another config or port begins its checks anew, and counts as what
  // it did. What has another address is new. Of an id that stands there twice the last one counts.
  void set_targets(std::vector<HealthTarget> targets);

  // Readable when handle_events() has something to do.
  int fd() const { return epoll_.get(); }

  // Never blocks, and does a bounded amount of work; what is left keeps fd() readable.
  std::vector<HealthChange> handle_events();

  struct View {
    bool up;
    uint32_t failed_in_row, passed_in_row;
    std::string last_reason;  // why the last check failed; empty where it passed, or there is none
    uint64_t last_ns;         // when it ended, CLOCK_MONOTONIC; 0: there is none
    std::string not_made;     // why the last `fall` or more could not be made; else empty
  };
  std::optional<View> view(uint32_t id) const;

  // Since the start.
  struct Counts {
    uint64_t passed = 0, failed = 0, postponed = 0;
  };
  const Counts& counts() const { return counts_; }

  // What this machine lacks, so that all checks wait: a clause; empty where they do not.
  const std::string& lack() const { return lack_; }

 private:
  struct Entry {
    HealthTarget target;
    HealthState state;
    std::string last_reason;
    uint64_t last_ns = 0;
    uint64_t planned_ns = 0;  // when the check that runs or comes next should start
    uint64_t due_ns = 0;      // as in starts_, or in deadlines_ while a check runs
    bool was_late = false;    // the last check was postponed for our own lateness
    uint32_t not_made_in_row = 0;
    std::string not_made;                // why, once there are `fall`
    std::unique_ptr<HealthProbe> probe;  // while a check runs
    uint32_t watched = 0;                // its events that epoll is told of
  };
  using Queue = std::set<std::pair<uint64_t, uint32_t>>;  // when, and whose

  void add(HealthTarget target);
  void stop(Entry& entry);
  void handle_ready(uint32_t id);
  void run_deadlines();
  void run_starts();
  void start(Entry& entry, uint64_t now_ns);
  bool watch(Entry& entry);
  void go_on(Entry& entry, HealthProbe::Result result);
  void time_out(Entry& entry, uint64_t now_ns);
  void pause_all(Entry& entry, std::string lack);
  void leave_out(Entry& entry);
  void postpone(Entry& entry, uint64_t due_ns);
  void finish(Entry& entry, bool passed, std::string reason);
  void plan(Entry& entry, uint64_t due_ns);
  void arm();

  const size_t max_sockets_;
  Descriptor epoll_;
  Descriptor timer_;
  std::unordered_map<uint32_t, Entry> entries_;
  Queue starts_;
  Queue deadlines_;
  uint64_t no_start_before_ns_ = 0;  // for lack_
  std::string lack_;
  std::vector<HealthChange> changes_;
  Counts counts_;
};

}  // namespace belka
