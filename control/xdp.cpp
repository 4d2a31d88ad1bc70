// SPDX-License-Identifier: Apache-2.0
#include "control/xdp.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "control/error.h"
#include "control/log.h"
#include "control/xdp_program.h"

namespace belka {
namespace {

std::string names_of(const std::vector<Link>& links) {
  std::string names;
  for (const Link& link : links) names += (names.empty() ? "" : ", ") + link.name;
  return names;
}

void unpin(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    log_error(fmt::format("cannot remove {}: {}", path, std::strerror(errno)));
  }
}

// Programs of this instance, by its pinned links.
std::set<uint32_t> own_programs(const std::string& pins) {
  std::set<uint32_t> programs;
  for (uint32_t place = 0; place < INTERFACES; place++) {
    const Descriptor link(bpf_obj_get(link_pin(pins, place).c_str()));
    const auto info = link ? xdp_link_info(link.get()) : std::nullopt;
    if (info) programs.insert(info->program_id);
  }
  return programs;
}

// Whether a pinned link's interface is this one, of this namespace.
bool holds(const XdpLinkInfo& info, uint32_t ifindex) {
  return info.ifindex == ifindex && attached_program(ifindex).program_id == info.program_id;
}

std::string_view entry_name(const interface_entry& entry) {
  return {entry.name, strnlen(entry.name, sizeof entry.name)};
}

// A data plane that still runs sees by it that its sockets are dead.
void clear_interfaces(const std::string& pins) {
  const Descriptor map(bpf_obj_get((pins + "/interfaces").c_str()));
  bpf_map_info info{};
  uint32_t bytes = sizeof info;
  if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &bytes) != 0) return;
  const std::vector<uint8_t> nothing(info.value_size);
  for (uint32_t place = 0; place < info.max_entries; place++) {
    (void)bpf_map_update_elem(map.get(), &place, nothing.data(), BPF_ANY);
  }
}

}  // namespace

std::vector<Link> Xdp::find(const std::string& pins, const std::vector<std::string>& names,
                            const std::vector<Link>& links) {
  if (names.size() > INTERFACES) {
    throw Error(fmt::format("--interface names {} interfaces, at most {} are allowed", names.size(),
                            static_cast<int>(INTERFACES)));
  }
  if (names.empty()) {
    throw Error(
        fmt::format("no --interface is given: it takes one or more of {}", names_of(links)));
  }
  const auto own = own_programs(pins);
  std::vector<Link> found;
  for (const std::string& name : names) {
    const auto link = std::find_if(links.begin(), links.end(),
                                   [&](const Link& each) { return each.name == name; });
    if (link == links.end()) {
      throw Error(fmt::format("there is no interface {}: --interface takes one of {}", name,
                              names_of(links)));
    }
    const uint32_t program = attached_program(link->ifindex).program_id;
    if (program != 0 && !own.contains(program)) {
      throw Error(foreign_program_sentence(name, program));
    }
    found.push_back(*link);
  }
  return found;
}

void Xdp::attach(const std::vector<Link>& wanted) {
  try {
    for (const Link& link : wanted) {
      const uint32_t place = place_for(link);
      if (!is_on(place, link.ifindex)) fresh_.push_back(place);
      interfaces_.push_back(attach_one(link));
    }
  } catch (const Error&) {
    take_back();
    throw;
  }
}

void Xdp::detach_unnamed() {
  for (uint32_t place = 0; place < INTERFACES; place++) {
    const interface_entry& entry = maps_.tables().view()->interfaces[place];
    const bool kept = std::any_of(interfaces_.begin(), interfaces_.end(),
                                  [place](const Interface& each) { return each.place == place; });
    if (kept || is_empty(place)) continue;
    const std::string name(entry_name(entry));
    log_warn(fmt::format("{} is not named by --interface any more: detached",
                         name.empty() ? link_pin(pins_, place) : name));
    release(place);
  }
}

// A name without an ifindex is of an interface that went while its program and pins were there. A
// pin without a name is of a daemon that was killed before it wrote the name.
bool Xdp::is_empty(uint32_t place) const {
  const interface_entry& entry = maps_.tables().view()->interfaces[place];
  return entry.ifindex == 0 && entry.name[0] == '\0' &&
         access(link_pin(pins_, place).c_str(), F_OK) != 0;
}

