// SPDX-License-Identifier: Apache-2.0
#include "dataplane/telemetry.h"

#include <rte_telemetry.h>

#include <mutex>
#include <string>

#include "control/error.h"
#include "split/verdict.h"

namespace belka {
namespace {

// DPDK passes the callback nothing of ours, and calls it from threads of its own.
std::mutex mutex;
const std::vector<Worker>* shown = nullptr;

constexpr const char* kVerdictNames[] = {
#define VERDICT_NAME(name, action, help) #name,
    VERDICTS(VERDICT_NAME)
#undef VERDICT_NAME
};

uint64_t load(const uint64_t& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }

uint64_t load(const std::atomic<uint64_t>& figure) {
  return figure.load(std::memory_order_relaxed);
}

std::string queue_names(const Worker& worker) {
  std::string names;
  for (const Port* port : worker.ports()) {
    names += names.empty() ? "" : " ";
    names += port->plan().name;
  }
  return names;
}

void describe(const Worker& worker, rte_tel_data* into) {
  const WorkerFigures& figures = worker.figures();
  const uint64_t cycles = load(figures.cycles);
  rte_tel_data_start_dict(into);
  rte_tel_data_add_dict_string(into, "queues", queue_names(worker).c_str());
  rte_tel_data_add_dict_u64(into, "rounds", load(figures.rounds));
  rte_tel_data_add_dict_u64(into, "busy_rounds", load(figures.busy_rounds));
  rte_tel_data_add_dict_u64(into, "busy_cycles_ppm",
                            cycles == 0 ? 0 : load(figures.busy_cycles) * 1'000'000 / cycles);
  rte_tel_data_add_dict_u64(into, "received", load(worker.row().received));
  rte_tel_data_add_dict_u64(into, "received_bytes", load(worker.row().received_bytes));
  for (uint32_t verdict = 0; verdict < VERDICT_COUNT; verdict++) {
    rte_tel_data_add_dict_u64(into, kVerdictNames[verdict],
                              load(worker.row().verdict[verdict].packets));
  }
}

int show_workers(const char* /*command*/, const char* /*parameters*/, rte_tel_data* data) {
  const std::lock_guard<std::mutex> lock(mutex);
  rte_tel_data_start_dict(data);
  if (shown == nullptr) return 0;
  for (size_t lcore = 0; lcore < shown->size(); lcore++) {
    rte_tel_data* worker = rte_tel_data_alloc();
    if (worker == nullptr) return -1;
    describe((*shown)[lcore], worker);
    const std::string name = "lcore_" + std::to_string(lcore);
    if (rte_tel_data_add_dict_container(data, name.c_str(), worker, 0) != 0) {
      rte_tel_data_free(worker);
      return -1;
    }
  }
  return 0;
}

}  // namespace

Telemetry::Telemetry(const std::vector<Worker>& workers) {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    shown = &workers;
  }
  if (rte_telemetry_register_cmd("/belka/workers", show_workers,
                                 "Belka's lcores: queues, load, packets by verdict") != 0) {
    throw Error("DPDK's telemetry takes no command: it needs DPDK 22.11");
  }
}

Telemetry::~Telemetry() {
  const std::lock_guard<std::mutex> lock(mutex);
  shown = nullptr;
}

}  // namespace belka
