// SPDX-License-Identifier: Apache-2.0
#include "control/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "belka.skel.h"
#include "control/bpf_log.h"
#include "control/error.h"
#include "control/kernel_refusal.h"

namespace belka {
namespace {

// What a loaded program is: its instructions' digest, its maps, and the bytes of its constants.
struct Identity {
  std::array<uint8_t, BPF_TAG_SIZE> tag{};
  std::vector<uint32_t> shared_maps;
  std::vector<uint8_t> constants;
  bool operator==(const Identity&) const = default;
};

// The constants, and what a program knows of its queues, are in maps of their own for each load,
// whose numbers say nothing.
bool is_own(uint32_t map_id, Identity& identity) {
  const Descriptor map(bpf_map_get_fd_by_id(map_id));
  bpf_map_info info{};
  uint32_t bytes = sizeof info;
  if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &bytes) != 0) return false;
  const std::string_view name(info.name);
  if (name.find(".bss") != std::string_view::npos) return true;
  if (name.find(".rodata") == std::string_view::npos) return false;
  identity.constants.resize(info.value_size);
  const uint32_t first = 0;
  return bpf_map_lookup_elem(map.get(), &first, identity.constants.data()) == 0;
}

bool read_identity(int program, Identity& identity) {
  std::array<uint32_t, 64> maps{};
  bpf_prog_info info{};
  info.nr_map_ids = maps.size();
  info.map_ids = reinterpret_cast<uintptr_t>(maps.data());
  uint32_t bytes = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &bytes) != 0 || info.nr_map_ids > maps.size()) {
    return false;
  }
  std::memcpy(identity.tag.data(), info.tag, identity.tag.size());
  for (uint32_t i = 0; i < info.nr_map_ids; i++) {
    if (!is_own(maps[i], identity)) identity.shared_maps.push_back(maps[i]);
  }
  std::sort(identity.shared_maps.begin(), identity.shared_maps.end());
  return true;
}

void reuse(bpf_map* map, int fd) {
  const int error = bpf_map__reuse_fd(map, fd);
  if (error == 0) return;
  throw Error(fmt::format("cannot give the table {} to the XDP program: {}", bpf_map__name(map),
                          std::strerror(-error)));
}

}  // namespace

void XdpProgram::Deleter::operator()(belka_bpf* skeleton) const { belka_bpf::destroy(skeleton); }

XdpProgram::XdpProgram(const PinnedMaps& maps, const Target& target, int xsks)
    : skeleton_(belka_bpf::open()) {
  if (!skeleton_) throw Error(fmt::format("cannot read the XDP program: {}", std::strerror(errno)));
  skeleton_->rodata->interface_index = target.ifindex;
  skeleton_->rodata->interface_place = target.place;
  skeleton_->rodata->heartbeat_fresh_ns = target.heartbeat_ns;
  for (size_t table = 0; table < table_shapes().size(); table++) {
    const std::string name(table_shapes()[table].name);
    reuse(bpf_object__find_map_by_name(skeleton_->obj, name.c_str()), maps.fd(table));
  }
  if (xsks >= 0) reuse(skeleton_->maps.xsks_map, xsks);
  const int error = belka_bpf::load(skeleton_.get());
  if (error == 0) return;
  throw Error(refusal_sentence(target.interface, -error, log_bpf_messages()));
}

int XdpProgram::fd() const { return bpf_program__fd(skeleton_->progs.xsk_def_prog); }

int XdpProgram::xsks_fd() const { return bpf_map__fd(skeleton_->maps.xsks_map); }

bool XdpProgram::same_as(uint32_t program_id) const {
  const Descriptor other(bpf_prog_get_fd_by_id(program_id));
  Identity ours, theirs;
  return other && read_identity(fd(), ours) && read_identity(other.get(), theirs) && ours == theirs;
}

}  // namespace belka
