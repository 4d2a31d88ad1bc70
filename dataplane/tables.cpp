// SPDX-License-Identifier: Apache-2.0
#include "dataplane/tables.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "control/descriptor.h"
#include "control/error.h"

namespace belka {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr char kFileMagic[16] = "belka tables";

enum Table : size_t {
  kServices,
  kSlots,
  kBackends,
  kCounters,
  kHeartbeats,
  kInterfaces,
  kServiceInfo,
  kPins,
  kSince,
  kNode,
  kTables
};

/// First page of a file of tables; the tables follow in the order of table_shapes(), each on a page
/// boundary.
struct FileHeader {
  char magic[16];
  uint32_t layout_version;
  uint32_t counter_rows;
};

size_t whole_pages(size_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

size_t table_bytes(size_t table, uint32_t counter_rows) {
  const TableShape& shape = table_shapes()[table];
  return whole_pages(shape.element_bytes * (shape.elements ? shape.elements : counter_rows));
}

size_t file_bytes(uint32_t counter_rows) {
  size_t bytes = kPageBytes;
  for (size_t table = 0; table < kTables; table++) bytes += table_bytes(table, counter_rows);
  return bytes;
}

int protection(size_t table, Tables::Access access) {
  const bool of_planes = table == kCounters || table == kHeartbeats || table == kPins;
  const bool writable =
      access == Tables::Access::daemon || (access == Tables::Access::data_plane && of_planes);
  return writable ? PROT_READ | PROT_WRITE : PROT_READ;
}

void* map_or_throw(size_t bytes, int protection, int flags, int fd, size_t offset,
                   const std::string& what) {
  void* address = mmap(nullptr, bytes, protection, flags, fd, static_cast<off_t>(offset));
  if (address == MAP_FAILED) {
    throw Error(fmt::format("cannot map {}: {}", what, std::strerror(errno)));
  }
  return address;
}

Descriptor open_pin(const std::string& directory, std::string_view name) {
  const std::string path = fmt::format("{}/{}", directory, name);
  Descriptor fd(bpf_obj_get(path.c_str()));
  if (fd.get() >= 0) return fd;
  const int error = errno;
  const char* remedy = error == EPERM || error == EACCES
                           ? "run as root"
                           : "start belkad with the same --pins first, or pass --tables=FILE";
  throw Error(fmt::format("no tables at {}: {}; {}", path, std::strerror(error), remedy));
}

uint32_t pinned_elements(int fd, size_t table, const std::string& directory) {
  bpf_map_info info{};
  uint32_t info_bytes = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &info_bytes) != 0) {
    throw Error(fmt::format("cannot ask about {}/{}: {}", directory, table_shapes()[table].name,
                            std::strerror(errno)));
  }
  const TableShape& shape = table_shapes()[table];
  if (info.value_size != shape.element_bytes ||
      (shape.elements && info.max_entries != shape.elements)) {
    throw Error(
        fmt::format("{}/{} has {} elements of {} bytes, this program wants {} of {}: they "
                    "are of another version; use the belkad that belongs to this program",
                    directory, shape.name, info.max_entries, info.value_size, shape.elements,
                    shape.element_bytes));
  }
  return info.max_entries;
}

FileHeader read_header(int fd, const std::string& path) {
  FileHeader header{};
  struct stat status {};
  if (pread(fd, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header) ||
      std::memcmp(header.magic, kFileMagic, sizeof kFileMagic) != 0) {
    throw Error(
        fmt::format("{} is not a file of Belka's tables; `belkactl tables` makes one", path));
  }
  if (header.layout_version != LAYOUT_VERSION) {
    throw Error(
        fmt::format("{} has tables of layout {}, this program has layout {}; make the file "
                    "again with the belkactl that belongs to this program",
                    path, header.layout_version, static_cast<int>(LAYOUT_VERSION)));
  }
  if (fstat(fd, &status) != 0 || header.counter_rows > 65536 ||
      static_cast<size_t>(status.st_size) != file_bytes(header.counter_rows)) {
    throw Error(fmt::format("{} has {} bytes, its tables need {}; it is cut off, make it again",
                            path, status.st_size, file_bytes(header.counter_rows)));
  }
  return header;
}

void write_new_node(struct node* node, uint32_t xdp_rows, uint32_t counter_rows) {
  node->counter_rows = counter_rows;
  node->xdp_rows = xdp_rows;
  __atomic_store_n(&node->layout_version, static_cast<uint32_t>(LAYOUT_VERSION), __ATOMIC_RELEASE);
}

}  // namespace

struct Tables::Mapping {
  void* address;
  size_t bytes;
};

const std::vector<TableShape>& table_shapes() {
  static const std::vector<TableShape> shapes = {
      {"services", sizeof(service_entry), SERVICE_TABLE},
      {"slots", sizeof(uint32_t) * SLOTS_PER_LINE, SLOTS / SLOTS_PER_LINE},
      {"backends", sizeof(backend), BACKENDS},
      {"counters", sizeof(counters), 0},
      {"heartbeats", sizeof(heartbeat), INTERFACES * QUEUES},
      {"interfaces", sizeof(interface_entry), INTERFACES},
      {"service_info", sizeof(service_info), SERVICES},
      {"pins", sizeof(pin_bucket), PIN_BUCKETS},
      {"since", sizeof(uint16_t) * SINCE_PER_LINE, SLOTS / SINCE_PER_LINE},
      {"node", sizeof(struct node), 1},
  };
  return shapes;
}

Tables::Tables() = default;

Tables::Tables(Tables&& other) noexcept
    : mappings_(std::exchange(other.mappings_, {})), view_(std::exchange(other.view_, {})) {}

