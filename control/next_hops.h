// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "control/address.h"
#include "control/config.h"
#include "control/netlink.h"
#include "control/publish.h"

namespace belka {

// Who a packet is handed to: the backend itself, or the gateway before it.
struct NextHop {
  uint32_t ifindex = 0;
  Address address;
  auto operator<=>(const NextHop&) const = default;
};

// A route to a backend, or why there is none: a clause for people.
using Resolution = std::variant<Route, std::string>;

// Two lists of interfaces, by their numbers, as changes in the order to follow them: first those
// that are gone (true), since one that was made again under its name has another number; then those
// that are new or different.
std::vector<std::pair<Link, bool>> link_changes(const std::map<uint32_t, Link>& before,
                                                const std::map<uint32_t, Link>& now);

// What is known of the way to the backends, and what follows from it. Pure: it asks nobody; the
// Neighbours tell it. For one thread at a time.
class NextHops {
 public:
  // Interfaces that have Belka's program: packets leave by these alone.
  void set_attached(std::set<uint32_t> ifindexes) { attached_ = std::move(ifindexes); }
  bool is_attached(uint32_t ifindex) const { return attached_.contains(ifindex); }

  void set_link(const Link& link, bool gone);
  const std::map<uint32_t, Link>& links() const { return links_; }

  // A neighbour's MAC holds while the kernel asks anew (NUD_NONE here, after the entry went), until
  // it says that there is no answer (NUD_FAILED) or that it is another.
  void set_neighbour(const Neighbour& neighbour);

  // For one that is nobody's next hop, and went.
  void forget(const NextHop& next_hop) { neighbours_.erase(next_hop); }

  // Events were lost: all that is known of neighbours is to be asked again; their MACs hold.
  void doubt_all();

  // The MAC that the tables have from before this daemon, where the kernel says nothing else.
  void remember(const NextHop& next_hop, const Mac& mac);

  bool knows_mac(const NextHop& next_hop) const;

  // Whether the kernel is to be told that the neighbour is in use: always but while it answers, or
  // needs no answers.
  bool wants_use(const NextHop& next_hop) const;

  // The next hop that a route names; one whose interface is 0 where it names none that can be used.
  NextHop next_hop(const Address& backend, const RouteAnswer& answer) const;

  Resolution resolve(const Address& backend, ForwardMode mode, const RouteAnswer& answer) const;

 private:
  struct Known {
    uint16_t state = 0;
    Mac mac{};
  };
  std::string fault(const Address& backend, ForwardMode mode, const RouteAnswer& answer) const;

  std::set<uint32_t> attached_;
  std::map<uint32_t, Link> links_;
  std::map<NextHop, Known> neighbours_;
};

}  // namespace belka
