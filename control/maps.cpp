// SPDX-License-Identifier: Apache-2.0
#include "control/maps.h"

#include <linux/magic.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "belka.skel.h"
#include "control/bpf_log.h"
#include "control/error.h"
#include "control/kernel_refusal.h"
#include "control/log.h"

namespace belka {
namespace {

constexpr uint32_t kLeastDataPlaneRows = 8;
constexpr std::string_view kDefaultMount = "/sys/fs/bpf";

std::string pin_path(const std::string& pins, std::string_view name) {
  return fmt::format("{}/{}", pins, name);
}

bool on_bpffs(const std::string& path) {
  struct statfs status {};
  return statfs(path.c_str(), &status) == 0 &&
         static_cast<uint32_t>(status.f_type) == static_cast<uint32_t>(BPF_FS_MAGIC);
}

Descriptor open_pin(const std::string& path) { return Descriptor(bpf_obj_get(path.c_str())); }

bpf_map_info map_info(int fd, const std::string& path) {
  bpf_map_info info{};
  uint32_t bytes = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &bytes) != 0) {
    throw Error(fmt::format("cannot ask about {}: {}", path, std::strerror(errno)));
  }
  return info;
}

// The layout version is the first word of every version's node.
uint32_t layout_of(int node, const std::string& path) {
  std::vector<uint8_t> value(std::max<size_t>(map_info(node, path).value_size, sizeof(uint32_t)));
  const uint32_t first = 0;
  if (bpf_map_lookup_elem(node, &first, value.data()) != 0) {
    throw Error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  uint32_t version = 0;
  std::memcpy(&version, value.data(), sizeof version);
  return version;
}

[[noreturn]] void refuse_tables(const std::string& what, const std::string& pins) {
  throw Error(
      fmt::format("{}: start the belkad that made them, or take them away with the XDP programs by "
                  "`belkad --uninstall --pins={}`",
                  what, pins));
}

struct SkeletonDeleter {
  void operator()(belka_bpf* skeleton) const { belka_bpf::destroy(skeleton); }
};

uint32_t possible_cpus() {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) throw Error(fmt::format("cannot count the CPUs: {}", std::strerror(-cpus)));
  return static_cast<uint32_t>(cpus);
}

}  // namespace

bool prepare_pins(const std::string& pins) {
  const std::filesystem::path path(pins);
  if (!path.is_absolute()) {
    throw Error(fmt::format("--pins={} is no absolute path: give one in a bpffs, such as {}/belka",
                            pins, kDefaultMount));
  }
  std::error_code error;  // a name that a bpffs does not take is none that is there
  const bool exists = std::filesystem::is_directory(path, error);
  const std::string mount = exists ? pins : path.parent_path().string();
  if (!on_bpffs(mount)) {
    const std::string where = mount.starts_with(kDefaultMount) ? std::string(kDefaultMount) : mount;
    throw Error(fmt::format(
        "--pins={} is not in a bpffs, the file system where tables outlive "
        "their programs: `mount -t bpf bpf {}`{}",
        pins, where, std::filesystem::is_directory(where, error) ? "" : " after making it"));
  }
  if (exists) return false;
  if (mkdir(pins.c_str(), 0700) == 0) return true;
  const int reason = errno;
  const bool has_dot = path.filename().string().find('.') != std::string::npos;
  throw Error(fmt::format("cannot make the directory {} in the bpffs: {}{}", pins,
                          std::strerror(reason),
                          has_dot ? "; give a name without a dot, a bpffs takes no other" : ""));
}

PinnedMaps PinnedMaps::open_or_create(const std::string& pins) {
  PinnedMaps maps;
  if (maps.open(pins)) return maps;
  try {
    maps.create(pins);
  } catch (...) {
    remove_table_pins(pins);
    throw;
  }
  return maps;
}

