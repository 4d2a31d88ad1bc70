// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/traffic.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <cstring>

#include "control/error.h"
#include "split/classify.h"
#include "split/hash.h"
#include "split/packet.h"
#include "split/parse.h"
#include "split/pins.h"

namespace belka::bench {
namespace {

constexpr uint16_t kBackends = 16;
constexpr uint32_t kRingSlots = 65536;
constexpr std::array<uint8_t, 16> kVip4 = {203, 0, 113, 10};
constexpr std::array<uint8_t, 16> kVip6 = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
                                           0,    0,    0,    0,    0, 0, 0, 10};

// SplitMix64 (Steele, Lea and Flood 2014): a random number for each n.
uint64_t random_of(uint64_t n) {
  uint64_t z = (n + 1) * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

uint8_t family_of(const Traffic& traffic) { return traffic.ipv6 ? IPV6 : IPV4; }

void fill_backends(const struct tables* tables, const Traffic& traffic) {
  for (uint16_t number = 1; number <= kBackends; number++) {
    struct backend& backend = tables->backends[number];
    backend = {};
    backend.next_hop.part.state = BACKEND_READY;
    backend.next_hop.part.mode = static_cast<uint8_t>(traffic.mode);
    backend.next_hop.part.mac[5] = static_cast<uint8_t>(number);
    backend.ifindex = kInterface;
    backend.mtu = 1500;
    backend.family = family_of(traffic);
    backend.address[0] = 10;
    backend.address[3] = static_cast<uint8_t>(number);
    backend.outer_source[0] = 10;
  }
}

/// The entry of the VIP with a port (0: all) and a protocol (0: the address itself), made.
service_entry& make_entry(const struct tables* tables, const Traffic& traffic, uint16_t port,
                          uint8_t protocol) {
  const auto& vip = traffic.ipv6 ? kVip6 : kVip4;
  service_key key{};
  std::memcpy(&key.vip, vip.data(), traffic.ipv6 ? 16 : 4);
  key.port_protocol_family = htons(port) | static_cast<uint32_t>(protocol) << 16 |
                             static_cast<uint32_t>(family_of(traffic)) << 24;
  uint32_t place = service_home(&key);
  while (tables->services[place].port_protocol_family != PLACE_EMPTY) {
    place = (place + 1) % SERVICE_TABLE;
  }
  service_entry& entry = tables->services[place];
  entry.port_protocol_family = key.port_protocol_family;
  entry.vip = key.vip;
  return entry;
}

uint16_t any_backend(uint64_t n) { return static_cast<uint16_t>(1 + random_of(n) % kBackends); }

uint32_t word_of(Slots slots, uint32_t slot) {
  const uint16_t current = any_backend(slot);
  if (slots == Slots::settled) return slot_settled(current);
  const auto before = static_cast<uint16_t>(current % kBackends + 1);
  return slot_of(current, slots == Slots::opening ? before : static_cast<uint16_t>(SLOT_LOOK));
}

void fill_service(const struct tables* tables, const Traffic& traffic, uint32_t service) {
  const uint16_t port = traffic.all_ports ? 0 : static_cast<uint16_t>(kPort + service);
  service_entry& entry = make_entry(tables, traffic, port, PROTOCOL_TCP);
  entry.hash_key[0] = random_of(service);
  entry.hash_key[1] = random_of(service + 1);
  entry.slot_base = service * kRingSlots;
  entry.slot_mask = kRingSlots - 1;
  entry.service = static_cast<uint16_t>(service);
  for (uint32_t slot = 0; slot < kRingSlots; slot++) {
    tables->slots[entry.slot_base + slot] = word_of(traffic.slots, slot);
  }
}

/// A bucket in a million is too full for one more.
void fill_pins(const struct tables* tables, const Traffic& traffic) {
  uint32_t refused = 0;
  for (uint32_t n = 0; n < traffic.flows; n++) {
    const uint64_t hash = hash_of(traffic, n);
    const uint64_t identity = pin_identity(static_cast<uint32_t>(hash) & (kRingSlots - 1), hash);
    const uint64_t pin = pin_of(identity, tables->node->tick, PIN_OPEN, any_backend(n));
    refused += pin_insert(&tables->pins[pin_bucket_of(hash)], pin, 1) != PIN_INSERTED;
  }
  if (refused > 10)
    throw Error(fmt::format("{} of {} pins found no place", refused, traffic.flows));
}

void write_ipv4(std::array<uint8_t, 80>& headers, const Traffic& traffic) {
  headers[12] = 0x08;
  headers[14] = 0x45;
  headers[17] = kHeaderBytes - 14;
  headers[22] = 64;
  headers[23] = PROTOCOL_TCP;
  std::memcpy(&headers[30], kVip4.data(), 4);
  if (!traffic.for_vip) headers[33] ^= 1;
}

void write_ipv6(std::array<uint8_t, 80>& headers, const Traffic& traffic) {
  headers[12] = 0x86;
  headers[13] = 0xdd;
  headers[14] = 0x60;
  headers[19] = kHeaderBytes - 54;
  headers[20] = PROTOCOL_TCP;
  headers[21] = 64;
  std::memcpy(&headers[38], kVip6.data(), 16);
  if (!traffic.for_vip) headers[53] ^= 1;
}

}  // namespace

std::array<uint8_t, 80> headers_of(const Traffic& traffic) {
  std::array<uint8_t, 80> headers{};
  headers[0] = headers[6] = 0x02;
  if (traffic.ipv6) {
    write_ipv6(headers, traffic);
  } else {
    write_ipv4(headers, traffic);
  }
  const size_t l4 = traffic.ipv6 ? 54 : 34;
  headers[l4 + 12] = 0x50;
  headers[l4 + 13] = traffic.syn ? TCP_SYN : TCP_ACK;
  return headers;
}

FlowAddress flow_of(const Traffic& traffic, uint32_t n) {
  FlowAddress flow{};
  const uint64_t random = random_of(n);
  if (traffic.ipv6) {
    const uint64_t more = random_of(n + kFlows);
    std::memcpy(&flow.source[0], &random, 8);
    std::memcpy(&flow.source[8], &more, 8);
    flow.source[0] = 0x20;
  } else {
    std::memcpy(&flow.source[0], &random, 4);
    flow.source[0] = static_cast<uint8_t>(11 + flow.source[0] % 100);
  }
  const uint32_t port = kPort + n % traffic.services;
  flow.ports = static_cast<uint16_t>(random >> 40) |
               static_cast<uint32_t>(htons(static_cast<uint16_t>(port))) << 16;
  return flow;
}

uint64_t hash_of(const Traffic& traffic, uint32_t n) {
  const uint64_t key[2] = {random_of(0), random_of(1)};  // fill_service's
  std::array<uint8_t, 80> frame = headers_of(traffic);
  const FlowAddress flow = flow_of(traffic, n);
  std::memcpy(&frame[traffic.ipv6 ? 22 : 26], flow.source.data(), traffic.ipv6 ? 16 : 4);
  std::memcpy(&frame[traffic.ipv6 ? 54 : 34], &flow.ports, 4);
  struct packet packet {};
  parse(frame.data(), frame.data() + kHeaderBytes, kHeaderBytes, &packet);
  return hash_five_tuple(key, &packet);
}

void fill_tables(const struct tables* tables, const Traffic& traffic) {
  fill_backends(tables, traffic);
  make_entry(tables, traffic, 0, 0);
  for (uint32_t n = 0; n < traffic.services; n++) fill_service(tables, traffic, n);
  if (traffic.slots != Slots::settled) fill_pins(tables, traffic);
}

}  // namespace belka::bench
