// SPDX-License-Identifier: Apache-2.0
// Any bytes end in a verdict. What parse says lies inside the frame, and the same bytes with less
// of them readable never give a flow that the whole frame does not. An echo request is answered
// inside of its frame. runs: 1000000
#include <cstdlib>
#include <cstring>
#include <memory>

#include "split/echo.h"
#include "split/parse.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

enum verdict parse_copy(const uint8_t* data, size_t size, size_t frame_bytes,
                        struct packet* packet) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);  // so long and no longer
  if (size != 0) std::memcpy(copy.get(), data, size);
  return parse(copy.get(), copy.get() + size, static_cast<uint32_t>(frame_bytes), packet);
}

/// The reply goes from destination to source, and is no request.
void require_reply(const uint8_t* data, size_t size, const struct packet& packet) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
  std::memcpy(copy.get(), data, size);
  uint64_t bucket = 0;
  const enum verdict verdict =
      echo_answer(copy.get(), copy.get() + size, &packet, &bucket, 1'000'000'000);
  if (verdict == VERDICT_vip_no_service) {
    require(packet.extension_headers != 0 && std::memcmp(copy.get(), data, size) == 0);
    return;
  }
  require(verdict == VERDICT_echo_replied);
  struct packet reply;
  parse(copy.get(), copy.get() + size, static_cast<uint32_t>(size), &reply);
  require(reply.family == packet.family && reply.kind == PACKET_OTHER && reply.hop_limit == 64);
  const size_t half = packet.family == IPV4 ? 4 : 16;
  const auto* there = reinterpret_cast<const uint8_t*>(packet.address);
  const auto* back = reinterpret_cast<const uint8_t*>(reply.address);
  require(std::memcmp(back, there + half, half) == 0);
  require(std::memcmp(back + half, there, half) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct packet packet, start;
  const enum verdict verdict = parse_copy(data, size, size, &packet);
  require(verdict <= VERDICT_none);
  require(packet.family == 0 || packet.family == IPV4 || packet.family == IPV6);
  if (verdict == VERDICT_none) {
    require(packet.family != 0 && packet.kind <= PACKET_ICMP_ERROR);
    require(packet.l3 >= ETHERNET_BYTES && packet.l3 <= ETHERNET_BYTES + 2 * VLAN_BYTES);
    require(packet.l3 + packet.l3_bytes <= size);
    require(packet.extension_headers <= EXTENSION_HEADERS_MAX);
    require(!packet_has_flow(&packet) || packet.protocol == PROTOCOL_TCP ||
            packet.protocol == PROTOCOL_UDP);
    require(packet.tcp_flags == 0 || packet.protocol == PROTOCOL_TCP);
    if (packet.kind == PACKET_ECHO_REQUEST) require_reply(data, size, packet);
  }
  const size_t readable = size / 2;
  const enum verdict half = parse_copy(data, readable, size, &start);
  if (half == VERDICT_none) {
    require(verdict == VERDICT_none && start.kind == packet.kind && start.ports == packet.ports);
    require(std::memcmp(start.address, packet.address, packet.family == IPV4 ? 8 : 32) == 0);
  }
  return 0;
}
