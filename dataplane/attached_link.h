// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

namespace belka {

/// The link by which belkad's XDP program is on an interface.
struct AttachedLink {
  std::string interface;
  uint32_t ifindex = 0;
  std::string pin;       ///< where the link is pinned
  uint32_t link_id = 0;  ///< the kernel gives no number twice
};

/// The link of the interface at this place of belkad's table. Throws Error where the program of
/// that link is not the one on the interface: libxdp would then adopt another's, or attach its own,
/// which takes ARP and SSH away as well.
AttachedLink require_link(const std::string& pins, uint32_t place, const std::string& interface,
                          uint32_t ifindex);

/// To be called when the interface's sockets are open, before anything is received: what libxdp
/// found and adopted meanwhile is still belkad's. Throws Error where belkad let go of the interface
/// since require_link, even if it is there again: the sockets are then in a map that no program
/// reads. (A belkad that replaces its program keeps the link and the map.)
void require_same_link(const AttachedLink& link);

}  // namespace belka