// False where there are none. What is left of a start that did not end is taken away.
bool PinnedMaps::open(const std::string& pins) {
  const std::string node_path = pin_path(pins, table_shapes().back().name);
  const Descriptor node = open_pin(node_path);
  if (!node) {
    if (errno != ENOENT) {
      throw Error(fmt::format("cannot open {}: {}", node_path, std::strerror(errno)));
    }
    remove_table_pins(pins);
    return false;
  }
  const uint32_t layout = layout_of(node.get(), node_path);
  if (layout != LAYOUT_VERSION) {
    refuse_tables(fmt::format("the tables at {} have layout {}, this belkad has layout {}", pins,
                              layout, static_cast<int>(LAYOUT_VERSION)),
                  pins);
  }
  uint32_t rows = 0;
  std::vector<int> numbers;
  for (const TableShape& shape : table_shapes()) {
    const std::string path = pin_path(pins, shape.name);
    fds_.push_back(open_pin(path));
    if (!fds_.back()) {
      refuse_tables(fmt::format("of the tables at {} {} is missing ({})", pins, shape.name,
                                std::strerror(errno)),
                    pins);
    }
    const bpf_map_info info = map_info(fds_.back().get(), path);
    if (info.value_size != shape.element_bytes ||
        (shape.elements != 0 && info.max_entries != shape.elements)) {
      refuse_tables(
          fmt::format("{} has {} elements of {} bytes, this belkad wants {} of {}", path,
                      info.max_entries, info.value_size,
                      shape.elements != 0 ? shape.elements : info.max_entries, shape.element_bytes),
          pins);
    }
    if (shape.elements == 0) rows = info.max_entries;
    numbers.push_back(fds_.back().get());
  }
  tables_ = std::make_unique<Tables>(Tables::from_map_fds(numbers, rows, Tables::Access::daemon));
  if (tables_->node()->xdp_rows < possible_cpus()) {
    refuse_tables(fmt::format("the tables at {} have counters for {} CPUs, this machine has {}",
                              pins, tables_->node()->xdp_rows, possible_cpus()),
                  pins);
  }
  return true;
}

void PinnedMaps::create(const std::string& pins) {
  const uint32_t xdp_rows = possible_cpus();
  const uint32_t rows = xdp_rows + std::max(xdp_rows, kLeastDataPlaneRows);
  const std::unique_ptr<belka_bpf, SkeletonDeleter> skeleton(belka_bpf::open());
  if (!skeleton) throw Error(fmt::format("cannot read the XDP program: {}", std::strerror(errno)));
  // The maps alone: the program is loaded for each interface.
  bpf_program__set_autoload(skeleton->progs.xsk_def_prog, false);
  bpf_map__set_max_entries(skeleton->maps.counters, rows);
  const int error = belka_bpf::load(skeleton.get());
  if (error != 0) {
    log_bpf_messages();
    size_t bytes = rows * sizeof(counters);
    for (const TableShape& shape : table_shapes()) bytes += shape.element_bytes * shape.elements;
    throw Error(fmt::format(
        "cannot make the tables: got {} from {}; expected {} MB of memory and Linux 6.1 or newer; "
        "free memory, or run a kernel that README names",
        std::strerror(-error), kernel_name(), bytes >> 20));
  }
  std::vector<int> numbers;
  for (const TableShape& shape : table_shapes()) {
    const bpf_map* map =
        bpf_object__find_map_by_name(skeleton->obj, std::string(shape.name).c_str());
    fds_.emplace_back(fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0));
    numbers.push_back(fds_.back().get());
  }
  tables_ = std::make_unique<Tables>(Tables::from_map_fds(numbers, rows, Tables::Access::daemon));
  struct node* node = tables_->node();
  node->counter_rows = rows;
  node->xdp_rows = xdp_rows;
  // Pairs with the load in check_layout of whoever attaches.
  __atomic_store_n(&node->layout_version, static_cast<uint32_t>(LAYOUT_VERSION), __ATOMIC_RELEASE);
  for (size_t table = 0; table < fds_.size(); table++) {
    const std::string path = pin_path(pins, table_shapes()[table].name);
    if (bpf_obj_pin(fds_[table].get(), path.c_str()) != 0) {
      throw Error(fmt::format("cannot pin {}: {}", path, std::strerror(errno)));
    }
  }
  created_ = true;
}

bool remove_table_pins(const std::string& pins) {
  const auto& shapes = table_shapes();
  bool any = false;
  for (auto shape = shapes.rbegin(); shape != shapes.rend(); ++shape) {
    const std::string path = pin_path(pins, shape->name);
    if (unlink(path.c_str()) == 0) {
      any = true;
    } else if (errno != ENOENT) {
      log_error(fmt::format("cannot remove {}: {}", path, std::strerror(errno)));
    }
  }
  return any;
}

}  // namespace belka
