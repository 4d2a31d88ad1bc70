// SPDX-License-Identifier: Apache-2.0
#include "dataplane/attached_link.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <optional>

#include "control/descriptor.h"
#include "control/error.h"
#include "control/xdp_link.h"

namespace belka {
namespace {

/// None: the pinned link's program is not the one on the interface.
std::optional<uint32_t> link_id_of(const std::string& pin, uint32_t ifindex) {
  const Descriptor link(bpf_obj_get(pin.c_str()));
  const auto info = link ? xdp_link_info(link.get()) : std::nullopt;
  if (!info || info->ifindex != ifindex) return std::nullopt;
  if (attached_program(ifindex).program_id != info->program_id) return std::nullopt;
  return info->link_id;
}

std::string program_on(uint32_t ifindex) {
  const uint32_t program = attached_program(ifindex).program_id;
  return program == 0 ? "no program" : program_text(program);
}

}  // namespace

AttachedLink require_link(const std::string& pins, uint32_t place, const std::string& interface,
                          uint32_t ifindex) {
  const std::string pin = link_pin(pins, place);
  const auto id = link_id_of(pin, ifindex);
  if (id) return {interface, ifindex, pin, *id};
  throw Error(fmt::format(
      "belkad's XDP program is not on {}: got {}; expected the one of the link {}; start "
      "belkad with --interface={} first",
      interface, program_on(ifindex), pin, interface));
}

void require_same_link(const AttachedLink& link) {
  if (link_id_of(link.pin, link.ifindex) == link.link_id) return;
  throw Error(fmt::format(
      "belkad let go of {} while its sockets were opened: got {}; expected the program of link {}; "
      "start this again when `belkactl status` lists {}",
      link.interface, program_on(link.ifindex), link.link_id, link.interface));
}

}  // namespace belka
