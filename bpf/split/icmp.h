/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * ICMP errors belong to the connection that they quote. A router on the client's side returns to
 * the VIP the start of a packet that a backend sent as the VIP: at least the IP header and 8 bytes
 * behind it (RFC 792), up to 1,232 in ICMPv6 (RFC 4443). The flow as the client sends it is that
 * packet turned round.
 *
 * An echo request is for the VIP itself, whichever services it has.
 */
#include "split/extension.h"
#include "split/packet.h"
#include "split/verdict.h"

enum {
  IPV4_BYTES = 20,
  IPV6_BYTES = 40,
  IPV4_FRAGMENT_OFFSET = 0xff1f, /* as loaded from the wire */
  IPV4_MORE_FRAGMENTS = 0x0020,
  ICMP_BYTES = 8,
  ICMP_ECHO_REPLY = 0,
  ICMP_ECHO_REQUEST = 8,
  ICMPV6_ECHO_REQUEST = 128,
  ICMPV6_ECHO_REPLY = 129,
  QUOTED_TRANSPORT_BYTES = 8,
};

/* Destination unreachable, source quench, time exceeded, parameter problem (RFC 792). A redirect is
 * for a host on the gateway's own network, never for a connection behind us. */
SPLIT_INLINE int is_icmp_error(uint8_t family, uint8_t type) {
  if (family == IPV6) return type >= 1 && type <= 4;
  return type == 3 || type == 4 || type == 11 || type == 12;
}

/* Type and code. */
SPLIT_INLINE int is_echo_request(uint8_t family, const uint8_t* icmp) {
  return icmp[1] == 0 && icmp[0] == (family == IPV4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST);
}

/* Both MAC addresses of the frame are a host's own: a broadcast is not to be answered (RFC 1122,
 * section 3.2.2.6), and no answer goes to a group or comes from one. */
SPLIT_INLINE int is_between_hosts(const uint8_t* data, const uint8_t* end) {
  const uint8_t* macs = reach(data, end, 0, 12);
  return macs && ((macs[0] | macs[6]) & 1) == 0;
}

SPLIT_INLINE uint64_t turn_round64(uint64_t pair) { return pair >> 32 | pair << 32; }

SPLIT_INLINE uint32_t turn_round32(uint32_t pair) { return pair >> 16 | pair << 16; }

/* Ports of the quoted packet; packet->protocol is its protocol. */
SPLIT_INLINE enum verdict parse_quoted_transport(const uint8_t* data, const uint8_t* end,
                                                 uint32_t l4, uint32_t packet_end,
                                                 struct packet* packet) {
  if (packet->protocol != PROTOCOL_TCP && packet->protocol != PROTOCOL_UDP) return VERDICT_none;
  const uint8_t* header = reach(data, end, l4, QUOTED_TRANSPORT_BYTES);
  if (!header || l4 + QUOTED_TRANSPORT_BYTES > packet_end) return VERDICT_truncated;
  packet->ports = turn_round32(load32(header));
  packet->kind = PACKET_ICMP_ERROR;
  return VERDICT_none;
}

SPLIT_INLINE enum verdict parse_quoted_ipv4(const uint8_t* data, const uint8_t* end, uint32_t at,
                                            uint32_t packet_end, struct packet* packet) {
  const uint8_t* ip = reach(data, end, at, IPV4_BYTES);
  if (!ip || at + IPV4_BYTES > packet_end) return VERDICT_truncated;
  uint32_t header_bytes = (ip[0] & 15u) * 4;
  if (ip[0] >> 4 != 4 || header_bytes < IPV4_BYTES) return VERDICT_bad_header;
  uint64_t quoted = load64(ip + 12);
  if ((uint32_t)quoted != (uint32_t)(packet->address[0] >> 32)) return VERDICT_icmp_mismatch;
  packet->address[0] = turn_round64(quoted);
  packet->protocol = ip[9];
  if (load16(ip + 6) & IPV4_FRAGMENT_OFFSET) return VERDICT_fragment;
  return parse_quoted_transport(data, end, at + header_bytes, packet_end, packet);
}

SPLIT_INLINE enum verdict parse_quoted_ipv6(const uint8_t* data, const uint8_t* end, uint32_t at,
                                            uint32_t packet_end, struct packet* packet) {
  const uint8_t* ip = reach(data, end, at, IPV6_BYTES);
  if (!ip || at + IPV6_BYTES > packet_end) return VERDICT_truncated;
  if (ip[0] >> 4 != 6) return VERDICT_bad_header;
  if (load64(ip + 8) != packet->address[2] || load64(ip + 16) != packet->address[3]) {
    return VERDICT_icmp_mismatch;
  }
  packet->address[0] = load64(ip + 24);
  packet->address[1] = load64(ip + 32);
  struct extension_walk walk = {at + IPV6_BYTES, ip[6], 0, 0};
  enum verdict verdict = walk_extension_headers(data, end, packet_end, &walk);
  packet->protocol = walk.next;
  if (verdict != VERDICT_none) return verdict;
  if (walk.offset > REACH_MAX) return VERDICT_truncated;
  return parse_quoted_transport(data, end, walk.offset, packet_end, packet);
}

/* An ICMP message at `l4` of a packet that ends at `packet_end`. What is neither an error nor an
 * echo request to be answered stays PACKET_OTHER. */
SPLIT_ASIDE enum verdict parse_icmp(const uint8_t* data, const uint8_t* end, uint32_t l4,
                                    uint32_t packet_end, struct packet* packet) {
  const uint8_t* icmp = reach(data, end, l4, ICMP_BYTES);
  if (!icmp || l4 + ICMP_BYTES > packet_end) return VERDICT_truncated;
  if (!is_icmp_error(packet->family, icmp[0])) {
    int is_whole = !packet->first_fragment;
    if (is_whole && is_echo_request(packet->family, icmp) && is_between_hosts(data, end)) {
      packet->kind = PACKET_ECHO_REQUEST;
    }
    return VERDICT_none;
  }
  if (packet->family == IPV4) {
    return parse_quoted_ipv4(data, end, l4 + ICMP_BYTES, packet_end, packet);
  }
  return parse_quoted_ipv6(data, end, l4 + ICMP_BYTES, packet_end, packet);
}
