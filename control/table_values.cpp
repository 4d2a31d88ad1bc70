// SPDX-License-Identifier: Apache-2.0
#include "control/table_values.h"

#include <algorithm>
#include <cstring>

namespace belka {
namespace {

static_assert(static_cast<int>(ForwardMode::l2) == FORWARD_L2);
static_assert(static_cast<int>(ForwardMode::ipip) == FORWARD_IPIP);
static_assert(kMaxServices == SERVICES && kMaxSlots == SLOTS && kMaxBackends == BACKENDS_MAX);
static_assert(kMaxPools == POOLS && kMinSlots == SLOTS_PER_LINE);
static_assert(kMaxServiceName < SERVICE_NAME_BYTES && kMaxPoolName < POOL_NAME_BYTES);

template <size_t bytes>
void copy_text(const std::string& text, char (&to)[bytes]) {
  std::memset(to, 0, bytes);
  std::memcpy(to, text.data(), std::min(text.size(), bytes - 1));
}

template <size_t bytes>
std::string text_of(const char (&from)[bytes]) {
  return std::string(from, strnlen(from, bytes));
}

uint32_t pack(uint16_t port, uint8_t protocol, uint8_t family) {
  return swap16(port) | uint32_t{protocol} << 16 | uint32_t{family} << 24;
}

}  // namespace

wire_address to_wire(const Address& address) {
  wire_address wire{};
  std::memcpy(&wire, address.bytes.data(), address.size());
  return wire;
}

Address from_wire(const wire_address& wire, uint8_t family) {
  Address address;
  address.family = family;
  std::memcpy(address.bytes.data(), &wire, address.size());
  return address;
}

void copy_address(const Address& address, uint8_t to[16]) {
  std::memcpy(to, address.bytes.data(), address.bytes.size());
}

Address address_of(const BackendRecord& record) {
  Address address;
  address.family = record.family;
  std::memcpy(address.bytes.data(), record.address, address.size());
  return address;
}

TableKey key_of(const ServiceConfig& service) {
  return {to_wire(service.vip), pack(service.port, service.protocol, service.vip.family)};
}

TableKey vip_key(const Address& vip) { return {to_wire(vip), pack(0, 0, vip.family)}; }

TableKey key_of(const EntryRecord& entry) { return {entry.vip, entry.port_protocol_family}; }

bool same_key(const TableKey& a, const TableKey& b) {
  return a.port_protocol_family == b.port_protocol_family && a.vip.low == b.vip.low &&
         a.vip.high == b.vip.high;
}

bool is_vip_key(uint32_t port_protocol_family) { return (port_protocol_family & 0xffffff) == 0; }

uint8_t source_bits(const ServiceConfig& service) {
  if (service.hash == HashMode::five_tuple) return 0;
  return service.vip.family == 4 ? service.prefix_bits_v4 : service.prefix_bits_v6;
}

EntryRecord entry_of(const ServiceConfig& service, const SipKey& hash_key, uint16_t number,
                     uint32_t slot_base) {
  EntryRecord entry{};
  const TableKey key = key_of(service);
  entry.port_protocol_family = key.port_protocol_family;
  entry.vip = key.vip;
  entry.hash_key[0] = hash_key.k0;
  entry.hash_key[1] = hash_key.k1;
  entry.slot_base = slot_base;
  entry.slot_mask = service.slots - 1;
  entry.service = number;
  entry.source_bits = source_bits(service);
  return entry;
}

EntryRecord vip_entry(const Address& vip) {
  EntryRecord entry{};
  const TableKey key = vip_key(vip);
  entry.port_protocol_family = key.port_protocol_family;
  entry.vip = key.vip;
  return entry;
}

InfoRecord info_of(const ServiceConfig& service, uint32_t slot_base,
                   const std::vector<PoolInForce>& pools) {
  InfoRecord info{};
  const TableKey key = key_of(service);
  copy_text(service.name, info.name);
  info.port_protocol_family = key.port_protocol_family;
  info.vip = key.vip;
  info.slot_base = slot_base;
  info.slots = service.slots;
  info.pools = static_cast<uint32_t>(service.pools.size());
  info.source_bits = source_bits(service);
  info.mode = static_cast<uint8_t>(service.forward);
  info.idle_ms = service.idle_ms;
  for (size_t i = 0; i < service.pools.size(); ++i) {
    copy_text(service.pools[i].name, info.pool[i].name);
    info.pool[i].share_ppm = service.pools[i].share_ppm;
    info.pool[i].match = service.pools[i].match ? 1 : 0;
    info.pool[i].slots = pools[i].slots;
    info.pool[i].fallback = pools[i].fallback;
  }
  return info;
}

ServiceConfig config_of(const InfoRecord& info) {
  ServiceConfig service;
  const uint32_t packed = info.port_protocol_family;
  service.name = text_of(info.name);
  service.vip = from_wire(info.vip, static_cast<uint8_t>(packed >> 24));
  service.port = swap16(static_cast<uint16_t>(packed));
  service.protocol = static_cast<uint8_t>(packed >> 16);
  service.hash = info.source_bits == 0 ? HashMode::five_tuple : HashMode::source;
  if (info.source_bits != 0) {
    (service.vip.family == 4 ? service.prefix_bits_v4 : service.prefix_bits_v6) = info.source_bits;
  }
  service.slots = info.slots;
  service.forward = info.mode == FORWARD_IPIP ? ForwardMode::ipip : ForwardMode::l2;
  service.idle_ms = info.idle_ms;
  for (uint32_t i = 0; i < std::min<uint32_t>(info.pools, POOLS); ++i) {
    PoolConfig pool;
    pool.name = text_of(info.pool[i].name);
    pool.share_ppm = info.pool[i].share_ppm;
    pool.match = info.pool[i].match != 0;
    pool.fallback = default_fallback(pool.name);
    service.pools.push_back(pool);
  }
  return service;
}

BackendRecord backend_of(const BackendConfig& backend, uint16_t service, uint8_t pool,
                         ForwardMode mode) {
  BackendRecord record{};
  record.next_hop.part.state = BACKEND_UNRESOLVED;
  record.next_hop.part.mode = static_cast<uint8_t>(mode);
  copy_address(backend.address, record.address);
  record.service = service;
  record.pool = pool;
  record.family = backend.address.family;
  record.weight = backend.weight;
  return record;
}

}  // namespace belka
