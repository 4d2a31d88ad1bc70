// SPDX-License-Identifier: Apache-2.0
#include <linux/ethtool.h>
#include <linux/sockios.h>

#include <fmt/format.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string_view>

#include "control/descriptor.h"
#include "control/error.h"
#include "dataplane/attached_link.h"
#include "dataplane/port.h"

namespace belka {
namespace {

using Mac = std::array<uint8_t, 6>;

ifreq request_about(const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return request;
}

Mac mac_of(const std::string& name) {
  const Descriptor socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = request_about(name);
  Mac mac{};
  if (ioctl(socket_fd.get(), SIOCGIFHWADDR, &request) == 0) {
    std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  }
  return mac;
}

std::string known_interfaces(const struct tables* tables) {
  std::string names;
  for (uint32_t place = 0; place < INTERFACES; place++) {
    const struct interface_entry& entry = tables->interfaces[place];
    if (entry.ifindex == 0) continue;
    names += names.empty() ? "" : ", ";
    names += std::string_view(entry.name, strnlen(entry.name, sizeof entry.name));
  }
  return names.empty() ? "none" : names;
}

/// The same number may be another interface's in another network namespace.
bool is_same(const struct interface_entry& entry, uint32_t ifindex, const Mac& mac) {
  return entry.ifindex == ifindex && std::memcmp(entry.mac, mac.data(), mac.size()) == 0;
}

uint32_t place_of(const std::string& name, uint32_t ifindex, const struct tables* tables) {
  const Mac mac = mac_of(name);
  for (uint32_t place = 0; place < INTERFACES; place++) {
    if (is_same(tables->interfaces[place], ifindex, mac)) return place;
  }
  throw Error(
      fmt::format("belkad does not run on {}, but on these: {}; start it with "
                  "--interface={} among its interfaces",
                  name, known_interfaces(tables), name));
}

uint32_t ifindex_of(const std::string& name) {
  const uint32_t ifindex = if_nametoindex(name.c_str());
  if (ifindex != 0) return ifindex;
  throw Error(
      fmt::format("no interface {} here: `ip link` lists those of this network namespace", name));
}

/// An interface with no device behind it copies, and its fill ring never wants to be woken.
bool is_virtual(const std::string& name) {
  const Descriptor socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  ifreq request = request_about(name);
  request.ifr_data = reinterpret_cast<char*>(&info);
  if (ioctl(socket_fd.get(), SIOCETHTOOL, &request) != 0) return false;
  return info.bus_info[0] == '\0';
}

std::vector<uint32_t> queues_of(const std::string& name, const struct interface_entry& entry,
                                const std::vector<uint32_t>& wanted) {
  std::vector<uint32_t> queues = wanted;
  for (const uint32_t queue : queues) {
    if (queue < entry.queues) continue;
    throw Error(fmt::format("--queues names queue {}: {} has queues 0 to {}", queue, name,
                            entry.queues - 1));
  }
  for (uint32_t queue = 0; wanted.empty() && queue < entry.queues && queue < QUEUES; queue++) {
    queues.push_back(queue);
  }
  return queues;
}

void plan_interface(const std::string& name, const Options& options, const struct tables* tables,
                    std::vector<PortPlan>& ports) {
  const uint32_t ifindex = ifindex_of(name);
  const uint32_t place = place_of(name, ifindex, tables);
  const AttachedLink link = require_link(options.pins, place, name, ifindex);
  const char* polling = is_virtual(name) ? ",busy_budget=0" : "";
  for (const uint32_t queue : queues_of(name, tables->interfaces[place], options.queues)) {
    PortPlan port;
    port.name = fmt::format("{}:{}", name, queue);
    port.driver = fmt::format("net_af_xdp{}", ports.size());
    // No xdp_prog=: libxdp adopts the program that is attached. One device a queue, because on
    // veth queue_count=2 is refused.
    port.arguments = fmt::format("iface={},start_queue={},queue_count=1{}", name, queue, polling);
    port.ifindex = ifindex;
    port.queue = queue;
    port.heartbeat = &tables->heartbeats[place * QUEUES + queue];
    port.interface = &tables->interfaces[place];
    port.link = link;
    ports.push_back(port);
  }
}

}  // namespace

std::vector<PortPlan> plan_ports(const Options& options, const struct tables* tables) {
  if (options.capture) return {plan_capture(*options.capture)};
  if (geteuid() != 0) {
    throw Error("--interface needs root for AF_XDP: run as root, or replay a capture with --pcap");
  }
  std::vector<PortPlan> ports;
  for (const std::string& name : options.interfaces) {
    plan_interface(name, options, tables, ports);
  }
  return ports;
}

}  // namespace belka
