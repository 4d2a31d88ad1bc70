/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * echo: a virtual IP answers echo requests (RFC 792; RFC 4443, section 4.2), and whichever plane
 * has one answers it, in the frame that asked: MAC and IP addresses change places, the type becomes
 * that of a reply, TTL or hop limit starts anew, the checksums follow by RFC 1624. A wrong checksum
 * stays wrong. Traffic class, IPv4 options, extension headers, data, tags and padding stay as they
 * came. (ICMPv6's checksum covers the addresses, but a sum does not mind their order.)
 *
 * Replies are limited for each writer of counters: so many a second for each CPU and lcore, with no
 * word that two of them write.
 */
#include "split/extension.h"
#include "split/forward.h"
#include "split/icmp.h"
#include "split/packet.h"

enum {
  ECHO_REPLY_NS = 1000000,              /* a writer's replies: a thousand a second on average, */
  ECHO_BURST_NS = 1000 * ECHO_REPLY_NS, /* and a thousand at once */
  ECHO_HOP_LIMIT = 64,
};

/*
 * Takes one reply out of the bucket; 0: it is empty. The bucket is one word: the time at which it
 * is full again. Each reply puts that off by what it takes to make up for one, and none may put it
 * off by more than a whole bucket from now. `now_ns` never goes back.
 */
SPLIT_INLINE int echo_take(uint64_t* full_ns, uint64_t now_ns) {
  uint64_t full = *full_ns > now_ns ? *full_ns : now_ns;
  if (full - now_ns > ECHO_BURST_NS - ECHO_REPLY_NS) return 0;
  *full_ns = full + ECHO_REPLY_NS;
  return 1;
}

/*
 * Where the ICMPv6 message starts. 0: a routing header that is not at its end names another
 * destination than this (RFC 8200, section 4.4). (Or the walk fails, never where parse's did not.)
 */
SPLIT_INLINE uint32_t echo_message_ipv6(const uint8_t* frame, const uint8_t* end, uint32_t l3,
                                        uint8_t first) {
  struct extension_walk walk = {l3 + IPV6_BYTES, first, 0, 0};
#if defined(__bpf__)
#pragma clang loop unroll(disable)
#endif
  for (int i = 0; i < EXTENSION_HEADERS_MAX && is_extension_header(walk.next); i++) {
    if (walk.offset > REACH_MAX) return 0;
    const uint8_t* extension = reach(frame, end, walk.offset, EXTENSION_BYTES);
    if (!extension) return 0;
    if (walk.next == EXTENSION_ROUTING && extension[3] != 0) return 0;
    if (step_extension_header(frame, end, ~0u, &walk) != VERDICT_none) return 0;
  }
  return walk.offset > REACH_MAX ? 0 : walk.offset;
}

SPLIT_INLINE void echo_swap64(uint8_t* one, uint8_t* other) {
  uint64_t word = load64(one);
  store64(one, load64(other));
  store64(other, word);
}

SPLIT_INLINE void echo_swap_macs(uint8_t* frame) {
  uint32_t upper = load32(frame);
  uint16_t lower = load16(frame + 4);
  store32(frame, load32(frame + 6));
  store16(frame + 4, load16(frame + 10));
  store32(frame + 6, upper);
  store16(frame + 10, lower);
}

SPLIT_INLINE void echo_turn_ipv4(uint8_t* ip) {
  uint16_t before = load16(ip + 8); /* TTL and protocol */
  uint16_t after = (uint16_t)((before & 0xff00) | ECHO_HOP_LIMIT);
  store16(ip + 8, after);
  store16(ip + 10, checksum_update(load16(ip + 10), before, after));
  store64(ip + 12, turn_round64(load64(ip + 12)));
}

SPLIT_INLINE void echo_turn_ipv6(uint8_t* ip) {
  ip[7] = ECHO_HOP_LIMIT;
  echo_swap64(ip + 8, ip + 24);
  echo_swap64(ip + 16, ip + 32);
}

/*
 * The checksum that comes out as 0 is right for every message but one of zeros alone, whose own is
 * 0xffff (the two are the same number to a receiver who sums up anything else, RFC 1624, section
 * 3). Only an IPv4 reply can be that, and it has neither identifier nor number.
 */
SPLIT_INLINE void echo_turn_message(uint8_t* icmp, uint8_t type) {
  uint16_t checksum = checksum_update(load16(icmp + 2), icmp[0], type);
  if (type == 0 && checksum == 0 && load32(icmp + 4) == 0) checksum = 0xffff;
  store16(icmp + 2, checksum);
  icmp[0] = type;
}

SPLIT_INLINE enum verdict echo_answer_ipv4(uint8_t* frame, const uint8_t* end, uint32_t l3,
                                           uint64_t* full_ns, uint64_t now_ns) {
  uint8_t* ip = (uint8_t*)reach(frame, end, l3, IPV4_BYTES);
  if (!ip) return VERDICT_truncated;
  uint8_t* icmp = (uint8_t*)reach(frame, end, l3 + (ip[0] & 15u) * 4, ICMP_BYTES);
  if (!icmp) return VERDICT_truncated;
  if (!echo_take(full_ns, now_ns)) return VERDICT_echo_limited;
  echo_swap_macs(frame);
  echo_turn_ipv4(ip);
  echo_turn_message(icmp, ICMP_ECHO_REPLY);
  return VERDICT_echo_replied;
}

SPLIT_INLINE enum verdict echo_answer_ipv6(uint8_t* frame, const uint8_t* end, uint32_t l3,
                                           uint64_t* full_ns, uint64_t now_ns) {
  uint8_t* ip = (uint8_t*)reach(frame, end, l3, IPV6_BYTES);
  if (!ip) return VERDICT_truncated;
  uint32_t message = echo_message_ipv6(frame, end, l3, ip[6]);
  if (message == 0) return VERDICT_vip_no_service;
  uint8_t* icmp = (uint8_t*)reach(frame, end, message, ICMP_BYTES);
  if (!icmp) return VERDICT_truncated;
  if (!echo_take(full_ns, now_ns)) return VERDICT_echo_limited;
  echo_swap_macs(frame);
  echo_turn_ipv6(ip);
  echo_turn_message(icmp, ICMPV6_ECHO_REPLY);
  return VERDICT_echo_replied;
}

/*
 * Makes the frame of an echo request (PACKET_ECHO_REQUEST) for a VIP its reply, to be sent back by
 * the interface that it came in by: VERDICT_echo_replied. With any other verdict the frame is as it
 * was. `full_ns` is the caller's bucket, `now_ns` the time by the clock that it is kept by.
 */
SPLIT_ASIDE enum verdict echo_answer(uint8_t* frame, const uint8_t* end,
                                     const struct packet* packet, uint64_t* full_ns,
                                     uint64_t now_ns) {
  uint32_t l3 = packet->l3;
  if (l3 > FORWARD_L3_MAX || !reach(frame, end, 0, ETHERNET_BYTES)) return VERDICT_truncated;
  if (packet->family == IPV4) return echo_answer_ipv4(frame, end, l3, full_ns, now_ns);
  return echo_answer_ipv6(frame, end, l3, full_ns, now_ns);
}
