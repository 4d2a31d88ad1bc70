// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/xdp_rig.h"

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "belka.skel.h"
#include "control/bpf_log.h"
#include "control/error.h"

namespace belka::bench {
namespace {

std::string walker_path() {
  const char* build = std::getenv("BELKA_BUILD");
  return std::string(build ? build : "build/release") + "/tests/bench/walk.bpf.o";
}

/// The map whose name ends so: libbpf puts the object's name before those of global variables.
bpf_map* map_ending(bpf_object* object, std::string_view ending) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (std::string_view(bpf_map__name(map)).ends_with(ending)) return map;
  }
  throw Error(fmt::format("the walker has no map {}: build it again", ending));
}

void* map_memory(const bpf_map* map, size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  if (memory == MAP_FAILED) throw Error(fmt::format("cannot map: {}", std::strerror(errno)));
  return memory;
}

constexpr uint64_t kHeartbeatNs = 1'000'000'000'000;  // fresh for as long as a benchmark runs

uint32_t possible_cpus() { return static_cast<uint32_t>(libbpf_num_possible_cpus()); }

}  // namespace

XdpRig::XdpRig(const Traffic& traffic) : traffic_(traffic) {
  load_program();
  load_walker();
}

XdpRig::~XdpRig() {
  bpf_object__close(walker_);
  belka_bpf__destroy(skeleton_);
}

int XdpRig::xsks_map() const { return bpf_map__fd(skeleton_->maps.xsks_map); }

void XdpRig::beat(bool fresh) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t now_ns =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  tables()->heartbeats[0].beat_ns = fresh ? now_ns : now_ns - 2 * kHeartbeatNs;
}

void XdpRig::load_program() {
  keep_bpf_messages();
  skeleton_ = belka_bpf__open();
  if (!skeleton_) throw Error("cannot open the XDP program");
  skeleton_->rodata->interface_index = kInterface;
  skeleton_->rodata->heartbeat_fresh_ns = kHeartbeatNs;
  bpf_map__set_max_entries(skeleton_->maps.counters, possible_cpus());
  if (belka_bpf__load(skeleton_) != 0) {
    throw Error(fmt::format("cannot load the XDP program: {}; run as root", std::strerror(errno)));
  }
  std::vector<int> fds;
  for (const TableShape& shape : table_shapes()) {
    fds.push_back(bpf_object__find_map_fd_by_name(skeleton_->obj, std::string(shape.name).c_str()));
  }
  tables_ =
      std::make_unique<Tables>(Tables::from_map_fds(fds, possible_cpus(), Tables::Access::daemon));
  fill_tables(tables_->view(), traffic_);
}

void XdpRig::load_walker() {
  walker_ = bpf_object__open_file(walker_path().c_str(), nullptr);
  if (!walker_) throw Error(fmt::format("cannot open {}: run make bench", walker_path()));
  const uint32_t constants[] = {traffic_.flows - 1, traffic_.ipv6};  // flow_mask, is_ipv6
  bpf_map__set_initial_value(map_ending(walker_, ".rodata"), constants, sizeof constants);
  if (bpf_object__load(walker_) != 0) throw Error("cannot load the walker");
  void* flows = map_memory(map_ending(walker_, "flows"), sizeof(FlowAddress) * kFlows);
  for (uint32_t n = 0; n < traffic_.flows; n++) {
    static_cast<FlowAddress*>(flows)[n] = flow_of(traffic_, n);
  }
  munmap(flows, sizeof(FlowAddress) * kFlows);
  void* globals = map_memory(map_ending(walker_, ".bss"), 4096);
  const auto headers = headers_of(traffic_);
  std::memcpy(globals, headers.data(), headers.size());  // `headers` is the first of the globals
  munmap(globals, 4096);
}

double XdpRig::run(int subject, uint32_t runs, uint32_t expected) {
  const int subjects = bpf_map__fd(map_ending(walker_, "subject"));
  const uint32_t zero = 0;
  bpf_map_update_elem(subjects, &zero, &subject, BPF_ANY);
  const auto headers = headers_of(traffic_);
  uint8_t out[256];
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = headers.data();
  options.data_size_in = kHeaderBytes;
  options.data_out = out;
  options.data_size_out = sizeof out;
  options.repeat = static_cast<int>(runs);
  const int walk = bpf_program__fd(bpf_object__find_program_by_name(walker_, "walk"));
  if (bpf_prog_test_run_opts(walk, &options) != 0) {
    throw Error(fmt::format("BPF_PROG_TEST_RUN: {}", std::strerror(errno)));
  }
  if (options.retval != expected) {
    throw Error(fmt::format("the program returned {}, expected {}", options.retval, expected));
  }
  return options.duration;
}

double XdpRig::subject_ns(uint32_t runs, uint32_t expected) {
  return run(bpf_program__fd(skeleton_->progs.xsk_def_prog), runs, expected);
}

double XdpRig::floor_ns(uint32_t runs) {
  return run(bpf_program__fd(bpf_object__find_program_by_name(walker_, "pass")), runs, XDP_PASS);
}

}  // namespace belka::bench
