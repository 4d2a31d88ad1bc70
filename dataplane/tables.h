// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "split/tables.h"

namespace belka {

/// One table of tables.h: its name is its map's and its pin's.
struct TableShape {
  std::string_view name;
  size_t element_bytes;
  size_t elements;  ///< of counters: 0, as many as there are rows
};

/// All tables, in the order in which they stand in a file.
const std::vector<TableShape>& table_shapes();

/// The tables mapped into this process. Movable; unmapped when it goes. The struct that view()
/// returns is what the shared decision takes; it stays valid as long as the object.
///
/// Threads: the mappings are shared memory, and tables.h says for each field who may write it.
class Tables {
 public:
  enum class Access { read_only, data_plane, daemon };

  Tables(Tables&&) noexcept;
  Tables& operator=(Tables&&) noexcept;
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;
  ~Tables();

  /// Maps the tables that a daemon pinned under `directory` in bpffs. data_plane maps only
  /// counters, heartbeats and pins writable. Throws Error: not there, another layout version, no
  /// permission.
  static Tables open_pinned(const std::string& directory, Access access);

  /// As open_pinned, from a file that create_file made.
  static Tables open_file(const std::string& path, Access access);

  /// Makes (or replaces) a file of empty tables with so many rows of counters, and maps it.
  static Tables create_file(const std::string& path, uint32_t xdp_rows, uint32_t data_plane_rows);

  /// Empty tables in this process's own memory: for `explain` without a daemon, and for tests.
  static Tables create_private(uint32_t xdp_rows, uint32_t data_plane_rows);

  /// Maps tables from the file descriptors of BPF maps, in the order of table_shapes(). Checks no
  /// layout version: the daemon does that, or has just made them. Does not keep the descriptors.
  static Tables from_map_fds(const std::vector<int>& fds, uint32_t counter_rows, Access access);

  const struct tables* view() const { return &view_; }
  struct node* node() const {
    return view_.node;
  }

 private:
  struct Mapping;
  Tables();
  void adopt(size_t table, void* address, size_t bytes);
  void check_layout(const std::string& where) const;

  std::vector<Mapping> mappings_;
  struct tables view_ {};
};

}  // namespace belka
