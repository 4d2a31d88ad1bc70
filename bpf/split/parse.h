/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * parse: from a frame to the flow it belongs to. Ethernet II with up to two VLAN tags (802.1Q,
 * 802.1ad), IPv4 (RFC 791), IPv6 (RFC 8200), TCP, UDP; ICMP errors in icmp.h, extension headers in
 * extension.h.
 *
 * Reads only below `end`, whatever the packet says of its own lengths, and believes no length that
 * reaches over the frame. Checksums are not looked at: senders leave them to their hardware, and
 * captures and local stacks show them unfinished.
 */
#include "split/extension.h"
#include "split/icmp.h"
#include "split/packet.h"
#include "split/verdict.h"

enum {
  ETHERNET_BYTES = 14,
  ETHERTYPE_IPV4 = 0x0008, /* as loaded from the wire */
  ETHERTYPE_IPV6 = 0xdd86,
  ETHERTYPE_VLAN = 0x0081,
  ETHERTYPE_QINQ = 0xa888,
  TCP_BYTES = 20,
  UDP_BYTES = 8,
  VLAN_BYTES = 4,
};

SPLIT_INLINE int is_vlan_tag(uint16_t type) {
  return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ;
}

/* 0/8, 127/8, 224/4 and 240/4 with the limited broadcast (RFC 6890), or source and destination the
 * same. */
SPLIT_INLINE int bad_source_ipv4(uint64_t addresses) {
  uint8_t first = (uint8_t)addresses;
  return first == 0 || first == 127 || first >= 224 ||
         (uint32_t)addresses == (uint32_t)(addresses >> 32);
}

/* ::, ::1, ff00::/8, or source and destination the same. */
SPLIT_INLINE int bad_source_ipv6(const uint64_t address[4]) {
  int unspecified_or_loopback = address[0] == 0 && (address[1] << 8) == 0 && address[1] >> 57 == 0;
  return (uint8_t)address[0] == 0xff || unspecified_or_loopback ||
         (address[0] == address[2] && address[1] == address[3]);
}

/* The transport header at `l4` of a packet that ends at `packet_end`, in a frame readable up to
 * `end`. */
SPLIT_INLINE enum verdict parse_transport(const uint8_t* data, const uint8_t* end, uint32_t l4,
                                          uint32_t packet_end, struct packet* packet) {
  const uint8_t* header;
  if (packet->protocol == PROTOCOL_TCP) {
    header = reach(data, end, l4, TCP_BYTES);
    if (!header || l4 + TCP_BYTES > packet_end) return VERDICT_truncated;
    packet->tcp_flags = header[13];
  } else if (packet->protocol == PROTOCOL_UDP) {
    header = reach(data, end, l4, UDP_BYTES);
    if (!header || l4 + UDP_BYTES > packet_end) return VERDICT_truncated;
  } else if (packet->protocol == (packet->family == IPV4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6)) {
    return parse_icmp(data, end, l4, packet_end, packet);
  } else {
    return VERDICT_none;
  }
  packet->ports = load32(header);
  packet->kind = PACKET_FLOW;
  return VERDICT_none;
}

SPLIT_INLINE enum verdict parse_ipv4(const uint8_t* data, const uint8_t* end, uint32_t l3,
                                     uint32_t frame_bytes, struct packet* packet) {
  const uint8_t* ip = reach(data, end, l3, IPV4_BYTES);
  if (!ip || ip[0] >> 4 != 4) return VERDICT_unreadable;
  packet->address[0] = load64(ip + 12);
  packet->family = IPV4;
  packet->traffic_class = ip[1];
  packet->hop_limit = ip[8];
  packet->protocol = ip[9];
  uint32_t header_bytes = (ip[0] & 15u) * 4;
  uint32_t l3_bytes = load_wire16(ip + 2);
  packet->l3_bytes = (uint16_t)l3_bytes;
  if (header_bytes < IPV4_BYTES || l3_bytes < header_bytes) return VERDICT_bad_header;
  if (l3 + l3_bytes > frame_bytes) return VERDICT_truncated;
  if (bad_source_ipv4(packet->address[0])) return VERDICT_bad_source;
  uint16_t fragment = load16(ip + 6);
  if (fragment & IPV4_FRAGMENT_OFFSET) return VERDICT_fragment;
  packet->first_fragment = (fragment & IPV4_MORE_FRAGMENTS) != 0;
  return parse_transport(data, end, l3 + header_bytes, l3 + l3_bytes, packet);
}

