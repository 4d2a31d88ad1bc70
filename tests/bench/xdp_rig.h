// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>

#include "dataplane/tables.h"
#include "tests/bench/traffic.h"

struct belka_bpf;
struct bpf_object;

namespace belka::bench {

/// One load of the XDP program and of the walker around it (walk.bpf.c). The same program is fast
/// or slow by where it was loaded, so a figure wants several rigs.
class XdpRig {
 public:
  explicit XdpRig(const Traffic& traffic);
  ~XdpRig();
  XdpRig(const XdpRig&) = delete;
  XdpRig& operator=(const XdpRig&) = delete;

  const struct tables* tables() const { return tables_->view(); }
  int xsks_map() const;
  /// Of the queue that packets come in by: stays fresh, or stale, as long as a benchmark runs.
  void beat(bool fresh);

  /// Mean time of a run in ns, as the kernel measures it. Throws Error where the program does not
  /// end as `expected` (an XDP action).
  double subject_ns(uint32_t runs, uint32_t expected);
  /// The same around a program that returns XDP_PASS.
  double floor_ns(uint32_t runs);

 private:
  void load_program();
  void load_walker();
  double run(int subject, uint32_t runs, uint32_t expected);

  Traffic traffic_;
  belka_bpf* skeleton_ = nullptr;
  bpf_object* walker_ = nullptr;
  std::unique_ptr<Tables> tables_;
};

}  // namespace belka::bench
