// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "control/maps.h"
#include "split/tables.h"

struct belka_bpf;

namespace belka {

// The XDP program, loaded for one interface: its numbers are compiled in, the tables are the shared
// ones, xsks_map is the interface's own.
class XdpProgram {
 public:
  // What it is for; the numbers are compiled in.
  struct Target {
    std::string interface;
    uint32_t ifindex = 0;
    uint32_t place = 0;
    uint64_t heartbeat_ns = HEARTBEAT_FRESH_NS;  // after which a data plane's heartbeat is stale
  };

  // `xsks` is a pinned xsks_map, or -1: then the program has a new one. Throws Error where the
  // kernel refuses it: kernel and first reason in one sentence, all of the verifier's log in ours.
  XdpProgram(const PinnedMaps& maps, const Target& target, int xsks);

  int fd() const;
  int xsks_fd() const;

  // Whether the program of this number, loaded by an earlier daemon perhaps, does the same with the
  // same tables: equal instructions, equal maps, equal numbers compiled in.
  bool same_as(uint32_t program_id) const;

 private:
  struct Deleter {
    void operator()(belka_bpf* skeleton) const;
  };
  std::unique_ptr<belka_bpf, Deleter> skeleton_;
};

}  // namespace belka
