// SPDX-License-Identifier: Apache-2.0
// The burst path on prepared mbufs, in TSC cycles per packet. 512 mbufs in rotation are written, as
// a NIC would, before the clock starts; then sixteen bursts of 32 go through. The floor swaps the
// MAC addresses of the same buffers. Floor and subject take turns; medians of the rounds.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <variant>
#include <vector>

#include "control/error.h"
#include "dataplane/burst_line.h"
#include "tests/bench/figures.h"
#include "tests/bench/start_eal.h"
#include "tests/bench/traffic.h"
#include "tests/bench/witness.h"

namespace belka::bench {
namespace {

constexpr uint32_t kMbufs = 512;

/// scripts/instructions wants few: it counts, and does not take times.
int round_count() {
  const char* wanted = std::getenv("BELKA_BENCH_ROUNDS");
  return wanted ? std::atoi(wanted) : 4001;
}

/// The traffic's flows, written into the mbufs one after another.
class Rotation {
 public:
  explicit Rotation(const Traffic& traffic) : traffic_(traffic), headers_(headers_of(traffic)) {
    pool_ = rte_pktmbuf_pool_create("bench", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (!pool_ || rte_pktmbuf_alloc_bulk(pool_, mbufs_.data(), kMbufs) != 0) {
      throw Error("no memory for mbufs");
    }
    flows_.resize(traffic.flows);
    for (uint32_t n = 0; n < traffic.flows; n++) flows_[n] = flow_of(traffic, n);
  }
  ~Rotation() {
    rte_pktmbuf_free_bulk(mbufs_.data(), kMbufs);
    rte_mempool_free(pool_);
  }
  Rotation(const Rotation&) = delete;
  Rotation& operator=(const Rotation&) = delete;

  /// The next 512 packets of the traffic, as they come from a receive ring.
  void receive() {
    for (rte_mbuf* mbuf : mbufs_) {
      rte_pktmbuf_reset(mbuf);
      auto* data = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(mbuf, kHeaderBytes));
      std::memcpy(data, headers_.data(), kHeaderBytes);
      const FlowAddress& flow = flows_[next_++ & (traffic_.flows - 1)];
      std::memcpy(data + (traffic_.ipv6 ? 22 : 26), flow.source.data(), traffic_.ipv6 ? 16 : 4);
      std::memcpy(data + (traffic_.ipv6 ? 54 : 34), &flow.ports, 4);
    }
  }

  rte_mbuf** burst(uint32_t n) { return &mbufs_[n * kBurstPackets]; }

 private:
  Traffic traffic_;
  std::array<uint8_t, 80> headers_;
  rte_mempool* pool_;
  std::array<rte_mbuf*, kMbufs> mbufs_{};
  std::vector<FlowAddress> flows_;
  uint32_t next_ = 0;
};

void swap_macs(rte_mbuf** packets) {
  for (uint16_t i = 0; i < kBurstPackets; i++) {
    auto* header = rte_pktmbuf_mtod(packets[i], rte_ether_hdr*);
    const rte_ether_addr source = header->src_addr;
    header->src_addr = header->dst_addr;
    header->dst_addr = source;
  }
}

/// Cycles per packet of `work` on each of the sixteen bursts, and then of what ends it.
template <typename Work, typename End>
double cycles_of(Rotation& rotation, const Work& work, const End& end) {
  rotation.receive();
  const uint64_t begin = rte_rdtsc_precise();
  for (uint32_t n = 0; n < kMbufs / kBurstPackets; n++) work(rotation.burst(n));
  end();
  return static_cast<double>(rte_rdtsc_precise() - begin) / kMbufs;
}

Figure figure_of(double cycles, double floor_cycles) {
  const double ns_per_cycle = 1e9 / static_cast<double>(rte_get_tsc_hz());
  return {.ns = cycles * ns_per_cycle,
          .floor_ns = floor_cycles * ns_per_cycle,
          .cycles = cycles,
          .floor_cycles = floor_cycles};
}

Figure measure(const Traffic& traffic) {
  start_eal();
  Tables tables = Tables::create_private(1, 1);
  fill_tables(tables.view(), traffic);
  Rotation rotation(traffic);
  BurstLine<std::monostate> line(tables.view(), &tables.view()->counters[1]);
  const int count = round_count();
  uint64_t sent = 0;
  const auto send = [&](std::monostate, Burst&, uint16_t forwarded) {
    sent += forwarded;
    return forwarded;
  };
  const auto split = [&](rte_mbuf** packets) {
    line.take({}, kInterface, packets, kBurstPackets, send);
  };
  Witness witness;
  Rounds rounds;
  for (int round = 0; round < count; round++) {
    rounds.add(
        witness, [&] { return cycles_of(rotation, swap_macs, [] {}); },
        [&] { return cycles_of(rotation, split, [&] { line.finish(send); }); });
  }
  if (sent != static_cast<uint64_t>(count) * kMbufs) throw Error("not every packet was forwarded");
  Figure figure = figure_of(median(rounds.subject), median(rounds.floor));
  if (!rounds.quiet_subject.empty()) {
    figure.quiet_above = median(rounds.quiet_subject) - median(rounds.quiet_floor);
    figure.quiet_percent = 100.0 * static_cast<double>(rounds.quiet_subject.size()) / count;
  }
  return figure;
}

Figure measure_floor() {
  start_eal();
  Rotation rotation({});
  const int count = round_count();
  std::vector<double> floor;
  for (int round = 0; round < count; round++) {
    floor.push_back(cycles_of(rotation, swap_macs, [] {}));
  }
  return figure_of(median(floor), 0);
}

void add(const std::string& name, const std::string& goal, const Traffic& traffic) {
  add_figure(name, goal, [traffic] { return measure(traffic); });
}

const bool kRegistered = [] {
  add_figure("dpdk/floor", "the floor to subtract", measure_floor);
  add("dpdk/l2/flows:1", "45 cycles above", {.mode = FORWARD_L2});
  add("dpdk/l2/flows:1048576", "45 above, 1.15 times one flow",
      {.flows = kFlows, .mode = FORWARD_L2});
  add("dpdk/ipip4/flows:1048576", "65 cycles above", {.flows = kFlows});
  // A million connections, each with its pin, and none begins: a packet reads its bucket as well.
  add("dpdk/ipip4/opening:100%", "twice dpdk/ipip4", {.flows = kFlows, .slots = Slots::opening});
  add("dpdk/ipip4/looking:100%", "twice dpdk/ipip4", {.flows = kFlows, .slots = Slots::looking});
  add("dpdk/ipip6/flows:1048576", "90 cycles above", {.ipv6 = true, .flows = kFlows});
  return true;
}();

}  // namespace
}  // namespace belka::bench
