// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/descriptor.h"

namespace belka {

// What the kernel says of a BPF link of XDP.
struct XdpLinkInfo {
  uint32_t link_id = 0;
  uint32_t program_id = 0;
  uint32_t ifindex = 0;  // 0: its interface is gone, or it was detached
};

std::string link_pin(const std::string& pins, uint32_t place);
std::string xsks_pin(const std::string& pins, uint32_t place);

// None: it is not a link of XDP.
std::optional<XdpLinkInfo> xdp_link_info(int fd);

// The program on an interface, of whatever origin.
struct AttachedProgram {
  uint32_t program_id = 0;  // 0: none
  bool native = false;      // in the driver (or the NIC); else generic
};
AttachedProgram attached_program(uint32_t ifindex);

// Name and number, for people: "xdp_pass (id 17)".
std::string program_text(uint32_t program_id);

// Attaches in native mode; where the driver cannot, in generic mode, unless native is required.
// `why_generic` then says why. Throws Error; the link is not pinned yet.
struct NewLink {
  Descriptor fd;
  bool native = false;
  std::string why_generic;
};
NewLink attach_link(const std::string& name, uint32_t ifindex, int program, bool require_native);

// One sentence: whose program is on this interface, and how to take it off.
std::string foreign_program_sentence(const std::string& name, uint32_t program_id);

// Queues that packets can come in by, as the driver has them now.
uint32_t receive_queues(const std::string& name, uint32_t otherwise);

void pin_or_throw(int fd, const std::string& path);

}  // namespace belka