Tables& Tables::operator=(Tables&& other) noexcept {
  std::swap(mappings_, other.mappings_);
  std::swap(view_, other.view_);
  return *this;
}

Tables::~Tables() {
  for (const Mapping& mapping : mappings_) munmap(mapping.address, mapping.bytes);
}

void Tables::adopt(size_t table, void* address, size_t bytes) {
  mappings_.push_back({address, bytes});
  switch (table) {
    case kServices:
      view_.services = static_cast<service_entry*>(address);
      break;
    case kSlots:
      view_.slots = static_cast<uint32_t*>(address);
      break;
    case kBackends:
      view_.backends = static_cast<backend*>(address);
      break;
    case kCounters:
      view_.counters = static_cast<struct counters*>(address);
      break;
    case kHeartbeats:
      view_.heartbeats = static_cast<heartbeat*>(address);
      break;
    case kInterfaces:
      view_.interfaces = static_cast<interface_entry*>(address);
      break;
    case kServiceInfo:
      view_.service_info = static_cast<struct service_info*>(address);
      break;
    case kPins:
      view_.pins = static_cast<pin_bucket*>(address);
      break;
    case kSince:
      view_.since = static_cast<uint16_t*>(address);
      break;
    default:
      view_.node = static_cast<struct node*>(address);
      break;
  }
}

void Tables::check_layout(const std::string& where) const {
  const uint32_t found = __atomic_load_n(&view_.node->layout_version, __ATOMIC_ACQUIRE);
  if (found == LAYOUT_VERSION) return;
  throw Error(
      fmt::format("the tables at {} have layout {}, this program has layout {}; use the "
                  "belkad that belongs to this program",
                  where, found, static_cast<int>(LAYOUT_VERSION)));
}

Tables Tables::from_map_fds(const std::vector<int>& fds, uint32_t counter_rows, Access access) {
  Tables tables;
  for (size_t table = 0; table < kTables; table++) {
    const size_t bytes = table_bytes(table, counter_rows);
    tables.adopt(table,
                 map_or_throw(bytes, protection(table, access), MAP_SHARED, fds[table], 0,
                              fmt::format("the table {}", table_shapes()[table].name)),
                 bytes);
  }
  return tables;
}

Tables Tables::open_pinned(const std::string& directory, Access access) {
  std::vector<Descriptor> pins;
  std::vector<int> fds;
  uint32_t counter_rows = 0;
  for (size_t table = 0; table < kTables; table++) {
    pins.push_back(open_pin(directory, table_shapes()[table].name));
    fds.push_back(pins.back().get());
    const uint32_t elements = pinned_elements(fds.back(), table, directory);
    if (table == kCounters) counter_rows = elements;
  }
  Tables tables = from_map_fds(fds, counter_rows, access);
  tables.check_layout(directory);
  return tables;
}

Tables Tables::open_file(const std::string& path, Access access) {
  const Descriptor fd(
      open(path.c_str(), (access == Access::read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC));
  if (fd.get() < 0) throw Error(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  const FileHeader header = read_header(fd.get(), path);
  Tables tables;
  size_t offset = kPageBytes;
  for (size_t table = 0; table < kTables; table++) {
    const size_t bytes = table_bytes(table, header.counter_rows);
    tables.adopt(table,
                 map_or_throw(bytes, protection(table, access), MAP_SHARED, fd.get(), offset, path),
                 bytes);
    offset += bytes;
  }
  tables.check_layout(path);
  const struct node& node = *tables.view_.node;
  if (node.counter_rows != header.counter_rows || node.xdp_rows > node.counter_rows) {
    throw Error(
        fmt::format("{} says {} rows of counters in one place and {} in another; it is "
                    "damaged, make it again",
                    path, header.counter_rows, node.counter_rows));
  }
  return tables;
}

Tables Tables::create_file(const std::string& path, uint32_t xdp_rows, uint32_t data_plane_rows) {
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    throw Error(fmt::format("{} is there and is no plain file: give another path", path));
  }
  const uint32_t rows = xdp_rows + data_plane_rows;
  const std::string beside = path + ".new";  // whoever has mapped an old file at the path keeps it
  FileHeader header{};
  std::memcpy(header.magic, kFileMagic, sizeof kFileMagic);
  header.layout_version = LAYOUT_VERSION;
  header.counter_rows = rows;
  {
    const Descriptor fd(open(beside.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (fd.get() < 0 || ftruncate(fd.get(), static_cast<off_t>(file_bytes(rows))) != 0 ||
        pwrite(fd.get(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) {
      throw Error(fmt::format("cannot make {}: {}", path, std::strerror(errno)));
    }
    const size_t node_offset = file_bytes(rows) - table_bytes(kNode, rows);
    struct node node {};
    write_new_node(&node, xdp_rows, rows);
    if (pwrite(fd.get(), &node, sizeof node, static_cast<off_t>(node_offset)) !=
        static_cast<ssize_t>(sizeof node)) {
      throw Error(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
    }
  }
  if (rename(beside.c_str(), path.c_str()) != 0) {
    throw Error(fmt::format("cannot make {}: {}", path, std::strerror(errno)));
  }
  return open_file(path, Access::daemon);
}

Tables Tables::create_private(uint32_t xdp_rows, uint32_t data_plane_rows) {
  const uint32_t rows = xdp_rows + data_plane_rows;
  Tables tables;
  for (size_t table = 0; table < kTables; table++) {
    const size_t bytes = table_bytes(table, rows);
    tables.adopt(table,
                 map_or_throw(bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, "memory"),
                 bytes);
  }
  write_new_node(tables.view_.node, xdp_rows, rows);
  return tables;
}

}  // namespace belka
