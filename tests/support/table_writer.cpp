// SPDX-License-Identifier: Apache-2.0
#include "tests/support/table_writer.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "split/classify.h"

namespace belka {
namespace {

/// The address in wire order into 16 bytes; its family, 4 or 6.
uint8_t write_address(const std::string& text, uint8_t* bytes) {
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return 4;
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return 6;
  throw std::invalid_argument("not an address: " + text);
}

struct service_entry entry_of(const ServiceSpec& spec, uint16_t port, uint8_t protocol) {
  struct service_entry entry {};
  uint8_t vip[16] = {};
  const uint32_t family = write_address(spec.vip, vip);
  std::memcpy(&entry.vip, vip, sizeof vip);
  entry.port_protocol_family = htons(port) | uint32_t{protocol} << 16 | family << 24;
  entry.generation_before = entry.generation_after = 1;
  return entry;
}

}  // namespace

void TableWriter::place(const struct service_entry& entry, uint32_t tombstones) {
  const struct service_key key = {entry.vip, entry.port_protocol_family};
  const uint32_t home = service_home(&key);
  for (uint32_t probe = 0; probe < SERVICE_TABLE; probe++) {
    struct service_entry& at = tables_->services[(home + probe) % SERVICE_TABLE];
    if (std::memcmp(&at.vip, &entry.vip, sizeof at.vip) == 0 &&
        at.port_protocol_family == entry.port_protocol_family) {
      return;  // two services of a VIP mark it only once
    }
    if (at.port_protocol_family != PLACE_EMPTY) continue;
    if (tombstones-- > 0) {
      at.port_protocol_family = static_cast<uint32_t>(PLACE_TOMBSTONE) << 24;
      continue;
    }
    at = entry;
    return;
  }
  throw std::invalid_argument("the table of services is full");
}

void TableWriter::write_service(const ServiceSpec& spec, uint16_t number) {
  struct service_entry entry = entry_of(spec, spec.port, spec.protocol);
  entry.hash_key[0] = 0x0706050403020100;
  entry.hash_key[1] = 0x0f0e0d0c0b0a0908;
  entry.slot_base = slots_used_;
  entry.slot_mask = spec.slots - 1;
  entry.service = number;
  entry.source_bits = spec.source_bits;
  if (spec.slots > SLOTS - slots_used_) throw std::invalid_argument("more slots than there are");
  for (uint32_t slot = 0; slot < spec.slots; slot++) {
    const uint16_t current = spec.ring[slot % spec.ring.size()];
    const size_t states = spec.draining.size();
    tables_->slots[slots_used_ + slot] =
        states == 0 ? slot_settled(current) : slot_of(current, spec.draining[slot % states]);
  }
  slots_used_ += spec.slots;
  place(entry, spec.tombstones);
  place(entry_of(spec, 0, 0), 0);
}

void TableWriter::write_backend(const BackendSpec& spec) {
  struct backend& backend = tables_->backends[spec.number];
  backend.family = write_address(spec.address, backend.address);
  if (!spec.outer_source.empty()) write_address(spec.outer_source, backend.outer_source);
  std::ranges::copy(spec.mac, backend.next_hop.part.mac);
  std::ranges::copy(kOwnMac, backend.source_mac);
  backend.next_hop.part.state = static_cast<uint8_t>(spec.state);
  backend.next_hop.part.mode = static_cast<uint8_t>(spec.mode);
  backend.ifindex = spec.ifindex;
  backend.mtu = spec.mtu;
  backend.down = spec.down;
}

void TableWriter::write(const TableSpec& spec) {
  std::fill_n(tables_->services, static_cast<size_t>(SERVICE_TABLE), service_entry{});
  std::fill_n(tables_->slots, slots_used_, 0);
  std::fill_n(tables_->backends, static_cast<size_t>(BACKENDS), backend{});
  slots_used_ = 0;
  for (const BackendSpec& backend : spec.backends) write_backend(backend);
  uint16_t number = 0;
  for (const ServiceSpec& service : spec.services) write_service(service, number++);
  tables_->node->tick = spec.tick;
  write_pins(tables_, spec.pins);
}

}  // namespace belka
