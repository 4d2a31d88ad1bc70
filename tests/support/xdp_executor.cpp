// SPDX-License-Identifier: Apache-2.0
#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "belka.skel.h"
#include "control/error.h"
#include "dataplane/tables.h"
#include "tests/support/executor.h"

namespace belka {
namespace {

constexpr size_t kOutBytes = 1 << 17;
constexpr uint32_t kOuterBytes = 40;          // of the longest outer header
constexpr size_t kFrameBeforeMaxBytes = 256;  // that no_headroom.bpf.c moves

struct CloseObject {
  void operator()(belka_bpf* object) const { belka_bpf__destroy(object); }
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

/// Where less headroom is wanted than the kernel leaves: a program that takes it away, and goes on
/// with `subject`.
std::unique_ptr<bpf_object, CloseObject> load_no_headroom(int subject) {
  const char* build = std::getenv("BELKA_BUILD");
  const std::string path =
      std::string(build ? build : "build/release") + "/tests/support/no_headroom.bpf.o";
  std::unique_ptr<bpf_object, CloseObject> object(bpf_object__open(path.c_str()));
  if (!object || bpf_object__load(object.get()) != 0) {
    throw Error(fmt::format("cannot load {}: {}; run make test-bpf", path, std::strerror(errno)));
  }
  const uint32_t first = 0;
  const int subjects = bpf_object__find_map_fd_by_name(object.get(), "subject");
  if (bpf_map_update_elem(subjects, &first, &subject, BPF_ANY) != 0) {
    throw Error(fmt::format("cannot call the XDP program: {}", std::strerror(errno)));
  }
  return object;
}

int quiet(enum libbpf_print_level, const char*, va_list) { return 0; }

uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

uint32_t xdp_rows() { return static_cast<uint32_t>(libbpf_num_possible_cpus()); }

std::unique_ptr<belka_bpf, CloseObject> load(uint32_t counter_rows) {
  libbpf_set_print(quiet);
  std::unique_ptr<belka_bpf, CloseObject> object(belka_bpf__open());
  if (!object) throw Error(fmt::format("cannot open the XDP program: {}", std::strerror(errno)));
  object->rodata->interface_index = kIngressIfindex;
  object->rodata->heartbeat_fresh_ns = kTestHeartbeatNs;
  bpf_map__set_max_entries(object->maps.counters, counter_rows);
  if (belka_bpf__load(object.get()) != 0) {
    throw Error(fmt::format("the kernel does not load the XDP program: {}; run as root",
                            std::strerror(errno)));
  }
  return object;
}

class XdpExecutor : public Executor {
 public:
  explicit XdpExecutor(uint32_t data_plane_rows)
      : object_(load(xdp_rows() + data_plane_rows)),
        tables_(map_tables(xdp_rows() + data_plane_rows)),
        out_(kOutBytes) {
    tables_.node()->xdp_rows = xdp_rows();
    tables_.node()->counter_rows = xdp_rows() + data_plane_rows;
    socket_ = socket(AF_XDP, SOCK_RAW, 0);
  }
  XdpExecutor(const XdpExecutor&) = delete;
  XdpExecutor& operator=(const XdpExecutor&) = delete;
  ~XdpExecutor() override {
    if (socket_ >= 0) close(socket_);
  }

  const struct tables* tables() const override { return tables_.view(); }

  std::vector<Outcome> run(std::span<const Bytes> frames, const Conditions& conditions) override {
    set_data_plane(conditions.data_plane);
    std::vector<Outcome> outcomes;
    for (const Bytes& frame : frames) {
      set_echo_buckets(tables(), conditions.echo);
      outcomes.push_back(run_one(frame, conditions.headroom_bytes < kOuterBytes));
    }
    return outcomes;
  }

 private:
  Tables map_tables(uint32_t counter_rows) const {
    std::vector<int> fds;
    for (const TableShape& shape : table_shapes()) {
      fds.push_back(bpf_object__find_map_fd_by_name(object_->obj, std::string(shape.name).c_str()));
    }
    return Tables::from_map_fds(fds, counter_rows, Tables::Access::daemon);
  }

