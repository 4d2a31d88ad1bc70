/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * forward: what is written into the frame. The plane makes room at the front (forward_room_bytes),
 * the functions here write every byte that changes, so both planes send the same frames.
 *
 * TTL or hop limit goes down once (RFC 1812 section 5.3.1); the IPv4 header checksum follows by RFC
 * 1624 equation 3. The outer header of 4in4 (RFC 2003) and 6in6 (RFC 2473) carries DSCP and ECN of
 * the inner (RFC 6040, normal mode). VLAN tags stay.
 */
#include "split/packet.h"
#include "split/parse.h"
#include "split/tables.h"

enum {
  FORWARD_L3_MAX = ETHERNET_BYTES + 2 * VLAN_BYTES,
  OUTER_HOP_LIMIT = 64,
  PROTOCOL_IPV4 = 4,
  PROTOCOL_IPV6 = 41,
};

/* How a backend is reached, copied in one go so that MAC, state and mode belong together. */
struct route {
  union next_hop next_hop;
  const struct backend* backend;
};

/* Bytes that the frame grows by at its front. */
SPLIT_INLINE uint32_t forward_room_bytes(const struct packet* packet, const struct route* route) {
  if (route->next_hop.part.mode == FORWARD_L2) return 0;
  return packet->family == IPV4 ? IPV4_BYTES : IPV6_BYTES;
}

/* Whether a packet that came in by `ifindex` can go to the backend; fills `route`. VERDICT_none: it
 * can. */
SPLIT_INLINE enum verdict forward_check(const struct packet* packet, const struct backend* backend,
                                        uint32_t ifindex, struct route* route) {
  route->backend = backend;
  route->next_hop.word = LOAD_RELAXED(backend->next_hop.word);
  if (SPLIT_UNLIKELY(route->next_hop.part.state != BACKEND_READY)) {
    return route->next_hop.part.state == BACKEND_FREE ? VERDICT_no_backend : VERDICT_unresolved;
  }
  READ_BARRIER(); /* the daemon changes the fields while the word says that it is not ready */
  if (SPLIT_UNLIKELY(backend->ifindex != ifindex)) return VERDICT_other_interface;
  if (SPLIT_UNLIKELY(packet->hop_limit <= 1)) return VERDICT_ttl_expired;
  if (SPLIT_UNLIKELY(packet->l3_bytes + forward_room_bytes(packet, route) > backend->mtu)) {
    return VERDICT_over_mtu;
  }
  return VERDICT_none;
}

SPLIT_INLINE uint16_t checksum_fold(uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)(sum + (sum >> 16));
}

/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m'), on words as loaded. */
SPLIT_INLINE uint16_t checksum_update(uint16_t checksum, uint16_t before, uint16_t after) {
  return (uint16_t)~checksum_fold((uint32_t)(uint16_t)~checksum + (uint16_t)~before + after);
}

/* `ip` has its header below `end`; checked by parse, and again where the verifier asks. */
SPLIT_INLINE void forward_decrement_hop_limit(uint8_t* ip, const struct packet* packet) {
  if (packet->family == IPV6) {
    ip[7] = (uint8_t)(packet->hop_limit - 1);
    return;
  }
  /* TTL is the low byte of its word, and at least 2: whatever m is, ~m + (m - 1) is ~1 + 0. */
  store16(ip + 10, checksum_update(load16(ip + 10), 1, 0));
  ip[8] = (uint8_t)(packet->hop_limit - 1);
}

SPLIT_INLINE void forward_write_macs(uint8_t* frame, const struct route* route) {
  store32(frame, (uint32_t)route->next_hop.word);
  store16(frame + 4, (uint16_t)(route->next_hop.word >> 32));
  store32(frame + 6, load32(route->backend->source_mac));
  store16(frame + 10, load16(route->backend->source_mac + 4));
}

/* RFC 791 header without options; DF set and identification 0 (RFC 6864: an atomic datagram needs
 * none). */