bool Xdp::is_on(uint32_t place, uint32_t ifindex) const {
  const Descriptor pinned(bpf_obj_get(link_pin(pins_, place).c_str()));
  const auto info = pinned ? xdp_link_info(pinned.get()) : std::nullopt;
  return info && holds(*info, ifindex);
}

void Xdp::take_back() {
  interfaces_.clear();
  for (uint32_t place : std::exchange(fresh_, {})) release(place);
}

// The same interface keeps its place; one that was made again under its name takes it over; else
// the first free one, or one whose interface is gone.
uint32_t Xdp::place_for(const Link& link) const {
  const interface_entry* entries = maps_.tables().view()->interfaces;
  const auto first = [&](const auto& fits) -> std::optional<uint32_t> {
    for (uint32_t place = 0; place < INTERFACES; place++) {
      const bool taken =
          std::any_of(interfaces_.begin(), interfaces_.end(), [&](const Interface& each) {
            return each.place == place && each.ifindex != link.ifindex && each.name != link.name;
          });
      if (!taken && fits(entries[place])) return place;
    }
    return std::nullopt;
  };
  if (const auto place = first([&](const auto& entry) { return entry.ifindex == link.ifindex; })) {
    return *place;
  }
  if (const auto place = first([&](const auto& entry) { return entry_name(entry) == link.name; })) {
    return *place;
  }
  const auto place_of = [&](const auto& entry) { return static_cast<uint32_t>(&entry - entries); };
  const auto empty = first([&](const auto& entry) { return is_empty(place_of(entry)); });
  if (empty) return *empty;
  const auto stale = first([&](const auto& entry) {
    const auto place = place_of(entry);
    const Descriptor pinned(bpf_obj_get(link_pin(pins_, place).c_str()));
    const auto info = pinned ? xdp_link_info(pinned.get()) : std::nullopt;
    return !info || info->ifindex == 0;
  });
  if (stale) return *stale;
  throw Error(fmt::format("{} cannot be attached: {} interfaces are, and no more are possible",
                          link.name, static_cast<int>(INTERFACES)));
}

Xdp::Interface Xdp::attach_one(const Link& link) {
  Interface interface;
  interface.name = link.name;
  interface.ifindex = link.ifindex;
  interface.place = place_for(link);
  interface.queues = std::min<uint32_t>(receive_queues(link.name, link.rx_queues), QUEUES);
  interface.link = Descriptor(bpf_obj_get(link_pin(pins_, interface.place).c_str()));
  const auto pinned = interface.link ? xdp_link_info(interface.link.get()) : std::nullopt;
  if (!pinned || !holds(*pinned, link.ifindex) || !keep(interface, *pinned)) {
    attach_anew(interface);
  }
  write_entry(interface, link.mac);
  return interface;
}

XdpProgram::Target Xdp::target_of(const Interface& interface) const {
  return {.interface = interface.name,
          .ifindex = interface.ifindex,
          .place = interface.place,
          .heartbeat_ns = options_.heartbeat_ns};
}

// The link stays; only a program that does something else is replaced, in one step.
bool Xdp::keep(Interface& interface, const XdpLinkInfo& pinned) {
  const Descriptor xsks(bpf_obj_get(xsks_pin(pins_, interface.place).c_str()));
  if (!xsks) return false;
  const XdpProgram program(maps_, target_of(interface), xsks.get());
  interface.native = attached_program(interface.ifindex).native;
  if (!interface.native) interface.note = "generic XDP, which is slower than native";
  if (program.same_as(pinned.program_id)) {
    log_info(fmt::format("{}: stays attached ({} XDP, link {})", interface.name,
                         interface.native ? "native" : "generic", pinned.link_id));
    return true;
  }
  LIBBPF_OPTS(bpf_link_update_opts, options);
  if (bpf_link_update(interface.link.get(), program.fd(), &options) != 0) {
    throw Error(fmt::format("cannot replace the XDP program on {}: {}", interface.name,
                            std::strerror(errno)));
  }
  log_info(fmt::format("{}: stays attached ({} XDP, link {}), with the program of this belkad",
                       interface.name, interface.native ? "native" : "generic", pinned.link_id));
  return true;
}

