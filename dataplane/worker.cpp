// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <ctime>

namespace belka {
namespace {

// A hundredth of HEARTBEAT_FRESH_NS: storing more often would only pull the cache line away from
// the XDP program, which reads it for every packet.
constexpr uint64_t kBeatsPerSecond = 100'000;
constexpr uint64_t kQuietPerSecond = 500;  // 2 ms
constexpr uint64_t kDrainSeconds = 1;
// Reading a file gives packets as long as there are some; a pool that is empty for a moment gives
// none either.
constexpr uint32_t kEmptyRoundsAtEnd = 100;

void add(std::atomic<uint64_t>& figure, uint64_t amount) {
  figure.store(figure.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

Worker::Worker(const struct tables* tables, struct counters* row, std::vector<const Port*> ports)
    : tables_(tables),
      row_(row),
      ports_(std::move(ports)),
      burst_(std::make_unique<Burst>()),
      figures_(std::make_unique<WorkerFigures>()),
      capture_(ports_.front()->plan().heartbeat == nullptr) {}

/// One burst of one port. True: there were packets.
bool Worker::poll(const Port& port) {
  rte_mbuf* packets[kBurstPackets];
  const uint16_t count = rte_eth_rx_burst(port.id(), 0, packets, kBurstPackets);
  if (count == 0) return false;
  const uint16_t to_send = burst_split(*burst_, tables_, row_, port.plan().ifindex, packets, count);
  const uint16_t sent =
      to_send == 0 ? 0 : rte_eth_tx_burst(port.id(), 0, burst_->transmit, to_send);
  burst_finish(*burst_, row_, sent);
  return true;
}

bool Worker::round() {
  bool busy = false;
  for (const Port* port : ports_) busy |= poll(*port);
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
  for (const Port* port : ports_) {
    struct heartbeat* heartbeat = port->plan().heartbeat;
    // Pairs with nothing but its own age: data_plane_is_there reads this one word.
    if (heartbeat) __atomic_store_n(&heartbeat->beat_ns, beat_ns, __ATOMIC_RELAXED);
  }
}

/// Its sockets are dead then, and nothing of DPDK says so.
const Port* Worker::find_lost() const {
  for (const Port* port : ports_) {
    const struct interface_entry* interface = port->plan().interface;
    if (interface && LOAD_RELAXED(interface->ifindex) != port->plan().ifindex) return port;
  }
  return nullptr;
}

/// The TSC only says when to look at the clock again.
void Worker::beat_if_due() {
  if (now_cycles_ - last_beat_cycles_ < rte_get_tsc_hz() / kBeatsPerSecond) return;
  lost_ = find_lost();
  burst_->now_ns = monotonic_ns();
  beat(burst_->now_ns);
  last_beat_cycles_ = now_cycles_;
}

void Worker::run(std::atomic<bool>& stop) {
  uint32_t empty_rounds = 0;
  now_cycles_ = rte_rdtsc();
  burst_->now_ns = monotonic_ns();
  row_->echo_full_ns = 0;  // a file of tables may have it from before the machine was last started
  while (!stop.load(std::memory_order_relaxed)) {
    empty_rounds = round() ? 0 : empty_rounds + 1;
    if (capture_ && empty_rounds == kEmptyRoundsAtEnd) return;
    beat_if_due();
    if (lost_) stop.store(true, std::memory_order_relaxed);
  }
  drain();
}

void Worker::drain() {
  beat(0);
  const uint64_t begin = now_cycles_;
  uint64_t last_packet = now_cycles_;
  while (now_cycles_ - last_packet < rte_get_tsc_hz() / kQuietPerSecond &&
         now_cycles_ - begin < rte_get_tsc_hz() * kDrainSeconds) {
    if (round()) last_packet = now_cycles_;
  }
}

}  // namespace belka
