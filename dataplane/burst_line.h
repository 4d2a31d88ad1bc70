// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>

#include "dataplane/burst.h"

namespace belka {

/// Bursts of one lcore, one behind the other. One with packets of slots that move waits until the
/// next has been received and decided, so that the memory its packets are decided by comes in
/// meanwhile; all others go at once. They are sent in the order in which they came.
///
/// Transmit is called as transmit(source, burst, count): it sends burst.transmit[0..count), count
/// at least 1, to where the burst came from, and returns how many of them the driver took.
template <typename Source>
class BurstLine {
 public:
  /// `row` is this lcore's alone.
  BurstLine(const struct tables* tables, struct counters* row)
      : tables_(tables), row_(row), bursts_(std::make_unique<Burst[]>(2)) {}

  /// CLOCK_MONOTONIC; to be told every few milliseconds.
  void set_now(uint64_t now_ns) { bursts_[0].now_ns = bursts_[1].now_ns = now_ns; }

  /// The next burst, of at least one packet, which came in by the interface.
  template <typename Transmit>
  void take(Source source, uint32_t ifindex, rte_mbuf* const* packets, uint16_t count,
            const Transmit& transmit) {
    Burst& burst = bursts_[spare_];
    const bool waits = burst_decide(burst, tables_, row_, packets, count);
    const Arrival arrival{&burst, source, ifindex};
    const bool asked = finish(transmit, &burst);
    if (!waits) return send(arrival, nullptr, transmit);
    if (!asked) burst_ask(burst, tables_);
    waiting_ = arrival;
    spare_ ^= 1;
  }

  /// Sends the burst that waits, if one does: no packets came. True: one did.
  template <typename Transmit>
  bool finish(const Transmit& transmit) {
    return finish(transmit, nullptr);
  }

 private:
  struct Arrival {
    Burst* burst;
    Source source;
    uint32_t ifindex;
  };

  template <typename Transmit>
  bool finish(const Transmit& transmit, const Burst* next) {
    if (waiting_.burst == nullptr) return false;
    send(waiting_, next, transmit);
    waiting_.burst = nullptr;
    return true;
  }

  template <typename Transmit>
  void send(const Arrival& arrival, const Burst* next, const Transmit& transmit) {
    Burst& burst = *arrival.burst;
    const uint16_t count = burst_rewrite(burst, tables_, row_, arrival.ifindex, next);
    burst_finish(burst, row_, count == 0 ? uint16_t{0} : transmit(arrival.source, burst, count));
  }

  const struct tables* tables_;
  struct counters* row_;
  std::unique_ptr<Burst[]> bursts_;
  uint32_t spare_ = 0;  ///< the one that does not wait
  Arrival waiting_{};   ///< without a burst: none waits
};

}  // namespace belka
