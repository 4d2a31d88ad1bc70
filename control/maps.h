// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/descriptor.h"
#include "dataplane/tables.h"

namespace belka {

// Checks that `pins` is, or can be, a directory in a bpffs, and makes it (not its parents). Throws
// Error with the remedy. True where it was made now.
bool prepare_pins(const std::string& pins);

// The shared tables of one instance: BPF maps pinned in a directory of bpffs under the names of
// table_shapes().
//
// `node` is pinned last and unpinned first, so a directory has it exactly where its tables are
// whole: a process that dies while it makes them leaves nothing that anybody takes for tables.
// Not thread-safe; the caller holds the InstanceLock of the directory.
class PinnedMaps {
 public:
  // Takes what is pinned, or makes empty tables where there are none: then with a row of counters
  // for each possible CPU for the XDP program and as many, at least 8, for the data plane. Throws
  // Error: tables of another layout or size, no rights, no memory.
  static PinnedMaps open_or_create(const std::string& pins);

  bool created() const { return created_; }
  Tables& tables() { return *tables_; }
  const Tables& tables() const { return *tables_; }

  // In the order of table_shapes(); they live as long as this.
  int fd(size_t table) const { return fds_[table].get(); }

 private:
  PinnedMaps() = default;
  bool open(const std::string& pins);
  void create(const std::string& pins);

  std::vector<Descriptor> fds_;
  std::unique_ptr<Tables> tables_;
  bool created_ = false;
};

// Unpins the tables; the memory goes when nobody has it mapped any more.
bool remove_table_pins(const std::string& pins);

}  // namespace belka
