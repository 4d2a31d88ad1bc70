// SPDX-License-Identifier: Apache-2.0
#include "tests/support/own_servers.h"

#include <arpa/inet.h>

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "split/parse.h"

namespace belka {
namespace {

constexpr size_t kMostServices = 1000;
constexpr size_t kMostPorts = 8;  // of one server; one with more gets a service of all ports

using Side = std::tuple<std::string, uint16_t>;   // address, port
using Server = std::tuple<std::string, uint8_t>;  // address, protocol

Side side_of(const struct packet& packet, int side) {
  char text[INET6_ADDRSTRLEN] = {};
  const auto* bytes = reinterpret_cast<const uint8_t*>(packet.address);
  if (packet.family == IPV4) inet_ntop(AF_INET, bytes + 4 * side, text, sizeof text);
  if (packet.family == IPV6) inet_ntop(AF_INET6, bytes + 16 * side, text, sizeof text);
  return {text, ntohs(static_cast<uint16_t>(packet.ports >> 16 * side))};
}

BackendSpec backend(uint16_t number, bool ipv6, enum forward_mode mode) {
  BackendSpec spec;
  spec.number = number;
  spec.address = (ipv6 ? "2001:db8:b::" : "10.0.0.") + std::to_string(number);
  spec.mac = {2, 0, 0, 0, 1, static_cast<uint8_t>(number)};
  spec.mode = mode;
  spec.mtu = 9000;
  if (mode == FORWARD_IPIP) spec.outer_source = ipv6 ? "2001:db8:a::1" : "192.0.2.1";
  return spec;
}

/// By family and mode six backends from 1, 11, 21 and 31: three good ones, one with a small MTU,
/// one unresolved, one elsewhere.
std::vector<BackendSpec> backends() {
  std::vector<BackendSpec> all;
  for (const int group : {0, 1, 2, 3}) {
    for (uint16_t i = 1; i <= 6; i++) {
      const uint16_t number = static_cast<uint16_t>(10 * group + i);
      BackendSpec spec = backend(number, group >= 2, group % 2 ? FORWARD_IPIP : FORWARD_L2);
      if (i == 4) spec.mtu = 1000;
      if (i == 5) spec.state = BACKEND_UNRESOLVED;
      if (i == 6) spec.ifindex = 2;
      all.push_back(spec);
    }
  }
  return all;
}

/// Sixteen steps: mostly good backends, each kind of bad one once, and an empty slot.
std::vector<uint16_t> ring(bool ipv6, bool ipip) {
  const uint16_t group = static_cast<uint16_t>((ipv6 ? 20 : 0) + (ipip ? 10 : 0));
  std::vector<uint16_t> numbers;
  for (const int i : {1, 2, 3, 1, 2, 3, 1, 4, 2, 3, 1, 2, 5, 3, 6}) {
    numbers.push_back(static_cast<uint16_t>(group + i));
  }
  numbers.push_back(0);
  return numbers;
}

std::map<Server, std::set<uint16_t>> servers_of(std::span<const Bytes> frames) {
  std::map<Server, std::set<uint16_t>> servers;
  std::set<std::tuple<Side, Side, uint8_t>> flows;
  for (const Bytes& frame : frames) {
    struct packet packet;
    const auto bytes = static_cast<uint32_t>(frame.size());
    if (parse(frame.data(), frame.data() + bytes, bytes, &packet) != VERDICT_none) continue;
    if (packet.kind != PACKET_FLOW) continue;
    const Side client = side_of(packet, 0), server = side_of(packet, 1);
    if (flows.contains({server, client, packet.protocol})) continue;
    if (!flows.insert({client, server, packet.protocol}).second) continue;
    servers[{std::get<0>(server), packet.protocol}].insert(std::get<1>(server));
  }
  return servers;
}

}  // namespace

TableSpec own_servers(std::span<const Bytes> frames) {
  TableSpec spec;
  spec.backends = backends();
  for (const auto& [server, ports] : servers_of(frames)) {
    const auto& [vip, protocol] = server;
    const bool ipv6 = vip.find(':') != std::string::npos;
    for (const uint16_t port : ports.size() > kMostPorts ? std::set<uint16_t>{0} : ports) {
      if (spec.services.size() == kMostServices) return spec;
      const size_t number = spec.services.size();
      ServiceSpec service;
      service.vip = vip;
      service.port = port;
      service.protocol = protocol;
      service.slots = 256;
      service.ring = ring(ipv6, number % 2 == 1);
      if (number % 5 == 4) service.source_bits = ipv6 ? 56 : 24;
      spec.services.push_back(service);
    }
  }
  return spec;
}

}  // namespace belka