SPLIT_INLINE void forward_write_outer_ipv4(uint8_t* ip, const struct packet* packet,
                                           const struct backend* backend) {
  uint32_t version_class = 0x45u | (uint32_t)packet->traffic_class << 8;
  uint32_t length = swap16((uint16_t)(packet->l3_bytes + IPV4_BYTES));
  uint32_t source = load32(backend->outer_source);
  uint32_t destination = load32(backend->address);
  uint32_t hop_protocol = OUTER_HOP_LIMIT | PROTOCOL_IPV4 << 8;
  uint32_t sum = version_class + length + 0x0040u + hop_protocol + (source & 0xffff) +
                 (source >> 16) + (destination & 0xffff) + (destination >> 16);
  store32(ip, version_class | length << 16);
  store32(ip + 4, 0x00400000u);
  store32(ip + 8, hop_protocol | (uint32_t)(uint16_t)~checksum_fold(sum) << 16);
  store32(ip + 12, source);
  store32(ip + 16, destination);
}

/* RFC 8200 header. The flow label comes from the connection's hash, so that links which spread by
 * it (RFC 6438) spread connections. */
SPLIT_INLINE void forward_write_outer_ipv6(uint8_t* ip, const struct packet* packet,
                                           const struct backend* backend, uint64_t hash) {
  uint32_t label = (uint32_t)(hash >> 44);
  uint32_t word = 6u << 28 | (uint32_t)packet->traffic_class << 20 | label;
  store32(ip, __builtin_bswap32(word));
  store16(ip + 4, swap16(packet->l3_bytes));
  store16(ip + 6, PROTOCOL_IPV6 | OUTER_HOP_LIMIT << 8);
  store64(ip + 8, load64(backend->outer_source));
  store64(ip + 16, load64(backend->outer_source + 8));
  store64(ip + 24, load64(backend->address));
  store64(ip + 32, load64(backend->address + 8));
}

/* Type, or tags and type, from `room` bytes further back to the front: 2, 6 or 10 bytes, which
 * never overlap. */
SPLIT_INLINE void forward_move_type(uint8_t* frame, const uint8_t* old_frame, uint32_t l3) {
  if (SPLIT_LIKELY(l3 == ETHERNET_BYTES)) {
    store16(frame + 12, load16(old_frame + 12));
    return;
  }
  store32(frame + 12, load32(old_frame + 12));
  store16(frame + 16, load16(old_frame + 16));
  if (l3 == ETHERNET_BYTES + VLAN_BYTES) return;
  store32(frame + 18, load32(old_frame + 18));
}

/*
 * Writes a frame that has already grown by forward_room_bytes: `frame` is its new start, the
 * packet's old Ethernet header stands `room` bytes further. 0: it does not reach below `end` (never
 * after parse; the verifier wants to see it).
 */
SPLIT_INLINE int forward_write(uint8_t* frame, const uint8_t* end, const struct packet* packet,
                               const struct route* route, uint64_t hash) {
  uint32_t room = forward_room_bytes(packet, route);
  uint32_t l3 = packet->l3;
  if (l3 > FORWARD_L3_MAX || !reach(frame, end, 0, FORWARD_L3_MAX)) return 0;
  uint8_t* ip = (uint8_t*)reach(frame, end, room + l3, IPV4_BYTES);
  const uint8_t* old_frame = reach(frame, end, room, FORWARD_L3_MAX);
  uint8_t* outer = (uint8_t*)reach(frame, end, l3, room);
  if (!ip || !old_frame || !outer) return 0;
  forward_decrement_hop_limit(ip, packet);
  if (room != 0) forward_move_type(frame, old_frame, l3);
  if (room == IPV4_BYTES) forward_write_outer_ipv4(outer, packet, route->backend);
  if (room == IPV6_BYTES) forward_write_outer_ipv6(outer, packet, route->backend, hash);
  forward_write_macs(frame, route);
  return 1;
}

SPLIT_INLINE enum verdict forward_verdict(const struct route* route) {
  return route->next_hop.part.mode == FORWARD_L2 ? VERDICT_forwarded_l2 : VERDICT_forwarded_ipip;
}