SPLIT_INLINE enum verdict parse_ipv6(const uint8_t* data, const uint8_t* end, uint32_t l3,
                                     uint32_t frame_bytes, struct packet* packet) {
  const uint8_t* ip = reach(data, end, l3, IPV6_BYTES);
  if (!ip || ip[0] >> 4 != 6) return VERDICT_unreadable;
  for (int word = 0; word < 4; word++) packet->address[word] = load64(ip + 8 + 8 * word);
  packet->family = IPV6;
  packet->traffic_class = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
  packet->hop_limit = ip[7];
  uint32_t l3_bytes = IPV6_BYTES + (uint32_t)load_wire16(ip + 4);
  if (l3 + l3_bytes > frame_bytes || l3_bytes > 0xffff) return VERDICT_truncated;
  packet->l3_bytes = (uint16_t)l3_bytes;
  if (bad_source_ipv6(packet->address)) return VERDICT_bad_source;
  struct extension_walk walk = {l3 + IPV6_BYTES, ip[6], 0, 0};
  enum verdict verdict = VERDICT_none;
  if (is_extension_header(walk.next)) {
    verdict = walk_extension_headers(data, end, l3 + l3_bytes, &walk);
  }
  packet->protocol = walk.next;
  packet->extension_headers = walk.count;
  packet->first_fragment = walk.more_fragments;
  if (verdict != VERDICT_none) return verdict;
  if (walk.offset > REACH_MAX) return VERDICT_truncated;
  return parse_transport(data, end, walk.offset, l3 + l3_bytes, packet);
}

/*
 * Parses the frame of `frame_bytes` that starts at `data` and is readable up to `end` (less than
 * all of it where the rest stands in other buffers). VERDICT_none: it has addresses, and
 * packet->kind says what else. Any other verdict is what becomes of it *if* it is for a VIP, which
 * classify finds out: packet->family tells whether there is an address to ask for.
 */
SPLIT_INLINE enum verdict parse(const uint8_t* data, const uint8_t* end, uint32_t frame_bytes,
                                struct packet* packet) {
  packet->ports = 0;
  packet->family = 0;
  packet->protocol = 0;
  packet->kind = PACKET_OTHER;
  packet->tcp_flags = 0;
  packet->first_fragment = 0;
  packet->extension_headers = 0;
  if (data + ETHERNET_BYTES > end) return VERDICT_unreadable;
  uint32_t l3 = ETHERNET_BYTES;
  uint16_t type = load16(data + 12);
  if (SPLIT_UNLIKELY(type != ETHERTYPE_IPV4 && is_vlan_tag(type))) {
    if (data + ETHERNET_BYTES + VLAN_BYTES > end) return VERDICT_unreadable;
    type = load16(data + 16);
    l3 += VLAN_BYTES;
    if (is_vlan_tag(type)) {
      if (data + ETHERNET_BYTES + 2 * VLAN_BYTES > end) return VERDICT_unreadable;
      type = load16(data + 20);
      l3 += VLAN_BYTES;
    }
  }
  packet->l3 = (uint16_t)l3;
  if (type == ETHERTYPE_IPV4) return parse_ipv4(data, end, l3, frame_bytes, packet);
  if (type == ETHERTYPE_IPV6) return parse_ipv6(data, end, l3, frame_bytes, packet);
  return VERDICT_not_ip;
}