  /// A socket that is bound to nothing is enough for the map.
  void set_data_plane(DataPlane state) {
    if (state == data_plane_) return;
    data_plane_ = state;
    const int map = bpf_map__fd(object_->maps.xsks_map);
    const uint32_t queue = 0;
    const bool with_socket = state != DataPlane::absent && state != DataPlane::no_socket;
    if (!with_socket) bpf_map_delete_elem(map, &queue);
    if (with_socket && bpf_map_update_elem(map, &queue, &socket_, BPF_ANY) != 0) {
      throw Error(fmt::format("cannot put a socket into xsks_map: {}", std::strerror(errno)));
    }
    uint64_t beat_ns = 0;
    if (state == DataPlane::fresh || state == DataPlane::no_socket) beat_ns = now_ns();
    if (state == DataPlane::stale) beat_ns = now_ns() - kTestHeartbeatNs;
    if (state == DataPlane::ahead) beat_ns = now_ns() + 2 * kTestHeartbeatNs;
    tables()->heartbeats[0].beat_ns = beat_ns;
    forget_data_plane();
  }

  /// As if the program were newly loaded.
  void forget_data_plane() {
    const Bytes nothing(bpf_map__value_size(object_->maps.bss));
    const uint32_t first = 0;
    if (bpf_map_update_elem(bpf_map__fd(object_->maps.bss), &first, nothing.data(), BPF_ANY) != 0) {
      throw Error(fmt::format("cannot write the program's variables: {}", std::strerror(errno)));
    }
  }

  /// The kernel leaves 256 bytes free before a frame; a program of the tests takes them away.
  int no_headroom(const Bytes& frame) {
    if (frame.size() > kFrameBeforeMaxBytes) {
      throw Error(fmt::format("without headroom a frame may have {} bytes, this one has {}",
                              kFrameBeforeMaxBytes, frame.size()));
    }
    if (!no_headroom_) {
      no_headroom_ = load_no_headroom(bpf_program__fd(object_->progs.xsk_def_prog));
    }
    return bpf_program__fd(bpf_object__find_program_by_name(no_headroom_.get(), "no_headroom"));
  }

  Outcome run_one(const Bytes& frame, bool without_headroom) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = out_.data(),
                .data_size_in = static_cast<uint32_t>(frame.size()),
                .data_size_out = static_cast<uint32_t>(out_.size()), .repeat = 1);
    const int program =
        without_headroom ? no_headroom(frame) : bpf_program__fd(object_->progs.xsk_def_prog);
    const Totals before = totals();
    const int error = bpf_prog_test_run_opts(program, &options);
    if (error != 0) {
      throw Error(fmt::format("the kernel does not run a frame of {} bytes: {}", frame.size(),
                              std::strerror(-error)));
    }
    return outcome(before, options.retval, options.data_size_out);
  }

  using Totals = std::array<uint64_t, VERDICT_COUNT>;

  Totals totals() const {
    Totals totals{};
    for (uint32_t row = 0; row < tables()->node->xdp_rows; row++) {
      for (size_t i = 0; i < totals.size(); i++) {
        totals[i] += tables()->counters[row].verdict[i].packets;
      }
    }
    return totals;
  }

  /// What the program said with its counters and with its return code must be the same.
  Outcome outcome(const Totals& before, uint32_t code, uint32_t bytes) const {
    static constexpr uint32_t kCodes[] = {XDP_TX, XDP_REDIRECT, XDP_PASS, XDP_DROP};
    const enum verdict verdict = grown(before, totals());
    const enum action action = action_of(verdict);
    if (verdict == VERDICT_none || code != kCodes[action]) {
      throw Error(fmt::format("XDP returned {} and counted verdict {}", code, +verdict));
    }
    if (action == ACTION_DROP || action == ACTION_REDIRECT) return {verdict, {}};
    return {verdict, Bytes(out_.begin(), out_.begin() + bytes)};
  }

  /// The verdict that was counted once; none where not exactly one was.
  static enum verdict grown(const Totals& before, const Totals& after) {
    enum verdict found = VERDICT_none;
    uint64_t packets = 0;
    for (size_t i = 0; i < after.size(); i++) {
      packets += after[i] - before[i];
      if (after[i] != before[i]) found = static_cast<enum verdict>(i);
    }
    return packets == 1 ? found : VERDICT_none;
  }

  std::unique_ptr<belka_bpf, CloseObject> object_;
  std::unique_ptr<bpf_object, CloseObject> no_headroom_;  // once it is wanted
  Tables tables_;
  Bytes out_;
  int socket_ = -1;
  DataPlane data_plane_ = DataPlane::absent;
};

}  // namespace

std::unique_ptr<Executor> make_xdp_executor(uint32_t data_plane_rows) {
  return std::make_unique<XdpExecutor>(data_plane_rows);
}

}  // namespace belka
