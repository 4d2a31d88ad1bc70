// SPDX-License-Identifier: Apache-2.0
// The whole XDP program, per packet. Ten loads of it; in each the program and the floor in turn,
// the median of the rounds; of the ten loads the median again.
#include <linux/bpf.h>

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "tests/bench/figures.h"
#include "tests/bench/witness.h"
#include "tests/bench/xdp_rig.h"
#include "tests/bench/xdp_socket.h"

namespace belka::bench {
namespace {

constexpr int kLoads = 10;
constexpr int kRounds = 7;
constexpr uint32_t kRuns = 100'000;

/// What stands where the data plane would be.
enum class DataPlane { none, fresh, stale };

struct Case {
  Traffic traffic;
  uint32_t expected;
  DataPlane data_plane = DataPlane::none;
};

Figure measure(const Case& which) {
  Witness witness;
  std::vector<double> subject, floor, quiet_subject, quiet_floor;  // a load each
  size_t quiet_rounds = 0;
  for (int load = 0; load < kLoads; load++) {
    XdpRig rig(which.traffic);
    std::optional<XdpSocket> socket;
    if (which.data_plane != DataPlane::none) {
      socket.emplace(rig.xsks_map());
      rig.beat(which.data_plane == DataPlane::fresh);
    }
    Rounds rounds;
    for (int round = 0; round < kRounds; round++) {
      rounds.add(
          witness, [&] { return rig.floor_ns(kRuns); },
          [&] { return rig.subject_ns(kRuns, which.expected); });
    }
    subject.push_back(median(rounds.subject));
    floor.push_back(median(rounds.floor));
    if (rounds.quiet_subject.empty()) continue;
    quiet_rounds += rounds.quiet_subject.size();
    quiet_subject.push_back(median(rounds.quiet_subject));
    quiet_floor.push_back(median(rounds.quiet_floor));
  }
  Figure figure{.ns = median(subject), .floor_ns = median(floor)};
  if (quiet_rounds != 0) {
    figure.quiet_above = median(quiet_subject) - median(quiet_floor);
    figure.quiet_percent = 100.0 * static_cast<double>(quiet_rounds) / (kLoads * kRounds);
  }
  return figure;
}

void add(const std::string& name, const std::string& goal, const Case& which) {
  add_figure(name, goal, [which] { return measure(which); });
}

Figure measure_harness() {
  std::vector<double> floor;
  for (int load = 0; load < kLoads; load++) {
    XdpRig rig({});
    for (int round = 0; round < kRounds; round++) floor.push_back(rig.floor_ns(kRuns));
  }
  return {.ns = median(floor)};
}

const bool kRegistered = [] {
  add_figure("xdp/harness", "the floor to subtract", measure_harness);
  add("xdp/ipip4/ack/flows:1", "60 ns above", {{}, XDP_TX});
  add("xdp/ipip4/ack/flows:1048576", "15 ns more than one flow", {{.flows = kFlows}, XDP_TX});
  add("xdp/ipip4/syn/flows:1048576", "as ack, within 10 %",
      {{.syn = true, .flows = kFlows}, XDP_TX});
  add("xdp/ipip6/ack/flows:1048576", "75 ns above", {{.ipv6 = true, .flows = kFlows}, XDP_TX});
  add("xdp/handover", "60 ns above", {{.flows = kFlows}, XDP_REDIRECT, DataPlane::fresh});
  add("xdp/stale", "95 ns above", {{.flows = kFlows}, XDP_TX, DataPlane::stale});
  add("xdp/ipip4/ack/flows:1048576/services:64", "reported",
      {{.flows = kFlows, .services = 64}, XDP_TX});
  add("xdp/ipip4/all-ports", "reported", {{.all_ports = true, .flows = kFlows}, XDP_TX});
  // A million connections, each with its pin, and none begins: what a packet costs that reads its
  // bucket as well as its slot. To reach: half of Katran's 330 ns with its table of as many.
  add("xdp/ipip4/opening:100%", "165 ns above",
      {{.flows = kFlows, .slots = Slots::opening}, XDP_TX});
  add("xdp/ipip4/looking:100%", "165 ns above",
      {{.flows = kFlows, .slots = Slots::looking}, XDP_TX});
  add("xdp/pass", "30 ns above", {{.for_vip = false, .flows = kFlows}, XDP_PASS});
  return true;
}();

}  // namespace
}  // namespace belka::bench