void Xdp::attach_anew(Interface& interface) {
  interface.link = Descriptor();
  unpin(link_pin(pins_, interface.place));
  unpin(xsks_pin(pins_, interface.place));
  const XdpProgram program(maps_, target_of(interface), -1);
  pin_or_throw(program.xsks_fd(), xsks_pin(pins_, interface.place));
  NewLink made =
      attach_link(interface.name, interface.ifindex, program.fd(), options_.require_native);
  pin_or_throw(made.fd.get(), link_pin(pins_, interface.place));
  interface.link = std::move(made.fd);
  interface.native = made.native;
  interface.note = made.why_generic;
  const auto info = xdp_link_info(interface.link.get());
  log_info(fmt::format("{}: attached ({} XDP, link {}){}{}", interface.name,
                       made.native ? "native" : "generic", info ? info->link_id : 0,
                       made.native ? "" : ": ", made.why_generic));
}

// The data plane finds an interface by its ifindex, which is stored last.
void Xdp::write_entry(const Interface& interface, const Mac& mac) {
  interface_entry& entry = maps_.tables().view()->interfaces[interface.place];
  interface_entry wanted{};
  wanted.ifindex = interface.ifindex;
  wanted.queues = interface.queues;
  interface.name.copy(wanted.name, sizeof wanted.name - 1);
  std::memcpy(wanted.mac, mac.data(), mac.size());
  wanted.native = interface.native ? 1 : 0;
  if (std::memcmp(&entry, &wanted, sizeof entry) == 0) return;
  wanted.ifindex = entry.ifindex == wanted.ifindex ? wanted.ifindex : 0;
  entry = wanted;
  __atomic_store_n(&entry.ifindex, interface.ifindex, __ATOMIC_RELEASE);
}

void Xdp::release(uint32_t place) {
  const Descriptor link(bpf_obj_get(link_pin(pins_, place).c_str()));
  if (link) (void)bpf_link_detach(link.get());  // fails where its interface is gone: detached then
  unpin(link_pin(pins_, place));
  unpin(xsks_pin(pins_, place));
  interface_entry& entry = maps_.tables().view()->interfaces[place];
  __atomic_store_n(&entry.ifindex, 0u, __ATOMIC_RELEASE);
  entry = {};
}

void Xdp::link_changed(const Link& link, bool gone) {
  for (Interface& interface : interfaces_) {
    const bool same = interface.ifindex == link.ifindex;
    if (gone && same) {
      log_warn(fmt::format("{} was removed: attached again when it comes back", interface.name));
      interface.note = "the interface was removed";
      interface.ifindex = 0;
      // Pairs with the data plane's look at it: its sockets went with the interface.
      interface_entry& entry = maps_.tables().view()->interfaces[interface.place];
      __atomic_store_n(&entry.ifindex, 0u, __ATOMIC_RELEASE);
    } else if (!gone && same) {
      if (interface.name != link.name)
        log_info(fmt::format("{} is {} now", interface.name, link.name));
      interface.name = link.name;
      interface.queues = std::min<uint32_t>(receive_queues(link.name, link.rx_queues), QUEUES);
      write_entry(interface, link.mac);
    } else if (!gone && interface.ifindex == 0 && interface.name == link.name) {
      come_back(interface, link);
    }
  }
}

void Xdp::come_back(Interface& interface, const Link& link) {
  try {
    interface = attach_one(link);
  } catch (const Error& error) {
    if (interface.note == error.what()) return;  // said already
    interface.note = error.what();
    log_error(error.what());
  }
}

bool Xdp::attached(const Interface& interface) {
  const auto info = interface.link ? xdp_link_info(interface.link.get()) : std::nullopt;
  return info && info->ifindex != 0 && info->ifindex == interface.ifindex;
}

void Xdp::detach_all(const std::string& pins) {
  clear_interfaces(pins);
  for (uint32_t place = 0; place < INTERFACES; place++) {
    const Descriptor link(bpf_obj_get(link_pin(pins, place).c_str()));
    if (link && bpf_link_detach(link.get()) == 0) log_info(fmt::format("detached link_{}", place));
    unpin(link_pin(pins, place));
    unpin(xsks_pin(pins, place));
  }
}

}  // namespace belka
