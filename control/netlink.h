// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/address.h"

namespace belka {

using Mac = std::array<uint8_t, 6>;

// A network interface (RTM_NEWLINK, rtnetlink(7)).
struct Link {
  uint32_t ifindex = 0;
  std::string name;
  Mac mac{};         // all 0 where it has none of six bytes
  uint32_t mtu = 0;  // bytes of IP packet
  bool up = false;   // switched on, and its cable too
  uint32_t rx_queues = 1;
  bool operator==(const Link&) const = default;
};

// What the kernel knows of one neighbour (RTM_NEWNEIGH).
struct Neighbour {
  uint32_t ifindex = 0;
  Address address;
  uint16_t state = 0;  // NUD_…; 0 (NUD_NONE): nothing
  Mac mac{};           // all 0: none
};

// How the kernel would send to an address (RTM_GETROUTE).
struct RouteAnswer {
  int error = 0;     // errno instead of a route
  uint8_t type = 0;  // RTN_…
  uint32_t ifindex = 0;
  Address gateway;   // family 0: on the link itself
  Address source;    // that the kernel would send from; family 0: none
  uint32_t mtu = 0;  // 0: the interface's
  bool operator==(const RouteAnswer&) const = default;
};

struct MnlCloser {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using MnlSocket = std::unique_ptr<mnl_socket, MnlCloser>;

// Questions to the kernel's routing: each sends one message and waits for its answer, at most two
// seconds. For one thread at a time. Throws Error where the socket itself fails.
class Netlink {
 public:
  Netlink();
  std::vector<Link> links();
  std::vector<Neighbour> neighbours();
  RouteAnswer route(const Address& destination);

  // Tells the kernel that this neighbour is in use, so that it finds out its MAC, or probes one
  // that it has not heard of lately (NTF_USE, as a packet to it would). Returns 0 or the errno.
  int use_neighbour(uint32_t ifindex, const Address& address);

 private:
  using OnMessage = std::function<void(const nlmsghdr*)>;
  int ask(nlmsghdr* request, const OnMessage& on_message);
  void dump(uint16_t type, const OnMessage& on_message);

  MnlSocket socket_;
  uint32_t sequence_ = 0;
};

// What changes, as the kernel tells it.
class NetlinkEvents {
 public:
  struct Handler {
    std::function<void(const Link&, bool gone)> link;
    std::function<void(const Neighbour&)> neighbour;  // one that is gone comes with NUD_NONE
    std::function<void()> route;                      // a route, or an address of this machine
  };

  NetlinkEvents();
  int fd() const { return mnl_socket_get_fd(socket_.get()); }

  // Reads what is there, at most 256 batches, and never waits. False where the kernel had to drop
  // events: then all is to be asked anew.
  bool read(const Handler& handler);

 private:
  MnlSocket socket_;
};

}  // namespace belka
