// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>

#include "dataplane/tables.h"

namespace belka::bench {

constexpr uint32_t kInterface = 7;
constexpr uint32_t kFlows = 1u << 20;
constexpr uint16_t kPort = 443;  // of the first service; the others follow
constexpr uint32_t kHeaderBytes = 74;

/// What all slots are.
enum class Slots {
  settled,
  opening,  ///< from another backend
  looking,
};

/// The packets of a benchmark: TCP, 74 bytes of Ethernet frame, to a VIP with rings of 65,536 slots
/// over 16 backends. Where slots move, each connection has a pin, open and used in this tick, on
/// any of the backends.
struct Traffic {
  bool ipv6 = false;
  bool syn = false;
  bool for_vip = true;     // else to an address that is nobody's
  bool all_ports = false;  // the service is the VIP's for all ports, found at the third look
  uint32_t flows = 1;      // a power of two, at most kFlows
  uint32_t services = 1;   // ports of the VIP, from kPort on, in turn
  forward_mode mode = FORWARD_IPIP;
  Slots slots = Slots::settled;
};

struct FlowAddress {
  std::array<uint8_t, 16> source;  // wire order; IPv4 in the first four
  uint32_t ports;                  // wire order: the client's | the service's << 16
  uint32_t unused[3];
};

/// The packet's headers before an address and port of the client are filled in.
std::array<uint8_t, 80> headers_of(const Traffic& traffic);

/// The n-th connection of the traffic: random, the same at each call.
FlowAddress flow_of(const Traffic& traffic, uint32_t n);

/// The n-th connection's hash, of the first service.
uint64_t hash_of(const Traffic& traffic, uint32_t n);

/// Fills empty tables with the services, backends and pins that the traffic is for.
void fill_tables(const struct tables* tables, const Traffic& traffic);

}  // namespace belka::bench
