// SPDX-License-Identifier: Apache-2.0
// The data plane: flags, tables, ports, and a worker on each core.
#include <fmt/format.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "control/error.h"
#include "dataplane/claim.h"
#include "dataplane/driver_log.h"
#include "dataplane/eal.h"
#include "dataplane/flags.h"
#include "dataplane/loss_report.h"
#include "dataplane/port.h"
#include "dataplane/tables.h"
#include "dataplane/telemetry.h"
#include "dataplane/worker.h"

namespace belka {
namespace {

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler stores it");

void stop_on_signals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    struct sigaction action {};
    action.sa_handler = [](int) { stop.store(true, std::memory_order_relaxed); };
    sigaction(number, &action, nullptr);
  }
}

Tables open_tables(const Options& options) {
  if (!options.tables.empty()) {
    return Tables::open_file(options.tables, Tables::Access::data_plane);
  }
  return Tables::open_pinned(options.pins, Tables::Access::data_plane);
}

Claim claim_tables(const Options& options) {
  return options.tables.empty() ? Claim::pins(options.pins) : Claim::file(options.tables);
}

void check_cores(const Options& options, const struct node& node, size_t ports) {
  const uint32_t rows = node.counter_rows - node.xdp_rows;
  if (options.cores.size() > rows) {
    throw Error(fmt::format("--cores names {} CPUs: the tables have counters for {} cores",
                            options.cores.size(), rows));
  }
  if (options.cores.size() > ports) {
    throw Error(fmt::format("--cores names {} CPUs for {} queues: name at most as many",
                            options.cores.size(), ports));
  }
}

/// Where DPDK's telemetry socket is; the same after a restart, so that nothing piles up.
std::string file_prefix(const Options& options) {
  if (!options.file_prefix.empty()) return options.file_prefix;
  if (options.capture) return fmt::format("belka-{}", getpid());
  return "belka-" + fmt::format("{}", fmt::join(options.interfaces, "-"));
}

/// Queues in turn over the lcores; lcore n writes the data plane's row n.
std::vector<Worker> make_workers(const Tables& tables, const std::vector<Port>& ports,
                                 size_t lcores) {
  std::vector<std::vector<const Port*>> of_lcore(lcores);
  for (size_t port = 0; port < ports.size(); port++) {
    of_lcore[port % lcores].push_back(&ports[port]);
  }
  std::vector<Worker> workers;
  for (size_t lcore = 0; lcore < lcores; lcore++) {
    workers.emplace_back(tables.view(), &tables.view()->counters[tables.node()->xdp_rows + lcore],
                         of_lcore[lcore]);
  }
  return workers;
}

int work(void* workers) {
  (*static_cast<std::vector<Worker>*>(workers))[rte_lcore_id()].run(stop);
  return 0;
}

void say_ready(const Options& options, const std::vector<Port>& ports) {
  std::string names;
  for (const Port& port : ports) names += " " + port.plan().name;
  std::fprintf(stderr, "belka-dataplane: ready, polls%s on %zu of its cores\n", names.c_str(),
               options.cores.size());
}

void run(int argc, char** argv) {
  const Options options = read_flags(argc, argv);
  const Tables tables = open_tables(options);
  const Claim claim = claim_tables(options);
  const std::vector<PortPlan> plans = plan_ports(options, tables.view());
  check_cores(options, *tables.node(), plans.size());
  stop_on_signals();
  keep_driver_messages();
  const Eal eal({.cores = options.cores,
                 .memory_mb = std::max(options.memory_mb,
                                       options.memory_mb == 0 ? port_memory_mb(plans.size()) : 1),
                 .file_prefix = file_prefix(options),
                 .hugepages = options.hugepages});
  std::vector<Port> ports;
  ports.reserve(plans.size());
  for (const PortPlan& plan : plans) ports.emplace_back(plan);
  for (const PortPlan& plan : plans) {
    if (plan.link) require_same_link(*plan.link);
  }
  std::vector<Worker> workers = make_workers(tables, ports, options.cores.size());
  const Telemetry telemetry(workers);
  say_ready(options, ports);
  LossReport losses(workers);
  rte_eal_mp_remote_launch(work, &workers, CALL_MAIN);
  rte_eal_mp_wait_lcore();
  losses.end();
}

}  // namespace
}  // namespace belka

int main(int argc, char** argv) {
  try {
    belka::run(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "belka-dataplane: %s\n", error.what());
    return 1;
  }
}
