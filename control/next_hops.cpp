// SPDX-License-Identifier: Apache-2.0
#include "control/next_hops.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace belka {
namespace {

constexpr Mac kNoMac{};

std::string_view type_text(uint8_t type) {
  switch (type) {
    case RTN_LOCAL:
      return "is an address of this machine";
    case RTN_BROADCAST:
      return "is a broadcast address";
    case RTN_MULTICAST:
      return "is a multicast address";
    case RTN_ANYCAST:
      return "is an anycast address";
    default:
      return "has no route to one machine";
  }
}

uint16_t mtu_of(const Link& link, const RouteAnswer& answer) {
  const uint32_t mtu = answer.mtu != 0 ? std::min(answer.mtu, link.mtu) : link.mtu;
  return static_cast<uint16_t>(std::min<uint32_t>(mtu, UINT16_MAX));
}

}  // namespace

std::vector<std::pair<Link, bool>> link_changes(const std::map<uint32_t, Link>& before,
                                                const std::map<uint32_t, Link>& now) {
  std::vector<std::pair<Link, bool>> changes;
  for (const auto& [ifindex, link] : before) {
    if (!now.contains(ifindex)) changes.emplace_back(link, true);
  }
  for (const auto& [ifindex, link] : now) {
    const auto known = before.find(ifindex);
    if (known == before.end() || known->second != link) changes.emplace_back(link, false);
  }
  return changes;
}

void NextHops::set_link(const Link& link, bool gone) {
  if (gone) {
    links_.erase(link.ifindex);
    std::erase_if(neighbours_,
                  [&](const auto& each) { return each.first.ifindex == link.ifindex; });
  } else {
    links_[link.ifindex] = link;
  }
}

void NextHops::set_neighbour(const Neighbour& neighbour) {
  const NextHop key{neighbour.ifindex, neighbour.address};
  if (neighbour.state == NUD_NONE && neighbours_.find(key) == neighbours_.end()) return;
  Known& known = neighbours_[key];
  known.state = neighbour.state;
  constexpr uint16_t kNoAnswer = NUD_FAILED;
  constexpr uint16_t kAsking = NUD_NONE | NUD_INCOMPLETE;
  if ((neighbour.state & kNoAnswer) != 0) {
    known.mac = kNoMac;
  } else if (neighbour.state != NUD_NONE && (neighbour.state & kAsking) == 0) {
    known.mac = neighbour.mac;
  }
}

void NextHops::doubt_all() {
  for (auto& [hop, known] : neighbours_) known.state = NUD_NONE;
}

void NextHops::remember(const NextHop& next_hop, const Mac& mac) {
  neighbours_.try_emplace(next_hop, Known{NUD_NONE, mac});
}

bool NextHops::knows_mac(const NextHop& next_hop) const {
  const auto known = neighbours_.find(next_hop);
  return known != neighbours_.end() && known->second.mac != kNoMac;
}

bool NextHops::wants_use(const NextHop& next_hop) const {
  constexpr uint16_t kAnswers = NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP;
  const auto known = neighbours_.find(next_hop);
  return known == neighbours_.end() || (known->second.state & kAnswers) == 0;
}

NextHop NextHops::next_hop(const Address& backend, const RouteAnswer& answer) const {
  if (answer.error != 0 || answer.type != RTN_UNICAST || !attached_.contains(answer.ifindex)) {
    return {};
  }
  return {answer.ifindex, answer.gateway.family != 0 ? answer.gateway : backend};
}

// Why there is no way, but for the MAC; empty: there is one.
std::string NextHops::fault(const Address& backend, ForwardMode mode,
                            const RouteAnswer& answer) const {
  const std::string name = backend.text();
  if (answer.error != 0) {
    return fmt::format("there is no route to {} ({})", name, std::strerror(answer.error));
  }
  if (answer.type != RTN_UNICAST) return fmt::format("{} {}", name, type_text(answer.type));
  const auto link = links_.find(answer.ifindex);
  if (link == links_.end()) return fmt::format("the interface towards {} is gone", name);
  if (!attached_.contains(answer.ifindex)) {
    return fmt::format("the route to {} leaves by {}, where Belka is not attached", name,
                       link->second.name);
  }
  if (!link->second.up) return fmt::format("{}, towards {}, is down", link->second.name, name);
  if (mode == ForwardMode::l2 && answer.gateway.family != 0) {
    return fmt::format("{} is behind the gateway {}, and l2 reaches only what is on the link", name,
                       answer.gateway.text());
  }
  if (mode == ForwardMode::ipip && answer.source.family != backend.family) {
    return fmt::format("{} has no IPv{} address to send to {} from", link->second.name,
                       backend.family, name);
  }
  return "";
}

Resolution NextHops::resolve(const Address& backend, ForwardMode mode,
                             const RouteAnswer& answer) const {
  const std::string fault_text = fault(backend, mode, answer);
  if (!fault_text.empty()) return fault_text;
  const Link& link = links_.at(answer.ifindex);
  const NextHop hop = next_hop(backend, answer);
  const auto known = neighbours_.find(hop);
  if (known == neighbours_.end() || known->second.mac == kNoMac) {
    const bool failed = known != neighbours_.end() && (known->second.state & NUD_FAILED) != 0;
    return fmt::format("{} {} on {}{}", hop.address.text(),
                       failed ? "does not answer" : "has not answered", link.name,
                       failed ? "" : " yet");
  }
  Route route{};
  route.next_hop_mac = known->second.mac;
  route.source_mac = link.mac;
  route.ifindex = answer.ifindex;
  route.mtu = mtu_of(link, answer);
  route.outer_source = answer.source;
  return route;
}

}  // namespace belka
