/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/* What parse finds in a packet, and all that the later stages know of it. */
#include "split/portable.h"

enum packet_kind {
  PACKET_OTHER = 0,        /* nothing to split by: another protocol, or other ICMP than these */
  PACKET_ECHO_REQUEST = 1, /* whole, and sent to one host: a VIP answers it (echo.h) */
  /* From here on there is a flow. */
  PACKET_FLOW = 2,       /* TCP or UDP with its ports */
  PACKET_ICMP_ERROR = 3, /* belongs to the flow that it quotes */
};

enum {
  IPV4 = 4,
  IPV6 = 6,
  PROTOCOL_ICMP = 1,
  PROTOCOL_TCP = 6,
  PROTOCOL_UDP = 17,
  PROTOCOL_ICMPV6 = 58,
  TCP_FIN = 0x01,
  TCP_SYN = 0x02,
  TCP_RST = 0x04,
  TCP_ACK = 0x10,
};

struct packet {
  /* Of the flow, client first, wire order: IPv4 source | destination << 32 in [0]; IPv6 source in
   * [0, 1], destination in [2, 3]. For an ICMP error: of the quoted flow, turned round. */
  uint64_t address[4];
  uint32_t ports;            /* wire order: the client's | the service's << 16 */
  uint16_t l3;               /* offset of the outermost IP header in the frame */
  uint16_t l3_bytes;         /* of the IP packet, headers included, padding of the frame not */
  uint8_t family;            /* IPV4, IPV6; 0: no address was read */
  uint8_t protocol;          /* of the flow; where there is none, of the packet */
  uint8_t kind;              /* enum packet_kind */
  uint8_t tcp_flags;         /* 0 where it is not a TCP flow */
  uint8_t traffic_class;     /* DSCP and ECN */
  uint8_t hop_limit;         /* TTL */
  uint8_t first_fragment;    /* 1: more fragments follow this one */
  uint8_t extension_headers; /* IPv6, of the outermost header */
};

SPLIT_INLINE int packet_has_flow(const struct packet* packet) {
  return packet->kind >= PACKET_FLOW;
}

/* The service's side of the flow. */
SPLIT_INLINE void packet_destination(const struct packet* packet, uint64_t* low, uint64_t* high) {
  *low = packet->family == IPV4 ? packet->address[0] >> 32 : packet->address[2];
  *high = packet->family == IPV4 ? 0 : packet->address[3];
}

SPLIT_INLINE int packet_is_new_connection(const struct packet* packet) {
  return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}
