// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/descriptor.h"
#include "control/maps.h"
#include "control/netlink.h"
#include "control/xdp_link.h"
#include "control/xdp_program.h"

namespace belka {

// The XDP programs of one instance, one for each interface, held by links that are pinned beside
// the tables: <pins>/link_<place>, with the interface's own <pins>/xsks_<place>. An attached
// program stays when the daemon ends.
//
// `place` is an interface's number in the table of interfaces; it keeps it as long as it is in
// there. For one thread at a time; the caller holds the InstanceLock.
class Xdp {
 public:
  struct Interface {
    std::string name;
    uint32_t ifindex = 0;
    uint32_t place = 0;
    uint32_t queues = 1;
    bool native = false;
    std::string note;  // why it is not as one would have it
    Descriptor link;
  };

  struct Options {
    bool require_native = false;
    uint64_t heartbeat_ns = HEARTBEAT_FRESH_NS;
  };

  Xdp(std::string pins, PinnedMaps& maps, const Options& options)
      : pins_(std::move(pins)), maps_(maps), options_(options) {}

  // Before anything is made. Throws Error: an interface that is not there (which there are), or one
  // that has a program which is not of this instance (its name, and how to take it off).
  static std::vector<Link> find(const std::string& pins, const std::vector<std::string>& names,
                                const std::vector<Link>& links);

  // Attaches to these. What is attached already stays so, without a gap; where its
  // program is another, it is replaced in place. Throws Error, and then takes back what it
  // attached.
  void attach(const std::vector<Link>& wanted);

  // Detaches what is attached from before, but was not given to attach().
  void detach_unnamed();

  // Detaches what attach() attached where nothing was: for a start that fails after it.
  void take_back();

  // An interface changed, went away, or came back under its name: follows.
  void link_changed(const Link& link, bool gone);

  const std::vector<Interface>& interfaces() const { return interfaces_; }
  static bool attached(const Interface& interface);

  // Detaches all of this instance and unpins its links and sockets' maps; needs no tables.
  static void detach_all(const std::string& pins);

 private:
  uint32_t place_for(const Link& link) const;
  bool is_empty(uint32_t place) const;
  bool is_on(uint32_t place, uint32_t ifindex) const;  // our program, by this place's pinned link
  XdpProgram::Target target_of(const Interface& interface) const;
  Interface attach_one(const Link& link);
  bool keep(Interface& interface, const XdpLinkInfo& pinned);
  void attach_anew(Interface& interface);
  void release(uint32_t place);
  void write_entry(const Interface& interface, const Mac& mac);
  void come_back(Interface& interface, const Link& link);

  std::string pins_;
  PinnedMaps& maps_;
  Options options_;
  std::vector<Interface> interfaces_;
  std::vector<uint32_t> fresh_;  // places that had no link before
};

}  // namespace belka
