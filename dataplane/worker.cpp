// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <ctime>

namespace belka {
namespace {

// A hundredth of HEARTBEAT_FRESH_NS: storing more often would only pull the cache line away from
// the XDP program, which reads it for every packet.
constexpr uint64_t kBeatsPerSecond = 100'000;
constexpr uint64_t kQuietPerSecond = 500;  // 2 ms
constexpr uint64_t kDrainSeconds = 1;
// A lcore that was off its core for longer than that has looked once all the same.
constexpr uint32_t kQuietRounds = 16;
// Reading a file gives packets as long as there are some; a pool that is empty for a moment gives
// none either.
constexpr uint32_t kEmptyRoundsAtEnd = 100;
constexpr uint32_t kRingBursts = kReceiveDescriptors / kBurstPackets;

void add(std::atomic<uint64_t>& figure, uint64_t amount) {
  figure.store(figure.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

/// The table of interfaces tells it: the sockets of one that went are dead, and nothing of DPDK
/// says so. belkad clears the entry; while no belkad runs nobody does, and a port whose interface
/// went is polled, and beats, in vain until belkad starts again.
bool is_lost(const PortPlan& plan) {
  return plan.interface != nullptr && LOAD_RELAXED(plan.interface->ifindex) != plan.ifindex;
}

uint16_t transmit(const Port* port, Burst& burst, uint16_t count) {
  return rte_eth_tx_burst(port->id(), 0, burst.transmit, count);
}

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

Worker::Worker(const struct tables* tables, struct counters* row, std::vector<const Port*> ports)
    : row_(row),
      ports_(std::move(ports)),
      polled_(ports_),
      lost_(std::make_unique<std::atomic<bool>[]>(ports_.size())),
      line_(tables, row),
      figures_(std::make_unique<WorkerFigures>()),
      capture_(ports_.front()->plan().heartbeat == nullptr) {}

/// One burst of one port. True: there were packets, of it or of a burst before.
bool Worker::poll(const Port& port) {
  rte_mbuf* packets[kBurstPackets];
  const uint16_t count = rte_eth_rx_burst(port.id(), 0, packets, kBurstPackets);
  if (count == 0) return line_.finish(transmit);
  line_.take(&port, port.plan().ifindex, packets, count, transmit);
  return true;
}

bool Worker::round() {
  bool busy = false;
  for (const Port* port : polled_) busy |= poll(*port);
  const uint64_t now = rte_rdtsc();
  add(figures_->rounds, 1);
  add(figures_->cycles, now - now_cycles_);
  if (busy) {
    add(figures_->busy_rounds, 1);
    add(figures_->busy_cycles, now - now_cycles_);
  }
  now_cycles_ = now;
  return busy;
}

void Worker::beat(uint64_t beat_ns) {
  for (const Port* port : polled_) {
    struct heartbeat* heartbeat = port->plan().heartbeat;
    // Pairs with nothing but its own age: the XDP program's hand_over reads this one word.
    if (heartbeat) __atomic_store_n(&heartbeat->beat_ns, beat_ns, __ATOMIC_RELAXED);
  }
}

/// No XDP program hands anything more to a lost port; what is in its ring already is split.
void Worker::forsake_lost() {
  for (size_t place = 0; place < ports_.size(); place++) {
    const Port& port = *ports_[place];
    if (!is_lost(port.plan()) || lost(place)) continue;
    __atomic_store_n(&port.plan().heartbeat->beat_ns, 0, __ATOMIC_RELAXED);
    for (uint32_t burst = 0; burst < kRingBursts && poll(port); burst++) continue;
    line_.finish(transmit);
    polled_.erase(std::find(polled_.begin(), polled_.end(), &port));
    lost_[place].store(true, std::memory_order_relaxed);
  }
}

/// The TSC only says when to look at the clock again.
void Worker::beat_if_due() {
  if (now_cycles_ - last_beat_cycles_ < rte_get_tsc_hz() / kBeatsPerSecond) return;
  forsake_lost();
  const uint64_t now_ns = monotonic_ns();
  line_.set_now(now_ns);
  beat(now_ns);
  last_beat_cycles_ = now_cycles_;
}

void Worker::run(const std::atomic<bool>& stop) {
  uint32_t empty_rounds = 0;
  now_cycles_ = rte_rdtsc();
  line_.set_now(monotonic_ns());
  row_->echo_full_ns = 0;  // a file of tables may have it from before the machine was last started
  while (!stop.load(std::memory_order_relaxed) && !polled_.empty()) {
    empty_rounds = round() ? 0 : empty_rounds + 1;
    if (capture_ && empty_rounds == kEmptyRoundsAtEnd) return;
    beat_if_due();
  }
  drain();
}

void Worker::drain() {
  beat(0);
  const uint64_t begin = now_cycles_;
  uint64_t last_packet = now_cycles_;
  uint32_t rounds = 0, empty_rounds = 0;
  const auto is_quiet = [&] {
    return empty_rounds >= kQuietRounds &&
           now_cycles_ - last_packet >= rte_get_tsc_hz() / kQuietPerSecond;
  };
  const auto is_late = [&] {
    return rounds >= kRingBursts && now_cycles_ - begin >= rte_get_tsc_hz() * kDrainSeconds;
  };
  for (; !is_quiet() && !is_late(); rounds++) {
    empty_rounds = round() ? 0 : empty_rounds + 1;
    if (empty_rounds == 0) last_packet = now_cycles_;
  }
  line_.finish(transmit);
}

}  // namespace belka
