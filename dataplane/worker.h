// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/burst_line.h"
#include "dataplane/port.h"
#include "split/tables.h"

namespace belka {

/// What a worker did, in TSC cycles and rounds over its ports. Its lcore: w; telemetry: r, each
/// number for itself.
struct alignas(64) WorkerFigures {
  std::atomic<uint64_t> rounds{0};
  std::atomic<uint64_t> busy_rounds{0};  ///< that found packets
  std::atomic<uint64_t> cycles{0};
  std::atomic<uint64_t> busy_cycles{0};
};

/// The loop of one lcore over its ports: receive, split, transmit by the same port, count. It
/// allocates, locks and logs nothing, and calls the kernel only inside the drivers. It begins a
/// cache line, so that no two in a row share one: each lcore writes its own in every round.
class alignas(64) Worker {
 public:
  /// `row` is this worker's alone. The ports stay with the caller and outlive it; at least one.
  Worker(const struct tables* tables, struct counters* row, std::vector<const Port*> ports);

  /// Polls until `stop`, or until the end of a capture, or until all of its ports are lost. While
  /// it polls, the heartbeat of each port beats after a full round, idle or not. Then it hands
  /// back: the heartbeats are zero, so nothing more is redirected, and it goes on until every port
  /// has stayed empty for 2 ms (at most 1 s).
  ///
  /// A port is lost when the tables no longer have its interface (it was removed, or belkad left
  /// it). Its heartbeat is zero from then on, and it is not polled again.
  void run(const std::atomic<bool>& stop);

  /// Whether ports()[place] is lost. From any thread.
  bool lost(size_t place) const { return lost_[place].load(std::memory_order_relaxed); }

  // For telemetry, from any thread.
  const WorkerFigures& figures() const { return *figures_; }
  const std::vector<const Port*>& ports() const { return ports_; }
  const struct counters& row() const { return *row_; }

 private:
  bool poll(const Port& port);
  bool round();
  void beat(uint64_t beat_ns);
  void beat_if_due();
  void forsake_lost();
  void drain();

  struct counters* row_;
  std::vector<const Port*> ports_;
  std::vector<const Port*> polled_;  ///< those that are not lost
  std::unique_ptr<std::atomic<bool>[]> lost_;
  BurstLine<const Port*> line_;
  std::unique_ptr<WorkerFigures> figures_;
  bool capture_ = false;
  uint64_t now_cycles_ = 0;  ///< at the end of the last round
  uint64_t last_beat_cycles_ = 0;
};

}  // namespace belka
