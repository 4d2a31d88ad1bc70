// SPDX-License-Identifier: Apache-2.0
#include "tests/support/race_connections.h"

#include <fmt/format.h>

#include "split/decide.h"
#include "split/parse.h"

namespace belka {
namespace {

constexpr uint64_t kKey[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};  // TableWriter's

/// 54 bytes to 203.0.113.10, port 80. The upper byte of the number is in the address, the lower two
/// are the port.
Bytes frame_of(uint32_t client) {
  Bytes frame = from_hex(
      "020000000001020000000002"
      "0800"
      "45000028000000004006"
      "0000"
      "0a010000"
      "cb00710a"
      "0000"
      "0050"
      "0000000000000000"
      "5000"
      "0000"
      "00000000");
  frame[29] = static_cast<uint8_t>(client >> 16);
  frame[34] = static_cast<uint8_t>(client >> 8);
  frame[35] = static_cast<uint8_t>(client);
  return frame;
}

struct packet packet_of(const Bytes& frame) {
  struct packet packet;
  const uint8_t* data = frame.data();
  const auto bytes = static_cast<uint32_t>(frame.size());
  parse(data, data + bytes, bytes, &packet);
  return packet;
}

}  // namespace

uint32_t RaceConnection::bucket() const { return pin_bucket_of(hash); }

uint64_t RaceConnection::identity() const { return pin_identity(slot, hash); }

TableSpec race_tables() {
  TableSpec spec;
  for (uint16_t number = 1; number <= kRaceBackends; number++) {
    BackendSpec backend;
    backend.number = number;
    backend.address = fmt::format("10.0.0.{}", number);
    backend.mac = {2, 0, 0, 0, 1, static_cast<uint8_t>(number)};
    spec.backends.push_back(backend);
  }
  ServiceSpec service;
  service.vip = "203.0.113.10";
  service.port = 80;
  service.slots = kRaceSlots;
  service.ring = {1};
  service.draining = {kRaceDefault};
  spec.services = {service};
  return spec;
}

RaceConnection next_race_connection(uint32_t& client, uint32_t buckets) {
  struct packet packet = packet_of(frame_of(client));
  for (;; client++) {  // of a frame for each there would be a million allocations
    packet.address[0] = (packet.address[0] & ~0xff000000ull) | uint64_t{client >> 16} << 24;
    packet.ports = (packet.ports & 0xffff0000) | swap16(static_cast<uint16_t>(client));
    const uint64_t hash = hash_five_tuple(kKey, &packet);
    if (pin_bucket_of(hash) >= buckets) continue;
    return {frame_of(client++), hash, static_cast<uint32_t>(hash) & (kRaceSlots - 1)};
  }
}

}  // namespace belka
