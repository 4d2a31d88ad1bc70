// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/config.h"
#include "control/netlink.h"
#include "control/next_hops.h"
#include "control/publish.h"

namespace belka {

// Keeps the backends' next hops in the tables as the kernel has them, and keeps the kernel's
// knowledge alive: it sees none of the traffic, so it would forget the neighbours that it is not
// told are in use. Follows changes of routes, neighbours, addresses and interfaces.
//
// For one thread at a time; fd() alone may be polled by another. Every call does a bounded amount
// of work. Throws Error where netlink itself fails.
class Neighbours {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Neighbours(const struct tables* tables) : tables_(tables) {
    reload();
    links_changed_.clear();  // what was there from the beginning is no change
  }

  // Readable when there is something for handle_events().
  int fd() const { return events_.fd(); }

  // Packets leave by these interfaces alone.
  void set_attached(std::set<uint32_t> ifindexes);

  // For a configuration that is about to be published: finds out the MACs of its new backends, so
  // that they are there when the first packet is. Waits no longer than `patience`.
  void prepare(const Config& config, std::chrono::milliseconds patience);

  // The way to a backend of that configuration, as far as it is known now.
  std::optional<Route> route_to(const Address& backend, ForwardMode mode) const;

  // After a publish: takes over the backends that there are now.
  void follow(Publisher& publisher);

  // Reads what the kernel tells, and stores what follows from it.
  void handle_events(Publisher& publisher);

  // Interfaces that changed, or are gone (true), since the last call.
  std::vector<std::pair<Link, bool>> take_links();

  // Every kTick: asks again after changes of routes, and keeps neighbours alive.
  static constexpr std::chrono::milliseconds kTick{100};
  void tick(Publisher& publisher, Clock::time_point now);

  // Why a backend has no next hop; empty where it has one, or is not known.
  std::string reason(uint16_t backend) const;

 private:
  struct Target {
    RouteAnswer answer;
    NextHop hop;
    std::vector<std::pair<uint16_t, ForwardMode>> users;  // the backends' numbers
  };

  void reload();
  void read_events();
  void discard_events();
  void note_neighbour(const Neighbour& neighbour);
  void note_link(const Link& link, bool gone);
  void routes_changed();
  void all_changed();
  bool ask_route(const Address& address, Target& target);
  void use(const NextHop& hop);
  void ask_routes_again(Clock::time_point now);
  void keep_alive();
  void store(Publisher& publisher);
  std::optional<Route> in_table(uint16_t backend) const;

  const struct tables* tables_;
  Netlink netlink_;
  NetlinkEvents events_;
  NextHops next_hops_;
  std::map<Address, Target> targets_;
  std::map<Address, RouteAnswer> prepared_;  // of backends that are not published yet
  std::map<uint16_t, Address> addresses_;    // by the backends' numbers
  std::map<NextHop, std::set<Address>> by_hop_;
  std::map<NextHop, int> use_errors_;
  std::set<Address> changed_;  // to be stored
  std::set<NextHop> lost_;     // to be asked for at once
  std::vector<std::pair<Link, bool>> links_changed_;

  std::optional<Clock::time_point> routes_changed_at_;
  std::optional<Address> asking_from_;  // a round of questions for routes goes on here
  Clock::duration round_took_{};
  Clock::time_point next_round_;
  NextHop alive_from_;  // the next one to be kept alive
};

}  // namespace belka
